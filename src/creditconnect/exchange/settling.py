"""Settling: what became of a key's transactions, decided from the chain alone, never from the wording of an error.

A receipt by the stored hash first, then the sender's nonce, then the registry's own entries. What was mined is final
once its block is: under a seal of each side (`chain.finality`). Reads and writes rows; signs and sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from creditconnect.chain.blocks import Block, Receipt
from creditconnect.chain.reach import Reach
from creditconnect.chain.registry import Question, Registry, bytes32_of
from creditconnect.custody.database import Database
from creditconnect.errors import NodeBehind, NodeRefused, NodesDisagree, Reverted
from creditconnect.exchange.waiting import forget_found, release

LOST_AFTER_SECONDS = 5.0
# Final blocks do not move on any engine in use; these are looked at again all the same when a head does not follow.
RECHECKED_BLOCKS = 256


class Settled(NamedTuple):
    """What one look decided: how many records are registered for good; whether any ended otherwise, or came back."""

    registered: int = 0
    ended: bool = False
    reopened: bool = False


class Settling:
    """Settles for one key. Each call asks one node from its start to its end."""

    def __init__(
        self, database: Database, reach: Reach, sender: str, institution_code: str, *, monotonic: Callable[[], float]
    ) -> None:
        self._database = database
        self._reach = reach
        self._sender = sender
        self._institution_code = institution_code
        self._monotonic = monotonic
        self._seen: Block | None = None
        self._seen_final: Block | None = None
        # When a transaction first looked lost: the node may show its nonce before its receipt.
        self._suspected: dict[int, float] = {}

    def settle(self, registry: Registry, head: Block, final: Block | None) -> Settled:
        """Decide what became of the transactions under way, of which none is final where `final` is None.

        Raises:
            NodesDisagree: another side's node has the block, and not the receipt; nothing is taken for final.
        """
        if self._seen is not None and head.hash == self._seen.hash and final == self._seen_final:
            return Settled()
        reopened = self._notice_reorg(registry, head)
        under_way = self._under_way()
        if not under_way:
            self._seen, self._seen_final = head, final
            return Settled(reopened=reopened)
        # The nonce first: a transaction mined between the two questions must not look lost. As of the final block: what
        # took the nonce above it may go again.
        used_nonces = 0 if final is None else registry.nonce(self._sender, final.number)
        receipts = registry.receipts([tx_hash for _, tx_hash, _, _ in under_way])
        mined: list[tuple[int, Receipt]] = []
        ended = False
        for (tx, tx_hash, nonce, data), receipt in zip(under_way, receipts, strict=True):
            if receipt is None:
                if nonce < used_nonces and self._looks_lost_for_long(tx):
                    ended |= self._settle_lost(registry, tx, tx_hash)
            elif receipt.succeeded:
                mined.append((tx, receipt))
            elif _is_final(receipt, final):
                self._require_agreed(registry, [receipt])
                self._settle_failed(registry, tx, receipt, data)
                ended = True
        self._require_agreed(registry, [receipt for _, receipt in mined if _is_final(receipt, final)])
        # Last: a question that failed is asked again, at the same head too.
        self._seen, self._seen_final = head, final
        return Settled(self._settle_mined(mined, final), ended, reopened)

    def reopen(self, last_kept_block: int) -> None:
        """After a reorg: what was mined above the last kept block is under way again, with the same bytes."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE transactions SET state = 'stored', block_number = NULL, block_hash = NULL, error = NULL"
                " WHERE state IN ('mined', 'final', 'failed') AND block_number > ?",
                (last_kept_block,),
            )
            forget_found(connection)
        self._suspected.clear()
        self._seen = None

    def held(self, registry: Registry, rows: Sequence[tuple[int, bytes, bytes]]) -> list[int]:
        """The ids of those that the registry holds now as this institution's, by hash and commitment, not as over."""
        if not rows:
            return []
        # The newest head, not the one of this step: what is asked about may have been mined since.
        head = registry.head()
        (institution,) = registry.ask([Question("institutionByCode", (bytes32_of(self._institution_code),))], head)
        hashes = [record_hash for _, record_hash, _ in rows]
        claims = registry.claims_of(institution, hashes, head)
        return [
            number
            for (number, _, commitment), own in zip(rows, claims, strict=True)
            if any(claim.commitment == commitment and claim.counts for claim in own)
        ]

    # ------------------------------------------------------------------------------------------------------- private

    def _under_way(self) -> list[tuple[int, bytes, int, bytes]]:
        with self._database.read() as connection:
            return connection.execute(
                "SELECT id, hash, nonce, data FROM transactions"
                " WHERE state IN ('stored', 'mined') AND sender = ? ORDER BY id",
                (self._sender,),
            ).fetchall()

    def _notice_reorg(self, registry: Registry, head: Block) -> bool:
        """If the head does not follow the last one, look whether the blocks of what was mined are still there."""
        last = self._seen
        if last is not None and (head.parent_hash == last.hash or _is_there(registry, last)):
            return False
        with self._database.read() as connection:
            blocks = connection.execute(
                "SELECT DISTINCT block_number, block_hash FROM transactions WHERE sender = ? AND block_number > ?"
                " AND state IN ('mined', 'final', 'failed') ORDER BY block_number",
                (self._sender, head.number - RECHECKED_BLOCKS),
            ).fetchall()
        # A node that is merely behind takes nothing away.
        known = [(number, block_hash) for number, block_hash in blocks if number <= head.number]
        found = registry.blocks([number for number, _ in known])
        for (number, block_hash), block in zip(known, found, strict=True):
            if block is None or block.hash != block_hash:
                self.reopen(number - 1)
                return True
        return False

    def _require_agreed(self, registry: Registry, receipts: Sequence[Receipt]) -> None:
        """Others that are there and not behind have the same receipts: seals prove a block, not what was in it."""
        if receipts:
            self._reach.ask_others(registry, lambda other: _require_same(registry, other, receipts))

    def _looks_lost_for_long(self, tx: int) -> bool:
        since = self._suspected.setdefault(tx, self._monotonic())
        return self._monotonic() - since >= LOST_AFTER_SECONDS

    def _settle_mined(self, mined: Sequence[tuple[int, Receipt]], final: Block | None) -> int:
        if not mined:
            return 0
        finals = [tx for tx, receipt in mined if _is_final(receipt, final)]
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE transactions SET state = ?, block_number = ?, block_hash = ?, gas_used = ? WHERE id = ?",
                [
                    ("final" if _is_final(r, final) else "mined", r.block_number, r.block_hash, r.gas_used, tx)
                    for tx, r in mined
                ],
            )
            marks = ",".join("?" * len(finals))
            (records,) = connection.execute(f"SELECT count(*) FROM records WHERE tx IN ({marks})", finals).fetchone()
        return int(records)

    def _settle_failed(self, registry: Registry, tx: int, receipt: Receipt, data: bytes) -> None:
        error = self._revert_reason(registry, data, receipt)
        held = self._held_of(registry, tx)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE transactions SET state = 'failed', block_number = ?, block_hash = ?, gas_used = ?, error = ?"
                " WHERE id = ?",
                (receipt.block_number, receipt.block_hash, receipt.gas_used, error, tx),
            )
            release(connection, tx, held)

    def _settle_lost(self, registry: Registry, tx: int, tx_hash: bytes) -> bool:
        if registry.receipts([tx_hash])[0] is not None:
            return False  # mined after all; the next step sees it
        held = self._held_of(registry, tx)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE transactions SET state = 'lost', error = 'another transaction of this key took the nonce'"
                " WHERE id = ?",
                (tx,),
            )
            release(connection, tx, held)
        return True

    def _held_of(self, registry: Registry, tx: int) -> list[int]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT id, record_hash, commitment FROM records WHERE tx = ?", (tx,)).fetchall()
        return self.held(registry, rows)

    def _revert_reason(self, registry: Registry, data: bytes, receipt: Receipt) -> str:
        """Asked of the state before its block, then of that after it: an earlier transaction there may be the cause."""
        try:
            registry.simulate(self._sender, data, receipt.block_number - 1)
            registry.simulate(self._sender, data, receipt.block_number)
        except Reverted as error:
            return error.message
        except (NodeRefused, NodeBehind):
            pass
        return f"failed in block {receipt.block_number}, for a reason that the node can no longer tell"


def _is_final(receipt: Receipt, final: Block | None) -> bool:
    return final is not None and receipt.block_number <= final.number


def _require_same(registry: Registry, other: Registry, receipts: Sequence[Receipt]) -> None:
    theirs = other.receipts([receipt.tx_hash for receipt in receipts])
    for receipt, found in zip(receipts, theirs, strict=True):
        if found is None and other.block(receipt.block_number) is None:
            continue  # behind
        if found is None or (found.block_hash, found.succeeded) != (receipt.block_hash, receipt.succeeded):
            raise NodesDisagree(
                f"block {receipt.block_number}: {registry.node.url} and {other.node.url} say different things of"
                f" transaction 0x{receipt.tx_hash.hex()}",
                hint="one of them answers wrongly: tell both operators; nothing was taken for final",
            )


def _is_there(registry: Registry, block: Block) -> bool:
    found = registry.block(block.number)
    return found is not None and found.hash == block.hash
