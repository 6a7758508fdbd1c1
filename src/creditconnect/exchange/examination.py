"""What a reviewer is shown beside each row: what is doubtful, what changed, what else there is of the subject.

Decides nothing and keeps nothing; reads the vault and its register of subjects, and asks for the records' states on
the chain once a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from creditconnect.custody.subjects import KnownSubject, SubjectRegister
from creditconnect.custody.vault import StoredRecord, Vault
from creditconnect.errors import Tampered
from creditconnect.exchange.review import BatchRow
from creditconnect.records.canonical import read_canonical
from creditconnect.records.differences import Difference, differences
from creditconnect.records.identifiers import Identifier
from creditconnect.records.plausibility import Finding, Plausibility, Severity
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.records.subjects import SubjectKind
from creditconnect.types import RecordState

IDENTITY_CONFLICT = "identity-conflict"
UNREADABLE = "unreadable"
# Of one subject, the newest: nobody compares with more, and a wrong identifier may be on a million.
GREATEST_RELATED = 50
# What a record may be a later version of.
_CURRENT = {RecordState.ACTIVE.name, RecordState.DISPUTED.name, "EXPIRED"}
# What was found wrong already is no evidence against what comes after it.
_FOUND_WRONG = {RecordState.REJECTED.name, RecordState.REVOKED.name}
_PARTS = {"name": "name", "born": "date of birth", "incorporated": "date of incorporation"}
_SINCE = {SubjectKind.PERSON: "born", SubjectKind.FIRM: "incorporated"}

States = Callable[[list[StoredRecord]], list[str]]


@dataclass(frozen=True, slots=True)
class Related:
    """Another record of this vault about the same subject; `state` is a `RecordState`'s name, or EXPIRED."""

    id: int
    record_hash: bytes
    schema: str
    file: int
    line: int
    state: str


@dataclass(frozen=True, slots=True)
class Examined:
    """A row with what there is to say of it.

    `predecessor` is the newest earlier record of the same schema that is current on the chain, `changes` what the row
    says differently; `related` is newest first, at most `GREATEST_RELATED` earlier and later ones.
    """

    row: BatchRow
    findings: tuple[Finding, ...]
    predecessor: Related | None
    changes: tuple[Difference, ...]
    related: tuple[Related, ...]

    @property
    def is_new(self) -> bool:
        """Whether this vault has no earlier record of the subject that was not found wrong."""
        own = self.row.stored
        return not any(own is not None and one.id < own.id and one.state not in _FOUND_WRONG for one in self.related)


