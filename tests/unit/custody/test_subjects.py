"""Promise: a person's records are found by any of their identifiers, and by nobody who has the file alone."""

from __future__ import annotations

import os
from pathlib import Path

from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import KEY_BYTES, Keyring
from creditconnect.custody.vault import Vault
from creditconnect.records.identifiers import Identifier
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import Schema
from creditconnect.types import Suite
from tests.unit.custody.conftest import PROVIDER, put

HKID = Identifier("HKID", "A1234563")
RESIDENT_ID = Identifier("CN_RESIDENT_ID", "11010519491231002X")


def about(line: int, *subjects: Identifier) -> Prepared:
    return Prepared(line, b'{"number":%d}' % line, subjects)


def lines_about(vault: Vault, subject: Identifier) -> list[int]:
    return [record.line for record in vault.by_subject(subject)]


def test_by_subject__several_identifiers__found_by_each(vault: Vault, schema: Schema) -> None:
    put(vault, schema, [about(1, HKID), about(2), about(3, RESIDENT_ID, HKID), about(4, RESIDENT_ID)])
    assert lines_about(vault, HKID) == [1, 3]
    assert lines_about(vault, RESIDENT_ID) == [3, 4]
    assert lines_about(vault, Identifier("HKID", "E3649125")) == []
    assert lines_about(vault, Identifier("CN_RESIDENT_ID", HKID.number)) == []


def test_by_subject__rows_put_again__once(vault: Vault, schema: Schema) -> None:
    rows = [about(1, HKID), about(2, HKID)]
    put(vault, schema, rows)
    put(vault, schema, rows)
    assert lines_about(vault, HKID) == [1, 2]


def test_subject_digest__another_vault__another_digest(vault: Vault, tmp_path: Path) -> None:
    database = Database(tmp_path / "other.db", tables.MIGRATIONS)
    other = Vault(database, Keyring(os.urandom(KEY_BYTES)), PROVIDER, Suite.SHA256_AES256GCM)
    assert vault.subject_digest(HKID) == vault.subject_digest(Identifier(*HKID))
    assert vault.subject_digest(HKID) != other.subject_digest(HKID)
    database.close()


def test_put__subjects__not_in_the_file_in_the_clear(vault: Vault, database: Database, schema: Schema) -> None:
    put(vault, schema, [about(1, HKID)])
    database.close()
    kept = b"".join(path.read_bytes() for path in database.path.parent.glob("vault.db*"))
    assert HKID.number.encode() not in kept
