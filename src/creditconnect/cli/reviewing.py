"""A reviewer's commands: review list, show, approve, reject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditconnect.cli.presentation import (
    GREATEST_BATCH,
    HomeOption,
    JsonOption,
    counted,
    open_client,
    parse_reason,
    print_json,
    print_table,
    utc,
)
from creditconnect.errors import UsageError

if TYPE_CHECKING:
    from creditconnect.exchange.review import BatchRow

app = typer.Typer(
    help="Review what was submitted: another key than the submitter's decides.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

BatchArgument = Annotated[int, typer.Argument(help="The batch's number, see review list.", min=1, max=GREATEST_BATCH)]
ROW_DIGITS = 9
AccountOption = Annotated[str, typer.Option("--as", help="Which chain key decides: review or submit.")]


@app.command("list")
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The batches that wait for a decision."""
    with open_client(home) as client:
        batches = client.pending()
    if as_json:
        print_json(batches)
        return
    print_table(
        f"{counted(len(batches), 'batch')} to decide on" if batches else "no batch waits",
        ("batch #", "records #", "registered at", "expires at", "submitter"),
        [(b.id, b.count, utc(b.registered_at), utc(b.expires_at), b.submitter) for b in batches],
    )


@app.command()
def show(
    batch: BatchArgument,
    row: Annotated[int | None, typer.Option(help="Show this row's whole record.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A batch's records, decrypted for the reviewer."""
    with open_client(home) as client:
        rows = client.review_rows(batch)
    chosen = rows if row is None else [_row(rows, row)]
    if as_json:
        print_json([_document(one) for one in chosen])
    elif row is not None:
        print_json(chosen[0].record)
    else:
        print_table(
            f"batch {batch}",
            ("row #", "line #", "record hash", "name", "identifiers", "report"),
            [
                (one.number, one.stored.line if one.stored else "-", one.derived.record_hash.hex(), *_subject(one))
                for one in rows
            ],
        )


@app.command()
def approve(
    batches: Annotated[
        list[int] | None, typer.Argument(help="Batches' numbers, see review list.", min=1, max=GREATEST_BATCH)
    ] = None,
    all_pending: Annotated[bool, typer.Option("--all-pending", help="Every batch that waits.")] = False,
    except_: Annotated[
        list[str] | None, typer.Option("--except", help="ROW:REASON, a row to reject; may be given again.")
    ] = None,
    account: AccountOption = "review",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve batches, or one save the rows excepted, each in one act. What is approved is derived again first."""
    wanted, chosen = _exceptions(except_ or []), _account(account)
    if bool(batches) == all_pending:
        raise UsageError("which batches?", hint="give their numbers, or --all-pending")
    if wanted and len(batches or []) != 1:
        raise UsageError("--except is about the rows of one batch", hint="approve the others by themselves")
    outcomes = []
    with open_client(home) as client:
        for batch in batches or [one.id for one in client.pending()]:
            rows = client.review_rows(batch) if wanted else []
            exceptions = {_row(rows, number).derived.record_hash: reason for number, reason in wanted.items()}
            outcomes.append(client.approve(batch, exceptions, account=chosen))
            if not as_json:
                rejected = counted(len(exceptions), "record")
                print(f"batch {batch}: approved in block {outcomes[-1].block_number}, {rejected} rejected")
    if as_json:
        print_json(outcomes[0] if len(batches or []) == 1 else outcomes)
    elif not outcomes:
        print("no batch waits")


@app.command()
def reject(
    batch: BatchArgument,
    reason: Annotated[str, typer.Option(help="Why: DATA_ERROR, PLAUSIBILITY, ...")],
    account: AccountOption = "review",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a whole batch."""
    code, chosen = parse_reason(reason), _account(account)
    with open_client(home) as client:
        outcome = client.reject(batch, code, account=chosen)
    if as_json:
        print_json(outcome)
        return
    print(f"batch {batch}: rejected in block {outcome.block_number}")


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


def _row(rows: list[BatchRow], number: int) -> BatchRow:
    if not 1 <= number <= len(rows):
        raise UsageError(f"there is no row {number}", hint=f"the batch has {len(rows)}")
    return rows[number - 1]


def _document(row: BatchRow) -> dict[str, Any]:
    return {
        "row": row.number,
        "line": row.stored.line if row.stored else None,
        "record_hash": row.derived.record_hash,
        "commitment": row.derived.commitment,
        "record": row.record,
    }


def _subject(row: BatchRow) -> tuple[str, str, str]:
    """Name, identifiers and report number, from where the schemas have them."""
    if row.record is None:
        return ("(not in this vault)", "", "")
    identity = row.record.get("identity", {})
    identifiers = ", ".join(f"{one['type']} {one['number']}" for one in identity.get("identifiers", []))
    return (str(identity.get("name", "")), identifiers, str(row.record.get("report", {}).get("number", "")))
