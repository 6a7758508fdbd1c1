"""Promise: when a validator's key is lost, both sides go on from the last block that both sealed, with all accounts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from creditconnect.chain.deployment import Deployment
from creditconnect.errors import NetworkError
from creditconnect.network.engine import Engine
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_key, make_next_genesis
from creditconnect.network.genesis import founders, genesis_hash
from creditconnect.network.geth import Geth
from creditconnect.network.node import SideNode
from creditconnect.network.refounding import LastState, read_last_state
from creditconnect.network.sides import Side
from creditconnect.reasons import CheckReason
from creditconnect.types import Consensus, Verdict
from tests.network.conftest import PASSPHRASE, SCRYPT_WORK, SIDES, Network, found, place, wait_for
from tests.network.registered import AUTHORITIES, BANK, BUREAU, Registered, packaged, registered_on

# Stores 7 in slot 3 and 2^255 in slot 5, and leaves a contract of one byte, STOP.
CREATION = "6007600355" + "7f80" + "00" * 31 + "600555" + "60016000" + "f3"
SLOTS = {3: 7, 5: 2**255}
# Some periods: whoever is alone has sealed what it may by then.
STANDS_SECONDS = 4.0
STARTS = 4


@pytest.fixture
def account() -> LocalAccount:
    created: LocalAccount = Account.create()
    return created


@pytest.fixture
def written(engine: Engine, tmp_path: Path, account: LocalAccount) -> tuple[Network, str]:
    """A network with a contract that holds something; its address."""
    if engine.consensus != Consensus.CLIQUE:
        pytest.skip("only a network on Clique is founded anew")
    network = found(engine, tmp_path / "old", funded=(account.address,))
    network.up()
    transaction: dict[str, Any] = {"nonce": 0, "gasPrice": 1, "gas": 200_000, "value": 0, "data": "0x" + CREATION}
    signed = account.sign_transaction(transaction | {"chainId": network.folders["hk"].configuration().chain_id})
    rpc = network.node("hk").rpc
    sent = rpc.call("eth_sendRawTransaction", "0x" + signed.raw_transaction.hex())
    wait_for(lambda: rpc.call("eth_getTransactionReceipt", sent) is not None)
    receipt = rpc.call("eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    wait_for(lambda: all(network.node(side).head() > int(receipt["blockNumber"], 16) + 2 for side in SIDES))
    return network, receipt["contractAddress"]


def last_state(network: Network, side: str, block: int | None) -> LastState:
    node, folder = network.node(side), network.folders[side]
    return read_last_state(node.rpc, Geth().door(node.folder), old_founders(folder), block)


def stands_at(network: Network, side: str) -> int:
    """The last block of a node that is left alone: it may seal one more after the other's."""
    node = network.node(side)
    head = -1
    while head != (head := node.head()):
        time.sleep(STANDS_SECONDS)
    return head


def catch_up(node: SideNode, head: int) -> None:
    """Until a node without a key has that block; now and then geth comes back deaf (test_deaf), and is started anew."""
    since = time.monotonic()
    for _ in range(STARTS):
        while node.head() < head and time.monotonic() - since < node.deaf_after_seconds:
            time.sleep(0.2)
        if node.head() >= head:
            return
        node.stop()
        node.start("")
        since = time.monotonic()
    raise AssertionError(f"is at {node.head()}, not at {head}, after {STARTS} starts")


def old_founders(folder: NetworkFolder) -> list[Side]:
    return founders(folder.genesis(), folder.sides())


@pytest.mark.timeout(300)
def test_refounded__after_a_key_was_lost__goes_on_with_all_accounts(
    engine: Engine, tmp_path: Path, written: tuple[Network, str], account: LocalAccount
) -> None:
    network, contract = written
    try:
        network.node("sz").stop()
        network.node("sz").folder.keystore_file.unlink()
        # Without its key it is a follower, and still has the chain.
        network.node("sz").start("")
        catch_up(network.node("sz"), stands_at(network, "hk"))

        mine = last_state(network, "hk", None)
        theirs = last_state(network, "sz", mine.block)
        assert mine == theirs
        kept = network.block("hk", mine.block)
        assert mine.hash.hex() == kept["hash"][2:]

        following = {side: NetworkFolder(tmp_path / "new" / side) for side in SIDES}
        for side, folder in following.items():
            make_key(folder, side, engine, place(), PASSPHRASE, scrypt_work=SCRYPT_WORK)
        public = [following[side].public_file(side) for side in SIDES]
        hashes = [make_next_genesis(following["hk"], public, mine)]
        hashes.append(make_next_genesis(following["sz"], public[::-1], theirs))
        assert hashes[0] == hashes[1] == genesis_hash(following["sz"].genesis())
    finally:
        network.end()

    renewed = Network(engine, following)
    try:
        renewed.up()
        wait_for(lambda: renewed.node("sz").head() >= 4)
        block = renewed.block("sz", 0)
        assert (block["hash"], block["stateRoot"]) == ("0x" + hashes[0].hex(), kept["stateRoot"])
        assert block["extraData"][2:66] == mine.hash.hex()
        rpc = renewed.node("sz").rpc
        for slot, value in SLOTS.items():
            assert int(rpc.call("eth_getStorageAt", contract, hex(slot), "latest"), 16) == value
        assert rpc.call("eth_getCode", contract, "latest") == "0x00"
        assert rpc.call("eth_getTransactionCount", account.address, "latest") == "0x1"
        sealers = {header.sealers[0] for header in renewed.headers("hk", 1, 4)}
        assert sealers == set(renewed.addresses().values())
    finally:
        renewed.end()


