"""Joint actions: what happens once every side that it concerns has called the same function with the same arguments.

A half-made one ends 30 days after its first call, or with any change of an authority. The contract keeps what was
agreed by the hash of the call data; the events say what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from eth_utils.crypto import keccak

from creditconnect.chain.contract_abi import Call
from creditconnect.errors import InputError, UsageError
from scripts._registry import Hand, Registry, code_bytes
from scripts._words import RegistryNames, decode_step, sentence

# Of an action's 64 hex digits; more than enough to tell those that are pending apart.
SHOWN_DIGITS = 16
LEAST_DIGITS = 8


class ProposalState(StrEnum):
    HALF_MADE = "half-made"
    EXPIRED = "expired"
    ENDED = "ended by a change of authority"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A joint action that some sides have agreed to. Sides by id; `expires_at` in seconds, UTC."""

    action: bytes
    call: Call
    words: str
    agreed: list[int]
    missing: list[int]
    expires_at: int
    state: ProposalState


def proposals(registry: Registry, first_block: int, block: int) -> list[Proposal]:
    """Every joint action that is agreed to by some and not complete as of a block, in the order of its first call."""
    calls = {
        event.arguments["action"]: event.arguments["call"]
        for _, event in registry.events("JointActionAgreed", first_block, block)
    }
    reading = _Reading(registry, block)
    found = (reading.proposal(action, call) for action, call in calls.items())
    return [one for one in found if one is not None]


class _Reading:
    """What proposals are read against, as of one block."""

    def __init__(self, registry: Registry, block: int) -> None:
        self._registry = registry
        self._block = block
        self._counters = registry.read("registry", block=block)
        self._names = RegistryNames(registry, block)
        self._now = registry.chain.time_of(block)

    def proposal(self, action: bytes, call_data: bytes) -> Proposal | None:
        kept = self._registry.read("proposalOf", action, block=self._block)
        if not kept.agreed:
            return None
        call = decode_step(call_data)
        required = _required(call, self._counters.accepted)
        return Proposal(
            action=action,
            call=call,
            words=sentence(call, self._names),
            agreed=_sides(kept.agreed),
            missing=_sides(required & ~kept.agreed),
            expires_at=kept.expiresAt,
            state=self._state(kept),
        )

    def _state(self, kept: Any) -> ProposalState:
        if kept.authorityEpoch != self._counters.authorityEpoch:
            return ProposalState.ENDED
        return ProposalState.HALF_MADE if self._now < kept.expiresAt else ProposalState.EXPIRED


class JointActs:
    """One authority's part in joint actions. The lines that acts yield say what was done."""

    def __init__(self, registry: Registry, hand: Hand) -> None:
        self._registry = registry
        self._hand = hand

    @cached_property
    def side(self) -> int:
        return self._registry.side_of(self._hand.address, self._hand.name)

    def open_corridor(self, source: str, target: str) -> Iterator[str]:
        """Agree that banks in `target` rely on records from `source`, unless this side has."""
        sides = self._registry.side_by_code(source), self._registry.side_by_code(target)
        if not self._registry.read("corridorOpen", *sides):
            for complete in self._agree("openCorridor", *sides):
                yield "open" if complete else "agreed; opens when the other side agrees"

    def close_corridor(self, source: str, target: str) -> Iterator[str]:
        """Close a corridor of this side's, unless it is closed; an agreement to open it is another matter."""
        sides = self._registry.side_by_code(source), self._registry.side_by_code(target)
        if self._registry.read("corridorOpen", *sides):
            self._act("closeCorridor", *sides)
            yield "closed"

    def add_side(self, code: str, authority: str, recovery: str) -> Iterator[str]:
        """Agree to another side, unless it is there."""
        for one in self._registry.jurisdictions().values():
            if (one.code, one.authority, one.recovery) == (code_bytes(code), authority, recovery):
                return
        for complete in self._agree("addJurisdiction", code_bytes(code), authority, recovery):
            yield "added; its authority has to accept the registry" if complete else "agreed; the others have still to"

    def name_successor(self, to: str) -> Iterator[str]:
        """Agree to the contract that takes over, unless it does.

        Raises:
            OtherChain: there is no contract at that address.
        """
        if self._registry.read("successor") == to:
            return
        self._registry.chain.code_hash(to)
        for complete in self._agree("nameSuccessor", to):
            yield "named; registration here is closed" if complete else "agreed; the others have still to"

    def agree(self, proposal: Proposal) -> Iterator[str]:
        """Agree to what another side has proposed."""
        for complete in self._agree(proposal.call.function, *proposal.call.arguments.values()):
            yield "complete" if complete else "agreed; others have still to"

    def withdraw(self, proposal: Proposal) -> Iterator[str]:
        """Take back this side's agreement, unless it has none."""
        if proposal.state == ProposalState.HALF_MADE and self.side in proposal.agreed:
            self._act("withdrawAgreement", proposal.action)
            yield "agreement withdrawn"

    def _agree(self, function: str, *arguments: Any) -> Iterator[bool]:
        # One answer where something was sent: whether that completed it.
        action = keccak(self._registry.call_data(function, *arguments))
        if not self._has_agreed(action):
            self._act(function, *arguments)
            yield not self._has_agreed(action)

    def _has_agreed(self, action: bytes) -> bool:
        kept = self._registry.read("proposalOf", action)
        alive = kept.authorityEpoch == self._registry.read("registry").authorityEpoch
        in_time = self._registry.chain.time_of() < kept.expiresAt
        return bool(alive and in_time and kept.agreed >> (self.side - 1) & 1)

    def _act(self, function: str, *arguments: Any) -> None:
        self._hand.act(self._registry, function, *arguments)


def find_proposal(registry: Registry, first_block: int, named: str) -> Proposal:
    """The half-made or lapsed joint action that the first digits of its id name.

    Raises:
        InputError: they are no digits, or too few. UsageError: none has them, or several.
    """
    digits = named.lower().removeprefix("0x")
    if len(digits) < LEAST_DIGITS or any(digit not in "0123456789abcdef" for digit in digits):
        raise InputError(f"{named[:70]!r} is no joint action's id: at least {LEAST_DIGITS} of its hex digits")
    found = [
        one for one in proposals(registry, first_block, registry.chain.head()) if one.action.hex().startswith(digits)
    ]
    if len(found) != 1:
        words = "none is half-made under" if not found else "several begin with"
        raise UsageError(f"joint actions: {words} {named}", hint="`institutions pending` shows them")
    return found[0]


def _required(call: Call, accepted: int) -> int:
    """Which sides a joint action needs, as bits."""
    if call.function != "openCorridor":
        return accepted
    source, target = int(call.arguments["from"]), int(call.arguments["to"])
    return 1 << (source - 1) | 1 << (target - 1)


def _sides(bits: int) -> list[int]:
    return [side for side in range(1, 33) if bits >> (side - 1) & 1]
