"""The exchange keys of a home: key pairs that packages for this institution are sealed to, by number.

Secrets are wrapped by the home's keyring and lie in one file of mode 0600, replaced as a whole. A number is never given
twice. An older key goes on opening what was sealed to it until it is retired: then its secret is gone for good, and its
number stays, to say so.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from creditconnect.custody import hpke
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.private_files import replace_json
from creditconnect.errors import SettingsError, Tampered, UsageError
from creditconnect.types import ExchangeSuite

FORMAT = "creditconnect-exchange-keys/1"
# AES Key Wrap (RFC 3394) adds 8 bytes.
_WRAPPED_BYTES = hpke.SECRET_BYTES + 8


@dataclass(frozen=True, slots=True)
class ExchangeKey:
    """One key pair; `made_at` in seconds since 1970, UTC. `wrapped` is None once it is retired."""

    number: int
    suite: ExchangeSuite
    public: bytes
    made_at: int
    wrapped: bytes | None

    @property
    def hash(self) -> bytes:
        """By which the registry and a sealed package name it."""
        return key_hash(self.public)


class ExchangeKeys:
    """The exchange keys in one file. A home that never made one has no file."""

    def __init__(self, path: Path, *, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._version: object = None
        self._keys: list[ExchangeKey] = []
        self._by_hash: dict[bytes, ExchangeKey] = {}
        self._opened: dict[int, hpke.PrivateKey] = {}

    def all(self) -> list[ExchangeKey]:
        """Every key by number, retired ones included. Needs no passphrase.

        Raises:
            SettingsError: the file is none of exchange keys.
        """
        try:
            # Read again only when it was replaced, by this process or another; what was opened is then forgotten.
            about = self._path.stat()
            version = (about.st_ino, about.st_mtime_ns, about.st_size)
            if version == self._version:
                return list(self._keys)
            self._opened.clear()
            text = self._path.read_text(encoding="utf-8")
            if "\0" in text:  # replaced and overwritten while it was read
                text = self._path.read_text(encoding="utf-8")
            document = json.loads(text)
            if document["format"] != FORMAT or not isinstance(document["keys"], list):
                raise ValueError
            keys = [_key(entry) for entry in document["keys"]]
            if [key.number for key in keys] != list(range(1, len(keys) + 1)):
                raise ValueError
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SettingsError(f"{self._path}: can't be read ({error.strerror})") from None
        except (ValueError, KeyError, TypeError):
            raise SettingsError(
                f"{self._path}: is not a {FORMAT} file", hint="restore it from a backup; don't make it anew"
            ) from None
        self._version, self._keys, self._by_hash = version, keys, {key.hash: key for key in keys}
        return list(keys)

    def get(self, number: int) -> ExchangeKey:
        """The key of that number.

        Raises:
            UsageError: there is none.
        """
        found = next((key for key in self.all() if key.number == number), None)
        if found is None:
            raise UsageError(f"this home has no exchange key {number}", hint="see creditconnect keys list")
        return found

    def by_hash(self, hash_: bytes) -> ExchangeKey | None:
        """The key that a registry or a sealed package names; None where it never was this home's."""
        return self._by_hash.get(hash_) if self.all() else None

    def make(self, keyring: Keyring, suite: ExchangeSuite) -> ExchangeKey:
        """Draw a new pair and keep it under the next number."""
        secret, wrapped = keyring.new_key()
        public = hpke.public_key(suite, secret)
        with self._held():
            keys = self.all()
            made = ExchangeKey(len(keys) + 1, suite, public, int(self._clock()), wrapped)
            self._write([*keys, made])
        return made

    def retire(self, number: int) -> ExchangeKey:
        """Destroy a key's secret: what was sealed to it can't be opened by this home again.

        Raises:
            UsageError: there is no such key.
        """
        with self._held():
            retired = replace(self.get(number), wrapped=None)
            keys = [retired if key.number == number else key for key in self.all()]
            self._write(keys, erase_former=True)
        return retired

    def secret(self, key: ExchangeKey, keyring: Keyring) -> bytes:
        """The secret of a key that is not retired.

        Raises:
            Tampered: the file was altered, or the key is not of this keyring.
        """
        try:
            secret = keyring.unwrap(key.wrapped or b"")
        except Tampered:
            raise Tampered(
                f"{self._path}: exchange key {key.number} does not open under this home's keyring",
                hint="it was altered, or keyring.json is another home's: restore both from one backup,"
                " or creditconnect keys import",
            ) from None
        if hpke.public_key(key.suite, secret) != key.public:
            raise Tampered(f"{self._path}: exchange key {key.number} is not the pair that it says")
        return secret

    def private_key(self, key: ExchangeKey, keyring: Keyring) -> hpke.PrivateKey:
        """What the secret opens with; made once, until the file changes: it takes longer than opening a package.

        Raises:
            Tampered: as `secret`.
        """
        if key.number not in self._opened:
            self._opened[key.number] = hpke.private_key(key.suite, self.secret(key, keyring))
        return self._opened[key.number]

    def restore(self, keyring: Keyring, keys: Sequence[tuple[ExchangeKey, bytes | None]]) -> list[int]:
        """Take in keys with their secrets (None once retired), from number 1 on; the numbers of those not here before.

        A key that was retired here stays so; one whose secret does not open under this keyring gets it anew.

        Raises:
            UsageError: a number is given to another key here; nothing is taken then.
        """
        with self._held():
            kept = self.all()
            taken = [key.number for key, secret in keys if self._lacks(kept, key, secret, keyring)]
            anew = {
                key.number: replace(key, wrapped=None if secret is None else keyring.wrap(secret))
                for key, secret in keys
                if key.number in taken
            }
            if anew:
                merged = {key.number: key for key in kept} | anew
                self._write([merged[number] for number in sorted(merged)])
        return taken

    # ------------------------------------------------------------------------------------------------------- private

    def _lacks(self, kept: list[ExchangeKey], key: ExchangeKey, secret: bytes | None, keyring: Keyring) -> bool:
        here = next((one for one in kept if one.number == key.number), None)
        if here is None:
            return True
        if (here.suite, here.public) != (key.suite, key.public):
            raise UsageError(
                f"{self._path}: exchange key {key.number} is there already, and is another",
                hint="this home made it; another's keys are taken in before a home makes its own",
            )
        if here.wrapped is None or secret is None:
            return False
        try:
            self.secret(here, keyring)
        except Tampered:
            return True
        return False

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Two processes that change the file do so one after the other."""
        descriptor = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, keys: list[ExchangeKey], *, erase_former: bool = False) -> None:
        document = {"format": FORMAT, "keys": [_entry(key) for key in keys]}
        replace_json(self._path, document, erase_former=erase_former)


def key_hash(public: bytes) -> bytes:
    """Keccak-256, as the registry keeps it."""
    return bytes(keccak(public))


def _entry(key: ExchangeKey) -> dict[str, object]:
    return {
        "number": key.number,
        "suite": int(key.suite),
        "public": key.public.hex(),
        "made_at": key.made_at,
        "wrapped": None if key.wrapped is None else key.wrapped.hex(),
    }


def _key(entry: dict[str, Any]) -> ExchangeKey:
    suite, wrapped = ExchangeSuite(entry["suite"]), entry["wrapped"]
    public = bytes.fromhex(entry["public"])
    if len(public) != hpke.PUBLIC_BYTES[suite]:
        raise ValueError
    if wrapped is not None and len(bytes.fromhex(wrapped)) != _WRAPPED_BYTES:
        raise ValueError
    return ExchangeKey(
        int(entry["number"]), suite, public, int(entry["made_at"]), None if wrapped is None else bytes.fromhex(wrapped)
    )
