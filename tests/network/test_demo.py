"""Promise: the main job runs on two real validators as on an embedded Anvil, and nothing counts before both sealed.

The demo is run as its users do; what it left is then looked at by itself: the whole chain's seals, both nodes' homes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from creditconnect.chain.headers import read_header
from creditconnect.network.engine import Engine
from creditconnect.types import Consensus
from tests.demo.kept import kept_demo
from tests.network.conftest import ROOT, SIDES, patiently

PROGRAM = Path(sys.executable).with_name("creditconnect")
TOOLS = os.pathsep.join([str(ROOT / ".tools" / "bin"), str(PROGRAM.parent), os.environ["PATH"]])
DEMO_SECONDS = 600


@pytest.fixture(scope="module")
def demo(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """What the demo said, and its folder; its chain is left running, as the README has it."""
    if engine.name != "geth":
        pytest.skip("the demo has validators of geth alone")
    folder, log = tmp_path_factory.mktemp("on validators") / "demo", tmp_path_factory.mktemp("said") / "demo.log"
    command = ["make", "--no-print-directory", "demo", "NETWORK=geth", f"ARGS=--keep --folder '{folder}'"]
    environment = os.environ | {"PATH": TOOLS}
    with kept_demo(command, cwd=ROOT, environment=environment, log=log, seconds=DEMO_SECONDS) as said:
        yield said, folder


@pytest.mark.timeout(DEMO_SECONDS)
def test_demo__on_validators__verifies_all_and_all_that_must_fail_does(demo: tuple[str, Path]) -> None:
    said, _ = demo
    assert said.count(" yes ") == 4 + 3 + 9
    assert " NO " not in said
    verified = [line.split() for line in said.splitlines() if "personal-credit-report/1" in line]
    assert [row[-2] for row in verified] == ["500", "500"]
    assert "storage root agrees" in said
    (deployment,) = re.findall(r"^as (\S.*)$", said, re.MULTILINE)
    assert (ROOT / deployment).is_file(), "where it was run, whichever folder was named"


@pytest.mark.timeout(DEMO_SECONDS)
def test_chain__from_its_first_block_on__is_sealed_by_turns_and_linked(demo: tuple[str, Path]) -> None:
    _, folder = demo
    blocks = [json.loads(line) for line in (folder / "chain.jsonl").read_text().splitlines()]
    headers = [read_header(block, Consensus.CLIQUE) for block in blocks]
    assert len(headers) > 60
    assert all(one.hash == other.parent_hash for one, other in pairwise(headers))
    sealers = [header.sealers for header in headers[1:]]
    assert all(one != other for one, other in pairwise(sealers))
    assert {address for (address,) in sealers} == set(headers[0].validators)


@pytest.mark.timeout(DEMO_SECONDS)
def test_homes__of_each_side__ask_their_own_node_first_and_trust_both_sides_seals(demo: tuple[str, Path]) -> None:
    _, folder = demo
    homes = {path.parent.name: tomllib.loads(path.read_text()) for path in folder.glob("homes/*/settings.toml")}
    assert len(homes) == 4
    assert homes["BANK-HK-01"]["nodes"] == homes["BANK-SZ-01"]["nodes"][::-1]
    assert len(set(homes["BANK-HK-01"]["nodes"])) == 2
    for settings in homes.values():
        assert settings["seals"]["consensus"] == "clique"
        assert {"hk", "sz"} < set(settings["seals"])


@pytest.mark.timeout(DEMO_SECONDS)
def test_keys__of_each_authority_and_validator__lie_in_their_own_sides_folder_alone(demo: tuple[str, Path]) -> None:
    _, folder = demo
    held = {
        side: {path.name.partition("_")[0] for path in (folder / "ape" / side / "accounts").iterdir()} for side in SIDES
    }
    assert held == {"hk": {"hk", "deployer.json"}, "sz": {"sz"}}
    for side in SIDES:
        assert [path.parts[-3] for path in (folder / "validators" / side).rglob("validator.json")] == [side]


@pytest.mark.timeout(DEMO_SECONDS)
def test_readme__when_a_validator_fails__reads_as_it_says(demo: tuple[str, Path]) -> None:
    """Last of this module: a validator is killed, and another process starts it again."""
    _, folder = demo
    (script,) = re.findall(r"^```bash\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        ["bash", "-c", "set -euo pipefail\n" + patiently(script.replace('eval "$(make -s env)"\n', ""))],
        cwd=folder.parent,
        env=os.environ | {"PATH": TOOLS},
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, stopped, last = re.findall(r"^(?:blocks come|NO BLOCK COMES).*$", done.stdout, re.MULTILINE)
    assert first.startswith("blocks come; all have block ")
    assert stopped.startswith("NO BLOCK COMES; ")
    assert last.startswith("blocks come; all have block ")
    assert "exit code 10" in done.stdout
    assert re.search(r"\n\s*100\s+0\s+0\s+100\s*\n", done.stdout), "what was submitted meanwhile is registered"
