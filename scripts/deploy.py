"""Deploy the registry, and accept it on behalf of a side. Run by the admins of each side's authority.

    ape run deploy --network URL --side HK:hk_authority:0xRecovery --side CN-SZ:0xAuthority:0xRecovery
    ape run deploy accept --network URL --deployment FILE --authority sz_authority

A side is `code:authority:recovery address`. An authority given by its alias accepts at once; one given by its address
does so by itself later, with `accept`, from its own machine. The registry is inert until all have. What is deployed is
the committed bytecode, and whoever accepts compares the code on the chain with it first. The authority by whose
acceptance the registry comes alive also pins the schemas that come with this software.
Keys, passphrases and `--network`: see scripts/_registry.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import click
from ape.api import AccountAPI, ProviderAPI
from ape.exceptions import ApeException
from eth_utils.crypto import keccak

from creditconnect.chain.deployment import Deployment
from creditconnect.errors import InputError, NodeUnreachable, OtherChain, SettingsError, UsageError
from creditconnect.records.schemas import SchemaCatalogue
from creditconnect.types import ChainIdentity
from scripts._keys import unlock
from scripts._registry import (
    LOST_CONNECTION,
    Chain,
    ChainCommand,
    Registry,
    artefact,
    code_bytes,
    code_text,
    contract_type,
    lost_connection,
    open_registry,
    parse_address,
)

DEPLOYMENTS = Path(__file__).resolve().parent.parent / "deployments"


class Side(NamedTuple):
    """A founding side. `authority` is an alias of this machine's or an address."""

    code: str
    authority: str
    recovery: str

    @property
    def is_here(self) -> bool:
        """Whether the authority's key is on this machine."""
        return not self.authority.startswith("0x")


class SideParameter(click.ParamType):
    """`code:alias or address:recovery address`."""

    name = "code:authority:recovery"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Side:
        parts = str(value).split(":")
        if len(parts) != 3 or not all(parts):
            self.fail(f"{value!r} is not code:authority:recovery", param, ctx)
        code, authority, recovery = parts
        try:
            code_bytes(code)
            side = Side(code, authority, parse_address(recovery))
            return side if side.is_here else Side(code, parse_address(authority), side.recovery)
        except InputError as error:
            self.fail(str(error), param, ctx)


