"""A package sealed for one institution: whoever carries it learns for whom it is, and not what it says.

Two lines in the clear and a body (docs/PROTOCOL.md, 6). Both lines are bound into the body, so that a package can't be
passed off as another sender's, another recipient's, another key's or another registry's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from creditconnect.custody import hpke, packages
from creditconnect.custody.packages import read_chain, read_hex, read_package, require_members, write_chain
from creditconnect.errors import CreditConnectError, PackageInvalid
from creditconnect.records.canonical import canonicalise, read_canonical
from creditconnect.types import ChainIdentity, ExchangeSuite, is_institution_code

FORMAT = "creditconnect-sealed/1"
FILE_SUFFIX = ".ccsealed"
_MAGIC = FORMAT.encode() + b"\n"
# Two codes, two hashes and a chain identity take some 500 bytes.
_GREATEST_HEADER = 2_048
# The first two lines, the encapsulated key (1,120 bytes at most) and the tag.
GREATEST_BYTES = packages.GREATEST_BYTES + len(_MAGIC) + _GREATEST_HEADER + 2_048

_MEMBERS = frozenset(("chain", "key_hash", "recipient", "sender", "suite"))


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a sealed package says in the clear; nobody vouches for it until it is opened."""

    suite: ExchangeSuite
    sender: str
    recipient: str
    key_hash: bytes
    chain: ChainIdentity


def seal_package(package: bytes, envelope: Envelope, public: bytes) -> bytes:
    """Seal a package's bytes to the recipient's public key, which has the envelope's hash.

    Raises:
        UsageError: these bytes are no public key of that suite.
    """
    lines = _MAGIC + _write_envelope(envelope) + b"\n"
    return lines + hpke.seal(envelope.suite, public, lines, package)


def is_sealed(data: bytes) -> bool:
    """Whether these bytes begin as a sealed package does; a plain one begins with a brace."""
    return data.startswith(_MAGIC)


def read_envelope(data: bytes) -> Envelope:
    """What a sealed package says in the clear.

    Raises:
        PackageInvalid: it is none: says which member.
    """
    if len(data) > GREATEST_BYTES:
        raise PackageInvalid(f"larger than {GREATEST_BYTES} bytes, so not a sealed package")
    return _read_envelope(_lines(data))


# Those of an archive mostly have the same lines, and reading them takes half as long as opening.
@lru_cache(maxsize=16)
def _read_envelope(lines: bytes) -> Envelope:
    try:
        document = read_canonical(lines[len(_MAGIC) : -1])
    except PackageInvalid:
        raise
    except CreditConnectError as error:
        raise PackageInvalid(f"not a sealed package ({error.message})") from None
    require_members(document, _MEMBERS, "the sealed package")
    return Envelope(
        suite=_suite(document["suite"]),
        sender=_code(document, "sender"),
        recipient=_code(document, "recipient"),
        key_hash=read_hex(document, "key_hash", 32),
        chain=read_chain(document),
    )


def open_package(data: bytes, key_for: Callable[[Envelope], hpke.PrivateKey]) -> bytes:
    """The plain package's bytes; `key_for` gives the key that the envelope names.

    Raises:
        What `key_for` raises. SealedAltered: it does not open. PackageInvalid: what it holds is no package, or not of
            the sender and registry that the envelope names.
    """
    envelope, lines = read_envelope(data), _lines(data)
    plain = hpke.unseal(envelope.suite, key_for(envelope), lines, data[len(lines) :])
    package = read_package(plain)
    if (package.provider, package.chain) != (envelope.sender, envelope.chain):
        raise PackageInvalid("sealed under the name of another provider or registry than the package in it")
    return plain


def _write_envelope(envelope: Envelope) -> bytes:
    return canonicalise(
        {
            "suite": int(envelope.suite),
            "sender": envelope.sender,
            "recipient": envelope.recipient,
            "key_hash": envelope.key_hash.hex(),
            "chain": write_chain(envelope.chain),
        }
    )


def _lines(data: bytes) -> bytes:
    """The two lines, line feeds included. Canonical JSON holds no line feed, so the second ends the envelope."""
    end = data.find(b"\n", len(_MAGIC), len(_MAGIC) + _GREATEST_HEADER)
    if not is_sealed(data) or end < 0:
        raise PackageInvalid(f"not a {FORMAT}")
    return data[: end + 1]


def _suite(number: object) -> ExchangeSuite:
    # True is 1 to Python, and no suite here.
    if not isinstance(number, int) or isinstance(number, bool) or number not in list(ExchangeSuite):
        raise PackageInvalid("suite is not known here")
    return ExchangeSuite(number)


def _code(document: dict[str, Any], member: str) -> str:
    code = document[member]
    if not isinstance(code, str) or not is_institution_code(code):
        raise PackageInvalid(f"{member} is not an institution's code")
    return code
