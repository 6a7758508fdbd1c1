"""Compile the contract and write its ABI and bytecode into the package, or check that they are what it compiles to.

    python scripts/export_abi.py [--check]

Compiler and settings are foundry.toml's, so that every tool gives the same bytes; `make setup` puts the compiler there.
What runs the contract uses the committed files and needs no compiler.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = "RecordRegistry"
ABI_FOLDER = ROOT / "src" / "creditconnect" / "chain" / "abi"
OUTPUTS = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "storageLayout"]


@click.command(short_help="Write or check the committed ABI and bytecode")
@click.option("--check", is_flag=True, help="Change nothing; fail when a committed file differs.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=ABI_FOLDER, help="Theirs.")
def cli(check: bool, folder: Path) -> None:
    """Compile contracts/ and write, or check, the committed ABI, bytecode and storage layout."""
    for name, text in compiled(ROOT).items():
        path = folder / name
        if not check:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}")
        elif difference := first_difference(path, text):
            raise click.ClickException(f"{path} is not what contracts/ compiles to ({difference}): run `make abi`")
        else:
            click.echo(f"{name}: {len(text):,} bytes, as compiled")


def compiled(root: Path) -> dict[str, str]:
    """The artefacts' texts by file name: sorted keys, a newline at the end, the same for the same source.

    Raises:
        click.ClickException: the compiler is missing or refuses the source.
    """
    from solcx import compile_standard
    from solcx.exceptions import SolcError

    settings = foundry_profile(root)
    try:
        output = compile_standard(_standard_input(root, settings), solc_binary=root / settings["solc"])
    except FileNotFoundError:
        raise click.ClickException(f"{settings['solc']} is missing: run `make setup`") from None
    except SolcError as error:
        raise click.ClickException(f"the contract does not compile: {error.message.strip()}") from None
    contract = output["contracts"][f"{settings['src']}/{CONTRACT}.sol"][CONTRACT]
    artefact = {
        "contractName": CONTRACT,
        "solc": _compiler_version(settings),
        "abi": contract["abi"],
        "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + contract["evm"]["deployedBytecode"]["object"],
    }
    layout = _without_node_ids(contract["storageLayout"])
    return {f"{CONTRACT}.json": _text(artefact), f"{CONTRACT}.storage.json": _text(layout)}


def first_difference(path: Path, text: str) -> str:
    """Which member of a committed file differs from what it should be; empty where none does."""
    try:
        committed = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "it is missing"
    if committed == text:
        return ""
    try:
        found, wanted = json.loads(committed), json.loads(text)
    except ValueError:
        return "it is not JSON"
    return next((f"{key} differs" for key in wanted if found.get(key) != wanted[key]), "its form differs")


def foundry_profile(root: Path) -> dict[str, Any]:
    """foundry.toml's default profile, in whose settings the committed bytecode is compiled."""
    document = tomllib.loads((root / "foundry.toml").read_text(encoding="utf-8"))
    profile: dict[str, Any] = document["profile"]["default"]
    return profile


def _standard_input(root: Path, settings: dict[str, Any]) -> dict[str, Any]:
    folder = settings["src"]
    sources = sorted((root / folder).glob("*.sol"))
    return {
        "language": "Solidity",
        "sources": {f"{folder}/{path.name}": {"content": path.read_text(encoding="utf-8")} for path in sources},
        "settings": {
            **compiler_settings(settings),
            "outputSelection": {f"{folder}/{CONTRACT}.sol": {CONTRACT: OUTPUTS}},
        },
    }


def compiler_settings(profile: dict[str, Any]) -> dict[str, Any]:
    """A profile's settings as solc's standard JSON names them."""
    return {
        "evmVersion": profile["evm_version"],
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "viaIR": profile.get("via_ir", False),
        "metadata": {"bytecodeHash": profile.get("bytecode_hash", "ipfs")},
    }


def _compiler_version(settings: dict[str, Any]) -> str:
    return str(settings["solc"]).rpartition("solc-v")[2]


def _without_node_ids(node: Any) -> Any:
    """The storage layout without the syntax tree's numbers, which shift with every line of source."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if key not in {"astId", "contract"}}
        return {_plain(key): _without_node_ids(value) for key, value in kept.items()}
    if isinstance(node, list):
        return [_without_node_ids(item) for item in node]
    return _plain(node) if isinstance(node, str) else node


def _plain(type_name: str) -> str:
    # t_struct(Batch)1234_storage: the number is the syntax tree's.
    head, *tails = type_name.split(")")
    return ")".join([head, *(tail.lstrip("0123456789") for tail in tails)])


def _text(document: object) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Run as a program."""
    cli()


if __name__ == "__main__":
    main()
