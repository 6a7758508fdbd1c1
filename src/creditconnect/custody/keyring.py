"""The key-encryption key of a home, and the keys that it wraps.

A passphrase opens the keyring file; the key-encryption key inside wraps data keys by AES Key Wrap (RFC 3394). The
wrapped keys live in the database. Never writes a key or a passphrase in the clear, and says no more of a failure than
that it failed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from creditconnect.custody.passphrase_sealing import SCRYPT_WORK, seal_under, unseal_under
from creditconnect.custody.private_files import create_json, replace_json
from creditconnect.errors import SettingsError, Tampered, WrongPassphrase

FORMAT = "creditconnect-keyring/1"
KEY_BYTES = 32
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
        keyring = cls(os.urandom(KEY_BYTES))
        create_json(path, keyring._document(passphrase, scrypt_work))
        return keyring

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
            return cls(unseal_under(passphrase, document, _ASSOCIATED))
        except FileNotFoundError:
            raise SettingsError(
                f"{path}: there is no such keyring",
                hint="restore it from a backup, or creditconnect keys import makes one for the keys of an export",
            ) from None
        except (OSError, ValueError, KeyError, TypeError):
            raise SettingsError(f"{path}: is not a {FORMAT} file") from None
        except InvalidTag:
            raise WrongPassphrase(
                f"{path}: the passphrase does not open this keyring",
                hint="type it again, or correct the file that CREDITCONNECT_VAULT_PASSPHRASE_FILE names",
            ) from None

    def change_passphrase(self, path: Path, passphrase: str, *, scrypt_work: int = SCRYPT_WORK) -> None:
        """Put the key-encryption key under another passphrase; a kill at any point leaves the old one or the new.

        What this keyring wraps is untouched. A copy of the old file still opens by the old passphrase.
        """
        replace_json(path, self._document(passphrase, scrypt_work), erase_former=True)

    def new_key(self) -> tuple[bytes, bytes]:
        """A fresh 32-byte key, plain and wrapped."""
        key = os.urandom(KEY_BYTES)
        return key, self.wrap(key)

    def wrap(self, key: bytes) -> bytes:
        """A key of 32 bytes as it may be kept."""
        return aes_key_wrap(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """The plain key.

        Raises:
            Tampered: it was not wrapped under this key-encryption key, or was altered.
        """
        try:
            return aes_key_unwrap(self._key, wrapped)
        except (InvalidUnwrap, ValueError):
            raise Tampered("a wrapped key does not open under this keyring") from None

    def _document(self, passphrase: str, scrypt_work: int) -> dict[str, Any]:
        return {"format": FORMAT} | seal_under(passphrase, self._key, _ASSOCIATED, scrypt_work=scrypt_work)
