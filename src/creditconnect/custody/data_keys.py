"""The data keys of a vault: which there are, made, restored from an export, retired.

Numbers are never given twice. A key that is retired is deleted and its bytes overwritten; the database itself refuses
that while a record is sealed under it.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.sealing import Sealer
from creditconnect.custody.tables import SEALED_TABLES
from creditconnect.errors import Tampered, UsageError
from creditconnect.types import Derived, Suite

# In the table `about`: the number of the key that a rotation which has not ended moves every record to.
_ROTATION = "rotation"
_ELSEWHERE = "it belongs to another vault; put that one's export or keyring beside this vault.db"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key as it is kept: `purpose` is seal or digest, `rows` how many it seals, of all tables, times in seconds."""

    number: int
    purpose: str
    suite: Suite
    made_at: int
    rows: int
    retired_at: int | None


class OpenedKey(NamedTuple):
    """A key in the clear."""

    purpose: str
    number: int
    plain: bytes
    suite: Suite
    made_at: int


class DataKeys:
    """The data keys of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[DataKey]:
        """Every key by number, retired ones too. Needs no passphrase."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT number, purpose, suite, created_at,"
                f" {sealed_under('number')}, NULL FROM wrapped_keys"
                " UNION ALL SELECT number, purpose, suite, created_at, 0, retired_at FROM retired_keys"
                " ORDER BY number"
            ).fetchall()
        return [DataKey(row[0], row[1], Suite(row[2]), *row[3:]) for row in rows]

    def rotation(self) -> int | None:
        """The number of the key that a rotation under way, or cut short, moves every record to."""
        with self._database.read() as connection:
            return _rotation(connection)

    def known(self, keyring: Keyring) -> list[OpenedKey]:
        """Every key in the clear, by number.

        Raises:
            Tampered: a key does not open; says which.
        """
        with self._database.read() as connection:
            return self._opened(connection, keyring)

    def opened(self, keyring: Keyring, suite: Suite) -> list[OpenedKey]:
        """As `known`; the keys that a vault of that suite needs are made first, where they are missing.

        Raises:
            Tampered: a key does not open; says which. Nothing is made then.
        """
        with self._database.write() as connection:
            return self.opened_within(connection, keyring, suite)

    def opened_within(self, connection: sqlite3.Connection, keyring: Keyring, suite: Suite) -> list[OpenedKey]:
        """As `opened`, in a transaction that writes."""
        keys = self._opened(connection, keyring)
        if not keys:
            _add(connection, keyring, "digest", suite)
        if newest(connection, suite) is None:
            _add(connection, keyring, "seal", suite)
            keys = self._opened(connection, keyring)
        return keys

    def begin_rotation(self, keyring: Keyring, suite: Suite) -> int:
        """The number that every record is to be moved to: a new key's, or that of a rotation that was cut short."""
        self.opened(keyring, suite)
        with self._database.write() as connection:
            number = _rotation(connection)
            if number is None:
                number = _add(connection, keyring, "seal", suite)
                connection.execute("INSERT INTO about (key, value) VALUES (?, ?)", (_ROTATION, str(number)))
        return number

    def end_rotation(self) -> None:
        with self._database.write() as connection:
            connection.execute("DELETE FROM about WHERE key = ?", (_ROTATION,))

    def retire(self, number: int, suite: Suite) -> bool:
        """Destroy a key under which nothing is sealed; `suite` is that of the vault's settings.

        Whether its bytes are gone from the database's files too: not yet where another process reads them meanwhile.
        Asked again of a key that is retired, that is tried again.

        Raises:
            UsageError: there is no such key, it is in use, or records are sealed under it: says how many.
        """
        # What is deleted is overwritten in its page; the pages in the log are then put into the file, the log emptied.
        self._database.connection.execute("PRAGMA secure_delete = ON")
        with self._database.write() as connection:
            if not connection.execute("SELECT 1 FROM retired_keys WHERE number = ?", (number,)).fetchone():
                _require_idle(connection, number, suite)
                connection.execute(
                    "INSERT INTO retired_keys SELECT number, purpose, suite, created_at, unixepoch()"
                    " FROM wrapped_keys WHERE number = ?",
                    (number,),
                )
                connection.execute("DELETE FROM wrapped_keys WHERE number = ?", (number,))
        with self._database.read() as connection:
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def restore(self, keyring: Keyring, keys: Iterable[OpenedKey]) -> list[int]:
        """Take in keys from elsewhere; the numbers of those that were not here, or did not open here.

        A key that was retired here stays so. One that does not open under this keyring is replaced once the one from
        elsewhere has opened a record of it.

        Raises:
            UsageError: a key is here already and is another; nothing is taken then.
        """
        with self._database.write() as connection:
            retired = {number for (number,) in connection.execute("SELECT number FROM retired_keys")}
            kept = {row[1]: row for row in _rows(connection)}
            taken = [
                key
                for key in keys
                if key.number not in retired and not self._has(connection, keyring, kept.get(key.number), key)
            ]
            connection.executemany(
                "INSERT INTO wrapped_keys (number, purpose, wrapped, created_at, suite) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (number) DO UPDATE SET wrapped = excluded.wrapped",
                [(key.number, key.purpose, keyring.wrap(key.plain), key.made_at, int(key.suite)) for key in taken],
            )
        return [key.number for key in taken]

    # ------------------------------------------------------------------------------------------------------- private

    def _opened(self, connection: sqlite3.Connection, keyring: Keyring) -> list[OpenedKey]:
        found = []
        for purpose, number, wrapped, suite, made_at in _rows(connection):
            try:
                found.append(OpenedKey(purpose, number, keyring.unwrap(wrapped), Suite(suite), made_at))
            except Tampered:
                raise Tampered(
                    f"{self._database.path}: data key {number} does not open under this home's keyring",
                    hint="it was altered, or keyring.json is another vault's: restore both from one backup,"
                    " or creditconnect keys import",
                ) from None
        return found

    def _has(
        self,
        connection: sqlite3.Connection,
        keyring: Keyring,
        kept: tuple[str, int, bytes, int, int] | None,
        key: OpenedKey,
    ) -> bool:
        if kept is None:
            return False
        purpose, number, wrapped, suite, _ = kept
        try:
            same = hmac.compare_digest(keyring.unwrap(wrapped), key.plain)
        except Tampered:
            if not _opens(connection, key):
                raise UsageError(
                    f"{self._database.path}: data key {number} of the export opens no record of this vault",
                    hint=_ELSEWHERE,
                ) from None
            return False
        if not same or (purpose, suite) != (key.purpose, key.suite):
            raise UsageError(
                f"{self._database.path}: data key {number} is there already, and is another", hint=_ELSEWHERE
            )
        return True


