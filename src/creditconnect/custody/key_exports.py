"""Keys in a file to be kept elsewhere or carried to another machine of the institution, under a passphrase of its own.

    {"format", "kind": data or exchange, "institution", "made_at", "kdf", "cipher", "sealed"}

`sealed` holds a JSON list of keys in the clear, bound to format, kind, institution and time. The file has one spelling:
any other byte in it, a blank too, and it is not opened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag

from creditconnect.custody import hpke
from creditconnect.custody.data_keys import OpenedKey
from creditconnect.custody.exchange_keys import ExchangeKey
from creditconnect.custody.keyring import KEY_BYTES
from creditconnect.custody.passphrase_sealing import SCRYPT_WORK, seal_under, unseal_under
from creditconnect.custody.private_files import create_json
from creditconnect.errors import CreditConnectError, SourceUnreadable, UsageError, WrongPassphrase
from creditconnect.types import ExchangeSuite, Suite

FORMAT = "creditconnect-key-export/1"
DATA, EXCHANGE = "data", "exchange"
Key = TypeVar("Key")

_MEMBERS = {"format", "kind", "institution", "made_at", "kdf", "cipher", "sealed"}
# A hybrid key's public half is 1,216 bytes: some thousands of keys.
_MOST_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class KeyExport:
    """A file of keys, not opened yet: what it says of itself."""

    path: Path
    kind: str
    institution: str
    made_at: int
    _document: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> KeyExport:
        """Read a file. Whether what it says of itself is true is known once it is opened.

        Raises:
            SourceUnreadable: it can't be read, or is none.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
            document = json.loads(data) if len(data) <= _MOST_BYTES else None
            if not isinstance(document, dict) or document.get("format") != FORMAT:
                raise ValueError
            if set(document) != _MEMBERS or json.dumps(document, indent=2).encode() != data:
                raise _altered(path)
            return cls(
                path, str(document["kind"]), str(document["institution"]), int(document["made_at"]), dict(document)
            )
        except OSError as error:
            raise SourceUnreadable(f"{path}: can't be read ({error.strerror})") from None
        except (ValueError, TypeError, RecursionError):
            raise SourceUnreadable(
                f"{path}: is not a {FORMAT} file",
                hint="creditconnect keys export makes one; a keystore is taken --as submit or review",
            ) from None

    def data_keys(self, passphrase: str) -> list[OpenedKey]:
        """The data keys in it.

        Raises:
            WrongPassphrase: it does not open, or was altered. SourceUnreadable: it holds none.
        """
        return self._opened(DATA, passphrase, _data_key)

    def exchange_keys(self, passphrase: str) -> list[tuple[ExchangeKey, bytes | None]]:
        """The exchange keys in it, by number, with their secrets.

        Raises:
            WrongPassphrase: it does not open, or was altered. SourceUnreadable: it holds none.
        """
        return self._opened(EXCHANGE, passphrase, _exchange_key)

    def _opened(self, kind: str, passphrase: str, read: Callable[[dict[str, Any]], Key]) -> list[Key]:
        try:
            if self.kind != kind:
                raise ValueError
            plain = unseal_under(passphrase, self._document, _associated(self._document))
            return [read(entry) for entry in json.loads(plain)]
        except InvalidTag:
            raise WrongPassphrase(
                f"{self.path}: the passphrase does not open it, or it was altered",
                hint="type it again, or correct the file that CREDITCONNECT_EXPORT_PASSPHRASE_FILE names",
            ) from None
        except (ValueError, KeyError, TypeError):
            raise _altered(self.path) from None


def export_data_keys(
    path: Path,
    institution: str,
    keys: Sequence[OpenedKey],
    passphrase: str,
    *,
    now: int,
    scrypt_work: int = SCRYPT_WORK,
) -> None:
    """Write data keys into a new file of mode 0600.

    Raises:
        UsageError: the file is there already.
    """
    entries: list[dict[str, object]] = [
        {
            "purpose": key.purpose,
            "number": key.number,
            "key": key.plain.hex(),
            "suite": int(key.suite),
            "made_at": key.made_at,
        }
        for key in keys
    ]
    _write(path, DATA, institution, entries, passphrase, now=now, scrypt_work=scrypt_work)


def export_exchange_keys(
    path: Path,
    institution: str,
    keys: Sequence[tuple[ExchangeKey, bytes | None]],
    passphrase: str,
    *,
    now: int,
    scrypt_work: int = SCRYPT_WORK,
) -> None:
    """Write exchange keys with their secrets (None once retired) into a new file of mode 0600.

    Raises:
        UsageError: the file is there already.
    """
    entries: list[dict[str, object]] = [
        {
            "number": key.number,
            "suite": int(key.suite),
            "public": key.public.hex(),
            "made_at": key.made_at,
            "secret": None if secret is None else secret.hex(),
        }
        for key, secret in keys
    ]
    _write(path, EXCHANGE, institution, entries, passphrase, now=now, scrypt_work=scrypt_work)


def _write(
    path: Path,
    kind: str,
    institution: str,
    entries: list[dict[str, object]],
    passphrase: str,
    *,
    now: int,
    scrypt_work: int,
) -> None:
    header = {"format": FORMAT, "kind": kind, "institution": institution, "made_at": now}
    plain = json.dumps(entries).encode()
    try:
        create_json(path, header | seal_under(passphrase, plain, _associated(header), scrypt_work=scrypt_work))
    except FileExistsError:
        raise UsageError(f"{path}: is there already", hint="a file of keys is never overwritten") from None


def _associated(document: dict[str, Any]) -> bytes:
    """What the sealed bytes are bound to; scrypt's work and salt are in the key already."""
    return json.dumps([document[member] for member in ("format", "kind", "institution", "made_at")]).encode()


def _data_key(entry: dict[str, Any]) -> OpenedKey:
    plain = bytes.fromhex(entry["key"])
    if len(plain) != KEY_BYTES or entry["purpose"] not in ("seal", "digest"):
        raise ValueError
    return OpenedKey(entry["purpose"], int(entry["number"]), plain, Suite(entry["suite"]), int(entry["made_at"]))


def _exchange_key(entry: dict[str, Any]) -> tuple[ExchangeKey, bytes | None]:
    secret = None if entry["secret"] is None else bytes.fromhex(entry["secret"])
    suite, public = ExchangeSuite(entry["suite"]), bytes.fromhex(entry["public"])
    if secret is not None and hpke.public_key(suite, secret) != public:
        raise ValueError
    return ExchangeKey(int(entry["number"]), suite, public, int(entry["made_at"]), None), secret


def _altered(path: Path) -> CreditConnectError:
    return SourceUnreadable(f"{path}: was altered, or damaged on its way", hint="carry it over again")
