"""SQLite connections: one writer, durable commits, migrations, and SQLite's failures in the words of `errors`.

Hides pragmas and versions. Never waits without a bound for a lock, and never opens a database newer than it knows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from creditconnect.errors import CustodyError, DatabaseDamaged, DatabaseLocked, DatabaseTooNew, UsageError

BUSY_TIMEOUT_SECONDS = 5.0
# Large pages and a late checkpoint: a random unique index costs most of an insert otherwise.
PAGE_BYTES = 16_384
CHECKPOINT_PAGES = 4_000
_READING = frozenset(
    (
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    )
)


class Database:
    """An open database at the newest of the given migrations' versions.

    `migrations[i]` is the script that takes version i to version i + 1.
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        """Open or create.

        Raises:
            DatabaseLocked, DatabaseDamaged, DatabaseTooNew: each names the file.
        """
        self.path = path
        with self._translated():
            self.connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(migrations)
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self, migrations: Sequence[str]) -> None:
        self.connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        self.connection.execute("PRAGMA foreign_keys = ON")
        # Else what INSERT OR REPLACE puts away is deleted past the triggers that refuse it.
        self.connection.execute("PRAGMA recursive_triggers = ON")
        version = self._version()
        if version > len(migrations):
            raise DatabaseTooNew(
                f"{self.path}: has version {version}, this program knows up to {len(migrations)}",
                hint="use the newer creditconnect that wrote it",
            )
        if version < len(migrations):
            self._migrate(migrations)

    def _migrate(self, migrations: Sequence[str]) -> None:
        with self.write():
            # Asked again under the write lock: another process may have migrated meanwhile.
            for number in range(self._version(), len(migrations)):
                for statement in _statements(migrations[number]):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA user_version = {number + 1}")

    def _version(self) -> int:
        return int(self.connection.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: committed at the end, rolled back by any exception.

        Begins IMMEDIATE: a deferred read that turns to writing fails with BUSY_SNAPSHOT, which no timeout cures.

        Raises:
            DatabaseLocked, DatabaseDamaged.
        """
        with self._translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading, with SQLite's failures translated."""
        with self._translated():
            yield self.connection

    def restrict(self, writes: Mapping[str, Container[str]]) -> None:
        """From now on let this connection write only what is named, by table: `INSERT`, or columns to update.

        Deletes nothing, changes no schema, attaches nothing; reading stays as it was.
        """

        def allowed(action: int, first: str | None, second: str | None, _database: str | None, _by: str | None) -> int:
            return sqlite3.SQLITE_OK if _is_allowed(writes, action, first, second) else sqlite3.SQLITE_DENY

        self.connection.set_authorizer(allowed)

    def close(self) -> None:
        self.connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:
            raise self._operational(error) from error
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_AUTH":
                raise CustodyError(
                    f"{self.path}: whoever reviews can't alter what was submitted", hint="nothing was changed"
                ) from error
            raise DatabaseDamaged(f"{self.path}: {error}", hint="restore it from a backup") from error

    def _operational(self, error: sqlite3.OperationalError) -> Exception:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return DatabaseLocked(
                f"{self.path}: locked for {BUSY_TIMEOUT_SECONDS:g} s by another process",
                hint="let the other process finish, or stop it, and try again",
            )
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            return UsageError(f"{self.path}: can't be opened for writing", hint="check the folder and its permissions")
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
            return CustodyError(f"{self.path}: {error}", hint="nothing was lost; make room on the disk and try again")
        return DatabaseDamaged(f"{self.path}: {error}", hint="restore it from a backup")


def _is_allowed(writes: Mapping[str, Container[str]], action: int, first: str | None, second: str | None) -> bool:
    if action in _READING:
        return True
    if action == sqlite3.SQLITE_INSERT:
        return "INSERT" in writes.get(first or "", ())
    if action == sqlite3.SQLITE_UPDATE:
        return (second or "") in writes.get(first or "", ())
    # A pragma without a value only tells.
    return action == sqlite3.SQLITE_PRAGMA and second is None


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; a trigger holds semicolons of its own."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
