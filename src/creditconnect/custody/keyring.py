"""The key-encryption key of a home, and the keys that it wraps.

A passphrase opens the keyring file; the key-encryption key inside wraps data keys by AES Key Wrap (RFC 3394). The
wrapped keys live in the database. Never writes a key or a passphrase in the clear, and says no more of a failure than
that it failed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from creditconnect.errors import SettingsError, Tampered, WrongPassphrase

FORMAT = "creditconnect-keyring/1"
KEY_BYTES = 32
# scrypt N, r, p (RFC 7914): 128 MiB and some 0.3 s; a test may ask for a smaller N.
SCRYPT_WORK = 2**17
_SCRYPT_R = 8
_SCRYPT_P = 1
_ASSOCIATED = FORMAT.encode()


class Keyring:
    """Wraps and unwraps keys under one key-encryption key."""

    def __init__(self, key_encryption_key: bytes) -> None:
        self._key = key_encryption_key

    @classmethod
    def create(cls, path: Path, passphrase: str, *, scrypt_work: int = SCRYPT_WORK) -> Keyring:
        """Draw a new key-encryption key and write it, sealed under the passphrase, with mode 0600.

        Raises:
            FileExistsError: a keyring is never overwritten.
        """
        key, salt, nonce = os.urandom(KEY_BYTES), os.urandom(16), os.urandom(12)
        sealed = AESGCM(_stretch(passphrase, salt, scrypt_work)).encrypt(nonce, key, _ASSOCIATED)
        document = {
            "format": FORMAT,
            "kdf": {"name": "scrypt", "n": scrypt_work, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": salt.hex()},
            "cipher": {"name": "AES-256-GCM", "nonce": nonce.hex()},
            "sealed": sealed.hex(),
        }
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
        return cls(key)

    @classmethod
    def open(cls, path: Path, passphrase: str) -> Keyring:
        """Open a keyring file.

        Raises:
            SettingsError: missing, or no keyring; WrongPassphrase: it does not open (or was altered).
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["format"] != FORMAT:
                raise ValueError
            salt = bytes.fromhex(document["kdf"]["salt"])
            work = int(document["kdf"]["n"])
            nonce = bytes.fromhex(document["cipher"]["nonce"])
            sealed = bytes.fromhex(document["sealed"])
            stretched = _stretch(passphrase, salt, work)
        except FileNotFoundError:
            raise SettingsError(f"{path}: there is no such keyring", hint="run creditconnect init") from None
        except (OSError, ValueError, KeyError, TypeError):
            raise SettingsError(f"{path}: is not a {FORMAT} file") from None
        try:
            return cls(AESGCM(stretched).decrypt(nonce, sealed, _ASSOCIATED))
        except ValueError:
            raise SettingsError(f"{path}: is not a {FORMAT} file") from None
        except InvalidTag:
            raise WrongPassphrase(
                f"{path}: the passphrase does not open this keyring",
                hint="type it again, or correct the file that CREDITCONNECT_VAULT_PASSPHRASE_FILE names",
            ) from None

    def new_key(self) -> tuple[bytes, bytes]:
        """A fresh 32-byte key, plain and wrapped."""
        key = os.urandom(KEY_BYTES)
        return key, aes_key_wrap(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The plain key.

        Raises:
            Tampered: it was not wrapped under this key-encryption key, or was altered.
        """
        try:
            return aes_key_unwrap(self._key, wrapped)
        except (InvalidUnwrap, ValueError):
            raise Tampered("a wrapped key does not open under this keyring") from None


def _stretch(passphrase: str, salt: bytes, work: int) -> bytes:
    # Bounds what an altered file could make us spend: 2^20 is 1 GiB.
    if not 2 <= work <= 2**20:
        raise ValueError("scrypt work out of bounds")
    return Scrypt(salt=salt, length=KEY_BYTES, n=work, r=_SCRYPT_R, p=_SCRYPT_P).derive(passphrase.encode("utf-8"))
