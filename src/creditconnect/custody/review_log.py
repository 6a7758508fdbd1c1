"""Who reviewed what, when, and by which plan: an append-only log in the vault's database, chained by keyed hashes.

    hash = HMAC-SHA256(log key, lp(tag, previous entry's hash, canonical JSON of the entry))

Triggers refuse to change or delete an entry; whoever gets past them breaks the chain at that entry, unless he holds the
vault's passphrase. What the chain can't show is that its newest entries were cut off: decisions are on the blockchain
too, and are held against it (`client`); looks and notes after the last decision are not. Notes are sealed, under a key
that lasts as long as the vault, and are covered by the chain as they are sealed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cryptography.exceptions import InvalidTag

from creditconnect.custody.database import Database
from creditconnect.custody.sealing import NONCE_BYTES, aead
from creditconnect.custody.vault import Vault
from creditconnect.errors import FieldInvalid, Tampered
from creditconnect.records.canonical import canonicalise, parse
from creditconnect.records.commitments import lp
from creditconnect.types import Suite

TAG = b"creditconnect/review-log"
_NOTE_TAG = b"creditconnect/review-note"
FIRST = b"\0" * 32
"""What stands for the hash before the first entry's."""
GREATEST_NOTE = 2_000
_COLUMNS = "number, at, account, action, batch, record, reason, plan, tx, note, previous, hash"


class ReviewAction(StrEnum):
    """What a reviewer did."""

    LOOKED = "looked"
    NOTED = "noted"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXCEPTED = "excepted"


@dataclass(frozen=True, slots=True)
class ReviewAct:
    """What is to be kept; `record` is a record hash, `plan` a sampling plan's hash, `tx` the transaction's."""

    action: ReviewAction
    batch: int
    record: bytes | None = None
    reason: int | None = None
    note: str = ""
    plan: bytes | None = None
    tx: bytes | None = None

    def sent_by(self, tx: bytes) -> ReviewAct:
        """The same, done by a transaction."""
        return replace(self, tx=tx)


@dataclass(frozen=True, slots=True)
class ReviewEntry:
    """What was kept: number from 1, when (seconds, UTC), by which account; `note` None where it does not open."""

    number: int
    at: int
    account: str
    action: str
    batch: int
    record: bytes | None
    reason: int | None
    plan: bytes | None
    tx: bytes | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Broken:
    """Where the chain is not what was written, and in what way."""

    number: int
    message: str


