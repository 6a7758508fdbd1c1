"""What comes between an admin and the chain: no node, no funds, no passphrase, a foreign file. And running it again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chain.proxy import Answer, Cut, Forward, Proxy, Request, proxy_before
from tests.scripts.conftest import PASSPHRASE, RECOVERY_HK, RECOVERY_SZ, Admin, Outcome, Rpc
from tests.scripts.steps import paused, refused
from tests.scripts.test_institutions import BUREAU, PLAN_HK, REVIEW, SUBMIT, account, bound, id_of, institution

Run = Callable[..., Outcome]

SIDES = ["--side", f"HK:hk_authority:{RECOVERY_HK}", "--side", f"CN-SZ:sz_authority:{RECOVERY_SZ}"]
REGISTRY = ["(uint40,uint40,uint32,uint40,uint32,uint32,uint16,uint8,uint8,bool)"]
ACCEPTED, SCHEMA_COUNT, LIVE = 5, 7, 9
PLAN_ROLES, PLAN_KEY = 1, 10
RECEIPT_SECONDS = 10
SEAT = ["--seat", "authority", "--to", "0x" + "77" * 20]


@contextmanager
def node_gone_after(rpc: Rpc, sends: int, *, taken: bool) -> Iterator[Proxy]:
    """The node, until so many transactions were sent; the next is `taken` or not, and no more is answered."""
    with proxy_before(rpc.url) as proxy:

        def cut(_call: Request, _forward: Forward) -> Answer:
            raise Cut

        def count(_call: Request, forward: Forward) -> Answer:
            if proxy.seen["eth_sendRawTransaction"] <= sends:
                return forward()
            if taken:
                _await_block(rpc, forward()["result"])
            proxy.whole = lambda _body: cut({}, dict)  # type: ignore[assignment,return-value]
            raise Cut

        proxy.rules["eth_sendRawTransaction"] = count
        yield proxy


def _await_block(rpc: Rpc, tx_hash: str) -> None:
    """A node answers before it has made the block; what it makes later would be in the next test's way."""
    until = time.monotonic() + RECEIPT_SECONDS
    while rpc.ask("eth_getTransactionReceipt", tx_hash) is None:
        assert time.monotonic() < until, "in no block"
        time.sleep(0.01)


def counters(rpc: Rpc, registry: str) -> tuple[Any, ...]:
    values: tuple[Any, ...] = rpc.call(registry, "registry()", [], REGISTRY)[0]
    return values


# -------------------------------------------------------------------------------------------- the node goes away midway


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
@pytest.mark.parametrize("done", [0, 3])
def test_apply__node_gone_midway__again_does_only_what_is_left(
    admin: Admin, chain: Rpc, deployment: Path, registry: str, tmp_path: Path, done: int, taken: bool
) -> None:
    (tmp_path / "profile.txt").write_bytes(b"abc")
    plan = tmp_path / "hk.toml"
    plan.write_text(PLAN_HK, encoding="utf-8")
    command = ["apply", plan, "--authority", "hk_authority", "--deployment", deployment]
    height = chain.height()
    with node_gone_after(chain, done, taken=taken) as proxy:
        lost = admin.run("institutions", *command, network=proxy.url)
    refused(lost, "the node")
    assert len(lost.output.splitlines()) == done
    assert chain.height() == height + done + taken
    again = admin.run("institutions", *command)
    assert again.code == 0, again
    # Admitted, scoped, two accounts, a key, an agreement to a corridor: whatever broke off, six in all.
    assert chain.height() == height + 6
    found = institution(chain, registry, BUREAU)
    assert (found[PLAN_ROLES], any(found[PLAN_KEY])) == (1, True)
    number = id_of(chain, registry, BUREAU)
    assert bound(chain, registry, "0x31" + "00" * 18 + "01")[:3] == (number, SUBMIT, True)
    assert bound(chain, registry, "0x32" + "00" * 18 + "01")[:3] == (number, REVIEW, True)
    settled = chain.height()
    assert (admin.run("institutions", *command).code, chain.height()) == (0, settled)


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not-taken"])
def test_deploy__node_gone_while_deploying__again_deploys_and_what_is_left_counts_for_nothing(
    admin: Admin, chain: Rpc, tmp_path: Path, taken: bool
) -> None:
    nonce = int(chain.ask("eth_getTransactionCount", chain.ask("eth_accounts")[0], "latest"), 16)
    folder = tmp_path / "deployments"
    with node_gone_after(chain, 0, taken=taken) as proxy:
        lost = admin.run("deploy", *SIDES, "--deployments-dir", folder, network=proxy.url)
    refused(lost, "the node went away while the registry was deployed", "run the same again")
    assert (lost.output, list(folder.iterdir())) == ("", [])
    left = chain.ask("eth_getTransactionCount", chain.ask("eth_accounts")[0], "latest")
    assert int(left, 16) == nonce + taken
    again = admin.run("deploy", *SIDES, "--deployments-dir", folder)
    assert again.code == 0, again
    (path,) = folder.iterdir()
    document = json.loads(path.read_text(encoding="utf-8"))
    assert counters(chain, document["registry"])[LIVE]
    if taken:
        block = chain.ask("eth_getBlockByNumber", hex(document["block"] - 1), True)
        orphan = chain.ask("eth_getTransactionReceipt", block["transactions"][0]["hash"])["contractAddress"]
        assert orphan != document["registry"]
        assert counters(chain, orphan)[ACCEPTED] == 0


