"""What an authority does for its side, alone or together with others: corridors, joint actions, pause, schemas, shares.

ape run institutions corridor open HK CN-SZ --authority hk_authority ...
ape run institutions joint add-side MO 0xAuthority 0xRecovery --authority hk_authority ...
ape run institutions joint agree 0123456789abcdef --authority sz_authority ...        # an id that `pending` shows
ape run institutions pause on --authority hk_authority ...
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
from ape.api import ProviderAPI

from creditconnect.chain.deployment import Deployment
from creditconnect.errors import InputError
from creditconnect.records.schemas import SchemaCatalogue
from scripts._acting import Acting, acting, as_json, on_deployment, say
from scripts._joint import JointActs, Proposal, find_proposal
from scripts._registry import AddressParameter, ChainCommand, code_text, open_registry
from scripts._tables import table

SHARE_BYTES = 32


@click.group()
def corridor() -> None:
    """Open or close the way from providers of one side to banks of another."""


@corridor.command("open", cls=ChainCommand)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@acting
def open_corridor(acting: Acting, source: str, target: str) -> None:
    """Agree that banks in TO rely on records from FROM. It opens when both sides have."""
    say(_joint(acting).open_corridor(source, target), f"corridor {source} to {target}")


@corridor.command("close", cls=ChainCommand)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@acting
def close_corridor(acting: Acting, source: str, target: str) -> None:
    """Close the corridor from FROM to TO at once; either side may."""
    say(_joint(acting).close_corridor(source, target), f"corridor {source} to {target}")


@click.group()
def joint() -> None:
    """Agree to what takes every side: another side, a successor contract."""


@joint.command("add-side", cls=ChainCommand)
@click.argument("code")
@click.argument("authority_address", metavar="AUTHORITY", type=AddressParameter())
@click.argument("recovery_address", metavar="RECOVERY", type=AddressParameter())
@acting
def add_side(acting: Acting, code: str, authority_address: str, recovery_address: str) -> None:
    """Agree that side CODE joins, with the address of its authority and its recovery address."""
    say(_joint(acting).add_side(code, authority_address, recovery_address), f"side {code}")


@joint.command("name-successor", cls=ChainCommand)
@click.argument("to", metavar="ADDRESS", type=AddressParameter())
@click.option("--yes", is_flag=True, help="Do not ask.")
@acting
def name_successor(acting: Acting, to: str, yes: bool) -> None:
    """Agree that the contract at ADDRESS takes over. Once all have, registration here is closed for good."""
    acting.confirm(yes, f"Registration ends for good once every side has agreed to {to}. Go on?")
    say(_joint(acting).name_successor(to), f"successor {to}")


@joint.command(cls=ChainCommand)
@click.argument("action")
@click.option("--yes", is_flag=True, help="Do not ask.")
@acting
def agree(acting: Acting, action: str, yes: bool) -> None:
    """Agree to the half-made joint action whose id, or at least 8 digits of it, `pending` shows."""
    found = _find(acting, action)
    click.echo(f"joint action {found.action.hex()}: {found.words}")
    acting.confirm(yes, "Agree?")
    say(_joint(acting).agree(found), f"joint action {found.action.hex()}")


@joint.command(cls=ChainCommand)
@click.argument("action")
@acting
def withdraw(acting: Acting, action: str) -> None:
    """Take back this side's agreement to a joint action that is not complete."""
    found = _find(acting, action)
    say(_joint(acting).withdraw(found), f"{found.words}")


@click.command(cls=ChainCommand)
@click.argument("state", type=click.Choice(["on", "off"]))
@acting
def pause(acting: Acting, state: str) -> None:
    """Set or lift this side's pause. Any side's stops registering, approving and superseding."""
    hand, registry = acting.authority(), acting.registry
    side = registry.side_of(hand.address, hand.name)
    if bool(registry.read("registry").paused >> (side - 1) & 1) == (state == "on"):
        click.echo("nothing to do")
    else:
        hand.act(registry, "setPaused", state == "on")
    paused = registry.read("registry").paused
    codes = [code_text(one.code) for one_side, one in registry.jurisdictions().items() if paused >> (one_side - 1) & 1]
    click.echo(f"paused by {', '.join(codes)}" if codes else "not paused")


@click.group()
def schema() -> None:
    """Pin the schemas that records are registered under."""


@schema.command(cls=ChainCommand)
@click.argument("schema_id", metavar="ID")
@acting
def pin(acting: Acting, schema_id: str) -> None:
    """Pin schema ID of this software by its hash, for ever."""
    say(_pin(acting, schema_id), schema_id)


@schema.command("list", cls=ChainCommand)
@on_deployment
@as_json
def list_schemas(provider: ProviderAPI, deployment: Path, as_json: bool) -> None:
    """Show this software's schemas, and under which number each is pinned."""
    registry = open_registry(provider, Deployment.read(deployment))
    catalogue = SchemaCatalogue()
    rows = [
        {"id": one.id, "hash": "0x" + one.hash.hex(), "number": int(registry.read("schemaByHash", one.hash))}
        for one in map(catalogue.load, catalogue.ids)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(table(["id", "number", "hash"], [[row["id"], row["number"] or "-", row["hash"]] for row in rows]))


@click.command("keeper-share", cls=ChainCommand)
@click.argument("epoch", type=click.IntRange(1, 255))
@click.argument("share")
@acting
def keeper_share(acting: Acting, epoch: int, share: str) -> None:
    """Publish SHARE, 32 bytes in hex, of this side's keeper for EPOCH, once and for ever."""
    say(_publish_share(acting, epoch, _share(share)), f"keeper's share of epoch {epoch}")


def _pin(acting: Acting, schema_id: str) -> Iterator[str]:
    wanted, registry = SchemaCatalogue().load(schema_id), acting.registry
    if not registry.read("schemaByHash", wanted.hash):
        acting.authority().act(registry, "addSchema", wanted.hash, wanted.id)
        yield f"pinned as schema {registry.read('schemaByHash', wanted.hash)}"


def _publish_share(acting: Acting, epoch: int, share: bytes) -> Iterator[str]:
    hand, registry = acting.authority(), acting.registry
    side = registry.side_of(hand.address, hand.name)
    if bytes(registry.read("keeperShareOf", side, epoch)) != share:
        hand.act(registry, "publishKeeperShare", epoch, share)
        yield "published"


def _share(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != SHARE_BYTES:
        raise InputError(f"a keeper's share is {SHARE_BYTES} bytes in hex")
    return raw


def _joint(acting: Acting) -> JointActs:
    return JointActs(acting.registry, acting.authority())


def _find(acting: Acting, action: str) -> Proposal:
    return find_proposal(acting.registry, acting.deployment.block, action)
