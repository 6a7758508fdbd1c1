"""Each custom error that the contract's interface declares is expected, by its name, in a contract test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERFACE = ROOT / "contracts" / "IRecordRegistry.sol"
TESTS = ROOT / "tests" / "contract"

DECLARED = tuple(re.findall(r"^\s*error (\w+)\(", INTERFACE.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.fixture(scope="module")
def expected() -> frozenset[str]:
    """The errors whose selectors the contract tests name."""
    sources = (path.read_text(encoding="utf-8") for path in sorted(TESTS.glob("*.t.sol")))
    return frozenset(re.findall(r"IRecordRegistry\.(\w+)\.selector", "\n".join(sources)))


def test_interface__errors__are_found_by_this_test() -> None:
    assert len(DECLARED) >= 50
    assert len(set(DECLARED)) == len(DECLARED)


@pytest.mark.parametrize("error", DECLARED)
def test_contract_tests__declared_error__is_expected_somewhere(error: str, expected: frozenset[str]) -> None:
    assert error in expected
