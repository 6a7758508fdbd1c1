"""What a benchmark answers: our figure and the reference's, both measured in the same run, and how they are shown.

Nothing here measures, and no figure is ever written down in a source file; only the targets are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on the ratio, or with `on_ours` on our figure itself; `at_most` turns the bound round."""

    bound: float
    at_most: bool = False
    on_ours: bool = False

    def is_met(self, result: Result) -> bool:
        figure = result.ours if self.on_ours else result.ratio
        return figure <= self.bound if self.at_most else figure >= self.bound

    def __str__(self) -> str:
        return f"{'ours' if self.on_ours else 'ratio'} {'<=' if self.at_most else '>='} {self.bound:,g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One comparison; `reference_is` says in words what the reference did."""

    name: str
    unit: str
    ours: float
    reference: float
    reference_is: str
    target: Target | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.reference


def write_json(results: Iterable[Result], path: Path) -> None:
    """Write the results, in their order, as a list of objects with the six members that docs and tools rely on."""
    document = [members_of(result) for result in results]
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def members_of(result: Result) -> dict[str, str | float]:
    """The six members, in their order."""
    return {
        "name": result.name,
        "unit": result.unit,
        "ours": _rounded(result.ours),
        "reference": _rounded(result.reference),
        "reference_is": result.reference_is,
        "ratio": _rounded(result.ratio),
    }


def table_of(results: Iterable[Result]) -> Table:
    """One row a result; a missed target is said to be one."""
    table = Table(title="CreditConnect benchmarks")
    table.add_column("benchmark", no_wrap=True)
    table.add_column("unit")
    for figure in ("ours", "reference", "ratio"):
        table.add_column(figure, justify="right")
    table.add_column("target")
    for result in results:
        ours, reference, ratio = _shown(result.ours), _shown(result.reference), _shown(result.ratio)
        table.add_row(result.name, result.unit, ours, reference, ratio, _verdict(result))
    return table


def references_of(results: Iterable[Result]) -> Table:
    """What each reference is, as a table without lines."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    for result in results:
        table.add_row(result.name, result.reference_is, style="dim")
    return table


def _verdict(result: Result) -> str:
    if result.target is None:
        return ""
    return f"{result.target} [green]met[/]" if result.target.is_met(result) else f"{result.target} [red]missed[/]"


def _rounded(figure: float) -> float:
    """Four significant digits: more would be noise."""
    return float(f"{figure:.4g}")


def _shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
