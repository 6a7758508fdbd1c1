"""Promise: what can't be founded or started is told in one line that says what to do, and nothing is half done."""

from __future__ import annotations

import os
import re
import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from creditconnect.cli.network import local_sides
from creditconnect.errors import EngineMissing, NetworkError, SideInvalid, UsageError, WrongPassphrase
from creditconnect.network import configuration
from creditconnect.network.engine import Engine
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_genesis, make_key
from creditconnect.network.geth import Geth
from tests.network.conftest import PASSPHRASE, SCRYPT_WORK, Network, found, place


def test_start__a_port_in_use__names_it(network: Network) -> None:
    port = network.node("hk").configuration.place("hk").rpc_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(NetworkError, match=rf"hk: 127\.0\.0\.1:{port} can't be listened at .*side\.hk\.rpc_port"):
            network.node("hk").start(PASSPHRASE)
    assert not network.node("hk").is_running()


@pytest.mark.parametrize("address", ["nowhere.invalid", "192.0.2.1"])
def test_start__an_address_that_is_not_this_machines__names_the_setting(
    engine: Engine, tmp_path: Path, address: str
) -> None:
    folder = found(engine, tmp_path).folders["hk"]
    settings = folder.configuration()
    there = replace(settings.place("hk"), rpc_host=address)
    configuration.write(folder.path, settings.with_place("hk", there))
    with pytest.raises(NetworkError, match=r"this machine has no such address: change side\.hk\.rpc_host"):
        Network(engine, {"hk": folder}).node("hk").start(PASSPHRASE)


def test_start__the_wrong_passphrase__told_before_the_node_is_started(network: Network) -> None:
    if not network.engine.opens_keystore:
        pytest.skip("this engine asks for no passphrase")
    for side in ("hk", "sz"):
        with pytest.raises(WrongPassphrase, match="the passphrase does not open this keystore"):
            network.node(side).start("wrong")
        assert not network.node(side).is_running()


def test_start__data_of_another_genesis__says_how_to_remove_it(
    network: Network, engine: Engine, tmp_path: Path
) -> None:
    network.up()
    for side in ("hk", "sz"):
        network.node(side).stop()
    other = found(engine, tmp_path / "other")
    shutil.move(network.node("hk").folder.data_folder, other.node("hk").folder.data_folder)
    with pytest.raises(NetworkError, match=r"holds the chain of another genesis.*network reset --side hk"):
        other.node("hk").start(PASSPHRASE)


def test_start__a_key_that_is_not_the_sides__refused(network: Network, engine: Engine, tmp_path: Path) -> None:
    other = found(engine, tmp_path / "other")
    shutil.copy(other.node("hk").folder.keystore_file, network.node("hk").folder.keystore_file)
    with pytest.raises(NetworkError, match=r"validator\.json: is not the key of hk\.json: restore the one that is"):
        network.node("hk").start(PASSPHRASE)


def test_start__a_genesis_that_is_not_of_the_sides_files__refused(network: Network) -> None:
    file = network.folders["hk"].genesis_file
    file.write_bytes(file.read_bytes().replace(b'"0x1"', b'"0x2"'))
    with pytest.raises(NetworkError, match="is not the genesis of the sides' files"):
        network.node("hk").start(PASSPHRASE)


def test_start__without_the_other_sides_file__names_whose_is_missing(network: Network) -> None:
    missing = network.addresses()["sz"]
    network.folders["hk"].public_file("sz").unlink()
    with pytest.raises(NetworkError, match=f"no side's file beside it is of its validator {missing}: have that side's"):
        network.node("hk").start(PASSPHRASE)


def test_local_sides__a_validator_without_its_nodes_key__says_what_is_lacking(network: Network) -> None:
    folder = network.folders["hk"]
    for file in (folder.side_folder("hk").node_key_file, folder.side_folder("hk").raw_key_file):
        file.unlink(missing_ok=True)
    for named in (None, "hk"):
        with pytest.raises(NetworkError, match=r"hk: holds the validator's key and lacks its node's .*restore it"):
            local_sides(folder, named)


