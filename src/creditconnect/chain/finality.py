"""Which block is final: the newest under a seal of each side, whatever the engine's own quorum.

A seal stands for its block and all before it. So the walk goes back from the head, gathering who sealed, until each
side has:

    Clique  ... N: hk   N + 1: sz   N + 2: hk      N + 1 is final: sz sealed it, hk the block upon it
    QBFT    ... N: hk and sz                       N is final at once
    none    nobody seals: final is what has the number of confirmations that the settings say

Hashes are recomputed and seals recovered (`headers`); whose seals count comes from the settings, never from a node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from creditconnect.chain.blocks import Block, block_from, there
from creditconnect.chain.headers import Header, read_header, recognise
from creditconnect.chain.registry import Registry
from creditconnect.chain.rpc import Node, quantity
from creditconnect.errors import NodeBehind, NodeRefused, NotFinal, SettingsError
from creditconnect.types import Consensus, Seals

# Two validators alternate: two blocks nearly always do. Further back than this a side has sealed nothing for long.
GREATEST_WALK_BLOCKS = 64
# Read in one round trip.
_AT_ONCE_BLOCKS = 4
_BEHIND_HINT = "the node is behind; try again later"


class Finality:
    """Tells final blocks of one chain, through whichever of its nodes. Safe to use from several threads."""

    def __init__(self, seals: Seals, *, confirmations: int = 0) -> None:
        """`confirmations` counts only where nobody seals; 0: the head itself is final."""
        self._seals = seals
        self._confirmations = confirmations
        self._recognised: set[str] = set()
        # The last answer: a head is asked about many times.
        self._last: tuple[Block, Block] | None = None
        self.period_seconds: int | None = None
        """The least time between two blocks that was seen; None where nobody seals, or too few blocks are there."""

    @property
    def consensus(self) -> Consensus:
        return self._seals.consensus

    def under(self, registry: Registry, head: Block) -> Block:
        """The newest final block at or below `head`, which is this node's.

        Raises:
            NotFinal: no block of the last 64 is under a seal of each side. HeaderInvalid: a block's hash or seal is
            not its own. NodeBehind: the node lacks a block. SettingsError: the chain is sealed, and the settings do not
            say by whom.
        """
        last = self._last
        if last is not None and last[0] == head:
            return last[1]
        if self._seals.consensus is Consensus.NONE:
            self._require_unsealed(registry.node)
            found = self._confirmed(registry, head)
        else:
            found = self._sealed(registry.node, head)
        self._last = head, found
        return found

    def _confirmed(self, registry: Registry, head: Block) -> Block:
        if not self._confirmations:
            return head
        number = max(0, head.number - self._confirmations)
        found: Block = there(registry.block(number), registry.node.url, number)
        return found

    def _sealed(self, node: Node, head: Block) -> Block:
        sealers: set[str] = set()
        found: Block | None = None
        above: Header | None = None
        for header, block in self._walk(node, head):
            sealers.update(header.sealers)
            if found is None and not self._seals.missing(sealers):
                found = block
            if above is not None:
                self._notice_period(above.timestamp - header.timestamp)
            # A second one, which is there already, tells the time between blocks.
            if found is not None and (above is not None or header.number == 0):
                return found
            above = header
        walked = head.number - (above or head).number + 1
        missing = ", ".join(self._seals.missing(sealers))
        raise NotFinal(
            f"{node.url}: none of the {walked} blocks up to {head.number} is final: no seal of {missing}",
            hint="creditconnect network status shows who seals; [seals] in settings.toml says whose seals count",
        )

    def _walk(self, node: Node, head: Block) -> Iterator[tuple[Header, Block]]:
        """The headers from the head back, each the parent of the one before, in a few round trips."""
        expected, end = head.hash, max(-1, head.number - GREATEST_WALK_BLOCKS)
        for first in range(head.number, end, -_AT_ONCE_BLOCKS):
            numbers = range(first, max(end, first - _AT_ONCE_BLOCKS), -1)
            answers = node.batch([("eth_getBlockByNumber", [quantity(number), False]) for number in numbers])
            for number, given in zip(numbers, answers, strict=True):
                answer, header = given, self._read(node, number, given)
                if header is None or header.hash != expected:
                    # Another block took the place meanwhile; what is asked about is the head that was given.
                    answer = node.call("eth_getBlockByHash", "0x" + expected.hex(), False)
                    header = self._read(node, number, answer)
                if header is None or header.hash != expected:
                    raise NodeBehind(f"{node.url}: has no block {number}", hint=_BEHIND_HINT)
                expected = header.parent_hash
                yield header, block_from(answer)

    def _read(self, node: Node, number: int, answer: Any) -> Header | None:
        if isinstance(answer, NodeRefused):
            raise answer
        if answer is None:
            return None
        header = read_header(answer, self._seals.consensus)
        if header.number != number:
            raise NodeBehind(f"{node.url}: answered block {header.number} for block {number}", hint=_BEHIND_HINT)
        return header

    def _require_unsealed(self, node: Node) -> None:
        """Without trusted seals a chain of validators would be believed by its first block: refused instead."""
        if node.url in self._recognised:
            return
        genesis = there(node.call("eth_getBlockByNumber", quantity(0), False), node.url, 0)
        consensus = recognise(genesis)
        if consensus is not Consensus.NONE:
            raise SettingsError(
                f"{node.url}: its chain is sealed ({consensus}), and settings.toml does not say by whom",
                hint="add [seals] with each side's validators; their addresses are in the sides' side.json",
            )
        self._recognised.add(node.url)

    def _notice_period(self, seconds: int) -> None:
        if seconds > 0:
            self.period_seconds = min(seconds, self.period_seconds or seconds)
