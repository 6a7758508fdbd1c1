"""Besu 26.x with QBFT: what two authorities would run.

Gas costs nothing (`zeroBaseFee` in the genesis, `min-gas-price=0` here), so who may use the network is said by lists:
a node talks to the sides' nodes and those in `nodes.txt` alone, and takes transactions of the accounts in
`accounts.txt` alone, where that file lies in the network's folder. Both are each side's own and bind nobody else.

A validator keeps the last states (BONSAI), a follower all of them (FOREST): auditors ask about the past.

The private door is a Unix socket in the side's folder, as with geth. Its options are early access ones, which Besu
takes on the command line alone.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from eth_keys.datatypes import PrivateKey

from creditconnect import settings
from creditconnect.errors import EngineMissing, NetworkError
from creditconnect.network.engine import Launch, Program, missing, versioned, write_private
from creditconnect.network.folder import SideFolder
from creditconnect.network.genesis import genesis_hash
from creditconnect.network.ipc import Ipc
from creditconnect.types import Consensus

# The first of the year whose QBFT messages all later ones understand.
OLDEST = (26, 6)
# One submitter may have 100 transactions under way (exchange/outbox.py), and be resent while they wait.
FUTURE_NONCES_A_SENDER = 512
OPTIONS_FILE = "besu.toml"
# In the network's folder, one a line; what follows # is a comment.
ACCOUNTS_FILE, NODES_FILE = "accounts.txt", "nodes.txt"
SOCKET = "besu.ipc"
# What the private door answers: whoever opens it commands this node.
PRIVATE_APIS = ("ETH", "NET", "QBFT", "PERM")

_STATIC_NODES, _NODES, _ACCOUNTS = "static-nodes.json", "permissions-nodes.toml", "permissions-accounts.toml"
_FOUNDED = "genesis-hash"
_SAID_VERSION = re.compile(r"^besu/v(\d+\.\d+\.\d+)", re.MULTILINE)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_ENODE = re.compile(r"enode://[0-9a-f]{128}@[0-9A-Fa-f.:\[\]]{1,45}:\d{1,5}")
_HINT = "install Besu 26.8 with a JDK 25, and name its folder in BESU_HOME or have it on the PATH"


class Besu:
    """The engine `besu`."""

    name = "besu"
    consensus = Consensus.QBFT
    # It reads its key from a file of mode 0600; the keystore beside it is the copy that can be moved.
    opens_keystore = False

    def find(self) -> Program:
        home = settings.besu_home()
        path = settings.program("besu") if home is None else home / "bin" / "besu"
        program = None if path is None else versioned(path, "--version", _SAID_VERSION)
        if program is None:
            raise missing("besu", _HINT)
        if tuple(map(int, program.version.split(".")[:2])) < OLDEST:
            raise EngineMissing(
                f"{program.path}: is besu {program.version}, older than {'.'.join(map(str, OLDEST))}", hint=_HINT
            )
        return program

    def write_keys(self, folder: SideFolder, private_key: bytes) -> str:
        """Towards its peers and in its seals a Besu node has one key."""
        write_private(folder.raw_key_file, private_key.hex())
        return PrivateKey(private_key).public_key.to_bytes().hex()

    def configure(self, launch: Launch) -> None:
        folder = launch.folder
        _require_addresses(launch)
        enodes = [*(side.enode for side in launch.sides), *_listed(launch, NODES_FILE, _ENODE)]
        _write(folder.path / OPTIONS_FILE, options(launch))
        (folder.path / _STATIC_NODES).write_text(json.dumps([side.enode for side in launch.peers]), encoding="utf-8")
        _write(folder.path / _NODES, {"nodes-allowlist": enodes})
        if (accounts := allowed_accounts(launch)) is not None:
            _write(folder.path / _ACCOUNTS, {"accounts-allowlist": accounts})

    def initialise(self, launch: Launch, program: Program) -> None:
        """Besu makes block 0 itself."""
        _require_same_genesis(launch)
        # What a killed node leaves behind would be in the next one's way.
        (launch.folder.path / SOCKET).unlink(missing_ok=True)

    def command(self, launch: Launch, program: Program, *, seals: bool) -> list[str]:
        """A validator's Besu seals whenever it is its turn, so `seals` changes nothing."""
        door = ["--Xrpc-ipc-enabled", f"--Xrpc-ipc-path={SOCKET}", f"--Xrpc-ipc-apis={','.join(PRIVATE_APIS)}"]
        return [str(program.path), f"--config-file={OPTIONS_FILE}", *door]

    def start_sealing(self, folder: SideFolder) -> None:
        """A QBFT validator seals as long as it runs."""

    def is_sealing(self, folder: SideFolder) -> bool:
        return folder.address() in self.validators(folder)

    def peer_count(self, folder: SideFolder) -> int:
        return int(self._ipc(folder).call("net_peerCount"), 16)

    def validators(self, folder: SideFolder) -> list[str]:
        return sorted(map(str.lower, self._ipc(folder).call("qbft_getValidatorsByBlockNumber", "latest")))

    def votes(self, folder: SideFolder) -> dict[str, bool]:
        pending = self._ipc(folder).call("qbft_getPendingVotes") or {}
        return {address.lower(): bool(add) for address, add in pending.items()}

    def vote(self, folder: SideFolder, address: str, *, add: bool) -> None:
        self._ipc(folder).call("qbft_proposeValidatorVote", address, add)

    def _ipc(self, folder: SideFolder) -> Ipc:
        return Ipc(folder.path / SOCKET)


