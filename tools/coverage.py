"""Prints which lines, functions and branches of contracts/ the Solidity tests run; exits 1 below 100 %.

forge measures it, without the IR and the optimizer, whose code cannot be told apart line by line. It counts `if` and
`else`, not the parts of a condition: those are held by the tests that are listed in tests/contract/README.md.
"""

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "out" / "coverage.lcov"
KINDS = {"DA": "lines", "FNDA": "functions", "BRDA": "branches"}


@dataclass
class Coverage:
    """What was run of one source file; `missed` says what was not, as `kind line`."""

    found: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS.values(), 0))
    missed: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS.values()})

    def add(self, kind: str, place: str, hits: str) -> None:
        self.found[kind] += 1
        if hits in ("0", "-"):
            self.missed[kind].append(place)

    def ratio(self, kind: str) -> str:
        found, missed = self.found[kind], len(self.missed[kind])
        return f"{found - missed}/{found}"


def measure() -> None:
    """Runs the tests that are not random: what they leave out, a lucky seed shall not hide."""
    REPORT.parent.mkdir(exist_ok=True)
    command = [str(ROOT / ".tools/bin/forge"), "coverage", "--report", "lcov", "--report-file", str(REPORT)]
    chosen = ["--no-match-contract", "FuzzTest|GasTest|InvariantsTest|ReachTest", "--exclude-tests"]
    done = subprocess.run(command + chosen, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}\nforge could not measure: the tests fail, or do not compile")


def read(lines: Iterable[str]) -> dict[str, Coverage]:
    """Reads lcov's tracefile: DA:line,hits; FNDA:hits,name; BRDA:line,block,branch,hits."""
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


def main() -> None:
    measure()
    files = {name: one for name, one in read(REPORT.read_text().splitlines()).items() if name.startswith("contracts/")}
    print(f"{'':32}" + "".join(f"{kind:>12}" for kind in KINDS.values()))
    for name, one in sorted(files.items()):
        print(f"{name:32}" + "".join(f"{one.ratio(kind):>12}" for kind in KINDS.values()))
    missed = [
        f"{name}: {place}, of its {kind}, is not run"
        for name, one in sorted(files.items())
        for kind, places in one.missed.items()
        for place in places
    ]
    print("\n".join(missed) or "100 % of what forge counts")
    complete = {path.name for path in (ROOT / "contracts").glob("*.sol")} - {"IRecordRegistry.sol"}
    unmeasured = complete - {Path(name).name for name in files}
    if missed or unmeasured or not all(all(one.found.values()) for one in files.values()):
        sys.exit(f"below 100 %{'; nothing is known of ' + ', '.join(sorted(unmeasured)) if unmeasured else ''}")


if __name__ == "__main__":
    main()
