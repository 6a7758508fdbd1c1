"""What is handed in wrongly, through the installed command: one line that says what to do next, and nothing half done.

A line is never followed by a traceback and never shows a row's value or a secret; what the home held before, it holds
afterwards.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chain.console import Console, Said
from tests.chain.homes import (
    BUREAU_HK,
    SCHEMA,
    Stage,
    passphrase,
    row,
)
from tests.chain.unchanged import (
    nothing_changes,
)

pytestmark = pytest.mark.chain

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


@pytest.fixture
def console(tmp_path: Path) -> Console:
    (tmp_path / "own.toml").write_text(MAPPING)
    return Console(tmp_path)


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
    ("semicolons.csv", (HEADER + GOOD).replace(",", ";").encode(), "is it separated by commas?"),
    ("headless.csv", GOOD.encode(), "the header lacks"),
    ("unknown.xls", b"PK", "name it .csv, .jsonl, .ndjson, .parquet, .xlsx, or give --format"),
    ("liar.xlsx", (HEADER + GOOD).encode(), "is not an Excel workbook"),
    ("liar.csv", b"PK\x03\x04" + bytes(60), "is not CSV, but seems to be an Excel workbook"),
    ("missing.csv", None, "No such file"),
    ("folder.csv", None, "holds no file"),
    ("pipe.csv", None, "hand it in on standard input"),
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
    with nothing_changes(stage, bureau):
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
        (("good.csv", "--map", "own.toml", "--format", "xls"), 1, "one of csv, jsonl, parquet, xlsx"),
        (("good.csv", "--map", "own.toml", "--format", "parquet"), 1, "is not Parquet"),
        (("good.csv", "--map", "own.toml", "--sheet", "One"), 1, "has no sheets"),
        (("-", "--map", "own.toml"), 2, "standard input has no name that says its format"),
        (("-", "--map", "own.toml", "--format", "csv"), 1, "standard input: empty"),
        (("-", "--schema", "document/1"), 2, "a document on standard input has no name: give it one, --name"),
        (("-", "--schema", "document/1", "--name", "../a.pdf"), 2, "a document's name is no path"),
        (("good.csv", "--map", "own.toml", "--name", "a.pdf"), 2, "nothing here takes a name"),
        (("good.csv", "--map", "twice.toml"), 1, "twice.toml: line 4: ref is there twice"),
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
    (tmp_path / "twice.toml").write_text(
        'schema = "personal-credit-report/1"\n[columns]\nref = "report.number"\nref = "identity.name"\n'
    )
    (tmp_path / "half.toml").write_text('schema = "personal-credit-report/1"\n[columns]\nname = "identity.nonsense"\n')
    with nothing_changes(stage, bureau):
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


def test_submit__every_row_bad__fails_and_names_each(
    stage: Stage, console: Console, bureau: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text("\n".join(bad for bad, _, _ in BAD_JSON) + "\n")
    said = console.run("submit", "bad.jsonl", "--json", home=bureau)
    assert (said.code, said.err) == (1, "")
    assert (said.json["accepted"], said.json["rejected"]) == (0, len(BAD_JSON))
    assert len(_listed(said)) == len(BAD_JSON)
    assert stage.entries() == 1


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
    with nothing_changes(stage, bureau):
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
def test_command__wrong_form__one_line_that_names_the_help(arguments: tuple[str, ...], console: Console) -> None:
    said = console.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert "--help" in said.complaint


def test_review_approve__already_decided__is_refused(stage: Stage, console: Console, bureau: Path) -> None:
    with nothing_changes(stage, bureau):
        said = console.run("review", "approve", 1, home=bureau)
        assert said.code == 1
        assert "batch 1 is no longer pending: ACTIVE since it was registered" in said.complaint


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
