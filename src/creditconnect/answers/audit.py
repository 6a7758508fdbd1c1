"""Does the registry's storage follow from its events, slot by slot, and is there nothing else in it?

Asks one node, everything as of one block's hash. The node's own word is all there is to compare with: whoever doubts
the node runs the audit against another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from creditconnect.answers.anvil import dumped_root, is_anvil
from creditconnect.answers.layout import Place
from creditconnect.answers.replay import Replay
from creditconnect.chain.blocks import Block, Log
from creditconnect.chain.contract_abi import Event
from creditconnect.chain.rpc import Node, raw_bytes
from creditconnect.chain.trie import storage_root
from creditconnect.errors import MirrorInconsistent, NodeBehind, NodeRefused

# So many slots are asked for, compared and let go at a time.
_SLOTS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Difference:
    """A slot that holds something else than the events say. `explained_as` names variable, key and differing fields,
    e.g. "entry 0x0000000000000001000100: override"; slot and values are 32 bytes."""

    slot: bytes
    explained_as: str
    expected: bytes
    found: bytes


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What a replay found as of one block.

    `slots` were compared one by one; `root_rebuilt` is the storage root by the events, `root_found` the node's.
    `unexplained` says that the storage holds slots that no event speaks of: what the root binds beyond those compared.
    """

    block_number: int
    block_hash: bytes
    events: int
    batches: int
    records: int
    slots: int
    differences: tuple[Difference, ...]
    root_rebuilt: bytes
    root_found: bytes
    unexplained: bool
    agrees: bool

    def findings(self) -> list[str]:
        """A sentence for each thing that is wrong; none where all agrees."""
        sentences = [
            f"slot 0x{found.slot.hex()} ({found.explained_as}) holds 0x{found.found.hex()};"
            f" the events say 0x{found.expected.hex()}"
            for found in self.differences
        ]
        if self.unexplained:
            sentences.append(
                f"the storage root is 0x{self.root_found.hex()}, which the compared slots do not account for:"
                " a slot exists that no event explains"
            )
        return sentences


def audit_replay(events: Iterable[tuple[Log, Event]], node: Node, address: str, block: Block) -> AuditReport:
    """Rebuild the registry's storage from all its events up to `block`, in chain order, and compare it with the node's.

    Raises:
        MirrorInconsistent: the events contradict each other; NodeBehind: the node lacks the block; NodeRefused: it no
        longer has that block's state.
    """
    replay = _replayed(events, block)
    storage = _Storage(node, address, block)
    rebuilt, differences = _compared(replay, storage)
    root_rebuilt = storage_root(rebuilt)
    # With what was found put in, the root is the node's own, unless there are slots that were not compared.
    found = {_number(difference.slot): _number(difference.found) for difference in differences}
    accounted = storage_root(rebuilt | found) if found else root_rebuilt
    root_found = storage.root(accounted)
    return AuditReport(
        block_number=block.number,
        block_hash=block.hash,
        events=replay.events,
        batches=replay.batches,
        records=replay.records,
        slots=len(rebuilt),
        differences=tuple(differences),
        root_rebuilt=root_rebuilt,
        root_found=root_found,
        unexplained=accounted != root_found,
        agrees=not differences and root_rebuilt == root_found,
    )


def _replayed(events: Iterable[tuple[Log, Event]], block: Block) -> Replay:
    replay = Replay()
    for log, event in events:
        if log.block_number > block.number:
            raise MirrorInconsistent(f"block {log.block_number}, {event.name}: comes after block {block.number}")
        replay.apply(event, log.block_number)
    return replay


def _compared(replay: Replay, storage: _Storage) -> tuple[dict[int, int], list[Difference]]:
    """Every slot as the events say, and those that the node holds otherwise."""
    rebuilt: dict[int, int] = {}
    differences: list[Difference] = []
    for places in _portions(replay.places()):
        slots = [place.slot() for place, _ in places]
        for slot, (place, expected), found in zip(slots, places, storage.values(slots), strict=True):
            rebuilt[slot] = expected
            if found != expected:
                explained_as = place.explain(expected, found)
                differences.append(Difference(_bytes(slot), explained_as, _bytes(expected), _bytes(found)))
    return rebuilt, differences


class _Storage:
    """An account's storage behind one node, as of one block."""

    def __init__(self, node: Node, address: str, block: Block) -> None:
        self._node = node
        self._address = address
        self._block = block
        # EIP-1898: by hash, so that no reorg mixes two blocks.
        self._at = {"blockHash": "0x" + block.hash.hex()}

    def root(self, accounted: bytes) -> bytes:
        """The `storageHash` of eth_getProof (EIP-1186); Anvil is asked otherwise where it doesn't say `accounted`."""
        (proof,) = self._ask([("eth_getProof", [self._address, [], self._at])])
        found = raw_bytes(proof["storageHash"])
        if found != accounted and is_anvil(self._node):
            return dumped_root(self._node, self._address, self._at)
        return found

    def values(self, slots: Sequence[int]) -> list[int]:
        answers = self._ask([("eth_getStorageAt", [self._address, hex(slot), self._at]) for slot in slots])
        return [int(answer, 16) for answer in answers]

    def _ask(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = self._node.batch(calls)
        for answer in answers:
            if answer is None or (isinstance(answer, NodeRefused) and self._lacks_block()):
                raise NodeBehind(
                    f"{self._node.url}: has no block {self._block.number}", hint="the node is behind; try again later"
                )
            if isinstance(answer, NodeRefused):
                raise answer
        return answers

    def _lacks_block(self) -> bool:
        return self._node.call("eth_getBlockByHash", "0x" + self._block.hash.hex(), False) is None


def _portions(places: Iterator[tuple[Place, int]]) -> Iterator[list[tuple[Place, int]]]:
    while portion := list(islice(places, _SLOTS_AT_ONCE)):
        yield portion


def _bytes(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")
