"""The package and entry of tests/vectors/package.json, which were made without our software."""

from __future__ import annotations

import json
from pathlib import Path

from creditconnect.custody.packages import read_package, write_package
from creditconnect.records.commitments import derive
from creditconnect.types import Suite, entry_key, entry_key_parts

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "package.json").read_text(encoding="utf-8"))


def test_package__of_the_vector__reads_derives_and_writes_the_same_bytes() -> None:
    data = VECTOR["package"].encode("utf-8")
    package = read_package(data)
    derived = derive(Suite(package.suite), package.provider, package.schema_hash, package.salt, package.canonical)
    assert derived == package.derived
    assert write_package(package) == data
    assert package.chain.registry == "0x" + "33" * 20


def test_entry_key__of_the_vector__packs_and_unpacks() -> None:
    package = read_package(VECTOR["package"].encode("utf-8"))
    key = entry_key(package.derived.record_hash, VECTOR["institution"], VECTOR["n"])
    assert f"{key:#024x}" == VECTOR["entry_key"]
    assert entry_key_parts(key) == (package.derived.record_hash, VECTOR["institution"], VECTOR["n"])


def test_entry__of_the_vector__is_commitment_below_batch() -> None:
    word = int(VECTOR["entry_word"], 16)
    commitment = word & (1 << 192) - 1
    assert commitment.to_bytes(24, "big") == read_package(VECTOR["package"].encode("utf-8")).derived.commitment
    assert word >> 192 & (1 << 48) - 1 == VECTOR["batch"]
