"""What an authority does about a record or a batch: it doubts, ends its doubt, withdraws, rejects.

    ape run institutions record show HASH ...
    ape run institutions record dispute HASH --reason plausibility --authority hk_authority ...     # any side's
    ape run institutions record resolve HASH --uphold --reason data_error --authority hk_authority ...
    ape run institutions record revoke HASH HASH --reason court_or_regulator --authority sz_authority ...
    ape run institutions batch reject 12 --reason entitlement --authority sz_authority ...
    ape run institutions batch revoke 12 --reason key_compromised --authority sz_authority ...

Where a hash has several claims, `--institution` and `--claim` choose one; without, nothing is done. Every record is
looked at before the first transaction: where one can't be acted on, none is. Dispute and resolve take a transaction a
record, `--export` writes the first that is not done; revoke is one for all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from ape.api import ProviderAPI

from creditconnect.chain.deployment import Deployment
from creditconnect.cli.presentation import parse_record_hash, utc
from creditconnect.errors import UsageError
from creditconnect.reasons import ChainReason
from creditconnect.types import BatchStatus
from scripts._acting import Acting, acting, as_json, on_deployment, reasoned
from scripts._pending import iso
from scripts._records import BatchFound, RecordActs, RecordClaim, RecordReading
from scripts._registry import ChainCommand, open_registry, with_options
from scripts._tables import table

on_records = click.argument("records", metavar="HASH...", nargs=-1, required=True)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")
on_claims = with_options(
    [
        on_records,
        click.option("--institution", help="Whose record, by code, where several have this hash."),
        click.option("--claim", type=click.IntRange(0, 63), help="Which of an institution's claims to the hash."),
        reasoned(required=True),
        yes_option,
        acting,
    ]
)
on_batch = with_options(
    [
        click.argument("number", metavar="ID", type=click.IntRange(1, 2**48 - 1)),
        reasoned(required=True),
        yes_option,
        acting,
    ]
)


@click.group()
def record() -> None:
    """Doubt a record of any side, end that doubt, or withdraw this side's."""


@record.command(cls=ChainCommand)
@on_records
@on_deployment
@as_json
def show(provider: ProviderAPI, records: tuple[str, ...], deployment: Path, as_json: bool) -> None:
    """Show every claim to each HASH: whose, in which state, and who disputes it."""
    hashes = [parse_record_hash(one) for one in records]
    registry = open_registry(provider, Deployment.read(deployment))
    reading = RecordReading(registry, registry.chain.head())
    found = [claim for one in hashes for claim in reading.claims(one)]
    if as_json:
        click.echo(json.dumps({"block": reading.block, "claims": [_document(one) for one in found]}, indent=2))
    else:
        click.echo(_claims_table(found) if found else "no claim")


@record.command(cls=ChainCommand)
@on_claims
def dispute(acting: Acting, reason: str, yes: bool, **named: Any) -> None:
    """Say that records of any side are in doubt: they don't verify until this authority resolves it."""
    acts = RecordActs(acting.registry, acting.authority())
    claims = _chosen(acting, **named)
    todo = [one for one in claims if acts.to_dispute(one)]
    _ask(acting, yes, todo, f"Dispute, reason {reason}?")
    _say(claims, acts.dispute(todo, ChainReason[reason.upper()]), "disputed")


@record.command(cls=ChainCommand)
@click.option("--uphold/--dismiss", default=None, help="Upheld, it is revoked; dismissed, it is good again.")
@on_claims
def resolve(acting: Acting, uphold: bool | None, reason: str, yes: bool, **named: Any) -> None:
    """End disputes that this side's authority raised."""
    if uphold is None:
        raise UsageError("how is the dispute resolved?", hint="give --uphold or --dismiss")
    acts = RecordActs(acting.registry, acting.authority())
    claims = _chosen(acting, **named)
    todo = [one for one in claims if acts.to_resolve(one, uphold)]
    became = "upheld, it is revoked" if uphold else "dismissed, it is active"
    _ask(acting, yes, todo, f"{'Uphold, which revokes for ever' if uphold else 'Dismiss'}, reason {reason}?")
    _say(claims, acts.resolve(todo, uphold, ChainReason[reason.upper()]), f"dispute {became}")


