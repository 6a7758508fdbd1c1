"""Which blocks are final: those under a seal of each side.

Nothing counts before that, whatever the engine's own quorum: with two validators of one side a quorum might be had
without the other side. On Clique each block has one seal, so a block is final when those that follow it have brought in
the other sides'; on QBFT the seals of all are in the block itself. Headers are recomputed, seals recovered, and whose
they have to be is said by this institution's settings, never by a header.

A chain that nobody seals (`Consensus.NONE`) has confirmations instead, and proves nothing by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creditconnect.chain.headers import Header, read_header
from creditconnect.chain.registry import Block, Registry, block_from
from creditconnect.chain.rpc import quantity
from creditconnect.errors import HeaderInvalid, NodeBehind, NodeRefused, NotFinal
from creditconnect.types import Consensus, Seals

# On two validators a chain without one side's seals stands still; on more the side is as good as gone after so many.
GREATEST_WALK_BLOCKS = 64
# What nearly always suffices, in one round trip.
_FIRST_WALK_BLOCKS = 4


class Finality:
    """Finds the newest final block under a head. Safe to share between threads."""

    def __init__(self, seals: Seals, *, confirmations: int = 0) -> None:
        """`confirmations` are for a chain that nobody seals: 0 means that every block is final."""
        self._seals = seals
        self._confirmations = confirmations

    def under(self, registry: Registry, head: Block) -> Block:
        """The newest block, from a node's head back, that is final.

        Raises:
            NotFinal: there is none within 64 blocks. HeaderInvalid: a header is not what its hash says, or does not
                lead to the head. NodeBehind: the node lacks a block below its own head.
        """
        if self._seals.consensus != Consensus.NONE:
            return self._sealed(registry, head)
        if not self._confirmations:
            return head
        found = registry.block(max(0, head.number - self._confirmations))
        if found is None:
            raise NodeBehind(f"{registry.node.url}: lacks a block below its own head {head.number}")
        return found

    def _sealed(self, registry: Registry, head: Block) -> Block:
        missing = dict(self._seals.validators)
        expected = head.hash
        last, lowest = head.number, max(1, head.number - GREATEST_WALK_BLOCKS + 1)
        while missing and last >= lowest:
            walk = _FIRST_WALK_BLOCKS if last == head.number else GREATEST_WALK_BLOCKS
            for answer in _headers(registry, max(lowest, last - walk + 1), last):
                header = read_header(answer, self._seals.consensus)
                _require_link(registry, header, expected)
                expected, last = header.parent_hash, header.number - 1
                missing = {side: who for side, who in missing.items() if not set(who) & set(header.sealers)}
                if not missing:
                    return block_from(answer)
        lacking = ", ".join(sorted(missing))
        raise NotFinal(
            f"{registry.node.url}: no block up to {head.number} is final: it lacks a seal of {lacking}",
            hint="creditconnect network status shows who seals; [seals] in settings.toml says whose seals count",
        )


def _headers(registry: Registry, first: int, last: int) -> list[Mapping[str, Any]]:
    """From the last back to the first."""
    calls = [("eth_getBlockByNumber", [quantity(number), False]) for number in range(last, first - 1, -1)]
    answers = registry.node.batch(calls)
    for answer in answers:
        if isinstance(answer, NodeRefused):
            raise answer
        if answer is None:
            raise NodeBehind(f"{registry.node.url}: lacks a block below {last}", hint="try again later")
    return answers


def _require_link(registry: Registry, header: Header, expected: bytes) -> None:
    if header.hash != expected:
        raise HeaderInvalid(
            f"{registry.node.url}: block {header.number} is not the one that its successor, or the head, names",
            hint="the chain moved meanwhile, or the node lies; try again",
        )
