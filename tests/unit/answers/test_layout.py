"""Promise: the layout is the compiler's, variable by variable and bit by bit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from creditconnect.answers import layout
from creditconnect.answers.layout import ACCOUNT, CORRIDOR, DAILY_ROOT, ENTRY, REGISTRY, Place, Variable, pack

COMPILED = json.loads(
    (Path(__file__).resolve().parents[3] / "src/creditconnect/chain/abi/RecordRegistry.storage.json").read_text(
        encoding="utf-8"
    )
)
VARIABLES = {value.slot: value for value in vars(layout).values() if isinstance(value, Variable)}

Bits = tuple[int, int, int]  # word, offset in bits, size in bits


def compiled_keys_and_value(kind: str) -> tuple[int, dict[str, Any]]:
    """How many mappings a type is inside, and what is innermost."""
    described = COMPILED["types"][kind]
    if described["encoding"] != "mapping":
        return 0, described
    depth, value = compiled_keys_and_value(described["value"])
    return depth + 1, value


def compiled_fields(value: dict[str, Any]) -> dict[str, Bits]:
    return {
        member["label"]: (
            int(member["slot"]),
            8 * member["offset"],
            8 * int(COMPILED["types"][member["type"]]["numberOfBytes"]),
        )
        for member in value.get("members", [])
    }


def fields(variable: Variable) -> Iterator[tuple[str, Bits]]:
    for number, word in enumerate(variable.words):
        offset = 0
        for field in word:
            yield field.name, (number, offset, field.bits)
            offset += field.bits


@pytest.mark.parametrize("compiled", COMPILED["storage"], ids=lambda compiled: compiled["label"])
def test_variable__each_of_the_contract__lies_where_the_compiler_put_it(compiled: dict[str, Any]) -> None:
    variable = VARIABLES[int(compiled["slot"])]
    depth, value = compiled_keys_and_value(compiled["type"])

    assert compiled["offset"] == 0
    assert len(variable.keys) == depth
    if value.get("members"):
        assert dict(fields(variable)) == compiled_fields(value)
    elif variable is not ENTRY:  # which the contract packs itself; see `_packEntry`
        ((_, bits),) = fields(variable)
        assert bits == (0, 0, 8 * int(value["numberOfBytes"]))


def test_layout__whole__has_the_contracts_variables_and_no_more() -> None:
    assert sorted(VARIABLES) == sorted(int(compiled["slot"]) for compiled in COMPILED["storage"])


def test_entry__packed__is_as_the_contract_packs_it() -> None:
    packed = pack(ENTRY.words[0], {"commitment": 2**192 - 1, "batch": 5, "override": 4})

    assert packed == 4 << 240 | 5 << 192 | 2**192 - 1


def test_slot__of_nested_mappings__is_hashed_from_the_outermost_key_on() -> None:
    outer = keccak((3).to_bytes(32, "big") + (11).to_bytes(32, "big"))
    middle = keccak((255).to_bytes(32, "big") + outer)
    inner = keccak((20_000).to_bytes(32, "big") + middle)

    assert Place(DAILY_ROOT, (3, 255, 20_000), 1).slot() == int.from_bytes(inner, "big") + 1


@pytest.mark.parametrize(
    ("place", "difference", "said"),
    [
        (Place(REGISTRY), 1 << 248 | 1, "registry: batchCount, live"),
        (Place(CORRIDOR, (1, 2)), 1, "corridor (from 1, to 2): open"),
        (Place(CORRIDOR, (1, 2)), 1 << 8, "corridor (from 1, to 2): spare bits"),
        (Place(ENTRY, (0x0100,)), 1 << 191, "entry 0x0000000000000000000100: commitment"),
        (Place(ACCOUNT, (0xABC,)), 1 << 32, "account 0x" + "0" * 37 + "abc: number"),
        (Place(DAILY_ROOT, (1, 2, 3), 1), 1 << 96, "daily root (institution 1, kind 2, day 3): last"),
    ],
)
def test_explain__values_that_differ__names_variable_key_and_fields(place: Place, difference: int, said: str) -> None:
    assert place.explain(0, difference) == said
