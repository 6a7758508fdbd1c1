"""Promise: the genesis is the same bytes wherever it is built, and its hash is what the engines make of it.

A real besu's block 0 is in `vectors/besu`; what a real geth makes of ours is asked in tests/network.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import SideInvalid
from creditconnect.network import genesis as geneses
from creditconnect.network.genesis import FUNDS_WEI, build_genesis, genesis_hash
from creditconnect.network.sides import Side
from creditconnect.types import Consensus

BESU = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "besu" / "qbft.json").read_text())


def side(name: str, digit: str, **changed: object) -> Side:
    enode = f"enode://{digit * 128}@127.0.0.1:30303"
    made = Side(name, Consensus.CLIQUE, 852_755, 1, 60_000_000, "0x" + digit * 40, enode, ("0x" + "f" * 39 + digit,))
    return replace(made, **changed)  # type: ignore[arg-type]


SIDES = [side("hk", "b"), side("sz", "a"), side("mo", "c")]


@given(st.permutations(SIDES))
def test_build__in_any_order__the_same_bytes(sides: list[Side]) -> None:
    assert build_genesis(sides) == build_genesis(SIDES)


def test_build__clique__signers_by_address_and_the_funded() -> None:
    document = json.loads(build_genesis(SIDES[:2]))
    assert document["extraData"] == "0x" + "00" * 32 + "a" * 40 + "b" * 40 + "00" * 65
    assert document["alloc"] == {one.funded[0][2:]: {"balance": hex(FUNDS_WEI)} for one in SIDES[:2]}
    assert document["config"]["clique"] == {"period": 1, "epoch": 30_000}
    assert "londonBlock" not in document["config"]


def test_hash__of_qbft__is_a_real_besus_but_for_its_own_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Besu's network of the vector had other accounts and gave its validators in another order."""
    block = BESU["blocks"]["genesis"]
    sides = [
        side(name, digit, consensus=Consensus.QBFT, gas_limit=int(block["gasLimit"], 16), address=address)
        for name, digit, address in zip(("hk", "sz"), "ab", BESU["validators"], strict=True)
    ]
    document = json.loads(build_genesis(sides))
    assert document["config"]["zeroBaseFee"] is True
    document["extraData"] = block["extraData"]
    monkeypatch.setattr(geneses, "state_root", lambda alloc: bytes.fromhex(block["stateRoot"][2:]))
    assert "0x" + genesis_hash(json.dumps(document).encode()).hex() == block["hash"]


@pytest.mark.parametrize("changed", [{"funded": ()}, {"address": "0x" + "d" * 40}, {"gas_limit": 5_000_000}])
def test_hash__of_anything_else__is_another(changed: dict[str, object]) -> None:
    others = [replace(one, **changed) if one.side == "hk" else one for one in SIDES[:2]]  # type: ignore[arg-type]
    if "gas_limit" in changed:
        others = [replace(one, gas_limit=5_000_000) for one in SIDES[:2]]
    assert genesis_hash(build_genesis(others)) != genesis_hash(build_genesis(SIDES[:2]))


@pytest.mark.parametrize(
    ("member", "value"),
    [("chain_id", 1), ("period_seconds", 2), ("gas_limit", 1), ("consensus", Consensus.QBFT)],
)
def test_build__sides_that_do_not_agree__names_the_member(member: str, value: object) -> None:
    with pytest.raises(SideInvalid, match=f"says {member} "):
        build_genesis([SIDES[0], replace(SIDES[1], **{member: value})])  # type: ignore[arg-type]


@pytest.mark.parametrize("member", ["side", "address", "enode"])
def test_build__two_with_the_same__refused(member: str) -> None:
    twin = replace(SIDES[1], **{member: getattr(SIDES[0], member)})
    for sides in itertools.permutations([SIDES[0], twin]):
        with pytest.raises(SideInvalid, match=f"have the same {member}"):
            build_genesis(sides)
