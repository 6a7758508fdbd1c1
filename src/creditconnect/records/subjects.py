"""Subjects: the persons and firms that records are about, what they agreed to, and both as rows of a file.

Pure: what may be said of one, and how a row says it. The register is `custody.subjects`. Errors name a column, never
what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import canonicalise
from creditconnect.records.cells import is_formula
from creditconnect.records.identifiers import Identifier, IdentifierType, check

GREATEST_TEXT = 200
GREATEST_IDENTIFIERS = 10
EVERY_SCHEMA = "all"
"""What a consent's scope says instead of every schema there is and will be."""


class SubjectKind(StrEnum):
    PERSON = "person"
    FIRM = "firm"


OF_KIND = {
    SubjectKind.PERSON: (IdentifierType.HKID, IdentifierType.CN_RESIDENT_ID),
    SubjectKind.FIRM: (IdentifierType.USCC, IdentifierType.LEI, IdentifierType.HK_BRN),
}
_IDENTIFIER_COLUMNS = {one.value.lower(): one for kind in OF_KIND.values() for one in kind}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a subject agreed to: records of which schemas, from when to when. Seconds, UTC; until 0 is no end.

    `given_at` 0 is when it is noted. `purpose` and `evidence` are for people: why, and where the signed form lies;
    `sha256` is of that form, hex.
    """

    schemas: tuple[str, ...]
    given_at: int
    until: int = 0
    purpose: str = ""
    evidence: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """From when on a subject does not agree any more: to records of one schema, or to all."""

    scope: str
    at: int


@dataclass(frozen=True, slots=True)
class Subject:
    """A person or firm. `since` is the date of birth or incorporation, ISO 8601, empty where it is not known."""

    kind: SubjectKind
    name: str
    identifiers: tuple[Identifier, ...]
    since: str = ""
    contact: str = ""
    consents: tuple[Consent, ...] = ()
    withdrawals: tuple[Withdrawal, ...] = ()


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """What one row says: a subject, and its number in the register where the row is to change that one."""

    subject: Subject
    number: int | None = None


COLUMNS = {
    *("number", "type", "name", "date", "contact", *_IDENTIFIER_COLUMNS),
    *("consent_scope", "consent_given", "consent_until", "consent_purpose", "consent_evidence", "consent_sha256"),
}
"""What a row may have: `date` is of birth or incorporation; `consent_scope` is schema ids with spaces, or `all`."""


def subject_of(fields: Mapping[str, Any], known_schemas: frozenset[str], now: int) -> SubjectRow:
    """The subject that a row says; columns that are not there are empty.

    Raises:
        FieldInvalid: about a column: MISSING, TEXT, FORMULA, UNKNOWN_CODE, IDENTIFIER, DATE or NUMBER.
    """
    if unknown := sorted(set(fields) - COLUMNS):
        raise FieldInvalid(unknown[0][:64], RowReason.SCHEMA, f"no such column; there are {', '.join(sorted(COLUMNS))}")
    text = {column: _text(column, fields.get(column, "")) for column in COLUMNS}
    try:
        kind = SubjectKind(text["type"].lower())
    except ValueError:
        raise FieldInvalid("type", RowReason.UNKNOWN_CODE, f"is none of {', '.join(SubjectKind)}") from None
    if not text["name"]:
        raise FieldInvalid("name", RowReason.MISSING, "a subject has a name")
    since = _day("date", text["date"])
    identifiers = _identifiers(kind, text)
    if not identifiers:
        columns = ", ".join(one.lower() for one in OF_KIND[kind])
        raise FieldInvalid(columns, RowReason.MISSING, f"a {kind} has at least one of these identifiers")
    require_birth_date(identifiers, since)
    consents = _consents(text, known_schemas, now)
    subject = Subject(kind, text["name"], identifiers, since, text["contact"], consents)
    return SubjectRow(subject, _number(text["number"]))


def consent_of(text: Mapping[str, str], known_schemas: frozenset[str], now: int) -> Consent:
    """The consent that the columns `consent_...` say; a scope has to be.

    Raises:
        FieldInvalid: a schema that there is not, a date or a digest that is none, an end before the beginning.
    """
    schemas = tuple(dict.fromkeys(text.get("consent_scope", "").split()))
    if not schemas:
        raise FieldInvalid("consent_scope", RowReason.MISSING, f"schema ids, or {EVERY_SCHEMA}")
    if set(schemas) - known_schemas - {EVERY_SCHEMA}:
        known = ", ".join((*sorted(known_schemas), EVERY_SCHEMA))
        raise FieldInvalid("consent_scope", RowReason.UNKNOWN_CODE, f"names a schema that there is not; known: {known}")
    given = _instant("consent_given", text.get("consent_given", ""))
    until = _instant("consent_until", text.get("consent_until", ""))
    if until and until <= (given or now):
        raise FieldInvalid("consent_until", RowReason.DATE, "ends before it was given")
    sha256 = text.get("consent_sha256", "").lower()
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise FieldInvalid("consent_sha256", RowReason.TEXT, "is not 64 hex digits")
    purpose, evidence = text.get("consent_purpose", ""), text.get("consent_evidence", "")
    return Consent(schemas, given, until, purpose, evidence, sha256)


def consent_refusal(
    consents: Iterable[Consent], withdrawals: Iterable[Withdrawal], schema: str, now: int
) -> tuple[RowReason, str] | None:
    """Why records of a schema may not be taken in now, of a subject's consents; None where they may.

    A consent holds from when it was given until its end, unless something withdrew it that came not before it.
    """
    given = [one for one in consents if (schema in one.schemas or EVERY_SCHEMA in one.schemas) and one.given_at <= now]
    if not given:
        return RowReason.CONSENT_MISSING, f"no consent for {schema}"
    withdrawn_at = max((one.at for one in withdrawals if one.scope in (schema, EVERY_SCHEMA)), default=0)
    left = [one for one in given if one.given_at > withdrawn_at]
    if not left:
        return RowReason.CONSENT_ENDED, f"the consent for {schema} was withdrawn"
    if not any(one.until == 0 or now < one.until for one in left):
        return RowReason.CONSENT_ENDED, f"the consent for {schema} has ended"
    return None


def same_name(one: str, other: str) -> bool:
    """Whether two spellings differ at most in case and spaces."""
    return one.casefold().split() == other.casefold().split()


def require_birth_date(identifiers: tuple[Identifier, ...], since: str) -> None:
    """Demand that a date of birth is the one that a resident ID says.

    Raises:
        FieldInvalid: it is another.
    """
    for one in identifiers:
        if one.type == IdentifierType.CN_RESIDENT_ID and since and one.number[6:14] != since.replace("-", ""):
            raise FieldInvalid("date", RowReason.DATE, "is not the birth date that the resident ID says")


def _consents(text: Mapping[str, str], known_schemas: frozenset[str], now: int) -> tuple[Consent, ...]:
    if not any(value for column, value in text.items() if column.startswith("consent_")):
        return ()
    return (consent_of(text, known_schemas, now),)


def _text(column: str, value: object) -> str:
    if not isinstance(value, str):
        raise FieldInvalid(column, RowReason.TEXT, "is not text")
    stripped = value.strip()
    if len(stripped) > GREATEST_TEXT:
        raise FieldInvalid(column, RowReason.TOO_LARGE, f"longer than {GREATEST_TEXT} characters")
    canonicalise({column: stripped})
    if is_formula(stripped):
        raise FieldInvalid(column, RowReason.FORMULA, "begins like a formula; write it without the sign")
    return stripped


def _identifiers(kind: SubjectKind, text: Mapping[str, str]) -> tuple[Identifier, ...]:
    """Several of one type stand in one column, with a semicolon between."""
    found: dict[Identifier, None] = {}
    for column, identifier_type in _IDENTIFIER_COLUMNS.items():
        for number in filter(None, map(str.strip, text[column].split(";"))):
            if identifier_type not in OF_KIND[kind]:
                raise FieldInvalid(column, RowReason.IDENTIFIER, f"no identifier of a {kind}")
            found[Identifier(identifier_type.value, check(identifier_type, number, field=column))] = None
    if len(found) > GREATEST_IDENTIFIERS:
        raise FieldInvalid("type", RowReason.TOO_LARGE, f"more than {GREATEST_IDENTIFIERS} identifiers")
    return tuple(found)


def _number(text: str) -> int | None:
    if text and not (text.isascii() and text.isdecimal() and len(text) < 19 and int(text)):
        raise FieldInvalid("number", RowReason.NUMBER, "is not a subject's number")
    return int(text) if text else None


def _day(column: str, text: str) -> str:
    if text and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise FieldInvalid(column, RowReason.DATE, "not written as YYYY-MM-DD")
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        raise FieldInvalid(column, RowReason.DATE, "is no day of the calendar") from None


def _instant(column: str, text: str) -> int:
    """Seconds of a UTC date's start, or of an instant; 0 for none."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
        seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        seconds = 0
    if seconds <= 0:
        raise FieldInvalid(column, RowReason.DATE, "is no date after 1970, e.g. 2027-01-31")
    return seconds
