"""Handing over: package, package sheet, package open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    counted,
    named_or_scanned,
    open_client,
    parse_record_hash,
    print_json,
    say,
)
from creditconnect.errors import UsageError


class WritesByDefault(TyperGroup):
    """`package RECORD` is `package write RECORD`: no record hash is a command's name."""

    # The context is click's own or that of the copy that typer brings, by typer's version.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and args[0] in self.commands
        # While a half-typed line is completed, nothing is put into it.
        return super().parse_args(ctx, args if named or ctx.resilient_parsing else ["write", *args])


packages = typer.Typer(
    cls=WritesByDefault, help="Write the packages to hand to the records' holders; open one.", rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(packages, name="package")


@packages.command()
def write(
    record: Annotated[str | None, typer.Argument(help="A record hash; all active records, if not given.")] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write packages into; packages, if not given.")] = None,
    archive: Annotated[Path | None, typer.Option(help="One file to write them into instead.")] = None,
    recipient: Annotated[
        str | None,
        typer.Option("--for", help="Seal them for the institution of this code."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the packages to hand to the records' holders: each holds a record and its salt, sealed or in the clear.

    creditconnect package open FILE opens one.
    """
    if out is not None and archive is not None:
        raise UsageError("--out and --archive exclude each other", hint="name a folder or one file")
    record_hash = None if record is None else parse_record_hash(record)
    with open_client(home) as client:
        if archive is not None:
            written = client.package_archive(archive, record_hash, recipient=recipient)
        else:
            written = client.package_write(out or Path("packages"), record_hash, recipient=recipient)
    if record_hash is not None and not written.packages:
        raise UsageError(f"record {record_hash.hex()} is not active: {', '.join(written.left_out)}")
    if as_json:
        print_json(written)
        return
    sealed = translate(f", sealed for {recipient}") if recipient else ""
    number = counted(written.packages, "package")
    say(f"{written.folder}: {number} of active records{sealed}{_left_out(written.left_out)}")


@packages.command()
def sheet(
    record: Annotated[str, typer.Argument(help="A record hash.")],
    out: Annotated[Path, typer.Option(help="The HTML file to write; print it from a browser.")],
    recipient: Annotated[
        str | None,
        typer.Option("--for", help="Seal it for the institution of this code."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a sheet to print for a record's holder: its package as QR codes, for verify to read from a photo."""
    record_hash = parse_record_hash(record)
    with open_client(home) as client:
        written = client.package_sheet(out, record_hash, recipient=recipient)
    if as_json:
        print_json(written)
        return
    sealed = translate(f", sealed for {recipient}") if recipient else ""
    say(f"{written.file}: record {record_hash.hex()} on {counted(written.codes, 'QR code')}{sealed}")


@packages.command("open")
def open_(
    file: Annotated[
        Path,
        typer.Argument(help="A package, plain or sealed for this institution; a sheet, its picture, or - to scan it."),
    ],
    out: Annotated[Path | None, typer.Option(help="A folder to write the plain package into.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a package says, or write a sealed one out in the clear. Verifies nothing: see verify."""
    with open_client(home) as client:
        opened = client.package_open(named_or_scanned(file), folder=out)
    if as_json:
        print_json(opened)
    elif opened.written is not None:
        say(f"{opened.written}: record {opened.record_hash.hex()} of {opened.provider}, in the clear")
    else:
        say(f"{file.name}: not verified; the record, as {opened.provider} is said to have issued it:")
        print_json(opened.record)


def _left_out(states: dict[str, int]) -> str:
    listed = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return translate(f"; left out: {listed}") if listed else ""
