"""A schema's fields as people read them, and an empty sheet with the mapping that turns it into the schema's form.

The sheet has a column for each value that a record may have, with one item of each array. A column is required where
every record has its value; all others may be left empty, or out of the sheet.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from creditconnect.errors import UsageError
from creditconnect.records.schemas import DOCUMENT, Schema

MINOR_DIGITS = 2
_LIMITS = (
    ("minimum", "from {}"),
    ("maximum", "to {}"),
    ("maxLength", "{} characters at most"),
    ("minItems", "{} items or more"),
    ("maxItems", "{} items at most"),
    ("pattern", "form {}"),
)
_KINDS = {"date": "date", "date-time": "instant"}
_PART_OF_ARRAY = "[]"


class SchemaField(NamedTuple):
    """One value that records may have; `path` has `[]` for an array's items, `type` is JSON's, a format, or both.

    `required` says that whatever has it must have it: an optional section may have required fields.
    """

    path: str
    type: str
    required: bool
    codes: tuple[str, ...]
    limits: str
    description: str


class Template(NamedTuple):
    """The bytes of an empty sheet (CSV, UTF-8 with byte order mark, as Excel wants it) and of its mapping (TOML)."""

    sheet: bytes
    mapping: bytes


class _Leaf(NamedTuple):
    path: str
    part: dict[str, Any]
    is_required: bool
    # That every record has it, whatever else it has.
    is_always: bool


def fields_of(schema: Schema) -> tuple[SchemaField, ...]:
    """Every value that a record of the schema may have, in the document's order."""
    return tuple(
        SchemaField(
            leaf.path,
            _type(leaf.part),
            leaf.is_required,
            tuple(map(str, leaf.part.get("enum", ()))),
            _limits(leaf.part),
            leaf.part.get("description", ""),
        )
        for leaf in _leaves("", schema.definition, is_required=True, is_always=True)
    )


def template(schema: Schema) -> Template:
    """An empty sheet and its mapping, for `creditconnect submit SHEET --map MAPPING` once it is filled in.

    Raises:
        UsageError: documents need no sheet.
    """
    if schema.id == DOCUMENT:
        raise UsageError(
            f"{DOCUMENT} needs no sheet: a document is its own record",
            hint=f"creditconnect submit FILE_OR_FOLDER --schema {DOCUMENT}",
        )
    leaves = list(_leaves("", schema.definition, is_required=True, is_always=True))
    columns = [_column(leaf.path) for leaf in leaves]
    mapping = [
        f"# The columns of a sheet for {schema.id}, and what of a record each fills. Rename columns in both files, or",
        "# leave those that may be left out. A second item of a list is a column of its own, with [1] in its path.",
        *(f"# Every row needs something in one of the columns of {section}." for section in _sections(schema, leaves)),
        "",
        f"schema = {json.dumps(schema.id)}",
        "",
        *(line for column, leaf in zip(columns, leaves, strict=True) for line in _mapped(column, leaf)),
    ]
    return Template(
        ("\ufeff" + ",".join(columns) + "\r\n").encode(),
        "\n".join(mapping).encode(),
    )


def _leaves(path: str, part: dict[str, Any], *, is_required: bool, is_always: bool) -> Iterator[_Leaf]:
    if part.get("type") == "object":
        for key, inner in part["properties"].items():
            must = key in part.get("required", ())
            yield from _leaves(f"{path}.{key}".lstrip("."), inner, is_required=must, is_always=is_always and must)
    elif part.get("type") == "array":
        has_one = part.get("minItems", 0) > 0
        items = part["items"]
        is_plain = items.get("type") not in ("object", "array")
        yield from _leaves(
            path + _PART_OF_ARRAY,
            items,
            is_required=is_required and is_plain and has_one,
            is_always=is_always and has_one,
        )
    else:
        yield _Leaf(path, part, is_required, is_always)


def _type(part: dict[str, Any]) -> str:
    return str(part.get("format") or part.get("type") or "")


def _limits(part: dict[str, Any]) -> str:
    return ", ".join(said.format(part[rule]) for rule, said in _LIMITS if rule in part and "format" not in part)


def _column(path: str) -> str:
    return path.replace(_PART_OF_ARRAY, "").removesuffix("_minor").replace(".", "_")


def _mapped(column: str, leaf: _Leaf) -> Iterator[str]:
    if comment := _comment(leaf):
        yield f"# {comment}"
    yield f"[columns.{column}]"
    yield f"path = {json.dumps(leaf.path.replace(_PART_OF_ARRAY, '[0]'))}"
    yield from _kind(leaf)
    if not leaf.is_always:
        yield "optional = true"
    yield ""


def _comment(leaf: _Leaf) -> str:
    if _is_amount(leaf):
        return (
            "In units of the currency, not in minor ones, e.g. 1234.50; minor_digits says how many digits those have."
        )
    told = (leaf.part.get("description", "").rstrip("."), "" if "enum" in leaf.part else _limits(leaf.part))
    return "; ".join(filter(None, told))


def _is_amount(leaf: _Leaf) -> bool:
    return leaf.path.endswith("_minor")


def _sections(schema: Schema, leaves: list[_Leaf]) -> list[str]:
    """Sections of which a record must have something, while it is open what."""
    always = {leaf.path.partition(".")[0] for leaf in leaves if leaf.is_always}
    properties = schema.definition["properties"]
    return [key for key in schema.definition["required"] if properties[key]["type"] == "object" and key not in always]


def _kind(leaf: _Leaf) -> Iterator[str]:
    part = leaf.part
    if part.get("type") == "boolean":
        yield "codes = { true = true, false = false }"
    elif "enum" in part:
        codes = ", ".join(f"{json.dumps(str(code))} = {json.dumps(code)}" for code in part["enum"])
        yield f"codes = {{ {codes} }}"
    elif _is_amount(leaf):
        yield 'kind = "amount"'
        yield f"minor_digits = {MINOR_DIGITS}"
    elif leaf.path.endswith("identifiers[].number"):
        yield 'kind = "identifier"'
    elif part.get("type") == "integer":
        yield 'kind = "integer"'
    elif part.get("format") in _KINDS:
        yield f'kind = "{_KINDS[part["format"]]}"'
