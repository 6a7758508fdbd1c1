"""The canonical form: known answers, RFC 8785's reference library as oracle, and everything that has no form."""

from __future__ import annotations

import json
import unicodedata
import uuid
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import FieldInvalid, NotCanonical
from creditconnect.reasons import RowReason
from creditconnect.records.canonical import canonicalise, parse, read_canonical

Vectors = Callable[[str], Any]


class Colour(StrEnum):
    RED = "RED"


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


texts = st.text(st.characters(exclude_categories=["Cc", "Cn", "Co", "Cs"])).map(nfc) | st.sampled_from(
    ['"', "\\", "\\n"]
)
keys = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    texts | integers | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
records = st.dictionaries(keys, values, max_size=6)


@given(records)
def test_canonicalise__inside_the_profile__equals_rfc8785(record: dict[str, Any]) -> None:
    assert canonicalise(record) == rfc8785.dumps(record)


@given(records)
def test_read_canonical__of_a_form__gives_the_record_back(record: dict[str, Any]) -> None:
    assert read_canonical(canonicalise(record)) == record


@given(st.dictionaries(keys, st.text(st.characters(codec=None), max_size=8), min_size=1, max_size=3))
def test_canonicalise__any_text__accepted_exactly_when_the_profile_has_it(record: dict[str, str]) -> None:
    text = "".join((*record, *record.values()))
    is_in_profile = all(unicodedata.category(character) not in {"Cc", "Cn", "Co", "Cs"} for character in text) and all(
        value == nfc(value) for value in record.values()
    )
    if is_in_profile:
        assert canonicalise(record) == rfc8785.dumps(record)
    else:
        with pytest.raises(FieldInvalid) as refused:
            canonicalise(record)
        assert refused.value.reason == RowReason.TEXT


def test_canonicalise__known_answers__equal(vectors: Vectors) -> None:
    for vector in vectors("canonical")["accepted"]:
        form = canonicalise(parse(vector["json"].encode()))
        assert form == vector["canonical"].encode(), vector["name"]
        assert read_canonical(form) == json.loads(vector["json"])


def test_canonicalise__known_refusals__their_reason(vectors: Vectors) -> None:
    for vector in vectors("canonical")["refused"]:
        with pytest.raises(FieldInvalid) as refused:
            canonicalise(parse(vector["json"].encode()))
        assert refused.value.reason == vector["reason"], vector["name"]
        with pytest.raises(NotCanonical):
            read_canonical(vector["json"].encode())


def test_read_canonical__other_writing_of_the_same__refused(vectors: Vectors) -> None:
    for vector in vectors("canonical")["accepted"]:
        if vector["json"] != vector["canonical"]:
            with pytest.raises(NotCanonical):
                read_canonical(vector["json"].encode())


@pytest.mark.parametrize("data", [b'\xef\xbb\xbf{"a":1}', b'{"a":1}\n', b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b""])
def test_read_canonical__stray_bytes__refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        read_canonical(data)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1.0, RowReason.NUMBER),
        (1e300, RowReason.NUMBER),
        (float("nan"), RowReason.NUMBER),
        (2**53, RowReason.NUMBER),
        (-(2**53), RowReason.NUMBER),
        (2**70, RowReason.NUMBER),
        (None, RowReason.SCHEMA),
        (date(2026, 1, 1), RowReason.SCHEMA),
        (uuid.UUID(int=0), RowReason.SCHEMA),
        (Colour.RED, RowReason.SCHEMA),
        ((1, 2), RowReason.SCHEMA),
        (b"bytes", RowReason.SCHEMA),
        ("\ud800", RowReason.TEXT),
        ("e\u0301", RowReason.TEXT),
        ("\x7f", RowReason.TEXT),
    ],
)
def test_canonicalise__value_outside_the_profile__refused_at_its_path(value: object, reason: RowReason) -> None:
    with pytest.raises(FieldInvalid) as refused:
        canonicalise({"a": "first", "list": [{"deep": 1}, {"deep": value}]})
    assert (refused.value.field, refused.value.reason) == ("list[1].deep", reason)


def test_canonicalise__fault_in_text__message_does_not_repeat_it() -> None:
    with pytest.raises(FieldInvalid) as refused:
        canonicalise({"name": "Chan Tai Man\n"})
    assert "Chan" not in str(refused.value)


@pytest.mark.parametrize("key", [1, None, Colour.RED, "\u00e9", "a\x00", "\x7f"])
def test_canonicalise__key_outside_the_profile__refused(key: Any) -> None:
    with pytest.raises(FieldInvalid):
        canonicalise({key: 1})


def nested(depth: int) -> dict[str, Any]:
    return {"a": nested(depth - 1)} if depth > 1 else {}


def test_canonicalise__nested_64_deep__accepted_and_deeper_refused() -> None:
    assert read_canonical(canonicalise(nested(64))) == nested(64)
    with pytest.raises(FieldInvalid) as refused:
        canonicalise(nested(65))
    assert refused.value.reason == RowReason.TOO_LARGE


def test_parse__nested_a_million_deep__refused() -> None:
    with pytest.raises(FieldInvalid) as refused:
        parse(b'{"a":' * 1_000_000)
    assert refused.value.reason == RowReason.TOO_LARGE


def test_parse__duplicate_key_that_is_data__not_shown() -> None:
    with pytest.raises(FieldInvalid) as refused:
        parse('{"Chan Tai Man": 1, "Chan Tai Man": 2}')
    assert (refused.value.field, refused.value.reason) == ("?", RowReason.DUPLICATE_KEY)
