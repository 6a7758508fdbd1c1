"""An institution's keys: keys list, rotate, retire, export, import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    counted,
    offering,
    open_client,
    print_json,
    print_table,
    progress_bar,
    say,
    utc,
)
from creditconnect.errors import UsageError

if TYPE_CHECKING:
    from creditconnect.client.key_standing import KeyStanding
    from creditconnect.custody.resealing import Resealed

app = typer.Typer(
    help="The keys of this home: for records at rest, for sealed packages, and its chain accounts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ROLES = ("submit", "review")
KINDS = ("data", "exchange", *ROLES)
PASSPHRASE = "passphrase"  # noqa: S105  a kind's name
EXIT_DAMAGED = 1

KindArgument = Annotated[str, typer.Argument(help="data, exchange, submit or review.", autocompletion=offering(*KINDS))]


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every key of this home, where it stands, and how many rows (records, subjects, uploads) each data key seals."""
    with open_client(home) as client:
        found = client.keys_list()
    if as_json:
        print_json(found)
        return
    print_table(
        "keys",
        ("kind", "number #", "suite or address", "made at", "sealed rows #", "state"),
        [
            (
                key.kind.value,
                _or_dash(key.number),
                key.suite or key.address,
                utc(key.made_at or 0),
                "-" if key.rows is None else f"{key.rows:,}",
                _said(key),
            )
            for key in found
        ],
    )


