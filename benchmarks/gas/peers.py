"""What others use for the same: EAS and OpenAttestation's document store, by the bytecode in their own packages."""

from __future__ import annotations

from eth_utils.crypto import keccak

from benchmarks.gas.bytecode import Code
from benchmarks.gas.contract import Contract, Sent, call_data
from benchmarks.gas.merkle import proofs_of, root_of
from benchmarks.gas.subject import Subject
from benchmarks.ground import Ground

_PEER = 8
_NOBODY = "0x" + "00" * 20
_NOTHING = bytes(32)
_NEVER = 0
_SCHEMA = "bytes32 record"
_MULTI_ATTEST = "multiAttest((bytes32,(address,uint64,bool,bytes32,bytes,uint256)[])[])"
_ATTESTATION = "((bytes32,bytes32,uint64,uint64,uint64,bytes32,address,address,bool,bytes))"
_ATTESTED = keccak(text="Attested(address,address,bytes32,bytes32)")


class _Eas(Subject):
    """EAS beside a registry of schemas of its own, `_schemas`."""

    def __init__(self, ground: Ground, schemas: Code, eas: Code) -> None:
        self.origin = eas.origin
        self._schemas = Contract.deploy(ground, _PEER, schemas.creation)
        self._contract = Contract.deploy(ground, _PEER, eas.creation, ("address",), (self._schemas.address,))
        self.code_hash = self._contract.code_hash


class Attested(_Eas):
    """An EAS attestation a record: revocable, never expiring, without resolver or recipient."""

    key = "eas_multi_attest"
    title = "EAS multiAttest"
    is_ = "an attestation a record, its 32 bytes as data; one schema, no resolver, revocable, no expiry"

    def __init__(self, ground: Ground, schemas: Code, eas: Code) -> None:
        super().__init__(ground, schemas, eas)
        added = self._schemas.send("register(string,address,bool)", _SCHEMA, _NOBODY, True)
        self._schema = added.logs[0][0][1]
        self._uids: dict[bytes, bytes] = {}

    def write(self, records: list[bytes]) -> list[Sent]:
        data = [(_NOBODY, _NEVER, True, _NOTHING, record, 0) for record in records]
        sent = self._contract.send(_MULTI_ATTEST, [(self._schema, data)])
        uids = [logged[:32] for topics, logged in sent.logs if topics[0] == _ATTESTED]
        self._uids.update(zip(records, uids, strict=True))
        return [sent]

    def held(self, records: list[bytes]) -> int:
        """Valid as EAS says, and the attestation's data, schema and attester as they were sent."""
        known = [record for record in records if record in self._uids]
        each = [(self._uids[record],) for record in known]
        valid = self._contract.ask("isAttestationValid(bytes32)", "(bool)", each)
        attestations = self._contract.ask("getAttestation(bytes32)", _ATTESTATION, each)
        attester = self._contract.ground.accounts[_PEER].lower()
        return sum(
            one == (True,)
            and attestation is not None
            and (attestation[0][1], attestation[0][7], attestation[0][9]) == (self._schema, attester, record)
            for one, attestation, record in zip(valid, attestations, known, strict=True)
        )


class Timestamped(_Eas):
    """The least that EAS can keep of a record: since when its hash is known, not by whom."""

    key = "eas_multi_timestamp"
    title = "EAS multiTimestamp"
    is_ = "a timestamp a record: the hash and since when, not by whom; no revocation"

    def write(self, records: list[bytes]) -> list[Sent]:
        return [self._contract.send("multiTimestamp(bytes32[])", records)]

    def held(self, records: list[bytes]) -> int:
        answers = self._contract.ask("getTimestamp(bytes32)", "(uint64)", [(record,) for record in records])
        return sum(answer is not None and answer[0] > 0 for answer in answers)


class _DocumentStore(Subject):
    """OpenAttestation's store of document hashes, of a version; its owner issues."""

    def __init__(self, ground: Ground, code: Code) -> None:
        self.origin = code.origin
        owner = ground.accounts[_PEER]
        self._contract = Contract.deploy(ground, _PEER, code.creation, ("string", "address"), ("Credit records", owner))
        self.code_hash = self._contract.code_hash

    def held(self, records: list[bytes]) -> int:
        answers = self._contract.ask("isIssued(bytes32)", "(bool)", [(record,) for record in records])
        return answers.count((True,))


class BulkIssued(_DocumentStore):
    """The store before its fourth version."""

    key = "open_attestation_v3_bulk_issue"
    title = "OpenAttestation v3 bulkIssue"
    is_ = "a document hash a record, by bulkIssue"

    def write(self, records: list[bytes]) -> list[Sent]:
        return [self._contract.send("bulkIssue(bytes32[])", records)]


class MulticallIssued(_DocumentStore):
    """The fourth version: an `issue` a document, in one multicall."""

    key = "open_attestation_v4_multicall_issue"
    title = "OpenAttestation v4 multicall(issue)"
    is_ = "a document hash a record, by a multicall of so many issue(bytes32)"

    def write(self, records: list[bytes]) -> list[Sent]:
        return [self._contract.send("multicall(bytes[])", [call_data("issue(bytes32)", record) for record in records])]


class RootIssued(_DocumentStore):
    """The fourth version as its documentation has batches: one Merkle root for all, a proof with each document."""

    key = "open_attestation_v4_merkle_root"
    title = "OpenAttestation v4, one Merkle root"
    is_ = "one issue(bytes32) of the records' Merkle root, whatever their number; each record travels with its proof"

    def write(self, records: list[bytes]) -> list[Sent]:
        return [self._contract.send("issue(bytes32)", root_of(records))]

    def held(self, records: list[bytes]) -> int:
        root = root_of(records)
        answers = self._contract.ask(
            "isIssued(bytes32,bytes32,bytes32[])",
            "(bool)",
            [(root, record, proof) for record, proof in zip(records, proofs_of(records), strict=True)],
        )
        return answers.count((True,))
