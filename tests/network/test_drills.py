"""Promise: whatever of the network fails during a submission, nothing is lost or doubled, and it goes on by itself.

`make drills` runs them all with 50,000 rows and shows what each took; `make test` two of them with fewer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from creditconnect.network.engine import Engine
from tests.network.drills import DRILLS, drill
from tests.network.ground import Ground, ground_on

ALL = os.environ.get("DRILLS") == "all"
ROWS = 50_000 if ALL else 8_000
QUICK = ("kill -9 sz", "cut the link")
DRILL_SECONDS = 600


@pytest.fixture(scope="module")
def ground(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One network for all the drills, each of which leaves it running."""
    with ground_on(engine, tmp_path_factory.mktemp("drills")) as made:
        yield made


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
