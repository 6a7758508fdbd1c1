"""Promise: a side's own node comes back by itself, when it died and when it stalls beside a peer that is there."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from creditconnect.network.geth import Geth
from creditconnect.network.supervising import STALLED_PERIODS, Supervisor
from tests.network.conftest import PASSPHRASE, Network, wait_for

PROGRAM = Path(sys.executable).with_name("creditconnect")


def test_keep__its_node_killed__is_started_again_and_blocks_come(running: Network, tmp_path: Path) -> None:
    """As an operator leaves it: `network up --keep` in a terminal of its own."""
    node = running.node("sz")
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    folder = str(running.folders["sz"].path)
    command = [str(PROGRAM), "network", "up", "--side", "sz", "--keep", "--folder", folder]
    environment = os.environ | {"CREDITCONNECT_VALIDATOR_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    log = tmp_path / "keep.log"
    with log.open("wb") as output:
        keeping = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_for(lambda: "up at" in log.read_text())
        running.kill("sz")
        before = running.node("hk").head()
        wait_for(lambda: "its node died: it is restarted" in log.read_text())
        wait_for(lambda: running.node("hk").head() > before + 3, 60)
    finally:
        keeping.send_signal(signal.SIGTERM)
        assert keeping.wait(30) == 0
    assert "is left running" in log.read_text()
    assert node.is_running()


@pytest.mark.timeout(180)
def test_step__a_peer_is_there_and_no_block_comes__restarted_once_it_took_too_long(running: Network) -> None:
    """A validator that stopped sealing, as one whose rounds time out ever later would seem to have."""
    node = running.node("sz")
    Geth().door(node.folder).call("miner_stop")
    said: list[str] = []
    supervisor = Supervisor(
        node, running.engine, PASSPHRASE, monotonic=time.monotonic, sleep=time.sleep, tell=said.append
    )
    began = time.monotonic()
    supervisor.run(lambda: bool(said) or time.monotonic() - began > 90)
    assert "sz: a peer is there, and no block came for" in said[0]
    assert time.monotonic() - began > STALLED_PERIODS * node.configuration.period_seconds
    before = node.head()
    wait_for(lambda: node.head() > before + 3, 60)


def test_step__a_peer_is_away__waits_and_restarts_nothing(running: Network) -> None:
    """Without the other side there is no block, and no restart would bring one."""
    running.node("hk").stop()
    started = running.node("sz").process.started()
    said: list[str] = []
    supervisor = Supervisor(
        running.node("sz"), running.engine, PASSPHRASE, monotonic=hurried(), sleep=time.sleep, tell=said.append
    )
    for _ in range(30):
        supervisor.step()
        time.sleep(0.1)
    assert said == []
    assert running.node("sz").process.started() == started
    running.up("hk")


def hurried() -> Callable[[], float]:
    """A clock on which each look is five seconds later."""
    return itertools.count(time.monotonic(), 5.0).__next__
