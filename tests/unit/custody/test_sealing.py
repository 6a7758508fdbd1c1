"""Promise: what is sealed opens in its own row under its own key, whole and unaltered, or not at all."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from creditconnect.custody.sealing import NONCE_BYTES, Sealer, Sm4Gcm
from creditconnect.errors import Tampered
from creditconnect.types import SALT_BYTES, Derived, Suite

KEY = bytes(range(32))
NONCE = b"\1" * NONCE_BYTES
SALT = b"\2" * SALT_BYTES
CANONICAL = b'{"name":"Synthetic Person"}'
DERIVED = Derived(b"\3" * 8, b"\4" * 24)


@pytest.fixture
def sealer(suite: Suite) -> Sealer:
    return Sealer(suite, 2, KEY)


@pytest.fixture
def sealed(sealer: Sealer) -> bytes:
    return sealer.seal(NONCE, SALT, CANONICAL, DERIVED)


def test_open__what_was_sealed__salt_and_canonical_bytes(sealer: Sealer, sealed: bytes) -> None:
    assert sealer.open(sealed, DERIVED) == (SALT, CANONICAL)
    assert CANONICAL not in sealed
    assert SALT not in sealed
    assert len(sealed) == NONCE_BYTES + SALT_BYTES + len(CANONICAL) + 16


def test_seal__as_documented__opened_by_hand(sealed: bytes, suite: Suite) -> None:
    """Known layout: what a vault holds must open for ever."""
    items = (b"creditconnect/sealed", b"\1", bytes([suite]), b"\0\0\0\2", DERIVED.record_hash + DERIVED.commitment)
    associated = b"".join(struct.pack(">I", len(item)) + item for item in items)
    assert sealed[:NONCE_BYTES] == NONCE
    cipher = AESGCM(KEY) if suite == Suite.SHA256_AES256GCM else Sm4Gcm(KEY[:16])
    assert cipher.decrypt(NONCE, sealed[NONCE_BYTES:], associated) == SALT + CANONICAL


def test_sm4_gcm__the_standards_vector__equal(vectors: Callable[[str], Any]) -> None:
    """RFC 8998, appendix A.1."""
    vector = {name: bytes.fromhex(text) for name, text in vectors("sm")["sm4_gcm"].items()}
    cipher = Sm4Gcm(vector["key"])
    encrypted = cipher.encrypt(vector["nonce"], vector["plain"], vector["associated"])
    assert encrypted == vector["cipher"] + vector["tag"]
    assert cipher.decrypt(vector["nonce"], encrypted, vector["associated"]) == vector["plain"]


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


def test_open__under_another_key_number_or_suite__tampered(sealed: bytes, suite: Suite) -> None:
    (another,) = set(Suite) - {suite}
    for other in (Sealer(suite, 3, KEY), Sealer(suite, 2, b"\7" * 32), Sealer(another, 2, KEY)):
        with pytest.raises(Tampered):
            other.open(sealed, DERIVED)
