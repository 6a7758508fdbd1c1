"""The messages of the sources, as templates, held against the catalogue of translations.

`messages.py` lists what the catalogue lacks, in its own form and ready to be filled in, and what it has for nothing.
Every phrase of the sources is a message, unless it is named here as none; a single word is one where it is given to
what speaks (`_SPEAKERS`). So a new text is translated, or it is said here why not.

A place of a template is nested where its value is a message itself, as another error's: told by where the value comes
from, which is a phrase, what holds or returns or is handed one, or a name that always stands for one. The values of all
other places are left as they are when a message is shown.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "creditconnect"
CATALOGUE = SOURCE / "cli" / "messages.toml"
LANGUAGES = ("zh-Hans", "zh-Hant")

# Function or class: which positional arguments are messages; keywords that always are.
_SPEAKERS = {
    **dict.fromkeys(
        ("say", "print", "translate", "print_table", "confirm", "prompt", "Typer", "progress_bar", "ValueError"), (0,)
    ),
    **dict.fromkeys(("Rejection",), (3,)),
    **dict.fromkeys(("FieldInvalid", "_check", "Check"), (2, 3)),
    **dict.fromkeys(("_valid", "_skipped", "_error"), (1,)),
    **dict.fromkeys(("_Unsound", "_unsound"), (1,)),
    # With its measure word a noun is a message of its own; alone it heads a column.
    "counted": (1,),
    **dict.fromkeys(("Case", "Advice"), (0,)),
}
_KEYWORDS = ("hint", "help", "message", "detail", "trouble")
_ERROR = re.compile(
    r"(?:[A-Z]\w*)?(Error|Invalid|Unreadable|Unknown|Gone|Altered|Another|Unreachable|Behind|Refused|Busy|Entitled|Inconsistent|Deep|Damaged|Locked|TooNew|Chain|Passphrase|Tampered|NotCanonical|NotFinal|Disagree)"
)
# What typer, and pydantic beneath it, say in help texts and of wrong arguments.
_TYPERS_OWN = (
    *("Usage: ", "Options", "Arguments", "Commands", "Show this message and exit.", "default: {}", "required"),
    *("Missing argument {}", "Missing option {}", "Missing command", "Invalid value for {}: {}"),
    *("No such option: {}", "No such option: {} (Possible options: {})"),
    *("No such command {}", "No such command {}. Did you mean {}?"),
    *("Option {} requires an argument", "Option {} does not take a value", "Got unexpected extra argument(s) ({})"),
    "Input should be a valid integer, unable to parse string as an integer",
    *("Input should be greater than or equal to {}", "Input should be less than or equal to {}"),
    "Install completion for the current shell.",
    "Show completion for the current shell, to copy it or customize the installation.",
)
# What the operating system says of a file, as far as people meet it.
_SYSTEMS_OWN = (
    *("No such file or directory", "Permission denied", "Is a directory", "Not a directory", "File exists"),
    *("No space left on device", "Read-only file system", "Input/output error", "File name too long"),
)

# Here only what is given to speakers is said to people; all else is content of files that they make.
_MAKERS_OF_FILES = frozenset(
    f"{module}.py"
    for module in (
        *("cli/german_credit", "cli/stage", "cli/synthetic_documents", "cli/synthetic_firms"),
        *("custody/sheets", "network/configuration", "network/watching", "records/currencies"),
    )
)
_COUNTED = " (counted)"
# What is read out of a table of messages, or made of one with its values.
_READERS = ("format", "get")
# Neither are names of others' things, what they say, and what is part of a name.
_NO_MESSAGES = frozenset(
    (
        *("MAC mismatch", "incompatible genesis", "JSON Lines", "geth v{}", "HTTP {}", "{} GiB"),
        *("fatal error:", "Low disk space"),
        *("NOT_VERIFIED: {}", "verdict {}", "entitlement VALID, standing INVALID SUSPENDED"),
        *("NOT_VERIFIED: SEALED_FOR_ANOTHER", "NOT_VERIFIED: PACKAGE_ALTERED", "NOT_VERIFIED: DISPUTED"),
        *(
            "NOT_VERIFIED: SUPERSEDED",
            "records.tx IN {}",
            "records.id < ?",
            "records.file = ?",
            "{} {}",
            " or ",
            "{} (counted)",
        ),
        "In units of the currency, not in minor ones, e.g. 1234.50; minor_digits says how many digits those have.",
    )
)
_SQL = re.compile(r"\b(SELECT|WHERE|NULL|INSERT|UPDATE|DELETE|CREATE|PRAGMA|BEGIN|AND|VALUES)\b|[<=] \?|\?, ")
# Formats of times, columns of tables, lines of TOML.
_FORMS = re.compile(r"%.*|# .*|[\w.]+(, [\w.]+)+|\[?\w+\]? = .*", re.DOTALL)
_NAMED_PLACE = re.compile(r"\{(\w*)\}")
_WORD = re.compile(r"[A-Za-z]{2}")
# Values that are messages wherever they stand, and places of texts for str.format.
_MESSAGES_NAMES = frozenset(
    ("error", "failure", "message", "str(error)", "outcome.error", "result.refusal", "unit.format(limit=limit)")
)
_NESTED_PLACES = ("by",)
# Words that stand for a value, where a cell of a table shows it: of RecordStanding, why a row is in the sample, and of
# UploadState.
_WORDS = (
    *("waiting", "under way", "registered", "drawn", "amount", "findings", "new subject"),
    *("accepted", "rejected", "refused", "duplicate"),
)


@dataclass
class Template:
    """Where it first stands, and the places whose values are messages themselves."""

    where: str
    nested: set[int] = field(default_factory=set)


def templates(folder: Path = SOURCE) -> dict[str, Template]:
    """Every message's template."""
    found = {english: Template("typer") for english in _TYPERS_OWN}
    found |= {english: Template("the operating system") for english in _SYSTEMS_OWN}
    found |= {english: Template("a cell") for english in _WORDS}
    found["Invalid value for {}: {}"].nested.add(1)
    for path in sorted(folder.rglob("*.py")):
        module = path.relative_to(folder).as_posix()
        for text, nested, line in _Module(ast.parse(path.read_text(encoding="utf-8")), module).messages():
            if _WORD.search(text.replace("{}", "")) or nested:
                found.setdefault(text, Template(f"{folder.name}/{module}:{line}")).nested.update(nested)
    return found


