"""Packages handed over sealed: made by a bureau for the other side's bank, opened by that bank and by nobody else."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from creditconnect import settings as homes
from creditconnect.custody.packages import read_package
from creditconnect.home import make_home
from creditconnect.reasons import CheckReason
from creditconnect.types import ExchangeSuite, Verdict
from tests.chain.console import Console
from tests.chain.homes import (
    ACTIVE,
    BANK_HK,
    BANK_SZ,
    CODES,
    SCRYPT_WORK,
    SIDE_OF,
    SUSPENDED,
    SZ,
    TERMINATED,
    Stage,
    passphrase,
)

REVIEW = 2
KINDS = {"made by default": (), "hybrid": ("--hybrid",)}


@dataclass(frozen=True)
class Sides:
    """The homes of a bureau with one active record, of a bank across the border, and of a bank of its own side."""

    bureau: Path
    bank: Path
    other: Path


@pytest.fixture
def sides(stage: Stage, bureau: Path, tmp_path: Path) -> Sides:
    """The bank has a review account, so that it publishes its own key; the other one has none."""
    made = homes.new(tmp_path / "bank-with-a-reviewer", CODES[BANK_SZ], (stage.anvil.url,))
    addresses = make_home(made, stage.deployment, roles=("review",), ask=passphrase, scrypt_work=SCRYPT_WORK)
    stage.admin(SZ, "setAccount", BANK_SZ, addresses["review"], REVIEW, True)
    return Sides(bureau, made.home, stage.home(BANK_HK, tmp_path / "other").home)


@pytest.fixture
def sealed(console: Console, sides: Sides, tmp_path: Path) -> Path:
    """The bureau's package, sealed to the bank's first exchange key."""
    console.does("keys", "rotate", "exchange", home=sides.bank)
    return seal(console, sides, tmp_path / "sealed")


def seal(console: Console, sides: Sides, folder: Path) -> Path:
    console.does("package", "--for", CODES[BANK_SZ], "--out", folder, home=sides.bureau)
    (path,) = folder.iterdir()
    return path


def check_of(said: object, name: str) -> dict[str, str]:
    assert isinstance(said, dict)
    return next(check for check in said["checks"] if check["name"] == name)


# --------------------------------------------------------------------------------------------------- there and back


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_sealed__for_the_other_sides_bank__opened_and_verified_there(
    stage: Stage, console: Console, sides: Sides, package: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    made = console.does("keys", "rotate", "exchange", *options, "--json", home=sides.bank).json
    assert made["registered"]
    kept = stage.ask("institutionOf", BANK_SZ)
    assert (kept["encryptionSuite"], kept["encryptionKeyHash"].hex()) == (ExchangeSuite[made["suite"]], made["hash"])

    path = seal(console, sides, tmp_path / "sealed")
    assert path.suffix == ".ccsealed"
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_package(package.read_bytes()).salt.hex().encode() not in path.read_bytes()

    said = console.does("verify", path, "--json", home=sides.bank).json
    assert (said["verdict"], said["provider"]) == (Verdict.VERIFIED, "CRA-HK-01")
    console.does("package", "open", path, "--out", tmp_path / "opened", home=sides.bank)
    assert (tmp_path / "opened" / package.name).read_bytes() == package.read_bytes()
    assert (tmp_path / "opened" / package.name).stat().st_mode & 0o777 == 0o600


def test_sealed__for_somebody_else__is_told_so_without_asking_for_a_passphrase(
    console: Console, sides: Sides, sealed: Path
) -> None:
    console.environment = {name: value for name, value in console.environment.items() if "PASSPHRASE" not in name}
    said = console.run("package", "open", sealed, home=sides.other)
    assert said.code == 1
    assert said.complaint.startswith("sealed for BANK-SZ-01, this home is BANK-HK-01: ")
    said = console.run("verify", sealed, "--json", home=sides.other)
    assert (said.code, said.json["verdict"]) == (10, Verdict.NOT_VERIFIED)
    check = check_of(said.json, "package")
    assert check["reason"] == CheckReason.SEALED_FOR_ANOTHER
    assert check["detail"] == "sealed for BANK-SZ-01, this home is BANK-HK-01"


def test_sealed__one_byte_altered__is_told_so_and_nothing_is_written(
    console: Console, sides: Sides, sealed: Path, tmp_path: Path
) -> None:
    data = sealed.read_bytes()
    sealed.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    said = console.run("package", "open", sealed, "--out", tmp_path / "opened", home=sides.bank)
    assert said.code == 1
    assert "it was altered" in said.complaint
    assert not (tmp_path / "opened").exists()
    said = console.run("verify", sealed, "--json", home=sides.bank)
    assert (said.code, check_of(said.json, "package")["reason"]) == (10, CheckReason.PACKAGE_ALTERED)


def test_package_open__plain_or_sealed__shows_the_record_unverified(
    console: Console, sides: Sides, sealed: Path, package: Path
) -> None:
    shown = [console.does("package", "open", path, "--json", home=sides.bank).json for path in (package, sealed)]
    assert [one.pop("sealed") for one in shown] == [False, True]
    assert shown[0] == shown[1]
    assert shown[0]["record"] == json.loads(read_package(package.read_bytes()).canonical)
    assert "not verified" in console.does("package", "open", sealed, home=sides.bank).out


# ------------------------------------------------------------------------------------------------------------- keys


def exchange_keys(console: Console, home: Path) -> list[dict[str, object]]:
    listed = console.does("keys", "list", "--json", home=home).json
    return [one for one in listed if one["kind"] == "exchange"]


def test_exchange_key__a_newer_one__the_older_opens_until_it_is_retired(
    console: Console, sides: Sides, sealed: Path, tmp_path: Path
) -> None:
    said = console.run("keys", "retire", "exchange", "1", home=sides.bank)
    assert (said.code, "is published" in said.complaint) == (2, True)

    console.does("keys", "rotate", "exchange", home=sides.bank)
    assert [one["state"] for one in exchange_keys(console, sides.bank)] == ["opens", "current"]
    newer = seal(console, sides, tmp_path / "newer")
    for path in (sealed, newer):
        console.does("verify", path, home=sides.bank)

    console.does("keys", "retire", "exchange", "1", home=sides.bank)
    listed = exchange_keys(console, sides.bank)
    assert [(one["number"], one["state"]) for one in listed] == [(1, "retired"), (2, "current")]
    said = console.run("package", "open", sealed, home=sides.bank)
    assert said.complaint.startswith("sealed for exchange key 1, which is retired: ")
    reason = check_of(console.run("verify", sealed, "--json", home=sides.bank).json, "package")["reason"]
    assert reason == CheckReason.SEALED_KEY_GONE
    console.does("verify", newer, home=sides.bank)


def test_rotate_exchange__a_key_that_waits__is_published_before_another_is_made(
    stage: Stage, console: Console, sides: Sides
) -> None:
    """As an interruption between the two leaves it, or a wish to let the authority do it."""
    before = stage.anvil.height()
    (rotate, home) = (("keys", "rotate", "exchange", "--json"), sides.bank)
    made = console.does(*rotate, "--no-publish", home=home).json
    assert (made["state"], made["registered"], stage.anvil.height()) == ("next", False, before)
    assert "next, waits to be published" in console.does("keys", "list", home=home).out
    assert console.does(*rotate, "--no-publish", home=home).json["hash"] == made["hash"]
    published = console.does(*rotate, home=home).json
    assert (published["hash"], published["registered"]) == (made["hash"], True)
    hybrid = console.does(*rotate, "--hybrid", home=home).json
    assert (hybrid["number"], hybrid["suite"]) == (2, ExchangeSuite.MLKEM768_X25519_AES256GCM.name)


def test_rotate_exchange__nothing_said_of_its_suite__is_of_the_published_ones(console: Console, sides: Sides) -> None:
    hybrid, plain = ExchangeSuite.MLKEM768_X25519_AES256GCM.name, ExchangeSuite.X25519_AES256GCM.name
    rotate, home = ("keys", "rotate", "exchange"), sides.bank
    for options, suite in (((), plain), ((), plain), (("--hybrid",), hybrid), ((), hybrid), (("--no-hybrid",), plain)):
        said = console.does(*rotate, *options, home=home).out
        assert said.endswith(f", {suite}: packages are sealed to it from now on\n")
    waiting = console.does(*rotate, "--hybrid", "--no-publish", "--json", home=home).json
    assert (waiting["number"], waiting["suite"], waiting["state"]) == (6, hybrid, "next")
    other = console.does(*rotate, "--no-hybrid", "--no-publish", "--json", home=home).json
    assert (other["number"], other["suite"]) == (7, plain)
    assert console.does(*rotate, "--json", home=home).json["hash"] == other["hash"]


def test_retire_exchange__a_key_that_waits__is_kept_until_another_has_replaced_it(
    stage: Stage, console: Console, sides: Sides, sealed: Path, tmp_path: Path
) -> None:
    (rotate, retire) = (("keys", "rotate", "exchange"), ("keys", "retire", "exchange"))
    made = console.does(*rotate, "--no-publish", "--json", home=sides.bank).json
    refused = console.run(*retire, made["number"], home=sides.bank)
    assert refused.code == 2
    assert refused.complaint == (
        "exchange key 2 waits to be published, which your authority may do at any time: creditconnect keys rotate"
        " exchange publishes it; it can be retired once another has replaced it"
    )
    stage.admin(SZ, "setEncryptionKey", BANK_SZ, 1, bytes.fromhex(made["public"]))
    console.does("verify", seal(console, sides, tmp_path / "newer"), home=sides.bank)

    console.does(*rotate, "--hybrid", "--no-publish", home=sides.bank)
    console.does(*rotate, "--no-hybrid", "--no-publish", home=sides.bank)
    console.does(*retire, 3, home=sides.bank)
    assert [one["state"] for one in exchange_keys(console, sides.bank)] == ["opens", "current", "retired", "next"]


def test_package_open__sealed_to_a_published_key_that_was_retired__says_to_publish_another(
    stage: Stage, console: Console, sides: Sides, tmp_path: Path
) -> None:
    """As where an authority publishes late what was handed to it once."""
    rotate = ("keys", "rotate", "exchange", "--no-publish", "--json")
    first = console.does(*rotate, home=sides.bank).json
    console.does(*rotate, "--hybrid", home=sides.bank)
    console.does("keys", "retire", "exchange", 1, home=sides.bank)
    stage.admin(SZ, "setEncryptionKey", BANK_SZ, 1, bytes.fromhex(first["public"]))
    said = console.run("package", "open", seal(console, sides, tmp_path / "sealed"), home=sides.bank)
    assert said.complaint == (
        "sealed for exchange key 1, which is retired: ask CRA-HK-01 for one sealed to the key that is published now;"
        " if that is this one, creditconnect keys rotate exchange first"
    )


def test_rotate_exchange__without_a_review_account__the_authority_publishes(
    stage: Stage, console: Console, sides: Sides, tmp_path: Path
) -> None:
    assert "no exchange key 1" in console.run("keys", "retire", "exchange", "1", home=sides.other).complaint
    told = console.does("keys", "rotate", "exchange", home=sides.other).out
    (made,) = exchange_keys(console, sides.other)
    assert told.endswith(f"hand it to your authority to publish:\n{made['public']}\n")

    public = bytes.fromhex(str(made["public"]))
    stage.admin(SIDE_OF[BANK_HK], "setEncryptionKey", BANK_HK, int(ExchangeSuite.X25519_AES256GCM), public)
    (listed,) = exchange_keys(console, sides.other)
    assert (listed["state"], listed["note"]) == ("current", "published")
    console.does("package", "--for", CODES[BANK_HK], "--out", tmp_path / "out", home=sides.bureau)
    (path,) = (tmp_path / "out").iterdir()
    assert console.does("package", "open", path, "--json", home=sides.other).json["sealed"]


def test_export_and_import__exchange_keys__a_second_machine_opens_what_is_sealed_to_any_of_them(
    stage: Stage, console: Console, sides: Sides, sealed: Path, tmp_path: Path
) -> None:
    console.does("keys", "rotate", "exchange", "--hybrid", home=sides.bank)
    newer, out = seal(console, sides, tmp_path / "newer"), tmp_path / "exchange.cckeys"
    console.set_passphrase("export", "the export passphrase")
    assert console.does("keys", "export", "exchange", "--out", out, "--json", home=sides.bank).json["keys"] == 2
    second = stage.home(BANK_SZ, tmp_path / "second").home
    said = console.run("package", "open", sealed, home=second)
    assert "that this home does not have" in said.complaint
    assert console.does("keys", "import", out, "--json", home=second).json["taken"] == [1, 2]
    for path in (sealed, newer):
        assert console.does("package", "open", path, "--json", home=second).json["sealed"]
    assert "holds keys of BANK-SZ-01" in console.run("keys", "import", out, home=sides.other).complaint
    console.set_passphrase("export", "another")
    assert "does not open it" in console.run("keys", "import", out, home=second).complaint


# ------------------------------------------------------------------------------------------------------- recipients


def test_package_for__who_can_not_be_sealed_for__is_refused_in_a_line(
    stage: Stage, console: Console, sides: Sides, tmp_path: Path
) -> None:
    def complaint(code: str) -> str:
        said = console.run("package", "--for", code, "--out", tmp_path / "out", home=sides.bureau)
        assert said.code == 2
        assert not (tmp_path / "out").exists()
        return said.complaint

    assert complaint("BANK-XX-99").startswith("the registry knows no institution BANK-XX-99: ")
    assert complaint("BÄNK").startswith("'BÄNK' is no institution's code")
    assert complaint(CODES[BANK_SZ]).startswith("BANK-SZ-01 has published no exchange key: ")
    stage.admin(SZ, "setEncryptionKey", BANK_SZ, 1, b"\x00" * 31)
    assert complaint(CODES[BANK_SZ]).startswith("BANK-SZ-01: the published key of 31 bytes is none of suite X25519_")
    stage.admin(SZ, "setEncryptionKey", BANK_SZ, 77, b"\x09" * 32)
    assert complaint(CODES[BANK_SZ]).startswith("BANK-SZ-01 has published a key of suite 77: ")
    for standing, word in ((SUSPENDED, "suspended"), (ACTIVE, None), (TERMINATED, "terminated")):
        stage.standing(BANK_SZ, standing)
        if word:
            assert complaint(CODES[BANK_SZ]).startswith(f"BANK-SZ-01 is {word}: ")


def test_package_for__an_event_that_was_altered_on_its_way__nothing_is_sealed_to_it(
    console: Console, sides: Sides, sealed: Path, tmp_path: Path
) -> None:
    """The contract's hash is what counts: a node that shows another key gets no record sealed to it."""
    (made,) = exchange_keys(console, sides.bank)
    shown = bytes.fromhex(str(made["public"]))
    with closing(sqlite3.connect(sides.bureau / "mirror.db")) as connection, connection:
        altered = connection.execute(
            "UPDATE events SET data = CAST(replace(data, ?, ?) AS BLOB) WHERE instr(data, ?)",
            (shown, shown[::-1], shown),
        )
        assert altered.rowcount == 1
    said = console.run("package", "--for", CODES[BANK_SZ], "--out", tmp_path / "out", home=sides.bureau)
    assert (said.code, "the events have another exchange key of BANK-SZ-01" in said.complaint) == (1, True)
    assert not (tmp_path / "out").exists()
    assert sealed.exists()