def test_vote__by_a_node_that_does_not_run__says_so(network: Network) -> None:
    with pytest.raises(NetworkError, match="hk: its node does not run: creditconnect network up --side hk"):
        network.node("hk").vote(network.addresses()["sz"], add=False)


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("chain_id = 999", r"network\.toml says chain_id = 999, hk says 852755"),
        ("period_seconds = 7", r"network\.toml says period_seconds = 7, hk says 1"),
        ("gas_limit = 70000000", r"network\.toml says gas_limit = 70000000, hk says 60000000"),
        ("engine = ", r"network\.toml says engine = (geth|besu), which seals (clique|qbft), hk says (clique|qbft)"),
    ],
)
def test_start__network_toml_that_says_something_else__refused(network: Network, setting: str, complaint: str) -> None:
    name = setting.partition(" ")[0]
    if name == "engine":
        setting = "engine = " + {"geth": '"besu"', "besu": '"geth"'}[network.engine.name]
    file = network.folders["hk"].path / configuration.FILE_NAME
    file.write_text(re.sub(f"^{name} = .*$", setting, file.read_text(), flags=re.MULTILINE))
    with pytest.raises(UsageError, match=complaint):
        network.node("hk").start(PASSPHRASE)


def test_start__twice__says_that_it_runs(network: Network) -> None:
    network.node("hk").start(PASSPHRASE)
    with pytest.raises(NetworkError, match="its node runs already"):
        network.node("hk").start(PASSPHRASE)


def test_start__before_there_is_a_genesis__says_which_command(engine: Engine, tmp_path: Path) -> None:
    folder = NetworkFolder(tmp_path / "new")
    make_key(folder, "hk", engine, place(), PASSPHRASE, scrypt_work=SCRYPT_WORK)
    network = Network(engine, {"hk": folder})
    with pytest.raises(NetworkError, match="there is no genesis yet: creditconnect network genesis"):
        network.node("hk").start(PASSPHRASE)


@pytest.fixture
def other_geth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A geth of another version, first on the PATH."""
    program = tmp_path / "bin" / "geth"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Geth'\necho 'Version: 1.14.8-stable'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program


def test_find__a_geth_that_seals_no_clique__refused_by_its_version(other_geth: Path) -> None:
    with pytest.raises(EngineMissing, match=r"is geth 1\.14\.8; only v1\.13\.15 .*make geth"):
        Geth().find()


def test_find__no_geth__says_how_to_have_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissing, match=r"no geth v1\.13\.15 on this machine: make geth"):
        Geth().find()


def test_make_key__twice__never_overwritten(network: Network, engine: Engine) -> None:
    kept = network.node("hk").folder.keystore_file.read_bytes()
    with pytest.raises(NetworkError, match="a validator's key is never overwritten"):
        make_key(network.folders["hk"], "hk", engine, place(), PASSPHRASE, scrypt_work=SCRYPT_WORK)
    assert network.node("hk").folder.keystore_file.read_bytes() == kept


def test_make_genesis__sides_that_differ_in_the_period__names_it(engine: Engine, tmp_path: Path) -> None:
    files = []
    for side, period in (("hk", 1), ("sz", 2)):
        folder = NetworkFolder(tmp_path / side)
        configuration.write(folder.path, configuration.Configuration(engine.name, period_seconds=period))
        make_key(folder, side, engine, place(), PASSPHRASE, scrypt_work=SCRYPT_WORK)
        files.append(folder.public_file(side))
    with pytest.raises(SideInvalid, match="hk says period_seconds = 1, sz says 2"):
        make_genesis(NetworkFolder(tmp_path / "hk"), files)
    assert not (tmp_path / "hk" / "genesis.json").exists()


def test_make_genesis__a_file_altered_by_one_digit__refused(network: Network) -> None:
    file = network.folders["hk"].public_file("sz")
    file.write_text(file.read_text().replace('"gas_limit": 6', '"gas_limit": 7'))
    with pytest.raises(SideInvalid, match="the signature is not the validator's: it was altered"):
        make_genesis(network.folders["hk"], [network.folders["hk"].public_file("hk"), file])


def test_make_genesis__one_side_alone_or_twice__refused(network: Network) -> None:
    file = network.folders["hk"].public_file("hk")
    for files in ([file], [file, file]):
        with pytest.raises(SideInvalid):
            make_genesis(network.folders["hk"], files)
