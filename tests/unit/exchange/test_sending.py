"""Promise: what is signed costs what the chain takes, no more and no less, and each nonce is signed once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from creditconnect.chain.blocks import Block
from creditconnect.chain.signing import SignedTransaction
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.exchange.sending import Sending, stored_hash
from creditconnect.types import Consensus

REGISTRY = "0x" + "11" * 20


@dataclass
class Noting:
    """A signer that keeps what it was given to sign."""

    address: str = "0x" + "22" * 20
    given: list[dict[str, Any]] = field(default_factory=list)

    def sign(self, transaction: dict[str, Any]) -> SignedTransaction:
        self.given.append(transaction)
        number = len(self.given).to_bytes(32, "big")
        return SignedTransaction(b"raw" + number, number)


@contextmanager
def database_in(folder: Path) -> Iterator[Database]:
    database = Database(folder / "vault.db", tables.MIGRATIONS)
    yield database
    database.close()


def sending(database: Database, signer: Noting, consensus: Consensus, gas_price_wei: int = 0) -> Sending:
    return Sending(
        database,
        signer,
        chain_id=1337,
        consensus=consensus,
        registry_address=REGISTRY,
        gas_price_wei=gas_price_wei,
        clock=lambda: 1_795_000_000.0,
        monotonic=lambda: 0.0,
    )


def head(base_fee: int | None) -> Block:
    return Block(7, bytes(32), bytes(32), 1_795_000_000, base_fee)


@pytest.mark.parametrize(
    ("consensus", "base_fee", "setting", "fees"),
    [
        (Consensus.NONE, None, 0, {"gasPrice": 0}),
        (Consensus.CLIQUE, None, 0, {"gasPrice": 1}),
        (Consensus.CLIQUE, None, 1, {"gasPrice": 1}),
        (Consensus.CLIQUE, None, 5, {"gasPrice": 5}),
        (Consensus.QBFT, 0, 0, {"gasPrice": 0}),
        (Consensus.QBFT, None, 3, {"gasPrice": 3}),
        (Consensus.QBFT, 7, 0, {"type": 2, "maxFeePerGas": 14, "maxPriorityFeePerGas": 0}),
        (Consensus.NONE, 10, 2, {"type": 2, "maxFeePerGas": 22, "maxPriorityFeePerGas": 2}),
        (Consensus.CLIQUE, 10, 0, {"type": 2, "maxFeePerGas": 21, "maxPriorityFeePerGas": 1}),
    ],
)
def test_store__chain_of_some_engine__pays_what_it_takes(
    tmp_path: Path, consensus: Consensus, base_fee: int | None, setting: int, fees: dict[str, int]
) -> None:
    signer = Noting()
    with database_in(tmp_path) as database, database.write() as connection:
        sending(database, signer, consensus, setting).store(connection, "register", b"\1", 21_000, head(base_fee))

    (signed,) = signer.given
    rest = {"chainId": 1337, "nonce": 0, "gas": 21_000, "value": 0, "to": REGISTRY, "data": b"\1"}
    assert signed == rest | fees


def test_store__several__each_has_the_next_nonce_and_its_own_row(tmp_path: Path) -> None:
    signer = Noting()
    with database_in(tmp_path) as database:
        sender = sending(database, signer, Consensus.QBFT)
        for data in (b"\1", b"\2", b"\3"):
            with database.write() as connection:
                tx = sender.store(connection, "register", data, 21_000, head(0))
                assert stored_hash(connection, tx) == len(signer.given).to_bytes(32, "big")
    assert [one["nonce"] for one in signer.given] == [0, 1, 2]


def test_store__one_was_lost__its_nonce_is_not_held_against_the_chain_s(tmp_path: Path) -> None:
    signer = Noting()
    with database_in(tmp_path) as database:
        sender = sending(database, signer, Consensus.QBFT)
        with database.write() as connection:
            tx = sender.store(connection, "register", b"\1", 21_000, head(0))
            connection.execute("UPDATE transactions SET state = 'lost' WHERE id = ?", (tx,))
            sender.store(connection, "register", b"\2", 21_000, head(0))
    assert [one["nonce"] for one in signer.given] == [0, 0]
