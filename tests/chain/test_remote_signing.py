"""A chain key in a signer of its own: a small real server with Web3Signer's eth1 API, and what comes of its answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from eth_utils.address import to_checksum_address

from creditconnect.chain.remote_signing import ORDER, RemoteSigner, find_remote_signer, open_signer
from creditconnect.chain.signing import KeystoreSigner
from creditconnect.client import Client
from creditconnect.errors import SettingsError, SignerRefused, SignerUnreachable, UsageError
from creditconnect.home import make_home
from creditconnect.settings import new
from creditconnect.types import RecordState
from tests.chain.homes import BUREAU_HK, CODES, HK, SCRYPT_WORK, Stage, free_port, passphrase, write_rows

KEY = PrivateKey(bytes(31) + b"\x07")
OTHER_KEY = PrivateKey(bytes(31) + b"\x08")
# With its checksum, which eth_account asks for.
CALLEE = to_checksum_address("0x" + "ab" * 20)
LEGACY = {"gasPrice": 1, "chainId": 31337, "nonce": 3, "gas": 21_000, "value": 0, "to": CALLEE, "data": b"x"}
WITH_BASE_FEE = {name: value for name, value in LEGACY.items() if name != "gasPrice"} | {
    "type": 2,
    "maxFeePerGas": 9,
    "maxPriorityFeePerGas": 1,
}

Answer = Callable[[bytes], tuple[int, bytes]]


def signed_by(key: PrivateKey, *, v_offset: int = 27, greater_s: bool = False) -> Answer:
    """What a signer answers for the bytes it is to sign: r, s and v in hex."""

    def answer(data: bytes) -> tuple[int, bytes]:
        v, r, s = key.sign_msg(data).vrs
        if greater_s:
            v, s = 1 - v, ORDER - s
        return 200, b"0x" + (r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v + v_offset])).hex().encode()

    return answer


@contextmanager
def signer_server(answer: Answer, *keys: PrivateKey) -> Iterator[str]:
    """A server with Web3Signer's two paths: the public keys that it holds, and signing with one of them."""
    names = [key.public_key.to_hex() for key in keys]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(200, json.dumps(names).encode())

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            known = self.path.removeprefix("/api/v1/eth1/sign/") in names
            self._reply(*(answer(bytes.fromhex(body["data"][2:])) if known else (404, b"")))

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("transaction", [LEGACY, WITH_BASE_FEE], ids=["legacy", "with base fee"])
@pytest.mark.parametrize("v_offset", [0, 27])
def test_sign__either_kind_of_transaction__is_what_the_keystore_would_sign(
    transaction: dict[str, object], v_offset: int
) -> None:
    with signer_server(signed_by(KEY, v_offset=v_offset), KEY) as url:
        signed = RemoteSigner(url, KEY.public_key.to_bytes()).sign(dict(transaction))
    # Both are deterministic (RFC 6979).
    assert signed == KeystoreSigner(KEY.to_bytes()).sign(dict(transaction))
    assert Account.recover_transaction(signed.raw).lower() == KEY.public_key.to_address()


@pytest.mark.parametrize(
    "answer",
    [
        signed_by(OTHER_KEY),
        signed_by(KEY, greater_s=True),
        signed_by(KEY, v_offset=5),
        lambda data: signed_by(KEY)(data + b"\0"),
        lambda _: (200, b"0x"),
        lambda _: (200, b"0x" + b"00" * 65),
        lambda _: (200, b"\xff\xfe"),
        lambda _: (500, b"boom"),
        lambda _: (404, b""),
    ],
    ids=["another key", "greater s", "no v", "other bytes", "empty", "noughts", "no text", "error", "no such key"],
)
def test_sign__an_answer_that_is_not_this_keys_signature__is_refused(answer: Answer) -> None:
    with signer_server(answer, KEY) as url, pytest.raises(SignerRefused, match=r"127\.0\.0\.1"):
        RemoteSigner(url, KEY.public_key.to_bytes()).sign(dict(LEGACY))


def test_sign__nobody_answers__says_that_nothing_was_sent() -> None:
    signer = RemoteSigner(f"http://127.0.0.1:{free_port()}", KEY.public_key.to_bytes())
    with pytest.raises(SignerUnreachable, match="nothing was sent"):
        signer.sign(dict(LEGACY))


