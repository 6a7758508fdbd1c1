"""Promise: a block is final under a seal of each side, as the headers' own signatures say, and under nothing less."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.finality import GREATEST_WALK_BLOCKS, Finality
from creditconnect.chain.registry import Registry, block_from
from creditconnect.chain.rpc import Node
from creditconnect.errors import HeaderInvalid, NodeBehind, NotFinal
from creditconnect.types import UNSEALED, Consensus, Seals

QBFT = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "besu" / "qbft.json").read_text())
HK, SZ, HK_SECOND, STRANGER = (PrivateKey(bytes([number]) * 32) for number in (1, 2, 3, 4))
SEALS = Seals(
    Consensus.CLIQUE,
    {
        "hk": (HK.public_key.to_address(), HK_SECOND.public_key.to_address()),
        "sz": (SZ.public_key.to_address(),),
    },
)
ORDER = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom"),
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce"),
)


def sealed_chain(sealers: Sequence[PrivateKey]) -> list[dict[str, Any]]:
    """Block 0, and one block a sealer: encoded, sealed and hashed apart from the code under test."""
    chain: list[dict[str, Any]] = []
    parent = bytes(32)
    for number, sealer in enumerate([None, *sealers]):
        fields: dict[str, bytes] = dict.fromkeys(ORDER, b"") | {
            "parentHash": parent,
            **dict.fromkeys(("sha3Uncles", "stateRoot", "transactionsRoot", "receiptsRoot", "mixHash"), bytes(32)),
            "miner": bytes(20),
            "logsBloom": bytes(256),
            "nonce": bytes(8),
            "number": bytes([number]) if number else b"",
            "timestamp": bytes([1, number]),
            "extraData": bytes(32),
        }
        if sealer is None:
            fields["extraData"] += bytes(65)
        else:
            digest = keccak(rlp.encode(list(fields.values())))
            fields["extraData"] += sealer.sign_msg_hash(digest).to_bytes()
        parent = keccak(rlp.encode(list(fields.values())))
        numbers = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
        answer = {
            name: hex(int.from_bytes(raw, "big")) if name in numbers else "0x" + raw.hex()
            for name, raw in fields.items()
        }
        chain.append(answer | {"hash": "0x" + parent.hex()})
    return chain


@dataclass
class Kept(Node):
    """A node that answers headers from memory; what it is asked is counted."""

    chain: Sequence[dict[str, Any] | None]
    asked: list[int] = field(default_factory=list)
    url: str = "http://kept"

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        numbers = [int(params[0], 16) for _, params in calls]
        self.asked.append(len(numbers))
        return [self.chain[number] if number < len(self.chain) else None for number in numbers]


def final_number(sealers: Sequence[PrivateKey], seals: Seals = SEALS) -> int:
    chain = sealed_chain(sealers)
    registry = Registry(Kept(chain), "0x" + "00" * 20, ContractAbi.load())
    return Finality(seals).under(registry, block_from(chain[-1])).number


@pytest.mark.parametrize(
    ("sealers", "final"),
    [
        ([HK, SZ], 1),
        ([HK, SZ, HK], 2),
        # Two of one side in turn make no block final that the other side did not follow.
        ([HK, SZ, HK, HK_SECOND], 2),
        ([SZ, HK, HK_SECOND, HK, HK_SECOND, HK], 1),
        # Whoever is none of the sides' is nobody.
        ([HK, SZ, STRANGER], 1),
        ([HK, SZ, STRANGER, STRANGER, HK], 2),
    ],
)
def test_under__seals_of_both_sides__the_newest_block_that_they_are_over(sealers: list[PrivateKey], final: int) -> None:
    assert final_number(sealers) == final


@pytest.mark.parametrize("sealers", [[HK], [HK, HK_SECOND, HK], [SZ, STRANGER]])
def test_under__one_side_alone__nothing_is_final(sealers: list[PrivateKey]) -> None:
    with pytest.raises(NotFinal, match="it lacks a seal of "):
        final_number(sealers)


def test_under__the_other_side_gone_for_long__not_looked_for_without_end() -> None:
    with pytest.raises(NotFinal, match="lacks a seal of sz"):
        final_number([SZ, *[HK, HK_SECOND] * (GREATEST_WALK_BLOCKS // 2 + 1)])


def test_under__as_nearly_always__one_round_trip_of_few_headers() -> None:
    chain = sealed_chain([HK, SZ] * 10)
    node = Kept(chain)
    Finality(SEALS).under(Registry(node, "0x" + "00" * 20, ContractAbi.load()), block_from(chain[-1]))
    assert len(node.asked) == 1
    assert node.asked[0] <= 4


def test_under__qbft__both_seals_are_in_the_block_itself() -> None:
    parent, block = QBFT["blocks"]["round0_parent"], QBFT["blocks"]["round0_with_tx"]
    number = int(block["number"], 16)
    chain: list[dict[str, Any] | None] = [None] * (number - 1) + [parent, block]
    chain[number - 3 : number - 1] = [parent, parent]
    first, second = QBFT["validators"]
    registry = Registry(Kept(chain), "0x" + "00" * 20, ContractAbi.load())
    seals = Seals(Consensus.QBFT, {"hk": (first,), "sz": (second,)})
    assert Finality(seals).under(registry, block_from(block)).number == number
    foreign = Seals(Consensus.QBFT, {"hk": (first,), "sz": ("0x" + "12" * 20,)})
    with pytest.raises((NotFinal, HeaderInvalid)):
        Finality(foreign).under(registry, block_from(block))


def _another_parent(chain: list[dict[str, Any]]) -> None:
    chain[1] = sealed_chain([SZ, HK, SZ])[1]


def _edited(chain: list[dict[str, Any]]) -> None:
    chain[2] = chain[2] | {"stateRoot": "0x" + "77" * 32}


@pytest.mark.parametrize("lie", [_another_parent, _edited])
def test_under__a_node_that_lies_about_a_header__told(lie: Callable[[list[dict[str, Any]]], None]) -> None:
    chain = sealed_chain([HK, SZ, SZ])
    lie(chain)
    registry = Registry(Kept(list(chain)), "0x" + "00" * 20, ContractAbi.load())
    with pytest.raises(HeaderInvalid):
        Finality(SEALS).under(registry, block_from(chain[-1]))


def test_under__a_node_without_a_block_below_its_head__behind_and_never_final() -> None:
    chain: list[dict[str, Any] | None] = list(sealed_chain([HK, SZ, HK]))
    head = block_from(chain[-1] or {})
    chain[2] = None
    with pytest.raises(NodeBehind):
        Finality(SEALS).under(Registry(Kept(chain), "0x" + "00" * 20, ContractAbi.load()), head)


def test_under__nobody_seals__confirmations_and_nothing_asked_without() -> None:
    chain = sealed_chain([HK] * 5)
    node = Kept(chain)
    registry = Registry(node, "0x" + "00" * 20, ContractAbi.load())
    head = block_from(chain[-1])
    assert Finality(UNSEALED).under(registry, head) == head
    assert node.asked == []
    assert Finality(UNSEALED, confirmations=2).under(registry, head).number == 3
    assert Finality(UNSEALED, confirmations=99).under(registry, head).number == 0
