"""Promise: a sheet is read from its file and from pictures as people take them, and none costs more than its bounds."""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
import segno
from PIL import Image, ImageDraw, ImageFilter

from creditconnect.custody.archives import read_packages
from creditconnect.custody.packages import Package, read_package, write_package
from creditconnect.custody.printed import MOST_PIXELS
from creditconnect.custody.printed_codes import MOST_CHARACTERS, read_codes, write_codes
from creditconnect.custody.sheets import Sheet, draw_sheet
from creditconnect.errors import PackageInvalid, SourceUnreadable, UsageError
from creditconnect.records.canonical import canonicalise
from creditconnect.records.schemas import DOCUMENT
from creditconnect.types import Derived, Suite
from tests.unit.custody.test_sealed_packages import CHAIN, KINDS, PACKAGE, sealed

SEALED = sealed(KINDS[1])
# Pixels a module as a phone or a scanner at 150 dpi sees a printed one.
MODULE = 4


def document_package(name: str, **more: object) -> Package:
    named = {"sha256": "ab" * 32, "size_bytes": 1_234_567, "media_type": "application/pdf", "name": name}
    canonical = canonicalise({"document": {**named, **more}})
    derived = Derived(b"\x01" * 8, b"\x02" * 24)
    return Package(
        "CRA-HK-01", DOCUMENT, os.urandom(32), Suite.SHA256_AES256GCM, os.urandom(32), canonical, derived, CHAIN
    )