@pytest.mark.parametrize("sends", [1, 4])
def test_deploy__node_gone_while_accepting__accept_completes_each_side_and_the_schemas(
    admin: Admin, chain: Rpc, tmp_path: Path, sends: int
) -> None:
    with node_gone_after(chain, sends, taken=False) as proxy:
        lost = admin.run("deploy", *SIDES, "--deployments-dir", tmp_path, network=proxy.url)
    refused(lost, "the node can't be reached")
    # The file is there from the moment that there is something to accept.
    (path,) = tmp_path.iterdir()
    registry = json.loads(path.read_text(encoding="utf-8"))["registry"]
    assert not counters(chain, registry)[LIVE] or counters(chain, registry)[SCHEMA_COUNT] < 3
    refused(admin.run("deploy", *SIDES, "--deployments-dir", tmp_path), "never overwritten")
    for alias in ("hk_authority", "sz_authority"):
        done = admin.run("deploy", "accept", "--deployment", path, "--authority", alias)
        assert done.code == 0, done
    found = counters(chain, registry)
    assert (found[LIVE], found[SCHEMA_COUNT]) == (True, 3)


def test_list__node_gone_while_it_is_read__shows_nothing_rather_than_a_part(
    admin: Admin, chain: Rpc, deployment: Path
) -> None:
    def cut(_call: Request, _forward: Forward) -> Answer:
        raise Cut

    for method, command in (("eth_getLogs", "list"), ("eth_call", "list"), ("eth_getLogs", "pending")):
        with proxy_before(chain.url) as proxy:
            proxy.rules[method] = cut
            outcome = admin.run("institutions", command, "--json", "--deployment", deployment, network=proxy.url)
            refused(outcome, "the node", "(ConnectionError)")
            assert outcome.output == ""


# ------------------------------------------------------------------------------------------------------------ no funds


def test_no_funds__nothing_is_sent_and_nothing_written(
    admin: Admin, institutions: Run, chain: Rpc, registry: str, addresses: dict[str, str], tmp_path: Path
) -> None:
    chain.ask("anvil_setBalance", addresses["hk_authority"], "0x0")
    height = chain.height()
    folder = tmp_path / "deployments"
    for outcome in (
        admin.run("deploy", *SIDES, "--deployments-dir", folder),
        institutions("pause", "on", key="hk_authority"),
        institutions("admit", BUREAU, "--until", "never", "--submit", account(1), key="hk_authority"),
    ):
        refused(outcome, "account balance", addresses["hk_authority"])
    assert (chain.height(), list(folder.iterdir()), id_of(chain, registry, BUREAU)) == (height, [], 0)
    chain.ask("anvil_setBalance", addresses["hk_authority"], hex(10**20))
    assert institutions("pause", "on", key="hk_authority").code == 0
    assert paused(chain, registry) == 1


# ------------------------------------------------------------------------------------------------ whose key, which file


