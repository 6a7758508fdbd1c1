"""Sending: signed once, stored before the first send, and the same bytes to whichever node is asked.

Decides nothing about what became of a transaction; that is `settling`. Fees are by the chain: without a base fee a
legacy price, at least what the engine's validators take; with one, EIP-1559 with room for it to double.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from creditconnect.chain.blocks import Block
from creditconnect.chain.registry import Registry
from creditconnect.chain.signing import Signer
from creditconnect.custody.database import Database
from creditconnect.types import Consensus

RESEND_AFTER_SECONDS = 5.0
# geth seals nothing below 1 wei that another node took in, whatever its settings; Besu takes 0 where it is told to.
LEAST_GAS_PRICE_WEI = {Consensus.NONE: 0, Consensus.CLIQUE: 1, Consensus.QBFT: 0}


class Sending:
    """Signs, stores and sends for one key."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        *,
        chain_id: int,
        consensus: Consensus,
        registry_address: str,
        gas_price_wei: int,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`registry_address` has its checksum (EIP-55); `gas_price_wei` is raised to what the engine takes."""
        self._database = database
        self._signer = signer
        self._chain_id = chain_id
        self._registry_address = registry_address
        self._gas_price_wei = max(gas_price_wei, LEAST_GAS_PRICE_WEI[consensus])
        self._clock = clock
        self._monotonic = monotonic
        self._sent_at: dict[int, float] = {}
        self._sent_to: str | None = None
        self._used_nonces = 0
        self.refusal = ""
        """What the node said last to something that was sent; decides nothing."""

    def notice_nonces(self, registry: Registry) -> None:
        """Look how many transactions of this key are in blocks: another home may have sent some."""
        self._used_nonces = registry.nonce(self._signer.address)

    def store(self, connection: sqlite3.Connection, action: str, data: bytes, gas: int, head: Block) -> int:
        """Sign a call of the registry with the next nonce and store it; the row's id."""
        nonce = self._next_nonce(connection)
        signed = self._signer.sign(
            {**self._fees(head), "chainId": self._chain_id, "nonce": nonce, "gas": gas, "value": 0}
            | {"to": self._registry_address, "data": data}
        )
        row = connection.execute(
            "INSERT INTO transactions (sender, nonce, hash, raw, data, action, state, signed_at)"
            " VALUES (?, ?, ?, ?, ?, ?, 'stored', ?) RETURNING id",
            (self._signer.address, nonce, signed.hash, signed.raw, data, action, int(self._clock())),
        ).fetchone()
        return int(row[0])

    def send(self, registry: Registry) -> None:
        """Send what this process never sent to this node, and again what has been under way for long."""
        if registry.node.url != self._sent_to:
            self.send_again()
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
        refusals = registry.send([raw for _, raw in due])
        self._sent_to = registry.node.url
        self.refusal = next((refusal.node_message for refusal in refusals if refusal is not None), "")
        self._sent_at.update({tx: now for tx, _ in due})

    def send_again(self) -> None:
        """Let everything under way be sent once more."""
        self._sent_at.clear()

    def _next_nonce(self, connection: sqlite3.Connection) -> int:
        """After the last stored one; the chain's where this home knows none, or fewer."""
        (last,) = connection.execute(
            "SELECT max(nonce) FROM transactions WHERE sender = ? AND state <> 'lost'", (self._signer.address,)
        ).fetchone()
        return max(self._used_nonces, 0 if last is None else last + 1)

    def _fees(self, head: Block) -> dict[str, int]:
        if not head.base_fee:  # before London, or Besu's zero base fee
            return {"gasPrice": self._gas_price_wei}
        tip = self._gas_price_wei
        return {"type": 2, "maxFeePerGas": 2 * head.base_fee + tip, "maxPriorityFeePerGas": tip}


def stored_hash(connection: sqlite3.Connection, tx: int) -> bytes:
    """A stored transaction's hash (32 bytes)."""
    return bytes(connection.execute("SELECT hash FROM transactions WHERE id = ?", (tx,)).fetchone()[0])
