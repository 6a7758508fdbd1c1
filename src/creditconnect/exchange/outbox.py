"""The outbox: what this institution sends to the registry, each thing exactly once.

A transaction's signed bytes, nonce and hash are committed, with the records it carries, before its first send; a resend
is the same bytes, to whichever side's node answers (`sending`). What became of it is decided from the chain alone
(`settling`). So a kill between any two steps loses nothing and doubles nothing; nor does a step that another node does
anew.

    put (custody)  ->  sign and store  ->  send  ->  mined  ->  final
                            |                          |
                            |                          +- failed: the reason is asked for; records wait again
                            +- lost: another transaction took the nonce; records found on the chain count, others wait
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from creditconnect.chain.blocks import Block
from creditconnect.chain.finality import Finality
from creditconnect.chain.reach import Reach
from creditconnect.chain.registry import Registry
from creditconnect.chain.signing import Signer
from creditconnect.custody.database import Database
from creditconnect.errors import ExchangeError, NotEntitled, NotFinal, Reverted
from creditconnect.exchange.sending import Sending, stored_hash
from creditconnect.exchange.settling import Settling
from creditconnect.exchange.waiting import Waiting, any_waiting, assign, group_waiting, in_flight, mark_found

# Whole transaction of `register`: see the committed gas snapshot (23,364 a record at 500), with room above it.
REGISTER_GAS_BASE = 120_000
REGISTER_GAS_RECORD = 24_500
# EIP-7825: a transaction may use 2^24 gas.
TRANSACTION_GAS_LIMIT = 2**24
GREATEST_BATCH_RECORDS = (TRANSACTION_GAS_LIMIT - REGISTER_GAS_BASE) // REGISTER_GAS_RECORD
# Besu takes 200 future nonces of one sender.
GREATEST_IN_FLIGHT = 100

_HINTS = {
    "NotEntitled": "ask your authority whether the institution is suspended, out of time or not scoped for the schema",
    "NotAnAccount": "ask your authority to bind and enable this account",
    "Paused": "a side pauses the registry; the records wait here until it is lifted",
    "RegistrationClosed": "the registry has a successor; init a home with its deployment file",
    "ExpiryInvalid": "the expiry has passed; submit the file with a later one",
    "ShareMissing": "the keeper's share of that epoch is not published",
    "NotLive": "not every founding authority has accepted the registry yet",
}


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
        """`schema_ids` gives the registry's number of a schema; `gas_price_wei` is raised to what the chain takes."""
        self._database = database
        self._reach = reach
        self._finality = finality
        self._sender = signer.address
        self._schema_ids = schema_ids
        self._batch_records = min(batch_records, GREATEST_BATCH_RECORDS)
        # False until the registry is known to take a batch now, and again after a failure.
        self._cleared = False
        self._settling = Settling(database, reach, signer.address, institution_code, monotonic=monotonic)
        self._sending = Sending(
            database,
            signer,
            chain_id=reach.chain_id,
            registry_address=reach.address,
            consensus=finality.consensus,
            gas_price_wei=gas_price_wei,
            clock=clock,
            monotonic=monotonic,
        )
        reach.act(self._sending.notice_nonces)

    # ---------------------------------------------------------------------------------------------------- stepping

    def pump(self, *, flush: bool) -> Pumped:
        """One step: batch and sign what waits (full batches only, unless `flush`), send, and look what became of it.

        Raises:
            NotEntitled: the registry takes no batch of this institution now; everything stays where it is.
            NodeUnreachable: no side's node answers; nothing is lost. NodesDisagree: about what was mined; nothing is
            taken for final. NodeBehind, HeaderInvalid: as they say.
        """
        return self._reach.act(lambda registry: self._pump(registry, flush=flush))

    def step(self) -> int:
        """Send what is stored and look what became of it, without batching; how many records are registered by it."""
        return self._reach.act(self._step)

    def require_taken(self, schema: str, expires_at: int) -> None:
        """Ask the registry itself whether it would take a batch of this schema and expiry from this key now.

        Raises:
            NotEntitled: it would not; says why and what to do.
        """
        registry = self._reach.registry()
        probe = registry.register_call(self._schema_ids(schema), expires_at, 0, [os.urandom(32)])
        try:
            registry.simulate(self._sender, probe)
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
                (self._sender, data),
            ).fetchone()
        if under_way is not None:
            return int(under_way[0])
        head, gas = self._reach.act(lambda registry: self._tried(registry, data))
        with self._database.write() as connection:
            tx = self._sending.store(connection, action, data, gas, head)
            if beside is not None:
                beside(connection, self._sender, stored_hash(connection, tx))
        return tx

    def outcome(self, tx: int) -> Outcome | None:
        """What became of a transaction; None while it is under way."""
        with self._database.read() as connection:
            state, number, gas_used, error = connection.execute(
                "SELECT state, block_number, gas_used, error FROM transactions WHERE id = ?", (tx,)
            ).fetchone()
        return None if state in ("stored", "mined") else Outcome(state, number, gas_used, error)

    def reopen(self, last_kept_block: int) -> None:
        """After a reorg: what was mined above the last kept block is under way again, with the same bytes."""
        self._settling.reopen(last_kept_block)
        self._sending.send_again()
        self._cleared = False

    def _pump(self, registry: Registry, *, flush: bool) -> Pumped:
        head = registry.head()
        registered = self._settle(registry, head)
        self._sign_waiting(registry, head, flush=flush)
        self._sending.send(registry)
        with self._database.read() as connection:
            waiting, under_way = any_waiting(connection, head.timestamp), in_flight(connection)
        return Pumped(waiting, under_way, registered, self._sending.refusal if under_way else "")

    def _step(self, registry: Registry) -> int:
        registered = self._settle(registry, registry.head())
        self._sending.send(registry)
        return registered

    def _settle(self, registry: Registry, head: Block) -> int:
        try:
            final = self._finality.under(registry, head)
        except NotFinal:
            final = None  # what is mined stays under way
        settled = self._settling.settle(registry, head, final)
        if settled.reopened:
            self._sending.send_again()
        if settled.ended:
            self._sending.notice_nonces(registry)
        if settled.ended or settled.reopened:
            self._cleared = False
        return settled.registered

    def _tried(self, registry: Registry, data: bytes) -> tuple[Block, int]:
        """The head and the gas that a call would take with room to spare, if the registry takes it now."""
        head = registry.head()
        registry.simulate(self._sender, data)
        gas = registry.estimate(self._sender, data, TRANSACTION_GAS_LIMIT) * 5 // 4
        return head, min(gas, TRANSACTION_GAS_LIMIT)

    # ------------------------------------------------------------------------------------------------------ batching

    def _sign_waiting(self, registry: Registry, head: Block, *, flush: bool) -> None:
        while True:
            with self._database.read() as connection:
                if in_flight(connection) >= GREATEST_IN_FLIGHT:
                    return
                group = group_waiting(connection, self._batch_records, head.timestamp, flush=flush)
            if group is None:
                return
            data = self._register_data(registry, group)
            if not self._cleared and not self._clear(registry, data, group):
                continue
            gas = min(REGISTER_GAS_BASE + REGISTER_GAS_RECORD * len(group.ids), TRANSACTION_GAS_LIMIT)
            with self._database.write() as connection:
                tx = self._sending.store(connection, "register", data, gas, head)
                assign(connection, group, tx)

    def _clear(self, registry: Registry, data: bytes, group: Waiting) -> bool:
        """Whether the registry takes this batch now; if it holds some of the records already, they are taken out.

        Raises:
            NotEntitled: it takes none now, for a reason that is not in the records.
        """
        try:
            registry.simulate(self._sender, data)
        except Reverted as error:
            if error.name == "DuplicateRecord":
                rows = list(zip(group.ids, group.record_hashes, group.commitments, strict=True))
                held = self._settling.held(registry, rows)
                if not held:
                    raise ExchangeError(str(error)) from error
                with self._database.write() as connection:
                    mark_found(connection, held)
                return False
            raise NotEntitled(error.message, hint=_HINTS.get(error.name, "")) from error
        self._cleared = True
        return True

    def _register_data(self, registry: Registry, group: Waiting) -> bytes:
        """Strictly rising by hash, as the registry demands."""
        words = sorted(map(bytes.__add__, group.record_hashes, group.commitments))
        return registry.register_call(self._schema_ids(group.schema), group.expires_at, 0, words)
