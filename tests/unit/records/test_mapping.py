"""Mappings: every column of the data set has its place, exact units, and faults named by file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.cli.german_credit import SYNTHETIC_COLUMNS, packaged_dataset
from creditconnect.errors import FieldInvalid, MappingInvalid, SchemaUnknown
from creditconnect.reasons import RowReason
from creditconnect.records import values
from creditconnect.records.mapping import ColumnMapping, load_mapping
from creditconnect.records.schemas import SchemaCatalogue

SMALL = """
schema = "personal-credit-report/1"
ignored = ["internal"]
[constants]
"credit_transactions[0].kind" = "LOAN"
"credit_transactions[0].amount.currency" = "HKD"
"credit_transactions[1].kind" = "CREDIT_CARD"
"credit_transactions[1].balance.currency" = "HKD"
statements = []
[columns]
name = "identity.name"
[columns.limit]
path = "credit_transactions[0].amount.amount_minor"
kind = "amount"
minor_digits = 2
[columns.card]
path = "credit_transactions[1].balance.amount_minor"
kind = "amount"
minor_digits = 2
optional = true
[columns.born]
path = "identity.date_of_birth"
kind = "date"
format = "DD/MM/YYYY"
optional = true
[columns.phone]
path = "identity.telephone_registered"
codes = { true = true, false = false }
optional = true
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, catalogue: SchemaCatalogue) -> ColumnMapping:
    return load(tmp_path_factory.mktemp("mapping") / "small.toml", SMALL, catalogue)


def load(path: Path, text: str, catalogue: SchemaCatalogue) -> ColumnMapping:
    path.write_text(text, encoding="utf-8")
    return load_mapping(path, catalogue)


def refusal(mapping: ColumnMapping, fields: dict[str, Any]) -> tuple[str, str]:
    with pytest.raises(FieldInvalid) as refused:
        mapping.record(fields)
    return refused.value.field, refused.value.reason


def test_german_credit__its_columns__are_the_data_sets_and_the_synthetic(german_credit: ColumnMapping) -> None:
    header = packaged_dataset().read_bytes().decode().splitlines()[0].split(",")
    assert len(header) == 21
    assert german_credit.columns.required == german_credit.columns.known == {*header, *SYNTHETIC_COLUMNS}


def test_record__all_columns__built_with_constants(small: ColumnMapping) -> None:
    fields = {"name": "A", "limit": "12.50", "card": "-3", "born": "28/02/1990", "phone": "true", "internal": "x"}
    assert small.record(fields) == {
        "identity": {"name": "A", "date_of_birth": "1990-02-28", "telephone_registered": True},
        "credit_transactions": [
            {"kind": "LOAN", "amount": {"amount_minor": 1250, "currency": "HKD"}},
            {"kind": "CREDIT_CARD", "balance": {"amount_minor": -300, "currency": "HKD"}},
        ],
        "statements": [],
    }


def test_record__optional_columns_empty_or_absent__left_out_with_their_constants(small: ColumnMapping) -> None:
    expected = {
        "identity": {"name": "A"},
        "credit_transactions": [{"kind": "LOAN", "amount": {"amount_minor": 100, "currency": "HKD"}}],
        "statements": [],
    }
    assert small.record({"name": "A", "limit": "1", "card": "", "born": "", "phone": ""}) == expected
    assert small.record({"name": "A", "limit": "1"}) == expected
    assert small.record({"name": "A", "limit": 1, "card": None}) == expected


def test_record__values_of_json__read_as_text(small: ColumnMapping) -> None:
    record = small.record({"name": "A", "limit": 7, "phone": False})
    assert record["credit_transactions"][0]["amount"]["amount_minor"] == 700
    assert record["identity"]["telephone_registered"] is False


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"limit": "1"}, ("name", RowReason.MISSING)),
        ({"name": "", "limit": "1"}, ("name", RowReason.MISSING)),
        ({"name": "A", "limit": "1.005"}, ("limit", RowReason.AMOUNT)),
        ({"name": "A", "limit": "1,000"}, ("limit", RowReason.AMOUNT)),
        ({"name": "A", "limit": "1", "born": "1990-02-28"}, ("born", RowReason.DATE)),
        ({"name": "A", "limit": "1", "phone": "yes"}, ("phone", RowReason.UNKNOWN_CODE)),
        ({"name": "A", "limit": "1", "shoe_size": "42"}, ("shoe_size", RowReason.SCHEMA)),
        ({"name": ["A"], "limit": "1"}, ("name", RowReason.SCHEMA)),
    ],
)
def test_record__one_fault__names_the_column(
    small: ColumnMapping, fields: dict[str, Any], fault: tuple[str, RowReason]
) -> None:
    assert refusal(small, fields) == fault


