"""A registry on two validators, deployed and admitted to with keys of the test's own, and a provider's home.

Shares no code with the client for what it asks the chain: raw JSON-RPC.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from creditconnect import settings as homes
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.rpc import Node
from creditconnect.home import make_home
from creditconnect.network import configuration
from creditconnect.network.besu import NODES_FILE
from creditconnect.network.engine import Engine
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_genesis, make_key
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.types import ChainIdentity, Seals
from tests.chain.proxy import Proxy, proxy_before
from tests.network.conftest import PASSPHRASE, ROOT, SCRYPT_WORK, SIDES, Network, free_port, place, wait_for
from tests.network.link import Link, carried

PROVIDER, VERIFIER = "CRA-HK-01", "BANK-SZ-01"
GAS = 8_000_000
FUNDS_WEI = 10**15


def passphrase(name: str) -> str:
    return f"the {name} passphrase"


@dataclass
class Ground:
    """The network, the links between its validators, and the registry on it."""

    network: Network
    links: list[Link]
    # Between the provider's home and its own side's node.
    proxy: Proxy
    folder: Path
    keys: dict[str, Any]
    abi: ContractAbi = field(default_factory=ContractAbi.load)
    registry: str = ""
    nonces: dict[str, int] = field(default_factory=dict)

    def ask(self, method: str, *params: object, side: str = "hk") -> Any:
        return Node(self.network.node(side).rpc.url, timeout_seconds=5, attempts=1).call(method, *params)

    def view(self, name: str, *arguments: object, side: str = "hk") -> Any:
        """A view as of a node's head."""
        call = {"to": self.registry, "data": "0x" + self.abi.encode_call(name, *arguments).hex()}
        return self.abi.decode_result(name, bytes.fromhex(self.ask("eth_call", call, "latest", side=side)[2:]))

    def recorded(self, side: str = "hk") -> int:
        """How many records the registry holds at a node's head."""
        count: int = self.view("registry", side=side)["recordCount"]
        return count

    def send(self, key: str, data: bytes = b"", *, to: str | None = None, wei: int = 0) -> str:
        """Sign and send; the transaction's hash. Whoever needs it done waits for `done`."""
        account = self.keys[key]
        nonce = self.nonces.get(key, 0)
        self.nonces[key] = nonce + 1
        transaction = {"nonce": nonce, "gas": GAS if data else 21_000, "gasPrice": 1, "value": wei, "data": data}
        transaction |= {"chainId": int(self.ask("eth_chainId"), 16)}
        if to is not None:
            transaction["to"] = to_checksum_address(to)
        raw = account.sign_transaction(transaction).raw_transaction
        return str(self.ask("eth_sendRawTransaction", "0x" + raw.hex()))

    def done(self, tx_hash: str) -> dict[str, Any]:
        wait_for(lambda: self.ask("eth_getTransactionReceipt", tx_hash) is not None)
        receipt: dict[str, Any] = self.ask("eth_getTransactionReceipt", tx_hash)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def admin(self, side: str, name: str, *arguments: object) -> str:
        return self.send(side, self.abi.encode_call(name, *arguments), to=self.registry)

    def home(self, code: str) -> Path:
        return self.folder / code


@contextmanager
def ground_on(engine: Engine, folder: Path, *, batch_records: int = 500) -> Iterator[Ground]:
    """Found, start, deploy, admit: validators whose wire to each other goes through links."""
    keys = {name: Account.create() for name in (*SIDES, "hk_recovery", "sz_recovery")}
    folders = {side: NetworkFolder(folder / side) for side in SIDES}
    links, reached = [], []
    for side, own in folders.items():
        advertised = place()
        funded = (str(keys[side].address),)
        made = make_key(own, side, engine, advertised, PASSPHRASE, funded=funded, scrypt_work=SCRYPT_WORK)
        link = Link(advertised.p2p_port, free_port())
        links.append(link)
        known = configuration.load(own.path)
        assert known is not None
        # It listens where the link leads to; the others know the link's own end.
        configuration.write(own.path, known.with_place(side, replace(advertised, p2p_port=link.target)))
        reached.append(f"{made.enode.rpartition(':')[0]}:{link.target}")
    public = [folders[side].public_file(side) for side in SIDES]
    for own in folders.values():
        make_genesis(own, public)
        # Besu looks a peer that comes in up on its list by the port at which it says that it listens: not the link's.
        (own.path / NODES_FILE).write_text("\n".join(reached) + "\n", encoding="utf-8")
    network = Network(engine, folders)
    with ExitStack() as opened:
        opened.enter_context(carried(*links))
        proxy = opened.enter_context(proxy_before(network.node("hk").rpc.url))
        ground = Ground(network, links, proxy, folder, keys)
        opened.callback(ground.network.end)
        ground.network.up()
        _deploy(ground)
        _make_homes(ground, batch_records)
        yield ground


