"""Rows out of one sheet of an Excel workbook (.xlsx, ECMA-376). Hides the ZIP archive, its XML, and calamine.

The first row that is not empty is the header. A formula has the value that it had when the workbook was saved; a cell
that shows an error, or a formula that was never calculated, rejects its row. A workbook is held against bounds before
the library sees it, but a small one can still ask for much memory: who reads files of others does so in a process of
its own, of bounded memory (`exchange.preparer`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO
from xml.etree.ElementTree import fromstring  # expat bounds entities from 2.4.1 on
from zipfile import ZipFile

from creditconnect.errors import CreditConnectError, FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import WHOLE
from creditconnect.records.file_types import FIRST_BYTES, ZIP, refuse_other_type
from creditconnect.records.rows import GREATEST_COLUMNS, Columns, Row, check_header
from creditconnect.records.typed import check_size
from creditconnect.records.zip_bounds import checked_archive
from creditconnect.types import Rejection

# What Excel takes is 31; of what strangers write, that much is shown.
GREATEST_SHEET_NAME = 64
_WORKBOOK = "xl/workbook.xml"
_LETTERS = 26
_CELL = rb"<(?:\w+:)?c\b(?=[^>]*\br\s*=\s*[\"']([A-Za-z]{1,3}[0-9]{1,7})[\"'])"
# A cell of type e, or one whose formula has no value beside it; that of a text formula may be empty (18.3.1.4).
_NO_VALUE = re.compile(
    _CELL + rb"(?:[^>]*\bt\s*=\s*[\"']e[\"']"
    rb"|(?![^>]*\bt\s*=\s*[\"']str[\"'])[^>]*>\s*<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)"
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>)"
)


def sheet_rows(
    stream: BinaryIO,
    name: str,
    columns: Columns | None,
    sheet: str | None,
    tell_unread: Callable[[list[str]], None] = lambda names: None,
) -> Iterator[Row | Rejection]:
    """The rows of a sheet, the first unless one is named; the stream can be sought in, and is closed at the end.

    `tell_unread` is told the other sheets' names before the first row, unless a sheet was named.

    Values are text, numbers (`float`, `int`), booleans, days and instants; `typed.as_text` writes them.

    Raises:
        SourceUnreadable: as `reading.read_rows`, at the first row or later; or there is no such sheet.
    """
    with stream, _told(name):
        refuse_other_type(stream.read(FIRST_BYTES), name, "an Excel workbook", ZIP)
        with checked_archive(stream, name) as archive:
            if _WORKBOOK not in archive.namelist():
                hint = "save it as .xlsx" if "xl/workbook.bin" in archive.namelist() else "give a .xlsx file"
                raise SourceUnreadable(f"{name}: is a ZIP archive, but no .xlsx workbook", hint=hint)
            parts = _parts(archive)
            chosen = _chosen(list(parts), name, sheet)
            faults = _valueless(archive.read(parts[chosen]))
        if sheet is None:
            tell_unread([other[:GREATEST_SHEET_NAME] for other in parts if other != chosen])
        stream.seek(0)
        yield from _rows(stream, name, columns, chosen, faults)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Whatever a broken workbook does to the libraries that read it is one error about the file."""
    try:
        yield
    except (CreditConnectError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except MemoryError as error:
        raise SourceUnreadable(f"{name}: takes too much memory", hint="save the sheet as CSV") from error
    except BaseException as error:  # a panic of the library is no Exception
        raise SourceUnreadable(f"{name}: can't be read as an Excel workbook", hint="save the sheet as CSV") from error


def _parts(archive: ZipFile) -> dict[str, str]:
    """The member of each sheet by its name, in the workbook's order (ECMA-376, part 1, 12.3.24)."""
    relations = {
        found.get("Id"): found.get("Target", "")
        for found in fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314  as above
    }
    parts = {}
    for element in fromstring(archive.read(_WORKBOOK)).iter():  # noqa: S314  as above
        if _local(element.tag) == "sheet":
            relation = next(value for key, value in element.items() if _local(key) == "id" and "}" in key)
            target = relations[relation]
            parts[element.get("name", "")] = target[1:] if target.startswith("/") else f"xl/{target}"
    return parts


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _valueless(part: bytes) -> dict[int, set[int]]:
    """The cells that show an error or were never calculated: of each row, from 1, the columns, from 0."""
    found: dict[int, set[int]] = {}
    for match in _NO_VALUE.finditer(part):
        letters = match[1].rstrip(b"0123456789")
        column = 0
        for letter in letters.upper():
            column = column * _LETTERS + letter - ord("A") + 1
        found.setdefault(int(match[1][len(letters) :]), set()).add(column - 1)
    return found


def _rows(
    stream: BinaryIO, name: str, columns: Columns | None, sheet: str, faults: dict[int, set[int]]
) -> Iterator[Row | Rejection]:
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_filelike(stream) as workbook:
        cells = workbook.get_sheet_by_name(sheet)
    if cells.start is None:
        raise SourceUnreadable(f"{name}: the sheet {sheet[:64]!r} is empty", hint="name another one, --sheet")
    if cells.width > GREATEST_COLUMNS:
        raise SourceUnreadable(f"{name}: the sheet has {cells.width} columns, more than {GREATEST_COLUMNS}")
    left = cells.start[1]
    numbered = (
        (line, values)
        for line, values in enumerate(cells.iter_rows(), start=1)
        if line in faults or any(map(_is_given, values))
    )
    _, header_cells = next(numbered, (0, []))
    header = _header(header_cells, name, left)
    check_header(header, name, columns)
    yield from _below(header, numbered, {line: {at - left for at in found} for line, found in faults.items()})


def _below(
    header: list[str], numbered: Iterator[tuple[int, list[Any]]], faults: dict[int, set[int]]
) -> Iterator[Row | Rejection]:
    for line, values in numbered:
        try:
            if at := [column for column in sorted(faults.get(line, ())) if column < len(header)]:
                message = "the cell shows an error, or its formula was never calculated"
                raise FieldInvalid(header[at[0]], RowReason.MALFORMED_ROW, message)
            if any(map(_is_given, values[len(header) :])):
                raise FieldInvalid(WHOLE, RowReason.MALFORMED_ROW, "a value beyond the last column of the header")
            check_size(values)
            yield Row(line, dict(zip(header, values, strict=False)))
        except FieldInvalid as error:
            yield Rejection(line, error.field, error.reason, error.message)


def _is_given(value: object) -> bool:
    return value not in ("", None)


def _chosen(names: list[str], name: str, sheet: str | None) -> str:
    if not names:
        raise SourceUnreadable(f"{name}: has no sheet")
    if sheet is None:
        return names[0]
    if sheet not in names:
        known = ", ".join(repr(known[:GREATEST_SHEET_NAME]) for known in names[:10])
        raise SourceUnreadable(f"{name}: has no sheet {sheet[:64]!r}", hint=f"it has {known}")
    return sheet


def _header(cells: list[Any], name: str, first_column: int) -> list[str]:
    while cells and not _is_given(cells[-1]):
        cells = cells[:-1]
    for at, cell in enumerate(cells):
        if not isinstance(cell, str) or not cell:
            column = _letters(first_column + at)
            raise SourceUnreadable(f"{name}: the header's cell in column {column} is no text", hint="name the column")
    return cells


def _letters(column: int) -> str:
    """A column as Excel names it, from 0: A, Z, AA."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, _LETTERS)
        letters = chr(ord("A") + letter) + letters
    return letters
