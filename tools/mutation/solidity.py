"""The contract's sources and syntax trees, as the compiler gives them.

Hides solc's standard JSON and its byte offsets. Compiles in memory and changes no file.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.export_abi import CONTRACT, compiler_settings, foundry_profile
from tools.toolchain import ROOT, solc_path

COMPILE_SECONDS = 300

Node = dict[str, Any]
Sources = dict[str, bytes]


class CompileError(Exception):
    """solc refused the sources; the message is its own."""


def read_sources(root: Path = ROOT) -> Sources:
    """The contract's files by their path from the root, in order."""
    return {f"contracts/{path.name}": path.read_bytes() for path in sorted((root / "contracts").glob("*.sol"))}


def digest(sources: Sources) -> str:
    """SHA-256 over names and contents: what a table of mutants belongs to."""
    whole = hashlib.sha256()
    for name, content in sorted(sources.items()):
        whole.update(f"{name}\n{len(content)}\n".encode() + content)
    return whole.hexdigest()


def syntax_trees(sources: Sources) -> dict[str, Node]:
    """Each file's syntax tree.

    Raises:
        CompileError: solc refuses the sources.
    """
    output = _compile(sources, {"outputSelection": {"*": {"": ["ast"]}}})
    return {name: output["sources"][name]["ast"] for name in sources}


def deployed_bytecode(sources: Sources, root: Path = ROOT) -> str:
    """What the sources compile to with foundry.toml's settings, which are those of the committed bytecode."""
    settings = compiler_settings(foundry_profile(root))
    settings["outputSelection"] = {"*": {CONTRACT: ["evm.bytecode.object"]}}
    contracts = _compile(sources, settings)["contracts"]
    return str(contracts[f"contracts/{CONTRACT}.sol"][CONTRACT]["evm"]["bytecode"]["object"])


def span(node: Node) -> tuple[int, int]:
    """First byte of a node in its file, and the first byte after it."""
    start, length, _file = (int(part) for part in node["src"].split(":"))
    return start, start + length


def children(node: Node) -> Iterator[Node]:
    """The nodes right below one, in the order of the source."""
    values = (item for value in node.values() for item in (value if isinstance(value, list) else [value]))
    return iter(sorted((one for one in values if isinstance(one, dict) and "nodeType" in one), key=span))


def descendants(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order of the source."""
    yield node
    for child in children(node):
        yield from descendants(child)


def type_of(node: Node) -> str:
    """An expression's type as solc writes it, without the data location."""
    written = str(node.get("typeDescriptions", {}).get("typeString", ""))
    for location in (" storage ref", " storage pointer", " memory", " calldata"):
        written = written.removesuffix(location)
    return written


def first_error(output: dict[str, Any]) -> str:
    """What solc says of sources that it refuses; empty if it does not."""
    errors = [str(error["formattedMessage"]) for error in output.get("errors", []) if error["severity"] == "error"]
    return errors[0] if errors else ""


def _compile(sources: Sources, settings: dict[str, Any]) -> dict[str, Any]:
    request = {
        "language": "Solidity",
        "sources": {name: {"content": content.decode()} for name, content in sources.items()},
        "settings": settings,
    }
    finished = subprocess.run(
        [str(solc_path()), "--standard-json"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=COMPILE_SECONDS,
        check=True,
    )
    output: dict[str, Any] = json.loads(finished.stdout)
    if error := first_error(output):
        raise CompileError(error)
    return output
