"""The command at a terminal of its own: prompts, the bar, Ctrl-C."""

from __future__ import annotations

import os
import pty
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain.console import PROGRAM, Console, variable
from tests.chain.homes import (
    BUREAU_HK,
    PROVIDER,
    Stage,
    passphrase,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)

pytestmark = pytest.mark.chain


@pytest.fixture(autouse=True, scope="module")
def interruptible() -> Iterator[None]:
    """Programs started here heed Ctrl-C even where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path_factory.mktemp("stage")) as stage:
        stage.scope(BUREAU_HK, roles=PROVIDER, reviewed=True)
        yield stage


@pytest.fixture
def stage(founded: Stage) -> Iterator[Stage]:
    with taken_back(founded) as stage:
        _catch_up(stage)
        yield stage


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Path:
    return stage.home(BUREAU_HK, tmp_path / "bureau").home


def test_submit__at_a_terminal__asks_without_echo_and_shows_a_bar_after_a_second(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    stage.anvil.automine(on=False)
    terminal = _Terminal(console, "submit", write_rows(tmp_path / "rows.jsonl", 3), "--home", bureau)
    for name in ("submit", "vault"):
        terminal.wait_for(f"{name} passphrase: ")
        terminal.type(passphrase(name))
    terminal.wait_for("submitting rows.jsonl")
    stage.anvil.automine(on=True)
    stage.anvil.mine()
    assert terminal.end() == 0
    assert "registered" in terminal.shown
    assert not any(passphrase(name) in terminal.shown for name in ("submit", "vault"))


def test_rotate_passphrase__at_a_terminal__asks_twice_for_the_new_one(console: Console, bureau: Path) -> None:
    terminal = _Terminal(console, "keys", "rotate", "passphrase", "--home", bureau)
    for prompt, typed in (
        ("vault passphrase: ", passphrase("vault")),
        ("new vault passphrase: ", "another"),
        ("the same again: ", "another"),
    ):
        terminal.wait_for(prompt)
        terminal.type(typed)
    assert terminal.end() == 0
    assert "another" not in terminal.shown
    console.set_passphrase("vault", "another")
    console.does("package", "--out", bureau / "packages", home=bureau)


def test_submit__wrong_passphrase_at_a_terminal__is_one_line(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    terminal = _Terminal(console, "submit", write_rows(tmp_path / "rows.jsonl", 3), "--home", bureau)
    terminal.wait_for("submit passphrase: ")
    terminal.type("not the passphrase")
    assert terminal.end() == 1
    said = terminal.shown.split("submit passphrase: ")[1].strip().splitlines()
    assert len(said) == 1
    assert "the passphrase does not open this keystore" in said[0]
    assert stage.entries() == 0


def test_init__at_a_terminal__asks_for_a_new_passphrase_twice(stage: Stage, console: Console, tmp_path: Path) -> None:
    where = ("--node", stage.anvil.url, "--deployment", stage.deployment, "--home", tmp_path / "new")
    terminal = _Terminal(console, "init", "BANK-HK-09", *where)
    terminal.wait_for("new vault passphrase: ")
    terminal.type("one thing")
    terminal.wait_for("the same again: ")
    terminal.type("another thing")
    terminal.wait_for("they differ: once more")
    assert not (tmp_path / "new").exists()
    for prompt in ("new vault passphrase: ", "the same again: "):
        terminal.wait_for(prompt)
        terminal.type("the same")
    assert terminal.end() == 0
    assert (tmp_path / "new" / "settings.toml").exists()


def test_run__interrupted_at_the_prompt__ends(console: Console, bureau: Path) -> None:
    terminal = _Terminal(console, "run", "--home", bureau)
    terminal.wait_for("submit passphrase: ")
    terminal.type("\x03", end="")
    assert terminal.end() != 0


def test_submit__interrupted__says_that_it_can_go_on_and_does(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    stage.anvil.automine(on=False)
    source = write_rows(tmp_path / "rows.jsonl", 3)
    with console.start("submit", source, home=bureau) as process:
        _wait_until(lambda: int(stage.anvil.rpc("txpool_status")["pending"], 16) == 1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "interrupted: what was taken in is kept; the same command again goes on\n"
    stage.anvil.automine(on=True)
    stage.anvil.mine()
    assert console.does("submit", source, "--json", home=bureau).json["registered"] == 3
    assert stage.entries() == 3


def test_submit__a_large_file_interrupted_at_a_terminal__shows_no_traceback_and_goes_on(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "large.jsonl", 20_000)
    terminal = _Terminal(console, "submit", source, "--home", bureau)
    for name in ("submit", "vault"):
        terminal.wait_for(f"{name} passphrase: ")
        terminal.type(passphrase(name))
    _wait_until(lambda: (bureau / "vault.db-wal").exists() and _taken_in(bureau) > 0)
    terminal.type("\x03", end="")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown, terminal.shown
    assert terminal.shown.rstrip().endswith("interrupted: what was taken in is kept; the same command again goes on")
    assert 0 < _taken_in(bureau) < 20_000
    console.does("submit", source, home=bureau)
    assert stage.entries() == 20_000


class _Terminal:
    """A command at a terminal of its own."""

    def __init__(self, console: Console, *arguments: object) -> None:
        environment = {name: value for name, value in console.environment.items() if "CREDITCONNECT" not in name}
        assert variable("vault") not in environment
        self._here, there = pty.openpty()
        self._process = subprocess.Popen(
            [str(PROGRAM), *map(str, arguments)],
            stdin=there,
            stdout=there,
            stderr=there,
            env={**environment, "TERM": "xterm", "COLUMNS": "200"},
            cwd=console.folder,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  no thread runs in a test
        )
        os.close(there)
        self.shown = ""
        self._read_to = 0

    def wait_for(self, text: str) -> None:
        until = time.monotonic() + 20
        while (at := self.shown.find(text, self._read_to)) < 0:
            assert time.monotonic() < until, self.shown
            assert self._read(), self.shown
        self._read_to = at + len(text)

    def type(self, text: str, end: str = "\n") -> None:
        os.write(self._here, (text + end).encode())

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._here)
        return self._process.wait(timeout=20)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._here], [], [], 20)
        try:
            part = os.read(self._here, 65_536) if ready else b""
        except OSError:
            return False  # the other end is closed
        self.shown += part.decode("utf-8", "replace")
        return bool(part)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _catch_up(stage: Stage) -> None:
    """What takes a chain back takes its clock back too; the program goes by the machine's."""
    stage.anvil.rpc("evm_setTime", int(time.time()))
    stage.anvil.mine()


def _taken_in(home: Path) -> int:
    connection = sqlite3.connect(home / "vault.db")
    try:
        (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
        return int(count)
    except sqlite3.OperationalError:
        return 0  # no tables yet
    finally:
        connection.close()


def _wait_until(holds: object) -> None:
    assert callable(holds)
    until = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)
