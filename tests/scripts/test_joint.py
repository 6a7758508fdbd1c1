"""Joint actions, corridors, pause, schemas, shares: what one side's part changes, and what `pending` says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from tests.scripts.conftest import Outcome, Rpc
from tests.scripts.steps import member
from tests.scripts.test_seats import matters

MACAO_AUTHORITY, MACAO_RECOVERY = "0x" + "b1" * 20, "0x" + "b2" * 20
ADD_MACAO = ["joint", "add-side", "MO", MACAO_AUTHORITY, MACAO_RECOVERY]
THIRTY_DAYS = 30 * 24 * 3600

Run = Callable[..., Outcome]


@pytest.fixture
def proposed(institutions: Run) -> dict[str, Any]:
    """Hong Kong has agreed that Macao joins; what `pending` says of it."""
    assert institutions(*ADD_MACAO, key="hk_authority").code == 0
    (found,) = matters(institutions)
    return found


def test_joint__by_one_side__is_pending_with_its_arguments_in_words(
    proposed: dict[str, Any], addresses: dict[str, str], institutions: Run, chain: Rpc
) -> None:
    code = b"MO".ljust(32, b"\0")
    call = keccak(text="addJurisdiction(bytes32,address,address)")[:4]
    call += encode(["bytes32", "address", "address"], [code, MACAO_AUTHORITY, MACAO_RECOVERY])
    assert proposed["action"] == "0x" + keccak(call).hex()
    assert proposed["function"] == "addJurisdiction"
    assert proposed["arguments"] == {
        "code": "0x" + code.hex(), "authority": MACAO_AUTHORITY, "recovery": MACAO_RECOVERY,
    }  # fmt: skip
    assert f"add side MO, authority {to_checksum_address(MACAO_AUTHORITY)}" in proposed["what"]
    assert (proposed["agreed"], proposed["missing"], proposed["state"]) == (["HK"], ["CN-SZ"], "half-made")
    assert proposed["who"] == [f"CN-SZ's authority {addresses['sz_authority']}: agree"]
    header, row = institutions("pending").output.splitlines()
    assert row[header.index("when") :].startswith("expires ")
    assert row.startswith("joint action  ")
    height = chain.height()
    assert institutions(*ADD_MACAO, key="hk_authority").output == "side MO: nothing to do\n"
    assert chain.height() == height


def test_joint__agreed_by_its_id__completes_and_the_new_side_has_to_accept(
    institutions: Run, proposed: dict[str, Any]
) -> None:
    agree = ["joint", "agree", proposed["action"][:18]]
    asked = institutions(*agree, key="sz_authority", answer="n\n")
    assert (asked.code, asked.error) == (2, "Error: not confirmed: nothing was sent: say y, or give --yes\n")
    assert "add side MO" in asked.output
    agreed = institutions(*agree, key="sz_authority", answer="y\n")
    assert (agreed.code, "complete" in agreed.output) == (0, True)
    sides = json.loads(institutions("sides", "--json").output)["sides"]
    assert [(one["code"], one["accepted"]) for one in sides] == [("HK", True), ("CN-SZ", True), ("MO", False)]
    (acceptance,) = matters(institutions)
    assert (acceptance["kind"], acceptance["side"]) == ("acceptance", "MO")
    assert institutions(*ADD_MACAO, key="sz_authority").output == "side MO: nothing to do\n"
    corridor = institutions("corridor", "open", "HK", "MO", key="hk_authority")
    assert "NotACorridor(from=1, to=3)" in corridor.error
    assert "have accepted the registry" in corridor.error


def test_joint__withdrawn__is_pending_no_more_and_again_changes_nothing(
    institutions: Run, proposed: dict[str, Any]
) -> None:
    withdraw = ["joint", "withdraw", proposed["action"]]
    other = institutions(*withdraw, key="sz_authority")
    assert (other.code, "nothing to do" in other.output) == (0, True)
    assert "agreement withdrawn" in institutions(*withdraw, key="hk_authority").output
    assert matters(institutions) == []
    again = institutions(*withdraw, key="hk_authority")
    assert (again.code, "none is half-made under" in again.error) == (2, True)


def test_joint__expired__says_so_and_agreeing_begins_anew(
    institutions: Run, proposed: dict[str, Any], chain: Rpc
) -> None:
    chain.pass_time(THIRTY_DAYS)
    assert matters(institutions) == []
    (lapsed,) = matters(institutions, "--all")
    assert (lapsed["state"], lapsed["who"]) == ("expired", [])
    assert "nothing to do" in institutions("joint", "withdraw", proposed["action"], key="hk_authority").output
    alone = institutions(*ADD_MACAO, key="sz_authority")
    assert alone.output == "side MO: agreed; the others have still to\n"
    (anew,) = matters(institutions)
    assert (anew["agreed"], anew["missing"]) == (["CN-SZ"], ["HK"])


def test_joint__agreement_exported__nothing_is_asked(
    institutions: Run, proposed: dict[str, Any], tmp_path: Path, chain: Rpc
) -> None:
    height, file = chain.height(), tmp_path / "step.json"
    exported = institutions(
        "joint", "agree", proposed["action"][:18], "--export", file, "--authority", "CN-SZ", answer=""
    )
    assert (exported.code, exported.error, "Agree?" in exported.output) == (0, "", False)
    assert "add side MO" in exported.output
    assert (member(file, "function"), chain.height()) == ("addJurisdiction", height)


def test_joint__after_a_handover__has_ended(
    institutions: Run, proposed: dict[str, Any], addresses: dict[str, str]
) -> None:
    to = ["--seat", "authority", "--to", addresses["next_holder"]]
    assert institutions("handover", "offer", "CN-SZ", *to, key="sz_authority").code == 0
    assert institutions("handover", "accept", "CN-SZ", "--seat", "authority", key="next_holder").code == 0
    assert matters(institutions) == []
    (lapsed,) = matters(institutions, "--all")
    assert (lapsed["action"], lapsed["state"]) == (proposed["action"], "ended by a change of authority")


def test_joint__successor__named_by_all_after_a_warning(
    institutions: Run, registry: str, chain: Rpc, addresses: dict[str, str]
) -> None:
    name = ["joint", "name-successor", registry, "--yes"]
    assert "not confirmed" in institutions(*name[:3], key="hk_authority", answer="\n").error
    assert "there is no contract at" in institutions(
        "joint", "name-successor", addresses["stranger"], "--yes", key="hk_authority"
    ).error  # fmt: skip
    assert "agreed; the others have still to" in institutions(*name, key="hk_authority").output
    assert "registration here is closed" in institutions(*name, key="sz_authority").output
    assert chain.call(registry, "successor()", [], ["address"])[0] == registry
    assert "nothing to do" in institutions(*name, key="hk_authority").output


def test_joint__bad_ids__each_refused_in_one_line(institutions: Run, proposed: dict[str, Any]) -> None:
    assert proposed
    cases = [
        ("12", "at least 8 of its hex digits"),
        ("xyzxyzxyz", "no joint action's id"),
        ("00" * 32, "none is half-"),
    ]
    for action, words in cases:
        outcome = institutions("joint", "agree", action, "--yes", key="sz_authority")
        assert (outcome.code != 0, words in outcome.error, outcome.error.count("\n")) == (True, True, 1), outcome


def test_corridors__table_and_json__show_open_and_half_made(institutions: Run) -> None:
    assert institutions("corridors").output == "no corridor\n"
    assert institutions("corridor", "open", "HK", "CN-SZ", key="hk_authority").code == 0
    assert institutions("corridor", "open", "HK", "CN-SZ", key="sz_authority").code == 0
    assert institutions("corridor", "open", "CN-SZ", "HK", key="sz_authority").code == 0
    opened, half_made = json.loads(institutions("corridors", "--json").output)["corridors"]
    assert opened == {"from": "HK", "to": "CN-SZ", "state": "open"}
    expires = half_made.pop("expires_at")
    assert half_made == {"from": "CN-SZ", "to": "HK", "state": "half-made", "missing": ["HK"]}
    assert expires.endswith("Z")
    assert [line.split()[:3] for line in institutions("corridors").output.splitlines()] == [
        ["from", "to", "state"], ["HK", "CN-SZ", "open"], ["CN-SZ", "HK", "half-made"],
    ]  # fmt: skip


def test_pending__suspension_and_pause__say_who_can_lift_them(institutions: Run, addresses: dict[str, str]) -> None:
    assert institutions("pending").output == "nothing is pending\n"
    admitted = institutions("admit", "CRA", "--until", "never", key="hk_authority")
    assert admitted.code == 0, admitted
    assert institutions("suspend", "CRA", "--reason", "entitlement", key="hk_authority").output == "CRA: is suspended\n"
    assert institutions("suspend", "CRA", key="hk_authority").output == "CRA: nothing to do\n"
    assert institutions("pause", "on", key="sz_authority").code == 0
    assert institutions("pause", "on", key="sz_authority").output == "nothing to do\npaused by CN-SZ\n"
    paused, suspended = matters(institutions)
    assert (paused["kind"], paused["side"]) == ("pause", "CN-SZ")
    assert paused["who"] == [f"CN-SZ's authority {addresses['sz_authority']}: pause off"]
    assert (suspended["kind"], suspended["code"], suspended["reason"]) == ("suspension", "CRA", "entitlement")
    assert suspended["who"] == [f"HK's authority {addresses['hk_authority']}: reinstate or terminate"]
    assert institutions("reinstate", "CRA", key="hk_authority").code == 0
    assert [one["kind"] for one in matters(institutions)] == ["pause"]


def test_schema__pinned_already__nothing_to_do_and_listed_by_number(institutions: Run, chain: Rpc) -> None:
    height = chain.height()
    pinned = institutions("schema", "pin", "document/1", key="hk_authority")
    assert (pinned.output, chain.height()) == ("document/1: nothing to do\n", height)
    rows = json.loads(institutions("schema", "list", "--json").output)
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert "no schema 'other/1'" in institutions("schema", "pin", "other/1", key="hk_authority").error


def test_keeper_share__published_once__another_is_refused(institutions: Run, chain: Rpc, registry: str) -> None:
    assert institutions("keeper-share", "1", "0x" + "5a" * 32, key="hk_authority").code == 0
    assert chain.call(registry, "keeperShareOf(uint16,uint8)", [1, 1], ["bytes32"])[0] == b"\x5a" * 32
    assert "nothing to do" in institutions("keeper-share", "1", "5a" * 32, key="hk_authority").output
    other = institutions("keeper-share", "1", "5b" * 32, key="hk_authority")
    assert "ShareWritten(jurisdiction=1, epoch=1): a share is written once an epoch" in other.error
    assert "32 bytes in hex" in institutions("keeper-share", "2", "5b", key="hk_authority").error
