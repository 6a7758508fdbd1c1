"""The two seats of a side: handed over in two steps, and the authority's recovered when its key is lost or stolen.

    ape run institutions handover offer HK --seat authority --to 0xNext --key hk_authority ...
    ape run institutions handover accept HK --seat authority --key hk_next ...
    ape run institutions recovery start HK --to 0xNext --key hk_recovery ...
    ape run institutions recovery support HK --to 0xNext --authority sz_authority ...     # completes it at once
    ape run institutions recovery complete HK --key hk_recovery ...                       # or alone, after 14 days

A recovery address is cold: let `--export` write its step where the node is, and sign it where the key is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from creditconnect.cli.presentation import utc
from creditconnect.errors import UsageError
from scripts._acting import Acting, acting, say
from scripts._registry import AddressParameter, ChainCommand, Hand, Registry, with_options
from scripts._words import NOBODY, SEATS

# `RECOVERY_DELAY` of contracts/Jurisdictions.sol, which no view shows.
RECOVERY_DELAY_SECONDS = 14 * 24 * 3600

on_side = click.argument("code", metavar="SIDE")
of_seat = with_options([on_side, click.option("--seat", type=click.Choice(SEATS), required=True, help="Which seat.")])
to_address = click.option("--to", type=AddressParameter(), required=True, help="Who is to sit there.")


class Seat:
    """One seat of one side, as of now."""

    def __init__(self, registry: Registry, code: str, seat: str) -> None:
        self._registry = registry
        self.side = registry.side_by_code(code)
        self.number = SEATS.index(seat)
        self.words = f"{code}'s {'authority' if seat == 'authority' else 'recovery address'}"
        found = registry.read("jurisdictionOf", self.side)
        self.holder = str(found.authority if seat == "authority" else found.recovery)
        self.offered = str(found.offeredAuthority if seat == "authority" else found.offeredRecovery)

    def offer(self, acting: Acting, to: str) -> Iterator[str]:
        """Offer it; zero takes an offer back."""
        if self.offered != to:
            acting.holder(self.holder, self.words).act(self._registry, "offerHandover", self.side, self.number, to)
            yield "no longer offered" if to == NOBODY else f"offered to {to}, who has to accept"

    def accept(self, acting: Acting) -> Iterator[str]:
        """Take what was offered, unless who was named sits there.

        Raises:
            UsageError: nobody was offered it, or another was.
        """
        if acting.holds(self.holder):
            return
        if self.offered == NOBODY:
            raise UsageError(f"the seat of {self.words} is offered to nobody", hint="its holder offers it first")
        hand = acting.holder(self.offered, f"who was offered the seat of {self.words}")
        hand.act(self._registry, "acceptHandover", self.side, self.number)
        yield f"{hand.address} took the seat from {self.holder}"


class Recovery:
    """The recovery of one side's authority, as of now."""

    def __init__(self, registry: Registry, code: str) -> None:
        self._registry = registry
        self._code = code
        self.side = registry.side_by_code(code)
        found = registry.read("jurisdictionOf", self.side)
        self.authority, self.recovery = str(found.authority), str(found.recovery)
        self.to, self.started_at = str(found.recoveryTo), int(found.recoveryAt)

    def start(self, acting: Acting, to: str) -> Iterator[str]:
        """Start it, unless it runs to this address: starting again would begin the days anew."""
        if (self.to, bool(self.started_at)) == (to, True):
            return
        self._cold(acting).act(self._registry, "startRecovery", self.side, to)
        started = self._registry.read("jurisdictionOf", self.side).recoveryAt
        yield f"recovery to {to}, alone from {utc(started + RECOVERY_DELAY_SECONDS)} on, at once with another side"

    def withdraw(self, acting: Acting) -> Iterator[str]:
        if self.to != NOBODY:
            self._cold(acting).act(self._registry, "startRecovery", self.side, NOBODY)
            yield "recovery withdrawn"

    def complete(self, acting: Acting) -> Iterator[str]:
        """Complete it by the recovery address alone; nothing to do where none runs."""
        if self.to != NOBODY:
            self._cold(acting).act(self._registry, "completeRecovery", self.side)
            yield self._completed()

    def object(self, acting: Acting) -> Iterator[str]:
        """Object as the sitting authority; nothing to do where none runs, or it has."""
        if self.started_at:
            hand = acting.holder(self.authority, f"{self._code}'s authority")
            hand.act(self._registry, "objectToRecovery", self.side)
            yield f"objected to the recovery to {self.to}; another side can still support it"

    def support(self, acting: Acting, to: str) -> Iterator[str]:
        """Support it as another side's authority, which completes it."""
        if self.authority == to:
            return
        hand: Hand = acting.authority()
        self._registry.side_of(hand.address, hand.name)
        hand.act(self._registry, "supportRecovery", self.side, to)
        yield self._completed()

    def _completed(self) -> str:
        return f"{self.to} took the authority's seat from {self.authority}; half-made joint actions have ended"

    def _cold(self, acting: Acting) -> Hand:
        return acting.holder(self.recovery, f"{self._code}'s recovery address")


@click.group()
def handover() -> None:
    """Hand a seat over: its holder offers it, and the next holder accepts."""


@handover.command(cls=ChainCommand)
@of_seat
@to_address
@acting
def offer(acting: Acting, code: str, seat: str, to: str) -> None:
    """Offer a seat of SIDE. Nothing changes until it is accepted."""
    one = Seat(acting.registry, code, seat)
    say(one.offer(acting, to), one.words)


@handover.command("withdraw", cls=ChainCommand)
@of_seat
@acting
def withdraw_offer(acting: Acting, code: str, seat: str) -> None:
    """Take back what was offered and not accepted."""
    one = Seat(acting.registry, code, seat)
    say(one.offer(acting, NOBODY), one.words)


@handover.command(cls=ChainCommand)
@of_seat
@acting
def accept(acting: Acting, code: str, seat: str) -> None:
    """Take the seat that was offered. An authority's handover ends all half-made joint actions."""
    one = Seat(acting.registry, code, seat)
    say(one.accept(acting), one.words)


@click.group()
def recovery() -> None:
    """Replace a side's authority whose key is lost or stolen."""


def _recovery_command(name: str, promise: str, *options: Any) -> None:
    def command(acting: Acting, code: str, **given: str) -> None:
        one = Recovery(acting.registry, code)
        say(getattr(one, name)(acting, **given), f"{code}'s authority")

    recovery.command(name, cls=ChainCommand, help=promise)(with_options([on_side, *options, acting])(command))


_recovery_command("start", "Begin to replace SIDE's authority. By its recovery address.", to_address)
_recovery_command("withdraw", "Take a running recovery back. By the recovery address.")
_recovery_command("support", "Support SIDE's recovery, which completes it. By another side's authority.", to_address)
_recovery_command("object", "Object to the recovery: waiting no longer completes it. By SIDE's authority.")
_recovery_command("complete", "Complete what nobody objected to for 14 days. By the recovery address.")
