"""Promise: a data key is destroyed only when nothing is sealed under it, and comes back only from its own export."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from creditconnect.custody import tables
from creditconnect.custody.data_keys import DataKeys
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.resealing import Resealing
from creditconnect.custody.vault import Vault
from creditconnect.errors import Tampered, UsageError
from creditconnect.records.schemas import Schema
from creditconnect.types import Suite
from tests.unit.custody.conftest import PASSPHRASE, PROVIDER, SCRYPT_WORK, prepared, put


@pytest.fixture
def keys(database: Database) -> DataKeys:
    return DataKeys(database)


@pytest.fixture
def lost(tmp_path: Path) -> Keyring:
    """A new keyring, of a home whose first one is lost."""
    return Keyring.create(tmp_path / "anew.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "elsewhere.db", tables.MIGRATIONS)
    yield opened
    opened.close()


def wrapped(database: Database, number: int) -> bytes:
    with database.read() as connection:
        return bytes(connection.execute("SELECT wrapped FROM wrapped_keys WHERE number = ?", (number,)).fetchone()[0])


def on_disk(database: Database) -> bytes:
    return b"".join(path.read_bytes() for path in database.path.parent.glob("vault.db*"))


def test_retire__while_records_are_sealed_under_it__refused_with_their_number(
    vault: Vault, keys: DataKeys, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(3))
    for number, complaint in (
        (1, "data key 1 recognises rows that came before"),
        (2, "data key 2 is in use: creditconnect keys rotate data first"),
        (9, "this home has no data key 9"),
    ):
        with pytest.raises(UsageError, match=complaint):
            keys.retire(number, suite)
    keys.begin_rotation(keyring, suite)
    with pytest.raises(UsageError, match=r"3 record\(s\) or other rows are sealed under data key 2"):
        keys.retire(2, suite)
    assert [key.rows for key in keys.all()] == [0, 3, 0]


def test_retire__a_key_that_seals_nothing__its_bytes_are_in_no_file_and_its_number_is_not_given_again(
    vault: Vault, database: Database, keys: DataKeys, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(3))
    kept = wrapped(database, 2)
    Resealing(database, keyring, suite).run()
    assert kept in on_disk(database)
    assert keys.retire(2, suite)
    assert kept not in on_disk(database)
    assert wrapped(database, 3) in on_disk(database)
    assert [(key.number, key.retired_at is None) for key in keys.all()] == [(1, True), (2, False), (3, True)]
    (another,) = set(Suite) - {suite}
    Vault(database, keyring, PROVIDER, another)
    assert keys.retire(4, suite)
    assert Resealing(database, keyring, suite).run().number == 5, "4 was given, though it is the last and gone"


def test_retire__another_process_reads__says_that_bytes_are_left_until_the_next_try(
    vault: Vault, database: Database, keys: DataKeys, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(3))
    kept = wrapped(database, 2)
    Resealing(database, keyring, suite).run()
    database.connection.execute("PRAGMA busy_timeout = 50")
    with closing(sqlite3.connect(database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        assert not keys.retire(2, suite)
    assert kept in on_disk(database)
    assert keys.retire(2, suite)
    assert kept not in on_disk(database)


def test_put__under_a_key_that_was_retired_meanwhile__goes_under_the_new_one(
    vault: Vault, database: Database, keys: DataKeys, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    Resealing(database, keyring, suite).run()
    assert keys.retire(2, suite)
    put(vault, schema, prepared(2))
    assert [key.rows for key in keys.all()] == [0, 0, 2]
    # Were anybody to try: the database refuses.
    with pytest.raises(sqlite3.IntegrityError), database.write() as connection:
        connection.execute("UPDATE records SET key_number = 2")


def test_restore__the_keyring_is_lost__every_record_opens_under_the_new_one(
    vault: Vault, database: Database, keys: DataKeys, keyring: Keyring, lost: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(3))
    exported = keys.known(keyring)
    assert keys.restore(keyring, exported) == [], "all are there"
    with pytest.raises(Tampered):
        Vault(database, lost, PROVIDER, suite)
    assert keys.restore(lost, exported) == [1, 2]
    again = Vault(database, lost, PROVIDER, suite)
    put(again, schema, prepared(4))
    assert [key.rows for key in keys.all()] == [0, 4], "rows were not recognised"
    with database.read() as connection:
        hashes = [row[0] for row in connection.execute("SELECT record_hash FROM records ORDER BY id")]
    assert [again.open(again.by_hash(one)[0]).canonical for one in hashes] == [row.canonical for row in prepared(4)]


@pytest.mark.usefixtures("vault")
def test_restore__into_a_new_vault__the_same_keys(
    keys: DataKeys, keyring: Keyring, lost: Keyring, elsewhere: Database, suite: Suite
) -> None:
    assert DataKeys(elsewhere).restore(lost, keys.known(keyring)) == [1, 2]
    assert DataKeys(elsewhere).known(lost) == keys.known(keyring)
    Vault(elsewhere, lost, PROVIDER, suite)
    assert len(DataKeys(elsewhere).all()) == 2


def test_restore__another_vaults_keys__refused_and_nothing_is_taken(
    vault: Vault,
    database: Database,
    keys: DataKeys,
    keyring: Keyring,
    lost: Keyring,
    elsewhere: Database,
    schema: Schema,
    suite: Suite,
) -> None:
    put(vault, schema, prepared(1))
    Vault(elsewhere, lost, PROVIDER, suite)
    others = DataKeys(elsewhere).known(lost)
    before = [wrapped(database, number) for number in (1, 2)]
    with pytest.raises(UsageError, match="data key 1 is there already, and is another"):
        keys.restore(keyring, others)
    # Neither under a keyring that opens nothing here: those keys open no record.
    with pytest.raises(UsageError, match="data key 2 of the export opens no record of this vault"):
        keys.restore(lost, others)
    exported = keys.known(keyring)
    (another,) = set(Suite) - {suite}
    with pytest.raises(UsageError, match="data key 2 is there already, and is another"):
        keys.restore(keyring, [exported[0], exported[1]._replace(suite=another)])
    assert [wrapped(database, number) for number in (1, 2)] == before


def test_restore__a_key_that_was_retired__stays_retired(
    vault: Vault, database: Database, keys: DataKeys, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(1))
    exported = keys.known(keyring)
    Resealing(database, keyring, suite).run()
    keys.retire(2, suite)
    before = keys.all()
    assert keys.restore(keyring, exported) == []
    assert keys.all() == before
