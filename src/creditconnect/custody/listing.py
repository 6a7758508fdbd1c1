"""Lists of a vault's records, and how many there are of each state: from indexes, never by reading them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from creditconnect.custody.database import Database

GREATEST_NUMBER = 2**63 - 1


class RecordStanding(StrEnum):
    """Where a record stands in this home; what became of it on the chain is the registry's word."""

    WAITING = "waiting"
    UNDER_WAY = "under way"
    REGISTERED = "registered"


@dataclass(frozen=True, slots=True)
class ListedRecord:
    """A record of the vault, without what it says."""

    number: int
    record_hash: bytes
    schema: str
    file: int
    file_name: str
    line: int
    expires_at: int
    standing: RecordStanding


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records stand where."""

    waiting: int
    under_way: int
    registered: int


_OPEN = "(SELECT id FROM transactions WHERE state IN ('stored', 'mined'))"
# Each condition is one that an index answers, the newest first; `registered` is what most records are.
_CONDITIONS = {
    RecordStanding.WAITING: "records.tx IS NULL AND records.found = 0",
    RecordStanding.UNDER_WAY: f"records.tx IN {_OPEN}",
    RecordStanding.REGISTERED: f"(records.found = 1 OR (records.tx IS NOT NULL AND records.tx NOT IN {_OPEN}))",
}


def newest_records(
    database: Database,
    limit: int,
    *,
    before: int | None = None,
    file: int | None = None,
    standing: RecordStanding | None = None,
    subjects: Sequence[bytes] | None = None,
) -> list[ListedRecord]:
    """Records of all the conditions given, the newest first, from below the number `before` on.

    `subjects` are a subject's digests, `Vault.subject_digest` of each of its identifiers.
    """
    conditions = ["records.id < ?"]
    values: list[object] = [before or GREATEST_NUMBER]
    if file is not None:
        conditions.append("records.file = ?")
        values.append(file)
    if standing is not None:
        conditions.append(_CONDITIONS[standing])
    if subjects is not None:
        marks = ",".join("?" * len(subjects))
        conditions.append(f"records.id IN (SELECT record FROM record_subjects WHERE subject IN ({marks}))")
        values += subjects
    with database.read() as connection:
        rows = connection.execute(
            "SELECT records.id, record_hash, records.schema, file, files.name, line, records.expires_at, found,"
            " transactions.state FROM records JOIN files ON files.id = records.file"
            " LEFT JOIN transactions ON transactions.id = records.tx"
            f" WHERE {' AND '.join(conditions)} ORDER BY records.id DESC LIMIT ?",
            (*values, limit),
        ).fetchall()
    return [
        ListedRecord(number, record_hash, schema, of_file, name, line, expires_at, _standing(found, state))
        for number, record_hash, schema, of_file, name, line, expires_at, found, state in rows
    ]


def count_records(database: Database) -> Counts:
    """How many records stand where, each count from an index of its own."""
    with database.read() as connection:
        (total,) = connection.execute("SELECT count(*) FROM records").fetchone()
        (waiting,) = connection.execute("SELECT count(*) FROM records WHERE tx IS NULL AND found = 0").fetchone()
        (under_way,) = connection.execute(f"SELECT count(*) FROM records WHERE tx IN {_OPEN}").fetchone()
    return Counts(waiting, under_way, total - waiting - under_way)


def _standing(found: int, state: str | None) -> RecordStanding:
    if state is None:
        return RecordStanding.REGISTERED if found else RecordStanding.WAITING
    return RecordStanding.UNDER_WAY if state in ("stored", "mined") else RecordStanding.REGISTERED
