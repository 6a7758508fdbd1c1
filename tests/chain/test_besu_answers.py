"""Promise: what a real Besu answered to 32 awkward requests is taken for what it is, and null is never taken for zero.

The answers are replayed, byte for byte but for their ids, by a server (tests/vectors/besu/answers.json).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.registry import Block, Question, Registry
from creditconnect.chain.rpc import Node
from creditconnect.errors import NodeBehind, NodeRefused, NodeUnreachable, Reverted
from creditconnect.types import Consensus
from tests.chain.proxy import Proxy, proxy_before
from tests.unit.conftest import VECTORS

ANSWERS: dict[str, dict[str, Any]] = json.loads((VECTORS / "besu" / "answers.json").read_text(encoding="utf-8"))
BLOCK = Block(number=10_000, hash=bytes(32), parent_hash=bytes(32), timestamp=1, base_fee=0)
SENDER = "0x" + "11" * 20
# Nothing of it decides anything: the outbox looks at receipts and nonces.
REFUSED_SENDS = {
    "known_transaction": -32000,
    "nonce_too_low": -32001,
    "already_mined_same_bytes": -32001,
    "nonce_too_far": -32000,
    "wrong_chain_id": -32000,
    "gas_over_block_limit": -32005,
    "intrinsic_gas_too_low": -32003,
    "not_hex": -32602,
}
TAKEN_SENDS = ("nonce_gap_accepted_as_queued", "replacement_underpriced", "unfunded_sender_gas_price_1")
REFUSED_CALLS = {
    "block_tag_finalized": -39001,
    "block_tag_safe": -39001,
    "unknown_method": -32601,
    "method_not_enabled": -32602,
    "logs_unknown_block_hash": -32000,
}
REFUSED_LOGS = {"logs_past_head": -32602, "logs_range_over_5000": -32602, "logs_from_after_to": -32602}
NUMBERS = {"gas_price": 0, "max_priority": 0, "pending_nonce_with_gap": 6}
OTHERS = {
    *("custom_error_call", "custom_error_estimate", "call_out_of_gas", "block_in_future", "call_at_future_block"),
    *("proof_at_future_block", "batch_of_1025", "half_json", "fee_history", "signer_metrics"),
}


@pytest.fixture
def besu() -> Iterator[Proxy]:
    """A server that has no node behind it: whatever is not replayed fails."""
    with proxy_before("http://127.0.0.1:9") as proxy:
        yield proxy


@pytest.fixture
def registry(besu: Proxy) -> Registry:
    node = Node(besu.url, attempts=2, sleep=lambda _: None)
    return Registry(node, "0x" + "22" * 20, ContractAbi.load())


def replay(besu: Proxy, name: str) -> None:
    """Answer every call with what Besu answered then."""
    recorded = ANSWERS[name]

    def whole(body: bytes) -> tuple[int, bytes]:
        if "http_status" in recorded:
            return recorded["http_status"], json.dumps(recorded["body"]).encode()
        calls = json.loads(body)
        answers = [recorded | {"id": call["id"]} for call in (calls if isinstance(calls, list) else [calls])]
        return 200, json.dumps(answers if isinstance(calls, list) else answers[0]).encode()

    besu.whole = whole


def test_answers__every_one_of_them__is_replayed_here() -> None:
    assert {*REFUSED_SENDS, *TAKEN_SENDS, *REFUSED_CALLS, *REFUSED_LOGS, *NUMBERS, *OTHERS} == set(ANSWERS)


@pytest.mark.parametrize("name", REFUSED_SENDS)
def test_send__refused__is_data_beside_the_others(besu: Proxy, registry: Registry, name: str) -> None:
    replay(besu, name)
    found = registry.send([b"\x01", b"\x02"])
    assert [one.code if one else None for one in found] == [REFUSED_SENDS[name]] * 2


@pytest.mark.parametrize("name", TAKEN_SENDS)
def test_send__taken_though_it_may_never_be_mined__is_no_refusal(besu: Proxy, registry: Registry, name: str) -> None:
    replay(besu, name)
    assert registry.send([b"\x01"]) == [None]


@pytest.mark.parametrize("name", REFUSED_CALLS)
def test_call__refused__has_besus_code(besu: Proxy, registry: Registry, name: str) -> None:
    replay(besu, name)
    with pytest.raises(NodeRefused) as told:
        registry.node.call("eth_anything")
    assert told.value.code == REFUSED_CALLS[name]


@pytest.mark.parametrize("name", REFUSED_LOGS)
def test_logs__out_of_range__refused_and_not_empty(besu: Proxy, registry: Registry, name: str) -> None:
    replay(besu, name)
    with pytest.raises(NodeRefused) as told:
        registry.logs(1, 10_000)
    assert told.value.code == REFUSED_LOGS[name]


@pytest.mark.parametrize("name", NUMBERS)
def test_number__zero_gas_price_or_a_nonce_behind_a_gap__is_one(besu: Proxy, registry: Registry, name: str) -> None:
    replay(besu, name)
    assert int(registry.node.call("eth_anything"), 16) == NUMBERS[name]


def test_simulate__a_custom_error__is_a_revert_with_its_bytes(besu: Proxy, registry: Registry) -> None:
    replay(besu, "custom_error_call")
    with pytest.raises(Reverted) as told:
        registry.simulate(SENDER, b"\x01")
    assert told.value.arguments == {"data": ANSWERS["custom_error_call"]["error"]["data"]}


def test_estimate__a_custom_error__is_a_revert_and_out_of_gas_is_none(besu: Proxy, registry: Registry) -> None:
    replay(besu, "custom_error_estimate")
    with pytest.raises(Reverted):
        registry.estimate(SENDER, b"\x01", 10**6)
    replay(besu, "call_out_of_gas")
    with pytest.raises(NodeRefused, match="Out of gas"):
        registry.estimate(SENDER, b"\x01", 10**6)


def test_null__for_a_block_that_is_not_there__is_behind_and_never_zero(besu: Proxy, registry: Registry) -> None:
    replay(besu, "block_in_future")
    assert registry.block(BLOCK.number) is None
    replay(besu, "call_at_future_block")
    with pytest.raises(NodeBehind, match="has no block 10000"):
        registry.find_many([(bytes(8), 1)], BLOCK)
    with pytest.raises(NodeBehind, match="has no block 10000"):
        registry.ask([Question("institutionOf", (1,))], BLOCK)
    with pytest.raises(NodeBehind, match="has no block 0x2710"):
        registry.simulate(SENDER, b"\x01", BLOCK.number)
    replay(besu, "proof_at_future_block")
    assert registry.node.call("eth_getProof", SENDER, [], hex(BLOCK.number)) is None


def test_batch__refused_whole_for_its_size__each_call_says_so(besu: Proxy, registry: Registry) -> None:
    replay(besu, "batch_of_1025")
    found = registry.node.batch([("eth_chainId", [])] * 3)
    assert [one.code for one in found] == [-32005] * 3
    assert len(besu.seen) == 0


def test_half_a_document__refused_as_no_json(besu: Proxy, registry: Registry) -> None:
    replay(besu, "half_json")
    with pytest.raises(NodeRefused) as told:
        registry.node.call("eth_chainId")
    assert told.value.code == -32700


def test_others__fee_history_and_signer_metrics__are_read_as_they_are(besu: Proxy, registry: Registry) -> None:
    replay(besu, "fee_history")
    assert set(registry.node.call("eth_feeHistory")["baseFeePerGas"]) == {"0x0"}
    replay(besu, "signer_metrics")
    assert len(registry.node.call(f"{Consensus.QBFT}_getSignerMetrics")) == 2


def test_nothing_there__no_besu__is_unreachable(registry: Registry, besu: Proxy) -> None:
    besu.whole = None
    with pytest.raises(NodeUnreachable):
        registry.node.call("eth_chainId")
