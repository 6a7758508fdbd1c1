"""Rows prepared in chunks, for a large file by a second process that runs ahead of the one that seals and sends.

Reading, validating and canonicalising take longer than all that follows; beside each other they take half the time. The
second process reads the file and writes chunks of canonical bytes to a pipe. It is given no key, no salt and no
database. It ends when the pipe does, so it never outlives whoever started it.

Parquet and Excel files are always read so, within `GREATEST_MEMORY_BYTES`: large libraries read them, and a file that
is made to exhaust or break those takes down nothing else.

    chunk = u32 length of head | u32 length of body | head, JSON | body, the canonical bytes of all its records
"""

from __future__ import annotations

import resource
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from creditconnect import errors
from creditconnect.errors import CreditConnectError, SourceUnreadable
from creditconnect.exchange.sources import Source
from creditconnect.records import documents
from creditconnect.records.handing_in import HandingIn
from creditconnect.records.identifiers import Identifier
from creditconnect.records.mapping import ColumnMapping, load_mapping
from creditconnect.records.preparation import Prepared, prepare
from creditconnect.records.reading import BINARY, read_rows
from creditconnect.records.rows import Row
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Rejection

MODULE = "creditconnect.exchange.preparer"
# Rows sealed and put by one commit.
CHUNK_ROWS = 500
# Below some 4,000 rows starting a process (0.2 s) costs more than it saves.
LARGE_FILE_BYTES = 2 * 2**20
# Of addresses, for a process that reads Parquet or Excel; their libraries alone take 300 MiB.
GREATEST_MEMORY_BYTES = 2 * 2**30


@dataclass(frozen=True, slots=True)
class Form:
    """What a file's rows are, and their schema, in its own form or by a mapping and its file.

    `row_format` is a `records.reading.Format`, or `document` for files that are records by their bytes
    (`records.documents`). `sheet` is an Excel workbook's, where it is not the first.
    """

    row_format: str
    schema: Schema
    mapping: ColumnMapping | None = None
    mapping_file: Path | None = None
    sheet: str | None = None


class Chunk(NamedTuple):
    """Up to `CHUNK_ROWS` rows, each prepared or rejected."""

    prepared: list[Prepared]
    rejections: list[Rejection]

    @property
    def rows(self) -> int:
        return len(self.prepared) + len(self.rejections)


@contextmanager
def prepared_chunks(
    source: Source,
    form: Form,
    *,
    large_file_bytes: int = LARGE_FILE_BYTES,
    tell_unread: Callable[[list[str]], None] = lambda names: None,
) -> Iterator[Iterator[Chunk]]:
    """The rows of a source in its order, in chunks; it is known to be readable once the context is entered.

    `tell_unread` is told by then which sheets of a workbook are not read, where none was named.

    Raises:
        SourceUnreadable: as `records.reading.read_rows`, when entered, or later when reading fails half-way.
    """
    is_apart = form.row_format in BINARY
    if not is_apart and source.size_bytes() < large_file_bytes:
        yield _chunks(source, form, tell_unread)
        return
    # Not by multiprocessing, which would import the caller's main module a second time.
    command = [sys.executable, "-P", "-m", MODULE]
    # Of a group of its own: Ctrl-C at the terminal is for the first process, which ends this one.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # A library that breaks may print what it read.
        stderr=subprocess.DEVNULL if is_apart else None,
        process_group=0,
        pass_fds=source.descriptors(),
    ) as process:
        job, chunks = _pipes(process)
        ended = _ended(source, is_apart=is_apart)
        try:
            job.write(orjson.dumps(_job(source, form)))
            job.close()
            readable, _ = _read(chunks, ended)
            tell_unread(readable["unread_sheets"])
            yield _received(chunks, ended)
        finally:
            process.kill()


def _ended(source: Source, *, is_apart: bool) -> SourceUnreadable:
    """What is said of a process that ends without a word."""
    if not is_apart:
        return SourceUnreadable("the process that prepares rows ended too early", hint="submit the file again")
    limit = f"{GREATEST_MEMORY_BYTES // 2**30} GiB"
    message = f"{source.name}: takes more than {limit} of memory to read, or breaks the library that reads it"
    return SourceUnreadable(message, hint="save it as CSV, or in smaller parts")


def _job(source: Source, form: Form) -> dict[str, Any]:
    return {
        "source": source.job(),
        "row_format": form.row_format,
        "schema": form.schema.id,
        "mapping_file": None if form.mapping_file is None else str(form.mapping_file),
        "sheet": form.sheet,
    }


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise SourceUnreadable("the process that prepares rows has no pipes")
    return process.stdin, process.stdout


