"""`institutions`: what each command does to the registry, and that running it again does no more."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from creditconnect.custody import hpke
from creditconnect.network.besu import ACCOUNTS_FILE, allowed_accounts
from creditconnect.network.configuration import Configuration
from creditconnect.network.engine import Launch
from creditconnect.network.folder import NetworkFolder
from creditconnect.types import ExchangeSuite
from tests.scripts.conftest import Admin, Outcome, Rpc
from tests.scripts.steps import member

INSTITUTION = ["(uint16,uint8,uint8,bool,uint40,uint40,uint8,uint256,bytes32,bytes32,bytes32)"]
ACCOUNT = ["(uint16,uint8,bool,uint32)"]
SIDE, ROLES, STANDING, MANDATORY_REVIEW, UNTIL, _ADMITTED, SUITE, SCHEMAS, CODE, PROFILE, KEY = range(11)
SUBMIT, REVIEW = 1, 2
BUREAU, BANK = "TEST-HK-BUREAU", "TEST-SZ-BANK"
SCOPE = ["--role", "provider", "--schema", "personal-credit-report/1", "--until", "2027-12-31"]
# 2028-01-01T00:00:00Z, the first second after the last day.
END_OF_2027 = 1_830_297_600
PLAN_HK = """
jurisdiction = "HK"

[[institution]]
code = "TEST-HK-BUREAU"
roles = ["provider"]
schemas = ["personal-credit-report/1"]
until = 2027-12-31
submit = ["0x3100000000000000000000000000000000000001"]
review = ["0x3200000000000000000000000000000000000001"]
profile = "profile.txt"
encryption_key = "00ffabababababababababababababababababababababababababababababab"

[[corridor]]
from = "HK"
to = "CN-SZ"
"""
PLAN_SZ = """
jurisdiction = "CN-SZ"

[[institution]]
code = "TEST-SZ-BANK"
roles = ["verifier"]
until = "never"
mandatory_review = false
submit = ["0x4100000000000000000000000000000000000001"]

[[corridor]]
from = "HK"
to = "CN-SZ"
"""

Run = Callable[..., Outcome]


def account(number: int) -> str:
    return "0x" + f"{number:040x}"


@pytest.fixture
def run(admin: Admin, chain: Rpc, deployment: Path) -> Run:
    """Runs a command of `institutions` as Hong Kong's authority, unless another is named."""

    def command(*arguments: object, authority: str = "hk_authority", answer: str = "") -> Outcome:
        signed = [] if arguments[0] == "list" else ["--authority", authority]
        return admin.run("institutions", *arguments, "--deployment", deployment, *signed, answer=answer)

    return command


@pytest.fixture
def bureau(run: Run) -> str:
    """An admitted provider of Hong Kong's, with one account of each kind."""
    done = run("admit", BUREAU, *SCOPE, "--submit", account(1), "--review", account(2))
    assert done.code == 0, done
    return BUREAU


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "profile.txt").write_bytes(b"abc")
    path = tmp_path / "hk.toml"
    path.write_text(PLAN_HK, encoding="utf-8")
    return path


def id_of(rpc: Rpc, registry: str, code: str) -> int:
    padded = code.encode().ljust(32, b"\0")
    return int(rpc.call(registry, "institutionByCode(bytes32)", [padded], ["uint16"])[0])


def institution(rpc: Rpc, registry: str, code: str) -> tuple[Any, ...]:
    number = id_of(rpc, registry, code)
    values: tuple[Any, ...] = rpc.call(registry, "institutionOf(uint16)", [number], INSTITUTION)[0]
    return values


def bound(rpc: Rpc, registry: str, address: str) -> tuple[Any, ...]:
    values: tuple[Any, ...] = rpc.call(registry, "accountOf(address)", [address], ACCOUNT)[0]
    return values


def corridor_is_open(rpc: Rpc, registry: str) -> bool:
    return bool(rpc.call(registry, "corridorOpen(uint16,uint16)", [1, 2], ["bool"])[0])


