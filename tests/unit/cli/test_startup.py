"""What starting loads: a bank's clerk who asks for help does not wait for a chain's libraries.

Asked of a process of its own, by what it has loaded rather than by how long it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("creditconnect")
COMMANDS = ["", "init", "submit", "run", "status", "package", "revoke", "verify", "find", "demo"]
COMMANDS += ["supersede", "dispute", "resolve", "history"]
COMMANDS += ["review", "review list", "review show", "review approve", "review reject", "audit", "audit replay"]
COMMANDS += ["review files", "review sample", "review note", "review log"]
COMMANDS += ["keys", *(f"keys {name}" for name in ("list", "rotate", "retire", "export", "import"))]
COMMANDS += [f"network {name}" for name in ("key", "genesis", "up", "down", "status", "logs", "reset", "vote")]
COMMANDS += [f"network {name}" for name in ("join", "prepare", "transition", "refound")]
COMMANDS += ["package write", "package sheet", "package open"]
COMMANDS += ["schema", *(f"schema {name}" for name in ("list", "show", "template"))]
COMMANDS += ["subject", *(f"subject {name}" for name in ("register", "list", "show", "consent", "withdraw"))]
COMMANDS += ["intake", *(f"intake {name}" for name in ("list", "show", "accept", "reject")), "records list"]
SLOW = {
    *("web3", "ape", "eth_abi", "eth_account", "eth_keys", "eth_utils", "coincurve"),
    *("urllib3", "cryptography", "fastjsonschema", "orjson", "sqlite3"),
    *("pyarrow", "python_calamine"),
}
"""Modules of others that take a while, and what only an opened home needs. (pydantic is typer's own.)"""

# Runs the program itself, and tells at its end what it had loaded.
TELL_LOADED = (
    "import atexit, runpy, sys;"
    "atexit.register(lambda: print('LOADED', *sys.modules, file=sys.__stderr__));"
    "sys.argv = sys.argv[1:];"
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def loaded_by(*arguments: str) -> set[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CREDITCONNECT")}
    result = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.startswith("LOADED "), result.stderr
    return set(result.stderr.split()[1:])


def test_import__the_package__loads_none_of_its_parts() -> None:
    loaded = loaded_by("-c", "import creditconnect, sys; print('LOADED', *sys.modules, file=sys.stderr)")
    assert {name for name in loaded if name.startswith("creditconnect")} == {"creditconnect"}
    assert not loaded & SLOW


def test_import__a_verdict__loads_no_client() -> None:
    loaded = loaded_by(
        "-c", "from creditconnect import Verdict; import sys; print('LOADED', *sys.modules, file=sys.stderr)"
    )
    assert "creditconnect.types" in loaded
    assert "creditconnect.client" not in loaded
    assert not loaded & SLOW


def test_import__the_client__loads_what_the_program_must_not() -> None:
    """The names above are those of modules that are in fact loaded, later."""
    loaded = loaded_by(
        "-c", "from creditconnect import Client; import sys; print('LOADED', *sys.modules, file=sys.stderr)"
    )
    assert {"creditconnect.client", "eth_abi", "urllib3", "cryptography", "fastjsonschema", "sqlite3"} <= loaded
    assert not loaded & {"web3", "ape", "eth_account"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help__of_every_command__loads_no_client(command: str) -> None:
    loaded = loaded_by("-c", TELL_LOADED, str(PROGRAM), *command.split(), "--help")
    assert "creditconnect.cli.app" in loaded
    assert "creditconnect.client" not in loaded
    assert not loaded & SLOW


def test_version__is_the_packages() -> None:
    result = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == f"creditconnect {version('creditconnect')}\n"


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("creditconnect ver", ["verify"]),
        ("creditconnect audit re", ["replay"]),
        ("creditconnect keys rotate pass", ["passphrase"]),
        ("creditconnect keys retire s", ["submit"]),
        ("creditconnect revoke --reason DA", ["DATA_ERROR"]),
        ("creditconnect review reject --reason PL", ["PLAUSIBILITY"]),
        ("creditconnect submit mine.csv --schema doc", ["document/1"]),
        ("creditconnect schema template p", ["personal-credit-report/1"]),
    ],
)
def test_completion__of_a_half_typed_command_or_value__offers_the_whole(typed: str, offered: list[str]) -> None:
    asked = {
        "_CREDITCONNECT_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    result = subprocess.run(
        [str(PROGRAM)], capture_output=True, text=True, timeout=60, check=False, env=os.environ | asked
    )
    assert result.stdout.split() == offered
