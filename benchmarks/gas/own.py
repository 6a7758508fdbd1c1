"""Our registry: what an institution's file costs, without and with the review that the usual institution has."""

from __future__ import annotations

from benchmarks.gas.contract import Contract, Sent
from benchmarks.gas.subject import Subject
from benchmarks.ground import PROVIDER, Ground
from creditconnect.chain.registry import bytes32_of
from creditconnect.types import AccountRole, RecordState, Role

_HK = 0
# Anvil's accounts from here on sit on no seat.
_SUBMITTER, _REVIEWED_SUBMITTER, _REVIEWER = 5, 6, 7
_FOR_EVER = 0
_SALTED = 0


class Registered(Subject):
    """`register` of an institution without mandatory review: active at once."""

    key = "register"
    title = "CreditConnect, register"
    is_ = "one register of a provider without mandatory review: the records are active"
    origin = "contracts/RecordRegistry.sol"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._institution = self._provider()
        self._contract = Contract(ground, ground.registry.address, self._submitter())
        self.code_hash = self._contract.code_hash

    def write(self, records: list[bytes]) -> list[Sent]:
        registry = self._ground.registry
        call = registry.register_call(self._ground.schema, _FOR_EVER, _SALTED, records)
        return [self._contract.send_bytes(call)]

    def held(self, records: list[bytes]) -> int:
        """Active, with that commitment, as a bank's bulk question is answered."""
        registry = self._ground.registry
        found = registry.find_many([(record[:8], self._institution) for record in records], registry.head())
        return sum(
            claim is not None and claim.commitment == record[8:] and claim.state is RecordState.ACTIVE
            for claim, record in zip(found, records, strict=True)
        )

    def _provider(self) -> int:
        return _id_of(self._ground, PROVIDER)

    def _submitter(self) -> int:
        self._ground.bind(self._ground.accounts[_SUBMITTER])
        return _SUBMITTER


class RegisteredAndApproved(Registered):
    """`register`, and `approve` by another key: two transactions."""

    key = "register_approve"
    title = "CreditConnect, register + approve"
    is_ = "a register of a provider with mandatory review, and its approve by a second key: two transactions"

    def write(self, records: list[bytes]) -> list[Sent]:
        sent = super().write(records)
        batch = self._ground.registry.abi.decode_event(*sent[0].logs[0]).arguments["batch"]
        if self.held(records):
            raise RuntimeError("records that need a review are active without one")
        reviewer = Contract(self._ground, self._contract.address, _REVIEWER)
        return [*sent, reviewer.send("approve(uint48,(uint88,uint8)[])", batch, [])]

    def _provider(self) -> int:
        """Another provider of the same side, whose records wait for a review."""
        self._ground.administer(_HK, "admit", bytes32_of("CRA-HK-02"), bytes(32))
        added = _id_of(self._ground, "CRA-HK-02")
        schemas = 1 << self._ground.schema
        self._ground.administer(_HK, "scope", added, Role.PROVIDER, schemas, _FOR_EVER, True)
        return added

    def _submitter(self) -> int:
        for number, role in ((_REVIEWED_SUBMITTER, AccountRole.SUBMIT), (_REVIEWER, AccountRole.REVIEW)):
            self._ground.administer(_HK, "setAccount", self._institution, self._ground.accounts[number], role, True)
        return _REVIEWED_SUBMITTER


def _id_of(ground: Ground, code: str) -> int:
    registry = Contract(ground, ground.registry.address, _HK)
    answer = registry.ask("institutionByCode(bytes32)", "(uint16)", [(bytes32_of(code),)])[0]
    if answer is None or not answer[0]:
        raise RuntimeError(f"there is no institution {code}")
    return int(answer[0])
