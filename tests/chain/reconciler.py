"""Holds what a home keeps against what the chain holds. Reads the vault's tables as they lie, with code of its own."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.chain.counter import registered

# keccak256 of the event's signature; test_contract_abi computes it with another library.
BATCH_REGISTERED = "0x4c719f0577fbd56dc7d3ef636f6602482896716cf9672ac889f3997bcb551081"

Derived = tuple[bytes, bytes]


def on_chain(url: str, registry: str) -> Counter[Derived]:
    return registered(url, registry, BATCH_REGISTERED)


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "vault.db")) as connection:
        return connection.execute(sql).fetchall()


def in_vault(home: Path) -> Counter[Derived]:
    """How often the vault has each (record hash, commitment)."""
    return Counter((bytes(h), bytes(c)) for h, c in rows(home, "SELECT record_hash, commitment FROM records"))


def assert_settled(home: Path) -> None:
    """Every record is in one final transaction or was found on the chain; the nonces in use have no gap."""
    states = Counter(
        rows(home, "SELECT ifnull(t.state, 'none'), found FROM records LEFT JOIN transactions t ON t.id = records.tx")
    )
    assert set(states) <= {("final", 0), ("none", 1)}, states
    for (sender,) in rows(home, "SELECT DISTINCT sender FROM transactions"):
        wanted = f"SELECT nonce FROM transactions WHERE state <> 'lost' AND sender = '{sender}' ORDER BY nonce"
        nonces = [int(str(nonce)) for (nonce,) in rows(home, wanted)]
        assert nonces == sorted(set(nonces))


def assert_exactly_once(url: str, registry: str, homes: Iterable[Path]) -> None:
    """The registry holds what these vaults hold, each record once, and each vault knows it."""
    expected: Counter[Derived] = Counter()
    for home in homes:
        assert_settled(home)
        expected |= in_vault(home)
    assert on_chain(url, registry) == expected
    assert set(expected.values()) <= {1}
