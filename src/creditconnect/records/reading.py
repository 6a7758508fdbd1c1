"""Rows out of a provider's file, CSV (RFC 4180) or JSON Lines, one at a time. Hides bytes, quotes and line ends.

Every line of a file ends in exactly one row or one `Rejection`; blank lines are skipped. A bad row never stops the
rest: after a quote that is not closed, reading goes on at the next line. Never holds more than one row, and never
repairs one.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from creditconnect.errors import FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import WHOLE, parse
from creditconnect.types import Rejection

GREATEST_ROW_BYTES = 2**20
GREATEST_COLUMNS = 2_000
_BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Format(StrEnum):
    """UTF-8, with or without byte order mark; lines end with LF or CRLF."""

    CSV = "csv"
    JSONL = "jsonl"


class Row(NamedTuple):
    """One row: the number of its first line in the file, from 1, and its values by column."""

    line: int
    fields: dict[str, Any]


class Columns(NamedTuple):
    """The columns that a header must have, and all that it may have."""

    required: frozenset[str]
    known: frozenset[str]


def read_rows(source: Path | BinaryIO, row_format: str, columns: Columns | None = None) -> Iterator[Row | Rejection]:
    """Stream the rows of a file or binary stream in the file's order; the header is checked before this returns.

    CSV values are text. JSON values are what `canonical.parse` returns, so no floats. A row may have 1 MiB.

    Raises:
        SourceUnreadable: missing, a directory, empty, not UTF-8, an unknown format, or a header that lacks a required
            column, has an unknown one, one twice or more than 2,000. Also later, when reading fails half-way.
    """
    name = str(source if isinstance(source, Path) else getattr(source, "name", "the stream"))
    if row_format not in tuple(Format):
        raise SourceUnreadable(f"{name}: unknown format {row_format!r}", hint=f"one of {', '.join(Format)}")
    if isinstance(source, Path):
        source = _opened(source)
    rows = _rows(_Lines(source, name), Format(row_format), columns)
    return chain(list(_first(rows)), rows)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceUnreadable(f"{path}: {error.strerror}") from error


def _first(rows: Iterator[Row | Rejection]) -> Iterator[Row | Rejection]:
    for row in rows:
        yield row
        return


class _Line(NamedTuple):
    number: int
    raw: bytes
    is_too_long: bool


class _Lines:
    """Physical lines with their ends; what is too long is skipped unread, and lines can be given back."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self._count = 0
        self._given_back: deque[_Line] = deque()

    def take(self) -> _Line | None:
        if self._given_back:
            return self._given_back.popleft()
        raw = self._readline()
        if not raw:
            return None
        self._count += 1
        is_too_long = len(raw) > GREATEST_ROW_BYTES and not raw.endswith(b"\n")
        if is_too_long:
            self._skip_line()
        return _Line(self._count, raw.removeprefix(_BOM) if self._count == 1 else raw, is_too_long)

    def give_back(self, lines: list[_Line]) -> None:
        self._given_back.extendleft(reversed(lines))

    def _readline(self) -> bytes:
        try:
            return self.stream.readline(GREATEST_ROW_BYTES + 1)
        except OSError as error:
            raise SourceUnreadable(f"{self.name}: {error.strerror} after line {self._count}") from error

    def _skip_line(self) -> None:
        while (part := self._readline()) and not part.endswith(b"\n"):
            pass


def _rows(lines: _Lines, row_format: Format, columns: Columns | None) -> Iterator[Row | Rejection]:
    with lines.stream:
        first = lines.take()
        if first is None:
            raise SourceUnreadable(f"{lines.name}: empty")
        if first.raw.startswith(_UTF16_MARKS):
            raise SourceUnreadable(f"{lines.name}: UTF-16", hint="save it as UTF-8")
        if row_format is Format.CSV:
            yield from _csv_rows(_header(first, lines, columns), lines)
        else:
            lines.give_back([first])
            yield from _jsonl_rows(lines)


