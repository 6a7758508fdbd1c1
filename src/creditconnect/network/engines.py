"""The engines that a network of validators may run on, by name."""

from __future__ import annotations

from pathlib import Path

from creditconnect.errors import UsageError
from creditconnect.network.engine import Engine
from creditconnect.network.geth import Geth

NAMES = ("geth",)


def engine_of(name: str, *, tools: Path | None = None) -> Engine:
    """The engine of that name; `tools` is a folder of programs to look in before the PATH.

    Raises:
        UsageError: there is none.
    """
    rows: dict[str, Engine] = {"geth": Geth(first=None if tools is None else tools / "geth")}
    if name not in rows:
        raise UsageError(f"{name!r} is no engine", hint=f"one of {', '.join(rows)}")
    return rows[name]
