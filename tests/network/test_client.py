"""Promise: on two real validators nothing counts before both sealed it, and one of them away loses and doubles nothing.

A bureau in Hong Kong submits and reviews, a bank in Shenzhen verifies, each through its own side's node first.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from creditconnect.errors import HeaderInvalid, SettingsError
from creditconnect.exchange.submission import Submission
from creditconnect.network.engine import Engine
from creditconnect.reasons import CheckReason
from creditconnect.types import UNSEALED, CheckStatus, Consensus, Verdict
from tests.chain.homes import write_rows
from tests.chain.proxy import Answer, Forward, Request, proxy_before
from tests.chain.reconciler import assert_exactly_once, rows
from tests.network.conftest import ENGINE, PATIENCE, SIDES, Network, found, wait_for
from tests.network.registered import AUTHORITIES, BANK, BUREAU, Registered, packaged, registered_on

SECONDS = 300
pytestmark = pytest.mark.timeout(SECONDS)


@pytest.fixture(scope="module")
def registered(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    folder = tmp_path_factory.mktemp("client")
    network = found(engine, folder / "network", funded=tuple(one.address for one in AUTHORITIES.values()))
    try:
        network.up()
        yield registered_on(network, folder)
    finally:
        network.end()


@pytest.fixture
def stage(registered: Registered) -> Iterator[Registered]:
    """Both validators seal before and after."""
    yield registered
    while registered.opened:
        registered.opened.pop().close()
    blocks_come(registered.network)


def head(network: Network, side: str) -> int:
    return int(network.block(side, "latest")["number"], 16)


def blocks_come(network: Network) -> None:
    before = {side: head(network, side) for side in SIDES}
    wait_for(lambda: all(head(network, side) >= number + 2 for side, number in before.items()), 90.0)


def test_submit__on_two_validators__final_is_under_a_seal_of_each_side(stage: Registered, tmp_path: Path) -> None:
    with stage.open(stage.home(BUREAU, "hk", "sz")) as bureau:
        done = bureau.submit(write_rows(tmp_path / "rows.jsonl", 30, first=100))
        seen = head(stage.network, "hk")
        final = bureau.final_block()
    assert done.registered == 30
    ((number,),) = rows(stage.folder / BUREAU, "SELECT max(block_number) FROM transactions WHERE state = 'final'")
    assert number <= final.number
    # A block of Clique has one seal, so another upon it; one of QBFT has both.
    needed = 2 if stage.network.engine.consensus == Consensus.CLIQUE else 1
    assert number + needed - 1 <= seen, "a block was final without the seal of each side"
    sealed = [header.sealers for header in stage.network.headers("sz", number, number + needed - 1)]
    assert {sealer for sealers in sealed for sealer in sealers} == set(stage.network.addresses().values())


def test_submit__fees__one_wei_a_gas_on_clique_and_none_on_qbft(stage: Registered, tmp_path: Path) -> None:
    with stage.open(stage.home(BUREAU, "hk", "sz")) as bureau:
        bureau.submit(write_rows(tmp_path / "rows.jsonl", 1, first=200))
    ((tx_hash,),) = rows(stage.folder / BUREAU, "SELECT hash FROM transactions ORDER BY id DESC LIMIT 1")
    assert stage.rpc("eth_getTransactionByHash", "0x" + tx_hash.hex())["gasPrice"] == (
        "0x1" if stage.network.engine.consensus == Consensus.CLIQUE else "0x0"
    )


def test_verify__both_sides_nodes__verified_and_agreed(stage: Registered, tmp_path: Path) -> None:
    package = packaged(stage, tmp_path, 300)
    with stage.open(stage.home(BANK, "sz", "hk")) as bank:
        found_so = bank.verify(package)
        assert found_so.verdict == Verdict.VERIFIED, found_so.checks
        assert found_so.check("agreement").status == CheckStatus.VALID
        assert found_so.block is not None
        assert found_so.block.number < head(stage.network, "sz") + 1


def test_open__home_that_says_nothing_of_seals__refused(stage: Registered) -> None:
    with (
        stage.open(stage.home(BUREAU, "hk", seals=UNSEALED)) as bureau,
        pytest.raises(SettingsError, match="its chain is sealed"),
    ):
        bureau.final_block()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_submit__own_validator_away_meanwhile__goes_on_by_the_other_and_once_only(
    stage: Registered, tmp_path: Path, number: int
) -> None:
    """Killed or frozen: no block comes until it is back, and what was sent is in once."""
    source = write_rows(tmp_path / "rows.jsonl", 60, first=1_000 * number)
    done: list[Submission] = []

    def submit() -> None:
        with stage.open(stage.home(BUREAU, "hk", "sz", batch_records=10)) as bureau:
            done.append(bureau.submit(source))

    stage.network.kill("hk", number)
    working = threading.Thread(target=submit)
    working.start()
    time.sleep(3)
    assert working.is_alive(), "registered with one validator"
    if number == signal.SIGSTOP:
        stage.network.kill("hk", signal.SIGCONT)
    else:
        stage.network.up("hk")
    working.join(120 * PATIENCE[ENGINE])
    assert not working.is_alive()
    assert done[0].registered == 60
    blocks_come(stage.network)
    assert_exactly_once(stage.url("sz"), stage.registry, [stage.folder / BUREAU])


def test_verify__one_validator_away__marked_where_policy_allows_and_then_no_block_for_periods(
    stage: Registered, tmp_path: Path
) -> None:
    package = packaged(stage, tmp_path, 9_000)
    stage.network.kill("hk")
    try:
        with stage.open(stage.home(BANK, "sz", "hk")) as bank:
            strict = bank.verify(package)
        with stage.open(stage.home(BANK, "sz", "hk", least_nodes=1)) as bank:
            marked = bank.verify(package)
        with stage.open(stage.home(BANK, "sz", "hk", least_nodes=1), clock=lambda: time.time() + 600) as bank:
            late = bank.verify(package)
    finally:
        stage.network.up("hk")
    assert strict.verdict == Verdict.COULD_NOT_TELL
    assert strict.reasons == [CheckReason.NODE_UNREACHABLE]
    assert marked.verdict == Verdict.VERIFIED
    assert marked.check("agreement").detail.endswith("by 1 of 2 nodes")
    assert late.reasons == [CheckReason.HEAD_TOO_OLD]
    assert late.check("freshness").detail.startswith("no block for 6")
    assert " periods: block " in late.check("freshness").detail


def edited(call: Request, forward: Forward) -> Answer:
    """Blocks with another state, under the hash that they had."""
    answer = forward()
    if call["params"][0] != "0x0":
        answer["result"]["stateRoot"] = "0x" + "77" * 32
    return answer


@pytest.mark.parametrize("least_nodes", [0, 1])
def test_verify__a_node_edits_headers__told_and_never_passed_over(
    stage: Registered, tmp_path: Path, least_nodes: int
) -> None:
    package = packaged(stage, tmp_path, 9_600)
    with proxy_before(stage.url("hk")) as liar:
        liar.rules["eth_getBlockByNumber"] = edited
        made = stage.home(BANK, "sz", nodes=(stage.url("sz"), liar.url), least_nodes=least_nodes)
        with stage.open(made) as bank:
            answered = bank.verify(package)
            assert answered.verdict == Verdict.COULD_NOT_TELL
            assert answered.reasons == [CheckReason.HEADER_INVALID]
            liar.rules.clear()
            assert bank.verify(package).verdict == Verdict.VERIFIED


def test_submit__own_node_edits_headers__refused_and_registered_once_it_does_not(
    stage: Registered, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "rows.jsonl", 5, first=9_700)
    with proxy_before(stage.url("hk")) as liar:
        liar.rules["eth_getBlockByNumber"] = edited
        with (
            stage.open(stage.home(BUREAU, "hk", nodes=(liar.url, stage.url("sz")))) as bureau,
            pytest.raises(HeaderInvalid),
        ):
            bureau.submit(source)
    with stage.open(stage.home(BUREAU, "hk", "sz")) as bureau:
        bureau.submit(source)
    assert_exactly_once(stage.url("sz"), stage.registry, [stage.folder / BUREAU])


def test_verify__a_side_whose_seals_count_seals_nothing__not_final_and_the_side_named(
    stage: Registered, tmp_path: Path
) -> None:
    package = packaged(stage, tmp_path, 9_800)
    seals = stage.seals()
    gone = replace(seals, validators={**seals.validators, "mo": ("0x" + "12" * 20,)})
    with stage.open(stage.home(BANK, "sz", "hk", seals=gone)) as bank:
        answered = bank.verify(package)
    assert answered.verdict == Verdict.COULD_NOT_TELL
    assert answered.check("agreement").reason == CheckReason.NOT_FINAL
    assert answered.check("agreement").detail.endswith("no seal of mo")


def test_verify__clock_30_s_ahead__verified(stage: Registered, tmp_path: Path) -> None:
    package = packaged(stage, tmp_path, 9_500)
    with stage.open(stage.home(BANK, "sz", "hk"), clock=lambda: time.time() + 30) as bank:
        assert bank.verify(package).verdict == Verdict.VERIFIED
