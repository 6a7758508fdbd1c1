"""Submitting a file or a folder: read, prepare, seal and put, while the outbox already sends what came before.

Every row ends as accepted, known already, or rejected; the rejected ones are listed in a file of their own by line,
field and reason, never by value. Stopped anywhere, submitting the same file again finishes it.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from creditconnect.custody.subjects import SubjectRegister
from creditconnect.custody.vault import FileTotals, StoredRecord, Vault
from creditconnect.errors import InputError, SourceUnreadable, UsageError
from creditconnect.exchange.outbox import Outbox
from creditconnect.exchange.preparer import Chunk, Form, prepared_chunks
from creditconnect.exchange.sources import Source
from creditconnect.records import documents
from creditconnect.records.canonical import read_canonical
from creditconnect.records.cells import spreadsheet_safe
from creditconnect.records.documents import PassedOver, document_files, passed_over
from creditconnect.records.mapping import ColumnMapping
from creditconnect.records.preparation import Prepared
from creditconnect.records.reading import FLAT, Format, format_of
from creditconnect.records.schemas import DOCUMENT, Schema
from creditconnect.types import Rejection

# Of a source's name, in that of its list of rejected rows: 50 characters are at most 200 bytes.
GREATEST_STEM = 50


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file of a folder; `refusal` says why it was refused as a whole, from there on.

    `unread_sheets` are a workbook's other sheets, where none was named.
    """

    file: str
    accepted: int = 0
    repeated: int = 0
    rejected: int = 0
    rejected_file: Path | None = None
    refusal: str = ""
    unread_sheets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of a file's rows, or of all rows of a folder's files, each of which is in `files`.

    `registered` counts records that became final during this call, `passed_over` what in a folder is no part of it.
    """

    file: str
    accepted: int
    repeated: int
    rejected: int
    registered: int
    rejected_file: Path | None
    files: tuple[FileResult, ...] = ()
    unread_sheets: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a submission is: rows read, records registered for good."""

    rows: int
    registered: int
    # What the node said last to a transaction that is still under way, if it refused it.
    refusal: str = ""
    # For how long no block came, while something is under way.
    stalled_seconds: float = 0.0


def no_progress(_: Progress) -> None:
    """Report to nobody."""


@dataclass(frozen=True, slots=True)
class Forms:
    """What files' rows are: one schema and mapping, and the format that was asked for or that each name says."""

    schema: Schema
    mapping: ColumnMapping | None = None
    mapping_file: Path | None = None
    row_format: str | None = None
    sheet: str | None = None

    @property
    def by_bytes(self) -> bool:
        """Whether files are records by their bytes."""
        return self.schema.id == DOCUMENT and self.row_format is None and self.mapping is None

    def of(self, path: Path) -> Form:
        """The form of a file by its name.

        Raises:
            SourceUnreadable: it says no format, and none was asked for.
        """
        if self.by_bytes:
            return self._form(documents.FORMAT)
        return self._form(self.row_format or format_of(path))

    def of_stream(self, name: str) -> Form:
        """The form of a stream, which has no name to say it.

        Raises:
            UsageError: none was asked for.
        """
        if self.by_bytes:
            return self._form(documents.FORMAT)
        if self.row_format is None:
            raise UsageError(f"{name} has no name that says its format", hint=f"--format {', '.join(Format)}")
        return self._form(self.row_format)

    def _form(self, row_format: str) -> Form:
        return Form(row_format, self.schema, self.mapping, self.mapping_file, self.sheet)


