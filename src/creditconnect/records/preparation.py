"""From rows to canonical records: map, validate, canonicalise. Pure; a row ends as one record or one rejection.

What a bank is shown passes the same `Schema.validate` and `canonicalise`: what is accepted here is accepted there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from creditconnect.errors import FieldInvalid, UsageError
from creditconnect.records.canonical import canonicalise
from creditconnect.records.handing_in import HandingIn
from creditconnect.records.identifiers import Identifier
from creditconnect.records.mapping import ColumnMapping
from creditconnect.records.rows import Row
from creditconnect.records.schemas import Schema
from creditconnect.types import Rejection


class Prepared(NamedTuple):
    """A record that may be committed to: the first line of its row, its canonical bytes, and whom it is about."""

    line: int
    canonical: bytes
    subjects: tuple[Identifier, ...] = ()


def prepare(
    rows: Iterable[Row | Rejection], mapping: ColumnMapping | None, schema: Schema, handing_in: HandingIn | None = None
) -> Iterator[Prepared | Rejection]:
    """Turn each row into its canonical record, in the order of the rows; rejections pass through.

    Without a mapping the rows already have the schema's form. A rejection names the column where a mapping knows it,
    and else the schema's path. `handing_in` asks more of a file that is handed in than of a record that is shown.

    Raises:
        UsageError: the mapping is for another schema.
    """
    if mapping is None:
        return _prepared(rows, schema, handing_in)
    if mapping.schema_id != schema.id:
        raise UsageError(f"the mapping is for {mapping.schema_id}, not for {schema.id}")
    return _mapped(rows, mapping, schema, handing_in)


def prepare_record(record: dict[str, Any], schema: Schema) -> bytes:
    """The canonical bytes of a record that its schema accepts.

    Raises:
        FieldInvalid: the schema, an identifier's check digit or the text rules refuse it.
    """
    schema.validate(record)
    return canonicalise(record)


def _prepared(
    rows: Iterable[Row | Rejection], schema: Schema, handing_in: HandingIn | None
) -> Iterator[Prepared | Rejection]:
    for row in rows:
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            yield _accepted(row.line, row.fields, schema, handing_in)
        except FieldInvalid as error:
            yield Rejection(row.line, error.field, error.reason, error.message)


def _mapped(
    rows: Iterable[Row | Rejection], mapping: ColumnMapping, schema: Schema, handing_in: HandingIn | None
) -> Iterator[Prepared | Rejection]:
    for row in rows:
        if isinstance(row, Rejection):
            yield row
            continue
        try:
            record = mapping.record(row.fields)
        except FieldInvalid as error:
            yield Rejection(row.line, error.field, error.reason, error.message)
            continue
        try:
            yield _accepted(row.line, record, schema, handing_in)
        except FieldInvalid as error:
            yield Rejection(row.line, mapping.column_at(error.field) or error.field, error.reason, error.message)


def _accepted(line: int, record: dict[str, Any], schema: Schema, handing_in: HandingIn | None) -> Prepared:
    prepared = Prepared(line, prepare_record(record, schema), schema.identifiers(record))
    if handing_in is not None:
        handing_in.check(line, record, prepared.canonical, prepared.subjects, schema)
    return prepared
