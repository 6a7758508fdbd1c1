"""Seconds by the wall clock. Two ways of doing a thing are timed in turns, so that both meet the same disturbances."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def best_in_turns(ours: Callable[[], object], reference: Callable[[], object], rounds: int) -> tuple[float, float]:
    """The least seconds of each."""
    measured = [(seconds(ours), seconds(reference)) for _ in range(rounds)]
    return min(own for own, _ in measured), min(other for _, other in measured)


def require_count(expected: int, done: int) -> None:
    """Raises RuntimeError where a measurement did not do its work."""
    if done != expected:
        raise RuntimeError(f"{done} of {expected} records")
