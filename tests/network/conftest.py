"""Two real validators, each in a folder of its own that shares nothing but the public files with the other's."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from creditconnect.chain.headers import Header, read_header
from creditconnect.errors import EngineMissing
from creditconnect.network import configuration
from creditconnect.network.configuration import Configuration, Place
from creditconnect.network.engine import Engine
from creditconnect.network.engines import engine_of
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_genesis, make_key
from creditconnect.network.node import SideNode, start_together

ROOT = Path(__file__).resolve().parents[2]
ENGINE = os.environ.get("ENGINE", "geth")
REQUIRED = os.environ.get("REQUIRE_NETWORK", "")
PASSPHRASE = "correct horse"
SCRYPT_WORK = 2**12
PERIOD_SECONDS = 1
SIDES = ("hk", "sz")
# QBFT's round timeouts double while a validator is away (measured: 17 s after 5 s, 128 s after 60 s).
PATIENCE = {"geth": 1, "besu": 6}


def pytest_configure() -> None:
    # `make geth` puts it there.
    os.environ["PATH"] = os.pathsep.join([str(ROOT / ".tools" / "bin"), os.environ.get("PATH", os.defpath)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A test may take longer by as much as what it waits for does."""
    for item in items:
        if PATIENCE[ENGINE] > 1 and item.path.is_relative_to(Path(__file__).parent):
            marked = item.get_closest_marker("timeout")
            seconds = float(marked.args[0] if marked else config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(seconds * PATIENCE[ENGINE]), append=False)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine that the network is tested on; a machine without it skips, unless it is required."""
    chosen = engine_of(ENGINE)
    try:
        chosen.find()
    except EngineMissing as error:
        if REQUIRED == ENGINE:
            pytest.fail(f"REQUIRE_NETWORK={REQUIRED}, and {error}")
        pytest.skip(f"NO NETWORK TESTED ON {ENGINE}: {error}")
    return chosen


_HELD: list[socket.socket] = []


def free_port() -> int:
    """One below those that systems hand out, or a connection of some other test might have it when the node starts.

    Nobody else who asks here gets it while this process runs: a name of Linux' that nothing but sockets have is taken
    for it, which is free again when the process ends, however it does.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(f"\0creditconnect-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        _HELD.append(held)
        return port


def place() -> Place:
    return Place(p2p_port=free_port(), rpc_port=free_port())


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> float:
    """The seconds that it took."""
    started = time.monotonic()
    while not what():
        assert time.monotonic() - started < seconds * PATIENCE[ENGINE], f"not within {seconds * PATIENCE[ENGINE]} s"
        time.sleep(0.05)
    return time.monotonic() - started


def wait_until_standing(node: SideNode, periods: int = 6) -> int:
    """The head upon which no block came for so many periods; what was under way before may come yet."""
    seen, since = node.head(), time.monotonic()

    def stands() -> bool:
        nonlocal seen, since
        if (head := node.head()) != seen:
            seen, since = head, time.monotonic()
        return time.monotonic() - since >= periods * node.configuration.period_seconds

    wait_for(stands)
    return seen


def patiently(script: str, shown: str = "^blocks come; all have block ") -> str:
    """A guide's commands, before each status a minute at most in which it comes to be what the guide shows."""

    def awaited(found: re.Match[str]) -> str:
        sought = "^NO BLOCK COMES; " if found[2] else shown
        asked = f"{found[1]} | grep -E '{sought}' > /dev/null"
        return f"for _ in $(seq 60); do if {asked}; then break; fi; sleep 1; done\n{found[0]}"

    return re.sub(r"^(creditconnect network status --folder [^ \n]+)( \|\| .*)?$", awaited, script, flags=re.MULTILINE)


@dataclass
class Network:
    """Two sides on one machine, `folders` and `nodes` by side; `said` is what starting them told."""

    engine: Engine
    folders: dict[str, NetworkFolder]
    nodes: dict[str, SideNode] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def node(self, side: str) -> SideNode:
        if side not in self.nodes:
            self.nodes[side] = SideNode(
                self.folders[side], side, self.engine, clock=time.time, monotonic=time.monotonic, sleep=time.sleep
            )
        return self.nodes[side]

    def up(self, *sides: str) -> None:
        """Start and have seal; the one that may at once first, as two machines would by themselves."""
        nodes = [self.node(side) for side in sides or SIDES]
        passphrases = {node.side: PASSPHRASE for node in nodes}
        start_together(nodes, passphrases, tell=self.said.append, sleep=time.sleep)

    def kill(self, side: str, number: int = signal.SIGKILL) -> None:
        started = self.node(side).process.started()
        assert started is not None
        os.kill(started.pid, number)

    def block(self, side: str, number: int | str) -> Any:
        wanted = number if isinstance(number, str) else hex(number)
        return self.node(side).rpc.call("eth_getBlockByNumber", wanted, False)

    def headers(self, side: str, first: int, last: int) -> list[Header]:
        consensus = self.folders[side].configuration().consensus
        return [read_header(self.block(side, number), consensus) for number in range(first, last + 1)]

    def addresses(self) -> dict[str, str]:
        return {side.side: side.address for side in self.folders["hk"].sides()}

    def end(self) -> None:
        """Stop all, and leave no chain behind: every state is kept, so they are large."""
        for node in self.nodes.values():
            if node.is_running():
                self.kill(node.side, signal.SIGCONT)
                node.stop()
            shutil.rmtree(node.folder.data_folder, ignore_errors=True)


def found(
    engine: Engine, folder: Path, *, funded: tuple[str, ...] = (), period_seconds: int = PERIOD_SECONDS
) -> Network:
    """Keys made on each side, and the genesis built there from the public files alone."""
    folders = {side: NetworkFolder(folder / side) for side in SIDES}
    for side, network in folders.items():
        configuration.write(network.path, Configuration(engine.name, period_seconds=period_seconds))
        make_key(network, side, engine, place(), PASSPHRASE, funded=funded, scrypt_work=SCRYPT_WORK)
    public = [folders[side].public_file(side) for side in SIDES]
    hashes = {make_genesis(folders["hk"], public), make_genesis(folders["sz"], public[::-1])}
    assert len(hashes) == 1
    return Network(engine, folders)


@pytest.fixture(scope="module")
def running(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network that runs, for tests that leave it running."""
    network = found(engine, tmp_path_factory.mktemp("running"))
    try:
        network.up()
        yield network
    finally:
        network.end()


@pytest.fixture
def network(engine: Engine, tmp_path: Path) -> Iterator[Network]:
    """A network that is founded and not started."""
    made = found(engine, tmp_path)
    try:
        yield made
    finally:
        made.end()
