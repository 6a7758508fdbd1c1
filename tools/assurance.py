"""All that the contract's trust rests on, gate by gate, in one table.

    python -m tools.assurance [GATE ...]

A gate holds when its command ends with 0 and its output has the figure that shows what it looked at: one that ran and
found nothing to check fails. What each said is kept in `out/assurance/`. docs/ASSURANCE.md tells what each promises.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tools.toolchain import ROOT, environment, program_path

SAID = ROOT / "out" / "assurance"
PYTHON, FORGE = sys.executable, str(program_path("forge"))
# Of a gate's output, where it fails.
LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Gate:
    """`figure` has one group or more, which the table shows; each has to match, a number among them to be above 0."""

    name: str
    holds: str
    command: tuple[str, ...]
    figure: str
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a gate; `trouble` is empty where it held."""

    gate: Gate
    seconds: float
    figure: str
    trouble: str


def _make(target: str) -> tuple[str, ...]:
    return ("make", "--no-print-directory", target)


FORGE_PASSED = r"(?m)^Ran \d+ test suites?.*: (\d+ tests) passed, 0 failed, 0 skipped"
GATES = (
    Gate(
        "contract tests, long",
        "every rule and every revert; each fuzzed test 100,000 times; the invariants over many more calls",
        _make("test-contract"),
        FORGE_PASSED,
        (("FUZZ", "long"),),
    ),
    Gate(
        "coverage",
        "every line and branch of the contract is run",
        _make("coverage"),
        r"(Institutions\.sol\s+[1-9]\S+)[^\n]*\n.*(Jurisdictions\.sol\s+[1-9]\S+)[^\n]*\n"
        r".*(RecordRegistry\.sol\s+[1-9]\S+)[^\n]*\n100 % of what forge counts",
    ),
    Gate("proofs", "hold for every input within their bounds", _make("prove"), r"([1-9]\d* proofs hold), 0 do not"),
    Gate(
        "slither",
        "no finding, high or medium, without its reason",
        _make("slither"),
        r"(analyzed \([1-9]\d* contracts with [1-9]\d* detectors\))",
    ),
    Gate("mutants", "each is killed, or its survival explained", _make("mutate-check"), r"([1-9]\d* mutants: .*)"),
    Gate(
        "gas",
        "no call costs more than is written down",
        (FORGE, "test", "--match-contract", "GasTest"),
        FORGE_PASSED,
    ),
    Gate(
        "bytecode, ABI, storage layout",
        "are what the source compiles to",
        (PYTHON, "scripts/export_abi.py", "--check"),
        r"(RecordRegistry\.json: [1-9][\d,]* bytes)",
    ),
    Gate(
        "size",
        "fits EIP-170's 24,576 bytes",
        (FORGE, "build", "--sizes", "contracts"),
        r"RecordRegistry\s*\|\s*([\d,]+)",
    ),
    Gate("admin scripts", "do what an admin does, and fail as told", _make("test-scripts"), r"=+ (\d+ passed) in"),
    Gate(
        "gas beside its peers",
        "the committed figures are of this bytecode",
        (PYTHON, "-m", "pytest", "-p", "no:ape_test", "tests/chain/test_gas.py"),
        r"=+ (\d+ passed) in",
    ),
)


def hold(gate: Gate) -> Outcome:
    """Run one gate, with its output into a file of its own."""
    path = SAID / f"{gate.name.replace(',', '').replace(' ', '-')}.log"
    began = time.monotonic()
    with path.open("wb") as log:
        found = os.environ | environment() | dict(gate.environment)
        code = subprocess.run(
            gate.command, cwd=ROOT, env=found, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
    said = path.read_text(encoding="utf-8", errors="replace")
    return Outcome(gate, time.monotonic() - began, *judge(gate, code, said))


def judge(gate: Gate, code: int, said: str) -> tuple[str, str]:
    """The figure that a gate's output shows, and what is wrong with it, empty if nothing is."""
    if code:
        return "", f"exit code {code}\n" + "\n".join(said.splitlines()[-LAST_LINES:])
    found = re.search(gate.figure, said)
    if found is None:
        return "", f"ended well and said nothing like {gate.figure!r}: what did it check?"
    figure = ", ".join(found.groups())
    if any(not int(number.replace(",", "")) for number in re.findall(r"^[\d,]+", figure)):
        return figure, "checked nothing"
    return figure, ""


def chosen(names: Sequence[str]) -> Iterator[Gate]:
    """The gates of these names, all where there is none.

    Raises:
        SystemExit: no gate has such a name.
    """
    if unknown := set(names) - {gate.name for gate in GATES}:
        raise SystemExit(f"no gate {', '.join(sorted(unknown))}; there are: {'; '.join(gate.name for gate in GATES)}")
    return (gate for gate in GATES if not names or gate.name in names)


def table_of(outcomes: Sequence[Outcome]) -> Table:
    table = Table("gate", "promise", "", "figure", "seconds")
    for one in outcomes:
        verdict = "FAILS" if one.trouble else "holds"
        table.add_row(one.gate.name, one.gate.holds, verdict, one.figure, f"{one.seconds:,.0f}")
    return table


def main(names: Sequence[str]) -> int:
    """Run the gates, all of them though one fails; 1 if any does."""
    SAID.mkdir(parents=True, exist_ok=True)
    console, outcomes = Console(), []
    for gate in chosen(names):
        console.print(f"{gate.name} ...", highlight=False)
        outcomes.append(hold(gate))
        if outcomes[-1].trouble:
            console.print(outcomes[-1].trouble, markup=False, highlight=False)
    console.print(table_of(outcomes))
    return int(any(one.trouble for one in outcomes))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
