"""A home that does not open, is damaged or has no room, by the installed command: one line, and nothing half done."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chain.console import Console, variable
from tests.chain.counter import registered
from tests.chain.homes import (
    Stage,
    passphrase,
    write_rows,
)
from tests.chain.unchanged import (
    files_of,
    moved,
    nothing_changes,
    records_of,
    remount,
    small_disk,
)

pytestmark = pytest.mark.chain


# ---------------------------------------------------------------------------------------------------- passphrases


@pytest.mark.parametrize(
    ("name", "value", "code", "complaint"),
    [
        ("vault", "wrong", 1, "keyring.json: the passphrase does not open this keyring"),
        ("submit", "wrong", 1, "submit.json: the passphrase does not open this keystore"),
        ("vault", "", 2, "is empty: name a file whose first line is the passphrase"),
        ("submit", None, 2, "can't be read (No such file or directory): name a file"),
        ("vault", b"\xff\xfe", 2, "can't be read (not UTF-8): name a file"),
    ],
)
def test_submit__a_passphrase_that_does_not_open__changes_nothing(
    name: str,
    value: str | bytes | None,
    code: int,
    complaint: str,
    stage: Stage,
    console: Console,
    bureau: Path,
    rows: Path,
) -> None:
    file = Path(console.environment[variable(name)])
    file.unlink()
    if value is not None:
        file.write_bytes(value if isinstance(value, bytes) else value.encode())
    with nothing_changes(stage, bureau):
        said = console.run("submit", rows, home=bureau)
        assert said.code == code
        assert complaint in said.complaint
        assert passphrase(name) not in said.err


def test_submit__no_passphrase_and_no_terminal__names_the_variable(
    stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    del console.environment[variable("vault")]
    with nothing_changes(stage, bureau):
        said = console.run("submit", rows, home=bureau)
        assert said.code == 2
        assert "set CREDITCONNECT_VAULT_PASSPHRASE_FILE" in said.complaint


# ------------------------------------------------------------------------------------------------- a damaged home


@contextmanager
def _write_locked(database: Path) -> Iterator[None]:
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('BEGIN IMMEDIATE');"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.communicate()


def test_submit__vault_locked_by_another_process__waits_for_a_while_and_says_so(
    stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    with nothing_changes(stage, bureau):
        with _write_locked(bureau / "vault.db"):
            began = time.monotonic()
            said = console.run("submit", rows, home=bureau)
            assert 4 < time.monotonic() - began < 20
        assert said.code == 1
        assert said.complaint.endswith("let the other process finish, or stop it, and try again")
    assert console.does("submit", rows, "--json", home=bureau).json["registered"] == 3


@pytest.mark.parametrize(
    ("database", "command"), [("vault.db", ("submit", "rows.jsonl")), ("mirror.db", ("review", "list"))]
)
def test_command__database_of_a_newer_program__is_left_alone(
    database: str, command: tuple[str, ...], stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    connection = sqlite3.connect(bureau / database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with nothing_changes(stage, bureau):
        said = console.run(*command, home=bureau)
        assert said.code == 1
        assert f"{database}: has version 99" in said.complaint
        assert said.complaint.endswith("use the newer creditconnect that wrote it")


DAMAGES: list[tuple[str, bytes, tuple[str, ...], int, str]] = [
    ("vault.db", b"no database " * 1_000, ("submit", "rows.jsonl"), 1, "restore it from a backup"),
    ("mirror.db", b"no database " * 1_000, ("review", "list"), 1, "restore it from a backup"),
    ("keyring.json", b"{}", ("submit", "rows.jsonl"), 2, "is not a creditconnect-keyring/1 file"),
    ("keyring.json", b"\xff\xfe", ("submit", "rows.jsonl"), 2, "is not a creditconnect-keyring/1 file"),
    ("keys/submit.json", b"{}", ("submit", "rows.jsonl"), 2, "is not a keystore v3 file"),
    ("keys/submit.json", b"not JSON", ("submit", "rows.jsonl"), 2, "is not a keystore v3 file"),
    ("keys/submit.json", b"[1, 2]", ("submit", "rows.jsonl"), 2, "is not a keystore v3 file"),
    ("deployment.json", b"{}", ("submit", "rows.jsonl"), 2, "is not a creditconnect-deployment/1 file"),
    ("deployment.json", b"not JSON", ("status",), 2, "can't be read as a deployment file"),
    ("settings.toml", b"not TOML", ("status",), 2, "correct it, or restore it from a backup"),
    ("settings.toml", b"\xff\xfe", ("status",), 2, "correct it, or restore it from a backup"),
    ("settings.toml", b"format = 2", ("status",), 2, "use the creditconnect that wrote it"),
    ("settings.toml", b'format = 1\ninstitution = "A"\nnodes = ["ftp://x"]', ("status",), 2, "e.g. http://127.0.0.1"),
    ("settings.toml", b'format = 1\ninstitution = "A"\nnodes = ["http://"]', ("status",), 2, "e.g. http://127.0.0.1"),
    ("settings.toml", b"format = 1\ncolour = 1", ("status",), 2, "unknown setting colour: known are"),
    ("settings.toml", b"format = 1\nnodes = []", ("status",), 2, "institution is missing"),
]


@pytest.mark.parametrize(("name", "content", "command", "code", "complaint"), DAMAGES)
def test_command__a_damaged_file_of_the_home__is_named(
    name: str,
    content: bytes,
    command: tuple[str, ...],
    code: int,
    complaint: str,
    console: Console,
    bureau: Path,
    rows: Path,
) -> None:
    for companion in bureau.glob(f"{name}-*"):
        companion.unlink()
    (bureau / name).write_bytes(content)
    before = files_of(bureau)
    said = console.run(*command, home=bureau)
    assert said.code == code
    assert f"{name}: " in said.complaint
    assert complaint in said.complaint
    assert {path: held for path, held in files_of(bureau).items() if path in before} == before


def test_submit__a_vault_damaged_in_the_middle__is_named(console: Console, bureau: Path, rows: Path) -> None:
    vault = bureau / "vault.db"
    raw = bytearray(vault.read_bytes())
    raw[16_384:] = b"\xa5" * (len(raw) - 16_384)
    vault.write_bytes(raw)
    said = console.run("submit", rows, home=bureau)
    assert said.code == 1
    assert "vault.db: " in said.complaint
    assert said.complaint.endswith("restore it from a backup")


@pytest.mark.parametrize(
    ("home", "complaint"),
    [("nowhere", "make one with creditconnect init"), ("rows.jsonl", "can't be read (Not a directory)")],
)
def test_command__no_home__says_how_to_make_one(home: str, complaint: str, console: Console, rows: Path) -> None:
    said = console.run("status", home=rows.parent / home)
    assert said.code == 2
    assert complaint in said.complaint


def test_command__no_home_named__says_how_to_name_it(console: Console) -> None:
    said = console.run("status")
    assert said.code == 2
    assert said.complaint == "no home: give --home FOLDER, or set CREDITCONNECT_HOME"


def test_command__json_asked_for__the_complaint_is_json(console: Console) -> None:
    said = console.run("status", "--json")
    assert (said.code, said.out) == (2, "")
    assert json.loads(said.err) == {
        "error": "SettingsError",
        "message": "no home",
        "hint": "give --home FOLDER, or set CREDITCONNECT_HOME",
    }


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("A B", "--node", "http://127.0.0.1:1"), "1 to 32 printable ASCII characters"),
        (("A", "--node", "127.0.0.1:1"), "not a list of http(s) URLs"),
        (("A", "--node", "http://127.0.0.1:1", "--key", "boss"), "one of submit, review"),
        (
            ("A", "--node", "http://127.0.0.1:1", "--deployment", "submit.passphrase"),
            "can't be read as a deployment file",
        ),
        (("A", "--node", "http://127.0.0.1:1", "--deployment", "nowhere.json"), "there is no such deployment file"),
    ],
)
def test_init__wrong_arguments__make_nothing(
    arguments: tuple[str, ...], complaint: str, stage: Stage, console: Console, tmp_path: Path
) -> None:
    deployment = () if "--deployment" in arguments else ("--deployment", stage.deployment)
    said = console.run("init", *arguments, *deployment, home=tmp_path / "new")
    assert said.code == 2
    assert complaint in said.complaint
    assert not (tmp_path / "new").exists()


def test_init__a_home_that_is_there__is_left_as_it_is(stage: Stage, console: Console, bureau: Path) -> None:
    arguments = ("init", "CRA-HK-01", "--node", stage.anvil.url, "--deployment", stage.deployment, "--key", "submit")
    with nothing_changes(stage, bureau):
        said = console.run(*arguments, home=bureau)
        assert said.code == 2
        assert said.complaint.endswith("is a home already: a home is never overwritten")
    (bureau / "settings.toml").unlink()
    before = files_of(bureau)
    said = console.run(*arguments, home=bureau)
    assert said.code == 2
    assert "is left from an init that did not end" in said.complaint
    assert files_of(bureau) == before


# ----------------------------------------------------------------------------------------------------- the disk


def test_submit__disk_full__is_one_line_and_is_finished_once_there_is_room(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    taken_kib = sum(len(held) // 1024 + 4 for held in files_of(stage.folder / "ready").values())
    with small_disk(tmp_path / "disk", f"size={taken_kib + 150}k"):
        home = moved(stage, tmp_path / "disk" / "bureau", stage.anvil.url)
        source = write_rows(tmp_path / "many.jsonl", 3_000, first=1)
        said = console.run("submit", source, home=home)
        assert said.code == 1
        assert "make room on the disk" in said.complaint
        remount(tmp_path / "disk", "size=100m")
        console.does("submit", source, home=home)
        assert records_of(home).total() == stage.entries() == 3_001
        topic = "0x" + stage.abi.topic("BatchRegistered").hex()
        assert registered(stage.anvil.url, stage.registry, topic) == records_of(home)


def test_submit__files_may_not_grow__is_one_line_and_is_finished_later(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "many.jsonl", 3_000, first=1)
    said = console.run("submit", source, home=bureau, most_file_kib=600)
    assert said.code == 1
    assert "nothing" in said.complaint
    assert "lost" in said.complaint
    console.does("submit", source, home=bureau)
    assert records_of(bureau).total() == stage.entries() == 3_001


def test_package__disk_full__is_one_line(stage: Stage, console: Console, bureau: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=4k"):
        (tmp_path / "disk" / "filling").write_bytes(b"x" * 4096)
        said = console.run("package", "--out", tmp_path / "disk", home=bureau)
        assert said.code == 1
        assert "make room on the disk" in said.complaint


def test_command__a_home_that_cannot_be_written__is_one_line(stage: Stage, console: Console, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "size=10m"):
        home = moved(stage, tmp_path / "disk" / "bureau", stage.anvil.url)
        remount(tmp_path / "disk", "ro")
        for command in (("submit", write_rows(tmp_path / "rows.jsonl", 3)), ("status",), ("review", "list")):
            said = console.run(*command, home=home)
            assert said.code in (1, 2)
            assert "can't be opened for writing" in said.complaint or "Read-only file system" in said.complaint
        assert stage.entries() == 1
        said = console.run(
            *("init", "A", "--node", stage.anvil.url, "--deployment", stage.deployment), home=tmp_path / "disk" / "new"
        )
        assert said.code == 1
        assert said.complaint.endswith("Read-only file system: choose a folder that can be written to")


def test_package__out_is_a_file__is_one_line(console: Console, bureau: Path, rows: Path) -> None:
    said = console.run("package", "--out", rows, home=bureau)
    assert said.code == 1
    assert "rows.jsonl: File exists" in said.complaint
