"""What is measured: one contract, and one way of writing records to it. And the measuring itself, the same for all."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.gas.contract import Sent

SIZES = (1, 10, 100, 500)
SEED = 20_261_130


class Subject(ABC):
    """A way of writing records; made, it is deployed and may be written to."""

    key: str
    """Its name in gas.json."""
    title: str
    """Its name in the table and the plot."""
    is_: str
    """What was measured, in words."""
    origin: str
    """The file or the package that its code is from."""
    code_hash: str

    @abstractmethod
    def write(self, records: list[bytes]) -> list[Sent]:
        """Write the records, 32 bytes each and rising, with as few transactions as this way has."""

    @abstractmethod
    def held(self, records: list[bytes]) -> int:
        """How many of them the contract itself says it has, by its own views and with everything that was written."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What so many records took; `transactions` is the gas of each."""

    subject: str
    title: str
    is_: str
    origin: str
    code_hash: str
    records: int
    transactions: tuple[int, ...]

    @property
    def gas(self) -> int:
        return sum(self.transactions)

    @property
    def gas_per_record(self) -> float:
        return self.gas / self.records


class NotWritten(Exception):
    """The contract does not hold what it was measured writing, so the figure would be worth nothing."""


def records_of(count: int, series: str = "measured") -> list[bytes]:
    """So many records' words, rising: random, as real ones look, and the same in every run, so that gas is too."""
    source = random.Random(f"{SEED}/{series}/{count}")  # noqa: S311 - guards nothing
    return sorted(source.randbytes(32) for _ in range(count))


def measure(subject: Subject, sizes: Iterable[int] = SIZES) -> list[Measured]:
    """Write each number of records once, after one record that pays for slots which only the first write finds empty.

    Raises:
        RuntimeError: a transaction was reverted; NotWritten: the records are not there afterwards, or were before.
    """
    _written(subject, records_of(1, "first"))
    return [_measured(subject, count) for count in sizes]


def _measured(subject: Subject, count: int) -> Measured:
    sent = _written(subject, records_of(count))
    gas = tuple(one.gas_used for one in sent)
    return Measured(subject.key, subject.title, subject.is_, subject.origin, subject.code_hash, count, gas)


def _written(subject: Subject, records: list[bytes]) -> list[Sent]:
    before = subject.held(records)
    if before:
        raise NotWritten(f"{subject.key}: {before} of {len(records)} records were there before they were written")
    sent = subject.write(records)
    after = subject.held(records)
    if after != len(records) or not sent:
        raise NotWritten(f"{subject.key}: {after} of {len(records)} records are there after they were written")
    return sent
