"""What a file is by its first bytes: a name that promises another type is told once, and not row by row."""

from __future__ import annotations

from creditconnect.errors import SourceUnreadable

FIRST_BYTES = 512
"""How many of a file's first bytes are looked at."""
ZIP = b"PK\x03\x04"
PARQUET = b"PAR1"

_ZIP_KIND = "an Excel workbook or another ZIP archive"
_OLD_EXCEL = "an old Excel workbook, or one under a password"
_MARKS = (
    (ZIP, _ZIP_KIND),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (PARQUET, "Parquet"),
    (b"PARE", "an encrypted Parquet file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLD_EXCEL),
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "compressed by gzip"),
    (b"BZh", "compressed by bzip2"),
    (b"\xfd7zXZ\0", "compressed by xz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"{\\rtf", "RTF"),
)
_MARKUP = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<table", "HTML"), (b"<?xml", "XML"))
_HINTS = {
    _ZIP_KIND: "name an Excel workbook .xlsx, and unpack an archive",
    _OLD_EXCEL: "save it as .xlsx without a password",
    "Parquet": "name it .parquet",
}


def seems_to_be(first: bytes) -> str:
    """What a file's first bytes say that it is, in words for people; nothing where they say nothing."""
    found = next((kind for mark, kind in _MARKS if first.startswith(mark)), "")
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    return found or next((kind for mark, kind in _MARKUP if start.startswith(mark)), "")


def refuse_other_type(first: bytes, name: str, wanted: str, mark: bytes = b"") -> None:
    """Demand that a file begins with the mark of its type or, where it has none, with that of no other.

    Raises:
        SourceUnreadable: it does not, or is empty; says what it seems to be.
    """
    if not first:
        raise SourceUnreadable(f"{name}: empty")
    if mark and first.startswith(mark):
        return
    found = seems_to_be(first)
    if found or mark:
        raise SourceUnreadable(
            f"{name}: is not {wanted}, but seems to be {found or 'something else'}",
            hint=_HINTS.get(found, f"give a file that is {wanted}, or say by --format what it is"),
        )
