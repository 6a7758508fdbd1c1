"""What two records say differently: all of it, at the smallest place that tells it, always in the same order."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

import pytest

from creditconnect.records.canonical import canonicalise, read_canonical
from creditconnect.records.differences import Difference, differences

RECORD: dict[str, Any] = {
    "identity": {"name": "陳小明", "identifiers": [{"type": "HKID", "number": "A1234563"}]},
    "report": {"number": "R-1", "issued_at": "2026-11-02T01:00:00Z"},
    "summary": {"existing_credits": 1, "telephone": True},
    "credit_transactions": [],
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The record with another value at a path, or without what is there where the value is None."""
    record = deepcopy(RECORD)
    *above, last = path.strip("/").split("/")
    node: Any = record
    for part in above:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if value is None:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return record


def test_differences__the_same_record__has_none() -> None:
    assert differences(RECORD, deepcopy(RECORD)) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("/report/number", "R-2", ("/report/number", "R-1", "R-2")),
        ("/identity/identifiers/0/number", "B1234567", ("/identity/identifiers/0/number", "A1234563", "B1234567")),
        ("/summary/telephone", None, ("/summary/telephone", True, None)),
        ("/summary/assessment", "GOOD", ("/summary/assessment", None, "GOOD")),
        ("/credit_transactions", None, ("/credit_transactions", [], None)),
        ("/summary", None, ("/summary", RECORD["summary"], None)),
        ("/identity/identifiers", {}, ("/identity/identifiers", RECORD["identity"]["identifiers"], {})),
    ],
)
def test_differences__one_place_changed__that_place_alone(path: str, value: Any, expected: tuple[Any, ...]) -> None:
    assert differences(RECORD, changed(path, value)) == [Difference(*expected)]


@pytest.mark.parametrize(("one", "other"), [(True, 1), (False, 0), (1, "1"), ([], {}), ("", [])])
def test_differences__values_of_two_types_that_look_alike__differ(one: Any, other: Any) -> None:
    assert differences({"a": one}, {"a": other}) == [Difference("/a", one, other)]
    assert differences({"a": [one]}, {"a": [other]}) == [Difference("/a/0", one, other)]


def test_differences__array_grows_or_shrinks__what_is_new_or_gone_is_one_difference_a_place() -> None:
    shorter, longer = {"a": [{"k": 1}]}, {"a": [{"k": 1}, {"k": 2, "m": 3}, 4]}
    assert differences(shorter, longer) == [Difference("/a/1", None, {"k": 2, "m": 3}), Difference("/a/2", None, 4)]
    assert differences(longer, shorter) == [Difference("/a/1", {"k": 2, "m": 3}, None), Difference("/a/2", 4, None)]


def test_differences__element_moved__differs_at_both_places() -> None:
    assert differences({"a": ["x", "y"]}, {"a": ["y", "x"]}) == [
        Difference("/a/0", "x", "y"),
        Difference("/a/1", "y", "x"),
    ]


def test_differences__keys_that_a_pointer_must_escape__are_escaped() -> None:
    found = differences({"a/b": 1, "m~n": 1, "~1": 1}, {"a/b": 2, "m~n": 2, "~1": 2})
    assert [one.path for one in found] == ["/a~1b", "/m~0n", "/~01"]


def test_differences__keys_in_any_order__same_differences_in_the_same_order() -> None:
    new = changed("/report/number", "R-2") | {"note": "x"}
    expected = differences(RECORD, new)
    assert [one.path for one in expected] == ["/note", "/report/number"]
    shuffle = random.Random(7).shuffle  # noqa: S311  a seed is the point
    for _ in range(20):
        keys = list(new)
        shuffle(keys)
        assert differences(RECORD, {key: new[key] for key in keys}) == expected


def test_differences__every_one_applied_to_the_old__gives_the_new() -> None:
    """Nothing that differs is left out, whatever was changed, on a hundred pairs of made-up records."""
    draw = random.Random(11)  # noqa: S311  a seed is the point
    for _ in range(100):
        old, new = made_up(draw), made_up(draw)
        found = differences(old, new)
        assert canonicalise(applied(old, found)) == canonicalise(new)
        assert [one.path for one in differences(new, old)] == [one.path for one in found]


def test_differences__read_from_canonical_bytes__are_those_of_what_they_say() -> None:
    new = changed("/summary/existing_credits", 2)
    assert differences(read_canonical(canonicalise(RECORD)), read_canonical(canonicalise(new))) == [
        Difference("/summary/existing_credits", 1, 2)
    ]


def made_up(draw: random.Random) -> dict[str, Any]:
    return {key: _made_up(draw, 3) for key in draw.sample("abcd", draw.randint(1, 4))}


def _made_up(draw: random.Random, depth: int) -> Any:
    kind = draw.randint(0, 4 if depth else 2)
    if kind == 3:
        return [_made_up(draw, depth - 1) for _ in range(draw.randint(0, 3))]
    if kind == 4:
        return {key: _made_up(draw, depth - 1) for key in draw.sample("xyz", draw.randint(0, 3))}
    return (draw.randint(0, 2), draw.choice("pq"), draw.random() < 0.5)[kind]


def applied(old: dict[str, Any], found: list[Difference]) -> dict[str, Any]:
    """The old record with each difference carried out: what is gone last and from the end, for places move up."""
    record: dict[str, Any] = deepcopy(old)
    for one in [*(one for one in found if one.new is not None), *(one for one in reversed(found) if one.new is None)]:
        *above, last = one.path[1:].split("/")
        node: Any = record
        for part in above:
            node = node[int(part)] if isinstance(node, list) else node[part]
        if one.new is None:
            del node[int(last) if isinstance(node, list) else last]
        elif isinstance(node, list):
            node[int(last) : int(last) + 1] = [one.new]
        else:
            node[last] = one.new
    return record
