"""What persons and firms upload: intake, intake list, show, accept, reject."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from creditconnect.cli.language import translate
from creditconnect.cli.listing import BeforeOption, LimitOption
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    counted,
    offer_reasons,
    open_client,
    parse_expiry,
    parse_reason,
    print_json,
    print_table,
    say,
    utc,
)
from creditconnect.errors import UsageError

if TYPE_CHECKING:
    from creditconnect.custody.uploads import Upload


class TakesByDefault(TyperGroup):
    """`intake` is `intake take`; `intake --help` tells of all."""

    # The context is click's own or that of the copy that typer brings, by typer's version.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        # While a half-typed line is completed, nothing is put into it.
        return super().parse_args(ctx, args if named or ctx.resilient_parsing else ["take", *args])


app = typer.Typer(
    cls=TakesByDefault,
    help="Take in what persons and firms upload; list, show, accept or reject it.",
    rich_markup_mode=None,
)

STATES = ("waiting", "accepted", "rejected", "refused", "duplicate")
NumberArgument = Annotated[int, typer.Argument(help="The upload's number, see intake list.", min=1)]
NumbersArgument = Annotated[list[int], typer.Argument(help="The uploads' numbers, see intake list.", min=1)]


@app.command()
def take(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check, seal and answer what lies in the intake folder, once; creditconnect run does so for as long as it lives.

    A portal puts each upload into HOME/intake/SUBJECT'S NUMBER/: a document, or a report as .json in its schema's form.
    """
    with open_client(home) as client:
        taken = client.intake_take()
    if as_json:
        print_json(taken)
        return
    _print(
        f"{counted(len(taken.uploads), 'upload')} taken in" if taken.uploads else "nothing was taken in", taken.uploads
    )
    for where, count in taken.left.items():
        say(f"left {counted(count, 'file')}: {translate(where)}")
    if taken.unsettled:
        say(f"left {counted(taken.unsettled, 'file')}: still changing; the next pass looks again")


@app.command("list")
def list_(
    state: Annotated[str, typer.Option(help=f"{', '.join(STATES)}, or all.")] = "waiting",
    limit: LimitOption = 50,
    before: BeforeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest uploads; those that wait for a decision, if no other state is named."""
    from creditconnect.custody.uploads import UploadState

    if state not in (*STATES, "all"):
        raise UsageError(f"{state!r} is no state", hint=f"one of {', '.join(STATES)}, all")
    wanted = None if state == "all" else UploadState(state)
    with open_client(home) as client:
        uploads = client.intake_list(state=wanted, limit=limit, before=before)
    if as_json:
        print_json(uploads)
        return
    which = "" if wanted is None else f" ({translate(state)})"
    _print((counted(len(uploads), "upload") if uploads else translate("no upload")) + which, uploads)


@app.command()
def show(
    number: NumberArgument,
    out: Annotated[Path | None, typer.Option(help="A new file to write the upload itself to, in the clear.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """One upload, and the record that it would be."""
    with open_client(home) as client:
        upload = client.intake_show(number)
        content = None if out is None else client.intake_content(number)
    if out is not None and content is not None:
        _write(out, content)
    if as_json:
        print_json(upload)
        return
    _print(f"upload {number}", [upload])
    for reason, message in upload.reasons:
        say(f"{reason}: {message}")
    if upload.record:
        print(upload.record)
    if out is not None:
        say(f"{out}: the upload itself, in the clear")


@app.command()
def accept(
    numbers: NumbersArgument,
    expires: Annotated[str | None, typer.Option(help="Until when the records hold (UTC); never, if not given.")] = None,
    detach: Annotated[bool, typer.Option(help="Only take them in; creditconnect run sends them.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit uploads, each as one record; another key reviews them as any other."""
    expires_at = parse_expiry(expires)
    with open_client(home) as client:
        accepted = client.intake_accept(numbers, expires_at=expires_at, detach=detach)
    if as_json:
        print_json(accepted)
        return
    for number, record_hash in accepted.record_hashes.items():
        say(f"upload {number}: record {record_hash.hex()}")


@app.command()
def reject(
    number: NumberArgument,
    reason: Annotated[str, typer.Option(help="Why: DATA_ERROR, IDENTITY_MISMATCH, ...", autocompletion=offer_reasons)],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject an upload: its content is deleted, its receipt says why."""
    code = parse_reason(reason)
    with open_client(home) as client:
        upload = client.intake_reject(number, code)
    if as_json:
        print_json(upload)
        return
    say(f"upload {number}: rejected")


def _print(title: str, uploads: list[Upload] | tuple[Upload, ...]) -> None:
    print_table(
        title,
        ("upload #", "state", "subject #", "file name", "type", "bytes #", "received at", "why"),
        [
            (
                one.number,
                translate(one.state.value),
                one.subject,
                one.name,
                one.media_type or "-",
                one.size_bytes,
                utc(one.received_at),
                _why(one),
            )
            for one in uploads
        ],
    )


def _why(upload: Upload) -> str:
    if upload.duplicate_of:
        return translate(f"as upload {upload.duplicate_of}")
    return ", ".join(reason for reason, _ in upload.reasons)


def _write(path: Path, content: bytes) -> None:
    """Readable by its owner alone; never over another file."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
