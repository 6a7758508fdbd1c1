"""An authority's day: institutions, records in doubt, seats, joint actions, corridors, pause. Run by its admins.

    ape run institutions apply PLAN.toml --network URL --deployment FILE --authority hk_authority
    ape run institutions pending --network URL --deployment FILE
    ape run institutions suspend CODE --network URL --deployment FILE --authority HK --export step.json

`record` and `batch`: see scripts/_record_commands.py; `handover` and `recovery`: scripts/_seats.py; `corridor`,
`joint`, `pause`, `schema`, `keeper-share`: scripts/_joint_commands.py; `list`, `sides`, `corridors`, `pending`:
scripts/_lists.py; `step`, which signs and sends what `--export` wrote: scripts/_step_commands.py. Run again, a command
changes nothing and says so.

Every command first compares chain id, genesis hash and code hash with the deployment file and refuses another chain.
`--export-accounts FILE` writes the accounts that are bound as besu's lists take them: scripts/_account_lists.py.
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

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click
from eth_utils.crypto import keccak

from creditconnect.errors import InputError, UsageError
from creditconnect.reasons import ChainReason
from creditconnect.types import AccountRole, Standing
from scripts._account_lists import AccountList, export_accounts
from scripts._acting import Acting, acting, reasoned, say
from scripts._joint import JointActs
from scripts._joint_commands import corridor, joint, keeper_share, pause, schema
from scripts._lists import corridors, list_institutions, pending, sides
from scripts._onboarding import (
    Admission,
    Onboarding,
    Scope,
    exchange_suite,
    key_bytes,
    profile_hash,
    read_plan,
    role_bits,
    schema_bits,
    until_seconds,
)
from scripts._record_commands import batch, record
from scripts._registry import AddressParameter, ChainCommand, Registry, code_text, with_options
from scripts._seats import handover, recovery
from scripts._step_commands import step

scoping = with_options(
    [
        click.option("--role", "roles", multiple=True, type=click.Choice(["provider", "verifier"]), help="Repeatable."),
        click.option("--schema", "schemas", multiple=True, help="An id or a number. Repeatable."),
        click.option("--until", required=True, help="The last day (UTC) with rights, YYYY-MM-DD, or `never`."),
        click.option("--mandatory-review/--no-review", default=True, help="Whether a person reviews each batch."),
    ]
)
submit_accounts = click.option("--submit", multiple=True, type=AddressParameter(), help="May submit. Repeatable.")
review_accounts = click.option("--review", multiple=True, type=AddressParameter(), help="May review. Repeatable.")
encryption_key = click.option("--encryption-key", default="", help="Hex of the public key that packages are sealed to.")


@click.group(short_help="An authority's day: institutions, records in doubt, seats, joint actions, corridors, pause")
def cli() -> None:
    """An authority's day: institutions, records in doubt, seats, joint actions, corridors, pause."""


@cli.command(cls=ChainCommand)
@click.argument("code")
@scoping
@submit_accounts
@review_accounts
@click.option("--profile", default="", help="A file, or 0x and its SHA-256.")
@encryption_key
@export_accounts
@acting
def admit(acting: Acting, code: str, account_list: Path | None, **wanted: Any) -> None:
    """Admit CODE with its scope, accounts and key. Run again, it completes what is missing."""
    exported = AccountList(account_list)
    onboarding = Onboarding(acting.registry, acting.authority())
    admission = Admission(
        code=code,
        scope=_scope(acting.registry, wanted),
        submit=wanted["submit"],
        review=wanted["review"],
        profile_hash=profile_hash(wanted["profile"], Path()),
        encryption_key=key_bytes(wanted["encryption_key"]),
    )
    _admit(acting.registry, onboarding, admission, exported)


@cli.command(cls=ChainCommand)
@click.argument("plan", type=click.Path(path_type=Path))
@export_accounts
@acting
def apply(acting: Acting, plan: Path, account_list: Path | None) -> None:
    """Bring this side's institutions and corridors to what PLAN says. Run again, it changes nothing."""
    exported = AccountList(account_list)
    hand, registry = acting.authority(), acting.registry
    onboarding, joint_acts = Onboarding(registry, hand), JointActs(registry, hand)
    wanted = read_plan(plan, registry)
    own = code_text(registry.read("jurisdictionOf", onboarding.side).code)
    if wanted.jurisdiction != own:
        raise UsageError(f"{plan} is a plan of {wanted.jurisdiction}, but {hand.name} is the authority of {own}")
    for admission in wanted.admissions:
        _admit(registry, onboarding, admission, exported)
    for source, target in wanted.corridors:
        say(joint_acts.open_corridor(source, target), f"corridor {source} to {target}")