def drawn(*codes: str, columns: int = 2) -> Image.Image:
    """The codes side by side on white paper, as a sheet has them."""
    pictures = []
    for code in codes:
        file = io.BytesIO()
        segno.make_qr(code, error="m").save(file, kind="png", scale=MODULE, border=4)
        pictures.append(Image.open(file).convert("L"))
    width, height = max(one.width for one in pictures), max(one.height for one in pictures)
    columns = min(columns, len(pictures))
    page = Image.new("L", (columns * width + 100, -(-len(pictures) // columns) * height + 100), 255)
    for number, one in enumerate(pictures):
        page.paste(one, (50 + number % columns * width, 50 + number // columns * height))
    return page


def saved(picture: Image.Image, path: Path, quality: int = 75) -> Path:
    picture.save(path, quality=quality)
    return path


def read(path: Path) -> list[bytes]:
    return [read_codes(data) for _, data in read_packages(path)]


def refused(path: Path) -> str:
    with pytest.raises(SourceUnreadable) as error:
        list(read_packages(path))
    assert error.value.message.startswith(f"{path.name}: ")
    return error.value.message.removeprefix(f"{path.name}: ")


# ----------------------------------------------------------------------------------------------------------- pictures

TAKEN: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda page: page,
    "upside down": lambda page: page.rotate(180),
    "on its side": lambda page: page.rotate(90, expand=True),
    "askew": lambda page: page.rotate(7, Image.Resampling.BICUBIC, expand=True, fillcolor=255),
    "blurred": lambda page: page.filter(ImageFilter.GaussianBlur(1.2)),
    "faint": lambda page: page.point([90 + value // 3 for value in range(256)]),
    "half the size": lambda page: page.resize((page.width // 2, page.height // 2), Image.Resampling.BILINEAR),
    "from the side": lambda page: page.transform(
        page.size,
        Image.Transform.QUAD,
        (0, 0, 0, page.height, page.width, page.height - 40, page.width, 30),
        fillcolor=255,
    ),
    "in colour": lambda page: Image.merge("RGB", (page, page.point([v // 2 + 100 for v in range(256)]), page)),
    "see-through": lambda page: Image.merge(
        "LA", (Image.new("L", page.size), page.point([255 - v for v in range(256)]))
    ),
    "of 16 bits": lambda page: page.convert("I").point(lambda value: value * 257).convert("I;16"),
    "black and white": lambda page: page.convert("1"),
}


@pytest.mark.parametrize("take", TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("package", [PACKAGE, SEALED], ids=["one code", "three codes"])
def test_picture__as_people_take_it__holds_the_package(
    package: bytes, take: Callable[[Image.Image], Image.Image], tmp_path: Path
) -> None:
    assert read(saved(take(drawn(*write_codes(package))), tmp_path / "scan.png")) == [package]


@pytest.mark.parametrize("quality", [30, 75])
def test_picture__jpeg_blurred_and_askew__holds_the_package(quality: int, tmp_path: Path) -> None:
    page = TAKEN["blurred"](TAKEN["askew"](drawn(*write_codes(SEALED))))
    assert read(saved(page, tmp_path / "photo.jpg", quality=quality)) == [SEALED]


def test_picture__of_the_largest_code__is_read_with_a_corner_stained(tmp_path: Path) -> None:
    codes = write_codes(PACKAGE[:-1] + os.urandom(2_000).hex().encode() + b"}")
    assert max(map(len, codes)) > 0.9 * MOST_CHARACTERS
    page = drawn(*codes)
    ImageDraw.Draw(page).ellipse((250, 250, 280, 280), fill=0)
    assert len(read(saved(page, tmp_path / "stained.png"))) == 1


def test_picture__of_two_sheets_and_others_codes__each_sheet_by_a_number(tmp_path: Path) -> None:
    page = drawn("https://example.org", *write_codes(PACKAGE), *write_codes(SEALED))
    found = dict(read_packages(saved(page, tmp_path / "two.png")))
    assert sorted(found) == ["two.png/1", "two.png/2"]
    assert {read_codes(data) for data in found.values()} == {PACKAGE, SEALED}


def test_picture__lacking_a_code__says_which(tmp_path: Path) -> None:
    codes = write_codes(SEALED)
    ((name, data),) = read_packages(saved(drawn(codes[0], codes[2]), tmp_path / "part.png"))
    assert name == "part.png"
    with pytest.raises(PackageInvalid, match="code 2 of 3 is missing"):
        read_codes(data)


def test_picture__without_a_code_of_ours__refused(tmp_path: Path) -> None:
    nothing = "no code of a CreditConnect sheet can be read in it"
    assert refused(saved(Image.new("L", (300, 300), 200), tmp_path / "plain.png")) == nothing
    assert refused(saved(drawn("https://example.org"), tmp_path / "other.jpg")) == nothing


def test_picture__damaged_or_none__refused_in_a_line(tmp_path: Path) -> None:
    whole = saved(drawn(*write_codes(PACKAGE)), tmp_path / "whole.png").read_bytes()
    photo = saved(drawn(*write_codes(PACKAGE)), tmp_path / "whole.jpg").read_bytes()
    path = tmp_path / "bad.png"
    for data in (whole[:8], whole[:20], whole[:60], whole[: len(whole) // 2], photo[:3], photo[: len(photo) // 2]):
        path.write_bytes(data)
        assert refused(path)
    path.write_bytes(whole[:8] + os.urandom(500))
    assert refused(path)


@pytest.mark.parametrize("side", [9_000, 10_000, 60_000])
def test_picture__a_decompression_bomb__refused_before_it_is_decoded(side: int, tmp_path: Path) -> None:
    assert side * side > MOST_PIXELS
    path = tmp_path / "bomb.png"
    rows = zlib.compress(bytes(1_000_000), 9)
    header = struct.pack(">2L5B", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    assert refused(path) == "a picture of more than 80,000,000 pixels"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


# ------------------------------------------------------------------------------------------------------------ folders


def test_folder__a_sheet_in_several_pictures__is_put_together(tmp_path: Path) -> None:
    codes = write_codes(SEALED)
    for number, code in enumerate(codes):
        saved(drawn(code), tmp_path / f"page-{number}.PNG")
    saved(Image.new("L", (200, 200)), tmp_path / "a document.png")
    (tmp_path / "scanned.txt").write_text("\n".join(write_codes(PACKAGE)))
    (tmp_path / "notes.txt").write_text("CC1 is not a code")
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "plain.ccpackage").write_bytes(PACKAGE)
    found = list(read_packages(tmp_path))
    assert [name for name, _ in found] == ["plain.ccpackage", "scanned.txt", "page-0.PNG"]
    assert [read_codes(data) for _, data in found[1:]] == [PACKAGE, SEALED]


def test_folder__part_of_a_sheet__comes_and_says_what_is_missing(tmp_path: Path) -> None:
    saved(drawn(write_codes(SEALED)[1]), tmp_path / "page.png")
    ((name, data),) = read_packages(tmp_path)
    assert name == "page.png"
    with pytest.raises(PackageInvalid, match="codes 1, 3 of 3 are missing"):
        read_codes(data)


def test_folder__of_documents_alone__holds_no_package(tmp_path: Path) -> None:
    saved(Image.new("L", (200, 200)), tmp_path / "a document.png")
    (tmp_path / "index.html").write_text("<!doctype html>")
    with pytest.raises(UsageError, match="holds no package"):
        list(read_packages(tmp_path))


# -------------------------------------------------------------------------------------------------------------- sheets


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html.partition("<body>")[2]))


def test_sheet__of_a_document__says_what_it_is_and_holds_the_package(tmp_path: Path) -> None:
    package = document_package("信貸報告 陳大文.pdf", title="信貸報告")
    data = write_package(package)
    html = draw_sheet(Sheet(package, 1_893_456_000, write_codes(data), None, 1_700_000_000))
    said = ("CRA-HK-01", "document/1", "01" * 8, "信貸報告 陳大文.pdf", "ab" * 32, "1,234,567 bytes", CHAIN.registry)
    for value in (*said, "2030-01-01 00:00:00 UTC", "31337", "提供机构", "核验方法", "code 1 of 1"):
        assert value in words(html)
    path = tmp_path / "sheet.html"
    path.write_text(html, encoding="utf-8")
    assert read(path) == [data]
    path.write_text(html.replace("data-code", "data-other"), encoding="utf-8")
    assert "no code" in refused(path)


def test_sheet__its_drawing__is_the_code(tmp_path: Path) -> None:
    """The path of the SVG, painted here: segno draws each run of dark modules as a line of width one."""
    package = document_package("a.pdf")
    html = draw_sheet(Sheet(package, 0, write_codes(write_package(package)), None, 0))
    found = re.search(r'viewBox="0 0 (\d+) \1"', html)
    assert found
    side = int(found[1])
    strokes = re.findall(r'd="([^"]*)"', html)[-1]
    page = Image.new("L", (side * MODULE, side * MODULE), 255)
    pen = ImageDraw.Draw(page)
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([mMh])([-\d. ]+)", strokes):
        values = [float(number) for number in numbers.split()]
        if command == "h":
            pen.rectangle(
                (x * MODULE, (y - 0.5) * MODULE, (x + values[0]) * MODULE - 1, (y + 0.5) * MODULE - 1), fill=0
            )
            x += values[0]
        else:
            x, y = (values[0], values[1]) if command == "M" else (x + values[0], y + values[1])
    assert read(saved(page, tmp_path / "painted.png")) == [write_package(package)]


def test_sheet__a_name_that_is_markup__is_shown_and_never_obeyed() -> None:
    name = '"><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u202efdp.exe'
    package = document_package(name, title="</td></table>")
    html = draw_sheet(Sheet(package, 0, write_codes(write_package(package)), None, 0))
    assert not re.search(r"<(script|img)", html)
    assert "\u202e" not in html
    assert name.replace("\u202e", "⟨U+202E⟩") in words(html)
    assert html.count("</table>") == 1
    assert "default-src 'none'" in html


def test_sheet__sealed__says_for_whom_and_nothing_of_the_record() -> None:
    package = document_package("信貸報告 陳大文.pdf")
    html = draw_sheet(Sheet(package, 0, write_codes(SEALED), "BANK<SZ>01", 0))
    assert "Only BANK<SZ>01 can open" in words(html)
    for value in ("陳大文", "ab" * 32, "1,234,567", "document/1", package.salt.hex()):
        assert value not in html


def test_sheet__of_a_report__prints_none_of_it() -> None:
    package = read_package(PACKAGE)
    html = draw_sheet(Sheet(package, 253_402_300_800, write_codes(PACKAGE), None, 0))
    assert "陳大文" not in html
    assert "253402300800 s" in html
