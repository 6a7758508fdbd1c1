"""How the commands show things: tables for people, JSON for programs, a bar for what takes longer than a second."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creditconnect import settings
from creditconnect.cli.language import translate
from creditconnect.errors import CreditConnectError, SettingsError, UsageError
from creditconnect.reasons import ChainReason

if TYPE_CHECKING:
    from creditconnect.client import Client

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="The institution's home folder (or CREDITCONNECT_HOME).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
STANDARD_INPUT = Path("-")

# An entry keeps its batch in 48 bits.
GREATEST_BATCH = 2**48 - 1
# What may be typed at a question, in any of the languages.
_ANSWERS = {**dict.fromkeys(("y", "yes", "是"), True), **dict.fromkeys(("", "n", "no", "否"), False)}
# What moves a cursor, turns the direction of writing, or hides what is there: controls, formats, separators of lines.
_UNSEEN = ("Cc", "Cf", "Zl", "Zp")
# A bar that comes and goes within a second is only noise.
BAR_AFTER_SECONDS = 1.0
# The last second of the year 9999; the registry takes expiries beyond it.
GREATEST_SECONDS = 253_402_300_799


def open_client(home: Path | None, *, new: Collection[str] = ()) -> Client:
    """Open the home that was named, or the environment's. The passphrases in `new` are yet to be: asked for twice.

    Raises:
        SettingsError: neither is there, or it is no home.
    """
    chosen = home or settings.default_home()
    if chosen is None:
        raise SettingsError("no home", hint="give --home FOLDER, or set CREDITCONNECT_HOME")
    found = settings.load(chosen)
    # Only now: it takes longer to load than all else together.
    from creditconnect.client import Client

    return Client(found, ask=lambda name: ask_new_passphrase(name) if name in new else ask_passphrase(name))


def ask_passphrase(name: str) -> str:
    """Ask at the terminal, without echo.

    Raises:
        SettingsError: there is no terminal.
    """
    _require_terminal(name)
    return _ask_hidden(translate(f"{name} passphrase"))


def ask_new_passphrase(name: str) -> str:
    """Ask twice for a passphrase that is to be: a slip of the finger would lock its owner out for ever.

    Raises:
        SettingsError: there is no terminal.
    """
    _require_terminal(name)
    while True:
        first = _ask_hidden(translate(f"new {name.removeprefix('new_')} passphrase"))
        if _ask_hidden(translate("the same again")) == first:
            return first
        say("they differ: once more", file=sys.stderr)


def confirm(question: str) -> bool:
    """Ask yes or no at the terminal, in the language of this process; no where nothing is typed."""
    while True:
        answer = str(typer.prompt(f"{translate(question)} [y/N]", default="", show_default=False, err=True))
        if (said := _ANSWERS.get(answer.strip().lower())) is not None:
            return said
        say("y or n", file=sys.stderr)


def print_error(error: CreditConnectError, *, as_json: bool) -> None:
    """One line on standard error, or one JSON object."""
    if as_json:
        print_json({"error": type(error).__name__, "message": error.message, "hint": error.hint}, file=sys.stderr)
    else:
        hint = f": {translate(error.hint)}" if error.hint else ""
        print(f"creditconnect: {translate(error.message)}{hint}", file=sys.stderr)


def say(text: str = "", *, file: Any = None, end: str = "\n", flush: bool = False) -> None:
    """A line for a person, in the language of this process."""
    print(translate(text), file=file or sys.stdout, end=end, flush=flush)


def print_json(document: object, file: Any = None) -> None:
    """A document as JSON, bytes as hex; what is not seen is escaped, so that it stays the same document."""
    import orjson

    text = orjson.dumps(document, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()
    print(_seen(text), file=file or sys.stdout)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table, cut to the terminal only where there is one; text is never read as markup, and nothing in it is unseen.

    Title and columns are translated; cells are values, so whoever puts a message into one translates it. Only the title
    where there are no rows.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        heading = translate(column.removesuffix(" #"))
        table.add_column(heading, justify="right" if column.endswith("#") else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_seen(str(cell))) for cell in row))
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    # A line of its own: a table's own title would be folded to the table's width.
    console.print(Text(_seen(translate(title)), style="bold"), soft_wrap=True)
    if rows:
        console.print(table)


@contextmanager
def progress_bar(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A function to tell (done, total) to; total 0 is unknown. A bar on standard error once a second has passed."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    started = time.monotonic()
    columns = (TextColumn(translate(what)), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(what, total=None)

    def tell(done: int, total: int) -> None:
        if time.monotonic() - started >= BAR_AFTER_SECONDS:
            bar.start()
        bar.update(task, completed=done, total=total or None)

    try:
        yield tell
    finally:
        bar.stop()


def named_or_scanned(path: Path) -> Path | bytes:
    """The file; for `-` what a scanner types, or what is piped in."""
    if path != STANDARD_INPUT:
        return path
    from creditconnect.custody.printed_codes import read_scanner

    if sys.stdin.isatty():
        say("scan every code of the sheet; Ctrl-D ends", file=sys.stderr)
    return read_scanner(sys.stdin.buffer)


def counted(number: int, noun: str) -> str:
    """`1 package`, `2 packages`, `batches` and `entries` too; in Chinese the noun with its measure word."""
    # Of its own in the catalogue: the same noun heads columns, where a measure word has no place.
    key = f"{noun} (counted)"
    if (translated := translate(key)) != key:
        return f"{number:,} {translated}"
    if number == 1:
        return f"1 {noun}"
    plural = f"{noun[:-1]}ies" if noun.endswith("try") else f"{noun}{'es' if noun.endswith('ch') else 's'}"
    return f"{number:,} {plural}"


def offering(*values: str) -> Callable[[str], list[str]]:
    """What a shell is offered for a half-typed value of an option or argument."""

    def offered(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return offered


def offer_reasons(incomplete: str) -> list[str]:
    """`offering` each reason by its name."""
    return offering(*(reason.name for reason in ChainReason))(incomplete)


def offer_schemas(incomplete: str) -> list[str]:
    """`offering` each schema's id."""
    from creditconnect.records.schemas import SchemaCatalogue

    return offering(*SchemaCatalogue().ids)(incomplete)


