"""Plausibility limits in TOML, one file a schema: those that come with the software, and a home's own over them.

    schema = "personal-credit-report/1"
    issued_at = "report.issued_at"                     # the day that dates are held against; else the review's

    [identity]                                         # what must not change from one record of a subject to the next
    name = "identity.name"

    [brushed]                                          # what comes near to a limit of the schema itself
    percent = 95                                       # from 95 % of it on; 0 is off
    except = ["owners[].share_basis_points"]

    [rules.amount]                                     # any id; path, [] is each item
    kind = "range"                                     # range count date age order sum needed text, below
    severity = "high"                                  # low, medium (the default) or high
    path = "credit_transactions[].amount"
    greatest = { HKD = 2_000_000_000 }                 # minor units by currency; one that is not named has no bound

    range    path, least, greatest                     # a whole number, or for amounts a table by currency
    count    path, least, greatest, date, within_days, against     # date: a key of the items
    date     path, earliest_days, latest_days, against             # so many days before and after, at most
    age      path, least_years, greatest_years, stated, against    # full years since then; stated: where it says them
    order    paths                                     # dates, numbers or amounts that do not fall, in one item
    sum      parts, equals or at_most, tolerance_percent           # to a path, within its item; or to a number in all
    needed   path, when, among                         # needed when there is `when`, or is one of `among`
    text     path, pattern, unlikely                   # a regular expression for the whole; a list of texts

`against` is a path to a date, or "review", the day on which the batch was registered. A home's file says its schema and
what differs: a rule of the same id takes the place of the one here whole, `off = true` alone takes it away, `[brushed]`
and `[identity]` replace key by key. Everything is checked against the schema when it is loaded.
"""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from creditconnect.errors import SettingsError
from creditconnect.records.amounts import EACH, Steps, steps_of
from creditconnect.records.currencies import CURRENCIES
from creditconnect.records.plausibility import (
    BRUSHED,
    ON_REVIEW,
    Age,
    Brushed,
    Count,
    DateRange,
    Day,
    Named,
    Needed,
    Order,
    Plausibility,
    Range,
    Rule,
    Severity,
    Sum,
    Text,
)
from creditconnect.records.schemas import Schema, SchemaCatalogue

_TOP_KEYS = {"schema", "issued_at", "identity", "brushed", "rules"}
_PATH = re.compile(r"[a-z_0-9]+(\[\])?(\.[a-z_0-9]+(\[\])?)*")
_RULE_KEYS = {"kind", "severity", "off"}
_DATES = ("date", "date-time")
_KINDS = {"string": str, "integer": int, "boolean": bool}
GREATEST_NUMBER = 2**53 - 1


def load_limits(schemas: SchemaCatalogue, folder: pathlib.Path | None) -> dict[str, Plausibility]:
    """The compiled rules of every schema, by its id; `folder` holds a home's own files, if it is there.

    Raises:
        SettingsError: names the file, and the key that is wrong.
    """
    names = {_file_name(schema): schema for schema in schemas.ids}
    own = sorted(folder.glob("*.toml")) if folder is not None else []
    if unknown := next((path for path in own if path.name not in names), None):
        raise SettingsError(f"{unknown}: is named after no schema", hint=f"one of {', '.join(sorted(names))}")
    given = {path.name: path for path in own}
    return {schema: _loaded(schemas.load(schema), name, given.get(name)) for name, schema in names.items()}


def _loaded(schema: Schema, name: str, own: pathlib.Path | None) -> Plausibility:
    shipped = resources.files(__package__) / "limits" / name
    document = _parsed(name, shipped.read_text(encoding="utf-8")) if shipped.is_file() else {"schema": schema.id}
    if own is None:
        return Limits(schema, name).compiled(document)
    try:
        text = own.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{own}: can't be read ({said})") from None
    limits = Limits(schema, str(own))
    return limits.compiled(limits.merged(document, _parsed(str(own), text)))


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise SettingsError(f"{name}: is not TOML ({error})") from None


def _file_name(schema_id: str) -> str:
    return schema_id.replace("/", "-") + ".toml"