def test_apply__both_sides_then_suspend__in_their_own_processes_within_the_demo_s_time(
    admin: Admin, chain: Rpc, deployment: Path, registry: str, plan: Path
) -> None:
    plan_sz = plan.with_name("sz.toml")
    plan_sz.write_text(PLAN_SZ, encoding="utf-8")
    started = time.monotonic()
    for arguments in (
        ["apply", plan, "--authority", "hk_authority"],
        ["apply", plan_sz, "--authority", "sz_authority"],
        ["suspend", BUREAU, "--reason", "entitlement", "--authority", "hk_authority"],
    ):
        outcome = admin.ape_run("institutions", *arguments, "--deployment", deployment)
        assert outcome.code == 0, outcome
    # With `deploy` the demo makes four such runs and has a minute for them; two cores take 10 seconds.
    assert time.monotonic() - started < 45
    found = institution(chain, registry, BUREAU)
    assert found[SIDE : UNTIL + 1] == (1, 1, 2, True, END_OF_2027)
    assert found[SUITE:PROFILE] == (1, 0b10, BUREAU.encode().ljust(32, b"\0"))
    # FIPS 180-2's example: SHA-256 of "abc".
    assert found[PROFILE].hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found[KEY] == keccak(b"\x00\xff" + b"\xab" * 30)
    assert institution(chain, registry, BANK)[SIDE : UNTIL + 1] == (2, 2, 1, False, 0)
    assert bound(chain, registry, "0x31" + "00" * 18 + "01")[:3] == (id_of(chain, registry, BUREAU), SUBMIT, True)
    assert bound(chain, registry, "0x32" + "00" * 18 + "01")[:3] == (id_of(chain, registry, BUREAU), REVIEW, True)
    assert corridor_is_open(chain, registry)


def test_apply__again__sends_nothing(run: Run, chain: Rpc, plan: Path) -> None:
    first = run("apply", plan)
    height = chain.height()
    second = run("apply", plan)
    assert (first.code, second.code, chain.height()) == (0, 0, height)
    assert second.output.splitlines() == [
        f"{BUREAU}: nothing to do",
        f"institution 1 {BUREAU}",
        "corridor HK to CN-SZ: nothing to do",
    ]


def test_apply__scope_changed_in_the_plan__is_changed_on_the_chain(
    run: Run, chain: Rpc, registry: str, plan: Path
) -> None:
    assert run("apply", plan).code == 0
    plan.write_text(PLAN_HK.replace("2027-12-31", '"never"'), encoding="utf-8")
    assert run("apply", plan).code == 0
    assert institution(chain, registry, BUREAU)[UNTIL] == 0


def test_apply__what_was_taken_away__stays_away(run: Run, chain: Rpc, registry: str, plan: Path) -> None:
    submitter = "0x31" + "00" * 18 + "01"
    assert run("apply", plan).code == 0
    assert run("accounts", BUREAU, "--disable", submitter).code == 0
    assert run("key", BUREAU, "--encryption-key", "beef" * 16).code == 0
    assert run("suspend", BUREAU).code == 0
    height = chain.height()
    again = run("apply", plan)
    assert (again.code, chain.height()) == (0, height)
    assert again.output.count("left so") == 3
    assert not bound(chain, registry, submitter)[2]
    assert institution(chain, registry, BUREAU)[KEY] == keccak(b"\xbe\xef" * 16)


def test_apply__other_side_s_plan__refused_and_nothing_sent(run: Run, chain: Rpc, plan: Path) -> None:
    height = chain.height()
    outcome = run("apply", plan, authority="sz_authority")
    assert (outcome.code, chain.height()) == (2, height)
    assert outcome.error == f"Error: {plan} is a plan of HK, but sz_authority is the authority of CN-SZ\n"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("provider", "lender"), "'lender' is no role"),
        (("until =", "untill ="), "unknown key 'untill'"),
        (("2027-12-31", '"2027-13-31"'), "neither a date"),
        (("personal-credit-report/1", "personal-credit-report/99"), "no schema 'personal-credit-report/99'"),
        (('"personal-credit-report/1"', "7"), "schema 7 is not pinned"),
        (("0x3100", "0x31"), "is not an address"),
        (("00ff", "00f"), "not an encryption key"),
        (("00ff", "0000ff"), "an encryption key of 33 bytes is no suite's: they have 32 or 1,216"),
        (("profile.txt", "no.txt"), "profile no.txt: can't be read"),
        (("[[corridor]]", "[[corridor"), "can't be read as a plan"),
        (('jurisdiction = "HK"', ""), "is not a plan (KeyError: 'jurisdiction')"),
    ],
)
def test_apply__faulty_plan__named_in_one_line_and_nothing_sent(
    run: Run, chain: Rpc, plan: Path, wrong: tuple[str, str], words: str
) -> None:
    plan.write_text(PLAN_HK.replace(*wrong), encoding="utf-8")
    height = chain.height()
    outcome = run("apply", plan)
    assert outcome.code != 0
    assert chain.height() == height
    assert outcome.error.startswith(f"Error: {plan}")
    assert words in outcome.error
    assert outcome.error.count("\n") == 1


