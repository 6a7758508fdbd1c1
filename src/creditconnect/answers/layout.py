"""Where the registry keeps what: the slot of every variable, by its name, its key and its fields.

Hides Solidity's rules ("Layout of State Variables in Storage", Solidity documentation): a mapping's value lies at
keccak256(key ++ slot), both padded to 32 bytes; a struct fills slots low-order first. The tables below repeat the
header of contracts/IRecordRegistry.sol; a field that is missing here would be a slot that no event explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from creditconnect.chain.trie import keccak256


class Field(NamedTuple):
    """A member of a struct; its place follows from the members before it."""

    name: str
    bits: int


class Key(NamedTuple):
    """A mapping's key; `digits` of hex for hashes, addresses and entry keys, 0 for numbers."""

    name: str
    digits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """A state variable: its slot, the keys of its mappings from the outermost, and each word of its value."""

    name: str
    slot: int
    keys: tuple[Key, ...]
    words: tuple[tuple[Field, ...], ...]

    def zero(self) -> dict[str, int]:
        """Every field of the value, at zero."""
        return {field.name: 0 for word in self.words for field in word}


class Place(NamedTuple):
    """One slot of the registry: a variable, its keys, and which word of the value."""

    variable: Variable
    keys: tuple[int, ...] = ()
    word: int = 0

    def slot(self) -> int:
        """The number of the slot, 256 bits."""
        slot = self.variable.slot
        for key in self.keys:
            slot = int.from_bytes(keccak256(key.to_bytes(32, "big") + slot.to_bytes(32, "big")), "big")
        return slot + self.word

    def explain(self, expected: int, found: int) -> str:
        """The slot in words, with the fields in which two values of it differ: "entry 0x00..00: batch, override"."""
        return f"{self._name()}: {', '.join(self._differing(expected ^ found))}"

    def _name(self) -> str:
        keys = zip(self.variable.keys, self.keys, strict=True)
        texts = [(key.name, f"0x{value:0{key.digits}x}" if key.digits else str(value)) for key, value in keys]
        if len(texts) < 2:
            return " ".join([self.variable.name, *(text for _, text in texts)])
        return f"{self.variable.name} ({', '.join(f'{name} {text}' for name, text in texts)})"

    def _differing(self, difference: int) -> list[str]:
        names = []
        for field in self.variable.words[self.word]:
            if difference & ((1 << field.bits) - 1):
                names.append(field.name)
            difference >>= field.bits
        return [*names, "spare bits"] if difference else names


def pack(word: tuple[Field, ...], values: Mapping[str, int]) -> int:
    """The 256-bit value of one word, its first field lowest."""
    packed, offset = 0, 0
    for field in word:
        packed |= values[field.name] << offset
        offset += field.bits
    return packed


def _word(*fields: tuple[str, int]) -> tuple[Field, ...]:
    return tuple(Field(name, bits) for name, bits in fields)


REGISTRY = Variable(
    "registry",
    0,
    (),
    (
        _word(
            ("batchCount", 40),
            ("recordCount", 40),
            ("accountCount", 32),
            ("authorityEpoch", 40),
            ("paused", 32),
            ("accepted", 32),
            ("institutionCount", 16),
            ("schemaCount", 8),
            ("jurisdictionCount", 8),
            ("live", 8),
        ),
    ),
)
SUCCESSOR = Variable("successor", 1, (), (_word(("address", 160)),))
JURISDICTION = Variable(
    "jurisdiction",
    2,
    (Key("id"),),
    (
        _word(("code", 256)),
        _word(("authority", 160)),
        _word(("recovery", 160)),
        _word(("offeredAuthority", 160)),
        _word(("offeredRecovery", 160)),
        _word(("recoveryTo", 160), ("recoveryAt", 40), ("institutionCount", 16), ("schemaCount", 8)),
    ),
)
PROPOSAL = Variable(
    "proposal", 3, (Key("action", 64),), (_word(("agreed", 32), ("authorityEpoch", 40), ("expiresAt", 40)),)
)
CORRIDOR = Variable("corridor", 4, (Key("from"), Key("to")), (_word(("open", 8)),))
INSTITUTION = Variable(
    "institution",
    5,
    (Key("id"),),
    (
        _word(
            ("jurisdiction", 16),
            ("roles", 8),
            ("standing", 8),
            ("mandatoryReview", 8),
            ("entitledUntil", 40),
            ("admittedAt", 40),
            ("encryptionSuite", 8),
        ),
        _word(("schemas", 256)),
        _word(("code", 256)),
        _word(("profileHash", 256)),
        _word(("encryptionKeyHash", 256)),
    ),
)
INSTITUTION_ID = Variable("institution of code", 6, (Key("code", 64),), (_word(("id", 16)),))
ACCOUNT = Variable(
    "account",
    7,
    (Key("address", 40),),
    (_word(("institution", 16), ("role", 8), ("enabled", 8), ("number", 32)),),
)
SCHEMA = Variable("schema", 8, (Key("id"),), (_word(("hash", 256)),))
SCHEMA_ID = Variable("schema of hash", 9, (Key("hash", 64),), (_word(("id", 16)),))
KEEPER_SHARE = Variable("keeper share", 10, (Key("jurisdiction"), Key("epoch")), (_word(("share", 256)),))
DAILY_ROOT = Variable(
    "daily root",
    11,
    (Key("institution"), Key("kind"), Key("day")),
    (
        _word(("root", 256)),
        _word(("count", 32), ("first", 64), ("last", 64), ("postedAt", 40)),
    ),
)
ENTRY = Variable("entry", 12, (Key("key", 22),), (_word(("commitment", 192), ("batch", 48), ("override", 8)),))
BATCH = Variable(
    "batch",
    13,
    (Key("id"),),
    (
        _word(
            ("submitter", 160),
            ("institution", 16),
            ("schema", 16),
            ("registeredAt", 40),
            ("count", 16),
            ("epoch", 8),
        ),
        _word(("reviewer", 160), ("reviewedAt", 40), ("expiresAt", 40), ("reason", 8), ("status", 8)),
    ),
)
NOTE = Variable(
    "note",
    14,
    (Key("key", 22),),
    (
        _word(
            ("successor", 72),
            ("at", 40),
            ("reason", 16),
            ("byInstitution", 16),
            ("byJurisdiction", 16),
            ("byAccount", 32),
        ),
    ),
)
