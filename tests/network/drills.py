"""A drill: what a failing validator, link or disk does to a submission that is under way.

Each begins with rows taken in and `creditconnect run` sending them, strikes when at least a fifth is not registered
yet, mends what broke, and ends when all is final. Then an independent counter finds each row once on both nodes, both
have the same block, and the home has nothing under way.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from creditconnect.errors import NodeUnreachable
from tests.chain.homes import write_rows
from tests.chain.proxy import Answer, Forward, Request, result
from tests.chain.reconciler import assert_settled, in_vault, on_chain
from tests.network.conftest import SIDES, wait_for
from tests.network.ground import PROVIDER, Ground, passphrase

PROGRAM = Path(sys.executable).with_name("creditconnect")
AWAY_SECONDS = 15.0
SETTLED_SECONDS = 300.0
# geth ends by itself when less than a quarter of it is left.
SMALL_DISK_BYTES = 2**30


@dataclass(frozen=True)
class Outcome:
    """What one drill came to: how many records were not registered when it struck, and seconds from when mending it
    began, as from the start of a validator's return.

    `resumed` until a block that is newer than those before, `settled` until all is final.
    """

    name: str
    rows: int
    unregistered: int
    resumed_seconds: float
    settled_seconds: float


Strike = Callable[[Ground], Callable[[], None]]
"""Breaks something; what it returns mends it."""


def drill(ground: Ground, name: str, strike: Strike, rows: int, *, away: float = AWAY_SECONDS) -> Outcome:
    """One drill on a running network, which is left running."""
    home = ground.home(PROVIDER)
    before = ground.recorded()
    source = write_rows(ground.folder / f"{name}.jsonl".replace(" ", "-"), rows, first=before)
    _command(ground, "submit", source, "--schema", "personal-credit-report/1", "--detach")
    with _running(ground):
        wait_for(lambda: ground.recorded() > before, SETTLED_SECONDS)
        seen = _recorded(ground)
        mend = strike(ground)
        # A strike that leaves no node is judged by what they said just before.
        registered = max([*seen, *_recorded(ground)])
        unregistered = before + rows - registered
        assert unregistered * 5 >= rows, f"{name}: struck too late, {unregistered} of {rows} were left"
        time.sleep(away)
        height = max(_heights(ground))
        mending = time.monotonic()
        mend()
        wait_for(lambda: min(_heights(ground)) > height, SETTLED_SECONDS)
        resumed = time.monotonic() - mending
        wait_for(lambda: min(_recorded(ground)) == before + rows, SETTLED_SECONDS)
        wait_for(lambda: _is_settled(home), SETTLED_SECONDS)
        settled = time.monotonic() - mending
    _check(ground, home)
    return Outcome(name, rows, unregistered, resumed, settled)


def _check(ground: Ground, home: Path) -> None:
    """Nothing lost, nothing doubled, one head: by code that shares nothing with the client's."""
    assert_settled(home)
    expected = in_vault(home)
    assert set(expected.values()) == {1}
    for side in SIDES:
        assert on_chain(ground.network.node(side).rpc.url, ground.registry) == expected, side
    common = min(_heights(ground))
    assert len({ground.network.block(side, common)["hash"] for side in SIDES}) == 1


def _is_settled(home: Path) -> bool:
    try:
        assert_settled(home)
    except AssertionError:
        return False
    return True


def _recorded(ground: Ground) -> list[int]:
    return [
        ground.recorded(side) for side in SIDES if ground.network.node(side).is_running() and _answers(ground, side)
    ]


def _heights(ground: Ground) -> list[int]:
    """Of the nodes that answer; 0 for one that does not, so that nothing counts as resumed without it."""
    return [int(ground.ask("eth_blockNumber", side=side), 16) if _answers(ground, side) else 0 for side in SIDES]


def _answers(ground: Ground, side: str) -> bool:
    try:
        ground.ask("eth_blockNumber", side=side)
    except NodeUnreachable:
        return False
    return True


# --------------------------------------------------------------------------------------------------------- strikes


def stopped(side: str) -> Strike:
    def strike(ground: Ground) -> Callable[[], None]:
        ground.network.node(side).stop()
        return lambda: ground.network.up(side)

    return strike


def killed(*sides: str) -> Strike:
    def strike(ground: Ground) -> Callable[[], None]:
        for side in sides:
            ground.network.kill(side)
        return lambda: ground.network.up(*sides)

    return strike


def frozen(side: str) -> Strike:
    def strike(ground: Ground) -> Callable[[], None]:
        ground.network.kill(side, signal.SIGSTOP)
        return lambda: ground.network.kill(side, signal.SIGCONT)

    return strike


def cut(ground: Ground) -> Callable[[], None]:
    for link in ground.links:
        link.cut()

    def mend() -> None:
        for link in ground.links:
            link.restore()

    return mend


