"""Promise: a side's supervisor brings its own node back, when it died and when it stands still beside its peer."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from creditconnect.network.geth import Geth
from creditconnect.network.node import SideNode
from creditconnect.network.supervising import Supervisor
from creditconnect.types import Consensus
from tests.network.conftest import PASSPHRASE, Network, wait_for

PROGRAM = Path(sys.executable).with_name("creditconnect")


def beyond(node: SideNode, number: int) -> bool:
    return node.head() > number


def stands_after_being_told(node: SideNode, other: SideNode) -> bool:
    """Whether no block came for four periods after a node was told not to seal."""
    Geth().door(node.folder).call("miner_stop")
    time.sleep(2)
    before = other.head()
    time.sleep(4)
    return other.head() == before


def test_up_keep__its_node_killed__is_back_and_left_running_when_the_supervisor_ends(
    network: Network, tmp_path: Path
) -> None:
    network.up()
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE + "\n")
    command = [str(PROGRAM), "network", "up", "--keep", "--side", "sz", "--folder", str(network.folders["sz"].path)]
    node = network.node("sz")
    with subprocess.Popen(
        command,
        env=os.environ | {"CREDITCONNECT_VALIDATOR_PASSPHRASE_FILE": str(passphrase)},
        stdout=subprocess.PIPE,
        text=True,
    ) as supervisor:
        try:
            assert supervisor.stdout is not None
            assert supervisor.stdout.readline().startswith("sz: up at ")
            time.sleep(2)
            before = network.node("hk").head()
            network.kill("sz")
            assert supervisor.stdout.readline() == "sz: its node died: it is restarted\n"
            wait_for(partial(beyond, network.node("hk"), before + 2), 60)
            supervisor.send_signal(signal.SIGTERM)
            rest, _ = supervisor.communicate(timeout=60)
            assert rest.endswith("sz: is left running; creditconnect network down stops it\n")
            assert supervisor.returncode == 0
            assert node.is_running()
        finally:
            supervisor.kill()


@pytest.mark.timeout(300)
def test_supervisor__its_node_killed_while_it_waits_for_block_1__started_again_until_told_to_stop(
    network: Network,
) -> None:
    if network.engine.consensus != Consensus.CLIQUE:
        pytest.skip("a QBFT validator waits for nothing")
    network.up()
    wait_for(partial(beyond, network.node("sz"), 2))
    network.node("hk").stop()
    node = network.node("sz")
    node.stop()
    shutil.rmtree(node.folder.data_folder)
    said: list[str] = []
    told = threading.Event()
    # Of its own clock an hour goes by between two looks, so there is no pause.
    clock = itertools.count(step=3_600)
    keeper = Supervisor(
        node, network.engine, PASSPHRASE, monotonic=lambda: float(next(clock)), sleep=time.sleep, tell=said.append
    )
    running = threading.Thread(target=keeper.run, args=(told.is_set,))
    running.start()
    try:
        restarted, waits = "sz: its node died: it is restarted", "sz: waits for block 1 of the other side"
        wait_for(lambda: len(said) == 2)
        assert said[0] == restarted
        assert said[1].startswith(waits)
        # It can't be started for now, and not for a reason of the network's.
        options = node.folder.path / "config.toml"
        options.unlink()
        options.mkdir()
        network.kill("sz")
        wait_for(lambda: f"{options}: Is a directory" in said)
        options.rmdir()
        wait_for(lambda: said[-1].startswith(waits) and len(said) > 2)
        assert node.is_running()
        told.set()
        running.join(5)
        assert not running.is_alive()
    finally:
        told.set()
        running.join()


@pytest.mark.timeout(300)
def test_supervisor__no_block_though_its_peer_is_there__restarts_its_own_node(network: Network) -> None:
    if network.engine.consensus != Consensus.CLIQUE:
        pytest.skip("a QBFT validator can't be told not to seal")
    network.up()
    node, other = network.node("sz"), network.node("hk")
    pid = other.process.started()
    wait_for(partial(beyond, other, 4))
    # It runs, answers and has its peer, and seals no more.
    wait_for(partial(stands_after_being_told, node, other))
    said: list[str] = []
    keeper = Supervisor(node, network.engine, PASSPHRASE, monotonic=time.monotonic, sleep=time.sleep, tell=said.append)
    keeper.step()
    assert said == []
    stood = other.head()
    started = time.monotonic()
    # To the end, as `up --keep` does: geth may come back deaf (test_deaf), and is then restarted once more.
    keeper.run(lambda: beyond(other, stood + 2) or time.monotonic() - started > 120)
    assert beyond(other, stood + 2), (said, stood, node.head(), network.engine.peer_count(node.folder))
    assert said
    seconds = [int(line.removeprefix("sz: a peer is there, and no block came for ").split()[0]) for line in said]
    # Ten periods of a second are less than geth may need to hear of its peer's chain.
    assert all(node.deaf_after_seconds <= one < node.deaf_after_seconds + 5 for one in seconds)
    assert other.process.started() == pid, "the other side's node is the other side's"


def test_supervisor__alone_while_its_peer_is_away__waits(network: Network) -> None:
    network.up()
    node = network.node("sz")
    network.node("hk").stop()
    said: list[str] = []
    began = node.process.started()
    keeper = Supervisor(node, network.engine, PASSPHRASE, monotonic=time.monotonic, sleep=time.sleep, tell=said.append)
    started = time.monotonic()
    keeper.run(lambda: time.monotonic() - started > 30)
    assert said == []
    assert node.process.started() == began
