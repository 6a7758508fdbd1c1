"""A bureau's home, its outbox and a proxy before its node, so that a test can drive one step at a time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.finality import Finality
from creditconnect.chain.registry import Registry
from creditconnect.chain.rpc import Node
from creditconnect.chain.signing import KeystoreSigner
from creditconnect.client import Client
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.exchange.outbox import Outbox
from creditconnect.settings import Settings
from creditconnect.types import UNSEALED
from tests.chain.homes import BUREAU_HK, SCHEMA, Stage, passphrase, write_rows
from tests.chain.proxy import Answer, Cut, Forward, Proxy, Request, proxy_before, result
from tests.chain.reconciler import assert_exactly_once, rows

MOST_STEPS = 200


@dataclass
class Bench:
    """A bureau's home with rows put, not sent; the outbox on it, through a proxy."""

    stage: Stage
    proxy: Proxy
    settings: Settings
    outbox: Outbox
    sender: str

    def pump_until_idle(self, outbox: Outbox | None = None) -> int:
        """How many records were registered for good meanwhile."""
        registered = 0
        for _ in range(MOST_STEPS):
            pumped = (outbox or self.outbox).pump(flush=True)
            registered += pumped.registered
            if pumped.idle:
                return registered
            time.sleep(0.005)
        pytest.fail(f"not idle after {MOST_STEPS} steps: {self.states()}")

    def put(self, count: int, first: int, *, expires_at: int = 0) -> None:
        source = write_rows(self.settings.home / f"rows-{first}.jsonl", count, first=first)
        with self.client() as client:
            client.submit(source, detach=True, expires_at=expires_at)

    def client(self) -> Client:
        return self.stage.open(self.settings, monotonic=ticking(), sleep=brief)

    def sent(self) -> int:
        return self.stage.anvil.transactions(self.sender)

    def check(self) -> None:
        assert_exactly_once(self.stage.anvil.url, self.stage.registry, [self.settings.home])

    def states(self) -> list[str]:
        return [str(state) for (state,) in rows(self.settings.home, "SELECT state FROM transactions ORDER BY id")]

    def words(self) -> list[bytes]:
        """The vault's records as the contract takes them, in the order they were put."""
        return words_of(self.settings.home, "ORDER BY id")


def words_of(home: Path, order: str) -> list[bytes]:
    found = rows(home, f"SELECT record_hash, commitment FROM records {order}")
    return [bytes(record_hash) + bytes(commitment) for record_hash, commitment in found]


def ticking() -> Any:
    """A monotonic clock that is ten seconds later at each look: whatever may be sent again, is."""
    return itertools.count(0.0, 10.0).__next__


def brief(_: float) -> None:
    time.sleep(0.005)


@contextmanager
def outbox_of(
    stage: Stage, settings: Settings, url: str, *, batch_records: int = 10, confirmations: int = 0
) -> Iterator[Outbox]:
    database = Database(settings.vault_file, tables.MIGRATIONS)
    try:
        yield Outbox(
            database,
            stage.reach(Registry(Node(url, sleep=lambda _: None), stage.registry, ContractAbi.load())),
            Finality(UNSEALED, confirmations=confirmations),
            KeystoreSigner.open(settings.key_file("submit"), passphrase("submit")),
            settings.institution,
            schema_ids=lambda _: SCHEMA,
            batch_records=batch_records,
            gas_price_wei=0,
            clock=time.time,
            monotonic=ticking(),
        )
    finally:
        database.close()


@contextmanager
def bench_on(stage: Stage, home: Path, **options: int) -> Iterator[Bench]:
    with proxy_before(stage.anvil.url) as proxy:
        settings = stage.home(BUREAU_HK, home, proxy.url, batch_records=options.get("batch_records", 10))
        with outbox_of(stage, settings, proxy.url, **options) as outbox:
            yield Bench(stage, proxy, settings, outbox, stage.keys[BUREAU_HK]["submit"])


def swallow(call: Request, _forward: Forward) -> Answer:
    """Says that it took the transaction, and forgets it."""
    return result(call, "0x" + "00" * 32)


def cut_afterwards(_call: Request, forward: Forward) -> Answer:
    """Hands the request on and loses the answer."""
    forward()
    raise Cut
