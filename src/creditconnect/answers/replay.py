"""The registry's storage, rebuilt from its events alone.

Applies, event by event, the rules by which the contract writes its storage; this half follows
contracts/RecordRegistry.sol. Never asks a node. An event that contradicts those before it is refused, for then one is
missing or was made up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from creditconnect.answers.layout import BATCH, ENTRY, INSTITUTION, NOTE, Place, pack
from creditconnect.answers.replay_institutions import (
    Arguments,
    ContradictionError,
    InstitutionsReplay,
    Row,
    require,
    word,
)
from creditconnect.chain.contract_abi import Event
from creditconnect.errors import MirrorInconsistent
from creditconnect.types import BatchStatus, RecordState

# The contract's PLACES: an institution's versions of, and collisions on, one hash.
PLACES = 64

_COMMITMENT_BITS = 192
_COMMITMENT_MASK = (1 << _COMMITMENT_BITS) - 1
_BATCH_MASK = (1 << 48) - 1
_OVERRIDE_SHIFT = 240
_WHOLE_ENTRY = (1 << _OVERRIDE_SHIFT) - 1


class Replay(InstitutionsReplay):
    """Takes every event of one registry in chain order, from its creation on, and knows the storage they leave.

    Holds some 250 bytes a record; slots are computed when they are asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.events = 0
        self._block_number = 0
        self._entries: dict[int, int] = {}
        self._left_out: dict[int, int] = {}

    @property
    def batches(self) -> int:
        return self._registry["batchCount"]

    @property
    def records(self) -> int:
        return self._registry["recordCount"]

    def apply(self, event: Event, block_number: int) -> None:
        """Take the next event; addresses as hex, `records` as 32-byte words, else as the ABI decodes them.

        Raises:
            MirrorInconsistent: the event contradicts those before it; names block, event and contradiction. The replay
            is of no use afterwards.
        """
        try:
            require(block_number >= self._block_number, f"it comes after one of block {self._block_number}")
            require(event.name in self.HANDLERS, "this version of the registry has no such event")
            self.HANDLERS[event.name](self, event.arguments)
        except ContradictionError as error:
            raise MirrorInconsistent(
                f"block {block_number}, {event.name}: {error}",
                hint="the node left events out; ask another node, and delete the mirror's database to follow anew",
            ) from None
        self._block_number = block_number
        self.events += 1

    def places(self) -> Iterator[tuple[Place, int]]:
        """Every slot that the events speak of and its value; a slot that was emptied again comes with zero."""
        for variable, rows in self._rows.items():
            for keys, row in rows.items():
                for number, fields in enumerate(variable.words):
                    yield Place(variable, keys, number), pack(fields, row)
        for key, packed in self._entries.items():
            yield Place(ENTRY, (key,)), packed

    def storage(self) -> dict[int, int]:
        """The storage by slot; slots that are zero are absent."""
        return {place.slot(): value for place, value in self.places() if value}

    def _on_batch_registered(self, event: Arguments) -> None:
        batch, institution = self._next("batchCount", event["batch"]), event["institution"]
        self._row(INSTITUTION, institution)
        shared = {name: event[name] for name in ("schema", "registeredAt", "expiresAt", "epoch", "status")}
        count = len(event["records"])
        self._put(BATCH, batch, submitter=word(event["submitter"]), institution=institution, count=count, **shared)
        self._write(event["records"], institution, batch)
        self._registry["recordCount"] += count

    def _write(self, records: Sequence[bytes], institution: int, batch: int) -> None:
        """Anchor `recordHash 64 | commitment 192` each, at the first free n of its hash."""
        entries, low, batch_bits = self._entries, institution << 8, batch << _COMMITMENT_BITS
        previous = -1
        for record_bytes in records:
            record = int.from_bytes(record_bytes, "big")
            record_hash = record >> _COMMITMENT_BITS
            if record_hash <= previous:
                raise ContradictionError(f"its records do not rise at hash {record_hash:016x}")
            previous = record_hash
            key = record_hash << 24 | low
            if key in entries:
                key = self._next_place(key)
            entries[key] = batch_bits | record & _COMMITMENT_MASK

    def _next_place(self, first: int) -> int:
        for key in range(first + 1, first + PLACES):
            if key not in self._entries:
                return key
        raise ContradictionError(f"no place is left for hash {first >> 24:016x}")

    def _on_batch_approved(self, event: Arguments) -> None:
        self._reviewed(event, BatchStatus.ACTIVE)
        left_out = self._left_out.pop(event["batch"], 0)
        require(left_out == event["exceptions"], f"{left_out} of its records were left out before it")

    def _on_batch_rejected(self, event: Arguments) -> None:
        self._reviewed(event, BatchStatus.REJECTED)["reason"] = event["reason"]

    def _reviewed(self, event: Arguments, status: BatchStatus) -> Row:
        batch = self._row(BATCH, event["batch"])
        require(batch["status"] == BatchStatus.PENDING, "the batch is not pending")
        batch.update(status=status, reviewer=word(event["reviewer"]), reviewedAt=event["reviewedAt"])
        return batch

    def _on_batch_revoked(self, event: Arguments) -> None:
        batch = self._row(BATCH, event["batch"])
        require(batch["status"] == BatchStatus.ACTIVE, "the batch is not active")
        batch.update(status=BatchStatus.REVOKED, reason=event["reason"])

    def _on_override_set(self, event: Arguments) -> None:
        key, batch, state = event["entryKey"], event["batch"], event["state"]
        packed = self._entries.get(key, 0)
        require(packed, f"there is no entry 0x{key:022x}")
        require(packed >> _COMMITMENT_BITS & _BATCH_MASK == batch, f"entry 0x{key:022x} is not of batch {batch}")
        before, status = packed >> _OVERRIDE_SHIFT, self._row(BATCH, batch)["status"]
        require(_may_become(state, before, status), f"entry 0x{key:022x} can't go from override {before} to {state}")
        self._entries[key] = state << _OVERRIDE_SHIFT | packed & _WHOLE_ENTRY
        self._put(NOTE, key, **(event["note"] if state != RecordState.NONE else NOTE.zero()))
        if state == RecordState.REJECTED:
            self._left_out[batch] = self._left_out.get(batch, 0) + 1

    HANDLERS: ClassVar[dict[str, Callable[[Any, Arguments], None]]] = InstitutionsReplay.HANDLERS | {
        "BatchRegistered": _on_batch_registered,
        "BatchApproved": _on_batch_approved,
        "BatchRejected": _on_batch_rejected,
        "BatchRevoked": _on_batch_revoked,
        "OverrideSet": _on_override_set,
    }


def _may_become(state: int, override: int, status: int) -> bool:
    """Whether an entry's override may become `state`, the batch being in `status`."""
    if state == RecordState.REJECTED:
        return override == RecordState.NONE and status == BatchStatus.PENDING
    if state == RecordState.DISPUTED:
        return override == RecordState.NONE and status == BatchStatus.ACTIVE
    if state == RecordState.SUPERSEDED:
        return override in (RecordState.NONE, RecordState.DISPUTED) and status == BatchStatus.ACTIVE
    # A dispute can be resolved either way even when its batch was revoked meanwhile.
    if override == RecordState.DISPUTED:
        return state in (RecordState.NONE, RecordState.REVOKED)
    return state == RecordState.REVOKED and override == RecordState.NONE and status == BatchStatus.ACTIVE
