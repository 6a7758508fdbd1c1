"""Chain accounts from one key to the next, by the commands: made, bound, in use, retired; imported and exported."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from creditconnect.chain.key_files import KeyFiles
from creditconnect.chain.signing import create_keystore
from creditconnect.errors import SettingsError
from creditconnect.types import KeyState
from tests.chain.console import Console
from tests.chain.homes import BUREAU_HK, HK, SCRYPT_WORK, Stage, passphrase, write_rows
from tests.chain.test_remote_signing import KEY, OTHER_KEY, signed_by, signer_server

SUBMIT = 1
SCHEMA = ("--schema", "personal-credit-report/1")


@pytest.fixture
def home(stage: Stage, tmp_path: Path) -> Path:
    return stage.home(BUREAU_HK, tmp_path / "home").home


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    """A keystore from elsewhere, under the submit passphrase."""
    create_keystore(tmp_path / "elsewhere.json", passphrase("submit"), scrypt_work=SCRYPT_WORK)
    return tmp_path / "elsewhere.json"


def addresses(console: Console, home: Path) -> dict[str, str]:
    """The submit accounts' addresses by their keys' state."""
    listed = console.does("keys", "list", "--json", home=home).json
    return {one["state"]: one["address"] for one in listed if one["kind"] == "submit"}


def test_rotate__from_the_old_key_to_the_new__records_go_on_and_the_old_can_be_removed(
    stage: Stage, console: Console, home: Path, tmp_path: Path
) -> None:
    console.does("submit", write_rows(tmp_path / "one.jsonl", 2), *SCHEMA, home=home)
    old = addresses(console, home)["current"]
    made = console.does("keys", "rotate", "submit", "--json", home=home).json
    assert (made["state"], made["note"]) == ("next", "not bound")
    refused = console.run("keys", "rotate", "submit", home=home)
    assert (refused.code, made["address"] in refused.complaint) == (2, True)
    assert "ask your authority" in refused.complaint

    stage.admin(HK, "setAccount", BUREAU_HK, made["address"], SUBMIT, True)
    assert "in use now" in console.does("keys", "rotate", "submit", home=home).out
    assert addresses(console, home) == {"current": made["address"], "retired": old}
    done = console.does("submit", write_rows(tmp_path / "two.jsonl", 2, first=50), *SCHEMA, "--json", home=home).json
    assert done["registered"] == 2
    assert stage.anvil.transactions(made["address"]) == 1

    assert "still enabled" in console.run("keys", "retire", "submit", old, home=home).complaint
    assert "is in use" in console.run("keys", "retire", "submit", made["address"], home=home).complaint
    stage.admin(HK, "setAccount", BUREAU_HK, old, SUBMIT, False)
    console.does("keys", "retire", "submit", old, home=home)
    assert addresses(console, home) == {"current": made["address"]}


def test_rotate__something_is_under_way__waits(stage: Stage, console: Console, home: Path, tmp_path: Path) -> None:
    following = console.does("keys", "rotate", "submit", "--json", home=home).json["address"]
    stage.admin(HK, "setAccount", BUREAU_HK, following, SUBMIT, True)
    stage.anvil.automine(on=False)
    running = console.start("submit", write_rows(tmp_path / "rows.jsonl", 2), *SCHEMA, home=home)
    while stage.anvil.rpc("txpool_status")["pending"] == "0x0":
        assert running.poll() is None
    running.kill()
    console.end(running)

    assert "under way" in console.run("keys", "rotate", "submit", home=home).complaint
    stage.anvil.automine(on=True)
    stage.anvil.mine()
    console.does("submit", tmp_path / "rows.jsonl", *SCHEMA, home=home)
    assert following in console.does("keys", "rotate", "submit", home=home).out


def test_import_and_export__a_keystore__is_the_next_key_and_comes_out_as_it_is(
    stage: Stage, console: Console, home: Path, keystore: Path, tmp_path: Path
) -> None:
    address = "0x" + json.loads(keystore.read_text())["address"].removeprefix("0x").lower()
    assert console.does("keys", "import", keystore, "--as", "submit", "--json", home=home).json["address"] == address
    assert "waits already" in console.run("keys", "import", keystore, "--as", "submit", home=home).complaint
    stage.admin(HK, "setAccount", BUREAU_HK, address, SUBMIT, True)
    console.does("keys", "rotate", "submit", home=home)

    out = tmp_path / "out.json"
    console.does("keys", "export", "submit", "--out", out, home=home)
    assert out.read_bytes() == keystore.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "never overwritten" in console.run("keys", "export", "submit", "--out", out, home=home).complaint


def test_import__a_key_that_this_home_has__is_no_next_key(
    stage: Stage, console: Console, home: Path, keystore: Path, tmp_path: Path
) -> None:
    """Whether it is in use, of the other role, or was in use before: the registry binds an address once."""
    console.set_passphrase("review", passphrase("submit"))
    used = addresses(console, home)["current"]
    console.does("keys", "export", "submit", "--out", tmp_path / "used.json", home=home)
    for role in ("submit", "review"):
        said = console.run("keys", "import", tmp_path / "used.json", "--as", role, home=home)
        assert (said.code, f"{used}: is a submit key of this home already" in said.complaint) == (2, True)
    following = console.does("keys", "import", keystore, "--as", "submit", "--json", home=home).json["address"]
    stage.admin(HK, "setAccount", BUREAU_HK, following, SUBMIT, True)
    console.does("keys", "rotate", "submit", home=home)
    assert "already" in console.run("keys", "import", tmp_path / "used.json", "--as", "submit", home=home).complaint
    assert addresses(console, home) == {"current": following, "retired": used}


def test_rotate__a_signer_is_named__its_key_is_the_one_that_waits_and_never_one_of_this_home(
    console: Console, home: Path
) -> None:
    with signer_server(signed_by(KEY), KEY) as url, signer_server(signed_by(OTHER_KEY), OTHER_KEY) as other:
        rotate = ("keys", "rotate", "submit", "--remote")
        waiting = console.does(*rotate, url, "--json", home=home).json
        assert (waiting["remote"], waiting["state"]) == (url, "next")
        assert "is not bound and enabled" in console.run(*rotate, url, home=home).complaint
        refused = console.run(*rotate, other, home=home)
        assert refused.code == 2
        assert refused.complaint == (
            f"{waiting['address']}: a next submit key waits already, and is not that of {other}: leave out --remote,"
            f" or first creditconnect keys retire submit {waiting['address']}"
        )
        taken = console.run("keys", "rotate", "review", "--remote", url, home=home)
        assert (taken.code, "is a submit key of this home already" in taken.complaint) == (2, True)
        console.does("keys", "retire", "submit", waiting["address"], home=home)
        console.does(*rotate, other, home=home)


def test_import__another_passphrase_or_no_keystore__says_which_file(
    console: Console, home: Path, keystore: Path, tmp_path: Path
) -> None:
    console.set_passphrase("submit", "another")
    assert "elsewhere.json" in console.run("keys", "import", keystore, "--as", "submit", home=home).complaint
    (tmp_path / "text.json").write_text("{}")
    assert "text.json" in console.run("keys", "import", tmp_path / "text.json", "--as", "submit", home=home).complaint
    assert not list((home / "keys").glob("*.next.json"))


@pytest.mark.parametrize("arguments", [("rotate", "seal"), ("retire", "submit", "0x" + "11" * 20)])
def test_account__no_such_role_or_address__is_a_usage_error(
    console: Console, home: Path, arguments: tuple[str, ...]
) -> None:
    said = console.run("keys", *arguments, home=home)
    assert said.code == 2
    assert said.complaint


def test_put_in_use__killed_between_its_two_steps__is_finished_by_the_next_try(tmp_path: Path) -> None:
    old = create_keystore(tmp_path / "submit.json", "p", scrypt_work=SCRYPT_WORK)
    new = create_keystore(tmp_path / "submit.next.json", "p", scrypt_work=SCRYPT_WORK)
    # As a kill after the first step leaves it.
    os.link(tmp_path / "submit.json", tmp_path / f"submit.retired-{old}.json")
    files = KeyFiles(tmp_path)
    assert files.put_next_in_use("submit").address == new
    assert [(key.state, key.address) for key in files.all()] == [(KeyState.CURRENT, new), (KeyState.RETIRED, old)]


def test_keys__a_keystore_without_an_address__names_the_file(tmp_path: Path) -> None:
    (tmp_path / "submit.json").write_text('{"version": 3}')
    with pytest.raises(SettingsError, match=r"submit\.json"):
        KeyFiles(tmp_path).all()
