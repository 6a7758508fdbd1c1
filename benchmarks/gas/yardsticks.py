"""What is written here to measure against: the floor, and the registry that is usually written, in two sizes."""

from __future__ import annotations

from eth_utils.crypto import keccak

from benchmarks.gas.bytecode import Code
from benchmarks.gas.contract import Contract, Sent
from benchmarks.gas.subject import Subject
from benchmarks.ground import Ground
from creditconnect.chain.rpc import raw_bytes

# On no seat and no account of the registry.
_STRANGER = 9
_NEVER = 0
_ACTIVE = 1
_REGISTER_USUAL = "registerBatch(bytes32[],bytes32[],uint40)"
_REGISTER_LEAN = "registerBatch(bytes32[],uint40)"


class LoggedFloor(Subject):
    """Call data, a slot and a log, and nothing else."""

    key = "floor"
    title = "the floor: call data, one slot, a log"
    is_ = "the hash is the slot's number; 32 bytes a record as call data, in a new slot and in one log; no check"

    def __init__(self, ground: Ground, code: Code) -> None:
        self.origin = code.origin
        self._contract = Contract.deploy(ground, _STRANGER, code.creation)
        self.code_hash = self._contract.code_hash

    def write(self, records: list[bytes]) -> list[Sent]:
        sent = self._contract.send_bytes(b"".join(records))
        if [data for _, data in sent.logs] != [b"".join(records)]:
            raise RuntimeError("the floor did not log what it was sent")
        return [sent]

    def held(self, records: list[bytes]) -> int:
        node, address = self._contract.ground.node, self._contract.address
        slots = node.batch(
            [("eth_getStorageAt", [address, "0x" + record[:8].rjust(32, b"\0").hex(), "latest"]) for record in records]
        )
        return sum(raw_bytes(slot)[8:] == record[8:] for slot, record in zip(slots, records, strict=True))


class _OpenZeppelin(Subject):
    """A registry with OpenZeppelin's roles, whose one registrar writes."""

    def __init__(self, ground: Ground, code: Code) -> None:
        self.origin = code.origin
        self._registrar = ground.accounts[_STRANGER]
        self._contract = Contract.deploy(ground, _STRANGER, code.creation, ("address",), (self._registrar,))
        self.code_hash = self._contract.code_hash


class UsualRegistry(_OpenZeppelin):
    """OpenZeppelin's roles and pause, a struct of two slots and an event a record."""

    key = "openzeppelin_two_slots"
    title = "the usual registry, two slots"
    is_ = "AccessControl, Pausable, mapping(bytes32 => struct of two slots), an event a record; registerBatch"

    def write(self, records: list[bytes]) -> list[Sent]:
        hashes = [keccak(record) for record in records]
        return [self._contract.send(_REGISTER_USUAL, hashes, records, _NEVER)]

    def held(self, records: list[bytes]) -> int:
        answers = self._contract.ask(
            "recordOf(bytes32)",
            "(bytes32,address,uint40,uint40,uint8)",
            [(keccak(record),) for record in records],
        )
        return sum(
            answer is not None
            and answer[:2] == (record, self._registrar.lower())
            and answer[2] > 0
            and answer[3:] == (_NEVER, _ACTIVE)
            for answer, record in zip(answers, records, strict=True)
        )


class LeanRegistry(_OpenZeppelin):
    """The same with one slot: no commitment beside the hash."""

    key = "openzeppelin_one_slot"
    title = "the usual registry, one slot"
    is_ = "AccessControl, Pausable, mapping(bytes32 => struct of one slot), an event a record; registerBatch"

    def write(self, records: list[bytes]) -> list[Sent]:
        return [self._contract.send(_REGISTER_LEAN, records, _NEVER)]

    def held(self, records: list[bytes]) -> int:
        answers = self._contract.ask(
            "recordOf(bytes32)", "(address,uint40,uint40,uint8)", [(record,) for record in records]
        )
        return sum(
            answer is not None
            and answer[0] == self._registrar.lower()
            and answer[1] > 0
            and answer[2:] == (_NEVER, _ACTIVE)
            for answer in answers
        )
