"""What is handed in wrongly, through the installed command: one line that says what to do next, and nothing half done.

A line is never followed by a traceback and never shows a row's value or a secret; what the home held before, it holds
afterwards.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.chain.console import Console, Said, variable
from tests.chain.counter import registered
from tests.chain.homes import (
    BANK_SZ,
    BUREAU_HK,
    PROVIDER,
    SCHEMA,
    SUSPENDED,
    TERMINATED,
    Stage,
    free_port,
    passphrase,
    row,
    running_anvil,
    stage_on,
    taken_back,
    write_rows,
)
from tests.chain.proxy import Cut, Request, proxy_before
from tests.chain.proxy import result as answered

pytestmark = pytest.mark.chain

SECRET = "Chan Tai Man, A1234563"
MAPPING = """
schema = "personal-credit-report/1"
[constants]
"identity.identifiers[0].type" = "HKID"
"summary.existing_credits" = 1
credit_transactions = []
[columns]
ref = "report.number"
customer = "identity.name"
issued = { path = "report.issued_at", kind = "instant" }
hkid = { path = "identity.identifiers[0].number", kind = "identifier" }
born = { path = "identity.date_of_birth", kind = "date", format = "DD/MM/YYYY" }
standing = { path = "identity.personal_status.sex", codes = { m = "M", f = "F" }, optional = true }
"""
HEADER = "ref,customer,issued,hkid,born,standing\n"
GOOD = "B-1,Chan Tai Man,2026-11-02T01:00:00Z,A1234563,28/02/1990,m\n"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose bureau has registered one record and written its package, in `ready` and `packages`."""
    with running_anvil() as anvil, stage_on(anvil, tmp_path_factory.mktemp("stage")) as stage:
        home = stage.home(BUREAU_HK, stage.folder / "ready").home
        console = Console(stage.folder)
        console.does("submit", write_rows(stage.folder / "first.jsonl", 1), home=home)
        console.does("review", "list", home=home)
        console.does("package", "--out", stage.folder / "packages", home=home)
        yield stage


@pytest.fixture
def stage(founded: Stage) -> Iterator[Stage]:
    with taken_back(founded) as stage:
        # What takes a chain back takes its clock back too.
        stage.anvil.rpc("evm_setTime", int(time.time()))
        stage.anvil.mine()
        yield stage


@pytest.fixture
def console(tmp_path: Path) -> Console:
    (tmp_path / "own.toml").write_text(MAPPING)
    return Console(tmp_path)


@pytest.fixture
def bureau(stage: Stage, tmp_path: Path) -> Path:
    """A bureau's home that has registered one record already."""
    return _moved(stage, tmp_path / "bureau", stage.anvil.url)


@pytest.fixture
def bank(stage: Stage, tmp_path: Path) -> Path:
    return stage.home(BANK_SZ, tmp_path / "bank").home


@pytest.fixture
def package(stage: Stage) -> Path:
    """The package of a record that verifies."""
    (package,) = (stage.folder / "packages").iterdir()
    return package


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", 3, first=100)


# -------------------------------------------------------------------------------------------------- a broken file

BROKEN_FILES: list[tuple[str, bytes | None, str]] = [
    ("empty.csv", b"", "empty"),
    ("binary.csv", bytes(range(256)) * 64, "a NUL byte"),
    ("utf16.csv", (HEADER + GOOD).encode("utf-16"), "save it as UTF-8"),
    ("utf16.jsonl", "{}\n".encode("utf-16"), "save it as UTF-8"),
    ("latin1.csv", (HEADER.replace("ref", "réf") + GOOD).encode("latin-1"), "not UTF-8"),
    ("lacks.csv", (HEADER.replace("customer,", "") + GOOD).encode(), "the header lacks 'customer'"),
    ("doubles.csv", (HEADER.replace("standing", "born") + GOOD).encode(), "names a column twice: 'born'"),
    ("more.csv", (HEADER.replace("standing", "standing,mood") + GOOD).encode(), "map the column"),
    ("headless.csv", GOOD.encode(), "the header lacks"),
    ("unknown.xlsx", b"PK", "name it .csv or .jsonl, or give --format"),
    ("missing.csv", None, "No such file"),
    ("folder.csv", None, "Is a directory"),
    ("pipe.csv", None, "save it to a file first"),
]


