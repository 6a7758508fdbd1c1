"""Promise: nothing is final without a seal of each side, and no node's word replaces a seal.

The node is a real HTTP server that answers with headers sealed by keys of this test, or by real Besu validators.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.finality import GREATEST_WALK_BLOCKS, Finality
from creditconnect.chain.registry import Registry
from creditconnect.chain.rpc import Node
from creditconnect.errors import HeaderInvalid, NodeBehind, NotFinal, SettingsError
from creditconnect.types import Consensus, Seals
from tests.chain.homes import running_anvil
from tests.chain.proxy import Answer, Forward, Proxy, Request, proxy_before, result
from tests.sealed_headers import HK, SZ, address_of, clique_chain

pytestmark = pytest.mark.chain

BESU = json.loads((Path(__file__).parents[1] / "vectors" / "besu" / "qbft.json").read_text(encoding="utf-8"))
CLIQUE_SEALS = Seals(Consensus.CLIQUE, {"hk": (address_of(HK),), "sz": (address_of(SZ),)})
QBFT_SEALS = Seals(Consensus.QBFT, {"hk": tuple(BESU["validators"][:1]), "sz": tuple(BESU["validators"][1:])})
REGISTRY = "0x" + "11" * 20


@contextmanager
def node_of(chain: list[dict[str, Any]]) -> Iterator[tuple[Registry, Proxy]]:
    """A node that has these blocks, whose last is the head."""
    by_number = {block["number"]: block for block in chain}
    by_hash = {block["hash"]: block for block in chain}

    def numbered(call: Request, _: Forward) -> Answer:
        return result(call, chain[-1] if call["params"][0] == "latest" else by_number.get(call["params"][0]))

    with proxy_before("http://127.0.0.1:9") as proxy:
        proxy.rules["eth_getBlockByNumber"] = numbered
        proxy.rules["eth_getBlockByHash"] = lambda call, _: result(call, by_hash.get(call["params"][0]))
        yield Registry(Node(proxy.url, attempts=1), REGISTRY, ContractAbi.load()), proxy


def final_number(chain: list[dict[str, Any]], seals: Seals = CLIQUE_SEALS) -> int:
    with node_of(chain) as (registry, _):
        return Finality(seals).under(registry, registry.head()).number


# -------------------------------------------------------------------------------------------------------------- Clique


@pytest.mark.parametrize(
    ("sealers", "final"),
    [
        ("hs", 1),
        ("hsh", 2),
        ("shshshsh", 7),
        # One side went on alone, as more than two validators let it: nothing of that is final.
        ("hshhhhhh", 2),
        ("hshhhhhhs", 8),
        # A stranger's seal counts for no side.
        ("hsx", 1),
        ("hsxxxh", 2),
    ],
)
def test_final__clique__newest_block_with_a_seal_of_each_side_at_or_above_it(sealers: str, final: int) -> None:
    assert final_number(clique_chain(sealers)) == final


@pytest.mark.parametrize(("sealers", "missing"), [("", "hk, sz"), ("h", "sz"), ("ss", "hk"), ("xx", "hk, sz")])
def test_final__clique_without_a_seal_of_each_side__nothing_is_and_it_says_whose(sealers: str, missing: str) -> None:
    with pytest.raises(NotFinal, match=f"none of the {len(sealers) + 1} blocks .* no seal of {missing}") as refused:
        final_number(clique_chain(sealers))
    assert "network status" in refused.value.hint


def test_final__clique_side_away_for_longer_than_the_walk__says_which() -> None:
    assert final_number(clique_chain("s" + "h" * (GREATEST_WALK_BLOCKS - 1))) == 1
    with pytest.raises(NotFinal, match="no seal of sz"):
        final_number(clique_chain("s" + "h" * GREATEST_WALK_BLOCKS))


def test_final__clique_block__is_the_very_block() -> None:
    chain = clique_chain("hshs", period_seconds=3)
    with node_of(chain) as (registry, _):
        finality = Finality(CLIQUE_SEALS)
        found = finality.under(registry, registry.head())

    assert "0x" + found.hash.hex() == chain[3]["hash"]
    assert found.timestamp == int(chain[3]["timestamp"], 16)
    assert finality.period_seconds == 3


def test_final__same_head_again__nothing_is_asked() -> None:
    with node_of(clique_chain("hshs")) as (registry, proxy):
        finality, head = Finality(CLIQUE_SEALS), registry.head()
        first = finality.under(registry, head)
        asked = proxy.seen.total()
        assert asked <= 1 + 4, "a head, and four headers in one round trip"
        assert finality.under(registry, head) == first
        assert proxy.seen.total() == asked


Lie = Callable[[dict[str, Any]], dict[str, Any] | None]


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (lambda block: block | {"stateRoot": "0x" + "ee" * 32}, HeaderInvalid),
        (
            lambda block: block | {"extraData": block["extraData"][:-130] + clique_chain("s")[1]["extraData"][-130:]},
            HeaderInvalid,
        ),
        (lambda block: None, NodeBehind),
        (lambda block: clique_chain("hs" + "hs")[1], NodeBehind),
    ],
)
def test_final__clique_node_edits_the_head_s_parent__refused(lie: Lie, error: type[Exception]) -> None:
    """By number and by hash alike."""
    chain = clique_chain("hshs")
    with node_of([*chain[:3], *([] if (edited := lie(chain[3])) is None else [edited]), chain[4]]) as (registry, proxy):
        proxy.rules["eth_getBlockByHash"] = lambda call, _: result(call, edited)
        with pytest.raises(error):
            Finality(CLIQUE_SEALS).under(registry, registry.head())


def test_final__clique_blocks_replaced_since_the_head_was_read__answered_for_that_head() -> None:
    old, new = clique_chain("hsh"), clique_chain("hsshs", period_seconds=2)
    with node_of(new) as (registry, proxy):
        by_hash = {block["hash"]: block for block in old}
        proxy.rules["eth_getBlockByHash"] = lambda call, _: result(call, by_hash.get(call["params"][0]))
        with node_of(old) as (before, _):
            head = before.head()
        found = Finality(CLIQUE_SEALS).under(registry, head)
    assert "0x" + found.hash.hex() == old[2]["hash"]


# ---------------------------------------------------------------------------------------------------------------- QBFT


def test_final__qbft_block_with_both_seals__is_final_at_once() -> None:
    blocks = BESU["blocks"]
    with node_of([blocks["round0_parent"], blocks["round0_with_tx"]]) as (registry, _):
        finality = Finality(QBFT_SEALS)
        found = finality.under(registry, registry.head())
    assert "0x" + found.hash.hex() == blocks["round0_with_tx"]["hash"]
    assert finality.period_seconds == 1


def test_final__qbft_side_that_sealed_nothing__is_not_final() -> None:
    """Both seals are of one side's validators: the engine's quorum is met, and a side is missing."""
    seals = Seals(Consensus.QBFT, {"hk": tuple(BESU["validators"]), "sz": (address_of(SZ),)})
    with (
        node_of([BESU["blocks"]["round0_parent"], BESU["blocks"]["round0_with_tx"]]) as (registry, _),
        pytest.raises(NodeBehind, match="has no block 188"),
    ):
        Finality(seals).under(registry, registry.head())


# -------------------------------------------------------------------------------------------------------------- nobody


@pytest.mark.parametrize(("confirmations", "below"), [(0, 0), (2, 2), (100, 5)])
def test_final__nobody_seals__by_confirmations(confirmations: int, below: int) -> None:
    with running_anvil() as anvil:
        anvil.mine(5)
        registry = Registry(Node(anvil.url), REGISTRY, ContractAbi.load())
        head = registry.head()
        assert Finality(Seals(), confirmations=confirmations).under(registry, head).number == head.number - below


def test_final__chain_is_sealed_and_settings_do_not_say_by_whom__refused() -> None:
    for chain in (clique_chain("hs"), [BESU["blocks"]["genesis"]]):
        with pytest.raises(SettingsError, match="does not say by whom"):
            final_number(chain, Seals())


def test_final__settings_name_seals_and_nobody_seals__refused() -> None:
    with running_anvil() as anvil:
        anvil.mine(2)
        registry = Registry(Node(anvil.url), REGISTRY, ContractAbi.load())
        with pytest.raises(HeaderInvalid, match="is no clique header"):
            Finality(CLIQUE_SEALS).under(registry, registry.head())
