"""The engines that a network of validators may run on, by name."""

from __future__ import annotations

from creditconnect.errors import UsageError
from creditconnect.network.besu import Besu
from creditconnect.network.engine import Engine
from creditconnect.network.geth import Geth


def engine_of(name: str) -> Engine:
    """The engine of that name.

    Raises:
        UsageError: there is none.
    """
    rows: dict[str, type[Engine]] = {"geth": Geth, "besu": Besu}
    if name not in rows:
        raise UsageError(f"{name!r} is no engine", hint=f"one of {', '.join(rows)}")
    return rows[name]()
