"""`creditconnect schema`: which there are, what they ask, and an empty sheet to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    offer_schemas,
    open_client,
    print_json,
    print_table,
    say,
)

app = typer.Typer(
    help="Schemas: what a record has to say, and a sheet to fill in.", no_args_is_help=True, rich_markup_mode=None
)

SchemaArgument = Annotated[
    str, typer.Argument(help="The schema's id, e.g. personal-credit-report/1.", autocompletion=offer_schemas)
]


@app.command(name="list")
def list_schemas(
    pinned: Annotated[bool, typer.Option("--pinned", help="Ask this home's node which of them are pinned.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The schemas that this program knows, in the order in which authorities pin them."""
    from creditconnect.client import Client

    known = Client.schema_list()
    numbers: dict[str, int] = {}
    if pinned:
        with open_client(home) as client:
            numbers = client.schema_pinned()
    if as_json:
        more = {schema.id: {"number": numbers.get(schema.id)} if pinned else {} for schema in known}
        print_json([{"id": one.id, "title": one.title, "hash": one.hash} | more[one.id] for one in known])
        return
    rows = [(one.id, one.title, one.hash.hex(), *([numbers.get(one.id, "-")] if pinned else [])) for one in known]
    print_table("schemas", ("id", "title", "hash", *(["pinned as #"] if pinned else [])), rows)


@app.command(name="show")
def show_schema(schema: SchemaArgument, as_json: JsonOption = False) -> None:
    """A schema's fields, or its document as it is hashed (--json)."""
    from creditconnect.client import Client

    shown = Client.schema_show(schema)
    if as_json:
        print_json(shown.document)
        return
    rows = [
        (
            one.path,
            one.type,
            translate("yes") if one.required else "",
            " ".join(one.codes),
            ", ".join(map(translate, one.limits.split(", "))),
            one.description,
        )
        for one in shown.fields
    ]
    print_table(
        f"{shown.known.id}: {shown.known.title} ({shown.known.hash.hex()})",
        ("path", "type", "required", "codes", "limits", "what it is"),
        rows,
    )


@app.command(name="template")
def write_template(
    schema: SchemaArgument,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write an empty sheet and its mapping. Fill the sheet in, then: creditconnect submit SHEET --map MAPPING."""
    from creditconnect.client import Client

    written = Client.schema_template(schema, out)
    if as_json:
        print_json(written)
        return
    say(f"fill in {written.sheet}, then: creditconnect submit {written.sheet} --map {written.mapping}")