def _jsonl_rows(lines: _Lines) -> Iterator[Row | Rejection]:
    while (line := lines.take()) is not None:
        if not line.raw.strip(b" \t\r\n"):
            continue
        try:
            _check_line(line)
            yield Row(line.number, parse(line.raw))
        except FieldInvalid as error:
            yield Rejection(line.number, error.field, error.reason, error.message)


def _csv_rows(header: list[str], lines: _Lines) -> Iterator[Row | Rejection]:
    while (line := lines.take()) is not None:
        if not line.raw.strip(b"\r\n"):
            continue
        try:
            values = _csv_values(line, lines)
            if len(values) != len(header):
                raise _malformed(f"{len(values)} columns where the header has {len(header)}")
            yield Row(line.number, dict(zip(header, values, strict=True)))
        except FieldInvalid as error:
            yield Rejection(line.number, error.field, error.reason, error.message)


def _header(line: _Line, lines: _Lines, columns: Columns | None) -> list[str]:
    try:
        header = _csv_values(line, lines)
    except FieldInvalid as error:
        raise SourceUnreadable(f"{lines.name}: the header: {error.message}") from error
    if len(header) > GREATEST_COLUMNS:
        raise SourceUnreadable(f"{lines.name}: the header has {len(header)} columns, more than {GREATEST_COLUMNS}")
    # Missing columns first: a file without a header has somebody's data here, which the other two would show.
    if columns is not None and (missing := columns.required - set(header)):
        raise SourceUnreadable(f"{lines.name}: the header lacks {_listed(missing)}")
    if twice := {column for column, count in Counter(header).items() if count > 1}:
        raise SourceUnreadable(f"{lines.name}: the header names a column twice: {_listed(twice)}")
    if columns is not None and (unknown := set(header) - columns.known):
        hint = "map the column or list it in `ignored`"
        raise SourceUnreadable(f"{lines.name}: the mapping does not know {_listed(unknown)}", hint=hint)
    return header


def _listed(columns: set[str] | frozenset[str] | list[str]) -> str:
    # bounded: a file without a header has data where the names should be
    return ", ".join(repr(column[:64]) for column in sorted(columns)[:10])


def _csv_values(line: _Line, lines: _Lines) -> list[str]:
    """The values of the row that begins with this line; takes further lines while a quote is open."""
    _check_line(line)
    if b'"' not in line.raw:
        text = _decoded(line.raw).removesuffix("\n").removesuffix("\r")
        if "\r" in text:
            raise _malformed("a carriage return outside quotes")
        return text.split(",")
    taken = _until_quotes_close(line, lines)
    raw = b"".join((line.raw, *(further.raw for further in taken)))
    try:
        values = next(csv.reader([raw.decode("utf-8", "replace")], strict=True))
    except csv.Error:
        lines.give_back(taken)
        raise _malformed("quotes that do not match") from None
    _check_bytes(raw)
    _decoded(raw)
    return values


def _until_quotes_close(line: _Line, lines: _Lines) -> list[_Line]:
    taken: list[_Line] = []
    quotes, size = line.raw.count(b'"'), len(line.raw)
    while quotes % 2:
        further = lines.take()
        if further is not None:
            taken.append(further)
            quotes, size = quotes + further.raw.count(b'"'), size + len(further.raw)
        if further is None or further.is_too_long or size > GREATEST_ROW_BYTES:
            lines.give_back(taken)
            raise _malformed("a quote that is not closed")
    return taken


def _check_line(line: _Line) -> None:
    if line.is_too_long:
        raise FieldInvalid(WHOLE, RowReason.TOO_LARGE, f"longer than {GREATEST_ROW_BYTES} bytes")
    _check_bytes(line.raw)


def _check_bytes(raw: bytes) -> None:
    if b"\0" in raw:
        raise FieldInvalid(WHOLE, RowReason.TEXT, "a NUL byte")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FieldInvalid(WHOLE, RowReason.ENCODING, f"not UTF-8 at byte {error.start}") from None


def _malformed(message: str) -> FieldInvalid:
    return FieldInvalid(WHOLE, RowReason.MALFORMED_ROW, message)
