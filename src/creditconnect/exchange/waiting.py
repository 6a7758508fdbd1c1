"""Which records wait for a transaction, and in which groups they go: rows of the vault's database."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """Records that one `register` may carry: of one schema and expiry, no two of one hash; parallel lists."""

    schema: str
    expires_at: int
    ids: list[int]
    record_hashes: list[bytes]
    commitments: list[bytes]


# Waits: not given to a transaction, not found on the chain, and not expired by the chain's time.
_WAITS = "tx IS NULL AND found = 0 AND (expires_at = 0 OR expires_at > ?)"


def group_waiting(connection: sqlite3.Connection, greatest: int, now: int, *, flush: bool) -> Waiting | None:
    """The next records to sign, at most `greatest`, oldest first; None where none wait or, unless `flush`, too few.

    What expired while it waited is passed over: the registry would refuse it. Submitting it anew with a later expiry
    brings it back.
    """
    first = connection.execute(
        f"SELECT schema, expires_at FROM records WHERE {_WAITS} ORDER BY id LIMIT 1", (now,)
    ).fetchone()
    if first is None:
        return None
    rows = connection.execute(
        f"SELECT id, record_hash, commitment FROM records WHERE {_WAITS} AND schema = ? AND expires_at = ?"
        " ORDER BY id LIMIT ?",
        (now, *first, greatest),
    ).fetchall()
    if len(rows) < greatest and not flush:
        return None
    # Two records that collide on 64 bits go in two batches: a batch holds no hash twice.
    by_hash = {record_hash: (number, commitment) for number, record_hash, commitment in reversed(rows)}
    return Waiting(
        schema=first[0],
        expires_at=first[1],
        ids=[number for number, _ in by_hash.values()],
        record_hashes=list(by_hash),
        commitments=[commitment for _, commitment in by_hash.values()],
    )


def assign(connection: sqlite3.Connection, group: Waiting, tx: int) -> None:
    """Give a group to a transaction. One statement: a statement a record takes twice as long."""
    marks = ",".join("?" * len(group.ids))
    connection.execute(f"UPDATE records SET tx = ? WHERE id IN ({marks})", (tx, *group.ids))


def any_waiting(connection: sqlite3.Connection, now: int) -> bool:
    """Whether any record waits that has not expired."""
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 FROM records WHERE {_WAITS})", (now,)).fetchone()[0])


def in_flight(connection: sqlite3.Connection) -> int:
    """How many transactions are signed and not yet final, failed or lost."""
    row = connection.execute("SELECT count(*) FROM transactions WHERE state IN ('stored', 'mined')").fetchone()
    return int(row[0])


def release(connection: sqlite3.Connection, tx: int, found: Sequence[int]) -> None:
    """Let a transaction's records wait again, save those found on the chain."""
    connection.execute("UPDATE records SET tx = NULL WHERE tx = ?", (tx,))
    mark_found(connection, found)


def mark_found(connection: sqlite3.Connection, records: Sequence[int]) -> None:
    """These are on the chain, though no transaction of this home is known to have brought them there."""
    connection.executemany("UPDATE records SET tx = NULL, found = 1 WHERE id = ?", [(number,) for number in records])


def forget_found(connection: sqlite3.Connection) -> None:
    """What was found on the chain waits again; it is found again if it is still there."""
    connection.execute("UPDATE records SET found = 0 WHERE found = 1")
