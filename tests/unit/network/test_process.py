"""Promise: a node's process is known by its lock, stops when asked, and tells why it ended or what killed it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditconnect.errors import NetworkError
from creditconnect.network.process import NodeProcess

RUNS = "import time; print('INFO up', flush=True); time.sleep(60)"


@pytest.fixture
def process(tmp_path: Path) -> Iterator[NodeProcess]:
    made = NodeProcess(tmp_path, clock=time.time, sleep=time.sleep)
    yield made
    made.stop()


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def ended(process: NodeProcess) -> NodeProcess:
    until = time.monotonic() + 30
    while process.is_running():
        assert time.monotonic() < until
        time.sleep(0.02)
    return process


def test_start__runs_already__refused_and_found_by_another(process: NodeProcess, tmp_path: Path) -> None:
    started = process.start(python(RUNS))
    other = NodeProcess(tmp_path, clock=time.time, sleep=time.sleep)
    assert other.is_running()
    assert other.started() == started
    with pytest.raises(NetworkError, match="its node runs already"):
        other.start(python(RUNS))
    assert other.stop()
    assert not process.is_running()
    assert not process.stop()


def test_start__passphrase__reaches_it_by_a_pipe_and_is_in_no_file(process: NodeProcess, tmp_path: Path) -> None:
    command = [*python("import sys; print('INFO', len(open(sys.argv[1]).read()))"), "{passphrase}"]
    process.start(command, passphrase="correct horse")
    assert ended(process).last_lines(1) == ["INFO 14"]
    assert not [path for path in tmp_path.iterdir() if b"correct horse" in path.read_bytes()]


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("print('INFO up'); print('Fatal: no such thing'); print('INFO down')", "Fatal: no such thing"),
        ("print('ERROR first'); print('ERROR second'); print('INFO down')", "ERROR second"),
        (
            "print('ERROR[1] Low disk space. Shutting down'); print('ERROR later')",
            "ERROR[1] Low disk space. Shutting down",
        ),
        ("print('panic: nil'); print('ERROR later'); print('goroutine 1\\n' * 5000)", "panic: nil"),
        ("print('fatal error: out of memory'); print('goroutine 1\\n' * 5000)", "fatal error: out of memory"),
        ("print('INFO up'); print('INFO down')", "INFO down"),
        ("pass", ""),
    ],
)
def test_last_words__it_ended_by_itself__the_line_that_tells(process: NodeProcess, says: str, told: str) -> None:
    process.start(python(says))
    assert ended(process).last_words() == told


def test_killed_by__killed__by_what(process: NodeProcess) -> None:
    os.kill(process.start(python(RUNS)).pid, signal.SIGKILL)
    assert ended(process).killed_by() == "SIGKILL"


def test_killed_by__ended_by_itself__none(process: NodeProcess) -> None:
    process.start(python("raise SystemExit(1)"))
    assert ended(process).killed_by() is None


def test_last_words__started_again__nothing_of_the_start_before(process: NodeProcess) -> None:
    process.start(python("print('Fatal: before')"))
    ended(process)
    process.start(python("print('INFO now')"))
    assert ended(process).last_words() == "INFO now"