def _deploy(ground: Ground) -> None:
    artefact = json.loads((ROOT / "src/creditconnect/chain/abi/RecordRegistry.json").read_text(encoding="utf-8"))
    founders = [
        (code.ljust(32, b"\0"), ground.keys[side].address, ground.keys[f"{side}_recovery"].address)
        for side, code in zip(SIDES, (b"HK", b"CN-SZ"), strict=True)
    ]
    code = bytes.fromhex(artefact["bytecode"][2:]) + encode(["(bytes32,address,address)[]"], [founders])
    receipt = ground.done(ground.send("hk", code))
    ground.registry = str(receipt["contractAddress"]).lower()
    identity = ChainIdentity(
        int(ground.ask("eth_chainId"), 16),
        bytes.fromhex(ground.ask("eth_getBlockByNumber", "0x0", False)["hash"][2:]),
        ground.registry,
        keccak(bytes.fromhex(ground.ask("eth_getCode", ground.registry, "latest")[2:])),
    )
    deployed = Deployment(identity, int(receipt["blockNumber"], 16), "1.0.0", {1: "HK", 2: "CN-SZ"})
    deployed.write(ground.folder / "deployment.json")
    for number, side in enumerate(SIDES, start=1):
        ground.admin(side, "acceptRegistry", number)
    schema = SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)
    _settled(ground)
    ground.admin("hk", "addSchema", schema.hash, schema.id)
    for side in SIDES:
        ground.admin(side, "openCorridor", 1, 2)
    _settled(ground)
    for side, number, institution, roles, schemas in (("hk", 1, PROVIDER, 1, 2), ("sz", 2, VERIFIER, 2, 0)):
        ground.admin(side, "admit", institution.encode().ljust(32, b"\0"), bytes(32))
        _settled(ground)
        ground.admin(side, "scope", number, roles, schemas, 0, False)
    _settled(ground)


def _make_homes(ground: Ground, batch_records: int) -> None:
    configured = ground.network.folders["hk"].configuration()
    seals = Seals(configured.consensus, {side: (address,) for side, address in ground.network.addresses().items()})
    urls = {"hk": ground.proxy.url, "sz": ground.network.node("sz").rpc.url}
    deployment = ground.folder / "deployment.json"
    for code, own, other, roles in ((PROVIDER, "hk", "sz", ("submit",)), (VERIFIER, "sz", "hk", ())):
        made = homes.new(
            ground.home(code), code, (urls[own], urls[other]), require_registered_subjects=False, seals=seals
        )
        made = replace(made, batch_records=batch_records)
        accounts = make_home(made, deployment, roles=roles, ask=passphrase, scrypt_work=SCRYPT_WORK)
        for address in accounts.values():
            ground.send("hk", to=address, wei=FUNDS_WEI)
            ground.done(ground.admin("hk", "setAccount", 1, address, 1, True))


def _settled(ground: Ground) -> None:
    """Until all that was sent is in a block: what comes next rests on it."""

    def mined() -> bool:
        return all(
            int(ground.ask("eth_getTransactionCount", ground.keys[key].address, "latest"), 16) == nonce
            for key, nonce in ground.nonces.items()
        )

    wait_for(mined)
    time.sleep(0.1)
