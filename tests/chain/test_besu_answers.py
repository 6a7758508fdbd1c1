"""Promise: what real Besu validators answer to awkward requests makes the client lose, double or misread nothing.

The answers are recorded (tests/vectors/besu/answers.json, told there); a proxy before an Anvil replays each by its name
at the place where the client meets it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from creditconnect.chain.deployment import Deployment
from creditconnect.chain.registry import Question, Registry
from creditconnect.chain.rpc import BATCH_CALLS, Node
from creditconnect.errors import MirrorInconsistent, NodeBehind, NodeRefused, Reverted
from creditconnect.reasons import CheckReason
from creditconnect.types import Verdict
from tests.chain.bench import MOST_STEPS, Bench, bench_on
from tests.chain.homes import BANK_SZ, BUREAU_HK, Stage, running_anvil, stage_on, write_rows
from tests.chain.proxy import Answer, Forward, Proxy, Request, Rule
from tests.chain.reconciler import rows

pytestmark = pytest.mark.chain

ANSWERS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "besu" / "answers.json").read_text(encoding="utf-8")
)
# What a node says to a transaction that it does not take, or knows, or took without a word.
TO_SENDS = (
    *("known_transaction", "nonce_too_low", "already_mined_same_bytes", "nonce_gap_accepted_as_queued"),
    *("nonce_too_far", "replacement_underpriced", "wrong_chain_id", "gas_over_block_limit", "intrinsic_gas_too_low"),
    *("unfunded_sender_gas_price_1", "not_hex"),
)
REVERTS = ("custom_error_call", "custom_error_estimate")
TO_HEADS = ("block_tag_finalized", "block_tag_safe")
TO_LOGS = ("logs_past_head", "logs_range_over_5000", "logs_from_after_to", "logs_unknown_block_hash")
NULLS = ("block_in_future", "call_at_future_block", "proof_at_future_block")
WHOLE = ("batch_of_1025", "half_json")
METHODS = ("unknown_method", "method_not_enabled")
# Answered as anybody expects; the client asks for none of these but the nonce, and that as of the head.
VALUES = ("fee_history", "gas_price", "max_priority", "pending_nonce_with_gap", "signer_metrics")


def replayed(name: str) -> Rule:
    """Answers as Besu did, whatever is asked."""
    return lambda call, _: ANSWERS[name] | {"id": call["id"]}


def code_of(name: str) -> int:
    code: int = ANSWERS[name]["error"]["code"]
    return code


def message_of(name: str) -> str:
    return str(ANSWERS[name].get("error", {}).get("message", ""))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    with running_anvil() as anvil, stage_on(anvil, folder) as stage:
        yield stage


@pytest.fixture
def bench(founded: Stage, tmp_path: Path) -> Iterator[Bench]:
    snapshot = founded.anvil.rpc("evm_snapshot")
    with bench_on(founded, tmp_path / "bureau") as bench:
        yield bench
    founded.close()
    founded.anvil.automine(on=True)
    assert founded.anvil.rpc("evm_revert", snapshot)


@pytest.fixture
def registry(bench: Bench) -> Registry:
    """Behind the proxy, and asked once a question."""
    return Registry(Node(bench.proxy.url, attempts=1), bench.stage.registry, bench.stage.abi)


def test_answers__all_that_were_recorded__are_replayed_here() -> None:
    named = (*TO_SENDS, *REVERTS, *TO_HEADS, *TO_LOGS, *NULLS, *WHOLE, *METHODS, *VALUES, "call_out_of_gas")
    assert sorted(named) == sorted(ANSWERS)
    assert len(named) >= 31


# -------------------------------------------------------------------------------------------------------------- sending


@pytest.mark.parametrize("name", TO_SENDS)
def test_pump__node_answers_so_and_takes_nothing__same_bytes_go_on_until_they_are_in(bench: Bench, name: str) -> None:
    bench.put(20, first=0)
    bench.proxy.rules["eth_sendRawTransaction"] = replayed(name)
    for _ in range(5):
        pumped = bench.outbox.pump(flush=True)
        assert (pumped.in_flight, pumped.registered, pumped.refusal) == (2, 0, message_of(name))
    assert bench.states() == ["stored", "stored"]
    assert bench.proxy.seen["eth_sendRawTransaction"] == 10, "what is under way is sent again"
    signed = rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce")

    bench.proxy.rules.clear()
    assert bench.pump_until_idle() == 20

    assert rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce") == signed
    assert bench.sent() == 2
    bench.check()


@pytest.mark.parametrize("name", TO_SENDS)
def test_pump__node_answers_so_and_takes_it_all_the_same__registered_once(bench: Bench, name: str) -> None:
    def taken(call: Request, forward: Forward) -> Answer:
        forward()
        return replayed(name)(call, forward)

    bench.put(20, first=0)
    bench.proxy.rules["eth_sendRawTransaction"] = taken
    assert bench.pump_until_idle() == 20
    assert bench.states() == ["final", "final"]
    assert bench.sent() == 2
    bench.check()


def test_pump__transaction_with_price_0__no_second_one_of_its_nonce_is_ever_signed(bench: Bench) -> None:
    """At price 0 Besu lets a second transaction of the same nonce replace the first (`replacement_underpriced`)."""
    bench.put(20, first=0)
    bench.proxy.rules["eth_sendRawTransaction"] = replayed("replacement_underpriced")
    for _ in range(MOST_STEPS // 10):
        bench.outbox.pump(flush=True)
    bench.proxy.rules.clear()
    bench.pump_until_idle()
    assert rows(bench.settings.home, "SELECT count(*), count(DISTINCT nonce) FROM transactions") == [(2, 2)]


# -------------------------------------------------------------------------------------------------------------- calling


@pytest.mark.parametrize(
    ("name", "method", "ask"),
    [
        ("custom_error_call", "eth_call", lambda registry: registry.simulate("0x" + "11" * 20, b"\1")),
        ("custom_error_call", "eth_call", lambda registry: registry.ask([Question("registry")], registry.head())),
        ("custom_error_estimate", "eth_estimateGas", lambda registry: registry.estimate("0x" + "11" * 20, b"\1", 9)),
    ],
)
def test_ask__revert_with_code_3__is_the_contract_s_own_error_by_its_bytes(
    bench: Bench, registry: Registry, name: str, method: str, ask: Callable[[Registry], object]
) -> None:
    bench.proxy.rules[method] = replayed(name)
    with pytest.raises(Reverted) as refused:
        ask(registry)
    assert (refused.value.name, refused.value.arguments) == ("UnknownError", {"data": ANSWERS[name]["error"]["data"]})


def test_ask__call_ran_out_of_gas__refused_and_neither_reverted_nor_behind(bench: Bench, registry: Registry) -> None:
    bench.proxy.rules["eth_call"] = replayed("call_out_of_gas")
    for ask in (
        lambda: registry.simulate("0x" + "11" * 20, b"\1"),
        lambda: registry.ask([Question("registry")], registry.head()),
    ):
        with pytest.raises(NodeRefused) as refused:
            ask()
        assert refused.value.code == code_of("call_out_of_gas")
    assert verified(bench, bench.proxy) == (Verdict.COULD_NOT_TELL, CheckReason.NODE_REFUSED)


@pytest.mark.parametrize("name", TO_HEADS)
def test_head__node_knows_no_such_tag__refused_and_could_not_tell(bench: Bench, registry: Registry, name: str) -> None:
    bench.proxy.rules["eth_getBlockByNumber"] = replayed(name)
    with pytest.raises(NodeRefused) as refused:
        registry.head()
    assert refused.value.code == code_of(name)
    assert verified(bench, bench.proxy) == (Verdict.COULD_NOT_TELL, CheckReason.NODE_REFUSED)


def test_client__as_it_works__asks_for_no_tag_that_besu_lacks(bench: Bench) -> None:
    """Final is by the seals, so neither `finalized` nor `safe` is asked for, nor a pending nonce."""
    asked: list[object] = []

    def note(call: Request, forward: Forward) -> Answer:
        asked.extend(call["params"])
        return forward()

    for method in ("eth_getBlockByNumber", "eth_call", "eth_getTransactionCount"):
        bench.proxy.rules[method] = note
    bench.put(10, first=0)
    bench.pump_until_idle()
    assert "latest" in asked
    assert not {"finalized", "safe", "pending"} & {one for one in asked if isinstance(one, str)}


# ---------------------------------------------------------------------------------------------------------------- nulls


def test_null__for_a_block__is_none_where_it_may_lack_and_behind_where_it_may_not(
    bench: Bench, registry: Registry
) -> None:
    bench.proxy.rules["eth_getBlockByNumber"] = replayed("block_in_future")
    assert registry.block(10**6) is None
    for ask in (registry.head, registry.identity, lambda: registry.head_of(bench.stage.identity)):
        with pytest.raises(NodeBehind):
            ask()
    assert verified(bench, bench.proxy) == (Verdict.COULD_NOT_TELL, CheckReason.NODE_BEHIND)


@pytest.mark.parametrize("method", ["eth_call", "eth_getTransactionCount", "eth_estimateGas", "eth_getLogs"])
def test_null__for_anything_as_of_a_block__is_behind_and_never_zero(
    bench: Bench, registry: Registry, method: str
) -> None:
    block, sender = registry.head(), "0x" + "11" * 20
    ask: dict[str, list[Callable[[], object]]] = {
        "eth_call": [
            lambda: registry.ask([Question("registry")], block),
            lambda: registry.find_many([(bytes(8), 1)], block),
            lambda: registry.simulate(sender, b"\1"),
            lambda: registry.simulate(sender, b"\1", block.number),
        ],
        "eth_getTransactionCount": [lambda: registry.nonce(sender), lambda: registry.nonce(sender, block.number)],
        "eth_estimateGas": [lambda: registry.estimate(sender, b"\1", 9)],
        "eth_getLogs": [lambda: registry.logs(0, block.number)],
    }
    bench.proxy.rules[method] = replayed("call_at_future_block")
    for one in ask[method]:
        with pytest.raises(NodeBehind, match="has no block"):
            one()


def test_null__for_a_call__could_not_tell_and_never_not_registered(bench: Bench) -> None:
    bench.proxy.rules["eth_call"] = replayed("call_at_future_block")
    assert verified(bench, bench.proxy) == (Verdict.COULD_NOT_TELL, CheckReason.NODE_BEHIND)


def test_null__for_a_proof__audit_says_behind(bench: Bench) -> None:
    bench.put(10, first=0)
    bench.pump_until_idle()
    bench.proxy.rules["eth_getProof"] = replayed("proof_at_future_block")
    with bench.client() as client, pytest.raises(NodeBehind):
        client.audit_replay()


# ----------------------------------------------------------------------------------------------------------------- logs


@pytest.mark.parametrize("name", TO_LOGS)
def test_follow__node_refuses_every_window__told_and_nothing_is_taken(bench: Bench, name: str) -> None:
    bench.proxy.rules["eth_getLogs"] = replayed(name)
    with bench.client() as client:
        with pytest.raises(NodeRefused) as refused:
            client.follow()
        assert refused.value.code == code_of(name)
        assert client.status().mirrored_block < Deployment.read(bench.stage.deployment).block
        bench.proxy.rules.clear()
        assert client.follow().events > 0


@pytest.mark.parametrize("name", ["logs_range_over_5000", "logs_past_head"])
def test_follow__node_refuses_wide_windows__taken_in_narrower_ones(bench: Bench, name: str) -> None:
    def narrow(call: Request, forward: Forward) -> Answer:
        (asked,) = call["params"]
        if int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 5:
            return replayed(name)(call, forward)
        return forward()

    bench.proxy.rules["eth_getLogs"] = narrow
    with bench.client() as client:
        assert client.follow().events > 0


def test_follow__lagging_node_answers_no_logs__noticed(bench: Bench) -> None:
    """A node behind answers `[]` where it should refuse: the contract's own count tells."""
    bench.put(10, first=0)
    bench.pump_until_idle()
    bench.proxy.rules["eth_getLogs"] = lambda call, _: {"jsonrpc": "2.0", "id": call["id"], "result": []}
    with bench.client() as client, pytest.raises(MirrorInconsistent):
        client.follow()


