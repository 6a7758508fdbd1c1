"""The outbox: what this institution sends to the registry, each thing exactly once.

A transaction's signed bytes, nonce and hash are committed, with the records it carries, before its first send; a resend
is the same bytes. What became of it is decided from the chain: its receipt by the stored hash, then the sender's nonce,
then the registry's own entries; never from the wording of an error. So a kill between any two steps loses nothing and
doubles nothing.

    put (custody)  ->  sign and store  ->  send  ->  mined  ->  final
                            |                          |
                            |                          +- failed: the reason is asked for; records wait again
                            +- lost: another transaction took the nonce; records found on the chain count, others wait
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from creditconnect.chain.finality import Finality
from creditconnect.chain.reach import Reach
from creditconnect.chain.registry import Block, Question, Receipt, Registry, bytes32_of
from creditconnect.chain.signing import Signer
from creditconnect.custody.database import Database
from creditconnect.errors import ExchangeError, NodeRefused, NotEntitled, Reverted
from creditconnect.exchange.waiting import (
    Waiting,
    any_waiting,
    assign,
    forget_found,
    group_waiting,
    in_flight,
    mark_found,
    release,
)

# Whole transaction of `register`: see the committed gas snapshot (23,364 a record at 500), with room above it.
REGISTER_GAS_BASE = 120_000
REGISTER_GAS_RECORD = 24_500
# EIP-7825: a transaction may use 2^24 gas.
TRANSACTION_GAS_LIMIT = 2**24
GREATEST_BATCH_RECORDS = (TRANSACTION_GAS_LIMIT - REGISTER_GAS_BASE) // REGISTER_GAS_RECORD
# Besu takes 200 future nonces of one sender.
GREATEST_IN_FLIGHT = 100
RESEND_AFTER_SECONDS = 5.0
LOST_AFTER_SECONDS = 5.0
# Final blocks do not move on any engine in use; these are looked at again all the same when a head does not follow.
RECHECKED_BLOCKS = 256

_HINTS = {
    "NotEntitled": "ask your authority whether the institution is suspended, out of time or not scoped for the schema",
    "NotAnAccount": "ask your authority to bind and enable this account",
    "Paused": "a side pauses the registry; the records wait here until it is lifted",
    "RegistrationClosed": "the registry has a successor; init a home with its deployment file",
    "ExpiryInvalid": "the expiry has passed; submit the file with a later one",
    "ShareMissing": "the keeper's share of that epoch is not published",
    "NotLive": "not every founding authority has accepted the registry yet",
}


Done = TypeVar("Done")
Beside = Callable[[sqlite3.Connection, str, bytes], None]
"""What is stored with a transaction, by its one commit: given the connection, the sender, the transaction's hash."""


@dataclass(frozen=True, slots=True)
class Pumped:
    """Where the outbox stands after a step, and how many records that step saw registered for good."""

    waiting: bool
    in_flight: int
    registered: int
    # What the node said last to something that is still under way; decides nothing, but somebody may want to know.
    refusal: str = ""

    @property
    def idle(self) -> bool:
        return not self.waiting and self.in_flight == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one transaction: `final` with its receipt's numbers, or `failed` or `lost` with the reason."""

    state: str
    block_number: int | None
    gas_used: int | None
    error: str | None


