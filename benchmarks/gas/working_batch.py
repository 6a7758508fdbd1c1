"""What a record costs in a batch of 500, by real receipts, against a contract that writes its slot and nothing else."""

from __future__ import annotations

import os

from benchmarks.gas.bytecode import built
from benchmarks.ground import BATCH_RECORDS, Ground, fresh_ground
from benchmarks.registering import presigned
from benchmarks.results import Result, Target

_REFERENCE_IS = (
    "a batch of 500 sent to Floor.sol, compiled by the same compiler for the same fork: the hash is the slot's "
    "number, 32 bytes a record, no check and no event"
)


def gas_per_record_500(_quick: bool) -> list[Result]:
    """Gas used by a whole transaction over its records; the second batch, as the first pays for the counters' slots."""
    with fresh_ground() as ground:
        ours, reference = _registered(ground), _written(ground)
    return [Result("gas_per_record_500", "gas", ours, reference, _REFERENCE_IS, Target(23_500, True, True))]


def _registered(ground: Ground) -> float:
    transactions = presigned(ground, 2)
    ground.flood(transactions)
    receipt = ground.registry.receipts([transactions[-1].hash])[0]
    if receipt is None:
        raise RuntimeError("no receipt")
    return receipt.gas_used / BATCH_RECORDS


def _written(ground: Ground) -> float:
    stranger = len(ground.accounts) - 1
    floor: str = ground.transact(stranger, None, built("Floor")[0].creation)["contractAddress"]
    receipt = ground.transact(stranger, floor, os.urandom(32 * BATCH_RECORDS))
    return int(receipt["gasUsed"], 16) / BATCH_RECORDS
