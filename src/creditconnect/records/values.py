"""How a provider writes a value, turned into what a record says. Exact: decimal text only, never a float.

`text` and `identifier` are converters; the others make one for a column. A converter raises `FieldInvalid` about its
column and never repeats what it was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import GREATEST_INTEGER
from creditconnect.records.identifiers import normalise

Converter = Callable[[str], Any]
PLAIN_DIGITS = 12
"""Shorter whole numbers stay below 2^53 with 4 minor digits, so that they need no further look."""
_DECIMAL = re.compile(r"(-?)(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?")
_DATE_PARTS = {"YYYY": "(?P<y>[0-9]{4})", "MM": "(?P<m>[0-9]{2})", "DD": "(?P<d>[0-9]{2})"}


def text(text: str) -> str:
    """The text as it stands."""
    return text


def identifier(text: str) -> str:
    """An identifier in its normal form; its check digit is the schema's affair, which knows its type."""
    return normalise(text)


def code(column: str, codes: Mapping[str, Any]) -> Converter:
    """What a code table says for exactly this text."""

    def convert(text: str) -> Any:
        try:
            return codes[text]
        except KeyError:
            raise FieldInvalid(column, RowReason.UNKNOWN_CODE, "not in the mapping's code table") from None

    return convert


def integer(column: str) -> Converter:
    """A whole number within 2^53, without separators, signs of plus or leading zeros."""
    return _scaled(column, 0, RowReason.NUMBER)


def percent(column: str) -> Converter:
    """A whole number of percent, with or without the sign."""
    whole = _scaled(column, 0, RowReason.NUMBER)
    return lambda text: whole(text.removesuffix("%"))


def amount(column: str, minor_digits: int) -> Converter:
    """An amount in major units, in minor units: with 2 minor digits `1169` and `1169.00` are 116900.

    An amount finer than a minor unit is refused, never rounded.
    """
    return _scaled(column, minor_digits, RowReason.AMOUNT)


def date(column: str, layout: str) -> Converter:
    """A date written by a layout such as `DD/MM/YYYY`, as ISO 8601.

    Raises:
        ValueError: the layout does not name YYYY, MM and DD once each.
    """
    pattern = re.escape(layout)
    for part, group in _DATE_PARTS.items():
        if layout.count(part) != 1:
            raise ValueError("a date's format names YYYY, MM and DD once each")
        pattern = pattern.replace(part, group)
    match = re.compile(pattern).fullmatch

    def convert(text: str) -> str:
        found = match(text)
        if found is None:
            raise FieldInvalid(column, RowReason.DATE, f"not written as {layout}")
        return f"{found['y']}-{found['m']}-{found['d']}"

    return convert


def instant(column: str) -> Converter:
    """An ISO 8601 instant with its offset, in UTC and whole seconds, as RFC 3339 writes it with Z."""

    def convert(text: str) -> str:
        if len(text) == 20 and text[-1] == "Z":
            return text
        try:
            read = datetime.fromisoformat(text)
            if read.tzinfo is not None and read.microsecond == 0:
                return read.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (ValueError, OverflowError):
            pass
        raise FieldInvalid(column, RowReason.DATE, "not an instant with an offset and whole seconds")

    return convert


def _scaled(column: str, digits: int, reason: RowReason) -> Converter:
    match = _DECIMAL.fullmatch
    unit: int = 10**digits
    named = f"a number with at most {digits} decimals" if digits else "a whole number"

    def convert(text: str) -> int:
        if len(text) < PLAIN_DIGITS and text.isdecimal() and text.isascii() and (text[0] != "0" or len(text) == 1):
            return int(text) * unit
        found = match(text)
        if found is None:
            raise FieldInvalid(column, reason, f"not {named}")
        sign, whole, fraction = found.groups("")
        if len(fraction.rstrip("0")) > digits:
            raise FieldInvalid(column, reason, f"not {named}")
        value = int(sign + whole + fraction[:digits].ljust(digits, "0"))
        if not -GREATEST_INTEGER <= value <= GREATEST_INTEGER:
            raise FieldInvalid(column, reason, "beyond 2^53 - 1")
        return value

    return convert
