"""Promise: a rotation that is killed at any moment, and run again, ends with one current key and every record open.

Rotations of one vault, each in a process of its own ended by SIGKILL at a seeded moment of its life, then run again
until it is done. In between another vault, opened before, puts records and reads them, as a submitter at work would.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from creditconnect.custody.data_keys import DataKeys
from creditconnect.custody.database import Database
from creditconnect.custody.vault import Vault
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import Schema
from creditconnect.types import Suite
from tests.unit.custody.conftest import PASSPHRASE, prepared, put

RECORDS = 20_000
LIVES = 8
SEED = 20_261_126
MOST_SECONDS = 60
DRIVER = """
import sys
from pathlib import Path
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.resealing import Resealing
from creditconnect.types import Suite

folder = Path(sys.argv[1])
database = Database(folder / "vault.db", tables.MIGRATIONS)
keyring = Keyring.open(folder / "keyring.json", sys.stdin.readline().rstrip())
print("began", flush=True)
print(Resealing(database, keyring, Suite(int(sys.argv[2]))).run().number)
"""


def start(folder: Path, suite: Suite) -> subprocess.Popen[str]:
    """A rotation that has opened everything, and now begins."""
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folder), str(int(suite))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(PASSPHRASE + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "began\n"
    return process


def finish(folder: Path, suite: Suite) -> tuple[int, float]:
    """The number of the key that it moved every record to, and how long that took."""
    with start(folder, suite) as process:
        began = time.monotonic()
        output, _ = process.communicate(timeout=MOST_SECONDS)
    assert process.returncode == 0
    return int(output), time.monotonic() - began


def spread(database: Database) -> dict[int, int]:
    """How many records lie under each key."""
    return {key.number: key.rows for key in DataKeys(database).all() if key.rows}


def test_rotate__killed_at_seeded_moments_and_run_again__every_record_opens_under_one_current_key(
    vault: Vault, database: Database, schema: Schema, suite: Suite, tmp_path: Path
) -> None:
    rows = prepared(RECORDS)
    put(vault, schema, rows)
    _, span_seconds = finish(tmp_path, suite)
    chance = random.Random(SEED)  # noqa: S311  reproducible on purpose, protects nothing
    in_the_middle = 0
    for life in range(LIVES):
        with start(tmp_path, suite) as process:
            time.sleep(chance.random() * 0.8 * span_seconds)
            process.kill()
        in_the_middle += len(spread(database)) > 1
        under_way = DataKeys(database).rotation()
        rows += prepared(5, first=RECORDS + 1 + 5 * life)
        put(vault, schema, rows[-5:])
        _check_opens(vault, database, rows)
        number, _ = finish(tmp_path, suite)
        assert under_way in (None, number), "another key was made instead of going on"
        assert spread(database) == {number: len(rows)}
        assert DataKeys(database).rotation() is None
    _check_opens(vault, database, rows)
    assert in_the_middle >= LIVES // 2, "most kills came too early or too late to prove anything"
    for key in DataKeys(database).all():
        if key.purpose == "seal" and not key.rows:
            assert DataKeys(database).retire(key.number, suite)


def _check_opens(vault: Vault, database: Database, rows: list[Prepared]) -> None:
    with database.read() as connection:
        hashes = [row[0] for row in connection.execute("SELECT record_hash FROM records ORDER BY id")]
    assert len(hashes) == len(rows)
    for record_hash, row in zip(hashes[::7], rows[::7], strict=True):
        assert vault.open(vault.by_hash(record_hash)[0]).canonical == row.canonical
