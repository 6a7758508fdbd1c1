"""Bytes under a passphrase: stretched by scrypt (RFC 7914), sealed by AES-256-GCM; as members of a JSON document.

{"kdf": {"name": "scrypt", "n", "r", "p", "salt"}, "cipher": {"name": "AES-256-GCM", "nonce"}, "sealed"}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

# scrypt N, r, p: 128 MiB and some 0.3 s; a test may ask for a smaller N.
SCRYPT_WORK = 2**17
_SCRYPT_R = 8
_SCRYPT_P = 1
_STRETCHED_BYTES = 32
_KDF, _CIPHER = "scrypt", "AES-256-GCM"


def seal_under(passphrase: str, plain: bytes, associated: bytes, *, scrypt_work: int = SCRYPT_WORK) -> dict[str, Any]:
    """The members of a document that `unseal_under` opens; salt and nonce are fresh."""
    salt, nonce = os.urandom(16), os.urandom(12)
    sealed = AESGCM(_stretch(passphrase, salt, scrypt_work)).encrypt(nonce, plain, associated)
    return {
        "kdf": {"name": _KDF, "n": scrypt_work, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": salt.hex()},
        "cipher": {"name": _CIPHER, "nonce": nonce.hex()},
        "sealed": sealed.hex(),
    }


def unseal_under(passphrase: str, document: Mapping[str, Any], associated: bytes) -> bytes:
    """What was sealed.

    Raises:
        ValueError, KeyError, TypeError: the members are none such. InvalidTag: another passphrase, or altered.
    """
    kdf, cipher = document["kdf"], document["cipher"]
    if (kdf["name"], kdf["r"], kdf["p"], cipher["name"]) != (_KDF, _SCRYPT_R, _SCRYPT_P, _CIPHER):
        raise ValueError("another derivation or cipher")
    salt = bytes.fromhex(kdf["salt"])
    nonce = bytes.fromhex(cipher["nonce"])
    sealed = bytes.fromhex(document["sealed"])
    return AESGCM(_stretch(passphrase, salt, int(kdf["n"]))).decrypt(nonce, sealed, associated)


def _stretch(passphrase: str, salt: bytes, work: int) -> bytes:
    # Bounds what an altered file could make us spend: 2^20 is 1 GiB.
    if not 2 <= work <= 2**20:
        raise ValueError("scrypt work out of bounds")
    return Scrypt(salt=salt, length=_STRETCHED_BYTES, n=work, r=_SCRYPT_R, p=_SCRYPT_P).derive(
        passphrase.encode("utf-8")
    )
