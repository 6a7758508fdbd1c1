"""`creditconnect`: the commands put together, and the one place where an error becomes a line and an exit code.

Exit codes: 0 done or verified, 1 error, 2 usage, 10 not verified, 11 could not tell (docs/PROTOCOL.md, 7).
"""

from __future__ import annotations

import errno
import sys
from typing import Annotated

import typer

from creditconnect import __version__
from creditconnect.cli import (
    auditing,
    correcting,
    demo,
    handing_over,
    keys,
    listing,
    network_changes,
    provider,
    registering,
    reviewing,
    schemas,
    taking_in,
    verifying,
)
from creditconnect.cli.command_line import run
from creditconnect.cli.language import speak_chosen
from creditconnect.cli.presentation import print_error, say
from creditconnect.errors import CreditConnectError, UsageError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

_HINTS = {
    errno.EACCES: "check the owner and the permissions of the file and of its folder",
    errno.EFBIG: "nothing that was taken in is lost; raise the limit on files' sizes, and run the same again",
    errno.ENOSPC: "nothing that was taken in is lost; make room on the disk, and run the same again",
    errno.EROFS: "choose a folder that can be written to",
}

app = typer.Typer(
    name="creditconnect",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
provider.add_to(app)
correcting.add_to(app)
verifying.add_to(app)
handing_over.add_to(app)
app.add_typer(reviewing.app, name="review")
app.add_typer(registering.app, name="subject")
app.add_typer(taking_in.app, name="intake")
app.add_typer(listing.app, name="records")
app.add_typer(auditing.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(schemas.app, name="schema")
app.add_typer(network_changes.app, name="network")
demo.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"creditconnect {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
    lang: Annotated[
        str, typer.Option(help="Language of messages: en, zh-Hans, zh-Hant (or CREDITCONNECT_LANG).")
    ] = "en",
) -> None:
    """Verify credit records across a border. Records stay at home; their hashes and commitments are compared."""


def main() -> None:
    """Run the command line; never shows a traceback for an error that this package raises on purpose."""
    try:
        speak_chosen(sys.argv[1:])
        code = run(app)
    except CreditConnectError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_ERROR)
    except OSError as error:
        # A file, a folder or the disk; a broken pipe is typer's to handle.
        print_error(_told(error), as_json="--json" in sys.argv)
        sys.exit(EXIT_ERROR)
    if code == EXIT_INTERRUPTED:
        say("interrupted: what was taken in is kept; the same command again goes on", file=sys.stderr)
    sys.exit(code)


def _told(error: OSError) -> CreditConnectError:
    """What the operating system refused, of which file, and what to do."""
    about = f"{error.filename}: " if error.filename else ""
    hint = _HINTS.get(error.errno or 0, "nothing that was taken in is lost; correct that, and run the same again")
    return CreditConnectError(f"{about}{error.strerror or type(error).__name__}", hint=hint)
