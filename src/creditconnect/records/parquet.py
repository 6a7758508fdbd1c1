"""Rows out of a Parquet file, by batches of row groups, so that no more than a few rows are held. Hides pyarrow.

With a mapping the columns are flat. Without one the file's columns are the schema's own form: structs are objects,
lists arrays, decimals without a fraction integers, days and instants text (ISO 8601, RFC 3339).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from creditconnect.errors import CreditConnectError, FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.file_types import FIRST_BYTES, PARQUET, refuse_other_type
from creditconnect.records.rows import GREATEST_COLUMNS, Columns, Row, check_header
from creditconnect.records.typed import check_size, own_form
from creditconnect.types import Rejection

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

BATCH_ROWS = 500
GREATEST_ROW_GROUP_BYTES = 2**30
"""Unpacked, as the file's own description says; what lies about it meets the bounds of the process."""
_BUFFER_BYTES = 2**20
_FOOTER_BYTES = 16 * 2**20
_HINT = "write it again, or as CSV"


def parquet_rows(stream: BinaryIO, name: str, columns: Columns | None) -> Iterator[Row | Rejection]:
    """The rows of a file that can be sought in; it is closed at the end. Rows are numbered from 1.

    Raises:
        SourceUnreadable: as `reading.read_rows`, at the first row or later; or a column is of a type that records can't
            have: binary floating point of 32 bits or less, durations, times of day, bytes.
    """
    with stream, _told(name):
        refuse_other_type(stream.read(FIRST_BYTES), name, "Parquet", PARQUET)
        stream.seek(0)
        yield from _rows(_opened(stream, name), name, columns)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Whatever a broken file does to the library that reads it is one error about the file."""
    try:
        yield
    except (CreditConnectError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except MemoryError as error:
        raise SourceUnreadable(f"{name}: takes too much memory", hint="write smaller row groups") from error
    except Exception as error:
        raise SourceUnreadable(f"{name}: can't be read as Parquet", hint=_HINT) from error


def _opened(stream: BinaryIO, name: str) -> pyarrow.parquet.ParquetFile:
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(
        stream,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,
        thrift_string_size_limit=_FOOTER_BYTES,
        thrift_container_size_limit=10**6,
    )
    if file.metadata.num_columns > GREATEST_COLUMNS:
        raise SourceUnreadable(f"{name}: has {file.metadata.num_columns} columns, more than {GREATEST_COLUMNS}")
    for at in range(file.metadata.num_row_groups):
        if not 0 <= file.metadata.row_group(at).total_byte_size <= GREATEST_ROW_GROUP_BYTES:
            raise SourceUnreadable(
                f"{name}: row group {at + 1} unpacks to more than {GREATEST_ROW_GROUP_BYTES} bytes",
                hint="write smaller row groups",
            )
    return file


def _rows(file: pyarrow.parquet.ParquetFile, name: str, columns: Columns | None) -> Iterator[Row | Rejection]:
    header = list(file.schema_arrow.names)
    check_header(header, name, columns)
    for field in file.schema_arrow:
        _check_type(field.name, field.type, name, is_nested=columns is None)
    line = 1
    for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
        for row in _batch_rows(batch, header, line):
            yield _finished(row, is_own_form=columns is None)
        line += batch.num_rows


def _finished(row: Row | Rejection, *, is_own_form: bool) -> Row | Rejection:
    if isinstance(row, Rejection):
        return row
    try:
        check_size(row.fields)
        return Row(row.line, own_form(row.fields) or {}) if is_own_form else row
    except FieldInvalid as error:
        return Rejection(row.line, error.field, error.reason, error.message)


def _batch_rows(batch: pyarrow.RecordBatch, header: list[str], first: int) -> Iterator[Row | Rejection]:
    try:
        values = [_values(column) for column in batch.columns]
    except (ValueError, OverflowError, KeyError):
        # One of these rows has what Python can't hold; only now is it worth looking at each.
        yield from (_row(batch, header, at, first + at) for at in range(batch.num_rows))
        return
    for at, row in enumerate(zip(*values, strict=True)):
        yield Row(first + at, dict(zip(header, row, strict=True)))


def _row(batch: pyarrow.RecordBatch, header: list[str], at: int, line: int) -> Row | Rejection:
    fields: dict[str, Any] = {}
    for column, values in zip(header, batch.columns, strict=True):
        try:
            (fields[column],) = _values(values.slice(at, 1))
        except UnicodeDecodeError as error:
            return Rejection(line, column, RowReason.ENCODING, f"not UTF-8 at byte {error.start}")
        except (ValueError, OverflowError, KeyError):
            return Rejection(line, column, RowReason.DATE, "a day or instant that no calendar here reaches")
    return Row(line, fields)


def _values(column: pyarrow.Array) -> list[Any]:
    import pyarrow

    if pyarrow.types.is_timestamp(column.type) and column.type.unit == "ns":
        # Python's own instants have microseconds; what is finer is refused.
        column = column.cast(pyarrow.timestamp("us", column.type.tz))
    values: list[Any] = column.to_pylist()
    return values


def _check_type(path: str, kind: pyarrow.DataType, name: str, *, is_nested: bool) -> None:
    import pyarrow

    is_of = pyarrow.types
    if is_of.is_dictionary(kind):
        kind = kind.value_type
    if is_nested and is_of.is_struct(kind):
        check_header([field.name for field in kind], f"{name}: {path[:64]}", None)
        for field in kind:
            _check_type(f"{path}.{field.name}", field.type, name, is_nested=True)
    elif is_nested and (is_of.is_list(kind) or is_of.is_large_list(kind)):
        _check_type(f"{path}[]", kind.value_type, name, is_nested=True)
    elif not _is_plain(kind) and not (is_of.is_float64(kind) and not is_nested):
        hint = "write amounts as decimal or text" if is_of.is_floating(kind) else "write text, numbers, booleans, dates"
        raise SourceUnreadable(f"{name}: column {path[:64]!r} is of type {kind}", hint=hint)


def _is_plain(kind: pyarrow.DataType) -> bool:
    import pyarrow

    is_of = pyarrow.types
    return any(
        test(kind)
        for test in (
            *(is_of.is_string, is_of.is_large_string, is_of.is_string_view, is_of.is_boolean, is_of.is_integer),
            *(is_of.is_decimal, is_of.is_date, is_of.is_timestamp, is_of.is_null),
        )
    )