def test_columns__required_and_known__as_declared(small: ColumnMapping) -> None:
    assert small.columns.required == {"name", "limit"}
    assert small.columns.known == {"name", "limit", "card", "born", "phone", "internal"}


def test_column_at__path_or_below__the_column(german_credit: ColumnMapping) -> None:
    assert german_credit.column_at("identity.identifiers[0].number") == "identifier_number"
    assert german_credit.column_at("identity.personal_status.sex") == "personal_status_and_sex"
    assert german_credit.column_at("identity.other_names[3]") is None
    assert german_credit.column_at("$") is None


HEAD = 'schema = "personal-credit-report/1"\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("schema = ", "small.toml: not TOML"),
        ('[columns]\na = "identity.name"\n', "schema: is missing"),
        (HEAD, "columns: is missing"),
        (HEAD + "[columns]\n", "columns: there are none"),
        (HEAD + "extra = 1\n[columns]\n", "extra: is not known"),
        (HEAD + '[columns]\na = "identity.name"\na = "trace"\n', "small.toml: line 4: a is there twice"),
        (HEAD + '[columns]\n"a b" = "trace"\n"a b"="trace"\n', 'small.toml: line 4: "a b" is there twice'),
        (HEAD + '[columns.a]\npath = "trace"\n[columns.a]\n', r"small.toml: line 4: \[columns.a\] is there twice"),
        (HEAD + 'ignored = ["b", "c", "b"]\n[columns]\na = "trace"\n', "small.toml: ignored: 'b' is there twice"),
        (HEAD + 'ignored = [["b"]]\n[columns]\na = "identity.name"\n', "small.toml: ignored: holds something else"),
        (HEAD + 'ignored = ["a"]\n[columns]\na = "identity.name"\n', "columns.a: .*ignored"),
        (
            HEAD + '[columns]\na = "identity.name"\nb = "identity.name"\n',
            "columns.b: fills identity.name, which columns.a",
        ),
        (
            HEAD + '[constants]\nidentity = {}\n[columns]\na = "identity.name"\n',
            "constants.identity: the schema refuses",
        ),
        (
            HEAD + "[columns]\na = 'identity.personal_status.sex'\nb = 'identity.personal_status'\n",
            "columns.b: fills identity.personal_status, which columns.a",
        ),
        (HEAD + '[constants]\ntrace = "x"\n[columns]\na = "trace"\n', "columns.a: fills trace, which constants.trace"),
        (HEAD + '[columns]\na = "identity.shoe_size"\n', "columns.a: the schema personal-credit-report/1 has no"),
        (HEAD + '[columns]\na = "identity..name"\n', "columns.a: .*is not a path"),
        (HEAD + "[columns]\na = 7\n", "columns.a: is neither a path nor a table"),
        (HEAD + "[columns.a]\nkind = 'text'\n", "columns.a.path: is missing"),
        (HEAD + "[columns.a]\npath = 'trace'\nkind = 'colour'\n", "columns.a.kind: 'colour' is none of text"),
        (HEAD + "[columns.a]\npath = 'trace'\ncolour = 1\n", "columns.a.colour: is not known"),
        (HEAD + "[columns.a]\npath = 'trace'\nminor_digits = 2\n", "columns.a.minor_digits: goes with kind 'amount'"),
        (HEAD + "[columns.a]\npath = 'trace'\nkind = 'amount'\n", "columns.a.minor_digits: is missing"),
        (HEAD + "[columns.a]\npath = 'trace'\nkind = 'amount'\nminor_digits = 5\n", "columns.a.minor_digits: .*0 to 4"),
        (HEAD + "[columns.a]\npath = 'trace'\nkind = 'date'\nformat = 'DD/MM'\n", "columns.a.format: .*once each"),
        (HEAD + "[columns.a]\npath = 'trace'\nkind = 'code'\n", "columns.a.codes: is missing"),
        (
            HEAD + "[columns.a]\npath = 'summary.assessment'\ncodes = { g = 'GREAT' }\n",
            "columns.a.codes.'g': the schema refuses this at summary.assessment: is none of GOOD, BAD",
        ),
        (
            HEAD + "[constants]\n'summary.existing_credits' = 1.5\n[columns]\na = 'trace'\n",
            "constants.summary.existing_cred",
        ),
    ],
)
def test_load_mapping__one_fault__names_the_file_and_key(
    tmp_path: Path, catalogue: SchemaCatalogue, text: str, key: str
) -> None:
    with pytest.raises(MappingInvalid, match=key) as refused:
        load(tmp_path / "small.toml", text, catalogue)
    assert str(refused.value).startswith("small.toml: ")


