"""Records and batches as an authority sees them, as of one block, and what it may do to each.

Any side's authority may doubt any side's record, and alone ends the doubt that it raised. Only its own side's
authority withdraws a record, or rejects or withdraws a batch. What the registry would refuse is refused here first,
with who may do it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from creditconnect.chain.registry import FIND_MANY_PAIRS
from creditconnect.errors import UsageError
from creditconnect.reasons import ChainReason, chain_reason_name
from creditconnect.types import BatchStatus, RecordState, entry_key_parts
from scripts._onboarding import schema_names
from scripts._registry import Hand, Registry, code_text

_OVER = "that is final"
_UNREVIEWED = "its batch waits for review: `institutions batch reject`, by its own side's authority"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Who raised a dispute: a side's authority, or the institution itself where `side` is 0. `at` in seconds, UTC."""

    side: int
    by: str
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """One institution's claim to a record hash. `side` by id; times in seconds, UTC, `expires_at` 0 is never."""

    key: int
    institution: str
    side: int
    side_code: str
    state: RecordState
    expired: bool
    schema: str
    batch: int
    registered_at: int
    expires_at: int
    doubt: Doubt | None

    @property
    def record_hash(self) -> bytes:
        return entry_key_parts(self.key)[0]

    @property
    def n(self) -> int:
        return entry_key_parts(self.key)[2]

    @property
    def words(self) -> str:
        return f"record {self.record_hash.hex()} of {self.institution}, claim {self.n}"


@dataclass(frozen=True, slots=True)
class BatchFound:
    """A batch of an institution's. `side` by id; `registered_at` in seconds, UTC."""

    number: int
    institution: str
    side: int
    side_code: str
    status: BatchStatus
    schema: str
    count: int
    registered_at: int
    submitter: str


@dataclass
class RecordReading:
    """What a registry holds of records and batches as of one block."""

    registry: Registry
    block: int
    _institutions: dict[int, tuple[str, int]] = field(default_factory=dict)
    _schemas: dict[int, str] = field(default_factory=dict)

    @cached_property
    def side_codes(self) -> dict[int, str]:
        return {side: code_text(one.code) for side, one in self.registry.jurisdictions(self.block).items()}

    def claims(self, record_hash: bytes) -> list[RecordClaim]:
        """Every institution's claims to a hash, by institution, then by n."""
        count = self.registry.read("registry", block=self.block).institutionCount
        chunks = (
            range(first, min(first + FIND_MANY_PAIRS, count + 1)) for first in range(1, count + 1, FIND_MANY_PAIRS)
        )
        return [claim for chunk in chunks for claim in self._claims(record_hash, list(chunk))]

    def claim(self, key: int) -> RecordClaim:
        """The claim in an entry that exists."""
        record_hash, institution, n = entry_key_parts(key)
        return self._claims(record_hash, [institution])[n]

    def chosen(self, record_hash: bytes, institution: str | None, n: int | None) -> RecordClaim:
        """The one claim to a hash that is meant.

        Raises:
            UsageError: there is none, or there are several and the choice leaves more than one.
        """
        every = self.claims(record_hash)
        found = [one for one in every if institution in (None, one.institution) and n in (None, one.n)]
        if len(found) == 1:
            return found[0]
        named = f"record {record_hash.hex()}"
        listed = ", ".join(f"{one.institution} {one.n} ({one.state.name.lower()})" for one in every)
        if not every:
            raise UsageError(
                f"{named}: nobody claims it on this registry", hint="is the hash right, and the deployment?"
            )
        if not found:
            raise UsageError(f"{named}: there is no such claim to it", hint=f"there are {listed}")
        raise UsageError(f"{named}: {len(found)} claims to it, {listed}", hint="choose by --institution and --claim")

    def batch(self, number: int) -> BatchFound:
        """A batch by its number.

        Raises:
            UsageError: there is none.
        """
        found = self.registry.read("batchOf", number, block=self.block)
        if not found.institution:
            raise UsageError(f"there is no batch {number} on this registry")
        code, side = self._institution(found.institution)
        return BatchFound(
            number=number,
            institution=code,
            side=side,
            side_code=self.side_codes[side],
            status=BatchStatus(found.status),
            schema=self._schema(found.schema),
            count=found.count,
            registered_at=found.registeredAt,
            submitter=str(found.submitter),
        )

    def _claims(self, record_hash: bytes, institutions: list[int]) -> list[RecordClaim]:
        found = self.registry.read("find", int.from_bytes(record_hash, "big"), institutions, block=self.block)
        return [self._claim(one) for one in found]

    def _claim(self, found: Any) -> RecordClaim:
        code, side = self._institution(found.institution)
        state = RecordState(found.state)
        return RecordClaim(
            key=int(found.entryKey),
            institution=code,
            side=side,
            side_code=self.side_codes[side],
            state=state,
            expired=found.expired,
            schema=self._schema(found.schema),
            batch=found.batch,
            registered_at=found.registeredAt,
            expires_at=found.expiresAt,
            doubt=self._doubt(found.entryKey) if state == RecordState.DISPUTED else None,
        )

    def _doubt(self, key: int) -> Doubt:
        note = self.registry.read("noteOf", key, block=self.block)
        if note.byInstitution:
            side, by = 0, self._institution(note.byInstitution)[0]
        else:
            side, by = note.byJurisdiction, f"{self.side_codes[note.byJurisdiction]}'s authority"
        return Doubt(side, by, chain_reason_name(note.reason).lower(), note.at)

    def _institution(self, number: int) -> tuple[str, int]:
        """Its code and its side."""
        if number not in self._institutions:
            found = self.registry.read("institutionOf", number, block=self.block)
            self._institutions[number] = code_text(found.code), found.jurisdiction
        return self._institutions[number]

    def _schema(self, number: int) -> str:
        if number not in self._schemas:
            (self._schemas[number],) = schema_names(self.registry, 1 << number, self.block)
        return self._schemas[number]


