"""Plausibility: what a valid record says that a reviewer should doubt. Rules are declared per schema, see `limits`.

    range    an integer, or an amount by currency, between `least` and `greatest`
    count    how many items an array has; with `date` and `within_days`, of those at most so old
    date     a day not earlier than `earliest_days` before, nor later than `latest_days` after, another
    age      full years from a birth date to another day, within bounds, or as `stated` elsewhere
    order    dates, integers or amounts of one currency that must not fall from one path to the next
    sum      integers or amounts of one currency that together come to, or to at most, something
    needed   something that must be there when something else is, or is one of some values
    text     a text that does not have a form, or that says one of some things

A finding names its rule and place and tells the limit; it never repeats the value. Pure: the same record and day give
the same findings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import Any, NamedTuple, Protocol

from creditconnect.records.amounts import EACH, Place, Steps, amount_of, places

BRUSHED = "brushed"
"""The id of the rule about a schema's own limits."""
# Below this a limit is met in the ordinary course of things.
SMALLEST_BRUSHED = 10
ON_REVIEW = "review"
"""For `against`: the day that the findings are asked for, in place of a date in the record."""


class Severity(StrEnum):
    """How much a finding should trouble whoever reviews."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is doubtful: by which rule, and at which JSON pointer (RFC 6901)."""

    rule: str
    path: str
    severity: Severity
    message: str


class Doubt(NamedTuple):
    """A place, and what is wrong there."""

    pointer: str
    message: str


class Rule(Protocol):
    """One rule of one schema, compiled."""

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]: ...


@dataclass(frozen=True, slots=True)
class Named:
    """A rule under its id."""

    id: str
    severity: Severity
    rule: Rule


@dataclass(frozen=True, slots=True)
class Plausibility:
    """One schema's rules. `identity` says where its records name what must not change about a person or firm."""

    schema: str
    rules: tuple[Named, ...]
    identity: Mapping[str, Steps]

    def findings(self, record: Mapping[str, Any], on: date) -> list[Finding]:
        """What is doubtful about a record of this schema's shape, in the order of the rules; `on` is today."""
        return [
            Finding(named.id, doubt.pointer, named.severity, doubt.message)
            for named in self.rules
            for doubt in named.rule.doubts(record, on)
        ]

    def identity_of(self, record: Mapping[str, Any]) -> dict[str, Place]:
        """What the record says of each part of the identity, where it says it."""
        found = {part: places(record, steps) for part, steps in self.identity.items()}
        return {part: at[0] for part, at in found.items() if at}


@dataclass(frozen=True, slots=True)
class Day:
    """A day to hold dates against: that of a path, or else the day of the review."""

    steps: Steps | None

    def of(self, record: Mapping[str, Any], on: date) -> date:
        found = [] if self.steps is None else places(record, self.steps)
        return day(found[0].value) if found else on


@dataclass(frozen=True, slots=True)
class Range:
    """`least` and `greatest` by currency; under "" for what is no amount."""

    path: Steps
    least: Mapping[str, int]
    greatest: Mapping[str, int]

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        for place in places(record, self.path):
            number, unit = _measured(place)
            if number < self.least.get(unit, number):
                yield Doubt(place.pointer, f"is less than {_amount(self.least[unit], unit)}")
            if number > self.greatest.get(unit, number):
                yield Doubt(place.pointer, f"is more than {_amount(self.greatest[unit], unit)}")


@dataclass(frozen=True, slots=True)
class Count:
    path: Steps
    least: int
    greatest: int | None
    dated: str | None
    within_days: int
    against: Day

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        for place in places(record, self.path):
            count, days = len(place.value), None
            if self.dated is not None:
                base = self.against.of(record, on)
                ages = [(base - day(item[self.dated])).days for item in place.value if self.dated in item]
                count, days = sum(1 for age in ages if age <= self.within_days), self.within_days
            if count < self.least:
                yield Doubt(place.pointer, f"has fewer than {_items(self.least, days)}")
            if self.greatest is not None and count > self.greatest:
                yield Doubt(place.pointer, f"has more than {_items(self.greatest, days)}")


@dataclass(frozen=True, slots=True)
class DateRange:
    path: Steps
    against: Day
    earliest_days: int | None
    latest_days: int | None

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        base = self.against.of(record, on)
        for place in places(record, self.path):
            days = (day(place.value) - base).days
            if self.earliest_days is not None and days < -self.earliest_days:
                yield Doubt(place.pointer, f"is more than {self.earliest_days} days before the report or review")
            if self.latest_days is not None and days > self.latest_days:
                yield Doubt(place.pointer, f"is more than {self.latest_days} days after the report or review")


@dataclass(frozen=True, slots=True)
class Age:
    path: Steps
    against: Day
    least_years: int | None
    greatest_years: int | None
    stated: Steps | None

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        base = self.against.of(record, on)
        for place in places(record, self.path):
            years = full_years(day(place.value), base)
            if self.least_years is not None and years < self.least_years:
                yield Doubt(place.pointer, f"makes an age below {self.least_years} years")
            if self.greatest_years is not None and years > self.greatest_years:
                yield Doubt(place.pointer, f"makes an age above {self.greatest_years} years")
            for stated in places(record, self.stated) if self.stated else ():
                if stated.value != years:
                    yield Doubt(stated.pointer, "is not the age that the date of birth makes")


