"""A sheet to print for a record's holder: what it is about, in English and Chinese, and its package as QR codes.

One HTML file that loads nothing: a browser has fonts for every name in a record, and prints. Every value on it comes
from outside and is escaped; nothing on it but the codes is ever verified.
"""

# ruff: noqa: RUF001 -- Chinese has its own punctuation.

from __future__ import annotations

import io
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from creditconnect.custody.packages import Package
from creditconnect.custody.printed import SHEET_START
from creditconnect.records.canonical import read_canonical
from creditconnect.records.schemas import DOCUMENT

# What is not seen, and may turn round or hide what is: formats, and separators of lines and paragraphs.
_UNSEEN = ("Cf", "Zl", "Zp")
# ISO/IEC 18004 asks for four modules of quiet zone.
_QUIET_MODULES = 4
# The last second of the year 9999; the registry takes expiries beyond it.
_GREATEST_SECONDS = 253_402_300_799

_STYLE = """
@page { size: A4; margin: 14mm }
body { font: 10.5pt/1.35 "Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif;
       color: #000; background: #fff; max-width: 182mm; margin: 0 auto }
h1 { font-size: 15pt; margin: 0 0 3mm }
table { border-collapse: collapse; width: 100%; margin-bottom: 4mm }
th, td { text-align: left; vertical-align: top; padding: .9mm 0; border-bottom: .2mm solid #bbb }
th { font-weight: normal; width: 52mm; padding-right: 4mm; color: #333 }
td { overflow-wrap: anywhere }
.hex { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 9pt }
.codes { display: flex; flex-wrap: wrap; gap: 4mm 6mm; justify-content: center; margin-bottom: 4mm }
figure { margin: 0; width: 88mm; text-align: center; break-inside: avoid }
.codes.one figure { width: 100mm }
figure svg { width: 100%; display: block; shape-rendering: crispEdges }
p { margin: 0 0 2mm }
.warning { border: .4mm solid #000; padding: 2mm }
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is printed; times in seconds since 1970, UTC, `expires_at` 0 for never. With `recipient`, sealed codes."""

    package: Package
    expires_at: int
    codes: list[str]
    recipient: str | None
    made_at: int


def draw_sheet(sheet: Sheet) -> str:
    """The sheet as HTML. A sealed one says no more of the record than the registry does, and for whom it is."""
    rows = "\n".join(map(_row, _rows(sheet)))
    count = len(sheet.codes)
    figures = "\n".join(_figure(code, number, count) for number, code in enumerate(sheet.codes, start=1))
    return f"""{SHEET_START}<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>CreditConnect {sheet.package.derived.record_hash.hex()}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>CreditConnect: {"sealed record" if sheet.recipient else "record"} to be verified \
<span lang="zh-Hans">{"密封的" if sheet.recipient else ""}待核验记录</span></h1>
<table>
{rows}
</table>
<div class="codes{" one" if count == 1 else ""}">
{figures}
</div>
{_instructions(sheet)}
</body>
</html>
"""


# ----------------------------------------------------------------------------------------------------------- private

_HEX = ' class="hex"'
_Row = tuple[str, str, str, bool]


def _row(row: _Row) -> str:
    english, chinese, value, is_hex = row
    title = f'{english} <span lang="zh-Hans">{chinese}</span>'
    return f"<tr><th>{title}</th><td{_HEX if is_hex else ''}>{_shown(value)}</td></tr>"


def _rows(sheet: Sheet) -> list[_Row]:
    package, chain = sheet.package, sheet.package.chain
    rows: list[_Row] = [("Provider", "提供机构", package.provider, False)]
    if sheet.recipient is not None:
        rows.append(("Sealed for", "密封给", sheet.recipient, False))
    rows.append(("Record hash", "记录哈希", package.derived.record_hash.hex(), True))
    if sheet.recipient is None:
        rows += [("Schema", "记录格式", package.schema, False), *_document_rows(package)]
    return [
        *rows,
        ("Valid until", "有效期至", _time(sheet.expires_at) if sheet.expires_at else "no end 无期限", False),
        ("Made out", "制作时间", _time(sheet.made_at), False),
        (
            "Registry",
            "登记簿",
            f"chain {chain.chain_id}, genesis {_short(chain.genesis_hash.hex())}, contract {chain.registry}",
            True,
        ),
    ]


def _document_rows(package: Package) -> list[_Row]:
    """Of a report nothing is in print: only its codes hold it."""
    if package.schema != DOCUMENT:
        return []
    document = read_canonical(package.canonical)["document"]
    titled: list[_Row] = [("Title", "标题", document["title"], False)] if "title" in document else []
    return [
        ("Document", "文件", document["name"], False),
        *titled,
        ("SHA-256", "校验值", document["sha256"], True),
        ("Size", "大小", f"{document['size_bytes']:,} bytes", False),
    ]


def _figure(code: str, number: int, count: int) -> str:
    import segno

    drawn = io.BytesIO()
    segno.make_qr(code, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=_QUIET_MODULES, light="#fff", nl=False
    )
    # The text stands beside it, so that this file can be verified as it is.
    caption = f'code {number} of {count} <span lang="zh-Hans">第 {number} 码，共 {count} 码</span>'
    return f'<figure data-code="{code}">{drawn.getvalue().decode()}<figcaption>{caption}</figcaption></figure>'


def _instructions(sheet: Sheet) -> str:
    is_document = sheet.recipient is None and sheet.package.schema == DOCUMENT
    # Of a sealed one it is not said what it is about.
    beside = " --document FILE" if is_document else " [--document FILE]" if sheet.recipient else ""
    shown = " Show the document itself beside it." if is_document else ""
    shown_chinese = "并须同时出示文件原件。" if is_document else ""
    if sheet.recipient is None:
        warning = "Whoever scans these codes can read and check the record. Show this sheet to nobody else."
        warning_chinese = "扫描者可读取并核验记录内容，请勿向他人出示。"
    else:
        warning = f"Only {_shown(sheet.recipient)} can open these codes; hand this sheet to it."
        warning_chinese = f"仅 {_shown(sheet.recipient)} 可开启此码，请交予该机构。"
    return f"""<p>To verify: scan or photograph every code, then <code>creditconnect verify PHOTO{beside}</code>, \
or <code>creditconnect verify -{beside}</code> with a handheld scanner.{shown} \
What is printed in words proves nothing.</p>
<p lang="zh-Hans">核验方法：扫描或拍摄全部二维码，运行 <code>creditconnect verify PHOTO{beside}</code>；\
使用手持扫描枪则运行 <code>creditconnect verify -{beside}</code>。{shown_chinese}本页文字本身不构成证明。</p>
<p class="warning">{warning}<br><span lang="zh-Hans">{warning_chinese}</span></p>"""


def _shown(value: str) -> str:
    """Escaped, apart from the direction of what is around it, and with nothing unseen in it."""
    seen = "".join(
        f"⟨U+{ord(character):04X}⟩" if unicodedata.category(character) in _UNSEEN else character for character in value
    )
    return f"<bdi>{escape(seen)}</bdi>"


def _short(digits: str) -> str:
    return f"{digits[:8]}…{digits[-8:]}"


def _time(seconds: int) -> str:
    if seconds > _GREATEST_SECONDS:
        return f"{seconds} s"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
