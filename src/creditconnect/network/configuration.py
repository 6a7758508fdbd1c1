"""`network.toml`: what all sides agree on, and where each side's node is found.

    format = 1
    engine = "geth"            geth (Clique) or besu (QBFT)
    chain_id = 852755
    period_seconds = 1         from block to block
    gas_limit = 60000000       of a block

    [side.hk]
    host = "127.0.0.1"         where its node listens for its peers, and where they find it
    p2p_port = 30303
    rpc_host = "127.0.0.1"     where it answers clients; loopback unless told
    rpc_port = 8545

The first five are in each side's public file too, and must be the same in all of them. A side needs its own table here;
another side's is for `status`, which asks that side's node as well.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from creditconnect.errors import SettingsError, UsageError
from creditconnect.types import Consensus

FORMAT = 1
FILE_NAME = "network.toml"
ENGINES = {"geth": Consensus.CLIQUE, "besu": Consensus.QBFT}
LOOPBACK = "127.0.0.1"
FIRST_P2P_PORT, FIRST_RPC_PORT = 30303, 8545

# genesis.json and network.json would be a side's public file.
_RESERVED = ("genesis", "network")
SIDE_NAME = re.compile(rf"(?!(?:{'|'.join(_RESERVED)})$)[a-z][a-z0-9-]{{0,15}}")
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}")
# Name, default, smallest and greatest value.
_NUMBERS = (
    ("chain_id", 852_755, 1, 2**53 - 1),
    ("period_seconds", 1, 1, 600),
    ("gas_limit", 60_000_000, 5_000_000, 2_000_000_000),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one side's node listens and answers."""

    host: str = LOOPBACK
    p2p_port: int = FIRST_P2P_PORT
    rpc_host: str = LOOPBACK
    rpc_port: int = FIRST_RPC_PORT

    @property
    def rpc_url(self) -> str:
        return f"http://{_bracketed(self.rpc_host)}:{self.rpc_port}"

    @property
    def p2p_address(self) -> str:
        """Where its node listens for its peers, as an enode ends."""
        return f"{_bracketed(self.host)}:{self.p2p_port}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `network.toml` says."""

    engine: str = "geth"
    chain_id: int = 852_755
    period_seconds: int = 1
    gas_limit: int = 60_000_000
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def consensus(self) -> Consensus:
        return ENGINES[self.engine]

    def with_place(self, side: str, place: Place) -> Configuration:
        return replace(self, places={**self.places, side: place})

    def place(self, side: str) -> Place:
        """Where a side's node is.

        Raises:
            SettingsError: it has no table.
        """
        if side not in self.places:
            raise SettingsError(f"{FILE_NAME}: has no [side.{side}]", hint=f"creditconnect network key --side {side}")
        return self.places[side]

    def next_place(self) -> Place:
        """Ports that no side here has yet."""
        taken = {port for place in self.places.values() for port in (place.p2p_port, place.rpc_port)}
        p2p = next(port for port in range(FIRST_P2P_PORT, 65_536) if port not in taken)
        return Place(p2p_port=p2p, rpc_port=next(port for port in range(FIRST_RPC_PORT, 65_536) if port not in taken))


def require_side_name(name: str) -> str:
    """A side's name, for files.

    Raises:
        UsageError: it is none.
    """
    if name in _RESERVED:
        raise UsageError(f"{name!r} is no side's name", hint="the network's own files have that name")
    if not SIDE_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no side's name", hint="1 to 16 lower-case letters, digits and hyphens, as hk")
    return name


def load(folder: Path) -> Configuration | None:
    """What the folder's file says; None where there is none.

    Raises:
        SettingsError: names the file and the setting.
    """
    path = folder / FILE_NAME
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
    except ValueError as error:
        raise SettingsError(f"{path}: is not TOML ({error})") from None
    return _checked(path, document)


def write(folder: Path, configuration: Configuration) -> None:
    """Write the file anew.

    Raises:
        SettingsError: a side's place can't be one; nothing was written.
    """
    for side, place in configuration.places.items():
        _place(folder / FILE_NAME, side, asdict(place))
    lines = [f"format = {FORMAT}", f'engine = "{configuration.engine}"']
    lines += [f"{name} = {getattr(configuration, name)}" for name, *_ in _NUMBERS]
    for side, place in configuration.places.items():
        lines += ["", f"[side.{side}]", f'host = "{place.host}"', f"p2p_port = {place.p2p_port}"]
        lines += [f'rpc_host = "{place.rpc_host}"', f"rpc_port = {place.rpc_port}"]
    folder.mkdir(parents=True, exist_ok=True)
    following = folder / f"{FILE_NAME}.next"
    following.write_text("\n".join(lines) + "\n", encoding="utf-8")
    following.replace(folder / FILE_NAME)


def _checked(path: Path, document: Mapping[str, Any]) -> Configuration:
    _only(path, document, {"format", "engine", "side", *(name for name, *_ in _NUMBERS)})
    if document.get("format") != FORMAT:
        raise SettingsError(f"{path}: format is {document.get('format')!r}, this program reads {FORMAT}")
    engine = document.get("engine", "geth")
    if engine not in ENGINES:
        raise SettingsError(f"{path}: engine is {engine!r}", hint=f"one of {', '.join(ENGINES)}")
    numbers = {name: _number(path, document, name, default, low, high) for name, default, low, high in _NUMBERS}
    tables = document.get("side", {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SettingsError(f"{path}: side is no table of tables", hint="[side.hk]")
    return Configuration(engine, places={side: _place(path, side, table) for side, table in tables.items()}, **numbers)


def _place(path: Path, side: str, table: Mapping[str, Any]) -> Place:
    if not SIDE_NAME.fullmatch(side):
        raise SettingsError(f"{path}: {side!r} is no side's name")
    _only(path, table, {"host", "p2p_port", "rpc_host", "rpc_port"}, f"side.{side}.")
    default = Place()
    hosts = {name: table.get(name, getattr(default, name)) for name in ("host", "rpc_host")}
    for name, host in hosts.items():
        if not isinstance(host, str) or not _is_host(host):
            raise SettingsError(f"{path}: side.{side}.{name} is no host's name or address")
    ports = {
        name: _number(path, table, name, getattr(default, name), 1, 65_535, f"side.{side}.")
        for name in ("p2p_port", "rpc_port")
    }
    place = Place(hosts["host"], ports["p2p_port"], hosts["rpc_host"], ports["rpc_port"])
    if (place.host, place.p2p_port) == (place.rpc_host, place.rpc_port):
        raise SettingsError(
            f"{path}: side.{side}.p2p_port and side.{side}.rpc_port are both {place.p2p_port}",
            hint="peers and clients need a port each",
        )
    return place


def _is_host(text: str) -> bool:
    if ":" not in text:
        return _NAME.fullmatch(text) is not None
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    """A host as it stands before a port (RFC 3986, 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def _only(path: Path, document: Mapping[str, Any], known: set[str], prefix: str = "") -> None:
    if unknown := sorted(set(document) - known):
        raise SettingsError(
            f"{path}: unknown setting {prefix}{unknown[0]}", hint=f"known are {', '.join(sorted(known))}"
        )


def _number(
    path: Path, document: Mapping[str, Any], name: str, default: int, low: int, high: int, prefix: str = ""
) -> int:
    value = document.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise SettingsError(f"{path}: {prefix}{name} is not a whole number from {low} to {high}")
    return value
