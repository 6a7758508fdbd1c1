"""The sealed packages of tests/vectors/sealed.json, opened by ours and by RFC 9180 written out here.

The second opening uses HMAC, X25519, ML-KEM and AES-GCM alone, so that what the document promises is what is done:
DHKEM(X25519, HKDF-SHA256) and MLKEM768-X25519 (X-Wing), each with HKDF-SHA256 and AES-256-GCM, base mode, no AAD.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from creditconnect.custody import hpke
from creditconnect.custody.exchange_keys import key_hash
from creditconnect.custody.sealed_packages import open_package, read_envelope
from creditconnect.types import ExchangeSuite

VECTORS = Path(__file__).parents[2] / "vectors"
SEALED: list[dict[str, Any]] = json.loads((VECTORS / "sealed.json").read_text(encoding="utf-8"))["sealed"]
PACKAGE = json.loads((VECTORS / "package.json").read_text(encoding="utf-8"))["package"].encode()
DHKEM_X25519, MLKEM768_X25519, HKDF_SHA256, AES_256_GCM = 0x0020, 0x647A, 0x0001, 0x0002
XWING_LABEL = b"\\.//^\\"


def extract(suite_id: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    """LabeledExtract (RFC 9180, 4)."""
    return hmac.digest(salt or b"\0" * 32, b"HPKE-v1" + suite_id + label + key, "sha256")


def expand(suite_id: bytes, secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand (RFC 9180, 4), of one block."""
    assert length <= 32
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info
    return hmac.digest(secret, labeled + b"\x01", "sha256")[:length]


def decapsulated_x25519(secret: bytes, encapsulated: bytes) -> bytes:
    """Decap of DHKEM (RFC 9180, 4.1)."""
    own = X25519PrivateKey.from_private_bytes(secret)
    suite_id = b"KEM" + DHKEM_X25519.to_bytes(2, "big")
    shared = own.exchange(X25519PublicKey.from_public_bytes(encapsulated))
    context = encapsulated + own.public_key().public_bytes_raw()
    return expand(suite_id, extract(suite_id, b"", b"eae_prk", shared), b"shared_secret", context, 32)


def decapsulated_xwing(secret: bytes, encapsulated: bytes) -> bytes:
    """Decapsulate of X-Wing (draft-connolly-cfrg-xwing-kem, 5.5)."""
    expanded = hashlib.shake_256(secret).digest(96)
    curve = X25519PrivateKey.from_private_bytes(expanded[64:])
    lattice_secret = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).decapsulate(encapsulated[:1088])
    curve_secret = curve.exchange(X25519PublicKey.from_public_bytes(encapsulated[1088:]))
    parts = lattice_secret + curve_secret + encapsulated[1088:] + curve.public_key().public_bytes_raw()
    return hashlib.sha3_256(parts + XWING_LABEL).digest()


def opened_by_the_book(kem: int, shared: bytes, info: bytes, sealed: bytes) -> bytes:
    """Open of a base mode's first message: KeySchedule (RFC 9180, 5.1) and 5.2."""
    suite_id = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem, HKDF_SHA256, AES_256_GCM))
    context = b"\0" + extract(suite_id, b"", b"psk_id_hash", b"") + extract(suite_id, b"", b"info_hash", info)
    secret = extract(suite_id, shared, b"secret", b"")
    key, nonce = (expand(suite_id, secret, label, context, n) for label, n in ((b"key", 32), (b"base_nonce", 12)))
    return AESGCM(key).decrypt(nonce, sealed, b"")


@pytest.mark.parametrize("vector", SEALED, ids=lambda vector: f"suite {vector['suite']}")
def test_sealed__of_the_vector__opens_to_the_package(vector: dict[str, Any]) -> None:
    sealed, secret = bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["secret"])
    envelope = read_envelope(sealed)
    public = hpke.public_key(envelope.suite, secret)
    assert public.hex() == vector["public"]
    assert key_hash(public).hex() == vector["key_hash"] == envelope.key_hash.hex()
    assert (envelope.suite, envelope.sender, envelope.recipient) == (vector["suite"], "HK-CRA-01", "SZ-BANK-01")
    assert open_package(sealed, lambda found: hpke.private_key(found.suite, secret)) == PACKAGE


@pytest.mark.parametrize("vector", SEALED, ids=lambda vector: f"suite {vector['suite']}")
def test_sealed__of_the_vector__opens_by_the_standard_alone(vector: dict[str, Any]) -> None:
    sealed, secret = bytes.fromhex(vector["sealed"]), bytes.fromhex(vector["secret"])
    first, second, body = sealed.split(b"\n", 2)
    lines = first + b"\n" + second + b"\n"
    if vector["suite"] == ExchangeSuite.X25519_AES256GCM:
        shared, kem, enc = decapsulated_x25519(secret, body[:32]), DHKEM_X25519, 32
    else:
        shared, kem, enc = decapsulated_xwing(secret, body[:1120]), MLKEM768_X25519, 1120
    assert opened_by_the_book(kem, shared, lines, body[enc:]) == PACKAGE


def test_vector__has_every_suite() -> None:
    assert [vector["suite"] for vector in SEALED] == [int(suite) for suite in ExchangeSuite]
