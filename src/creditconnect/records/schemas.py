"""The schemas of records: which there are, their hashes, and the one function that holds a record against one.

A file's row and a package that is shown pass the same `Schema.validate`: shape, calendar, currencies, check digits.
Hides the validating library. A schema document that has been published is never changed; a correction is a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from importlib import resources
from typing import Any

import fastjsonschema

from creditconnect.errors import FieldInvalid, SchemaUnknown
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import WHOLE, canonicalise, parse, shown_key
from creditconnect.records.currencies import CURRENCIES
from creditconnect.records.identifiers import Identifier, check_normal

PERSONAL_CREDIT_REPORT = "personal-credit-report/1"
COMPANY_CREDIT_REPORT = "company-credit-report/1"
DOCUMENT = "document/1"
# In the order in which authorities pin them.
_FILES = {
    PERSONAL_CREDIT_REPORT: "personal-credit-report-1.json",
    COMPANY_CREDIT_REPORT: "company-credit-report-1.json",
    DOCUMENT: "document-1.json",
}

Path = tuple[str | int, ...]
"""Keys and array indices from a record's top, e.g. `("identity", "identifiers", 0, "number")`."""


class Schema:
    """One version of one schema. Compiled at its first use, then kept; safe to share between threads."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.id: str = document["x-id"]
        self.hash = hashlib.sha256(canonicalise(dict(document))).digest()
        self._identifiers_at: tuple[str, ...] = tuple(document["x-identifiers"])

    def validate(self, record: object) -> None:
        """Hold a record against the schema: shape, real dates, ISO 4217 currencies, identifiers and check digits.

        Raises:
            FieldInvalid: the first fault; `field` is its path, e.g. `identity.identifiers[0].number`; the reason is
                MISSING, UNKNOWN_CODE, DATE, NUMBER, TOO_LARGE, IDENTIFIER or else SCHEMA. No value is repeated.
        """
        try:
            self._validate(record)
        except fastjsonschema.JsonSchemaValueException as error:
            raise _field_invalid(error) from None
        self._check_identifiers(record)

    def has(self, path: Path) -> bool:
        """Whether records may have a value at this path: keys and array indices, e.g. `("statements", 0, "text")`."""
        return self._part(path) is not None

    def validate_part(self, path: Path, value: object) -> None:
        """Hold one value against the part of the schema at a path that it has; identifiers are not looked at.

        Raises:
            FieldInvalid: as `validate`, `field` being relative to the path.
        """
        try:
            _compiled(self._part(path))(value)
        except fastjsonschema.JsonSchemaValueException as error:
            raise _field_invalid(error) from None

    @cached_property
    def definition(self) -> Any:
        """The document's own rules, its references resolved."""
        return _inlined(self.document, self.document["definitions"])

    @cached_property
    def _validate(self) -> Callable[[object], object]:
        return _compiled(self.definition)

    def _part(self, path: Path) -> Any:
        part = self.definition
        for step in path:
            if isinstance(step, int):
                part = part.get("items") if step < part.get("maxItems", 0) else None
            else:
                part = part.get("properties", {}).get(step)
            if part is None:
                return None
        return part

    def identifiers(self, record: Any) -> tuple[Identifier, ...]:
        """Whom a record of this schema's shape is about; nobody where a document does not say."""
        found = record
        for key in self._identifiers_at:
            # A document need not say whom it is about; where a schema demands it, its shape was checked before.
            found = found.get(key, {})
        return tuple(Identifier(one["type"], one["number"]) for one in found)

    def _check_identifiers(self, record: Any) -> None:
        for index, identifier in enumerate(self.identifiers(record)):
            try:
                check_normal(*identifier)
            except FieldInvalid as error:
                field = f"{'.'.join(self._identifiers_at)}[{index}].{error.field}"
                raise FieldInvalid(field, error.reason, error.message) from None


