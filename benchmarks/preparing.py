"""From a file's bytes to sealed bytes, against the cryptography and the validation that nothing can do without.

One core: both sides are pinned to the same one. The reference starts from records that are parsed and mapped already.
"""

from __future__ import annotations

import hmac
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import fastjsonschema
import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.ground import BATCH_RECORDS, MAPPING, PROVIDER, write_rows
from benchmarks.results import Result, Target
from benchmarks.timing import best_in_turns, require_count
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.custody.keyring import KEY_BYTES, Keyring
from creditconnect.custody.vault import Vault
from creditconnect.records.currencies import CURRENCIES
from creditconnect.records.mapping import ColumnMapping, load_mapping, packaged_mapping
from creditconnect.records.preparation import Prepared, prepare
from creditconnect.records.reading import Format, read_rows
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Rejection, Suite

ROUNDS = 5
_REFERENCE_IS = (
    "compiled fastjsonschema (references inlined), sorted orjson, HMAC-SHA-256 and AES-256-GCM alone on the same "
    "records, parsed and mapped beforehand; one core"
)


def prepare_vs_primitives(quick: bool) -> list[Result]:
    """Records a second through the code that `submit` runs, without the database; the best of some rounds each."""
    pin_to_one_core()
    count = 2_000 if quick else 10_000
    catalogue = SchemaCatalogue()
    mapping = load_mapping(packaged_mapping(f"{MAPPING}.toml"), catalogue)
    schema = catalogue.load(mapping.schema_id)
    with tempfile.TemporaryDirectory(prefix="creditconnect-bench-") as name:
        folder = Path(name)
        source = write_rows(folder / "rows.csv", count)
        vault = Vault(
            Database(folder / "vault.db", tables.MIGRATIONS),
            Keyring(os.urandom(KEY_BYTES)),
            PROVIDER,
            Suite.SHA256_AES256GCM,
        )
        records = [orjson.loads(row.canonical) for row in _prepared(source, mapping, schema)]
        validate = _compiled(schema.document)

        def ours() -> None:
            require_count(count, sum(len(sealed) for sealed in _sealed(source, mapping, schema, vault)))

        def reference() -> None:
            require_count(count, _primitives(records, validate))

        ours_seconds, reference_seconds = best_in_turns(ours, reference, ROUNDS)
        vault.database.close()
    return [
        Result(
            "prepare_vs_primitives",
            "records/s",
            count / ours_seconds,
            count / reference_seconds,
            _REFERENCE_IS,
            Target(0.4),
        )
    ]


def _prepared(source: Path, mapping: ColumnMapping, schema: Schema) -> Iterator[Prepared]:
    for row in prepare(read_rows(source, Format.CSV, mapping.columns), mapping, schema):
        if isinstance(row, Rejection):
            raise TypeError(f"line {row.line} was rejected: {row.field}, {row.reason}")
        yield row


def _sealed(source: Path, mapping: ColumnMapping, schema: Schema, vault: Vault) -> Iterator[Sequence[object]]:
    rows = _prepared(source, mapping, schema)
    while chunk := list(islice(rows, BATCH_RECORDS)):
        yield vault.seal(1, schema, 0, chunk)


def _primitives(records: Sequence[Mapping[str, Any]], validate: Callable[[object], object]) -> int:
    cipher, key = AESGCM(os.urandom(KEY_BYTES)), os.urandom(KEY_BYTES)
    done = 0
    for record in records:
        validate(record)
        canonical = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        value = hmac.digest(key, canonical, "sha256")
        cipher.encrypt(os.urandom(12), canonical, value)
        done += 1
    return done


def _compiled(document: Mapping[str, Any]) -> Callable[[object], object]:
    """The library's fastest: its own date formats, and no function call for a reference."""
    validate: Callable[[object], object] = fastjsonschema.compile(
        _inlined(document, document["definitions"]),
        formats={"currency": CURRENCIES.__contains__},
        use_default=False,
    )
    return validate


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, Mapping):
        if "$ref" in node:
            return _inlined(definitions[node["$ref"].removeprefix("#/definitions/")], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items() if key != "definitions"}
    return [_inlined(item, definitions) for item in node] if isinstance(node, list) else node


def pin_to_one_core() -> None:
    """The last core that this process may use, for it alone as far as it goes."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
