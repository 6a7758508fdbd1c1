"""Which node is asked now: the own side's while it answers, the other side's while it does not.

Changes nodes between two acts, never within one: whatever an act concludes, it concludes from one node. A node is asked
anything only after it was seen to be of the trusted chain, and again after each time that it was away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.registry import Registry
from creditconnect.errors import NodeUnreachable
from creditconnect.types import ChainIdentity

# How long another node has its place before one that was away is tried again.
BACK_AFTER_SECONDS = 30.0

Done = TypeVar("Done")


class Reach:
    """The registry behind one node a side, the own side's first."""

    def __init__(
        self, registries: Sequence[Registry], trusted: ChainIdentity, *, monotonic: Callable[[], float]
    ) -> None:
        self._registries = list(registries)
        self._trusted = trusted
        self._monotonic = monotonic
        self._identified: set[str] = set()
        # By URL, until when a node that was away comes after the others.
        self._away_until: dict[str, float] = {}

    @property
    def abi(self) -> ContractAbi:
        return self._registries[0].abi

    @property
    def chain_id(self) -> int:
        return self._trusted.chain_id

    @property
    def address(self) -> str:
        """The registry's, with its checksum (EIP-55)."""
        return self._registries[0].checksum_address

    def registry(self) -> Registry:
        """The registry behind the node to ask now.

        Raises:
            NodeUnreachable: no node answers; OtherChain: the node's chain is not the trusted one.
        """
        return self.act(lambda registry: registry)

    def act(self, do: Callable[[Registry], Done]) -> Done:
        """What `do` gives, which is done anew by the next node where one does not answer.

        Raises:
            NodeUnreachable: the first node's, if none answers. OtherChain: as `registry`. Whatever `do` raises.
        """
        failures: dict[str, NodeUnreachable] = {}
        for registry in self._in_order():
            try:
                return self._asked(registry, do)
            except NodeUnreachable as error:
                failures[registry.node.url] = error
        raise failures[self._registries[0].node.url]

    def ask_others(self, registry: Registry, do: Callable[[Registry], object]) -> None:
        """Do something by each other node that is not away; one that turns out to be is passed over.

        Raises:
            OtherChain: as `registry`. Whatever `do` raises but NodeUnreachable.
        """
        for other in self._registries:
            if other is not registry and not self._is_away(other):
                with suppress(NodeUnreachable):
                    self._asked(other, do)

    def _asked(self, registry: Registry, do: Callable[[Registry], Done]) -> Done:
        """What `do` gives by a node that was identified; whether it is away is kept in mind."""
        url = registry.node.url
        try:
            if url not in self._identified:
                registry.require_identity(self._trusted)
                self._identified.add(url)
            done = do(registry)
        except NodeUnreachable:
            self._identified.discard(url)
            self._away_until[url] = self._monotonic() + BACK_AFTER_SECONDS
            raise
        self._away_until.pop(url, None)
        return done

    def _in_order(self) -> list[Registry]:
        """Those that are not known to be away first."""
        return sorted(self._registries, key=self._is_away)

    def _is_away(self, registry: Registry) -> bool:
        until = self._away_until.get(registry.node.url)
        return until is not None and self._monotonic() < until
