"""A registry on an Anvil of its own, live on both sides, and homes of a bureau and a bank on each.

Built by context managers, so that a test module says in three lines how long its chain lives. What the chain is asked
here is raw JSON-RPC; only the encoding of the authorities' calls is the client's, which test_contract_abi holds.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from creditconnect import settings as homes
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.reach import Reach
from creditconnect.chain.registry import Registry
from creditconnect.client import Client
from creditconnect.home import make_home
from creditconnect.records.identifiers import hkid_check_digit
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.settings import Settings
from creditconnect.types import ChainIdentity, Role, Standing

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20.0
SCRYPT_WORK = 2
HK, SZ = 1, 2
SCHEMA = 1
EVERY_SCHEMA = 1 << SCHEMA
PROVIDER, VERIFIER = int(Role.PROVIDER), int(Role.VERIFIER)
ACTIVE, SUSPENDED, TERMINATED = int(Standing.ACTIVE), int(Standing.SUSPENDED), int(Standing.TERMINATED)
BUREAU_HK, BANK_HK, BUREAU_SZ, BANK_SZ = 1, 2, 3, 4
CODES = {BUREAU_HK: "CRA-HK-01", BANK_HK: "BANK-HK-01", BUREAU_SZ: "CRA-SZ-01", BANK_SZ: "BANK-SZ-01"}
PROVIDERS = (BUREAU_HK, BUREAU_SZ)
SIDE_OF = {BUREAU_HK: HK, BANK_HK: HK, BUREAU_SZ: SZ, BANK_SZ: SZ}


def passphrase(name: str) -> str:
    return f"the {name} passphrase"


@dataclass
class Anvil:
    """A running node. `rpc` raises AssertionError on an error answer.

    `impatient`: whoever waits for a receipt mines a block for it, instead of waiting for the next.
    """

    url: str
    process: subprocess.Popen[bytes]
    impatient: bool = False

    def rpc(self, method: str, *params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  a URL of the test's own
            answer = json.load(response)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def height(self) -> int:
        return int(self.rpc("eth_blockNumber"), 16)

    def now(self) -> int:
        """The head's time."""
        return int(self.rpc("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def mine(self, blocks: int = 1) -> None:
        self.rpc("anvil_mine", hex(blocks))

    def automine(self, on: bool) -> None:
        self.rpc("evm_setAutomine", on)

    def reorg(self, depth: int) -> None:
        """Replace the newest blocks by empty ones; their transactions are gone, from the pool too."""
        self.rpc("anvil_reorg", depth, [])

    def receipt(self, tx_hash: str) -> dict[str, Any]:
        until = time.monotonic() + START_SECONDS
        while (receipt := self.rpc("eth_getTransactionReceipt", tx_hash)) is None:
            assert time.monotonic() < until, "not mined"
            if self.impatient:
                self.mine()
            time.sleep(0.005)
        found: dict[str, Any] = receipt
        return found

    def transactions(self, sender: str) -> int:
        """How many transactions of an address are in blocks, whatever became of them."""
        return int(self.rpc("eth_getTransactionCount", sender, "latest"), 16)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@dataclass
class Stage:
    """A live registry: corridors open both ways, the schema pinned, bureaus and banks admitted and scoped."""

    anvil: Anvil
    folder: Path
    registry: str
    deployment: Path
    abi: ContractAbi
    identity: ChainIdentity
    accounts: list[str]
    keys: dict[int, dict[str, str]] = field(default_factory=dict)
    _opened: list[Client] = field(default_factory=list)

    def admin(self, side: int, name: str, *arguments: object) -> dict[str, Any]:
        """A call by a side's authority."""
        return self.send(self.accounts[2 * (side - 1)], self.abi.encode_call(name, *arguments))

    def send(self, sender: str, data: bytes) -> dict[str, Any]:
        call = {"from": sender, "to": self.registry, "data": "0x" + data.hex(), "gas": hex(2**24), "gasPrice": "0x0"}
        receipt = self.anvil.receipt(self.anvil.rpc("eth_sendTransaction", call))
        assert receipt["status"] == "0x1", self.anvil.rpc("eth_call", call, "latest")
        return receipt

    def send_as(self, sender: str, name: str, *arguments: object) -> dict[str, Any]:
        """A call by any address, without its key."""
        self.anvil.rpc("anvil_impersonateAccount", sender)
        return self.send(sender, self.abi.encode_call(name, *arguments))

    def ask(self, name: str, *arguments: object) -> Any:
        """A view as of the head."""
        call = {"to": self.registry, "data": "0x" + self.abi.encode_call(name, *arguments).hex()}
        return self.abi.decode_result(name, bytes.fromhex(self.anvil.rpc("eth_call", call, "latest")[2:]))

    def scope(self, institution: int, *, roles: int, until: int = 0, reviewed: bool = False, schemas: int = 2) -> None:
        self.admin(SIDE_OF[institution], "scope", institution, roles, schemas, until, reviewed)

    def standing(self, institution: int, standing: int) -> None:
        self.admin(SIDE_OF[institution], "setStanding", institution, standing, 0)

    def home(self, institution: int, folder: Path, *urls: str, **numbers: int) -> Settings:
        """A new home of an institution, with the keys that are bound to it; its node is the stage's unless given.

        It takes rows of anybody, unless `require_registered_subjects` is among the settings given.
        """
        shutil.copytree(self.folder / CODES[institution], folder)
        (folder / "settings.toml").unlink()
        made = homes.new(folder, CODES[institution], urls or (self.anvil.url,), require_registered_subjects=False)
        made = replace(made, **numbers)  # type: ignore[arg-type]
        homes.write(made)
        return made

    def open(self, settings: Settings, **collaborators: Callable[..., Any]) -> Client:
        """Open a home; closed with the stage. Its clock is the chain's unless another is given."""
        collaborators.setdefault("clock", self.anvil.now)
        client = Client(settings, ask=passphrase, **collaborators)
        self._opened.append(client)
        return client

    def client(self, institution: int, folder: Path, *urls: str, **numbers: int) -> Client:
        return self.open(self.home(institution, folder, *urls, **numbers))

    def reach(self, *registries: Registry) -> Reach:
        """The nodes that these registries are behind, the own side's first."""
        return Reach(registries, Deployment.read(self.deployment).identity, monotonic=time.monotonic)

    def entries(self) -> int:
        """How many records the registry holds."""
        count: int = self.ask("registry")["recordCount"]
        return count

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()


@contextmanager
def running_anvil(*options: str, port: int | None = None) -> Iterator[Anvil]:
    """An Anvil as the authorities' chains are set up: Berlin's rules, no price for gas. Mines at once."""
    number = port or free_port()
    command = [_anvil(), "--silent", "--port", str(number), "--hardfork", "berlin", "--gas-price", "0"]
    process = subprocess.Popen([*command, "--gas-limit", "300000000", *options])
    anvil = Anvil(f"http://127.0.0.1:{number}", process)
    try:
        _wait_for(anvil)
        yield anvil
    finally:
        process.kill()
        process.wait()


@contextmanager
def stage_on(anvil: Anvil, folder: Path) -> Iterator[Stage]:
    """Deploy, accept, admit; the same steps on a fresh chain give the same address."""
    anvil.impatient = True
    stage = _founded(anvil, folder)
    for institution, code in CODES.items():
        _make_template(stage, institution, code)
        _admit(stage, institution, code)
    anvil.impatient = False
    try:
        yield stage
    finally:
        stage.close()


@contextmanager
def taken_back(stage: Stage) -> Iterator[Stage]:
    """The stage, whose chain is taken back afterwards to what it was."""
    snapshot = stage.anvil.rpc("evm_snapshot")
    try:
        yield stage
    finally:
        stage.close()
        stage.anvil.automine(on=True)
        assert stage.anvil.rpc("evm_revert", snapshot)


def write_rows(path: Path, count: int, *, first: int = 0) -> Path:
    """A JSONL file of small valid reports, numbered from `first`."""
    path.write_bytes(b"".join(json.dumps(row(number)).encode() + b"\n" for number in range(first, first + count)))
    return path


def row(number: int) -> dict[str, Any]:
    """A report about a person of its own, who has another name and another HKID than those of other numbers."""
    body = f"A{(123_456 + number) % 10**6:06d}"
    return {
        "report": {"number": f"R-{number:08d}", "issued_at": "2026-11-02T01:00:00Z"},
        "identity": {
            "name": f"Synthetic Person {number:06d}",
            "identifiers": [{"type": "HKID", "number": body + hkid_check_digit(body)}],
            "date_of_birth": "1990-02-28",
        },
        "summary": {"existing_credits": 1},
        "credit_transactions": [],
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _anvil() -> str:
    installed = ROOT / ".tools" / "bin" / "anvil"
    found = str(installed) if installed.exists() else shutil.which("anvil")
    assert found, "no anvil: run `make setup`"
    return found


def _wait_for(anvil: Anvil) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            anvil.height()
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < until, "anvil did not start"
            assert anvil.process.poll() is None, "anvil ended"
            time.sleep(0.02)
        else:
            return


def _founded(anvil: Anvil, folder: Path) -> Stage:
    artefact = json.loads((ROOT / "src/creditconnect/chain/abi/RecordRegistry.json").read_text(encoding="utf-8"))
    accounts = [str(account) for account in anvil.rpc("eth_accounts")]
    founders = [
        (code.ljust(32, b"\0"), accounts[2 * at], accounts[2 * at + 1]) for at, code in enumerate((b"HK", b"CN-SZ"))
    ]
    code = artefact["bytecode"] + encode(["(bytes32,address,address)[]"], [founders]).hex()
    call = {"from": accounts[4], "data": code, "gas": hex(2**24), "gasPrice": "0x0"}
    receipt = anvil.receipt(anvil.rpc("eth_sendTransaction", call))
    registry = str(receipt["contractAddress"]).lower()
    identity = ChainIdentity(
        int(anvil.rpc("eth_chainId"), 16),
        bytes.fromhex(anvil.rpc("eth_getBlockByNumber", "0x0", False)["hash"][2:]),
        registry,
        keccak(bytes.fromhex(anvil.rpc("eth_getCode", registry, "latest")[2:])),
    )
    deployment = folder / "deployment.json"
    Deployment(identity, int(receipt["blockNumber"], 16), "1.0.0", {HK: "HK", SZ: "CN-SZ"}).write(deployment)
    stage = Stage(anvil, folder, registry, deployment, ContractAbi.load(), identity, accounts)
    for side in (HK, SZ):
        stage.admin(side, "acceptRegistry", side)
    schema = SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)
    stage.admin(HK, "addSchema", schema.hash, schema.id)
    for corridor in ((HK, SZ), (SZ, HK)):
        for side in (HK, SZ):
            stage.admin(side, "openCorridor", *corridor)
    return stage


def _make_template(stage: Stage, institution: int, code: str) -> None:
    roles = ("submit", "review") if institution in PROVIDERS else ()
    made = homes.new(stage.folder / code, code, (stage.anvil.url,), require_registered_subjects=False)
    stage.keys[institution] = make_home(made, stage.deployment, roles=roles, ask=passphrase, scrypt_work=SCRYPT_WORK)


def _admit(stage: Stage, institution: int, code: str) -> None:
    stage.admin(SIDE_OF[institution], "admit", code.encode().ljust(32, b"\0"), b"\0" * 32)
    stage.scope(
        institution,
        roles=PROVIDER if institution in PROVIDERS else VERIFIER,
        schemas=EVERY_SCHEMA if institution in PROVIDERS else 0,
    )
    for number, role in enumerate(("submit", "review"), start=1):
        if role in stage.keys[institution]:
            stage.admin(SIDE_OF[institution], "setAccount", institution, stage.keys[institution][role], number, True)
