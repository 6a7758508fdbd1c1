"""Promise: whatever happens between a vault and the chain, each record is registered exactly once, and nothing storms.

Driven step by step against a real node; faults come from a real proxy, from Anvil's own controls and from authorities.
After each fault the independent reconciler holds the vault against the chain.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from creditconnect.errors import NodeRefused, NodeUnreachable, NotEntitled, SubmitterBusy
from tests.chain.bench import MOST_STEPS, Bench, bench_on, cut_afterwards, outbox_of, swallow, words_of
from tests.chain.homes import (
    ACTIVE,
    BUREAU_HK,
    HK,
    PROVIDER,
    SCHEMA,
    SUSPENDED,
    SZ,
    Stage,
    running_anvil,
    stage_on,
    write_rows,
)
from tests.chain.proxy import Answer, Cut, Forward, Request, Rule, refusal, result
from tests.chain.reconciler import assert_exactly_once, in_vault, on_chain, rows

pytestmark = pytest.mark.chain

SEED = 20_261_123


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path) as stage:
        yield stage


@pytest.fixture
def bench(stage: Stage, tmp_path: Path) -> Iterator[Bench]:
    """Thirty records wait, in batches of ten."""
    with bench_on(stage, tmp_path / "bureau") as bench:
        bench.put(30, first=0)
        yield bench


# ------------------------------------------------------------------------------------------------ what a node may do


def test_pump__answers_to_sends_are_lost__nothing_is_signed_anew(bench: Bench) -> None:
    bench.proxy.rules["eth_sendRawTransaction"] = cut_afterwards
    with pytest.raises(NodeUnreachable):
        bench.outbox.pump(flush=True)
    signed = rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce")
    bench.proxy.rules.clear()

    assert bench.pump_until_idle() == 30

    assert rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce") == signed
    assert bench.sent() == 3
    bench.check()


def test_pump__every_other_answer_is_lost__each_record_is_registered_once(bench: Bench) -> None:
    turns = itertools.cycle((True, False))

    def every_other(body: bytes) -> None:
        if next(turns):
            bench.proxy.post(body)
            raise Cut

    bench.proxy.whole = every_other
    assert bench.pump_until_idle() == 30
    assert bench.sent() == 3
    bench.check()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_pump__node_answers_with_server_errors_in_between__goes_through(bench: Bench, status: int) -> None:
    turns = itertools.cycle((True, False))
    bench.proxy.whole = lambda _: (status, b"busy") if next(turns) else None
    assert bench.pump_until_idle() == 30
    bench.check()


def test_pump__node_answers_with_half_a_document_in_between__goes_through(bench: Bench) -> None:
    turns = itertools.cycle((True, False, False))
    bench.proxy.whole = lambda _: (200, b'[{"jsonrpc": "2.0", "id": 0, "res') if next(turns) else None
    assert bench.pump_until_idle() == 30
    bench.check()


def test_pump__node_never_answers__unreachable_and_nothing_moves(bench: Bench) -> None:
    bench.outbox.pump(flush=True)
    bench.proxy.whole = lambda _: (503, b"")
    for _ in range(3):
        with pytest.raises(NodeUnreachable):
            bench.outbox.pump(flush=True)
    assert len(bench.states()) == 3
    bench.proxy.whole = None
    bench.pump_until_idle()
    assert bench.sent() == 3
    bench.check()


def test_pump__transaction_dropped_from_the_pool__same_bytes_are_sent_again(bench: Bench) -> None:
    bench.stage.anvil.automine(on=False)
    bench.outbox.pump(flush=True)
    ((first, raw),) = rows(bench.settings.home, "SELECT hash, raw FROM transactions ORDER BY nonce LIMIT 1")
    assert isinstance(first, bytes)
    bench.stage.anvil.rpc("anvil_dropTransaction", "0x" + first.hex())
    bench.stage.anvil.mine()
    assert bench.sent() == 0, "a later nonce went through before the first"
    bench.stage.anvil.automine(on=True)

    bench.pump_until_idle()

    assert rows(bench.settings.home, "SELECT hash, raw FROM transactions ORDER BY nonce LIMIT 1") == [(first, raw)]
    assert bench.sent() == 3
    bench.check()


def test_pump__node_says_taken_and_forgets__sent_again_until_it_is_mined(bench: Bench) -> None:
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    for _ in range(3):
        bench.outbox.pump(flush=True)
    assert bench.proxy.seen["eth_sendRawTransaction"] == 9
    assert bench.states() == ["stored"] * 3
    bench.proxy.rules.clear()
    bench.pump_until_idle()
    assert bench.sent() == 3
    bench.check()


def test_pump__node_refuses_to_tell_receipts__nothing_is_taken_for_lost(bench: Bench) -> None:
    bench.outbox.pump(flush=True)
    bench.proxy.rules["eth_getTransactionReceipt"] = lambda call, _: refusal(call, -32005, "limit exceeded")
    for _ in range(2):
        # It may be raised; nothing may be concluded from it.
        with suppress(NodeRefused):
            bench.outbox.pump(flush=True)
    assert bench.states() == ["stored"] * 3
    bench.proxy.rules.clear()
    bench.pump_until_idle()
    assert bench.states() == ["final"] * 3
    bench.check()


# ------------------------------------------------------------------------------------------------ keys and nonces


def test_submit__same_file_again__nothing_is_sent(bench: Bench) -> None:
    source = write_rows(bench.settings.home / "again.jsonl", 30)
    with bench.client() as client:
        first, again = client.submit(source), client.submit(source)
    assert (first.accepted, first.repeated, first.registered) == (0, 30, 30)
    assert (again.accepted, again.repeated, again.registered) == (0, 30, 0)
    assert bench.sent() == 3
    bench.check()


def test_submit__second_submitter_with_the_key__refused_and_the_first_goes_on(bench: Bench) -> None:
    source = write_rows(bench.settings.home / "again.jsonl", 40)
    refused = []

    def meanwhile(_: object) -> None:
        with bench.client() as other, pytest.raises(SubmitterBusy) as busy:
            other.submit(source)
        refused.append(busy.value)

    with bench.client() as client:
        assert client.submit(source, progress=meanwhile).registered == 40
    assert refused
    assert bench.sender in refused[0].message
    assert bench.sent() == 4
    bench.check()


def test_submit__key_was_used_from_another_home__goes_on_after_its_nonce(bench: Bench, tmp_path: Path) -> None:
    bench.pump_until_idle()
    with bench_on(bench.stage, tmp_path / "other") as other:
        other.put(20, first=100)
        other.pump_until_idle()
        assert [n for (n,) in rows(other.settings.home, "SELECT nonce FROM transactions ORDER BY nonce")] == [3, 4]
        homes = [bench.settings.home, other.settings.home]
        assert_exactly_once(bench.stage.anvil.url, bench.stage.registry, homes)


def test_pump__another_transaction_took_the_nonce__records_go_with_the_next(bench: Bench) -> None:
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    bench.outbox.pump(flush=True)
    anvil = bench.stage.anvil
    anvil.rpc("anvil_impersonateAccount", bench.sender)
    transfer = {"from": bench.sender, "to": bench.sender, "gasPrice": "0x0", "gas": hex(21_000)}
    anvil.receipt(anvil.rpc("eth_sendTransaction", transfer))
    bench.proxy.rules.clear()

    bench.pump_until_idle()

    assert sorted(bench.states()) == ["final", "final", "final", "lost"]
    assert bench.sent() == 4
    bench.check()


def test_pump__another_transaction_with_the_nonce_registered_them__found_and_not_sent_again(bench: Bench) -> None:
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    bench.outbox.pump(flush=True)
    bench.stage.send_as(bench.sender, "register", SCHEMA, 0, 0, sorted(bench.words()[:10]))
    bench.proxy.rules.clear()

    bench.pump_until_idle()

    assert sorted(bench.states()) == ["final", "final", "lost"]
    assert rows(bench.settings.home, "SELECT count(*) FROM records WHERE found = 1") == [(10,)]
    assert bench.sent() == 3
    bench.check()


# ---------------------------------------------------------------------------------------------- what is there already


def test_pump__vault_restored_from_a_backup__found_on_the_chain_and_nothing_sent(bench: Bench, tmp_path: Path) -> None:
    backup = tmp_path / "restored"
    shutil.copytree(bench.settings.home, backup)
    bench.pump_until_idle()
    restored = replace(bench.settings, home=backup)
    with outbox_of(bench.stage, restored, bench.proxy.url) as outbox:
        bench.pump_until_idle(outbox)
    assert rows(backup, "SELECT count(*) FROM records WHERE found = 1 AND tx IS NULL") == [(30,)]
    assert bench.sent() == 3
    assert_exactly_once(bench.stage.anvil.url, bench.stage.registry, [bench.settings.home, backup])


def test_submit__vault_restored_from_a_backup__the_file_may_be_submitted_again(bench: Bench, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "rows.jsonl", 50)
    source.write_bytes(source.read_bytes() + b"not a row\n")
    backup = tmp_path / "backup.db"
    with closing(sqlite3.connect(bench.settings.vault_file)) as kept, closing(sqlite3.connect(backup)) as copy:
        kept.backup(copy)
    with bench.client() as client:
        assert client.submit(source).rejected == 1
    # Of the 20 records that the backup lacks, other salts are drawn: the chain holds them twice, and so it should.
    for leftover in bench.settings.home.glob("vault.db*"):
        leftover.unlink()
    backup.rename(bench.settings.vault_file)
    with bench.client() as client:
        assert client.submit(source).rejected == 1
    vault = in_vault(bench.settings.home)
    assert vault.total() == 50
    assert vault <= on_chain(bench.stage.anvil.url, bench.stage.registry)
    assert bench.stage.entries() == 70


def test_pump__one_record_is_there_already__named_at_every_place_and_the_others_get_through(
    stage: Stage, tmp_path: Path
) -> None:
    other = stage.accounts[7]
    stage.admin(HK, "setAccount", BUREAU_HK, other, 1, True)
    with bench_on(stage, tmp_path / "bureau") as bench:
        for place in range(5):
            bench.put(5, first=10 * place)
            word = sorted(bench.words()[-5:])[place]
            stage.send_as(other, "register", SCHEMA, 0, 0, [word])
            bench.pump_until_idle()
            assert words_of(bench.settings.home, "WHERE found = 1 ORDER BY id DESC")[0] == word
            # Once it has taken a batch, the next is sent unasked, and fails on the chain.
            assert bench.sent() == 1 + 2 * place
            bench.check()


def test_pump__record_registered_elsewhere_while_its_batch_is_under_way__batch_fails_and_the_others_get_through(
    bench: Bench,
) -> None:
    other = bench.stage.accounts[7]
    bench.stage.admin(HK, "setAccount", BUREAU_HK, other, 1, True)
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    bench.outbox.pump(flush=True)
    bench.stage.send_as(other, "register", SCHEMA, 0, 0, [bench.words()[14]])
    bench.proxy.rules.clear()

    bench.pump_until_idle()

    assert sorted(bench.states()) == ["failed", "final", "final", "final"]
    ((error,),) = rows(bench.settings.home, "SELECT error FROM transactions WHERE state = 'failed'")
    assert "DuplicateRecord" in str(error)
    assert rows(bench.settings.home, "SELECT count(*) FROM records WHERE found = 1") == [(1,)]
    assert bench.sent() == 4
    bench.check()


def test_pump__node_tells_the_nonce_before_block_and_receipt__each_record_is_registered_once(bench: Bench) -> None:
    """So Anvil does for some milliseconds while it mines a large block."""
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    bench.outbox.pump(flush=True)
    before = bench.stage.anvil.rpc("eth_getBlockByNumber", "latest", False)
    for (raw,) in rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce"):
        bench.stage.anvil.rpc("eth_sendRawTransaction", "0x" + raw.hex())
    bench.stage.anvil.receipt("0x" + _newest_hash(bench))
    # Long enough for one look at three transactions, and a second at each.
    bench.proxy.rules = {
        "eth_getBlockByNumber": _first(1, before),
        "eth_getTransactionReceipt": _first(6, None),
    }
    assert bench.pump_until_idle() in (0, 30)
    assert bench.stage.entries() == 30
    bench.check()


def _first(count: int, answer: object) -> Rule:
    """A rule that gives this answer to the first calls."""
    left = iter(range(count))
    return lambda call, forward: forward() if next(left, None) is None else result(call, answer)


def _newest_hash(bench: Bench) -> str:
    ((found,),) = rows(bench.settings.home, "SELECT hash FROM transactions ORDER BY nonce DESC LIMIT 1")
    return str(found.hex())


def test_pump__record_registered_elsewhere_since_the_head_was_read__found(bench: Bench) -> None:
    other = bench.stage.accounts[7]
    bench.stage.admin(HK, "setAccount", BUREAU_HK, other, 1, True)
    registrations = iter([bench.words()[3]])

    def just_after(_call: Request, forward: Forward) -> Answer:
        answer = forward()
        for word in registrations:
            bench.stage.send_as(other, "register", SCHEMA, 0, 0, [word])
        return answer

    bench.proxy.rules["eth_getBlockByNumber"] = just_after
    bench.pump_until_idle()
    bench.check()


def test_pump__two_records_collide_on_64_bits__both_are_registered(bench: Bench) -> None:
    _collide(bench.settings.home)
    bench.pump_until_idle()
    assert bench.stage.entries() == 30
    assert bench.sent() == 4, "a batch holds no hash twice"
    bench.check()


def test_pump__second_of_two_colliding_records_is_there_already__found(bench: Bench) -> None:
    _collide(bench.settings.home)
    other = bench.stage.accounts[7]
    bench.stage.admin(HK, "setAccount", BUREAU_HK, other, 1, True)
    for word in bench.words()[:2]:
        bench.stage.send_as(other, "register", SCHEMA, 0, 0, [word])
    bench.pump_until_idle()
    assert bench.stage.entries() == 30
    bench.check()


def _collide(home: Path) -> None:
    """Give the vault's second record the first one's hash: what 2^32 trials would find."""
    with closing(sqlite3.connect(home / "vault.db")) as connection, connection:
        connection.execute("DROP TRIGGER records_fixed")
        connection.execute(
            "UPDATE records SET record_hash = (SELECT record_hash FROM records WHERE id = 1) WHERE id = 2"
        )


# ------------------------------------------------------------------------------------------- what authorities may do


@pytest.fixture(params=["suspended", "paused", "scoped down"])
def stopped(request: pytest.FixtureRequest, bench: Bench) -> tuple[Any, Any, str]:
    """How an authority stops this bureau, how it lifts that, and the registry's word for it."""
    stage = bench.stage
    ways: dict[str, tuple[Any, Any, str]] = {
        "suspended": (
            lambda: stage.standing(BUREAU_HK, SUSPENDED),
            lambda: stage.standing(BUREAU_HK, ACTIVE),
            "NotEntitled",
        ),
        "paused": (lambda: stage.admin(SZ, "setPaused", True), lambda: stage.admin(SZ, "setPaused", False), "Paused"),
        "scoped down": (
            lambda: stage.scope(BUREAU_HK, roles=PROVIDER, schemas=0),
            lambda: stage.scope(BUREAU_HK, roles=PROVIDER),
            "NotEntitled",
        ),
    }
    return ways[request.param]


