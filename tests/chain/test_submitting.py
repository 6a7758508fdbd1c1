"""Every way in, through the installed command: Excel, Parquet, standard input, folders, a template filled in."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.chain.console import MOST_SECONDS, PROGRAM, Console, Said
from tests.chain.homes import Stage, row
from tests.chain.unchanged import nothing_changes
from tests.unit.records.spreadsheets import rows as sheet_rows
from tests.unit.records.spreadsheets import text, workbook
from tests.unit.records.test_templates import PERSON
from tests.unit.records.test_workbooks import HEADER, MAPPING, line

pytestmark = pytest.mark.chain


@pytest.fixture
def console(tmp_path: Path) -> Console:
    (tmp_path / "own.toml").write_text(MAPPING)
    return Console(tmp_path)


def piped(console: Console, data: bytes, *arguments: object, home: Path) -> Said:
    """A command that is handed data on standard input."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, arguments), "--home", str(home)],
        input=data,
        capture_output=True,
        env=console.environment,
        cwd=console.folder,
        timeout=MOST_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


def counts(said: Said) -> tuple[int, int, int, int]:
    done: dict[str, Any] = said.json
    return done["accepted"], done["repeated"], done["rejected"], done["registered"]


def test_submit__the_same_rows_in_every_format__are_the_same_records(
    console: Console, bureau: Path, tmp_path: Path
) -> None:
    made = [row(number) | {"trace": f"t-{number}"} for number in range(4)]
    jsonl = "".join(json.dumps(report) + "\n" for report in made).encode()
    (tmp_path / "rows.jsonl").write_bytes(jsonl)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(made), tmp_path / "rows.parquet")
    assert counts(console.does("submit", "rows.parquet", "--json", home=bureau)) == (4, 0, 0, 4)
    assert counts(console.does("submit", "rows.jsonl", "--json", home=bureau)) == (0, 4, 0, 0)
    said = piped(console, jsonl, "submit", "-", "--format", "jsonl", "--json", home=bureau)
    assert (said.code, counts(said)) == (0, (0, 4, 0, 0))


def test_submit__a_workbook_from_a_file_or_a_pipe__registers_it(console: Console, bureau: Path, tmp_path: Path) -> None:
    book = workbook(sheet_rows([text("notes")]), sheet_rows(HEADER, line(), [text("B-2")]), names=["Notes", "Data"])
    (tmp_path / "book.xlsx").write_bytes(book)
    arguments = ("--map", "own.toml", "--sheet", "Data", "--json")
    said = console.does("submit", "book.xlsx", *arguments, home=bureau)
    assert counts(said) == (1, 0, 1, 1)
    with Path(said.json["rejected_file"]).open(encoding="utf-8", newline="") as file:
        _, rejected = csv.reader(file)
    assert rejected[:3] == ["3", "hkid", "MISSING"]
    again = piped(console, book, "submit", "-", "--format", "xlsx", *arguments, home=bureau)
    assert counts(again) == (0, 1, 1, 0)
    assert Path(again.json["rejected_file"]).name.startswith("standard-input-")
    for path in bureau.rglob("*"):
        assert not path.is_file() or "陳大文".encode() not in path.read_bytes()


def test_submit__a_folder__each_file_in_its_place_and_a_bad_one_stops_none(
    console: Console, bureau: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    (folder / "1.xlsx").write_bytes(workbook(sheet_rows(HEADER, line()), "", names=["Data", "Notes"]))
    (folder / "2.xlsx").write_bytes(b"ref,name\n")
    (folder / "3.xlsx").write_bytes(workbook(sheet_rows(HEADER, line(ref=text("B-2")), [text("B-3")])))
    (folder / "4.docx").write_bytes(b"PK")
    (folder / ".hidden.csv").write_bytes(b"")
    (folder / "own.toml").write_text(MAPPING)
    (folder / "inside").mkdir()
    (folder / "gone.csv").symlink_to("nowhere")
    said = console.run("submit", "incoming", "--map", "incoming/own.toml", "--json", home=bureau)
    assert said.code == 1
    assert counts(said) == (2, 0, 1, 2)
    files = said.json["files"]
    assert [(file["file"], file["accepted"], file["rejected"]) for file in files] == [
        ("1.xlsx", 1, 0),
        ("2.xlsx", 0, 0),
        ("3.xlsx", 1, 1),
        ("4.docx", 0, 0),
    ]
    assert said.json["passed_over"] == {"folders": 1, "hidden": 1, "special": 1}
    assert [file["unread_sheets"] for file in files] == [["Notes"], [], [], []]
    assert "2.xlsx: is not an Excel workbook" in files[1]["refusal"]
    assert "4.docx: no format known for '.docx'" in files[3]["refusal"]
    shown = console.run("submit", "incoming", "--map", "incoming/own.toml", home=bureau)
    assert shown.code == 1
    told = shown.err.splitlines()
    assert told[0] == "creditconnect: incoming: passed over: 1 folder; 1 hidden file; 1 pipe, device or broken link"
    assert told[1].startswith("creditconnect: 1.xlsx: 1 sheet not read: 'Notes';")
    assert len(told) == 4
    assert "in all" in shown.out


def test_submit__a_template_filled_in__registers_it(console: Console, bureau: Path, tmp_path: Path) -> None:
    made = console.does("schema", "template", "personal-credit-report/1", "--out", "sheets", "--json").json
    with (tmp_path / made["sheet"]).open(encoding="utf-8-sig", newline="") as file:
        (header,) = csv.reader(file)
    with (tmp_path / made["sheet"]).open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, header).writerow(PERSON)
    said = console.does("submit", made["sheet"], "--map", made["mapping"], "--json", home=bureau)
    assert counts(said) == (1, 0, 0, 1)


def test_schema_list__pinned__says_the_registrys_number(console: Console, bureau: Path) -> None:
    assert "number" not in console.does("schema", "list", "--json").json[0]
    listed = console.does("schema", "list", "--pinned", "--json", home=bureau).json
    assert [(one["id"], one["number"]) for one in listed] == [
        ("personal-credit-report/1", 1),
        ("company-credit-report/1", None),
        ("document/1", None),
    ]
    assert "identity.identifiers[].number" in console.does("schema", "show", "personal-credit-report/1").out
    assert console.does("schema", "show", "document/1", "--json").json["x-id"] == "document/1"
    refused = console.run("schema", "template", "document/1")
    assert refused.code == 2
    assert "document/1 needs no sheet" in refused.complaint


def test_submit__a_pipe_that_is_a_bomb_or_a_lie__takes_nothing_in(stage: Stage, console: Console, bureau: Path) -> None:
    far = '<row r="1048576"><c r="ALL1048576"><v>1</v></c></row>'
    with nothing_changes(stage, bureau):
        for data, said in (
            (workbook(sheet_rows(HEADER) + far), "more than 2 GiB of memory"),
            (os.urandom(99), "is not"),
        ):
            bad = piped(console, data, "submit", "-", "--format", "xlsx", "--map", "own.toml", home=bureau)
            assert bad.code == 1
            assert said in bad.complaint
