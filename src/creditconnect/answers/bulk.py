"""Verifying many: each input once, in its order, some hundred at a time, and while one lot waits for the node the next
is read.

The checks are `verification`'s own, so an answer is what asking for that package alone would give, save that all of a
lot are as of one block.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from creditconnect.answers.verification import FindDocument, Verification, Verifier

# A round trip's worth: nodes take some 500 calls a batch.
LOT = 400
# A package may be of 8 MB, most are of one or two kB: so this is reached by few, and bounds what is held at once.
LOT_BYTES = 32 * 2**20
# The node works on one lot while this process works on the next; more would only queue.
LOTS_AT_ONCE = 3


class Input(NamedTuple):
    """Something to verify: its name and bytes where it comes from, and the plain package in it.

    `verified` is the answer to what holds none, and needs no chain.
    """

    name: str
    data: bytes
    package: bytes
    find_document: FindDocument
    verified: Verification | None = None


class Verified(NamedTuple):
    name: str
    data: bytes
    verification: Verification


def verify_many(verifier: Verifier, inputs: Iterable[Input]) -> Iterator[list[Verified]]:
    """The answers to the inputs, in their order, a lot at a time; inputs are taken a few lots ahead of the answers."""
    waiting: deque[Future[list[Verified]]] = deque()
    source = iter(inputs)
    with ThreadPoolExecutor(LOTS_AT_ONCE) as threads:
        try:
            while lot := _next_lot(source):
                waiting.append(threads.submit(_verify_lot, verifier, lot))
                if len(waiting) == LOTS_AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _next_lot(source: Iterator[Input]) -> list[Input]:
    """At most `LOT` inputs, and none after the one that fills `LOT_BYTES`."""
    lot: list[Input] = []
    held = 0
    for one in islice(source, LOT):
        lot.append(one)
        held += len(one.data) + len(one.package)
        if held >= LOT_BYTES:
            break
    return lot


def _verify_lot(verifier: Verifier, lot: list[Input]) -> list[Verified]:
    asked = [one for one in lot if one.verified is None]
    answers = iter(verifier.verify_together([(one.package, one.find_document) for one in asked]))
    return [Verified(one.name, one.data, one.verified or next(answers)) for one in lot]
