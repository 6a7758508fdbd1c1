"""Promise: two authorities that share only public files found one chain, seal it by turns, and it outlives either."""

from __future__ import annotations

import signal
import time
from itertools import pairwise
from pathlib import Path

import pytest

from creditconnect.chain.rpc import Node
from creditconnect.errors import NodeRefused
from creditconnect.network.genesis import genesis_hash
from creditconnect.network.watching import NetworkStatus, Watched, look
from creditconnect.types import Consensus
from tests.network.conftest import PASSPHRASE, PATIENCE, SIDES, Network, wait_for, wait_until_standing


def status(network: Network) -> NetworkStatus:
    known = network.folders["hk"].configuration()
    addresses = network.addresses()
    watched = [
        Watched(side, addresses[side], Node(network.node(side).rpc.url, timeout_seconds=2.0, attempts=1))
        for side in SIDES
    ]
    return look(watched, known.consensus, known.period_seconds, time.time)


def test_founded__from_public_files_alone__the_same_genesis_as_the_engine_makes_of_it(running: Network) -> None:
    genesis = [running.folders[side].genesis() for side in SIDES]
    assert genesis[0] == genesis[1]
    for side in SIDES:
        assert running.block(side, 0)["hash"] == "0x" + genesis_hash(genesis[0]).hex()


def test_sealed__by_turns_one_a_side__as_the_seals_themselves_say(running: Network) -> None:
    wait_for(lambda: running.node("hk").head() >= 8)
    last = running.node("hk").head()
    sealers = [header.sealers for header in running.headers("hk", 1, last)]
    if running.engine.consensus == Consensus.QBFT:
        assert all(set(one) == set(running.addresses().values()) for one in sealers)
        return
    assert all(len(one) == 1 for one in sealers)
    assert {one[0] for one in sealers} == set(running.addresses().values())
    assert all(one != other for one, other in pairwise(sealers))


def test_folders__neither_holds_the_others_key(running: Network) -> None:
    for side, other in (SIDES, SIDES[::-1]):
        address = running.addresses()[other][2:]
        private = {path: path.stat().st_mode & 0o777 for path in running.folders[side].path.glob("*/keystore/*")}
        assert list(private.values()) == [0o600]
        assert address not in next(iter(private)).read_text().lower()
        assert running.folders[side].local_sides() == [side]
        for path in running.folders[side].path.rglob("*"):
            if path.is_file() and path.name in ("nodekey", "key"):
                assert path.stat().st_mode & 0o777 == 0o600


COMMANDS = (
    *("miner_stop", "clique_propose", "admin_addPeer", "personal_listAccounts", "debug_setHead", "txpool_content"),
    *("qbft_proposeValidatorVote", "perm_addNodesToAllowlist"),
)


def test_public_door__commands__are_refused(running: Network) -> None:
    """Clients ask; sealing, votes and peers are commanded through the socket in the side's folder alone."""
    for command in COMMANDS:
        with pytest.raises(NodeRefused) as refused:
            running.node("hk").rpc.call(command)
        # JSON-RPC 2.0, 5.1: the method does not exist; and Besu's own, that it knows the method and does not serve it.
        assert refused.value.code in (-32601, -32604), command


def test_status__of_a_running_network__agrees_and_half_each(running: Network) -> None:
    wait_for(lambda: running.node("hk").head() >= 10)
    found = status(running)
    assert (found.moving, found.missing, found.strangers, found.advice) == (True, (), (), ())
    assert found.validators == SIDES
    assert found.agreed is not None
    assert found.agreed >= 9
    for side in found.sides:
        assert side.client.startswith(("Geth/v1.13.15", "besu/v26."))
        assert (side.peers, side.trouble) == (1, "")
        # On QBFT each block has both seals.
        assert 0.4 <= side.share <= (0.6 if running.engine.consensus == Consensus.CLIQUE else 1.0)


def test_one_killed__no_block_comes_and_status_says_who_and_all_goes_on_after_its_return(running: Network) -> None:
    running.kill("sz")
    wait_for(lambda: not running.node("sz").is_running())
    before = wait_until_standing(running.node("hk"), 8)
    found = status(running)
    assert (found.moving, found.missing) == (False, ("sz",))
    assert any("sz: its node does not answer" in line for line in found.advice)
    kept = running.block("hk", before)["hash"]

    started = time.monotonic()
    running.said.clear()
    running.up("sz")
    wait_for(lambda: running.node("hk").head() > before)
    # Now and then geth comes back deaf, and is started anew (test_deaf).
    if not running.said:
        assert time.monotonic() - started < 30 * PATIENCE[running.engine.name]
    assert running.block("hk", before)["hash"] == kept
    wait_for(lambda: status(running).moving)


def test_both_killed_at_once__nothing_that_was_sealed_is_lost(running: Network) -> None:
    wait_for(lambda: running.node("hk").head() == running.node("sz").head())
    last = running.node("hk").head() - 1
    kept = running.block("hk", last)["hash"]
    for side in SIDES:
        running.kill(side)
    wait_for(lambda: not any(running.node(side).is_running() for side in SIDES))
    running.up()
    wait_for(lambda: running.node("hk").head() > last + 3 and running.node("sz").head() > last + 3)
    assert {running.block(side, last)["hash"] for side in SIDES} == {kept}


def test_one_frozen__and_thawed__goes_on(running: Network) -> None:
    running.kill("hk", signal.SIGSTOP)
    try:
        before = wait_until_standing(running.node("sz"))
    finally:
        running.kill("hk", signal.SIGCONT)
    wait_for(lambda: running.node("sz").head() > before + 2, 60)


def test_one_without_its_data__takes_the_chain_from_the_other_and_seals_again(running: Network, tmp_path: Path) -> None:
    """The one that is in turn for block 1: it must not seal another block 1 of its own."""
    node = running.node(max(SIDES, key=lambda side: running.addresses()[side]))
    first = running.block(node.side, 1)["hash"]
    node.stop()
    node.folder.data_folder.rename(tmp_path / "lost")
    running.up(node.side)
    before = node.head()
    wait_for(lambda: node.head() > before + 3, 60)
    assert running.block(node.side, 1)["hash"] == first


def test_out_of_turn_first__waits_unsealing_and_still_gets_block_1(network: Network) -> None:
    """It is up and connected when the other seals block 1, and geth throws that away: it has to ask again."""
    if network.engine.consensus != Consensus.CLIQUE:
        pytest.skip("on QBFT both seal block 1")
    second, first = sorted(SIDES, key=lambda side: network.addresses()[side])
    network.node(second).start(PASSPHRASE)
    time.sleep(2)
    assert (network.node(second).is_sealing(), network.node(second).head()) == (False, 0)
    network.node(first).start(PASSPHRASE)
    network.node(first).begin_sealing(PASSPHRASE, lambda line: None)
    said: list[str] = []
    network.node(second).begin_sealing(PASSPHRASE, said.append)
    wait_for(lambda: network.node(second).head() >= 4)
    sealers = [header.sealers[0] for header in network.headers(second, 1, 4)]
    turns = [network.addresses()[first], network.addresses()[second]]
    assert sealers == turns * 2
    assert said in ([], [f"{second}: waits for block 1 of the other side, and seals from then on"])
