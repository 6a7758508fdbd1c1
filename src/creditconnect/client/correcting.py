"""Corrections of what is registered: revoke, supersede, dispute, resolve; and a record's history.

What the registry would refuse is refused here first, with the state that it is in and what to do about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from creditconnect.chain.registry import Claim, Question, note_from
from creditconnect.client.opened import Opened
from creditconnect.errors import Reverted, UsageError
from creditconnect.exchange.outbox import Outcome
from creditconnect.records.canonical import read_canonical
from creditconnect.records.differences import Difference, differences
from creditconnect.types import BatchStatus, Derived, RecordState

if TYPE_CHECKING:
    from creditconnect.answers.history import History
    from creditconnect.records.schemas import Schema

_OVER = "that is final; submit the record anew if it is to count again"
_WHAT_TO_DO = {
    RecordState.PENDING: "decide on its batch first: creditconnect review",
    RecordState.REJECTED: _OVER,
    RecordState.REVOKED: _OVER,
    RecordState.SUPERSEDED: _OVER,
    RecordState.DISPUTED: "end the dispute first: creditconnect resolve",
    RecordState.ACTIVE: "dispute it first, if it is to be: creditconnect dispute",
}


class Correcting(Opened):
    """What an institution does when a record of its own is wrong, or said to be."""

    def revoke(self, record_hash: bytes, reason: int) -> Outcome:
        """Revoke this institution's records of that hash, wherever they are active or disputed.

        Raises:
            UsageError: there is none.
        """
        claims = self._own_claims(record_hash)
        keys = [claim.entry_key for claim in claims if claim.state in (RecordState.ACTIVE, RecordState.DISPUTED)]
        if not keys:
            states = ", ".join(claim.state.name for claim in claims) or "not registered"
            raise UsageError(f"record {record_hash.hex()} can't be revoked: {states}")
        return self._call("submit", "revoke", self.registry.abi.encode_call("revoke", keys, reason))

    def revoke_batch(self, batch: int, reason: int, *, account: str = "submit") -> Outcome:
        """Revoke an active batch of this institution as a whole: none of its records verifies from then on.

        Raises:
            UsageError: it is no batch of this institution, or not active.
        """
        block = self.follow().block
        found = self._review(block).batch(batch, block)
        if found.status != BatchStatus.ACTIVE:
            raise UsageError(
                f"batch {batch} can't be revoked: {found.status.name}", hint=_WHAT_TO_DO[RecordState(found.status)]
            )
        return self._call(account, "revokeBatch", self.registry.abi.encode_call("revokeBatch", batch, reason))

    def differences(self, old: bytes, new: bytes, *, other_subject: bool = False) -> list[Difference]:
        """What the record that would take the old one's place says differently; both are decrypted from this vault.

        Raises:
            UsageError: as `supersede`.
        """
        return differences(*self._compared(old, new, self._pair(old, new), other_subject=other_subject))

    def supersede(
        self, old: bytes, new: bytes, reason: int, *, other_subject: bool = False, account: str = "submit"
    ) -> Outcome:
        """Have a record that is registered already take another's place, which ends that one for good.

        `other_subject` is for the correction of an identifier: then the two may share none.

        Raises:
            UsageError: the old one is neither active nor disputed, or the new one is not active and unexpired; they are
                of two kinds or about two subjects; the vault lacks one of them.
        """
        claims = self._pair(old, new)
        self._compared(old, new, claims, other_subject=other_subject)
        keys = [claim.entry_key for claim in claims]
        return self._call(account, "supersede", self.registry.abi.encode_call("supersede", *keys, reason))

    def dispute(self, record_hash: bytes, reason: int, *, account: str = "submit") -> Outcome:
        """Say that this institution's active record is in doubt: until that is resolved it does not verify.

        Raises:
            UsageError: it is not active.
        """
        key = self._only(record_hash, "be disputed", RecordState.ACTIVE).entry_key
        return self._call(account, "dispute", self.registry.abi.encode_call("dispute", key, reason))

    def resolve(self, record_hash: bytes, reason: int, *, uphold: bool, account: str = "review") -> Outcome:
        """End this institution's own dispute by another account than raised it: upheld, the record is revoked.

        Raises:
            UsageError: it is not disputed, or an authority or this very account raised the dispute.
        """
        claim = self._only(record_hash, "be resolved", RecordState.DISPUTED)
        (answer,) = self.registry.ask([Question("noteOf", (claim.entry_key,))], self.final_block())
        raised = note_from(answer)
        if raised is not None and not raised.by_institution:
            side = self.deployment.jurisdictions.get(raised.by_jurisdiction, f"jurisdiction {raised.by_jurisdiction}")
            raise UsageError(
                f"record {record_hash.hex()} was disputed by the authority of {side} (NotResolver)",
                hint="only that authority resolves it",
            )
        try:
            data = self.registry.abi.encode_call("resolve", claim.entry_key, uphold, reason)
            return self._call(account, "resolve", data)
        except Reverted as error:
            if error.name != "NotResolver":
                raise
            raise UsageError(
                f"record {record_hash.hex()}: the {account} account can't resolve this dispute (NotResolver)",
                hint="another enabled account of this institution than the one that raised it does, see --as",
            ) from error

    def history(self, record_hash: bytes, *, institution: str | None = None, local: bool = False) -> History:
        """What became of a record from its registration to now, at every institution that claims the hash.

        `local` adds, for this institution's own, the file and line it was taken in from. Needs no passphrase.

        Raises:
            UsageError: nobody claims it, or not `institution`; MirrorInconsistent: events and registry differ.
        """
        from creditconnect.answers.history import history

        block = self.follow().block
        database = self._database if local else None
        return history(self._mirror, self.registry, block, record_hash, institution=institution, database=database)

    # ------------------------------------------------------------------------------------------------------- private

    def _pair(self, old: bytes, new: bytes) -> tuple[Claim, Claim]:
        if old == new:
            raise UsageError(f"record {old.hex()} can't supersede itself", hint="name the record that is to replace it")
        replaced = self._only(old, "be superseded", RecordState.ACTIVE, RecordState.DISPUTED)
        successor = self._only(new, "supersede another", RecordState.ACTIVE)
        if successor.expired:
            raise UsageError(
                f"record {new.hex()} can't supersede another: expired", hint="submit it anew with a later expiry"
            )
        return replaced, successor

    def _only(self, record_hash: bytes, do: str, *states: RecordState) -> Claim:
        """This institution's one claim to a hash that is in one of these states."""
        claims = self._own_claims(record_hash)
        fitting = [claim for claim in claims if claim.state in states]
        if len(fitting) == 1:
            return fitting[0]
        named, code = f"record {record_hash.hex()} can't {do}", self.settings.institution
        if len(fitting) > 1:
            raise UsageError(
                f"{named}: {code} has {len(fitting)} such records of that hash", hint="revoke them instead"
            )
        if not claims:
            raise UsageError(
                f"{named}: not registered by {code}",
                hint="creditconnect find says who claims it; each corrects its own",
            )
        state = claims[-1].state
        raise UsageError(f"record {record_hash.hex()} can't {do}: {state.name}", hint=_WHAT_TO_DO[state])

    def _compared(
        self, old: bytes, new: bytes, claims: tuple[Claim, Claim], *, other_subject: bool
    ) -> tuple[dict[str, object], dict[str, object]]:
        """What both say, once they are of one kind, whatever its version, and about one subject."""
        (was, old_schema), (becomes, new_schema) = map(self._record_of, claims)
        if _kind(old_schema) != _kind(new_schema):
            kinds = f"one is of {new_schema.id}, the other of {old_schema.id}"
            raise UsageError(
                f"record {new.hex()} can't supersede {old.hex()}: {kinds}",
                hint="name one of the same kind, or revoke the old one: creditconnect revoke",
            )
        before, after = set(old_schema.identifiers(was)), set(new_schema.identifiers(becomes))
        # Documents that name nobody have nothing that could differ.
        if (before or after) and not (before & after or other_subject):
            raise UsageError(
                f"record {new.hex()} can't supersede {old.hex()}: they share no identifier of their subjects",
                hint="name one about the same subject; if the old one's identifier was wrong, give --other-subject",
            )
        return was, becomes

    def _record_of(self, claim: Claim) -> tuple[dict[str, object], Schema]:
        derived = Derived((claim.entry_key >> 24).to_bytes(8, "big"), claim.commitment)
        stored = self._vault.by_derived([derived]).get(derived)
        if stored is None:
            raise UsageError(
                f"this vault has no record {derived.record_hash.hex()}", hint="compare them where they were submitted"
            )
        return read_canonical(self._vault.open(stored).canonical), self.schemas.load(stored.schema)


def _kind(schema: Schema) -> str:
    return schema.id.partition("/")[0]
