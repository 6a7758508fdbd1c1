"""Uploads of persons and firms, sealed in the vault until staff decide on them, and for good where they accept.

An upload and its bytes are stored by one commit, with a keyed digest of where it lay: whoever stored it and did not
live to remove it from there finds it again. What a rejected upload held is deleted; the line that it was there stays.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from creditconnect.custody.vault import Vault
from creditconnect.errors import UsageError

TABLE = "uploads"
CONTENTS = "upload_contents"
GREATEST_NUMBER = 2**63 - 1


class UploadState(StrEnum):
    """What became of an upload; `refused` by the checks, `rejected` by staff."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload; `record` is the canonical form of the record that it would be, empty if it was refused.

    `subject` is the number that it was uploaded for, registered or not. `sha256` is hex, empty where nothing was read.
    Times in seconds, UTC; `reasons` are a reason's name and its words, one after the other.
    """

    number: int
    state: UploadState
    received_at: int
    subject: int
    name: str
    sha256: str = ""
    size_bytes: int = 0
    media_type: str = ""
    schema: str = ""
    record: str = ""
    reasons: tuple[tuple[str, str], ...] = ()
    duplicate_of: int = 0
    decided_at: int = 0


class Uploads:
    """The uploads of one opened vault."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def place(self, *parts: bytes) -> bytes:
        """What a file is recognised by, of where it lies and what it holds."""
        return self._vault.digest(b"place", *parts)

    def keep(self, upload: Upload, content: bytes, place: bytes) -> Upload:
        """Store an upload under a number of its own; the same again, of the same subject, without its content.

        It is the same if what came first waits or was accepted.
        """
        digest = self._vault.digest(b"upload", str(upload.subject).encode(), upload.sha256.encode())
        with self._vault.database.write() as connection:
            first = None
            if upload.state is UploadState.WAITING:
                first = connection.execute(
                    "SELECT id FROM uploads WHERE digest = ? AND state IN ('waiting', 'accepted')", (digest,)
                ).fetchone()
            (number,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM uploads").fetchone()
            kept = replace(upload, number=number)
            if first is not None:
                kept = replace(kept, state=UploadState.DUPLICATE, duplicate_of=first[0], record="")
            connection.execute(
                "INSERT INTO uploads (id, state, digest, place, received_at, key_number, sealed)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, kept.state, digest, place, kept.received_at, *self._sealed(kept)),
            )
            if content and kept.state is not UploadState.DUPLICATE:
                connection.execute(
                    "INSERT INTO upload_contents (id, key_number, sealed) VALUES (?, ?, ?)",
                    (number, *self._vault.seal_row(CONTENTS, number, content)),
                )
        return kept

    def unfinished(self) -> dict[bytes, Upload]:
        """What was stored and is not known to be removed from where it lay, by its place."""
        with self._vault.database.read() as connection:
            rows = connection.execute(f"SELECT place, {_COLUMNS} FROM uploads WHERE place IS NOT NULL").fetchall()
        return {place: self._opened(row) for place, *row in rows}

    def finish(self, number: int) -> None:
        """Note that it is removed from where it lay."""
        with self._vault.database.write() as connection:
            connection.execute("UPDATE uploads SET place = NULL WHERE id = ?", (number,))

    def get(self, number: int) -> Upload:
        """An upload by its number.

        Raises:
            UsageError: there is none; Tampered: it does not open.
        """
        with self._vault.database.read() as connection:
            return self._read(connection, number)

    def content(self, number: int) -> bytes:
        """An upload's own bytes.

        Raises:
            UsageError: none are kept.
        """
        upload = self.get(number)
        with self._vault.database.read() as connection:
            row = connection.execute(
                "SELECT key_number, sealed FROM upload_contents WHERE id = ?", (number,)
            ).fetchone()
        if row is None:
            raise UsageError(f"upload {number} is {upload.state}: its content is not kept")
        return self._vault.open_row(CONTENTS, number, *row)

    def newest(self, limit: int, *, state: UploadState | None = None, before: int | None = None) -> list[Upload]:
        """Uploads, the newest first, from below the number `before` on."""
        of_state, parameters = ("state = ? AND", [state]) if state else ("", [])
        with self._vault.database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM uploads WHERE {of_state} id < ? ORDER BY id DESC LIMIT ?",
                (*parameters, before or GREATEST_NUMBER, limit),
            ).fetchall()
        return [self._opened(row) for row in rows]

    def decide(self, number: int, state: UploadState, reason: tuple[str, str] | None, now: int) -> Upload:
        """Accept or reject an upload that waits; a rejected one's content is deleted. Decided so before: no change.

        Raises:
            UsageError: it does not wait.
        """
        with self._vault.database.write() as connection:
            before = self._read(connection, number)
            if before.state is state:
                return before
            if before.state is not UploadState.WAITING:
                raise UsageError(f"upload {number} is {before.state}", hint="only one that waits is decided on")
            after = replace(before, state=state, decided_at=now, reasons=() if reason is None else (reason,))
            if state is UploadState.REJECTED:
                connection.execute("DELETE FROM upload_contents WHERE id = ?", (number,))
                after = replace(after, record="")
            connection.execute(
                "UPDATE uploads SET state = ?, key_number = ?, sealed = ? WHERE id = ?",
                (state, *self._sealed(after), number),
            )
        return after

    # ------------------------------------------------------------------------------------------------------- private

    def _sealed(self, upload: Upload) -> tuple[int, bytes]:
        told = {name: value for name, value in asdict(upload).items() if name not in _IN_THE_CLEAR}
        return self._vault.seal_row(TABLE, upload.number, orjson.dumps(told))

    def _read(self, connection: sqlite3.Connection, number: int) -> Upload:
        row = None
        if 0 < number <= GREATEST_NUMBER:
            row = connection.execute(f"SELECT {_COLUMNS} FROM uploads WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise UsageError(f"there is no upload {number}", hint="see creditconnect intake list")
        return self._opened(row)

    def _opened(self, row: Any) -> Upload:
        number, state, received_at, key_number, sealed = row
        said = orjson.loads(self._vault.open_row(TABLE, number, key_number, sealed))
        reasons = tuple((reason, message) for reason, message in said.pop("reasons"))
        return Upload(number=number, state=UploadState(state), received_at=received_at, reasons=reasons, **said)


_COLUMNS = "id, state, received_at, key_number, sealed"
_IN_THE_CLEAR = {"number", "state", "received_at"}
