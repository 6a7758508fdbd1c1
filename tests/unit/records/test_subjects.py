"""Promise: a row says a subject and a consent completely, or is refused by its column; a consent holds as it says."""

from __future__ import annotations

import pytest

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason
from creditconnect.records.identifiers import Identifier
from creditconnect.records.subjects import Consent, SubjectKind, Withdrawal, consent_refusal, subject_of

SCHEMAS = frozenset({"personal-credit-report/1", "document/1"})
NOW = 1_800_000_000
PERSON = {"type": "person", "name": "Chan Tai Man", "hkid": "A123456(3)", "date": "1949-12-31"}


def test_subject_of__a_person_with_two_identifiers__in_their_normal_form() -> None:
    row = subject_of({**PERSON, "cn_resident_id": "11010519491231002x", "number": "7"}, SCHEMAS, NOW)
    assert row.number == 7
    assert row.subject.identifiers == (
        Identifier("HKID", "A1234563"),
        Identifier("CN_RESIDENT_ID", "11010519491231002X"),
    )
    assert (row.subject.kind, row.subject.since) == (SubjectKind.PERSON, "1949-12-31")


def test_subject_of__a_consent__with_its_dates_in_seconds() -> None:
    said = {"consent_scope": "document/1 document/1", "consent_given": "2026-01-01", "consent_until": "2027-01-01"}
    (consent,) = subject_of({**PERSON, **said}, SCHEMAS, NOW).subject.consents
    assert consent == Consent(("document/1",), 1_767_225_600, 1_798_761_600)


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"type": "ghost"}, "type", RowReason.UNKNOWN_CODE),
        ({"name": " "}, "name", RowReason.MISSING),
        ({"name": "x" * 201}, "name", RowReason.TOO_LARGE),
        ({"name": "a\x1bb"}, "name", RowReason.TEXT),
        ({"name": 7}, "name", RowReason.TEXT),
        ({"name": "=cmd|x"}, "name", RowReason.FORMULA),
        ({"contact": ' =HYPERLINK("x")'}, "contact", RowReason.FORMULA),
        ({"hkid": "A123456(4)"}, "hkid", RowReason.IDENTIFIER),
        ({"hkid": ""}, "hkid, cn_resident_id", RowReason.MISSING),
        ({"lei": "5493001KJTIIGC8Y1R12"}, "lei", RowReason.IDENTIFIER),
        ({"date": "1949-02-30"}, "date", RowReason.DATE),
        ({"date": "31/12/1949"}, "date", RowReason.DATE),
        ({"cn_resident_id": "11010519491231002X", "date": "1949-12-30"}, "date", RowReason.DATE),
        ({"number": "0"}, "number", RowReason.NUMBER),
        ({"number": "x"}, "number", RowReason.NUMBER),
        ({"colour": "red"}, "colour", RowReason.SCHEMA),
        ({"consent_until": "2030-01-01"}, "consent_scope", RowReason.MISSING),
        ({"consent_scope": "everything"}, "consent_scope", RowReason.UNKNOWN_CODE),
        ({"consent_scope": "all", "consent_until": "2020-01-01"}, "consent_until", RowReason.DATE),
        ({"consent_scope": "all", "consent_given": "soon"}, "consent_given", RowReason.DATE),
        ({"consent_scope": "all", "consent_sha256": "ab"}, "consent_sha256", RowReason.TEXT),
    ],
)
def test_subject_of__a_wrong_column__named_without_its_value(
    changed: dict[str, object], field: str, reason: RowReason
) -> None:
    with pytest.raises(FieldInvalid) as error:
        subject_of({**PERSON, **changed}, SCHEMAS, NOW)
    assert (error.value.field, error.value.reason) == (field, reason)
    assert not any(str(value) in error.value.message for value in changed.values() if len(str(value)) > 4)


def test_subject_of__a_telephone_number__is_no_formula() -> None:
    assert subject_of({**PERSON, "contact": "+852 2345 6789"}, SCHEMAS, NOW).subject.contact == "+852 2345 6789"


@pytest.mark.parametrize(
    ("consents", "withdrawals", "refused"),
    [
        ([], [], RowReason.CONSENT_MISSING),
        ([Consent(("document/1",), 10)], [], RowReason.CONSENT_MISSING),
        ([Consent(("personal-credit-report/1",), 101)], [], RowReason.CONSENT_MISSING),
        ([Consent(("personal-credit-report/1",), 100)], [], None),
        ([Consent(("all",), 10)], [], None),
        ([Consent(("all",), 10, 101)], [], None),
        ([Consent(("all",), 10, 100)], [], RowReason.CONSENT_ENDED),
        ([Consent(("all",), 10, 100), Consent(("all",), 10)], [], None),
        ([Consent(("all",), 10)], [Withdrawal("personal-credit-report/1", 50)], RowReason.CONSENT_ENDED),
        ([Consent(("all",), 10)], [Withdrawal("all", 10)], RowReason.CONSENT_ENDED),
        ([Consent(("all",), 10)], [Withdrawal("document/1", 50)], None),
        ([Consent(("all",), 10), Consent(("all",), 51)], [Withdrawal("all", 50)], None),
    ],
)
def test_consent_refusal__as_of_a_moment__by_scope_end_and_withdrawal(
    consents: list[Consent], withdrawals: list[Withdrawal], refused: RowReason | None
) -> None:
    answer = consent_refusal(consents, withdrawals, "personal-credit-report/1", 100)
    assert (answer and answer[0]) == refused
