"""The plot: a line a contract from 1 to 500 records a transaction, labelled in place; for light pages and for dark."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gas.bytecode import run_node
from benchmarks.gas.own import Registered
from benchmarks.gas.subject import Measured
from benchmarks.gas.table import sorted_rows

FOLDER = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours on a transparent ground; `ours` marks what is this project's."""

    name: str
    text: str
    faint: str
    ours: str
    theirs: str


# Text at least 7:1, marks at least 3:1 against GitHub's grounds, #ffffff and #0d1117.
THEMES = (
    Theme("light", "#1f2328", "#d1d9e0", "#b35900", "#57606a"),
    Theme("dark", "#f0f6fc", "#3d444d", "#ffa657", "#9198a1"),
)


def draw(measured: Sequence[Measured], folder: Path = FOLDER) -> list[Path]:
    """Write gas-light.svg and gas-dark.svg."""
    paths = []
    for theme in THEMES:
        path = folder / f"gas-{theme.name}.svg"
        path.write_text(run_node("plot.mjs", json_of(measured, theme)), encoding="utf-8")
        paths.append(path)
    return paths


def json_of(measured: Sequence[Measured], theme: Theme) -> str:
    """The Vega-Lite specification."""
    rows = sorted_rows(measured)
    values = [
        {
            "title": one.title,
            "records": one.records,
            "gas": one.gas_per_record,
            "ours": one.subject.startswith(Registered.key),
            "end": "left" if one is row[-1] else "right" if one is row[0] else "",
        }
        for row in rows
        for one in row
    ]
    sizes = [one.records for one in rows[0]]
    return json.dumps(
        {
            "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
            "description": "Gas a record of each contract, by the number of records in a transaction",
            "data": {"values": values},
            "width": 560,
            "height": {"step": 30},
            "title": {
                "text": "Gas a record",
                "subtitle": f"Along each line, right to left: {_listed(sizes)} records a transaction. Logarithmic.",
            },
            "encoding": {"y": {"field": "title", "sort": [row[0].title for row in rows], **_LABELS}},
            "layer": [_lines(theme), _points(theme), _figures(theme, "left"), _figures(theme, "right")],
            "config": _config(theme),
        }
    )


_LABELS: dict[str, Any] = {
    "type": "nominal",
    "axis": {"title": None, "labelLimit": 400, "domain": False, "ticks": False, "labelPadding": 10},
}
_GAS: dict[str, Any] = {
    "field": "gas",
    "type": "quantitative",
    "scale": {"type": "log", "domain": [50, 400_000]},
    "axis": {"title": None, "values": [100, 1_000, 10_000, 100_000], "format": ",d", "domain": False, "ticks": False},
}


def _lines(theme: Theme) -> dict[str, Any]:
    return {
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {"x": _GAS, "detail": {"field": "title"}, "order": {"field": "records"}, "color": _color(theme)},
    }


def _points(theme: Theme) -> dict[str, Any]:
    """The greatest size stands out."""
    area = {"condition": {"test": "datum.end === 'left'", "value": 90}, "value": 24}
    return {
        "mark": {"type": "circle", "opacity": 1},
        "encoding": {"x": _GAS, "size": area, "color": _color(theme)},
    }


def _figures(theme: Theme, end: str) -> dict[str, Any]:
    """The figures at the lines' ends: at 500 on the left, at 1 on the right."""
    return {
        "transform": [{"filter": f"datum.end === '{end}'"}],
        "mark": {"type": "text", "align": "right" if end == "left" else "left", "dx": -10 if end == "left" else 7},
        "encoding": {"x": _GAS, "text": {"field": "gas", "format": ",.0f"}, "color": {"value": theme.text}},
    }


def _color(theme: Theme) -> dict[str, Any]:
    return {
        "field": "ours",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": [True, False], "range": [theme.ours, theme.theirs]},
    }


def _config(theme: Theme) -> dict[str, Any]:
    return {
        "background": "transparent",
        "font": '-apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif',
        "view": {"stroke": None},
        "axis": {"labelColor": theme.text, "labelFontSize": 13, "gridColor": theme.faint},
        "axisY": {"grid": False},
        "text": {"fontSize": 12},
        "title": {"anchor": "start", "frame": "bounds", "color": theme.text, "fontSize": 16}
        | {"subtitleColor": theme.text, "subtitleFontSize": 13, "offset": 14},
        "padding": 12,
    }


def _listed(sizes: list[int]) -> str:
    return f"{', '.join(map(str, sizes[:-1]))} and {sizes[-1]}"
