"""All keys of a home by the commands: listed, rotated, retired, exported and imported; what is refused, and why."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from creditconnect.client import Client
from creditconnect.errors import WrongPassphrase
from creditconnect.home import make_home
from creditconnect.settings import load, new
from creditconnect.types import Suite
from tests.chain.console import Console
from tests.chain.homes import BUREAU_HK, CODES, SCRYPT_WORK, SZ, Stage, free_port, passphrase, write_rows
from tests.chain.test_remote_signing import KEY, signed_by, signer_server
from tests.chain.unchanged import files_of

NEW = "another passphrase of the vault"


def keys_of(console: Console, home: Path, kind: str = "data") -> list[dict[str, Any]]:
    return [one for one in console.does("keys", "list", "--json", home=home).json if one["kind"] == kind]


def sealed_under(console: Console, home: Path) -> dict[int, int]:
    return {one["number"]: one["rows"] for one in keys_of(console, home) if one["rows"]}


# ------------------------------------------------------------------------------------------------------- the whole list


def test_list__a_home_of_every_kind__one_table(console: Console, bureau: Path) -> None:
    console.does("keys", "rotate", "exchange", "--no-publish", home=bureau)
    shown = console.does("keys", "list", home=bureau).out
    lines = [line.split() for line in shown.splitlines()]
    assert "sealed rows" in shown
    assert ["data", "2", "SHA256_AES256GCM"] in [line[:3] for line in lines]
    for kind, said in (("exchange", "waits to be published"), ("submit", "in use, bound"), ("review", "in use, bound")):
        assert any(kind in line.split()[:1] and said in line for line in shown.splitlines()), shown
    (recognises, seals) = keys_of(console, bureau)
    assert (recognises["rows"], seals["rows"], seals["state"]) == (0, 1, "current")


def test_list__no_node_answers__tells_what_the_home_knows(console: Console, bureau: Path) -> None:
    console.does("keys", "rotate", "exchange", "--no-publish", home=bureau)
    settings = bureau / "settings.toml"
    url = load(bureau).nodes[0]
    settings.write_text(settings.read_text().replace(url, f"http://127.0.0.1:{free_port()}"))
    (exchange,) = keys_of(console, bureau, "exchange")
    assert (exchange["state"], exchange["registered"]) == ("unknown", None)
    shown = console.does("keys", "list", home=bureau).out
    assert "not known without a node" in shown
    assert "publish" not in shown
    (submit,) = keys_of(console, bureau, "submit")
    assert (submit["state"], submit["registered"]) == ("current", None)
    assert sealed_under(console, bureau) == {2: 1}


def test_list__before_the_institution_is_admitted__the_addresses_to_hand_over(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    made = new(tmp_path / "home", "CRA-HK-99", (stage.anvil.url,))
    with signer_server(signed_by(KEY), KEY) as url:
        addresses = make_home(
            made,
            stage.deployment,
            roles=("review",),
            ask=passphrase,
            remote_keys={"submit": url},
            scrypt_work=SCRYPT_WORK,
        )
    found = {one["kind"]: one for one in console.does("keys", "list", "--json", home=made.home).json}
    assert {kind: one["address"] for kind, one in found.items()} == addresses
    assert found["submit"]["remote"] == url
    assert {one["note"] for one in found.values()} == {"not bound"}
    assert f"held by {url}" in console.does("keys", "list", home=made.home).out
    assert not (made.home / "vault.db").exists()
    assert "no vault yet" in console.run("keys", "retire", "data", "1", home=made.home).complaint


# ------------------------------------------------------------------------------------------------------------ data keys


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_rotate_data__then_retire__records_are_reviewed_and_packaged_as_before(
    stage: Stage, console: Console, tmp_path: Path, suite: Suite
) -> None:
    home = stage.home(BUREAU_HK, tmp_path / "home", suite=suite).home
    console.does("submit", write_rows(tmp_path / "one.jsonl", 3), home=home)
    console.does("package", "--out", tmp_path / "before", home=home)
    assert "data key 2 is in use" in console.run("keys", "retire", "data", "2", home=home).complaint
    said = console.does("keys", "rotate", "data", "--json", home=home).json
    assert said == {"number": 3, "records": 3, "damaged": []}
    assert sealed_under(console, home) == {3: 3}
    console.does("keys", "retire", "data", "2", home=home)
    assert [one["state"] for one in keys_of(console, home)] == ["current", "retired", "current"]
    console.does("package", "--out", tmp_path / "after", home=home)
    assert _packages(tmp_path / "after") == _packages(tmp_path / "before")
    repeated = console.does("submit", tmp_path / "one.jsonl", "--json", home=home).json
    assert (repeated["accepted"], repeated["repeated"]) == (0, 3)


def test_rotate_data__while_a_client_is_at_work__it_goes_on_under_the_new_key(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    settings = stage.home(BUREAU_HK, tmp_path / "home")
    client = stage.open(settings)
    client.submit(write_rows(tmp_path / "one.jsonl", 3))
    console.does("keys", "rotate", "data", home=settings.home)
    assert client.submit(write_rows(tmp_path / "two.jsonl", 3, first=50)).registered == 3
    client.package_write(tmp_path / "packages")
    assert len(_packages(tmp_path / "packages")) == 6
    assert sealed_under(console, settings.home) == {3: 6}


def test_rotate_data__a_record_was_altered__the_rest_moves_and_it_is_named(console: Console, bureau: Path) -> None:
    with closing(sqlite3.connect(bureau / "vault.db")) as connection, connection:
        connection.execute("UPDATE records SET sealed = zeroblob(90)")
        (record_hash,) = connection.execute("SELECT record_hash FROM records").fetchone()
    said = console.run("keys", "rotate", "data", home=bureau)
    assert (said.code, said.err) == (1, "")
    assert f"record {record_hash.hex()}: does not open" in said.out
    complaint = console.run("keys", "retire", "data", "2", home=bureau).complaint
    assert "1 record(s) or other rows are sealed under data key 2" in complaint


def test_keys__changed_by_another_process__refused_in_a_line(console: Console, bureau: Path) -> None:
    before = files_of(bureau)
    with _keys_held(bureau):
        for command in (("rotate", "data"), ("rotate", "passphrase"), ("retire", "data", "2")):
            said = console.run("keys", *command, home=bureau)
            assert (said.code, "another process changes keys of this home: wait" in said.complaint) == (1, True)
    assert keys_of(console, bureau)[-1]["number"] == 2
    assert files_of(bureau)["keyring.json"] == before["keyring.json"]
    console.does("keys", "rotate", "data", home=bureau)


def test_rotate_data__with_another_vaults_keyring_or_a_wrong_passphrase__refused_and_nothing_is_made(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    made = new(tmp_path / "other", CODES[BUREAU_HK], (stage.anvil.url,))
    make_home(made, stage.deployment, roles=(), ask=passphrase, scrypt_work=SCRYPT_WORK)
    shutil.copy(made.home / "keyring.json", bureau / "keyring.json")
    before = keys_of(console, bureau)
    said = console.run("keys", "rotate", "data", home=bureau)
    assert (said.code, "vault.db: data key 1 does not open under this home's keyring" in said.complaint) == (1, True)
    console.set_passphrase("vault", "wrong")
    assert "does not open this keyring" in console.run("keys", "rotate", "data", home=bureau).complaint
    assert keys_of(console, bureau) == before


# ----------------------------------------------------------------------------------------------------------- passphrase


def test_rotate_passphrase__the_new_one_opens_and_the_old_one_no_more(
    console: Console, bureau: Path, tmp_path: Path
) -> None:
    assert (
        "set CREDITCONNECT_NEW_VAULT_PASSPHRASE_FILE"
        in console.run("keys", "rotate", "passphrase", home=bureau).complaint
    )
    console.set_passphrase("new_vault", NEW)
    former = (bureau / "keyring.json").read_bytes()
    console.does("keys", "rotate", "passphrase", home=bureau)
    assert "does not open this keyring" in console.run("package", "--out", tmp_path / "p", home=bureau).complaint
    console.set_passphrase("vault", NEW)
    console.does("package", "--out", tmp_path / "p", home=bureau)
    assert len(_packages(tmp_path / "p")) == 1
    assert (bureau / "keyring.json").stat().st_mode & 0o777 == 0o600
    assert (bureau / "keyring.json").read_bytes() != former
    assert not list(bureau.glob("*.next"))


def test_rotate_passphrase__with_a_wrong_one__changes_nothing(stage: Stage, bureau: Path) -> None:
    before = files_of(bureau)["keyring.json"]
    client = Client(load(bureau), ask=lambda name: "wrong" if name == "vault" else NEW, clock=stage.anvil.now)
    with client, pytest.raises(WrongPassphrase):
        client.keys_rotate_passphrase()
    assert files_of(bureau)["keyring.json"] == before


# ---------------------------------------------------------------------------------------------------- export and import


@pytest.fixture
def exporting(console: Console) -> Console:
    console.set_passphrase("export", "the export passphrase")
    return console


def test_import__the_keyring_is_lost__the_vault_opens_again_by_the_export(
    exporting: Console, bureau: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data.cckeys"
    exporting.does("package", "--out", tmp_path / "before", home=bureau)
    exporting.does("keys", "export", "data", "--out", out, home=bureau)
    assert out.stat().st_mode & 0o777 == 0o600
    assert "never overwritten" in exporting.run("keys", "export", "data", "--out", out, home=bureau).complaint
    (bureau / "keyring.json").unlink()
    lost = exporting.run("package", "--out", tmp_path / "after", home=bureau).complaint
    assert "there is no such keyring: restore it from a backup, or creditconnect keys import" in lost
    exporting.set_passphrase("vault", NEW)
    assert exporting.does("keys", "import", out, "--json", home=bureau).json == {
        "kind": "data",
        "keys": 2,
        "taken": [1, 2],
    }
    exporting.does("package", "--out", tmp_path / "after", home=bureau)
    assert _packages(tmp_path / "after") == _packages(tmp_path / "before")
    assert "not here before: none" in exporting.does("keys", "import", out, home=bureau).out


def test_import__altered_or_another_institutions_or_differing__refused_and_nothing_changes(
    stage: Stage, exporting: Console, bureau: Path, tmp_path: Path
) -> None:
    out, altered = tmp_path / "data.cckeys", tmp_path / "altered.cckeys"
    exporting.does("keys", "export", "data", "--out", out, home=bureau)
    document = json.loads(out.read_text())
    document["sealed"] = document["sealed"][:-1] + ("0" if document["sealed"][-1] != "0" else "1")
    altered.write_text(json.dumps(document, indent=2))

    own = stage.home(BUREAU_HK, tmp_path / "own").home
    exporting.does("submit", write_rows(tmp_path / "one.jsonl", 1), "--detach", home=own)
    before = keys_of(exporting, own)
    others = stage.home(SZ + 1, tmp_path / "others").home
    for file, home, complaint in (
        (altered, own, "altered.cckeys: the passphrase does not open it, or it was altered"),
        (out, own, "data key 1 is there already, and is another"),
        (out, others, "data.cckeys: holds keys of CRA-HK-01, this home is CRA-SZ-01"),
        (tmp_path / "one.jsonl", own, "one.jsonl: is not a creditconnect-key-export/1 file"),
        (tmp_path / "none", own, "none: can't be read (No such file or directory)"),
    ):
        assert complaint in exporting.run("keys", "import", file, home=home).complaint
    assert keys_of(exporting, own) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("rotate", "seal"),
        ("rotate", "data", "--hybrid"),
        ("rotate", "exchange", "--remote", "http://127.0.0.1:1"),
        ("retire", "passphrase", "1"),
        ("retire", "data", "one"),
        ("retire", "exchange", "-"),
        ("export", "passphrase", "--out", "x"),
        ("export", "exchange", "--out", "x"),
    ],
)
def test_keys__what_can_not_be_asked__is_a_usage_error_in_a_line(
    exporting: Console, bureau: Path, arguments: tuple[str, ...]
) -> None:
    said = exporting.run("keys", *arguments, home=bureau)
    assert said.code == 2
    assert said.complaint


def _packages(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@contextmanager
def _keys_held(home: Path) -> Iterator[None]:
    program = (
        "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); fcntl.flock(d, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    (home / "locks").mkdir(exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(home / "locks" / "keys.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.kill()
