"""What every format's reader gives and asks: rows, the columns that a mapping knows, and the bounds of both."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from creditconnect.errors import SourceUnreadable

GREATEST_ROW_BYTES = 2**20
GREATEST_COLUMNS = 2_000
# What other programs write between the values of a CSV file.
_OTHER_SEPARATORS = frozenset(";\t|")


class Row(NamedTuple):
    """One row: the number of its first line in the file, from 1, and its values by column."""

    line: int
    fields: dict[str, Any]


class Columns(NamedTuple):
    """The columns that a header must have, and all that it may have."""

    required: frozenset[str]
    known: frozenset[str]


def check_header(header: list[str], name: str, columns: Columns | None) -> None:
    """Hold a file's column names against what a mapping knows.

    Raises:
        SourceUnreadable: more than 2,000, a required one is not there, one is there twice, one is not known.
    """
    if len(header) > GREATEST_COLUMNS:
        raise SourceUnreadable(f"{name}: the header has {len(header)} columns, more than {GREATEST_COLUMNS}")
    # Missing columns first: a file without a header has somebody's data here, which the other two would show.
    if columns is not None and (missing := columns.required - set(header)):
        hint = "is it separated by commas?" if len(header) == 1 and _OTHER_SEPARATORS & set(header[0]) else ""
        raise SourceUnreadable(f"{name}: the header lacks {_listed(missing)}", hint=hint)
    if twice := {column for column, count in Counter(header).items() if count > 1}:
        raise SourceUnreadable(f"{name}: the header names a column twice: {_listed(twice)}")
    if columns is not None and (unknown := set(header) - columns.known):
        hint = "map the column or list it in `ignored`"
        raise SourceUnreadable(f"{name}: the mapping does not know {_listed(unknown)}", hint=hint)


def _listed(columns: set[str] | frozenset[str]) -> str:
    # bounded: a file without a header has data where the names should be
    return ", ".join(repr(column[:64]) for column in sorted(columns)[:10])
