"""What became of each mutant: the committed table, and what must be true of it.

Hides its file format. A fate belongs to the sources whose digest stands at the top; a reason belongs to a mutant and
stays with it when the sources change elsewhere.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tools.mutation.operators import Mutant
from tools.toolchain import ROOT

TABLE = ROOT / "tests" / "contract" / "mutants.csv"
_TOP = "# sources-sha256: "
_COLUMNS = (
    "file",
    "function",
    "operator",
    "line",
    "column",
    "original",
    "replacement",
    "ordinal",
    "fate",
    "by",
    "reason",
)
# What becomes of a mutant: a test failed; it does not compile; it compiles to the original's bytes; nothing noticed it.
FATES = ("killed", "stillborn", "identical", "survived")

Identity = tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """A mutant's fate, the test that killed it, and why it is no defect if it survived."""

    fate: str = ""
    by: str = ""
    reason: str = ""


@dataclass
class Table:
    """Outcomes by mutant, and the digest of the sources that they were found on."""

    digest: str
    outcomes: dict[Identity, Outcome] = field(default_factory=dict)
    places: dict[Identity, tuple[str, str]] = field(default_factory=dict)

    def of(self, mutant: Mutant) -> Outcome:
        """What is known of a mutant; empty if nothing."""
        return self.outcomes.get(mutant.identity, Outcome())

    def is_open(self, mutant: Mutant, tests: set[str]) -> bool:
        """Whether it is to be tried: never was, survived without a reason, or the test that killed it is gone."""
        return bool(_fault(self.of(mutant), tests))

    def note(self, mutant: Mutant, fate: str, by: str) -> None:
        """Write a fate down. Its reason stays."""
        self.outcomes[mutant.identity] = Outcome(fate, by, self.of(mutant).reason)


def load(path: Path, digest: str) -> Table:
    """The committed table for these sources: of other ones, only the reasons are kept."""
    table = read(path)
    if table.digest == digest:
        return table
    reasons = {one: Outcome(reason=outcome.reason) for one, outcome in table.outcomes.items() if outcome.reason}
    return Table(digest, reasons)


def read(path: Path) -> Table:
    """The table as it is; without a file, an empty one of no sources."""
    if not path.exists():
        return Table("")
    top, _, rest = path.read_text(encoding="utf-8").partition("\n")
    table = Table(top.removeprefix(_TOP))
    for row in csv.DictReader(io.StringIO(rest)):
        identity = tuple(row[name] for name in ("file", "function", "operator", "original", "replacement", "ordinal"))
        table.outcomes[identity] = Outcome(row["fate"], row["by"], row["reason"])
        table.places[identity] = (row["line"], row["column"])
    return table


def write(path: Path, table: Table, mutants: list[Mutant]) -> None:
    """Write all mutants down in the source's order; a crash leaves the old table or the new one."""
    text = io.StringIO()
    text.write(f"{_TOP}{table.digest}\n")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for one in mutants:
        outcome = table.of(one)
        place = (one.file, one.function, one.operator, one.line, one.column, one.original, one.replacement, one.ordinal)
        rows.writerow((*place, outcome.fate, outcome.by, outcome.reason))
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text.getvalue(), encoding="utf-8")
    unfinished.replace(path)


def faults(table: Table, mutants: list[Mutant], digest: str, tests: set[str]) -> list[str]:
    """What is wrong with a table: of other sources, incomplete, a survivor without a reason, a killer that is gone."""
    if table.digest != digest:
        return [f"the table is of other sources ({table.digest or 'none'}): run `make mutate`"]
    if not mutants:
        return ["the sources have no mutants: nothing would be proved"]
    found = [f"{where(one)}: {text}" for one in mutants if (text := _fault(table.of(one), tests))]
    strangers = set(table.outcomes) - {one.identity for one in mutants}
    found += [f"{' '.join(one)}: is no mutant of these sources" for one in sorted(strangers)]
    found += [
        f"{where(one)}: stands at another place in the table"
        for one in mutants
        if table.places.get(one.identity, (str(one.line), str(one.column))) != (str(one.line), str(one.column))
    ]
    return found


def _fault(outcome: Outcome, tests: set[str]) -> str:
    if outcome.fate not in FATES:
        return "was never tried" if not outcome.fate else f"has an unknown fate, {outcome.fate}"
    if outcome.fate == "survived" and not outcome.reason.strip():
        return "survived, and nothing says why that is no defect"
    if outcome.fate == "killed" and outcome.by != "timeout" and outcome.by not in tests:
        return f"was killed by {outcome.by or 'nobody'}, which is no test"
    return ""


def names_of_tests(folder: Path) -> set[str]:
    """Contract.test of each test there is, with each contract's setUp."""
    found: set[str] = set()
    for path in folder.glob("*.t.sol"):
        text = path.read_text(encoding="utf-8")
        functions = re.findall(r"^    function (test_\w+)", text, re.MULTILINE)
        for contract in re.findall(r"^contract (\w+)", text, re.MULTILINE):
            found |= {f"{contract}.{name}" for name in [*functions, "setUp"]}
    return found


def where(one: Mutant) -> str:
    """A mutant for people: its place and its change."""
    return (
        f"{one.file}:{one.line}:{one.column} {one.operator} in {one.function}: `{one.original}` -> `{one.replacement}`"
    )


def summary(table: Table, mutants: list[Mutant]) -> str:
    """Counts by operator and fate, a line each."""
    counts = Counter((one.operator, table.of(one).fate or "untried") for one in mutants)
    fates = [*FATES, "untried"]
    lines = [f"{'':8}" + "".join(f"{fate:>11}" for fate in fates)]
    lines += [
        f"{operator:8}" + "".join(f"{counts[operator, fate]:>11}" for fate in fates)
        for operator in sorted({one.operator for one in mutants})
    ]
    totals = [sum(count for (_, fate), count in counts.items() if fate == one) for one in fates]
    lines.append(f"{'all':8}" + "".join(f"{total:>11}" for total in totals))
    return "\n".join(lines)


def total(table: Table, mutants: list[Mutant]) -> str:
    """The counts in one line."""
    counts = Counter(table.of(one).fate or "untried" for one in mutants)
    explained = sum(1 for one in mutants if table.of(one).fate == "survived" and table.of(one).reason.strip())
    fates = ", ".join(f"{counts[fate]} {fate}" for fate in [*FATES, "untried"] if counts[fate])
    return f"{len(mutants)} mutants: {fates}; {explained} survivors explained"
