"""Promise: `network status` tells who may seal, and misses nobody who may not.

The node is a real HTTP server that answers with headers sealed by keys of this test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from creditconnect.chain.rpc import Node
from creditconnect.network.watching import NetworkStatus, Watched, look, metrics
from creditconnect.types import Consensus
from tests.chain.proxy import Answer, Forward, Request, proxy_before, result
from tests.sealed_headers import HK, STRANGER, SZ, address_of, clique_chain

pytestmark = pytest.mark.chain

FOUNDERS = [address_of(HK), address_of(SZ)]
THIRD = address_of(STRANGER)


@contextmanager
def node_of(chain: list[dict[str, Any]], client: str) -> Iterator[Node]:
    """A node whose head is the last of these blocks."""
    by_number = {block["number"]: block for block in chain}

    def block(call: Request, _: Forward) -> Answer:
        return result(call, chain[-1] if call["params"][0] == "latest" else by_number.get(call["params"][0]))

    with proxy_before("http://127.0.0.1:9") as proxy:
        proxy.rules |= {
            "eth_getBlockByNumber": block,
            "eth_blockNumber": lambda call, _: result(call, chain[-1]["number"]),
            "net_peerCount": lambda call, _: result(call, "0x1"),
            "web3_clientVersion": lambda call, _: result(call, client),
        }
        yield Node(proxy.url, attempts=1)


def seen(
    sealers: str, validators: list[str] | None, *, third: bool = True, age: int = 0, client: str = "Geth/v1"
) -> NetworkStatus:
    """The status of a chain that hk (h), sz (s) and hk2 (x) sealed; hk2 was no founder, nor has it a node here."""
    chain = clique_chain(sealers)
    with node_of(chain, client) as node:
        watched = [Watched("hk", FOUNDERS[0], node), Watched("sz", FOUNDERS[1], None)]
        watched += [Watched("hk2", THIRD, None, founded=False)] if third else []
        now = int(chain[-1]["timestamp"], 16) + age
        return look(watched, Consensus.CLIQUE, 1, lambda: now, validators)


def test_status__of_a_validator_that_is_not_voted_in__neither_missing_nor_a_validator() -> None:
    for validators in (FOUNDERS, None):
        found = seen("hshshshs", validators)
        assert (found.missing, found.strangers, found.validators) == ((), (), ("hk", "sz"))
        assert 'creditconnect_network_validator{side="hk2"} 0.0\n' in metrics(found)
        assert 'creditconnect_network_missing{side="hk2"}' not in metrics(found)


def test_status__of_a_validator_that_was_voted_out__not_missing() -> None:
    found = seen("hsxhsx" + "hs" * 8, FOUNDERS)
    assert (found.missing, found.strangers, found.validators) == ((), (), ("hk", "sz"))


def test_status__of_a_validator_that_was_voted_in__sealing_or_missing() -> None:
    assert seen("hshsxhsxhsx", [*FOUNDERS, THIRD]).missing == ()
    found = seen("hshshshshs", [*FOUNDERS, THIRD])
    assert (found.missing, found.validators) == (("hk2",), ("hk", "sz", "hk2"))
    assert 'creditconnect_network_missing{side="hk2"} 1.0\n' in metrics(found)


def test_status__of_a_validator_whose_file_is_not_here__has_a_row_by_its_address_and_is_no_stranger() -> None:
    found = seen("hsxhsxhsx", [*FOUNDERS, THIRD], third=False)
    assert found.strangers == ()
    assert found.validators == ("hk", "sz", THIRD)
    assert (found.sides[-1].side, found.sides[-1].last_seal) == (THIRD, 9)
    assert "ask for its side's public file" in found.sides[-1].trouble


def test_status__of_a_sealer_that_is_no_validator__is_a_stranger() -> None:
    assert seen("hsxhsxhsx", FOUNDERS, third=False).strangers == (THIRD,)


@pytest.mark.parametrize(
    ("sealers", "validators", "missing"),
    [("hshs", FOUNDERS, ("hk",)), ("xhsxhs", [*FOUNDERS, THIRD], ("hk", "hk2")), ("hshsh", None, ("sz",))],
)
def test_status__of_a_chain_that_stands__misses_whoever_may_seal_the_next(
    sealers: str, validators: list[str] | None, missing: tuple[str, ...]
) -> None:
    found = seen(sealers, validators, age=60)
    assert (found.moving, found.missing) == (False, missing)


def test_metrics__hold_what_status_shows() -> None:
    found = seen("hshsxhsxhsx", FOUNDERS, third=False, client='Geth/"v1"\nx 1')
    text = metrics(found)
    newest = found.sides[0]
    assert f'creditconnect_network_head_hash{{side="hk"}} {float(int(newest.hash.hex()[:12], 16))}\n' in text
    assert f'creditconnect_network_last_seal_timestamp_seconds{{side="hk"}} {float(newest.last_seal_at or 0)}\n' in text
    assert 'creditconnect_network_client_info{side="hk",client="Geth/\\"v1\\"\\nx 1"} 1.0\n' in text
    assert "creditconnect_network_validators 2.0\n" in text
    assert "creditconnect_network_strangers 1.0\n" in text
    assert "creditconnect_network_agreed 11.0\n" in text


def test_metrics__without_a_block_that_all_have__tell_none() -> None:
    with node_of(clique_chain("hs"), "Geth/v1") as one, node_of(clique_chain("hs", first_time=9), "Geth/v1") as other:
        watched = [Watched("hk", FOUNDERS[0], one), Watched("sz", FOUNDERS[1], other)]
        found = look(watched, Consensus.CLIQUE, 1, lambda: 0.0)
    assert found.agreed is None
    assert "\ncreditconnect_network_agreed " not in metrics(found)
