"""The command line as typer parses it, with typer's own words in the reader's language, and each error in one line.

Typer says its errors in four lines, of which one says what is wrong, and knows one language. So it is run without its
own main: what it raises comes here.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import typer
from typer.exceptions import TyperException

from creditconnect.cli.language import translate
from creditconnect.errors import CreditConnectError, UsageError

# What typer puts behind an option's help.
_DEFAULT = re.compile(r"(.*?) *\[default: (.*)\]", re.DOTALL)
_REQUIRED = re.compile(r"(.*?) *\[required\]", re.DOTALL)


def run(app: typer.Typer) -> int:
    """Run the command that the arguments name; its exit code.

    Raises:
        UsageError: the arguments are no command's. CreditConnectError: a question was not answered; as the command.
    """
    command = _translated(typer.main.get_command(app))
    try:
        return int(command(standalone_mode=False) or 0)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        # Its class is nobody's to import; typer tells it by its name too.
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message(), file=sys.stderr)
            return error.exit_code
        path = "creditconnect" if context is None else context.command_path
        # A list of choices has a line each.
        raise UsageError(
            " ".join(error.format_message().split()).removesuffix("."), hint=f"see {path} --help"
        ) from None
    except typer.Abort:
        raise CreditConnectError("stopped at the question: nothing was done") from None


def _translated(command: Any) -> Any:
    """A command and those below it, with every help text in the language of this process; changed in place."""
    command.help = _paragraphs(command.help)
    command.short_help = _paragraphs(command.short_help)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = translate(parameter.help)
    for inner in getattr(command, "commands", {}).values():
        _translated(inner)
    _translate_headings(command.context_class)
    return command


def _paragraphs(text: str | None) -> str | None:
    if text is None:
        return None
    return "\n\n".join(translate(" ".join(part.split())) for part in text.split("\n\n"))


def _translate_headings(context: Any) -> None:
    """ "Usage", "Options", "required": typer's own words, in the formatter that its contexts make."""
    formatter = context.formatter_class
    if getattr(formatter, "translates", False):
        return

    class Translating(formatter):  # type: ignore[misc, valid-type]
        translates = True

        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, prefix or translate("Usage: "))

        def write_heading(self, heading: str) -> None:
            super().write_heading(translate(heading))

        def write_dl(self, rows: Any, *widths: Any, **more: Any) -> None:
            super().write_dl([(name, _help(text)) for name, text in rows], *widths, **more)

    context.formatter_class = Translating


def _help(text: str) -> str:
    """An option's help, translated before, with what typer put behind it."""
    for pattern, mark in ((_DEFAULT, "default: {}"), (_REQUIRED, "required")):
        if (found := pattern.fullmatch(text)) is not None:
            said, *values = found.groups()
            return f"{said}  [{translate(mark.format(*values))}]".strip()
    return translate(text)