class Examination:
    """Examines rows of one vault."""

    def __init__(
        self,
        vault: Vault,
        register: SubjectRegister,
        schemas: SchemaCatalogue,
        limits: Mapping[str, Plausibility],
        states: States,
    ) -> None:
        """`states` gives each record's state on the chain."""
        self._vault = vault
        self._register = register
        self._schemas = schemas
        self._limits = limits
        self._states_of = states
        self._subjects: dict[Identifier, list[StoredRecord]] = {}
        self._opened: dict[int, dict[str, Any] | None] = {}
        self._states: dict[int, str] = {}

    def examine(self, rows: Sequence[BatchRow], on: date) -> list[Examined]:
        """Every row, in the order given; `on` is the day on which the batch was registered.

        Raises:
            Tampered: a registered subject does not open.
        """
        related = [self._related(row) for row in rows]
        self._ask_states(record for records in related for record in records)
        known = self._register.having(one for row in rows for one in self._identifiers(row))
        return [self._examined(row, records, known, on) for row, records in zip(rows, related, strict=True)]

    # ------------------------------------------------------------------------------------------------------- private

    def _examined(
        self, row: BatchRow, records: list[StoredRecord], known: Mapping[Identifier, KnownSubject], on: date
    ) -> Examined:
        if row.stored is None or row.record is None:
            return Examined(row, (), None, (), ())
        related = [self._as_related(record) for record in records]
        earlier = [one for one in related if one.id < row.stored.id]
        own = self._limits[row.stored.schema].findings(row.record, on)
        subjects = {known[one].number: known[one] for one in self._identifiers(row) if one in known}
        conflicts = (
            *self._register_conflicts(row.stored, row.record, subjects.values()),
            *self._conflicts(row.stored, row.record, earlier),
        )
        predecessor = next((one for one in earlier if one.schema == row.stored.schema and one.state in _CURRENT), None)
        before = None if predecessor is None else self._opened[predecessor.id]
        changes = () if before is None else tuple(differences(before, row.record))
        return Examined(row, (*conflicts, *own), predecessor, changes, tuple(related))

    def _register_conflicts(
        self, own: StoredRecord, record: dict[str, Any], subjects: Iterable[KnownSubject]
    ) -> Iterator[Finding]:
        """Where the register has another name or date under the same identifier."""
        said = self._limits[own.schema].identity_of(record)
        for one in subjects:
            registered = {"name": one.subject.name, _SINCE[one.subject.kind]: one.subject.since}
            for part, value in registered.items():
                if value and part in said and _plain(said[part].value) != _plain(value):
                    yield Finding(
                        IDENTITY_CONFLICT,
                        said[part].pointer,
                        Severity.HIGH,
                        f"another {_PARTS.get(part, part)} than registered subject {one.number} has",
                    )

    def _conflicts(self, own: StoredRecord, record: dict[str, Any], earlier: list[Related]) -> Iterator[Finding]:
        """Where the same identifier was somebody else's before: told once a part, against the newest that differs."""
        said = self._limits[own.schema].identity_of(record)
        told = set[str]()
        for one in earlier:
            before = self._opened[one.id]
            if before is None:
                yield Finding(
                    UNREADABLE,
                    "",
                    Severity.MEDIUM,
                    f"the subject's earlier record {one.record_hash.hex()} does not open",
                )
                continue
            if one.state in _FOUND_WRONG:
                continue
            was = self._limits[one.schema].identity_of(before)
            for part in sorted((said.keys() & was.keys()) - told):
                if _plain(said[part].value) != _plain(was[part].value):
                    told.add(part)
                    yield Finding(
                        IDENTITY_CONFLICT,
                        said[part].pointer,
                        Severity.HIGH,
                        f"another {_PARTS.get(part, part)} under the same identifier in record {one.record_hash.hex()}",
                    )

    def _related(self, row: BatchRow) -> list[StoredRecord]:
        """The other records about whom a row is about, newest first; each opened once."""
        if row.stored is None:
            return []
        found: dict[int, StoredRecord] = {}
        for subject in self._identifiers(row):
            found |= {record.id: record for record in self._about(subject) if record.id != row.stored.id}
        earlier = sorted((number for number in found if number < row.stored.id), reverse=True)[:GREATEST_RELATED]
        later = sorted(number for number in found if number > row.stored.id)[:GREATEST_RELATED]
        for number in earlier:
            self._open(found[number])
        return [found[number] for number in (*reversed(later), *earlier)]

    def _identifiers(self, row: BatchRow) -> tuple[Identifier, ...]:
        if row.stored is None or row.record is None:
            return ()
        return self._schemas.load(row.stored.schema).identifiers(row.record)

    def _about(self, subject: Identifier) -> list[StoredRecord]:
        if subject not in self._subjects:
            self._subjects[subject] = self._vault.by_subject(subject)
        return self._subjects[subject]

    def _open(self, record: StoredRecord) -> None:
        if record.id not in self._opened:
            try:
                self._opened[record.id] = read_canonical(self._vault.open(record).canonical)
            except Tampered:
                self._opened[record.id] = None

    def _ask_states(self, records: Iterable[StoredRecord]) -> None:
        wanted = {record.id: record for record in records if record.id not in self._states}
        if wanted:
            self._states |= dict(zip(wanted, self._states_of(list(wanted.values())), strict=True))

    def _as_related(self, record: StoredRecord) -> Related:
        return Related(
            record.id, record.derived.record_hash, record.schema, record.file, record.line, self._states[record.id]
        )


def _plain(value: object) -> str:
    """A name as one compares it: case and spacing say nothing."""
    return " ".join(str(value).split()).casefold()
