"""Templates: a sheet that is filled in comes through its own mapping, and every field of a schema is shown once."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from creditconnect.client import Client
from creditconnect.errors import SchemaUnknown, UsageError
from creditconnect.records.canonical import read_canonical
from creditconnect.records.mapping import load_mapping
from creditconnect.records.preparation import Prepared, prepare
from creditconnect.records.reading import read_rows
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.types import Rejection

PERSON = {
    "report_number": "R-1",
    "report_issued_at": "2026-11-02T09:00:00+08:00",
    "identity_name": "陳大文",
    "identity_identifiers_type": "HKID",
    "identity_identifiers_number": "A123456(3)",
    "identity_date_of_birth": "1990-02-28",
    "summary_existing_credits": "1",
}
FIRM = {
    "report_number": "F-1",
    "report_issued_at": "2026-11-02T01:00:00Z",
    "identity_registered_name": "Synthetic Trading Limited",
    "identity_identifiers_type": "HK_BRN",
    "identity_identifiers_number": "12345678",
    "summary_assessment": "GOOD",
}
CREDIT = {
    "credit_transactions_kind": "LOAN",
    "credit_transactions_amount_amount": "1234.50",
    "credit_transactions_amount_currency": "HKD",
}


def through(schema_id: str, folder: Path, *rows: dict[str, str]) -> list[Prepared | Rejection]:
    """What becomes of rows that somebody fills into a new template."""
    written = Client.schema_template(schema_id, folder)
    with written.sheet.open(encoding="utf-8-sig", newline="") as file:
        (header,) = csv.reader(file)
    with written.sheet.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, header).writerows(rows)
    catalogue = SchemaCatalogue()
    mapping = load_mapping(written.mapping, catalogue)
    return list(prepare(read_rows(written.sheet, "csv", mapping.columns), mapping, catalogue.load(schema_id)))


@pytest.mark.parametrize(("schema_id", "row"), [(PERSONAL_CREDIT_REPORT, PERSON), (COMPANY_CREDIT_REPORT, FIRM)])
def test_template__filled_in__comes_through_its_own_mapping(
    schema_id: str, row: dict[str, str], tmp_path: Path
) -> None:
    found = through(schema_id, tmp_path, row, row | CREDIT, {**row, "report_number": ""})
    without, with_credit, wrong = found
    assert isinstance(without, Prepared)
    assert isinstance(with_credit, Prepared)
    assert read_canonical(without.canonical)["credit_transactions"] == []
    assert read_canonical(with_credit.canonical)["credit_transactions"] == [
        {"kind": "LOAN", "amount": {"amount_minor": 123450, "currency": "HKD"}}
    ]
    assert isinstance(wrong, Rejection)
    assert (wrong.line, wrong.field, wrong.reason) == (4, "report_number", "MISSING")


@pytest.mark.parametrize("schema_id", [PERSONAL_CREDIT_REPORT, COMPANY_CREDIT_REPORT])
def test_template__required_columns_alone__are_a_sheet_too(schema_id: str, tmp_path: Path) -> None:
    row = PERSON if schema_id == PERSONAL_CREDIT_REPORT else FIRM
    catalogue = SchemaCatalogue()
    mapping = load_mapping(Client.schema_template(schema_id, tmp_path).mapping, catalogue)
    assert mapping.columns.required <= row.keys() <= mapping.columns.known
    text = io.StringIO()
    csv.writer(text).writerows([row.keys(), row.values()])
    rows = read_rows(io.BytesIO(text.getvalue().encode()), "csv", mapping.columns)
    (found,) = prepare(rows, mapping, catalogue.load(schema_id))
    assert isinstance(found, Prepared)


def test_template__there_already_or_of_documents__refused(tmp_path: Path) -> None:
    Client.schema_template(PERSONAL_CREDIT_REPORT, tmp_path)
    with pytest.raises(UsageError, match=r"personal-credit-report-1\.csv: is there already"):
        Client.schema_template(PERSONAL_CREDIT_REPORT, tmp_path)
    with pytest.raises(UsageError, match="needs no sheet"):
        Client.schema_template(DOCUMENT, tmp_path)
    with pytest.raises(SchemaUnknown, match="there is no schema"):
        Client.schema_template("nonsense/1", tmp_path)


def test_show_schema__every_value_once_with_its_rules() -> None:
    for known in Client.schema_list():
        shown = Client.schema_show(known.id)
        paths = [field.path for field in shown.fields]
        assert len(paths) == len(set(paths)) == count_leaves(SchemaCatalogue().load(known.id).definition)
        assert shown.document["x-id"] == known.id
    fields = {field.path: field for field in Client.schema_show(PERSONAL_CREDIT_REPORT).fields}
    assert fields["identity.identifiers[].type"].codes == ("HKID", "CN_RESIDENT_ID")
    assert fields["identity.age_years"].limits == "from 0, to 150"
    assert (fields["report.number"].required, fields["report.language"].required) == (True, False)


def count_leaves(part: dict[str, Any]) -> int:
    if part.get("type") == "object":
        return sum(map(count_leaves, part["properties"].values()))
    return count_leaves(part["items"]) if part.get("type") == "array" else 1