# ----------------------------------------------------------------------------------------------------- bodies, methods


def test_batch__refused_as_a_whole__each_call_is_and_the_client_sends_none_so_large(bench: Bench) -> None:
    node = Node(bench.proxy.url, attempts=1)
    bodies: list[int] = []

    def count(body: bytes) -> tuple[int, bytes] | None:
        document = json.loads(body)
        bodies.append(len(document))
        recorded = ANSWERS["batch_of_1025"]
        return None if len(document) <= 1_024 else (recorded["http_status"], json.dumps(recorded["body"]).encode())

    bench.proxy.whole = count
    assert len(node.batch([("eth_chainId", [])] * 1_025)) == 1_025
    assert max(bodies) <= BATCH_CALLS < 1_024

    recorded = ANSWERS["batch_of_1025"]
    bench.proxy.whole = lambda _: (recorded["http_status"], json.dumps(recorded["body"]).encode())
    answers = node.batch([("eth_chainId", [])] * 3)
    assert [answer.code for answer in answers] == [recorded["body"]["error"]["code"]] * 3


def test_call__http_400_with_an_error_in_it__is_that_error(bench: Bench) -> None:
    recorded = ANSWERS["half_json"]
    bench.proxy.whole = lambda _: (recorded["http_status"], json.dumps(recorded["body"]).encode())
    with pytest.raises(NodeRefused) as refused:
        Node(bench.proxy.url, attempts=1).call("eth_chainId")
    assert refused.value.code == recorded["body"]["error"]["code"] == -32700


