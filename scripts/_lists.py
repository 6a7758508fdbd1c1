"""What a registry holds as of one block, as tables and as JSON: institutions, sides, corridors, and what is pending.

ape run institutions pending --network URL --deployment FILE
ape run institutions sides --network URL --deployment FILE --json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from ape.api import ProviderAPI
from eth_utils.address import to_checksum_address

from creditconnect.chain.deployment import Deployment
from creditconnect.types import AccountRole, Standing
from scripts._acting import as_json, on_deployment
from scripts._joint import ProposalState, proposals
from scripts._onboarding import role_names, schema_names, until_text
from scripts._pending import PendingMatters, iso
from scripts._registry import ChainCommand, Registry, code_text, open_registry, with_options
from scripts._tables import table
from scripts._words import NOBODY

reading = with_options([on_deployment, as_json])


@click.command("list", cls=ChainCommand)
@reading
def list_institutions(provider: ProviderAPI, deployment: Path, as_json: bool) -> None:
    """Show every institution; with --json every side and corridor too."""
    registry, first_block, block = _open(provider, deployment)
    _show(_state(registry, first_block, block), _institutions_table, as_json)


@click.command(cls=ChainCommand)
@reading
def sides(provider: ProviderAPI, deployment: Path, as_json: bool) -> None:
    """Show every side: who sits on its seats, whether it accepted the registry, whether it pauses."""
    registry, _, block = _open(provider, deployment)
    _show({"block": block, "sides": _sides(registry, block)}, _sides_table, as_json)


@click.command(cls=ChainCommand)
@reading
def corridors(provider: ProviderAPI, deployment: Path, as_json: bool) -> None:
    """Show the corridors that are open, and those that one side has agreed to."""
    registry, first_block, block = _open(provider, deployment)
    state = {"block": block, "corridors": _all_corridors(registry, first_block, block)}
    _show(state, _corridors_table, as_json)


@click.command(cls=ChainCommand)
@click.option("--all", "lapsed", is_flag=True, help="Joint actions too that expired, or ended with an authority.")
@reading
def pending(provider: ProviderAPI, deployment: Path, as_json: bool, lapsed: bool) -> None:
    """Show what is half done, who can act on it, and by when."""
    registry, first_block, block = _open(provider, deployment)
    matters = PendingMatters(registry, first_block, block)
    found = [one.to_document() for one in matters.all(lapsed=lapsed)]
    _show({"block": block, "time": iso(matters.now), "pending": found}, _pending_table, as_json)


def _open(provider: ProviderAPI, deployment: Path) -> tuple[Registry, int, int]:
    """The registry, its first block, and the one that all is read at."""
    trusted = Deployment.read(deployment)
    registry = open_registry(provider, trusted)
    return registry, trusted.block, registry.chain.head()


def _show(state: dict[str, Any], as_table: Any, as_json: bool) -> None:
    click.echo(json.dumps(state, indent=2) if as_json else as_table(state))


def _state(registry: Registry, first_block: int, block: int) -> dict[str, Any]:
    counters = registry.read("registry", block=block)
    sides = _sides(registry, block)
    codes = {one["id"]: one["code"] for one in sides}
    bound = _accounts(registry, first_block, block)
    return {
        "block": block,
        "jurisdictions": sides,
        "corridors": _open_corridors(registry, codes, block),
        "institutions": [
            _institution_state(registry, number, codes, bound.get(number, []), block)
            for number in range(1, counters.institutionCount + 1)
        ],
    }


def _sides(registry: Registry, block: int) -> list[dict[str, Any]]:
    counters = registry.read("registry", block=block)
    return [
        {
            "id": side,
            "code": code_text(one.code),
            "authority": str(one.authority),
            "recovery": str(one.recovery),
            "accepted": bool(counters.accepted >> (side - 1) & 1),
            "paused": bool(counters.paused >> (side - 1) & 1),
            "offered_authority": _somebody(one.offeredAuthority),
            "offered_recovery": _somebody(one.offeredRecovery),
            "recovery_to": _somebody(one.recoveryTo),
        }
        for side, one in registry.jurisdictions(block).items()
    ]


def _somebody(address: object) -> str | None:
    return None if address == NOBODY else str(address)


def _open_corridors(registry: Registry, codes: dict[int, str], block: int) -> list[dict[str, str]]:
    return [
        {"from": codes[a], "to": codes[b]}
        for a in codes
        for b in codes
        if a != b and registry.read("corridorOpen", a, b, block=block)
    ]


def _all_corridors(registry: Registry, first_block: int, block: int) -> list[dict[str, Any]]:
    codes = {side: code_text(one.code) for side, one in registry.jurisdictions(block).items()}
    found: list[dict[str, Any]] = [{**one, "state": "open"} for one in _open_corridors(registry, codes, block)]
    half_made = [
        one
        for one in proposals(registry, first_block, block)
        if one.call.function == "openCorridor" and one.state == ProposalState.HALF_MADE
    ]
    return found + [
        {
            "from": codes[one.call.arguments["from"]],
            "to": codes[one.call.arguments["to"]],
            "state": str(one.state),
            "missing": [codes[side] for side in one.missing],
            "expires_at": iso(one.expires_at),
        }
        for one in half_made
    ]


def _accounts(registry: Registry, first_block: int, block: int) -> dict[int, list[dict[str, Any]]]:
    # The contract keeps no list of accounts: the events name them, the contract says how each stands.
    bound: dict[int, list[dict[str, Any]]] = {}
    named = (event.arguments["account"] for _, event in registry.events("AccountSet", first_block, block))
    # Each once, in the order of their appearance.
    for address in dict.fromkeys(map(to_checksum_address, named)):
        account = registry.read("accountOf", address, block=block)
        role = AccountRole(account.role).name.lower()
        shown = {"address": address, "role": role, "enabled": account.enabled, "number": account.number}
        bound.setdefault(account.institution, []).append(shown)
    return bound


def _institution_state(
    registry: Registry, number: int, codes: dict[int, str], accounts: list[dict[str, Any]], block: int
) -> dict[str, Any]:
    one = registry.read("institutionOf", number, block=block)
    return {
        "institution": number,
        "code": code_text(one.code),
        "jurisdiction": codes[one.jurisdiction],
        "standing": Standing(one.standing).name.lower(),
        "roles": role_names(one.roles),
        "schemas": schema_names(registry, one.schemas, block),
        "until": until_text(one.entitledUntil),
        "entitled_until_seconds": one.entitledUntil,
        "mandatory_review": one.mandatoryReview,
        "profile_hash": "0x" + bytes(one.profileHash).hex(),
        "encryption_key_hash": "0x" + bytes(one.encryptionKeyHash).hex(),
        "accounts": accounts,
    }


def _institutions_table(state: dict[str, Any]) -> str:
    rows = []
    for one in state["institutions"]:
        accounts = [f"{a['role']} {a['address']}{'' if a['enabled'] else ' (disabled)'}" for a in one["accounts"]]
        cells = [one["institution"], one["code"], one["jurisdiction"], one["standing"], "+".join(one["roles"])]
        cells += [",".join(one["schemas"]), one["until"], "yes" if one["mandatory_review"] else "no"]
        rows.append([*cells, ", ".join(accounts)])
    return table(["id", "code", "side", "standing", "roles", "schemas", "until", "review", "accounts"], rows)


def _sides_table(state: dict[str, Any]) -> str:
    rows = [
        [
            one["id"],
            one["code"],
            one["authority"],
            one["recovery"],
            "yes" if one["accepted"] else "no",
            "yes" if one["paused"] else "no",
        ]
        for one in state["sides"]
    ]
    return table(["id", "code", "authority", "recovery", "accepted", "paused"], rows)


def _corridors_table(state: dict[str, Any]) -> str:
    rows = [
        [one["from"], one["to"], one["state"], ", ".join(one.get("missing", [])), one.get("expires_at", "")]
        for one in state["corridors"]
    ]
    return table(["from", "to", "state", "waits for", "expires"], rows) if rows else "no corridor"


def _pending_table(state: dict[str, Any]) -> str:
    rows = [[one["kind"], one["what"], "; ".join(one["who"]), one["when"]] for one in state["pending"]]
    return table(["kind", "what", "who can act", "when"], rows) if rows else "nothing is pending"
