"""The demo, the stories and the README as a newcomer meets them: `make demo`, then every command, in its order."""

from __future__ import annotations

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from creditconnect.chain.rpc import Node
from tests.demo.kept import kept_demo

PROJECT = Path(__file__).resolve().parents[2]
STORIES = sorted((PROJECT / "docs" / "stories").glob("*.md"))
README_PORT = "8545"
# Deploying by ape on a busy machine is most of it.
DEMO_SECONDS = 240

pytestmark = [pytest.mark.chain, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Demo:
    """A demo that was played and whose chain still runs."""

    workspace: Path
    port: str
    output: str

    @property
    def folder(self) -> Path:
        return self.workspace / "demo"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`make demo` as the README has it, in a workspace that is this checkout but for its `demo` folder."""
    # Made ready here first: made ready there, the shared environment would point into the workspace.
    subprocess.run(["make", "setup"], cwd=PROJECT, env=_environment(), check=True, capture_output=True)
    workspace = tmp_path_factory.mktemp("workspace")
    for entry in PROJECT.iterdir():
        if entry.name not in ("demo", ".git"):
            (workspace / entry.name).symlink_to(entry)
    port = str(_free_port())
    log = workspace / "output"
    command = next(block for block in _blocks("console") if "--keep" in block).replace(README_PORT, port)
    shell = ["bash", "-c", f"exec {command}"]
    with kept_demo(shell, cwd=workspace, environment=_environment(), log=log, seconds=DEMO_SECONDS) as said:
        yield Demo(workspace, port, said)


def test_demo__every_record__verifies_across_the_border(demo: Demo) -> None:
    rows = re.findall(r"(HK -> CN-SZ|CN-SZ -> HK)\s+(\S+)/1\s+(\d+)\s+\S+\s+\S+\s+(\d+)\s", demo.output)
    kinds = [("personal-credit-report", "500"), ("company-credit-report", "200"), ("document", "20")]
    assert rows == [(way, kind, count, count) for way in ("HK -> CN-SZ", "CN-SZ -> HK") for kind, count in kinds]
    assert "storage root agrees" in demo.output


def test_demo__what_must_fail__fails_for_its_reason(demo: Demo) -> None:
    assert endings(demo.output.split("what must fail")[1]) == ["yes"] * 9


def test_demo__a_records_life__is_seen_across_the_border(demo: Demo) -> None:
    table = demo.output.split("a record's life")[1].split("a package sealed")[0]
    assert endings(table) == ["yes"] * 4


def test_demo__a_sealed_package__opens_for_its_bank_alone(demo: Demo) -> None:
    table = demo.output.split("a package sealed")[1].split("what must fail")[0]
    assert endings(table) == ["yes"] * 3


def endings(table: str) -> list[str]:
    words = [line.split() for line in table.splitlines()]
    return [line[-1] for line in words if line and line[-1] in ("yes", "NO")]


def test_demo__canary__is_in_no_database_log_or_call_data(demo: Demo) -> None:
    with (demo.folder / "german-credit-hk.csv").open(encoding="utf-8") as file:
        row = list(csv.DictReader(file))[123]
    canaries = [row["name"].encode(), row["identifier_number"].encode()]
    packages = b"".join(path.read_bytes() for path in (demo.folder / "packages-hk").iterdir())
    assert all(canary in packages for canary in canaries), "the search itself must be able to find them"
    searched = [path for path in demo.folder.rglob("*") if _must_be_silent(path)]
    assert {"vault.db", "mirror.db", "anvil.log", "admin.log", "chain.jsonl"} <= {path.name for path in searched}
    for path in searched:
        content = path.read_bytes()
        for canary in canaries:
            assert canary not in content, path.name
            assert canary.hex().encode() not in content, path.name
    assert not any(canary.decode() in demo.output for canary in canaries)


@pytest.fixture
def untouched(demo: Demo) -> Iterator[Demo]:
    """The demo as it was left, and again afterwards: its homes and its chain."""
    url, aside = f"http://127.0.0.1:{demo.port}", demo.workspace / "aside"
    shutil.copytree(demo.folder, aside, symlinks=True)
    snapshot = Node(url).call("evm_snapshot")
    yield demo
    assert Node(url).call("evm_revert", snapshot)
    # Reverting takes the clock back too, and the head would be too old to trust.
    Node(url).call("evm_setTime", int(time.time()))
    shutil.rmtree(demo.folder)
    aside.rename(demo.folder)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.stem)
def test_story__every_command__runs_from_the_demo_to_its_end(untouched: Demo, story: Path) -> None:
    result = _run("\n".join(_blocks("sh", story)), untouched)
    assert result.returncode == 0, result.stdout[-6_000:] + result.stderr[-3_000:]
    for program in _blocks("python", story, needed=False):
        _run_python(program, untouched)


def test_stories__are_all_run() -> None:
    assert {story.stem for story in STORIES} == {"auditor", "authority", "bank", "bureau"}


def test_readme__every_command__runs_as_it_says(demo: Demo) -> None:
    result = _run("\n".join(_blocks("sh")), demo)
    assert result.returncode == 0, result.stdout + result.stderr
    said = result.stdout
    assert re.search(r"\n\s*5\s+0\s+0\s+5\s*\n", said), "five rows are registered"
    assert re.search(r"\n\s*0\s+5\s+0\s+0\s*\n", said), "and known the second time"
    assert re.search(r"approved in block [0-9]+, 1 record rejected", said)
    assert ": VERIFIED as of block" in said
    assert "NOT_VERIFIED" in said
    assert "exit code 10" in said
    assert "CRA-HK-01: is active" in said
    assert "home of CRA-HK-02" in said
    found = re.search(r"storage root", said)
    assert found is not None


def test_readme__python__runs_as_it_says(demo: Demo) -> None:
    (program,) = _blocks("python")
    (demo.workspace / "mine.csv").write_bytes(
        b"".join((demo.folder / "german-credit-hk.csv").read_bytes().splitlines(keepends=True)[:4])
    )
    result = _run_python(program, demo)
    said = re.findall(r"\.ccpackage (VERIFIED \[\]|NOT_VERIFIED \['DOCUMENT_MISSING'\])\n", result.stdout)
    assert len(said) == 3


def _run(script: str, demo: Demo) -> subprocess.CompletedProcess[str]:
    """A shell's commands in the workspace, on the demo's port."""
    return subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + script.replace(README_PORT, demo.port)],
        cwd=demo.workspace,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )


def _run_python(program: str, demo: Demo) -> subprocess.CompletedProcess[str]:
    variables = {f"CREDITCONNECT_{name}_PASSPHRASE_FILE": "demo/passphrase" for name in ("VAULT", "SUBMIT", "REVIEW")}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=demo.workspace,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result


def _environment() -> dict[str, str]:
    """This process's, less what the make that runs the tests tells its children."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def _blocks(language: str, page: Path = PROJECT / "README.md", *, needed: bool = True) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found or not needed, language
    return [block.strip() for block in found]


def _must_be_silent(path: Path) -> bool:
    return path.is_file() and (path.suffix in (".log", ".jsonl") or ".db" in path.name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
