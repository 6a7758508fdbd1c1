"""Derivation: known answers, the protocol's worked example, and a stranger's implementation of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SM3, Hash
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import UsageError
from creditconnect.records.canonical import read_canonical
from creditconnect.records.commitments import Derivation, derive, hmac_sm3, lp
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Suite

ROOT = Path(__file__).resolve().parents[3]
Vectors = Callable[[str], Any]
byte_lists = st.lists(st.binary(max_size=5), max_size=5)


def derived(vector: dict[str, Any]) -> dict[str, str]:
    found = derive(
        Suite(vector["suite"]),
        vector["provider_code"],
        bytes.fromhex(vector["schema_hash"]),
        bytes.fromhex(vector["salt"]),
        vector["canonical"].encode(),
    )
    return {"record_hash": found.record_hash.hex(), "commitment": found.commitment.hex()}


def sm3(message: bytes) -> bytes:
    digest = Hash(SM3())
    digest.update(message)
    return digest.finalize()


def expected(vector: dict[str, Any]) -> dict[str, str]:
    return {"record_hash": vector["record_hash"], "commitment": vector["commitment"]}


def test_derive__known_answers__equal(vectors: Vectors, catalogue: SchemaCatalogue) -> None:
    for vector in vectors("commitments")["vectors"]:
        assert derived(vector) == expected(vector), vector["name"]
        assert vector["record_hash"] + vector["commitment"] == vector["value"]
        schema = catalogue.by_hash(bytes.fromhex(vector["schema_hash"]))
        assert schema.id == vector["schema_id"]
        schema.validate(read_canonical(vector["canonical"].encode()))


def test_derive__by_a_stranger_in_javascript__the_same(vectors: Vectors) -> None:
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    assert node is not None, "Node.js is needed: a second implementation is what this test is about"
    for vector in vectors("commitments")["vectors"]:
        given_alone = {key: vector[key] for key in ("suite", "provider_code", "schema_hash", "salt", "canonical")}
        answer = subprocess.run(
            [node, str(ROOT / "tests" / "vectors" / "derive.mjs")],
            input=json.dumps(given_alone).encode(),
            capture_output=True,
            check=True,
            timeout=30,
        )
        assert json.loads(answer.stdout) == expected(vector), vector["name"]


def test_protocol__worked_example__equals_the_vector_and_derives(vectors: Vectors) -> None:
    protocol = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    block = re.search(r"```example\n(.*?)```", protocol, re.DOTALL)
    assert block is not None
    example = dict(line.split(None, 1) for line in block[1].strip().splitlines())
    vector = vectors("commitments")["vectors"][0]
    assert {key: value for key, value in example.items() if key != "suite"} == {
        key: vector[key] for key in example if key != "suite"
    }
    assert set(example) == set(vector) - {"name", "note"}
    assert derived(example | {"suite": int(example["suite"])}) == expected(example)


def test_protocol__schema_table__holds_the_known_hashes(catalogue: SchemaCatalogue) -> None:
    protocol = (ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
    for schema_id in catalogue.ids:
        assert re.search(rf"`{schema_id}` *\| *`{catalogue.load(schema_id).hash.hex()}`", protocol)


@given(byte_lists, byte_lists)
def test_lp__two_lists__same_bytes_only_when_equal(one: list[bytes], other: list[bytes]) -> None:
    assert (lp(one) == lp(other)) == (one == other)


def test_derive__any_input_changed__nothing_in_common(schema: Schema) -> None:
    salt, canonical = bytes(32), b'{"a":1}'
    values = [
        derive(Suite.SHA256_AES256GCM, "A", schema.hash, salt, canonical),
        derive(Suite.SHA256_AES256GCM, "B", schema.hash, salt, canonical),
        derive(Suite.SHA256_AES256GCM, "A", bytes(32), salt, canonical),
        derive(Suite.SHA256_AES256GCM, "A", schema.hash, b"\1" + bytes(31), canonical),
        derive(Suite.SHA256_AES256GCM, "A", schema.hash, salt, b'{"a":2}'),
    ]
    assert len({value.record_hash for value in values}) == len({value.commitment for value in values}) == len(values)
    assert all((len(value.record_hash), len(value.commitment)) == (8, 24) for value in values)


@pytest.mark.parametrize("code", ["", "x" * 33, "HK CRA", "HK\x7f", "HK\n", "\u6df1\u5733"])
def test_derivation__provider_code_of_wrong_shape__refused(code: str) -> None:
    with pytest.raises(UsageError, match="provider code"):
        Derivation(Suite.SHA256_AES256GCM, code, bytes(32))


def test_hmac_sm3__the_standards_digests__equal(vectors: Vectors) -> None:
    """SM3 by the standard's own examples, and HMAC (RFC 2104) over it by hand."""
    for example in vectors("sm")["sm3"]:
        assert sm3(bytes.fromhex(example["message"])).hex() == example["digest"]
    key, message = bytes(range(32)), b"\1\2\3"
    padded = key.ljust(64, b"\0")
    inner = sm3(bytes(byte ^ 0x36 for byte in padded) + message)
    assert hmac_sm3(key, message) == sm3(bytes(byte ^ 0x5C for byte in padded) + inner)


def test_derivation__wrong_lengths__refused() -> None:
    with pytest.raises(UsageError, match="schema hash"):
        Derivation(Suite.SHA256_AES256GCM, "A", bytes(31))
    with pytest.raises(UsageError, match="salt"):
        Derivation(Suite.SHA256_AES256GCM, "A", bytes(32)).derive(bytes(31), b"{}")