class ReviewLog:
    """The log of one vault."""

    def __init__(
        self,
        vault: Vault,
        suite: Suite,
        *,
        clock: Callable[[], float],
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """`suite` is for notes that are yet to come."""
        self._database: Database = vault.database
        self._key = vault.lasting_key(TAG)
        self._note_key = vault.lasting_key(_NOTE_TAG)
        self._suite = suite
        self._clock = clock
        self._random = random_bytes

    def add(self, account: str, *acts: ReviewAct) -> None:
        """Keep what an account did, in one commit."""
        with self._database.write() as connection:
            self.append(connection, account, acts)

    def append(self, connection: sqlite3.Connection, account: str, acts: Iterable[ReviewAct]) -> None:
        """The same within a commit that is made elsewhere."""
        last = connection.execute("SELECT number, hash FROM review_log ORDER BY number DESC LIMIT 1").fetchone()
        number, previous = (0, FIRST) if last is None else last
        now = int(self._clock())
        for act in acts:
            number += 1
            note = self._sealed(number, act.note) if act.note else None
            reason = None if act.reason is None else int(act.reason)
            row = (number, now, account, str(act.action), act.batch, act.record, reason, act.plan, act.tx, note)
            current = self._hash(previous, row)
            connection.execute(
                f"INSERT INTO review_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, previous, current),
            )
            previous = current

    def keep_plan(self, plan_hash: bytes, canonical: bytes) -> None:
        """Keep what a plan's hash, SHA-256 of its canonical form, stands for."""
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO review_plans (hash, plan) SELECT ?1, ?2"
                " WHERE NOT EXISTS (SELECT 1 FROM review_plans WHERE hash = ?1)",
                (plan_hash, canonical.decode("utf-8")),
            )

    def plans(self) -> dict[bytes, object]:
        """Every plan that was in force, by its hash; without those that are no longer what their hash says."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT hash, plan FROM review_plans").fetchall()
        kept = [(plan_hash, text.encode("utf-8")) for plan_hash, text in rows]
        return {plan_hash: parse(text) for plan_hash, text in kept if hashlib.sha256(text).digest() == plan_hash}

    def entries(self, batch: int | None = None) -> list[ReviewEntry]:
        """The entries, oldest first; of one batch, or all."""
        return [self._entry(row) for row in self._rows() if batch is None or row[4] == batch]

    def looked_at(self, batch: int) -> dict[bytes, list[str]]:
        """Which accounts looked at which records of a batch, by record hash."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT DISTINCT record, account FROM review_log WHERE batch = ? AND action = ? AND record IS NOT NULL",
                (batch, str(ReviewAction.LOOKED)),
            ).fetchall()
        found: dict[bytes, list[str]] = {}
        for record, account in rows:
            found.setdefault(record, []).append(account)
        return found

    def broken(self) -> list[Broken]:
        """Where entries, or plans that they name, were changed, taken out or put in; none where all is as written."""
        return list(self._broken())

    # ------------------------------------------------------------------------------------------------------- private

    def _broken(self) -> Iterator[Broken]:
        previous, expected = FIRST, 1
        plans = {None, *self.plans()}
        for *row, before, current in self._rows():
            number, plan = row[0], row[7]
            if number > expected:
                missing = f"entry {expected}" if number == expected + 1 else f"entries {expected} to {number - 1}"
                yield Broken(expected, f"{missing} taken out")
            elif before != previous:
                yield Broken(number, f"entry {number} does not follow the one before it")
            if not self._is_own(before, row, current):
                yield Broken(number, f"entry {number} was changed or put in")
            if plan not in plans:
                plans.add(plan)
                yield Broken(number, f"the sampling plan of entry {number} was changed or taken out")
            previous, expected = current, number + 1

    def _is_own(self, before: bytes, row: Sequence[object], current: bytes) -> bool:
        try:
            return hmac.compare_digest(current, self._hash(before, row))
        except FieldInvalid:
            return False  # no log writes what has no canonical form

    def _rows(self) -> list[tuple[Any, ...]]:
        with self._database.read() as connection:
            return connection.execute(f"SELECT {_COLUMNS} FROM review_log ORDER BY number").fetchall()

    def _hash(self, previous: bytes, row: Sequence[object]) -> bytes:
        names = _COLUMNS.split(", ")
        said = {
            name: value.hex() if isinstance(value, bytes) else value
            for name, value in zip(names, row, strict=False)
            if value is not None
        }
        return hmac.digest(self._key, lp((TAG, previous, canonicalise(said))), "sha256")

    def _sealed(self, number: int, note: str) -> bytes:
        """The suite's byte, the nonce, the note."""
        nonce = self._random(NONCE_BYTES)
        cipher = aead(self._suite, self._note_key)
        return bytes([self._suite]) + nonce + cipher.encrypt(nonce, note.encode("utf-8"), _place(number))

    def _opened(self, number: int, sealed: bytes) -> str | None:
        try:
            nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
            return aead(Suite(sealed[0]), self._note_key).decrypt(nonce, rest, _place(number)).decode("utf-8")
        except (InvalidTag, ValueError, IndexError):
            return None

    def _entry(self, row: tuple[Any, ...]) -> ReviewEntry:
        match row:
            case (int(number), int(at), str(account), str(action), int(batch), record, reason, plan, tx, note, _, _):
                return ReviewEntry(
                    number=number,
                    at=at,
                    account=account,
                    action=action,
                    batch=batch,
                    record=record if isinstance(record, bytes) else None,
                    reason=reason if isinstance(reason, int) else None,
                    plan=plan if isinstance(plan, bytes) else None,
                    tx=tx if isinstance(tx, bytes) else None,
                    note=self._opened(number, note) if isinstance(note, bytes) else "",
                )
            case _:
                raise Tampered(f"{self._database.path}: the review log holds what is no entry")


def _place(number: int) -> bytes:
    """What a sealed note is bound to: its entry."""
    return lp((_NOTE_TAG, number.to_bytes(8, "big")))
