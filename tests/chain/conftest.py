"""What the tests of bad input share: two sides that are founded once a module, and one home of each kind.

A module that needs another stage or console has its own, by the same name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain.console import Console
from tests.chain.homes import BANK_SZ, Stage, write_rows
from tests.chain.unchanged import founded_stage, in_time, moved, package_of


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with founded_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def stage(founded: Stage) -> Iterator[Stage]:
    with in_time(founded) as stage:
        yield stage


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Path:
    """A bureau's home that has registered one record already."""
    return moved(stage, tmp_path / "bureau", stage.anvil.url)


@pytest.fixture
def bank(stage: Stage, tmp_path: Path) -> Path:
    return stage.home(BANK_SZ, tmp_path / "bank").home


@pytest.fixture
def package(stage: Stage) -> Path:
    return package_of(stage)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", 3, first=100)
