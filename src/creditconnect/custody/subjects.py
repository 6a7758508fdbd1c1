"""The register of subjects: persons and firms, sealed under the vault's data key, found by keyed digests.

Who has the database alone learns how many there are, of which kind and since when, and nothing of whom. One identifier
belongs to one subject; what would make two subjects one, or give one another name, is refused by the subject's number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from creditconnect.custody.vault import Vault
from creditconnect.errors import FieldInvalid, UsageError
from creditconnect.reasons import RowReason
from creditconnect.records.identifiers import Identifier
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import Schema
from creditconnect.records.subjects import (
    EVERY_SCHEMA,
    GREATEST_IDENTIFIERS,
    Consent,
    Subject,
    SubjectKind,
    SubjectRow,
    Withdrawal,
    consent_refusal,
    require_birth_date,
    same_name,
)

TABLE = "subjects"
# Of a subject's number: SQLite counts in 63 bits.
GREATEST_NUMBER = 2**63 - 1
_LOOKED_UP_AT_ONCE = 500


class Registered(StrEnum):
    """What registering a row came to."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A subject of the register, in the clear, by its number."""

    number: int
    registered_at: int
    subject: Subject


class SubjectRegister:
    """The register in one opened vault."""

    def __init__(self, vault: Vault, *, clock: Callable[[], float]) -> None:
        self._vault = vault
        self._clock = clock

    def register(self, rows: Sequence[SubjectRow]) -> list[tuple[int, Registered] | FieldInvalid]:
        """Enter subjects, or add to those that have an identifier of a row, in one commit.

        Each row's answer is the subject's number and what that changed, or why it was refused, which keeps no other
        row back: an identifier belongs to another subject, or to one of another name or date. A row that says the
        subject's number may also give it another name, date or contact.
        """
        answers: list[tuple[int, Registered] | FieldInvalid] = []
        with self._vault.database.write() as connection:
            for row in rows:
                try:
                    answers.append(self._register(connection, row))
                except FieldInvalid as refused:
                    answers.append(refused)
        return answers

    def get(self, number: int) -> KnownSubject:
        """A subject by its number.

        Raises:
            UsageError: there is none; Tampered: it does not open.
        """
        with self._vault.database.read() as connection:
            return self._read(connection, number)

    def number_of(self, identifier: Identifier) -> int | None:
        """The number of the subject that has this identifier."""
        return self._owners([identifier]).get(identifier)

    def having(self, identifiers: Iterable[Identifier]) -> dict[Identifier, KnownSubject]:
        """The subjects that have these identifiers; those that nobody has are left out.

        Raises:
            Tampered: a subject does not open.
        """
        owners = self._owners(identifiers)
        rows = self._look_up(f"SELECT {_COLUMNS} FROM subjects WHERE id IN", list(set(owners.values())))
        known = {one.number: one for one in map(self._opened, rows)}
        return {identifier: known[number] for identifier, number in owners.items()}

    def newest(self, limit: int, *, before: int | None = None, kind: SubjectKind | None = None) -> list[KnownSubject]:
        """Subjects, the newest first, from below the number `before` on."""
        of_kind, parameters = ("kind = ? AND", [kind]) if kind else ("", [])
        with self._vault.database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM subjects WHERE {of_kind} id < ? ORDER BY id DESC LIMIT ?",
                (*parameters, before or GREATEST_NUMBER, limit),
            ).fetchall()
        return [self._opened(row) for row in rows]

    def count(self) -> int:
        with self._vault.database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM subjects").fetchone()[0])

    def add_consent(self, number: int, consent: Consent) -> KnownSubject:
        """Note a consent; one that is noted already, and was not withdrawn since, changes nothing."""

        def noted(subject: Subject) -> Subject:
            last = max((one.at for one in subject.withdrawals), default=0)
            known = [one for one in subject.consents if one.given_at > last]
            given_at = consent.given_at or max(int(self._clock()), last + 1)
            if _is_among(consent, known):
                return subject
            return replace(subject, consents=(*subject.consents, replace(consent, given_at=given_at)))

        return self._changed(number, noted)

    def withdraw(self, number: int, scope: str = EVERY_SCHEMA) -> KnownSubject:
        """From now on the subject does not agree to records of a schema, or to any; consents stay noted.

        Raises:
            UsageError: there is no subject of that number, or it never agreed to that.
        """

        def withdrawn(subject: Subject) -> Subject:
            if not any(scope == EVERY_SCHEMA or {scope, EVERY_SCHEMA} & set(one.schemas) for one in subject.consents):
                raise UsageError(f"subject {number} never agreed to {scope}", hint="see creditconnect subject show")
            return replace(subject, withdrawals=(*subject.withdrawals, Withdrawal(scope, int(self._clock()))))

        return self._changed(number, withdrawn)

    # ------------------------------------------------------------------------------------------- rows of submissions

    def refusals(self, schema: Schema, rows: Sequence[Prepared]) -> dict[int, FieldInvalid]:
        """Why rows may not be taken in, by their places in `rows`.

        Each identifier has to be registered, all of a row for one subject, and that subject's consent to cover the
        schema now. A row that says nothing of whom it is about is refused.
        """
        now = int(self._clock())
        owners = self._owners(one for row in rows for one in row.subjects)
        refused = self._refused(set(owners.values()), schema.id, now)
        found = {}
        for at, row in enumerate(rows):
            refusal = _refusal(row, owners, refused)
            if refusal is not None:
                place, reason, message = refusal
                found[at] = FieldInvalid(schema.identifier_field(place), reason, message)
        return found

    def _owners(self, identifiers: Iterable[Identifier]) -> dict[Identifier, int]:
        by_digest = {self._vault.subject_digest(one): one for one in identifiers}
        return {by_digest[digest]: number for digest, number in self._look_up(_OWNERS, list(by_digest))}

    def _refused(self, numbers: set[int], schema: str, now: int) -> dict[int, tuple[RowReason, str] | None]:
        rows = self._look_up(f"SELECT {_COLUMNS} FROM subjects WHERE id IN", list(numbers))
        found = {}
        for number, _, key_number, sealed in rows:
            # Of each subject only what it agreed to: this is asked of every row that is submitted.
            said = orjson.loads(self._vault.open_row(TABLE, number, key_number, sealed))
            found[number] = consent_refusal(*_agreed(said), schema, now)
        return found

    def _look_up(self, query: str, keys: Sequence[object]) -> list[Any]:
        found: list[Any] = []
        with self._vault.database.read() as connection:
            for start in range(0, len(keys), _LOOKED_UP_AT_ONCE):
                chunk = keys[start : start + _LOOKED_UP_AT_ONCE]
                found += connection.execute(f"{query} ({','.join('?' * len(chunk))})", chunk).fetchall()
        return found

    # ------------------------------------------------------------------------------------------------------- private

    def _register(self, connection: sqlite3.Connection, row: SubjectRow) -> tuple[int, Registered]:
        """Refuses, if it does, before it writes anything."""
        digests = [self._vault.subject_digest(one) for one in row.subject.identifiers]
        number = _owner(connection, digests, row)
        if number is None:
            return self._enter(connection, row.subject, digests), Registered.NEW
        before = self._read(connection, number).subject
        after = _merged(number, before, row, int(self._clock()))
        if after == before:
            return number, Registered.UNCHANGED
        self._keep(connection, number, after)
        _own(connection, number, digests)
        return number, Registered.CHANGED

    def _enter(self, connection: sqlite3.Connection, said: Subject, digests: list[bytes]) -> int:
        now = int(self._clock())
        subject = replace(said, consents=tuple(replace(one, given_at=one.given_at or now) for one in said.consents))
        (number,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM subjects").fetchone()
        sealed = self._vault.seal_row(TABLE, number, _written(subject))
        connection.execute(
            "INSERT INTO subjects (id, kind, registered_at, key_number, sealed) VALUES (?, ?, ?, ?, ?)",
            (number, subject.kind, now, *sealed),
        )
        _own(connection, number, digests)
        return int(number)

    def _changed(self, number: int, change: Callable[[Subject], Subject]) -> KnownSubject:
        with self._vault.database.write() as connection:
            before = self._read(connection, number)
            after = replace(before, subject=change(before.subject))
            if after != before:
                self._keep(connection, number, after.subject)
        return after

    def _keep(self, connection: sqlite3.Connection, number: int, subject: Subject) -> None:
        sealed = self._vault.seal_row(TABLE, number, _written(subject))
        connection.execute("UPDATE subjects SET key_number = ?, sealed = ? WHERE id = ?", (*sealed, number))

    def _read(self, connection: sqlite3.Connection, number: int) -> KnownSubject:
        row = None
        if 0 < number <= GREATEST_NUMBER:
            row = connection.execute(f"SELECT {_COLUMNS} FROM subjects WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise UsageError(f"there is no subject {number}", hint="see creditconnect subject list")
        return self._opened(row)

    def _opened(self, row: Any) -> KnownSubject:
        number, registered_at, key_number, sealed = row
        return KnownSubject(number, registered_at, _read_back(self._vault.open_row(TABLE, number, key_number, sealed)))


_COLUMNS = "id, registered_at, key_number, sealed"
_OWNERS = "SELECT digest, subject FROM subject_identifiers WHERE digest IN"


def _owner(connection: sqlite3.Connection, digests: list[bytes], row: SubjectRow) -> int | None:
    """The number of the one subject that has any of these identifiers, or that the row names."""
    if row.number is not None and not _exists(connection, row.number):
        raise FieldInvalid("number", RowReason.SUBJECT_UNKNOWN, "there is no subject of that number")
    found = dict(connection.execute(f"{_OWNERS} ({','.join('?' * len(digests))})", digests).fetchall())
    expected = row.number or next((found[digest] for digest in digests if digest in found), None)
    for identifier, digest in zip(row.subject.identifiers, digests, strict=True):
        if found.get(digest, expected) != expected:
            raise FieldInvalid(
                identifier.type.lower(),
                RowReason.SUBJECT_AMBIGUOUS,
                f"belongs to subject {found[digest]}, not to {expected}; one subject has each identifier",
            )
    return expected


def _exists(connection: sqlite3.Connection, number: int) -> bool:
    return connection.execute("SELECT 1 FROM subjects WHERE id = ?", (number,)).fetchone() is not None


def _own(connection: sqlite3.Connection, number: int, digests: list[bytes]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO subject_identifiers (digest, subject) VALUES (?, ?)",
        [(digest, number) for digest in digests],
    )


def _merged(number: int, known: Subject, row: SubjectRow, now: int) -> Subject:
    """What the register says of a subject once a row is added."""
    said = row.subject
    if said.kind != known.kind:
        raise FieldInvalid("type", RowReason.SUBJECT_AMBIGUOUS, f"subject {number} is a {known.kind}")
    if row.number is None:
        _require_same(number, known, said)
    identifiers = tuple(dict.fromkeys((*known.identifiers, *said.identifiers)))
    if len(identifiers) > GREATEST_IDENTIFIERS:
        raise FieldInvalid("type", RowReason.TOO_LARGE, f"more than {GREATEST_IDENTIFIERS} identifiers")
    since = said.since or known.since
    require_birth_date(identifiers, since)
    new = tuple(
        replace(one, given_at=one.given_at or now) for one in said.consents if not _is_among(one, known.consents)
    )
    return replace(
        known,
        # Another spelling of the same name changes nothing.
        name=known.name if same_name(known.name, said.name) else said.name,
        identifiers=identifiers,
        since=since,
        contact=said.contact or known.contact,
        consents=(*known.consents, *new),
    )


def _require_same(number: int, known: Subject, said: Subject) -> None:
    hint = f"if it is the same {known.kind}, say so by the column number"
    if not same_name(known.name, said.name):
        raise FieldInvalid("name", RowReason.SUBJECT_AMBIGUOUS, f"subject {number} has another name; {hint}")
    if known.since and said.since and known.since != said.since:
        raise FieldInvalid("date", RowReason.SUBJECT_AMBIGUOUS, f"subject {number} has another date; {hint}")


def _is_among(consent: Consent, known: Iterable[Consent]) -> bool:
    """Whether the same consent is noted; one without a day is the same whenever it was given.

    So a file that is registered again does not bring back what was withdrawn since.
    """
    return any(one == replace(consent, given_at=consent.given_at or one.given_at) for one in known)


def _refusal(
    row: Prepared, owners: Mapping[Identifier, int], refused: Mapping[int, tuple[RowReason, str] | None]
) -> tuple[int, RowReason, str] | None:
    """The place of the identifier that a row is refused for, the reason, and its words."""
    if not row.subjects:
        return 0, RowReason.SUBJECT_UNKNOWN, "it says nothing of whom it is about; a document: by the intake folder"
    for place, identifier in enumerate(row.subjects):
        owner = owners.get(identifier)
        if owner is None:
            return place, RowReason.SUBJECT_UNKNOWN, "no registered subject has it; creditconnect subject register"
        if owner != owners[row.subjects[0]]:
            first = owners[row.subjects[0]]
            return place, RowReason.SUBJECT_AMBIGUOUS, f"is of subject {owner}, the first identifier of {first}"
    refusal = refused[owners[row.subjects[0]]]
    return None if refusal is None else (0, *refusal)


def _written(subject: Subject) -> bytes:
    return orjson.dumps(
        {
            "kind": subject.kind,
            "name": subject.name,
            "identifiers": [list(one) for one in subject.identifiers],
            "since": subject.since,
            "contact": subject.contact,
            "consents": [asdict(one) for one in subject.consents],
            "withdrawals": [asdict(one) for one in subject.withdrawals],
        }
    )


def _read_back(plain: bytes) -> Subject:
    said = orjson.loads(plain)
    consents, withdrawals = _agreed(said)
    return Subject(
        kind=SubjectKind(said["kind"]),
        name=said["name"],
        identifiers=tuple(Identifier(*one) for one in said["identifiers"]),
        since=said["since"],
        contact=said["contact"],
        consents=consents,
        withdrawals=withdrawals,
    )


def _agreed(said: Mapping[str, Any]) -> tuple[tuple[Consent, ...], tuple[Withdrawal, ...]]:
    return (
        tuple([Consent(**{**one, "schemas": tuple(one["schemas"])}) for one in said["consents"]]),
        tuple([Withdrawal(**one) for one in said["withdrawals"]]),
    )
