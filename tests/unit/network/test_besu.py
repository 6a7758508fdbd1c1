"""Promise: what Besu is started with are options that it has, lists that hold its network, and one side's key alone."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from eth_keys.datatypes import PrivateKey

from creditconnect.errors import EngineMissing, NetworkError
from creditconnect.network import besu
from creditconnect.network.besu import Besu
from creditconnect.network.configuration import Configuration, Place
from creditconnect.network.engine import Launch, Program
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_genesis, make_key
from creditconnect.network.genesis import genesis_hash

ROOT = Path(__file__).resolve().parents[3]
KNOWN = ROOT / "tests" / "vectors" / "besu" / "options.txt"
COMPOSE = ROOT / "network" / "besu.compose.yaml"
FUNDED = "0x" + "ab" * 20
OTHER = "0x" + "cd" * 20
SCRYPT_WORK = 2**10
PROGRAM = Program(Path("/opt/besu/bin/besu"), "26.8.0")


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """One side's, of two that were founded together."""
    network = NetworkFolder(tmp_path)
    for side, port in (("hk", 1), ("sz", 3)):
        place = Place(host="10.0.0.1", p2p_port=port, rpc_port=port + 1)
        make_key(network, side, Besu(), place, "a passphrase", funded=[FUNDED], scrypt_work=SCRYPT_WORK)
    make_genesis(network, [network.public_file(side) for side in ("sz", "hk")])
    sides = network.sides()
    return Launch(network.side_folder("hk"), network.configuration(), sides, network.genesis_file, sides[0])


def known() -> set[str]:
    names = {line for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")}
    assert len(names) > 100
    return names


def written(launch: Launch, name: str) -> dict[str, object]:
    return tomllib.loads((launch.folder.path / name).read_text())


@pytest.mark.parametrize("accounts", [None, f"{OTHER}\n"])
def test_options__validator_or_follower_with_lists_or_without__are_ones_that_besu_has(
    launch: Launch, accounts: str | None
) -> None:
    if accounts is not None:
        (launch.genesis_file.parent / besu.ACCOUNTS_FILE).write_text(accounts)
    for one in (launch, replace(launch, own=None)):
        Besu().configure(one)
        assert set(written(one, besu.OPTIONS_FILE)) <= known()
        words = Besu().command(one, PROGRAM, seals=True)[2:]
        assert {word.removeprefix("--").partition("=")[0] for word in words} <= known()


def test_options__by_their_values__loopback_alone_and_no_command_over_http(launch: Launch) -> None:
    Besu().configure(launch)
    found = written(launch, besu.OPTIONS_FILE)
    assert (found["rpc-http-host"], found["rpc-http-api"]) == ("127.0.0.1", ["ETH", "NET", "WEB3"])
    assert (found["min-gas-price"], found["target-gas-limit"]) == (0, 60_000_000)
    assert (found["p2p-interface"], found["p2p-port"], found["discovery-enabled"]) == ("10.0.0.1", 1, False)
    assert (launch.folder.path / str(found["genesis-file"])).resolve() == launch.genesis_file
    assert found["data-storage-format"] == "BONSAI"
    assert besu.options(replace(launch, own=None))["data-storage-format"] == "FOREST"


def test_configure__lists__hold_the_networks_nodes_and_the_peers_alone(launch: Launch) -> None:
    Besu().configure(launch)
    enodes = {side.side: side.enode for side in launch.sides}
    assert written(launch, "permissions-nodes.toml") == {"nodes-allowlist": [enodes["hk"], enodes["sz"]]}
    assert json.loads((launch.folder.path / "static-nodes.json").read_text()) == [enodes["sz"]]
    assert "permissions-accounts-config-file-enabled" not in written(launch, besu.OPTIONS_FILE)


def test_configure__accounts_of_the_file__are_listed_with_the_genesis_ones(launch: Launch) -> None:
    (launch.genesis_file.parent / besu.ACCOUNTS_FILE).write_text(
        f"# admitted\n\n{OTHER.upper().replace('X', 'x')} # a bank\n"
    )
    Besu().configure(launch)
    assert written(launch, "permissions-accounts.toml") == {"accounts-allowlist": [FUNDED, OTHER]}
    assert written(launch, besu.OPTIONS_FILE)["permissions-accounts-config-file-enabled"] is True


def test_configure__a_line_of_the_accounts_that_is_none__named(launch: Launch) -> None:
    (launch.genesis_file.parent / besu.ACCOUNTS_FILE).write_text(f"{OTHER}\n0x12\n")
    with pytest.raises(NetworkError, match=r"accounts\.txt: line 2 has not its form"):
        Besu().configure(launch)


def test_initialise__again_and_with_another_genesis__refused(launch: Launch) -> None:
    Besu().initialise(launch, PROGRAM)
    Besu().initialise(launch, PROGRAM)
    launch.genesis_file.write_bytes(launch.genesis_file.read_bytes().replace(b'"0x3938700"', b'"0x3938701"'))
    with pytest.raises(NetworkError, match=r"holds the chain of another genesis: .*reset --side hk"):
        Besu().initialise(launch, PROGRAM)


def test_configure__a_side_at_a_hosts_name__refused_with_what_to_do(launch: Launch) -> None:
    named = replace(launch.sides[1], enode=launch.sides[1].enode.replace("10.0.0.1", "node.example"))
    with pytest.raises(NetworkError, match=r"sz: its node is at node\.example.*--host"):
        Besu().configure(replace(launch, sides=[launch.sides[0], named]))


def test_key__besus_own_form__is_the_validators_and_of_its_owner_alone(launch: Launch) -> None:
    own = launch.sides[0]
    file = launch.folder.raw_key_file
    assert file.stat().st_mode & 0o777 == 0o600
    public = PrivateKey(bytes.fromhex(file.read_text())).public_key
    assert (public.to_address(), public.to_bytes().hex()) == (own.address, own.enode[8:136])


@pytest.mark.parametrize(
    ("says", "complaint"),
    [
        ("besu/v26.4.1/linux-x86_64/openjdk-java-21", r"is besu 26\.4\.1, older than 26\.6: install Besu"),
        ("Unsupported class file major version 69", "there is no besu on this machine: install Besu .* JDK 25"),
    ],
)
def test_find__too_old_or_without_its_java__told(
    says: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, says)
    monkeypatch.setenv("BESU_HOME", str(tmp_path))
    with pytest.raises(EngineMissing, match=complaint):
        Besu().find()


def test_find__in_besu_home__before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "besu/v26.8.0/linux-x86_64/openjdk-java-25")
    monkeypatch.setenv("BESU_HOME", str(tmp_path))
    assert Besu().find() == Program(tmp_path / "bin" / "besu", "26.8.0")