def test_admit__interrupted__run_again_completes_what_is_missing(
    run: Run, bureau: str, chain: Rpc, registry: str
) -> None:
    # The second account is the bureau's: the registry refuses, and what came before it stands.
    stopped = run("admit", "TEST-HK-SECOND", *SCOPE, "--submit", account(33), "--review", account(2))
    assert stopped.code == 1
    assert "AccountBound(" in stopped.error
    assert stopped.output.splitlines()[-1] == f"TEST-HK-SECOND: submit account {account(33)}"
    number = id_of(chain, registry, "TEST-HK-SECOND")
    assert bound(chain, registry, account(33))[0] == number
    done = run("admit", "TEST-HK-SECOND", *SCOPE, "--submit", account(33), "--review", account(34))
    assert done.output.splitlines() == [
        f"TEST-HK-SECOND: review account {account(34)}",
        f"institution {number} TEST-HK-SECOND",
    ]
    assert bound(chain, registry, account(34))[:3] == (number, REVIEW, True)


def test_admit__code_of_another_side__refused(run: Run, bureau: str) -> None:
    outcome = run("admit", bureau, *SCOPE, authority="sz_authority")
    assert (outcome.code, outcome.error) == (2, f"Error: {bureau} is institution 1 of another side\n")


def test_admit__one_account_in_both_roles__refused_before_anything_is_sent(run: Run, chain: Rpc) -> None:
    height = chain.height()
    outcome = run("admit", BUREAU, *SCOPE, "--submit", account(1), "--review", account(1))
    assert (outcome.code, chain.height()) == (1, height)
    assert "named twice" in outcome.error


def test_admit__by_no_authority__refused(run: Run, addresses: dict[str, str]) -> None:
    outcome = run("admit", BUREAU, *SCOPE, authority="stranger")
    assert outcome.code == 2
    assert f"stranger ({addresses['stranger']}) is not the authority of any side" in outcome.error


@pytest.mark.parametrize("suite", list(ExchangeSuite), ids=lambda suite: suite.name)
@pytest.mark.parametrize("how", ["plan", "admit", "key"])
def test_exchange_key__of_either_suite__is_published_with_its_own_and_packages_seal_to_it(
    run: Run, plan: Path, chain: Rpc, registry: str, suite: ExchangeSuite, how: str
) -> None:
    secret = bytes(range(32))
    key = hpke.public_key(suite, secret)
    given = ["--encryption-key", key.hex()]
    plan.write_text(re.sub(r'(?<=encryption_key = ")\w+', key.hex(), PLAN_HK), encoding="utf-8")
    commands: dict[str, list[list[Any]]] = {
        "plan": [["apply", plan]],
        "admit": [["admit", BUREAU, *SCOPE, *given]],
        "key": [["admit", BUREAU, *SCOPE], ["key", BUREAU, *given]],
    }
    for command in commands[how]:
        outcome = run(*command)
        assert outcome.code == 0, outcome
    # RFC 9180's DHKEM(X25519) and draft-connolly-cfrg-xwing-kem have keys of these lengths.
    number, length = {"X25519_AES256GCM": (1, 32), "MLKEM768_X25519_AES256GCM": (2, 1_216)}[suite.name]
    found = institution(chain, registry, BUREAU)
    assert (found[SUITE], found[KEY], len(key)) == (number, keccak(key), length)
    sealed = hpke.seal(ExchangeSuite(found[SUITE]), key, b"", b"package")
    assert hpke.unseal(suite, hpke.private_key(suite, secret), b"", sealed) == b"package"
    height = chain.height()
    assert (run(*commands[how][-1]).code, chain.height()) == (0, height)


def test_scope__what_is_not_named__is_taken_away(run: Run, bureau: str, chain: Rpc, registry: str) -> None:
    assert run("scope", bureau, "--role", "verifier", "--until", "never", "--no-review").code == 0
    found = institution(chain, registry, bureau)
    assert (found[ROLES], found[SCHEMAS], found[UNTIL], found[MANDATORY_REVIEW]) == (2, 0, 0, False)


