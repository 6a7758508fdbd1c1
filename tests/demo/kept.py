"""A demo that was played and is left running (`--keep`), as the README has its readers do it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

READY = "the chain runs until Ctrl-C"
ENDED_SECONDS = 60


@contextmanager
def kept_demo(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path, seconds: float
) -> Iterator[str]:
    """What it said, once its chain is ready, which ends with the block. `command` becomes make."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=output, stderr=output)
    try:
        until = time.monotonic() + seconds
        while READY not in log.read_text() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.2)
        assert READY in log.read_text(), log.read_text()
        yield log.read_text()
    finally:
        # make's child is the one that holds the chain; it ends with its group of processes.
        subprocess.run(["pkill", "-TERM", "-P", str(process.pid)], check=False)
        process.wait(timeout=ENDED_SECONDS)
