"""A real Anvil before London (no base fee, as on the validators' chain), and two authorities' keystores in an ape home.

The main paths are run as an admin does, `ape run` in a process of its own; the failures in this one, which is ten times
as fast. What became of the chain is asked in raw JSON-RPC, not through the scripts' own code.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from eth_abi.abi import decode, encode
from eth_account import Account
from eth_utils.crypto import keccak

from tests.scripts.steps import Members, changed, sign

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse"
START_SECONDS = 20
ANSWER_SECONDS = 10
# Anvil funds the accounts of this published mnemonic.
MNEMONIC = "test test test test test test test test test test test junk"
ALIASES = ("hk_authority", "sz_authority", "stranger", "hk_recovery", "sz_recovery", "next_holder")
# The fourth and the fifth of them.
RECOVERY_HK = "0x90f79bf6eb2c4f870365e785982e1f101e93b906"
RECOVERY_SZ = "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.ape)
            # ape and what it is made of warn of each other's deprecations.
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@dataclass(frozen=True)
class Rpc:
    """A node, asked without the code under test."""

    url: str

    def ask(self, method: str, *parameters: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        document = requests.post(self.url, json=request, timeout=ANSWER_SECONDS).json()
        assert "error" not in document, document
        return document["result"]

    def call(self, to: str, signature: str, arguments: list[Any], returns: list[str]) -> tuple[Any, ...]:
        """A view function by its signature, e.g. `schemaOf(uint16)`."""
        types = signature[signature.index("(") + 1 : -1]
        data = keccak(text=signature)[:4] + encode(types.split(",") if types else [], arguments)
        answer = self.ask("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")
        values: tuple[Any, ...] = decode(returns, bytes.fromhex(answer[2:]))
        return values

    def pass_time(self, seconds: int) -> None:
        """The next block, now, is so much later."""
        self.ask("evm_increaseTime", seconds)
        self.ask("evm_mine")

    def height(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)


@dataclass(frozen=True)
class Outcome:
    """How a script ended."""

    code: int
    output: str
    error: str


@dataclass(frozen=True)
class Admin:
    """Runs the scripts against one node, in one ape home."""

    url: str

    def ape_run(self, script: str, *arguments: object) -> Outcome:
        """As an admin does: in a process of its own."""
        ape = Path(sys.executable).parent / "ape"
        command = [str(ape), "run", script, *map(str, arguments), "--network", self.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)

    def run(self, script: str, *arguments: object, network: str | None = None, answer: str = "") -> Outcome:
        """The same within this process. An exception that the script does not turn into an error fails the test."""
        cli = importlib.import_module(f"scripts.{script}").cli
        options = ["--network", self.url if network is None else network] if network != "" else []
        command = [*map(str, arguments), *options]
        result = CliRunner(mix_stderr=False).invoke(cli, command, input=answer, catch_exceptions=False)
        return Outcome(result.exit_code, result.stdout, result.stderr)


def anvil_program() -> str:
    installed = ROOT / ".tools" / "bin" / "anvil"
    found = str(installed) if installed.exists() else shutil.which("anvil")
    assert found, "no anvil: run `make setup`"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def rpc() -> Iterator[Rpc]:
    """An Anvil of this test run's own."""
    with anvil() as node:
        yield node


@contextmanager
def anvil(*options: str) -> Iterator[Rpc]:
    """An Anvil before London, killed at the end."""
    node = Rpc(f"http://127.0.0.1:{free_port()}")
    command = [anvil_program(), "--silent", "--hardfork", "berlin", "--port", node.url.rpartition(":")[2], *options]
    process = subprocess.Popen(command)
    try:
        _wait_for(node)
        yield node
    finally:
        process.kill()
        process.wait()


