"""Chain keys: Web3 Secret Storage (keystore v3) files, and what signs with them. Alone imports eth_account.

Never shows a key or a passphrase, in an error or anywhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from creditconnect.custody.private_files import create_json
from creditconnect.errors import SettingsError, WrongPassphrase

# scrypt's N of the keystore standard's reference; a test may ask for less.
SCRYPT_WORK = 2**18


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    raw: bytes
    hash: bytes


class Signer(Protocol):
    """Signs for one address; a remote signer fits too."""

    @property
    def address(self) -> str: ...

    def sign(self, transaction: dict[str, Any]) -> SignedTransaction:
        """Sign a transaction given by JSON-RPC's member names with integers and 0x-hex."""
        ...


class KeystoreSigner:
    """Signs with a key decrypted from a keystore v3 file."""

    def __init__(self, private_key: bytes) -> None:
        from eth_account import Account

        self._account = Account.from_key(private_key)
        self.address: str = str(self._account.address).lower()

    @classmethod
    def open(cls, path: Path, passphrase: str) -> KeystoreSigner:
        """Decrypt a keystore.

        Raises:
            SettingsError: the file is missing or no keystore; WrongPassphrase: it does not open.
        """
        from eth_account import Account

        document = read_key_file(path)
        try:
            return cls(bytes(Account.decrypt(document, passphrase)))
        except ValueError as error:
            if "MAC mismatch" in str(error):
                raise WrongPassphrase(
                    f"{path}: the passphrase does not open this keystore",
                    hint="type it again, or correct the file that CREDITCONNECT_..._PASSPHRASE_FILE names for this key",
                ) from None
            raise SettingsError(f"{path}: is not a keystore v3 file") from None
        except (KeyError, TypeError, NotImplementedError):
            raise SettingsError(f"{path}: is not a keystore v3 file") from None

    def sign(self, transaction: dict[str, Any]) -> SignedTransaction:
        signed = self._account.sign_transaction(transaction)
        return SignedTransaction(bytes(signed.raw_transaction), bytes(signed.hash))


def create_keystore(path: Path, passphrase: str, *, scrypt_work: int = SCRYPT_WORK) -> str:
    """Make a new key, write it as a keystore v3 file of mode 0600, and return its address.

    Raises:
        FileExistsError: a key is never overwritten.
    """
    from eth_account import Account

    return write_keystore(path, bytes(Account.create().key), passphrase, scrypt_work=scrypt_work)


def write_keystore(path: Path, private_key: bytes, passphrase: str, *, scrypt_work: int = SCRYPT_WORK) -> str:
    """Write a key as a keystore v3 file of mode 0600; its address.

    Raises:
        FileExistsError: a key is never overwritten.
    """
    from eth_account import Account

    account = Account.from_key(private_key)
    create_json(path, Account.encrypt(account.key, passphrase, kdf="scrypt", iterations=scrypt_work))
    return str(account.address).lower()


def read_key_file(path: Path) -> dict[str, Any]:
    """A key file's JSON object.

    Raises:
        SettingsError: it is missing, or is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path}: there is no such keystore", hint="creditconnect init --key makes one") from None
    except (OSError, ValueError):
        raise SettingsError(f"{path}: is not a keystore v3 file") from None
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: is not a keystore v3 file")
    return document
