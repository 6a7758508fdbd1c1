"""Registering the subjects of a file: each row is entered, adds to what is known, or is listed with its reason.

The same file again changes nothing. Rows that were refused are listed as those of a submission are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from creditconnect.custody.subjects import Registered, SubjectRegister
from creditconnect.errors import FieldInvalid, SourceUnreadable
from creditconnect.exchange.submission import GREATEST_STEM, rejected_list
from creditconnect.records.reading import BINARY, Format, read_rows
from creditconnect.records.rows import Row
from creditconnect.records.subjects import COLUMNS, SubjectRow, subject_of
from creditconnect.types import Rejection

# Subjects entered by one commit.
CHUNK_ROWS = 500
SHOWN_REJECTIONS = 20
# What is read in this process, which a library that reads the others might take down.
_FORMATS = frozenset(Format) - BINARY


@dataclass(frozen=True, slots=True)
class SubjectsRegistered:
    """What became of a file's rows; `numbers` of the subjects that are new, in the file's order.

    `first_rejections` are at most `SHOWN_REJECTIONS`; the file has all.
    """

    file: str
    new: int
    changed: int
    unchanged: int
    rejected: int
    numbers: list[int]
    rejected_file: Path | None
    first_rejections: list[Rejection]


def register_file(
    source: Path | BinaryIO,
    name: str,
    row_format: str,
    register: SubjectRegister,
    rejected_folder: Path,
    known_schemas: frozenset[str],
    now: int,
) -> SubjectsRegistered:
    """Register the subjects of a CSV or JSONL source.

    Raises:
        SourceUnreadable: the source as a whole, or its header names a column that there is not.
    """
    if row_format not in _FORMATS:
        raise SourceUnreadable(
            f"{name}: subjects are read from CSV and JSONL alone", hint="save it as .csv or .jsonl, or give --format"
        )
    rows = _checked_columns(read_rows(source, row_format), name, row_format)
    counts: Counter[Registered] = Counter()
    numbers: list[int] = []
    rejections: list[Rejection] = []
    rejected = 0
    listing = _free(rejected_folder / f"{Path(name).stem[:GREATEST_STEM]}-subjects-{now}.csv")
    with rejected_list(listing) as reject:
        for lines, subjects, unread in _chunks(rows, known_schemas, now):
            refused = list(unread)
            for line, answer in zip(lines, register.register(subjects), strict=True):
                if isinstance(answer, FieldInvalid):
                    refused.append(Rejection(line, answer.field, answer.reason, answer.message))
                    continue
                number, became = answer
                counts[became] += 1
                if became is Registered.NEW:
                    numbers.append(number)
            for rejection in sorted(refused, key=lambda one: one.line):
                reject(rejection)
                rejections += [rejection] if len(rejections) < SHOWN_REJECTIONS else []
            rejected += len(refused)
    new, changed, unchanged = (counts[one] for one in (Registered.NEW, Registered.CHANGED, Registered.UNCHANGED))
    kept = listing if rejected else None
    return SubjectsRegistered(name, new, changed, unchanged, rejected, numbers, kept, rejections)


def _free(path: Path) -> Path:
    """The path, or the first after it by number that is not taken."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(one for one in chain((path,), numbered) if not one.exists())


def _checked_columns(rows: Iterator[Row | Rejection], name: str, row_format: str) -> Iterator[Row | Rejection]:
    """The rows; those of CSV have the header's columns, so that the first tells what all would."""
    first = next(rows, None)
    if first is None:
        return iter(())
    if row_format == Format.CSV and isinstance(first, Row) and (unknown := sorted(set(first.fields) - COLUMNS)):
        raise SourceUnreadable(
            f"{name}: the header names {unknown[0][:64]!r}", hint=f"there are {', '.join(sorted(COLUMNS))}"
        )
    return chain((first,), rows)


def _chunks(
    rows: Iterable[Row | Rejection], known_schemas: frozenset[str], now: int
) -> Iterator[tuple[list[int], list[SubjectRow], list[Rejection]]]:
    lines: list[int] = []
    subjects: list[SubjectRow] = []
    refused: list[Rejection] = []
    for row in rows:
        if isinstance(row, Rejection):
            refused.append(row)
        else:
            try:
                subjects.append(subject_of(row.fields, known_schemas, now))
                lines.append(row.line)
            except FieldInvalid as error:
                refused.append(Rejection(row.line, error.field, error.reason, error.message))
        if len(lines) + len(refused) >= CHUNK_ROWS:
            yield lines, subjects, refused
            lines, subjects, refused = [], [], []
    if lines or refused:
        yield lines, subjects, refused