@app.command()
def rotate(
    kind: Annotated[
        str,
        typer.Argument(
            help="data, exchange, submit, review, or passphrase (the vault's).",
            autocompletion=offering(*KINDS, PASSPHRASE),
        ),
    ],
    hybrid: Annotated[
        bool | None,
        typer.Option(
            "--hybrid/--no-hybrid",
            help="Of an exchange key: ML-KEM-768 with X25519, against quantum computers to come, or X25519 alone;"
            " as the one until now, unless told.",
        ),
    ] = None,
    publish: Annotated[bool, typer.Option(help="Of an exchange key: or leave that to your authority.")] = True,
    remote: Annotated[
        str | None, typer.Option(help="Of a chain account: the next key is in a signer, URL[#PUBLIC_KEY].")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a new key in an older one's place; what the older sealed still opens. Run again, it goes on where it stopped.

    A data key: every record is sealed anew. An exchange key: made and published. A chain account: made; run again once
    your authority has bound it, and it is in use.
    """
    _require_kind(kind, (*KINDS, PASSPHRASE))
    _require_fitting(kind, exchange=hybrid is not None or not publish, account=remote is not None)
    with open_client(home, new=("new_vault",)) as client:
        if kind == "data":
            with progress_bar("sealing anew", quiet=as_json) as progress:
                resealed = client.keys_rotate_data(progress)
            _show_resealed(resealed, as_json=as_json)
        elif kind == PASSPHRASE:
            client.keys_rotate_passphrase()
            _show_passphrase(as_json=as_json)
        elif kind == "exchange":
            _show_exchange(client.keys_rotate_exchange(hybrid=hybrid, publish=publish), as_json=as_json)
        else:
            _show_account(client.keys_rotate_account(kind, remote=remote), as_json=as_json)


@app.command()
def retire(
    kind: KindArgument,
    which: Annotated[str, typer.Argument(help="A data or exchange key's number, a chain account's address.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Destroy a key that another has replaced, once nothing needs it. Copies of the home keep what they hold."""
    _require_kind(kind, KINDS)
    with open_client(home) as client:
        erased = True
        if kind == "data":
            erased = client.keys_retire_data(_number(which))
        elif kind == "exchange":
            client.keys_retire_exchange(_number(which))
        else:
            client.keys_retire_account(kind, which)
    if as_json:
        print_json({"kind": kind, "key": which, "erased": erased})
        return
    say(f"{kind} key {which}: is destroyed")
    if not erased:
        say("another process reads the vault, so the key's bytes are not overwritten yet: run again")


@app.command()
def export(
    kind: KindArgument,
    out: Annotated[Path, typer.Option(help="The file to write.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write keys into a file: data or exchange keys under a passphrase of its own, a chain account under its own."""
    _require_kind(kind, KINDS)
    with open_client(home, new=("export",)) as client:
        number = 1
        if kind == "data":
            number = client.keys_export_data(out)
        elif kind == "exchange":
            number = client.keys_export_exchange(out)
        else:
            client.keys_export_account(kind, out)
    if as_json:
        print_json({"file": out, "kind": kind, "keys": number})
    elif kind in ROLES:
        say(f"{out}: the {kind} key, under its passphrase")
    else:
        say(f"{out}: {counted(number, f'{kind} key')}; whoever has it and its passphrase opens what they seal")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What keys export wrote, or a keystore v3 file.")],
    as_role: Annotated[
        str | None, typer.Option("--as", help="Take a keystore as the next key of submit or review.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take keys from a file; nothing that is here is overwritten."""
    with open_client(home) as client:
        if as_role is not None:
            _show_account(client.keys_import_account(as_role, file), as_json=as_json)
            return
        imported = client.keys_import(file)
    if as_json:
        print_json(imported)
        return
    taken = ", ".join(map(str, imported.taken)) or translate("none")
    say(f"{file}: {counted(imported.keys, f'{imported.kind} key')}; not here before: {taken}")


def _require_kind(kind: str, known: tuple[str, ...]) -> None:
    if kind not in known:
        raise UsageError(f"{kind!r} is no kind of key here", hint=f"the kinds are {', '.join(known)}")


def _require_fitting(kind: str, *, exchange: bool, account: bool) -> None:
    if exchange and kind != "exchange":
        raise UsageError("--hybrid, --no-hybrid and --no-publish are for exchange keys")
    if account and kind not in ROLES:
        raise UsageError("--remote is for chain accounts", hint="submit or review")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{text!r} is no key's number", hint="see creditconnect keys list")
    return int(text)


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)


def _said(key: KeyStanding) -> str:
    states = {
        "current": translate("in use"),
        "next": translate("next"),
        "opens": translate("opens"),
        "unknown": translate("not known without a node"),
        "retired": translate("retired"),
    }
    notes = {
        "bound": translate("bound"),
        "not bound": translate("not bound"),
        "disabled": translate("disabled"),
        "published": translate("published"),
    }
    waits = translate("waits to be published") if (key.kind, key.state.value) == ("exchange", "next") else ""
    held = translate(f"held by {key.remote}") if key.remote else ""
    note = notes.get(key.note) or translate(key.note)
    return ", ".join(part for part in (states[key.state.value], note or waits, held) if part)


def _show_resealed(resealed: Resealed, *, as_json: bool) -> None:
    if as_json:
        print_json(resealed)
    else:
        say(f"data key {resealed.number}: in use; {counted(resealed.records, 'record')} sealed anew under it")
        for record_hash in resealed.damaged:
            say(f"record {record_hash.hex()}: does not open, and stays as it is; restore it from a backup")
    if resealed.damaged:
        raise typer.Exit(EXIT_DAMAGED)


def _show_passphrase(*, as_json: bool) -> None:
    if as_json:
        print_json({"changed": True})
    else:
        say("the new passphrase opens the keyring from now on; CREDITCONNECT_VAULT_PASSPHRASE_FILE is to name it")


def _show_exchange(key: KeyStanding, *, as_json: bool) -> None:
    if as_json:
        print_json(key)
    elif key.registered:
        say(f"exchange key {key.number}, {key.suite}: packages are sealed to it from now on")
    else:
        say(f"exchange key {key.number}, {key.suite}: hand it to your authority to publish:")
        print((key.public or b"").hex())


def _show_account(account: KeyStanding, *, as_json: bool) -> None:
    if as_json:
        print_json(account)
    elif account.state.value == "current":
        say(f"{account.address}: is the {account.kind} account in use now")
    else:
        say(
            f"{account.address}: ask your authority to bind it to {account.kind},"
            f" then creditconnect keys rotate {account.kind}"
        )
