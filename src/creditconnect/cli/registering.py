"""The register of subjects: subject register, list, show, consent, withdraw.

A name or an identifier is never an argument: other users see those by `ps`, and shells keep them. They come from a
file, from standard input, or are asked for at the terminal; a subject's number is what arguments say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect.cli.language import Value, translate
from creditconnect.cli.listing import BeforeOption, LimitOption
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    counted,
    offer_schemas,
    open_client,
    print_json,
    print_table,
    say,
    utc,
)
from creditconnect.errors import FieldInvalid, UsageError

if TYPE_CHECKING:
    from creditconnect.client import Client
    from creditconnect.custody.subjects import KnownSubject
    from creditconnect.records.identifiers import Identifier

app = typer.Typer(
    help="The persons and firms that records may be about, and what they agreed to.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

STANDARD_INPUT = Path("-")
SHOWN_RECORDS = 10
KINDS = ("person", "firm")
NumberArgument = Annotated[int, typer.Argument(help="The subject's number, see subject list.", min=1)]


@app.command()
def register(
    file: Annotated[
        Path | None, typer.Argument(help="A CSV or JSONL file, or - for standard input; asks for one, if not given.")
    ] = None,
    row_format: Annotated[
        str | None, typer.Option("--format", help="csv or jsonl, where the name does not say.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register persons and firms, or add to those that are. The same again changes nothing.

    Columns: type (person or firm), name, date (of birth or incorporation, YYYY-MM-DD), contact; hkid, cn_resident_id,
    uscc, lei, hk_brn (several with a semicolon between); consent_scope (schema ids with spaces between, or all),
    consent_given, consent_until, consent_purpose, consent_evidence (where the form lies), consent_sha256; number, to
    change the subject of that number. type, name and one identifier have to be.
    """
    with open_client(home) as client:
        if file is None:
            stream = BytesIO(json.dumps(_asked()).encode())
            done = client.subject_register(stream, row_format="jsonl", name="answers")
        elif file == STANDARD_INPUT:
            done = client.subject_register(sys.stdin.buffer, row_format=row_format)
        else:
            done = client.subject_register(file, row_format=row_format)
    if as_json:
        print_json(done)
        return
    print_table(
        Value(done.file),
        ("new #", "changed #", "unchanged #", "rejected #"),
        [(done.new, done.changed, done.unchanged, done.rejected)],
    )
    if done.numbers:
        more = translate(f" to {done.numbers[-1]}") if len(done.numbers) > 1 else ""
        say(f"new: subject {done.numbers[0]}{more}")
    for one in done.first_rejections:
        say(f"line {one.line}: {one.field}: {one.reason}: {one.message}")
    if done.rejected_file is not None:
        say(f"rejected rows, by line, field and reason: {done.rejected_file}")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only those that are person, or firm.")] = None,
    limit: LimitOption = 50,
    before: BeforeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest subjects."""
    from creditconnect.records.subjects import SubjectKind

    if kind is not None and kind not in KINDS:
        raise UsageError(f"{kind!r} is no kind of subject", hint=f"one of {', '.join(KINDS)}")
    with open_client(home) as client:
        page = client.subject_list(limit=limit, before=before, kind=SubjectKind(kind) if kind else None)
    if as_json:
        print_json(page)
        return
    print_table(
        f"{len(page.subjects):,} of {counted(page.total, 'subject')}" if page.subjects else "no subject",
        ("number #", "kind", "name", "identifiers", "consents #", "registered at"),
        [
            (
                one.number,
                one.subject.kind.value,
                one.subject.name,
                _identifiers(one),
                len(one.subject.consents),
                utc(one.registered_at),
            )
            for one in page.subjects
        ],
    )


@app.command()
def show(
    number: Annotated[
        int | None, typer.Argument(help="The subject's number; asks for an identifier, if not given.")
    ] = None,
    identifier_file: Annotated[
        Path | None, typer.Option(help="A file, or - for standard input, with TYPE NUMBER, e.g. HKID A123456(3).")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is registered of a subject, and the newest records about it."""
    if number is not None and identifier_file is not None:
        raise UsageError("a number and --identifier-file exclude each other", hint="give one")
    wanted = number if number is not None else _identifier(identifier_file)
    with open_client(home) as client:
        try:
            known = client.subject_show(wanted)
        except FieldInvalid as error:
            raise UsageError(error.message, hint="TYPE NUMBER, e.g. HKID A123456(3)") from None
        records = client.records_list(subject=known.number, limit=SHOWN_RECORDS)
    if as_json:
        print_json({"subject": known, "newest_records": records})
        return
    _print(known)
    print_table(
        f"newest {counted(len(records), 'record')}" if records else "no record",
        ("record hash", "schema", "file", "line #", "stands"),
        [(r.record_hash.hex(), r.schema, r.file_name, r.line, translate(r.standing.value)) for r in records],
    )


