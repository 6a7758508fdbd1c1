"""The ground that benchmarks stand on: a fresh Anvil with the registry deployed, and the homes of two institutions.

Administers by Anvil's own unlocked accounts, as no real authority would; the client under measurement is the real one.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from eth_abi.abi import encode

from creditconnect import settings
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.registry import Registry, bytes32_of
from creditconnect.chain.rpc import Node, quantity, raw_bytes
from creditconnect.chain.signing import SignedTransaction
from creditconnect.cli.embedded_anvil import embedded_anvil
from creditconnect.cli.german_credit import attach_identities, packaged_dataset
from creditconnect.client import Client
from creditconnect.home import make_home
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.types import AccountRole, Role

PROVIDER = "CRA-HK-01"
VERIFIER = "BANK-SZ-01"
MAPPING = "german_credit"
BATCH_RECORDS = 500
TRANSACTION_GAS = 2**24
SEED = 20_261_123
# Keys that guard nothing: scrypt at full strength is no part of what is measured.
SCRYPT_WORK = 2
POLL_SECONDS = 0.02
GREATEST_WAIT_SECONDS = 120.0

# Anvil's accounts: each side's authority and its recovery, and who deploys.
_HK, _HK_RECOVERY, _SZ, _SZ_RECOVERY, _DEPLOYER = range(5)


@dataclass(frozen=True, slots=True)
class Ground:
    """A registry on a chain of its own; `folder` is removed with it."""

    folder: Path
    url: str
    registry: Registry
    accounts: list[str]
    schema: int

    @property
    def node(self) -> Node:
        return self.registry.node

    def open(self, institution: str) -> Client:
        """The institution's home, opened."""
        return Client.open(self.folder / institution, ask=_passphrase)

    def rows(self, count: int) -> Path:
        """A CSV file of that many German Credit rows, each with a synthetic person."""
        return write_rows(self.folder / f"rows-{count}.csv", count)

    def bind(self, address: str) -> None:
        """Make an address an account that submits for the provider."""
        self.administer(_HK, "setAccount", 1, address, AccountRole.SUBMIT, True)

    def administer(self, account: int, function: str, *arguments: Any) -> None:
        """Call the registry by one of Anvil's accounts, in a block of its own."""
        self.transact(account, self.registry.address, self.registry.abi.encode_call(function, *arguments))

    def transact(self, account: int, to: str | None, data: bytes, *, gas: int = TRANSACTION_GAS) -> dict[str, Any]:
        """Send by one of Anvil's accounts and mine at once; the receipt.

        Raises:
            RuntimeError: it was reverted.
        """
        return _transact(self.node, self.accounts[account], to, data, gas)

    def next_block(self) -> None:
        """Return just after a block: measurements then begin at the same point of the one-second clock."""
        began = self.registry.head().number
        while self.registry.head().number == began:
            time.sleep(POLL_SECONDS)

    def flood(self, transactions: list[SignedTransaction]) -> None:
        """Send signed transactions of one sender, in the order of their nonces, and wait until all are in blocks.

        Raises:
            RuntimeError: one was refused, failed, or was in no block for long.
        """
        refused = [answer for answer in self.registry.send([tx.raw for tx in transactions]) if answer is not None]
        if refused:
            raise RuntimeError(f"the node refused {len(refused)} transactions: {refused[0].message}")
        until = time.monotonic() + GREATEST_WAIT_SECONDS
        while self.registry.receipts([transactions[-1].hash])[0] is None:
            if time.monotonic() > until:
                raise RuntimeError("the last transaction is in no block")
            time.sleep(POLL_SECONDS)
        receipts = self.registry.receipts([tx.hash for tx in transactions])
        if not all(receipt is not None and receipt.succeeded for receipt in receipts):
            raise RuntimeError("a transaction failed")


