"""What the proofs' and the analysis' answers must hold for their gates to pass."""

from __future__ import annotations

from typing import Any

import pytest

from tools import prove, slither
from tools.toolchain import ROOT

CHECK = "check_anyCall__anyEntry__isKept(uint88)"
GOOD: dict[str, Any] = {
    "name": CHECK,
    "exitcode": 0,
    "num_models": 0,
    "num_paths": [12, 9, 0],
    "num_bounded_loops": 0,
}


def verdict(**changes: Any) -> str:
    found = prove.verdicts({"test_results": {"a/Entries.t.sol:EntriesProof": [{**GOOD, **changes}]}})
    assert list(found) == ["EntriesProof.check_anyCall__anyEntry__isKept"]
    return found["EntriesProof.check_anyCall__anyEntry__isKept"]


def test_verdicts__explored_without_a_counterexample__is_clean() -> None:
    assert verdict() == ""


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"exitcode": 1}, "counterexample"),
        ({"exitcode": 2}, "timeout"),
        ({"exitcode": 3}, "stuck"),
        ({"exitcode": 4}, "every path reverted"),
        ({"exitcode": 5}, "error"),
        ({"num_models": 1}, "1 counterexamples"),
        ({"num_paths": [0, 0, 0]}, "no path"),
        ({"num_paths": [5, 0, 0]}, "no path"),
        ({"num_paths": None}, "no path"),
        ({"num_paths": [5, 4, 1]}, "1 paths got stuck"),
        ({"num_bounded_loops": 2}, "2 loops were cut off"),
    ],
)
def test_verdicts__anything_less__is_a_fault(changes: dict[str, Any], fault: str) -> None:
    assert fault in verdict(**changes)


def test_declared__this_projects_proofs__are_found() -> None:
    found = prove.declared(ROOT / prove.PROOFS)
    assert "EntriesProof.check_anyCall__anyEntry__keepsCommitmentAndBatch" in found
    assert "BatchesProof.check_anyCall__anyBatch__isNeverApprovedByItsSubmitter" in found


FOUND = ("reentrancy-eth", "C.f() sends before it writes")


def test_slither_faults__found_and_accepted_with_a_reason__finds_none() -> None:
    assert slither.faults({FOUND}, {FOUND: "It writes first."}) == []


@pytest.mark.parametrize(
    ("found", "reasons", "fault"),
    [({FOUND}, {}, "new:"), (set(), {FOUND: "It writes first."}, "no longer found"), ({FOUND}, {FOUND: ""}, "without")],
)
def test_slither_faults__not_in_agreement__is_said(
    found: set[tuple[str, str]], reasons: dict[tuple[str, str], str], fault: str
) -> None:
    wrong = slither.faults(found, reasons)
    assert len(wrong) == 1
    assert fault in wrong[0]


def test_slither_accepted__committed_reasons__are_all_written() -> None:
    reasons = slither.accepted()
    assert reasons
    assert all(reasons.values())
