"""What is asked of a file that is handed in, beyond what a record must be: nothing that a spreadsheet would run, nobody
with two identifiers of one kind, no identifier under two names.

A record that is shown is not held against these: they are about the care of whoever hands in, and may grow.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

from creditconnect.errors import FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import shown_key
from creditconnect.records.cells import is_formula
from creditconnect.records.identifiers import Identifier
from creditconnect.records.schemas import Schema

GREATEST_IDENTIFIERS = 4_000_000
"""Different ones in one file: some 180 bytes of memory each."""
_KEY_BYTES = 8
_NAME_BYTES = 4
_LINE_BITS = 40
_NOT_IN_NAMES = re.compile(r"[\W_]+")


class HandingIn:
    """The checks of one file, in the order of its rows. Remembers identifiers and names by keyed digests only."""

    def __init__(self, key: bytes) -> None:
        """`key` is random, 16 bytes, of this file alone."""
        self._key = key
        self._seen: dict[int, int] = {}

    def check(
        self, line: int, record: dict[str, Any], canonical: bytes, subjects: tuple[Identifier, ...], schema: Schema
    ) -> None:
        """Hold a valid record, its canonical form at hand, against the rules; remember whom it names if it passes.

        Two names are the same where they differ only in case, spaces and punctuation.

        Raises:
            FieldInvalid: FORMULA, IDENTIFIER for a second one of its kind, or IDENTIFIER_CONFLICT, which names the line
                that had the identifier first.
            SourceUnreadable: the file has more than 4,000,000 identifiers.
        """
        if _may_have_formula(canonical):
            _refuse_formulas(record, "")
        if len(subjects) > 1:
            _refuse_second_of_a_kind(subjects, schema)
        name = schema.subject_name(record)
        if name is not None:
            self._remember(line, subjects, _NOT_IN_NAMES.sub("", name).casefold(), schema)

    def _remember(self, line: int, identifiers: tuple[Identifier, ...], name: str, schema: Schema) -> None:
        named = self._digest(name, _NAME_BYTES)
        keys = [self._digest("\0".join(identifier), _KEY_BYTES) for identifier in identifiers]
        for at, key in enumerate(keys):
            seen = self._seen.get(key)
            if seen is not None and seen >> _LINE_BITS != named:
                first = seen & ((1 << _LINE_BITS) - 1)
                message = f"line {first} has this identifier under another name"
                raise FieldInvalid(f"{schema.identifiers_path}[{at}].number", RowReason.IDENTIFIER_CONFLICT, message)
        for key in keys:
            self._seen.setdefault(key, named << _LINE_BITS | line)
        if len(self._seen) > GREATEST_IDENTIFIERS:
            raise SourceUnreadable(
                f"line {line}: more than {GREATEST_IDENTIFIERS} persons or firms in one file",
                hint="hand in the rest as a file of its own",
            )

    def _digest(self, text: str, size: int) -> int:
        return int.from_bytes(blake2b(text.encode(), digest_size=size, key=self._key).digest(), "big")


def _may_have_formula(canonical: bytes) -> bool:
    # Most records have none of these; a hyphen is common, but not at a text's beginning. Full-width signs are EF BC xx.
    return (
        b"=" in canonical
        or b"+" in canonical
        or b"@" in canonical
        or b'"-' in canonical
        or (not canonical.isascii() and b"\xef\xbc" in canonical)
    )


def _refuse_second_of_a_kind(identifiers: tuple[Identifier, ...], schema: Schema) -> None:
    kinds = [identifier.type for identifier in identifiers]
    for at, kind in enumerate(kinds):
        if kind in kinds[:at]:
            message = f"a second {kind} for the same subject"
            raise FieldInvalid(f"{schema.identifiers_path}[{at}].number", RowReason.IDENTIFIER, message)


def _refuse_formulas(node: Any, path: str) -> None:
    if isinstance(node, str):
        if is_formula(node):
            raise FieldInvalid(path, RowReason.FORMULA, "begins like a formula; write it without the sign")
    elif isinstance(node, dict):
        for key, value in node.items():
            _refuse_formulas(value, f"{path}.{shown_key(key)}".lstrip("."))
    elif isinstance(node, list):
        for at, value in enumerate(node):
            _refuse_formulas(value, f"{path}[{at}]")
