"""Admit, scope and suspend institutions, open corridors, pause. Run by the admins of each side's authority.

    ape run institutions apply PLAN.toml --network URL --deployment FILE --authority hk_authority
    ape run institutions list --network URL --deployment FILE --json

Every command first compares chain id, genesis hash and code hash with the deployment file and refuses another chain.
An institution belongs to the side of the authority that admits it and is named by its permanent code.
Keys, passphrases and `--network`: see scripts/_registry.py. A plan:

    jurisdiction = "HK"                           # must be the authority's own side

    [[institution]]
    code = "TEST-HK-BUREAU"
    roles = ["provider"]                          # provider, verifier
    schemas = ["personal-credit-report/1"]        # ids, or numbers on this registry
    until = 2027-12-31                            # the last day (UTC) with rights, or "never"
    mandatory_review = true                       # the default
    submit = ["0x..."]
    review = ["0x..."]
    profile = "bureau.pdf"                        # optional: a file beside the plan, or 0x and its SHA-256
    encryption_key = "..."                        # optional: hex; only ever the first, see `key`

    [[corridor]]                                  # opens when both sides' plans were applied
    from = "HK"
    to = "CN-SZ"
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from ape.api import ProviderAPI

from creditconnect.chain.deployment import Deployment
from creditconnect.errors import InputError, UsageError
from creditconnect.reasons import ChainReason
from creditconnect.types import AccountRole, Standing, Suite
from scripts._onboarding import (
    Admission,
    Onboarding,
    Scope,
    corridor_sides,
    key_bytes,
    profile_hash,
    read_plan,
    role_bits,
    role_names,
    schema_bits,
    schema_names,
    until_seconds,
    until_text,
)
from scripts._registry import (
    AddressParameter,
    ChainCommand,
    Registry,
    code_bytes,
    code_text,
    open_registry,
    unlock,
    with_options,
)

on_deployment = click.option(
    "--deployment", type=click.Path(path_type=Path), required=True, help="The deployment file to act on."
)
as_authority = with_options(
    [on_deployment, click.option("--authority", required=True, help="The alias of this side's authority.")]
)
scoping = with_options(
    [
        click.option("--role", "roles", multiple=True, type=click.Choice(["provider", "verifier"]), help="Repeatable."),
        click.option("--schema", "schemas", multiple=True, help="An id or a number. Repeatable."),
        click.option("--until", required=True, help="The last day (UTC) with rights, YYYY-MM-DD, or `never`."),
        click.option("--mandatory-review/--no-review", default=True, help="Whether a person reviews each batch."),
    ]
)
reasoned = click.option(
    "--reason",
    type=click.Choice([reason.name.lower() for reason in ChainReason]),
    default=ChainReason.UNSPECIFIED.name.lower(),
    help="A coarse reason; it is public for ever.",
)
submit_accounts = click.option("--submit", multiple=True, type=AddressParameter(), help="May submit. Repeatable.")
review_accounts = click.option("--review", multiple=True, type=AddressParameter(), help="May review. Repeatable.")
encryption_key = click.option("--encryption-key", default="", help="Hex of the public key that packages are sealed to.")


@click.group(short_help="Admit, scope and suspend institutions, open corridors, pause")
def cli() -> None:
    """Admit, scope and suspend institutions, open corridors, pause."""


@cli.command(cls=ChainCommand)
@click.argument("code")
@as_authority
@scoping
@submit_accounts
@review_accounts
@click.option("--profile", default="", help="A file, or 0x and its SHA-256.")
@encryption_key
def admit(provider: ProviderAPI, deployment: Path, authority: str, code: str, **wanted: Any) -> None:
    """Admit CODE with its scope, accounts and key. Run again, it completes what is missing."""
    registry, onboarding = _act(provider, deployment, authority)
    admission = Admission(
        code=code,
        scope=_scope(registry, wanted),
        submit=wanted["submit"],
        review=wanted["review"],
        profile_hash=profile_hash(wanted["profile"], Path()),
        encryption_key=key_bytes(wanted["encryption_key"]),
    )
    _admit(registry, onboarding, admission)


@cli.command(cls=ChainCommand)
@click.argument("plan", type=click.Path(path_type=Path))
@as_authority
def apply(provider: ProviderAPI, deployment: Path, authority: str, plan: Path) -> None:
    """Bring this side's institutions and corridors to what PLAN says. Run again, it changes nothing."""
    registry, onboarding = _act(provider, deployment, authority)
    wanted = read_plan(plan, registry)
    own = code_text(registry.read("jurisdictionOf", onboarding.side).code)
    if wanted.jurisdiction != own:
        raise UsageError(f"{plan} is a plan of {wanted.jurisdiction}, but {authority} is the authority of {own}")
    for admission in wanted.admissions:
        _admit(registry, onboarding, admission)
    for source, target in wanted.corridors:
        _say(onboarding.open_corridor(source, target), f"corridor {source} to {target}")


