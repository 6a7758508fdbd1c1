"""Prints how much of contracts/ the Solidity tests run; exits 1 below 100 % of its lines, functions and branches.

forge measures it, without the IR and the optimizer, whose code cannot be told apart line by line. It counts `if` and
`else`, not the parts of a condition and not `? :`: that those are tested is seen by planting defects into them, as
tests/contract/README.md tells.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from tools.toolchain import ROOT, program_path

REPORT = ROOT / "out" / "coverage.lcov"
KINDS = {"DA": "lines", "FNDA": "functions", "BRDA": "branches"}
INTERFACE = "IRecordRegistry.sol"  # no code
NOT_RUN = ("0", "-")


class CoverageError(Exception):
    """forge could not measure."""


@dataclass
class Coverage:
    """What was found and run of one source file, by kind; `missed` names what was not run."""

    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS.values(), 0))
    missed: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS.values()})

    def add(self, kind: str, place: str, hits: str) -> None:
        self.found[kind] += 1
        if hits in NOT_RUN:
            self.missed[kind].append(place)

    def ratio(self, kind: str) -> str:
        return f"{self.found[kind] - len(self.missed[kind])}/{self.found[kind]}"


def measure() -> None:
    """Runs the tests that are not random: what they leave out, a lucky seed must not hide."""
    REPORT.parent.mkdir(exist_ok=True)
    command = [str(program_path("forge")), "coverage", "--report", "lcov", "--report-file", str(REPORT)]
    chosen = ["--no-match-contract", "FuzzTest|GasTest|InvariantsTest|ReachTest", "--exclude-tests"]
    done = subprocess.run(command + chosen, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CoverageError(f"{done.stdout}{done.stderr}\nforge could not measure: see above which test fails")


def read(lines: Iterable[str]) -> dict[str, Coverage]:
    """Coverage by source file, from lcov's tracefile: DA:line,hits; FNDA:hits,name; BRDA:line,block,branch,hits."""
    files: dict[str, Coverage] = {}
    current = Coverage()
    for line in lines:
        tag, _, rest = line.strip().partition(":")
        parts = rest.split(",")
        if tag == "SF":
            current = files.setdefault(rest, Coverage())
        elif tag == "FNDA":
            current.add(KINDS[tag], parts[1], parts[0])
        elif tag in KINDS:
            current.add(KINDS[tag], f"line {parts[0]}", parts[-1])
    return files


def shortfalls(files: dict[str, Coverage], sources: Iterable[str]) -> list[str]:
    """What is missing to 100 %, a line each; a source without lines, functions or branches is not measured at all."""
    missing = []
    for source in sources:
        coverage = files.get(source, Coverage())
        for kind, places in coverage.missed.items():
            missing += [f"{source}: not run, of its {kind}: {place}" for place in places]
            if not coverage.found[kind]:
                missing.append(f"{source}: nothing is known of its {kind}")
    return missing


def table(files: dict[str, Coverage], sources: Iterable[str]) -> str:
    rows = [["", *KINDS.values()]]
    rows += [[source, *(files.get(source, Coverage()).ratio(kind) for kind in KINDS.values())] for source in sources]
    return "\n".join(f"{name:30}" + "".join(f"{cell:>12}" for cell in cells) for name, *cells in rows)


def main() -> int:
    measure()
    files = read(REPORT.read_text(encoding="utf-8").splitlines())
    sources = sorted(f"contracts/{path.name}" for path in (ROOT / "contracts").glob("*.sol") if path.name != INTERFACE)
    print(table(files, sources))
    missing = shortfalls(files, sources)
    print("\n".join(missing) if missing else "100 % of what forge counts")
    return 1 if missing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except CoverageError as error:
        sys.exit(str(error))
