"""An auditor's replay of the registry's events, against decoding the batches among them and nothing else."""

from __future__ import annotations

import time

from benchmarks.ground import BATCH_RECORDS, VERIFIER, Ground, fresh_ground
from benchmarks.registering import presigned
from benchmarks.results import Result
from benchmarks.timing import best_in_turns, require_count, seconds
from creditconnect.answers.replay import Replay
from creditconnect.chain.blocks import Log
from creditconnect.chain.finality import Finality
from creditconnect.chain.reach import Reach
from creditconnect.custody.database import Database
from creditconnect.exchange import mirror as mirrors
from creditconnect.exchange.mirror import Mirror
from creditconnect.types import UNSEALED

ROUNDS = 5
_REFERENCE_IS = "the same BatchRegistered logs, in memory, decoded by the client's ABI codec and let go"


def replay_vs_decode(quick: bool) -> list[Result]:
    """Records a second: the state rebuilt from the mirrored events; and the whole audit, every slot compared."""
    count = 10_000 if quick else 50_000
    with fresh_ground() as ground:
        ground.flood(presigned(ground, count // BATCH_RECORDS))
        mirror = _followed(ground)
        logs = [log for log, _ in mirror.events("BatchRegistered")]
        rebuilding, decoding = best_in_turns(
            lambda: _replay(mirror, count), lambda: _decode(ground, logs, count), ROUNDS
        )
        auditing = seconds(lambda: _audit(ground))
    return [
        Result(
            "replay_vs_decode",
            "records/s",
            count / rebuilding,
            count / decoding,
            f"{_REFERENCE_IS}; ours rebuilds the state",
        ),
        Result(
            "audit_vs_decode",
            "records/s",
            count / auditing,
            count / decoding,
            f"{_REFERENCE_IS}; ours also asks the node for every slot and rebuilds the storage root",
        ),
    ]


def _followed(ground: Ground) -> Mirror:
    reach = Reach([ground.registry], ground.registry.identity(), monotonic=time.monotonic)
    database = Database(ground.folder / "replayed.db", mirrors.MIGRATIONS)
    # From block 0 on it would ask what a refounded network took over, of a block that has no registry.
    mirror = Mirror(database, reach, Finality(UNSEALED), 1)
    mirror.follow()
    return mirror


def _replay(mirror: Mirror, count: int) -> None:
    replay = Replay()
    for log, event in mirror.events():
        replay.apply(event, log.block_number)
    require_count(count, replay.records)


def _decode(ground: Ground, logs: list[Log], count: int) -> None:
    require_count(count, sum(len(ground.registry.event(log).arguments["records"]) for log in logs))


def _audit(ground: Ground) -> None:
    with ground.open(VERIFIER) as client:
        report = client.audit_replay()
    if not report.agrees:
        raise RuntimeError(f"the audit disagrees: {report.findings()[:3]}")
