"""Records at rest: AES-256-GCM under a data key, bound to the place the sealed bytes belong to.

    sealed     = nonce 12 | AES-256-GCM(data key, nonce, salt 32 | canonical, associated) incl. tag 16
    associated = lp("creditconnect/sealed", version, suite, data key number, record hash | commitment)

(docs/PROTOCOL.md does not need this: it never leaves the home.) A sealed record moved to another row does not open.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from creditconnect.errors import Tampered
from creditconnect.records.commitments import lp
from creditconnect.types import SALT_BYTES, Derived, Suite

TAG = b"creditconnect/sealed"
VERSION = 1
NONCE_BYTES = 12


class Sealer:
    """Seals and opens under one data key.

    Nonces are random: NIST SP 800-38D (section 8.3) allows 2^32 of them under one key; rotate before.
    """

    def __init__(self, suite: Suite, key_number: int, key: bytes) -> None:
        self.key_number = key_number
        self._cipher = AESGCM(key)
        # The last item is always 32 bytes, so its length can stand in the prefix.
        self._prefix = lp((TAG, bytes([VERSION]), bytes([suite]), key_number.to_bytes(4, "big"))) + (32).to_bytes(
            4, "big"
        )

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
