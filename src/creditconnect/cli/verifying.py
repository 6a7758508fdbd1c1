"""A bank's commands: verify and find."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    STANDARD_INPUT,
    HomeOption,
    JsonOption,
    counted,
    named_or_scanned,
    open_client,
    parse_record_hash,
    print_json,
    print_table,
    progress_bar,
    say,
    utc,
)
from creditconnect.errors import UsageError
from creditconnect.types import Verdict

if TYPE_CHECKING:
    from creditconnect.answers.verification import Verification
    from creditconnect.chain.registry import Claim
    from creditconnect.client import Client

EXIT_CODES = {Verdict.VERIFIED: 0, Verdict.NOT_VERIFIED: 10, Verdict.COULD_NOT_TELL: 11}


def add_to(app: typer.Typer) -> None:
    for command in (verify, find):
        app.command()(command)


def verify(
    path: Annotated[
        Path,
        typer.Argument(
            help="A package, plain or sealed; a folder or archive of them; a sheet, its picture, or - to scan it."
        ),
    ],
    document: Annotated[
        Path | None, typer.Option(help="The document that the package is about, if it does not lie beside it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write each package's verdict into this file, .csv or .parquet.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a package, or every package in a folder or archive. Exit code 0: verified; 10: not; 11: could not tell.

    With --out, what was stopped goes on where it was: give the same command again.
    """
    if out is not None and document is not None:
        raise UsageError("--out and --document exclude each other", hint="lay documents beside their packages")
    with open_client(home) as client:
        if out is not None:
            raise typer.Exit(_verify_into(client, path, out, as_json=as_json))
        if _holds_many(path):
            if document is not None:
                raise UsageError("--document goes with one package", hint="lay documents beside their packages")
            results = _verify_all(client, path, quiet=as_json)
            _show_many(path, results, as_json=as_json)
        else:
            results = [(path.name, client.verify(named_or_scanned(path), document=document))]
            _show_one(path, results[0][1], as_json=as_json)
    raise typer.Exit(max(EXIT_CODES[verification.verdict] for _, verification in results))


def find(
    record: Annotated[str, typer.Argument(help="A record hash, 16 hex digits.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Every institution's claim to a record hash. A claim proves nothing by itself: verify compares the commitment."""
    record_hash = parse_record_hash(record)
    with open_client(home) as client:
        found = client.find(record_hash)
    if as_json:
        print_json({"block": found.block.number, "claims": _claims(found.claims, found.codes)})
        return
    nobody = "" if found.claims else translate(": nobody claims it")
    title = f"{record_hash.hex()} as of block {found.block.number}{nobody}"
    print_table(title, _CLAIM_COLUMNS, _claim_rows(found.claims, found.codes))


def _holds_many(path: Path) -> bool:
    from creditconnect.custody.archives import is_archive

    return path.is_dir() or (path != STANDARD_INPUT and is_archive(path))


def _verify_all(client: Client, path: Path, *, quiet: bool) -> list[tuple[str, Verification]]:
    results: list[tuple[str, Verification]] = []
    with progress_bar("verifying", quiet=quiet) as tell:
        passed_over: list[str] = []
        for result in client.verify_all(path, passed_over=passed_over.extend):
            results.append(result)
            tell(len(results), 0)
    _say_passed_over(passed_over)
    return results


def _say_passed_over(files: list[str]) -> None:
    if files:
        told = f"not looked at: {counted(len(files), 'file')} without a package, first {files[0]}"
        say(told, file=sys.stderr)


def _verify_into(client: Client, path: Path, out: Path, *, as_json: bool) -> int:
    """The exit code."""
    with progress_bar("verifying", quiet=as_json) as tell:
        done = client.verify_into(path, out, progress=lambda inputs: tell(inputs, 0))
    if as_json:
        print_json(done)
    else:
        print_table(
            f"{done.file}: {counted(done.inputs, 'package')}", ("verdict", "packages #"), sorted(done.verdicts.items())
        )
        if done.kept:
            say(f"{done.kept} of them were answered before it was stopped, within the hour")
        _say_passed_over(done.passed_over)
    return max(EXIT_CODES[Verdict(verdict)] for verdict in done.verdicts)


def _show_many(folder: Path, results: list[tuple[str, Verification]], *, as_json: bool) -> None:
    if as_json:
        print_json([{"file": name, **_document(verification, with_record=False)} for name, verification in results])
        return
    counts = Counter((one.verdict.value, ", ".join(one.reasons)) for _, one in results)
    rows = [(verdict, reasons, count) for (verdict, reasons), count in sorted(counts.items())]
    print_table(f"{folder}: {counted(len(results), 'package')}", ("verdict", "reasons", "packages #"), rows)
    bad = [(name, one.verdict.value, ", ".join(one.reasons)) for name, one in results if one.reasons]
    if bad:
        print_table("not verified", ("package", "verdict", "reasons"), bad)


def _show_one(path: Path, verification: Verification, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": path.name, **_document(verification, with_record=True)})
        return
    block = verification.block
    as_of = translate(f" as of block {block.number}, {utc(block.timestamp)}") if block else ""
    print_table(
        f"{path.name}: {verification.verdict.value}{as_of}",
        ("check", "status", "reason", ""),
        [(check.name, check.status.value, check.reason, translate(check.detail)) for check in verification.checks],
    )
    if len(verification.claims) > 1 or (verification.claims and verification.claim is None):
        rows = _claim_rows(verification.claims, verification.institutions)
        print_table("every claim to this record hash", _CLAIM_COLUMNS, rows)
    if verification.record is not None:
        say(f"the record, as {verification.provider} is said to have issued it:")
        print_json(verification.record)


def _document(verification: Verification, *, with_record: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "verdict": verification.verdict.value,
        "reasons": verification.reasons,
        "provider": verification.provider,
        "record_hash": verification.record_hash,
        "block": verification.block.number if verification.block else None,
        "checks": [
            {"name": check.name, "status": check.status.value, "reason": check.reason, "detail": check.detail}
            for check in verification.checks
        ],
        "claims": _claims(verification.claims, verification.institutions),
    }
    return document | ({"record": verification.record} if with_record else {})


def _claims(claims: tuple[Claim, ...], codes: dict[int, str]) -> list[dict[str, Any]]:
    return [
        {
            "institution": codes[claim.institution],
            "entry_key": f"{claim.entry_key:#x}",
            "commitment": claim.commitment,
            "batch": claim.batch,
            "schema": claim.schema,
            "registered_at": claim.registered_at,
            "expires_at": claim.expires_at,
            "state": claim.state.name,
            "expired": claim.expired,
        }
        for claim in claims
    ]


_CLAIM_COLUMNS = ("institution", "commitment", "batch #", "registered at", "expires at", "state")


def _claim_rows(claims: tuple[Claim, ...], codes: dict[int, str]) -> list[tuple[object, ...]]:
    return [
        (
            codes[claim.institution],
            claim.commitment.hex(),
            claim.batch,
            utc(claim.registered_at),
            utc(claim.expires_at),
            claim.state.name + (translate(" (expired)") if claim.expired else ""),
        )
        for claim in claims
    ]
