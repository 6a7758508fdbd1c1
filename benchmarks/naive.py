"""The usual way: a script of a page, with web3.py, that does for its records what `submit` does for ours.

Nothing is slowed down on purpose, and nothing is done that such a script would leave out: no mapping, no validation,
no recognition of rows seen before, nothing that survives a crash in the middle.
"""

from __future__ import annotations

import csv
import hmac
import json
import os
import sqlite3
from collections.abc import Iterator
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.types import Nonce, Wei

from benchmarks.ground import BATCH_RECORDS, Ground


class NaiveSubmitter:
    """Registers a CSV file's rows, 500 a transaction."""

    def __init__(self, ground: Ground) -> None:
        self._web3 = Web3(Web3.HTTPProvider(ground.url))
        self._account: LocalAccount = Account.create()
        ground.bind(self._account.address)
        self._contract: Contract = self._web3.eth.contract(
            address=to_checksum_address(ground.registry.address), abi=_abi()
        )
        self._schema = ground.schema
        self._cipher = AESGCM(os.urandom(32))
        self._database = sqlite3.connect(ground.folder / "naive.db")
        self._database.execute("CREATE TABLE records (record_hash BLOB PRIMARY KEY, commitment BLOB, sealed BLOB)")

    def submit(self, source: Path) -> int:
        """Send each batch and wait for its receipt before the next; how many records are registered."""
        count = 0
        for batch in self._batches(source):
            self._receipt(self._send(batch, self._web3.eth.get_transaction_count(self._account.address)))
            count += len(batch)
        return count

    def submit_pipelined(self, source: Path) -> int:
        """Count nonces and send everything before waiting for any receipt; how many records are registered."""
        count = 0
        hashes = []
        first = self._web3.eth.get_transaction_count(self._account.address)
        for number, batch in enumerate(self._batches(source)):
            hashes.append(self._send(batch, first + number))
            count += len(batch)
        for tx_hash in hashes:
            self._receipt(tx_hash)
        return count

    def close(self) -> None:
        self._database.close()

    def _batches(self, source: Path) -> Iterator[list[bytes]]:
        with source.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            while chunk := list(islice(rows, BATCH_RECORDS)):
                yield self._keep(chunk)

    def _keep(self, rows: list[dict[str, str]]) -> list[bytes]:
        """Seal and store a batch; each record's hash and commitment, as the contract wants them."""
        kept = []
        for row in rows:
            canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            salt, nonce = os.urandom(32), os.urandom(12)
            value = hmac.new(salt, canonical, "sha256").digest()
            kept.append((value[:8], value[8:], nonce + self._cipher.encrypt(nonce, salt + canonical, value)))
        with self._database:
            self._database.executemany("INSERT INTO records VALUES (?, ?, ?)", kept)
        return sorted(record_hash + commitment for record_hash, commitment, _ in kept)

    def _send(self, records: list[bytes], nonce: int) -> HexBytes:
        transaction = self._contract.functions.register(self._schema, 0, 0, records).build_transaction(
            {"from": self._account.address, "nonce": Nonce(nonce), "gasPrice": Wei(0)}
        )
        signed = self._account.sign_transaction(transaction)  # type: ignore[arg-type]
        return self._web3.eth.send_raw_transaction(signed.raw_transaction)

    def _receipt(self, tx_hash: HexBytes) -> None:
        if self._web3.eth.wait_for_transaction_receipt(tx_hash)["status"] != 1:
            raise RuntimeError("a transaction of the naive loop failed")


def _abi() -> list[dict[str, Any]]:
    text = resources.files("creditconnect.chain").joinpath("abi", "RecordRegistry.json").read_text(encoding="utf-8")
    abi: list[dict[str, Any]] = json.loads(text)["abi"]
    return abi
