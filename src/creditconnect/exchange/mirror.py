"""The mirror: the registry's events as they came, one row an event, with the block hashes to notice a reorg by.

Everything else that anyone wants to know is derived from these rows and may be thrown away. Height moves back only when
a block's hash is proven to differ; a node that merely lacks a block is behind, and nothing is forgotten for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from creditconnect.chain.blocks import Block, Log
from creditconnect.chain.contract_abi import Event
from creditconnect.chain.finality import Finality
from creditconnect.chain.reach import Reach
from creditconnect.chain.registry import Question, Registry
from creditconnect.custody.database import Database
from creditconnect.errors import MirrorInconsistent, NodeBehind, NodeRefused, ReorgTooDeep

# Besu answers a log query over at most 5,000 blocks.
GREATEST_WINDOW_BLOCKS = 2_000
# Final blocks do not move on any engine in use; more than this means another chain, or an attack.
GREATEST_REORG_BLOCKS = 256

MIGRATIONS = (
    """
    CREATE TABLE blocks (number INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;

    CREATE TABLE events (
        block_number INTEGER NOT NULL REFERENCES blocks (number) ON DELETE CASCADE,
        log_index INTEGER NOT NULL,
        tx_hash BLOB NOT NULL,
        topic0 BLOB NOT NULL,
        topic1 BLOB,
        topic2 BLOB,
        topic3 BLOB,
        data BLOB NOT NULL,
        PRIMARY KEY (block_number, log_index)
    ) STRICT;

    CREATE INDEX events_topic1 ON events (topic0, topic1);
    CREATE INDEX events_topic2 ON events (topic0, topic2);
    CREATE INDEX events_tx ON events (tx_hash)
    """,
)

_COLUMNS = "block_number, b.hash, log_index, tx_hash, topic0, topic1, topic2, topic3, data"

# Checkpoints without events, once no reorg can ask for them; the few newest suffice, as every window prunes.
_PRUNE = """
    DELETE FROM blocks WHERE number IN (SELECT number FROM blocks WHERE number < ? ORDER BY number DESC LIMIT 16)
    AND NOT EXISTS (SELECT 1 FROM events WHERE block_number = number)
"""


@dataclass(frozen=True, slots=True)
class Followed:
    """What one `follow` did: up to which block, how many events came, and the last block kept after a reorg, if any."""

    block: Block
    events: int
    rewound_to: int | None


class Mirror:
    """Follows one registry into one database, which is at `MIGRATIONS`; only what is final, from one node at a time."""

    def __init__(self, database: Database, reach: Reach, finality: Finality, first_block: int) -> None:
        self._database = database
        self._reach = reach
        self._finality = finality
        self._abi = reach.abi
        self._first_block = first_block

    def follow(self, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Followed:
        """Take what is new up to the final block. Raises leave the mirror as it was after the last whole window.

        Raises:
            NodeBehind: the node lacks a block that was mirrored; NotFinal: no block is; ReorgTooDeep;
            MirrorInconsistent: the node left events out.
        """
        return self._reach.act(lambda registry: self._follow(registry, progress))

    def events(self, *names: str) -> Iterator[tuple[Log, Event]]:
        """The mirrored events in chain order, decoded; of the given names, or all."""
        topics = [self._abi.topic(name) for name in names]
        where = f"WHERE topic0 IN ({','.join('?' * len(topics))})" if topics else ""
        return self._decoded(where, topics)

    def batches_of(self, institution: int) -> Iterator[tuple[Log, Event]]:
        """The BatchRegistered events of one institution."""
        topic = self._abi.topic("BatchRegistered")
        return self._decoded("WHERE topic0 = ? AND topic2 = ?", [topic, institution.to_bytes(32, "big")])

    def batch(self, number: int) -> tuple[Log, Event] | None:
        """The BatchRegistered event of one batch."""
        topic = self._abi.topic("BatchRegistered")
        return next(self._decoded("WHERE topic0 = ? AND topic1 = ?", [topic, number.to_bytes(32, "big")]), None)

    def about(self, subject: int, *names: str) -> Iterator[tuple[Log, Event]]:
        """The events of these names whose first indexed argument is `subject`, in chain order."""
        topics = [self._abi.topic(name) for name in names]
        where = f"WHERE topic0 IN ({','.join('?' * len(topics))}) AND topic1 = ?"
        return self._decoded(where, [*topics, subject.to_bytes(32, "big")])

    def registering(self, record_hash: bytes) -> Iterator[tuple[Log, Event]]:
        """The BatchRegistered events that may hold this hash: those with its bytes anywhere in them."""
        topic = self._abi.topic("BatchRegistered")
        return self._decoded("WHERE topic0 = ? AND instr(data, ?)", [topic, record_hash])

    # ------------------------------------------------------------------------------------------------------- private

    def _follow(self, registry: Registry, progress: Callable[[int, int], None]) -> Followed:
        head = self._finality.under(registry, registry.head())
        rewound_to = self._rewind(registry, head)
        start = self.height()
        taken, window = 0, GREATEST_WINDOW_BLOCKS
        while (height := self.height()) < head.number:
            last = min(height + window, head.number)
            try:
                taken += self._take(registry, height + 1, last)
            except NodeRefused:
                # Over one of the node's limits, in blocks or in bytes: halve until it fits.
                if last == height + 1:
                    raise
                window = max(1, (last - height) // 2)
                continue
            window = min(GREATEST_WINDOW_BLOCKS, window * 2)
            progress(last - start, head.number - start)
        self._require_complete(registry, head)
        return Followed(head, taken, rewound_to)

    def _take(self, registry: Registry, first: int, last: int) -> int:
        """Mirror blocks `first` to `last` in one commit, if the node still holds them afterwards as it did before."""
        before = self._following(registry, first, last)
        logs = registry.logs(first, last)
        after = registry.block(last)
        if before is None or after is None:
            raise NodeBehind(f"{registry.node.url}: has no block {last}", hint="the node is behind; try again later")
        if before.hash != after.hash:
            raise NodeBehind(f"block {last} changed while it was read", hint="try again")
        with self._database.write() as connection:
            if self.height() != first - 1:
                return 0  # another process of this home took the window meanwhile
            blocks = {log.block_number: log.block_hash for log in logs} | {last: after.hash}
            connection.executemany("INSERT INTO blocks (number, hash) VALUES (?, ?)", sorted(blocks.items()))
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [_row(log) for log in logs])
            connection.execute(_PRUNE, (last - GREATEST_REORG_BLOCKS,))
        return len(logs)

    def _following(self, registry: Registry, first: int, last: int) -> Block | None:
        """Block `last`, if block `first` follows what is mirrored; a reorg since `_rewind` is noticed here."""
        with self._database.read() as connection:
            row = connection.execute("SELECT hash FROM blocks WHERE number = ?", (first - 1,)).fetchone()
        start = registry.block(first)
        if row is not None and start is not None and start.parent_hash != row[0]:
            raise NodeBehind(f"block {first - 1} changed while it was followed", hint="try again")
        return start if first == last else registry.block(last)

    def _rewind(self, registry: Registry, head: Block) -> int | None:
        """Forget what a reorg took away; the last block kept, or None where there was none."""
        with self._database.read() as connection:
            kept = connection.execute(
                "SELECT number, hash FROM blocks ORDER BY number DESC LIMIT ?", (GREATEST_REORG_BLOCKS,)
            ).fetchall()
        for number, block_hash in kept:
            found = registry.block(number)
            if found is None and number == kept[0][0]:
                raise NodeBehind(
                    f"{registry.node.url}: is at block {head.number}, block {number} was mirrored before",
                    hint="the node is behind or lost its data; try again later",
                )
            if found is not None and found.hash == block_hash:
                return self._forget_above(number) if number != kept[0][0] else None
        if kept:
            raise ReorgTooDeep(
                f"{registry.node.url}: disagrees with every block mirrored since {kept[-1][0]}",
                hint="nothing was deleted; ask both authorities which chain is the true one",
            )
        return None

    def _forget_above(self, number: int) -> int:
        with self._database.write() as connection:
            connection.execute("DELETE FROM events WHERE block_number > ?", (number,))
            connection.execute("DELETE FROM blocks WHERE number > ?", (number,))
        return number

    def height(self) -> int:
        """The last block that is mirrored."""
        with self._database.read() as connection:
            (number,) = connection.execute("SELECT max(number) FROM blocks").fetchone()
        return self._first_block - 1 if number is None else int(number)

    def _require_complete(self, registry: Registry, head: Block) -> None:
        """As many batches as the contract counts at that block: a node that leaves logs out does not go unnoticed."""
        (counted,) = registry.ask([Question("registry")], head)
        expected = counted["batchCount"] - self._batches_before(registry)
        topic = self._abi.topic("BatchRegistered")
        with self._database.read() as connection:
            (mirrored,) = connection.execute(
                "SELECT count(*) FROM events WHERE topic0 = ? AND block_number <= ?", (topic, head.number)
            ).fetchone()
        if mirrored != expected:
            raise MirrorInconsistent(
                f"block {head.number}: the registry counts {expected} batches, its events {mirrored}",
                hint="the node left events out; ask another node, and delete the mirror's database to follow anew",
            )

    def _batches_before(self, registry: Registry) -> int:
        """What a network that was founded anew took over in its block 0, without the events of it."""
        genesis = registry.block(0) if self._first_block == 0 else None
        if genesis is None:
            return 0
        (counted,) = registry.ask([Question("registry")], genesis)
        return int(counted["batchCount"])

    def _decoded(self, where: str, parameters: list[bytes]) -> Iterator[tuple[Log, Event]]:
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM events JOIN blocks b ON b.number = block_number {where}"
                " ORDER BY block_number, log_index",
                parameters,
            )
            for row in rows:
                log = _log(row)
                yield log, self._abi.decode_event(log.topics, log.data)


def _row(log: Log) -> tuple[object, ...]:
    topics = [*log.topics, None, None, None][:4]
    return (log.block_number, log.index, log.tx_hash, *topics, log.data)


def _log(row: tuple[int, bytes, int, bytes, bytes, bytes | None, bytes | None, bytes | None, bytes]) -> Log:
    number, block_hash, index, tx_hash, *topics, data = row
    return Log(
        number, block_hash, index, tx_hash, tuple(topic for topic in topics if isinstance(topic, bytes)), _b(data)
    )


def _b(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a column that holds bytes holds something else")
    return value
