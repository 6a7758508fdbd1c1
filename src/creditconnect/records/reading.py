"""Rows out of a provider's file, one at a time, whatever its format: CSV, JSON Lines, Parquet, Excel.

Every row of a file ends in exactly one `Row` or one `Rejection`; empty rows are skipped. A bad row never stops the
rest, and nothing is repaired. A file that is not what its format says is told once, as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from creditconnect.errors import SourceUnreadable
from creditconnect.records.lines import csv_rows, jsonl_rows
from creditconnect.records.rows import Columns, Row
from creditconnect.types import Rejection


class Format(StrEnum):
    """Text is UTF-8, with or without byte order mark; its lines end with LF or CRLF."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"
    XLSX = "xlsx"


FLAT = frozenset({Format.CSV, Format.XLSX})
"""Formats that have columns and nothing within them, so that their rows need a mapping."""
BINARY = frozenset({Format.PARQUET, Format.XLSX})
"""Formats that large libraries read: what a file does to them is best borne by a process of its own."""
SUFFIXES = {
    ".csv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".xlsx": Format.XLSX,
}


def format_of(path: Path) -> Format:
    """The format that a file's name says.

    Raises:
        SourceUnreadable: it says none.
    """
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise SourceUnreadable(
            f"{path}: no format known for {path.suffix or 'a name without suffix'!r}",
            hint=f"name it {', '.join(SUFFIXES)}, or give --format",
        )
    return found


def read_rows(
    source: Path | BinaryIO,
    row_format: str,
    columns: Columns | None = None,
    *,
    sheet: str | None = None,
    name: str = "",
    tell_unread: Callable[[list[str]], None] = lambda names: None,
) -> Iterator[Row | Rejection]:
    """Stream the rows of a file or binary stream in the file's order; the header is checked before this returns.

    CSV values are text. JSON values are what `canonical.parse` returns, so no floats. Parquet and Excel values are
    typed, for `mapping`; Parquet without `columns` is in its schema's own form. A row may have 1 MiB. `line` is the
    line, the row of the sheet, or the row of the Parquet file, from 1. `sheet` is an Excel workbook's, the first where
    none is named; `tell_unread` is then told the others' names. `name` is what errors call the source, where it has no
    name of its own.

    Raises:
        SourceUnreadable: missing, a directory, empty, of another type or encoding, an unknown format, too large to be
            read safely, or a header that lacks a required column, has an unknown one, one twice or more than 2,000.
            Also later, when reading fails half-way.
    """
    name = name or str(source if isinstance(source, Path) else getattr(source, "name", "the stream"))
    if row_format not in tuple(Format):
        raise SourceUnreadable(f"{name}: unknown format {row_format!r}", hint=f"one of {', '.join(Format)}")
    if sheet is not None and row_format != Format.XLSX:
        raise SourceUnreadable(f"{name}: has no sheets", hint="--sheet is for Excel workbooks")
    if isinstance(source, Path):
        source = _opened(source)
    rows = _rows(source, Format(row_format), name, columns, sheet, tell_unread)
    return chain(list(islice(rows, 1)), rows)


def _rows(
    stream: BinaryIO,
    row_format: Format,
    name: str,
    columns: Columns | None,
    sheet: str | None,
    tell_unread: Callable[[list[str]], None],
) -> Iterator[Row | Rejection]:
    if row_format is Format.CSV:
        return csv_rows(stream, name, columns)
    if row_format is Format.JSONL:
        return jsonl_rows(stream, name)
    if row_format is Format.PARQUET:
        from creditconnect.records.parquet import parquet_rows

        return parquet_rows(stream, name, columns)
    from creditconnect.records.workbooks import sheet_rows

    return sheet_rows(stream, name, columns, sheet, tell_unread)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error
