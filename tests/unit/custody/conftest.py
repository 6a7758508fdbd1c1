"""What the tests of custody share: a vault with cheap keys, a few canonical records."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.vault import Vault
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, Schema, SchemaCatalogue
from creditconnect.types import Suite

PASSPHRASE = "a passphrase of the tests"
PROVIDER = "CRA-HK-01"
# Work that guards nothing.
SCRYPT_WORK = 2


@pytest.fixture(scope="session")
def schema() -> Schema:
    return SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "keyring.json", PASSPHRASE, scrypt_work=SCRYPT_WORK)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "vault.db", tables.MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture(params=list(Suite), ids=lambda suite: suite.name)
def suite(request: pytest.FixtureRequest) -> Suite:
    """Each suite in turn: what holds under one holds under the other."""
    return Suite(request.param)


@pytest.fixture
def vault(database: Database, keyring: Keyring, suite: Suite) -> Vault:
    return Vault(database, keyring, PROVIDER, suite)


@pytest.fixture
def counting_bytes() -> Callable[[int], bytes]:
    """Bytes 0, 1, 2 ... instead of random ones."""
    numbers = itertools.count()
    return lambda length: bytes(next(numbers) % 256 for _ in range(length))


def prepared(count: int, *, first: int = 1) -> list[Prepared]:
    """Rows with a canonical record each; nothing here looks at what they say."""
    return [Prepared(line, b'{"number":%d}' % line) for line in range(first, first + count)]


def put(vault: Vault, schema: Schema, rows: list[Prepared], *, expires_at: int = 0, rejected: int = 0) -> int:
    """The id of the file that the rows were put under."""
    file = vault.begin_file("rows.jsonl", b"\0" * 32, schema.id, expires_at, 1_700_000_000)
    vault.put(file, schema, expires_at, rows, rejected)
    return file
