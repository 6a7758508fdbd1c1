"""Packages sealed and opened by what a client does for each, against the bare HPKE calls of the same library."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as Hpke

from benchmarks.preparing import pin_to_one_core
from benchmarks.results import Result, Target
from benchmarks.timing import best_in_turns, require_count
from creditconnect.custody import hpke
from creditconnect.custody.exchange_keys import ExchangeKeys, key_hash
from creditconnect.custody.keyring import KEY_BYTES, Keyring
from creditconnect.custody.packages import Package, write_package
from creditconnect.custody.sealed_packages import Envelope, open_package, seal_package
from creditconnect.records.canonical import canonicalise
from creditconnect.records.schemas import DOCUMENT, SchemaCatalogue
from creditconnect.types import ChainIdentity, Derived, ExchangeSuite, Suite

ROUNDS = 5
SENDER, RECIPIENT = "CRA-HK-01", "BANK-SZ-01"
KEMS = {ExchangeSuite.X25519_AES256GCM: KEM.X25519, ExchangeSuite.MLKEM768_X25519_AES256GCM: KEM.MLKEM768_X25519}
_SEALED_IS = (
    "one encrypt a package by cryptography's HPKE alone: the same bytes and info, its key object made beforehand"
)
_OPENED_IS = (
    "one decrypt a package by cryptography's HPKE alone: the same bodies and info, its key object made beforehand"
)


def seal_vs_hpke(quick: bool) -> list[Result]:
    """Packages a second, sealed under an envelope each; for each suite."""
    return [_sealing(suite, 200 if quick else 2_000) for suite in ExchangeSuite]


def open_vs_hpke(quick: bool) -> list[Result]:
    """Packages a second, each opened by the key that its envelope names, of those in a home's file; for each suite."""
    return [_opening(suite, 200 if quick else 2_000) for suite in ExchangeSuite]


def _sealing(suite: ExchangeSuite, count: int) -> Result:
    pin_to_one_core()
    packages = _packages(count)
    secret = os.urandom(hpke.SECRET_BYTES)
    public = hpke.public_key(suite, secret)
    info = _lines(seal_package(packages[0], _envelope(suite, public), public))
    bare, key = _bare(suite), hpke.private_key(suite, secret).public_key()

    def ours() -> None:
        sealed = [seal_package(package, _envelope(suite, public), public) for package in packages]
        require_count(count, len(sealed))

    def reference() -> None:
        require_count(count, len([bare.encrypt(package, key, info=info) for package in packages]))

    return _result("seal_vs_hpke", suite, count, best_in_turns(ours, reference, ROUNDS), _SEALED_IS)


def _opening(suite: ExchangeSuite, count: int) -> Result:
    pin_to_one_core()
    packages = _packages(count)
    with tempfile.TemporaryDirectory(prefix="creditconnect-bench-") as folder:
        keyring = Keyring(os.urandom(KEY_BYTES))
        keys = ExchangeKeys(Path(folder) / "exchange-keys.json", clock=time.time)
        made = keys.make(keyring, suite)
        sealed = [seal_package(package, _envelope(suite, made.public), made.public) for package in packages]
        info = _lines(sealed[0])
        bare, key = _bare(suite), hpke.private_key(suite, keys.secret(made, keyring))
        bodies = [data[len(info) :] for data in sealed]

        def key_for(envelope: Envelope) -> hpke.PrivateKey:
            named = keys.by_hash(envelope.key_hash)
            if named is None:
                raise KeyError(envelope.key_hash.hex())
            return keys.private_key(named, keyring)

        def ours() -> None:
            require_count(
                count, sum(open_package(data, key_for) == plain for data, plain in zip(sealed, packages, strict=True))
            )

        def reference() -> None:
            opened = (bare.decrypt(body, key, info=info) == plain for body, plain in zip(bodies, packages, strict=True))
            require_count(count, sum(opened))

        timed = best_in_turns(ours, reference, ROUNDS)
    return _result("open_vs_hpke", suite, count, timed, _OPENED_IS)


def _result(name: str, suite: ExchangeSuite, count: int, timed: tuple[float, float], reference_is: str) -> Result:
    own, other = timed
    ending = "" if suite == ExchangeSuite.X25519_AES256GCM else "_hybrid"
    return Result(name + ending, "packages/s", count / own, count / other, reference_is, Target(0.5))


def _packages(count: int) -> Sequence[bytes]:
    schema = SchemaCatalogue().load(DOCUMENT)
    chain = _chain()
    return [
        write_package(
            Package(
                provider=SENDER,
                schema=schema.id,
                schema_hash=schema.hash,
                suite=Suite.SHA256_AES256GCM,
                salt=os.urandom(32),
                canonical=_document(number),
                derived=Derived(os.urandom(8), os.urandom(24)),
                chain=chain,
            )
        )
        for number in range(count)
    ]


def _document(number: int) -> bytes:
    named = {"media_type": "application/pdf", "name": f"{number:06}.pdf", "sha256": os.urandom(32).hex()}
    return canonicalise({"document": {**named, "size_bytes": 100_000}})


def _chain() -> ChainIdentity:
    return ChainIdentity(31_337, b"\x11" * 32, "0x" + "33" * 20, b"\x22" * 32)


def _envelope(suite: ExchangeSuite, public: bytes) -> Envelope:
    return Envelope(suite, SENDER, RECIPIENT, key_hash(public), _chain())


def _bare(suite: ExchangeSuite) -> Hpke:
    return Hpke(KEMS[suite], KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def _lines(sealed: bytes) -> bytes:
    first, second, _ = sealed.split(b"\n", 2)
    return first + b"\n" + second + b"\n"
