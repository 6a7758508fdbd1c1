"""Promise: blocks that a reorg or a node's restart takes away take no record away for good, and double none.

The mirror goes back to the last block that the chain still has; what was sent above it is sent again, the same bytes.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from creditconnect.errors import NodeBehind, NodeUnreachable, NotEntitled
from tests.chain.bench import MOST_STEPS, Bench, bench_on, outbox_of, swallow
from tests.chain.homes import (
    ACTIVE,
    BUREAU_HK,
    HK,
    SCHEMA,
    SUSPENDED,
    Stage,
    running_anvil,
    stage_on,
    write_rows,
)
from tests.chain.reconciler import on_chain, rows

pytestmark = pytest.mark.chain

SEED = 20_261_123
BATCHES = 10
BATCH_RECORDS = 3
RECORDS = BATCHES * BATCH_RECORDS
DEPTHS = sorted(random.Random(SEED).sample(range(1, BATCHES + 1), 4))  # noqa: S311  reproducible on purpose


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path) as stage:
        yield stage


@pytest.fixture
def bench(stage: Stage, tmp_path: Path) -> Iterator[Bench]:
    """Ten batches of three records, each in a block of its own; the mirror has followed."""
    with bench_on(stage, tmp_path / "bureau", batch_records=BATCH_RECORDS) as bench:
        for number in range(BATCHES):
            bench.put(BATCH_RECORDS, first=100 * number)
            bench.pump_until_idle()
        yield bench


def run_until(bench: Bench, done: Callable[[], bool]) -> None:
    steps = iter(range(MOST_STEPS))

    def stop() -> bool:
        assert next(steps, None) is not None, f"not done after {MOST_STEPS} steps: {bench.states()}"
        return done()

    with bench.client() as client:
        client.run(stop)


def whole(bench: Bench, records: int = RECORDS) -> bool:
    final = set(bench.states()) <= {"final", "lost", "failed"}
    return final and on_chain(bench.stage.anvil.url, bench.stage.registry).total() == records


def follow(bench: Bench) -> None:
    with bench.client() as client:
        client.follow()


@pytest.mark.parametrize("depth", DEPTHS)
def test_run__reorg_drops_transactions_of_seeded_depth__they_are_sent_again(bench: Bench, depth: int) -> None:
    follow(bench)
    signed = rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce")
    bench.stage.anvil.reorg(depth)
    assert not whole(bench), "the reorg took nothing away"

    run_until(bench, lambda: whole(bench))

    assert rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce") == signed
    assert bench.sent() == BATCHES
    bench.check()


def test_run__reorg_mines_the_transactions_in_another_block__they_are_found_there(bench: Bench) -> None:
    follow(bench)
    raw = [bytes(r) for (r,) in rows(bench.settings.home, "SELECT raw FROM transactions ORDER BY nonce DESC LIMIT 4")]
    bench.stage.anvil.rpc("anvil_reorg", 5, [["0x" + one.hex(), 2] for one in reversed(raw)])
    run_until(bench, lambda: whole(bench))
    assert bench.sent() == BATCHES
    bench.check()
    at = rows(bench.settings.home, "SELECT DISTINCT block_hash FROM transactions ORDER BY nonce DESC LIMIT 1")
    assert bench.stage.anvil.receipt("0x" + _last_hash(bench))["blockHash"] == "0x" + bytes(at[0][0]).hex()


def _last_hash(bench: Bench) -> str:
    ((found,),) = rows(bench.settings.home, "SELECT hash FROM transactions ORDER BY nonce DESC LIMIT 1")
    assert isinstance(found, bytes)
    return found.hex()


def test_run__several_reorgs_one_after_another__each_record_is_registered_once(bench: Bench) -> None:
    chance = random.Random(SEED)  # noqa: S311  reproducible on purpose, protects nothing
    for _ in range(5):
        run_until(bench, lambda: whole(bench))
        follow(bench)
        bench.stage.anvil.reorg(chance.randint(1, 8))
    run_until(bench, lambda: whole(bench))
    assert bench.sent() == BATCHES
    bench.check()


def test_run__reorg_before_anything_was_mirrored__what_it_dropped_is_sent_again(bench: Bench) -> None:
    bench.stage.anvil.reorg(3)
    run_until(bench, lambda: whole(bench))
    assert bench.sent() == BATCHES
    bench.check()


def test_submit__reorg_since_the_last_submission__what_it_dropped_is_sent_again(bench: Bench, tmp_path: Path) -> None:
    bench.stage.anvil.reorg(3)
    with bench.client() as client:
        for number in range(2):
            client.submit(write_rows(tmp_path / "more.jsonl", 3, first=5_000 + number), progress=_bounded())
    assert whole(bench, RECORDS + 4)
    bench.check()


def _bounded() -> Callable[[object], None]:
    steps = iter(range(MOST_STEPS))

    def step(_: object) -> None:
        assert next(steps, None) is not None, f"not done after {MOST_STEPS} steps"

    return step


def test_pump__reorg_between_mined_and_final__same_bytes_are_sent_again(bench: Bench) -> None:
    anvil = bench.stage.anvil
    with outbox_of(bench.stage, bench.settings, anvil.url, confirmations=2) as outbox:
        bench.put(6, first=5_000)
        for _ in range(20):
            outbox.pump(flush=True)
        assert bench.states()[-1] == "mined"
        anvil.reorg(2)
        for _ in range(MOST_STEPS):
            if outbox.pump(flush=True).idle:
                break
            anvil.mine()
    assert bench.states()[-1] == "final"
    assert on_chain(anvil.url, bench.stage.registry).total() >= RECORDS


def test_run__reorg_takes_a_failed_transaction_away__later_nonces_are_not_stuck(bench: Bench) -> None:
    bench.proxy.rules["eth_sendRawTransaction"] = swallow
    bench.put(3, first=5_000)
    bench.outbox.pump(flush=True)
    bench.stage.standing(BUREAU_HK, SUSPENDED)
    bench.proxy.rules.clear()
    for _ in range(20):
        try:
            bench.outbox.pump(flush=True)
        except NotEntitled:
            break
    assert bench.states()[-1] == "failed"
    follow(bench)
    # The suspension and the failed transaction are both gone with it.
    bench.stage.anvil.reorg(2)
    assert bench.stage.ask("institutionOf", BUREAU_HK)["standing"] == ACTIVE

    run_until(bench, lambda: whole(bench, RECORDS + 3))

    bench.check()


def test_run__reorg_takes_a_record_away_that_was_found__it_is_registered_again(bench: Bench) -> None:
    stage, other = bench.stage, bench.stage.accounts[7]
    stage.admin(HK, "setAccount", BUREAU_HK, other, 1, True)
    bench.put(3, first=5_000)
    stage.send_as(other, "register", SCHEMA, 0, 0, [bench.words()[-1]])
    run_until(bench, lambda: whole(bench, RECORDS + 3))
    assert rows(bench.settings.home, "SELECT count(*) FROM records WHERE found = 1") == [(1,)]
    stage.anvil.reorg(2)

    run_until(bench, lambda: whole(bench, RECORDS + 3))

    bench.check()


def test_run__node_lost_the_newest_blocks__waits_until_it_has_more_and_sends_again(
    stage: Stage, tmp_path: Path
) -> None:
    with bench_on(stage, tmp_path / "bureau", batch_records=BATCH_RECORDS) as bench:
        bench.put(BATCH_RECORDS, first=0)
        bench.pump_until_idle()
        kept = stage.anvil.rpc("evm_snapshot")
        for number in range(1, 4):
            bench.put(BATCH_RECORDS, first=100 * number)
            bench.pump_until_idle()
        follow(bench)
        before = _mirrored(bench)
        stage.anvil.rpc("evm_revert", kept)

        with bench.client() as client, pytest.raises(NodeBehind):
            client.follow()
        assert _mirrored(bench) == before, "a node that is behind made the mirror forget"

        stage.anvil.mine(5)
        run_until(bench, lambda: whole(bench, 4 * BATCH_RECORDS))
        assert bench.sent() == 4
        bench.check()


def _mirrored(bench: Bench) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(bench.settings.mirror_file)) as connection:
        return connection.execute("SELECT block_number, log_index, tx_hash FROM events ORDER BY 1, 2").fetchall()


def test_run__node_killed_and_back_with_its_tail_lost__sends_again(tmp_path: Path) -> None:
    # With its first time fixed, Anvil's genesis is the same after a restart.
    founding = ("--timestamp", "1795000000")
    with (
        running_anvil(*founding) as anvil,
        stage_on(anvil, tmp_path) as stage,
        bench_on(stage, tmp_path / "bureau", batch_records=BATCH_RECORDS) as bench,
    ):
        bench.put(BATCH_RECORDS, first=0)
        bench.pump_until_idle()
        saved = anvil.rpc("anvil_dumpState")
        for number in range(1, 4):
            bench.put(BATCH_RECORDS, first=100 * number)
            bench.pump_until_idle()
        follow(bench)
        anvil.kill()
        with pytest.raises(NodeUnreachable):
            follow(bench)
        with running_anvil(*founding, port=int(anvil.url.rpartition(":")[2])) as again:
            again.rpc("anvil_loadState", saved)
            assert bench.sent() == 1
            again.mine(5)
            run_until(bench, lambda: whole(bench, 4 * BATCH_RECORDS))
            assert bench.sent() == 4
            bench.check()