def program(home: Path, says: str) -> None:
    """A program that says its version, as Besu's start script does."""
    file = home / "bin" / "besu"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)


def test_transition__added__changes_who_seals_and_not_the_genesis(launch: Launch) -> None:
    genesis = launch.genesis_file.read_bytes()
    once = besu.transition(genesis, 100, [OTHER, FUNDED])
    assert genesis_hash(once) == genesis_hash(genesis)
    twice = besu.transition(once, 200, [FUNDED, launch.sides[0].address])
    first, second = json.loads(twice)["config"]["transitions"]["qbft"]
    assert first == {"block": 100, "validators": [FUNDED, OTHER]}
    assert second["block"] == 200


@pytest.mark.parametrize(
    ("block", "validators", "complaint"),
    [
        (0, [OTHER, FUNDED], "block from 1 on"),
        (9, [OTHER, OTHER], "at least two"),
        (9, [OTHER, "0x12"], "at least two"),
        (100, [OTHER, FUNDED], "at block 100 already"),
    ],
)
def test_transition__that_makes_no_sense__refused(
    launch: Launch, block: int, validators: Sequence[str], complaint: str
) -> None:
    genesis = besu.transition(launch.genesis_file.read_bytes(), 100, [OTHER, FUNDED])
    with pytest.raises(NetworkError, match=complaint):
        besu.transition(genesis, block, list(validators))


def test_compose__file__starts_what_configure_wrote_with_the_options_of_the_command(launch: Launch) -> None:
    service = yaml.safe_load(COMPOSE.read_text())["services"]["validator"]
    assert service["command"] == Besu().command(launch, PROGRAM, seals=True)[1:]
    assert service["image"].startswith("hyperledger/besu:26.")
    mounts = [mount.rpartition(":")[0] for mount in service["volumes"]]
    # One side's private part, and no other's.
    assert service["working_dir"] == "/network/${SIDE:?}"
    assert "${FOLDER:?}/${SIDE:?}:/network/${SIDE:?}" in service["volumes"]
    assert "${FOLDER:?}:/network" not in [*service["volumes"], *mounts]


def test_configuration__for_besu__is_qbft() -> None:
    assert Configuration("besu").consensus == Besu.consensus
