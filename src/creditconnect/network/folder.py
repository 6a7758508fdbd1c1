"""A network's folder: the public files of all sides, and the private part of each side that lives here.

network.toml  genesis.json  hk.json  sz.json     public: configuration, genesis, each side's file
hk/keystore/validator.json                       the validator's key (keystore v3); it never leaves
hk/nodekey  hk/key                               the engine's own forms, mode 0600: geth's p2p key, besu's key
hk/data/  hk/node.log  hk/node.json              chain, log, how the node was started
hk/founded                                       there since this node knew block 1
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from creditconnect.errors import NetworkError, SideInvalid, UsageError
from creditconnect.network import configuration
from creditconnect.network.configuration import Configuration
from creditconnect.network.genesis import founders
from creditconnect.network.sides import Side, is_side, read_side


@dataclass(frozen=True, slots=True)
class SideFolder:
    """One side's private part."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def keystore_file(self) -> Path:
        return self.path / "keystore" / "validator.json"

    def address(self) -> str | None:
        """The address that the keystore names; None where there is none, as with a follower.

        Raises:
            NetworkError: the file is no keystore.
        """
        if not self.keystore_file.exists():
            return None
        try:
            return "0x" + str(json.loads(self.keystore_file.read_text(encoding="utf-8"))["address"]).lower()
        except (ValueError, KeyError, TypeError):
            raise NetworkError(
                f"{self.keystore_file}: is no keystore", hint="restore the validator's key from its backup"
            ) from None

    @property
    def node_key_file(self) -> Path:
        """geth's key towards its peers: no validator's key."""
        return self.path / "nodekey"

    @property
    def raw_key_file(self) -> Path:
        """besu's validator key, in hex."""
        return self.path / "key"

    @property
    def data_folder(self) -> Path:
        return self.path / "data"

    @property
    def log_file(self) -> Path:
        return self.path / "node.log"

    @property
    def state_file(self) -> Path:
        return self.path / "node.json"

    @property
    def founded_file(self) -> Path:
        return self.path / "founded"

    @property
    def begun_file(self) -> Path:
        return self.data_folder / "begun"


class NetworkFolder:
    """The folder as a whole. Reads anew at each question."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def genesis_file(self) -> Path:
        return self.path / "genesis.json"

    def configuration(self) -> Configuration:
        """What network.toml says.

        Raises:
            NetworkError: there is none. SettingsError: a setting is wrong.
        """
        found = configuration.load(self.path)
        if found is None:
            raise NetworkError(
                f"{self.path}: is no network's folder", hint="creditconnect network key --side SIDE makes one"
            )
        return found

    def public_file(self, side: str) -> Path:
        return self.path / f"{side}.json"

    def side_folder(self, side: str) -> SideFolder:
        return SideFolder(self.path / side)

    def local_sides(self) -> list[str]:
        """The sides whose node lives here, validators and followers, by name."""
        return sorted({path.parent.name for form in ("*/nodekey", "*/key") for path in self.path.glob(form)})

    def sides_without_node_key(self) -> list[SideFolder]:
        """The sides whose validator's key is here and whose node can't be started for all that."""
        keys = {path.parent.parent.name for path in self.path.glob("*/keystore/validator.json")}
        return [self.side_folder(name) for name in sorted(keys - set(self.local_sides()))]

    def sides(self) -> list[Side]:
        """Every side's public file, by name.

        Raises:
            SideInvalid: one is not what it should be, or not named as its side is.
        """
        files = [path for path in sorted(self.path.glob("*.json")) if is_side(path)]
        found = [read_side(path) for path in files]
        for path, side in zip(files, found, strict=True):
            if path.stem != side.side:
                raise SideInvalid(f"{path}: is the file of {side.side}", hint=f"name it {side.side}.json")
        return found

    def genesis(self) -> bytes:
        """The genesis file's bytes.

        Raises:
            NetworkError: there is none yet, or the file is none.
        """
        try:
            found = self.genesis_file.read_bytes()
            founders(found, [])
        except FileNotFoundError:
            raise NetworkError(
                f"{self.path}: there is no genesis yet", hint="creditconnect network genesis SIDE.json SIDE.json"
            ) from None
        except ValueError:
            raise NetworkError(
                f"{self.genesis_file}: is no genesis of a network",
                hint="move it away; creditconnect network genesis builds it anew from the sides' files",
            ) from None
        return found


def require_same_settings(ours: Configuration, side: Side) -> None:
    """network.toml and a side's public file agree on the network.

    Raises:
        UsageError: they don't: names the setting.
    """
    if ours.consensus != side.consensus:
        seals = ours.consensus
        raise UsageError(
            f"network.toml says engine = {ours.engine}, which seals {seals}, {side.side} says {side.consensus}",
            hint="agree on one",
        )
    for member in ("chain_id", "period_seconds", "gas_limit"):
        mine, theirs = getattr(ours, member), getattr(side, member)
        if mine != theirs:
            raise UsageError(f"network.toml says {member} = {mine}, {side.side} says {theirs}", hint="agree on one")