def catalogue(path: Path = CATALOGUE) -> dict[str, dict[str, Any]]:
    """Each entry by its English template."""
    if not path.exists():
        return {}
    return {entry["en"]: entry for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("message", [])}


Found = Iterator[tuple[str, set[int], int]]


class _Module:
    """One module's messages. Values are followed within it: who assigns, returns and hands over what."""

    def __init__(self, tree: ast.Module, module: str) -> None:
        self._tree = tree
        self._is_cli = module.startswith("cli/")
        self._makes_files = module in _MAKERS_OF_FILES
        self._functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        self._calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self._spoken = {id(text) for call in self._calls for text in (*_spoken(call), *self._headings(call))}
        self._counted = {id(text) for call in self._calls if _name(call) == "counted" for text in _spoken(call)}
        self._known: dict[int, bool] = {}

    def messages(self) -> Found:
        yield from self._of(self._tree, None, said=False)
        for function in self._functions.values():
            if self._is_cli and not self._makes_files and _is_command(function):
                yield from ((text, set(), function.lineno) for text in paragraphs(ast.get_docstring(function) or ""))

    def _headings(self, call: ast.Call) -> Iterator[ast.expr]:
        """Of a table's columns, also where a name stands for them."""
        if _name(call) != "print_table" or len(call.args) < 2:
            return
        columns = call.args[1]
        named = [columns]
        if isinstance(columns, ast.Name):
            named = [value for node in ast.walk(self._tree) for value in _assigned(node, columns.id)]
        yield from (element for one in named if isinstance(one, ast.Tuple) for element in one.elts)

    def _of(self, node: ast.AST, scope: ast.FunctionDef | None, *, said: bool) -> Found:
        said = said or id(node) in self._spoken
        if isinstance(node, ast.FunctionDef):
            scope = node
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "re.compile":
            return
        if (pieces := _pieces(node)) is None:
            # An argument of what is called within a message is none: `names.get("one")`.
            said = said and isinstance(node, ast.IfExp | ast.BoolOp)
            for inner in ast.iter_child_nodes(node):
                yield from self._of(inner, scope, said=said)
            return
        said_with_names = "".join(piece if isinstance(piece, str) else "{}" for piece in pieces)
        text = _NAMED_PLACE.sub("{}", said_with_names)
        values = [piece for piece in pieces if not isinstance(piece, str)]
        if said or (self._is_phrase(text) and not self._makes_files):
            nested = {place for place, value in enumerate(values) if self._is_message(value, scope)}
            nested |= {at for at, name in enumerate(_NAMED_PLACE.findall(said_with_names)) if name in _NESTED_PLACES}
            yield text.removesuffix(" #") + _COUNTED * (id(node) in self._counted), nested, getattr(node, "lineno", 0)
        for value in values:
            yield from self._of(value, scope, said=said and isinstance(value, ast.IfExp | ast.BoolOp))

    def _is_phrase(self, text: str) -> bool:
        if "\n" in text.strip() or _SQL.search(text) or _FORMS.fullmatch(text) or text in _NO_MESSAGES:
            return False
        return " " in text.replace("{}", "") and _WORD.search(text.replace("{}", "")) is not None

    def _is_message(self, value: ast.expr, scope: ast.FunctionDef | None) -> bool:
        """Whether a value is one: followed to where it was assigned, returned or handed over."""
        if id(value) not in self._known:
            self._known[id(value)] = False  # what leads back to itself adds nothing
            self._known[id(value)] = self._follows_to_message(value, scope)
        return self._known[id(value)]

    def _follows_to_message(self, value: ast.expr, scope: ast.FunctionDef | None) -> bool:
        if isinstance(value, ast.FormattedValue):
            return value.conversion == -1 and self._is_message(value.value, scope)
        if (pieces := _pieces(value)) is not None:
            return self._is_phrase("".join(piece if isinstance(piece, str) else "{}" for piece in pieces))
        if isinstance(value, ast.IfExp):
            return self._is_message(value.body, scope) or self._is_message(value.orelse, scope)
        if isinstance(value, ast.BoolOp):
            return any(self._is_message(one, scope) for one in value.values)
        if ast.unparse(value) in _MESSAGES_NAMES or (isinstance(value, ast.Attribute) and value.attr == "message"):
            return True
        if isinstance(value, ast.Dict):
            return any(self._is_message(one, scope) for one in value.values)
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _READERS:
            return self._is_message(value.func.value, scope)
        if isinstance(value, ast.Call):
            # What `translate` and `counted` return is in the reader's language already.
            called = self._functions.get(_name(value))
            return called is not None and any(
                self._is_message(node.value, called)
                for node in ast.walk(called)
                if isinstance(node, ast.Return) and node.value is not None
            )
        return isinstance(value, ast.Name) and any(self._is_message(one, scope) for one in self._given(value.id, scope))

    def _given(self, name: str, scope: ast.FunctionDef | None) -> Iterator[ast.expr]:
        """What a name is given: in its function, by its callers, in the module."""
        assigned = False
        for node in ast.walk(scope or self._tree):
            for value in _assigned(node, name):
                assigned = True
                yield value
        if scope is None or assigned or scope.name.startswith("__"):
            return
        arguments = [one.arg for one in (*scope.args.args, *scope.args.kwonlyargs) if one.arg not in ("self", "cls")]
        if name not in arguments:
            yield from self._given(name, None)
            return
        at = arguments.index(name)
        for call in self._calls:
            if _name(call) == scope.name:
                yield from (call.args[at : at + 1])
                yield from (keyword.value for keyword in call.keywords if keyword.arg == name)


