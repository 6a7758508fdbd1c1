"""A project of its own for tools that would trip over the tests, or that plant defects: the contract and little else.

Hides how such a project is laid out. Its compiler settings are those of the committed bytecode, from foundry.toml.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from scripts.export_abi import foundry_profile
from tools.toolchain import ROOT

ASSURANCE = ROOT / ".tools" / "assurance"
_COPIED = ("solc", "evm_version", "optimizer", "optimizer_runs", "via_ir", "bytecode_hash")


def make_project(folder: Path, tests: str = "", contracts: Path = ROOT / "contracts") -> None:
    """Lay out a Foundry project with the contract and, if named, one folder of tests, replacing what was there."""
    profile = foundry_profile(ROOT)
    kept = "\n".join(f"{name} = {json.dumps(profile[name])}" for name in _COPIED)
    for name in ("contracts", "tests"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(contracts, folder / "contracts")
    home = tests or "tests"
    if tests:
        shutil.copytree(ROOT / tests, folder / tests)
    else:
        (folder / home).mkdir(parents=True)
    (folder / "foundry.toml").write_text(
        f'[profile.default]\nsrc = "contracts"\ntest = "{home}"\nscript = "{home}"\nlibs = []\noffline = true\n'
        f"auto_detect_solc = false\nauto_detect_remappings = false\n{kept}\n[lint]\nlint_on_build = false\n",
        encoding="utf-8",
    )
    link_tools(folder)


def link_tools(folder: Path) -> None:
    """Give a project in a folder this one's compiler."""
    tools = folder / ".tools"
    tools.unlink(missing_ok=True)
    tools.symlink_to(ROOT / ".tools", target_is_directory=True)


def environment() -> dict[str, str]:
    """The environment in which slither and halmos find forge, and no setting of the user's for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOUNDRY_")}
    folders = [str(ASSURANCE / "bin"), str(ROOT / ".tools" / "bin"), kept.get("PATH", os.defpath)]
    return {**kept, "PATH": os.pathsep.join(folders)}
