"""Reviewing: an institution's pending batches, with the records decrypted for whoever decides on them.

The registry holds the rule (another account than the submitter's, entitled, not expired). This shows, calls, and lets
nobody approve what is not in the vault as it was submitted.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from creditconnect.chain.blocks import Block
from creditconnect.chain.contract_abi import Event
from creditconnect.chain.registry import Batch, Question, Registry, batch_from, claims_from
from creditconnect.custody.vault import StoredRecord, Vault
from creditconnect.errors import ExchangeError, UsageError
from creditconnect.exchange.mirror import Mirror
from creditconnect.records.canonical import read_canonical
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.types import BatchStatus, Derived


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One record of a batch: where it came from, and the record in the clear; both None if this vault lacks it."""

    number: int
    derived: Derived
    stored: StoredRecord | None
    record: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision on a batch as the chain has it."""

    batch: int
    approved: bool
    account: str
    tx: bytes


class Review:
    """The review of one institution's batches, as of what its mirror has followed."""

    def __init__(self, registry: Registry, mirror: Mirror, institution: int) -> None:
        self._registry = registry
        self._mirror = mirror
        self._institution = institution

    def pending(self, block: Block) -> list[Batch]:
        """The batches that wait for a decision, oldest first."""
        numbers = [event.arguments["batch"] for _, event in self._mirror.batches_of(self._institution)]
        answers = self._registry.ask([Question("batchOf", (number,)) for number in numbers], block)
        batches = [batch_from(answer, number) for number, answer in zip(numbers, answers, strict=True)]
        return [batch for batch in batches if batch.status == BatchStatus.PENDING]

    def batch(self, number: int, block: Block) -> Batch:
        """One batch as of a block.

        Raises:
            UsageError: not a batch of this institution.
        """
        self._event(number)
        return batch_from(self._registry.ask([Question("batchOf", (number,))], block)[0], number)

    def rows(self, batch: int, vault: Vault) -> list[BatchRow]:
        """The records of a batch, decrypted, in the order of the provider's file; numbered from 1.

        Raises:
            UsageError: not a batch of this institution.
        """
        rows = self._stored(batch, vault)
        rows.sort(key=lambda row: (row[1].file, row[1].line) if row[1] is not None else (0, 0))
        return [
            BatchRow(number, derived, stored, _record(vault, stored))
            for number, (derived, stored) in enumerate(rows, start=1)
        ]

    def files_of(self, batch: int, vault: Vault) -> list[int]:
        """The file of each record of a batch that the vault has."""
        return [record.file for _, record in self._stored(batch, vault) if record is not None]

    def registered_in(self, batch: int) -> bytes:
        """The hash of the block that registered a batch."""
        found = self._mirror.batch(batch)
        if found is None:
            raise UsageError(f"batch {batch} is not one of this institution's", hint="see creditconnect review list")
        return found[0].block_hash

    def decisions(self) -> list[Decision]:
        """Every decision on this institution's batches, in the chain's order."""
        own = {event.arguments["batch"] for _, event in self._mirror.batches_of(self._institution)}
        return [
            Decision(
                event.arguments["batch"],
                event.name == "BatchApproved",
                event.arguments["reviewer"].lower(),
                log.tx_hash,
            )
            for log, event in self._mirror.events("BatchApproved", "BatchRejected")
            if event.arguments["batch"] in own
        ]

    def require_pending(self, batch: int, block: Block) -> None:
        """Demand that nobody has decided on a batch yet.

        Raises:
            UsageError: it is no batch of this institution. ExchangeError: says what was decided, by whom and when.
        """
        found = self.batch(batch, block)
        if found.status != BatchStatus.PENDING:
            raise ExchangeError(
                f"batch {batch} is no longer pending: {_decision(found)}", hint="see creditconnect review list"
            )

    def require_genuine(self, batch: int, vault: Vault, schemas: SchemaCatalogue, excepted: Container[bytes]) -> None:
        """Demand that every record of a batch, save those excepted, is in the vault and is what the batch anchors.

        Raises:
            UsageError: this vault lacks some; Tampered: one was changed since it was submitted.
        """
        rows = self._stored(batch, vault)
        lacking = [one.record_hash.hex() for one, record in rows if record is None and one.record_hash not in excepted]
        if lacking:
            raise UsageError(
                f"batch {batch} holds {len(lacking)} record(s) that this vault lacks, first {lacking[0]}",
                hint="nobody here has seen them: except them with a reason, or reject the batch",
            )
        for derived, record in rows:
            if record is not None and derived.record_hash not in excepted:
                vault.open_genuine(record, schemas.load(record.schema))

    def approve_call(self, batch: int, exceptions: Mapping[bytes, int], block: Block) -> bytes:
        """Call data of `approve`; `exceptions` maps record hashes of the batch to reasons.

        Raises:
            UsageError: not a batch of this institution, or an exception is not in it.
        """
        self._event(batch)
        keys = [(self._entry_key(batch, record_hash, block), reason) for record_hash, reason in exceptions.items()]
        return self._registry.abi.encode_call("approve", batch, keys)

    def reject_call(self, batch: int, reason: int) -> bytes:
        """Call data of `reject`."""
        self._event(batch)
        return self._registry.abi.encode_call("reject", batch, reason)

    def _stored(self, batch: int, vault: Vault) -> list[tuple[Derived, StoredRecord | None]]:
        """The records of a batch in the chain's order, each with what the vault has of it."""
        wanted = [Derived(word[:8], word[8:]) for word in self._event(batch).arguments["records"]]
        known = vault.by_derived(wanted)
        return [(derived, known.get(derived)) for derived in wanted]

    def _entry_key(self, batch: int, record_hash: bytes, block: Block) -> int:
        question = Question("find", (int.from_bytes(record_hash, "big"), [self._institution]))
        for claim in claims_from(self._registry.ask([question], block)[0]):
            if claim.batch == batch:
                return claim.entry_key
        raise UsageError(f"record {record_hash.hex()} is not in batch {batch}")

    def _event(self, batch: int) -> Event:
        found = self._mirror.batch(batch)
        if found is None or found[1].arguments["institution"] != self._institution:
            raise UsageError(f"batch {batch} is not one of this institution's", hint="see creditconnect review list")
        return found[1]


def _record(vault: Vault, stored: StoredRecord | None) -> dict[str, Any] | None:
    return None if stored is None else read_canonical(vault.open(stored).canonical)


def _decision(batch: Batch) -> str:
    if not batch.reviewed_at:
        return f"{batch.status.name} since it was registered, as this institution needs no review"
    at = datetime.fromtimestamp(batch.reviewed_at, UTC)
    return f"{batch.status.name} by {batch.reviewer} at {at:%Y-%m-%d %H:%M:%SZ}"
