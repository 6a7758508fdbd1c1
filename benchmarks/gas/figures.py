"""gas.json: the figures of a run, one comparison an object, and back again for the table and the plot.

In the form of results.json, with what tells that the figures are of these contracts and of whole transactions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gas.own import Registered
from benchmarks.gas.subject import Measured
from benchmarks.results import Result, members_of

GAS_JSON = Path(__file__).parent.with_name("gas.json")


def write(measured: Sequence[Measured], path: Path = GAS_JSON) -> None:
    """Each way of writing beside our `register` of as many records."""
    ours = {one.records: one for one in measured if one.subject == Registered.key}
    rows = [_row(ours[one.records], one) for one in measured if one.subject != Registered.key]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def read(path: Path = GAS_JSON) -> list[Measured]:
    """What `write` was given."""
    measured: dict[tuple[str, int], Measured] = {}
    for row in json.loads(path.read_text(encoding="utf-8")):
        for side in ("ours", "reference"):
            one = _measured(row, side)
            measured.setdefault((one.subject, one.records), one)
    return list(measured.values())


def _row(ours: Measured, reference: Measured) -> dict[str, Any]:
    result = Result(
        f"{ours.subject}_{ours.records}_vs_{reference.subject}",
        "gas/record",
        ours.gas_per_record,
        reference.gas_per_record,
        reference.is_,
    )
    return {**members_of(result), "records": ours.records, **_side("ours", ours), **_side("reference", reference)}


def _side(side: str, one: Measured) -> dict[str, Any]:
    return {
        f"{side}_subject": one.subject,
        f"{side}_title": one.title,
        f"{side}_origin": one.origin,
        f"{side}_code_hash": one.code_hash,
        f"{side}_transactions": list(one.transactions),
    } | ({"ours_is": one.is_} if side == "ours" else {})


def _measured(row: dict[str, Any], side: str) -> Measured:
    return Measured(
        row[f"{side}_subject"],
        row[f"{side}_title"],
        row[f"{side}_is"],
        row[f"{side}_origin"],
        row[f"{side}_code_hash"],
        row["records"],
        tuple(row[f"{side}_transactions"]),
    )
