"""Write what search.c reads: two opposite credit reports about one person, each with room for a nonce.

    python tests/vectors/collision/make_templates.py > templates.txt

Both are valid and canonical as they stand. Only the last 16 characters of `trace` are varied by the search; `trace`
is filled so that these begin at a multiple of 16 bytes in the last SHA-256 block of the derivation's inner hash.
"""

from __future__ import annotations

import hashlib
from typing import Any

from creditconnect.records.canonical import canonicalise
from creditconnect.records.commitments import TAG, VERSION, lp
from creditconnect.records.schemas import PERSONAL_CREDIT_REPORT, Schema, SchemaCatalogue
from creditconnect.types import Suite

PROVIDER_CODE = "CRA-HK-01"
SALT = hashlib.sha256(b"creditconnect/vectors/collision").digest()
NONCE = "0" * 16
BLOCK_BYTES = 64
LAST_START = 32
"""After it: the nonce, two closing characters, and SHA-256's 0x80 and length, 27 bytes in all."""

Record = dict[str, Any]


def hkd(amount_minor: int) -> Record:
    return {"amount_minor": amount_minor, "currency": "HKD"}


def common() -> Record:
    return {
        "report": {
            "number": "HK-2026-004711",
            "issued_at": "2026-11-02T01:00:00Z",
            "data_until": "2026-10-31",
            "language": "en",
        },
        "identity": {
            "name": "Synthetic Person 004711",
            "identifiers": [{"type": "HKID", "number": "A1234563"}],
            "date_of_birth": "1985-06-15",
        },
    }


def good() -> Record:
    return common() | {
        "summary": {
            "assessment": "GOOD",
            "score": {"model": "synthetic/1", "value": 872, "lowest": 300, "highest": 900, "grade": "A"},
            "existing_credits": 1,
            "overdue_credits": 0,
            "worst_days_past_due": 0,
            "outstanding": hkd(12_000_00),
            "overdue": hkd(0),
        },
        "credit_transactions": [
            {
                "kind": "CREDIT_CARD",
                "status": "OPEN",
                "balance": hkd(12_000_00),
                "overdue": hkd(0),
                "classification": "NORMAL",
                "days_past_due": 0,
            }
        ],
        "public_records": [],
    }


def bad() -> Record:
    return common() | {
        "summary": {
            "assessment": "BAD",
            "score": {"model": "synthetic/1", "value": 318, "lowest": 300, "highest": 900, "grade": "I"},
            "alerts": ["BAD_DEBT"],
            "existing_credits": 1,
            "overdue_credits": 1,
            "worst_days_past_due": 180,
            "outstanding": hkd(5_000_000_00),
            "overdue": hkd(4_300_000_00),
        },
        "credit_transactions": [
            {
                "kind": "LOAN",
                "status": "OPEN",
                "balance": hkd(5_000_000_00),
                "overdue": hkd(4_300_000_00),
                "classification": "LOSS",
                "days_past_due": 180,
            }
        ],
        "public_records": [
            {
                "kind": "ENFORCEMENT",
                "authority": "Synthetic Court",
                "recorded_on": "2026-08-14",
                "amount": hkd(4_300_000_00),
            }
        ],
    }


def template(record: Record, schema: Schema) -> str:
    """The record's canonical form with a nonce of zeros at its end, where the search wants it."""
    items = (TAG, bytes([VERSION]), bytes([Suite.SHA256_AES256GCM]), PROVIDER_CODE.encode("ascii"), schema.hash)
    for fill in range(1, 33):
        filled = record | {"trace": "." * fill + NONCE}
        canonical = canonicalise(filled)
        start = (len(lp((*items, canonical))) - len(NONCE + '"}')) % BLOCK_BYTES
        if start % 16 == 0 and start <= LAST_START:
            schema.validate(filled)
            return canonical.decode("ascii")
    raise AssertionError("two places that fit are never more than 32 bytes apart")


def main() -> None:
    schema = SchemaCatalogue().load(PERSONAL_CREDIT_REPORT)
    print("salt", SALT.hex())
    print("provider_code", PROVIDER_CODE)
    print("schema_id", schema.id)
    print("schema_hash", schema.hash.hex())
    print("record", template(good(), schema))
    print("record", template(bad(), schema))


if __name__ == "__main__":
    main()
