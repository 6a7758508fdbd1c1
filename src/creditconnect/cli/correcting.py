"""A provider's corrections, and what became of a record: revoke, supersede, dispute, resolve, history."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    GREATEST_BATCH,
    HomeOption,
    JsonOption,
    confirm,
    counted,
    offer_reasons,
    open_client,
    parse_reason,
    parse_record_hash,
    print_json,
    print_table,
    say,
    utc,
)
from creditconnect.errors import UsageError

if TYPE_CHECKING:
    from creditconnect.answers.history import History, Life, Step
    from creditconnect.records.differences import Difference

EXIT_DECLINED = 1
RecordArgument = Annotated[str, typer.Argument(help="A record hash.")]
ReasonOption = Annotated[
    str, typer.Option(help="Why: DATA_ERROR, SUBJECT_REQUEST, CONSENT_WITHDRAWN, ...", autocompletion=offer_reasons)
]
AccountOption = Annotated[str, typer.Option("--as", help="Which chain key acts: submit or review.")]


def add_to(app: typer.Typer) -> None:
    for command in (revoke, supersede, dispute, resolve, history):
        app.command()(command)


def revoke(
    reason: ReasonOption,
    record: Annotated[str | None, typer.Argument(help="A record hash.")] = None,
    batch: Annotated[
        int | None, typer.Option(help="Every record of this batch instead, in one act.", min=1, max=GREATEST_BATCH)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a record, or a whole batch: from now on it does not verify."""
    if (record is None) == (batch is None):
        raise UsageError("what is to be revoked?", hint="give a record hash, or --batch with a batch's number")
    record_hash, code = None if record is None else parse_record_hash(record), parse_reason(reason)
    with open_client(home) as client:
        outcome = client.revoke(record_hash, code) if record_hash else client.revoke_batch(batch or 0, code)
    if as_json:
        print_json(outcome)
        return
    say(f"{record or f'batch {batch}'}: revoked in block {outcome.block_number}")


def supersede(
    old: Annotated[str, typer.Argument(help="The hash of the record to replace.")],
    by: Annotated[str, typer.Option("--by", help="The hash of the record that takes its place, registered already.")],
    reason: ReasonOption,
    other_subject: Annotated[
        bool, typer.Option("--other-subject", help="Even if they share no identifier: the old one's was wrong.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for programs.")] = False,
    account: AccountOption = "submit",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace a record by another of this institution, after showing in what they differ."""
    old_hash, new_hash, code = parse_record_hash(old), parse_record_hash(by), parse_reason(reason)
    chosen = _account(account)
    if not (yes or sys.stdin.isatty()):
        raise UsageError("no terminal to confirm at", hint="give --yes to replace the record without being asked")
    with open_client(home) as client:
        found = client.differences(old_hash, new_hash, other_subject=other_subject)
        if not as_json:
            _show_differences(old_hash, new_hash, found)
        if not (yes or confirm(f"{new_hash.hex()} takes the place of {old_hash.hex()} for good?")):
            say("nothing was sent", file=sys.stderr)
            raise typer.Exit(EXIT_DECLINED)
        outcome = client.supersede(old_hash, new_hash, code, other_subject=other_subject, account=chosen)
    if as_json:
        print_json({**dataclasses.asdict(outcome), "differences": found})
        return
    say(f"{old}: superseded by {new_hash.hex()} in block {outcome.block_number}")


def dispute(
    record: RecordArgument,
    reason: ReasonOption,
    account: AccountOption = "submit",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a record is in doubt: until another key resolves it, it does not verify."""
    record_hash, code, chosen = parse_record_hash(record), parse_reason(reason), _account(account)
    with open_client(home) as client:
        outcome = client.dispute(record_hash, code, account=chosen)
    if as_json:
        print_json(outcome)
        return
    say(f"{record}: disputed in block {outcome.block_number}")


def resolve(
    record: RecordArgument,
    reason: ReasonOption,
    uphold: Annotated[
        bool | None,
        typer.Option("--uphold/--dismiss", help="Upheld, the record is revoked; dismissed, it is good again."),
    ] = None,
    account: AccountOption = "review",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """End this institution's own dispute, by another key than raised it."""
    record_hash, code, chosen = parse_record_hash(record), parse_reason(reason), _account(account)
    if uphold is None:
        raise UsageError("how is the dispute resolved?", hint="give --uphold or --dismiss")
    with open_client(home) as client:
        outcome = client.resolve(record_hash, code, uphold=uphold, account=chosen)
    if as_json:
        print_json(outcome)
        return
    became = translate("upheld, the record is revoked" if uphold else "dismissed, the record is active")
    say(f"{record}: dispute {became} in block {outcome.block_number}")


def history(
    record: RecordArgument,
    institution: Annotated[str | None, typer.Option(help="Only this institution's claims, by its code.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Say from which file and line this home took it in.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What became of a record, step by step, at every institution that claims its hash."""
    record_hash = parse_record_hash(record)
    with open_client(home) as client:
        found = client.history(record_hash, institution=institution, local=local)
    if as_json:
        print_json(_document(found))
        return
    claims = counted(len(found.lives), "claim")
    say(f"{record_hash.hex()}: {claims} as of block {found.block.number}, {utc(found.block.timestamp)}")
    for life in found.lives:
        print_table(_title(life), ("time", "what", "state then", "by", "reason", "block #", "transaction"), _rows(life))


def _account(name: str) -> str:
    if name not in ("submit", "review"):
        raise UsageError(f"{name!r} is no chain key", hint="submit or review")
    return name


def _show_differences(old: bytes, new: bytes, found: list[Difference]) -> None:
    title = f"{new.hex()} against {old.hex()}: {counted(len(found), 'difference')}"
    print_table(title, ("path", "old", "new"), [(one.path, _said(one.old), _said(one.new)) for one in found])


def _said(value: object) -> str:
    import orjson

    return translate("(absent)") if value is None else orjson.dumps(value).decode()


def _title(life: Life) -> str:
    expiry = translate(f"expires at {utc(life.expires_at)}" if life.expires_at else "never expires")
    source = translate(f", from {life.file} line {life.line}") if life.file is not None else ""
    state = life.state + (translate(" (expired)") if life.expired else f", {expiry}")
    return f"{life.institution}, claim {life.n}, batch {life.batch}: {state}{source}"


def _rows(life: Life) -> list[tuple[object, ...]]:
    return [
        (
            utc(step.at),
            step.what + (translate(f" by {step.successor.hex()}") if step.successor else ""),
            step.state,
            step.by,
            step.reason,
            "-" if step.block_number is None else step.block_number,
            "-" if step.tx_hash is None else step.tx_hash.hex(),
        )
        for step in life.steps
    ]


def _document(found: History) -> dict[str, object]:
    claims = [dataclasses.asdict(life) | {"steps": [_step(step) for step in life.steps]} for life in found.lives]
    return {"record_hash": found.record_hash, "block": found.block.number, "claims": claims}


def _step(step: Step) -> dict[str, object]:
    return dataclasses.asdict(step)
