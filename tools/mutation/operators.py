"""What is changed: every mutant of a contract, one change each, made from solc's syntax tree.

The operators bear the names of Gambit and slither-mutate where those have the same:

    AOR  arithmetic operator replacement        a + b  ->  a - b
    ASOR assignment operator replacement        a |= b  ->  a &= b
    BOR  bitwise and shift operator replacement a & b  ->  a | b
    ENR  enumeration member replacement         State.Active  ->  State.Pending
    EVR  expression value replacement           conditions, assigned, returned and passed values  ->  true, false, 0
    LOR  logical operator replacement           a && b  ->  a || b, a, b
    LVR  literal value replacement              32  ->  31, 33
    MIA  condition negation                     if (a)  ->  if (!(a))
    MOD  modifier deletion
    ROR  relational operator replacement        a < b  ->  a <= b, a != b, false
    STD  statement deletion                     also of emit, revert, return and continue
    SVR  scalar variable replacement            a parameter or struct member  ->  the next one of the same type
    SWA  swap of neighbouring arguments         f(a, b)  ->  f(b, a)
    TOR  transaction origin replacement         msg.sender  ->  tx.origin
    UOR  unary operator replacement             !a  ->  a, ++a  ->  --a

ROR uses the three replacements that subsume the others (Kaminski, Ammann, Offutt: Improving logic-based testing, 2013).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tools.mutation.solidity import Node, Sources, children, descendants, span, syntax_trees, type_of

_ARITHMETIC = {"+": "-*", "-": "+*", "*": "+/", "/": "*", "%": "*"}
_BITWISE = {"&": ("|", "^"), "|": ("&", "^"), "^": ("&", "|"), "<<": (">>",), ">>": ("<<",)}
_ASSIGNING = {"+=": ("-=", "="), "-=": ("+=", "="), "|=": ("&=", "^=", "="), "&=": ("|=", "="), "^=": ("|=", "=")}
_RELATIONAL = {
    "<": ("<=", "!=", "false"),
    ">": (">=", "!=", "false"),
    "<=": ("<", "==", "true"),
    ">=": (">", "==", "true"),
    "==": ("<=", ">=", "false"),
    "!=": ("<", ">", "true"),
}
_CONDITIONAL = ("IfStatement", "WhileStatement", "ForStatement", "Conditional")
_DELETABLE = ("ExpressionStatement", "EmitStatement", "RevertStatement", "Return", "Continue", "Break")


@dataclass(frozen=True)
class Mutant:
    """One change to one file, its texts on one line each.

    `ordinal` tells apart equal changes within one function, in the source's order.
    """

    operator: str
    file: str
    function: str
    line: int
    column: int
    original: str
    replacement: str
    ordinal: int
    start: int
    end: int
    text: str

    @property
    def identity(self) -> tuple[str, ...]:
        """What stays the same when lines move."""
        return (self.file, self.function, self.operator, self.original, self.replacement, str(self.ordinal))

    def apply(self, sources: Sources) -> Sources:
        """All sources, with this one change made."""
        content = sources[self.file]
        changed = content[: self.start] + self.text.encode() + content[self.end :]
        return {**sources, self.file: changed}


@dataclass(frozen=True)
class _Change:
    operator: str
    start: int
    end: int
    replacement: str


def all_mutants(sources: Sources) -> list[Mutant]:
    """Every mutant of the sources, each change once, in the source's order; the same for the same sources."""
    trees = syntax_trees(sources)
    known = {node["id"]: node for tree in trees.values() for node in descendants(tree) if "id" in node}
    found: list[Mutant] = []
    for file, tree in trees.items():
        content = sources[file]
        for function, node in _mutable(tree):
            found += _numbered(file, function, content, _Walk(content, known).changes(node))
    return found


def _mutable(tree: Node) -> Iterator[tuple[str, Node]]:
    """Functions with a body and constants, by name. An interface has neither."""
    for contract in tree["nodes"]:
        for node in contract.get("nodes", []):
            if node["nodeType"] == "FunctionDefinition" and node.get("body"):
                yield node["name"] or node["kind"], node
            if node["nodeType"] == "VariableDeclaration" and node.get("value"):
                yield node["name"], node


