"""A provider's part of a client: submit, run, and where it all stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from creditconnect.chain.blocks import Block
from creditconnect.chain.registry import Registry
from creditconnect.client.taking_in import TakingIn
from creditconnect.custody.listing import ListedRecord, RecordStanding, count_records, newest_records
from creditconnect.errors import (
    NodeBehind,
    NodesDisagree,
    NodeUnreachable,
    NotEntitled,
    NotFinal,
    SignerUnreachable,
    UsageError,
)
from creditconnect.exchange.sources import STANDARD_INPUT, Source, spooled
from creditconnect.exchange.submission import Forms, Progress, Submission, Submitter, no_progress, record_files
from creditconnect.records.mapping import find_mapping, load_mapping
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT

# Between two steps of `run`, and after repeated failures.
RUN_PAUSE_SECONDS = 0.5
GREATEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a home stands: its records by what became of them, and the chain as the node that is asked now has it."""

    institution: str
    waiting: int
    under_way: int
    registered: int
    failed_transactions: int
    head: Block
    final_block: int | None
    mirrored_block: int


class Providing(TakingIn):
    """What a provider does with its records."""

    def submit(
        self,
        source: Path | str | BinaryIO,
        *,
        mapping: Path | str | None = None,
        schema: str | None = None,
        expires_at: int = 0,
        row_format: str | None = None,
        sheet: str | None = None,
        name: str | None = None,
        detach: bool = False,
        progress: Callable[[Progress], None] = no_progress,
    ) -> Submission:
        """Register a file's records; returns when all are final or, with `detach`, when all are in the vault.

        The source is a file, a folder, whose files are submitted in the order of their names, or a binary stream, whose
        format has to be said. `mapping` is a TOML file, or the name of one that comes with the package; without one the
        rows have the schema's own form; without a schema they are personal credit reports. Under `document/1` the
        source is a document, or a folder of documents, each a record by its bytes; a stream's `name` is then the
        document's. `sheet` is an Excel workbook's, the
        first where none is named. `expires_at` is in seconds, UTC; 0 is never.
        With the setting `require_registered_subjects`, rows about anybody else, or without consent, are rejected.

        Raises:
            InputError: the file or mapping as a whole; nothing was put. A folder's file that is refused is told in its
                place. NotEntitled: the registry takes nothing now.
        """
        forms = self._forms(mapping, schema, row_format, sheet)
        if expires_at and expires_at <= self._clock():
            raise UsageError("the expiry is not in the future")
        _require_name(name, wanted=forms.by_bytes and not isinstance(source, (str, Path)))
        with ExitStack() as opened:
            if not isinstance(source, (str, Path)):
                spool = opened.enter_context(spooled(source, self.settings.home, name or STANDARD_INPUT))
                form = forms.of_stream(spool.name)
                return opened.enter_context(self._submitter(progress, detach=detach)).submit(spool, form, expires_at)
            path = Path(source)
            if path.is_dir() and not forms.by_bytes:
                files = record_files(path, but=forms.mapping_file)
                submitter = opened.enter_context(self._submitter(progress, detach=detach))
                return submitter.submit_folder(path, files, forms.of, expires_at)
            whole, form = Source.of_path(path), forms.of(path)
            return opened.enter_context(self._submitter(progress, detach=detach)).submit(whole, form, expires_at)

    def run(
        self,
        stop: Callable[[], bool],
        *,
        progress: Callable[[Progress], None] = no_progress,
        notice: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Send what waits and follow the chain until `stop` says so; what is under way then goes on at the next run.

        A node or remote signer that can't be reached, or a registry that takes nothing now, is told to `notice` and
        tried again, ever more slowly, up to `GREATEST_PAUSE_SECONDS`. Where there is an intake folder when it begins,
        uploads are taken in meanwhile, as by `intake_take`; that needs the vault's passphrase.

        Raises:
            OtherChain: another chain answers after a reconnection. ReorgTooDeep, MirrorInconsistent.
        """
        registered, pause = 0, RUN_PAUSE_SECONDS
        intake = self._new_intake() if self.settings.intake_folder.is_dir() else None
        with self._outbox("submit") as outbox:
            while not stop():
                if intake is not None:
                    self._step_noticed(intake, notice)
                try:
                    self.follow(outbox)
                    pumped = outbox.pump(flush=True)
                    registered += pumped.registered
                    progress(Progress(0, registered, pumped.refusal, pumped.stalled_seconds))
                    pause = RUN_PAUSE_SECONDS
                except (NodeBehind, NodesDisagree, NodeUnreachable, NotEntitled, NotFinal, SignerUnreachable) as error:
                    pause = min(2 * pause, GREATEST_PAUSE_SECONDS)
                    notice(f"{error}; again in {pause:g} s")
                self._pause(pause, stop)

    def records_list(
        self,
        *,
        subject: int | None = None,
        file: int | None = None,
        standing: RecordStanding | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> list[ListedRecord]:
        """The vault's records, the newest first, from below the number `before` on.

        Asks for the vault's passphrase only to look for a subject's.

        Raises:
            UsageError: there is no subject of that number.
        """
        digests = None
        if subject is not None:
            known = self._subjects.get(subject).subject
            digests = [self._vault.subject_digest(one) for one in known.identifiers]
        return newest_records(self._database, limit, before=before, file=file, standing=standing, subjects=digests)

    def status(self) -> Standing:
        """Where this home stands; `final_block` is None where a side sealed none of the newest. Needs no passphrase."""
        head, final = self._reach.act(self._head_and_final)
        counts = count_records(self._database)
        with self._database.read() as connection:
            (failed,) = connection.execute("SELECT count(*) FROM transactions WHERE state = 'failed'").fetchone()
        return Standing(
            institution=self.settings.institution,
            waiting=counts.waiting,
            under_way=counts.under_way,
            registered=counts.registered,
            failed_transactions=failed,
            head=head,
            final_block=final,
            mirrored_block=self._mirror.height(),
        )

    def _head_and_final(self, registry: Registry) -> tuple[Block, int | None]:
        head = registry.head()
        try:
            return head, self._finality.under(registry, head).number
        except NotFinal:
            return head, None

    def _forms(
        self, mapping: Path | str | None, schema: str | None, row_format: str | None, sheet: str | None
    ) -> Forms:
        mapping_file = None if mapping is None else find_mapping(mapping)
        columns = None if mapping_file is None else load_mapping(mapping_file, self.schemas)
        chosen = self.schemas.load(schema or (columns.schema_id if columns else PERSONAL_CREDIT_REPORT))
        return Forms(chosen, columns, mapping_file, row_format, sheet)

    @contextmanager
    def _submitter(self, progress: Callable[[Progress], None], *, detach: bool) -> Iterator[Submitter]:
        with nullcontext(None) if detach else self._outbox("submit") as outbox:
            yield Submitter(
                self._vault,
                outbox,
                self.settings.rejected_folder,
                clock=self._clock,
                sleep=self._sleep,
                progress=progress,
                subjects=self._subjects if self.settings.require_registered_subjects else None,
            )

    def _pause(self, seconds: float, stop: Callable[[], bool]) -> None:
        until = self._monotonic() + seconds
        while not stop() and self._monotonic() < until:
            self._sleep(min(RUN_PAUSE_SECONDS, seconds))


def _require_name(name: str | None, *, wanted: bool) -> None:
    """A document that comes without a file is given a name, and nothing else is."""
    if name is None and wanted:
        raise UsageError("a document on standard input has no name", hint="give it one, --name contract.pdf")
    if name is not None and not wanted:
        raise UsageError("nothing here takes a name", hint="--name is for a document on standard input")
    if name is not None and Path(name).name != name:
        raise UsageError("a document's name is no path", hint="give it one, --name contract.pdf")