@pytest.mark.parametrize(("name", "content", "complaint"), BROKEN_FILES, ids=[name for name, _, _ in BROKEN_FILES])
def test_submit__a_broken_file__is_refused_as_a_whole(
    name: str, content: bytes | None, complaint: str, stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    source = tmp_path / name
    if content is not None:
        source.write_bytes(content)
    elif name == "folder.csv":
        source.mkdir()
    elif name == "pipe.csv":
        os.mkfifo(source)
    with _nothing_changes(stage, bureau):
        said = console.run("submit", source, "--map", "own.toml", home=bureau)
        assert said.code == 1
        assert name in said.complaint
        assert complaint in said.complaint
        _show_nothing(said)


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("good.csv",), 2, "give a mapping TOML, --map"),
        (("good.csv", "--map", "nowhere.toml"), 1, "nowhere.toml: No such file"),
        (("good.csv", "--map", "no-mapping-of-that-name"), 1, "no-mapping-of-that-name: No such file"),
        (("good.csv", "--map", "good.csv"), 1, "good.csv: not TOML"),
        (("good.csv", "--map", "half.toml"), 1, "half.toml: columns.name"),
        (("good.csv", "--map", "own.toml", "--schema", "company-report/1"), 1, "known: personal-credit-report/1"),
        (("good.jsonl", "--schema", "company-report/1"), 1, "known: personal-credit-report/1"),
        (("good.csv", "--map", "own.toml", "--format", "parquet"), 1, "one of csv, jsonl"),
        (("good.csv", "--map", "own.toml", "--expires", "next year"), 2, "e.g. 2027-01-31"),
        (("good.csv", "--map", "own.toml", "--expires", "2020-01-01"), 2, "not in the future"),
        (("good.csv", "--map", "own.toml", "--expires", "1970-01-01"), 2, "not in the future"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else None,
)
def test_submit__wrong_arguments__are_refused(
    arguments: tuple[str, ...], code: int, complaint: str, stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    (tmp_path / "good.csv").write_text(HEADER + GOOD)
    (tmp_path / "good.jsonl").write_text(json.dumps(row(7)) + "\n")
    (tmp_path / "half.toml").write_text('schema = "personal-credit-report/1"\n[columns]\nname = "identity.nonsense"\n')
    with _nothing_changes(stage, bureau):
        said = console.run("submit", *arguments, home=bureau)
        assert said.code == code
        assert complaint in said.complaint
        _show_nothing(said)


# ------------------------------------------------------------------------------------------------------- bad rows

BAD_ROWS = [
    ("B-2,Chan Tai Man,2026-11-02T01:00:00Z,A1234564,28/02/1990,m", "hkid", "IDENTIFIER"),
    ("B-3,Chan Tai Man,2026-11-02T01:00:00Z,A1234563,31/02/1990,m", "born", "DATE"),
    ("B-4,Chan Tai Man,yesterday,A1234563,28/02/1990,m", "issued", "DATE"),
    ("B-5,,2026-11-02T01:00:00Z,A1234563,28/02/1990,m", "customer", "MISSING"),
    ("B-6,Chan Tai Man,2026-11-02T01:00:00Z,A1234563,28/02/1990,x", "standing", "UNKNOWN_CODE"),
    ("B-7,Chan, Tai Man,2026-11-02T01:00:00Z,A1234563,28/02/1990,m", "$", "MALFORMED_ROW"),
    ('B-8,"Chan Tai Man,2026-11-02T01:00:00Z,A1234563,28/02/1990,m', "$", "MALFORMED_ROW"),
    ("B-9,Chan\0Tai Man,2026-11-02T01:00:00Z,A1234563,28/02/1990,m", "$", "TEXT"),
    ("B-10,Chan\udcff Tai Man,2026-11-02T01:00:00Z,A1234563,28/02/1990,m", "$", "ENCODING"),
    ("B-11," + "Chan Tai Man " * 90_000 + ",2026-11-02T01:00:00Z,A1234563,28/02/1990,m", "$", "TOO_LARGE"),
]
BAD_JSON = [
    ('{"report": ', "$", "MALFORMED_ROW"),
    ('["Chan Tai Man"]', "$", "MALFORMED_ROW"),
    ('{"report": 1, "report": 2}', "report", "DUPLICATE_KEY"),
    (json.dumps(row(8) | {"score": 1.5}), "$", "NUMBER"),
    (json.dumps({**row(9), "summary": []}), "summary", "SCHEMA"),
    (json.dumps({name: value for name, value in row(10).items() if name != "report"}), "report", "MISSING"),
]


@pytest.mark.parametrize("detached", [True, False])
def test_submit__bad_rows_among_good__each_is_named_once_and_counted_once(
    *, detached: bool, stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    lines = [HEADER.strip(), *(bad for bad, _, _ in BAD_ROWS)]
    # Among them rather than after: a bad row never takes the next one with it.
    lines[3:3] = [GOOD.strip()]
    lines.append(GOOD.strip().replace("B-1", "B-12"))
    (tmp_path / "mixed.csv").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    arguments = ("submit", "mixed.csv", "--map", "own.toml", "--json", *(["--detach"] if detached else []))
    said = console.does(*arguments, home=bureau)

    assert (said.json["accepted"], said.json["rejected"]) == (2, len(BAD_ROWS))
    assert said.json["accepted"] + said.json["rejected"] == len(lines) - 1
    numbers = [number for number, line in enumerate(lines, start=1) if number > 1 and line not in (lines[3], lines[-1])]
    listed = _listed(said)
    assert [int(line) for line, *_ in listed] == numbers
    assert [(field, reason) for _, field, reason, _ in listed] == [(field, reason) for _, field, reason in BAD_ROWS]
    assert all(message for *_, message in listed)
    _show_nothing(said, Path(said.json["rejected_file"]).read_text())
    assert stage.entries() == (1 if detached else 3)


def test_submit__bad_rows_of_jsonl__each_is_named_once(console: Console, bureau: Path, tmp_path: Path) -> None:
    (tmp_path / "mixed.jsonl").write_text("\n".join(bad for bad, _, _ in BAD_JSON) + "\n\n" + json.dumps(row(11)))
    said = console.does("submit", "mixed.jsonl", "--json", home=bureau)
    assert (said.json["accepted"], said.json["rejected"]) == (1, len(BAD_JSON))
    assert [(line, reason) for line, _, reason, _ in _listed(said)] == [
        (str(number), reason) for number, (_, _, reason) in enumerate(BAD_JSON, start=1)
    ]
    _show_nothing(said, Path(said.json["rejected_file"]).read_text())


def test_submit__every_row_good__leaves_no_list(console: Console, bureau: Path, rows: Path) -> None:
    assert console.does("submit", rows, "--json", home=bureau).json["rejected_file"] is None
    assert list((bureau / "rejected").iterdir()) == []


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
    with _nothing_changes(stage, bureau):
        said = console.run("submit", rows, home=bureau)
        assert said.code == code
        assert complaint in said.complaint
        assert passphrase(name) not in said.err


def test_submit__no_passphrase_and_no_terminal__names_the_variable(
    stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    del console.environment[variable("vault")]
    with _nothing_changes(stage, bureau):
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
    with _nothing_changes(stage, bureau):
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
    with _nothing_changes(stage, bureau):
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
    before = _files(bureau)
    said = console.run(*command, home=bureau)
    assert said.code == code
    assert f"{name}: " in said.complaint
    assert complaint in said.complaint
    assert {path: held for path, held in _files(bureau).items() if path in before} == before


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
        (("A", "--node", "http://127.0.0.1:1", "--deployment", "own.toml"), "can't be read as a deployment file"),
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
    with _nothing_changes(stage, bureau):
        said = console.run(*arguments, home=bureau)
        assert said.code == 2
        assert said.complaint.endswith("is a home already: a home is never overwritten")
    (bureau / "settings.toml").unlink()
    before = _files(bureau)
    said = console.run(*arguments, home=bureau)
    assert said.code == 2
    assert "is left from an init that did not end" in said.complaint
    assert _files(bureau) == before


# ---------------------------------------------------------------------------------------------------------- a node


def test_submit__node_down__takes_nothing_in(stage: Stage, console: Console, rows: Path, tmp_path: Path) -> None:
    home = _moved(stage, tmp_path / "cut-off", f"http://127.0.0.1:{free_port()}")
    commands = (("submit", rows), ("status",), ("find", "00" * 8), ("review", "list"), ("audit", "replay"))
    with _nothing_changes(stage, home):
        for process in [console.start(*command, home=home) for command in commands]:
            said = console.end(process)
            assert said.code == 1
            assert said.complaint.endswith("is the node up, and the URL right?")


def test_submit__node_dies_under_way__what_was_taken_in_is_kept_and_finished_later(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "rows.jsonl", 1_700, first=1)
    with proxy_before(stage.anvil.url) as proxy:
        home = _moved(stage, tmp_path / "bureau", proxy.url)

        def dead(body: bytes) -> tuple[int, bytes] | None:
            if proxy.seen["eth_sendRawTransaction"] >= 2:
                raise Cut
            return None

        proxy.whole = dead
        said = console.run("submit", source, home=home)
        assert said.code == 1
        assert said.complaint.endswith("is the node up, and the URL right?")
        assert list((home / "rejected").iterdir()) == []
        taken = _records(home)
        assert 1 < taken.total() < 1_701
        assert 1 < stage.entries() < 1_701

        proxy.whole = None
        assert console.does("submit", source, "--json", home=home).json["accepted"] == 1_701 - taken.total()
    assert _records(home).total() == 1_701
    assert taken <= _records(home)
    topic = "0x" + stage.abi.topic("BatchRegistered").hex()
    assert registered(stage.anvil.url, stage.registry, topic) == _records(home)


def test_submit__the_process_that_prepares_rows_dies_within_a_chunk__no_row_is_taken_in_cut_short(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "large.jsonl", 10_000, first=1)
    process = console.start("submit", source, home=bureau)
    until = time.monotonic() + 20
    while (taken := _records(bureau).total()) == 1:
        assert time.monotonic() < until, "nothing was taken in"
    process.send_signal(signal.SIGSTOP)
    # A chunk is larger than the pipe: nobody reads, so the other process stands within one.
    time.sleep(0.5)
    (preparer,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(preparer), signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    said = console.end(process)
    assert said.code == 1
    assert said.complaint.endswith("submit the file again")
    assert taken < 10_001
    console.does("submit", source, home=bureau)
    assert _records(bureau).total() == stage.entries() == 10_001


def test_command__another_chain_behind_the_url__is_refused(
    stage: Stage, console: Console, rows: Path, package: Path, tmp_path: Path
) -> None:
    with running_anvil("--chain-id", "4242") as other:
        bureau = _moved(stage, tmp_path / "bureau", other.url)
        bank = stage.home(BANK_SZ, tmp_path / "misled", other.url).home
        with _nothing_changes(stage, bureau):
            for command in (("submit", rows), ("status",), ("find", "00" * 8), ("review", "list")):
                said = console.run(*command, home=bureau)
                assert said.code == 1
                assert "chain id is 4242, the trusted deployment says 31337" in said.complaint
        assert other.height() == 0
        said = console.run("verify", package, home=bank)
        assert said.code == 1
        assert "chain id is 4242" in said.complaint


def test_command__another_contract_behind_the_url__is_refused(stage: Stage, console: Console, bureau: Path) -> None:
    code = stage.anvil.rpc("eth_getCode", stage.registry, "latest")
    stage.anvil.rpc("anvil_setCode", stage.registry, code[:-2] + "00")
    said = console.run("find", "00" * 8, home=bureau)
    assert said.code == 1
    assert "code hash at the registry's address is" in said.complaint


# -------------------------------------------------------------------------------------------------- the registry


def _suspended(stage: Stage) -> None:
    stage.standing(BUREAU_HK, SUSPENDED)


def _terminated(stage: Stage) -> None:
    stage.standing(BUREAU_HK, TERMINATED)


def _ended(stage: Stage) -> None:
    stage.scope(BUREAU_HK, roles=PROVIDER, until=stage.anvil.now() + 3_600)
    stage.anvil.rpc("evm_increaseTime", 3_601)
    stage.anvil.mine()


def _not_scoped(stage: Stage) -> None:
    stage.scope(BUREAU_HK, roles=PROVIDER, schemas=0)


def _paused(stage: Stage) -> None:
    stage.admin(2, "setPaused", True)


def _unbound(stage: Stage) -> None:
    stage.admin(1, "setAccount", BUREAU_HK, stage.keys[BUREAU_HK]["submit"], 1, False)


@pytest.mark.parametrize(
    ("act", "complaint"),
    [
        (_suspended, "NotEntitled"),
        (_terminated, "NotEntitled"),
        (_ended, "NotEntitled"),
        (_not_scoped, "NotEntitled"),
        (_paused, "a side pauses the registry"),
        (_unbound, "ask your authority to bind and enable this account"),
    ],
)
def test_submit__not_entitled_now__takes_nothing_in(
    act: Callable[[Stage], None], complaint: str, stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    act(stage)
    with _nothing_changes(stage, bureau):
        said = console.run("submit", rows, home=bureau)
        assert said.code == 1
        assert complaint in said.complaint
        assert "ask your authority" in said.complaint or "until it is lifted" in said.complaint


@pytest.mark.parametrize("act", [_suspended, _paused])
def test_run__not_entitled_now__keeps_what_waits_and_says_so(
    act: Callable[[Stage], None], stage: Stage, console: Console, bureau: Path, rows: Path
) -> None:
    console.does("submit", rows, "--detach", home=bureau)
    act(stage)
    with _nothing_changes(stage, bureau), console.start("run", home=bureau) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert line.startswith("creditconnect: the registry refused: ")
    assert "again in" in line
    assert process.returncode == 0
    assert console.does("status", "--json", home=bureau).json["waiting"] == 3


def test_command__an_institution_that_is_not_admitted__is_told_to_ask(
    stage: Stage, console: Console, rows: Path, package: Path, tmp_path: Path
) -> None:
    where = ("--node", stage.anvil.url, "--deployment", stage.deployment)
    console.does("init", "CRA-HK-77", *where, "--key", "submit", home=tmp_path / "stranger")
    with _nothing_changes(stage, tmp_path / "stranger"):
        said = console.run("submit", rows, home=tmp_path / "stranger")
        assert said.code == 1
        assert said.complaint.endswith("ask your authority to bind and enable this account")
    said = console.run("review", "list", home=tmp_path / "stranger")
    assert said.code == 2
    assert said.complaint.endswith("CRA-HK-77: ask your authority to admit it")
    said = console.run("verify", package, home=tmp_path / "stranger")
    assert (said.code, said.err) == (10, "")
    assert "ASKER_UNKNOWN" in said.out


def test_submit__a_schema_that_the_registry_has_not_pinned__takes_nothing_in(
    stage: Stage, console: Console, rows: Path, tmp_path: Path
) -> None:
    selector = "0x" + stage.abi.selector("schemaByHash").hex()

    def unpinned(call: Request, forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        asked = call["params"][0]["data"].startswith(selector)
        return answered(call, "0x" + "00" * 32) if asked else forward()

    with proxy_before(stage.anvil.url) as proxy:
        home = _moved(stage, tmp_path / "bureau", proxy.url)
        proxy.rules["eth_call"] = unpinned
        with _nothing_changes(stage, home):
            said = console.run("submit", rows, home=home)
            assert said.code == 2
            assert said.complaint.endswith("ask an authority to add it")


def test_submit__a_bank_without_a_key__is_refused(stage: Stage, console: Console, bank: Path, rows: Path) -> None:
    with _nothing_changes(stage, bank):
        said = console.run("submit", rows, home=bank)
        assert said.code == 2
        assert "submit.json: there is no such keystore" in said.complaint


# ----------------------------------------------------------------------------------------------------- the disk


def test_submit__disk_full__is_one_line_and_is_finished_once_there_is_room(
    stage: Stage, console: Console, tmp_path: Path
) -> None:
    with _tmpfs(tmp_path / "disk", "size=400k"):
        home = _moved(stage, tmp_path / "disk" / "bureau", stage.anvil.url)
        source = write_rows(tmp_path / "many.jsonl", 3_000, first=1)
        said = console.run("submit", source, home=home)
        assert said.code == 1
        assert "make room on the disk" in said.complaint
        _remount(tmp_path / "disk", "size=100m")
        console.does("submit", source, home=home)
        assert _records(home).total() == stage.entries() == 3_001
        topic = "0x" + stage.abi.topic("BatchRegistered").hex()
        assert registered(stage.anvil.url, stage.registry, topic) == _records(home)


def test_submit__files_may_not_grow__is_one_line_and_is_finished_later(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    source = write_rows(tmp_path / "many.jsonl", 3_000, first=1)
    said = console.run("submit", source, home=bureau, most_file_kib=600)
    assert said.code == 1
    assert "nothing" in said.complaint
    assert "lost" in said.complaint
    console.does("submit", source, home=bureau)
    assert _records(bureau).total() == stage.entries() == 3_001


def test_package__disk_full__is_one_line(stage: Stage, console: Console, bureau: Path, tmp_path: Path) -> None:
    with _tmpfs(tmp_path / "disk", "size=4k"):
        (tmp_path / "disk" / "filling").write_bytes(b"x" * 4096)
        said = console.run("package", "--out", tmp_path / "disk", home=bureau)
        assert said.code == 1
        assert "make room on the disk" in said.complaint


def test_command__a_home_that_cannot_be_written__is_one_line(stage: Stage, console: Console, tmp_path: Path) -> None:
    with _tmpfs(tmp_path / "disk", "size=10m"):
        home = _moved(stage, tmp_path / "disk" / "bureau", stage.anvil.url)
        _remount(tmp_path / "disk", "ro")
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


# -------------------------------------------------------------------------------------------------- bad arguments


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("find", "12345"), "16 hex digits"),
        (("find", "zz" * 8), "16 hex digits"),
        (("package", "0x"), "16 hex digits"),
        (("package", "00" * 8), "this vault has no record"),
        (("revoke", "00" * 8, "--reason", "OTHER"), "not registered"),
        (("revoke", "00" * 8, "--reason", "whim"), "one of UNSPECIFIED, DATA_ERROR"),
        (("revoke", "0", "--reason", "OTHER"), "16 hex digits"),
        (("review", "show", "9"), "see creditconnect review list"),
        (("review", "show", "1", "--row", "0"), "the batch has 1"),
        (("review", "show", "1", "--row", "2"), "the batch has 1"),
        (("review", "approve", "1", "--except", "2:DATA_ERROR"), "the batch has 1"),
        (("review", "approve", "1", "--except", "1"), "e.g. --except 17:PLAUSIBILITY"),
        (("review", "approve", "1", "--except", "9" * 5_000 + ":OTHER"), "e.g. --except 17:PLAUSIBILITY"),
        (("review", "approve", "1", "--except", "1:whim"), "one of UNSPECIFIED, DATA_ERROR"),
        (("review", "approve", "1", "--except", "1:OTHER", "--except", "1:DUPLICATE"), "one reason for each row"),
        (("review", "approve", "1", "--as", "boss"), "review or submit"),
        (("review", "reject", "1", "--reason", "OTHER", "--as", "boss"), "review or submit"),
        (("review", "reject", "1", "--reason", ""), "one of UNSPECIFIED, DATA_ERROR"),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)
def test_command__wrong_arguments__are_refused(
    arguments: tuple[str, ...], complaint: str, stage: Stage, console: Console, bureau: Path
) -> None:
    with _nothing_changes(stage, bureau):
        said = console.run(*arguments, home=bureau)
        assert said.code == 2
        assert complaint in said.complaint


@pytest.mark.parametrize(
    "arguments",
    [
        *(("review", "show", "many"), ("review", "show", "--", "-1"), ("review", "show", str(10**30))),
        *(("verify",), ("nonsense",), ("status", "--nonsense"), ("review", "show", "1", "--row", "one")),
    ],
    ids=" ".join,
)
def test_command__wrong_form__shows_usage(arguments: tuple[str, ...], console: Console) -> None:
    said = console.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Usage: creditconnect")
    assert "--help" in said.err
    assert "Traceback" not in said.err


def test_review_approve__already_decided__is_refused(stage: Stage, console: Console, bureau: Path) -> None:
    with _nothing_changes(stage, bureau):
        said = console.run("review", "approve", 1, home=bureau)
        assert said.code == 1
        assert "BatchNotPending" in said.complaint


# ----------------------------------------------------------------------------------------------------------- verify


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("missing.ccpackage", "can't be read (No such file or directory)"), ("folder", "packages end with .ccpackage")],
)
def test_verify__nothing_to_verify__is_refused(
    name: str, complaint: str, console: Console, bank: Path, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").touch()
    said = console.run("verify", name, home=bank)
    assert said.code == 2
    assert complaint in said.complaint


def _huge(genuine: bytes) -> bytes:
    return genuine + b" " * (100_000_000 - len(genuine))


def _of_another_registry(genuine: bytes) -> bytes:
    document = json.loads(genuine)
    document["chain"]["genesis_hash"] = "ab" * 32
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda genuine: b"", "PACKAGE_MALFORMED"),
        (_huge, "PACKAGE_MALFORMED"),
        (lambda genuine: bytes(range(256)) * 40, "PACKAGE_MALFORMED"),
        (lambda genuine: genuine[: len(genuine) // 2], "PACKAGE_MALFORMED"),
        (lambda genuine: genuine[:-1], "PACKAGE_MALFORMED"),
        (lambda genuine: genuine + b"\n", "PACKAGE_MALFORMED"),
        (lambda genuine: b"[" * 100_000, "PACKAGE_MALFORMED"),
        (lambda genuine: b"null", "PACKAGE_MALFORMED"),
        (_of_another_registry, "OTHER_REGISTRY"),
    ],
    ids=["empty", "huge", "binary", "half", "cut", "longer", "deep", "null", "other registry"],
)
def test_verify__no_package_of_this_registry__is_not_verified(
    alter: Callable[[bytes], bytes], reason: str, package: Path, console: Console, bank: Path, tmp_path: Path
) -> None:
    shown = tmp_path / "shown.ccpackage"
    shown.write_bytes(alter(package.read_bytes()))
    said = console.run("verify", shown, "--json", home=bank)
    assert (said.code, said.err) == (10, "")
    assert said.json["reasons"] == [reason]
    assert "Synthetic Person" not in said.out


def test_find__a_record_that_expires_after_the_last_calendar_year__is_shown(
    stage: Stage, console: Console, bank: Path
) -> None:
    data = stage.abi.encode_call("register", SCHEMA, 2**40 - 1, 0, [b"\x01" * 32])
    sender = stage.keys[BUREAU_HK]["submit"]
    stage.anvil.rpc("anvil_impersonateAccount", sender)
    stage.send(sender, data)
    assert f"{2**40 - 1} s" in console.does("find", "01" * 8, home=bank).out


# ---------------------------------------------------------------------------------------------------------- private


@contextmanager
def _nothing_changes(stage: Stage, home: Path) -> Iterator[None]:
    """Nothing was taken in, signed, listed or sent by what is done inside."""
    before = (_records(home), _transactions(home), _others(home), stage.entries(), stage.anvil.height())
    yield
    assert (_records(home), _transactions(home), _others(home), stage.entries(), stage.anvil.height()) == before


def _records(home: Path) -> Counter[tuple[bytes, bytes]]:
    """The records of a home, by hash and commitment, as they lie on the disk."""
    return Counter(_select(home, "SELECT record_hash, commitment FROM records"))


def _transactions(home: Path) -> Counter[Any]:
    return Counter(_select(home, "SELECT hash, state FROM transactions"))


def _select(home: Path, query: str) -> list[Any]:
    if not (home / "vault.db").exists():
        return []
    connection = sqlite3.connect(home / "vault.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _others(home: Path) -> dict[str, bytes]:
    """All but the databases and the locks."""
    return {path: held for path, held in _files(home).items() if ".db" not in path and not path.startswith("locks")}


def _files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def _listed(said: Said) -> list[list[str]]:
    with Path(said.json["rejected_file"]).open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["line", "field", "reason", "message"]
    return lines


def _show_nothing(said: Said, *more: str) -> None:
    """No value of a row, and no secret."""
    values = [value for value in GOOD.strip().split(",") if len(value) > 3]
    for text in (said.out, said.err, *more):
        for secret in (*values, *map(passphrase, ("vault", "submit", "review"))):
            assert secret not in text


def _moved(stage: Stage, folder: Path, url: str) -> Path:
    """The bureau's home at another place, with another node."""
    shutil.copytree(stage.folder / "ready", folder)
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace(stage.anvil.url, url))
    return folder


@contextmanager
def _tmpfs(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() != 0 or mount is None:
        pytest.skip("NOT TESTED: only root can mount a small disk here")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"NOT TESTED: no small disk can be mounted here ({mounted.stderr.decode().strip()})")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
