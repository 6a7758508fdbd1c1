"""Which node is asked and sent to: the own side's, or another's for as long as that one is out of reach.

An act is done with one node from its beginning to its end, and again from its beginning with the next: whatever is done
here may be done twice. What is sent is the same bytes, to whomever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from creditconnect.chain.registry import Registry
from creditconnect.errors import NodeUnreachable
from creditconnect.types import ChainIdentity

# How long a node that did not answer is left alone.
AGAIN_AFTER_SECONDS = 30.0

Done = TypeVar("Done")


class Reach:
    """The registry behind each side's node, the own side's first. Not for several threads at once."""

    def __init__(
        self, registries: Sequence[Registry], trusted: ChainIdentity, *, monotonic: Callable[[], float]
    ) -> None:
        self._registries = list(registries)
        self._trusted = trusted
        self._monotonic = monotonic
        self._failed_at: dict[int, float] = {}
        self._identified: set[int] = set()

    def registry(self) -> Registry:
        """The first that answers, known to be the trusted one.

        Raises:
            NodeUnreachable: none does. OtherChain: another chain or code answers.
        """
        return self.act(lambda registry: registry)

    def act(self, do: Callable[[Registry], Done]) -> Done:
        """Do something with a node, and again with the next where that one can't be reached.

        Raises:
            NodeUnreachable: none can; of the own side's. Whatever `do` raises else.
        """
        failures: list[NodeUnreachable] = []
        for place in self._order():
            try:
                self._identify(place)
                return do(self._registries[place])
            except NodeUnreachable as error:
                self._failed_at[place] = self._monotonic()
                self._identified.discard(place)
                failures.append(error)
        raise failures[0]

    def _order(self) -> list[int]:
        """Those that failed lately come last, which is no more than to try them when there is nothing else."""
        now = self._monotonic()

        def failed(place: int) -> bool:
            return now - self._failed_at.get(place, -AGAIN_AFTER_SECONDS) < AGAIN_AFTER_SECONDS

        return sorted(range(len(self._registries)), key=lambda place: (failed(place), place))

    def _identify(self, place: int) -> None:
        """Whenever a node is turned to anew: another one may answer at its URL by now."""
        if place not in self._identified:
            self._registries[place].require_identity(self._trusted)
            self._identified.add(place)
