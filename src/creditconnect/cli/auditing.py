"""An auditor's commands: audit replay."""

from __future__ import annotations

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    HomeOption,
    JsonOption,
    open_client,
    print_json,
    print_table,
    progress_bar,
    say,
)

EXIT_DIFFERS = 10

app = typer.Typer(help="Audit the registry from its own events.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def audit() -> None:
    """Keeps `replay` a command of its own while it is the only one."""


@app.command()
def replay(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Rebuild all state from the events; compare every slot and the storage root. Exit code 10 if anything differs."""
    with open_client(home) as client, progress_bar("following the chain", quiet=as_json) as tell:
        report = client.audit_replay(progress=tell)
    if as_json:
        print_json(report)
    else:
        print_table(
            f"replayed to block {report.block_number}",
            ("events #", "batches #", "records #", "slots compared #", "slots that differ #", "storage root"),
            [
                (
                    report.events,
                    report.batches,
                    report.records,
                    report.slots,
                    len(report.differences),
                    translate("agrees" if report.agrees else "DIFFERS"),
                )
            ],
        )
        for finding in report.findings():
            say(finding)
    if not report.agrees:
        raise typer.Exit(EXIT_DIFFERS)
