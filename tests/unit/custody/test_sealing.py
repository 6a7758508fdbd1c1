"""Promise: what is sealed opens in its own row under its own key, whole and unaltered, or not at all."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from creditconnect.custody.sealing import NONCE_BYTES, Sealer
from creditconnect.errors import Tampered
from creditconnect.types import SALT_BYTES, Derived, Suite

KEY = bytes(range(32))
NONCE = b"\1" * NONCE_BYTES
SALT = b"\2" * SALT_BYTES
CANONICAL = b'{"name":"Synthetic Person"}'
DERIVED = Derived(b"\3" * 8, b"\4" * 24)


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(Suite.SHA256_AES256GCM, 2, KEY)


@pytest.fixture
def sealed(sealer: Sealer) -> bytes:
    return sealer.seal(NONCE, SALT, CANONICAL, DERIVED)


def test_open__what_was_sealed__salt_and_canonical_bytes(sealer: Sealer, sealed: bytes) -> None:
    assert sealer.open(sealed, DERIVED) == (SALT, CANONICAL)
    assert CANONICAL not in sealed
    assert SALT not in sealed
    assert len(sealed) == NONCE_BYTES + SALT_BYTES + len(CANONICAL) + 16


def test_seal__as_documented__opened_by_hand(sealed: bytes) -> None:
    """Known layout: what a vault holds must open for ever."""
    items = (b"creditconnect/sealed", b"\1", b"\1", b"\0\0\0\2", DERIVED.record_hash + DERIVED.commitment)
    associated = b"".join(struct.pack(">I", len(item)) + item for item in items)
    assert sealed[:NONCE_BYTES] == NONCE
    assert AESGCM(KEY).decrypt(NONCE, sealed[NONCE_BYTES:], associated) == SALT + CANONICAL


def test_open__every_byte_altered__tampered_and_nothing_more(sealer: Sealer, sealed: bytes) -> None:
    for at in range(len(sealed)):
        for flip in (1, 0x80, 0xFF):
            altered = sealed[:at] + bytes([sealed[at] ^ flip]) + sealed[at + 1 :]
            with pytest.raises(Tampered) as refused:
                sealer.open(altered, DERIVED)
            assert str(refused.value) == "a sealed record does not open"


def test_open__cut_anywhere_or_added_to__tampered(sealer: Sealer, sealed: bytes) -> None:
    for altered in (*(sealed[:length] for length in range(len(sealed))), sealed + b"\0", b"\0" + sealed):
        with pytest.raises(Tampered):
            sealer.open(altered, DERIVED)


def test_open__in_another_row__tampered(sealer: Sealer, sealed: bytes) -> None:
    whole = DERIVED.record_hash + DERIVED.commitment
    for at in range(len(whole)):
        altered = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        with pytest.raises(Tampered):
            sealer.open(sealed, Derived(altered[:8], altered[8:]))


def test_open__under_another_key_or_number__tampered(sealed: bytes) -> None:
    for other in (Sealer(Suite.SHA256_AES256GCM, 3, KEY), Sealer(Suite.SHA256_AES256GCM, 2, b"\7" * 32)):
        with pytest.raises(Tampered):
            other.open(sealed, DERIVED)
