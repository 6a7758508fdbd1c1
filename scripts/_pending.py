"""What is pending on a registry as of one block, who can act on it, and by when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from creditconnect.cli.presentation import utc
from creditconnect.reasons import chain_reason_name
from creditconnect.types import Standing
from scripts._joint import SHOWN_DIGITS, Proposal, ProposalState, proposals
from scripts._records import doubts
from scripts._registry import Registry, code_text
from scripts._seats import RECOVERY_DELAY_SECONDS
from scripts._words import NOBODY, SEATS, plain_arguments


@dataclass(frozen=True, slots=True)
class Pending:
    """One thing that somebody has still to end. `facts` are for programs; times there are ISO 8601, UTC."""

    kind: str
    what: str
    who: list[str]
    when: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        return {"kind": self.kind, "what": self.what, "who": self.who, "when": self.when, **self.facts}


class PendingMatters:
    """Reads them, all as of one block."""

    def __init__(self, registry: Registry, first_block: int, block: int) -> None:
        self._registry = registry
        self._first_block = first_block
        self.block = block
        self.now = registry.chain.time_of(block)
        self._counters = registry.read("registry", block=block)
        self._sides = registry.jurisdictions(block)
        self._codes = {side: code_text(one.code) for side, one in self._sides.items()}

    def all(self, *, lapsed: bool = False) -> list[Pending]:
        """Everything, in the order in which it stops others; with `lapsed`, joint actions too that are dead."""
        return [
            *self._acceptances(),
            *self._recoveries(),
            *self._handovers(),
            *self._joint_actions(lapsed),
            *self._pauses(),
            *self._suspensions(),
            *self._disputes(),
        ]

    def _acceptances(self) -> Iterator[Pending]:
        for side, code in self._codes.items():
            if not self._counters.accepted >> (side - 1) & 1:
                what = f"{code} has not accepted the registry"
                effect = "the side counts once it has" if self._counters.live else "nothing works before"
                who = [f"{self._authority(side)}: ape run deploy accept"]
                yield Pending("acceptance", what, who, effect, {"side": code})

    def _recoveries(self) -> Iterator[Pending]:
        for side, one in self._sides.items():
            if one.recoveryTo != NOBODY:
                yield self._recovery(side, one)

    def _recovery(self, side: int, one: Any) -> Pending:
        code, objected = self._codes[side], not one.recoveryAt
        others = ", ".join(other for number, other in self._codes.items() if number != side) or "nobody"
        cold = f"{code}'s recovery address {one.recovery}"
        who = [f"the authority of another side ({others}): support, at once"]
        facts: dict[str, Any] = {"side": code, "to": one.recoveryTo, "objected": objected}
        if objected:
            who.append(f"{cold}: start anew or withdraw")
            return Pending("recovery", f"{code}'s authority to {one.recoveryTo}, objected to", who, facts=facts)
        ready = one.recoveryAt + RECOVERY_DELAY_SECONDS
        who += [f"{cold}: complete or withdraw", f"{self._authority(side)}: object"]
        when = f"alone from {utc(ready)} on" if self.now < ready else f"alone since {utc(ready)}"
        facts |= {"started_at": iso(one.recoveryAt), "completable_from": iso(ready)}
        return Pending("recovery", f"{code}'s authority to {one.recoveryTo}", who, when, facts)

    def _handovers(self) -> Iterator[Pending]:
        for side, one in self._sides.items():
            seats = ((one.authority, one.offeredAuthority), (one.recovery, one.offeredRecovery))
            for seat, (holder, offered) in zip(SEATS, seats, strict=True):
                if offered != NOBODY:
                    what = f"seat of {self._codes[side]}'s {seat} from {holder}"
                    who = [f"{offered}: accept", f"{holder}: withdraw"]
                    facts = {"side": self._codes[side], "seat": seat, "from": holder, "to": offered}
                    yield Pending("handover", what, who, facts=facts)

    def _joint_actions(self, lapsed: bool) -> Iterator[Pending]:
        for one in proposals(self._registry, self._first_block, self.block):
            if lapsed or one.state == ProposalState.HALF_MADE:
                yield self._joint_action(one)

    def _joint_action(self, one: Proposal) -> Pending:
        agreed, missing = ([self._codes[side] for side in sides] for sides in (one.agreed, one.missing))
        facts = {
            "action": "0x" + one.action.hex(),
            "function": one.call.function,
            "arguments": plain_arguments(one.call),
            "agreed": agreed,
            "missing": missing,
            "expires_at": iso(one.expires_at),
            "state": one.state.value,
        }
        alive = one.state == ProposalState.HALF_MADE
        who = [f"{self._authority(side)}: agree" for side in one.missing] if alive else []
        what = f"{one.action.hex()[:SHOWN_DIGITS]} {one.words} (agreed: {', '.join(agreed)})"
        when = f"expires {utc(one.expires_at)}" if alive else str(one.state)
        return Pending("joint action", what, who, when, facts)

    def _pauses(self) -> Iterator[Pending]:
        for side, code in self._codes.items():
            if self._counters.paused >> (side - 1) & 1:
                what = f"{code} pauses registering, approving and superseding"
                yield Pending("pause", what, [f"{self._authority(side)}: pause off"], facts={"side": code})

    def _suspensions(self) -> Iterator[Pending]:
        last = {
            event.arguments["institution"]: (block, event.arguments["reason"])
            for block, event in self._registry.events("StandingSet", self._first_block, self.block)
        }
        for number, (block, reason) in sorted(last.items()):
            one = self._registry.read("institutionOf", number, block=self.block)
            if one.standing == Standing.SUSPENDED:
                since = self._registry.chain.time_of(block)
                name, code = chain_reason_name(reason).lower(), code_text(one.code)
                who = [f"{self._authority(one.jurisdiction)}: reinstate or terminate"]
                facts = {"institution": number, "code": code, "reason": name, "since": iso(since)}
                yield Pending("suspension", f"{code} is suspended, {name}", who, f"since {utc(since)}", facts)

    def _disputes(self) -> Iterator[Pending]:
        for one, doubt in doubts(self._registry, self._first_block, self.block):
            what = f"{one.words}, in doubt, {doubt.reason}"
            facts = {
                "record": one.record_hash.hex(),
                "institution": one.institution,
                "claim": one.n,
                "batch": one.batch,
                "side": self._codes[doubt.side],
                "reason": doubt.reason,
                "since": iso(doubt.at),
            }
            who = [f"{self._authority(doubt.side)}: record resolve"]
            yield Pending("dispute", what, who, f"since {utc(doubt.at)}", facts)

    def _authority(self, side: int) -> str:
        return f"{self._codes[side]}'s authority {self._sides[side].authority}"


def iso(seconds: int) -> str:
    """A time for programs: ISO 8601, UTC."""
    return utc(seconds).replace(" ", "T")