@pytest.mark.parametrize("name", METHODS)
def test_call__method_is_not_there__refused_with_its_code(bench: Bench, name: str) -> None:
    bench.proxy.rules["eth_getProof"] = replayed(name)
    with pytest.raises(NodeRefused) as refused:
        Node(bench.proxy.url, attempts=1).call("eth_getProof", bench.stage.registry, [], "latest")
    assert refused.value.code == code_of(name)
    with bench.client() as client, pytest.raises(NodeRefused):
        client.audit_replay()


@pytest.mark.parametrize("name", ["fee_history", "gas_price", "max_priority", "signer_metrics"])
def test_pump__prices_and_figures_of_the_node__are_not_asked_for(bench: Bench, name: str) -> None:
    method = {"fee_history": "eth_feeHistory", "gas_price": "eth_gasPrice"}.get(name, "eth_maxPriorityFeePerGas")
    method = "qbft_getSignerMetrics" if name == "signer_metrics" else method
    bench.proxy.rules[method] = replayed(name)
    assert Node(bench.proxy.url, attempts=1).call(method) == ANSWERS[name]["result"]
    bench.proxy.seen.clear()
    bench.put(10, first=0)
    assert bench.pump_until_idle() == 10
    assert bench.proxy.seen["eth_sendRawTransaction"]
    assert not bench.proxy.seen[method], "fees are by the head's base fee and the settings"