def test_find__one_key_held__is_taken_and_several_must_be_told_apart() -> None:
    with signer_server(signed_by(KEY), KEY) as url:
        assert find_remote_signer(url).address == KEY.public_key.to_address()
    with signer_server(signed_by(KEY), KEY, OTHER_KEY) as url:
        with pytest.raises(UsageError, match="holds 2 keys"):
            find_remote_signer(url)
        named = find_remote_signer(f"{url}#0x04{OTHER_KEY.public_key.to_hex()[2:]}")
        assert named.address == OTHER_KEY.public_key.to_address()


@pytest.mark.parametrize("named", ["127.0.0.1:9000", "ftp://a", "http://u:p@host", "http://host#12", "http://host#zz"])
def test_find__no_url_or_no_key__is_a_usage_error(named: str) -> None:
    with pytest.raises(UsageError):
        find_remote_signer(named)


@pytest.mark.parametrize(
    "text", ['{"format": "creditconnect-remote-key/2"}', '{"format": "creditconnect-remote-key/1"}']
)
def test_open__a_file_of_another_form__names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "submit.json").write_text(text)
    with pytest.raises(SettingsError, match=r"submit\.json"):
        open_signer(tmp_path / "submit.json", lambda: pytest.fail("asked for a passphrase"))


def test_submit__with_keys_in_a_signer__registers_and_approves(stage: Stage, tmp_path: Path) -> None:
    """A home whose two chain keys stay in their signer, from init to an active record; it asks for no passphrase but
    the vault's."""
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return passphrase(name)

    with signer_server(signed_by(KEY), KEY) as submit, signer_server(signed_by(OTHER_KEY), OTHER_KEY) as review:
        settings = new(tmp_path / "home", CODES[BUREAU_HK], (stage.anvil.url,), require_registered_subjects=False)
        addresses = make_home(
            settings,
            stage.deployment,
            roles=(),
            ask=ask,
            remote_keys={"submit": submit, "review": review},
            scrypt_work=SCRYPT_WORK,
        )
        stage.scope(BUREAU_HK, roles=1, reviewed=True)
        for number, role in enumerate(("submit", "review"), start=1):
            stage.admin(HK, "setAccount", BUREAU_HK, addresses[role], number, True)
        with Client(settings, ask=ask, clock=stage.anvil.now) as client:
            assert (
                client.submit(write_rows(tmp_path / "rows.jsonl", 3), schema="personal-credit-report/1").registered == 3
            )
            (batch,) = client.review_list()
            assert batch.submitter.lower() == KEY.public_key.to_address()
            rows = client.review_rows(batch.id)
            client.review_approve(batch.id)
            (claim,) = client.find(rows[0].derived.record_hash).claims
    assert claim.state == RecordState.ACTIVE
    assert set(asked) == {"vault"}


def test_submit__the_signer_is_gone__nothing_is_lost_and_the_next_run_registers(stage: Stage, tmp_path: Path) -> None:
    port = free_port()
    settings = new(tmp_path / "home", CODES[BUREAU_HK], (stage.anvil.url,), require_registered_subjects=False)
    gone = f"http://127.0.0.1:{port}#{KEY.public_key.to_hex()}"
    make_home(
        settings, stage.deployment, roles=(), ask=passphrase, remote_keys={"submit": gone}, scrypt_work=SCRYPT_WORK
    )
    stage.admin(HK, "setAccount", BUREAU_HK, KEY.public_key.to_address(), 1, True)
    rows = write_rows(tmp_path / "rows.jsonl", 2)
    with Client(settings, ask=passphrase, clock=stage.anvil.now) as client, pytest.raises(SignerUnreachable):
        client.submit(rows, schema="personal-credit-report/1")
    with signer_server(signed_by(KEY), KEY) as url:
        (settings.home / "keys" / "submit.json").unlink()
        RemoteSigner(url, KEY.public_key.to_bytes()).write(settings.key_file("submit"))
        with Client(settings, ask=passphrase, clock=stage.anvil.now) as client:
            done = client.submit(rows, schema="personal-credit-report/1")
    assert (done.accepted, done.repeated, done.registered) == (0, 2, 2)