@contextmanager
def fresh_ground(*, scrypt_work: int | None = SCRYPT_WORK) -> Iterator[Ground]:
    """A new chain of one-second blocks and 300M gas, the registry live on it, provider and verifier admitted.

    `scrypt_work` is for the homes' keys; None is what real ones have.
    """
    with tempfile.TemporaryDirectory(prefix="creditconnect-bench-") as name:
        folder = Path(name)
        with embedded_anvil(folder / "anvil.log") as url:
            yield _prepared(folder, url, scrypt_work)


def write_rows(path: Path, count: int) -> Path:
    """Write German Credit rows with synthetic persons of Hong Kong; the same count gives the same bytes."""
    attach_identities(packaged_dataset(), path, "HK", count, SEED)
    return path


def _prepared(folder: Path, url: str, scrypt_work: int | None) -> Ground:
    node, abi = Node(url), ContractAbi.load()
    accounts: list[str] = node.call("eth_accounts")
    sides = [
        (bytes32_of("HK"), accounts[_HK], accounts[_HK_RECOVERY]),
        (bytes32_of("CN-SZ"), accounts[_SZ], accounts[_SZ_RECOVERY]),
    ]
    code = _bytecode() + encode(["(bytes32,address,address)[]"], [sides])
    created = _transact(node, accounts[_DEPLOYER], None, code)
    registry = Registry(node, created["contractAddress"], abi)
    schema = SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)
    ground = Ground(folder, url, registry, accounts, 1)
    for account, jurisdiction in ((_HK, 1), (_SZ, 2)):
        ground.administer(account, "acceptRegistry", jurisdiction)
    ground.administer(_HK, "addSchema", schema.hash, schema.id)
    for account in (_HK, _SZ):
        ground.administer(account, "openCorridor", 1, 2)
    _admit(ground, _HK, 1, PROVIDER, Role.PROVIDER, 1 << ground.schema)
    _admit(ground, _SZ, 2, VERIFIER, Role.VERIFIER, 0)
    deployment = folder / "deployment.json"
    block = int(created["blockNumber"], 16)
    Deployment(registry.identity(), block, "1.0.0", {1: "HK", 2: "CN-SZ"}).write(deployment)
    keys = _make_home(ground, PROVIDER, deployment, ("submit",), scrypt_work)
    ground.bind(keys["submit"])
    _make_home(ground, VERIFIER, deployment, (), scrypt_work)
    return ground


def _admit(ground: Ground, account: int, institution: int, code: str, roles: int, schemas: int) -> None:
    """Without mandatory review: what is registered is active at once."""
    ground.administer(account, "admit", bytes32_of(code), bytes(32))
    ground.administer(account, "scope", institution, roles, schemas, 0, False)


def _make_home(
    ground: Ground, code: str, deployment: Path, roles: tuple[str, ...], scrypt_work: int | None
) -> dict[str, str]:
    chosen = settings.new(ground.folder / code, code, (ground.url,), require_registered_subjects=False)
    return make_home(chosen, deployment, roles=roles, ask=_passphrase, scrypt_work=scrypt_work)


def _passphrase(name: str) -> str:
    return f"guards nothing: {name}"


def _transact(node: Node, sender: str, to: str | None, data: bytes, gas: int = TRANSACTION_GAS) -> dict[str, Any]:
    transaction = {"from": sender, "data": "0x" + data.hex(), "gas": quantity(gas), "gasPrice": "0x0"}
    if to is not None:
        transaction["to"] = to
    tx_hash = node.call("eth_sendTransaction", transaction)
    node.call("evm_mine")
    until = time.monotonic() + GREATEST_WAIT_SECONDS
    receipt: dict[str, Any] | None = None
    while receipt is None and time.monotonic() < until:
        receipt = node.call("eth_getTransactionReceipt", tx_hash)
    if receipt is None or receipt["status"] != "0x1":
        raise RuntimeError(f"a transaction of {sender} failed")
    return receipt


def _bytecode() -> bytes:
    text = resources.files("creditconnect.chain").joinpath("abi", "RecordRegistry.json").read_text(encoding="utf-8")
    return raw_bytes(json.loads(text)["bytecode"])
