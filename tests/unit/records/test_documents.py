"""A document is a record by its bytes: what names it, what its name may not promise, and what is too much."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from creditconnect.cli.synthetic_documents import pdf
from creditconnect.errors import FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records import documents
from creditconnect.records.documents import PassedOver, document_record, measure, passed_over, read_documents
from creditconnect.records.rows import Row
from creditconnect.records.schemas import DOCUMENT, SchemaCatalogue
from creditconnect.types import Rejection

BYTES = {
    "application/pdf": pdf("a line"),
    "image/png": b"\x89PNG\r\n\x1a\nrest",
    "image/jpeg": b"\xff\xd8\xff\xe0",
    "image/tiff": b"II*\0rest",
    "application/zip": b"PK\x03\x04rest",
    "application/octet-stream": b"any bytes",
}


@pytest.mark.parametrize("media_type", BYTES)
def test_document_record__any_bytes__are_named_by_their_sha256_and_pass_the_schema(
    tmp_path: Path, catalogue: SchemaCatalogue, media_type: str
) -> None:
    path = tmp_path / "a document"
    path.write_bytes(BYTES[media_type])
    record = document_record(path)
    catalogue.load(DOCUMENT).validate(record)
    assert record == {
        "document": {
            "sha256": hashlib.sha256(BYTES[media_type]).hexdigest(),
            "size_bytes": len(BYTES[media_type]),
            "media_type": media_type,
            "name": "a document",
        }
    }


@pytest.mark.parametrize(("name", "media_type"), [("a.pdf", "image/png"), ("a.PNG", "application/pdf")])
def test_document_record__a_name_that_lies_about_the_type__is_refused(
    tmp_path: Path, name: str, media_type: str
) -> None:
    (tmp_path / name).write_bytes(BYTES[media_type])
    with pytest.raises(FieldInvalid, match="its name promises") as refused:
        document_record(tmp_path / name)
    assert refused.value.reason == RowReason.UNKNOWN_CODE


def test_measure__empty_or_beyond_the_bound__is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(FieldInvalid, match="empty"):
        measure(path)
    monkeypatch.setattr(documents, "GREATEST_BYTES", 9)
    path.write_bytes(b"x" * 9)
    assert measure(path).size_bytes == 9
    path.write_bytes(b"x" * 10)
    with pytest.raises(FieldInvalid, match="longer than 9 bytes"):
        measure(path)


def test_read_documents__a_folder__a_row_a_file_by_name_and_the_bad_ones_named(tmp_path: Path) -> None:
    (tmp_path / "b.pdf").write_bytes(pdf("b"))
    (tmp_path / "a.pdf").write_bytes(b"no pdf")
    (tmp_path / "c.bin").write_bytes(b"c")
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "inside").mkdir()
    rows = list(read_documents(tmp_path))
    assert [type(row) for row in rows] == [Rejection, Row, Row]
    assert isinstance(rows[0], Rejection)
    assert (rows[0].line, rows[0].field) == (1, "a.pdf")
    assert [row.line for row in rows] == [1, 2, 3]
    assert passed_over(tmp_path) == PassedOver(folders=1, hidden=1)


def test_read_documents__an_empty_folder_or_a_missing_file__is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match="holds no document"):
        read_documents(tmp_path)
    (missing,) = read_documents(tmp_path / "missing.pdf")
    assert isinstance(missing, Rejection)
    assert "No such file" in missing.message
