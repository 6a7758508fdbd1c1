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

    def keys_rotate_exchange(self, *, hybrid: bool | None = None, publish: bool = True) -> KeyStanding:
        """Have packages for this institution sealed to a new key from now on; older ones go on opening.

        It is `hybrid` or not as the published one is, unless told; where none of this home's is, as the newest here.

        A key that waits to be published is taken before another is made, so the same call again goes on after any
        interruption. Without `publish`, and in a home without a review account, it is made and waits: the institution's
        authority publishes it.

        Raises:
            Reverted: the registry lets this account not. SettingsError: it knows no such institution.
        """
        keys = self._exchange_keys.all()
        published = self._published(self.final_block()) if keys else b""
        key = _waiting(keys, published, hybrid)
        if key is None:
            key = self._exchange_keys.make(self._keyring, _suite_to_make(keys, published, hybrid))
        if not publish or not self.settings.key_file("review").exists():
            return self._exchange_standing(key, b"", 0)
        number = self._own_id(self.final_block())
        data = self.registry.abi.encode_call("setEncryptionKey", number, int(key.suite), key.public)
        self._call("review", "setEncryptionKey", data)
        return self._exchange_standing(key, key.hash, key.number)

    def keys_retire_exchange(self, number: int) -> KeyStanding:
        """Destroy the secret of a key that another has replaced: what was sealed to it stays sealed.

        Raises:
            UsageError: there is no such key, the registry still has it, or it is the newest and may yet be published.
        """
        key, published = self._exchange_keys.get(number), self._published(self.final_block())
        newest = self._exchange_keys.all()[-1]
        if key.hash == published:
            raise UsageError(
                f"exchange key {number} is published: packages are sealed to it now",
                hint="creditconnect keys rotate exchange first",
            )
        if key == newest and key.wrapped is not None:
            raise UsageError(
                f"exchange key {number} waits to be published, which your authority may do at any time",
                hint="creditconnect keys rotate exchange publishes it; it can be retired once another has replaced it",
            )
        return self._exchange_standing(self._exchange_keys.retire(number), published, number)

    # ------------------------------------------------------------------------------------------------------- private

    def _exchange_standings(self, block: Block | None) -> list[KeyStanding]:
        keys = self._exchange_keys.all()
        published = None if block is None else self._published(block)
        latest = next((key.number for key in keys if key.hash == published), 0)
        return [self._exchange_standing(key, published, latest) for key in keys]

    def _exchange_standing(self, key: ExchangeKey, published: bytes | None, latest: int) -> KeyStanding:
        """`published` is the hash in the registry, `latest` the number of the key of that hash, 0 if it is none's.

        Where no node tells, `published` is None.
        """
        here = None if published is None else key.hash == published
        state = KeyState.CURRENT if here else KeyState.OPENS if key.number <= latest else KeyState.NEXT
        if here is None:
            state = KeyState.UNKNOWN
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


def _waiting(keys: list[ExchangeKey], published: bytes, hybrid: bool | None) -> ExchangeKey | None:
    """The newest key, if it is not published and, where that was told, of the suite that is wanted."""
    if not keys or keys[-1].wrapped is None or keys[-1].hash == published:
        return None
    return keys[-1] if hybrid in (None, keys[-1].suite == ExchangeSuite.MLKEM768_X25519_AES256GCM) else None


def _suite_to_make(keys: list[ExchangeKey], published: bytes, hybrid: bool | None) -> ExchangeSuite:
    if hybrid is None and keys:
        return next((key for key in keys if key.hash == published), keys[-1]).suite
    return ExchangeSuite.MLKEM768_X25519_AES256GCM if hybrid else ExchangeSuite.X25519_AES256GCM
