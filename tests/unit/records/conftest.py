"""What the tests of records share: the catalogue, a small report."""

from __future__ import annotations

from typing import Any

import pytest

from creditconnect.records.mapping import ColumnMapping, load_mapping, packaged_mapping
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, Schema, SchemaCatalogue


@pytest.fixture(scope="session")
def catalogue() -> SchemaCatalogue:
    return SchemaCatalogue()


@pytest.fixture(scope="session")
def schema(catalogue: SchemaCatalogue) -> Schema:
    return catalogue.load(PERSONAL_CREDIT_REPORT)


@pytest.fixture(scope="session")
def german_credit(catalogue: SchemaCatalogue) -> ColumnMapping:
    return load_mapping(packaged_mapping("german_credit.toml"), catalogue)


@pytest.fixture
def report() -> dict[str, Any]:
    """A small valid report with one value of each sort."""
    return {
        "report": {"number": "HK-2026-000123", "issued_at": "2026-11-02T01:00:00Z", "data_until": "2026-10-31"},
        "identity": {
            "name": "Synthetic Person 000123",
            "identifiers": [{"type": "HKID", "number": "A1234563"}],
            "date_of_birth": "1990-02-28",
            "personal_status": {"sex": "F", "marital_status_one_of": ["SINGLE"]},
            "telephone_registered": True,
        },
        "summary": {"existing_credits": 1, "savings": {"held": "NO"}},
        "credit_transactions": [
            {
                "kind": "CREDIT_CARD",
                "amount": {"amount_minor": 5_000_000, "currency": "HKD"},
                "repayments": [{"month": "2026-10", "days_past_due": 0}],
            }
        ],
        "public_records": [],
        "trace": "batch 7",
    }