def _assigned(node: ast.AST, name: str) -> Iterator[ast.expr]:
    if isinstance(node, ast.Assign):
        yield from (found for target in node.targets for found in _of_target(target, node.value, name))
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value is not None:
        yield from _of_target(node.target, node.value, name)
    elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
        for row in node.iter.elts:
            yield from _of_target(node.target, row, name)


def _of_target(target: ast.expr, value: ast.expr, name: str) -> Iterator[ast.expr]:
    if isinstance(target, ast.Name) and target.id == name:
        yield value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, its in zip(target.elts, value.elts, strict=False):
            yield from _of_target(one, its, name)


def _pieces(node: ast.AST) -> list[str | ast.expr] | None:
    """A text's own words, and the values between them; None for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return [str(one.value) if isinstance(one, ast.Constant) else one for one in node.values]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [(side, _pieces(side)) for side in (node.left, node.right)]
        if any(pieces is not None for _, pieces in sides):
            return [piece for side, pieces in sides for piece in (pieces if pieces is not None else [side])]
    return None


def _spoken(call: ast.Call) -> Iterator[ast.expr]:
    name = _name(call)
    places = _SPEAKERS.get(name, (0,) if _ERROR.fullmatch(name) else ())
    yield from (call.args[place] for place in places if place < len(call.args))
    yield from (keyword.value for keyword in call.keywords if keyword.arg in _KEYWORDS)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_command(function: ast.FunctionDef) -> bool:
    """Public functions of cli/ that take a home or show JSON, and raise nothing to those who call them: commands."""
    arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    named = arguments & {"home", "as_json", "folder", "version", "lang"} and not function.name.startswith("_")
    return bool(named) and "Raises:" not in (ast.get_docstring(function) or "")


def paragraphs(docstring: str) -> list[str]:
    return [" ".join(part.split()) for part in docstring.split("\n\n") if part.strip()]


def entry(english: str, template: Template, known: Mapping[str, Any]) -> str:
    """An entry as it stands in the catalogue, with what is known of its translations."""
    lines = ["[[message]]", f"en = {json.dumps(english, ensure_ascii=False)}"]
    if template.nested:
        lines.append(f"nested = {sorted(template.nested)}")
    lines.extend(f"{one} = {json.dumps(known.get(one, ''), ensure_ascii=False)}" for one in LANGUAGES)
    return "\n".join(lines)


def main() -> int:
    """Lists what differs between sources and catalogue; 1 if anything does."""
    said, known = templates(), catalogue()
    differs = False
    for english, template in said.items():
        there = known.get(english, {})
        if not all(there.get(language) for language in LANGUAGES) or there.get("nested", []) != sorted(template.nested):
            differs = True
            print(f"# {template.where}\n{entry(english, template, there)}", end="\n\n")
    for english in known:
        if english not in said:
            differs = True
            print(f"# nothing says this any more: {english}")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
