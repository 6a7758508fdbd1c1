"""The package that a provider hands to a record's holder: everything a verifier derives from (docs/PROTOCOL.md, 6).

A JSON document in canonical form, so that a package altered by one byte is either no package or another record. Holds
the record in the clear and its salt: whoever has it can check the record, and nobody without it can guess it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creditconnect.errors import CreditConnectError, NotCanonical, PackageInvalid
from creditconnect.records.canonical import canonicalise, read_canonical
from creditconnect.types import COMMITMENT_BYTES, RECORD_HASH_BYTES, SALT_BYTES, ChainIdentity, Derived, Suite

FORMAT = "creditconnect-package/1"
FILE_SUFFIX = ".ccpackage"
# A package is a record of at most 1 MiB, as a JSON string.
GREATEST_BYTES = 4 * 2**20

_MEMBERS = frozenset(
    ("chain", "commitment", "format", "provider", "record", "record_hash", "salt", "schema", "schema_hash", "suite")
)
_CHAIN_MEMBERS = frozenset(("chain_id", "code_hash", "genesis_hash", "registry"))


@dataclass(frozen=True, slots=True)
class Package:
    """`derived` is what the provider says it anchored; a verifier derives it again from the rest."""

    provider: str
    schema: str
    schema_hash: bytes
    suite: int
    salt: bytes
    canonical: bytes
    derived: Derived
    chain: ChainIdentity

    @property
    def file_name(self) -> str:
        return self.derived.record_hash.hex() + FILE_SUFFIX


def write_package(package: Package) -> bytes:
    """The package's bytes."""
    return canonicalise(
        {
            "format": FORMAT,
            "provider": package.provider,
            "schema": package.schema,
            "schema_hash": package.schema_hash.hex(),
            "suite": int(package.suite),
            "salt": package.salt.hex(),
            "record": package.canonical.decode("utf-8"),
            "record_hash": package.derived.record_hash.hex(),
            "commitment": package.derived.commitment.hex(),
            "chain": write_chain(package.chain),
        }
    )


def store_file(path: Path, data: bytes) -> None:
    """Write a package's bytes, readable by their owner alone: they hold a record in the clear."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def read_package(data: bytes) -> Package:
    """Read a package's bytes; whether what they say is true is `answers.verification`'s to find out.

    Raises:
        PackageInvalid: not a package: says which member.
    """
    if len(data) > GREATEST_BYTES:
        raise PackageInvalid(f"larger than {GREATEST_BYTES} bytes, so not a package")
    try:
        document = read_canonical(data)
    except NotCanonical as error:
        raise PackageInvalid(f"not a package in canonical form ({error.message})") from None
    except CreditConnectError as error:
        raise PackageInvalid(f"not a package ({error.message})") from None
    require_members(document, _MEMBERS, "the package")
    if document["format"] != FORMAT:
        raise PackageInvalid(f"not a {FORMAT}")
    return Package(
        provider=_text(document, "provider"),
        schema=_text(document, "schema"),
        schema_hash=read_hex(document, "schema_hash", 32),
        suite=_suite(document),
        salt=read_hex(document, "salt", SALT_BYTES),
        canonical=_text(document, "record").encode("utf-8"),
        derived=Derived(
            read_hex(document, "record_hash", RECORD_HASH_BYTES), read_hex(document, "commitment", COMMITMENT_BYTES)
        ),
        chain=read_chain(document),
    )


def write_chain(chain: ChainIdentity) -> dict[str, object]:
    """The member `chain`."""
    return {
        "chain_id": chain.chain_id,
        "genesis_hash": chain.genesis_hash.hex(),
        "registry": chain.registry.removeprefix("0x"),
        "code_hash": chain.code_hash.hex(),
    }


def read_chain(document: dict[str, Any]) -> ChainIdentity:
    """The member `chain`, read back.

    Raises:
        PackageInvalid: it is no chain identity: says which member.
    """
    chain = document["chain"]
    if not isinstance(chain, dict):
        raise PackageInvalid("chain is not an object")
    require_members(chain, _CHAIN_MEMBERS, "chain")
    return ChainIdentity(
        chain_id=_number(chain, "chain_id"),
        genesis_hash=read_hex(chain, "genesis_hash", 32),
        registry="0x" + read_hex(chain, "registry", 20).hex(),
        code_hash=read_hex(chain, "code_hash", 32),
    )


def require_members(document: dict[str, Any], members: frozenset[str], where: str) -> None:
    """Raises PackageInvalid unless an object has these members and no others."""
    if set(document) != members:
        wrong = sorted(set(document) ^ members)
        raise PackageInvalid(f"{where} lacks or should not have: {', '.join(wrong)[:200]}")


def _text(document: dict[str, Any], member: str) -> str:
    value = document[member]
    if not isinstance(value, str):
        raise PackageInvalid(f"{member} is not a string")
    return value


def _number(document: dict[str, Any], member: str) -> int:
    value = document[member]
    if not isinstance(value, int) or isinstance(value, bool):
        raise PackageInvalid(f"{member} is not an integer")
    return value


def _suite(document: dict[str, Any]) -> int:
    suite = _number(document, "suite")
    if suite not in list(Suite):
        raise PackageInvalid(f"suite {suite} is not known here")
    return suite


def read_hex(document: dict[str, Any], member: str, length: int) -> bytes:
    """A member of so many bytes in lower-case hexadecimal, or PackageInvalid."""
    value = _text(document, member)
    try:
        found = bytes.fromhex(value)
    except ValueError:
        found = b""
    # Lower case only, and no spaces: two spellings of one value would be two packages.
    if len(found) != length or found.hex() != value:
        raise PackageInvalid(f"{member} is not {length} bytes of lower-case hex")
    return found
