"""A reviewer's commands for looking: review show, files, sample, note, log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    GREATEST_BATCH,
    HomeOption,
    JsonOption,
    counted,
    open_client,
    print_json,
    print_table,
    say,
    utc,
)
from creditconnect.errors import UsageError
from creditconnect.reasons import chain_reason_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creditconnect.client.examining import LogReading
    from creditconnect.custody.review_log import ReviewEntry
    from creditconnect.exchange.examination import Examined
    from creditconnect.records.plausibility import Finding

BatchArgument = Annotated[int, typer.Argument(help="The batch's number, see review list.", min=1, max=GREATEST_BATCH)]
# A value in a table of differences; --json has it whole.
GREATEST_SHOWN = 60
# Of an account's address in a table; --json has it whole.
SHOWN_ADDRESS = 10
NOTHING = "-"


def add_to(app: typer.Typer) -> None:
    """Add the commands to `review`."""
    for command in (show, files, sample, note, log):
        app.command()(command)


def show(
    batch: BatchArgument,
    row: Annotated[
        int | None, typer.Option(help="Show this row's whole record; that you looked at it is kept.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """A batch's records, decrypted: what is doubtful about each, what changed since the subject's last one."""
    with open_client(home) as client:
        examined = client.review_show(batch) if row is None else [client.review_show_row(batch, row)]
    if as_json:
        print_json([_document(one, whole=row is not None) for one in examined])
    elif row is not None:
        _print_row(examined[0])
    else:
        print_table(
            f"batch {batch}",
            ("row #", "line #", "record hash", "name", "identifiers", "report", "findings", "changes #", "since"),
            [
                (
                    one.row.number,
                    one.row.stored.line if one.row.stored else NOTHING,
                    one.row.derived.record_hash.hex(),
                    *_subject(one),
                    _gravest(one.findings),
                    len(one.changes) if one.predecessor else NOTHING,
                    f"{one.predecessor.record_hash.hex()} {one.predecessor.state}" if one.predecessor else NOTHING,
                )
                for one in examined
            ],
        )


def files(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The submitted files of which rows wait for a review."""
    with open_client(home) as client:
        waiting = client.review_files()
    if as_json:
        print_json(waiting)
        return
    print_table(
        f"{counted(len(waiting), 'file')} to decide on" if waiting else "no file waits",
        ("file #", "file name", "submitted at", "rows #", "batches"),
        [(one.id, one.name, utc(one.submitted_at), one.rows, ", ".join(map(str, one.batches))) for one in waiting],
    )