def test_wrong_passphrase__nothing_is_sent(
    institutions: Run, chain: Rpc, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    height = chain.height()
    monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE", "wrong")
    for command in (["pause", "on"], ["admit", BUREAU, "--until", "never"], ["handover", "offer", "HK", *SEAT]):
        refused(institutions(*command, key="hk_authority"), "the passphrase does not open account 'hk_authority'")
    monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE_FILE", str(tmp_path))
    refused(institutions("pause", "on", key="hk_authority"), "_PASSPHRASE_FILE: can't be read (Is a directory)")
    secret = tmp_path / "secret"
    for content, words in ((b"wrong", "does not open"), (b"\n", "_FILE: the file is empty"), (b"\xff", "no UTF-8")):
        secret.write_bytes(content)
        monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE_FILE", str(secret))
        monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE", PASSPHRASE)
        refused(institutions("pause", "on", key="hk_authority"), words)
    assert chain.height() == height


def test_keystore__damaged_or_of_another_address__refused_without_a_traceback(
    institutions: Run, chain: Rpc, addresses: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ape

    folder = Path(ape.config.DATA_FOLDER) / "accounts"
    keystore = (folder / "hk_authority.json").read_text(encoding="utf-8")
    height = chain.height()
    damaged = folder / "damaged.json"
    monkeypatch.setenv("APE_ACCOUNTS_damaged_PASSPHRASE", PASSPHRASE)
    try:
        for text, words in (
            ("{", f"{damaged}: is no version 3 keystore with an address"),
            ("[]", f"{damaged}: is no version 3 keystore with an address"),
            ("{}", f"{damaged}: is no version 3 keystore with an address"),
            (json.dumps({"address": json.loads(keystore)["address"], "version": 3}), f"{damaged}: is no version 3"),
            (keystore.replace('"mac": "', '"mac": "00'), "the passphrase does not open account 'damaged'"),
            (keystore.replace('"version": 3', '"version": 9'), f"{damaged}: is no version 3 keystore"),
            ((folder / "stranger.json").read_text(encoding="utf-8"), "is not the authority of any side"),
        ):
            damaged.write_text(text, encoding="utf-8")
            refused(institutions("pause", "on", key="damaged"), words)
            # It is in nobody else's way.
            assert institutions("keeper-share", "1", "0x" + "5a" * 32, key="sz_authority").code == 0
    finally:
        damaged.unlink()
    assert addresses
    assert chain.height() == height + 1


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda _: "", "can't be read as a deployment file"),
        (lambda _: "[]", "is not a creditconnect-deployment/1 file"),
        (lambda given: {**given, "format": "creditconnect-deployment/2"}, "format 'creditconnect-deployment/2'"),
        (lambda given: {**given, "code_hash": given["code_hash"][:-2]}, "is not 32 bytes of hex"),
        (lambda given: {**given, "jurisdictions": ["HK", "CN-SZ"]}, "jurisdictions is not a table"),
        (lambda given: {key: value for key, value in given.items() if key != "block"}, "'block'"),
        (lambda given: {**given, "chain_id": 852_755}, "its chain id is 31337, the deployment's is 852755"),
        (lambda given: {**given, "genesis_hash": "0x" + "11" * 32}, "its genesis hash is"),
        (lambda given: {**given, "code_hash": "0x" + "11" * 32}, "its code hash is"),
        (lambda given: {**given, "registry": "0x" + "11" * 20}, "there is no contract at"),
    ],
    ids=["empty", "list", "format", "short", "no-table", "no-block", "chain", "genesis", "code", "no-code"],
)
def test_deployment_file__foreign_or_altered__nothing_is_read_signed_or_sent(
    admin: Admin, chain: Rpc, deployment: Path, signed: Path, tmp_path: Path,
    alter: Callable[[dict[str, Any]], Any], words: str,
) -> None:  # fmt: skip
    altered = alter(json.loads(deployment.read_text(encoding="utf-8")))
    file, height = tmp_path / "deployment.json", chain.height()
    file.write_text(altered if isinstance(altered, str) else json.dumps(altered), encoding="utf-8")
    for command in (["list", "--json"], ["pause", "on", "--authority", "hk_authority"]):
        outcome = admin.run("institutions", *command, "--deployment", file)
        refused(outcome, words)
        assert outcome.output == ""
    # The step itself says which registry it is for.
    refused(admin.run("institutions", "step", "show", signed, "--deployment", file, network=""))
    assert chain.height() == height


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["list"], "Missing option '--deployment'"),
        (["pause", "on"], "Missing option '--deployment'"),
        (["suspend"], "Missing argument 'CODE'"),
        (["record", "revoke"], "Missing argument 'HASH...'"),
        (["admit", BUREAU], "Missing option '--until'"),
        (["recovery", "start", "HK"], "Missing option '--to'"),
        (["pause", "maybe"], "'maybe' is not one of"),
    ],
    ids=lambda given: "-".join(given) if isinstance(given, list) else "",
)
def test_option__missing_or_wrong__usage_and_one_line(
    admin: Admin, deployment: Path, command: list[str], words: str
) -> None:
    given = ["--deployment", deployment] if "--deployment" not in words else []
    outcome = admin.run("institutions", *command, *given)
    lines = outcome.error.strip().splitlines()
    assert (outcome.code, lines[0].startswith("Usage: "), lines[-1].startswith("Error: ")) == (2, True, True), outcome
    assert words in lines[-1]


def test_authority__missing_or_unknown__says_what_to_name(institutions: Run, chain: Rpc) -> None:
    height = chain.height()
    refused(institutions("pause", "on"), "--authority is missing: the alias of the key that acts")
    refused(institutions("pause", "on", key="nobody"), "there is no account 'nobody': its keystore would be in")
    refused(institutions("handover", "withdraw", "MO", "--seat", "authority", key="hk_authority"), "no side 'MO'")
    assert chain.height() == height
