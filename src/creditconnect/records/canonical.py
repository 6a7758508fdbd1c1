"""The canonical form of a record: the bytes that are committed to. Hides the JSON libraries.

Form 1 is RFC 8785 (JCS) inside a profile that leaves nothing to interpretation: ASCII keys, NFC text of assigned code
points without controls, integers within 2^53, no floats, no nulls, no duplicate keys (docs/PROTOCOL.md, section 2).
Inside that profile orjson's sorted output equals JCS byte for byte.

Never repairs: text that is not NFC is refused, for whoever answers for a record must see what is anchored.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import orjson

from creditconnect.errors import FieldInvalid, NotCanonical
from creditconnect.reasons import RowReason

CANONICAL_FORM = 1
GREATEST_INTEGER = 2**53 - 1
GREATEST_DEPTH = 64
WHOLE = "$"
"""The field of an error that is about a whole record."""


def canonicalise(record: dict[str, Any]) -> bytes:
    """Return the record's canonical form 1: RFC 8785, section 3.2, inside the profile.

    Objects and arrays may be nested 64 deep.

    Raises:
        FieldInvalid: NUMBER for a float or an integer beyond 2^53 - 1, TEXT for text outside the profile, SCHEMA for
            a value that the profile does not have, TOO_LARGE for deeper nesting; names the path, never the value.
    """
    if not _has_plain_types(record, GREATEST_DEPTH):
        raise _first_fault(record) or FieldInvalid(WHOLE, RowReason.SCHEMA, "has no canonical form")
    try:
        form = orjson.dumps(record, option=_OPTIONS)
    except TypeError as error:
        raise _first_fault(record) or FieldInvalid(WHOLE, RowReason.SCHEMA, "has no canonical form") from error
    if not (_is_plain_ascii(form) or (_has_plain_text(form) and _has_ascii_keys(record))):
        fault = _first_fault(record)
        if fault is not None:
            raise fault
    return form


def parse(data: bytes | str) -> dict[str, Any]:
    """Parse one JSON object (RFC 8259), refusing whatever two parsers could read differently.

    Raises:
        FieldInvalid: ENCODING for bytes that are not UTF-8, DUPLICATE_KEY, NUMBER for floats, NaN and integers beyond
            2^53 - 1, TOO_LARGE for deep nesting, MALFORMED_ROW for anything else that is not one JSON object.
    """
    try:
        parsed = _DECODER.decode(data if isinstance(data, str) else data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FieldInvalid(WHOLE, RowReason.ENCODING, f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise FieldInvalid(WHOLE, RowReason.MALFORMED_ROW, f"not JSON at character {error.pos}") from None
    except RecursionError:
        raise FieldInvalid(WHOLE, RowReason.TOO_LARGE, "nested too deeply") from None
    if type(parsed) is not dict:
        raise FieldInvalid(WHOLE, RowReason.MALFORMED_ROW, "not a JSON object")
    return parsed


def read_canonical(data: bytes) -> dict[str, Any]:
    """Return the record that canonical bytes say; whoever shows a record must show this and nothing else.

    Raises:
        NotCanonical: the bytes are not the canonical form of any record.
    """
    try:
        record = parse(data)
        form = canonicalise(record)
    except FieldInvalid as error:
        raise NotCanonical(f"not a canonical record at {error.field}: {error.message}") from error
    if form != data:
        raise NotCanonical("these bytes are not the canonical form of what they say")
    return record


def shown_key(key: object) -> str:
    """A key as an error may show it: a plain name, or `?` for what might be somebody's data."""
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else "?"


def _has_plain_types(node: object, depth: int) -> bool:
    children: Iterable[object]
    if type(node) is dict:
        children = node.values()
    elif type(node) is list:
        children = node
    else:
        return False
    for child in children:
        if type(child) not in _SCALARS and not (depth > 1 and _has_plain_types(child, depth - 1)):
            return False
    return True


def _is_plain_ascii(form: bytes) -> bool:
    # controls are escaped with a backslash, all but DEL
    return form.isascii() and b"\\" not in form and b"\x7f" not in form


