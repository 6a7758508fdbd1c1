"""A provider's commands: init, submit, run, status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect import settings
from creditconnect.cli.language import Value, translate
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    ask_new_passphrase,
    counted,
    offer_schemas,
    open_client,
    parse_expiry,
    print_json,
    print_table,
    progress_bar,
    say,
    utc,
)
from creditconnect.errors import UsageError
from creditconnect.types import UNSEALED, Seals

if TYPE_CHECKING:
    from creditconnect.exchange.submission import Progress, Submission

# What a command calls standard input, by custom (POSIX, utility syntax guideline 13).
STANDARD_INPUT = "-"
KEY_ROLES = ("submit", "review")
# Longer than any pause between blocks that is not one.
SHOWN_SHEETS = 10
STALL_TOLD_SECONDS = 10.0


def add_to(app: typer.Typer) -> None:
    for command in (init, submit, run, status):
        app.command()(command)


def init(
    institution: Annotated[str, typer.Argument(help="The institution's permanent code, e.g. its LEI.")],
    node: Annotated[list[str], typer.Option(help="A node's URL, the own side's first; once a node.")],
    deployment: Annotated[Path, typer.Option(help="The deployment file of the registry to trust.")],
    key: Annotated[list[str] | None, typer.Option(help="Make a chain key: submit, review. None for a bank.")] = None,
    remote_key: Annotated[
        list[str] | None, typer.Option(help="ROLE=URL[#PUBLIC_KEY]: a chain key that a Web3Signer holds.")
    ] = None,
    suite: Annotated[
        str, typer.Option(help="Algorithms for commitments and data at rest: SHA256_AES256GCM or SM3_SM4GCM.")
    ] = "SHA256_AES256GCM",
    side: Annotated[
        list[Path] | None,
        typer.Option(help="A side's public file, once a side: a block is final under a seal of each of them."),
    ] = None,
    require_subjects: Annotated[
        bool, typer.Option(help="Whether rows of subjects that are not registered, or did not consent, are rejected.")
    ] = True,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an institution's home: settings, keyring and chain keys. Asks for each new passphrase, twice."""
    from creditconnect.client import Client

    roles = tuple(dict.fromkeys(key or ()))
    remote_keys = _remote_keys(remote_key or [])
    if both := set(roles) & set(remote_keys):
        raise UsageError(f"the {min(both)} key is made here and remote", hint="give --key or --remote-key for it")
    if wrong := [role for role in (*roles, *remote_keys) if role not in KEY_ROLES]:
        raise UsageError(f"{wrong[0]!r} is no kind of key", hint=f"one of {', '.join(KEY_ROLES)}")
    chosen = home or settings.default_home() or Path(institution)
    addresses = Client.init(
        chosen,
        institution,
        tuple(node),
        deployment,
        roles=roles,
        remote_keys=remote_keys,
        suite=suite,
        require_registered_subjects=require_subjects,
        seals=_seals(side or []),
        ask=ask_new_passphrase,
    )
    if as_json:
        print_json({"home": chosen, "institution": institution, "accounts": addresses})
        return
    say(f"{chosen}: home of {institution}")
    for role, address in addresses.items():
        say(f"  {role} account {address}: ask your authority to bind it")
    if addresses:
        become = translate("are rejected; see creditconnect subject register" if require_subjects else "are taken")
        say(f"  rows of subjects that are not registered {become} (require_registered_subjects in settings.toml)")
    if "review" in addresses:
        say("  rows with a high finding have to be looked at before they are approved (review.toml)")


