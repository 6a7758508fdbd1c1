"""A reviewer's deciding: what was looked at as the plan asks is approved or rejected, and who did it is kept.

Four eyes are seen to three times: by the registry, which refuses the submitter; here, before anything is sent; and by
the database, through which whoever decides can write nothing that was submitted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from creditconnect.chain.blocks import Block
from creditconnect.chain.registry import Batch, Question
from creditconnect.client.examining import Examining, require_note
from creditconnect.custody.review_log import ReviewAct, ReviewAction
from creditconnect.errors import ExchangeError, Reverted
from creditconnect.exchange.outbox import Outcome
from creditconnect.exchange.review import Review
from creditconnect.types import AccountRole

# Of the rows that nobody looked at, in a message.
_ROWS_NAMED = 20


class Reviewing(Examining):
    """What another key than the submitter's does."""

    def review_approve(
        self,
        batch: int,
        exceptions: Mapping[bytes, int] | None = None,
        *,
        note: str = "",
        account: str = "review",
    ) -> Outcome:
        """Approve a batch, save the records whose hashes are given with a reason, which are rejected.

        Each record approved is decrypted and derived again: what is approved is what was submitted. Under a sampling
        plan this account has looked at every row of the sample that it approves. The note is kept sealed in the log.

        Raises:
            ExchangeError: it is no longer pending, this account submitted it or submits, or rows of the sample were not
                looked at: names them. UsageError: it holds records that this vault lacks. Tampered: a record was
                changed in the vault. Reverted: the registry refuses.
        """
        excepted = exceptions or {}
        require_note(note)
        review, block, plan = self._require_approvable(batch, excepted, account)
        acts = [
            *(ReviewAct(ReviewAction.EXCEPTED, batch, record=one, reason=why) for one, why in excepted.items()),
            ReviewAct(ReviewAction.APPROVED, batch, note=note, plan=plan),
        ]
        return self._decide(account, "approve", review.approve_call(batch, excepted, block), acts)

    def review_approvable(self, batches: Iterable[int], *, account: str = "review") -> None:
        """Demand of each batch what `review_approve` would, and send nothing: so none is approved where one can't be.

        Raises:
            As `review_approve`, of the first that can't be.
        """
        for batch in batches:
            self._require_approvable(batch, {}, account)

    def review_reject(self, batch: int, reason: int, *, note: str = "", account: str = "review") -> Outcome:
        """Reject a whole pending batch; the submitter may, to withdraw it. The note is kept sealed in the log.

        Raises:
            ExchangeError: it is no longer pending.
        """
        require_note(note)
        block = self.follow().block
        review = self._review(block)
        review.require_pending(batch, block)
        act = ReviewAct(ReviewAction.REJECTED, batch, reason=reason, note=note)
        return self._decide(account, "reject", review.reject_call(batch, reason), [act])

    # ------------------------------------------------------------------------------------------------------- private

    def _require_approvable(
        self, batch: int, excepted: Mapping[bytes, int], account: str
    ) -> tuple[Review, Block, bytes | None]:
        """What a decision goes on with: the review, its block, the hash of the plan that was kept to."""
        block = self.follow().block
        review = self._review(block)
        review.require_pending(batch, block)
        address = self._require_reviewer(review.batch(batch, block), account, block)
        review.require_genuine(batch, self._review_vault, self.schemas, excepted)
        return review, block, self._require_looked(batch, address, excepted)

    def _decide(self, account: str, action: str, data: bytes, acts: list[ReviewAct]) -> Outcome:
        """Send a decision; who decided what is kept by the commit that stores its transaction."""
        log = self._review_log

        def keep(connection: sqlite3.Connection, sender: str, tx_hash: bytes) -> None:
            log.append(connection, sender, [act.sent_by(tx_hash) for act in acts])

        try:
            return self._call(account, action, data, database=self._review_vault.database, beside=keep)
        except Reverted as error:
            if error.name == "BatchNotPending":
                # Somebody else decided meanwhile: who and when is told, once that is final.
                block = self.follow().block
                self._review(block).require_pending(error.arguments["batch"], block)
            raise

    def _require_reviewer(self, batch: Batch, account: str, block: Block) -> str:
        """The account's address, once it is known that it may be the second pair of eyes."""
        address = self._key_files.in_use(account).address
        if address == batch.submitter.lower():
            raise ExchangeError(
                f"batch {batch.id} was submitted by this very account {address} (SelfApproval)",
                hint="four eyes: another account of the institution approves",
            )
        (standing,) = self.registry.ask([Question("accountOf", (address,))], block)
        if standing["role"] == AccountRole.SUBMIT:
            raise ExchangeError(
                f"account {address} submits for this institution, so it approves nothing (NotAnAccount)",
                hint="four eyes: a review account approves",
            )
        return address

    def _require_looked(self, batch: int, address: str, excepted: Mapping[bytes, int]) -> bytes | None:
        """The hash of the plan in force, once this account looked at what it asks for; None without a plan."""
        plan = self.review_plan
        if plan is None:
            return None
        unseen = [
            row.row
            for row in self.review_sample(batch)
            if address not in row.looked_at_by and row.record_hash not in excepted
        ]
        if unseen:
            named = ", ".join(map(str, unseen[:_ROWS_NAMED])) + (", ..." if len(unseen) > _ROWS_NAMED else "")
            raise ExchangeError(
                f"batch {batch}: {len(unseen)} row(s) of the sample were not looked at by {address}: {named}",
                hint=f"creditconnect review show {batch} --row {unseen[0]}",
            )
        self._review_log.keep_plan(plan.hash, plan.canonical())
        return plan.hash
