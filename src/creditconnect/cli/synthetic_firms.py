"""The demonstration's firms: company credit reports of nobody, made from a fixed seed, with check digits that hold.

There is no open set of such reports to take instead; names say what they are. Never used outside the demonstration and
the tests.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson

from creditconnect.errors import FieldInvalid
from creditconnect.records.identifiers import IdentifierType, check

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_FORMS = ("LIMITED_COMPANY", "FOREIGN_INVESTED", "PARTNERSHIP", "BRANCH")
_KINDS = ("LOAN", "REVOLVING", "TRADE_FINANCE", "LEASE", "LETTER_OF_CREDIT")
_ASSESSMENTS = ("GOOD", "ADEQUATE", "DOUBTFUL", "BAD")
_CURRENCIES = {"HK": "HKD", "CN-SZ": "CNY"}


def write_firms(target: Path, side: str, count: int, seed: int) -> Path:
    """Write `count` company credit reports of one side as JSON Lines; the same arguments give the same bytes."""
    chance = random.Random(f"firms {side} {seed}")  # noqa: S311  reproducible on purpose, protects nothing
    target.write_bytes(b"".join(orjson.dumps(_report(chance, side, number)) + b"\n" for number in range(count)))
    return target


def _report(chance: random.Random, side: str, number: int) -> dict[str, Any]:
    currency = _CURRENCIES[side]
    transactions = [_credit(chance, currency) for _ in range(chance.randint(1, 4))]
    outstanding = sum(one["amount"]["amount_minor"] for one in transactions)
    return {
        "report": {"number": f"FIRM-{side}-{number:05d}", "issued_at": "2026-11-02T01:00:00Z"},
        "identity": {
            "registered_name": f"Synthetic Firm {number:05d} Limited",
            "identifiers": _identifiers(side, number),
            "incorporated_on": f"{chance.randint(1980, 2024)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            "legal_form": chance.choice(_FORMS),
            "employees": chance.randint(1, 5_000),
        },
        "summary": {
            "assessment": chance.choice(_ASSESSMENTS),
            "open_credits": len(transactions),
            "outstanding": {"amount_minor": outstanding, "currency": currency},
        },
        "credit_transactions": transactions,
        "public_records": [],
    }


def _credit(chance: random.Random, currency: str) -> dict[str, Any]:
    amount = {"amount_minor": chance.randint(1, 50_000) * 100_000, "currency": currency}
    return {"kind": chance.choice(_KINDS), "status": "OPEN", "amount": amount}


def _identifiers(side: str, number: int) -> list[dict[str, str]]:
    lei_body = f"529900SYNTHETIC{number:03d}"
    lei = lei_body + f"{98 - int(''.join(str(int(one, 36)) for one in lei_body + '00')) % 97:02d}"
    kind, own = ("HK_BRN", f"{number + 1:08d}") if side == "HK" else ("USCC", _uscc(number))
    return [{"type": kind, "number": own}, {"type": "LEI", "number": lei}]


def _uscc(number: int) -> str:
    """Of Shenzhen; the one check character that holds is looked for."""
    body = f"91440300{number:09d}"
    return next(body + last for last in _USCC_ALPHABET if _holds(body + last))


def _holds(number: str) -> bool:
    try:
        check(IdentifierType.USCC, number)
    except FieldInvalid:
        return False
    return True
