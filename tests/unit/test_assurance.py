"""Promise: a gate holds only where its command ended well and showed what it looked at; all run though one fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import assurance
from tools.assurance import FORGE_PASSED, GATES, Gate, chosen, judge, main

COUNTS = Gate("counts", "counts", (), r"(\d+ things)")


@pytest.mark.parametrize(
    ("code", "said", "trouble"),
    [
        (0, "looked at 12 things\n", ""),
        (0, "", "ended well and said nothing like"),
        (0, "looked at 0 things\n", "checked nothing"),
        (1, "looked at 12 things\n", "exit code 1\nlooked at 12 things"),
    ],
)
def test_judge__what_it_said__holds_only_with_its_figure(code: int, said: str, trouble: str) -> None:
    assert judge(COUNTS, code, said)[1].startswith(trouble)
    assert bool(judge(COUNTS, code, said)[1]) == bool(trouble)


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("Ran 9 test suites in 1.2s (8s CPU time): 142 tests passed, 0 failed, 0 skipped (142 total tests)\n", True),
        ("Ran 9 test suites in 1.2s (8s CPU time): 141 tests passed, 1 failed, 0 skipped (142 total tests)\n", False),
        ("Ran 9 test suites in 1.2s (8s CPU time): 141 tests passed, 0 failed, 1 skipped (142 total tests)\n", False),
        ("Ran 0 test suites in 0.1s (0s CPU time): 0 tests passed, 0 failed, 0 skipped (0 total tests)\n", False),
        ("No tests found in project!\n", False),
    ],
)
def test_judge__forge__only_tests_that_ran_and_passed(said: str, holds: bool) -> None:
    assert (not judge(Gate("forge", "", (), FORGE_PASSED), 0, said)[1]) == holds


def test_main__one_fails__the_others_are_run_and_the_table_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def says(text: str, code: int) -> tuple[str, ...]:
        return (sys.executable, "-c", f"print({text!r}); raise SystemExit({code})")

    gates = (
        Gate("first", "", says("saw 3 things", 0), r"(\d+ things)"),
        Gate("second, long", "", says("saw 4 things, one broken", 2), r"(\d+ things)"),
        Gate("third", "", says("saw 5 things", 0), r"(\d+ things)"),
    )
    monkeypatch.setattr(assurance, "GATES", gates)
    monkeypatch.setattr(assurance, "SAID", tmp_path)
    assert main([]) == 1
    said = capsys.readouterr().out
    assert said.count("holds") == 2
    assert said.count("FAILS") == 1
    assert "saw 4 things, one broken" in said
    assert (tmp_path / "second-long.log").read_text() == "saw 4 things, one broken\n"
    assert main(["third"]) == 0


def test_chosen__no_such_gate__named() -> None:
    with pytest.raises(SystemExit, match="no gate mutant; there are: "):
        chosen(["mutant"])
    assert list(chosen([])) == list(GATES)
