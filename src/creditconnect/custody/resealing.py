"""Rotation of a vault's data key: a new key, and every record and other sealed row sealed anew under it, in chunks.

    begin (new key and its number noted, one commit) -> chunk, chunk ... (one commit each) -> end (the note removed)

A kill between any two commits leaves every record open under the key that its row names, and the next run goes on. Who
has the vault open meanwhile notices the new key: `Vault`. Records keep the suite that they were committed under.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from creditconnect.custody.data_keys import DataKeys
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.sealing import NONCE_BYTES, Sealer
from creditconnect.custody.tables import SEALED_TABLES
from creditconnect.errors import Tampered
from creditconnect.types import Derived, Suite

CHUNK_RECORDS = 1_000
# An upload may have 64 MiB.
_ROWS_AT_ONCE = {"upload_contents": 1}


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a rotation moved to key `number` by this run, and the hashes of records that no longer open.

    Those stay as they are, under the key that they name.
    """

    number: int
    records: int
    damaged: tuple[bytes, ...]


class Resealing:
    """One vault's rotation. Its caller sees to it that no other process rotates at the same time."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        suite: Suite,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`suite` is that of the vault's settings: the new key's."""
        self._database = database
        self._keyring = keyring
        self._suite = suite
        self._random = random_bytes
        self._monotonic = monotonic
        self._sleep = sleep

    def run(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Resealed:
        """Make a new key and move every record to it, or go on where a run was cut short.

        `progress` is told how many are moved, and of how many.

        Raises:
            Tampered: a key does not open; nothing is moved then.
        """
        keys = DataKeys(self._database)
        number = keys.begin_rotation(self._keyring, self._suite)
        sealers = {
            key.number: Sealer(key.suite, key.number, key.plain)
            for key in keys.opened(self._keyring, self._suite)
            if key.purpose == "seal"
        }
        before, total = self._counted(number)
        progress(before, total)
        moved, last, damaged = 0, 0, list[bytes]()
        while rows := self._chunk(number, last):
            last = rows[-1][0]
            anew, unopened = self._anew(rows, sealers, sealers[number])
            damaged += unopened
            self._put(number, anew)
            moved += len(anew)
            progress(before + moved, total)
        for table in SEALED_TABLES:
            self._move_rows(table, number, sealers)
        keys.end_rotation()
        return Resealed(number, moved, tuple(damaged))

    # ------------------------------------------------------------------------------------------------------- private

    def _counted(self, number: int) -> tuple[int, int]:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM records WHERE key_number = ?), (SELECT count(*) FROM records)", (number,)
            ).fetchone()
        return int(row[0]), int(row[1])

    def _chunk(self, number: int, last: int) -> list[tuple[int, int, bytes, bytes, bytes]]:
        with self._database.read() as connection:
            return connection.execute(
                "SELECT id, key_number, record_hash, commitment, sealed FROM records"
                " WHERE id > ? AND key_number <> ? ORDER BY id LIMIT ?",
                (last, number, CHUNK_RECORDS),
            ).fetchall()

    def _anew(
        self, rows: list[tuple[int, int, bytes, bytes, bytes]], sealers: dict[int, Sealer], to: Sealer
    ) -> tuple[list[tuple[bytes, int, int]], list[bytes]]:
        """Sealed bytes, id and former key of each record that opens; the hashes of those that don't."""
        nonces = self._random(NONCE_BYTES * len(rows))
        anew, damaged = [], []
        for at, (record, former, record_hash, commitment, sealed) in enumerate(rows):
            derived = Derived(record_hash, commitment)
            try:
                salt, canonical = sealers[former].open(sealed, derived)
            except (Tampered, KeyError):
                damaged.append(record_hash)
                continue
            nonce = nonces[at * NONCE_BYTES : (at + 1) * NONCE_BYTES]
            anew.append((to.seal(nonce, salt, canonical, derived), record, former))
        return anew, damaged

    def _move_rows(self, table: str, number: int, sealers: dict[int, Sealer]) -> None:
        """What is sealed beside the records; a row that does not open stays as it is, under the key that it names."""
        last, to = 0, sealers[number]
        while rows := self._rows(table, number, last):
            last = rows[-1][0]
            anew = []
            for row, former, sealed in rows:
                with suppress(Tampered, KeyError):
                    plain = sealers[former].open_row(sealed, table, row)
                    anew.append((to.seal_row(self._random(NONCE_BYTES), plain, table, row), number, row, former))
            with self._database.write() as connection:
                connection.executemany(
                    f"UPDATE {table} SET sealed = ?, key_number = ? WHERE id = ? AND key_number = ?", anew
                )

    def _rows(self, table: str, number: int, last: int) -> list[tuple[int, int, bytes]]:
        with self._database.read() as connection:
            return connection.execute(
                f"SELECT id, key_number, sealed FROM {table} WHERE id > ? AND key_number <> ? ORDER BY id LIMIT ?",
                (last, number, _ROWS_AT_ONCE.get(table, CHUNK_RECORDS)),
            ).fetchall()

    def _put(self, number: int, anew: list[tuple[bytes, int, int]]) -> None:
        began = self._monotonic()
        with self._database.write() as connection:
            _update(connection, number, anew)
        # As long as the lock was held: SQLite's writers do not queue, and one that comes back at once starves others.
        self._sleep(self._monotonic() - began)


def _update(connection: sqlite3.Connection, number: int, anew: list[tuple[bytes, int, int]]) -> None:
    connection.executemany(
        "UPDATE records SET sealed = ?, key_number = ? WHERE id = ? AND key_number = ?",
        [(sealed, number, record, former) for sealed, record, former in anew],
    )
