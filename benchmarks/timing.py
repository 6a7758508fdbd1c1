"""Seconds by the wall clock or, for what only computes, of the processor. Two ways are timed in turns."""

from __future__ import annotations

import time
from collections.abc import Callable


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long one call takes."""
    began = clock()
    work()
    return clock() - began


def best_in_turns(
    ours: Callable[[], object],
    reference: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
) -> tuple[float, float]:
    """The least seconds of each; of the processor, unless told: what else the machine does then is not counted."""
    measured = [(seconds(ours, clock), seconds(reference, clock)) for _ in range(rounds)]
    return min(own for own, _ in measured), min(other for _, other in measured)


def require_count(expected: int, done: int) -> None:
    """Raises RuntimeError where a measurement did not do its work."""
    if done != expected:
        raise RuntimeError(f"{done} of {expected} records")
