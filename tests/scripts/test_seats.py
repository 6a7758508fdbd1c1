"""Seats: handed over in two steps; an authority recovered by its recovery address, with another side or by waiting."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.scripts.conftest import Outcome, Rpc

JURISDICTION = ["(bytes32,address,address,address,address,address,uint40,uint16,uint8)"]
AUTHORITY, RECOVERY, OFFERED_AUTHORITY, OFFERED_RECOVERY, RECOVERY_TO, RECOVERY_AT = range(1, 7)
FOURTEEN_DAYS = 14 * 24 * 3600
NOBODY = "0x" + "00" * 20

Run = Callable[..., Outcome]


@pytest.fixture
def side(chain: Rpc, registry: str) -> Callable[[], tuple[Any, ...]]:
    """Hong Kong as the contract has it."""

    def read() -> tuple[Any, ...]:
        values: tuple[Any, ...] = chain.call(registry, "jurisdictionOf(uint16)", [1], JURISDICTION)[0]
        return values

    return read


@pytest.fixture
def recovering(institutions: Run, addresses: dict[str, str]) -> str:
    """A running recovery of Hong Kong's authority, to the address that is returned."""
    to = addresses["next_holder"]
    started = institutions("recovery", "start", "HK", "--to", to, key="hk_recovery")
    assert started.code == 0, started
    return to


def matters(institutions: Run, *options: str) -> list[dict[str, Any]]:
    shown = institutions("pending", "--json", *options)
    assert shown.code == 0, shown
    found: list[dict[str, Any]] = json.loads(shown.output)["pending"]
    return found


@pytest.mark.parametrize(
    ("seat", "holder", "place"), [("authority", "hk_authority", 1), ("recovery", "hk_recovery", 2)]
)
def test_handover__offered_and_accepted__seat_is_taken_and_again_changes_nothing(
    institutions: Run, side: Callable[[], tuple[Any, ...]], addresses: dict[str, str], chain: Rpc,
    seat: str, holder: str, place: int,
) -> None:  # fmt: skip
    to = addresses["next_holder"]
    offer = ["handover", "offer", "HK", "--seat", seat, "--to", to]
    assert f"offered to {to}" in institutions(*offer, key=holder).output
    assert "nothing to do" in institutions(*offer, key=holder).output
    (offered,) = matters(institutions)
    assert (offered["kind"], offered["seat"], offered["from"], offered["to"]) == (
        "handover", seat, addresses[holder], to,
    )  # fmt: skip
    assert offered["who"] == [f"{to}: accept", f"{addresses[holder]}: withdraw"]
    accept = ["handover", "accept", "HK", "--seat", seat]
    accepted = institutions(*accept, key="next_holder")
    assert f"{to} took the seat from {addresses[holder]}" in accepted.output
    assert side()[place] == to.lower()
    height = chain.height()
    again = institutions(*accept, key="next_holder")
    assert (again.code, "nothing to do" in again.output, chain.height()) == (0, True, height)
    assert matters(institutions) == []


def test_handover__withdrawn__nobody_can_accept(institutions: Run, addresses: dict[str, str]) -> None:
    to = ["--seat", "authority", "--to", addresses["next_holder"]]
    assert institutions("handover", "offer", "HK", *to, key="hk_authority").code == 0
    withdrawn = institutions("handover", "withdraw", "HK", "--seat", "authority", key="hk_authority")
    assert withdrawn.output == "HK's authority: no longer offered\n"
    outcome = institutions("handover", "accept", "HK", "--seat", "authority", key="next_holder")
    assert (outcome.code, outcome.error) == (
        2, "Error: the seat of HK's authority is offered to nobody: its holder offers it first\n",
    )  # fmt: skip


def test_handover__by_the_wrong_key__says_whose_it_is(institutions: Run, addresses: dict[str, str]) -> None:
    to = ["--seat", "authority", "--to", addresses["next_holder"]]
    outcome = institutions("handover", "offer", "HK", *to, key="sz_authority")
    sz, hk = addresses["sz_authority"], addresses["hk_authority"]
    assert (outcome.code, outcome.error) == (2, f"Error: sz_authority ({sz}) is not HK's authority: {hk} is\n")
    assert institutions("handover", "offer", "HK", *to, key="hk_authority").code == 0
    outcome = institutions("handover", "accept", "HK", "--seat", "authority", key="stranger")
    assert outcome.code == 2
    assert "is not who was offered the seat of HK's authority" in outcome.error


def test_handover__to_who_sits_already__refused_by_name_with_what_to_do(
    institutions: Run, addresses: dict[str, str]
) -> None:
    to = ["--seat", "authority", "--to", addresses["sz_authority"]]
    outcome = institutions("handover", "offer", "HK", *to, key="hk_authority")
    assert outcome.code == 1
    assert "AddressNotFree(" in outcome.error
    assert "a seat takes an address of its own" in outcome.error
    assert "no side 'MO'" in institutions("handover", "offer", "MO", *to, key="hk_authority").error


