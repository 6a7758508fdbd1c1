"""Excel workbooks: exact cells, the sheet's row numbers, and nothing that a broken or malicious one does escapes."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditconnect.errors import SourceUnreadable
from creditconnect.records.mapping import load_mapping
from creditconnect.records.preparation import Prepared, prepare
from creditconnect.records.reading import read_rows
from creditconnect.records.rows import Columns, Row
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Rejection
from tests.unit.records.spreadsheets import DAY, ERROR, MOMENT, boolean, formula, number, rows, text, workbook

MAPPING = """
schema = "personal-credit-report/1"
[constants]
"identity.identifiers[0].type" = "HKID"
"summary.existing_credits" = 1
"credit_transactions[0].kind" = "LOAN"
"credit_transactions[0].amount.currency" = "HKD"
[columns]
ref = "report.number"
name = "identity.name"
issued = { path = "report.issued_at", kind = "instant" }
hkid = { path = "identity.identifiers[0].number", kind = "identifier" }
born = { path = "identity.date_of_birth", kind = "date", format = "DD/MM/YYYY" }
amount = { path = "credit_transactions[0].amount.amount_minor", kind = "amount", minor_digits = 2, optional = true }
phone = { path = "identity.telephone_registered", codes = { true = true, false = false }, optional = true }
"""
HEADER = [text(name) for name in ("ref", "name", "issued", "hkid", "born", "amount", "phone")]
# 28 February 1990 is Excel's day 32932.
BORN = number("32932", DAY)


def line(amount: str = "", *, ref: str = "", born: str = BORN, phone: str = "") -> list[str]:
    return [ref or text("B-1"), text("陳大文"), text("2026-11-02T01:00:00Z"), text("A1234563"), born, amount, phone]


def read(data: bytes, columns: Columns | None = None, sheet: str | None = None) -> list[Row | Rejection]:
    return list(read_rows(io.BytesIO(data), "xlsx", columns, sheet=sheet, name="book.xlsx"))


@pytest.fixture
def prepared(tmp_path: Path, catalogue: SchemaCatalogue, schema: Schema) -> Any:
    (tmp_path / "own.toml").write_text(MAPPING)
    mapping = load_mapping(tmp_path / "own.toml", catalogue)
    return lambda data: list(prepare(read(data, mapping.columns), mapping, schema))


@pytest.mark.parametrize(
    ("cell", "minor"),
    [
        (number("1234.5"), 123450),
        (number("0.29"), 29),
        (number("1E3"), 100000),
        (number("-7"), -700),
        (number("4503599627370.5"), 450359962737050),
        (number("1.1499999999999999"), 115),  # as Excel writes the double of 1.15
        (text("1234.50"), 123450),
        (formula("12.34"), 1234),
        ("", None),
        ('<c r="{r}" t="str"><f>IF(A1="","",A1)</f><v></v></c>', None),
    ],
)
def test_amount__a_number_cell__exactly_its_shortest_decimal(cell: str, minor: int | None, prepared: Any) -> None:
    (found,) = prepared(workbook(rows(HEADER, line(cell))))
    assert isinstance(found, Prepared)
    assert (f'"amount_minor":{minor}'.encode() in found.canonical) == (minor is not None)
    assert b'"date_of_birth":"1990-02-28"' in found.canonical


@pytest.mark.parametrize(
    ("cell", "field", "reason"),
    [
        (number("1234.5000000000002"), "amount", "AMOUNT"),
        (number("0.30000000000000004"), "amount", "AMOUNT"),
        (number("1E16"), "amount", "NUMBER"),
        (number("9007199254740992"), "amount", "NUMBER"),
        (number("1E400"), "amount", "NUMBER"),
        (number("0.5", DAY), "amount", "SCHEMA"),
        (number("32932", DAY), "amount", "AMOUNT"),
        (boolean(1), "amount", "AMOUNT"),
        (ERROR, "amount", "MALFORMED_ROW"),
        (formula(), "amount", "MALFORMED_ROW"),
    ],
)
def test_amount__what_is_no_exact_amount__rejects_the_row_by_its_sheets_number(
    cell: str, field: str, reason: str, prepared: Any
) -> None:
    found = prepared(workbook(rows(HEADER, line(number("1")), [""], line(cell), line(number("2")))))
    assert [type(one) for one in found] == [Prepared, Rejection, Prepared]
    assert (found[1].line, found[1].field, found[1].reason) == (4, field, reason)
    assert [found[0].line, found[2].line] == [2, 5]


@pytest.mark.parametrize(
    ("born", "reason"), [(number("32932.5", MOMENT), "DATE"), (text("1990-02-28"), "DATE"), (number("32932"), "DATE")]
)
def test_day__no_day_cell_and_not_the_mappings_form__rejected(born: str, reason: str, prepared: Any) -> None:
    (found,) = prepared(workbook(rows(HEADER, line(born=born))))
    assert (found.field, found.reason) == ("born", reason)


def test_day__written_by_the_mappings_format_or_as_a_moment_at_midnight__the_same(prepared: Any) -> None:
    data = workbook(rows(HEADER, line(), line(born=text("28/02/1990")), line(born=number("32932", MOMENT))))
    assert len({found.canonical for found in prepared(data)}) == 1


def test_boolean__of_a_cell__as_the_code_table_says(prepared: Any) -> None:
    yes, no = prepared(workbook(rows(HEADER, line(phone=boolean(1)), line(phone=boolean(0)))))
    assert b'"telephone_registered":true' in yes.canonical
    assert b'"telephone_registered":false' in no.canonical


def test_number__a_whole_one_as_text__without_a_fraction(prepared: Any) -> None:
    (found,) = prepared(workbook(rows(HEADER, line(ref=number("20260001")))))
    assert b'"number":"20260001"' in found.canonical


def test_sheet__first_or_named__and_where_it_begins() -> None:
    other = rows(["", text("b")], ["", text("x")], first=7)
    data = workbook(rows([text("a")], [text("1")]), other, names=["One", "Two"])
    assert read(data) == [Row(2, {"a": "1"})]
    unread: list[str] = []
    read_rows(io.BytesIO(data), "xlsx", name="book.xlsx", tell_unread=unread.extend)
    read_rows(io.BytesIO(data), "xlsx", sheet="Two", name="book.xlsx", tell_unread=unread.extend)
    assert unread == ["Two"]
    assert read(data, sheet="Two") == [Row(8, {"b": "x"})]
    with pytest.raises(SourceUnreadable, match=r"book\.xlsx: has no sheet 'Three': it has 'One', 'Two'"):
        read(data, sheet="Three")
    with pytest.raises(SourceUnreadable, match="has no sheets"):
        read_rows(io.BytesIO(b"a\n"), "csv", sheet="One")


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ("", "the sheet 'Sheet1' is empty"),
        (rows([text("a"), "", text("b")], [text("1")]), "the header's cell in column B is no text"),
        (rows([text("a"), number("1")]), "the header's cell in column B is no text"),
        (rows([text("a"), text("a")]), "names a column twice: 'a'"),
        ('<row r="1"><c r="A1"><v>1</v></c><c r="DDD1"><v>1</v></c></row>', "has 2812 columns, more than 2000"),
        ("<row><c", "can't be read as an Excel workbook"),
    ],
)
def test_sheet__no_table__refused_as_a_whole(sheet: str, said: str) -> None:
    with pytest.raises(SourceUnreadable, match=said):
        read(workbook(sheet))


def test_row__a_value_beyond_the_header__rejected() -> None:
    found = read(workbook(rows([text("a")], [text("1"), text("2")], [text("3")])))
    assert [type(one) for one in found] == [Rejection, Row]


def test_header__lacking_or_not_known__as_of_csv() -> None:
    columns = Columns(frozenset({"a"}), frozenset({"a", "b"}))
    with pytest.raises(SourceUnreadable, match="the header lacks 'a'"):
        read(workbook(rows([text("b")])), columns)
    with pytest.raises(SourceUnreadable, match="the mapping does not know 'c'"):
        read(workbook(rows([text("a"), text("c")])), columns)


# ------------------------------------------------------------------------------------------------------------ archives


def test_archive__a_bomb__refused_before_it_is_read() -> None:
    with pytest.raises(SourceUnreadable, match="unpacks to more than 200 times its size"):
        read(workbook(rows([text("a")]), more={"xl/media/zeros.bin": bytes(64 * 2**20)}))


def test_archive__many_members__refused() -> None:
    with pytest.raises(SourceUnreadable, match="members, more than 1000"):
        read(workbook(rows([text("a")]), more={f"xl/{at}.xml": b"" for at in range(1_001)}))


def test_archive__a_member_larger_than_it_says__refused() -> None:
    data = bytearray(workbook(rows([text("a")]), more={"xl/z.bin": bytes(5_000)}))
    place = data.rindex(b"PK\x01\x02") + 24
    assert struct.unpack_from("<I", data, place) == (5_000,)
    for said in (4_999, 5_001):
        struct.pack_into("<I", data, place, said)
        with pytest.raises(SourceUnreadable, match="size is not the one"):
            read(bytes(data))


@pytest.mark.parametrize("put", [b"x", b"PK\x05\x06" + bytes(18)])
def test_archive__something_behind_its_end__refused(put: bytes) -> None:
    with pytest.raises(SourceUnreadable, match="book"):
        read(workbook(rows([text("a")])) + put)


WHOLE = workbook(rows(HEADER, *(line(number(str(at))) for at in range(20))))


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=4)), min_size=1, max_size=4))
def test_read__bytes_mutated__rows_or_one_error(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(WHOLE)
    for place, put in changes:
        data[place : place + 1] = put
    try:
        found = read(bytes(data))
    except SourceUnreadable:
        return
    assert len({one.line for one in found}) == len(found)


SHEET = rows(HEADER, *(line(number(str(at))) for at in range(5)))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.integers(0, len(SHEET) - 1), st.sampled_from(["<", ">", '"', "", "9", "A", "&"])), max_size=4)
)
def test_read__a_sheets_xml_mutated__rows_or_one_error(changes: list[tuple[int, str]]) -> None:
    sheet = SHEET
    for place, put in changes:
        sheet = sheet[:place] + put + sheet[place + 1 :]
    try:
        found = read(workbook(sheet))
    except SourceUnreadable:
        return
    assert len({one.line for one in found}) == len(found)
