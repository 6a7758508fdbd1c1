"""The messages of the sources, as templates, held against the catalogue of translations.

`messages.py` lists what the catalogue lacks, in its own form and ready to be filled in, and what it has for nothing.
What counts as a message is said in `_SPEAKERS`: the arguments of functions and errors whose text people read, help
texts, and texts in tables of messages.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

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
    "counted": (1,),
    **dict.fromkeys(("Case", "Advice"), (0,)),
}
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
_KEYWORDS = ("hint", "help", "message", "detail")
_NAMED_PLACE = re.compile(r"\{\w+\}")
_SQL = re.compile(r"\b(SELECT|WHERE|NULL|IN)\b")
_WORD = re.compile(r"[A-Za-z]{2}")


def templates(folder: Path = SOURCE) -> dict[str, str]:
    """Every message's template, with where it first stands."""
    found = dict.fromkeys(_TYPERS_OWN, "typer")
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for text, line in _messages(tree, is_cli=path.parent.name == "cli"):
            if _WORD.search(text.replace("{}", "")):
                found.setdefault(text, f"{path.relative_to(folder.parent)}:{line}")
    return found


def catalogue(path: Path = CATALOGUE) -> dict[str, dict[str, str]]:
    """Each entry by its English template."""
    if not path.exists():
        return {}
    return {entry["en"]: entry for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("message", [])}


def _messages(tree: ast.Module, *, is_cli: bool) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for argument in _spoken(node):
                yield from _texts(argument)
        elif isinstance(node, ast.FunctionDef) and is_cli and _is_command(node):
            yield from ((text, node.lineno) for text in _paragraphs(ast.get_docstring(node) or ""))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict | ast.Tuple):
            yield from _of_table(node)


def _spoken(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    places = _SPEAKERS.get(name, (0,) if _ERROR.fullmatch(name) else ())
    yield from (call.args[place] for place in places if place < len(call.args))
    if name == "print_table" and len(call.args) > 1 and isinstance(call.args[1], ast.Tuple):
        # A heading's mark of a number is not shown.
        yield from (ast.Constant(_heading(one), lineno=call.lineno) for one in call.args[1].elts)
    yield from (keyword.value for keyword in call.keywords if keyword.arg in _KEYWORDS)


def _heading(column: ast.expr) -> str:
    return str(column.value).removesuffix(" #") if isinstance(column, ast.Constant) else ""


def _is_command(function: ast.FunctionDef) -> bool:
    """Public functions of cli/ that take a home or show JSON are commands."""
    arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    return bool(arguments & {"home", "as_json", "folder", "version", "lang"}) and not function.name.startswith("_")


def _paragraphs(docstring: str) -> list[str]:
    return [" ".join(part.split()) for part in docstring.split("\n\n") if part.strip()]


def _of_table(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, int]]:
    """Texts of a module's table of messages: capitals for a name, and values that are phrases."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if not all(isinstance(target, ast.Name) and target.id.isupper() for target in targets):
        return
    for inner in ast.walk(node.value or node):
        text = inner.value if isinstance(inner, ast.Constant) and isinstance(inner.value, str) else ""
        if " " in text.strip() and "\n" not in text and not _SQL.search(text):
            yield _NAMED_PLACE.sub("{}", text), node.lineno


def _texts(node: ast.expr) -> Iterator[tuple[str, int]]:
    """A message's template, of each branch where there are several, and of phrases among its values."""
    if isinstance(node, ast.IfExp | ast.BoolOp):
        for branch in (node.body, node.orelse) if isinstance(node, ast.IfExp) else node.values:
            yield from _texts(branch)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        lefts, rights = ([text for text, _ in _texts(side)] or ["{}"] for side in (node.left, node.right))
        yield from ((left + right, node.lineno) for left in lefts for right in rights)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        # A text for str.format names its places.
        yield _NAMED_PLACE.sub("{}", node.value), node.lineno
    elif isinstance(node, ast.JoinedStr):
        yield "".join(_part(value) for value in node.values), node.lineno
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                yield from (found for inner in ast.walk(value.value) for found in _phrase(inner))


def _part(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else "{}"


def _phrase(node: ast.AST) -> Iterator[tuple[str, int]]:
    if isinstance(node, ast.IfExp):
        for branch in (node.body, node.orelse):
            if isinstance(branch, ast.Constant | ast.JoinedStr):
                yield from _texts(branch)
    elif isinstance(node, ast.Call):
        for argument in _spoken(node):
            yield from _texts(argument)


def main() -> int:
    said, known = templates(), catalogue()
    for english, where in said.items():
        if english not in known:
            print(f"# {where}\n[[message]]\nen = {json.dumps(english, ensure_ascii=False)}")
            print("\n".join(f'{language} = ""' for language in LANGUAGES), end="\n\n")
    for english in known:
        if english not in said:
            print(f"# nothing says this any more: {english}")
    return int(set(said) != set(known))


if __name__ == "__main__":
    sys.exit(main())
