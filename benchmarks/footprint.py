"""What a person or a small machine notices: seconds to start, and memory for a large file. Each in a new process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.ground import MAPPING, PROVIDER, Ground, fresh_ground
from benchmarks.results import Result, Target
from benchmarks.timing import seconds

ROUNDS = 7
CHILD_SECONDS = 120
_INTERPRETER_IS = "the same interpreter started to do nothing"

# ru_maxrss is in KiB, on macOS in bytes.
_PEAK = """
import resource, sys
from creditconnect import Client
with Client.open(sys.argv[1], ask=lambda name: "guards nothing: " + name) as client:
    submission = client.submit(sys.argv[2], mapping=sys.argv[3], detach=True)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(submission.accepted + submission.repeated, peak * (1 if sys.platform == "darwin" else 1024))
"""


def start_seconds(_quick: bool) -> list[Result]:
    """Whole processes, the median of some rounds, files in the cache."""
    nothing = _seconds([sys.executable, "-c", "pass"])
    imported = _seconds([sys.executable, "-c", "import creditconnect"])
    client = _seconds([sys.executable, "-c", "from creditconnect import Client"])
    shown = _seconds([str(Path(sys.executable).with_name("creditconnect")), "--help"])
    return [
        Result("import_seconds", "s", imported, nothing, _INTERPRETER_IS, Target(0.3, True, True)),
        Result("import_client_seconds", "s", client, nothing, _INTERPRETER_IS),
        Result("help_seconds", "s", shown, nothing, _INTERPRETER_IS, Target(0.5, True, True)),
    ]


def peak_memory_100k_rows(quick: bool) -> list[Result]:
    """Peak resident memory of a process that puts a file's rows into a vault."""
    rows, few = (20_000, 1_000) if quick else (100_000, 1_000)
    # Keys at their full strength: opening the vault's takes memory too.
    with fresh_ground(scrypt_work=None) as ground:
        reference = _peak_megabytes(ground, few)
        ours = _peak_megabytes(ground, rows)
    reference_is = f"the same process with {few:,} rows; ours has {rows:,}"
    return [Result("peak_memory_100k_rows", "MB", ours, reference, reference_is, Target(500, True, True))]


def _peak_megabytes(ground: Ground, rows: int) -> float:
    home, source = ground.folder / PROVIDER, ground.rows(rows)
    accepted, peak = _output([sys.executable, "-c", _PEAK, str(home), str(source), MAPPING]).split()
    if int(accepted) != rows:
        raise RuntimeError(f"{accepted} of {rows} rows were accepted")
    return int(peak) / 1e6


def _seconds(command: Sequence[str]) -> float:
    _output(command)
    return median(seconds(lambda: _output(command)) for _ in range(ROUNDS))


def _output(command: Sequence[str]) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False)
    if finished.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {finished.returncode}: {finished.stderr[-500:]}")
    return finished.stdout
