"""Promise: the mirror holds the registry's events as the chain has them, or says loudly that it can't.

It moves back only when a block's hash is proven to differ; a node that lacks a block, refuses a window, leaves events
out or changes its chain between two questions leaves no gap and no stale event behind.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from creditconnect.chain.finality import Finality
from creditconnect.chain.registry import Registry
from creditconnect.chain.rpc import Node
from creditconnect.custody.database import Database
from creditconnect.errors import MirrorInconsistent, NodeBehind, NodeRefused, OtherChain, ReorgTooDeep
from creditconnect.exchange import mirror as mirrors
from creditconnect.exchange.mirror import GREATEST_REORG_BLOCKS, Mirror
from creditconnect.types import UNSEALED
from tests.chain.homes import HK, SCHEMA, SZ, Stage, running_anvil, stage_on
from tests.chain.proxy import Answer, Forward, Proxy, Request, proxy_before, refusal, result

pytestmark = pytest.mark.chain

Event = tuple[int, str, int]


@dataclass
class Watch:
    """A mirror that follows through a proxy."""

    stage: Stage
    proxy: Proxy
    path: Path
    mirror: Mirror

    def pause(self) -> None:
        """One more block with one more event."""
        self.stage.admin(HK, "setPaused", True)

    def register(self, number: int) -> None:
        self.stage.send_as(self.stage.accounts[7], "register", SCHEMA, 0, 0, [word(number)])

    def kept(self) -> list[Event]:
        """Block, transaction and index of each mirrored event, as they lie."""
        with closing(sqlite3.connect(self.path)) as connection:
            found = connection.execute("SELECT block_number, tx_hash, log_index FROM events ORDER BY 1, 3").fetchall()
        return [(number, "0x" + bytes(tx).hex(), index) for number, tx, index in found]

    def on_chain(self) -> list[Event]:
        query = {"address": self.stage.registry, "fromBlock": "0x0", "toBlock": "latest"}
        logs = self.stage.anvil.rpc("eth_getLogs", query)
        return [(int(log["blockNumber"], 16), log["transactionHash"], int(log["logIndex"], 16)) for log in logs]

    def check(self) -> None:
        assert self.kept() == self.on_chain()


def word(number: int) -> bytes:
    """A record as the contract takes it, with a hash of its own."""
    return number.to_bytes(8, "big") + bytes(23) + b"\1"


@contextmanager
def watching(stage: Stage, proxy: Proxy, path: Path, *, first_block: int = 1) -> Iterator[Watch]:
    database = Database(path, mirrors.MIGRATIONS)
    try:
        registry = Registry(Node(proxy.url, attempts=1), stage.registry, stage.abi)
        yield Watch(
            stage, proxy, path, Mirror(database, stage.reach(registry), Finality(UNSEALED), first_block=first_block)
        )
    finally:
        database.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path) as stage:
        stage.admin(HK, "setAccount", 1, stage.accounts[7], 1, True)
        yield stage


@pytest.fixture
def watch(stage: Stage, tmp_path: Path) -> Iterator[Watch]:
    with proxy_before(stage.anvil.url) as proxy, watching(stage, proxy, tmp_path / "mirror.db") as watch:
        yield watch


# ------------------------------------------------------------------------------------------------------- following


def test_follow__registry_with_events__each_is_kept_once_and_decoded(watch: Watch) -> None:
    followed = watch.mirror.follow()
    assert followed.events == len(watch.on_chain()) > 0
    assert followed.rewound_to is None
    assert followed.block.number == watch.mirror.height() == watch.stage.anvil.height()
    watch.check()
    assert watch.mirror.follow().events == 0
    watch.register(1)
    assert watch.mirror.follow().events == 1
    watch.check()
    ((log, event),) = watch.mirror.events("BatchRegistered")
    assert event.arguments["records"] == (word(1),)
    assert watch.mirror.batch(1) == (log, event)
    assert watch.mirror.batch(2) is None
    assert [found for _, found in watch.mirror.batches_of(1)] == [event]
    assert list(watch.mirror.batches_of(2)) == []


def test_follow__stopped_and_opened_again__goes_on_where_it_was(watch: Watch, tmp_path: Path) -> None:
    watch.mirror.follow()
    height = watch.mirror.height()
    watch.pause()
    with watching(watch.stage, watch.proxy, watch.path) as again:
        assert again.mirror.height() == height
        assert again.mirror.follow().events == 1
        again.check()


def test_follow__said_to_begin_in_block_0_where_no_registry_is__one_line_says_so(watch: Watch, tmp_path: Path) -> None:
    with (
        watching(watch.stage, watch.proxy, tmp_path / "early.db", first_block=0) as early,
        pytest.raises(OtherChain, match=r"block 0: what is at 0x\w{40} does not answer as a registry"),
    ):
        early.mirror.follow()


def test_follow__thousands_of_empty_blocks__in_windows_and_without_a_row_for_each(watch: Watch) -> None:
    watch.stage.anvil.mine(2_100)
    watch.pause()
    seen: list[tuple[int, int]] = []
    watch.mirror.follow(progress=lambda done, total: seen.append((done, total)))
    assert len(seen) == 2
    assert seen[-1][0] == seen[-1][1]
    watch.check()
    with closing(sqlite3.connect(watch.path)) as connection:
        assert connection.execute("SELECT count(*) FROM blocks").fetchone()[0] < 100


@pytest.mark.parametrize("most", [3, 100])
def test_follow__node_refuses_wide_windows__halves_until_it_fits(watch: Watch, most: int) -> None:
    watch.stage.anvil.mine(150)
    watch.pause()

    def limited(call: Request, forward: Forward) -> Answer:
        query = call["params"][0]
        wide = int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1 > most
        return refusal(call, -32005, "block range is too wide") if wide else forward()

    watch.proxy.rules["eth_getLogs"] = limited
    watch.mirror.follow()
    watch.check()


def test_follow__node_refuses_a_single_block__raises_and_keeps_what_was_whole(watch: Watch) -> None:
    watch.mirror.follow()
    before = watch.kept()
    watch.stage.anvil.mine(10)
    watch.proxy.rules["eth_getLogs"] = lambda call, _: refusal(call, -32005, "limit exceeded")
    with pytest.raises(NodeRefused):
        watch.mirror.follow()
    assert watch.kept() == before
    watch.proxy.rules.clear()
    watch.mirror.follow()
    watch.check()


# --------------------------------------------------------------------------------------------------- behind, reorgs


def test_follow__reorg_takes_events_away__rewinds_to_the_last_common_block(watch: Watch) -> None:
    watch.register(1)
    watch.mirror.follow()
    common = watch.mirror.height()
    watch.register(2)
    watch.pause()
    watch.mirror.follow()
    watch.stage.anvil.reorg(2)
    followed = watch.mirror.follow()
    assert followed.rewound_to == common
    watch.check()
    watch.register(3)
    assert watch.mirror.follow().rewound_to is None
    watch.check()


@pytest.mark.parametrize("depth", [1, 3, 10, 30])
def test_follow__reorg_of_any_depth__holds_what_the_chain_holds(watch: Watch, depth: int) -> None:
    watch.stage.anvil.mine(20)
    for number in range(10):
        watch.register(number + 1)
        watch.mirror.follow()
        watch.stage.anvil.mine(number % 3)
    watch.stage.anvil.reorg(depth)
    watch.register(100)
    watch.mirror.follow()
    watch.check()


def test_follow__node_has_fewer_blocks__behind_and_nothing_forgotten(watch: Watch) -> None:
    kept = watch.stage.anvil.rpc("evm_snapshot")
    watch.register(1)
    watch.mirror.follow()
    before = watch.kept()
    watch.stage.anvil.rpc("evm_revert", kept)
    with pytest.raises(NodeBehind) as behind:
        watch.mirror.follow()
    assert watch.proxy.url in behind.value.message
    assert behind.value.hint
    assert watch.kept() == before


def test_follow__two_nodes_answer_by_turns_and_one_is_frozen__height_never_moves_back(watch: Watch) -> None:
    heights: list[int] = []
    frozen: dict[str, Any] = watch.stage.anvil.rpc("eth_getBlockByNumber", "latest", False)
    top = int(frozen["number"], 16)

    def lagging(call: Request, forward: Forward) -> Answer:
        asked = call["params"][0]
        if asked == "latest":
            return result(call, frozen)
        return result(call, None) if int(asked, 16) > top else forward()

    for number in range(3):
        watch.register(number + 1)
        watch.proxy.rules.clear()
        watch.mirror.follow()
        heights.append(watch.mirror.height())
        watch.proxy.rules["eth_getBlockByNumber"] = lagging
        with pytest.raises(NodeBehind):
            watch.mirror.follow()
        heights.append(watch.mirror.height())
    assert heights == sorted(heights)
    watch.check()


def test_follow__reorg_deeper_than_the_limit__stops_and_deletes_nothing(watch: Watch) -> None:
    for number in range(GREATEST_REORG_BLOCKS + 4):
        watch.register(number + 1)
    watch.mirror.follow()
    before = watch.kept()
    watch.stage.anvil.reorg(GREATEST_REORG_BLOCKS + 2)
    for _ in range(2):
        with pytest.raises(ReorgTooDeep) as deep:
            watch.mirror.follow()
        assert "nothing was deleted" in deep.value.hint
    assert watch.kept() == before


# ------------------------------------------------------------------------------------------ what happens in between


def _at(turn: int, do: Callable[[], object]) -> Callable[[Request, Forward], Answer]:
    """A rule that does something once, before its `turn`-th call is handed on."""
    count = 0

    def rule(_: Request, forward: Forward) -> Answer:
        nonlocal count
        count += 1
        if count == turn:
            do()
        return forward()

    return rule


def _reorg_with_another_event(watch: Watch) -> None:
    watch.stage.anvil.reorg(3)
    watch.stage.admin(SZ, "setPaused", True)
    watch.stage.anvil.mine(3)


@pytest.mark.parametrize("turn", [1, 2])
def test_follow__reorg_while_a_window_is_read__nothing_stale_is_kept(watch: Watch, turn: int) -> None:
    watch.mirror.follow()
    for number in range(3):
        watch.register(number + 1)
    watch.proxy.rules["eth_getLogs"] = _at(turn, lambda: _reorg_with_another_event(watch))
    for _ in range(3):
        try:
            watch.mirror.follow()
        except NodeBehind:
            continue
    watch.check()


def test_follow__reorg_below_the_mirrored_height_between_two_questions__nothing_stale_is_kept(watch: Watch) -> None:
    watch.mirror.follow()
    watch.pause()
    watch.mirror.follow()
    watch.stage.anvil.mine(2)
    # 1 and 2: the head and the last mirrored block; then the reorg, which takes that away; then the window's blocks.
    watch.proxy.rules["eth_getBlockByNumber"] = _at(3, lambda: _reorg_with_another_event(watch))
    for _ in range(3):
        try:
            watch.mirror.follow()
        except NodeBehind:
            continue
    watch.check()


def test_follow__another_process_follows_into_the_same_database__neither_fails(watch: Watch) -> None:
    watch.mirror.follow()
    watch.register(1)
    with watching(watch.stage, watch.proxy, watch.path) as other:
        rivals = iter([other])

        def overtaken(_: Request, forward: Forward) -> Answer:
            answer = forward()
            for rival in rivals:
                watch.register(2)
                rival.mirror.follow()
            return answer

        watch.proxy.rules["eth_getLogs"] = overtaken
        watch.mirror.follow()
    watch.check()


def test_follow__another_process_is_further_than_the_head_that_was_read__consistent(watch: Watch) -> None:
    watch.mirror.follow()
    with watching(watch.stage, watch.proxy, watch.path) as other:
        rivals = iter([other])

        def overtaken(_: Request, forward: Forward) -> Answer:
            answer = forward()
            for rival in rivals:
                watch.register(1)
                rival.mirror.follow()
            return answer

        watch.proxy.rules["eth_getBlockByNumber"] = overtaken
        watch.mirror.follow()
    watch.check()


# ------------------------------------------------------------------------------------------------------- lying nodes


def test_follow__node_leaves_a_batch_out__inconsistent(watch: Watch) -> None:
    for number in range(3):
        watch.register(number + 1)
    topic = "0x" + watch.stage.abi.topic("BatchRegistered").hex()

    def without_the_second(call: Request, forward: Forward) -> Answer:
        answer = forward()
        batches = [log for log in answer["result"] if log["topics"][0] == topic]
        return result(call, [log for log in answer["result"] if log is not batches[1]])

    watch.proxy.rules["eth_getLogs"] = without_the_second
    with pytest.raises(MirrorInconsistent, match="counts 3 batches, its events 2") as inconsistent:
        watch.mirror.follow()
    assert inconsistent.value.hint
    watch.proxy.rules.clear()
    with pytest.raises(MirrorInconsistent):
        watch.mirror.follow()
    watch.path.unlink()
    with watching(watch.stage, watch.proxy, watch.path.with_name("anew.db")) as anew:
        anew.mirror.follow()
        anew.check()


def test_follow__node_says_that_there_are_no_logs__inconsistent(watch: Watch) -> None:
    watch.register(1)
    watch.proxy.rules["eth_getLogs"] = lambda call, _: result(call, [])
    with pytest.raises(MirrorInconsistent):
        watch.mirror.follow()
