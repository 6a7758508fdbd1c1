"""A bureau's home with something in it, and what to look at to see that a command changed nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chain.console import Console
from tests.chain.homes import (
    BUREAU_HK,
    Stage,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)


@contextmanager
def founded_stage(folder: Path) -> Iterator[Stage]:
    """A stage whose bureau has registered one record and written its package, in `ready` and `packages`."""
    with running_anvil() as anvil, stage_on(anvil, folder) as stage:
        home = stage.home(BUREAU_HK, stage.folder / "ready").home
        console = Console(stage.folder)
        console.does("submit", write_rows(stage.folder / "first.jsonl", 1), home=home)
        console.does("review", "list", home=home)
        console.does("package", "--out", stage.folder / "packages", home=home)
        yield stage


@contextmanager
def in_time(founded: Stage) -> Iterator[Stage]:
    """A stage that is taken back afterwards; at the machine's time, for a chain taken back has an old clock."""
    with taken_back(founded) as stage:
        stage.anvil.rpc("evm_setTime", int(time.time()))
        stage.anvil.mine()
        yield stage


def package_of(stage: Stage) -> Path:
    """The package of a record that verifies."""
    (package,) = (stage.folder / "packages").iterdir()
    return package


@contextmanager
def nothing_changes(stage: Stage, home: Path) -> Iterator[None]:
    """Nothing was taken in, signed, listed or sent by what is done inside."""
    before = (records_of(home), transactions_of(home), _others(home), stage.entries(), stage.anvil.height())
    yield
    assert (records_of(home), transactions_of(home), _others(home), stage.entries(), stage.anvil.height()) == before


def records_of(home: Path) -> Counter[tuple[bytes, bytes]]:
    """The records of a home, by hash and commitment, as they lie on the disk."""
    return Counter(_select(home, "SELECT record_hash, commitment FROM records"))


def transactions_of(home: Path) -> Counter[Any]:
    return Counter(_select(home, "SELECT hash, state FROM transactions"))


def _select(home: Path, query: str) -> list[Any]:
    if not (home / "vault.db").exists():
        return []
    connection = sqlite3.connect(home / "vault.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _others(home: Path) -> dict[str, bytes]:
    """All but the databases and the locks."""
    return {path: held for path, held in files_of(home).items() if ".db" not in path and not path.startswith("locks")}


def files_of(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def moved(stage: Stage, folder: Path, url: str) -> Path:
    """The bureau's home at another place, with another node."""
    shutil.copytree(stage.folder / "ready", folder)
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace(stage.anvil.url, url))
    return folder


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("NOT TESTED: only root can mount a small disk here")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"NOT TESTED: no small disk can be mounted here ({mounted.stderr.decode().strip()})")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