def test_suspend_reinstate_terminate__standing_follows(run: Run, bureau: str, chain: Rpc, registry: str) -> None:
    for arguments, standing in ((["suspend"], 2), (["reinstate"], 1), (["terminate", "--yes"], 3)):
        assert run(arguments[0], bureau, *arguments[1:]).code == 0
        assert institution(chain, registry, bureau)[STANDING] == standing
    again = run("reinstate", bureau)
    assert (again.code, again.error) == (
        1, "Error: the registry refused: StandingUnchanged(institution=1, standing=3)\n",
    )  # fmt: skip


def test_terminate__not_confirmed__changes_nothing(run: Run, bureau: str, chain: Rpc, registry: str) -> None:
    asked = run("terminate", bureau, answer="n\n")
    assert (asked.code, asked.error) == (2, "Error: not confirmed: nothing was sent: say y, or give --yes\n")
    assert institution(chain, registry, bureau)[STANDING] == 1


def test_terminate__exported__nothing_is_asked(run: Run, bureau: str, tmp_path: Path) -> None:
    exported = run("terminate", bureau, "--export", tmp_path / "step.json", authority="HK")
    assert (exported.code, exported.error, "Go on?" in exported.output) == (0, "", False)
    assert member(tmp_path / "step.json", "function") == "setStanding"


def test_suspend__by_the_other_side__refused_by_name_and_arguments(
    run: Run, bureau: str, chain: Rpc, registry: str, addresses: dict[str, str]
) -> None:
    outcome = run("suspend", bureau, authority="sz_authority")
    caller = addresses["sz_authority"].lower()
    assert (outcome.code, outcome.error) == (
        1, f"Error: the registry refused: NotAuthorityOf(jurisdiction=1, caller={caller})\n",
    )  # fmt: skip
    assert institution(chain, registry, bureau)[STANDING] == 1


def test_suspend__unknown_code__refused(run: Run) -> None:
    outcome = run("suspend", "NOBODY")
    assert (outcome.code, "no institution 'NOBODY'" in outcome.error) == (2, True)


def test_accounts__disable_enable_and_bind__each_in_its_role(run: Run, bureau: str, chain: Rpc, registry: str) -> None:
    assert run("accounts", bureau, "--disable", account(1), "--review", account(3)).code == 0
    assert bound(chain, registry, account(1))[1:3] == (SUBMIT, False)
    assert bound(chain, registry, account(3))[1:3] == (REVIEW, True)
    assert run("accounts", bureau, "--enable", account(1)).code == 0
    assert bound(chain, registry, account(1))[1:3] == (SUBMIT, True)


def test_accounts__other_role_or_not_bound__refused(run: Run, bureau: str) -> None:
    other = run("accounts", bureau, "--review", account(1))
    assert f"AccountBound(account={account(1)}, institution=1, role=1)" in other.error
    unbound = run("accounts", bureau, "--disable", account(9))
    assert "is not an account of this institution" in unbound.error
    assert (other.code, unbound.code, run("accounts", bureau).code) == (1, 1, 2)


def listed(path: Path) -> list[str]:
    """The accounts that the Besu kit reads from such a file in the network's folder."""
    network = NetworkFolder(path.parent)
    launch = Launch(network.side_folder("hk"), Configuration("besu"), (), network.genesis_file, None)
    return allowed_accounts(launch) or []


def test_export_accounts__on_admission_and_binding__each_once_as_besu_reads_them(run: Run, tmp_path: Path) -> None:
    path = tmp_path / ACCOUNTS_FILE
    path.write_text(f"{account(7)} # an operator's own", encoding="utf-8")
    arguments = ("admit", BUREAU, *SCOPE, "--submit", account(1), "--review", account(2), "--export-accounts", path)
    done = run(*arguments)
    assert f"{BUREAU}: submit account {account(1)} is added to {path}" in done.output
    assert listed(path) == [account(1), account(2), account(7)]
    kept = path.read_text(encoding="utf-8")
    assert kept.splitlines()[1:] == [f"{account(1)} # {BUREAU} submit", f"{account(2)} # {BUREAU} review"]
    assert "nothing to do" in run(*arguments).output
    assert path.read_text(encoding="utf-8") == kept
    more = ("accounts", BUREAU, "--disable", account(1), "--submit", account(3), "--export-accounts")
    assert run(*more, path).code == 0
    assert listed(path) == [account(1), account(2), account(3), account(7)]
    # The other side's list, from the start: an account that is disabled is not added.
    assert run(*more, tmp_path / "sz.txt").code == 0
    assert (tmp_path / "sz.txt").read_text(encoding="utf-8") == f"{account(3)} # {BUREAU} submit\n"


