"""The words of the domain. Values only: nothing here reads, sends or keeps anything.

An entry key is `recordHash 64 | institution 16 | n 8` (docs/PROTOCOL.md, section 5); a record hash and the
commitment that goes with it are the first 8 and the last 24 bytes of one 32-byte value (section 3).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple, NewType

InstitutionId = NewType("InstitutionId", int)
JurisdictionId = NewType("JurisdictionId", int)
SchemaId = NewType("SchemaId", int)
BatchId = NewType("BatchId", int)
EntryKey = NewType("EntryKey", int)

RECORD_HASH_BYTES = 8
COMMITMENT_BYTES = 24
SALT_BYTES = 32
GREATEST_CODE = 32


class Suite(IntEnum):
    """Which algorithms a derivation or a sealing used; one byte of every derivation."""

    SHA256_AES256GCM = 1
    SM3_SM4GCM = 2


class ExchangeSuite(IntEnum):
    """Which HPKE suite (RFC 9180) an institution's published key is for; the byte beside it in the registry."""

    X25519_AES256GCM = 1
    MLKEM768_X25519_AES256GCM = 2


class Consensus(StrEnum):
    """How a chain's blocks are sealed."""

    # One process makes the blocks, and nobody seals them.
    NONE = "none"
    CLIQUE = "clique"
    QBFT = "qbft"


@dataclass(frozen=True, slots=True)
class Seals:
    """Whose seals make a block final: each side's validators, by the side's name; addresses in lower-case hex."""

    consensus: Consensus = Consensus.NONE
    validators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def missing(self, sealers: Set[str]) -> list[str]:
        """The sides of which none of these addresses is a validator."""
        return [side for side, validators in self.validators.items() if sealers.isdisjoint(validators)]


UNSEALED = Seals()


class KeyState(StrEnum):
    """Where a key stands in its home."""

    CURRENT = "current"
    # Waits: a chain key to be bound, an exchange key to be published.
    NEXT = "next"
    # Another has its place; it opens what was sealed by it.
    OPENS = "opens"
    # An exchange key, while no node tells which one is published.
    UNKNOWN = "unknown"
    # It may no longer be used here. A data or exchange key is destroyed; a chain key until its file is removed.
    RETIRED = "retired"


class Derived(NamedTuple):
    """What is anchored for one record: 8 bytes that find it, 24 that bind it."""

    record_hash: bytes
    commitment: bytes


class BatchStatus(IntEnum):
    NONE = 0
    PENDING = 1
    ACTIVE = 2
    REJECTED = 3
    REVOKED = 4


class RecordState(IntEnum):
    """A record's state, from its override or else its batch. Numbered as in the contract."""

    NONE = 0
    PENDING = 1
    ACTIVE = 2
    REJECTED = 3
    REVOKED = 4
    SUPERSEDED = 5
    DISPUTED = 6


class Standing(IntEnum):
    NONE = 0
    ACTIVE = 1
    SUSPENDED = 2
    TERMINATED = 3


class Role(IntEnum):
    """What an institution may do; a bit each."""

    PROVIDER = 1
    VERIFIER = 2


class AccountRole(IntEnum):
    """What an institution's account may do; one of them, for ever."""

    NONE = 0
    SUBMIT = 1
    REVIEW = 2


class CheckStatus(StrEnum):
    VALID = "VALID"
    INVALID = "INVALID"
    SKIPPED = "SKIPPED"
    ERROR = "ERROR"


class Verdict(StrEnum):
    VERIFIED = "VERIFIED"
    NOT_VERIFIED = "NOT_VERIFIED"
    COULD_NOT_TELL = "COULD_NOT_TELL"


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """Which registry on which chain. An Anvil's genesis differs at every start, so the chain id alone is not enough."""

    chain_id: int
    genesis_hash: bytes
    registry: str
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Check:
    """One named check of a verification; `reason` is a `reasons.CheckReason`."""

    name: str
    status: CheckStatus
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that was refused: where, and why. Never carries the value itself."""

    line: int
    field: str
    reason: str
    message: str


def is_institution_code(code: str) -> bool:
    """Whether this may be an institution's permanent code: 1 to 32 characters from `!` to `~`."""
    return 1 <= len(code) <= GREATEST_CODE and all("!" <= character <= "~" for character in code)


def entry_key(record_hash: bytes, institution: int, n: int) -> EntryKey:
    """Pack an entry key; `record_hash` is 8 bytes, `institution` 16 bits, `n` below 64."""
    return EntryKey(int.from_bytes(record_hash, "big") << 24 | institution << 8 | n)


def entry_key_parts(key: int) -> tuple[bytes, InstitutionId, int]:
    """The record hash, institution and n of an entry key."""
    return (key >> 24).to_bytes(RECORD_HASH_BYTES, "big"), InstitutionId(key >> 8 & 0xFFFF), key & 0xFF