@cli.command(cls=ChainCommand)
@click.argument("code")
@scoping
@acting
def scope(acting: Acting, code: str, **wanted: Any) -> None:
    """Set what CODE may do, all at once: what is not named is taken away."""
    registry = acting.registry
    onboarding = Onboarding(registry, acting.authority())
    say(onboarding.rescope(registry.institution_by_code(code), _scope(registry, wanted)), code)


@cli.command(cls=ChainCommand)
@click.argument("address", type=AddressParameter())
@acting
def fund(acting: Acting, address: str) -> None:
    """Give ADDRESS what the chain's fees take, where it lacks that: on Clique, for the next holder of a seat, say."""
    hand = acting.authority()
    given = [f"account {address} is given what the chain's fees take"] if hand.fund(acting.registry, address) else []
    say(given, address)


@cli.command(cls=ChainCommand)
@click.argument("code")
@submit_accounts
@review_accounts
@click.option("--enable", multiple=True, type=AddressParameter(), help="Enable a bound account again. Repeatable.")
@click.option("--disable", multiple=True, type=AddressParameter(), help="Disable a bound account. Repeatable.")
@export_accounts
@acting
def accounts(acting: Acting, code: str, account_list: Path | None, **wanted: tuple[str, ...]) -> None:
    """Bind accounts to CODE, for ever and in one role each; disable and enable them."""
    exported, registry = AccountList(account_list), acting.registry
    institution = registry.institution_by_code(code)
    changes = [(address, AccountRole.SUBMIT, True) for address in wanted["submit"]]
    changes += [(address, AccountRole.REVIEW, True) for address in wanted["review"]]
    changes += [(address, _bound_role(registry, institution, address), True) for address in wanted["enable"]]
    changes += [(address, _bound_role(registry, institution, address), False) for address in wanted["disable"]]
    if not changes:
        raise UsageError("nothing to do: name accounts to bind, enable or disable")
    onboarding = Onboarding(registry, acting.authority())
    done = (line for change in changes for line in onboarding.set_account(institution, *change))
    say(chain(done, exported.add(registry, code, (change[:2] for change in changes))), code)


@cli.command(cls=ChainCommand)
@click.argument("code")
@encryption_key
@acting
def key(acting: Acting, code: str, encryption_key: str) -> None:
    """Publish the key that packages for CODE are sealed to from now on."""
    say(_publish(acting, acting.registry.institution_by_code(code), key_bytes(encryption_key)), code)


def _standing_command(name: str, standing: Standing, promise: str, question: str = "") -> Callable[..., Any]:
    @click.argument("code")
    @reasoned(default=ChainReason.UNSPECIFIED.name.lower())
    @acting
    def change(acting: Acting, code: str, reason: str, yes: bool = False) -> None:
        if question:
            acting.confirm(yes, question)
        institution = acting.registry.institution_by_code(code)
        say(_set_standing(acting, institution, standing, ChainReason[reason.upper()]), code)

    return cli.command(name, cls=ChainCommand, help=promise)(change)


suspend = _standing_command("suspend", Standing.SUSPENDED, "Suspend CODE. Its records keep answering, and say so.")
reinstate = _standing_command("reinstate", Standing.ACTIVE, "Lift the suspension of CODE.")
terminate = _standing_command(
    "terminate", Standing.TERMINATED, "Terminate CODE, for ever.", "Termination is for ever. Go on?"
)
terminate.params.append(click.Option(["--yes"], is_flag=True, help="Do not ask."))  # type: ignore[attr-defined]
for _command in (batch, corridor, handover, joint, keeper_share, pause, record, recovery, schema, step):
    cli.add_command(_command)
for _command in (corridors, list_institutions, pending, sides):
    cli.add_command(_command)


def _publish(acting: Acting, institution: int, wanted: bytes) -> Iterator[str]:
    if not wanted:
        raise UsageError("--encryption-key is missing")
    current = acting.registry.read("institutionOf", institution)
    suite = exchange_suite(wanted)
    if (current.encryptionSuite, bytes(current.encryptionKeyHash)) != (suite, keccak(wanted)):
        acting.authority().act(acting.registry, "setEncryptionKey", institution, int(suite), wanted)
        yield f"encryption key, {suite.name}"


def _set_standing(acting: Acting, institution: int, standing: Standing, reason: ChainReason) -> Iterator[str]:
    if acting.registry.read("institutionOf", institution).standing != standing:
        acting.authority().act(acting.registry, "setStanding", institution, int(standing), int(reason))
        yield f"is {standing.name.lower()}"


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


def _admit(registry: Registry, onboarding: Onboarding, admission: Admission, exported: AccountList) -> None:
    done = onboarding.admit(admission)
    say(chain(done, exported.add(registry, admission.code, admission.accounts)), admission.code)
    click.echo(f"institution {registry.institution_by_code(admission.code)} {admission.code}")


def main() -> None:
    """The same without `ape run`: `python -m scripts.institutions list --network ...`."""
    cli()


if __name__ == "__main__":
    main()