@dataclass(frozen=True, slots=True)
class Order:
    paths: tuple[Steps, ...]

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        for bound in _bound(record, self.paths):
            for before, after in pairwise([found for found in bound if found]):
                greatest: dict[str, tuple[int, str]] = {}
                for earlier in before:
                    number, unit = _measured(earlier)
                    greatest[unit] = max(greatest.get(unit, (number, earlier.pointer)), (number, earlier.pointer))
                for later in after:
                    number, unit = _measured(later)
                    most, pointer = greatest.get(unit, (number, ""))
                    if number < most:
                        yield Doubt(later.pointer, f"is before or below {pointer}, which it should not be")


@dataclass(frozen=True, slots=True)
class Sum:
    """`total` is a path, or a number for the whole record; `exactly`, or else at most.

    `tolerance_percent` is of the total. Where one of the parts is not told at all, nothing comes to anything exactly.
    """

    parts: tuple[Steps, ...]
    total: Steps | int
    exactly: bool
    tolerance_percent: int

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        if isinstance(self.total, int):
            sums = iter([[*(places(record, part) for part in self.parts), list[Place]()]])
        else:
            sums = _bound(record, (*self.parts, self.total))
        for *parts, totals in sums:
            told = not self.exactly or all(parts)
            if told and (doubt := self._doubt([place for found in parts for place in found], totals)) is not None:
                yield doubt

    def _doubt(self, parts: Sequence[Place], totals: Sequence[Place]) -> Doubt | None:
        if not parts or not (totals or isinstance(self.total, int)):
            return None
        measured = [_measured(place) for place in parts]
        total, unit = (self.total, measured[0][1]) if isinstance(self.total, int) else _measured(totals[0])
        if any(currency != unit for _, currency in measured):
            return None  # what is in several currencies has no sum
        excess = sum(number for number, _ in measured) - total
        tolerance = abs(total) * self.tolerance_percent // 100
        whole = "".join(f"/{step}" for step in takewhile(lambda step: step != EACH, self.parts[0]))
        pointer = totals[0].pointer if totals else whole
        if excess > tolerance:
            return Doubt(pointer, "is less than its parts come to" if totals else f"comes to more than {total}")
        if self.exactly and excess < -tolerance:
            return Doubt(pointer, "is more than its parts come to" if totals else f"comes to less than {total}")
        return None


@dataclass(frozen=True, slots=True)
class Needed:
    path: Steps
    when: Steps
    among: tuple[Any, ...] | None

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        for needed, causes in _bound(record, (self.path, self.when)):
            for cause in () if needed else causes:
                if self.among is None or cause.value in self.among:
                    yield Doubt(cause.pointer, f"asks for {self.path[-1]}, which is missing")


@dataclass(frozen=True, slots=True)
class Text:
    path: Steps
    pattern: re.Pattern[str] | None
    unlikely: frozenset[str]

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        for place in places(record, self.path):
            if self.pattern is not None and not self.pattern.fullmatch(place.value):
                yield Doubt(place.pointer, "does not have the form that is usual")
            if place.value in self.unlikely:
                yield Doubt(place.pointer, "says what it hardly ever should")


@dataclass(frozen=True, slots=True)
class Brushed:
    """What comes near to a limit of the schema itself: lengths, numbers, items; from `percent` of the limit on."""

    definition: Mapping[str, Any]
    percent: int
    left_out: frozenset[Steps] = field(default_factory=frozenset)

    def doubts(self, record: Mapping[str, Any], on: date) -> Iterator[Doubt]:
        return self._doubts(record, self.definition, "", ())

    def _doubts(self, value: Any, part: Mapping[str, Any], pointer: str, steps: Steps) -> Iterator[Doubt]:
        limit, size, unit = _limit(value, part)
        if limit >= SMALLEST_BRUSHED and size * 100 >= limit * self.percent and steps not in self.left_out:
            yield Doubt(pointer, f"comes near to the schema's limit of {unit.format(limit=limit)}")
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._doubts(inner, part["properties"][key], f"{pointer}/{key}", (*steps, key))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                yield from self._doubts(inner, part["items"], f"{pointer}/{at}", (*steps, EACH))


def day(text: str) -> date:
    """The day of an ISO 8601 date or instant; a month's first."""
    return date.fromisoformat(text[:10] if len(text) >= 10 else f"{text}-01")


def full_years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _amount(number: int, unit: str) -> str:
    return f"{number} {unit} (minor units)" if unit else str(number)


def _items(number: int, days: int | None) -> str:
    return f"{number} items" if days is None else f"{number} items of the last {days} days"


def _limit(value: Any, part: Mapping[str, Any]) -> tuple[int, int, str]:
    if isinstance(value, str):
        return part.get("maxLength", 0), len(value), "{limit} characters"
    if isinstance(value, list):
        return part.get("maxItems", 0), len(value), "{limit} items"
    return (part.get("maximum", 0), value, "{limit}") if type(value) is int else (0, 0, "")


def _measured(place: Place) -> tuple[int, str]:
    """A number that can be compared with others of the same unit: a currency's code, "day", or "" for plain numbers."""
    if (amount := amount_of(place)) is not None:
        return amount.minor, amount.currency
    return (day(place.value).toordinal(), "day") if isinstance(place.value, str) else (place.value, "")


def _bound(record: Mapping[str, Any], paths: Sequence[Steps]) -> Iterator[list[list[Place]]]:
    """What is at each path, together for each item of the arrays that all of them go through."""
    shared = 0
    for at, steps in enumerate(zip(*paths, strict=False)):
        if len(set(steps)) > 1:
            break
        shared = at + 1 if steps[0] == EACH else shared
    for item in places(record, paths[0][:shared]):
        yield [
            [place._replace(pointer=item.pointer + place.pointer) for place in places(item.value, path[shared:])]
            for path in paths
        ]