def test_pump__stopped_before_anything_is_sent__records_wait_without_a_transaction(
    bench: Bench, stopped: tuple[Any, Any, str]
) -> None:
    stop, lift, word = stopped
    stop()
    for _ in range(5):
        with pytest.raises(NotEntitled, match=word) as refused:
            bench.outbox.pump(flush=True)
        assert refused.value.hint
    assert bench.states() == []
    assert bench.sent() == 0
    lift()
    assert bench.pump_until_idle() == 30
    assert bench.sent() == 3
    bench.check()


def test_pump__stopped_while_batches_are_under_way__each_fails_once_and_no_more_are_sent(
    bench: Bench, stopped: tuple[Any, Any, str]
) -> None:
    stop, lift, word = stopped
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    bench.outbox.pump(flush=True)
    stop()
    bench.proxy.rules.clear()
    _pump_until_refused(bench, word)
    for _ in range(5):
        with pytest.raises(NotEntitled, match=word):
            bench.outbox.pump(flush=True)
    assert bench.states() == ["failed"] * 3
    assert bench.sent() == 3
    errors = rows(bench.settings.home, "SELECT error FROM transactions")
    assert all(word in str(error) for (error,) in errors)
    lift()
    assert bench.pump_until_idle() == 30
    assert bench.sent() == 6
    bench.check()