@app.command()
def consent(
    number: NumberArgument,
    scope: Annotated[
        list[str],
        typer.Option("--schema", help="A schema's id, or all; may be given again.", autocompletion=offer_schemas),
    ],
    until: Annotated[str, typer.Option(help="Until when (UTC); without an end, if not given.")] = "",
    given: Annotated[str, typer.Option(help="When it was given (UTC); now, if not given.")] = "",
    purpose: Annotated[str, typer.Option(help="What for, in words; no personal data.")] = "",
    evidence: Annotated[str, typer.Option(help="Where the signed form lies, e.g. its number in the archive.")] = "",
    form: Annotated[
        Path | None, typer.Option(help="The signed form: its SHA-256 is noted, the form stays there.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note what a subject agrees to."""
    said = {
        "consent_scope": " ".join(scope),
        "consent_until": until,
        "consent_given": given,
        "consent_purpose": purpose,
        "consent_evidence": evidence,
        "consent_sha256": _sha256(form) if form else "",
    }
    _change(home, as_json, lambda client: client.subject_consent(number, said))


@app.command()
def withdraw(
    number: NumberArgument,
    schema: Annotated[str, typer.Option(help="Only for this schema.", autocompletion=offer_schemas)] = "all",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Note that a subject agrees no more, from now on. What is registered stays so: creditconnect revoke ends that."""
    _change(home, as_json, lambda client: client.subject_withdraw(number, schema))


def _change(home: Path | None, as_json: bool, change: Callable[[Client], KnownSubject]) -> None:
    with open_client(home) as client:
        known = change(client)
    if as_json:
        print_json(known)
        return
    _print(known)


def _print(known: KnownSubject) -> None:
    subject = known.subject
    print_table(
        f"subject {known.number}",
        ("kind", "name", "identifiers", "date", "contact", "registered at"),
        [
            (
                subject.kind.value,
                subject.name,
                _identifiers(known),
                subject.since,
                subject.contact,
                utc(known.registered_at),
            )
        ],
    )
    print_table(
        "consents" if subject.consents else "no consent",
        ("scope", "given at", "until", "purpose", "evidence", "SHA-256 of the form"),
        [
            (" ".join(c.schemas), utc(c.given_at), utc(c.until), c.purpose, c.evidence, c.sha256)
            for c in subject.consents
        ],
    )
    for one in subject.withdrawals:
        say(f"withdrawn for {one.scope} at {utc(one.at)}")


def _identifiers(known: KnownSubject) -> str:
    return ", ".join(f"{one.type} {one.number}" for one in known.subject.identifiers)


def _asked() -> dict[str, str]:
    """One subject, asked for at the terminal."""
    if not sys.stdin.isatty():
        raise UsageError("no file and no terminal to ask at", hint="name a CSV or JSONL file, or - for standard input")
    kind = _ask("type (person or firm)")
    columns = {"person": ("hkid", "cn_resident_id"), "firm": ("uscc", "lei", "hk_brn")}.get(kind)
    if columns is None:
        raise UsageError("that is no kind of subject", hint=f"one of {', '.join(KINDS)}")
    asked = ("name", *columns, "date", "contact", "consent_scope", "consent_until", "consent_evidence")
    return {"type": kind, **{column: _ask(column) for column in asked}}


def _ask(what: str) -> str:
    return str(typer.prompt(translate(what), default="", show_default=False, err=True))


def _identifier(file: Path | None) -> Identifier:
    from creditconnect.records.identifiers import Identifier

    if file is None:
        if not sys.stdin.isatty():
            raise UsageError("no subject's number and no terminal to ask at", hint="give it, or --identifier-file")
        line = _ask("identifier (TYPE NUMBER)")
    else:
        try:
            line = (sys.stdin.read(200) if file == STANDARD_INPUT else file.read_text(encoding="utf-8")[:200]).strip()
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise UsageError(f"{file}: can't be read ({said})", hint="a file with TYPE NUMBER in it") from None
    kind, _, number = line.partition(" ")
    return Identifier(kind.upper(), number)


def _sha256(form: Path) -> str:
    import hashlib

    with form.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
