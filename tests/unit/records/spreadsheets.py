"""Excel workbooks written part by part, as ECMA-376 has them: also such as no program would write."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from zipfile import ZIP_DEFLATED, ZipFile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-package.relationships+xml"

# Of a cell's style: a day, and a day with its time.
DAY, MOMENT = 1, 2


def workbook(*sheets: str, names: Sequence[str] = (), more: Mapping[str, bytes] | None = None) -> bytes:
    """A workbook of sheets, each given as its rows in XML."""
    names = names or [f"Sheet{number}" for number in range(1, len(sheets) + 1)]
    numbers = range(1, len(sheets) + 1)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="rId{at}"/>' for at, name in zip(numbers, names, strict=True)
    )
    relations = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.xml"/>' for at in numbers
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        f'<Default Extension="rels" ContentType="{_TYPES}"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}'
        f'<Relationship Id="rId99" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/>'
        '<xf numFmtId="22"/></cellXfs></styleSheet>',
    }
    for at, rows in zip(numbers, sheets, strict=True):
        parts[f"xl/worksheets/sheet{at}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return file.getvalue()


def rows(*lines: Sequence[str], first: int = 1) -> str:
    """Rows of cells, each of which is `text`, `number`, ... below, or empty."""
    return "".join(
        f'<row r="{line}">'
        + "".join(cell.format(r=f"{_letter(at)}{line}") for at, cell in enumerate(cells) if cell)
        + "</row>"
        for line, cells in enumerate(lines, first)
    )


def text(value: str) -> str:
    return f'<c r="{{r}}" t="inlineStr"><is><t xml:space="preserve">{value}</t></is></c>'


def number(value: str, style: int = 0) -> str:
    return f'<c r="{{r}}" s="{style}"><v>{value}</v></c>'


def boolean(value: int) -> str:
    return f'<c r="{{r}}" t="b"><v>{value}</v></c>'


def formula(value: str = "") -> str:
    """A formula and its value as of when it was saved, or none."""
    return '<c r="{r}"><f>A1+1</f>' + (f"<v>{value}</v>" if value else "") + "</c>"


ERROR = '<c r="{r}" t="e"><f>1/0</f><v>#DIV/0!</v></c>'


def _letter(at: int) -> str:
    return chr(ord("A") + at)