def options(launch: Launch) -> dict[str, object]:
    """Besu's options by their names; paths are from the side's folder, in which it is started."""
    configuration, place = launch.configuration, launch.configuration.place(launch.folder.name)
    chosen: dict[str, object] = {
        "data-path": launch.folder.data_folder.name,
        "genesis-file": os.path.relpath(launch.genesis_file, launch.folder.path),
        "network-id": configuration.chain_id,
        "node-private-key-file": launch.folder.raw_key_file.name,
        "data-storage-format": "FOREST" if launch.own is None else "BONSAI",
        "sync-mode": "FULL",
        "logging": "INFO",
        "color-enabled": False,
        "p2p-host": place.host,
        "p2p-interface": place.host,
        "p2p-port": place.p2p_port,
        "nat-method": "NONE",
        "discovery-enabled": False,
        "static-nodes-file": _STATIC_NODES,
        "permissions-nodes-config-file-enabled": True,
        "permissions-nodes-config-file": _NODES,
        "rpc-http-enabled": True,
        "rpc-http-host": place.rpc_host,
        "rpc-http-port": place.rpc_port,
        "rpc-http-api": ["ETH", "NET", "WEB3"],
        "host-allowlist": sorted({"localhost", "127.0.0.1", place.rpc_host}),
        "min-gas-price": 0,
        # Each validator moves a block's limit towards its own target.
        "target-gas-limit": configuration.gas_limit,
        "tx-pool-max-future-by-sender": FUTURE_NONCES_A_SENDER,
    }
    if allowed_accounts(launch) is not None:
        chosen |= {"permissions-accounts-config-file-enabled": True, "permissions-accounts-config-file": _ACCOUNTS}
    return chosen


def allowed_accounts(launch: Launch) -> list[str] | None:
    """Whose transactions this node takes: those of `accounts.txt`, an address a line, and those of the genesis.

    None where there is no such file: then everybody's.

    Raises:
        NetworkError: a line is no address: names the file and the line.
    """
    if not (launch.genesis_file.parent / ACCOUNTS_FILE).exists():
        return None
    accounts = {account.lower() for account in _listed(launch, ACCOUNTS_FILE, _ADDRESS)}
    return sorted(accounts | {account for side in launch.sides for account in side.funded})


def transition(genesis: bytes, block: int, validators: list[str]) -> bytes:
    """The genesis with validators that are put in place at a block, whatever anybody votes.

    It is the way out when a key is lost while there are two: no block is sealed, so no vote is counted. The hash of
    block 0 stays what it was. All nodes are restarted with the same file.

    Raises:
        NetworkError: the genesis is no QBFT's, or there are not two validators at least, or the block is none.
    """
    document = json.loads(genesis)
    if "qbft" not in document["config"]:
        raise NetworkError("only QBFT knows transitions", hint="on Clique the network is founded anew")
    if len(set(validators)) < 2 or not all(map(_ADDRESS.fullmatch, validators)) or block < 1:
        raise NetworkError("a transition has a block from 1 on and at least two validators' addresses")
    kept = document["config"].get("transitions", {}).get("qbft", [])
    if any(one["block"] >= block for one in kept):
        raise NetworkError(f"there is a transition at block {kept[-1]['block']} already, which is not before {block}")
    put = {"block": block, "validators": sorted(address.lower() for address in validators)}
    document["config"]["transitions"] = {"qbft": [*kept, put]}
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def _listed(launch: Launch, name: str, form: re.Pattern[str]) -> list[str]:
    """The words of a file in the network's folder, one a line; none where there is no such file."""
    path = launch.genesis_file.parent / name
    if not path.exists():
        return []
    words = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    for number, word in enumerate(words, 1):
        if word and not form.fullmatch(word):
            raise NetworkError(f"{path}: line {number} has not its form", hint="an address or an enode, a line each")
    return [word for word in words if word]


def _require_addresses(launch: Launch) -> None:
    """Besu takes hosts by their IP addresses, save by an option that is not for good."""
    for side in launch.sides:
        host = urlsplit(side.enode).hostname or ""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise NetworkError(
                f"{side.side}: its node is at {host}, and besu takes IP addresses alone",
                hint="make that side's key anew with --host and an address",
            ) from None


def _require_same_genesis(launch: Launch) -> None:
    """Note whose chain the data is, as besu would say it in a page of its log."""
    note, found = launch.folder.data_folder / _FOUNDED, genesis_hash(launch.genesis_file.read_bytes()).hex()
    if not note.exists():
        note.parent.mkdir(exist_ok=True)
        note.write_text(found, encoding="utf-8")
    elif note.read_text(encoding="utf-8") != found:
        raise NetworkError(
            f"{launch.folder.data_folder}: holds the chain of another genesis",
            hint=f"creditconnect network reset --side {launch.folder.name} removes it",
        )


def _write(path: Path, table: dict[str, object]) -> None:
    # A JSON string, list, number or truth value is TOML too.
    path.write_text("".join(f"{name}={json.dumps(value)}\n" for name, value in table.items()), encoding="utf-8")