class Outbox:
    """Sends for one key. Whoever holds the key's `SubmitterLock` may use it, and nobody else."""

    def __init__(
        self,
        database: Database,
        reach: Reach,
        finality: Finality,
        signer: Signer,
        institution_code: str,
        *,
        schema_ids: Callable[[str], int],
        batch_records: int,
        gas_price_wei: int,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`schema_ids` gives the registry's number of a schema; `gas_price_wei` is the least that the chain takes."""
        self._database = database
        self._reach = reach
        self._finality = finality
        # The one that the act under way is done with.
        self._registry = reach.registry()
        self._signer = signer
        self._institution_code = institution_code
        self._schema_ids = schema_ids
        self._batch_records = min(batch_records, GREATEST_BATCH_RECORDS)
        self._gas_price_wei = gas_price_wei
        self._clock = clock
        self._monotonic = monotonic
        self._sent_at: dict[int, float] = {}
        # False until the registry is known to take a batch now, and again after a failure.
        self._cleared = False
        self._settled: Block | None = None
        self._refusal = ""
        # When a transaction first looked lost: the node may show its nonce before its receipt.
        self._suspected: dict[int, float] = {}
        self._chain_id = int(self._registry.node.call("eth_chainId"), 16)
        self._used_nonces = self._registry.nonce(signer.address)

    # ---------------------------------------------------------------------------------------------------- stepping

    def pump(self, *, flush: bool) -> Pumped:
        """One step: batch and sign what waits (full batches only, unless `flush`), send, and look what became of it.

        Raises:
            NotEntitled: the registry takes no batch of this institution now; everything stays where it is.
            NodeUnreachable: no node answers; nothing is lost. NotFinal: blocks come without a seal of each side.
        """
        return self._by_any_node(lambda: self._pumped(flush=flush))

    def _pumped(self, *, flush: bool) -> Pumped:
        head = self._registry.head()
        registered = self._settle(head)
        self._sign_waiting(head, flush=flush)
        self._send()
        with self._database.read() as connection:
            waiting, under_way = any_waiting(connection, head.timestamp), in_flight(connection)
        return Pumped(waiting, under_way, registered, self._refusal if under_way else "")

    def step(self) -> int:
        """Send what is stored and look what became of it, without batching; how many records are registered by it."""
        return self._by_any_node(self._stepped)

    def _stepped(self) -> int:
        registered = self._settle(self._registry.head())
        self._send()
        return registered

    def require_taken(self, schema: str, expires_at: int) -> None:
        """Ask the registry itself whether it would take a batch of this schema and expiry from this key now.

        Raises:
            NotEntitled: it would not; says why and what to do.
        """
        probe = self._registry.register_call(self._schema_ids(schema), expires_at, 0, [os.urandom(32)])
        try:
            self._by_any_node(lambda: self._registry.simulate(self._signer.address, probe))
        except Reverted as error:
            raise NotEntitled(error.message, hint=_HINTS.get(error.name, "")) from error

    def enqueue(self, action: str, data: bytes, *, beside: Beside | None = None) -> int:
        """Sign and store a call other than `register`; the id to ask `outcome` for. Simulated first.

        `beside` is called within the commit that stores it. The same call that is under way already, after a kill, is
        not signed a second time, nor is `beside` called again.

        Raises:
            Reverted: the registry would refuse it; nothing was stored.
        """
        with self._database.read() as connection:
            under_way = connection.execute(
                "SELECT id FROM transactions WHERE state IN ('stored', 'mined') AND sender = ? AND data = ?",
                (self._signer.address, data),
            ).fetchone()
        if under_way is not None:
            return int(under_way[0])
        head, estimated = self._by_any_node(lambda: self._tried(data))
        gas = estimated * 5 // 4
        with self._database.write() as connection:
            tx = self._store(connection, action, data, min(gas, TRANSACTION_GAS_LIMIT), head)
            if beside is not None:
                beside(connection, self._signer.address, self._hash(tx))
        return tx

    def _tried(self, data: bytes) -> tuple[Block, int]:
        """The head, and what a call would take there."""
        head = self._registry.head()
        self._registry.simulate(self._signer.address, data)
        return head, self._registry.estimate(self._signer.address, data, TRANSACTION_GAS_LIMIT)

    def _by_any_node(self, act: Callable[[], Done]) -> Done:
        """One act with one node, or from its beginning with the next: what is stored decides, so it may be repeated."""

        def on(registry: Registry) -> Done:
            self._registry = registry
            return act()

        return self._reach.act(on)

    def outcome(self, tx: int) -> Outcome | None:
        """What became of a transaction; None while it is under way."""
        with self._database.read() as connection:
            state, number, gas_used, error = connection.execute(
                "SELECT state, block_number, gas_used, error FROM transactions WHERE id = ?", (tx,)
            ).fetchone()
        return None if state in ("stored", "mined") else Outcome(state, number, gas_used, error)

    def reopen(self, last_kept_block: int) -> None:
        """After a reorg: what was mined above the last kept block is under way again, with the same bytes."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE transactions SET state = 'stored', block_number = NULL, block_hash = NULL, error = NULL"
                " WHERE state IN ('mined', 'final', 'failed') AND block_number > ?",
                (last_kept_block,),
            )
            forget_found(connection)
        self._sent_at.clear()
        self._suspected.clear()
        self._settled = None
        self._cleared = False

    # ----------------------------------------------------------------------------------------------------- settling

    def _settle(self, head: Block) -> int:
        """Decide from the chain what became of the transactions under way; how many records are registered by it."""
        if self._settled is not None and head.hash == self._settled.hash:
            return 0
        self._notice_reorg(head)
        with self._database.read() as connection:
            under_way = connection.execute(
                "SELECT id, hash, nonce, data FROM transactions"
                " WHERE state IN ('stored', 'mined') AND sender = ? ORDER BY id",
                (self._signer.address,),
            ).fetchall()
        if not under_way:
            self._settled = head
            return 0
        final = self._finality.under(self._registry, head)
        # The nonce first: a transaction mined between the two questions must not look lost.
        self._used_nonces = self._registry.nonce(self._signer.address)
        receipts = self._registry.receipts([tx_hash for _, tx_hash, _, _ in under_way])
        mined: list[tuple[int, Receipt]] = []
        for (tx, _, nonce, data), receipt in zip(under_way, receipts, strict=True):
            if receipt is None:
                if nonce < self._used_nonces and self._looks_lost_for_long(tx):
                    self._settle_lost(tx)
            elif receipt.succeeded:
                mined.append((tx, receipt))
            elif receipt.block_number <= final.number:
                self._settle_failed(tx, receipt, data)
        # Last: a question that failed is asked again, at the same head too.
        self._settled = head
        return self._settle_mined(mined, final)

    def _notice_reorg(self, head: Block) -> None:
        """If the head does not follow the last one, look whether the blocks of what was mined are still there."""
        last = self._settled
        if last is not None and (head.parent_hash == last.hash or self._is_there(last)):
            return
        with self._database.read() as connection:
            blocks = connection.execute(
                "SELECT DISTINCT block_number, block_hash FROM transactions WHERE sender = ? AND block_number > ?"
                " AND state IN ('mined', 'final', 'failed') ORDER BY block_number",
                (self._signer.address, head.number - RECHECKED_BLOCKS),
            ).fetchall()
        # A node that is merely behind takes nothing away.
        known = [(number, block_hash) for number, block_hash in blocks if number <= head.number]
        found = self._registry.blocks([number for number, _ in known])
        for (number, block_hash), block in zip(known, found, strict=True):
            if block is None or block.hash != block_hash:
                self.reopen(number - 1)
                return

    def _is_there(self, block: Block) -> bool:
        found = self._registry.block(block.number)
        return found is not None and found.hash == block.hash

    def _looks_lost_for_long(self, tx: int) -> bool:
        since = self._suspected.setdefault(tx, self._monotonic())
        return self._monotonic() - since >= LOST_AFTER_SECONDS

    def _settle_mined(self, mined: Sequence[tuple[int, Receipt]], final: Block) -> int:
        if not mined:
            return 0
        settled = [tx for tx, receipt in mined if receipt.block_number <= final.number]
        with self._database.write() as connection:
            connection.executemany(
                "UPDATE transactions SET state = ?, block_number = ?, block_hash = ?, gas_used = ? WHERE id = ?",
                [
                    ("final" if tx in settled else "mined", r.block_number, r.block_hash, r.gas_used, tx)
                    for tx, r in mined
                ],
            )
            marks = ",".join("?" * len(settled))
            (records,) = connection.execute(f"SELECT count(*) FROM records WHERE tx IN ({marks})", settled).fetchone()
        return int(records)

    def _settle_failed(self, tx: int, receipt: Receipt, data: bytes) -> None:
        error = self._revert_reason(data, receipt)
        held = self._held_of(tx)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE transactions SET state = 'failed', block_number = ?, block_hash = ?, gas_used = ?, error = ?"
                " WHERE id = ?",
                (receipt.block_number, receipt.block_hash, receipt.gas_used, error, tx),
            )
            release(connection, tx, held)
        self._cleared = False

    def _settle_lost(self, tx: int) -> None:
        if self._registry.receipts([self._hash(tx)])[0] is not None:
            return  # mined after all; the next step sees it
        held = self._held_of(tx)
        with self._database.write() as connection:
            connection.execute(
                "UPDATE transactions SET state = 'lost', error = 'another transaction of this key took the nonce'"
                " WHERE id = ?",
                (tx,),
            )
            release(connection, tx, held)
        self._cleared = False

    def _held_of(self, tx: int) -> list[int]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT id, record_hash, commitment FROM records WHERE tx = ?", (tx,)).fetchall()
        return self._held(rows)

    def _held(self, rows: Sequence[tuple[int, bytes, bytes]]) -> list[int]:
        """The ids of those that the registry holds now as this institution's, by hash and commitment, not as over."""
        if not rows:
            return []
        # The newest head, not the one of this step: what is asked about may have been mined since.
        head = self._registry.head()
        (institution,) = self._registry.ask(
            [Question("institutionByCode", (bytes32_of(self._institution_code),))], head
        )
        hashes = [record_hash for _, record_hash, _ in rows]
        claims = self._registry.claims_of(institution, hashes, head)
        return [
            number
            for (number, _, commitment), own in zip(rows, claims, strict=True)
            if any(claim.commitment == commitment and claim.counts for claim in own)
        ]

    def _revert_reason(self, data: bytes, receipt: Receipt) -> str:
        """Asked of the state before its block, then of that after it: an earlier transaction there may be the cause."""
        try:
            self._registry.simulate(self._signer.address, data, receipt.block_number - 1)
            self._registry.simulate(self._signer.address, data, receipt.block_number)
        except Reverted as error:
            return error.message
        except NodeRefused:
            pass
        return f"failed in block {receipt.block_number}, for a reason that the node can no longer tell"

    # ------------------------------------------------------------------------------------------------------ signing

    def _sign_waiting(self, head: Block, *, flush: bool) -> None:
        while True:
            with self._database.read() as connection:
                if in_flight(connection) >= GREATEST_IN_FLIGHT:
                    return
                group = group_waiting(connection, self._batch_records, head.timestamp, flush=flush)
            if group is None:
                return
            data = self._register_data(group)
            if not self._cleared and not self._clear(data, group):
                continue
            gas = min(REGISTER_GAS_BASE + REGISTER_GAS_RECORD * len(group.ids), TRANSACTION_GAS_LIMIT)
            with self._database.write() as connection:
                tx = self._store(connection, "register", data, gas, head)
                assign(connection, group, tx)

    def _clear(self, data: bytes, group: Waiting) -> bool:
        """Whether the registry takes this batch now; if it holds some of the records already, they are taken out.

        Raises:
            NotEntitled: it takes none now, for a reason that is not in the records.
        """
        try:
            self._registry.simulate(self._signer.address, data)
        except Reverted as error:
            if error.name == "DuplicateRecord":
                held = self._held(list(zip(group.ids, group.record_hashes, group.commitments, strict=True)))
                if not held:
                    raise ExchangeError(str(error)) from error
                with self._database.write() as connection:
                    mark_found(connection, held)
                return False
            raise NotEntitled(error.message, hint=_HINTS.get(error.name, "")) from error
        self._cleared = True
        return True

    def _register_data(self, group: Waiting) -> bytes:
        """Strictly rising by hash, as the registry demands."""
        words = sorted(map(bytes.__add__, group.record_hashes, group.commitments))
        return self._registry.register_call(self._schema_ids(group.schema), group.expires_at, 0, words)

    def _store(self, connection: sqlite3.Connection, action: str, data: bytes, gas: int, head: Block) -> int:
        nonce = self._next_nonce(connection)
        signed = self._signer.sign(
            {**self._fees(head), "chainId": self._chain_id, "nonce": nonce, "gas": gas, "value": 0}
            | {"to": self._registry.checksum_address, "data": data}
        )
        row = connection.execute(
            "INSERT INTO transactions (sender, nonce, hash, raw, data, action, state, signed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 'stored', ?) RETURNING id",
            (self._signer.address, nonce, signed.hash, signed.raw, data, action, int(self._clock())),
        ).fetchone()
        return int(row[0])

    def _next_nonce(self, connection: sqlite3.Connection) -> int:
        """After the last stored one; the chain's where this home knows none, or fewer."""
        (last,) = connection.execute(
            "SELECT max(nonce) FROM transactions WHERE sender = ? AND state <> 'lost'", (self._signer.address,)
        ).fetchone()
        return max(self._used_nonces, 0 if last is None else last + 1)

    def _fees(self, head: Block) -> dict[str, int]:
        """Without a base fee a legacy price; else EIP-1559 with room for the base fee to double."""
        if head.base_fee is None:
            return {"gasPrice": self._gas_price_wei}
        tip = self._gas_price_wei
        return {"type": 2, "maxFeePerGas": 2 * head.base_fee + tip, "maxPriorityFeePerGas": tip}

    # ------------------------------------------------------------------------------------------------------ sending

    def _send(self) -> None:
        """Send what was never sent by this process, and again what has been under way for long."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT id, raw FROM transactions WHERE state = 'stored' AND sender = ? ORDER BY nonce",
                (self._signer.address,),
            ).fetchall()
        now = self._monotonic()
        due = [
            (tx, raw) for tx, raw in rows if now - self._sent_at.get(tx, -RESEND_AFTER_SECONDS) >= RESEND_AFTER_SECONDS
        ]
        if not due:
            return
        refusals = self._registry.send([raw for _, raw in due])
        self._refusal = next((refusal.node_message for refusal in refusals if refusal is not None), "")
        self._sent_at.update({tx: now for tx, _ in due})

    def _hash(self, tx: int) -> bytes:
        with self._database.read() as connection:
            return bytes(connection.execute("SELECT hash FROM transactions WHERE id = ?", (tx,)).fetchone()[0])