@cli.command(cls=ChainCommand)
@click.argument("code")
@as_authority
@scoping
def scope(provider: ProviderAPI, deployment: Path, authority: str, code: str, **wanted: Any) -> None:
    """Set what CODE may do, all at once: what is not named is taken away."""
    registry, onboarding = _act(provider, deployment, authority)
    _say(onboarding.rescope(_institution(registry, code), _scope(registry, wanted)), code)


@cli.command(cls=ChainCommand)
@click.argument("code")
@as_authority
@submit_accounts
@review_accounts
@click.option("--enable", multiple=True, type=AddressParameter(), help="Enable a bound account again. Repeatable.")
@click.option("--disable", multiple=True, type=AddressParameter(), help="Disable a bound account. Repeatable.")
def accounts(provider: ProviderAPI, deployment: Path, authority: str, code: str, **wanted: tuple[str, ...]) -> None:
    """Bind accounts to CODE, for ever and in one role each; disable and enable them."""
    registry, onboarding = _act(provider, deployment, authority)
    institution = _institution(registry, code)
    changes = [(address, AccountRole.SUBMIT, True) for address in wanted["submit"]]
    changes += [(address, AccountRole.REVIEW, True) for address in wanted["review"]]
    changes += [(address, _bound_role(registry, institution, address), True) for address in wanted["enable"]]
    changes += [(address, _bound_role(registry, institution, address), False) for address in wanted["disable"]]
    if not changes:
        raise UsageError("nothing to do: name accounts to bind, enable or disable")
    for address, role, enabled in changes:
        onboarding.send("setAccount", institution, address, int(role), enabled)
        click.echo(f"{code}: {role.name.lower()} account {address} is {'enabled' if enabled else 'disabled'}")


@cli.command(cls=ChainCommand)
@click.argument("code")
@as_authority
@encryption_key
def key(provider: ProviderAPI, deployment: Path, authority: str, code: str, encryption_key: str) -> None:
    """Publish the key that packages for CODE are sealed to from now on."""
    registry, onboarding = _act(provider, deployment, authority)
    institution = _institution(registry, code)
    onboarding.send("setEncryptionKey", institution, int(Suite.SHA256_AES256GCM), key_bytes(encryption_key))
    click.echo(f"{code}: encryption key")


def _standing_command(name: str, standing: Standing, promise: str) -> Callable[..., Any]:
    @click.argument("code")
    @as_authority
    @reasoned
    def change(provider: ProviderAPI, deployment: Path, authority: str, code: str, reason: str) -> None:
        registry, onboarding = _act(provider, deployment, authority)
        onboarding.send("setStanding", _institution(registry, code), int(standing), int(ChainReason[reason.upper()]))
        click.echo(f"{code} is {standing.name.lower()}")

    return cli.command(name, cls=ChainCommand, help=promise)(change)


suspend = _standing_command("suspend", Standing.SUSPENDED, "Suspend CODE. Its records keep answering, and say so.")
reinstate = _standing_command("reinstate", Standing.ACTIVE, "Lift the suspension of CODE.")
terminate = _standing_command("terminate", Standing.TERMINATED, "Terminate CODE, for ever.")
terminate.params.append(  # type: ignore[attr-defined]
    click.Option(["--yes"], is_flag=True, expose_value=False, callback=lambda _ctx, _param, yes: _confirm(yes))
)


@cli.group()
def corridor() -> None:
    """Open or close the way from providers of one side to banks of another."""


@corridor.command("open", cls=ChainCommand)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@as_authority
def open_corridor(provider: ProviderAPI, deployment: Path, authority: str, source: str, target: str) -> None:
    """Agree that banks in TO rely on records from FROM. It opens when both sides have."""
    _registry, onboarding = _act(provider, deployment, authority)
    _say(onboarding.open_corridor(source, target), f"corridor {source} to {target}")


@corridor.command("close", cls=ChainCommand)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@as_authority
def close_corridor(provider: ProviderAPI, deployment: Path, authority: str, source: str, target: str) -> None:
    """Close the corridor from FROM to TO at once; either side may."""
    registry, onboarding = _act(provider, deployment, authority)
    onboarding.send("closeCorridor", *corridor_sides(registry, source, target))
    click.echo(f"corridor {source} to {target}: closed")