class Limits:
    """Checks and compiles the limits of one schema; `name` is the file's, for errors."""

    def __init__(self, schema: Schema, name: str) -> None:
        self._schema = schema
        self._name = name
        self._issued_at: Steps | None = None

    def merged(self, shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        """What a home's file says over what is shipped."""
        self._known(own, _TOP_KEYS, "")
        tables = {key: {**shipped.get(key, {}), **self._table(own, key)} for key in ("identity", "brushed", "rules")}
        self._require(own.get("schema") == self._schema.id, "schema", f"is not {self._schema.id}")
        for rule, table in self._table(own, "rules").items():
            if isinstance(table, Mapping) and "off" in table:
                self._require(table["off"] is True and len(table) == 1, f"rules.{rule}.off", "is true, and alone")
                self._require(rule in shipped.get("rules", {}), f"rules.{rule}.off", "there is no such rule")
                del tables["rules"][rule]
        return {**shipped, **own, **tables}

    def compiled(self, document: Mapping[str, Any]) -> Plausibility:
        self._known(document, _TOP_KEYS, "")
        self._require(document.get("schema") == self._schema.id, "schema", f"is not {self._schema.id}")
        if "issued_at" in document:
            self._issued_at = self._single(document, "issued_at", "issued_at", self._is_date)
        identity = {
            part: self._single(document["identity"], part, f"identity.{part}", self._is_text)
            for part in self._table(document, "identity")
        }
        rules = [self._named(rule, table) for rule, table in self._table(document, "rules").items()]
        brushed = self._brushed(self._table(document, "brushed"))
        return Plausibility(self._schema.id, (*rules, *brushed), identity)

    # ------------------------------------------------------------------------------------------------- single rules

    def _named(self, rule: str, table: object) -> Named:
        where = f"rules.{rule}"
        self._require(rule != BRUSHED and bool(re.fullmatch(r"[a-z0-9-]{1,40}", rule)), where, "is no id for a rule")
        if not isinstance(table, Mapping):
            raise self._wrong(where, "is not a table")
        kind = table.get("kind")
        kinds: dict[object, tuple[Callable[[Mapping[str, Any], str], Rule], set[str]]] = {
            "range": (self._range, {"path", "least", "greatest"}),
            "count": (self._count, {"path", "least", "greatest", "date", "within_days", "against"}),
            "date": (self._date, {"path", "earliest_days", "latest_days", "against"}),
            "age": (self._age, {"path", "least_years", "greatest_years", "stated", "against"}),
            "order": (self._order, {"paths"}),
            "sum": (self._sum, {"parts", "equals", "at_most", "tolerance_percent"}),
            "needed": (self._needed, {"path", "when", "among"}),
            "text": (self._text, {"path", "pattern", "unlikely"}),
        }
        if not isinstance(kind, str) or kind not in kinds:
            raise self._wrong(f"{where}.kind", f"is none of {', '.join(map(str, kinds))}")
        build, keys = kinds[kind]
        self._known(table, keys | _RULE_KEYS, f"{where}.")
        return Named(rule, self._severity(table, where), build(table, where))

    def _range(self, table: Mapping[str, Any], where: str) -> Rule:
        path = self._path(table, "path", f"{where}.path", self._is_measured)
        bounds = {key: self._bounds(table, key, where, self._is_amount(path)) for key in ("least", "greatest")}
        self._require(bool(bounds["least"] or bounds["greatest"]), where, "has neither least nor greatest")
        for unit, least in bounds["least"].items():
            self._require_rising(least, bounds["greatest"].get(unit), where)
        return Range(path, bounds["least"], bounds["greatest"])

    def _count(self, table: Mapping[str, Any], where: str) -> Rule:
        path = self._path(table, "path", f"{where}.path", self._is_array)
        least, greatest = self._number(table, "least", where), self._number(table, "greatest", where)
        self._require(least is not None or greatest is not None, where, "has neither least nor greatest")
        self._require_rising(least, greatest, where)
        date, days = table.get("date"), self._number(table, "within_days", where)
        self._require((date is None) == (days is None), where, "has one of date and within_days without the other")
        if date is not None:
            self._path({"date": f"{table['path']}[].{date}"}, "date", f"{where}.date", self._is_date)
        return Count(path, least or 0, greatest, date, days or 0, self._against(table, where))

    def _date(self, table: Mapping[str, Any], where: str) -> Rule:
        path = self._path(table, "path", f"{where}.path", self._is_date)
        earliest, latest = self._number(table, "earliest_days", where), self._number(table, "latest_days", where)
        self._require(earliest is not None or latest is not None, where, "has neither earliest_days nor latest_days")
        return DateRange(path, self._against(table, where), earliest, latest)

    def _age(self, table: Mapping[str, Any], where: str) -> Rule:
        path = self._path(table, "path", f"{where}.path", self._is_date)
        stated = self._path(table, "stated", f"{where}.stated", self._is_number) if "stated" in table else None
        least, greatest = self._number(table, "least_years", where), self._number(table, "greatest_years", where)
        self._require(
            not (least is None and greatest is None and stated is None),
            where,
            "has none of least_years, greatest_years and stated",
        )
        self._require_rising(least, greatest, where)
        return Age(path, self._against(table, where), least, greatest, stated)

    def _order(self, table: Mapping[str, Any], where: str) -> Rule:
        paths = self._paths(table, "paths", where, lambda part: self._is_measured(part) or self._is_date(part))
        self._require(len(paths) > 1, f"{where}.paths", "is less than two paths")
        self._require_alike(paths, f"{where}.paths")
        return Order(paths)

    def _sum(self, table: Mapping[str, Any], where: str) -> Rule:
        parts = self._paths(table, "parts", where, self._is_measured)
        key = "equals" if "equals" in table else "at_most"
        self._require(("equals" in table) != ("at_most" in table), where, "has not one of equals and at_most")
        total: Steps | int | None
        if isinstance(table[key], str):
            total = self._path(table, key, f"{where}.{key}", self._is_measured)
            self._require_alike((*parts, total), where)
        else:
            total = self._number(table, key, where)
            self._require_alike(parts, where)
            self._require(not self._is_amount(parts[0]), f"{where}.{key}", "is a number, but amounts have a currency")
        return Sum(parts, total or 0, key == "equals", self._number(table, "tolerance_percent", where) or 0)

    def _needed(self, table: Mapping[str, Any], where: str) -> Rule:
        path, when = self._path(table, "path", f"{where}.path"), self._path(table, "when", f"{where}.when")
        among = table.get("among")
        if among is None:
            return Needed(path, when, None)
        if not isinstance(among, list) or not among:
            raise self._wrong(f"{where}.among", "is no list of values")
        self._require_possible(among, when, f"{where}.among")
        return Needed(path, when, tuple(among))

    def _text(self, table: Mapping[str, Any], where: str) -> Rule:
        path = self._path(table, "path", f"{where}.path", self._is_text)
        pattern, unlikely = table.get("pattern"), table.get("unlikely", [])
        self._require(pattern is not None or bool(unlikely), where, "has neither pattern nor unlikely")
        if not isinstance(unlikely, list) or not all(isinstance(one, str) for one in unlikely):
            raise self._wrong(f"{where}.unlikely", "is no list of texts")
        self._require_possible(unlikely, path, f"{where}.unlikely")
        try:
            return Text(path, None if pattern is None else re.compile(pattern, re.DOTALL), frozenset(unlikely))
        except (re.error, TypeError, OverflowError, RecursionError):
            raise self._wrong(f"{where}.pattern", "is no regular expression") from None

    def _brushed(self, table: Mapping[str, Any]) -> list[Named]:
        self._known(table, {"percent", "severity", "except"}, f"{BRUSHED}.")
        percent = self._number(table, "percent", BRUSHED) or 0
        self._require(percent <= 100, f"{BRUSHED}.percent", "is more than 100")
        left_out = self._paths(table, "except", BRUSHED) if "except" in table else ()
        severity = self._severity({"severity": "low", **table}, BRUSHED)
        return [Named(BRUSHED, severity, Brushed(self._schema.definition, percent, frozenset(left_out)))][
            : bool(percent)
        ]

    # ---------------------------------------------------------------------------------------------- keys and values

    def _severity(self, table: Mapping[str, Any], where: str) -> Severity:
        named = table.get("severity", "medium")
        self._require(named in list(Severity), f"{where}.severity", f"is none of {', '.join(Severity)}")
        return Severity(named)

    def _against(self, table: Mapping[str, Any], where: str) -> Day:
        if table.get("against") == ON_REVIEW:
            return Day(None)
        if "against" in table:
            return Day(self._single(table, "against", f"{where}.against", self._is_date))
        return Day(self._issued_at)

    def _bounds(self, table: Mapping[str, Any], key: str, where: str, is_amount: bool) -> dict[str, int]:
        if key not in table:
            return {}
        given = table[key]
        if not is_amount:
            return {"": self._number(table, key, where, least=-GREATEST_NUMBER) or 0}
        if not isinstance(given, Mapping) or not given:
            raise self._wrong(f"{where}.{key}", "is no table of minor units by currency")
        for currency in given:
            self._require(currency in CURRENCIES, f"{where}.{key}.{currency}", "is no currency of ISO 4217")
        return {
            currency: self._number(given, currency, f"{where}.{key}", least=-GREATEST_NUMBER) or 0 for currency in given
        }

    def _number(self, table: Mapping[str, Any], key: str, where: str, *, least: int = 0) -> int | None:
        number = table.get(key)
        if number is not None and (type(number) is not int or not least <= number <= GREATEST_NUMBER):
            raise self._wrong(f"{where}.{key}", f"is no whole number from {least} on")
        return number

    def _paths(
        self, table: Mapping[str, Any], key: str, where: str, fits: Callable[[Any], bool] | None = None
    ) -> tuple[Steps, ...]:
        given = table.get(key)
        if not isinstance(given, list) or not given:
            raise self._wrong(f"{where}.{key}", "is no list of paths")
        return tuple(self._path({"path": one}, "path", f"{where}.{key}", fits) for one in given)

    def _path(self, table: Mapping[str, Any], key: str, where: str, fits: Callable[[Any], bool] | None = None) -> Steps:
        given = table.get(key)
        if not isinstance(given, str) or not _PATH.fullmatch(given):
            raise self._wrong(where, "is no path such as credit_transactions[].amount")
        part = self._part(steps_of(given))
        if part is None:
            raise self._wrong(where, f"{given}: {self._schema.id} has no such place")
        if fits is not None and not fits(part):
            raise self._wrong(where, f"{given}: what is there is of another kind")
        return steps_of(given)

    def _single(self, table: Mapping[str, Any], key: str, where: str, fits: Callable[[Any], bool]) -> Steps:
        """A path to one place, not to one in each item."""
        steps = self._path(table, key, where, fits)
        self._require(EACH not in steps, where, "is a place in each item, not a single one")
        return steps

    def _part(self, steps: Steps) -> Any:
        part = self._schema.definition
        for step in steps:
            part = part.get("items") if step == EACH else part.get("properties", {}).get(step)
            if part is None:
                return None
        return part

    def _is_amount(self, path: Steps) -> bool:
        return self._part(path).get("type") == "object" or path[-1].endswith("_minor")

    @staticmethod
    def _is_number(part: Any) -> bool:
        return bool(part.get("type") == "integer")

    @staticmethod
    def _is_measured(part: Any) -> bool:
        return part.get("type") == "integer" or "amount_minor" in part.get("properties", {})

    @staticmethod
    def _is_array(part: Any) -> bool:
        return bool(part.get("type") == "array")

    @staticmethod
    def _is_text(part: Any) -> bool:
        return bool(part.get("type") == "string")

    @staticmethod
    def _is_date(part: Any) -> bool:
        return part.get("format") in _DATES or "[0-9]{4}-(0" in part.get("pattern", "")

    def _table(self, document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        table = document.get(key, {})
        if not isinstance(table, Mapping):
            raise self._wrong(key, "is not a table")
        return table

    def _known(self, table: Mapping[str, Any], known: set[str], where: str) -> None:
        if unknown := sorted(set(table) - known):
            raise self._wrong(f"{where}{unknown[0]}", f"is not known; known are {', '.join(sorted(known))}")

    def _require_rising(self, least: int | None, greatest: int | None, where: str) -> None:
        self._require(least is None or greatest is None or least <= greatest, where, "has its least above its greatest")

    def _require_alike(self, paths: tuple[Steps, ...], where: str) -> None:
        """What is of different kinds is never compared, so the rule would find nothing."""
        kinds = {(self._is_amount(path), self._is_date(self._part(path))) for path in paths}
        self._require(len(kinds) == 1, where, "holds paths of different kinds, which can't be compared")

    def _require_possible(self, values: list[Any], path: Steps, where: str) -> None:
        """What a place can never say would never be met."""
        part = self._part(path)
        kind = _KINDS.get(part.get("type"))
        for value in values:
            possible = type(value) is kind and value in part.get("enum", [value])
            self._require(possible, where, f"{value!r} is nothing that can be there")

    def _require(self, holds: bool, where: str, message: str) -> None:
        if not holds:
            raise self._wrong(where, message)

    def _wrong(self, where: str, message: str) -> SettingsError:
        return SettingsError(f"{self._name}: {where}: {message}", hint="the form is in records/limits.py")
