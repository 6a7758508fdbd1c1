"""Two opposite credit reports that share a record hash, so that whoever trusts the 64 bits alone is shown to be wrong.

How the pair was found: tests/vectors/collision/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from creditconnect.records.canonical import read_canonical
from creditconnect.records.commitments import Derivation
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Derived, Suite

Record = dict[str, Any]


@pytest.fixture(scope="module")
def pair(vectors: Callable[[str], Any]) -> Any:
    return vectors("collision/collision_64bit_salted")


@pytest.fixture(scope="module")
def canonicals(pair: Any) -> list[bytes]:
    return [side["canonical"].encode("ascii") for side in pair["records"]]


@pytest.fixture(scope="module")
def records(canonicals: list[bytes]) -> list[Record]:
    return [read_canonical(canonical) for canonical in canonicals]


@pytest.fixture(scope="module")
def pair_schema(pair: Any, catalogue: SchemaCatalogue) -> Schema:
    return catalogue.by_hash(bytes.fromhex(pair["schema_hash"]))


@pytest.fixture(scope="module")
def derived(pair: Any, pair_schema: Schema, canonicals: list[bytes]) -> list[Derived]:
    derivation = Derivation(Suite(pair["suite"]), pair["provider_code"], pair_schema.hash)
    return [derivation.derive(bytes.fromhex(pair["salt"]), canonical) for canonical in canonicals]


def test_both_are_valid_reports_of_one_person(pair: Any, pair_schema: Schema, records: list[Record]) -> None:
    assert pair_schema.id == pair["schema_id"]
    good, bad = records
    for record in records:
        pair_schema.validate(record)
    assert good["report"] == bad["report"]
    assert good["identity"] == bad["identity"]


def test_they_say_opposite_things(records: list[Record]) -> None:
    good, bad = (record["summary"] for record in records)
    assert (good["assessment"], bad["assessment"]) == ("GOOD", "BAD")
    assert (good["score"]["grade"], bad["score"]["grade"]) == ("A", "I")
    assert (good["worst_days_past_due"], bad["worst_days_past_due"]) == (0, 180)
    assert good["overdue"]["amount_minor"] == 0 < bad["overdue"]["amount_minor"]
    assert [[entry["kind"] for entry in record["public_records"]] for record in records] == [[], ["ENFORCEMENT"]]


def test_the_record_hash_does_not_tell_them_apart(pair: Any, derived: list[Derived]) -> None:
    assert [one.record_hash.hex() for one in derived] == [pair["record_hash"]] * 2


def test_the_commitment_does(pair: Any, derived: list[Derived]) -> None:
    good, bad = (one.commitment for one in derived)
    assert [good.hex(), bad.hex()] == [side["commitment"] for side in pair["records"]]
    assert good != bad