class SchemaCatalogue:
    """The schemas that this software knows. Loads each document once, at construction."""

    def __init__(self, documents: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Take the documents given, or those that come with the software."""
        schemas = [Schema(document) for document in (_own_documents() if documents is None else documents)]
        self._by_id = {schema.id: schema for schema in schemas}
        self._by_hash = {schema.hash: schema for schema in schemas}

    @property
    def ids(self) -> list[str]:
        """The known schemas' ids, in the order in which authorities pin them."""
        return list(self._by_id)

    def load(self, schema_id: str) -> Schema:
        """The schema with this id.

        Raises:
            SchemaUnknown: hints at those that are known.
        """
        try:
            return self._by_id[schema_id]
        except KeyError:
            raise SchemaUnknown(f"there is no schema {schema_id[:64]!r}", hint=self._known()) from None

    def by_hash(self, schema_hash: bytes) -> Schema:
        """The schema whose document's canonical form has this SHA-256 (32 bytes).

        Raises:
            SchemaUnknown: hints at those that are known.
        """
        try:
            return self._by_hash[schema_hash]
        except KeyError:
            raise SchemaUnknown(f"there is no schema with hash {schema_hash.hex()}", hint=self._known()) from None

    def _known(self) -> str:
        return f"known: {', '.join(self.ids)}"


def _own_documents() -> list[dict[str, Any]]:
    folder = resources.files(__package__) / "schemas"
    return [parse((folder / name).read_bytes()) for name in _FILES.values()]


def _compiled(definition: Any) -> Callable[[object], object]:
    compiled: Callable[[object], object] = fastjsonschema.compile(definition, formats=_FORMATS, use_default=False)
    return compiled


def _inlined(node: Any, definitions: Mapping[str, Any]) -> Any:
    """The node with its local references resolved: the compiled code is then three times as fast."""
    if isinstance(node, Mapping):
        if "$ref" in node:
            return _inlined(definitions[node["$ref"].removeprefix("#/definitions/")], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items() if key != "definitions"}
    return [_inlined(item, definitions) for item in node] if isinstance(node, list) else node


def _field_invalid(error: fastjsonschema.JsonSchemaValueException) -> FieldInvalid:
    path = (error.name or "").removeprefix("data").removeprefix(".")
    rule = error.rule or ""
    if rule == "required":
        missing = next(key for key in error.rule_definition if key not in error.value)
        return FieldInvalid(f"{path}.{missing}".lstrip("."), RowReason.MISSING, "is required")
    if rule == "additionalProperties":
        unknown = next(key for key in error.value if key not in error.definition["properties"])
        return FieldInvalid(path or WHOLE, RowReason.SCHEMA, f"the schema does not know the key {shown_key(unknown)}")
    reason, message = _RULES.get(rule, (RowReason.SCHEMA, "breaks the rule {rule} {limit}"))
    if rule == "format" and error.rule_definition != "currency":
        reason = RowReason.DATE
    return FieldInvalid(path or WHOLE, reason, message.format(rule=rule, limit=_limit(error)))


def _limit(error: fastjsonschema.JsonSchemaValueException) -> str:
    limit = error.rule_definition
    return ", ".join(map(str, limit)) if isinstance(limit, list) else str(limit)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_instant(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    # newer Pythons read 24:00 as the next day's midnight
    return text[11:13] != "24"


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _is_date,
    "date-time": _is_instant,
    "currency": CURRENCIES.__contains__,
}
_RULES = {
    "enum": (RowReason.UNKNOWN_CODE, "is none of {limit}"),
    "format": (RowReason.UNKNOWN_CODE, "is no {limit} that exists"),
    "pattern": (RowReason.SCHEMA, "does not have the form {limit}"),
    "type": (RowReason.SCHEMA, "is not of type {limit}"),
    "minimum": (RowReason.NUMBER, "is less than {limit}"),
    "maximum": (RowReason.NUMBER, "is more than {limit}"),
    "minLength": (RowReason.SCHEMA, "is shorter than {limit}"),
    "maxLength": (RowReason.TOO_LARGE, "is longer than {limit} characters"),
    "minItems": (RowReason.MISSING, "has fewer than {limit} items"),
    "maxItems": (RowReason.TOO_LARGE, "has more than {limit} items"),
    "minProperties": (RowReason.MISSING, "has nothing in it"),
    "uniqueItems": (RowReason.SCHEMA, "names an item twice"),
}
