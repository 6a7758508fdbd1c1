"""Preparation: the whole data set passes, each fault costs one row, and both ways in give the same bytes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from creditconnect.cli.german_credit import attach_identities, packaged_dataset
from creditconnect.errors import FieldInvalid, UsageError
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import read_canonical
from creditconnect.records.mapping import ColumnMapping
from creditconnect.records.preparation import Prepared, prepare, prepare_record
from creditconnect.records.reading import read_rows
from creditconnect.records.rows import Row
from creditconnect.records.schemas import Schema, SchemaCatalogue
from creditconnect.types import Rejection

ROWS = 1000


@pytest.fixture(scope="module", params=["HK", "CN-SZ"])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / f"{request.param}.csv"
    attach_identities(packaged_dataset(), path, request.param, ROWS, seed=7)
    return path


def test_prepare__the_data_set__every_row_becomes_a_record(
    people: Path, german_credit: ColumnMapping, schema: Schema
) -> None:
    prepared = list(prepare(read_rows(people, "csv", german_credit.columns), german_credit, schema))
    assert [item.line for item in prepared if isinstance(item, Prepared)] == list(range(2, ROWS + 2))
    assert len({item.canonical for item in prepared if isinstance(item, Prepared)}) == ROWS
    for item in prepared[::50]:
        assert isinstance(item, Prepared)
        schema.validate(read_canonical(item.canonical))


def test_prepare__records_in_schema_form__the_same_bytes_as_mapped(
    people: Path, german_credit: ColumnMapping, schema: Schema
) -> None:
    mapped = [
        item.canonical
        for item in prepare(read_rows(people, "csv", german_credit.columns), german_credit, schema)
        if isinstance(item, Prepared)
    ]
    lines = io.BytesIO(b"\n".join(json.dumps(json.loads(form), indent=None).encode() for form in mapped))
    unmapped = list(prepare(read_rows(lines, "jsonl"), None, schema))
    assert [item.canonical for item in unmapped if isinstance(item, Prepared)] == mapped


def test_prepare__flat_json_with_the_mapping__the_same_bytes_as_csv(
    people: Path, german_credit: ColumnMapping, schema: Schema
) -> None:
    rows = [row for row in read_rows(people, "csv", german_credit.columns) if isinstance(row, Row)][:20]
    lines = io.BytesIO(b"\n".join(json.dumps(row.fields).encode() for row in rows))
    from_json = prepare(read_rows(lines, "jsonl"), german_credit, schema)
    from_csv = prepare(rows, german_credit, schema)
    assert [item[1] for item in from_json if isinstance(item, Prepared)] == [
        item[1] for item in from_csv if isinstance(item, Prepared)
    ]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("identifier_number", "A1234564", RowReason.IDENTIFIER),
        ("identifier_type", "PASSPORT", RowReason.UNKNOWN_CODE),
        ("date_of_birth", "1990-02-30", RowReason.DATE),
        ("issued_at", "2026-11-02T25:00:00Z", RowReason.DATE),
        ("name", "Chan\u0007", RowReason.TEXT),
        ("name", "x" * 201, RowReason.TOO_LARGE),
        ("credit_amount", "11.695", RowReason.AMOUNT),
        ("housing", "castle", RowReason.UNKNOWN_CODE),
        ("age_in_years", "151", RowReason.NUMBER),
        ("report_number", "", RowReason.MISSING),
    ],
)
def test_prepare__one_fault__rejected_by_column_and_the_rest_goes_on(
    people: Path, german_credit: ColumnMapping, schema: Schema, column: str, value: str, reason: RowReason
) -> None:
    rows = [row for row in read_rows(people, "csv", german_credit.columns) if isinstance(row, Row)][:3]
    rows[1].fields[column] = value
    before, rejected, after = prepare(rows, german_credit, schema)
    assert isinstance(before, Prepared)
    assert isinstance(after, Prepared)
    assert isinstance(rejected, Rejection)
    assert (rejected.line, rejected.field, rejected.reason) == (3, column, reason)
    assert not value or value not in rejected.message


def test_prepare__rejections_of_reading__pass_through_in_order(schema: Schema, report: dict[str, Any]) -> None:
    earlier = Rejection(1, "$", RowReason.ENCODING, "not UTF-8")
    found = list(prepare([earlier, Row(2, report), Row(3, {})], None, schema))
    assert found[0] is earlier
    assert [item.line for item in found] == [1, 2, 3]
    assert isinstance(found[1], Prepared)
    assert isinstance(found[2], Rejection)


def test_prepare__mapping_for_another_schema__refused_at_once(german_credit: ColumnMapping, schema: Schema) -> None:
    other = SchemaCatalogue([dict(schema.document) | {"x-id": "personal-credit-report/2"}])
    with pytest.raises(UsageError, match="personal-credit-report/2"):
        prepare([], german_credit, other.load("personal-credit-report/2"))


def test_prepare_record__text_beyond_ascii__utf8(schema: Schema, report: dict[str, Any]) -> None:
    report["identity"]["name"] = "\u9673\u5927\u6587"
    assert "\u9673\u5927\u6587".encode() in prepare_record(report, schema)
    report["identity"]["name"] = "e\u0301"
    with pytest.raises(FieldInvalid, match="NFC"):
        prepare_record(report, schema)
