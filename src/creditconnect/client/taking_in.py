"""The part of a client that takes uploads in: the folder that they land in, and what staff decide on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

from creditconnect.client.opened import Opened
from creditconnect.custody.uploads import Upload, Uploads, UploadState
from creditconnect.errors import SubmitterBusy, UsageError
from creditconnect.exchange.intake import SETTLED_SECONDS, Intake, Taken, write_receipt
from creditconnect.exchange.submission import Progress, Submitter, no_progress
from creditconnect.exchange.submitter import intake_lock
from creditconnect.reasons import ChainReason
from creditconnect.records.canonical import read_canonical
from creditconnect.records.preparation import Prepared


@dataclass(frozen=True, slots=True)
class Accepted:
    """Uploads that became records, by their hashes; `registered` of them, and of what else waited, by this call."""

    record_hashes: dict[int, bytes]
    registered: int


class TakingIn(Opened):
    """What a provider does with what persons and firms upload."""

    def intake_take(self) -> Taken:
        """Take in, once, what lies in the intake folder and does not change for `SETTLED_SECONDS`.

        Each upload is checked, sealed into the vault, answered with a receipt and removed from the folder. Nothing is
        submitted: see `intake_accept`.

        Raises:
            UsageError: there is no such folder. SubmitterBusy: another process takes uploads in.
        """
        intake = self._new_intake()
        first = self._step(intake)
        if not first.unsettled:
            return first
        self._sleep(SETTLED_SECONDS)
        second = self._step(intake)
        return replace(second, uploads=(*first.uploads, *second.uploads))

    def intake_list(
        self, *, state: UploadState | None = UploadState.WAITING, limit: int = 50, before: int | None = None
    ) -> list[Upload]:
        """Uploads, the newest first: those that wait, or of another state, or with None all."""
        return self._uploads.newest(limit, state=state, before=before)

    def intake_show(self, number: int) -> Upload:
        """One upload, and the record that it would be.

        Raises:
            UsageError: there is none.
        """
        return self._uploads.get(number)

    def intake_content(self, number: int) -> bytes:
        """An upload's own bytes, decrypted.

        Raises:
            UsageError: there is none, or its bytes are not kept.
        """
        return self._uploads.content(number)

    def intake_accept(
        self,
        numbers: Sequence[int],
        *,
        expires_at: int = 0,
        detach: bool = False,
        progress: Callable[[Progress], None] = no_progress,
    ) -> Accepted:
        """Submit uploads that wait, each as one record; a review on the chain follows as for any other.

        The subject has to consent now, whatever `require_registered_subjects` says. Returns as `submit` does.

        Raises:
            UsageError: one does not wait, or may not be taken in; those before it are. NotEntitled.
        """
        if expires_at and expires_at <= self._clock():
            raise UsageError("the expiry is not in the future")
        hashes: dict[int, bytes] = {}
        with nullcontext(None) if detach else self._outbox("submit") as outbox:
            submitter = Submitter(
                self._vault,
                outbox,
                self.settings.rejected_folder,
                clock=self._clock,
                sleep=self._sleep,
                progress=progress,
                subjects=self._subjects,
            )
            for number in dict.fromkeys(numbers):
                hashes[number] = self._accept(submitter, number, expires_at)
            return Accepted(hashes, submitter.send())

    def intake_reject(self, number: int, reason: int) -> Upload:
        """Reject an upload that waits, for a `ChainReason`; its content is deleted, its receipt says so.

        Raises:
            UsageError: it does not wait.
        """
        words = (ChainReason(reason).name, "rejected by staff")
        return self._decided(number, UploadState.REJECTED, words)

    # ------------------------------------------------------------------------------------------------------- private

    @cached_property
    def _uploads(self) -> Uploads:
        return Uploads(self._vault)

    def _new_intake(self) -> Intake:
        return Intake(
            self.settings.intake_folder,
            self.settings.receipts_folder,
            self._uploads,
            self._subjects,
            self.schemas,
            clock=self._clock,
            monotonic=self._monotonic,
        )

    def _step(self, intake: Intake) -> Taken:
        self.settings.locks_folder.mkdir(exist_ok=True)
        with intake_lock(self.settings.locks_folder):
            return intake.step()

    def _step_noticed(self, intake: Intake, notice: Callable[[str], None]) -> None:
        """A step that ends nobody's run: what is in its way is told, and tried again."""
        try:
            self._step(intake)
        except SubmitterBusy:
            return
        except (OSError, UsageError) as error:
            notice(f"intake: {error}")

    def _accept(self, submitter: Submitter, number: int, expires_at: int) -> bytes:
        upload = self._uploads.get(number)
        if upload.state not in (UploadState.WAITING, UploadState.ACCEPTED):
            raise UsageError(f"upload {number} is {upload.state}", hint="only one that waits can be accepted")
        schema = self.schemas.load(upload.schema)
        canonical = upload.record.encode()
        prepared = Prepared(1, canonical, schema.identifiers(read_canonical(canonical)))
        try:
            stored = submitter.put_record(
                f"upload {number}", bytes.fromhex(upload.sha256), schema, expires_at, prepared
            )
        except UsageError as error:
            raise UsageError(f"upload {number}: {error.message}", hint=error.hint) from None
        self._decided(number, UploadState.ACCEPTED, None)
        return stored.derived.record_hash

    def _decided(self, number: int, state: UploadState, reason: tuple[str, str] | None) -> Upload:
        upload = self._uploads.decide(number, state, reason, int(self._clock()))
        write_receipt(self.settings.receipts_folder, upload)
        return upload
