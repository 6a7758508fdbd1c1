"""Promise: a second process prepares what this one would, and what a file does to it is one error about the file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from creditconnect.cli.german_credit import attach_identities, packaged_dataset
from creditconnect.errors import SourceUnreadable
from creditconnect.exchange.preparer import Chunk, Form, prepared_chunks
from creditconnect.exchange.sources import Source, spooled
from creditconnect.records import documents
from creditconnect.records.mapping import find_mapping, load_mapping
from creditconnect.records.schemas import DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue
from tests.unit.records.spreadsheets import number, rows, text, workbook


@pytest.fixture
def form() -> Form:
    catalogue = SchemaCatalogue()
    mapping_file = find_mapping("german_credit")
    mapping = load_mapping(mapping_file, catalogue)
    return Form("csv", catalogue.load(mapping.schema_id), mapping, mapping_file)


def chunks_of(source: Path, form: Form, large_file_bytes: int) -> list[Chunk]:
    with prepared_chunks(Source.of_path(source), form, large_file_bytes=large_file_bytes) as chunks:
        return list(chunks)


def test_prepared_chunks__by_a_second_process__the_same(form: Form, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    attach_identities(packaged_dataset(), source, "HK", 1_200, seed=1)
    here, there = (chunks_of(source, form, size) for size in (2**30, 0))
    assert there == here
    assert [len(chunk.prepared) for chunk in here] == [500, 500, 200]
    assert all(row.subjects[0].number.encode() in row.canonical for chunk in here for row in chunk.prepared)


def test_prepared_chunks__of_a_spooled_stream__the_same_and_no_file_is_left(form: Form, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    attach_identities(packaged_dataset(), source, "HK", 1_200, seed=1)
    expected = chunks_of(source, form, 2**30)
    home = tmp_path / "home"
    home.mkdir()
    for size in (2**30, 0):
        with source.open("rb") as stream, spooled(stream, home) as spool:
            assert list(home.iterdir()) == []
            (descriptor,) = spool.descriptors()
            assert os.fstat(descriptor).st_mode & 0o777 == 0o600
            assert spool.digest() == Source.of_path(source).digest()
            with prepared_chunks(spool, form, large_file_bytes=size) as chunks:
                assert list(chunks) == expected


def plain(row_format: str) -> Form:
    catalogue = SchemaCatalogue()
    mapping_file = find_mapping("german_credit")
    return Form(row_format, catalogue.load(PERSONAL_CREDIT_REPORT), load_mapping(mapping_file, catalogue), mapping_file)


def test_prepared_chunks__a_small_workbook_that_asks_for_all_memory__one_error_about_it(tmp_path: Path) -> None:
    source = tmp_path / "bomb.xlsx"
    far = '<row r="1048576"><c r="ALL1048576"><v>1</v></c></row>'
    source.write_bytes(workbook(rows([text("a")]) + far))
    assert source.stat().st_size < 4_000
    with pytest.raises(SourceUnreadable, match=r"bomb\.xlsx: takes more than 2 GiB of memory to read"):
        chunks_of(source, plain("xlsx"), 0)


def test_prepared_chunks__a_small_parquet_file_that_unpacks_to_terabytes__one_error_about_it(tmp_path: Path) -> None:
    source = tmp_path / "bomb.parquet"
    value = pyarrow.array(["x" * (8 * 2**20)])
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * 1_000_000, pyarrow.int32()), value)
    pyarrow.parquet.write_table(pyarrow.table({"report": column}), source, compression="zstd")
    assert source.stat().st_size < 100_000
    form = plain("parquet")
    with pytest.raises(SourceUnreadable, match=r"bomb\.parquet: takes (too much|more than 2 GiB of) memory"):
        chunks_of(source, Form("parquet", form.schema), 0)


def test_prepared_chunks__a_file_of_another_type__one_error_before_any_row(tmp_path: Path) -> None:
    book, csv = workbook(rows([text("a")], [number("1")])), b"a,b\n1,2\n"
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), parquet)
    lies = [
        ("book.csv", book, "is not CSV, but seems to be an Excel workbook"),
        ("rows.csv", parquet.getvalue(), "is not CSV, but seems to be Parquet: name it .parquet"),
        ("rows.jsonl", parquet.getvalue(), "is not JSON Lines, but seems to be Parquet"),
        ("paper.csv", b"%PDF-1.7\n%\xe2\xe3\n", "seems to be a PDF"),
        ("packed.csv", b"\x1f\x8b\x08\0\n", "seems to be compressed by gzip"),
        ("csv.xlsx", csv, "is not an Excel workbook, but seems to be something else"),
        ("page.xlsx", b"\n <HTML><table>", "is not an Excel workbook, but seems to be HTML"),
        ("old.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx without a password"),
        ("csv.parquet", csv, "is not Parquet"),
        ("csv.jsonl", csv, "no line is a JSON object"),
        ("list.jsonl", b'[{"a": 1},\n{"a": 2}]\n', "begins with a JSON list"),
        ("zip.xlsx", zip_of_nothing(), "seems to be an empty ZIP archive"),
        ("gb.csv", "号,名\n1,陈大文\n2,李小明\n3,王五\n".encode("gb18030"), "seems to be GB18030"),
        ("big5.csv", "a,b\n1,陳大文\n2,李小明\n3,王五\n".encode("big5"), "seems to be"),
        ("latin.csv", "a,b\n1,é\n2,é\n3,é\n".encode("latin-1"), "no line is UTF-8"),
    ]
    for name, data, said in lies:
        (tmp_path / name).write_bytes(data)
        form = plain(name.partition(".")[2])
        with pytest.raises(SourceUnreadable) as refused:
            chunks_of(tmp_path / name, form, 2**30)
        assert said in str(refused.value)
        assert name in str(refused.value)


def zip_of_nothing() -> bytes:
    return b"PK\x05\x06" + bytes(18)


def test_prepared_chunks__documents_that_are_refused__are_named_by_their_files(tmp_path: Path) -> None:
    form = Form(documents.FORMAT, SchemaCatalogue().load(DOCUMENT))
    for name in ("=evil\u202e.pdf", "fine.pdf", os.fsdecode(b"z\xff.pdf")):
        (tmp_path / name).write_bytes(b"%PDF-1.7 " + os.fsencode(name))
    (chunk,) = chunks_of(tmp_path, form, 0)
    assert [row.line for row in chunk.prepared] == [2]
    refused = [(rejection.line, rejection.field) for rejection in chunk.rejections]
    with spooled(io.BytesIO(b"%PDF-1.7 fine.pdf"), tmp_path, "fine.pdf") as piped, prepared_chunks(piped, form) as same:
        assert [row.canonical for one in same for row in one.prepared] == [row.canonical for row in chunk.prepared]
    assert refused == [(1, "=evil\\u202e.pdf"), (3, "z\\udcff.pdf")]
