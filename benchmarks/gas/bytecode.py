"""Creation code of what is measured: built here by forge, or as its authors published it; and where it is from."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from creditconnect.chain.rpc import raw_bytes
from tools.toolchain import ROOT, environment, find_node, install_packages, program_path

FOLDER = Path(__file__).parent
BUILD_SECONDS = 120
ANSWER_SECONDS = 60
_LIBRARY = "node_modules/@openzeppelin/contracts/"


@dataclass(frozen=True, slots=True)
class Code:
    """Creation code without its constructor's arguments; `origin` is a file of ours, or a package and its version."""

    creation: bytes
    origin: str


def built(*names: str) -> list[Code]:
    """The contracts of `contracts/`, built with the settings of our own.

    Raises:
        RuntimeError: they do not compile; the compiler's words are in the message.
    """
    finished = subprocess.run(
        [program_path("forge"), "build", "--silent"],
        cwd=ROOT,
        env={**os.environ, **environment(), "FOUNDRY_PROFILE": "gas"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if finished.returncode:
        raise RuntimeError(f"forge build failed: {finished.stderr or finished.stdout}")
    return [_artifact(name) for name in names]


def install() -> None:
    """Install the peers' packages and what draws the plot, as package-lock.json names them, unless they are there."""
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        install_packages(find_node(), FOLDER)


def published() -> dict[str, Code]:
    """The peers' contracts by name; `install` first.

    Raises:
        CalledProcessError: a package is not there.
    """
    answer = run_node("published.cjs", "")
    return {
        name: Code(raw_bytes(found["bytecode"]), f"{found['package']}, the bytecode in the package")
        for name, found in json.loads(answer).items()
    }


def run_node(script: str, standard_input: str) -> str:
    """What a script of this folder prints."""
    return subprocess.run(
        [program_path("node"), FOLDER / script],
        input=standard_input,
        stdout=subprocess.PIPE,
        text=True,
        timeout=ANSWER_SECONDS,
        check=True,
    ).stdout


def _artifact(name: str) -> Code:
    artifact = json.loads((ROOT / "out" / "gas" / f"{name}.sol" / f"{name}.json").read_text(encoding="utf-8"))
    origin = f"benchmarks/gas/contracts/{name}.sol"
    if any(source.startswith(_LIBRARY) for source in artifact["metadata"]["sources"]):
        library = json.loads((ROOT / _LIBRARY / "package.json").read_text(encoding="utf-8"))
        origin += f" on {library['name']} {library['version']}"
    return Code(raw_bytes(artifact["bytecode"]["object"]), origin)
