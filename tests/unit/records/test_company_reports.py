"""The company credit report: what a firm's report must be, and what identifies a firm."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from creditconnect.errors import FieldInvalid
from creditconnect.reasons import RowReason
from creditconnect.records.preparation import prepare_record
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, Schema, SchemaCatalogue

REPORT: dict[str, Any] = {
    "report": {"number": "F-1", "issued_at": "2026-11-02T01:00:00Z"},
    "identity": {
        "registered_name": "Synthetic Trading Limited",
        "identifiers": [
            {"type": "USCC", "number": "91110000600037341L"},
            {"type": "HK_BRN", "number": "12345678"},
        ],
        "incorporated_on": "2001-05-06",
        "legal_form": "LIMITED_COMPANY",
    },
    "owners": [{"name": "Synthetic Person", "identifiers": [{"type": "HKID", "number": "A1234563"}]}],
    "financial_statements": [{"period_end": "2025-12-31", "currency": "HKD", "profit_minor": -5, "audited": True}],
    "summary": {"open_credits": 1, "overdue": {"amount_minor": 0, "currency": "HKD"}},
    "credit_transactions": [{"kind": "TRADE_FINANCE", "status": "OPEN"}],
    "public_records": [],
}


@pytest.fixture(scope="module")
def company(catalogue: SchemaCatalogue) -> Schema:
    return catalogue.load(COMPANY_CREDIT_REPORT)


def test_validate__a_whole_report__is_accepted_and_canonical(company: Schema) -> None:
    assert prepare_record(REPORT, company).startswith(b'{"credit_transactions":')


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        (lambda r: r.pop("summary"), "summary", RowReason.MISSING),
        (lambda r: r["summary"].clear(), "summary", RowReason.MISSING),
        (lambda r: r["identity"].update(identifiers=[]), "identity.identifiers", RowReason.MISSING),
        (
            lambda r: r["identity"]["identifiers"][0].update(type="HKID", number="A1234563"),
            "identity.identifiers[0].type",
            RowReason.UNKNOWN_CODE,
        ),
        (
            lambda r: r["identity"]["identifiers"][0].update(number="91110000600037341M"),
            "identity.identifiers[0].number",
            RowReason.IDENTIFIER,
        ),
        (lambda r: r["identity"].update(incorporated_on="2001-02-30"), "identity.incorporated_on", RowReason.DATE),
        (lambda r: r["financial_statements"][0].update(currency="HKX"), "financial_statements[0].currency", None),
        (lambda r: r["owners"][0].update(share_basis_points=10_001), "owners[0].share_basis_points", RowReason.NUMBER),
        (lambda r: r.update(score=7), "$", RowReason.SCHEMA),
    ],
)
def test_validate__what_is_wrong__is_named_by_its_path(
    company: Schema, change: Callable[[dict[str, Any]], object], field: str, reason: RowReason | None
) -> None:
    changed = copy.deepcopy(REPORT)
    change(changed)
    with pytest.raises(FieldInvalid) as refused:
        company.validate(changed)
    assert refused.value.field == field
    assert reason is None or refused.value.reason == reason
