"""A file of verdicts: one row an input, CSV or Parquet, written at once when all are there, and a journal until then.

    RESULT.journal    a line of JSON that says whose verdicts these are, then one a row; appended in lots

Hides both forms. A journal's last line may be cut short: it is taken for not written. Asked again is what could not be
told, what lacked its document, what is older than an hour, and an input whose bytes are others by now.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import orjson

from creditconnect.answers.verification import Verification
from creditconnect.errors import UsageError
from creditconnect.reasons import CheckReason
from creditconnect.records.cells import spreadsheet_safe
from creditconnect.types import CheckStatus, Verdict

FORMAT = "creditconnect-verdicts/1"
KEPT_SECONDS = 3_600
SUFFIXES = (".csv", ".parquet")
_TEXTS = ("input", "verdict", "reasons", "detail", "provider")


class Row(NamedTuple):
    """What became of one input. `reasons` are separated by a space; `verified_at` in seconds since 1970, UTC.

    Without a block (0, and no hash) where the answer did not need the chain, or could not be had from it.
    """

    input: str
    sha256: str
    verdict: str
    reasons: str
    detail: str
    provider: str
    record_hash: str
    block_number: int
    block_hash: str
    verified_at: int


def row_of(name: str, data: bytes, verification: Verification, now: int) -> Row:
    block = verification.block
    failed = [check for check in verification.checks if check.reason in verification.reasons]
    return Row(
        input=name,
        sha256=hashlib.sha256(data).hexdigest(),
        verdict=verification.verdict.value,
        reasons=" ".join(verification.reasons),
        detail=next((check.detail for check in failed if check.detail), ""),
        provider=verification.provider,
        record_hash=verification.record_hash.hex(),
        block_number=0 if block is None else block.number,
        block_hash="" if block is None else block.hash.hex(),
        verified_at=now,
    )


def by_document(verification: Verification) -> bool:
    """Whether an answer rests on a document that was found."""
    return any(check.name == "document" and check.status == CheckStatus.VALID for check in verification.checks)


class Journal:
    """The rows that are there already, and the file that further ones are appended to."""

    def __init__(self, out: Path, about: dict[str, str], *, now: int) -> None:
        """`about` says who asks, of what and by which chain: another's journal is not gone on with.

        Raises:
            UsageError: no known suffix, or the journal there is of something else.
        """
        if out.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{out}: is named as no file of verdicts", hint=f"end it with {' or '.join(SUFFIXES)}")
        self._path = out.with_name(out.name + ".journal")
        self._head = {"format": FORMAT, **about}
        self._oldest = now - KEPT_SECONDS
        self._rows = self._read()

    def known(self, name: str, data: bytes) -> Row | None:
        """The row of an input that was answered, if its bytes are still the same."""
        row = self._rows.get(name)
        return row if row is not None and row.sha256 == hashlib.sha256(data).hexdigest() else None

    def blocks(self) -> list[int]:
        """The numbers of the blocks that the rows are as of."""
        return sorted({row.block_number for row in self._rows.values() if row.block_hash})

    def keep_as_of(self, hashes: Mapping[int, bytes]) -> None:
        """Forget the rows as of a block whose hash is another by now: the chain has been reorganised since."""
        self._rows = {
            name: row
            for name, row in self._rows.items()
            if not row.block_hash or hashes.get(row.block_number, b"").hex() == row.block_hash
        }

    @contextmanager
    def appending(self) -> Iterator[Callable[[Sequence[Row]], None]]:
        """Appends rows so that a kill loses only those that were not handed over yet."""
        with ExitStack() as stack:
            file: IO[bytes] | None = None

            def append(rows: Sequence[Row]) -> None:
                nonlocal file
                # With the first row only: a source that can't be read leaves nothing that is in the way of another.
                if file is None and rows:
                    file = stack.enter_context(self._begun())
                if file is not None:
                    _append(file, (row._asdict() for row in rows))

            yield append

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def _begun(self) -> IO[bytes]:
        """Written anew: what is kept of an earlier run, without its torn end."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "wb", opener=_private)  # noqa: SIM115
        _append(file, [self._head, *(row._asdict() for row in self._rows.values())])
        return file

    def _read(self) -> dict[str, Row]:
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return {}
        whole = [line for line in lines if line.endswith(b"\n")]
        if not whole:
            return {}
        if _parsed(whole[0]) != self._head:
            raise UsageError(
                f"{self._path}: is of another source, home or chain", hint="remove it, or name another result"
            )
        parsed = map(_parsed, whole[1:])
        rows = [Row(**line) for line in parsed if isinstance(line, dict) and tuple(line) == Row._fields]
        return {row.input: row for row in rows if self._stands(row)}

    def _stands(self, row: Row) -> bool:
        lacking = {CheckReason.DOCUMENT_MISSING.value, CheckReason.DOCUMENT_MISMATCH.value} & set(row.reasons.split())
        return row.verdict != Verdict.COULD_NOT_TELL.value and not lacking and row.verified_at >= self._oldest


def write_result(out: Path, rows: Sequence[Row]) -> None:
    """Write all rows, in their order, in place of whatever is there; safe to open in a spreadsheet."""
    out.parent.mkdir(parents=True, exist_ok=True)
    following = out.with_name(out.name + ".part")
    following.unlink(missing_ok=True)
    os.close(_private(following, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    if out.suffix.lower() == ".parquet":
        _write_parquet(following, rows)
    else:
        _write_csv(following, rows)
    following.replace(out)


def _write_csv(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Row._fields)
        for row in rows:
            at = datetime.fromtimestamp(row.verified_at, UTC).isoformat()
            told = row._asdict() | {name: spreadsheet_safe(getattr(row, name)) for name in _TEXTS}
            writer.writerow((told | {"verified_at": at}).values())


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = dict(zip(Row._fields, zip(*rows, strict=True), strict=True))
    types = {
        **dict.fromkeys(Row._fields, pyarrow.string()),
        "block_number": pyarrow.int64(),
        "verified_at": pyarrow.timestamp("s", tz="UTC"),
    }
    parquet.write_table(pyarrow.table(columns, schema=pyarrow.schema(types)), path)


def _append(file: IO[bytes], lines: Iterable[object]) -> None:
    file.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    file.flush()
    os.fsync(file.fileno())


def _private(path: str | Path, flags: int) -> int:
    """Whose records a bank was shown is nobody else's to read."""
    return os.open(path, flags, 0o600)


def _parsed(line: bytes) -> object:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
