"""Promise: whoever waits for a submission is told why, each thing once."""

from __future__ import annotations

import pytest

from creditconnect.cli.provider import STALL_TOLD_SECONDS, _trouble_teller
from creditconnect.exchange.submission import Progress


def said(capsys: pytest.CaptureFixture[str], *seen: Progress) -> list[str]:
    tell = _trouble_teller()
    for now in seen:
        tell(now)
    captured = capsys.readouterr()
    assert not captured.out
    return " ".join(captured.err.split()).split("creditconnect: ")[1:]


def test_tell__all_is_well__nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, Progress(5, 0), Progress(5, 5, "", STALL_TOLD_SECONDS - 0.1)) == []


def test_tell__no_block_for_long__once_until_one_comes(capsys: pytest.CaptureFixture[str]) -> None:
    stalled = [Progress(5, 0, "", seconds) for seconds in (9.0, 10.2, 11.0, 60.0)]
    told = said(capsys, *stalled, Progress(5, 0), *stalled)
    assert len(told) == 2
    assert all(one.startswith("no block for 10 s: is each side's validator up?") for one in told)


def test_tell__node_refuses__each_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, *(Progress(5, 0, refusal) for refusal in ("full", "full", "", "known", "full")))
    assert [one.strip().rpartition(": ")[2] for one in told] == ["full", "known"]
