"""The vault: an institution's records, sealed, with the salts and commitments drawn for them.

Hides encryption at rest and the recognition of rows that came before. A row seen before (same schema and canonical
bytes, by a keyed digest) keeps the salt already drawn, so submitting a file twice changes nothing.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from creditconnect.custody.data_keys import DataKeys, OpenedKey, newest
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.sealing import NONCE_BYTES, Sealer
from creditconnect.errors import SettingsError, Tampered
from creditconnect.records.commitments import Derivation, lp
from creditconnect.records.identifiers import Identifier
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import Schema
from creditconnect.types import SALT_BYTES, Derived, Suite

# A truncated HMAC: 2^64 rows before two rows of one vault are likely taken for each other.
DIGEST_BYTES = 16
_SUBJECT_TAG = b"creditconnect/subject"
_PARTS_TAG = b"creditconnect/parts"

# Of the digest in a row that `Vault.seal` returns.
_DIGEST_AT = 4

# Records read by one query.
_AT_ONCE = 500

_COLUMNS = "id, file, line, schema, expires_at, record_hash, commitment, key_number, sealed, tx, found, suite"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as the vault keeps it; `tx` is the id of the transaction that registers it, None while it waits."""

    id: int
    file: int
    line: int
    schema: str
    expires_at: int
    derived: Derived
    key_number: int
    sealed: bytes
    tx: int | None
    found: bool
    suite: Suite


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record in the clear, with its salt."""

    stored: StoredRecord
    salt: bytes
    canonical: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One submission of a file; `started_at` in seconds, UTC."""

    id: int
    name: str
    started_at: int


@dataclass(frozen=True, slots=True)
class FileTotals:
    """Rows of one file: accepted for the first time, known already, rejected."""

    accepted: int
    repeated: int
    rejected: int


