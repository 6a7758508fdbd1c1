"""What two records say differently, path by path: shown before one takes the other's place. Judges nothing.

Paths are JSON pointers (RFC 6901). Arrays are compared place by place: their order is part of what was committed to,
so an element that moved is a difference at both its places.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two records differ; None on the side that has nothing there (a record holds no null)."""

    path: str
    old: Any
    new: Any


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    """Every place where two records differ, the smallest that tells it: keys by code point, arrays by place.

    What only one of them has is one difference, however much lies beneath it.
    """
    return list(_differences("", old, new))


def _differences(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if type(old) is dict and type(new) is dict:
        for key in sorted(old.keys() | new.keys()):
            yield from _differences(f"{path}/{_token(key)}", old.get(key), new.get(key))
    elif type(old) is list and type(new) is list:
        for place, (before, after) in enumerate(zip_longest(old, new)):
            yield from _differences(f"{path}/{place}", before, after)
    # The type too: to Python, `true` equals 1.
    elif type(old) is not type(new) or old != new:
        yield Difference(path, old, new)


def _token(key: str) -> str:
    """A key as RFC 6901, section 3, writes it."""
    return key.replace("~", "~0").replace("/", "~1")
