"""HandingIn: what a spreadsheet would run, two identifiers of one kind, one identifier under two names."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import FieldInvalid
from creditconnect.records.canonical import canonicalise
from creditconnect.records.cells import is_formula, spreadsheet_safe
from creditconnect.records.handing_in import HandingIn
from creditconnect.records.identifiers import hkid_check_digit
from creditconnect.records.preparation import Prepared, prepare
from creditconnect.records.rows import Row
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, Schema, SchemaCatalogue
from creditconnect.types import Rejection
from tests.unit.records.test_company_reports import REPORT

KEY = bytes(16)
DOCUMENTS = SchemaCatalogue().load(DOCUMENT)


def named(report: dict[str, Any], name: str, *numbers: str) -> dict[str, Any]:
    made = deepcopy(report)
    made["identity"]["name"] = name
    if numbers:
        kinds = ("HKID", "CN_RESIDENT_ID")
        made["identity"]["identifiers"] = [
            {"type": kind, "number": number} for kind, number in zip(kinds, numbers, strict=False)
        ]
    return made


def hkid(body: str) -> str:
    return body + hkid_check_digit(body)


def outcomes(records: list[dict[str, Any]], schema: Schema) -> list[Prepared | Rejection]:
    rows = [Row(line, record) for line, record in enumerate(records, 2)]
    return list(prepare(rows, None, schema, HandingIn(KEY)))


@pytest.mark.parametrize(
    "text", ["=1+1", "=cmd|' /C calc'!A0", "+SUM(A1)", "-HYPERLINK(1)", "@A1", "\uff1dA1", "+852 ext. 5"]
)
def test_formula__in_any_text__rejects_the_row_and_names_the_field(
    text: str, report: dict[str, Any], schema: Schema
) -> None:
    other = deepcopy(report)
    other["statements"] = [{"by": "SUBJECT", "made_on": "2026-01-01", "text": text}]
    for record, field in ((named(report, text), "identity.name"), (other, "statements[0].text")):
        (found,) = outcomes([record], schema)
        assert isinstance(found, Rejection)
        assert (found.field, found.reason) == (field, "FORMULA")
        assert text not in found.message
    assert spreadsheet_safe(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["+852 2345 6789", "-12.50", "-", "(852) 2345", "a=b", " =1", "A+", "--", "+86-755-1234"]
)
def test_formula__a_number_or_other_text__taken(text: str, report: dict[str, Any], schema: Schema) -> None:
    (found,) = outcomes([named(report, text)], schema)
    assert isinstance(found, Prepared)


@given(
    st.recursive(
        st.text(max_size=5) | st.integers(0, 9) | st.text('=+-@\uff1d:[,"\\x', max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=8,
    )
)
def test_formula__the_quick_look_at_canonical_bytes__misses_none(value: Any) -> None:
    try:
        canonical = canonicalise({"a": value})
    except FieldInvalid:
        return
    # Without identifiers or a name, so that this look alone can refuse.
    refused = False
    try:
        HandingIn(KEY).check(1, {"a": value}, canonical, (), DOCUMENTS)
    except FieldInvalid as error:
        refused = error.reason == "FORMULA"
    assert refused == any(map(is_formula, leaves(value)))


def leaves(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [leaf for child in inner for leaf in leaves(child)]


def test_identifier__under_another_name__names_the_first_line(report: dict[str, Any], schema: Schema) -> None:
    records = [
        named(report, "Chan Tai Man"),
        named(report, "CHAN, Tai-Man"),
        named(report, "Wong Siu Ming"),
        named(report, "Wong Siu Ming", hkid("B123456")),
        named(report, "Chan Tai Man", "A1234563", "11010519491231002X"),
        named(report, "Lee", hkid("C123456"), "11010519491231002X"),
        named(report, "Someone Else", hkid("C123456")),
    ]
    found = outcomes(records, schema)
    told = [(one.line, one.field, one.reason, one.message) for one in found if isinstance(one, Rejection)]
    conflict = "line {} has this identifier under another name"
    assert told == [
        (4, "identity.identifiers[0].number", "IDENTIFIER_CONFLICT", conflict.format(2)),
        # The rejected row leaves nothing behind: its other identifier is free.
        (7, "identity.identifiers[1].number", "IDENTIFIER_CONFLICT", conflict.format(6)),
    ]


def test_identifier__of_a_row_that_is_wrong__is_not_remembered(report: dict[str, Any], schema: Schema) -> None:
    wrong = named(report, "Wong Siu Ming") | {"trace": "é"}
    found = outcomes([wrong, named(report, "Chan Tai Man")], schema)
    assert [type(one) for one in found] == [Rejection, Prepared]


def test_identifier__a_second_of_its_kind__rejected(report: dict[str, Any], schema: Schema) -> None:
    report["identity"]["identifiers"] *= 2
    (found,) = outcomes([report], schema)
    assert isinstance(found, Rejection)
    assert (found.field, found.reason) == ("identity.identifiers[1].number", "IDENTIFIER")
    assert found.message == "a second HKID for the same subject"


def test_identifier__of_a_firm__by_its_registered_name(catalogue: SchemaCatalogue) -> None:
    other = json.loads(json.dumps(REPORT))
    other["identity"]["registered_name"] = "Another Limited"
    found = outcomes([dict(REPORT), other], catalogue.load(COMPANY_CREDIT_REPORT))
    assert isinstance(found[0], Prepared)
    assert isinstance(found[1], Rejection)
    assert found[1].reason == "IDENTIFIER_CONFLICT"
