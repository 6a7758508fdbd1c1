"""The vault's records: records list."""

from __future__ import annotations

from typing import Annotated

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import HomeOption, JsonOption, counted, open_client, print_json, print_table, utc
from creditconnect.errors import UsageError

app = typer.Typer(help="What this vault holds.", no_args_is_help=True, rich_markup_mode=None)

GREATEST_LIMIT = 100_000
LimitOption = Annotated[int, typer.Option(help="At most so many.", min=1, max=GREATEST_LIMIT)]
BeforeOption = Annotated[int | None, typer.Option(help="Only those below this number: the next page.", min=1)]
STATES = ("waiting", "under-way", "registered")


@app.callback()
def records() -> None:
    """What this vault holds."""


@app.command("list")
def list_(
    subject: Annotated[int | None, typer.Option(help="Of this subject, see subject list.", min=1)] = None,
    file: Annotated[int | None, typer.Option(help="Of this submission, by the number that records list shows.")] = None,
    state: Annotated[str | None, typer.Option(help=f"Only those that are {', '.join(STATES)}.")] = None,
    limit: LimitOption = 50,
    before: BeforeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest records of this vault, and where each stands; without what they say."""
    from creditconnect.custody.listing import RecordStanding

    if state is not None and state not in STATES:
        raise UsageError(f"{state!r} is no state", hint=f"one of {', '.join(STATES)}")
    standing = None if state is None else RecordStanding(state.replace("-", " "))
    with open_client(home) as client:
        found = client.records_list(subject=subject, file=file, standing=standing, limit=limit, before=before)
    if as_json:
        print_json(found)
        return
    print_table(
        counted(len(found), "record") if found else "no such record",
        ("number #", "record hash", "schema", "file", "line #", "expires at", "stands"),
        [
            (
                one.number,
                one.record_hash.hex(),
                one.schema,
                f"{one.file} {one.file_name}",
                one.line,
                utc(one.expires_at),
                translate(one.standing.value),
            )
            for one in found
        ],
    )
