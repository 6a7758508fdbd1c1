"""Promise: one identifier belongs to one subject; what was withdrawn does not come back; nothing lies in the clear."""

from __future__ import annotations

import pytest

from creditconnect.custody.database import Database
from creditconnect.custody.subjects import Registered, SubjectRegister
from creditconnect.custody.vault import Vault
from creditconnect.errors import FieldInvalid, Tampered, UsageError
from creditconnect.reasons import RowReason
from creditconnect.records.identifiers import Identifier
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import Schema
from creditconnect.records.subjects import EVERY_SCHEMA, Consent, Subject, SubjectKind, SubjectRow, consent_refusal

HKID = Identifier("HKID", "A1234563")
RESIDENT_ID = Identifier("CN_RESIDENT_ID", "11010519491231002X")
OTHER_HKID = Identifier("HKID", "E3649125")
NAME = "Chan Tai Man"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def register(vault: Vault, clock: Clock) -> SubjectRegister:
    return SubjectRegister(vault, clock=clock)


def person(
    *identifiers: Identifier,
    number: int | None = None,
    name: str = NAME,
    since: str = "",
    consent: Consent | None = None,
) -> SubjectRow:
    consents = (consent,) if consent else ()
    return SubjectRow(Subject(SubjectKind.PERSON, name, identifiers, since, "", consents), number)


def entered(register: SubjectRegister, row: SubjectRow) -> tuple[int, Registered]:
    (answer,) = register.register([row])
    assert not isinstance(answer, FieldInvalid), answer
    return answer


def refused(register: SubjectRegister, row: SubjectRow) -> FieldInvalid:
    (answer,) = register.register([row])
    assert isinstance(answer, FieldInvalid)
    return answer


def test_register__the_same_again__changes_nothing(register: SubjectRegister) -> None:
    row = person(HKID, since="1949-12-31", consent=Consent((EVERY_SCHEMA,), 0))
    assert entered(register, row) == (1, Registered.NEW)
    before = register.get(1)
    assert before.subject.consents == (Consent((EVERY_SCHEMA,), 1_000),)
    assert entered(register, row) == (1, Registered.UNCHANGED)
    assert entered(register, person(HKID, name="CHAN  tai man")) == (1, Registered.UNCHANGED)
    assert register.get(1) == before


def test_register__another_identifier__found_by_both(register: SubjectRegister) -> None:
    entered(register, person(HKID))
    assert entered(register, person(RESIDENT_ID, HKID)) == (1, Registered.CHANGED)
    assert register.number_of(HKID) == register.number_of(RESIDENT_ID) == 1
    assert register.number_of(OTHER_HKID) is None


def test_register__identifiers_of_two_subjects__refused_by_number_and_the_rest_goes_on(
    register: SubjectRegister,
) -> None:
    answers = register.register([person(HKID), person(OTHER_HKID, name="Wong"), person(HKID, OTHER_HKID), person(HKID)])
    error = answers[2]
    assert isinstance(error, FieldInvalid)
    assert (error.field, error.reason) == ("hkid", RowReason.SUBJECT_AMBIGUOUS)
    assert error.message.startswith("belongs to subject 2, not to 1")
    assert answers[3] == (1, Registered.UNCHANGED)


@pytest.mark.parametrize(("name", "since", "field"), [("Wong", "", "name"), (NAME, "1950-01-01", "date")])
def test_register__known_identifier_of_another_name_or_date__refused_unless_its_number_is_said(
    register: SubjectRegister, name: str, since: str, field: str
) -> None:
    entered(register, person(HKID, since="1949-12-31"))
    error = refused(register, person(HKID, name=name, since=since))
    assert (error.field, error.reason) == (field, RowReason.SUBJECT_AMBIGUOUS)
    assert "subject 1" in error.message
    assert NAME not in error.message
    assert entered(register, person(HKID, number=1, name=name, since=since)) == (1, Registered.CHANGED)
    assert register.get(1).subject.name == name


def test_register__number_of_nobody_or_of_a_firm__refused(register: SubjectRegister) -> None:
    assert refused(register, person(HKID, number=9)).reason == RowReason.SUBJECT_UNKNOWN
    firm = Subject(SubjectKind.FIRM, "Firm", (Identifier("HK_BRN", "12345678"),))
    entered(register, SubjectRow(firm))
    assert refused(register, person(HKID, number=1)).field == "type"


