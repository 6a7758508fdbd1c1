"""The part of a client that keeps its keys: all of them listed, data keys and passphrase changed, files of keys.

Whatever changes a data key or the keyring holds the home's lock for it: no two at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from creditconnect import settings as homes
from creditconnect.chain.blocks import Block
from creditconnect.client.accounts import Accounts
from creditconnect.client.exchange_keys import ExchangeKeeping
from creditconnect.client.key_standing import KeyKind, KeyStanding
from creditconnect.custody.data_keys import DataKey, DataKeys
from creditconnect.custody.key_exports import DATA, KeyExport, export_data_keys, export_exchange_keys
from creditconnect.custody.keyring import Keyring
from creditconnect.custody.private_files import held
from creditconnect.custody.resealing import Resealed, Resealing
from creditconnect.custody.vault import claim
from creditconnect.errors import KeysBusy, NodeUnreachable, UsageError
from creditconnect.types import KeyState


@dataclass(frozen=True, slots=True)
class KeysImported:
    """What a file of keys held, and the numbers of those that this home lacked."""

    kind: KeyKind
    keys: int
    taken: tuple[int, ...]


class Keys(Accounts, ExchangeKeeping):
    """What an institution does with its keys."""

    def keys_list(self) -> list[KeyStanding]:
        """Every key of this home: data, exchange, submit and review. Needs no passphrase.

        Without a node it is told as far as this home knows.

        Raises:
            SettingsError: a file is none of keys, and says which.
        """
        block = self._head_if_reached()
        data = self._data_standings() if self._has_vault() else []
        accounts = [self._account_standing(key, block) for key in self._key_files.all()]
        return [*data, *self._exchange_standings(block), *accounts]

    def keys_rotate_data(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Resealed:
        """Make a new data key of the settings' suite and seal every record anew under it; the older can be retired.

        Goes on where an earlier call was cut short. Others may read, submit and review meanwhile. `progress` is told
        how many records are under the new key, and of how many.

        Raises:
            KeysBusy: another process does the same. Tampered: the keyring is not this vault's. UsageError: there is no
                vault yet.
        """
        self._require_vault()
        with self._changing_keys():
            claim(self._database, self.settings.institution)
            resealing = Resealing(
                self._database, self._keyring, self.settings.suite, monotonic=self._monotonic, sleep=self._sleep
            )
            return resealing.run(progress)

    def keys_rotate_passphrase(self) -> None:
        """Put the keyring under another passphrase: that named new_vault. What is sealed stays as it is.

        Raises:
            WrongPassphrase: the one until now does not open it. KeysBusy: another process changes keys.
        """
        with self._changing_keys():
            keyring = self._keyring
            keyring.change_passphrase(self.settings.keyring_file, homes.passphrase("new_vault", self._ask))

    def keys_retire_data(self, number: int) -> bool:
        """Destroy a data key under which nothing is sealed any more.

        Whether its bytes are gone from the database's files: not while another process reads them. Call again then.

        Raises:
            UsageError: there is no such key, it is in use, or records are sealed under it. KeysBusy.
        """
        self._require_vault()
        with self._changing_keys():
            return self._data_keys.retire(number, self.settings.suite)

    def keys_export_data(self, target: Path) -> int:
        """Write the data keys into a new file under the passphrase named export; how many.

        With it a vault.db opens whose keyring is lost.

        Raises:
            UsageError: the file is there already, or there are no keys. Tampered: the keyring is not this vault's.
        """
        self._require_vault()
        keys = self._data_keys.known(self._keyring)
        _require_any(keys)
        passphrase = homes.passphrase("export", self._ask)
        export_data_keys(target, self.settings.institution, keys, passphrase, now=int(self._clock()))
        return len(keys)

    def keys_export_exchange(self, target: Path) -> int:
        """Write the exchange keys into a new file under the passphrase named export; how many.

        With it another machine of the institution opens what is sealed to them.

        Raises:
            UsageError: the file is there already, or there are no keys. Tampered: a key does not open.
        """
        keys = self._exchange_keys.all()
        _require_any(keys)
        keyring = self._keyring
        opened = [(key, None if key.wrapped is None else self._exchange_keys.secret(key, keyring)) for key in keys]
        passphrase = homes.passphrase("export", self._ask)
        export_exchange_keys(target, self.settings.institution, opened, passphrase, now=int(self._clock()))
        return len(keys)

    def keys_import(self, source: Path) -> KeysImported:
        """Take in what `keys_export_data` or `keys_export_exchange` wrote; nothing that is here is overwritten.

        A home whose keyring is lost gets a new one, under the vault's passphrase.

        Raises:
            SourceUnreadable, WrongPassphrase: it is none, was altered, or does not open. UsageError: it is another
                institution's, or holds another key than the one here. KeysBusy.
        """
        export = KeyExport.read(source)
        if export.institution != self.settings.institution:
            raise UsageError(
                f"{source}: holds keys of {export.institution}, this home is {self.settings.institution}",
                hint="name the home that they are for",
            )
        passphrase = homes.passphrase("export", self._ask)
        with self._changing_keys():
            if export.kind == DATA:
                data_keys = export.data_keys(passphrase)
                claim(self._database, self.settings.institution)
                taken = self._data_keys.restore(self._keyring_or_new(), data_keys)
                return KeysImported(KeyKind.DATA, len(data_keys), tuple(taken))
            exchange_keys = export.exchange_keys(passphrase)
            taken = self._exchange_keys.restore(self._keyring_or_new(), exchange_keys)
            return KeysImported(KeyKind.EXCHANGE, len(exchange_keys), tuple(taken))

    # ------------------------------------------------------------------------------------------------------- private

    @cached_property
    def _data_keys(self) -> DataKeys:
        return DataKeys(self._database)

    def _has_vault(self) -> bool:
        return self.settings.vault_file.exists()

    def _require_vault(self) -> None:
        if not self._has_vault():
            raise UsageError("this home has no vault yet", hint="the first record that is submitted makes one")

    def _changing_keys(self) -> AbstractContextManager[None]:
        busy = KeysBusy(
            f"{self.settings.home}: another process changes keys of this home", hint="wait for it to end, and try again"
        )
        return held(self.settings.locks_folder / "keys.lock", busy)

    def _keyring_or_new(self) -> Keyring:
        if not self.settings.keyring_file.exists():
            return Keyring.create(self.settings.keyring_file, homes.passphrase("vault", self._ask))
        return self._keyring

    def _head_if_reached(self) -> Block | None:
        try:
            return self.final_block()
        except NodeUnreachable:
            return None

    def _data_standings(self) -> list[KeyStanding]:
        keys, rotation = self._data_keys.all(), self._data_keys.rotation()
        current = max((key.number for key in keys if _seals(key) and key.suite == self.settings.suite), default=None)
        return [_data_standing(key, current, rotation) for key in keys]


def _seals(key: DataKey) -> bool:
    return key.purpose == "seal" and key.retired_at is None


def _data_standing(key: DataKey, current: int | None, rotation: int | None) -> KeyStanding:
    state = KeyState.CURRENT if key.number == current or key.purpose == "digest" else KeyState.OPENS
    if key.retired_at is not None:
        state = KeyState.RETIRED
    note = "recognises rows, seals none" if key.purpose == "digest" else ""
    if key.number == rotation:
        note = "rotation not ended"
    return KeyStanding(
        KeyKind.DATA,
        state,
        number=key.number,
        suite=key.suite.name,
        made_at=key.made_at,
        rows=key.rows,
        note=note,
    )


def _require_any(keys: Sequence[object]) -> None:
    if not keys:
        raise UsageError("this home has no such key yet", hint="see creditconnect keys list")
