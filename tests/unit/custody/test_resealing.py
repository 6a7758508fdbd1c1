"""Promise: a rotation leaves every record open at every moment, under a key that whoever is at work notices."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from creditconnect.custody import tables
from creditconnect.custody.data_keys import DataKeys
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.resealing import CHUNK_RECORDS, Resealed, Resealing
from creditconnect.custody.vault import Vault
from creditconnect.errors import Tampered
from creditconnect.records.commitments import derive
from creditconnect.records.schemas import Schema
from creditconnect.types import Suite
from tests.unit.custody.conftest import PASSPHRASE, PROVIDER, SCRYPT_WORK, prepared, put

RECORDS = 2 * CHUNK_RECORDS + 5


class Cut(Exception):
    """As a kill between two chunks."""


def rotate(database: Database, keyring: Keyring, suite: Suite) -> Resealed:
    return Resealing(database, keyring, suite, sleep=lambda seconds: None).run()


def cut_short(database: Database, keyring: Keyring, suite: Suite, *, after: int) -> None:
    def progress(done: int, total: int) -> None:
        if done >= after:
            raise Cut

    with pytest.raises(Cut):
        Resealing(database, keyring, suite, sleep=lambda seconds: None).run(progress)


def opened(vault: Vault) -> list[bytes]:
    with vault.database.read() as connection:
        hashes = connection.execute("SELECT record_hash FROM records ORDER BY id").fetchall()
    return [vault.open(vault.by_hash(one)[0]).canonical for (one,) in hashes]


def key_numbers(database: Database) -> dict[int, int]:
    with database.read() as connection:
        return dict(connection.execute("SELECT key_number, count(*) FROM records GROUP BY key_number"))


def test_rotate__every_record__opens_under_the_new_key_and_is_what_it_was(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    rows = prepared(RECORDS)
    put(vault, schema, rows)
    before = vault.by_hash(_first_hash(database))[0]
    assert rotate(database, keyring, suite) == Resealed(3, RECORDS, ())
    assert key_numbers(database) == {3: RECORDS}
    for one in (vault, Vault(database, keyring, PROVIDER, suite)):
        assert opened(one) == [row.canonical for row in rows]
    after = vault.open(vault.by_hash(_first_hash(database))[0])
    assert derive(suite, PROVIDER, schema.hash, after.salt, after.canonical) == before.derived
    assert after.stored.sealed != before.sealed
    # Taken from the database before: opens all the same.
    assert vault.open(before).canonical == rows[0].canonical


def test_rotate__what_is_no_record__is_sealed_anew_too_and_holds_the_older_key_till_then(
    vault: Vault, database: Database, keyring: Keyring, suite: Suite
) -> None:
    number, sealed = vault.seal_row("subjects", 7, b"somebody")
    with database.write() as connection:
        connection.execute("INSERT INTO subjects VALUES (7, 'person', 1, ?, ?)", (number, sealed))
    assert [key.rows for key in DataKeys(database).all() if key.number == number] == [1]
    rotate(database, keyring, suite)
    with database.read() as connection:
        (row,) = connection.execute("SELECT key_number, sealed FROM subjects").fetchall()
    assert row[0] == number + 1
    assert vault.open_row("subjects", 7, *row) == b"somebody"
    DataKeys(database).retire(number, suite)


def test_rotate__cut_short__both_keys_open_and_the_next_run_goes_on(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(RECORDS))
    cut_short(database, keyring, suite, after=CHUNK_RECORDS)
    assert key_numbers(database) == {2: RECORDS - CHUNK_RECORDS, 3: CHUNK_RECORDS}
    assert DataKeys(database).rotation() == 3
    assert len(opened(Vault(database, keyring, PROVIDER, suite))) == RECORDS

    told: list[tuple[int, int]] = []
    resealed = Resealing(database, keyring, suite).run(lambda done, total: told.append((done, total)))
    assert resealed == Resealed(3, RECORDS - CHUNK_RECORDS, ())
    assert (told[0], told[-1]) == ((CHUNK_RECORDS, RECORDS), (RECORDS, RECORDS))
    assert DataKeys(database).rotation() is None
    assert rotate(database, keyring, suite).number == 4, "the next one is another rotation"


def test_put__by_a_vault_that_was_open_before__seals_under_the_new_key(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    other = Database(database.path, tables.MIGRATIONS)
    put(vault, schema, prepared(2))
    cut_short(other, keyring, suite, after=0)
    put(vault, schema, prepared(3, first=50))
    assert key_numbers(database) == {2: 2, 3: 3}
    rotate(other, keyring, suite)
    assert opened(vault) == [row.canonical for row in (*prepared(2), *prepared(3, first=50))]
    put(vault, schema, prepared(2))
    assert key_numbers(database) == {3: 5}, "rows known already came twice"
    other.close()


def test_rotate__a_record_that_was_altered__stays_and_the_others_move(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(4))
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("UPDATE records SET sealed = zeroblob(80) WHERE id = 2")
        (altered,) = connection.execute("SELECT record_hash FROM records WHERE id = 2").fetchone()
    assert rotate(database, keyring, suite) == Resealed(3, 3, (altered,))
    assert key_numbers(database) == {2: 1, 3: 3}
    assert rotate(database, keyring, suite) == Resealed(4, 3, (altered,)), "and does not stand in the way"


def test_rotate__the_suite_was_changed__records_are_sealed_under_the_new_and_derived_under_theirs(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(2))
    (another,) = set(Suite) - {suite}
    assert rotate(database, keyring, another).records == 2
    changed = Vault(database, keyring, PROVIDER, another)
    record = changed.by_hash(_first_hash(database))[0]
    assert record.suite == suite
    assert changed.open_genuine(record, schema).canonical == prepared(1)[0].canonical
    (current,) = [key for key in DataKeys(database).all() if key.rows]
    assert current.suite == another
    assert DataKeys(database).retire(2, another)
    assert opened(changed) == [row.canonical for row in prepared(2)]


def test_rotate__with_another_vaults_keyring__refused_and_nothing_is_made(
    vault: Vault, database: Database, schema: Schema, suite: Suite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(vault, schema, prepared(1))
    other = Keyring.create(tmp_path_factory.mktemp("other") / "keyring.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)
    before = DataKeys(database).all()
    with pytest.raises(Tampered, match=r"vault\.db: data key 1 does not open under this home's keyring: .*one backup"):
        rotate(database, other, suite)
    assert (DataKeys(database).all(), DataKeys(database).rotation()) == (before, None)


def _first_hash(database: Database) -> bytes:
    with database.read() as connection:
        return bytes(connection.execute("SELECT record_hash FROM records WHERE id = 1").fetchone()[0])
