"""Schemas: what a report must be, what an error says and does not say, and hashes that never change."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from creditconnect.errors import FieldInvalid, SchemaUnknown
from creditconnect.reasons import RowReason
from creditconnect.records import schemas
from creditconnect.records.schemas import (
    COMPANY_CREDIT_REPORT,
    DOCUMENT,
    PERSONAL_CREDIT_REPORT,
    Schema,
    SchemaCatalogue,
)

Change = Callable[[dict[str, Any]], object]
FOLDER = Path(schemas.__file__).parent / "schemas"
# A published schema is never changed; a failure here is a mistake, and its correction a new version.
PUBLISHED = {
    PERSONAL_CREDIT_REPORT: "595114b8f7bb3a9cd1ff1b44dac1c8d844cc33e3eaa8d0333b40f9b54cde8819",
    COMPANY_CREDIT_REPORT: "d8e80f1d1e67cbd5580f76011dd502adef1e106dbc269861f3029dfe11ab8433",
    DOCUMENT: "c41331894d0a9cd61ee4ab680c5ce8def22d281ca17bd768c2996a5028619e42",
}


def objects_in(node: Any) -> list[dict[str, Any]]:
    inner = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    own = [node] if isinstance(node, dict) and isinstance(node.get("type"), str) else []
    return own + [found for child in inner for found in objects_in(child)]


def refusal(schema: Schema, record: Any) -> FieldInvalid:
    with pytest.raises(FieldInvalid) as refused:
        schema.validate(record)
    return refused.value


def test_catalogue__hashes__are_the_published_ones(catalogue: SchemaCatalogue) -> None:
    assert {schema_id: catalogue.load(schema_id).hash.hex() for schema_id in catalogue.ids} == PUBLISHED


def test_schema_hash__every_document__is_sha256_of_its_rfc8785_form() -> None:
    hashes = {
        hashlib.sha256(rfc8785.dumps(json.loads(path.read_bytes()))).hexdigest() for path in FOLDER.glob("*.json")
    }
    assert hashes == set(PUBLISHED.values())


def test_catalogue__by_hash__the_same_schema(catalogue: SchemaCatalogue, schema: Schema) -> None:
    assert catalogue.by_hash(schema.hash) is schema


def test_catalogue__unknown__refused_with_the_known_ones(catalogue: SchemaCatalogue) -> None:
    with pytest.raises(SchemaUnknown) as refused:
        catalogue.load("personal-credit-report/9")
    assert PERSONAL_CREDIT_REPORT in refused.value.hint
    with pytest.raises(SchemaUnknown) as refused:
        catalogue.by_hash(bytes(32))
    assert PERSONAL_CREDIT_REPORT in refused.value.hint


def test_schema__every_object_text_array_integer__is_bounded(schema: Schema) -> None:
    for part in objects_in(schema.document):
        if part["type"] == "object":
            assert part["additionalProperties"] is False
        if part["type"] == "array":
            assert part["maxItems"] <= 1000
        if part["type"] == "integer":
            assert -(2**53) < part["minimum"] <= part["maximum"] < 2**53
        if part["type"] == "string":
            is_fixed = (
                part.get("pattern", "").endswith("$") and "*" not in part["pattern"] and "+" not in part["pattern"]
            )
            assert "maxLength" in part or "enum" in part or is_fixed or part["description"] == "BCP 47."
        assert part["type"] != "number"


def test_validate__a_report__accepted(schema: Schema, report: dict[str, Any]) -> None:
    schema.validate(report)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda r: r.pop("summary"), "summary", RowReason.MISSING),
        (lambda r: r["identity"].pop("name"), "identity.name", RowReason.MISSING),
        (lambda r: r["identity"]["identifiers"].clear(), "identity.identifiers", RowReason.MISSING),
        (lambda r: r["summary"].clear(), "summary", RowReason.MISSING),
        (lambda r: r.update(extra=1), "$", RowReason.SCHEMA),
        (lambda r: r["identity"].update(extra=1), "identity", RowReason.SCHEMA),
        (lambda r: r.update(trace="a\n"), "trace", RowReason.SCHEMA),
        (lambda r: r.update(trace="\u00e9"), "trace", RowReason.SCHEMA),
        (lambda r: r.update(trace="x" * 65), "trace", RowReason.TOO_LARGE),
        (lambda r: r["identity"].update(name=""), "identity.name", RowReason.SCHEMA),
        (lambda r: r["identity"].update(name=7), "identity.name", RowReason.SCHEMA),
        (lambda r: r["identity"].update(date_of_birth="2023-02-29"), "identity.date_of_birth", RowReason.DATE),
        (lambda r: r["identity"].update(date_of_birth="2023-2-1"), "identity.date_of_birth", RowReason.SCHEMA),
        (lambda r: r["report"].update(issued_at="2026-11-02T24:00:00Z"), "report.issued_at", RowReason.DATE),
        (lambda r: r["report"].update(issued_at="2026-11-02T23:59:60Z"), "report.issued_at", RowReason.DATE),
        (lambda r: r["report"].update(issued_at="2026-11-02T09:00:00+08:00"), "report.issued_at", RowReason.SCHEMA),
        (lambda r: r["summary"].update(existing_credits=True), "summary.existing_credits", RowReason.SCHEMA),
        (lambda r: r["summary"].update(existing_credits=-1), "summary.existing_credits", RowReason.NUMBER),
        (lambda r: r["summary"]["savings"].update(held="MAYBE"), "summary.savings.held", RowReason.UNKNOWN_CODE),
        (
            lambda r: r["credit_transactions"][0]["amount"].update(currency="HKX"),
            "credit_transactions[0].amount.currency",
            RowReason.UNKNOWN_CODE,
        ),
        (
            lambda r: r["credit_transactions"][0]["amount"].update(amount_minor=2**53),
            "credit_transactions[0].amount.amount_minor",
            RowReason.NUMBER,
        ),
        (
            lambda r: r["credit_transactions"][0]["repayments"][0].update(month="2026-13"),
            "credit_transactions[0].repayments[0].month",
            RowReason.SCHEMA,
        ),
        (
            lambda r: r["identity"]["identifiers"][0].update(number="A1234564"),
            "identity.identifiers[0].number",
            RowReason.IDENTIFIER,
        ),
        (
            lambda r: r["identity"]["identifiers"].append({"type": "HKID", "number": "A123456(3)"}),
            "identity.identifiers[1].number",
            RowReason.IDENTIFIER,
        ),
        (
            lambda r: r["identity"]["identifiers"][0].update(type="CN_RESIDENT_ID"),
            "identity.identifiers[0].number",
            RowReason.IDENTIFIER,
        ),
    ],
)
def test_validate__one_fault__its_path_and_reason(
    schema: Schema, report: dict[str, Any], change: Change, field: str, reason: RowReason
) -> None:
    change(report)
    refused = refusal(schema, report)
    assert (refused.field, refused.reason) == (field, reason)


@pytest.mark.parametrize("record", [None, [], "text", 7, {}])
def test_validate__no_report_at_all__refused(schema: Schema, record: object) -> None:
    refusal(schema, record)


def leaves_of(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(node, dict | list):
        return [path]
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    return [leaf for key, child in pairs for leaf in leaves_of(child, (*path, key))]


def test_validate__a_secret_at_every_place__never_in_the_error(schema: Schema, report: dict[str, Any]) -> None:
    secret = "Chan Tai Man Z683365(5)\n"
    for path in leaves_of(report):
        altered = copy.deepcopy(report)
        holder = altered
        for step in path[:-1]:
            holder = holder[step]
        for faulty in (secret * 200, {secret: 1}, [secret]):
            holder[path[-1]] = faulty
            assert "Chan" not in f"{refusal(schema, altered)} {refusal(schema, altered).field}"


def test_has__paths__as_the_schema_says(schema: Schema) -> None:
    assert schema.has(("credit_transactions", 999, "amount", "currency"))
    assert not schema.has(("credit_transactions", 1000))
    assert not schema.has(("credit_transactions", "amount"))
    assert not schema.has(("identity", "shoe_size"))
    assert not schema.has(("identity", "name", "first"))
