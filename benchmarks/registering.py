"""A file registered end to end, against a plain web3.py script and against the chain alone. A fresh chain for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from benchmarks.ground import BATCH_RECORDS, MAPPING, PROVIDER, TRANSACTION_GAS, Ground, fresh_ground
from benchmarks.naive import NaiveSubmitter
from benchmarks.results import Result, Target
from benchmarks.timing import require_count, seconds
from creditconnect.chain.signing import KeystoreSigner, SignedTransaction

_NAIVE_IS = (
    "a web3.py script: canonical JSON, HMAC, AES-GCM, SQLite, one register of 500 built, signed and sent at a time, "
    "its receipt awaited before the next"
)
_PIPELINED_IS = "the same script, counting nonces itself and sending everything before it waits for receipts"
_FLOOD_IS = "register transactions of 500 signed beforehand and sent in JSON-RPC batches, until the last is in a block"


def register(quick: bool) -> list[Result]:
    """Records a second of `Client.submit` from a file to all final, against three references."""
    ours = _rate(_submitted, 20_000 if quick else 100_000)
    naive = _rate(_naive, 1_500 if quick else 5_000)
    pipelined = _rate(_pipelined, 5_000 if quick else 20_000)
    flood = _rate(_flooded, 20_000 if quick else 100_000)
    return [
        Result("register_vs_naive", "records/s", ours, naive, _NAIVE_IS, Target(5)),
        Result("register_vs_naive_pipelined", "records/s", ours, pipelined, _PIPELINED_IS),
        Result("register_vs_flood", "records/s", ours, flood, _FLOOD_IS, Target(0.8)),
    ]


def presigned(ground: Ground, count: int) -> list[SignedTransaction]:
    """Signed `register` transactions of 500 random records each, of an account that is new to the provider."""
    signer = KeystoreSigner(os.urandom(32))
    ground.bind(signer.address)
    chain_id = int(ground.node.call("eth_chainId"), 16)
    return [
        signer.sign(
            {"chainId": chain_id, "nonce": nonce, "gas": TRANSACTION_GAS, "gasPrice": 0, "value": 0}
            | {"to": ground.registry.checksum_address, "data": random_batch(ground)}
        )
        for nonce in range(count)
    ]


def random_batch(ground: Ground) -> bytes:
    """Call data that registers 500 random records."""
    records = sorted(os.urandom(32) for _ in range(BATCH_RECORDS))
    return ground.registry.register_call(ground.schema, 0, 0, records)


def _rate(way: Callable[[Ground, int], Callable[[], int]], count: int) -> float:
    """Records a second of one way on a chain of its own, from just after a block until its records are final."""
    with fresh_ground() as ground:
        work = way(ground, count)
        ground.next_block()
        return count / seconds(lambda: require_count(count, work()))


def _submitted(ground: Ground, count: int) -> Callable[[], int]:
    source = ground.rows(count)

    def work() -> int:
        with ground.open(PROVIDER) as client:
            return client.submit(source, mapping=MAPPING).registered

    return work


def _naive(ground: Ground, count: int) -> Callable[[], int]:
    return _scripted(ground, count, NaiveSubmitter.submit)


def _pipelined(ground: Ground, count: int) -> Callable[[], int]:
    return _scripted(ground, count, NaiveSubmitter.submit_pipelined)


def _scripted(ground: Ground, count: int, submit: Callable[[NaiveSubmitter, Path], int]) -> Callable[[], int]:
    source, submitter = ground.rows(count), NaiveSubmitter(ground)

    def work() -> int:
        try:
            return submit(submitter, source)
        finally:
            submitter.close()

    return work


def _flooded(ground: Ground, count: int) -> Callable[[], int]:
    transactions = presigned(ground, count // BATCH_RECORDS)

    def work() -> int:
        ground.flood(transactions)
        return len(transactions) * BATCH_RECORDS

    return work
