"""Promise: the review log only grows; whoever gets past that leaves a break where he did it, and reads no note."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.review_log import Broken, ReviewAct, ReviewAction, ReviewEntry, ReviewLog
from creditconnect.custody.vault import Vault
from creditconnect.errors import CustodyError
from creditconnect.records.schemas import Schema
from creditconnect.types import Suite
from tests.unit.custody.conftest import PROVIDER, prepared, put

ONE, OTHER = "0x" + "11" * 20, "0x" + "22" * 20
RECORD, TX = b"r" * 8, b"t" * 32
PLAN = b'{"every":2}'
PLAN_HASH = hashlib.sha256(PLAN).digest()
CANARY = "canary 3f9d of a note"
NOW = 1_800_000_000
REST = "at, account, action, batch, record, reason, plan, tx, note, previous, hash"
GUARDS = ("review_log_fixed", "review_log_kept", "review_log_last", "review_plans_fixed", "review_plans_kept")


@pytest.fixture
def log(vault: Vault, suite: Suite) -> ReviewLog:
    """Six entries by two accounts, with one of each action."""
    log = ReviewLog(vault, suite, clock=lambda: NOW)
    log.keep_plan(PLAN_HASH, PLAN)
    log.add(ONE, ReviewAct(ReviewAction.LOOKED, 7, record=RECORD))
    log.add(OTHER, ReviewAct(ReviewAction.LOOKED, 7, record=RECORD))
    log.add(ONE, ReviewAct(ReviewAction.NOTED, 7, note=CANARY))
    excepted = ReviewAct(ReviewAction.EXCEPTED, 7, record=RECORD, reason=3)
    log.add(ONE, excepted, ReviewAct(ReviewAction.APPROVED, 7, plan=PLAN_HASH, note="fine").sent_by(TX))
    log.add(OTHER, ReviewAct(ReviewAction.REJECTED, 8, reason=1))
    return log


@pytest.fixture
def unguarded(database: Database) -> Iterator[sqlite3.Connection]:
    """Whoever has the file and takes the triggers away."""
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        for trigger in GUARDS:
            connection.execute(f"DROP TRIGGER {trigger}")
        yield connection


def test_entries__what_was_added__comes_back_in_order(log: ReviewLog) -> None:
    entries = log.entries()
    assert [(e.number, e.account, e.action, e.batch) for e in entries] == [
        (1, ONE, "looked", 7),
        (2, OTHER, "looked", 7),
        (3, ONE, "noted", 7),
        (4, ONE, "excepted", 7),
        (5, ONE, "approved", 7),
        (6, OTHER, "rejected", 8),
    ]
    assert entries[4] == ReviewEntry(5, NOW, ONE, "approved", 7, None, None, PLAN_HASH, TX, "fine")
    assert entries[3] == ReviewEntry(4, NOW, ONE, "excepted", 7, RECORD, 3, None, None, "")
    assert entries[2].note == CANARY
    assert log.entries(8) == entries[5:]
    assert log.plans() == {PLAN_HASH: {"every": 2}}
    assert log.broken() == []


def test_looked_at__by_record_and_account__of_that_batch_alone(log: ReviewLog) -> None:
    log.add(ONE, ReviewAct(ReviewAction.LOOKED, 7, record=RECORD), ReviewAct(ReviewAction.NOTED, 7, record=b"n" * 8))
    assert {record: sorted(accounts) for record, accounts in log.looked_at(7).items()} == {RECORD: [ONE, OTHER]}
    assert log.looked_at(8) == {}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", NOW - 60),
        ("at", 2**60),
        ("account", f"'{OTHER}'"),
        ("account", "'e\u0301'"),
        ("action", "'rejected'"),
        ("batch", 9),
        ("record", "x'00'"),
        ("reason", 2),
        ("plan", "NULL"),
        ("tx", "x'00'"),
        ("tx", "NULL"),
        ("note", "NULL"),
        ("previous", "x'00'"),
        ("hash", "x'00'"),
    ],
)
def test_broken__any_column_changed__names_the_entry(
    log: ReviewLog, unguarded: sqlite3.Connection, column: str, value: object
) -> None:
    unguarded.execute(f"UPDATE review_log SET {column} = {value} WHERE number = 5")
    assert Broken(5, "entry 5 was changed or put in") in log.broken()


@pytest.mark.parametrize(
    ("numbers", "broken"),
    [
        ((1,), Broken(1, "entry 1 taken out")),
        ((3,), Broken(3, "entry 3 taken out")),
        ((2, 3, 4), Broken(2, "entries 2 to 4 taken out")),
    ],
)
def test_broken__entries_taken_out__names_them_and_no_others(
    log: ReviewLog, unguarded: sqlite3.Connection, numbers: tuple[int, ...], broken: Broken
) -> None:
    unguarded.execute(f"DELETE FROM review_log WHERE number IN ({','.join(map(str, numbers))})")
    assert log.broken() == [broken]


def test_broken__taken_out_and_the_rest_numbered_anew__is_told(log: ReviewLog, unguarded: sqlite3.Connection) -> None:
    unguarded.execute("DELETE FROM review_log WHERE number = 3")
    for number in (4, 5, 6):
        unguarded.execute("UPDATE review_log SET number = number - 1 WHERE number = ?", (number,))
    assert log.broken()[0] == Broken(3, "entry 3 does not follow the one before it")
    assert Broken(5, "entry 5 was changed or put in") in log.broken()


@pytest.mark.parametrize(("number", "said"), [(7, 7), (0, 0), (-4, -4)])
def test_broken__an_entry_put_in__is_told(
    log: ReviewLog, unguarded: sqlite3.Connection, number: int, said: int
) -> None:
    """A copy of the look of entry 1, at the end or before the beginning; at the end with the right predecessor."""
    unguarded.execute(
        "INSERT INTO review_log SELECT ?, at, account, action, batch, record, reason, plan, tx, note,"
        " (SELECT hash FROM review_log WHERE number = 6), hash FROM review_log WHERE number = 1",
        (number,),
    )
    assert Broken(said, f"entry {said} was changed or put in") in log.broken()


def test_broken__two_entries_swapped__both_are_told(log: ReviewLog, unguarded: sqlite3.Connection) -> None:
    for old, new in ((1, 100), (2, 1), (100, 2)):
        unguarded.execute("UPDATE review_log SET number = ? WHERE number = ?", (new, old))
    changed = [one.number for one in log.broken() if one.message.endswith("was changed or put in")]
    assert changed == [1, 2]


def test_broken__a_chain_written_anew_without_the_key__is_told(
    log: ReviewLog, unguarded: sqlite3.Connection, tmp_path: Path, suite: Suite
) -> None:
    """The whole log copied from a vault of another passphrase, where it verifies."""
    other_database = Database(tmp_path / "other.db", tables.MIGRATIONS)
    keyring = Keyring.create(tmp_path / "other.json", "another passphrase", scrypt_work=2)
    other = ReviewLog(Vault(other_database, keyring, PROVIDER, suite), suite, clock=lambda: NOW)
    other.add(OTHER, ReviewAct(ReviewAction.APPROVED, 7))
    assert other.broken() == []
    with other_database.read() as connection:
        forged = connection.execute("SELECT * FROM review_log").fetchall()
    other_database.close()
    unguarded.execute("DELETE FROM review_log")
    unguarded.executemany(f"INSERT INTO review_log VALUES ({','.join('?' * 12)})", forged)
    assert log.broken() == [Broken(1, "entry 1 was changed or put in")]


@pytest.mark.parametrize("statement", ["UPDATE review_plans SET plan = '{}'", "DELETE FROM review_plans"])
def test_broken__a_plan_changed_or_taken_out__names_the_entry_and_shows_no_other(
    log: ReviewLog, unguarded: sqlite3.Connection, statement: str
) -> None:
    unguarded.execute(statement)
    assert log.broken() == [Broken(5, "the sampling plan of entry 5 was changed or taken out")]
    assert log.plans() == {}


def test_entries__a_note_moved_to_another_entry__does_not_open(log: ReviewLog, unguarded: sqlite3.Connection) -> None:
    unguarded.execute("UPDATE review_log SET note = (SELECT note FROM review_log WHERE number = 3) WHERE number = 5")
    assert [entry.note for entry in log.entries()] == ["", "", CANARY, "", None, ""]


# ---------------------------------------------------------------------------------------------------------- the guards


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE review_log SET action = 'approved'",
        "UPDATE review_log SET hash = hash",
        "DELETE FROM review_log WHERE number = 6",
        "INSERT OR REPLACE INTO review_log SELECT * FROM review_log WHERE number = 6",
        f"INSERT INTO review_log SELECT 8, {REST} FROM review_log WHERE number = 6",
        f"INSERT INTO review_log SELECT NULL, {REST} FROM review_log WHERE number = 6",
        "UPDATE review_plans SET plan = '{}'",
        "DELETE FROM review_plans",
        "INSERT OR REPLACE INTO review_plans SELECT hash, '{}' FROM review_plans",
    ],
)
def test_triggers__through_the_vaults_own_connection__refuse_and_nothing_changes(
    log: ReviewLog, database: Database, statement: str
) -> None:
    before = log.entries(), log.plans()
    refused = pytest.raises(sqlite3.IntegrityError, match=r"never (altered|shortened|deleted)|only grows")
    with refused, database.write() as connection:
        connection.execute(statement)
    assert (log.entries(), log.plans(), log.broken()) == (*before, [])


@pytest.mark.parametrize("column", ["id", "sender", "nonce", "hash", "raw", "data", "action", "signed_at"])
def test_triggers__a_signed_transaction__is_never_altered(database: Database, column: str) -> None:
    _sign(database)
    with pytest.raises(sqlite3.IntegrityError, match="never altered"), database.write() as connection:
        connection.execute(f"UPDATE transactions SET {column} = {column}")
    with database.write() as connection:
        connection.execute("UPDATE transactions SET state = 'lost', error = 'e', block_number = 1")


REVIEWERS_ATTACKS = (
    "UPDATE records SET sealed = x'00'",
    "UPDATE records SET commitment = x'00'",
    "UPDATE records SET expires_at = 1",
    "UPDATE records SET key_number = 1",
    "UPDATE OR REPLACE records SET id = 1",
    "INSERT OR REPLACE INTO records SELECT * FROM records",
    "DELETE FROM records",
    "UPDATE files SET name = 'other'",
    "UPDATE files SET rejected = 9",
    "DELETE FROM record_subjects",
    "INSERT INTO record_subjects SELECT x'00', id FROM records",
    "UPDATE wrapped_keys SET wrapped = x'00'",
    "UPDATE transactions SET raw = x'00'",
    "DELETE FROM transactions",
    (
        "INSERT OR REPLACE INTO transactions (id, sender, nonce, hash, raw, data, action, state, signed_at)"
        " SELECT id, sender, nonce, hash, x'00', data, action, state, signed_at FROM transactions"
    ),
    (
        "INSERT OR REPLACE INTO transactions (sender, nonce, hash, raw, data, action, state, signed_at)"
        " SELECT sender, nonce, x'01', x'00', data, action, state, signed_at FROM transactions"
    ),
    "UPDATE review_log SET account = 'x'",
    "DELETE FROM review_log",
    "INSERT OR REPLACE INTO review_plans SELECT hash, '{}' FROM review_plans",
    "DROP TRIGGER records_fixed",
    "CREATE TEMP TRIGGER t AFTER INSERT ON review_log BEGIN UPDATE records SET sealed = x'00'; END",
    "PRAGMA recursive_triggers = OFF",
    "PRAGMA writable_schema = ON",
    "ATTACH ':memory:' AS other",
)


@pytest.mark.parametrize("statement", REVIEWERS_ATTACKS)
def test_reviewers_connection__writes_what_was_submitted__refused_and_nothing_changes(
    log: ReviewLog, vault: Vault, database: Database, schema: Schema, statement: str
) -> None:
    put(vault, schema, prepared(1))
    _sign(database)
    before = _dump(database)
    database.restrict(tables.REVIEWERS_WRITES)
    with pytest.raises((CustodyError, sqlite3.IntegrityError)) as raised, database.write() as connection:
        connection.execute(statement)
    assert re.search(r"can't alter what was submitted|never (altered|deleted)", str(raised.value))
    assert _dump(database) == before
    log.add(ONE, ReviewAct(ReviewAction.LOOKED, 9))
    assert log.entries()[-1].batch == 9, "what a reviewer may write is still written"


def test_notes__in_the_databases_files__are_nowhere_in_the_clear(log: ReviewLog, database: Database) -> None:
    assert log.entries()[2].note == CANARY
    files = list(database.path.parent.glob(f"{database.path.name}*"))
    assert len(files) > 1, "the write-ahead log too"
    for file in files:
        assert CANARY.encode() not in file.read_bytes()
    with database.read() as connection:
        (sealed,) = connection.execute("SELECT note FROM review_log WHERE number = 3").fetchone()
    assert any(sealed in file.read_bytes() for file in files), "where the note would be"


def test_notes__the_same_twice__are_not_to_be_told_apart_from_two_others(log: ReviewLog, database: Database) -> None:
    log.add(ONE, ReviewAct(ReviewAction.NOTED, 7, note=CANARY))
    with database.read() as connection:
        first, second = connection.execute("SELECT note FROM review_log WHERE number IN (3, 7)").fetchall()
    assert first != second


def _sign(database: Database) -> None:
    """A transaction that is to be sent, and carries what records there are."""
    with database.write() as connection:
        connection.execute(
            "INSERT INTO transactions (id, sender, nonce, hash, raw, data, action, state, signed_at)"
            " VALUES (1, ?, 0, x'aa', x'bb', x'cc', 'register', 'stored', 0)",
            (ONE,),
        )
        connection.execute("UPDATE records SET tx = 1")


def _dump(database: Database) -> list[tuple[object, ...]]:
    with database.read() as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [(name, *row) for name in names for row in connection.execute(f"SELECT * FROM {name}")]
