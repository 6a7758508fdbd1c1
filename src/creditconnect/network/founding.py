"""Founding: a validator's key where it will live, and the genesis that all sides build alike."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path

from eth_keys.datatypes import PrivateKey

from creditconnect.chain.signing import SCRYPT_WORK, write_keystore
from creditconnect.chain.trie import keccak256
from creditconnect.errors import NetworkError, UsageError
from creditconnect.network import configuration
from creditconnect.network.configuration import Configuration, Place
from creditconnect.network.engine import Engine
from creditconnect.network.folder import NetworkFolder, require_same_settings
from creditconnect.network.genesis import build_genesis, genesis_hash, is_built_from
from creditconnect.network.refounding import LastState, build_next_genesis
from creditconnect.network.sides import Side, read_side, write_side


def make_key(
    network: NetworkFolder,
    name: str,
    engine: Engine,
    place: Place,
    passphrase: str,
    *,
    funded: Sequence[str] = (),
    scrypt_work: int = SCRYPT_WORK,
) -> Side:
    """Make a side's validator key, in the keystore and in the engine's own form, and its signed public file.

    Writes network.toml where there is none, and the side's table into it. `funded` are accounts, of this side's
    authority say, that get a balance in the genesis.

    Raises:
        UsageError: no side's name, or no place's host or ports. NetworkError: the side has a key here already, or
            a follower its name.
    """
    configuration.require_side_name(name)
    folder, public = network.side_folder(name), network.public_file(name)
    if left := [path for path in (folder.keystore_file, public) if path.exists()]:
        raise NetworkError(f"{left[0]}: is there already", hint="a validator's key is never overwritten")
    if left := [path for path in (folder.node_key_file, folder.raw_key_file) if path.exists()]:
        raise NetworkError(f"{left[0]}: is there already", hint="another node lives there; name the side otherwise")
    settings = (configuration.load(network.path) or Configuration(engine.name)).with_place(name, place)
    configuration.write(network.path, settings)
    folder.keystore_file.parent.mkdir(parents=True, exist_ok=True)
    folder.path.chmod(0o700)
    private_key = _new_key()
    address = write_keystore(folder.keystore_file, private_key, passphrase, scrypt_work=scrypt_work)
    node_id = engine.write_keys(folder, private_key)
    side = Side(
        side=name,
        consensus=settings.consensus,
        chain_id=settings.chain_id,
        period_seconds=settings.period_seconds,
        gas_limit=settings.gas_limit,
        address=address,
        enode=f"enode://{node_id}@{place.p2p_address}",
        funded=tuple(sorted({account.lower() for account in funded})),
    )
    write_side(public, side, private_key)
    return side


def make_follower(network: NetworkFolder, name: str, engine: Engine, place: Place) -> str:
    """Make the keys of a node that seals nothing; its enode. The genesis is there before.

    Raises:
        UsageError: no name for a side, or a side's own; no place's host or ports. NetworkError: there is such a node
            here already.
    """
    configuration.require_side_name(name)
    folder = network.side_folder(name)
    if network.public_file(name).exists():
        raise UsageError(f"{name} is a side of this network", hint="a follower has a name of its own")
    if folder.path.exists():
        raise NetworkError(f"{folder.path}: is there already", hint="name the follower otherwise")
    configuration.write(network.path, network.configuration().with_place(name, place))
    folder.path.mkdir(parents=True)
    folder.path.chmod(0o700)
    return f"enode://{engine.write_keys(folder, _new_key())}@{place.p2p_address}"


def make_genesis(network: NetworkFolder, files: Sequence[Path]) -> bytes:
    """Build the genesis from the sides' public files, which are copied into the folder; its hash.

    Raises:
        SideInvalid: a file is none, or they don't agree. NetworkError: there is another genesis already. UsageError:
            network.toml here says something else than the files.
    """
    sides = [read_side(path) for path in files]
    genesis = build_genesis(sides)
    _require_same_settings(network, sides[0])
    known = network.genesis_file.exists()
    if known and not is_built_from(network.genesis(), sides):
        raise NetworkError(
            f"{network.genesis_file}: is another genesis", hint="name another --folder, or remove it if it never ran"
        )
    take_in(network, files)
    if not known:
        network.genesis_file.write_bytes(genesis)
    return genesis_hash(genesis)


def make_next_genesis(network: NetworkFolder, files: Sequence[Path], last: LastState) -> bytes:
    """Build the genesis of a network that goes on from another's last state; its hash.

    Raises:
        SideInvalid, UsageError: as `make_genesis`. NetworkError: there is a genesis already; not on Clique.
    """
    genesis = build_next_genesis([read_side(path) for path in files], last)
    _require_same_settings(network, read_side(files[0]))
    if network.genesis_file.exists() and network.genesis() != genesis:
        raise NetworkError(f"{network.genesis_file}: is another genesis", hint="name another --folder")
    take_in(network, files)
    network.genesis_file.write_bytes(genesis)
    return genesis_hash(genesis)


def take_in(network: NetworkFolder, files: Sequence[Path]) -> list[Side]:
    """Copy sides' public files into the folder; what they say.

    Raises:
        SideInvalid: a file is none. NetworkError: there is another file of that side.
    """
    sides = [read_side(path) for path in files]
    for path, side in zip(files, sides, strict=True):
        target = network.public_file(side.side)
        if not target.exists():
            shutil.copyfile(path, target)
        elif read_side(target) != side:
            raise NetworkError(f"{target}: differs from {path}", hint="one of them was replaced since")
    return sides


def replace_genesis(network: NetworkFolder, genesis: bytes) -> bytes:
    """Write a genesis that differs in what comes after block 0 alone; keccak-256 of its bytes.

    Raises:
        NetworkError: its block 0 is another.
    """
    if genesis_hash(genesis) != genesis_hash(network.genesis()):
        raise NetworkError(f"{network.genesis_file}: is another genesis")
    following = network.genesis_file.with_suffix(".next")
    following.write_bytes(genesis)
    following.replace(network.genesis_file)
    return keccak256(genesis)


def _require_same_settings(network: NetworkFolder, side: Side) -> None:
    found = configuration.load(network.path)
    if found is None:
        network.path.mkdir(parents=True, exist_ok=True)
        engine = next(name for name, consensus in configuration.ENGINES.items() if consensus == side.consensus)
        made = Configuration(engine, side.chain_id, side.period_seconds, side.gas_limit)
        configuration.write(network.path, made)
        return
    require_same_settings(found, side)


def _new_key() -> bytes:
    # Of the 2^256 values all but one in 2^128 are keys; the constructor refuses those that are none.
    return PrivateKey(secrets.token_bytes(32)).to_bytes()