@cli.command(cls=ChainCommand)
@click.argument("state", type=click.Choice(["on", "off"]))
@as_authority
def pause(provider: ProviderAPI, deployment: Path, authority: str, state: str) -> None:
    """Set or lift this side's pause. Any side's stops registering, approving and superseding."""
    registry, onboarding = _act(provider, deployment, authority)
    onboarding.send("setPaused", state == "on")
    paused = registry.read("registry").paused
    codes = [code_text(one.code) for side, one in registry.jurisdictions().items() if paused >> (side - 1) & 1]
    click.echo(f"paused by {', '.join(codes)}" if codes else "not paused")


@cli.command("list", cls=ChainCommand)
@on_deployment
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_institutions(provider: ProviderAPI, deployment: Path, as_json: bool) -> None:
    """Show every side, corridor and institution as of one block."""
    trusted = Deployment.read(deployment)
    state = _state(open_registry(provider, trusted), trusted.block)
    click.echo(json.dumps(state, indent=2) if as_json else _table(state))


def _act(provider: ProviderAPI, deployment: Path, authority: str) -> tuple[Registry, Onboarding]:
    registry = open_registry(provider, Deployment.read(deployment))
    return registry, Onboarding(registry, unlock(authority))


def _institution(registry: Registry, code: str) -> int:
    institution = int(registry.read("institutionByCode", code_bytes(code)))
    if not institution:
        raise UsageError(f"there is no institution {code!r}", hint="`institutions list` shows all")
    return institution


def _scope(registry: Registry, wanted: dict[str, Any]) -> Scope:
    return Scope(
        roles=role_bits(wanted["roles"]),
        schemas=schema_bits(registry, wanted["schemas"]),
        entitled_until=until_seconds(wanted["until"]),
        mandatory_review=wanted["mandatory_review"],
    )


def _bound_role(registry: Registry, institution: int, address: str) -> AccountRole:
    bound = registry.read("accountOf", address)
    if bound.institution != institution:
        raise InputError(f"{address} is not an account of this institution")
    return AccountRole(bound.role)


def _admit(registry: Registry, onboarding: Onboarding, admission: Admission) -> None:
    _say(onboarding.admit(admission), admission.code)
    click.echo(f"institution {_institution(registry, admission.code)} {admission.code}")


def _say(done: Iterator[str], subject: str) -> None:
    # As it is done: where a step fails, what stands has been said.
    line = next(done, "nothing to do")
    click.echo(f"{subject}: {line}")
    for line in done:
        click.echo(f"{subject}: {line}")


def _confirm(yes: bool) -> None:
    if not yes:
        click.confirm("Termination is for ever. Go on?", abort=True)


def _state(registry: Registry, first_block: int) -> dict[str, Any]:
    block = registry.chain.head()
    counters = registry.read("registry", block=block)
    sides = registry.jurisdictions(block)
    codes = {side: code_text(one.code) for side, one in sides.items()}
    bound = _accounts(registry, first_block, block)
    return {
        "block": block,
        "jurisdictions": [
            {
                "code": codes[side],
                "authority": str(one.authority),
                "accepted": bool(counters.accepted >> (side - 1) & 1),
                "paused": bool(counters.paused >> (side - 1) & 1),
            }
            for side, one in sides.items()
        ],
        "corridors": [
            {"from": codes[a], "to": codes[b]}
            for a in sides
            for b in sides
            if a != b and registry.read("corridorOpen", a, b, block=block)
        ],
        "institutions": [
            _institution_state(registry, number, codes, bound.get(number, []), block)
            for number in range(1, counters.institutionCount + 1)
        ],
    }


def _accounts(registry: Registry, first_block: int, block: int) -> dict[int, list[dict[str, Any]]]:
    # The contract keeps no list of accounts: the events name them, the contract says how each stands.
    bound: dict[int, list[dict[str, Any]]] = {}
    for address in registry.addresses_in("AccountSet", 2, first_block, block):
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


def _table(state: dict[str, Any]) -> str:
    rows = [["id", "code", "side", "standing", "roles", "schemas", "until", "review", "accounts"]]
    for one in state["institutions"]:
        accounts = [f"{a['role']} {a['address']}{'' if a['enabled'] else ' (disabled)'}" for a in one["accounts"]]
        cells = [str(one["institution"]), one["code"], one["jurisdiction"], one["standing"], "+".join(one["roles"])]
        cells += [",".join(one["schemas"]), one["until"], "yes" if one["mandatory_review"] else "no"]
        rows.append([*cells, ", ".join(accounts)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def main() -> None:
    """The same without `ape run`: `python -m scripts.institutions list --network ...`."""
    cli()


if __name__ == "__main__":
    main()