def test_nonce__pending_one_counts_over_a_gap__the_stored_ones_decide(bench: Bench, registry: Registry) -> None:
    """Six are pending at the node, of which this vault knows none in blocks: the next nonce is the chain's."""
    bench.proxy.rules["eth_getTransactionCount"] = lambda call, forward: (
        replayed("pending_nonce_with_gap")(call, forward) if call["params"][1] == "pending" else forward()
    )
    bench.put(10, first=0)
    bench.pump_until_idle()
    assert rows(bench.settings.home, "SELECT nonce FROM transactions") == [(0,)]
    assert registry.nonce(bench.sender) == 1


def verified(bench: Bench, proxy: Proxy) -> tuple[Verdict, str]:
    """What a bank behind the proxy says of a record that is registered and active."""
    with bench.stage.client(BUREAU_HK, bench.settings.home.parent / "other-bureau") as bureau:
        bureau.submit(write_rows(bench.settings.home.parent / "package.jsonl", 1, first=9_000))
        folder = bench.settings.home.parent / "packages"
        bureau.package_write(folder)
    (package,) = folder.iterdir()
    with bench.stage.client(BANK_SZ, bench.settings.home.parent / "bank", proxy.url) as bank:
        found = bank.verify(package.read_bytes())
    return found.verdict, found.check("agreement").reason
