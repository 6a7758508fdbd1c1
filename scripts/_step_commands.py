"""A step exported by one side or machine, signed by another, sent by a third.

    ape run institutions recovery start HK --to 0xNext --export start.json --deployment FILE --network URL
    ape run institutions step show start.json --deployment FILE
    ape run institutions step sign start.json --key hk_recovery --deployment FILE --out signed.json
    ape run institutions step send signed.json --deployment FILE --network URL

Signing needs no node, sending no key. A command of several calls exports its first: run it again for the next, when the
first is done. Nothing that happened since makes a step act twice: its nonce is used once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape.api import ProviderAPI

from creditconnect.chain.deployment import Deployment
from creditconnect.errors import UsageError
from scripts._acting import as_json, on_deployment
from scripts._keys import find_account, unlock
from scripts._registry import ChainCommand, OfflineCommand, open_registry
from scripts._steps import (
    SignedStep,
    Step,
    block_if_done,
    check,
    read_document,
    require_sender,
    send,
    sign,
    write_document,
)
from scripts._words import DeploymentNames, RegistryNames, sentence

on_file = click.argument("file", type=click.Path(path_type=Path))


@click.group()
def step() -> None:
    """Show, sign and send a step that another machine exported."""


@step.command(cls=OfflineCommand)
@on_file
@on_deployment
@as_json
def show(file: Path, deployment: Path, as_json: bool) -> None:
    """Say what the step in FILE does, from its call data. Needs no node."""
    document, trusted = read_document(file), Deployment.read(deployment)
    one = document.step if isinstance(document, SignedStep) else document
    one.require_registry(trusted)
    if as_json:
        words = sentence(one.call, DeploymentNames(trusted))
        click.echo(json.dumps(document.to_document(words), indent=2))
        return
    click.echo("\n".join(one.describe(trusted)))
    click.echo(f"transaction {document.tx_hash}" if isinstance(document, SignedStep) else "not signed yet")


@step.command("sign", cls=OfflineCommand)
@on_file
@on_deployment
@click.option("--authority", "--key", "key", required=True, help="The alias of the key that the step names.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where to write the signed step.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def sign_step(file: Path, deployment: Path, key: str, out: Path, yes: bool) -> None:
    """Sign the step in FILE after showing what it does. Needs no node; who has the signed step can send it."""
    document, trusted = read_document(file), Deployment.read(deployment)
    if isinstance(document, SignedStep):
        raise UsageError(f"{file} is signed already", hint="`institutions step send` sends it")
    document.require_registry(trusted)
    # Before a passphrase is asked for.
    require_sender(document, str(find_account(key).address), key)
    click.echo("\n".join(document.describe(trusted)))
    _confirm(yes)
    signed = sign(document, unlock(key))
    write_document(out, signed.to_document(sentence(document.call, DeploymentNames(trusted))))
    click.echo(f"{out}: signed, transaction {signed.tx_hash}")


@step.command("send", cls=ChainCommand)
@on_file
@on_deployment
@click.option("--dry-run", is_flag=True, help="Only check that it could be sent now.")
def send_step(provider: ProviderAPI, file: Path, deployment: Path, dry_run: bool) -> None:
    """Send the signed step in FILE and wait for its block. Needs no key; sent before, it is not sent again."""
    signed: Step | SignedStep = read_document(file)
    if not isinstance(signed, SignedStep):
        raise UsageError(f"{file} is not signed", hint="`institutions step sign` signs it")
    trusted = Deployment.read(deployment)
    signed.step.require_registry(trusted)
    registry = open_registry(provider, trusted)
    words = sentence(signed.step.call, RegistryNames(registry))
    if dry_run and block_if_done(registry, signed) is None:
        check(registry, signed)
        click.echo(f"{words}: can be sent")
        return
    block, sent = send(registry, signed)
    click.echo(f"{words}: done in block {block}" if sent else f"{words}: was done in block {block}, nothing to do")


def _confirm(yes: bool) -> Any:
    if yes:
        return
    try:
        click.confirm("Sign this?", abort=True)
    except click.Abort:
        raise UsageError("not confirmed: nothing was signed", hint="say y, or give --yes") from None
