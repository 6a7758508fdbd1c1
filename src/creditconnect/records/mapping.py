"""A provider's own columns mapped to a schema's paths by a TOML file. Hides the file's form and how records are built.

    schema = "personal-credit-report/1"
    ignored = ["internal_id"]                              # columns that are left out on purpose

    [constants]                                            # path = value
    "credit_transactions[0].kind" = "LOAN"

    [columns]                                              # column = path, for text ...
    report_number = "report.number"

    [columns.credit_amount]                                # ... or a table
    path = "credit_transactions[0].amount.amount_minor"
    kind = "amount"                                        # text integer percent amount date instant identifier code
    minor_digits = 2                                       # amount
    format = "DD/MM/YYYY"                                  # date
    codes = { own = "OWN" }                                # code: text in the column = value in the record
    optional = true                                        # an empty value means that there is none

An object or array item with columns is left out, its constants with it, when none of its columns has a value; an array
that the schema requires, and that may be empty, is then empty. The whole file is checked against the schema when it is
loaded; a row can then fail only by its own values. Typed values (Parquet, Excel) are written as text first, a day by
the column's format (`records.typed`). Never guesses.
"""

from __future__ import annotations

import pathlib
import re
import tomllib
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from creditconnect.errors import FieldInvalid, MappingInvalid
from creditconnect.reasons import RowReason
from creditconnect.records import values
from creditconnect.records.canonical import WHOLE, shown_key
from creditconnect.records.rows import Columns
from creditconnect.records.schemas import Path, Schema, SchemaCatalogue
from creditconnect.records.typed import ISO_LAYOUT, as_text

_PATH = re.compile(r"[a-z_]+(\[[0-9]{1,4}\])?(\.[a-z_]+(\[[0-9]{1,4}\])?)*")
_STEP = re.compile(r"[a-z_]+|[0-9]+")
_TOP_KEYS = {"schema", "ignored", "constants", "columns"}
_COLUMN_KEYS = {"path", "kind", "codes", "minor_digits", "format", "optional"}
# What tomllib says of a key, or of a table, that is there already.
_TWICE = re.compile(r"(?:overwrite|twice).*\(at line ([0-9]+), ")
_OPTION_OF_KIND = {"codes": "code", "minor_digits": "amount", "format": "date"}
GREATEST_MINOR_DIGITS = 4
"""ISO 4217 has no currency with more."""
_ABSENT: Any = object()
Build = Callable[[Mapping[str, Any]], Any]