def test_recovery__supported_by_another_side__completes_at_once(
    institutions: Run, recovering: str, side: Callable[[], tuple[Any, ...]], chain: Rpc
) -> None:
    support = ["recovery", "support", "HK", "--to", recovering]
    supported = institutions(*support, key="sz_authority")
    assert f"{recovering} took the authority's seat" in supported.output
    assert (side()[AUTHORITY], side()[RECOVERY_TO]) == (recovering.lower(), NOBODY)
    height = chain.height()
    assert "nothing to do" in institutions(*support, key="sz_authority").output
    assert chain.height() == height


def test_recovery__alone__waits_its_fourteen_days(
    institutions: Run, recovering: str, side: Callable[[], tuple[Any, ...]], chain: Rpc
) -> None:
    (running,) = matters(institutions)
    assert (running["kind"], running["side"], running["to"], running["objected"]) == (
        "recovery", "HK", recovering, False,
    )  # fmt: skip
    complete = ["recovery", "complete", "HK"]
    early = institutions(*complete, key="hk_recovery")
    assert early.code == 1
    not_before = running["completable_from"].replace("T", " ")
    assert early.error.count("\n") == 1
    assert "RecoveryTooEarly(jurisdiction=1" in early.error
    assert f"from {not_before} on, or at once with another side's support" in early.error
    chain.pass_time(FOURTEEN_DAYS)
    assert matters(institutions)[0]["when"] == f"alone since {not_before}"
    assert institutions(*complete, key="hk_recovery").code == 0
    assert side()[AUTHORITY] == recovering.lower()
    assert institutions(*complete, key="hk_recovery").output == "HK's authority: nothing to do\n"


def test_recovery__started_again__does_not_begin_its_days_anew(
    institutions: Run, recovering: str, side: Callable[[], tuple[Any, ...]], chain: Rpc
) -> None:
    at = side()[RECOVERY_AT]
    chain.pass_time(60)
    again = institutions("recovery", "start", "HK", "--to", recovering, key="hk_recovery")
    assert (again.code, again.output, side()[RECOVERY_AT]) == (0, "HK's authority: nothing to do\n", at)


def test_recovery__objected_to__waiting_no_longer_completes_but_support_does(
    institutions: Run, recovering: str, side: Callable[[], tuple[Any, ...]], chain: Rpc
) -> None:
    assert "objected" in institutions("recovery", "object", "HK", key="hk_authority").output
    assert "nothing to do" in institutions("recovery", "object", "HK", key="hk_authority").output
    (objected,) = matters(institutions)
    assert objected["objected"]
    assert objected["who"][0] == "the authority of another side (CN-SZ): support, at once"
    chain.pass_time(FOURTEEN_DAYS)
    outcome = institutions("recovery", "complete", "HK", key="hk_recovery")
    assert (outcome.code, "NoRecovery(" in outcome.error, "objected" in outcome.error) == (1, True, True)
    assert institutions("recovery", "support", "HK", "--to", recovering, key="sz_authority").code == 0
    assert side()[AUTHORITY] == recovering.lower()


def test_recovery__withdrawn__runs_no_more(
    institutions: Run, recovering: str, side: Callable[[], tuple[Any, ...]]
) -> None:
    assert recovering
    assert "withdrawn" in institutions("recovery", "withdraw", "HK", key="hk_recovery").output
    assert side()[RECOVERY_TO] == NOBODY
    assert "nothing to do" in institutions("recovery", "withdraw", "HK", key="hk_recovery").output
    assert matters(institutions) == []


def test_recovery__wrong_hands__each_refused_in_one_line(
    institutions: Run, recovering: str, addresses: dict[str, str]
) -> None:
    cases = [
        (["recovery", "start", "HK", "--to", addresses["stranger"]], "hk_authority", "is not HK's recovery address"),
        (["recovery", "complete", "HK"], "sz_recovery", "is not HK's recovery address"),
        (["recovery", "object", "HK"], "sz_authority", "is not HK's authority"),
        (["recovery", "support", "HK", "--to", recovering], "hk_authority", "OwnSupport(jurisdiction=1)"),
        (["recovery", "support", "HK", "--to", recovering], "stranger", "is not the authority of any side"),
        (["recovery", "support", "HK", "--to", addresses["stranger"]], "sz_authority", "NoRecovery("),
    ]
    for arguments, key, words in cases:
        outcome = institutions(*arguments, key=key)
        assert outcome.code != 0, arguments
        assert words in outcome.error
        assert outcome.error.count("\n") == 1


def test_sides__table_and_json__say_who_sits_and_who_is_to(
    institutions: Run, recovering: str, addresses: dict[str, str]
) -> None:
    hk, sz = json.loads(institutions("sides", "--json").output)["sides"]
    assert (hk["code"], hk["authority"], hk["recovery"]) == ("HK", addresses["hk_authority"], addresses["hk_recovery"])
    assert (hk["accepted"], hk["paused"], hk["recovery_to"], sz["recovery_to"]) == (True, False, recovering, None)
    header, first, second = institutions("sides").output.splitlines()
    column = header.index("authority")
    assert first[column:].startswith(addresses["hk_authority"])
    assert second[column:].startswith(addresses["sz_authority"])
