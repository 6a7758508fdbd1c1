"""Promise: whatever of the network fails during a submission, nothing is lost or doubled, and it goes on by itself.

`make drills` runs them all with 50,000 rows and shows what each took; `make test` three of them with fewer rows. On an
engine that `make test` does not run they are run whole with the network's tests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from creditconnect import settings
from creditconnect.client import Client
from creditconnect.network.engine import Engine
from creditconnect.types import Verdict
from tests.chain.homes import write_rows
from tests.network.conftest import ENGINE
from tests.network.drills import DRILLS, drill, unmount
from tests.network.ground import PROVIDER, VERIFIER, Ground, ground_on, passphrase

ALL = os.environ.get("DRILLS") == "all" or ENGINE != "geth"
ROWS = 50_000 if ALL else 8_000
QUICK = ("kill -9 sz", "cut the link", "a lying node")
DRILL_SECONDS = 600


@pytest.fixture(scope="module")
def ground(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One network for all the drills, each of which leaves it running."""
    with ground_on(engine, tmp_path_factory.mktemp("drills")) as made:
        yield made
        unmount(made)


@pytest.mark.timeout(DRILL_SECONDS)
@pytest.mark.parametrize("name", DRILLS if ALL else QUICK)
def test_drill__during_a_submission__nothing_lost_nothing_doubled_one_head(
    ground: Ground, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = drill(ground, name, DRILLS[name], ROWS)
    with capsys.disabled():
        print(
            f"\n{found.name:26} {found.rows:7,} rows, {found.unregistered:7,} unregistered when it struck;"
            f" blocks again after {found.resumed_seconds:5.1f} s, all final after {found.settled_seconds:5.1f} s"
        )


def test_clock__thirty_seconds_ahead__submits_and_verifies_all_the_same(ground: Ground, tmp_path: Path) -> None:
    """A head that is thirty seconds old by such a clock is not stale, and nothing is taken for late."""

    def ahead() -> float:
        return time.time() + 30

    rows = write_rows(tmp_path / "rows.jsonl", 20, first=900_000)
    with Client(settings.load(ground.home(PROVIDER)), ask=passphrase, clock=ahead) as bureau:
        assert bureau.submit(rows, schema="personal-credit-report/1").registered == 20
        newest = [one.record_hash for one in bureau.records_list(limit=20)]
        for record_hash in newest:
            bureau.package_write(tmp_path / "packages", record_hash)
    with Client(settings.load(ground.home(VERIFIER)), ask=passphrase, clock=ahead) as bank:
        verdicts = {name: said.verdict for name, said in bank.verify_all(tmp_path / "packages")}
    assert list(verdicts.values()) == [Verdict.VERIFIED] * 20