def submit(
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV, JSONL, Parquet or Excel file, a folder of them, or - for standard input; with --schema"
            " document/1 a document, or a folder of them."
        ),
    ],
    mapping: Annotated[
        str | None, typer.Option("--map", help="A mapping TOML, or the name of one that comes along.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option(help="The schema's id, where no mapping names it.", autocompletion=offer_schemas)
    ] = None,
    expires: Annotated[str | None, typer.Option(help="Until when the records hold (UTC); never, if not given.")] = None,
    row_format: Annotated[
        str | None, typer.Option("--format", help="csv, jsonl, parquet or xlsx, where the name does not say.")
    ] = None,
    sheet: Annotated[str | None, typer.Option(help="The Excel workbook's sheet; the first, if not given.")] = None,
    name: Annotated[str | None, typer.Option(help="The name of a document that comes on standard input.")] = None,
    detach: Annotated[bool, typer.Option(help="Only take the rows in; creditconnect run sends them.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a file's records, and wait until they are final. The same file again changes nothing.

    Exit code 1 if a file was refused, or if all rows were rejected.
    """
    expires_at = parse_expiry(expires)
    tell_trouble = _trouble_teller()
    with open_client(home) as client, progress_bar(f"submitting {file.name}", quiet=as_json) as tell:

        def progress(now: Progress) -> None:
            tell(now.registered if not detach else now.rows, now.rows)
            tell_trouble(now)

        done = client.submit(
            sys.stdin.buffer if str(file) == STANDARD_INPUT else file,
            mapping=mapping,
            schema=schema,
            expires_at=expires_at,
            row_format=row_format,
            sheet=sheet,
            name=name,
            detach=detach,
            progress=progress,
        )
    if as_json:
        print_json(done)
    else:
        _print_submission(done, detach=detach)
    all_rejected = done.rejected and not done.accepted + done.repeated
    if all_rejected or any(result.refusal for result in done.files):
        raise typer.Exit(1)


def _print_submission(done: Submission, *, detach: bool) -> None:
    became = "taken in; creditconnect run sends it" if detach else "registered; what needs a review waits for it"
    title = f"{done.file}: {translate(became if done.accepted + done.repeated else 'nothing was taken in')}"
    counts = (done.accepted, done.repeated, done.rejected)
    if done.files:
        print_table(
            f"{title}; registered now: {done.registered}",
            ("file", "accepted #", "known already #", "rejected #"),
            [
                *((result.file, result.accepted, result.repeated, result.rejected) for result in done.files),
                (translate("in all"), *counts),
            ],
        )
    else:
        columns = ("accepted #", "known already #", "rejected #", "registered now #")
        print_table(title, columns, [(*counts, done.registered)])
    for listing in (done.rejected_file, *(result.rejected_file for result in done.files)):
        if listing is not None:
            say(f"rejected rows, by line, field and reason: {listing}")
    over = done.passed_over
    if over.folders or over.hidden or over.special:
        folders, hidden = counted(over.folders, "folder"), counted(over.hidden, "hidden file")
        special = counted(over.special, "pipe, device or broken link")
        say(f"creditconnect: {done.file}: passed over: {folders}; {hidden}; {special}", file=sys.stderr)
    for result in done.files or (done,):
        if result.unread_sheets:
            names = ", ".join(map(repr, result.unread_sheets[:SHOWN_SHEETS]))
            count = counted(len(result.unread_sheets), "sheet")
            say(
                f"creditconnect: {result.file}: {count} not read: {names}; the first was, another by --sheet",
                file=sys.stderr,
            )
    for result in done.files:
        if result.refusal:
            say(f"creditconnect: {result.refusal}", file=sys.stderr)


def run(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send what waits and follow the chain, until SIGTERM or Ctrl-C; then nothing is lost, and run goes on.

    Takes in uploads too, where there is an intake folder when it begins; it then needs the vault's passphrase.
    """
    stopped: list[int] = []
    registered = 0
    tell_trouble = _trouble_teller()

    def stop() -> bool:
        # From the first time on that it is asked: until then, at a prompt, say, Ctrl-C ends the program as ever.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _: stopped.append(received))
        return bool(stopped)

    with open_client(home) as client, progress_bar("registered", quiet=as_json) as tell:

        def progress(now: Progress) -> None:
            nonlocal registered
            registered = now.registered
            tell(registered, 0)
            tell_trouble(now)

        client.run(
            stop,
            progress=progress,
            notice=lambda message: say(f"creditconnect: {message}", file=sys.stderr),
        )
    if as_json:
        print_json({"registered": registered})
        return
    say(f"stopped; {counted(registered, 'record')} registered meanwhile")


def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Where this home's records and its node stand."""
    with open_client(home) as client:
        standing = client.status()
    if as_json:
        print_json(standing)
        return
    print_table(
        Value(standing.institution),
        ("waiting #", "under way #", "registered #", "failed transactions #"),
        [(standing.waiting, standing.under_way, standing.registered, standing.failed_transactions)],
    )
    final = "-" if standing.final_block is None else standing.final_block
    at = utc(standing.head.timestamp)
    say(f"node at block {standing.head.number} of {at}, final to {final}, mirrored to {standing.mirrored_block}")


def _seals(files: list[Path]) -> Seals:
    """Whose seals count, by the sides' public files.

    Raises:
        SideInvalid: a file is none. UsageError: they are of two networks.
    """
    if not files:
        return UNSEALED
    from creditconnect.network.sides import read_side

    sides = [read_side(file) for file in files]
    if len({one.consensus for one in sides}) > 1:
        raise UsageError("the sides' files are of two networks", hint="take those that the genesis was built from")
    return Seals(sides[0].consensus, {one.side: (one.address,) for one in sides})


def _remote_keys(texts: list[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for text in texts:
        role, _, where = text.partition("=")
        if not where or role in named:
            raise UsageError(f"{role!r} does not name one signer", hint="--remote-key submit=http://127.0.0.1:9000")
        named[role] = where
    return named


def _trouble_teller() -> Callable[[Progress], None]:
    """Tells what the node says to what is not in a block yet, each thing once, and that no block comes."""
    told = {""}
    told_stalled = False

    def tell(now: Progress) -> None:
        nonlocal told_stalled
        if now.refusal not in told:
            told.add(now.refusal)
            say(f"creditconnect: not in a block yet; the node says: {now.refusal}", file=sys.stderr)
        stalled = now.stalled_seconds >= STALL_TOLD_SECONDS
        if stalled and not told_stalled:
            say(
                f"creditconnect: no block for {now.stalled_seconds:.0f} s: is each side's validator up? What is sent"
                " waits and goes on by itself; see creditconnect network status",
                file=sys.stderr,
            )
        told_stalled = stalled

    return tell
