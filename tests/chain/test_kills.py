"""Promise: a submission that is killed at any moment, and run again, has each row on the chain exactly once.

Twenty lives of one 5,000-row submission, each in a process of its own that is ended by SIGKILL at a seeded moment, one
in each twentieth of its life's length, then run again until it is done. Counted afterwards by `counter`, which shares
no code with the client, and in the vault's tables as they lie on the disk.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.chain.homes import BUREAU_HK, Stage, passphrase, row, running_anvil, stage_on
from tests.chain.reconciler import Derived, assert_settled, in_vault, on_chain, rows

pytestmark = pytest.mark.chain

ROWS = 5_000
EVERY_BAD_ROW = 100
VALID_ROWS = ROWS - ROWS // EVERY_BAD_ROW
LIVES = 20
CHAINS = 4
SEED = 20_261_123
# Blocks come while the process works, as on the validators' chain, so that a kill also finds transactions under way.
BLOCK_SECONDS = "0.3"
MOST_SECONDS = 60
DRIVER = "import sys; from creditconnect.client import Client; print(Client.open(sys.argv[1]).submit(sys.argv[2]))"


@dataclass(frozen=True)
class Life:
    """A home, the file that it submits, and how long an undisturbed submission of it lasts."""

    stage: Stage
    home: Path
    source: Path

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(self.home), str(self.source)],
            env={**os.environ, **_passphrase_files(self.stage.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> str:
        process = self.start()
        output, errors = process.communicate(timeout=MOST_SECONDS)
        assert process.returncode == 0, errors
        return output

    def kill_after(self, seconds: float) -> bool:
        """Whether it still lived then."""
        with self.start() as process:
            time.sleep(seconds)
            process.kill()
        return process.returncode != 0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("source") / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            report = row(number)
            if number % EVERY_BAD_ROW == 0:
                report["identity"]["date_of_birth"] = "1990-02-30"
            file.write(json.dumps(report) + "\n")
    return path


@pytest.fixture(scope="module")
def span_seconds(source: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long one undisturbed life lasts on this machine, now."""
    folder = tmp_path_factory.mktemp("span")
    with running_anvil("--block-time", BLOCK_SECONDS) as anvil, stage_on(anvil, folder) as stage:
        life = _life(stage, folder / "home", source)
        began = time.monotonic()
        life.finish()
        return time.monotonic() - began


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_anvil("--block-time", BLOCK_SECONDS) as anvil, stage_on(anvil, tmp_path) as stage:
        yield stage


@pytest.mark.parametrize("chain", range(CHAINS))
def test_submit__killed_at_seeded_moments_and_run_again__each_row_is_on_the_chain_exactly_once(
    chain: int, stage: Stage, source: Path, span_seconds: float, tmp_path: Path
) -> None:
    chance = random.Random(SEED + chain)  # noqa: S311  reproducible on purpose, protects nothing
    moments = [(number + chance.random()) / LIVES * span_seconds for number in range(chain, LIVES, CHAINS)]
    expected: Counter[Derived] = Counter()
    struck_early = 0
    lives = [_life(stage, tmp_path / f"home-{number}", source) for number in range(len(moments))]
    for life, moment in zip(lives, moments, strict=True):
        lived = life.kill_after(moment)
        found = on_chain(stage.anvil.url, stage.registry).total() - expected.total()
        struck_early += lived and found < VALID_ROWS
        life.finish()
        expected.update(in_vault(life.home))
        _check_tables(life.home)

    counted = on_chain(stage.anvil.url, stage.registry)
    assert counted.total() == VALID_ROWS * len(moments)
    assert counted == expected
    assert struck_early >= len(moments) // 2, "most kills came too late to prove anything"

    _check_that_nothing_changes(lives[-1], counted)


def _life(stage: Stage, home: Path, source: Path) -> Life:
    stage.home(BUREAU_HK, home)
    for name, path in _passphrase_files(stage.folder).items():
        Path(path).write_text(passphrase(name.split("_")[1].lower()) + "\n", encoding="utf-8")
    return Life(stage, home, source)


def _passphrase_files(folder: Path) -> dict[str, str]:
    return {
        f"CREDITCONNECT_{name.upper()}_PASSPHRASE_FILE": str(folder / f"{name}.passphrase")
        for name in ("vault", "submit")
    }


def _check_tables(home: Path) -> None:
    """Every record has one transaction, which is final, or was found on the chain; nonces have no gap."""
    assert_settled(home)
    nonces = [int(str(nonce)) for (nonce,) in rows(home, "SELECT nonce FROM transactions ORDER BY nonce")]
    assert nonces == list(range(nonces[0], nonces[0] + len(nonces)))
    ((accepted, ended, rejected),) = rows(home, "SELECT sum(accepted), max(ended_at > 0), max(rejected) FROM files")
    assert (accepted, ended, rejected) == (VALID_ROWS, 1, ROWS // EVERY_BAD_ROW)


def _check_that_nothing_changes(life: Life, counted: Counter[Derived]) -> None:
    sender = life.stage.keys[BUREAU_HK]["submit"]
    sent, kept = life.stage.anvil.transactions(sender), in_vault(life.home)
    output = life.finish()
    assert f"accepted=0, repeated={VALID_ROWS}, rejected={ROWS // EVERY_BAD_ROW}, registered=0" in output
    assert life.stage.anvil.transactions(sender) == sent
    assert on_chain(life.stage.anvil.url, life.stage.registry) == counted
    assert in_vault(life.home) == kept