def test_register__resident_id_of_another_birth_date__refused(register: SubjectRegister) -> None:
    entered(register, person(HKID, since="1950-01-01"))
    assert refused(register, person(HKID, RESIDENT_ID)).reason == RowReason.DATE
    assert register.number_of(RESIDENT_ID) is None


def test_withdraw__then_the_same_file_again__stays_withdrawn_until_consent_is_given_anew(
    register: SubjectRegister, clock: Clock
) -> None:
    row = person(HKID, consent=Consent((EVERY_SCHEMA,), 0))
    entered(register, row)
    register.withdraw(1)
    assert entered(register, row) == (1, Registered.UNCHANGED)
    assert ended(register, clock) == RowReason.CONSENT_ENDED
    register.add_consent(1, Consent((EVERY_SCHEMA,), 0))
    clock.now += 1
    assert ended(register, clock) is None
    before = register.get(1)
    assert register.add_consent(1, Consent((EVERY_SCHEMA,), 0)) == before


def ended(register: SubjectRegister, clock: Clock) -> RowReason | None:
    known = register.get(1).subject
    answer = consent_refusal(known.consents, known.withdrawals, "document/1", int(clock.now))
    return answer[0] if answer else None


def test_withdraw__what_was_never_agreed_to__refused(register: SubjectRegister) -> None:
    entered(register, person(HKID, consent=Consent(("document/1",), 0)))
    with pytest.raises(UsageError, match="never agreed"):
        register.withdraw(1, "personal-credit-report/1")
    with pytest.raises(UsageError, match="no subject 2"):
        register.withdraw(2)


def test_refusals__of_rows__each_with_its_identifier_and_reason(
    register: SubjectRegister, schema: Schema, clock: Clock
) -> None:
    everything = Consent((EVERY_SCHEMA,), 0)
    register.register(
        [person(HKID, consent=everything), person(OTHER_HKID, name="W", consent=Consent(("document/1",), 0))]
    )
    rows = [
        Prepared(1, b"{}", (HKID,)),
        Prepared(2, b"{}", (HKID, RESIDENT_ID)),
        Prepared(3, b"{}", (OTHER_HKID,)),
        Prepared(4, b"{}", (HKID, OTHER_HKID)),
        Prepared(5, b"{}"),
        Prepared(6, b"{}", (RESIDENT_ID,)),
    ]
    found = {at: (error.field, error.reason) for at, error in register.refusals(schema, rows).items()}
    assert found == {
        1: ("identity.identifiers[1].number", RowReason.SUBJECT_UNKNOWN),
        2: ("identity.identifiers[0].number", RowReason.CONSENT_MISSING),
        3: ("identity.identifiers[1].number", RowReason.SUBJECT_AMBIGUOUS),
        4: ("identity.identifiers[0].number", RowReason.SUBJECT_UNKNOWN),
        5: ("identity.identifiers[0].number", RowReason.SUBJECT_UNKNOWN),
    }
    register.withdraw(1)
    assert register.refusals(schema, rows[:1])[0].reason == RowReason.CONSENT_ENDED


def test_newest__by_kind_and_page(register: SubjectRegister) -> None:
    register.register([person(HKID), SubjectRow(Subject(SubjectKind.FIRM, "F", (Identifier("HK_BRN", "12345678"),)))])
    assert [one.number for one in register.newest(9)] == [2, 1]
    assert [one.number for one in register.newest(1, before=2)] == [1]
    assert [one.number for one in register.newest(9, kind=SubjectKind.FIRM)] == [2]
    assert register.count() == 2


def test_subjects__in_the_file__neither_names_nor_numbers_in_the_clear(
    register: SubjectRegister, database: Database
) -> None:
    entered(register, person(HKID))
    database.close()
    kept = b"".join(path.read_bytes() for path in database.path.parent.glob("vault.db*"))
    assert HKID.number.encode() not in kept
    assert NAME.encode() not in kept


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE subjects SET sealed = (SELECT sealed FROM subjects WHERE id = 2)",
        "UPDATE subjects SET sealed = zeroblob(40)",
        "UPDATE subjects SET sealed = x''",
        "UPDATE subjects SET key_number = 1",
    ],
)
def test_get__sealed_bytes_of_another_row_or_altered__tampered(
    register: SubjectRegister, database: Database, statement: str
) -> None:
    register.register([person(HKID), person(OTHER_HKID, name="Wong")])
    database.connection.execute(statement)
    with pytest.raises(Tampered, match="row 1 of subjects"):
        register.get(1)