def emptied(side: str) -> Strike:
    """The disk is lost; the key and the passphrase are not."""

    def strike(ground: Ground) -> Callable[[], None]:
        node = ground.network.node(side)
        ground.network.kill(side)
        wait_for(lambda: not node.is_running())
        shutil.rmtree(node.folder.data_folder)
        return lambda: ground.network.up(side)

    return strike


def restored(side: str) -> Strike:
    """The disk is lost, and a copy of a while ago takes its place."""

    def strike(ground: Ground) -> Callable[[], None]:
        node = ground.network.node(side)
        copy = ground.folder / f"backup-{side}"
        node.stop()
        shutil.copytree(node.folder.data_folder, copy)
        ground.network.up(side)
        wait_for(lambda: node.head() > 0)
        time.sleep(2)
        ground.network.kill(side)
        wait_for(lambda: not node.is_running())
        shutil.rmtree(node.folder.data_folder)
        copy.rename(node.folder.data_folder)
        return lambda: ground.network.up(side)

    return strike


def lied_to(ground: Ground) -> Callable[[], None]:
    """The own side's node takes transactions and hands none on, and says of each that it is in its newest block."""

    def swallowed(request: Request, forward: Forward) -> Answer:
        return result(request, "0x" + keccak(bytes.fromhex(request["params"][0][2:])).hex())

    def forged(request: Request, forward: Forward) -> Answer:
        if (answer := forward())["result"] is None:
            head = ground.ask("eth_getBlockByNumber", "latest", False)
            placed = {"blockNumber": head["number"], "blockHash": head["hash"]}
            answer["result"] = placed | {"transactionHash": request["params"][0], "status": "0x1", "gasUsed": "0x5208"}
        return answer

    ground.proxy.rules |= {"eth_sendRawTransaction": swallowed, "eth_getTransactionReceipt": forged}
    return ground.proxy.rules.clear


def full(side: str) -> Strike:
    """The disk under a validator is full; mended is it by room on it and a restart."""

    def strike(ground: Ground) -> Callable[[], None]:
        node = ground.network.node(side)
        data, disk = node.folder.data_folder, ground.folder / "small disk"
        node.stop()
        size = 2 * sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) + SMALL_DISK_BYTES
        disk.mkdir()
        _mount(disk, size)
        shutil.copytree(data, disk / "data")
        shutil.rmtree(data)
        data.symlink_to(disk / "data")
        ground.network.up(side)
        ballast = disk / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**20))

        def mend() -> None:
            ballast.unlink()
            node.stop()
            ground.network.up(side)

        return mend

    return strike


def _mount(disk: Path, size_bytes: int) -> None:
    """A disk of its own; unmounted when the test's machine ends, or by `unmount`."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "none", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"NOT DRILLED: a full disk, as this user can't mount a small one ({done.stderr.strip()})")


def unmount(ground: Ground) -> None:
    """Let go of the small disk, if there is one."""
    subprocess.run(["umount", "--lazy", str(ground.folder / "small disk")], capture_output=True, check=False)


DRILLS: dict[str, Strike] = {
    **{f"stop {side}": stopped(side) for side in SIDES},
    **{f"freeze {side}": frozen(side) for side in SIDES},
    **{f"kill -9 {side}": killed(side) for side in SIDES},
    "kill -9 both": killed(*SIDES),
    "cut the link": cut,
    "restore sz from a backup": restored("sz"),
    "empty sz": emptied("sz"),
    "a lying node": lied_to,
    # Last: its disk stays small.
    "a full disk under sz": full("sz"),
}


# ------------------------------------------------------------------------------------------------------- processes


def _environment(ground: Ground) -> dict[str, str]:
    named = {}
    for name in ("vault", "submit"):
        file = ground.folder / f"{name}.passphrase"
        file.write_text(passphrase(name) + "\n", encoding="utf-8")
        named[f"CREDITCONNECT_{name.upper()}_PASSPHRASE_FILE"] = str(file)
    return os.environ | named


def _command(ground: Ground, *arguments: object) -> None:
    command = [str(PROGRAM), *map(str, arguments), "--home", str(ground.home(PROVIDER))]
    done = subprocess.run(command, env=_environment(ground), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def _running(ground: Ground) -> Iterator[None]:
    """`creditconnect run`, as a provider leaves it running."""
    command = [str(PROGRAM), "run", "--home", str(ground.home(PROVIDER))]
    log = (ground.folder / "run.log").open("ab")
    process = subprocess.Popen(command, env=_environment(ground), stdout=log, stderr=log)
    try:
        yield
        assert process.poll() is None, (ground.folder / "run.log").read_text()[-2_000:]
    finally:
        process.terminate()
        process.wait(60)
        log.close()
