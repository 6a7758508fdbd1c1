"""Parquet: exact values of each type, the schema's own form, and files that lie about themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditconnect.errors import SourceUnreadable
from creditconnect.records.preparation import prepare
from creditconnect.records.reading import read_rows
from creditconnect.records.rows import Columns, Row
from creditconnect.records.schemas import Schema
from creditconnect.records.typed import as_text
from creditconnect.types import Rejection


def written(table: pyarrow.Table | Mapping[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(
        table if isinstance(table, pyarrow.Table) else pyarrow.table(dict(table)), file, **options
    )
    return file.getvalue()


def flat(*names: str) -> Columns:
    return Columns(frozenset(), frozenset(names))


def read(data: bytes, columns: Columns | None = None) -> list[Row | Rejection]:
    return list(read_rows(io.BytesIO(data), "parquet", columns, name="rows.parquet"))


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pyarrow.array([Decimal("1234.50")], pyarrow.decimal128(18, 2)), "1234.50"),
        (pyarrow.array([Decimal("-0.01")], pyarrow.decimal256(60, 2)), "-0.01"),
        (pyarrow.array([Decimal("90071992547409.93")], pyarrow.decimal128(18, 2)), "90071992547409.93"),
        (pyarrow.array([1234.5]), "1234.5"),
        (pyarrow.array([0.1 + 0.2]), "0.30000000000000004"),
        (pyarrow.array([5.0]), "5"),
        (pyarrow.array([2**64 - 1], pyarrow.uint64()), str(2**64 - 1)),
        (pyarrow.array([-7], pyarrow.int8()), "-7"),
        (pyarrow.array([True]), "true"),
        (pyarrow.array([None], pyarrow.string()), ""),
        (pyarrow.array([None]), ""),
        (pyarrow.array([date(1990, 2, 28)]), "28/02/1990"),
        (pyarrow.array([datetime.fromisoformat("1990-02-28")], pyarrow.timestamp("ns")), "28/02/1990"),
        (
            pyarrow.array([datetime(2026, 11, 2, 1, tzinfo=UTC)], pyarrow.timestamp("ms", "UTC")),
            "2026-11-02T01:00:00+00:00",
        ),
        (pyarrow.array(["x", "陳大文"]).dictionary_encode()[1:], "陳大文"),
    ],
)
def test_value__of_each_type__written_exactly(values: pyarrow.Array, text: str) -> None:
    (row,) = read(written({"a": values}), flat("a"))
    assert isinstance(row, Row)
    assert as_text("a", row.fields["a"], "DD/MM/YYYY") == text


@pytest.mark.parametrize(
    "values",
    [
        pyarrow.array([1.5], pyarrow.float32()),
        pyarrow.array([b"x"]),
        pyarrow.array([timedelta(1)]),
        pyarrow.array([[1]]),
        pyarrow.array([{"x": 1}]),
    ],
    ids=lambda values: str(values.type),
)
def test_column__of_a_type_that_no_kind_reads__refused_as_a_whole(values: pyarrow.Array) -> None:
    with pytest.raises(SourceUnreadable, match=r"rows\.parquet: column 'a' is of type"):
        read(written({"a": values}), flat("a"))


def test_value__that_no_calendar_or_text_reaches__rejects_its_row_alone() -> None:
    far = pyarrow.array([0, 2**31 - 1, 1], pyarrow.int32()).cast(pyarrow.date32())
    fine = pyarrow.array([0, 0, 1], pyarrow.int64()).cast(pyarrow.timestamp("ns"))
    text = pyarrow.Array.from_buffers(pyarrow.string(), 3, pyarrow.array([b"\xff", b"a", b"a"]).buffers())
    found = read(written({"day": far, "moment": fine, "text": text}), flat("day", "moment", "text"))
    assert [(one.line, one.field, one.reason) for one in found if isinstance(one, Rejection)] == [
        (1, "text", "ENCODING"),
        (2, "day", "DATE"),
        (3, "moment", "DATE"),
    ]
    assert len(found) == 3


def test_rows__of_many_groups__numbered_from_one_and_streamed() -> None:
    data = written({"a": list(range(3_000))}, row_group_size=700)
    assert [(row.line, row.fields["a"]) for row in read(data, flat("a")) if isinstance(row, Row)] == [
        (at + 1, at) for at in range(3_000)
    ]


def test_header__as_of_csv() -> None:
    with pytest.raises(SourceUnreadable, match="the header lacks 'b'"):
        read(written({"a": [1]}), Columns(frozenset("b"), frozenset("ab")))
    with pytest.raises(SourceUnreadable, match="the mapping does not know 'a'"):
        read(written({"a": [1]}), flat("b"))
    twice = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], ["a", "a"])
    with pytest.raises(SourceUnreadable, match="names a column twice: 'a'"):
        read(written(twice), flat("a"))
    wide = {f"c{at}": [1] for at in range(2_001)}
    with pytest.raises(SourceUnreadable, match="has 2001 columns, more than 2000"):
        read(written(wide), flat(*wide))


def test_own_form__nested_columns__the_same_bytes_as_of_jsonl(report: dict[str, Any], schema: Schema) -> None:
    report["identity"]["date_of_birth"] = "1990-02-28"
    own = json.dumps(report).encode()
    (expected,) = prepare(read_rows(io.BytesIO(own), "jsonl"), None, schema)
    # Typed: a day, an instant, an amount in minor units as a decimal; a second row makes others null.
    report["identity"]["date_of_birth"] = date(1990, 2, 28)
    report["report"]["issued_at"] = datetime(2026, 11, 2, 1, tzinfo=UTC)
    report["credit_transactions"][0]["amount"]["amount_minor"] = Decimal("5000000.00")
    other = {"report": {"language": "en"}, "public_records": None}
    found = list(prepare(read(written(pyarrow.Table.from_pylist([report, report | other]))), None, schema))
    assert found[0] == expected
    assert isinstance(found[1], Rejection)
    assert (found[1].line, found[1].field, found[1].reason) == (2, "report.number", "MISSING")


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ({"n": Decimal("1.5")}, "a.n", "NUMBER"),
        ({"at": datetime.fromisoformat("2026-01-01")}, "a.at", "DATE"),
        ([1, None], "a[1]", "SCHEMA"),
        ("x" * (2**20 + 1), "$", "TOO_LARGE"),
    ],
)
def test_own_form__what_records_do_not_have__rejected(value: Any, field: str, reason: str) -> None:
    (found,) = read(written(pyarrow.Table.from_pylist([{"a": value}])))
    assert isinstance(found, Rejection)
    assert (found.field, found.reason) == (field, reason)


def test_own_form__floats__refused_as_a_whole() -> None:
    with pytest.raises(SourceUnreadable, match=r"column 'a\.n' is of type double: write amounts as decimal"):
        read(written(pyarrow.Table.from_pylist([{"a": {"n": 1.5}}])))


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.lists(st.integers(-(2**53), 2**53) | st.none(), min_size=4, max_size=4), min_size=1
    )
)
def test_rows__whatever_is_written__read_back(table: dict[str, list[int | None]]) -> None:
    found = read(written(table), flat(*"abc"))
    assert [row.fields for row in found if isinstance(row, Row)] == [
        dict(zip(table, values, strict=True)) for values in zip(*table.values(), strict=True)
    ]


WHOLE = written(
    {"a": ["x", "y", None] * 10, "b": [Decimal("1.25"), None, Decimal("2.50")] * 10, "c": [{"d": [1]}] * 30}
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=3)), min_size=1, max_size=4))
def test_read__bytes_mutated__rows_or_one_error(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE)
    for place, put in changes:
        data[place : place + 1] = put
    try:
        found = read(bytes(data))
    except SourceUnreadable:
        return
    assert len({one.line for one in found}) == len(found)