def _pump_until_refused(bench: Bench, word: str) -> None:
    with pytest.raises(NotEntitled, match=word):
        bench.pump_until_idle()


def test_submit__stopped__nothing_is_put_and_the_hint_says_what_to_do(
    bench: Bench, stopped: tuple[Any, Any, str]
) -> None:
    stop, _, word = stopped
    stop()
    before = in_vault(bench.settings.home)
    with bench.client() as client, pytest.raises(NotEntitled, match=word) as refused:
        client.submit(write_rows(bench.settings.home / "new.jsonl", 5, first=500))
    assert refused.value.hint
    assert in_vault(bench.settings.home) == before


def test_pump__expiry_passed_while_some_waited__what_can_go_through_does(bench: Bench) -> None:
    """A later submission of the rows with a later expiry is what the hint says; it must help."""
    expires_at = bench.stage.anvil.now() + 100
    bench.put(10, first=100, expires_at=expires_at)
    bench.pump_until_idle()
    bench.put(10, first=200, expires_at=expires_at)
    bench.stage.anvil.rpc("evm_increaseTime", 200)
    bench.stage.anvil.mine()
    bench.put(10, first=300)
    assert bench.pump_until_idle() == 10
    bench.put(10, first=200, expires_at=expires_at + 10_000)
    assert bench.pump_until_idle() == 10
    bench.check()


def test_random_faults__seeded__each_record_is_registered_once(bench: Bench) -> None:
    chance = random.Random(SEED)  # noqa: S311  reproducible on purpose, protects nothing

    def mishap(call: Request, forward: Forward) -> Answer:
        kind = chance.randrange(8)
        if kind == 0:
            raise Cut
        if kind == 1:
            return cut_afterwards(call, forward)
        if kind == 2:
            return refusal(call, -32000, "not now") if call["method"] == "eth_sendRawTransaction" else forward()
        return forward()

    for method in ("eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_call", "eth_getBlockByNumber"):
        bench.proxy.rules[method] = mishap
    for _ in range(MOST_STEPS):
        try:
            if bench.outbox.pump(flush=True).idle:
                break
        except NodeUnreachable:
            continue
    bench.proxy.rules.clear()
    bench.pump_until_idle()
    assert bench.sent() == 3
    bench.check()
