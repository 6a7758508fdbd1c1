"""Promise: docs/OPERATIONS.md can be followed by copying its commands, and shows what it says it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from creditconnect.chain.deployment import Deployment
from creditconnect.network.engine import Engine
from creditconnect.settings import load
from creditconnect.types import ChainIdentity
from tests.network.conftest import ROOT, free_port, patiently

GUIDE = ROOT / "docs" / "OPERATIONS.md"
SECONDS = 720
FOLDERS = ("hongkong", "shenzhen", "audit", "hongkong-2", "hongkong-next", "shenzhen-next")


@pytest.mark.timeout(SECONDS)
def test_operations__every_command_in_its_order__as_the_guide_says(engine: Engine, tmp_path: Path) -> None:
    if engine.name != "geth":
        pytest.skip("the guide's commands are for geth")
    blocks = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 7
    voted = r"^ hk2 .* [0-9]+, 20"
    script = "\n".join(patiently(block, voted) if "vote add" in block else patiently(block) for block in blocks)
    for port in ("30303", "30304", "30305", "30306", "8645", "8646", "8647", "8648"):
        assert port in script
        script = script.replace(port, str(free_port()))
    # What the guide takes as given: a registry that was deployed. Its home is made, and asks no node.
    identity = ChainIdentity(1, b"\1" * 32, "0x" + "2" * 40, b"\3" * 32)
    Deployment(identity, 1, "1.0.0", {1: "HK", 2: "CN-SZ"}).write(tmp_path / "registry.json")
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    try:
        done = subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"PATH": tools},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    finally:
        _stop(tmp_path, tools)
    assert done.returncode == 0, done.stdout + done.stderr
    first, stopped, *later = re.findall(r"^(?:blocks come|NO BLOCK COMES).*$", done.stdout, re.MULTILINE)
    assert first.startswith("blocks come; all have block ")
    assert stopped.startswith("NO BLOCK COMES; ")
    # After its return, seen by a follower, with a third validator, founded anew.
    assert len(later) == 4
    assert all(line.startswith("blocks come; all have block ") for line in later)
    assert "\nvalidators: hk, hk2, sz\n" in done.stdout
    assert re.search(voted, done.stdout, re.MULTILINE), "the third validator seals"
    assert "exit code 10" in done.stdout
    assert 'creditconnect_network_up{side="hk"} 1.0' in done.stdout
    assert "hk: has no peer" in done.stdout
    assert (tmp_path / "hongkong" / "genesis.json").read_bytes() == (
        tmp_path / "shenzhen" / "genesis.json"
    ).read_bytes()
    made = load(tmp_path / "bank")
    assert len(made.nodes) == 2
    assert made.seals.validators.keys() == {"hk", "sz"}
    assert not list(tmp_path.glob("hongkong/sz/*")), "the other side's private part is nowhere here"


def _stop(folder: Path, tools: str) -> None:
    """Whatever the guide left running."""
    for side in FOLDERS:
        if (folder / side).exists():
            command = ["creditconnect", "network", "down", "--folder", side]
            subprocess.run(command, cwd=folder, env=os.environ | {"PATH": tools}, capture_output=True, check=False)
