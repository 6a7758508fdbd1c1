"""The campaign with fixed seeds asks after each function that writes, each error and each event of the interface."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTERFACE = (ROOT / "contracts" / "IRecordRegistry.sol").read_text(encoding="utf-8")
REACH = (ROOT / "tests" / "contract" / "invariants" / "Reach.t.sol").read_text(encoding="utf-8")

# 65,535 institutions, 255 schemas or 32 sides; 64 claims of one institution to one hash.
OUT_OF_REACH = {"LimitReached", "NoPlaceLeft"}

FUNCTIONS = re.findall(r"function (\w+)\([^)]*\)\s+external(?! view| pure)", INTERFACE)
ERRORS = [name for name in re.findall(r"error (\w+)\(", INTERFACE) if name not in OUT_OF_REACH]
EVENTS = re.findall(r"event (\w+)\(", INTERFACE)


def test_interface__what_can_be_reached__is_found_by_this_test() -> None:
    assert (len(FUNCTIONS), len(ERRORS), len(EVENTS)) == (30, 50, 28)


@pytest.mark.parametrize(
    ("question", "name"),
    [("_succeeds", name) for name in FUNCTIONS]
    + [("_isMet", name) for name in ERRORS]
    + [("_comes", name) for name in EVENTS],
)
def test_campaign__whatever_the_interface_declares__is_asked_after(question: str, name: str) -> None:
    assert f'{question}(IRecordRegistry.{name}.selector, "{name}")' in REACH
