"""Promise: a validator that missed the block it has to build upon, and hears of it no more, is started anew by `up`.

The state is brought about on real nodes: one returns with a key that takes seconds to open, and meanwhile the other
seals the block in between, which geth throws away.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from eth_keyfile.keyfile import create_keyfile_json, extract_key_from_keyfile

from creditconnect.errors import NodeRefused, NodeUnreachable
from creditconnect.network.engine import Engine, Launch
from creditconnect.network.node import SYNCED_AFTER_SECONDS, SideNode, start_together
from creditconnect.types import Consensus
from tests.network.conftest import PASSPHRASE, Network, found, wait_for

# Longer than a node's start and its dialling of the other, on a busy machine too: whoever meets the other after its
# block is told of it.
PERIOD_SECONDS = 6
# Longer than a period and a node's start, on any machine that is not twice as fast in Go as in C.
OPENING_SECONDS = 13.0
TRIES = 3


def make_slow_to_open(keystore: Path) -> None:
    # Its hints say str, which it does not take.
    passphrase: Any = PASSPHRASE.encode()
    key = extract_key_from_keyfile(str(keystore), passphrase)
    started = time.monotonic()
    hashlib.pbkdf2_hmac("sha256", b"", b"salt", 1_000_000)
    iterations = int(1_000_000 * OPENING_SECONDS / (time.monotonic() - started))
    slow = create_keyfile_json(key, passphrase, kdf="pbkdf2", iterations=iterations)
    keystore.write_text(json.dumps(slow))


def return_deaf(network: Network) -> bool:
    """Kill one right after its block and have it return; whether it then stands one block behind the other for good."""
    node, other = network.node("sz"), network.node("hk")
    quick = node.folder.keystore_file.read_text()
    make_slow_to_open(node.folder.keystore_file)
    mine = network.addresses()["sz"]

    def sealed_last() -> bool:
        return network.headers("hk", head := other.head(), head)[0].sealers == (mine,)

    wait_for(sealed_last)
    before = other.head()
    network.kill("sz")
    wait_for(lambda: not node.is_running())
    launch = Launch(
        node.folder, node.configuration, network.folders["sz"].sides(), network.folders["sz"].genesis_file,
        next(side for side in network.folders["sz"].sides() if side.side == "sz"),
    )  # fmt: skip
    # As `SideNode.start`, which would try the key first and so miss the other's block.
    node.process.start(network.engine.command(launch, network.engine.find(), seals=True), passphrase=PASSPHRASE)
    wait_for(partial(is_sealing, node))
    time.sleep(SYNCED_AFTER_SECONDS)
    node.folder.keystore_file.write_text(quick)
    return (node.head(), other.head()) == (before, before + 1)


@pytest.mark.timeout(420)
def test_up__returned_and_missed_a_block__started_anew_and_blocks_come(engine: Engine, tmp_path: Path) -> None:
    if engine.consensus != Consensus.CLIQUE:
        pytest.skip("QBFT validators ask each other for what they missed")
    network = found(engine, tmp_path, period_seconds=PERIOD_SECONDS)
    try:
        network.up()
        for _ in range(TRIES):
            if return_deaf(network):
                break
            wait_for(partial(is_beyond, network, network.node("hk").head() + 1))
        else:
            pytest.fail(f"never missed the block in {TRIES} returns")
        said: list[str] = []
        nodes = [network.node("sz")]
        start_together(nodes, {"sz": PASSPHRASE}, tell=said.append, sleep=time.sleep)
        assert len(said) == 1
        assert re.fullmatch(r"sz: a peer is there, and no block came for \d+ s: it is restarted", said[0])
        wait_for(partial(is_beyond, network, network.node("hk").head() + 2))
    finally:
        network.end()


def is_sealing(node: SideNode) -> bool:
    try:
        return node.is_sealing()
    except (NodeUnreachable, NodeRefused):
        return False


def is_beyond(network: Network, number: int) -> bool:
    return all(network.node(side).head() > number for side in ("hk", "sz"))
