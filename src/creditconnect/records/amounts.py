"""Where a record holds values: paths with `[]` for each item, JSON pointers of what is there, amounts of money."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

EACH = "[]"
"""The step that stands for each item of an array."""
_MINOR = "_minor"
_CURRENCY = "currency"

Steps = tuple[str, ...]


class Place(NamedTuple):
    """A value of a record: its JSON pointer (RFC 6901), and the object or array that holds it."""

    pointer: str
    value: Any
    within: Any


class Amount(NamedTuple):
    """An amount in minor units of its currency (ISO 4217), and where it is."""

    pointer: str
    minor: int
    currency: str


def steps_of(path: str) -> Steps:
    """The steps of a path such as `credit_transactions[].amount`."""
    return tuple(step for part in path.split(".") for step in part.replace(EACH, f".{EACH}").split("."))


def places(record: Any, steps: Sequence[str]) -> list[Place]:
    """Every value at a path, in the record's order."""
    found = [Place("", record, None)]
    for step in steps:
        found = [below for place in found for below in _below(place, step)]
    return found


def amount_of(place: Place) -> Amount | None:
    """The amount that is there: an object of `amount_minor` and `currency`, or a `..._minor` beside a `currency`."""
    if isinstance(place.value, dict):
        minor, currency = place.value.get("amount" + _MINOR), place.value.get(_CURRENCY)
    else:
        minor = place.value if place.pointer.endswith(_MINOR) else None
        currency = place.within.get(_CURRENCY) if isinstance(place.within, dict) else None
    return Amount(place.pointer, minor, currency) if type(minor) is int and isinstance(currency, str) else None


def amounts(record: Any, pointer: str = "") -> Iterator[Amount]:
    """Every amount anywhere in a record."""
    children = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    for key, value in children:
        place = Place(f"{pointer}/{key}", value, record)
        if isinstance(value, dict | list):
            yield from amounts(value, place.pointer)
        elif (amount := amount_of(place)) is not None:
            yield amount


def _below(place: Place, step: str) -> list[Place]:
    value = place.value
    if step == EACH:
        return [Place(f"{place.pointer}/{at}", item, value) for at, item in enumerate(value)]
    return [Place(f"{place.pointer}/{step}", value[step], value)] if step in value else []