def _wait_for(node: Rpc) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            node.height()
        except OSError:
            assert time.monotonic() < deadline, "anvil did not start"
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The keystores' addresses by alias, after they were put into an ape home of this test run's own."""
    home = tmp_path_factory.mktemp("ape")
    folder = home / "accounts"
    folder.mkdir()
    Account.enable_unaudited_hdwallet_features()
    found = {}
    for index, alias in enumerate(ALIASES):
        account = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        keystore = Account.encrypt(account.key, PASSPHRASE, kdf="pbkdf2", iterations=1)
        (folder / f"{alias}.json").write_text(json.dumps(keystore), encoding="utf-8")
        os.environ[f"APE_ACCOUNTS_{alias}_PASSPHRASE"] = PASSPHRASE
        found[alias] = str(account.address)
    os.environ["APE_DATA_FOLDER"] = str(home)
    # ape may have been imported before, by its own plugin for pytest.
    importlib.import_module("ape").config.DATA_FOLDER = home
    return found


@pytest.fixture(scope="session")
def admin(rpc: Rpc, addresses: dict[str, str]) -> Admin:
    assert addresses
    return Admin(rpc.url)


@pytest.fixture
def chain(rpc: Rpc) -> Iterator[Rpc]:
    """The node, taken back afterwards to what it was."""
    snapshot = rpc.ask("evm_snapshot")
    yield rpc
    assert rpc.ask("evm_revert", snapshot)


@pytest.fixture(scope="session")
def founding(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """What `ape run deploy` said, and the folder that it wrote into."""
    folder = tmp_path_factory.mktemp("founding") / "deployments"
    sides = ["--side", f"HK:hk_authority:{RECOVERY_HK}", "--side", f"CN-SZ:sz_authority:{RECOVERY_SZ}"]
    return admin.ape_run("deploy", *sides, "--deployments-dir", folder), folder


@pytest.fixture(scope="session")
def deployment(founding: tuple[Outcome, Path]) -> Path:
    """The deployment file of a live registry of two sides."""
    outcome, folder = founding
    assert outcome.code == 0, outcome
    (path,) = folder.iterdir()
    return path


@pytest.fixture
def institutions(admin: Admin, chain: Rpc, deployment: Path) -> Callable[..., Outcome]:
    """Runs a command of `institutions` on the deployment; `key` is the alias that acts, if any."""

    def command(*arguments: object, key: str = "", **options: Any) -> Outcome:
        signed = ["--key", key] if key else []
        return admin.run("institutions", *arguments, "--deployment", deployment, *signed, **options)

    return command


@pytest.fixture(scope="session")
def registry(deployment: Path) -> str:
    return str(json.loads(deployment.read_text(encoding="utf-8"))["registry"])


@pytest.fixture(scope="module")
def exported(admin: Admin, deployment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hong Kong's pause, exported where there is a node and no key."""
    path = tmp_path_factory.mktemp("steps") / "step.json"
    done = admin.run("institutions", "pause", "on", "--authority", "HK", "--export", path, "--deployment", deployment)
    assert done.code == 0, done
    return path


@pytest.fixture(scope="module")
def signed(admin: Admin, deployment: Path, exported: Path) -> Path:
    """The same, signed where there is the key and no node."""
    path = exported.with_name("signed.json")
    done = sign(admin, deployment, exported, path)
    assert done.code == 0, done
    return path


@pytest.fixture
def step(admin: Admin, chain: Rpc, deployment: Path) -> Callable[..., Outcome]:
    """Runs a command of `step` on the deployment; `send` alone asks a node."""

    def command(name: str, file: Path, *arguments: object, **options: Any) -> Outcome:
        options = {"network": None if name == "send" else ""} | options
        return admin.run("institutions", "step", name, file, "--deployment", deployment, *arguments, **options)

    return command


@pytest.fixture
def unsigned_with(exported: Path, tmp_path: Path) -> Members:
    """The exported step with other members; None takes one away."""
    return lambda **members: changed(exported, tmp_path / "changed.json", members)


@pytest.fixture
def signed_with(signed: Path, tmp_path: Path) -> Members:
    """The signed step with other members."""
    return lambda **members: changed(signed, tmp_path / "changed-signed.json", members)