def _has_plain_text(form: bytes) -> bool:
    """Whether no string of the form has a fault; may say False of text that has none, never True of text that has.

    Looks at all strings at once: none can compose with the quotation marks between them.
    """
    text = form.decode("utf-8")
    escapes = text.replace("\\\\", "").replace('\\"', "")
    return "\\" not in escapes and text.isprintable() and unicodedata.is_normalized("NFC", text)


def _has_ascii_keys(node: object) -> bool:
    if type(node) is dict:
        return "".join(node).isascii() and all(map(_has_ascii_keys, node.values()))
    return all(map(_has_ascii_keys, node)) if type(node) is list else True


def _text_fault(text: str) -> str:
    # what is printable is assigned, public and no control
    if not text.isprintable():
        for character in text:
            if unicodedata.category(character) in _REFUSED_CATEGORIES:
                return f"text has a {_REFUSED_CATEGORIES[unicodedata.category(character)]}"
    return "" if unicodedata.is_normalized("NFC", text) else "text is not in Unicode normal form NFC"


def _first_fault(record: object) -> FieldInvalid | None:
    """The first fault on a walk over the record, keys in their order; slow, for errors and rare text."""
    if type(record) is not dict:
        return FieldInvalid(WHOLE, RowReason.SCHEMA, "a record is an object")
    for path, value in _walk(record, "", GREATEST_DEPTH):
        fault = _fault(value)
        if fault is not None:
            return FieldInvalid(path, *fault)
    return None


def _fault(value: object) -> tuple[RowReason, str] | None:
    if type(value) is str:
        message = _text_fault(value)
        return (RowReason.TEXT, message) if message else None
    if type(value) is int:
        return None if abs(value) <= GREATEST_INTEGER else (RowReason.NUMBER, "an integer beyond 2^53 - 1")
    if type(value) is float:
        return RowReason.NUMBER, "not an integer; amounts are in minor units"
    if isinstance(value, _TooDeep):
        return RowReason.TOO_LARGE, f"nested more than {GREATEST_DEPTH} deep"
    if isinstance(value, _BadKey):
        return RowReason.TEXT, "a key that is not ASCII text"
    return None if type(value) is bool else (RowReason.SCHEMA, f"{type(value).__name__} is not a value of the profile")


class _TooDeep: ...


class _BadKey: ...


def _walk(node: dict[Any, Any] | list[Any], path: str, depth: int) -> Iterator[tuple[str, object]]:
    for key, child in node.items() if type(node) is dict else enumerate(node):
        here = f"{path}[{key}]" if type(node) is list else f"{path}.{shown_key(key)}".lstrip(".")
        if type(node) is dict and not (type(key) is str and key.isascii() and not _text_fault(key)):
            yield here, _BadKey()
        if type(child) is not dict and type(child) is not list:
            yield here, child
        elif depth == 1:
            yield here, _TooDeep()
        else:
            yield from _walk(child, here, depth - 1)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) == len(pairs):
        return unique
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    raise FieldInvalid(shown_key(twice), RowReason.DUPLICATE_KEY, "a key that is there twice")


def _bounded_integer(digits: str) -> int:
    # 17 characters hold 2^53 with its sign; int() of longer ones is slow
    number = int(digits) if len(digits) <= 17 else GREATEST_INTEGER + 1
    if abs(number) > GREATEST_INTEGER:
        raise FieldInvalid(WHOLE, RowReason.NUMBER, "an integer beyond 2^53 - 1")
    return number


def _refuse_float(_: str) -> NoReturn:
    raise FieldInvalid(WHOLE, RowReason.NUMBER, "a number that is not an integer; amounts are in minor units")


_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SCALARS = frozenset({str, int, bool})
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_REFUSED_CATEGORIES = {
    "Cc": "control character",
    "Cn": "code point that is not assigned",
    "Co": "private-use code point",
    "Cs": "surrogate",
}
_DECODER = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates,
    parse_float=_refuse_float,
    parse_int=_bounded_integer,
    parse_constant=_refuse_float,
)
