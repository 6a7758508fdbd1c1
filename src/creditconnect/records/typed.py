"""Typed values of tables (Parquet, Excel), as text that a mapping's kinds read, or as a schema's own form has them.

Exact. An amount never passes through binary arithmetic: a decimal is written digit by digit, and a double, which is all
that Excel has, by the shortest decimal that is that double (IEEE 754, as `repr`). From 2^53 on a double no longer says
which whole number was meant, and is refused.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import GREATEST_INTEGER, WHOLE
from creditconnect.records.rows import GREATEST_ROW_BYTES

ISO_LAYOUT = "YYYY-MM-DD"


def as_text(column: str, value: object, layout: str = ISO_LAYOUT) -> str:
    """One value as text; nothing for none. Days are written by the column's layout, instants by ISO 8601.

    Raises:
        FieldInvalid: about the column. NUMBER for a double beyond 2^53 - 1, infinite or not a number; SCHEMA for what
            is neither text, number, boolean, day nor instant.
    """
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float):
        return _double_as_text(column, value)
    if isinstance(value, date):
        return _day_as_text(value, layout)
    raise FieldInvalid(column, RowReason.SCHEMA, "not text, a number, a boolean, a day or an instant")


def own_form(value: Any, path: str = "") -> Any:
    """A nested value as a schema's own form has it: nulls and objects of nothing but nulls are left out.

    Raises:
        FieldInvalid: about the path. NUMBER for what is no whole number, DATE for an instant without time zone or with
            parts of a second, SCHEMA for what records do not have.
    """
    if isinstance(value, dict):
        made = {key: own_form(inner, f"{path}.{key}".lstrip(".")) for key, inner in value.items()}
        return {key: inner for key, inner in made.items() if inner is not None} or None
    if isinstance(value, list):
        return [_item(inner, f"{path}[{at}]") for at, inner in enumerate(value)]
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (Decimal, float)):
        if isinstance(value, Decimal) and value == value.to_integral_value():
            return int(value)
        raise FieldInvalid(path or WHOLE, RowReason.NUMBER, "not an integer; amounts are in minor units")
    if isinstance(value, datetime):
        return _instant(path, value)
    if isinstance(value, date):
        return value.isoformat()
    raise FieldInvalid(path or WHOLE, RowReason.SCHEMA, f"{type(value).__name__} is not a value of records")


def check_size(value: object) -> None:
    """Demand that a row's text and items stay within what a line of text may have.

    Raises:
        FieldInvalid: TOO_LARGE.
    """
    if _size(value) > GREATEST_ROW_BYTES:
        raise FieldInvalid(WHOLE, RowReason.TOO_LARGE, f"longer than {GREATEST_ROW_BYTES} bytes")


def _size(value: object) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values())) + len(value)
    if isinstance(value, list):
        return sum(map(_size, value)) + len(value)
    return len(value) if isinstance(value, (str, bytes)) else 8


def _item(value: Any, path: str) -> Any:
    made = own_form(value, path)
    if made is None:
        raise FieldInvalid(path, RowReason.SCHEMA, "a list has an item that is nothing")
    return made


def _double_as_text(column: str, value: float) -> str:
    # Comparing is false for what is not a number, so that it is refused too.
    if not abs(value) <= GREATEST_INTEGER:
        message = "a number with more digits than a double holds; give it as text or decimal"
        raise FieldInvalid(column, RowReason.NUMBER, message)
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")


def _day_as_text(value: date, layout: str) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is not None or value.time() != time():
            return value.isoformat()
        value = value.date()
    written = layout.replace("YYYY", f"{value.year:04d}")
    return written.replace("MM", f"{value.month:02d}").replace("DD", f"{value.day:02d}")


def _instant(path: str, value: datetime) -> str:
    if value.tzinfo is None or value.microsecond or getattr(value, "nanosecond", 0):
        raise FieldInvalid(path or WHOLE, RowReason.DATE, "not an instant with a time zone and whole seconds")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