def _numbered(file: str, function: str, content: bytes, changes: Iterator[_Change]) -> Iterator[Mutant]:
    made: set[tuple[int, int, str]] = set()
    counts: dict[tuple[str, str, str], int] = {}
    for change in sorted(changes, key=lambda change: (change.start, change.end)):
        original = content[change.start : change.end].decode()
        place = (change.start, change.end, change.replacement)
        if place in made or original == change.replacement:
            continue
        made.add(place)
        kind = (change.operator, _one_line(original), _one_line(change.replacement))
        counts[kind] = counts.get(kind, 0) + 1
        before = content[: change.start]
        line, column = before.count(b"\n") + 1, change.start - before.rfind(b"\n")
        yield Mutant(
            change.operator, file, function, line, column, _one_line(original), _one_line(change.replacement),
            counts[kind], change.start, change.end, change.replacement,
        )  # fmt: skip


class _Walk:
    """The changes of one function or constant."""

    def __init__(self, content: bytes, known: dict[int, Node]) -> None:
        self._content = content
        self._known = known
        self._parameters: list[Node] = []
        self._refusals: set[int] = set()

    def changes(self, root: Node) -> Iterator[_Change]:
        if root["nodeType"] == "VariableDeclaration":
            body = root["value"]
        else:
            body = root["body"]
            self._parameters = [
                one for list_ in ("parameters", "returnParameters") for one in root[list_]["parameters"]
            ]
            yield from self._modifiers(root)
        for node in descendants(body):
            yield from self._of(node)

    def _of(self, node: Node) -> Iterator[_Change]:
        kind = node["nodeType"]
        if kind in _CONDITIONAL and node.get("condition"):
            yield from self._condition(node["condition"])
        if kind in _DELETABLE and node["id"] not in self._refusals:
            yield self._deletion(node)
        handler = getattr(self, f"_{kind.lower()}", None)
        if handler is not None:
            yield from handler(node)

    # ------------------------------------------------------------------------------------------------- by kind of node

    def _modifiers(self, function: Node) -> Iterator[_Change]:
        for modifier in function.get("modifiers", []):
            if modifier.get("kind") == "modifierInvocation":
                yield self._replace("MOD", modifier, "")

    def _ifstatement(self, node: Node) -> Iterator[_Change]:
        # Without its only statement a refusal is `if (false)`, which EVR makes of it.
        if node["trueBody"]["nodeType"] == "RevertStatement" and not node.get("falseBody"):
            self._refusals.add(node["trueBody"]["id"])
        yield from ()

    def _condition(self, condition: Node) -> Iterator[_Change]:
        yield from self._values(condition)
        yield self._replace("MIA", condition, f"!({self._text(condition)})")

    def _deletion(self, statement: Node) -> _Change:
        start, end = span(statement)
        # A loop's last expression has no semicolon of its own.
        if self._content[end : end + 1] == b";":
            return _Change("STD", start, end + 1, "{}")
        return _Change("STD", start, end, "")

    def _binaryoperation(self, node: Node) -> Iterator[_Change]:
        operator, left, right = node["operator"], node["leftExpression"], node["rightExpression"]
        if operator in ("&&", "||"):
            yield self._between("LOR", left, right, "||" if operator == "&&" else "&&")
            yield self._replace("LOR", node, self._text(left))
            yield self._replace("LOR", node, self._text(right))
        for other in _ARITHMETIC.get(operator, ""):
            yield self._between("AOR", left, right, other)
        for other in _BITWISE.get(operator, ()):
            yield self._between("BOR", left, right, other)
        yield from self._relation(node, operator, left, right)

    def _relation(self, node: Node, operator: str, left: Node, right: Node) -> Iterator[_Change]:
        others = _RELATIONAL.get(operator, ())
        if others and not _is_number(left):
            others = ("!=", "false", "true") if operator == "==" else ("==", "true", "false")
        for other in others:
            # Of an unsigned number: `!= 0` is `> 0`, and `== 0` is `<= 0`.
            if self._text(right) == "0" and (operator, other) in (("!=", ">"), ("==", "<=")):
                continue
            if other in ("true", "false"):
                yield self._replace("ROR", node, other)
            else:
                yield self._between("ROR", left, right, other)

    def _unaryoperation(self, node: Node) -> Iterator[_Change]:
        start, end = span(node)
        operand_start, operand_end = span(node["subExpression"])
        operator = node["operator"]
        if operator in ("!", "~", "-"):
            yield _Change("UOR", start, operand_start, "")
        if operator in ("++", "--"):
            other = "--" if operator == "++" else "++"
            place = (start, start + 2) if node["prefix"] else (operand_end, end)
            yield _Change("UOR", *place, other)

    def _assignment(self, node: Node) -> Iterator[_Change]:
        for other in _ASSIGNING.get(node["operator"], ()):
            yield self._between("ASOR", node["leftHandSide"], node["rightHandSide"], other)
        parts = node["rightHandSide"]
        for value in parts["components"] if parts["nodeType"] == "TupleExpression" else [parts]:
            yield from self._values(value)

    def _variabledeclarationstatement(self, node: Node) -> Iterator[_Change]:
        if node.get("initialValue"):
            yield from self._values(node["initialValue"])

    def _return(self, node: Node) -> Iterator[_Change]:
        value = node.get("expression")
        if value:
            for part in value["components"] if value["nodeType"] == "TupleExpression" else [value]:
                yield from self._values(part)

    def _functioncall(self, node: Node) -> Iterator[_Change]:
        if node["kind"] == "typeConversion":
            return
        arguments = node["arguments"]
        for argument in arguments:
            yield from self._values(argument)
        for first, second in pairwise(arguments):
            if type_of(first) == type_of(second) and self._text(first) != self._text(second):
                between = self._content[span(first)[1] : span(second)[0]].decode()
                swapped = self._text(second) + between + self._text(first)
                yield _Change("SWA", span(first)[0], span(second)[1], swapped)

    def _literal(self, node: Node) -> Iterator[_Change]:
        text = self._text(node).split(" ")[0].replace("_", "")
        if node["kind"] == "number" and text.isdecimal():
            start, _ = span(node)
            end = start + len(self._text(node).split(" ")[0])
            for other in {int(text) + 1, max(int(text) - 1, 0)} - {int(text)}:
                yield _Change("LVR", start, end, str(other))
        if node["kind"] == "bool":
            yield self._replace("LVR", node, "false" if text == "true" else "true")
        if node["kind"] == "string" and node.get("value"):
            yield self._replace("LVR", node, '""')

    def _memberaccess(self, node: Node) -> Iterator[_Change]:
        if self._text(node) == "msg.sender":
            yield self._replace("TOR", node, "tx.origin")
        declared = self._known.get(node.get("referencedDeclaration") or -1)
        if declared is None:
            return
        operator, siblings = self._siblings(declared)
        _, end = span(node)
        for sibling in siblings:
            yield _Change(operator, end - len(node["memberName"]), end, sibling)

    def _identifier(self, node: Node) -> Iterator[_Change]:
        same = [one for one in self._parameters if type_of(one) == type_of(node) and one["name"]]
        names = [one["name"] for one in same]
        if node["name"] in names and len(names) > 1:
            yield self._replace("SVR", node, names[(names.index(node["name"]) + 1) % len(names)])

    # --------------------------------------------------------------------------------------------------------- helpers

    def _siblings(self, declared: Node) -> tuple[str, list[str]]:
        """Names that may stand for a member: an enumeration's neighbours, a struct's next member of the same type."""
        owner = self._known.get(declared.get("scope") or -1)
        if declared["nodeType"] == "EnumValue":
            names = [one["name"] for one in self._owner_of_value(declared)["members"]]
            at = names.index(declared["name"])
            return "ENR", list(dict.fromkeys([names[at - 1], names[(at + 1) % len(names)]]))
        if owner is not None and owner["nodeType"] == "StructDefinition":
            names = [one["name"] for one in owner["members"] if type_of(one) == type_of(declared)]
            return "SVR", [names[(names.index(declared["name"]) + 1) % len(names)]]
        return "", []

    def _owner_of_value(self, value: Node) -> Node:
        return next(
            node
            for node in self._known.values()
            if node["nodeType"] == "EnumDefinition" and any(one["id"] == value["id"] for one in children(node))
        )

    def _values(self, expression: Node) -> Iterator[_Change]:
        type_ = type_of(expression)
        if type_ == "bool":
            values = ["true", "false"]
        elif type_.startswith(("uint", "int")):
            values = ["0"]
        elif type_.startswith("enum "):
            values = [f"{type_.removeprefix('enum ')}(0)"]
        elif type_ == "address" or type_.removeprefix("bytes").isdecimal():
            values = [f"{type_}(0)"]
        else:
            return
        # A literal's own changes are LVR's.
        if expression["nodeType"] != "Literal":
            for value in values:
                yield self._replace("EVR", expression, value)

    def _replace(self, operator: str, node: Node, replacement: str) -> _Change:
        return _Change(operator, *span(node), replacement)

    def _between(self, operator: str, left: Node, right: Node, replacement: str) -> _Change:
        """Replaces the operator between two operands, leaving parentheses and spaces as they are."""
        start, end = span(left)[1], span(right)[0]
        gap = self._content[start:end].decode()
        token = gap.strip(" \n()")
        at = start + gap.index(token)
        return _Change(operator, at, at + len(token), replacement)

    def _text(self, node: Node) -> str:
        start, end = span(node)
        return self._content[start:end].decode()


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_number(node: Node) -> bool:
    return type_of(node).startswith(("uint", "int"))
