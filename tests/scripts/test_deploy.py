"""`deploy`: what it leaves on the chain and on disk, and everything that it refuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_utils.crypto import keccak

from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue
from tests.scripts.conftest import ANSWER_SECONDS, RECOVERY_HK, RECOVERY_SZ, ROOT, Admin, Outcome, Rpc, anvil

SIDE_HK = f"HK:hk_authority:{RECOVERY_HK}"
JURISDICTION = ["(bytes32,address,address,address,address,address,uint40,uint16,uint8)"]
REGISTRY = ["(uint40,uint40,uint32,uint40,uint32,uint32,uint16,uint8,uint8,bool)"]
ACCEPTED, SCHEMA_COUNT, LIVE = 5, 7, 9
# 32 bytes of vanity and a seal of 65, as Clique has them; more than web3 takes without its middleware.
LONG_EXTRA_DATA = "0x" + "ab" * 97


def counters(rpc: Rpc, registry: str) -> tuple[Any, ...]:
    values: tuple[Any, ...] = rpc.call(registry, "registry()", [], REGISTRY)[0]
    return values


def assert_one_line(outcome: Outcome, *words: str) -> None:
    """It failed with one line that says these words, and no traceback."""
    assert outcome.code != 0
    lines = outcome.error.strip().splitlines()
    assert lines[-1].startswith("Error: ")
    # click puts its usage above what it refuses itself.
    assert len(lines) == 1 or lines[0].startswith("Usage: ")
    for word in words:
        assert word in lines[-1]


def test_deploy__two_sides__registry_is_live_and_has_the_committed_code(
    founding: tuple[Outcome, Path], deployment: Path, rpc: Rpc, addresses: dict[str, str]
) -> None:
    document = json.loads(deployment.read_text(encoding="utf-8"))
    registry = document["registry"]
    genesis = rpc.ask("eth_getBlockByNumber", "0x0", False)["hash"]
    code = rpc.ask("eth_getCode", registry, "latest")
    artefact = json.loads((ROOT / "src/creditconnect/chain/abi/RecordRegistry.json").read_text(encoding="utf-8"))
    assert code == artefact["deployedBytecode"]
    assert document == {
        "format": "creditconnect-deployment/1",
        "chain_id": 31337,
        "genesis_hash": genesis,
        "registry": registry,
        "code_hash": "0x" + keccak(bytes.fromhex(code[2:])).hex(),
        "block": 1,
        "version": rpc.call(registry, "version()", [], ["string"])[0],
        "jurisdictions": {"1": "HK", "2": "CN-SZ"},
    }
    assert deployment.name == f"31337-{genesis[2:10]}.json"
    assert founding[0].output.splitlines()[-1] == f"deployment {deployment}"
    assert counters(rpc, registry)[LIVE]
    for side, alias, recovery in ((1, "hk_authority", RECOVERY_HK), (2, "sz_authority", RECOVERY_SZ)):
        seats = rpc.call(registry, "jurisdictionOf(uint16)", [side], JURISDICTION)[0]
        assert seats[1:3] == (addresses[alias].lower(), recovery)


def test_deploy__two_sides__packaged_schemas_are_pinned_in_their_order(registry: str, rpc: Rpc) -> None:
    pinned = [rpc.call(registry, "schemaOf(uint16)", [number], ["bytes32"])[0] for number in (1, 2, 3)]
    ids = (PERSONAL_CREDIT_REPORT, COMPANY_CREDIT_REPORT, DOCUMENT)
    assert pinned == [SchemaCatalogue().load(schema).hash for schema in ids]


def test_deploy__file_exists__refused_before_anything_is_sent(admin: Admin, rpc: Rpc, deployment: Path) -> None:
    before, height = deployment.read_bytes(), rpc.height()
    outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", deployment.parent)
    assert_one_line(outcome, str(deployment), "never overwritten")
    assert (deployment.read_bytes(), rpc.height()) == (before, height)


def test_accept__sides_by_address__live_only_when_both_have_and_again_changes_nothing(
    admin: Admin, chain: Rpc, addresses: dict[str, str], tmp_path: Path
) -> None:
    sides = ["--side", f"HK:{addresses['hk_authority']}:{RECOVERY_HK}"]
    sides += ["--side", f"CN-SZ:{addresses['sz_authority']}:{RECOVERY_SZ}", "--deployer", "stranger"]
    assert admin.run("deploy", *sides, "--deployments-dir", tmp_path).code == 0
    (path,) = tmp_path.iterdir()
    registry = json.loads(path.read_text(encoding="utf-8"))["registry"]
    assert counters(chain, registry)[ACCEPTED] == 0
    for alias, expected in (("sz_authority", (0b10, 0, False)), ("hk_authority", (0b11, 3, True))):
        assert admin.run("deploy", "accept", "--deployment", path, "--authority", alias).code == 0
        found = counters(chain, registry)
        assert (found[ACCEPTED], found[SCHEMA_COUNT], found[LIVE]) == expected
    height = chain.height()
    again = admin.run("deploy", "accept", "--deployment", path, "--authority", "hk_authority")
    assert (again.code, again.output, chain.height()) == (0, "HK had accepted\n", height)


def test_deploy__no_accept__alias_does_not_accept(admin: Admin, chain: Rpc, tmp_path: Path) -> None:
    outcome = admin.run("deploy", "--side", SIDE_HK, "--no-accept", "--deployments-dir", tmp_path)
    assert outcome.code == 0
    (path,) = tmp_path.iterdir()
    assert counters(chain, json.loads(path.read_text(encoding="utf-8"))["registry"])[ACCEPTED] == 0


def test_accept__by_no_authority__refused(admin: Admin, deployment: Path, addresses: dict[str, str]) -> None:
    outcome = admin.run("deploy", "accept", "--deployment", deployment, "--authority", "stranger")
    assert_one_line(outcome, "stranger", addresses["stranger"], "not the authority of any side")


def test_accept__other_code_than_the_file_says__refused(
    admin: Admin, chain: Rpc, deployment: Path, registry: str
) -> None:
    chain.ask("anvil_setCode", registry, "0x6000")
    outcome = admin.run("deploy", "accept", "--deployment", deployment, "--authority", "hk_authority")
    assert_one_line(outcome, "code hash", keccak(b"\x60\x00").hex())


def test_accept__file_agrees_with_code_that_is_not_the_committed_one__refused(
    admin: Admin, chain: Rpc, deployment: Path, registry: str, tmp_path: Path
) -> None:
    chain.ask("anvil_setCode", registry, "0x6000")
    document = json.loads(deployment.read_text(encoding="utf-8"))
    document["code_hash"] = "0x" + keccak(b"\x60\x00").hex()
    agreeing = tmp_path / "agreeing.json"
    agreeing.write_text(json.dumps(document), encoding="utf-8")
    outcome = admin.run("deploy", "accept", "--deployment", agreeing, "--authority", "hk_authority")
    assert_one_line(outcome, "not the committed one")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("chain_id", 1, "chain id is 31337, the deployment's is 1"),
        ("genesis_hash", "0x" + "00" * 32, "genesis hash"),
        ("registry", "0x" + "99" * 20, "no contract at"),
    ],
)
def test_accept__other_chain__refused(
    admin: Admin, deployment: Path, tmp_path: Path, key: str, value: object, words: str
) -> None:
    document = json.loads(deployment.read_text(encoding="utf-8")) | {key: value}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document), encoding="utf-8")
    assert_one_line(admin.run("deploy", "accept", "--deployment", other, "--authority", "hk_authority"), words)


def test_accept__no_deployment_file__refused(admin: Admin, tmp_path: Path) -> None:
    outcome = admin.run("deploy", "accept", "--deployment", tmp_path / "no.json", "--authority", "hk_authority")
    assert_one_line(outcome, "no.json", "no such deployment file")


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (f"HK:nobody:{RECOVERY_HK}", "no account 'nobody'"),
        ("HK:hk_authority", "is not code:authority:recovery"),
        ("HK:hk_authority:0x12", "'0x12' is not an address"),
        # Mixed case, so a checksum, which does not hold.
        ("HK:hk_authority:0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "checksum does not hold"),
        (f"{'H' * 33}:hk_authority:{RECOVERY_HK}", "is not a code"),
    ],
)
def test_deploy__wrong_side__refused_and_nothing_written(
    admin: Admin, rpc: Rpc, tmp_path: Path, side: str, words: str
) -> None:
    height = rpc.height()
    outcome = admin.run("deploy", "--side", side, "--deployments-dir", tmp_path)
    assert_one_line(outcome, words)
    assert outcome.code == 2
    assert (rpc.height(), list(tmp_path.iterdir())) == (height, [])


def test_deploy__same_code_twice__contract_refuses_by_name_and_nothing_written(
    admin: Admin, rpc: Rpc, tmp_path: Path
) -> None:
    sides = ["--side", SIDE_HK, "--side", f"HK:sz_authority:{RECOVERY_SZ}"]
    outcome = admin.run("deploy", *sides, "--deployments-dir", tmp_path)
    assert_one_line(outcome, "CodeTaken(code=HK, by=1)")
    assert list(tmp_path.iterdir()) == []


def test_deploy__seats_of_one_address__contract_refuses_by_name(
    admin: Admin, rpc: Rpc, tmp_path: Path, addresses: dict[str, str]
) -> None:
    height, own = rpc.height(), addresses["hk_authority"]
    for sides in (
        ["--side", f"HK:hk_authority:{own}"],
        ["--side", SIDE_HK, "--side", f"CN-SZ:sz_authority:{own}"],
        ["--side", SIDE_HK, "--side", f"CN-SZ:{own}:{RECOVERY_SZ}"],
    ):
        outcome = admin.run("deploy", *sides, "--deployments-dir", tmp_path)
        assert_one_line(outcome, f"AddressNotFree(holder={own.lower()})", "a seat takes an address of its own")
    assert (rpc.height(), list(tmp_path.iterdir())) == (height, [])


def test_deploy__nobody_to_pay__refused(admin: Admin, rpc: Rpc, tmp_path: Path, addresses: dict[str, str]) -> None:
    height = rpc.height()
    by_address = ["--side", f"HK:{addresses['hk_authority']}:{RECOVERY_HK}"]
    nobody = admin.run("deploy", *by_address, "--deployments-dir", tmp_path)
    assert_one_line(nobody, "no authority is given by its alias: name who pays with --deployer")
    unknown = admin.run("deploy", *by_address, "--deployer", "nobody", "--deployments-dir", tmp_path)
    assert_one_line(unknown, "there is no account 'nobody'")
    assert_one_line(admin.run("deploy", "registry", "--deployments-dir", tmp_path), "Missing option '--side'")
    assert (rpc.height(), list(tmp_path.iterdir())) == (height, [])


def test_deploy__folder_that_can_t_be_made__refused_before_anything_is_sent(
    admin: Admin, rpc: Rpc, tmp_path: Path
) -> None:
    height, file = rpc.height(), tmp_path / "file"
    file.write_text("", encoding="utf-8")
    for folder, words in ((file, "is a file"), (file / "deployments", "can't be made (Not a directory)")):
        assert_one_line(admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", folder), words)
    assert rpc.height() == height


def test_deploy__file_can_t_be_written_by_then__says_where_the_registry_is(
    admin: Admin, chain: Rpc, tmp_path: Path
) -> None:
    # A link into nowhere does not exist, and can't be written either.
    genesis = chain.ask("eth_getBlockByNumber", "0x0", False)["hash"]
    (tmp_path / f"31337-{genesis[2:10]}.json").symlink_to(tmp_path / "no" / "where.json")
    outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path)
    block = chain.ask("eth_getBlockByNumber", "latest", True)
    address = chain.ask("eth_getTransactionReceipt", block["transactions"][0]["hash"])["contractAddress"]
    assert_one_line(outcome, "can't be written", f"deployed at {address}", f"in block {int(block['number'], 16)}")
    assert counters(chain, address)[ACCEPTED] == 0


def test_institutions__before_every_side_accepted__refused_by_name_with_what_to_do(
    admin: Admin, chain: Rpc, tmp_path: Path, addresses: dict[str, str]
) -> None:
    sides = ["--side", SIDE_HK, "--side", f"CN-SZ:{addresses['sz_authority']}:{RECOVERY_SZ}"]
    deployed = admin.run("deploy", *sides, "--deployments-dir", tmp_path)
    assert (deployed.code, "another side has still to accept" in deployed.output) == (0, True)
    (path,) = tmp_path.iterdir()
    signed = ["--authority", "hk_authority", "--deployment", path]
    for command in (["admit", "CRA", "--until", "never"], ["pause", "on"]):
        outcome = admin.run("institutions", *command, *signed)
        assert_one_line(outcome, "NotLive()", "every founding side has to accept it first: ape run deploy accept")
    corridor = admin.run("institutions", "corridor", "open", "HK", "CN-SZ", *signed)
    assert_one_line(corridor, "NotACorridor(from=1, to=2)", "have accepted the registry")
    pending = admin.run("institutions", "pending", "--deployment", path)
    assert (pending.code, "CN-SZ has not accepted the registry" in pending.output) == (0, True)


def test_accept__wrong_key_or_passphrase__nobody_has_accepted(
    admin: Admin, chain: Rpc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = ["--side", SIDE_HK, "--side", f"CN-SZ:sz_authority:{RECOVERY_SZ}"]
    assert admin.run("deploy", *sides, "--no-accept", "--deployments-dir", tmp_path).code == 0
    (path,) = tmp_path.iterdir()
    registry = json.loads(path.read_text(encoding="utf-8"))["registry"]
    accept = ["accept", "--deployment", path, "--authority"]
    assert_one_line(admin.run("deploy", *accept, "hk_recovery"), "is not the authority of any side")
    assert_one_line(admin.run("deploy", *accept, "nobody"), "there is no account 'nobody'")
    monkeypatch.setenv("APE_ACCOUNTS_sz_authority_PASSPHRASE", "wrong")
    assert_one_line(admin.run("deploy", *accept, "sz_authority"), "passphrase does not open account 'sz_authority'")
    assert counters(chain, registry)[ACCEPTED] == 0


def test_deploy__wrong_passphrase__refused(
    admin: Admin, rpc: Rpc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE", "wrong")
    height = rpc.height()
    outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path)
    assert_one_line(outcome, "passphrase does not open account 'hk_authority'")
    assert rpc.height() == height


def test_deploy__passphrase_file__is_taken_before_the_variable(
    admin: Admin, chain: Rpc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse\n", encoding="utf-8")
    monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE", "wrong")
    monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE_FILE", str(secret))
    assert admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path / "deployments").code == 0
    secret.unlink()
    outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path / "others")
    assert_one_line(outcome, "APE_ACCOUNTS_hk_authority_PASSPHRASE_FILE", "can't be read")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("", "--network is missing"),
        ("ethereum:local:foundry", "would start a node of its own"),
        ("ethereum:local:http://127.0.0.1:1", "would start a node of its own"),
        ("http://127.0.0.1:1", "No (supported) node found on 'http://127.0.0.1:1'"),
        ("nonsense", "No ecosystem named 'nonsense'"),
    ],
)
def test_deploy__no_node_named_or_reached__refused(admin: Admin, tmp_path: Path, network: str, words: str) -> None:
    outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path, network=network)
    assert_one_line(outcome, words)
    assert list(tmp_path.iterdir()) == []


def test_deploy__configured_network_with_long_extra_data__works(admin: Admin, tmp_path: Path) -> None:
    # That network waits for a confirmation, so ape reads blocks, and web3 refuses those without its middleware.
    with anvil("--chain-id", "852755", "--block-time", "1") as node, long_extra_data(node.url) as url:
        network = f"ethereum:two-validators:{url}"
        outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path, network=network)
        assert outcome.code == 0, outcome
        (path,) = tmp_path.iterdir()
        assert path.name.startswith("852755-")
        assert counters(node, json.loads(path.read_text(encoding="utf-8"))["registry"])[LIVE]


def test_deploy__node_of_another_chain_than_the_network_s__refused(admin: Admin, tmp_path: Path) -> None:
    network = f"ethereum:two-validators:{admin.url}"
    outcome = admin.run("deploy", "--side", SIDE_HK, "--deployments-dir", tmp_path, network=network)
    assert_one_line(outcome, "31337", "852755")


@contextmanager
def long_extra_data(node: str) -> Iterator[str]:
    """The node as it would answer on Clique or QBFT: each block with a seal in its extraData."""

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {"content-type": "application/json"}
            document = requests.post(node, data=body, headers=headers, timeout=ANSWER_SECONDS).json()
            if isinstance(document.get("result"), dict) and "extraData" in document["result"]:
                document["result"]["extraData"] = LONG_EXTRA_DATA
            raw = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
