"""HPKE in base mode (RFC 9180): sealed to a public key, opened by the secret that it was made of.

Hides how a suite makes its pair of keys of 32 bytes, so that one secret of one length is kept whatever the suite, and
which of its parts comes first in a public key (docs/PROTOCOL.md, 6).
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from creditconnect.errors import SealedAltered, UsageError
from creditconnect.types import ExchangeSuite

PrivateKey = X25519PrivateKey | MLKEM768X25519PrivateKey
SECRET_BYTES = 32
PUBLIC_BYTES = {ExchangeSuite.X25519_AES256GCM: 32, ExchangeSuite.MLKEM768_X25519_AES256GCM: 1_216}
# X-Wing: the seed comes to 64 bytes of ML-KEM's d and z, and 32 of X25519.
_EXPANDED_BYTES = 96
_LATTICE_SEED_BYTES = 64
_LATTICE_PUBLIC_BYTES = 1_184


def public_key(suite: ExchangeSuite, secret: bytes) -> bytes:
    """The public key of a secret of 32 bytes.

    Raises:
        UsageError: the library on this machine lacks the suite.
    """
    if suite == ExchangeSuite.X25519_AES256GCM:
        return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    lattice, curve = _hybrid_parts(secret)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def seal(suite: ExchangeSuite, public: bytes, info: bytes, plain: bytes) -> bytes:
    """The encapsulated key and the ciphertext, joined.

    Raises:
        UsageError: these bytes are no public key of that suite.
    """
    try:
        return _suite(suite).encrypt(plain, _public(suite, public), info=info)
    except ValueError:
        raise UsageError(
            f"the published key of {len(public)} bytes is none of suite {suite.name}",
            hint="its owner publishes another: creditconnect keys rotate exchange",
        ) from None


def private_key(suite: ExchangeSuite, secret: bytes) -> PrivateKey:
    """The private key of a secret of 32 bytes, ready to open with; making it takes as long as opening a package.

    Raises:
        UsageError: the library on this machine lacks the suite.
    """
    if suite == ExchangeSuite.X25519_AES256GCM:
        return X25519PrivateKey.from_private_bytes(secret)
    return MLKEM768X25519PrivateKey(*_hybrid_parts(secret))


def unseal(suite: ExchangeSuite, key: PrivateKey, info: bytes, sealed: bytes) -> bytes:
    """What was sealed.

    Raises:
        SealedAltered: it does not open; says nothing more.
    """
    try:
        return _suite(suite).decrypt(sealed, key, info=info)
    except (InvalidTag, ValueError):
        raise SealedAltered("the sealed package does not open: it was altered, or damaged on its way") from None


def _suite(suite: ExchangeSuite) -> Suite:
    kem = KEM.X25519 if suite == ExchangeSuite.X25519_AES256GCM else KEM.MLKEM768_X25519
    return Suite(kem, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _public(suite: ExchangeSuite, public: bytes) -> X25519PublicKey | MLKEM768X25519PublicKey:
    if suite == ExchangeSuite.X25519_AES256GCM:
        return X25519PublicKey.from_public_bytes(public)
    lattice, curve = public[:_LATTICE_PUBLIC_BYTES], public[_LATTICE_PUBLIC_BYTES:]
    return MLKEM768X25519PublicKey(_lattice_public(lattice), X25519PublicKey.from_public_bytes(curve))


def _hybrid_parts(secret: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    expanded = hashlib.shake_256(secret).digest(_EXPANDED_BYTES)
    try:
        lattice = MLKEM768PrivateKey.from_seed_bytes(expanded[:_LATTICE_SEED_BYTES])
    except UnsupportedAlgorithm:
        raise _lacking() from None
    return lattice, X25519PrivateKey.from_private_bytes(expanded[_LATTICE_SEED_BYTES:])


def _lattice_public(data: bytes) -> MLKEM768PublicKey:
    try:
        return MLKEM768PublicKey.from_public_bytes(data)
    except UnsupportedAlgorithm:
        raise _lacking() from None


def _lacking() -> UsageError:
    return UsageError(
        "the cryptography library on this machine has no ML-KEM-768", hint="install one of its own wheels"
    )