def newest(connection: sqlite3.Connection, suite: Suite) -> int | None:
    """The number of the key that seals what comes under a suite."""
    (number,) = connection.execute(
        "SELECT max(number) FROM wrapped_keys WHERE purpose = 'seal' AND suite = ?", (int(suite),)
    ).fetchone()
    return None if number is None else int(number)


def _rows(connection: sqlite3.Connection) -> list[tuple[str, int, bytes, int, int]]:
    return connection.execute(
        "SELECT purpose, number, wrapped, suite, created_at FROM wrapped_keys ORDER BY number"
    ).fetchall()


def _add(connection: sqlite3.Connection, keyring: Keyring, purpose: str, suite: Suite) -> int:
    row = connection.execute(
        "INSERT INTO wrapped_keys (number, purpose, wrapped, created_at, suite) VALUES"
        " (1 + max((SELECT coalesce(max(number), 0) FROM wrapped_keys),"
        " (SELECT coalesce(max(number), 0) FROM retired_keys)), ?, ?, unixepoch(), ?) RETURNING number",
        (purpose, keyring.new_key()[1], int(suite)),
    ).fetchone()
    return int(row[0])


def sealed_under(number: str) -> str:
    """SQL for how many rows of all tables are sealed under a key."""
    counts = (f"(SELECT count(*) FROM {table} WHERE key_number = {number})" for table in ("records", *SEALED_TABLES))
    return f"({' + '.join(counts)})"


def _rotation(connection: sqlite3.Connection) -> int | None:
    row = connection.execute("SELECT value FROM about WHERE key = ?", (_ROTATION,)).fetchone()
    return None if row is None else int(row[0])


def _require_idle(connection: sqlite3.Connection, number: int, suite: Suite) -> None:
    row = connection.execute("SELECT purpose FROM wrapped_keys WHERE number = ?", (number,)).fetchone()
    if row is None:
        raise UsageError(f"this home has no data key {number}", hint="see creditconnect keys list")
    if row[0] != "seal":
        raise UsageError(f"data key {number} recognises rows that came before", hint="it stays as long as the vault")
    if number in (newest(connection, suite), _rotation(connection)):
        raise UsageError(f"data key {number} is in use", hint="creditconnect keys rotate data first")
    (sealed,) = connection.execute(f"SELECT {sealed_under('?1')}", (number,)).fetchone()
    if sealed:
        raise UsageError(
            f"{sealed:,} record(s) or other rows are sealed under data key {number}",
            hint="creditconnect keys rotate data first",
        )


def _opens(connection: sqlite3.Connection, key: OpenedKey) -> bool:
    """Whether a key opens a record that is sealed under its number; true where there is none, and nothing to lose."""
    rows = connection.execute(
        "SELECT sealed, record_hash, commitment FROM records WHERE key_number = ? LIMIT 100", (key.number,)
    ).fetchall()
    sealer = Sealer(key.suite, key.number, key.plain)
    return not rows or any(_opens_one(sealer, sealed, Derived(*derived)) for sealed, *derived in rows)


def _opens_one(sealer: Sealer, sealed: bytes, derived: Derived) -> bool:
    try:
        sealer.open(sealed, derived)
    except Tampered:
        return False
    return True
