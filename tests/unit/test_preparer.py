"""Promise: a second process prepares what this one would: lines, bytes, and whom each record is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditconnect.cli.german_credit import attach_identities, packaged_dataset
from creditconnect.exchange.preparer import Chunk, Form, prepared_chunks
from creditconnect.exchange.sources import Source
from creditconnect.records.mapping import find_mapping, load_mapping
from creditconnect.records.schemas import SchemaCatalogue


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
