"""A reviewer's looking: rows with their findings and changes, which of them the sampling plan asks for, and the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from creditconnect.chain.registry import Batch
from creditconnect.client.opened import Opened
from creditconnect.custody.review_log import GREATEST_NOTE, Broken, ReviewAct, ReviewAction, ReviewEntry, ReviewLog
from creditconnect.custody.subjects import SubjectRegister
from creditconnect.errors import UsageError
from creditconnect.exchange import sampling
from creditconnect.exchange.examination import Examination, Examined
from creditconnect.exchange.review import BatchRow, Decision
from creditconnect.exchange.sampling import SamplingPlan
from creditconnect.records.limits import load_limits
from creditconnect.records.plausibility import Plausibility


@dataclass(frozen=True, slots=True)
class SampledRow:
    """A row that the plan wants looked at: why, and which accounts did."""

    row: int
    record_hash: bytes
    reasons: tuple[str, ...]
    looked_at_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A submitted file of which rows wait for a review; `batches` are those that hold them.

    `shared` are those of them that hold rows of other files too.
    """

    id: int
    name: str
    submitted_at: int
    rows: int
    batches: tuple[int, ...]
    shared: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LogReading:
    """The review log as it was read.

    `outcomes` is what became of each transaction in it (`final`, `failed` ...), `plans` what each plan's hash stands
    for. `broken` tells where entries were changed, taken out or put in; `unlogged` are decisions that the chain has and
    the log has not: somebody decided by another home, or the log's end was cut off.
    """

    entries: tuple[ReviewEntry, ...]
    outcomes: dict[bytes, str]
    plans: dict[bytes, object]
    broken: tuple[Broken, ...]
    unlogged: tuple[Decision, ...]