class DeployGroup(click.Group):
    """`deploy --side ...` is short for `deploy registry --side ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["registry", *args]
        return super().parse_args(ctx, args)


@click.group(cls=DeployGroup, short_help="Deploy the registry, or accept it on behalf of a side")
def cli() -> None:
    """Deploy the registry, or accept it on behalf of a side."""


@cli.command(cls=ChainCommand)
@click.option("--side", "sides", type=SideParameter(), multiple=True, required=True, help="Once a side.")
@click.option("--deployer", help="The alias that pays. By default the first authority given by its alias.")
@click.option("--accept/--no-accept", default=True, help="Let the authorities given by alias accept at once.")
@click.option("--deployments-dir", type=click.Path(path_type=Path, file_okay=False), default=DEPLOYMENTS)
def registry(
    provider: ProviderAPI, sides: tuple[Side, ...], deployer: str | None, accept: bool, deployments_dir: Path
) -> None:
    """Deploy the committed registry and write its deployment file. Never overwrites one."""
    chain = Chain(provider)
    _require_new(chain, deployments_dir)
    _make_folder(deployments_dir)
    keys = {side.code: unlock(side.authority) for side in sides if side.is_here}
    paying = _deployer(deployer, list(keys.values()))
    founders = [(code_bytes(side.code), _address(side, keys), side.recovery) for side in sides]
    deployment = _deploy(chain, paying, founders)
    path = deployments_dir / deployment.file_name
    _write(deployment, path)
    click.echo(f"deployed {deployment.identity.registry} in block {deployment.block}")
    if accept:
        for key in keys.values():
            _accept(Registry(chain, deployment.identity.registry), key)
    click.echo(f"deployment {path}")


@cli.command(cls=ChainCommand)
@click.option("--deployment", type=click.Path(path_type=Path), required=True, help="The file that `deploy` wrote.")
@click.option("--authority", required=True, help="The alias of this side's authority.")
def accept(provider: ProviderAPI, deployment: Path, authority: str) -> None:
    """Compare the code on the chain with the committed one and accept it. May be run again."""
    deployed = open_registry(provider, Deployment.read(deployment))
    _accept(deployed, unlock(authority))


def _require_new(chain: Chain, folder: Path) -> None:
    # Before anything is sent: a second registry beside the published one helps nobody.
    identity = ChainIdentity(chain.id, chain.genesis_hash, "", b"")
    path = folder / Deployment(identity, 0, "", {}).file_name
    if path.exists():
        raise SettingsError(f"{path} exists: this chain has its registry; a deployment is never overwritten")


def _make_folder(folder: Path) -> None:
    # Also before anything is sent: else nobody would know where the registry is.
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder}: can't be made ({error.strerror})") from None


def _deployer(alias: str | None, authorities: list[AccountAPI]) -> AccountAPI:
    if alias is not None:
        return unlock(alias)
    if not authorities:
        raise UsageError("no authority is given by its alias", hint="name who pays with --deployer")
    return authorities[0]


def _address(side: Side, keys: dict[str, AccountAPI]) -> str:
    return str(keys[side.code].address) if side.is_here else side.authority


def _deploy(chain: Chain, deployer: AccountAPI, founders: list[tuple[bytes, str, str]]) -> Deployment:
    constructor = contract_type().constructor
    arguments = chain.provider.network.ecosystem.encode_calldata(constructor, founders)
    receipt = _create(chain, deployer, artefact()["bytecode"] + bytes(arguments).hex())
    address = str(receipt.contract_address)
    code_hash = _require_committed_code(chain, address)
    deployed = Registry(chain, address)
    return Deployment(
        identity=ChainIdentity(chain.id, chain.genesis_hash, address.lower(), code_hash),
        block=int(receipt.block_number),
        version=str(deployed.read("version")),
        jurisdictions={side: code_text(one.code) for side, one in deployed.jurisdictions().items()},
    )


def _create(chain: Chain, deployer: AccountAPI, code: str) -> Any:
    try:
        return chain.submit(deployer, code)
    except (ApeException, NodeUnreachable, *LOST_CONNECTION) as error:
        if lost_connection(error) is None:
            raise
        hint = "run the same again: a registry that was left behind counts for nothing, as nobody has accepted it"
        raise NodeUnreachable("the node went away while the registry was deployed", hint=hint) from error


def _write(deployment: Deployment, path: Path) -> None:
    try:
        deployment.write(path)
    except OSError as error:
        hint = f"the registry is deployed at {deployment.identity.registry} in block {deployment.block}"
        raise SettingsError(f"{path}: can't be written ({error.strerror})", hint=hint) from None


def _require_committed_code(chain: Chain, address: str) -> bytes:
    """The hash of the code at the address, which is the committed one: the registry has no immutables.

    Raises:
        OtherChain: it is not.
    """
    found = chain.code_hash(address)
    committed = keccak(bytes.fromhex(artefact()["deployedBytecode"].removeprefix("0x")))
    if found != committed:
        raise OtherChain(
            f"the code at {address} is not the committed one", hint=f"{found.hex()}, not {committed.hex()}"
        )
    return found


def _accept(deployed: Registry, authority: AccountAPI) -> None:
    _require_committed_code(deployed.chain, deployed.address)
    side = deployed.side_of(str(authority.address), str(authority.alias))
    code = code_text(deployed.read("jurisdictionOf", side).code)
    if deployed.read("registry").accepted >> (side - 1) & 1:
        click.echo(f"{code} had accepted")
    else:
        deployed.send(authority, "acceptRegistry", side)
        click.echo(f"{code} accepted")
    if deployed.read("registry").live:
        _pin_schemas(deployed, authority)
    else:
        click.echo("the registry is not live yet: another side has still to accept")


def _pin_schemas(deployed: Registry, authority: AccountAPI) -> None:
    catalogue = SchemaCatalogue()
    for schema in map(catalogue.load, catalogue.ids):
        if not deployed.read("schemaByHash", schema.hash):
            deployed.send(authority, "addSchema", schema.hash, schema.id)
            click.echo(f"pinned {schema.id} as schema {deployed.read('schemaByHash', schema.hash)}")


def main() -> None:
    """The same without `ape run`: `python -m scripts.deploy --network ...`."""
    cli()


if __name__ == "__main__":
    main()
