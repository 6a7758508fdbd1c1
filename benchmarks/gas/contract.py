"""A contract on the bench's chain, spoken to by signatures: the peers' ABIs overload names, and need few functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.grammar import TupleType, parse
from eth_utils.crypto import keccak

from benchmarks.ground import Ground
from creditconnect.chain.rpc import raw_bytes
from creditconnect.errors import NodeRefused

# Below Anvil's block of 300M, above what 500 EAS attestations take; the table says what would not fit elsewhere.
MOST_GAS = 250_000_000


@dataclass(frozen=True, slots=True)
class Sent:
    """One successful transaction: its gas, intrinsic gas and call data included, and what it logged."""

    gas_used: int
    block: int
    logs: list[tuple[list[bytes], bytes]]
    """Topics and data of each."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract; `sender` is the number of the Anvil account that writes."""

    ground: Ground
    address: str
    sender: int

    @classmethod
    def deploy(
        cls, ground: Ground, sender: int, creation: bytes, types: tuple[str, ...] = (), values: tuple[Any, ...] = ()
    ) -> Contract:
        """Create it with those constructor arguments."""
        receipt = ground.transact(sender, None, creation + encode(types, values))
        return cls(ground, receipt["contractAddress"], sender)

    @property
    def code_hash(self) -> str:
        """keccak256 of the runtime code, as EXTCODEHASH has it."""
        return "0x" + keccak(raw_bytes(self.ground.node.call("eth_getCode", self.address, "latest"))).hex()

    def send(self, signature: str, *arguments: Any) -> Sent:
        """Call it by a transaction of its own block.

        Raises:
            RuntimeError: it was reverted.
        """
        return self.send_bytes(call_data(signature, *arguments))

    def send_bytes(self, data: bytes) -> Sent:
        """As `send`, any call data."""
        receipt = self.ground.transact(self.sender, self.address, data, gas=MOST_GAS)
        logs = [([raw_bytes(topic) for topic in log["topics"]], raw_bytes(log["data"])) for log in receipt["logs"]]
        return Sent(int(receipt["gasUsed"], 16), int(receipt["blockNumber"], 16), logs)

    def ask(self, signature: str, results: str, each: list[tuple[Any, ...]]) -> list[tuple[Any, ...] | None]:
        """What a view answers to each of the arguments; None where it reverts."""
        data = ["0x" + call_data(signature, *arguments).hex() for arguments in each]
        answers = self.ground.node.batch(
            [("eth_call", [{"to": self.address, "data": one}, "latest"]) for one in data],
        )
        return [None if isinstance(one, NodeRefused) else decode(_types(results), raw_bytes(one)) for one in answers]


def call_data(signature: str, *arguments: Any) -> bytes:
    """Selector and arguments of a call, by a signature such as `issue(bytes32)`."""
    return keccak(text=signature)[:4] + encode(_types(signature[signature.index("(") :]), arguments)


def _types(listed: str) -> list[str]:
    if listed == "()":
        return []
    parsed = parse(listed)
    assert isinstance(parsed, TupleType)  # noqa: S101 - a list in parentheses is a tuple to the grammar
    return [component.to_type_str() for component in parsed.components]