# --------------------------------------------------------------------------------------------------------- archives


def test_archive__plain_and_sealed__every_package_in_it_is_verified(
    console: Console, sides: Sides, sealed: Path, package: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.ccarchive"
    said = console.does("package", "--archive", plain, "--json", home=sides.bureau).json
    assert said == {"folder": str(plain), "packages": 1, "left_out": {}}
    assert plain.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(plain) as archive:
        assert archive.namelist() == [package.name]
        assert archive.read(package.name) == package.read_bytes()
    refused = console.run("package", "open", plain, home=sides.bureau)
    assert "is a folder or an archive, where one package is asked for" in refused.complaint

    mixed = tmp_path / "mixed.ccarchive"
    with zipfile.ZipFile(mixed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(package, package.name)
        archive.write(sealed, sealed.name)
        archive.writestr("damaged.ccpackage", package.read_bytes()[:-1])
    said = console.run("verify", mixed, "--json", home=sides.bank)
    verdicts = {one["file"]: one["verdict"] for one in said.json}
    assert said.code == 10
    assert verdicts == {
        package.name: Verdict.VERIFIED,
        sealed.name: Verdict.VERIFIED,
        "damaged.ccpackage": Verdict.NOT_VERIFIED,
    }
    console.does("verify", plain, home=sides.bank)


def test_archive__for_an_institution__holds_sealed_packages_alone(
    console: Console, sides: Sides, sealed: Path, tmp_path: Path
) -> None:
    console.does("package", "--for", CODES[BANK_SZ], "--archive", tmp_path / "a.ccarchive", home=sides.bureau)
    with zipfile.ZipFile(tmp_path / "a.ccarchive") as archive:
        assert archive.namelist() == [sealed.name]
    (said,) = console.does("verify", tmp_path / "a.ccarchive", "--json", home=sides.bank).json
    assert said["verdict"] == Verdict.VERIFIED


def test_package__out_and_archive__exclude_each_other(console: Console, sides: Sides, tmp_path: Path) -> None:
    said = console.run("package", "--out", tmp_path / "a", "--archive", tmp_path / "b", home=sides.bureau)
    assert (said.code, said.complaint.startswith("--out and --archive exclude each other")) == (2, True)
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


# ---------------------------------------------------------------------------------------------------------- as before


@pytest.mark.parametrize("name", [(), ("write",)], ids=["by default", "by name"])
def test_package__with_or_without_the_commands_name__writes_the_record(
    console: Console, sides: Sides, package: Path, tmp_path: Path, name: tuple[str, ...]
) -> None:
    console.does("package", *name, package.stem, "--out", tmp_path / "out", home=sides.bureau)
    assert (tmp_path / "out" / package.name).read_bytes() == package.read_bytes()
    said = console.run("package", *name, "opne", home=sides.bureau)
    assert (said.code, said.complaint) == (2, "'opne' is not a record hash: 16 hex digits")