def _chunks(source: Source, form: Form, tell_unread: Callable[[list[str]], None]) -> Iterator[Chunk]:
    handing_in = HandingIn(secrets.token_bytes(16))
    if form.row_format == documents.FORMAT:
        return _grouped(_of_documents(source, form, handing_in))
    columns = form.mapping.columns if form.mapping else None
    rows = read_rows(
        source.opened(), form.row_format, columns, sheet=form.sheet, name=source.name, tell_unread=tell_unread
    )
    return _grouped(prepare(rows, form.mapping, form.schema, handing_in))


def _of_documents(source: Source, form: Form, handing_in: HandingIn) -> Iterator[Prepared | Rejection]:
    """Each document's record; one that is rejected is named by its file, as its line is but a place in a folder."""
    opened = source.opened()
    if isinstance(opened, Path):
        rows = documents.read_documents(opened)
    else:
        rows = documents.read_document(opened, source.name)
    for row in rows:
        for done in prepare([row], None, form.schema, handing_in):
            if isinstance(row, Row) and isinstance(done, Rejection):
                yield replace(done, field=documents.label(row.fields["document"]["name"]))
            else:
                yield done


def _grouped(rows: Iterable[Prepared | Rejection]) -> Iterator[Chunk]:
    chunk = Chunk([], [])
    for row in rows:
        if isinstance(row, Prepared):
            chunk.prepared.append(row)
        else:
            chunk.rejections.append(row)
        if chunk.rows == CHUNK_ROWS:
            yield chunk
            chunk = Chunk([], [])
    if chunk.rows:
        yield chunk


# ------------------------------------------------------------------------------------------------------ the first's end


def _received(chunks: IO[bytes], ended: SourceUnreadable) -> Iterator[Chunk]:
    while True:
        head, body = _read(chunks, ended)
        if "end" in head:
            return
        prepared, at = [], 0
        for line, size, subjects in zip(head["lines"], head["sizes"], head["subjects"], strict=True):
            prepared.append(Prepared(line, body[at : at + size], tuple(Identifier(*subject) for subject in subjects)))
            at += size
        yield Chunk(prepared, [Rejection(**rejection) for rejection in head["rejections"]])


def _read(chunks: IO[bytes], ended: SourceUnreadable) -> tuple[dict[str, Any], bytes]:
    """The next head and body.

    Raises:
        CreditConnectError: the other process's own error, or `ended` when it ended without a word.
    """
    lengths = _exactly(chunks, 8, ended)
    head = orjson.loads(_exactly(chunks, int.from_bytes(lengths[:4], "big"), ended))
    if "error" in head:
        raise getattr(errors, head["error"])(head["message"], hint=head["hint"])
    return head, _exactly(chunks, int.from_bytes(lengths[4:], "big"), ended)


def _exactly(chunks: IO[bytes], length: int, ended: SourceUnreadable) -> bytes:
    # A process may end within a chunk: a record that is cut short must not pass for one.
    taken = chunks.read(length)
    if len(taken) < length:
        raise ended
    return taken


# ----------------------------------------------------------------------------------------------------- the second's end


def _main() -> None:
    try:
        _send_all(orjson.loads(sys.stdin.buffer.read()), sys.stdout.buffer)
    except BrokenPipeError:
        # Nobody reads on. What is left in the buffer has nowhere to go either.
        sys.stdout = None


def _send_all(job: dict[str, Any], output: IO[bytes]) -> None:
    # What ends it must not leave the rows behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if job["row_format"] in BINARY:
        resource.setrlimit(resource.RLIMIT_AS, (GREATEST_MEMORY_BYTES, GREATEST_MEMORY_BYTES))
    try:
        unread: list[str] = []
        chunks = _chunks(Source.of_job(job["source"]), _form(job), unread.extend)
        _send(output, {"unread_sheets": unread})
        for chunk in chunks:
            head = {
                "lines": [row.line for row in chunk.prepared],
                "sizes": [len(row.canonical) for row in chunk.prepared],
                "subjects": [[list(subject) for subject in row.subjects] for row in chunk.prepared],
                "rejections": [asdict(rejection) for rejection in chunk.rejections],
            }
            _send(output, head, b"".join(row.canonical for row in chunk.prepared))
        _send(output, {"end": True})
    except CreditConnectError as error:
        _send(output, {"error": type(error).__name__, "message": error.message, "hint": error.hint})


def _form(job: dict[str, Any]) -> Form:
    catalogue = SchemaCatalogue()
    mapping_file = job["mapping_file"] and Path(job["mapping_file"])
    mapping = load_mapping(mapping_file, catalogue) if mapping_file else None
    return Form(job["row_format"], catalogue.load(job["schema"]), mapping, mapping_file, job["sheet"])


def _send(output: IO[bytes], head: dict[str, Any], body: bytes = b"") -> None:
    encoded = orjson.dumps(head)
    output.write(len(encoded).to_bytes(4, "big") + len(body).to_bytes(4, "big") + encoded + body)
    output.flush()


if __name__ == "__main__":
    _main()
