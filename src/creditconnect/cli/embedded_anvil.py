"""The embedded chain for trying things out: one Anvil process, which nobody seals. Never more than that.

Started as the authorities' chains are set up: Berlin's rules, no base fee, no price for gas, a block a second.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from creditconnect.chain.rpc import Node
from creditconnect.errors import NodeUnreachable, UsageError

START_SECONDS = 20.0
BLOCK_GAS_LIMIT = 300_000_000
CHAIN_ID = 31337


@contextmanager
def embedded_anvil(log: Path, *, port: int = 0, block_seconds: int = 1) -> Iterator[str]:
    """A running Anvil's URL, on a free port unless one is given; stopped when the context ends.

    `block_seconds` 0 means a block as soon as there is a transaction, until `every_second` is called.

    Raises:
        UsageError: there is no anvil on the PATH; NodeUnreachable: it did not start, see the log.
    """
    program = shutil.which("anvil")
    if program is None:
        raise UsageError("there is no anvil on the PATH", hint='make demo installs it, or: eval "$(make -s env)"')
    chosen = port or free_port()
    with log.open("wb") as output, _started(program, chosen, block_seconds, output) as process:
        url = f"http://127.0.0.1:{chosen}"
        _wait_until_up(url, process, log)
        yield url


def every_second(url: str) -> None:
    """From now on a block a second."""
    Node(url).call("evm_setIntervalMining", 1)


@contextmanager
def _started(program: str, port: int, block_seconds: int, output: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    command = [program, "--port", str(port), "--chain-id", str(CHAIN_ID), "--hardfork", "berlin", "--gas-price", "0"]
    command += ["--gas-limit", str(BLOCK_GAS_LIMIT)]
    if block_seconds:
        command += ["--block-time", str(block_seconds)]
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    node = Node(url, attempts=1)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            node.call("eth_chainId")
        except NodeUnreachable:
            time.sleep(0.05)
        else:
            return
    raise NodeUnreachable("anvil did not start", hint=f"see {log}")


def free_port() -> int:
    """A port of loopback that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