class Vault:
    """An opened vault. One per process; `database` is at `tables.MIGRATIONS`."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        provider_code: str,
        suite: Suite,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Open; a new database gets its first keys, and one that has none for `suite` gets its data key.

        Raises:
            SettingsError: the vault belongs to another institution; Tampered: the keyring is not this vault's.
        """
        self.database = database
        self._provider_code = provider_code
        self._suite = suite
        self._random = random_bytes
        self._keyring = keyring
        claim(database, provider_code)
        self._keys = DataKeys(database)
        keys = self._keys.opened(keyring, suite)
        self._digest_key = next(key.plain for key in keys if key.purpose == "digest")
        self._subject_key = self.lasting_key(_SUBJECT_TAG)
        self._sealers: dict[int, Sealer] = {}
        self._take(keys)

    # --------------------------------------------------------------------------------------------------- putting in

    def begin_file(self, name: str, digest: bytes, schema: str, expires_at: int, now: int) -> int:
        """The id of this submission of a file; `digest` is of the file's bytes."""
        with self.database.write() as connection:
            row = connection.execute(
                "INSERT INTO files (name, digest, schema, expires_at, started_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (name, digest, schema, expires_at, now),
            ).fetchone()
        return int(row[0])

    def seal(self, file: int, schema: Schema, expires_at: int, rows: Sequence[Prepared]) -> list[tuple[object, ...]]:
        """Rows as `put` keeps them, each with a salt and a nonce of its own; kept nowhere yet."""
        derive = Derivation(self._suite, self._provider_code, schema.hash).derive
        seal, number = self._current.seal, self._current.key_number
        digest_key, schema_hash = self._digest_key, schema.hash
        step = SALT_BYTES + NONCE_BYTES
        random = self._random(step * len(rows))
        sealed: list[tuple[object, ...]] = []
        for at, (line, canonical, _) in zip(range(0, len(random), step), rows, strict=True):
            salt, nonce = random[at : at + SALT_BYTES], random[at + SALT_BYTES : at + step]
            derived = derive(salt, canonical)
            digest = _row_digest(digest_key, schema_hash, canonical)
            kept = seal(nonce, salt, canonical, derived)
            sealed.append((file, line, schema.id, expires_at, digest, *derived, number, kept, int(self._suite)))
        return sealed

    def put(self, file: int, schema: Schema, expires_at: int, rows: Sequence[Prepared], rejected: int) -> FileTotals:
        """Seal rows and keep them, in one commit; rows known already are counted and left as they are.

        Only the expiry of one that still waits is set anew: it may have waited beyond the first.

        Returns what this call added to the file's totals.
        """
        sealed = self.seal(file, schema, expires_at, rows)
        subjects = [
            (self.subject_digest(subject), kept[_DIGEST_AT])
            for row, kept in zip(rows, sealed, strict=True)
            for subject in row.subjects
        ]
        with self.database.write() as connection:
            if newest(connection, self._suite) != self._current.key_number:
                # A rotation made another key since; nothing more may come under the old one.
                self._take(self._keys.opened_within(connection, self._keyring, self._suite))
                sealed = self.seal(file, schema, expires_at, rows)
            (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()
            connection.executemany(
                "INSERT INTO records"
                " (file, line, schema, expires_at, digest, record_hash, commitment, key_number, sealed, suite)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                " SET expires_at = excluded.expires_at WHERE tx IS NULL AND found = 0",
                sealed,
            )
            connection.executemany(
                "INSERT OR IGNORE INTO record_subjects (subject, record) SELECT ?, id FROM records WHERE digest = ?",
                subjects,
            )
            (accepted,) = connection.execute("SELECT count(*) FROM records WHERE id > ?", (last,)).fetchone()
            totals = FileTotals(accepted, len(rows) - accepted, rejected)
            connection.execute(
                "UPDATE files SET accepted = accepted + ?, repeated = repeated + ?, rejected = rejected + ?"
                " WHERE id = ?",
                (totals.accepted, totals.repeated, totals.rejected, file),
            )
        return totals

    def end_file(self, file: int, now: int) -> None:
        with self.database.write() as connection:
            connection.execute("UPDATE files SET ended_at = ? WHERE id = ?", (now, file))

    # ---------------------------------------------------------------------------------------------------- taking out

    def by_hash(self, record_hash: bytes) -> list[StoredRecord]:
        """The records of that hash, oldest first; two only when two commitments collide on 64 bits."""
        return self._select("WHERE record_hash = ? ORDER BY id", (record_hash,))

    def by_canonical(self, schema: Schema, canonical: bytes) -> StoredRecord:
        """The record of these canonical bytes, which was put before."""
        digest = _row_digest(self._digest_key, schema.hash, canonical)
        (record,) = self._select("WHERE digest = ?", (digest,))
        return record

    def subject_digest(self, subject: Identifier) -> bytes:
        """What this vault, and no other, knows a person or firm by: 16 bytes, the same for the same identifier."""
        named = lp((subject.type.encode(), subject.number.encode()))
        return hmac.digest(self._subject_key, named, "sha256")[:DIGEST_BYTES]

    def lasting_key(self, purpose: bytes) -> bytes:
        """A key of 32 bytes for another purpose than records; no rotation changes it."""
        return hmac.digest(self._digest_key, purpose, "sha256")

    def by_subject(self, subject: Identifier) -> list[StoredRecord]:
        """The records about whom this identifier belongs to, oldest first."""
        where = "WHERE id IN (SELECT record FROM record_subjects WHERE subject = ?) ORDER BY id"
        return self._select(where, (self.subject_digest(subject),))

    def digest(self, *parts: bytes) -> bytes:
        """What this vault, and no other, recognises these parts by: 16 bytes."""
        return hmac.digest(self._digest_key, lp((_PARTS_TAG, *parts)), "sha256")[:DIGEST_BYTES]

    def by_derived(self, wanted: Iterable[Derived]) -> dict[Derived, StoredRecord]:
        """The stored records among `wanted`, by hash and commitment."""
        found: dict[Derived, StoredRecord] = {}
        pairs = list(wanted)
        for start in range(0, len(pairs), _AT_ONCE):
            chunk = [derived.record_hash for derived in pairs[start : start + _AT_ONCE]]
            marks = ",".join("?" * len(chunk))
            for record in self._select(f"WHERE record_hash IN ({marks})", chunk):
                found[record.derived] = record
        return {derived: found[derived] for derived in pairs if derived in found}

    def registered(self) -> Iterator[list[StoredRecord]]:
        """Every record that is on the chain, in the order it came, at most 500 at a time: a million do not fit."""
        last = 0
        on_chain = "(found = 1 OR tx IN (SELECT id FROM transactions WHERE state IN ('mined', 'final')))"
        while page := self._select(f"WHERE id > ? AND {on_chain} ORDER BY id LIMIT {_AT_ONCE}", (last,)):
            yield page
            last = page[-1].id

    def by_numbers(self, numbers: Sequence[int]) -> Iterator[StoredRecord]:
        """The records of these numbers, in their order."""
        for start in range(0, len(numbers), _AT_ONCE):
            chunk = numbers[start : start + _AT_ONCE]
            yield from self._select(f"WHERE id IN ({','.join('?' * len(chunk))}) ORDER BY id", chunk)

    def files(self, wanted: Iterable[int]) -> list[StoredFile]:
        """The files of these ids, in their order."""
        with self.database.read() as connection:
            found = [
                connection.execute("SELECT id, name, started_at FROM files WHERE id = ?", (file,)).fetchone()
                for file in sorted(set(wanted))
            ]
        return [StoredFile(*row) for row in found if row is not None]

    def open(self, record: StoredRecord) -> OpenedRecord:
        """Decrypt a record.

        Raises:
            Tampered: it does not open.
        """
        sealer = self._sealer(record.key_number)
        if sealer is None:
            raise Tampered(f"record {record.id} names key {record.key_number}, which seals no records")
        salt, canonical = sealer.open(record.sealed, record.derived)
        return OpenedRecord(record, salt, canonical)

    def open_genuine(self, record: StoredRecord, schema: Schema) -> OpenedRecord:
        """Decrypt a record and derive its hash and commitment again, for whoever is to answer for it.

        Raises:
            Tampered: it does not open, or is not what its hash and commitment were derived from.
        """
        opened = self.open(record)
        derivation = Derivation(record.suite, self._provider_code, schema.hash)
        if derivation.derive(opened.salt, opened.canonical) != record.derived:
            raise Tampered(
                f"record {record.id} is not what was submitted", hint="reject it, and look who changed the vault"
            )
        return opened

    # ------------------------------------------------------------------------------------------- what is no record

    def seal_row(self, table: str, row: int, plain: bytes) -> tuple[int, bytes]:
        """The newest data key's number, and what is kept beside it in that row."""
        with self.database.read() as connection:
            if newest(connection, self._suite) != self._current.key_number:
                self._take(self._keys.known(self._keyring))
        return self._current.key_number, self._current.seal_row(self._random(NONCE_BYTES), plain, table, row)

    def open_row(self, table: str, row: int, key_number: int, sealed: bytes) -> bytes:
        """What `seal_row` was given.

        Raises:
            Tampered: it does not open.
        """
        sealer = self._sealer(key_number)
        if sealer is None:
            raise Tampered(f"row {row} of {table} names key {key_number}, which seals nothing")
        return sealer.open_row(sealed, table, row)

    # ------------------------------------------------------------------------------------------------------- private

    def _select(self, where: str, parameters: Sequence[object]) -> list[StoredRecord]:
        with self.database.read() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM records {where}", parameters).fetchall()
        return [_stored(row) for row in rows]

    def _sealer(self, number: int) -> Sealer | None:
        if number not in self._sealers:
            # Made by a rotation since this vault was opened.
            self._take(self._keys.known(self._keyring))
        return self._sealers.get(number)

    def _take(self, keys: Sequence[OpenedKey]) -> None:
        self._sealers |= {key.number: Sealer(key.suite, key.number, key.plain) for key in keys if key.purpose == "seal"}
        self._current = self._sealers[
            max(key.number for key in keys if (key.purpose, key.suite) == ("seal", self._suite))
        ]


def _row_digest(key: bytes, schema_hash: bytes, canonical: bytes) -> bytes:
    return hmac.digest(key, schema_hash + canonical, "sha256")[:DIGEST_BYTES]


def claim(database: Database, provider_code: str) -> None:
    """Make a new database that institution's.

    Raises:
        SettingsError: it is another's.
    """
    with database.write() as connection:
        connection.execute(
            "INSERT INTO about (key, value) VALUES ('institution', ?) ON CONFLICT DO NOTHING", (provider_code,)
        )
        owner = connection.execute("SELECT value FROM about WHERE key = 'institution'").fetchone()[0]
    if owner != provider_code:
        raise SettingsError(f"{database.path}: belongs to {owner}, not to {provider_code}")


def _stored(row: tuple[object, ...]) -> StoredRecord:
    (number, file, line, schema, expires_at, record_hash, commitment, key_number, sealed, tx, found, suite) = row
    return StoredRecord(
        id=int(str(number)),
        file=int(str(file)),
        line=int(str(line)),
        schema=str(schema),
        expires_at=int(str(expires_at)),
        derived=Derived(_blob(record_hash), _blob(commitment)),
        key_number=int(str(key_number)),
        sealed=_blob(sealed),
        tx=None if tx is None else int(str(tx)),
        found=bool(found),
        suite=Suite(int(str(suite))),
    )


def _blob(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a column that holds bytes holds something else")
    return value