def test_load_mapping__no_file__named(tmp_path: Path, catalogue: SchemaCatalogue) -> None:
    with pytest.raises(MappingInvalid, match=r"none\.toml"):
        load_mapping(tmp_path / "none.toml", catalogue)


def test_load_mapping__unknown_schema__refused(tmp_path: Path, catalogue: SchemaCatalogue) -> None:
    with pytest.raises(SchemaUnknown):
        load(tmp_path / "small.toml", 'schema = "report/9"\n[columns]\n', catalogue)


@given(st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 4))
def test_amount__every_number_of_minor_units__read_back_exactly(minor: int, digits: int) -> None:
    whole, fraction = divmod(abs(minor), 10**digits)
    text = f"{'-' if minor < 0 else ''}{whole}" + (f".{fraction:0{digits}d}" if digits else "")
    assert values.amount("a", digits)(text) == minor


@pytest.mark.parametrize(
    ("text", "minor"),
    [("1169", 116900), ("1169.5", 116950), ("0", 0), ("-0.01", -1), ("1.500", 150), ("99999999999", 10**13 - 100)],
)
def test_amount__two_minor_digits__exact(text: str, minor: int) -> None:
    assert values.amount("a", 2)(text) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1e3",
        " 1",
        "1_000",
        "\u0661",
        "0x1",
        "1.001",
        "90071992547409.92",
        "9" * 40,
        "1\n",
    ],
)
def test_amount__not_exact_or_not_plain__refused(text: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        values.amount("a", 2)(text)
    assert (refused.value.field, refused.value.reason) == ("a", RowReason.AMOUNT)


def test_percent__with_and_without_sign__whole_numbers_only() -> None:
    convert = values.percent("rate")
    assert [convert("4"), convert("35%"), convert("35.00%")] == [4, 35, 35]
    with pytest.raises(FieldInvalid):
        convert("3.5%")


def test_date__layouts__iso() -> None:
    assert values.date("d", "YYYYMMDD")("19900228") == "1990-02-28"
    assert values.date("d", "DD.MM.YYYY")("28.02.1990") == "1990-02-28"
    with pytest.raises(FieldInvalid):
        values.date("d", "DD.MM.YYYY")("28x02x1990")


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-02T01:00:00Z", "2026-11-02T01:00:00Z"),
        ("2026-11-02T09:00:00+08:00", "2026-11-02T01:00:00Z"),
        ("2026-11-02 01:00:00+00:00", "2026-11-02T01:00:00Z"),
    ],
)
def test_instant__with_an_offset__in_utc(text: str, instant: str) -> None:
    assert values.instant("i")(text) == instant


@pytest.mark.parametrize(
    "text", ["2026-11-02T09:00:00", "2026-11-02T01:00:00.5Z", "0001-01-01T00:00:00+08:00", "today"]
)
def test_instant__without_offset_or_finer__refused(text: str) -> None:
    with pytest.raises(FieldInvalid) as refused:
        values.instant("i")(text)
    assert refused.value.reason == RowReason.DATE
