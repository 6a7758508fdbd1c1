"""Promise: an answer is as of one block that both sides' nodes have and agree on; where that fails, it says so.

"Not found" is never said for a node that is behind, away, refusing or of another chain.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from creditconnect.answers.verification import CHECKS, Verification
from creditconnect.chain.reach import BACK_AFTER_SECONDS
from creditconnect.custody.packages import read_package
from creditconnect.errors import OtherChain
from creditconnect.reasons import CheckReason
from creditconnect.types import CheckStatus, Verdict, entry_key
from tests.chain.homes import (
    BANK_SZ,
    BUREAU_HK,
    Anvil,
    Stage,
    free_port,
    running_anvil,
    stage_on,
    write_rows,
)
from tests.chain.proxy import Answer, Cut, Forward, Proxy, Request, proxy_before, refusal, result

pytestmark = pytest.mark.chain

# With its first time fixed, a second Anvil has the same genesis, and takes the first one's blocks over as they are.
FOUNDING = ("--timestamp", "1795000000")
ENTRIES_SLOT = 12
VALID, SKIPPED, ERROR = CheckStatus.VALID, CheckStatus.SKIPPED, CheckStatus.ERROR


@dataclass
class Sides:
    """One side's node, and a proxy before the other side's, which has the same blocks."""

    stage: Stage
    other: Anvil
    proxy: Proxy
    package: bytes
    folder: Path
    banks: int = 0

    @property
    def own(self) -> str:
        return self.stage.anvil.url

    def verify(self, *urls: str, clock: Callable[[], float] | None = None, **numbers: int) -> Verification:
        self.banks += 1
        made = self.stage.home(BANK_SZ, self.folder / f"asker-{self.banks}", *urls, **numbers)
        with self.stage.open(made, clock=clock or self.stage.anvil.now) as bank:
            return bank.verify(self.package)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    folder = tmp_path_factory.mktemp("sides")
    with running_anvil(*FOUNDING) as anvil, stage_on(anvil, folder) as stage:
        with stage.client(BUREAU_HK, folder / "bureau") as bureau:
            bureau.submit(write_rows(folder / "rows.jsonl", 1))
            bureau.package_write(folder / "packages")
        (package,) = (path.read_bytes() for path in (folder / "packages").iterdir())
        with twin_of(anvil) as other, proxy_before(other.url) as proxy:
            yield Sides(stage, other, proxy, package, folder)


@contextmanager
def twin_of(anvil: Anvil) -> Iterator[Anvil]:
    """Another process with the same blocks."""
    with running_anvil(*FOUNDING) as other:
        other.rpc("anvil_loadState", anvil.rpc("anvil_dumpState"))
        assert head_of(other) == head_of(anvil)
        yield other


def head_of(anvil: Anvil) -> Any:
    return anvil.rpc("eth_getBlockByNumber", "latest", False)


@pytest.fixture
def sides(founded: Sides, tmp_path: Path) -> Iterator[Sides]:
    """The proxy behaves again afterwards; the chains are taken back."""
    snapshots = [(anvil, anvil.rpc("evm_snapshot")) for anvil in (founded.stage.anvil, founded.other)]
    yield replace(founded, folder=tmp_path)
    founded.stage.close()
    founded.proxy.rules.clear()
    founded.proxy.whole = None
    founded.proxy.upstream = founded.other.url
    for anvil, snapshot in snapshots:
        assert anvil.rpc("evm_revert", snapshot)


def assert_could_not_tell(found: Verification, check: str, reason: CheckReason) -> None:
    assert found.verdict == Verdict.COULD_NOT_TELL, found.checks
    assert (found.check(check).status, found.check(check).reason) == (ERROR, reason), found.checks


def assert_nothing_was_asked(found: Verification, reason: CheckReason) -> None:
    assert found.verdict == Verdict.COULD_NOT_TELL
    sound, no_document, *unasked = [(check.status, check.reason) for check in found.checks]
    assert (sound, no_document) == ((VALID, CheckReason.OK), (SKIPPED, CheckReason.NO_DOCUMENT))
    assert unasked == [(ERROR, reason)] * 8
    assert found.block is None
    assert found.claims == ()


def unreachable() -> str:
    return f"http://127.0.0.1:{free_port()}"


# -------------------------------------------------------------------------------------------------------- two nodes


def test_verify__nodes_of_both_sides_agree__verified_with_every_check_valid(sides: Sides) -> None:
    found = sides.verify(sides.own, sides.proxy.url)
    assert found.verdict == Verdict.VERIFIED
    assert [check.name for check in found.checks] == list(CHECKS)
    assert {check.status for check in found.checks if check.name != "document"} == {VALID}


def test_verify__one_node_is_a_block_behind__answered_as_of_the_block_that_both_have(sides: Sides) -> None:
    common = sides.stage.anvil.height()
    sides.stage.anvil.mine()
    for urls in ((sides.own, sides.proxy.url), (sides.proxy.url, sides.own)):
        found = sides.verify(*urls)
        assert found.verdict == Verdict.VERIFIED
        assert found.block is not None
        assert found.block.number == common


def test_verify__one_node_is_minutes_behind__behind_and_not_a_chain_that_stands_still(sides: Sides) -> None:
    common = sides.stage.anvil.height()
    sides.stage.anvil.rpc("evm_increaseTime", 300)
    sides.stage.anvil.mine()
    found = sides.verify(sides.own, sides.proxy.url)
    assert_could_not_tell(found, "freshness", CheckReason.NODE_BEHIND)
    assert f"at block {common}," in found.check("freshness").detail
    assert f"another at {common + 1}" in found.check("freshness").detail


@pytest.mark.parametrize("own_first", [True, False])
def test_verify__one_node_unreachable__the_other_answers_but_the_verdict_waits(sides: Sides, own_first: bool) -> None:
    urls = (sides.own, unreachable()) if own_first else (unreachable(), sides.own)
    found = sides.verify(*urls)
    assert_could_not_tell(found, "agreement", CheckReason.NODE_UNREACHABLE)
    assert {check.status for check in found.checks[:-1] if check.name != "document"} == {VALID}
    assert found.claim is not None


@pytest.mark.parametrize("own_first", [True, False])
def test_verify__one_node_unreachable_and_one_suffices_here__verified_and_marked(sides: Sides, own_first: bool) -> None:
    urls = (sides.own, unreachable()) if own_first else (unreachable(), sides.own)
    found = sides.verify(*urls, least_nodes=1)
    assert found.verdict == Verdict.VERIFIED
    agreement = found.check("agreement")
    assert (agreement.status, agreement.reason) == (SKIPPED, CheckReason.NODE_UNREACHABLE)
    assert agreement.detail == f"as of block {sides.stage.anvil.height()} by 1 of 2 nodes"


def test_verify__node_away_and_one_suffices_here__not_asked_again_for_a_while(sides: Sides) -> None:
    now = [1_000.0]
    made = sides.stage.home(BANK_SZ, sides.folder / "asker", sides.own, sides.proxy.url, least_nodes=1)

    def cut(_body: bytes) -> tuple[int, bytes] | None:
        looked.append(1)
        raise Cut

    looked: list[int] = []
    sides.proxy.whole = cut
    with sides.stage.open(made, monotonic=lambda: now[0]) as bank:
        assert bank.verify(sides.package).check("agreement").reason == CheckReason.NODE_UNREACHABLE
        once = len(looked)
        now[0] += BACK_AFTER_SECONDS - 1
        found = bank.verify(sides.package)
        assert (found.verdict, found.check("agreement").reason) == (Verdict.VERIFIED, CheckReason.NODE_UNREACHABLE)
        assert len(looked) == once > 0
        sides.proxy.whole = None
        now[0] += 1
        assert bank.verify(sides.package).check("agreement").status == VALID


def test_verify__node_away_and_all_are_needed__asked_again_each_time(sides: Sides) -> None:
    made = sides.stage.home(BANK_SZ, sides.folder / "asker", sides.own, sides.proxy.url)

    def cut(_body: bytes) -> tuple[int, bytes] | None:
        raise Cut

    sides.proxy.whole = cut
    with sides.stage.open(made, monotonic=lambda: 1_000.0) as bank:
        assert bank.verify(sides.package).verdict == Verdict.COULD_NOT_TELL
        sides.proxy.whole = None
        assert bank.verify(sides.package).verdict == Verdict.VERIFIED


def test_verify__no_node_answers_and_one_would_suffice__could_not_tell(sides: Sides) -> None:
    found = sides.verify(unreachable(), unreachable(), least_nodes=1)
    assert_nothing_was_asked(found, CheckReason.NODE_UNREACHABLE)


def test_verify__one_node_refuses_and_one_suffices_here__could_not_tell(sides: Sides) -> None:
    """Only a node that is away may be missing; one that answers wrongly is told."""
    sides.proxy.rules["eth_getBlockByNumber"] = lambda call, _: refusal(call, -32005, "limit exceeded")
    found = sides.verify(sides.own, sides.proxy.url, least_nodes=1)
    assert_could_not_tell(found, "agreement", CheckReason.NODE_REFUSED)


def test_verify__nodes_disagree_and_one_would_suffice__refused_all_the_same(sides: Sides) -> None:
    for seconds, anvil in ((1, sides.stage.anvil), (2, sides.other)):
        anvil.rpc("evm_setNextBlockTimestamp", anvil.now() + seconds)
        anvil.mine()
    found = sides.verify(sides.own, sides.proxy.url, least_nodes=1)
    assert_nothing_was_asked(found, CheckReason.NODES_DISAGREE)
    assert f"different blocks {sides.stage.anvil.height()}" in found.check("agreement").detail


def test_verify__what_is_not_final__is_not_answered_from(sides: Sides) -> None:
    key = entry_key(read_package(sides.package).derived.record_hash, BUREAU_HK, 0)
    before = sides.stage.anvil.height()
    sides.stage.send_as(sides.stage.keys[BUREAU_HK]["submit"], "revoke", [key], 1)
    found = sides.verify(sides.own, confirmations_blocks=1)
    assert (found.verdict, found.block and found.block.number) == (Verdict.VERIFIED, before)
    sides.stage.anvil.mine()
    assert sides.verify(sides.own, confirmations_blocks=1).reasons == [CheckReason.REVOKED]


def test_verify__both_nodes_unreachable__nothing_is_said_of_the_record(sides: Sides) -> None:
    assert_nothing_was_asked(sides.verify(unreachable(), unreachable()), CheckReason.NODE_UNREACHABLE)


def test_verify__node_goes_away_between_two_questions__unreachable(sides: Sides) -> None:
    def gone(_call: Request, _forward: Forward) -> Answer:
        raise Cut

    sides.proxy.rules["eth_call"] = gone
    assert_nothing_was_asked(sides.verify(sides.own, sides.proxy.url), CheckReason.NODE_UNREACHABLE)


def test_verify__node_claims_a_head_and_lacks_the_block__behind(sides: Sides) -> None:
    head = sides.stage.anvil.height()

    def ahead_with_a_gap(call: Request, forward: Forward) -> Answer:
        answer = forward()
        if call["params"][0] == "latest":
            answer["result"]["number"] = hex(head + 1)
        elif call["params"][0] == hex(head):
            answer["result"] = None
        return answer

    sides.proxy.rules["eth_getBlockByNumber"] = ahead_with_a_gap
    assert_nothing_was_asked(sides.verify(sides.own, sides.proxy.url), CheckReason.NODE_BEHIND)


@pytest.mark.parametrize("answers_null", [True, False])
def test_verify__node_lacks_the_state_of_its_block__behind_and_not_taken_for_not_found(
    sides: Sides, answers_null: bool
) -> None:
    """Besu answers null, the others an error; neither may become zeros."""
    sides.proxy.rules["eth_call"] = lambda call, _: (
        result(call, None) if answers_null else refusal(call, -32000, "header not found")
    )
    sides.proxy.rules["eth_getBlockByHash"] = lambda call, _: result(call, None)
    assert_nothing_was_asked(sides.verify(sides.own, sides.proxy.url), CheckReason.NODE_BEHIND)


def test_verify__nodes_have_different_blocks__disagree(sides: Sides) -> None:
    for seconds, anvil in ((1, sides.stage.anvil), (2, sides.other)):
        anvil.rpc("evm_setNextBlockTimestamp", anvil.now() + seconds)
        anvil.mine()
    found = sides.verify(sides.own, sides.proxy.url)
    assert_nothing_was_asked(found, CheckReason.NODES_DISAGREE)
    assert "different blocks" in found.check("agreement").detail


@pytest.mark.parametrize("forged", ["an entry taken away", "an entry revoked"])
def test_verify__one_node_has_another_state_under_the_same_block__disagree(sides: Sides, forged: str) -> None:
    derived = read_package(sides.package).derived
    key = entry_key(derived.record_hash, BUREAU_HK, 0)
    slot = "0x" + keccak(key.to_bytes(32, "big") + ENTRIES_SLOT.to_bytes(32, "big")).hex()
    word = bytearray.fromhex(sides.other.rpc("eth_getStorageAt", sides.stage.registry, slot, "latest")[2:])
    assert derived.commitment in bytes(word), "the entry is not where the layout says"
    if forged == "an entry taken away":
        word = bytearray(32)
    else:
        # commitment 192 | batch 48 | override 8, from the low end.
        word[1] = 4
    sides.other.rpc("anvil_setStorageAt", sides.stage.registry, slot, "0x" + word.hex())
    assert head_of(sides.other) == head_of(sides.stage.anvil)
    for urls in ((sides.own, sides.proxy.url), (sides.proxy.url, sides.own)):
        assert_nothing_was_asked(sides.verify(*urls), CheckReason.NODES_DISAGREE)


# -------------------------------------------------------------------------------------------------------- freshness


@pytest.mark.parametrize(("age_seconds", "verdict"), [(60, Verdict.VERIFIED), (61, Verdict.COULD_NOT_TELL)])
def test_verify__head_of_some_age__verified_up_to_the_greatest_age(
    sides: Sides, age_seconds: int, verdict: Verdict
) -> None:
    found = sides.verify(sides.own, clock=lambda: sides.stage.anvil.now() + age_seconds)
    assert found.verdict == verdict
    if verdict == Verdict.COULD_NOT_TELL:
        assert found.reasons == [CheckReason.HEAD_TOO_OLD]
        assert found.claim is not None


@pytest.mark.parametrize("seconds", [30, -30, -3_600])
def test_verify__clocks_that_differ__a_fresh_head_is_fresh(sides: Sides, seconds: int) -> None:
    """By half of the greatest age ahead; behind by whatever: the block then seems to be of the future."""
    found = sides.verify(sides.own, sides.proxy.url, clock=lambda: sides.stage.anvil.now() + seconds)
    assert found.verdict == Verdict.VERIFIED
    assert found.check("freshness").detail.endswith(f"is {max(seconds, 0)} s old")


def test_verify__record_is_bad_and_the_head_too_old__could_not_tell(sides: Sides) -> None:
    key = entry_key(read_package(sides.package).derived.record_hash, BUREAU_HK, 0)
    sides.stage.send_as(sides.stage.keys[BUREAU_HK]["submit"], "revoke", [key], 1)
    found = sides.verify(sides.own, clock=lambda: sides.stage.anvil.now() + 1_000)
    assert found.verdict == Verdict.COULD_NOT_TELL
    assert set(found.reasons) == {CheckReason.REVOKED, CheckReason.HEAD_TOO_OLD}


# ------------------------------------------------------------------------------------------------------ other chains


@pytest.mark.parametrize("own_first", [True, False])
def test_verify__another_chain_answers_at_a_url__refused(sides: Sides, tmp_path: Path, own_first: bool) -> None:
    with running_anvil() as anvil, stage_on(anvil, tmp_path) as stranger:
        assert stranger.registry == sides.stage.registry
        urls = (sides.own, anvil.url) if own_first else (anvil.url, sides.own)
        with pytest.raises(OtherChain, match="genesis hash") as refused:
            sides.verify(*urls)
        assert anvil.url in refused.value.message
        assert refused.value.hint


def test_verify__no_registry_on_the_chain__refused(sides: Sides) -> None:
    with running_anvil(*FOUNDING) as anvil, pytest.raises(OtherChain, match="code hash"):
        sides.verify(anvil.url)


def test_verify__other_chain_id__refused(sides: Sides) -> None:
    with running_anvil(*FOUNDING, "--chain-id", "4242") as anvil, pytest.raises(OtherChain, match="chain id is 4242"):
        sides.verify(anvil.url)


def test_verify__another_chain_takes_the_url_over__refused_at_the_next_question(sides: Sides, tmp_path: Path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    with running_anvil() as anvil, stage_on(anvil, folder) as stranger:
        with stranger.client(BUREAU_HK, tmp_path / "bureau") as bureau:
            bureau.submit(write_rows(tmp_path / "rows.jsonl", 1))
        made = sides.stage.home(BANK_SZ, tmp_path / "asker", sides.proxy.url)
        with sides.stage.open(made) as bank:
            assert bank.verify(sides.package).verdict == Verdict.VERIFIED
            sides.proxy.upstream = anvil.url
            with pytest.raises(OtherChain):
                bank.verify(sides.package)


# --------------------------------------------------------------------------------------------- nodes that answer badly

_UNREAD = [b"{}", b"null", b"7"]


@pytest.mark.parametrize("method", ["eth_chainId", "eth_getBlockByNumber", "eth_call"])
def test_verify__node_refuses_over_its_limits__could_not_tell(sides: Sides, method: str) -> None:
    sides.proxy.rules[method] = lambda call, _: refusal(call, -32005, "limit exceeded")
    assert sides.verify(sides.proxy.url).verdict == Verdict.COULD_NOT_TELL


@pytest.mark.parametrize("body", [b"[]", b'"hello"', b"[1, 2]", b"<html>", b"", *_UNREAD])
def test_verify__something_else_answers_at_the_url__could_not_tell(sides: Sides, body: bytes) -> None:
    sides.proxy.whole = lambda _: (200, body)
    assert sides.verify(sides.proxy.url).verdict == Verdict.COULD_NOT_TELL


def test_verify__other_service_errors_in_between__verified(sides: Sides) -> None:
    turns = itertools.cycle((True, False))
    sides.proxy.whole = lambda _: (503, b"") if next(turns) else None
    assert sides.verify(sides.own, sides.proxy.url).verdict == Verdict.VERIFIED
