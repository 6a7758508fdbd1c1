"""The part of a client that keeps its exchange keys: what packages for this institution are sealed to."""

from __future__ import annotations

from creditconnect.chain.blocks import Block
from creditconnect.chain.registry import Question
from creditconnect.client.key_standing import KeyKind, KeyStanding
from creditconnect.client.opened import Opened
from creditconnect.custody.exchange_keys import ExchangeKey
from creditconnect.errors import UsageError
from creditconnect.types import ExchangeSuite, KeyState


class ExchangeKeeping(Opened):
    """What an institution does with its exchange keys. Its review account publishes them, the first its authority."""

    def keys_rotate_exchange(self, *, hybrid: bool = False, publish: bool = True) -> KeyStanding:
        """Have packages for this institution sealed to a new key from now on; older ones go on opening.

        A key that waits to be published is taken before another is made, so the same call again goes on after any
        interruption. Without `publish`, and in a home without a review account, it is made and waits: the institution's
        authority publishes it.

        Raises:
            Reverted: the registry lets this account not. SettingsError: it knows no such institution.
        """
        key = self._waiting(hybrid)
        if key is None:
            suite = ExchangeSuite.MLKEM768_X25519_AES256GCM if hybrid else ExchangeSuite.X25519_AES256GCM
            key = self._exchange_keys.make(self._keyring, suite)
        if not publish or not self.settings.key_file("review").exists():
            return self._exchange_standing(key, b"", 0)
        number = self._own_id(self.final_block())
        data = self.registry.abi.encode_call("setEncryptionKey", number, int(key.suite), key.public)
        self._call("review", "setEncryptionKey", data)
        return self._exchange_standing(key, key.hash, key.number)

    def keys_retire_exchange(self, number: int) -> KeyStanding:
        """Destroy the secret of a key that another has replaced: what was sealed to it stays sealed.

        Raises:
            UsageError: there is no such key, or the registry still has it.
        """
        key, published = self._exchange_keys.get(number), self._published(self.final_block())
        if key.hash == published:
            raise UsageError(
                f"exchange key {number} is published: packages are sealed to it now",
                hint="creditconnect keys rotate exchange first",
            )
        return self._exchange_standing(self._exchange_keys.retire(number), published, number)

    # ------------------------------------------------------------------------------------------------------- private

    def _exchange_standings(self, block: Block | None) -> list[KeyStanding]:
        keys = self._exchange_keys.all()
        published = None if block is None else self._published(block)
        latest = next((key.number for key in keys if key.hash == published), 0)
        return [self._exchange_standing(key, published, latest) for key in keys]

    def _waiting(self, hybrid: bool) -> ExchangeKey | None:
        """The newest key, if it is newer than the one that is published."""
        keys = self._exchange_keys.all()
        newest = keys[-1] if keys else None
        if newest is None or newest.wrapped is None:
            return None
        if hybrid and newest.suite != ExchangeSuite.MLKEM768_X25519_AES256GCM:
            return None
        return None if newest.hash == self._published(self.final_block()) else newest

    def _exchange_standing(self, key: ExchangeKey, published: bytes | None, latest: int) -> KeyStanding:
        """`published` is the hash in the registry, `latest` the number of the key of that hash, 0 if it is none's."""
        here = None if published is None else key.hash == published
        state = KeyState.CURRENT if here else KeyState.OPENS if key.number <= latest else KeyState.NEXT
        if key.wrapped is None:
            state = KeyState.RETIRED
        note = "published" if here else ""
        return KeyStanding(
            KeyKind.EXCHANGE,
            state,
            number=key.number,
            suite=key.suite.name,
            made_at=key.made_at,
            hash=key.hash,
            public=key.public,
            registered=here,
            note=note,
        )

    def _published(self, block: Block) -> bytes:
        """The hash of this institution's key in the registry; no bytes at all where there is none."""
        (answer,) = self.registry.ask([Question("institutionOf", (self._registered_id(block),))], block)
        kept: bytes = answer["encryptionKeyHash"]
        return kept if any(kept) else b""
