"""An institution's chain accounts: account list, rotate, import, export, retire."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect.cli.presentation import HomeOption, JsonOption, open_client, print_json, print_table

if TYPE_CHECKING:
    from creditconnect.client.accounts import AccountStanding

app = typer.Typer(
    help="The chain accounts of this home: keys that submit or review.", no_args_is_help=True, rich_markup_mode=None
)

RoleArgument = Annotated[str, typer.Argument(help="submit or review.")]


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every chain key of this home, and whether the registry lets it act."""
    with open_client(home) as client:
        accounts = client.accounts()
    if as_json:
        print_json(accounts)
        return
    print_table(
        "chain accounts",
        ("role", "key", "address", "held by", "in the registry"),
        [(one.role, one.state.value, one.address, one.remote or "this home", _said(one)) for one in accounts],
    )


@app.command()
def rotate(
    role: RoleArgument,
    remote: Annotated[str | None, typer.Option(help="The next key is in a signer: URL[#PUBLIC_KEY].")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the next key; run again once your authority has bound it, and it is in use."""
    with open_client(home) as client:
        account = client.rotate_account(role, remote=remote)
    _show(account, as_json=as_json)


@app.command("import")
def import_(
    role: RoleArgument,
    file: Annotated[Path, typer.Argument(help="A keystore v3 file, under the role's passphrase.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a keystore as the role's next key."""
    with open_client(home) as client:
        account = client.import_account(role, file)
    _show(account, as_json=as_json)


@app.command()
def export(
    role: RoleArgument,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    home: HomeOption = None,
) -> None:
    """Copy the keystore in use, still under its passphrase."""
    with open_client(home) as client:
        client.export_account(role, out)
    print(f"{out}: the {role} key, under its passphrase")


@app.command()
def retire(
    address: Annotated[str, typer.Argument(help="Of a key that is not in use.")], home: HomeOption = None
) -> None:
    """Remove a key that was in use, once the authority has disabled its address."""
    with open_client(home) as client:
        client.retire_account(address)
    print(f"{address}: its key is removed")


def _said(account: AccountStanding) -> str:
    return "bound, enabled" if account.enabled else "bound, disabled" if account.bound else "not bound"


def _show(account: AccountStanding, *, as_json: bool) -> None:
    if as_json:
        print_json(account)
    elif account.state.value == "current":
        print(f"{account.address}: is the {account.role} account in use now")
    else:
        print(f"{account.address}: ask your authority to bind it to {account.role}, then rotate again")
