"""A chain key that lives in a signer of its own (Web3Signer's eth1 API): asked for signatures, never for the key.

    POST {url}/api/v1/eth1/sign/{public key}   {"data": 0x, the unsigned transaction}   ->   0x, r 32 | s 32 | v 1

The signer hashes (Keccak-256) and signs what it is given. What it answers is believed only if it is this key's
signature of this very transaction: a signer that is wrong, or someone between, can refuse but not have anything else
sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import rlp
import urllib3
from eth_keys.datatypes import PublicKey, Signature
from eth_keys.exceptions import BadSignature

from creditconnect.chain.signing import KeystoreSigner, SignedTransaction, Signer, read_key_file
from creditconnect.custody.private_files import create_json
from creditconnect.errors import SettingsError, SignerRefused, SignerUnreachable, UsageError

FORMAT = "creditconnect-remote-key/1"
TIMEOUT_SECONDS = 10.0
PUBLIC_KEY_BYTES = 64
# secp256k1's group order. A signature whose s is above half of it is refused by every chain (EIP-2).
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class RemoteSigner:
    """Signs for one address by asking its signer."""

    def __init__(self, url: str, public_key: bytes) -> None:
        """`public_key` is 64 bytes, uncompressed, without the leading 04."""
        self._public_key = PublicKey(public_key)
        self._pool = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False)
        self.url = url.rstrip("/")
        self.address: str = self._public_key.to_address()

    @classmethod
    def read(cls, path: Path) -> RemoteSigner:
        """The signer that a key file names.

        Raises:
            SettingsError: it is no such file.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["format"] != FORMAT:
                raise ValueError
            return cls(_checked_url(document["url"]), _public_key(document["public_key"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError):
            raise SettingsError(
                f"{path}: is not a {FORMAT} file", hint="it names a url and a public_key of 64 bytes in hex"
            ) from None

    def write(self, path: Path) -> None:
        """Write the key file, which holds no secret.

        Raises:
            FileExistsError: a key file is never overwritten.
        """
        create_json(path, {"format": FORMAT, "url": self.url, "public_key": self._public_key.to_hex()})

    def sign(self, transaction: dict[str, Any]) -> SignedTransaction:
        """Have a transaction signed, given by JSON-RPC's member names with integers and bytes.

        Raises:
            SignerUnreachable: no answer; nothing was signed or sent. SignerRefused: an error, or not this signature.
        """
        envelope, fields, chain_id = _unsigned(transaction)
        unsigned = envelope + rlp.encode([*fields, *([] if envelope else [chain_id, b"", b""])])
        r, s, parity = self._signature(unsigned)
        v = parity if envelope else parity + 35 + 2 * chain_id  # EIP-2930 and 1559; EIP-155
        raw = envelope + rlp.encode([*fields, v, r, s])
        return SignedTransaction(raw, _keccak(raw))

    def _signature(self, unsigned: bytes) -> tuple[int, int, int]:
        answer = _asked(self._pool, "POST", self._endpoint(), {"data": "0x" + unsigned.hex()})
        try:
            r, s, parity = _signature_parts(bytes.fromhex(answer.decode("ascii").strip().strip('"').removeprefix("0x")))
            signer = Signature(vrs=(parity, r, s)).recover_public_key_from_msg(unsigned)
        except (ValueError, BadSignature):
            raise SignerRefused(f"{self.url}: answered what is no signature", hint="is the URL a signer's?") from None
        if signer != self._public_key:
            raise SignerRefused(
                f"{self.url}: signed with another key than {self.address}'s, or something else",
                hint="check which keys the signer holds; nothing was sent",
            )
        return r, s, parity

    def _endpoint(self) -> str:
        return f"{self.url}/api/v1/eth1/sign/{self._public_key.to_hex()}"


def open_signer(path: Path, passphrase: Callable[[], str]) -> Signer:
    """What signs for a key file: a keystore's key, or the remote signer that the file names, which has no passphrase.

    Raises:
        SettingsError: the file is missing, or is neither; WrongPassphrase: the keystore does not open.
    """
    if read_key_file(path).get("format") is None:
        return KeystoreSigner.open(path, passphrase())
    return RemoteSigner.read(path)


def find_remote_signer(named: str) -> RemoteSigner:
    """The signer named by `URL` or `URL#PUBLIC_KEY`; without a key the signer must hold exactly one.

    Raises:
        UsageError: no URL or no key; SignerUnreachable, SignerRefused: as the signer answers.
    """
    url, _, key = named.partition("#")
    url = _checked_url(url)
    if key:
        return RemoteSigner(url, _public_key(key))
    pool = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False)
    try:
        keys = json.loads(_asked(pool, "GET", f"{url.rstrip('/')}/api/v1/eth1/publicKeys", None))
    except ValueError:
        keys = None
    if not isinstance(keys, list) or not all(isinstance(one, str) for one in keys):
        raise SignerRefused(f"{url}: did not list its public keys", hint="is the URL a Web3Signer's, started as eth1?")
    if len(keys) != 1:
        raise UsageError(f"{url}: holds {len(keys)} keys", hint="say which: URL#PUBLIC_KEY")
    return RemoteSigner(url, _public_key(keys[0]))


def _signature_parts(signature: bytes) -> tuple[int, int, int]:
    """r, s and the parity of a signature's 65 bytes, whose last is 0 or 1, or 27 or 28 as Web3Signer has it."""
    if len(signature) != 65:
        raise ValueError("a signature is 65 bytes")
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (0, 1, 27, 28) or not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        raise ValueError("out of the curve's bounds")
    return r, s, v % 27


def _unsigned(transaction: dict[str, Any]) -> tuple[bytes, list[Any], int]:
    """Envelope's type byte, fields up to the signature, chain id: legacy with EIP-155, or EIP-1559."""
    chain_id = int(transaction["chainId"])
    to = bytes.fromhex(transaction["to"].removeprefix("0x"))
    called = [transaction["gas"], to, transaction["value"], transaction["data"]]
    if transaction.get("type") == 2:
        fees = [transaction["maxPriorityFeePerGas"], transaction["maxFeePerGas"]]
        return b"\x02", [chain_id, transaction["nonce"], *fees, *called, []], chain_id
    return b"", [transaction["nonce"], transaction["gasPrice"], *called], chain_id


def _asked(pool: urllib3.PoolManager, method: str, url: str, document: object) -> bytes:
    body = None if document is None else json.dumps(document)
    named = url.partition("/api/")[0]
    try:
        response = pool.request(method, url, body=body, headers={"Content-Type": "application/json"})
    except urllib3.exceptions.HTTPError as error:
        raise SignerUnreachable(
            f"{named}: the signer does not answer ({type(error).__name__})", hint="nothing was sent; try again"
        ) from None
    if response.status == 404:
        raise SignerRefused(f"{named}: the signer has no such key", hint="load the key there, or correct the key file")
    if response.status != 200:
        raise SignerRefused(f"{named}: the signer answered HTTP {response.status}", hint="see its log")
    return response.data


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise UsageError("a signer is named by an http(s) URL without a password", hint="e.g. http://127.0.0.1:9000")
    return url


def _public_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        key = b""
    key = key.removeprefix(b"\x04") if len(key) == PUBLIC_KEY_BYTES + 1 else key
    if len(key) != PUBLIC_KEY_BYTES:
        raise UsageError("a public key is 64 bytes in hex (secp256k1, uncompressed)")
    return key


def _keccak(data: bytes) -> bytes:
    from eth_hash.auto import keccak

    return bytes(keccak(data))
