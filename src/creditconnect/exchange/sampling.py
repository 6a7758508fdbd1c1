"""Sampling plans: which rows of a batch a reviewer has to look at before he may approve it.

    HOME/review.toml
        every = 10                                     # one in ten, drawn; 1 is every row
        findings = "medium"                            # every row with a finding of this severity or a graver one
        new_subjects = true                            # every row about somebody of whom this vault had no record

        [above_minor]                                  # every row with an amount above, in minor units by currency
        HKD = 100_000_000                              # an amount in a currency that is not named counts as above

Without the file there is no plan: nobody has to look, and each decision's log entry shows that. A home that is
made with a review key begins with `FIRST_PLAN`.

Which one in n is drawn by the vault's key over the hash of the block that registered the batch and the record's hash
and commitment: the same for every reviewer; not to be known to whoever submits before the batch is registered, and
afterwards to nobody without the vault's passphrase; not by its row, so that no order of rows escapes it.
"""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditconnect.errors import SettingsError
from creditconnect.records.amounts import amounts
from creditconnect.records.canonical import canonicalise
from creditconnect.records.commitments import lp
from creditconnect.records.currencies import CURRENCIES
from creditconnect.records.plausibility import Finding, Severity
from creditconnect.types import Derived

FIRST_PLAN = """# The rows that a reviewer has to look at before he may approve them; more can be asked for: every = 10
findings = "high"
"""
KEY_PURPOSE = b"creditconnect/sampling"
_KNOWN = ("every", "findings", "new_subjects", "above_minor")
GREATEST_EVERY = 1_000_000
GREATEST_MINOR = 2**53 - 1


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """A plan in force. Each part None or False where it asks for nothing."""

    every: int | None
    findings: Severity | None
    new_subjects: bool
    above_minor: Mapping[str, int] | None

    def canonical(self) -> bytes:
        """What the log keeps of it: the parts that ask for something."""
        parts: dict[str, Any] = {"every": self.every, "findings": self.findings and str(self.findings)}
        parts |= {"new_subjects": self.new_subjects or None}
        parts |= {"above_minor": None if self.above_minor is None else dict(self.above_minor)}
        return canonicalise({name: value for name, value in parts.items() if value is not None})

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.canonical()).digest()

    def reasons(
        self, drawn: int, record: Mapping[str, Any], findings: Iterable[Finding], *, is_new: bool
    ) -> tuple[str, ...]:
        """Why a row has to be looked at, none where it need not be; `drawn` is from `draw`."""
        found = []
        if self.every is not None and drawn % self.every == 0:
            found.append("drawn")
        if self.above_minor is not None and any(
            abs(amount.minor) > self.above_minor.get(amount.currency, -1) for amount in amounts(record)
        ):
            found.append("amount")
        if self.findings is not None and any(one.severity.rank >= self.findings.rank for one in findings):
            found.append("findings")
        if self.new_subjects and is_new:
            found.append("new subject")
        return tuple(found)


def draw(key: bytes, block_hash: bytes, derived: Derived) -> int:
    """The number that a record is drawn by: uniform, and known to nobody without the key."""
    named = lp((KEY_PURPOSE, block_hash, derived.record_hash, derived.commitment))
    return int.from_bytes(hmac.digest(key, named, "sha256")[:16], "big")


def load_plan(path: Path) -> SamplingPlan | None:
    """The plan of a home; None where there is none.

    Raises:
        SettingsError: names the file, and the key that is wrong.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path}: can't be read ({error.strerror})") from None
    except ValueError as error:
        raise SettingsError(f"{path}: is not TOML ({error})") from None
    if unknown := sorted(set(document) - set(_KNOWN)):
        raise SettingsError(f"{path}: unknown key {unknown[0]}", hint=f"known are {', '.join(_KNOWN)}")
    plan = SamplingPlan(
        every=_whole(path, "every", document.get("every"), 1, GREATEST_EVERY),
        findings=_severity(path, document.get("findings", False)),
        new_subjects=_flag(path, document.get("new_subjects", False)),
        above_minor=_amounts(path, document.get("above_minor")),
    )
    if plan.canonical() == b"{}":
        raise SettingsError(f"{path}: asks for nothing", hint="remove the file if nobody has to look")
    return plan


def _whole(path: Path, key: str, value: object, low: int, high: int) -> int | None:
    if value is not None and (type(value) is not int or not low <= value <= high):
        raise SettingsError(f"{path}: {key} is not a whole number from {low} to {high}")
    return value if type(value) is int else None


def _severity(path: Path, value: object) -> Severity | None:
    if value is False:
        return None
    if value is True:
        return Severity.LOW
    found = next((severity for severity in Severity if severity == value), None)
    if found is None:
        raise SettingsError(f"{path}: findings is not true, false or one of {', '.join(Severity)}")
    return found


def _flag(path: Path, value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"{path}: new_subjects is neither true nor false")
    return value


def _amounts(path: Path, value: object) -> dict[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value:
        raise SettingsError(f"{path}: above_minor is no table of minor units by currency", hint="e.g. HKD = 100_000_00")
    for currency, minor in value.items():
        if currency not in CURRENCIES:
            raise SettingsError(f"{path}: above_minor.{currency} is no currency of ISO 4217")
        _whole(path, f"above_minor.{currency}", minor, 0, GREATEST_MINOR)
    return dict(value)