class Submitter:
    """Submits files into one vault, and through one outbox where there is one."""

    def __init__(
        self,
        vault: Vault,
        outbox: Outbox | None,
        rejected_folder: Path,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        progress: Callable[[Progress], None] = no_progress,
        subjects: SubjectRegister | None = None,
    ) -> None:
        """Without an outbox rows are put and wait in the vault; with `subjects`, rows of others are rejected."""
        self._vault = vault
        self._outbox = outbox
        self._rejected_folder = rejected_folder
        self._clock = clock
        self._sleep = sleep
        self._progress = progress
        self._subjects = subjects
        self._rows = 0
        self._registered = 0

    def submit(self, source: Source, form: Form, expires_at: int) -> Submission:
        """Put a file's rows and, with an outbox, send until everything that waits is final.

        Raises:
            SourceUnreadable, UsageError: the file as a whole; nothing was put. NotEntitled: nothing was put.
        """
        self._require_taken(form, expires_at)
        result = self._put_file(source, form, expires_at)
        self._finish()
        return self._submission(result, (), source.passed_over())

    def submit_folder(
        self, folder: Path, files: Iterable[Path], form_of: Callable[[Path], Form], expires_at: int
    ) -> Submission:
        """Put the rows of several files in their order, and send; a file that is refused does not stop the others.

        Raises:
            NotEntitled: nothing more was put.
        """
        results = []
        for path in files:
            try:
                form = form_of(path)
                self._require_taken(form, expires_at)
                results.append(self._put_file(Source.of_path(path), form, expires_at))
            except (InputError, UsageError) as error:
                results.append(FileResult(path.name, refusal=str(error)))
        self._finish()
        whole = FileResult(
            folder.name,
            sum(result.accepted for result in results),
            sum(result.repeated for result in results),
            sum(result.rejected for result in results),
        )
        return self._submission(whole, tuple(results), passed_over(folder))

    def _require_taken(self, form: Form, expires_at: int) -> None:
        if self._outbox is not None:
            self._outbox.require_taken(form.schema.id, expires_at)

    def _submission(self, result: FileResult, files: tuple[FileResult, ...], over: PassedOver) -> Submission:
        return Submission(
            result.file,
            result.accepted,
            result.repeated,
            result.rejected,
            self._registered,
            result.rejected_file,
            files,
            result.unread_sheets,
            over,
        )

    def _put_file(self, source: Source, form: Form, expires_at: int) -> FileResult:
        if form.row_format in FLAT and form.mapping is None:
            raise UsageError(
                f"{source.name}: columns have to be mapped to {form.schema.id}", hint="give a mapping TOML, --map"
            )
        name = source.file_name()
        unread: list[str] = []
        with prepared_chunks(source, form, tell_unread=unread.extend) as chunks:
            file = self._vault.begin_file(name, source.digest(), form.schema.id, expires_at, int(self._clock()))
            listing = self._rejected_folder / f"{source.stem()[:GREATEST_STEM]}-{file}.csv"
            totals = self._put(file, form, expires_at, chunks, listing)
        self._vault.end_file(file, int(self._clock()))
        rejected_file = listing if totals.rejected else None
        return FileResult(
            name, totals.accepted, totals.repeated, totals.rejected, rejected_file, unread_sheets=tuple(unread)
        )

    def put_record(self, name: str, digest: bytes, schema: Schema, expires_at: int, record: Prepared) -> StoredRecord:
        """Put one record that came by itself, under its source's name and digest; `send` sends it.

        Raises:
            UsageError: the register of subjects does not let it in; nothing was put. NotEntitled: nothing was put.
        """
        if self._outbox is not None:
            self._outbox.require_taken(schema.id, expires_at)
        refused = self._subjects.refusals(schema, [record]) if self._subjects is not None else {}
        for refusal in refused.values():
            raise UsageError(f"{refusal.reason}: {refusal.message}", hint="see creditconnect subject show")
        file = self._vault.begin_file(name, digest, schema.id, expires_at, int(self._clock()))
        self._vault.put(file, schema, expires_at, [record], 0)
        self._vault.end_file(file, int(self._clock()))
        return self._vault.by_canonical(schema, record.canonical)

    def send(self) -> int:
        """Send until everything that waits is final; how many records became so during this call."""
        self._finish()
        return self._registered

    def _put(self, file: int, form: Form, expires_at: int, chunks: Iterable[Chunk], listing: Path) -> FileTotals:
        totals = FileTotals(0, 0, 0)
        with rejected_list(listing) as reject:
            for read in chunks:
                chunk = read if self._subjects is None else _of_registered(read, form, self._subjects)
                for rejection in chunk.rejections:
                    reject(rejection)
                added = self._vault.put(file, form.schema, expires_at, chunk.prepared, len(chunk.rejections))
                totals = _sum(totals, added)
                self._advance(chunk.rows)
        return totals

    def _advance(self, rows: int) -> None:
        self._rows += rows
        if self._outbox is not None:
            self._registered += self._outbox.pump(flush=False).registered
        self._progress(Progress(self._rows, self._registered))

    def _finish(self) -> None:
        while self._outbox is not None:
            pumped = self._outbox.pump(flush=True)
            self._registered += pumped.registered
            self._progress(Progress(self._rows, self._registered, pumped.refusal, pumped.stalled_seconds))
            if pumped.idle:
                return
            self._sleep(0.05)


def record_files(folder: Path, *, but: Path | None) -> list[Path]:
    """The files of a folder, in the order of their names, but for the mapping and for hidden ones.

    Raises:
        SourceUnreadable: there are none.
    """
    files = [path for path in document_files(folder) if but is None or path.resolve() != but.resolve()]
    if not files:
        raise SourceUnreadable(f"{folder}: holds no file", hint="name a file, or a folder with files right in it")
    return files


def _of_registered(chunk: Chunk, form: Form, subjects: SubjectRegister) -> Chunk:
    """The chunk with the rows rejected that the register of subjects does not let in, in the file's order."""
    refusals = subjects.refusals(form.schema, chunk.prepared)
    if not refusals:
        return chunk
    rejected = [
        Rejection(
            chunk.prepared[at].line,
            _place(form, chunk.prepared[at], refused.field),
            refused.reason,
            refused.message,
        )
        for at, refused in refusals.items()
    ]
    return Chunk(
        [row for at, row in enumerate(chunk.prepared) if at not in refusals],
        sorted((*chunk.rejections, *rejected), key=lambda rejection: rejection.line),
    )


def _place(form: Form, row: Prepared, field: str) -> str:
    """What its list calls the place of a row's fault: the column, the field, or the document's name."""
    if form.row_format == documents.FORMAT:
        document: Any = read_canonical(row.canonical)["document"]
        return documents.label(document["name"])
    return (form.mapping and form.mapping.column_at(field)) or field


def _sum(one: FileTotals, other: FileTotals) -> FileTotals:
    return FileTotals(one.accepted + other.accepted, one.repeated + other.repeated, one.rejected + other.rejected)


@contextmanager
def rejected_list(path: Path) -> Iterator[Callable[[Rejection], None]]:
    """A CSV file of line, field, reason, message, safe to open; it exists only if a row was rejected."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "field", "reason", "message"))
        count = 0

        def reject(rejection: Rejection) -> None:
            nonlocal count
            count += 1
            told = map(spreadsheet_safe, (rejection.field, rejection.reason, rejection.message))
            writer.writerow((rejection.line, *told))

        try:
            yield reject
        finally:
            if not count:
                path.unlink()
