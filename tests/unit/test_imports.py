"""The floors of the house: each module imports only what it may, and stays small enough to be read.

Reads the sources without running them. Every rule is also shown to fail, on a source made to break it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "creditconnect"
SOURCE = Path(__file__).resolve().parents[2] / "src" / PACKAGE

# From the top: each floor may import from itself and from those before it.
FLOORS = (
    {"types", "errors", "reasons", "settings", "telemetry"},
    {"records"},
    {"custody"},
    {"chain"},
    {"exchange"},
    {"answers"},
    {"network"},
    # The package's own door, which names what the client offers.
    {"client", "home", "__init__"},
    {"cli", "__main__"},
)
ONLY_IMPORTERS = {
    "eth_account": {"chain.signing"},
    # The codec beneath web3, used directly: web3's own contract layer is too slow.
    "eth_abi": {"chain.contract_abi"},
    "eth_utils": {"chain.contract_abi", "chain.headers", "chain.registry"},
}
NEVER_IMPORTED = {"ape", "ape_foundry", "ape_solidity", "ape_test", "solcx", "web3"}
IMPURE = {"http", "requests", "socket", "sqlite3", "ssl", "subprocess", "urllib", "urllib3", "web3"}
READS_THE_ENVIRONMENT = {"settings"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}
NAMES_THAT_SAY_NOTHING = {"base", "common", "helpers", "utils"}
MOST_LINES = 500

# A module's name inside the package ("records.canonical"; a package goes by its own name, the root by "__init__")
# and its source.
Sources = Mapping[str, str]
Rule = Callable[[Sources], Iterator[str]]


def read_sources(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name or "__init__"] = path.read_text(encoding="utf-8")
    return found


def imports(name: str, sources: Sources) -> Iterator[str]:
    """Full names of what a module imports anywhere in it, `from x import y` as "x.y"."""
    for node in ast.walk(ast.parse(sources[name])):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute_origin(name, node, sources)
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def absolute_origin(name: str, node: ast.ImportFrom, sources: Sources) -> str:
    if not node.level:
        return node.module or ""
    is_package = name == "__init__" or any(other.startswith(f"{name}.") for other in sources)
    parts = [PACKAGE] if name == "__init__" else [PACKAGE, *name.split(".")]
    above = node.level - 1 if is_package else node.level
    return ".".join([*parts[: len(parts) - above], *([node.module] if node.module else [])])


def own_imports(name: str, sources: Sources) -> Iterator[str]:
    """The package's modules that a module imports, by their names inside the package."""
    for imported in imports(name, sources):
        root, _, inside = imported.partition(".")
        if root != PACKAGE:
            continue
        while inside and inside not in sources:
            inside = inside.rpartition(".")[0]
        yield inside or "__init__"


def foreign_imports(name: str, sources: Sources) -> set[str]:
    return {imported.partition(".")[0] for imported in imports(name, sources)} - {PACKAGE}


def floor(name: str) -> int | None:
    return next((number for number, rooms in enumerate(FLOORS) if name.partition(".")[0] in rooms), None)


def modules_without_a_floor(sources: Sources) -> Iterator[str]:
    yield from (name for name in sources if floor(name) is None)


def imports_from_a_later_floor(sources: Sources) -> Iterator[str]:
    for name in sources:
        for imported in own_imports(name, sources):
            here, there = floor(name), floor(imported)
            if here is not None and there is not None and there > here:
                yield f"{name} imports {imported}"


def import_cycles(sources: Sources) -> Iterator[str]:
    graph = {name: set(own_imports(name, sources)) - {name} for name in sources}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield " <- ".join(error.args[1])


def imports_of_another_module(sources: Sources) -> Iterator[str]:
    for name in sources:
        for library in foreign_imports(name, sources):
            if name not in ONLY_IMPORTERS.get(library, {name}):
                yield f"{name} imports {library}"


def imports_never_allowed(sources: Sources) -> Iterator[str]:
    for name in sources:
        yield from (f"{name} imports {library}" for library in foreign_imports(name, sources) & NEVER_IMPORTED)


def impure_records(sources: Sources) -> Iterator[str]:
    for name in sources:
        if name.partition(".")[0] == "records":
            yield from (f"{name} imports {library}" for library in foreign_imports(name, sources) & IMPURE)


def readers_of_the_environment(sources: Sources) -> Iterator[str]:
    for name in sources:
        if name not in READS_THE_ENVIRONMENT and any(map(reads_environment, ast.walk(ast.parse(sources[name])))):
            yield name


def reads_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=attribute):
            return attribute in ENVIRONMENT
        case ast.ImportFrom(module="os", names=names):
            return any(alias.name in ENVIRONMENT for alias in names)
        case ast.keyword(arg="envvar"):  # typer's and click's way of reading it
            return True
        case _:
            return False


