"""Promise: a vault keeps each row once, sealed; what was altered in it does not open, and nothing else is hurt."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.vault import FileTotals, Vault
from creditconnect.errors import SettingsError, Tampered
from creditconnect.records.commitments import derive
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Derived, Suite
from tests.unit.custody.conftest import PASSPHRASE, PROVIDER, SCRYPT_WORK, prepared, put


def change(database: Database, sql: str, *parameters: object) -> None:
    """As somebody would who writes into the file, and takes what refuses it out of the way."""
    with closing(sqlite3.connect(database.path)) as connection, connection:
        connection.execute("DROP TRIGGER IF EXISTS records_fixed")
        connection.execute(sql, parameters)


def all_derived(database: Database) -> list[Derived]:
    with database.read() as connection:
        return [Derived(*row) for row in connection.execute("SELECT record_hash, commitment FROM records ORDER BY id")]


# ------------------------------------------------------------------------------------------------------------ keeping


def test_put__rows__opened_again_with_the_salt_that_derives_them(
    vault: Vault, database: Database, schema: Schema, suite: Suite
) -> None:
    rows = prepared(5)
    put(vault, schema, rows)
    stored = vault.by_derived(all_derived(database))
    assert [vault.open(one).canonical for one in stored.values()] == [row.canonical for row in rows]
    for derived, one in stored.items():
        opened = vault.open(one)
        assert derive(suite, PROVIDER, schema.hash, opened.salt, opened.canonical) == derived
    assert len({vault.open(one).salt for one in stored.values()}) == 5


def test_put__rows__nothing_in_the_file_is_in_the_clear(vault: Vault, database: Database, schema: Schema) -> None:
    rows = prepared(50, first=123_456_000)
    put(vault, schema, rows)
    salts = [vault.open(one).salt for one in vault.by_derived(all_derived(database)).values()]
    database.close()
    kept = b"".join(path.read_bytes() for path in database.path.parent.glob("vault.db*"))
    assert schema.id.encode() in kept, "the file was not read as it lies"
    for row, salt in zip(rows, salts, strict=True):
        assert row.canonical not in kept
        assert salt not in kept


def test_put__the_same_rows_again__counted_and_left_as_they_are(
    vault: Vault, database: Database, schema: Schema
) -> None:
    rows = prepared(3)
    file = vault.begin_file("rows.jsonl", b"\0" * 32, schema.id, 0, 1)
    assert vault.put(file, schema, 0, rows, 2) == FileTotals(3, 0, 2)
    before = all_derived(database)
    assert vault.put(file, schema, 0, [*rows, *prepared(1, first=9), *rows], 1) == FileTotals(1, 6, 1)
    assert all_derived(database)[:3] == before
    assert len(all_derived(database)) == 4
    with database.read() as connection:
        totals = connection.execute("SELECT accepted, repeated, rejected FROM files").fetchone()
    assert totals == (4, 6, 3)


def test_put__same_bytes_under_another_schema__another_record(vault: Vault, database: Database, schema: Schema) -> None:
    put(vault, schema, prepared(1))
    document = dict(schema.document) | {"x-id": "another/1"}
    put(vault, SchemaCatalogue([document]).load("another/1"), prepared(1))
    assert len(set(all_derived(database))) == 2


def test_put__twice_in_two_vaults__different_salts_and_values(tmp_path: Path, schema: Schema, suite: Suite) -> None:
    values = []
    for name in ("one", "two"):
        keyring = Keyring.create(tmp_path / f"{name}.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)
        database = Database(tmp_path / f"{name}.db", tables.MIGRATIONS)
        put(Vault(database, keyring, PROVIDER, suite), schema, prepared(1))
        values += all_derived(database)
        database.close()
    assert values[0].record_hash != values[1].record_hash


def test_put__fails_in_the_middle__nothing_of_it_is_kept(
    database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    vault = Vault(database, keyring, PROVIDER, suite)
    with pytest.raises(sqlite3.IntegrityError):
        vault.put(99, schema, 0, prepared(3), 0)
    assert all_derived(database) == []


def test_put__random_bytes_of_ones_own__salts_and_nonces_are_taken_from_them(
    database: Database, keyring: Keyring, schema: Schema, counting_bytes: Callable[[int], bytes], suite: Suite
) -> None:
    vault = Vault(database, keyring, PROVIDER, suite, random_bytes=counting_bytes)
    put(vault, schema, prepared(2))
    first, second = (vault.open(one) for one in vault.by_derived(all_derived(database)).values())
    assert first.salt == bytes(range(32))
    assert first.stored.sealed[:12] == bytes(range(32, 44))
    assert second.salt == bytes(range(44, 76))


def test_by_hash__two_records_collide_on_64_bits__both_oldest_first(
    vault: Vault, database: Database, schema: Schema
) -> None:
    put(vault, schema, prepared(3))
    first = all_derived(database)[0]
    change(database, "UPDATE records SET record_hash = ? WHERE id = 3", first.record_hash)
    assert [one.id for one in vault.by_hash(first.record_hash)] == [1, 3]
    assert vault.by_hash(b"\0" * 8) == []


def test_by_derived__more_than_one_query_holds__all_in_the_order_asked(
    vault: Vault, database: Database, schema: Schema
) -> None:
    put(vault, schema, prepared(1_200))
    wanted = list(reversed(all_derived(database)))
    absent = Derived(b"\0" * 8, b"\0" * 24)
    assert list(vault.by_derived([*wanted, absent])) == wanted


# ---------------------------------------------------------------------------------------------------------- tampering


def test_open__every_byte_of_a_sealed_record_altered__tampered_and_the_others_open(
    vault: Vault, database: Database, schema: Schema
) -> None:
    put(vault, schema, prepared(3))
    first, second, third = all_derived(database)
    whole = vault.by_hash(second.record_hash)[0].sealed
    for at in range(len(whole)):
        altered = whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
        change(database, "UPDATE records SET sealed = ? WHERE id = 2", altered)
        with pytest.raises(Tampered):
            vault.open(vault.by_hash(second.record_hash)[0])
    for derived in (first, third):
        assert vault.open(vault.by_hash(derived.record_hash)[0]).canonical


@pytest.mark.parametrize("column", ["sealed", "record_hash", "commitment"])
def test_open__rows_swapped__tampered(vault: Vault, database: Database, schema: Schema, column: str) -> None:
    put(vault, schema, prepared(2))
    with database.read() as connection:
        (one,), (other,) = connection.execute(f"SELECT {column} FROM records ORDER BY id").fetchall()
    for number, value in ((1, other), (2, one)):
        change(database, f"UPDATE records SET {column} = ? WHERE id = ?", value, number)
    for derived in all_derived(database):
        with pytest.raises(Tampered):
            vault.open(vault.by_hash(derived.record_hash)[0])


def test_open__key_number_altered__tampered(vault: Vault, database: Database, schema: Schema) -> None:
    put(vault, schema, prepared(1))
    change(database, "UPDATE records SET key_number = 1")
    with pytest.raises(Tampered):
        vault.open(vault.by_hash(all_derived(database)[0].record_hash)[0])


@pytest.mark.usefixtures("vault")
def test_open__wrapped_key_altered__tampered(database: Database, keyring: Keyring, suite: Suite) -> None:
    change(database, "UPDATE wrapped_keys SET wrapped = zeroblob(40) WHERE purpose = 'seal'")
    with pytest.raises(Tampered):
        Vault(database, keyring, PROVIDER, suite)


@pytest.mark.usefixtures("vault")
def test_open__another_homes_keyring__tampered(database: Database, tmp_path: Path, suite: Suite) -> None:
    other = Keyring.create(tmp_path / "other.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)
    with pytest.raises(Tampered):
        Vault(database, other, PROVIDER, suite)


@pytest.mark.usefixtures("vault")
def test_open__another_institutions_vault__refused_by_name(database: Database, keyring: Keyring, suite: Suite) -> None:
    with pytest.raises(SettingsError, match="belongs to CRA-HK-01, not to CRA-SZ-01"):
        Vault(database, keyring, "CRA-SZ-01", suite)


def test_vault__opened_again__the_same_keys(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(2))
    again = Vault(database, keyring, PROVIDER, suite)
    assert again.open(again.by_hash(all_derived(database)[0].record_hash)[0]).canonical == prepared(1)[0].canonical
    put(again, schema, prepared(2))
    assert len(all_derived(database)) == 2, "the digest key changed"


# --------------------------------------------------------------------------------------------------------- registered


def test_registered__of_all_states__those_on_the_chain_in_their_order(
    vault: Vault, database: Database, schema: Schema
) -> None:
    put(vault, schema, prepared(7))
    states = ("stored", "mined", "final", "failed", "lost")
    for number, state in enumerate(states, start=1):
        change(
            database,
            "INSERT INTO transactions (id, sender, nonce, hash, raw, data, action, state, signed_at)"
            " VALUES (?, 'a', ?, ?, x'', x'', 'register', ?, 1)",
            *(number, number, bytes([number]), state),
        )
        change(database, "UPDATE records SET tx = ? WHERE id = ?", number, number)
    change(database, "UPDATE records SET found = 1 WHERE id = 6")
    assert [one.id for page in vault.registered() for one in page] == [2, 3, 6]
    assert [one.found for one in vault.by_numbers([2, 3, 6])] == [False, False, True]


def test_registered__more_than_one_page__each_once_in_its_order(
    vault: Vault, database: Database, schema: Schema
) -> None:
    put(vault, schema, prepared(1_001))
    change(database, "UPDATE records SET found = 1 WHERE id <> 500")
    pages = list(vault.registered())
    numbers = [one.id for page in pages for one in page]
    assert [len(page) for page in pages] == [500, 500]
    assert numbers == [number for number in range(1, 1_002) if number != 500]
    assert [one.id for one in vault.by_numbers(numbers)] == numbers


# ------------------------------------------------------------------------------------------------------------- suites


def test_vault__its_suite_changed__old_records_keep_theirs_and_new_ones_have_the_new(
    vault: Vault, database: Database, keyring: Keyring, schema: Schema, suite: Suite
) -> None:
    put(vault, schema, prepared(2))
    (another,) = set(Suite) - {suite}
    changed = Vault(database, keyring, PROVIDER, another)
    put(changed, schema, prepared(4))
    found = [changed.by_hash(derived.record_hash)[0] for derived in all_derived(database)]
    assert [record.suite for record in found] == [suite, suite, another, another], "rows known already are not anew"
    for record, row in zip(found, prepared(4), strict=True):
        opened = changed.open(record)
        assert opened.canonical == row.canonical
        assert derive(record.suite, PROVIDER, schema.hash, opened.salt, opened.canonical) == record.derived
    back = Vault(database, keyring, PROVIDER, suite)
    assert back.open(found[3]).canonical == prepared(4)[3].canonical
