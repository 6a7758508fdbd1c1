"""A reviewer's commands for deciding: review list, approve, reject; those for looking are beside this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect.cli import examining
from creditconnect.cli.examining import note_text
from creditconnect.cli.presentation import (
    GREATEST_BATCH,
    HomeOption,
    JsonOption,
    counted,
    offer_reasons,
    open_client,
    parse_reason,
    print_json,
    print_table,
    say,
    utc,
)
from creditconnect.errors import UsageError

if TYPE_CHECKING:
    from creditconnect.client import Client
    from creditconnect.exchange.outbox import Outcome

app = typer.Typer(
    help="Review what was submitted: another key than the submitter's decides.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

BatchesArgument = Annotated[
    list[int] | None, typer.Argument(help="Batches' numbers, see review list.", min=1, max=GREATEST_BATCH)
]
FileOption = Annotated[int | None, typer.Option(help="All that waits of this submitted file, see review files.")]
NoteOption = Annotated[str, typer.Option(help="A note, kept sealed in the vault; - reads it from standard input.")]
ROW_DIGITS = 9
AccountOption = Annotated[str, typer.Option("--as", help="Which chain key decides: review or submit.")]


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The batches that wait for a decision."""
    with open_client(home) as client:
        batches = client.review_list()
    if as_json:
        print_json(batches)
        return
    print_table(
        f"{counted(len(batches), 'batch')} to decide on" if batches else "no batch waits",
        ("batch #", "records #", "registered at", "expires at", "submitter"),
        [(b.id, b.count, utc(b.registered_at), utc(b.expires_at), b.submitter) for b in batches],
    )


@app.command()
def approve(
    batches: BatchesArgument = None,
    all_pending: Annotated[bool, typer.Option("--all-pending", help="Every batch that waits.")] = False,
    file: FileOption = None,
    except_: Annotated[
        list[str] | None, typer.Option("--except", help="ROW:REASON, a row to reject; may be given again.")
    ] = None,
    note: NoteOption = "",
    account: AccountOption = "review",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve batches, or one save the rows excepted, each in one act. All are derived again before the first is."""
    wanted, chosen, text = _exceptions(except_ or []), _account(account), note_text(note)
    _require_one_way(batches, file, all_pending)
    if wanted and len(batches or []) != 1:
        raise UsageError("--except is about the rows of one batch", hint="approve the others by themselves")
    outcomes = []
    with open_client(home) as client:
        waiting = _chosen(client, batches, file)
        if len(waiting) > 1:
            client.review_approvable(waiting, account=chosen)
        for batch in waiting:
            exceptions = client.review_exceptions_of(batch, wanted)
            outcomes.append(client.review_approve(batch, exceptions, note=text, account=chosen))
            if not as_json:
                rejected = counted(len(exceptions), "record")
                say(f"batch {batch}: approved in block {outcomes[-1].block_number}, {rejected} rejected")
    _finish(outcomes, batches, as_json=as_json)


@app.command()
def reject(
    reason: Annotated[str, typer.Option(help="Why: DATA_ERROR, PLAUSIBILITY, ...", autocompletion=offer_reasons)],
    batches: BatchesArgument = None,
    file: FileOption = None,
    note: NoteOption = "",
    account: AccountOption = "review",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject whole batches, each in one act."""
    code, chosen, text = parse_reason(reason), _account(account), note_text(note)
    _require_one_way(batches, file, False)
    outcomes = []
    with open_client(home) as client:
        for batch in _chosen(client, batches, file):
            outcomes.append(client.review_reject(batch, code, note=text, account=chosen))
            if not as_json:
                say(f"batch {batch}: rejected in block {outcomes[-1].block_number}")
    _finish(outcomes, batches, as_json=as_json)


def _require_one_way(batches: list[int] | None, file: int | None, all_pending: bool) -> None:
    if sum((bool(batches), file is not None, all_pending)) != 1:
        raise UsageError("which batches?", hint="give their numbers, or --file, or approve --all-pending")


def _chosen(client: Client, batches: list[int] | None, file: int | None) -> list[int]:
    if file is not None:
        return client.review_batches_of_file(file)
    return batches or [batch.id for batch in client.review_list()]


def _finish(outcomes: list[Outcome], batches: list[int] | None, *, as_json: bool) -> None:
    if as_json:
        print_json(outcomes[0] if len(batches or []) == 1 else outcomes)
    elif not outcomes:
        say("no batch waits")


def _account(name: str) -> str:
    if name not in ("review", "submit"):
        raise UsageError(f"{name!r} is no chain key", hint="review or submit")
    return name


def _exceptions(texts: list[str]) -> dict[int, int]:
    """The reason by row."""
    exceptions: dict[int, int] = {}
    for text in texts:
        number, _, reason = text.partition(":")
        if not number.isdecimal() or len(number) > ROW_DIGITS or not reason:
            raise UsageError(f"{text!r} is not ROW:REASON", hint="e.g. --except 17:PLAUSIBILITY")
        if int(number) in exceptions:
            raise UsageError(f"row {int(number)} is excepted twice", hint="give one reason for each row")
        exceptions[int(number)] = parse_reason(reason)
    return exceptions


examining.add_to(app)