def utc(seconds: int) -> str:
    """A time as people read it, UTC; a dash for none. What no calendar reaches is shown in seconds."""
    if seconds > GREATEST_SECONDS:
        return f"{seconds} s"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if seconds else "-"


def parse_record_hash(text: str) -> bytes:
    """16 hex digits, with or without 0x.

    Raises:
        UsageError: they are not.
    """
    digits = text.lower().removeprefix("0x")
    if len(digits) != 16 or any(digit not in "0123456789abcdef" for digit in digits):
        raise UsageError(f"{text!r} is not a record hash", hint="16 hex digits")
    return bytes.fromhex(digits)


def parse_reason(text: str) -> ChainReason:
    """A reason by its name.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return ChainReason[text.upper().replace("-", "_")]
    except KeyError:
        names = ", ".join(reason.name for reason in ChainReason)
        raise UsageError(f"{text!r} is no reason", hint=f"one of {names}") from None


def parse_expiry(text: str | None) -> int:
    """Seconds of a UTC date (its start) or instant (`2027-01-31`, `2027-01-31T12:00:00Z`); 0 for none.

    Raises:
        UsageError: it is neither, or before 1970 ended its first second, which would be read as none.
    """
    if text is None:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date", hint="e.g. 2027-01-31 or 2027-01-31T12:00:00Z, in UTC") from None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if seconds <= 0:
        raise UsageError(f"{text!r} is not in the future", hint="e.g. 2027-01-31; leave --expires away for never")
    return seconds


def _seen(text: str) -> str:
    """The text with what is not seen as JSON escapes, as `\\u202e`; line ends stay."""
    import json

    unseen = (one for one in set(text) if one != "\n" and unicodedata.category(one) in _UNSEEN)
    return text.translate({ord(one): json.dumps(one)[1:-1] for one in unseen})


def _ask_hidden(text: str) -> str:
    return str(typer.prompt(text, hide_input=True, err=True))


def _require_terminal(name: str) -> None:
    if not sys.stdin.isatty():
        variable = f"CREDITCONNECT_{name.upper()}_PASSPHRASE_FILE"
        raise SettingsError(
            f"no {name} passphrase and no terminal to ask at", hint=f"set {variable} to a file that holds it"
        )


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return value._asdict()
    raise TypeError(type(value).__name__)
