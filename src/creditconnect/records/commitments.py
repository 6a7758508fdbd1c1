"""What is anchored for a record: 8 bytes that find it, 24 that bind it. Hides the derivation's bytes.

    value = HMAC(salt, lp(tag, version, suite, provider code, schema hash, canonical))     docs/PROTOCOL.md, 3

The hash beneath the HMAC is the suite's: SHA-256, or SM3 (GB/T 32905-2016).

The salt is drawn elsewhere, 32 random bytes a record; nothing here draws, keeps or logs one. The 64-bit record hash
alone never binds a record.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable

from creditconnect.errors import UsageError
from creditconnect.types import RECORD_HASH_BYTES, SALT_BYTES, Derived, Suite, is_institution_code

TAG = b"creditconnect/record"
VERSION = 1
SCHEMA_HASH_BYTES = 32


def lp(items: Iterable[bytes]) -> bytes:
    """Each item after its length as 4 bytes, big-endian: no two lists give the same bytes."""
    return b"".join(len(item).to_bytes(4, "big") + item for item in items)


def check_provider_code(code: str) -> bytes:
    """Return a provider's permanent code as bytes: 1 to 32 printable ASCII characters, no space.

    Raises:
        UsageError: it is not one.
    """
    if not is_institution_code(code):
        raise UsageError("a provider code is 1 to 32 printable ASCII characters without space")
    return code.encode("ascii")


class Derivation:
    """Derives for many records of one provider and schema. Holds no secret; safe to share between threads."""

    def __init__(self, suite: Suite, provider_code: str, schema_hash: bytes) -> None:
        """Fix what is common to the records; `schema_hash` is the schema's 32 bytes.

        Raises:
            UsageError: a provider code or schema hash of the wrong shape.
        """
        if len(schema_hash) != SCHEMA_HASH_BYTES:
            raise UsageError("a schema hash is 32 bytes")
        code = check_provider_code(provider_code)
        self._mac = _MACS[suite]
        self._prefix = lp((TAG, bytes([VERSION]), bytes([suite]), code, schema_hash))

    def derive(self, salt: bytes, canonical: bytes) -> Derived:
        """Record hash and commitment of canonical bytes under a salt of 32 bytes.

        Raises:
            UsageError: the salt is not 32 bytes.
        """
        if len(salt) != SALT_BYTES:
            raise UsageError("a salt is 32 bytes")
        message = b"".join((self._prefix, len(canonical).to_bytes(4, "big"), canonical))
        value = self._mac(salt, message)
        return Derived(value[:RECORD_HASH_BYTES], value[RECORD_HASH_BYTES:])


def derive(suite: Suite, provider_code: str, schema_hash: bytes, salt: bytes, canonical: bytes) -> Derived:
    """Derive for one record; see `Derivation`, which is the faster for many."""
    return Derivation(suite, provider_code, schema_hash).derive(salt, canonical)


def _hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """HMAC (RFC 2104) over SM3."""
    # The standard library has SM3 only where its OpenSSL offers it.
    from cryptography.hazmat.primitives.hashes import SM3
    from cryptography.hazmat.primitives.hmac import HMAC

    mac = HMAC(key, SM3())
    mac.update(message)
    return mac.finalize()


_MACS: dict[Suite, Callable[[bytes, bytes], bytes]] = {
    Suite.SHA256_AES256GCM: _hmac_sha256,
    Suite.SM3_SM4GCM: hmac_sm3,
}
