"""`export_abi`: the committed ABI and bytecode are what contracts/ compiles to, and any change of them is found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner

from scripts.export_abi import ABI_FOLDER, cli, compiled, first_difference
from tests.scripts.conftest import ROOT

ARTEFACT, LAYOUT = ABI_FOLDER / "RecordRegistry.json", ABI_FOLDER / "RecordRegistry.storage.json"
# The compiler as WebAssembly, through the IR, on a slow machine.
COMPILING_SECONDS = 300


@pytest.mark.timeout(COMPILING_SECONDS)
def test_check__committed_artefact__is_what_the_source_compiles_to() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "export_abi.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    names = [line.partition(":")[0] for line in done.stdout.splitlines() if line.endswith(" bytes, as compiled")]
    assert names == ["RecordRegistry.json", "RecordRegistry.storage.json"]


@pytest.mark.timeout(COMPILING_SECONDS)
def test_check__one_byte_of_the_bytecode_changed__fails_in_one_line_that_names_it(tmp_path: Path) -> None:
    shutil.copy(LAYOUT, tmp_path)
    document = json.loads(ARTEFACT.read_text(encoding="utf-8"))
    changed = document["deployedBytecode"]
    document["deployedBytecode"] = changed[:100] + ("0" if changed[100] != "0" else "1") + changed[101:]
    copy = tmp_path / ARTEFACT.name
    copy.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    result = CliRunner(mix_stderr=False).invoke(cli, ["--check", "--folder", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (
        1, f"Error: {copy} is not what contracts/ compiles to (deployedBytecode differs): run `make abi`\n",
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose contract does not compile."""
    shutil.copy(ROOT / "foundry.toml", tmp_path)
    (tmp_path / "contracts").mkdir()
    source = "pragma solidity 0.8.30; contract RecordRegistry { uint256 private answer = forty2; }"
    (tmp_path / "contracts" / "RecordRegistry.sol").write_text(source, encoding="utf-8")
    return tmp_path


def test_compiled__source_is_faulty__refused_with_the_compiler_s_words(checkout: Path) -> None:
    (checkout / ".tools").symlink_to(ROOT / ".tools")
    with pytest.raises(ClickException, match=r"the contract does not compile: .*Undeclared identifier"):
        compiled(checkout)


def test_compiled__no_compiler__says_what_to_run(checkout: Path) -> None:
    with pytest.raises(ClickException, match=r"solc-v0\.8\.30 is missing: run `make setup`"):
        compiled(checkout)


def test_first_difference__form_missing_or_broken__is_named(tmp_path: Path) -> None:
    text = ARTEFACT.read_text(encoding="utf-8")
    path = tmp_path / ARTEFACT.name
    assert first_difference(path, text) == "it is missing"
    for committed, difference in ((text, ""), (text + "\n", "its form differs"), ("{", "it is not JSON")):
        path.write_text(committed, encoding="utf-8")
        assert first_difference(path, text) == difference


def test_committed_layout__slots__are_those_that_the_contract_documents() -> None:
    # The table in contracts/IRecordRegistry.sol, which an audit's replay relies on.
    storage = json.loads(LAYOUT.read_text(encoding="utf-8"))["storage"]
    slots = {int(entry["slot"]): entry["label"].removeprefix("_") for entry in storage}
    assert [slots[slot] for slot in range(len(slots))] == [
        *("registry", "successor", "jurisdictions", "proposals", "corridors"),
        *("institutions", "institutionIds", "accounts", "schemas", "schemaIds"),
        *("keeperShares", "dailyRoots", "entries", "batches", "notes"),
    ]
