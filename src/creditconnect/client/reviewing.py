"""A reviewer's part of a client: what waits for a decision, and the decision."""

from __future__ import annotations

from collections.abc import Mapping

from creditconnect.chain.registry import (
    Batch,
)
from creditconnect.client.opened import Opened
from creditconnect.exchange.outbox import Outcome
from creditconnect.exchange.review import BatchRow


class Reviewing(Opened):
    """What another key than the submitter's does."""

    def pending(self) -> list[Batch]:
        """This institution's batches that wait for a review."""
        followed = self.follow()
        return self._review(followed.block).pending(followed.block)

    def review_rows(self, batch: int) -> list[BatchRow]:
        """The records of one batch, decrypted, in the order of the provider's file."""
        return self._review(self.follow().block).rows(batch, self._vault)

    def approve(self, batch: int, exceptions: Mapping[bytes, int] | None = None, *, account: str = "review") -> Outcome:
        """Approve a batch, save the records whose hashes are given with a reason, which are rejected.

        Each record approved is decrypted and derived again: what is approved is what was submitted.

        Raises:
            ExchangeError: it is no longer pending. UsageError: it holds records that this vault lacks. Tampered: a
                record was changed in the vault. Reverted: the registry refuses, e.g. `SelfApproval`.
        """
        excepted = exceptions or {}
        block = self.follow().block
        review = self._review(block)
        review.require_pending(batch, block)
        review.require_genuine(batch, self._vault, self.schemas, excepted)
        return self._call(account, "approve", review.approve_call(batch, excepted, block))

    def reject(self, batch: int, reason: int, *, account: str = "review") -> Outcome:
        """Reject a whole pending batch; the submitter may, to withdraw it.

        Raises:
            ExchangeError: it is no longer pending.
        """
        block = self.follow().block
        review = self._review(block)
        review.require_pending(batch, block)
        return self._call(account, "reject", review.reject_call(batch, reason))
