"""A node that is away or another, a registry that takes nothing: one line, and nothing lost, doubled or half done."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chain.console import Console
from tests.chain.counter import registered
from tests.chain.homes import (
    BANK_SZ,
    BUREAU_HK,
    PROVIDER,
    SUSPENDED,
    TERMINATED,
    Stage,
    free_port,
    running_anvil,
    write_rows,
)
from tests.chain.proxy import Cut, Request, proxy_before
from tests.chain.proxy import result as answered
from tests.chain.unchanged import (
    moved,
    nothing_changes,
    records_of,
)

pytestmark = pytest.mark.chain


# ---------------------------------------------------------------------------------------------------------- a node


def test_submit__node_down__takes_nothing_in(stage: Stage, console: Console, rows: Path, tmp_path: Path) -> None:
    home = moved(stage, tmp_path / "cut-off", f"http://127.0.0.1:{free_port()}")
    commands = (("submit", rows), ("status",), ("find", "00" * 8), ("review", "list"), ("audit", "replay"))
    with nothing_changes(stage, home):
        for process in [console.start(*command, home=home) for command in commands]:
            said = console.end(process)
            assert said.code == 1
            assert said.complaint.endswith("is the node up, and the URL right?")


def test_submit__node_dies_under_way__what_was_taken_in_is_kept_and_finished_later(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "rows.jsonl", 1_700, first=1)
    with proxy_before(stage.anvil.url) as proxy:
        home = moved(stage, tmp_path / "bureau", proxy.url)

        def dead(body: bytes) -> tuple[int, bytes] | None:
            if proxy.seen["eth_sendRawTransaction"] >= 2:
                raise Cut
            return None

        proxy.whole = dead
        said = console.run("submit", source, home=home)
        assert said.code == 1
        assert said.complaint.endswith("is the node up, and the URL right?")
        assert list((home / "rejected").iterdir()) == []
        taken = records_of(home)
        assert 1 < taken.total() < 1_701
        assert 1 < stage.entries() < 1_701

        proxy.whole = None
        assert console.does("submit", source, "--json", home=home).json["accepted"] == 1_701 - taken.total()
    assert records_of(home).total() == 1_701
    assert taken <= records_of(home)
    topic = "0x" + stage.abi.topic("BatchRegistered").hex()
    assert registered(stage.anvil.url, stage.registry, topic) == records_of(home)


def test_submit__the_process_that_prepares_rows_dies_within_a_chunk__no_row_is_taken_in_cut_short(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "large.jsonl", 10_000, first=1)
    process = console.start("submit", source, home=bureau)
    until = time.monotonic() + 20
    while (taken := records_of(bureau).total()) == 1:
        assert time.monotonic() < until, "nothing was taken in"
    process.send_signal(signal.SIGSTOP)
    # A chunk is larger than the pipe: nobody reads, so the other process stands within one.
    time.sleep(0.5)
    (preparer,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(preparer), signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    said = console.end(process)
    assert said.code == 1
    assert said.complaint.endswith("submit the file again")
    assert taken < 10_001
    console.does("submit", source, home=bureau)
    assert records_of(bureau).total() == stage.entries() == 10_001


def test_command__another_chain_behind_the_url__is_refused(
    stage: Stage, console: Console, rows: Path, package: Path, tmp_path: Path
) -> None:
    with running_anvil("--chain-id", "4242") as other:
        bureau = moved(stage, tmp_path / "bureau", other.url)
        bank = stage.home(BANK_SZ, tmp_path / "misled", other.url).home
        with nothing_changes(stage, bureau):
            for command in (("submit", rows), ("status",), ("find", "00" * 8), ("review", "list")):
                said = console.run(*command, home=bureau)
                assert said.code == 1
                assert "chain id is 4242, the trusted deployment says 31337" in said.complaint
        assert other.height() == 0
        said = console.run("verify", package, home=bank)
        assert said.code == 1
        assert "chain id is 4242" in said.complaint


def test_command__another_contract_behind_the_url__is_refused(stage: Stage, console: Console, bureau: Path) -> None:
    code = stage.anvil.rpc("eth_getCode", stage.registry, "latest")
    stage.anvil.rpc("anvil_setCode", stage.registry, code[:-2] + "00")
    said = console.run("find", "00" * 8, home=bureau)
    assert said.code == 1
    assert "code hash at the registry's address is" in said.complaint


# -------------------------------------------------------------------------------------------------- the registry


def _suspended(stage: Stage) -> None:
    stage.standing(BUREAU_HK, SUSPENDED)


def _terminated(stage: Stage) -> None:
    stage.standing(BUREAU_HK, TERMINATED)


def _ended(stage: Stage) -> None:
    stage.scope(BUREAU_HK, roles=PROVIDER, until=stage.anvil.now() + 3_600)
    stage.anvil.rpc("evm_increaseTime", 3_601)
    stage.anvil.mine()


def _not_scoped(stage: Stage) -> None:
    stage.scope(BUREAU_HK, roles=PROVIDER, schemas=0)


def _paused(stage: Stage) -> None:
    stage.admin(2, "setPaused", True)


def _unbound(stage: Stage) -> None:
    stage.admin(1, "setAccount", BUREAU_HK, stage.keys[BUREAU_HK]["submit"], 1, False)


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (_suspended, "NotEntitled"),
        (_terminated, "NotEntitled"),
        (_ended, "NotEntitled"),
        (_not_scoped, "NotEntitled"),
        (_paused, "a side pauses the registry"),
        (_unbound, "ask your authority to bind and enable this account"),
    ],
)
def test_submit__not_entitled_now__takes_nothing_in(
    act: Callable[[Stage], None], complaint: str, stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    act(stage)
    with nothing_changes(stage, bureau):
        said = console.run("submit", rows, home=bureau)
        assert said.code == 1
        assert complaint in said.complaint
        assert "ask your authority" in said.complaint or "until it is lifted" in said.complaint


@pytest.mark.parametrize("act", [_suspended, _paused])
def test_run__not_entitled_now__keeps_what_waits_and_says_so(
    act: Callable[[Stage], None], stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    console.does("submit", rows, "--detach", home=bureau)
    act(stage)
    with nothing_changes(stage, bureau), console.start("run", home=bureau) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert line.startswith("creditconnect: the registry refused: ")
    assert "again in" in line
    assert process.returncode == 0
    assert console.does("status", "--json", home=bureau).json["waiting"] == 3


def test_command__an_institution_that_is_not_admitted__is_told_to_ask(
    stage: Stage, console: Console, rows: Path, package: Path, tmp_path: Path
) -> None:
    where = ("--node", stage.anvil.url, "--deployment", stage.deployment)
    console.does("init", "CRA-HK-77", *where, "--key", "submit", home=tmp_path / "stranger")
    with nothing_changes(stage, tmp_path / "stranger"):
        said = console.run("submit", rows, home=tmp_path / "stranger")
        assert said.code == 1
        assert said.complaint.endswith("ask your authority to bind and enable this account")
    said = console.run("review", "list", home=tmp_path / "stranger")
    assert said.code == 2
    assert said.complaint.endswith("CRA-HK-77: ask your authority to admit it")
    said = console.run("verify", package, home=tmp_path / "stranger")
    assert (said.code, said.err) == (10, "")
    assert "ASKER_UNKNOWN" in said.out


def test_submit__a_schema_that_the_registry_has_not_pinned__takes_nothing_in(
    stage: Stage, console: Console, rows: Path, tmp_path: Path
) -> None:
    selector = "0x" + stage.abi.selector("schemaByHash").hex()

    def unpinned(call: Request, forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        asked = call["params"][0]["data"].startswith(selector)
        return answered(call, "0x" + "00" * 32) if asked else forward()

    with proxy_before(stage.anvil.url) as proxy:
        home = moved(stage, tmp_path / "bureau", proxy.url)
        proxy.rules["eth_call"] = unpinned
        with nothing_changes(stage, home):
            said = console.run("submit", rows, home=home)
            assert said.code == 2
            assert said.complaint.endswith("ask an authority to add it")


def test_submit__a_bank_without_a_key__is_refused(stage: Stage, console: Console, bank: Path, rows: Path) -> None:
    with nothing_changes(stage, bank):
        said = console.run("submit", rows, home=bank)
        assert said.code == 2
        assert "submit.json: there is no such keystore" in said.complaint