@record.command(cls=ChainCommand)
@on_claims
def revoke(acting: Acting, reason: str, yes: bool, **named: Any) -> None:
    """Withdraw records of this side's institutions, for ever; all or none."""
    acts = RecordActs(acting.registry, acting.authority())
    claims = _chosen(acting, **named)
    todo = [one for one in claims if acts.to_revoke(one)]
    _ask(acting, yes, todo, f"Revoke for ever, reason {reason}?")
    _say(claims, acts.revoke(todo, ChainReason[reason.upper()]), "revoked")


@click.group()
def batch() -> None:
    """Reject or withdraw a batch of this side's institutions as a whole."""


@batch.command("reject", cls=ChainCommand)
@on_batch
def reject_batch(acting: Acting, number: int, reason: str, yes: bool) -> None:
    """Reject batch ID, which waits for review."""
    _decide(acting, number, BatchStatus.REJECTED, reason, yes)


@batch.command("revoke", cls=ChainCommand)
@on_batch
def revoke_batch(acting: Acting, number: int, reason: str, yes: bool) -> None:
    """Withdraw every record of batch ID, for ever."""
    _decide(acting, number, BatchStatus.REVOKED, reason, yes)


def _decide(acting: Acting, number: int, wanted: BatchStatus, reason: str, yes: bool) -> None:
    acts = RecordActs(acting.registry, acting.authority())
    found = RecordReading(acting.registry, acting.registry.chain.head()).batch(number)
    if not acts.to_decide(found, wanted):
        click.echo(f"batch {number}: nothing to do")
        return
    click.echo(_batch_table(found))
    verb = "Reject" if wanted == BatchStatus.REJECTED else "Revoke"
    acting.confirm(yes, f"{verb} for ever, reason {reason}?")
    acts.decide(found, wanted, ChainReason[reason.upper()])
    click.echo(f"batch {number}: {wanted.name.lower()}")


def _chosen(acting: Acting, records: tuple[str, ...], institution: str | None, claim: int | None) -> list[RecordClaim]:
    # Each once, as the registry would refuse the second.
    hashes = dict.fromkeys(parse_record_hash(one) for one in records)
    reading = RecordReading(acting.registry, acting.registry.chain.head())
    return [reading.chosen(one, institution, claim) for one in hashes]


def _ask(acting: Acting, yes: bool, todo: Sequence[RecordClaim], question: str) -> None:
    if todo:
        click.echo(_claims_table(todo))
        acting.confirm(yes, question)


def _say(claims: Sequence[RecordClaim], done: Iterator[RecordClaim], became: str) -> None:
    acted = set()
    for one in done:
        acted.add(one.key)
        click.echo(f"{one.words}: {became}")
    for one in claims:
        if one.key not in acted:
            click.echo(f"{one.words}: nothing to do")


def _claims_table(claims: Sequence[RecordClaim]) -> str:
    columns = ["record", "institution", "claim", "side", "state", "schema", "batch", "registered at", "disputed by"]
    rows = [
        [
            one.record_hash.hex(),
            one.institution,
            one.n,
            one.side_code,
            one.state.name.lower() + (" (expired)" if one.expired else ""),
            one.schema,
            one.batch,
            utc(one.registered_at),
            f"{one.doubt.by}, {one.doubt.reason}, since {utc(one.doubt.at)}" if one.doubt else "",
        ]
        for one in claims
    ]
    return table(columns, rows)


def _document(one: RecordClaim) -> dict[str, Any]:
    doubt = None
    if one.doubt is not None:
        doubt = {"by": one.doubt.by, "reason": one.doubt.reason, "since": iso(one.doubt.at)}
    return {
        "record": one.record_hash.hex(),
        "institution": one.institution,
        "claim": one.n,
        "entry_key": f"{one.key:#x}",
        "side": one.side_code,
        "state": one.state.name.lower(),
        "expired": one.expired,
        "schema": one.schema,
        "batch": one.batch,
        "registered_at": iso(one.registered_at),
        "expires_at": iso(one.expires_at) if one.expires_at else None,
        "dispute": doubt,
    }


def _batch_table(one: BatchFound) -> str:
    columns = ["batch", "institution", "side", "status", "schema", "records", "registered at", "submitted by"]
    cells = [one.number, one.institution, one.side_code, one.status.name.lower(), one.schema, one.count]
    return table(columns, [[*cells, utc(one.registered_at), one.submitter]])