@pytest.mark.timeout(300)
def test_refounded__with_a_registry__homes_go_on_with_the_records_that_they_had(engine: Engine, tmp_path: Path) -> None:
    """As docs/OPERATIONS.md has it: each home gets the new deployment file, nodes and seals, and a mirror anew."""
    if engine.consensus != Consensus.CLIQUE:
        pytest.skip("only a network on Clique is founded anew")
    network = found(engine, tmp_path / "old", funded=tuple(one.address for one in AUTHORITIES.values()))
    following = {side: NetworkFolder(tmp_path / "new" / side) for side in SIDES}
    try:
        network.up()
        before = registered_on(network, tmp_path)
        package = packaged(before, tmp_path, 100)
        with before.open(before.home(BUREAU, "hk", "sz")) as bureau:
            (record,) = bureau.records_list()
        for side, folder in following.items():
            make_key(folder, side, engine, place(), PASSPHRASE, scrypt_work=SCRYPT_WORK)
        public = [following[side].public_file(side) for side in SIDES]
        last = last_state(network, "hk", None)
        found_so = [make_next_genesis(folder, public, last) for folder in following.values()]
    finally:
        network.end()
    deployment = Deployment.read(before.deployment).refounded(found_so[0]).publish(following["hk"].path)
    assert deployment == Deployment.read(deployment).publish(following["hk"].path)
    for code in (BUREAU, BANK):
        (tmp_path / code / "deployment.json").write_bytes(deployment.read_bytes())
        (tmp_path / code / "mirror.db").unlink(missing_ok=True)

    renewed = Network(engine, following)
    try:
        renewed.up()
        after = Registered(renewed, tmp_path, deployment)
        with after.open(after.home(BANK, "sz", "hk")) as bank:
            of_the_old_chain = bank.verify(package)
        assert (of_the_old_chain.verdict, of_the_old_chain.check("package").reason) == (
            Verdict.NOT_VERIFIED,
            CheckReason.OTHER_REGISTRY,
        )
        packages = [packaged(after, tmp_path, 200)]
        with after.open(after.home(BUREAU, "hk", "sz")) as bureau:
            bureau.package_write(tmp_path / "anew", record.record_hash)
        packages += [path.read_bytes() for path in (tmp_path / "anew").iterdir()]
        with after.open(after.home(BANK, "sz", "hk")) as bank:
            assert [bank.verify(one).verdict for one in packages] == [Verdict.VERIFIED] * 2
    finally:
        renewed.end()


def test_read_last_state__newest_block_or_a_state_that_was_not_sealed__refused(written: tuple[Network, str]) -> None:
    network, _ = written
    try:
        network.node("sz").stop()
        head = stands_at(network, "hk")
        with pytest.raises(NetworkError, match=rf"block {head} is not under a seal of (hk|sz): name an earlier one"):
            last_state(network, "hk", head)
        with pytest.raises(NetworkError, match=rf"has no block {head + 1}; its newest is {head}: name an earlier one"):
            last_state(network, "hk", head + 1)
        real = Geth().door(network.node("hk").folder)

        class Lying:
            """The door, with one balance altered on the way."""

            def call(self, method: str, *parameters: object) -> object:
                page = real.call(method, *parameters)
                next(iter(page["accounts"].values()))["balance"] = "12345"
                return page

        node, folder = network.node("hk"), network.folders["hk"]
        with pytest.raises(NetworkError, match=rf"the state that it tells is not the one sealed in block {head - 1}"):
            read_last_state(node.rpc, Lying(), old_founders(folder), None)
    finally:
        network.end()


def test_make_next_genesis__in_a_folder_with_another__refused(engine: Engine, tmp_path: Path, network: Network) -> None:
    if network.engine.consensus != Consensus.CLIQUE:
        pytest.skip("only a network on Clique is founded anew")
    folder = network.folders["hk"]
    state = LastState(5, bytes.fromhex("ab" * 32), 1_800_000_000, {"11" * 20: {"balance": "0x1"}})
    with pytest.raises(NetworkError, match="is another genesis"):
        make_next_genesis(folder, [folder.public_file(side) for side in SIDES], state)
    document = json.loads(folder.genesis())
    assert document["timestamp"] == "0x0"
