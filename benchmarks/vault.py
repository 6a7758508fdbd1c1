"""A vault of a million records: how long it takes to open, to list, to search by subject, to say where it stands.

Filled by `Vault.put` and `SubjectRegister.register`, as submissions fill it, but for the transactions: those are
written into their table, for a million records on a chain would take too many blocks. Before each opening the
database's pages are dropped from the system's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeVar

from benchmarks.ground import MAPPING, PROVIDER, Ground, fresh_ground
from benchmarks.results import Result, Target
from benchmarks.timing import require_count, seconds
from creditconnect.client import Client
from creditconnect.custody.listing import RecordStanding
from creditconnect.custody.subjects import SubjectRegister
from creditconnect.custody.vault import Vault
from creditconnect.errors import FieldInvalid
from creditconnect.exchange.preparer import Form, prepared_chunks
from creditconnect.exchange.sources import Source
from creditconnect.records.identifiers import Identifier, hkid_check_digit
from creditconnect.records.mapping import find_mapping, load_mapping
from creditconnect.records.preparation import Prepared
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.records.subjects import EVERY_SCHEMA, Consent, Subject, SubjectKind, SubjectRow

Row = TypeVar("Row")

ROUNDS = 5
CHUNK_ROWS = 500
RECORDS_A_PERSON = 4
BATCHES_UNDER_WAY, BATCHES_WAITING = 10, 20
FEW = 1_000
CHILD_SECONDS = 60
_TARGETS = dict.fromkeys(("open", "list", "list_by_state", "search", "status"), Target(1.0, True, True))


def vault_million(quick: bool) -> list[Result]:
    """Seconds of each question to a full vault, and of the same to one of a thousand records."""
    many = 50_000 if quick else 1_000_000
    ours, reference = _asked(many), _asked(FEW)
    reference_is = f"the same of a vault of {FEW:,} records; ours has {many:,}"
    # The whole command's time is that of starting Python and of scrypt, whatever the vault holds: shown, not bounded.
    return [
        Result(f"vault_{name}_seconds", "s", ours[name], reference[name], reference_is, _TARGETS.get(name))
        for name in ours
    ]


def _asked(records: int) -> dict[str, float]:
    # Keys at their full strength: scrypt counts in opening.
    with fresh_ground(scrypt_work=None) as ground:
        _fill(ground, records)
        person = _hkid(records // RECORDS_A_PERSON // 2)
        return {
            "open": _cold(ground, lambda client: client.subject_list(limit=1), opening=True),
            "list": _cold(ground, lambda client: require_count(50, len(client.records_list()))),
            "list_by_state": _cold(ground, _each_state),
            "search": _cold(ground, lambda client: _found(client, person)),
            "status": _cold(ground, lambda client: client.status()),
            "command": _command(ground),
        }


def _cold(ground: Ground, ask: Callable[[Client], object], *, opening: bool = False) -> float:
    """The least of some rounds, each with a client of its own and nothing of the database in memory."""
    taken = []
    for _ in range(ROUNDS):
        _drop_pages(ground)
        began = time.monotonic()
        with ground.open(PROVIDER) as client:
            if not opening:
                # The keyring's passphrase is stretched, the node's identity compared; neither knows of records.
                client.subject_list(limit=1)
                client.registry.head()
                began = time.monotonic()
            ask(client)
            taken.append(time.monotonic() - began)
    return min(taken)


def _command(ground: Ground) -> float:
    """`creditconnect subject show`, a whole process: started, opened, a person and their records shown."""
    passphrase = ground.folder / "passphrase"
    passphrase.write_text("guards nothing: vault\n")
    command = [str(Path(sys.executable).with_name("creditconnect")), "subject", "show", "1", "--json"]
    command += ["--home", str(ground.folder / PROVIDER)]
    environment = {**os.environ, "CREDITCONNECT_VAULT_PASSPHRASE_FILE": str(passphrase)}

    def show() -> None:
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=CHILD_SECONDS)

    return min(seconds(show) for _ in range(ROUNDS))


def _found(client: Client, person: Identifier) -> None:
    known = client.subject_show(person)
    require_count(RECORDS_A_PERSON, len(client.records_list(subject=known.number)))


def _each_state(client: Client) -> None:
    for standing in RecordStanding:
        client.records_list(standing=standing)


def _drop_pages(ground: Ground) -> None:
    for path in (ground.folder / PROVIDER).glob("vault.db*"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# ----------------------------------------------------------------------------------------------------------- filling


def _fill(ground: Ground, records: int) -> None:
    with ground.open(PROVIDER) as client:
        vault = client._vault
        _register(SubjectRegister(vault, clock=time.time), records // RECORDS_A_PERSON)
        _put(vault, _template(ground), records)
        _mark(vault, records)


def _register(register: SubjectRegister, persons: int) -> None:
    consents = (Consent((EVERY_SCHEMA,), 1),)
    rows = (
        SubjectRow(Subject(SubjectKind.PERSON, f"Synthetic Person {n}", (_hkid(n),), "1990-02-28", "", consents))
        for n in range(persons)
    )
    for chunk in _chunks(rows):
        if any(isinstance(answer, FieldInvalid) for answer in register.register(chunk)):
            raise RuntimeError("a subject was refused")


def _put(vault: Vault, template: tuple[bytes, bytes], records: int) -> None:
    schema = SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)
    before, after = template
    file = vault.begin_file("million.csv", bytes(32), schema.id, 0, 1)
    rows = (Prepared(n + 1, b"%s%08d%s" % (before, n, after), (_hkid(n // RECORDS_A_PERSON),)) for n in range(records))
    for chunk in _chunks(rows):
        vault.put(file, schema, 0, chunk, 0)
    vault.end_file(file, 2)


def _template(ground: Ground) -> tuple[bytes, bytes]:
    """A German Credit record's canonical bytes, around its report's number."""
    catalogue = SchemaCatalogue()
    mapping_file = find_mapping(MAPPING)
    mapping = load_mapping(mapping_file, catalogue)
    form = Form("csv", catalogue.load(PERSONAL_CREDIT_REPORT), mapping, mapping_file)
    with prepared_chunks(Source.of_path(ground.rows(1)), form) as chunks:
        (chunk,) = islice(chunks, 1)
    before, _, rest = chunk.prepared[0].canonical.partition(b'"report":')
    head, _, after = rest.partition(b'"number":"')
    return before + b'"report":' + head + b'"number":"', after[after.index(b'"') :]


def _mark(vault: Vault, records: int) -> None:
    """Give all but the last records to transactions, as the outbox does: most final, some under way."""
    batches = list(_batches(records))
    final = len(batches) - BATCHES_UNDER_WAY - BATCHES_WAITING if len(batches) > FEW // CHUNK_ROWS else len(batches)
    with vault.database.write() as connection:
        for number, (first, last) in enumerate(batches[: final + BATCHES_UNDER_WAY], start=1):
            connection.execute(
                "INSERT INTO transactions (id, sender, nonce, hash, raw, data, action, state, signed_at)"
                " VALUES (?, 'nobody', ?, ?, zeroblob(16000), zeroblob(16000), 'register', ?, 1)",
                (number, number, number.to_bytes(32, "big"), "final" if number <= final else "stored"),
            )
            connection.execute("UPDATE records SET tx = ? WHERE id BETWEEN ? AND ?", (number, first, last))


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def _batches(records: int) -> Iterator[tuple[int, int]]:
    for first in range(1, records + 1, CHUNK_ROWS):
        yield first, min(first + CHUNK_ROWS - 1, records)


def _hkid(number: int) -> Identifier:
    body = f"{chr(ord('A') + number // 10**6)}{number % 10**6:06d}"
    return Identifier("HKID", body + hkid_check_digit(body))