def test_export_accounts__of_a_plan__its_institutions_accounts(run: Run, plan: Path, tmp_path: Path) -> None:
    assert run("apply", plan, "--export-accounts", tmp_path / ACCOUNTS_FILE).code == 0
    assert listed(tmp_path / ACCOUNTS_FILE) == ["0x31" + "00" * 18 + "01", "0x32" + "00" * 18 + "01"]


def test_export_accounts__into_no_folder__refused_before_anything_is_sent(
    run: Run, chain: Rpc, registry: str, tmp_path: Path
) -> None:
    path = tmp_path / "nowhere" / ACCOUNTS_FILE
    done = run("admit", BUREAU, *SCOPE, "--submit", account(1), "--export-accounts", path)
    assert (done.code, done.error) == (2, f"Error: {path}: can't be written\n")
    assert not id_of(chain, registry, BUREAU)


def test_corridor__opens_with_both_sides_agreement_and_closes_by_either(run: Run, chain: Rpc, registry: str) -> None:
    assert "agreed" in run("corridor", "open", "HK", "CN-SZ").output
    assert "nothing to do" in run("corridor", "open", "HK", "CN-SZ").output
    assert not corridor_is_open(chain, registry)
    opened = run("corridor", "open", "HK", "CN-SZ", authority="sz_authority")
    assert opened.output == "corridor HK to CN-SZ: open\n"
    assert corridor_is_open(chain, registry)
    assert run("corridor", "close", "HK", "CN-SZ", authority="sz_authority").code == 0
    assert not corridor_is_open(chain, registry)
    assert run("corridor", "close", "HK", "CN-SZ").output == "corridor HK to CN-SZ: nothing to do\n"
    assert "no side 'MO'" in run("corridor", "open", "HK", "MO").error


def test_pause__on_and_off__each_side_its_own(run: Run) -> None:
    assert run("pause", "on").output == "paused by HK\n"
    assert run("pause", "on", authority="sz_authority").output == "paused by HK, CN-SZ\n"
    assert run("pause", "off").output == "paused by CN-SZ\n"
    assert run("pause", "off").output == "nothing to do\npaused by CN-SZ\n"


def test_list__json__shows_institutions_and_their_accounts_as_they_stand(run: Run, bureau: str) -> None:
    assert run("accounts", bureau, "--disable", account(1)).code == 0
    listed = run("list", "--json")
    state = json.loads(listed.output)
    assert [side["code"] for side in state["jurisdictions"]] == ["HK", "CN-SZ"]
    assert state["corridors"] == []
    (one,) = state["institutions"]
    assert one["accounts"] == [
        {"address": account(1), "role": "submit", "enabled": False, "number": 1},
        {"address": account(2), "role": "review", "enabled": True, "number": 2},
    ]
    del one["accounts"]
    assert one == {
        "institution": 1,
        "code": bureau,
        "jurisdiction": "HK",
        "standing": "active",
        "roles": ["provider"],
        "schemas": ["personal-credit-report/1"],
        "until": "2027-12-31",
        "entitled_until_seconds": END_OF_2027,
        "mandatory_review": True,
        "profile_hash": "0x" + "00" * 32,
        "encryption_key_hash": "0x" + "00" * 32,
    }


def test_list__table__has_a_row_for_each_institution(run: Run, bureau: str) -> None:
    header, row = run("list").output.splitlines()
    assert header.split()[:4] == ["id", "code", "side", "standing"]
    assert row.split()[:4] == ["1", bureau, "HK", "active"]
    assert f"submit {account(1)}, review {account(2)}" in row


def test_list__other_chain__refused(admin: Admin, deployment: Path, tmp_path: Path) -> None:
    document = json.loads(deployment.read_text(encoding="utf-8")) | {"genesis_hash": "0x" + "00" * 32}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(document), encoding="utf-8")
    outcome = admin.run("institutions", "list", "--deployment", other)
    assert outcome.code == 1
    assert outcome.error.startswith("Error: this is not the deployment's chain: its genesis hash is ")
    assert outcome.error.count("\n") == 1
