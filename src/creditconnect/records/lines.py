"""Rows out of a provider's file, CSV (RFC 4180) or JSON Lines, one at a time. Hides bytes, quotes and line ends.

Every line of a file ends in exactly one row or one `Rejection`; blank lines are skipped. A bad row never stops the
rest: after a quote that is not closed, reading goes on at the next line. Never holds more than one row, and never
repairs one.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from creditconnect.errors import FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import WHOLE, parse
from creditconnect.records.file_types import FIRST_BYTES, refuse_other_type
from creditconnect.records.rows import GREATEST_ROW_BYTES, Columns, Row, check_header
from creditconnect.types import Rejection

# Of a file's beginning, in which other encodings than UTF-8 are looked for.
_SAMPLE_BYTES = 2**20
# So many lines that are not ASCII, half of all or more and none in UTF-8, are another encoding and no slips.
_FOREIGN_LINES = 3
_OTHER_ENCODINGS = {"GB18030": "gb18030", "Big5": "big5hkscs"}
_BOM = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def csv_rows(stream: BinaryIO, name: str, columns: Columns | None) -> Iterator[Row | Rejection]:
    """The rows of a CSV stream, which is closed at the end; values are text.

    Raises:
        SourceUnreadable: as `reading.read_rows`, at the first row or later.
    """
    with stream:
        lines = _Lines(stream, name)
        first = _first_line(lines, "CSV", _sample(stream))
        yield from _csv_rows(_header(first, lines, columns), lines)


def jsonl_rows(stream: BinaryIO, name: str) -> Iterator[Row | Rejection]:
    """The rows of a JSON Lines stream, which is closed at the end; values are what `canonical.parse` returns.

    Raises:
        SourceUnreadable: as `reading.read_rows`, at the first row or later.
    """
    with stream:
        lines = _Lines(stream, name)
        sample = _sample(stream)
        first = _first_line(lines, "JSON Lines", sample)
        _refuse_without_objects(sample, name)
        lines.give_back([first])
        yield from _jsonl_rows(lines)


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


def _first_line(lines: _Lines, wanted: str, sample: list[bytes]) -> _Line:
    first = lines.take() or _Line(1, b"", is_too_long=False)
    refuse_other_type(first.raw[:FIRST_BYTES], lines.name, wanted)
    if first.raw.startswith(_UTF16_MARKS):
        raise SourceUnreadable(f"{lines.name}: UTF-16", hint="save it as UTF-8")
    _refuse_other_encoding(sample, lines.name)
    return first


def _refuse_other_encoding(sample: list[bytes], name: str) -> None:
    """Refuse a file of which the beginning has lines in another encoding and none in UTF-8; it is told once."""
    if any(b"\0" in line for line in sample):
        # No text at all, and told as such.
        return
    foreign = [line for line in sample if not line.isascii()]
    if len(foreign) < max(_FOREIGN_LINES, len(sample) / 2) or any(_decodes(line, "utf-8") for line in foreign):
        return
    likely = [name for name, codec in _OTHER_ENCODINGS.items() if all(_decodes(line, codec) for line in foreign)]
    if likely:
        hint = f"save it as UTF-8, e.g. iconv -f {likely[0].upper()} -t UTF-8"
        raise SourceUnreadable(f"{name}: no line is UTF-8; it seems to be {' or '.join(likely)}", hint=hint)
    raise SourceUnreadable(f"{name}: no line is UTF-8", hint="save it as UTF-8")


def _refuse_without_objects(sample: list[bytes], name: str) -> None:
    """Refuse a file of which no line looks like a JSON object; it is told once."""
    given = [stripped for line in sample if (stripped := line.strip(_BLANKS))]
    if given and given[0][:1] == b"[":
        raise SourceUnreadable(f"{name}: begins with a JSON list", hint="JSON Lines has one object a line")
    # A line alone may be one that is merely broken, and is then told as such.
    if len(given) > 1 and not any(line[:1] == b"{" for line in given):
        raise SourceUnreadable(f"{name}: no line is a JSON object", hint="name it .csv, or say by --format what it is")


def _sample(stream: BinaryIO) -> list[bytes]:
    """The whole lines of a stream's beginning; none where it can't be sought in."""
    if not stream.seekable():
        return []
    try:
        start = stream.tell()
        lines = stream.read(_SAMPLE_BYTES).split(b"\n")
        stream.seek(start)
    except OSError:
        # Told by whoever reads the first line.
        return []
    return lines[:-1] if len(lines) > 1 else lines


def _decodes(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _jsonl_rows(lines: _Lines) -> Iterator[Row | Rejection]:
    while (line := lines.take()) is not None:
        if not line.raw.strip(_BLANKS):
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
    check_header(header, lines.name, columns)
    return header


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