def doubts(registry: Registry, first_block: int, block: int) -> Iterator[tuple[RecordClaim, Doubt]]:
    """Every record that an authority's dispute stops as of a block, the oldest dispute first."""
    last: dict[int, dict[str, Any]] = {}
    for _, event in registry.events("OverrideSet", first_block, block):
        # Put at the end again: the order is that of the disputes that stand.
        last.pop(event.arguments["entryKey"], None)
        last[event.arguments["entryKey"]] = event.arguments
    reading = RecordReading(registry, block)
    for key, override in last.items():
        if override["state"] == RecordState.DISPUTED and not override["note"]["byInstitution"]:
            claim = reading.claim(key)
            # Its batch may have been withdrawn since.
            if claim.doubt is not None:
                yield claim, claim.doubt


class RecordActs:
    """One authority's acts on records and batches. `to_*` say what is left to do and raise where it can't be done."""

    def __init__(self, registry: Registry, hand: Hand) -> None:
        self._registry = registry
        self._hand = hand
        self.side = registry.side_of(hand.address, hand.name)

    def to_dispute(self, claim: RecordClaim) -> bool:
        """Whether this authority's doubt is still to be raised.

        Raises:
            UsageError: the record is not active, or in somebody else's doubt.
        """
        if claim.doubt is not None and claim.doubt.side != self.side:
            raise UsageError(
                f"{claim.words}, is disputed already by {claim.doubt.by}", hint=f"{claim.doubt.by} ends it"
            )
        if claim.doubt is None:
            _require(claim, "disputed", RecordState.ACTIVE)
        return claim.doubt is None

    def to_resolve(self, claim: RecordClaim, uphold: bool) -> bool:
        """Whether this authority's doubt is still to be ended so.

        Raises:
            UsageError: another raised it, or the record is in no doubt and not in the state that this would leave.
        """
        if claim.doubt is None:
            if claim.state != (RecordState.REVOKED if uphold else RecordState.ACTIVE):
                _require(claim, "resolved", RecordState.DISPUTED)
            return False
        if claim.doubt.side != self.side:
            whose = claim.doubt.by if claim.doubt.side else f"another account of {claim.doubt.by}"
            raise UsageError(f"{claim.words}, was disputed by {claim.doubt.by}", hint=f"only {whose} resolves it")
        return True

    def to_revoke(self, claim: RecordClaim) -> bool:
        """Whether a record of this side's is still to be withdrawn.

        Raises:
            UsageError: it is another side's, or neither active nor disputed.
        """
        self._require_own(claim, claim.words, "; `institutions record dispute` raises doubt")
        if claim.state != RecordState.REVOKED:
            _require(claim, "revoked", RecordState.ACTIVE, RecordState.DISPUTED)
        return claim.state != RecordState.REVOKED

    def to_decide(self, batch: BatchFound, wanted: BatchStatus) -> bool:
        """Whether a batch of this side's is still to be rejected or revoked.

        Raises:
            UsageError: it is another side's, or its status does not allow that.
        """
        self._require_own(batch, f"batch {batch.number} of {batch.institution}")
        before = BatchStatus.PENDING if wanted == BatchStatus.REJECTED else BatchStatus.ACTIVE
        if batch.status not in (before, wanted):
            raise UsageError(
                f"batch {batch.number} of {batch.institution} can't be {wanted.name.lower()}: it is"
                f" {batch.status.name.lower()}",
                hint=_HINTS_BY_STATUS[batch.status],
            )
        return batch.status == before

    def dispute(self, claims: Sequence[RecordClaim], reason: ChainReason) -> Iterator[RecordClaim]:
        """Raise doubt, a transaction a record; each is yielded when it is done."""
        for claim in claims:
            self._hand.act(self._registry, "dispute", claim.key, int(reason))
            yield claim

    def resolve(self, claims: Sequence[RecordClaim], uphold: bool, reason: ChainReason) -> Iterator[RecordClaim]:
        """End doubt, a transaction a record; each is yielded when it is done."""
        for claim in claims:
            self._hand.act(self._registry, "resolve", claim.key, uphold, int(reason))
            yield claim

    def revoke(self, claims: Sequence[RecordClaim], reason: ChainReason) -> Iterator[RecordClaim]:
        """Withdraw them, all in one transaction or none."""
        if claims:
            self._hand.act(self._registry, "revoke", [claim.key for claim in claims], int(reason))
        yield from claims

    def decide(self, batch: BatchFound, wanted: BatchStatus, reason: ChainReason) -> None:
        """Reject a pending batch, or withdraw an active one."""
        function = "reject" if wanted == BatchStatus.REJECTED else "revokeBatch"
        self._hand.act(self._registry, function, batch.number, int(reason))

    def _require_own(self, found: RecordClaim | BatchFound, words: str, instead: str = "") -> None:
        if found.side != self.side:
            whose = f"{found.side_code}'s authority"
            raise UsageError(
                f"{words}, is {found.side_code}'s", hint=f"{whose} or {found.institution} does that{instead}"
            )


_HINTS_BY_STATUS = {
    BatchStatus.PENDING: "`institutions batch reject` ends what nobody approved",
    BatchStatus.ACTIVE: "it was approved: `institutions batch revoke` withdraws it",
    BatchStatus.REJECTED: _OVER,
    BatchStatus.REVOKED: _OVER,
}
_HINTS_BY_STATE = {
    RecordState.PENDING: _UNREVIEWED,
    RecordState.ACTIVE: "it is in no doubt",
    RecordState.DISPUTED: "`institutions record resolve`, by who raised the dispute",
}


def _require(claim: RecordClaim, do: str, *states: RecordState) -> None:
    if claim.state not in states:
        hint = _HINTS_BY_STATE.get(claim.state, _OVER)
        raise UsageError(f"{claim.words}, can't be {do}: it is {claim.state.name.lower()}", hint=hint)