def sample(batch: BatchArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The rows that the sampling plan wants looked at, why, and who did."""
    with open_client(home) as client:
        plan, rows = client.review_plan, client.review_sample(batch)
    if as_json:
        print_json({"plan": None if plan is None else plan.hash, "rows": rows})
        return
    if plan is None:
        say("no sampling plan: nobody has to look; HOME/review.toml makes one")
        return
    print_table(
        f"batch {batch}: {counted(len(rows), 'row')} to look at",
        ("row #", "record hash", "why", "looked at by"),
        [
            (
                one.row,
                one.record_hash.hex(),
                ", ".join(map(translate, one.reasons)),
                ", ".join(one.looked_at_by) or NOTHING,
            )
            for one in rows
        ],
    )


def note(
    batch: BatchArgument,
    text: Annotated[str, typer.Argument(help="The note; - reads it from standard input.")],
    row: Annotated[int | None, typer.Option(help="The row that it is about.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a note on a batch or a row, sealed in the vault."""
    with open_client(home) as client:
        client.review_note(batch, note_text(text), row=row)
    if as_json:
        print_json({"batch": batch, "row": row})
        return
    say(f"batch {batch}: noted")


def log(
    batch: Annotated[int | None, typer.Option(help="Of this batch alone.", min=1, max=GREATEST_BATCH)] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Who reviewed what, when and why; exit code 1 if the log is not what was written."""
    with open_client(home) as client:
        reading = client.review_log(batch)
    if as_json:
        print_json(
            {
                "entries": reading.entries,
                "outcomes": {tx.hex(): state for tx, state in reading.outcomes.items()},
                "plans": {plan.hex(): said for plan, said in reading.plans.items()},
                "broken": reading.broken,
                "unlogged": reading.unlogged,
            }
        )
    else:
        _print_log(reading)
    if reading.broken:
        raise typer.Exit(1)


def note_text(text: str) -> str:
    """A note as it was given; `-` is standard input's.

    Raises:
        UsageError: standard input is not UTF-8.
    """
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UsageError("the note is not UTF-8") from None


def _print_row(one: Examined) -> None:
    print_json(one.row.record)
    print_table(
        counted(len(one.findings), "finding"),
        ("severity", "rule", "path", "message"),
        [(str(finding.severity), finding.rule, finding.path, translate(finding.message)) for finding in one.findings],
    )
    if one.predecessor is None:
        say("no predecessor: no earlier record of the subject is current")
    else:
        print_table(
            f"{counted(len(one.changes), 'change')} since record {one.predecessor.record_hash.hex()}"
            f" ({one.predecessor.state})",
            ("path", "old", "new"),
            [(change.path, _shown(change.old), _shown(change.new)) for change in one.changes],
        )
    print_table(
        f"{counted(len(one.related), 'other record')} of the subject",
        ("record hash", "schema", "state", "file #", "line #"),
        [(other.record_hash.hex(), other.schema, other.state, other.file, other.line) for other in one.related],
    )


def _print_log(reading: LogReading) -> None:
    print_table(
        f"{counted(len(reading.entries), 'entry')} in the review log",
        ("entry #", "at", "account", "action", "batch #", "record", "reason", "plan", "transaction", "note"),
        [_log_row(entry, reading) for entry in reading.entries],
    )
    for broken in reading.broken:
        say(f"NOT AS IT WAS WRITTEN: {broken.message}")
    for decision in reading.unlogged:
        action = translate("approved" if decision.approved else "rejected")
        say(f"not in this log: batch {decision.batch} was {action} by {decision.account}, says the chain")


def _log_row(entry: ReviewEntry, reading: LogReading) -> Sequence[object]:
    return (
        entry.number,
        utc(entry.at),
        f"{entry.account[:SHOWN_ADDRESS]}...",
        entry.action,
        entry.batch,
        entry.record.hex() if entry.record else NOTHING,
        NOTHING if entry.reason is None else chain_reason_name(entry.reason),
        entry.plan.hex()[:16] if entry.plan else NOTHING,
        f"{entry.tx.hex()[:16]} {reading.outcomes.get(entry.tx, '')}" if entry.tx else NOTHING,
        translate("(does not open)") if entry.note is None else entry.note,
    )


def _document(one: Examined, *, whole: bool) -> dict[str, Any]:
    row = one.row
    return {
        "row": row.number,
        "line": row.stored.line if row.stored else None,
        "record_hash": row.derived.record_hash,
        "commitment": row.derived.commitment,
        "record": row.record,
        "findings": one.findings,
        "predecessor": one.predecessor,
        "changes": one.changes,
        **({"related": one.related} if whole else {}),
    }


def _gravest(findings: Sequence[Finding]) -> str:
    """How many findings, and how grave the gravest is."""
    if not findings:
        return NOTHING
    return f"{len(findings)} {max(findings, key=lambda finding: finding.severity.rank).severity}"


def _shown(value: object) -> str:
    import orjson

    text = NOTHING if value is None else orjson.dumps(value).decode()
    return text if len(text) <= GREATEST_SHOWN else f"{text[:GREATEST_SHOWN]}..."


def _subject(one: Examined) -> tuple[str, str, str]:
    """Name, identifiers and report number, from where the schemas have them."""
    record = one.row.record
    if record is None:
        return (translate("(not in this vault)"), "", "")
    identity = record.get("identity", record.get("subject", {}))
    name = identity.get("name", identity.get("registered_name", record.get("document", {}).get("name", "")))
    identifiers = ", ".join(f"{other['type']} {other['number']}" for other in identity.get("identifiers", []))
    return (str(name), identifiers, str(record.get("report", {}).get("number", "")))