class ColumnMapping:
    """A mapping that has been checked against its schema and compiled; safe to share between threads."""

    def __init__(self, schema_id: str, columns: Columns, paths: Mapping[str, str], build: Build) -> None:
        self.schema_id = schema_id
        self.columns = columns
        self._paths = paths
        self._build = build

    def record(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Build the record that one row says; parts may be shared with other records, so it is only read.

        Not yet validated: that is the schema's part.

        Raises:
            FieldInvalid: about the column: MISSING, UNKNOWN_CODE, NUMBER, AMOUNT, DATE, or SCHEMA for a column that the
                mapping does not know and for a value that `typed.as_text` does not write.
        """
        if not fields.keys() <= self.columns.known:
            unknown = min(fields.keys() - self.columns.known)
            raise FieldInvalid(shown_key(unknown), RowReason.SCHEMA, "the mapping does not know this column")
        record = self._build(fields)
        if record is _ABSENT:
            raise FieldInvalid(WHOLE, RowReason.MISSING, "the row is empty")
        return dict(record)

    def column_at(self, path: str) -> str | None:
        """The column that fills a path of the record, or the nearest object above it."""
        while path:
            if path in self._paths:
                return self._paths[path]
            path = re.sub(r"(\.[^.\[]*|\[[0-9]+\]|^[^.\[]*)$", "", path)
        return None


def packaged_mapping(name: str) -> Traversable:
    """A mapping file that comes with the software, e.g. `german_credit.toml`."""
    return resources.files(__package__) / "mappings" / name


def find_mapping(named: pathlib.Path | str) -> pathlib.Path:
    """A mapping's file: the one named, or one that comes with the software, by its bare name."""
    path = pathlib.Path(named)
    packaged = pathlib.Path(str(packaged_mapping(f"{path.stem}.toml")))
    bare = path.name == str(named) and not path.exists() and packaged.is_file()
    return packaged if bare else path


def load_mapping(source: Traversable, catalogue: SchemaCatalogue) -> ColumnMapping:
    """Read a mapping file (a `pathlib.Path` will do) and compile it against the schema that it names.

    Raises:
        MappingInvalid: names the file and the key: not TOML, a key or path that is not known, a column twice, two on
            one path, a code or constant that the schema refuses.
        SchemaUnknown: the schema is not in the catalogue.
    """
    try:
        document = tomllib.loads(source.read_bytes().decode("utf-8"))
    except OSError as error:
        raise MappingInvalid(f"{source}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingInvalid(f"{source.name}: {_toml_fault(str(error), source.read_bytes())}") from error
    except UnicodeDecodeError as error:
        raise MappingInvalid(f"{source.name}: not TOML: {error}") from error
    try:
        return _compiled(document, catalogue)
    except _MappingError as error:
        raise MappingInvalid(f"{source.name}: {error.key}: {error.message}") from error.__cause__


def _toml_fault(said: str, document: bytes) -> str:
    """What is wrong with a file that is not TOML; a name that is there twice is told by name and line."""
    found = _TWICE.search(said)
    if found is None:
        return f"not TOML: {said}"
    number = int(found[1])
    line = document.decode("utf-8").splitlines()[number - 1].strip()
    key = line if line.startswith("[") else line.partition("=")[0].strip()
    return f"line {number}: {key[:64]} is there twice"


class _MappingError(Exception):
    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message


class _Column(NamedTuple):
    name: str
    convert: values.Converter
    is_optional: bool
    date_layout: str


class _Constant(NamedTuple):
    value: Any


_Leaf = _Column | _Constant


def _compiled(document: Mapping[str, Any], catalogue: SchemaCatalogue) -> ColumnMapping:
    _demand_keys(document, _TOP_KEYS, "")
    schema = catalogue.load(_demand(document, "schema", str))
    columns = _demand(document, "columns", dict)
    ignored = _ignored(document)
    leaves: dict[Path, tuple[str, _Leaf]] = {}
    paths: dict[str, str] = {}
    for path, value in _demand(document, "constants", dict, {}).items():
        _add(leaves, f"constants.{path}", path, _constant(f"constants.{path}", path, value, schema), schema)
    for name, given in columns.items():
        if name in ignored:
            raise _MappingError(f"columns.{name}", "the column is in `ignored` too")
        path, column = _column(name, given, schema)
        _add(leaves, f"columns.{name}", path, column, schema)
        paths[path] = name
    required = {leaf.name for _, leaf in leaves.values() if isinstance(leaf, _Column) and not leaf.is_optional}
    known = Columns(frozenset(required), frozenset(columns) | ignored)
    return ColumnMapping(schema.id, known, paths, _built({path: leaf for path, (_, leaf) in leaves.items()}, schema))


def _ignored(document: Mapping[str, Any]) -> frozenset[str]:
    found: set[str] = set()
    for name in _demand(document, "ignored", list, []):
        if not isinstance(name, str):
            raise _MappingError("ignored", "holds something else than columns' names")
        if name in found:
            raise _MappingError("ignored", f"{name[:64]!r} is there twice")
        found.add(name)
    return frozenset(found)


def _demand(document: Mapping[str, Any], key: str, kind: type, default: Any = None) -> Any:
    value = document.get(key, default)
    if type(value) is not kind:
        raise _MappingError(key, "is missing" if key not in document else f"is not of type {kind.__name__}")
    return value


def _demand_keys(table: Mapping[str, Any], known: set[str], key: str) -> None:
    for unknown in sorted(table.keys() - known):
        raise _MappingError(f"{key}{unknown}", f"is not known here; known are {', '.join(sorted(known))}")


def _add(leaves: dict[Path, tuple[str, _Leaf]], key: str, path: str, leaf: _Leaf, schema: Schema) -> None:
    steps = _steps(key, path, schema)
    for other, (other_key, _) in leaves.items():
        shared = min(len(other), len(steps))
        if other[:shared] == steps[:shared]:
            raise _MappingError(key, f"fills {path}, which {other_key} fills too")
    leaves[steps] = (key, leaf)


def _steps(key: str, path: str, schema: Schema) -> Path:
    if _PATH.fullmatch(path) is None:
        raise _MappingError(key, f"{path!r} is not a path such as credit_transactions[0].kind")
    steps = tuple(int(step) if step.isdecimal() else step for step in _STEP.findall(path))
    if not schema.has(steps):
        raise _MappingError(key, f"the schema {schema.id} has no {path}")
    return steps


def _constant(key: str, path: str, value: Any, schema: Schema) -> _Constant:
    _check_value(key, path, value, schema)
    return _Constant(value)


def _check_value(key: str, path: str, value: Any, schema: Schema) -> None:
    try:
        schema.validate_part(_steps(key, path, schema), value)
    except FieldInvalid as error:
        inside = "" if error.field == WHOLE else f" ({error.field})"
        raise _MappingError(key, f"the schema refuses this at {path}{inside}: {error.message}") from error


def _column(name: str, given: Any, schema: Schema) -> tuple[str, _Column]:
    key = f"columns.{name}"
    table = {"path": given} if isinstance(given, str) else given
    if not isinstance(table, dict):
        raise _MappingError(key, "is neither a path nor a table")
    _demand_keys(table, _COLUMN_KEYS, f"{key}.")
    try:
        path = _demand(table, "path", str)
        is_optional = _demand(table, "optional", bool, False)
        layout = _demand(table, "format", str, ISO_LAYOUT)
        return path, _Column(name, _converter(name, path, table, schema), is_optional, layout)
    except _MappingError as error:
        if error.key.startswith(key):
            raise
        raise _MappingError(f"{key}.{error.key}", error.message) from error.__cause__


def _converter(name: str, path: str, table: Mapping[str, Any], schema: Schema) -> values.Converter:
    kind = _demand(table, "kind", str, "code" if "codes" in table else "text")
    for option, owner in _OPTION_OF_KIND.items():
        if option in table and kind != owner:
            raise _MappingError(option, f"goes with kind {owner!r}, not {kind!r}")
    if kind == "code":
        return _code(name, path, _demand(table, "codes", dict), schema)
    if kind == "amount":
        return _amount(name, _demand(table, "minor_digits", int))
    if kind == "date":
        return _date(name, _demand(table, "format", str, ISO_LAYOUT))
    if kind not in _PLAIN_KINDS:
        raise _MappingError("kind", f"{kind!r} is none of {', '.join((*_PLAIN_KINDS, *_OPTION_OF_KIND.values()))}")
    return _PLAIN_KINDS[kind](name)


def _code(name: str, path: str, codes: Mapping[str, Any], schema: Schema) -> values.Converter:
    for text, value in codes.items():
        _check_value(f"columns.{name}.codes.{text!r}", path, value, schema)
    return values.code(name, codes)


def _amount(name: str, minor_digits: int) -> values.Converter:
    if not 0 <= minor_digits <= GREATEST_MINOR_DIGITS:
        raise _MappingError("minor_digits", f"is not within 0 to {GREATEST_MINOR_DIGITS}")
    return values.amount(name, minor_digits)


def _date(name: str, layout: str) -> values.Converter:
    try:
        return values.date(name, layout)
    except ValueError as error:
        raise _MappingError("format", str(error)) from error


def _built(leaves: Mapping[Path, _Leaf], schema: Schema) -> Build:
    build = _node(leaves, (), schema)
    if isinstance(build, _Constant):
        raise _MappingError("columns", "there are none")
    return build


def _node(leaves: Mapping[Path, _Leaf], path: Path, schema: Schema) -> Build | _Constant:
    """Compile what lies below one node: to a constant when there are no columns in it."""
    if () in leaves:
        leaf = leaves[()]
        return leaf if isinstance(leaf, _Constant) else _reader(leaf)
    below: dict[str | int, dict[Path, _Leaf]] = {}
    for steps, leaf in leaves.items():
        below.setdefault(steps[0], {})[steps[1:]] = leaf
    parts = {step: _node(inner, (*path, step), schema) for step, inner in below.items()}
    if any(isinstance(step, int) for step in parts):
        return _array(parts, may_be_empty=schema.requires_array(path))
    return _object(parts)


def _object(parts: Mapping[str | int, Build | _Constant]) -> Build | _Constant:
    constants = {key: part.value for key, part in parts.items() if isinstance(part, _Constant)}
    builders = [(key, part) for key, part in parts.items() if not isinstance(part, _Constant)]
    if not builders:
        return _Constant(constants)

    def build(fields: Mapping[str, Any]) -> Any:
        made = {key: value for key, part in builders if (value := part(fields)) is not _ABSENT}
        if made and constants:
            made.update(constants)
        return made or _ABSENT

    return build


def _array(parts: Mapping[str | int, Build | _Constant], *, may_be_empty: bool) -> Build | _Constant:
    items = [parts[index] for index in sorted(parts, key=int)]
    if all(isinstance(item, _Constant) for item in items):
        return _Constant([item.value for item in items if isinstance(item, _Constant)])

    def build(fields: Mapping[str, Any]) -> Any:
        made = [item.value if isinstance(item, _Constant) else item(fields) for item in items]
        kept = [value for value in made if value is not _ABSENT]
        return kept if kept or may_be_empty else _ABSENT

    return build


def _reader(column: _Column) -> Build:
    name, convert, is_optional, layout = column

    def read(fields: Mapping[str, Any]) -> Any:
        given = fields.get(name, "")
        if type(given) is not str:
            given = as_text(name, given, layout)
        if given:
            return convert(given)
        if is_optional:
            return _ABSENT
        raise FieldInvalid(name, RowReason.MISSING, "is required and empty")

    return read


_PLAIN_KINDS: dict[str, Callable[[str], values.Converter]] = {
    "text": lambda _: values.text,
    "integer": values.integer,
    "percent": values.percent,
    "instant": values.instant,
    "identifier": lambda _: values.identifier,
}
