"""Promise: a database is opened whole, at a version that is known, within bounded time; or one error says why not."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from creditconnect.custody.database import BUSY_TIMEOUT_SECONDS, Database
from creditconnect.errors import CustodyError, DatabaseDamaged, DatabaseLocked, DatabaseTooNew, UsageError

MIGRATIONS = ("CREATE TABLE one (a INTEGER) STRICT", "CREATE TABLE two (b INTEGER); INSERT INTO two VALUES (7)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "kept.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database(path, MIGRATIONS)
    yield opened
    opened.close()


def rows(database: Database, table: str) -> list[tuple[int]]:
    with database.read() as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def fill(path: Path, count: int = 5_000) -> None:
    database = Database(path, MIGRATIONS)
    with database.write() as connection:
        connection.executemany("INSERT INTO one VALUES (?)", [(number,) for number in range(count)])
    database.close()


# ---------------------------------------------------------------------------------------------------------- versions


def test_open__new_file__at_the_newest_version_and_durable(database: Database) -> None:
    with database.read() as connection:
        asked = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "journal_mode", "synchronous", "foreign_keys")
        }
    assert asked == {"user_version": 2, "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert rows(database, "two") == [(7,)]


def test_open__older_version__migrated_and_nothing_lost(path: Path) -> None:
    older = Database(path, MIGRATIONS[:1])
    with older.write() as connection:
        connection.execute("INSERT INTO one VALUES (1)")
    older.close()
    newer = Database(path, MIGRATIONS)
    assert (rows(newer, "one"), rows(newer, "two")) == ([(1,)], [(7,)])
    newer.close()
    again = Database(path, MIGRATIONS)
    assert rows(again, "two") == [(7,)], "migrated twice"
    again.close()


def test_open__migration_fails_in_the_middle__version_and_tables_as_before(path: Path) -> None:
    Database(path, MIGRATIONS[:1]).close()
    with pytest.raises(DatabaseDamaged):
        Database(path, (MIGRATIONS[0], "CREATE TABLE two (b INTEGER); INSERT INTO nowhere VALUES (1)"))
    whole = Database(path, MIGRATIONS)
    assert rows(whole, "two") == [(7,)]
    whole.close()


def test_open__newer_version__refused_and_left_alone(path: Path) -> None:
    Database(path, MIGRATIONS).close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew, match="has version 2, this program knows up to 1") as refused:
        Database(path, MIGRATIONS[:1])
    assert str(path) in refused.value.message
    assert refused.value.hint
    assert path.read_bytes() == before


# ------------------------------------------------------------------------------------------------------------- locked


def test_open_and_write__another_process_writes__locked_within_bounded_time_and_free_afterwards(
    database: Database, path: Path, tmp_path: Path
) -> None:
    unopened = tmp_path / "unopened.db"
    Database(unopened, MIGRATIONS).close()

    def write() -> None:
        with database.write():
            pytest.fail("two writers at once")

    with closing(_holding(path, "BEGIN IMMEDIATE")) as other, closing(_holding(unopened, "BEGIN EXCLUSIVE")):
        # The two waits at once: each takes seconds.
        with ThreadPoolExecutor() as threads:
            waits = [threads.submit(_locked, write), threads.submit(_locked, lambda: Database(unopened, MIGRATIONS))]
        for wait, file in zip(waits, (path, unopened), strict=True):
            seconds, locked = wait.result()
            assert BUSY_TIMEOUT_SECONDS - 1 < seconds < BUSY_TIMEOUT_SECONDS + 3
            assert str(file) in locked.message
            assert locked.hint
        assert rows(database, "two") == [(7,)], "a reader waited for the writer"
        other.execute("ROLLBACK")
    with database.write() as connection:
        connection.execute("INSERT INTO one VALUES (1)")
    assert rows(database, "one") == [(1,)]


def _holding(path: Path, begin: str) -> sqlite3.Connection:
    other = sqlite3.connect(path, isolation_level=None)
    if begin == "BEGIN EXCLUSIVE":
        # In WAL an exclusive lock keeps no reader out.
        other.execute("PRAGMA journal_mode = DELETE")
    other.execute(begin)
    return other


def _locked(act: Callable[[], object]) -> tuple[float, DatabaseLocked]:
    began = time.monotonic()
    with pytest.raises(DatabaseLocked) as locked:
        act()
    return time.monotonic() - began, locked.value


# ------------------------------------------------------------------------------------------------------------ damaged


@pytest.mark.parametrize("data", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4_096])
def test_open__no_database__damaged(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(DatabaseDamaged) as damaged:
        Database(path, MIGRATIONS)
    assert str(path) in damaged.value.message
    assert "backup" in damaged.value.hint
    assert path.read_bytes() == data


def test_open__cut_in_the_middle__damaged_at_the_latest_when_it_is_read(path: Path) -> None:
    fill(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DatabaseDamaged):
        _read_all(path)


def test_open__pages_overwritten__damaged_or_whole_but_never_another_error(path: Path) -> None:
    fill(path)
    data = path.read_bytes()
    damaged = 0
    for at in range(0, len(data), 4_096):
        path.write_bytes(data[:at] + b"\xa5" * 512 + data[at + 512 :])
        try:
            _read_all(path)
        except CustodyError as error:
            damaged += isinstance(error, DatabaseDamaged)
        for leftover in path.parent.glob("kept.db-*"):
            leftover.unlink()
    assert damaged


def _read_all(path: Path) -> None:
    database = Database(path, MIGRATIONS)
    try:
        assert len(rows(database, "one")) <= 5_000
        with database.write() as connection:
            connection.execute("INSERT INTO one VALUES (1)")
    finally:
        database.close()


def test_open__a_folder_that_is_not_there__usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be opened"):
        Database(tmp_path / "nowhere" / "kept.db", MIGRATIONS)


# ------------------------------------------------------------------------------------------------------- transactions


class Stop(Exception):
    pass


def test_write__raises_inside__rolled_back_and_usable_afterwards(database: Database) -> None:
    with pytest.raises(Stop):
        _insert_and(database, stop)
    assert rows(database, "one") == []
    _insert_and(database, lambda _: None)
    assert rows(database, "one") == [(1,)]


def _insert_and(database: Database, then: Callable[[sqlite3.Connection], object]) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO one VALUES (1)")
        then(connection)


def stop(_: sqlite3.Connection) -> None:
    raise Stop


def test_write__committed__there_after_the_process_forgets_to_close(path: Path) -> None:
    left_open = Database(path, MIGRATIONS)
    with left_open.write() as connection:
        connection.execute("INSERT INTO one VALUES (1)")
    other = Database(path, MIGRATIONS)
    assert rows(other, "one") == [(1,)]
    other.close()
    left_open.close()


def test_write__a_rule_is_broken__sqlites_own_error_and_nothing_kept(database: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        _insert_and(database, lambda connection: connection.execute("INSERT INTO one VALUES ('text')"))
    assert rows(database, "one") == []