def names_that_say_nothing(sources: Sources) -> Iterator[str]:
    yield from (name for name in sources if NAMES_THAT_SAY_NOTHING & set(name.split(".")))


def modules_too_long(sources: Sources) -> Iterator[str]:
    for name, source in sources.items():
        if (lines := len(source.splitlines())) > MOST_LINES:
            yield f"{name} has {lines} lines"


# Each rule with sources that break it, and what it says of them.
BROKEN: list[tuple[Rule, dict[str, str], str]] = [
    (modules_without_a_floor, {"gateway.rest": ""}, "gateway.rest"),
    (
        imports_from_a_later_floor,
        {"records.reading": "from creditconnect.custody import vault", "custody.vault": ""},
        "records.reading imports custody.vault",
    ),
    (
        imports_from_a_later_floor,
        {"custody": "", "custody.vault": "def late():\n    from ..chain.rpc import call", "chain": "", "chain.rpc": ""},
        "custody.vault imports chain.rpc",
    ),
    (
        imports_from_a_later_floor,
        {"types": "import creditconnect.client", "client": ""},
        "types imports client",
    ),
    (
        imports_from_a_later_floor,
        {"__init__": "from .cli import app", "cli.app": ""},
        "__init__ imports cli.app",
    ),
    (
        imports_from_a_later_floor,
        {"client": "from creditconnect.cli.app import main", "cli.app": ""},
        "client imports cli.app",
    ),
    (
        import_cycles,
        {"chain": "", "chain.a": "from . import b", "chain.b": "from creditconnect.chain.a import x"},
        "chain.a <- chain.b <- chain.a",
    ),
    (imports_of_another_module, {"chain.rpc": "from eth_account import Account"}, "chain.rpc imports eth_account"),
    (imports_of_another_module, {"client": "def f():\n    import eth_abi.abi"}, "client imports eth_abi"),
    (imports_of_another_module, {"exchange.mirror": "import eth_abi"}, "exchange.mirror imports eth_abi"),
    (imports_of_another_module, {"chain.signing": "import eth_utils"}, "chain.signing imports eth_utils"),
    (imports_never_allowed, {"cli.demo": "import ape"}, "cli.demo imports ape"),
    (imports_never_allowed, {"chain.registry": "from web3 import Web3"}, "chain.registry imports web3"),
    (imports_never_allowed, {"chain.registry": "from solcx import install_solc"}, "chain.registry imports solcx"),
    (impure_records, {"records.reading": "import sqlite3"}, "records.reading imports sqlite3"),
    (impure_records, {"records.reading": "from urllib.request import urlopen"}, "records.reading imports urllib"),
    (readers_of_the_environment, {"client": "import os\nhome = os.environ['HOME']"}, "client"),
    (readers_of_the_environment, {"cli.app": "from os import getenv"}, "cli.app"),
    (readers_of_the_environment, {"cli.app": "home = Option(envvar='HOME')"}, "cli.app"),
    (names_that_say_nothing, {"records.utils": ""}, "records.utils"),
    (names_that_say_nothing, {"common.words": ""}, "common.words"),
    (modules_too_long, {"client": "\n" * 501}, "client has 501 lines"),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BROKEN))


@pytest.fixture(scope="module")
def sources() -> Sources:
    found = read_sources(SOURCE)
    assert found, f"no module below {SOURCE}"
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source__every_module__keeps_the_rule(rule: Rule, sources: Sources) -> None:
    assert list(rule(sources)) == []


@pytest.mark.parametrize(("rule", "broken", "said"), BROKEN)
def test_rule__broken_source__is_reported(rule: Rule, broken: Sources, said: str) -> None:
    assert list(rule(broken)) == [said]


def test_rules__allowed_imports__are_not_reported() -> None:
    allowed = {
        "__init__": "",
        "__main__": "from creditconnect.cli.app import main",
        "types": "",
        "settings": "import os\nhome = os.environ['HOME']",
        "records": "from creditconnect.records.reading import read",
        "records.reading": "import json\nfrom ..types import Record\nfrom creditconnect.records import canonical",
        "records.canonical": "import orjson",
        "chain": "",
        "chain.signing": "from eth_account import Account",
        "chain.contract_abi": "def connect():\n    from eth_utils import keccak\n    import eth_abi",
        "cli": "",
        "cli.app": "from creditconnect import client, types",
        "client": "from creditconnect.chain import registry, signing\nfrom .records import read",
    }
    assert [found for rule in RULES for found in rule(allowed)] == []


def test_sources__a_package_and_its_modules__go_by_their_names(tmp_path: Path) -> None:
    for path in ("__init__.py", "client.py", "records/__init__.py", "records/reading.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()

    assert set(read_sources(tmp_path)) == {"__init__", "client", "records", "records.reading"}