class Examining(Opened):
    """What a reviewer does before deciding. Through a database in which nothing that was submitted can be written."""

    def review_list(self) -> list[Batch]:
        """This institution's batches that wait for a review."""
        block = self.follow().block
        return self._review(block).pending(block)

    def review_show(self, batch: int) -> list[Examined]:
        """The records of a batch, decrypted, with findings and changes, in the order of the provider's file.

        Raises:
            UsageError: not a batch of this institution. SettingsError: a file of limits is wrong.
        """
        return self._examined(batch, self.review_rows(batch))

    def review_show_row(self, batch: int, row: int, *, account: str = "review") -> Examined:
        """One row, 1 being the first; that this account looked at it is kept, where this home has its key's file.

        Raises:
            UsageError: there is no such batch or row.
        """
        chosen = row_of(self.review_rows(batch), row)
        (examined,) = self._examined(batch, [chosen])
        if chosen.record is not None and self.settings.key_file(account).exists():
            address = self._key_files.in_use(account).address
            if address not in self._review_log.looked_at(batch).get(chosen.derived.record_hash, ()):
                self._review_log.add(address, ReviewAct(ReviewAction.LOOKED, batch, record=chosen.derived.record_hash))
        return examined

    def review_rows(self, batch: int) -> list[BatchRow]:
        """The records of one batch, decrypted, in the order of the provider's file."""
        return self._review(self.follow().block).rows(batch, self._review_vault)

    def review_sample(self, batch: int) -> list[SampledRow]:
        """The rows that the sampling plan wants looked at; none where there is no plan.

        Raises:
            UsageError: not a batch of this institution. SettingsError: review.toml is wrong.
        """
        rows = self.review_rows(batch)
        plan = self.review_plan
        return [] if plan is None else self._sample(plan, batch, self._examined(batch, rows))

    def review_files(self) -> list[WaitingFile]:
        """The files of which rows wait for a review, oldest first."""
        block = self.follow().block
        review = self._review(block)
        files_of = {batch.id: review.files_of(batch.id, self._review_vault) for batch in review.pending(block)}
        standing = []
        for file in self._review_vault.files(number for rows in files_of.values() for number in rows):
            batches = [batch for batch, rows in files_of.items() if file.id in rows]
            standing.append(
                WaitingFile(
                    id=file.id,
                    name=file.name,
                    submitted_at=file.started_at,
                    rows=sum(files_of[batch].count(file.id) for batch in batches),
                    batches=tuple(batches),
                    shared=tuple(batch for batch in batches if set(files_of[batch]) != {file.id}),
                )
            )
        return standing

    def review_batches_of_file(self, file: int) -> list[int]:
        """The pending batches of one file, to be decided on together.

        Raises:
            UsageError: none waits, or one holds rows of other files too.
        """
        found = next((one for one in self.review_files() if one.id == file), None)
        if found is None:
            raise UsageError(f"nothing of file {file} waits", hint="see creditconnect review files")
        if found.shared:
            raise UsageError(
                f"batch {found.shared[0]} holds rows of other files than {file} too",
                hint="decide on it by its own number",
            )
        return list(found.batches)

    def review_exceptions_of(self, batch: int, reasons: Mapping[int, int]) -> dict[bytes, int]:
        """The reasons by record hash, as `review_approve` takes them, from reasons by row.

        Raises:
            UsageError: there is no such batch or row.
        """
        rows = self.review_rows(batch) if reasons else []
        return {row_of(rows, number).derived.record_hash: reason for number, reason in reasons.items()}

    def review_note(self, batch: int, note: str, *, row: int | None = None, account: str = "review") -> None:
        """Keep a note on a batch or a row of it, sealed, in the review log.

        Raises:
            UsageError: there is no such batch or row, or the note is empty or too long.
        """
        require_note(note, needed=True)
        rows = self.review_rows(batch)
        record = None if row is None else row_of(rows, row).derived.record_hash
        address = self._key_files.in_use(account).address
        self._review_log.add(address, ReviewAct(ReviewAction.NOTED, batch, record=record, note=note))

    def review_log(self, batch: int | None = None) -> LogReading:
        """Who reviewed what, when; of one batch, or all. The whole log is verified in either case."""
        decisions = self._review(self.follow().block).decisions()
        log = self._review_log
        everything = log.entries()
        logged = {entry.tx for entry in everything}
        with self._review_vault.database.read() as connection:
            outcomes = dict(connection.execute("SELECT hash, state FROM transactions").fetchall())
        return LogReading(
            entries=tuple(entry for entry in everything if batch in (None, entry.batch)),
            outcomes={tx: state for tx, state in outcomes.items() if tx in logged},
            plans=log.plans(),
            broken=tuple(log.broken()),
            unlogged=tuple(one for one in decisions if one.tx not in logged and batch in (None, one.batch)),
        )

    @property
    def review_plan(self) -> SamplingPlan | None:
        """The plan in force in this home; None where it has no review.toml."""
        return sampling.load_plan(self.settings.sampling_file)

    # ------------------------------------------------------------------------------------------------------- private

    @cached_property
    def _review_log(self) -> ReviewLog:
        return ReviewLog(self._review_vault, self.settings.suite, clock=self._clock)

    @cached_property
    def _limits(self) -> dict[str, Plausibility]:
        return load_limits(self.schemas, self.settings.limits_folder)

    def _examined(self, batch: int, rows: list[BatchRow]) -> list[Examined]:
        block = self.final_block()
        registered_at = self._review(block).batch(batch, block).registered_at
        register = SubjectRegister(self._review_vault, clock=self._clock)
        examination = Examination(self._review_vault, register, self.schemas, self._limits, self._states)
        return examination.examine(rows, datetime.fromtimestamp(registered_at, UTC).date())

    def _sample(self, plan: SamplingPlan, batch: int, examined: Iterable[Examined]) -> list[SampledRow]:
        key = self._review_vault.lasting_key(sampling.KEY_PURPOSE)
        block_hash = self._review(self.final_block()).registered_in(batch)
        looked = self._review_log.looked_at(batch)
        sampled = []
        for one in examined:
            drawn = sampling.draw(key, block_hash, one.row.derived)
            reasons = plan.reasons(drawn, one.row.record or {}, one.findings, is_new=one.is_new)
            if reasons:
                record_hash = one.row.derived.record_hash
                sampled.append(SampledRow(one.row.number, record_hash, reasons, tuple(looked.get(record_hash, ()))))
        return sampled


def row_of(rows: list[BatchRow], number: int) -> BatchRow:
    """The row of that number.

    Raises:
        UsageError: there is none.
    """
    if not 1 <= number <= len(rows):
        raise UsageError(f"there is no row {number}", hint=f"the batch has {len(rows)}")
    return rows[number - 1]


def require_note(note: str, *, needed: bool = False) -> None:
    """Raises UsageError unless a note can be kept."""
    if needed and not note.strip():
        raise UsageError("the note is empty", hint="say what there is to say")
    if len(note) > GREATEST_NOTE:
        raise UsageError(f"the note is longer than {GREATEST_NOTE} characters", hint="say it in fewer words")
