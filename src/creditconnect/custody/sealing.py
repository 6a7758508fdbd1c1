"""Records at rest: an AEAD cipher under a data key, bound to the place the sealed bytes belong to.

    sealed     = nonce 12 | AEAD(data key, nonce, salt 32 | canonical, associated) incl. tag 16
    AEAD       = AES-256-GCM under 32 bytes, or SM4-GCM (GB/T 32907-2016, RFC 8998) under the first 16 of them
    associated = lp("creditconnect/sealed", version, suite, data key number, record hash | commitment)

Whatever else is kept sealed is bound to its table and row instead:

    sealed     = nonce 12 | AEAD(data key, nonce, plain, associated) incl. tag 16
    associated = lp("creditconnect/sealed-row", version, suite, data key number, table, row number 8)

(docs/PROTOCOL.md does not need this: it never leaves the home.) What is moved to another row does not open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from creditconnect.errors import Tampered
from creditconnect.records.commitments import lp
from creditconnect.types import SALT_BYTES, Derived, Suite

TAG = b"creditconnect/sealed"
ROW_TAG = b"creditconnect/sealed-row"
VERSION = 1
NONCE_BYTES = 12
TAG_BYTES = 16
SM4_KEY_BYTES = 16


class Aead(Protocol):
    """Encrypts with a tag at the end, and opens nothing that was altered."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Raises InvalidTag or ValueError."""
        ...


class Sm4Gcm:
    """SM4-GCM (RFC 8998) in the form of the library's AEADs, which have no SM4."""

    def __init__(self, key: bytes) -> None:
        """`key` is 16 bytes."""
        self._algorithm = SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        encryptor = Cipher(self._algorithm, GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Raises InvalidTag, or ValueError for what is shorter than a tag."""
        if len(data) < TAG_BYTES:
            raise ValueError("shorter than a tag")
        decryptor = Cipher(self._algorithm, GCM(nonce, data[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()


_CIPHERS: dict[Suite, Callable[[bytes], Aead]] = {
    Suite.SHA256_AES256GCM: AESGCM,
    Suite.SM3_SM4GCM: lambda key: Sm4Gcm(key[:SM4_KEY_BYTES]),
}


def aead(suite: Suite, key: bytes) -> Aead:
    """The suite's cipher under a key of 32 bytes."""
    return _CIPHERS[suite](key)


class Sealer:
    """Seals and opens under one data key.

    Nonces are random: NIST SP 800-38D (section 8.3) allows 2^32 of them under one key; rotate before.
    """

    def __init__(self, suite: Suite, key_number: int, key: bytes) -> None:
        self.key_number = key_number
        self.suite = suite
        self._cipher = _CIPHERS[suite](key)
        # The last item is always 32 bytes, so its length can stand in the prefix.
        self._prefix = lp((TAG, bytes([VERSION]), bytes([suite]), key_number.to_bytes(4, "big"))) + (32).to_bytes(
            4, "big"
        )
        self._row_prefix = lp((ROW_TAG, bytes([VERSION]), bytes([suite]), key_number.to_bytes(4, "big")))

    def seal(self, nonce: bytes, salt: bytes, canonical: bytes, derived: Derived) -> bytes:
        """Sealed bytes; `nonce` is 12 fresh random bytes."""
        associated = self._prefix + derived.record_hash + derived.commitment
        return nonce + self._cipher.encrypt(nonce, salt + canonical, associated)

    def open(self, sealed: bytes, derived: Derived) -> tuple[bytes, bytes]:
        """Salt and canonical bytes.

        Raises:
            Tampered: altered, truncated, of another record or under another key.
        """
        associated = self._prefix + derived.record_hash + derived.commitment
        try:
            plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
        except (InvalidTag, ValueError):
            raise Tampered("a sealed record does not open") from None
        return plain[:SALT_BYTES], plain[SALT_BYTES:]

    def seal_row(self, nonce: bytes, plain: bytes, table: str, row: int) -> bytes:
        """Sealed bytes of what is no record, for one row of one table; `nonce` is 12 fresh random bytes."""
        return nonce + self._cipher.encrypt(nonce, plain, self._row(table, row))

    def open_row(self, sealed: bytes, table: str, row: int) -> bytes:
        """What was sealed for that row.

        Raises:
            Tampered: altered, truncated, of another row or under another key.
        """
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._row(table, row))
        except (InvalidTag, ValueError):
            raise Tampered(f"row {row} of {table} does not open") from None

    def _row(self, table: str, row: int) -> bytes:
        return self._row_prefix + lp((table.encode(), row.to_bytes(8, "big")))
