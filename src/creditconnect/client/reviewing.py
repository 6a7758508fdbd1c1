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

        Raises:
            Reverted: the registry refuses, e.g. `SelfApproval`.
        """
        block = self.follow().block
        return self._call(account, "approve", self._review(block).approve_call(batch, exceptions or {}, block))

    def reject(self, batch: int, reason: int, *, account: str = "review") -> Outcome:
        """Reject a whole pending batch; the submitter may, to withdraw it."""
        block = self.follow().block
        return self._call(account, "reject", self._review(block).reject_call(batch, reason))
