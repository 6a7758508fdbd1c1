"""A live registry on two real validators, with a bureau on one side and a bank on the other; by raw JSON-RPC.

The same steps as `tests.chain.homes` does on an Anvil, signed by keys of this test: no node here holds an account.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from creditconnect import settings as homes
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.signing import KeystoreSigner
from creditconnect.client import Client
from creditconnect.home import make_home
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.settings import Settings
from creditconnect.types import ChainIdentity, Role, Seals
from tests.chain.homes import write_rows
from tests.network.conftest import ROOT, SIDES, Network

SCRYPT_WORK = 2
RECEIPT_SECONDS = 60.0
SIDE = {"hk": 1, "sz": 2}
# Each side's authority, and its cold key. Both are funded by the genesis.
AUTHORITIES = {side: KeystoreSigner(bytes([number]) * 32) for side, number in (("hk", 0x41), ("sz", 0x42))}
COLD = {"hk": "0x" + "a1" * 20, "sz": "0x" + "a2" * 20}
BUREAU, BANK = "CRA-HK-01", "BANK-SZ-01"
FUNDS_WEI = 10**18


def passphrase(name: str) -> str:
    return f"the {name} passphrase"


@dataclass
class Registered:
    """The network, the trusted deployment, and templates of the two homes' keys."""

    network: Network
    folder: Path
    deployment: Path
    nonces: dict[str, int] = field(default_factory=dict)
    opened: list[Client] = field(default_factory=list)

    @property
    def registry(self) -> str:
        return Deployment.read(self.deployment).identity.registry

    def url(self, side: str) -> str:
        return self.network.node(side).rpc.url

    def seals(self) -> Seals:
        sides = self.network.folders["hk"].sides()
        return Seals(self.network.folders["hk"].configuration().consensus, {one.side: (one.address,) for one in sides})

    def rpc(self, method: str, *params: object, side: str = "hk") -> Any:
        return self.network.node(side).rpc.call(method, *params)

    def send(
        self, signer: KeystoreSigner, *, to: str | None, data: bytes = b"", value: int = 0, gas: int = 2**22
    ) -> str:
        """Signed with the next nonce and sent, not waited for; the transaction's hash."""
        nonce = self.nonces.get(signer.address, 0)
        target = {} if to is None else {"to": to_checksum_address(to)}
        chain_id = int(self.rpc("eth_chainId"), 16)
        call = {"chainId": chain_id, "nonce": nonce, "gas": gas, "gasPrice": 1, "value": value, "data": data}
        self.nonces[signer.address] = nonce + 1
        return str(self.rpc("eth_sendRawTransaction", "0x" + signer.sign(call | target).raw.hex()))

    def admin(self, side: str, name: str, *arguments: object) -> str:
        return self.send(AUTHORITIES[side], to=self.registry, data=ContractAbi.load().encode_call(name, *arguments))

    def receipt(self, tx_hash: str) -> dict[str, Any]:
        until = time.monotonic() + RECEIPT_SECONDS
        while (found := self.rpc("eth_getTransactionReceipt", tx_hash)) is None:
            assert time.monotonic() < until, "not mined"
            time.sleep(0.1)
        assert found["status"] == "0x1", found
        receipt: dict[str, Any] = found
        return receipt

    def home(self, institution: str, *sides: str, **numbers: Any) -> Settings:
        """A home that asks these sides' nodes, in this order."""
        made = homes.new(
            self.folder / institution,
            institution,
            tuple(self.url(side) for side in sides),
            require_registered_subjects=False,
            seals=self.seals(),
        )
        return replace(made, **numbers)

    def open(self, settings: Settings, **collaborators: Callable[..., Any]) -> Client:
        client = Client(settings, ask=passphrase, **collaborators)
        self.opened.append(client)
        return client


def packaged(stage: Registered, folder: Path, first: int) -> bytes:
    """A package of a record that is registered, reviewed and active."""
    with stage.open(stage.home(BUREAU, "hk", "sz")) as bureau:
        bureau.submit(write_rows(folder / f"rows-{first}.jsonl", 1, first=first))
        bureau.follow()
        for pending in bureau.review_list():
            bureau.review_approve(pending.id)
        (newest,) = bureau.records_list(limit=1)
        bureau.package_write(folder / f"packages-{first}", newest.record_hash)
    (path,) = (folder / f"packages-{first}").iterdir()
    return path.read_bytes()


def registered_on(network: Network, folder: Path) -> Registered:
    """Deploy, accept and admit on a network that runs, whose genesis funds the authorities."""
    registered = Registered(network, folder, folder / "deployment.json")
    _deploy(registered)
    schema = SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)
    for side in SIDES:
        registered.receipt(registered.admin(side, "acceptRegistry", SIDE[side]))
    calls = [registered.admin("hk", "addSchema", schema.hash, schema.id)]
    calls += [registered.admin(side, "openCorridor", *way) for way in ((1, 2), (2, 1)) for side in SIDES]
    accounts = make_home(
        registered.home(BUREAU, "hk", "sz"),
        registered.deployment,
        roles=("submit", "review"),
        ask=passphrase,
        scrypt_work=SCRYPT_WORK,
    )
    make_home(
        registered.home(BANK, "sz", "hk"), registered.deployment, roles=(), ask=passphrase, scrypt_work=SCRYPT_WORK
    )
    for number, (side, code, role) in enumerate((("hk", BUREAU, Role.PROVIDER), ("sz", BANK, Role.VERIFIER)), start=1):
        admitted = registered.admin(side, "admit", code.encode().ljust(32, b"\0"), bytes(32))
        registered.receipt(admitted)
        reviewed, schemas = role is Role.PROVIDER, 2 if role is Role.PROVIDER else 0
        calls.append(registered.admin(side, "scope", number, int(role), schemas, 0, reviewed))
    for number, (_, address) in enumerate(accounts.items(), start=1):
        calls.append(registered.admin("hk", "setAccount", 1, address, number, True))
        calls.append(registered.send(AUTHORITIES["hk"], to=address, value=FUNDS_WEI, gas=21_000))
    for call in calls:
        registered.receipt(call)
    return registered


def _deploy(registered: Registered) -> None:
    artefact = json.loads((ROOT / "src/creditconnect/chain/abi/RecordRegistry.json").read_text(encoding="utf-8"))
    founders = [
        (code.ljust(32, b"\0"), AUTHORITIES[side].address, COLD[side])
        for side, code in (("hk", b"HK"), ("sz", b"CN-SZ"))
    ]
    code = bytes.fromhex(artefact["bytecode"][2:]) + encode(["(bytes32,address,address)[]"], [founders])
    receipt = registered.receipt(registered.send(AUTHORITIES["hk"], to=None, data=code, gas=2**24))
    address = str(receipt["contractAddress"]).lower()
    identity = ChainIdentity(
        int(registered.rpc("eth_chainId"), 16),
        bytes.fromhex(registered.rpc("eth_getBlockByNumber", "0x0", False)["hash"][2:]),
        address,
        keccak(bytes.fromhex(registered.rpc("eth_getCode", address, "latest")[2:])),
    )
    block = int(receipt["blockNumber"], 16)
    Deployment(identity, block, "1.0.0", {1: "HK", 2: "CN-SZ"}).write(registered.deployment)
