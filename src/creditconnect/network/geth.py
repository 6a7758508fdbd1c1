"""geth v1.13.15, the last release that seals Clique: two real validators on any machine.

Everything is kept (`NoPruning`): a validator that was killed would otherwise go back to the state it wrote down last,
and two killed at once would both forget blocks that they had sealed.

Gas has a price of 1 wei, the least at which geth hands a transaction on to its peers. The private door is a Unix socket
in the side's folder; clients get `eth`, `net` and `web3` and nothing that commands the node.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from eth_keys.datatypes import PrivateKey

from creditconnect import settings
from creditconnect.errors import EngineMissing, NetworkError
from creditconnect.network.engine import Launch, Program, answer_of, missing, versioned, write_private
from creditconnect.network.folder import SideFolder
from creditconnect.network.ipc import TIMEOUT_SECONDS, Ipc
from creditconnect.types import Consensus

VERSION = "1.13.15"
GAS_PRICE_WEI = 1
# One submitter may have 100 transactions under way (exchange/outbox.py), and be resent while they wait.
SLOTS_A_SENDER = 512
SLOTS = 8_192
# The other one, pebble, lays half a gigabyte out on the disk for an empty chain.
DATABASE = "leveldb"

# Told nothing, geth takes this chain for Ethereum's: 4 GiB of cache, and it ends when less than 2 GiB of the disk is
# left. With this it ends below half as much, 256 MiB.
CACHE_MIB = 512

_SOCKET = "geth.ipc"
_SAID_VERSION = re.compile(r"^Version: (\d+\.\d+\.\d+)", re.MULTILINE)
_HINT = "make geth builds it from its source in two minutes"
_TOML = {True: "true", False: "false"}


class Geth:
    """The engine `geth`."""

    name = "geth"
    consensus = Consensus.CLIQUE
    opens_keystore = True

    def find(self) -> Program:
        path = settings.program("geth")
        program = None if path is None else versioned(path, "version", _SAID_VERSION)
        if program is None:
            raise missing(f"geth v{VERSION}", _HINT)
        if program.version != VERSION:
            raise EngineMissing(
                f"{program.path}: is geth {program.version}; only v{VERSION} is known to seal Clique", hint=_HINT
            )
        return program

    def write_keys(self, folder: SideFolder, private_key: bytes) -> str:
        """geth reads the keystore itself; its key towards its peers is another, and seals nothing."""
        node_key = PrivateKey(secrets.token_bytes(32))
        write_private(folder.node_key_file, node_key.to_bytes().hex())
        return node_key.public_key.to_bytes().hex()

    def configure(self, launch: Launch) -> None:
        (launch.folder.path / "config.toml").write_text(_configuration(launch), encoding="utf-8")

    def initialise(self, launch: Launch, program: Program) -> None:
        folder = launch.folder
        # It compares the genesis with the data's, and writes block 0 where there is none.
        initialise = ["init", "--db.engine", DATABASE, "--datadir", str(folder.data_folder), str(launch.genesis_file)]
        code, said = answer_of([str(program.path), *initialise])
        if code == 0:
            return
        if "incompatible genesis" in said:
            raise NetworkError(
                f"{folder.data_folder}: holds the chain of another genesis",
                hint=f"creditconnect network reset --side {folder.name} removes it",
            )
        last = said.strip().splitlines()[-1:] or ["nothing"]
        raise NetworkError(f"geth init failed and said: {last[0][:300]}")

    def command(self, launch: Launch, program: Program, *, seals: bool) -> list[str]:
        command = [str(program.path), "--config", "config.toml", "--cache", str(CACHE_MIB)]
        command += ["--nodekey", launch.folder.node_key_file.name]
        if launch.own is not None:
            command += ["--unlock", launch.own.address, "--password", "{passphrase}", "--allow-insecure-unlock"]
            command += ["--miner.etherbase", launch.own.address]
        return command + (["--mine"] if seals else [])

    def start_sealing(self, folder: SideFolder) -> None:
        self._ipc(folder).call("miner_start")

    def is_sealing(self, folder: SideFolder) -> bool:
        return bool(self._ipc(folder).call("eth_mining"))

    def peer_count(self, folder: SideFolder) -> int:
        return int(self._ipc(folder).call("net_peerCount"), 16)

    def validators(self, folder: SideFolder) -> list[str]:
        return sorted(self._ipc(folder).call("clique_getSigners"))

    def votes(self, folder: SideFolder) -> dict[str, bool]:
        proposals = self._ipc(folder).call("clique_proposals") or {}
        return {address.lower(): bool(add) for address, add in proposals.items()}

    def vote(self, folder: SideFolder, address: str, *, add: bool) -> None:
        """geth goes on voting for what was voted through, and would vote a validator in again that was removed."""
        signers = self.validators(folder)
        for voted, for_it in (self.votes(folder) | {address: add}).items():
            if (voted in signers) == for_it:
                self._ipc(folder).call("clique_discard", voted)
        if (address in signers) != add:
            self._ipc(folder).call("clique_propose", address, add)

    def door(self, folder: SideFolder, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Ipc:
        """The private door of a running node, for what other engines don't have."""
        return Ipc(folder.path / _SOCKET, timeout_seconds=timeout_seconds)

    def _ipc(self, folder: SideFolder) -> Ipc:
        return self.door(folder)


def _configuration(launch: Launch) -> str:
    """geth's configuration file; paths are from the side's folder, in which it is started."""
    configuration, place = launch.configuration, launch.configuration.place(launch.folder.name)
    peers = [side.enode for side in launch.peers]
    tables: dict[str, dict[str, Any]] = {
        "Eth": {"NetworkId": configuration.chain_id, "SyncMode": "full", "NoPruning": True},
        "Eth.Miner": {"GasCeil": configuration.gas_limit, "GasPrice": GAS_PRICE_WEI, "Recommit": 2_000_000_000},
        "Eth.TxPool": {
            "PriceLimit": GAS_PRICE_WEI,
            "AccountSlots": SLOTS_A_SENDER,
            "AccountQueue": SLOTS_A_SENDER,
            "GlobalSlots": SLOTS,
            "GlobalQueue": SLOTS,
        },
        "Node": {
            "DataDir": "data",
            "DBEngine": DATABASE,
            "KeyStoreDir": "keystore",
            "IPCPath": f"./{_SOCKET}",
            "HTTPHost": place.rpc_host,
            "HTTPPort": place.rpc_port,
            "HTTPModules": ["eth", "net", "web3"],
            "HTTPVirtualHosts": ["localhost", place.rpc_host],
            # Never used without the merge; 0 is any free port of loopback.
            "AuthAddr": "127.0.0.1",
            "AuthPort": 0,
        },
        "Node.P2P": {
            "MaxPeers": 50,
            "NoDiscovery": True,
            "ListenAddr": place.p2p_address,
            "StaticNodes": peers,
            "TrustedNodes": peers,
        },
    }
    lines = []
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{member} = {_value(value)}" for member, value in table.items()), ""]
    return "\n".join(lines)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return _TOML[value]
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
