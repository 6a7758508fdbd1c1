"""Reading: every line of a file ends in exactly one row or rejection, whatever the bytes; the rest always goes on."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.reading import read_rows
from creditconnect.records.rows import GREATEST_ROW_BYTES, Columns, Row
from creditconnect.types import Rejection

COLUMNS = Columns(frozenset({"a", "b"}), frozenset({"a", "b", "c"}))


def read(data: bytes, row_format: str = "csv", columns: Columns | None = None) -> list[Row | Rejection]:
    return list(read_rows(io.BytesIO(data), row_format, columns))


def outcomes(found: Iterable[Row | Rejection]) -> list[tuple[int, object]]:
    return [(item.line, item.reason if isinstance(item, Rejection) else item.fields) for item in found]


def test_csv__plain_rows__values_by_column() -> None:
    assert outcomes(read(b"a,b\n1,2\n3,\n")) == [(2, {"a": "1", "b": "2"}), (3, {"a": "3", "b": ""})]


@pytest.mark.parametrize("data", [b"a,b\n1,2", b"a,b\r\n1,2\r\n", b"\xef\xbb\xbfa,b\n1,2\n", b'"a","b"\r\n"1","2"\r\n'])
def test_csv__line_ends_mark_and_quotes__the_same_row(data: bytes) -> None:
    assert outcomes(read(data)) == [(2, {"a": "1", "b": "2"})]


def test_csv__quoted_line_ends_commas_and_quotes__kept_and_lines_counted() -> None:
    data = b'a,b\n"x\ny","1,""2"""\r\n\n"p\r\nq",3\nlast,4\n'
    assert outcomes(read(data)) == [
        (2, {"a": "x\ny", "b": '1,"2"'}),
        (5, {"a": "p\r\nq", "b": "3"}),
        (7, {"a": "last", "b": "4"}),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"1\n", RowReason.MALFORMED_ROW),
        (b"1,2,3\n", RowReason.MALFORMED_ROW),
        (b'1,"2\n', RowReason.MALFORMED_ROW),
        (b'1,"2" \n', RowReason.MALFORMED_ROW),
        (b'1,2"\n', RowReason.MALFORMED_ROW),
        (b"1,2\r3\n", RowReason.MALFORMED_ROW),
        (b"1,\xff\n", RowReason.ENCODING),
        (b'1,"\xff"\n', RowReason.ENCODING),
        (b"1,\0\n", RowReason.TEXT),
        (b'1,"\0"\n', RowReason.TEXT),
        (b"1," + b"x" * GREATEST_ROW_BYTES + b"\n", RowReason.TOO_LARGE),
    ],
)
def test_csv__one_bad_row__rejected_and_the_rest_goes_on(bad: bytes, reason: RowReason) -> None:
    found = outcomes(read(b"a,b\n1,2\n" + bad + b"5,6\n7,8\n"))
    assert found == [(2, {"a": "1", "b": "2"}), (3, reason), (4, {"a": "5", "b": "6"}), (5, {"a": "7", "b": "8"})]


def test_csv__quote_open_to_a_far_end__only_its_line_rejected() -> None:
    rows = b"".join(b"%d,%s\n" % (number, b"x" * 100) for number in range(20_000))
    found = read(b'a,b\n1,"open\n' + rows)
    assert outcomes(found)[0] == (2, RowReason.MALFORMED_ROW)
    assert [item.line for item in found[1:]] == list(range(3, 20_003))
    assert all(isinstance(item, Row) for item in found[1:])


def test_csv__quote_that_closes_lines_later_inside_a_value__read_on_at_the_next_line() -> None:
    found = outcomes(read(b'a,b\n1,"open\n5,6\n"x,8\n9,10\n'))
    assert found == [
        (2, RowReason.MALFORMED_ROW),
        (3, {"a": "5", "b": "6"}),
        (4, RowReason.MALFORMED_ROW),
        (5, {"a": "9", "b": "10"}),
    ]


def test_csv__line_of_several_times_the_greatest_row__rejected_once() -> None:
    found = outcomes(read(b"a,b\n1," + b"x" * (5 * GREATEST_ROW_BYTES) + b"\n3,4\n"))
    assert found == [(2, RowReason.TOO_LARGE), (3, {"a": "3", "b": "4"})]


def test_csv__quote_open_before_a_line_without_end__both_rejected() -> None:
    found = outcomes(read(b'a,b\n1,"open\n' + b"x" * (GREATEST_ROW_BYTES + 9) + b"\n3,4\n"))
    assert found == [(2, RowReason.MALFORMED_ROW), (3, RowReason.TOO_LARGE), (4, {"a": "3", "b": "4"})]


def test_csv__the_longest_row__accepted() -> None:
    [row] = read(b"a,b\n1," + b"x" * (GREATEST_ROW_BYTES - 2) + b"\n")
    assert isinstance(row, Row)


def test_csv__quoted_row_of_many_lines_with_wrong_count__rejected_as_one() -> None:
    assert outcomes(read(b'a,b\n"1\n8,9\n"\n3,4\n')) == [(2, RowReason.MALFORMED_ROW), (5, {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"a\n1\n", "lacks 'b'"),
        (b"a,b,a\n1,2,3\n", "twice: 'a'"),
        (b"a,b,d\n1,2,3\n", "does not know 'd'"),
        (b"a,b\xff\n1,2\n", "not UTF-8"),
        (b'a,"b\n1,2\n', "header"),
        (b"\xff\xfea\0,\0b\0\n\0", "UTF-16"),
        (b"", "empty"),
        (b"x" * (GREATEST_ROW_BYTES + 9), "longer than"),
    ],
)
def test_csv__header_at_fault__the_file_is_refused_at_once(tmp_path: Path, header: bytes, message: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(header)
    with pytest.raises(SourceUnreadable, match=message) as refused:
        read_rows(path, "csv", COLUMNS)
    assert "rows.csv" in str(refused.value)


def test_csv__optional_column_in_any_order__read() -> None:
    assert outcomes(read(b"c,b,a\n3,2,1\n", columns=COLUMNS)) == [(2, {"a": "1", "b": "2", "c": "3"})]
    assert outcomes(read(b"b,a\n2,1\n", columns=COLUMNS)) == [(2, {"a": "1", "b": "2"})]


def test_read_rows__missing_directory_or_unknown_format__refused_by_name(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SourceUnreadable, match=path.name):
            read_rows(path, "csv")
    with pytest.raises(SourceUnreadable, match="unknown format 'xls'"):
        read_rows(io.BytesIO(b"a\n"), "xls")


def test_read_rows__a_failing_disk__refused_with_the_line() -> None:
    class Failing(io.BytesIO):
        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            if not line:
                raise OSError(5, "Input/output error")
            return line

    rows = read_rows(Failing(b"a,b\n1,2\n"), "csv")
    assert next(rows).line == 2
    with pytest.raises(SourceUnreadable, match="after line 2"):
        next(rows)


class Endless(io.RawIOBase):
    """A beginning, and then the row `1,2` for ever."""

    def __init__(self, beginning: bytes) -> None:
        self.rest = beginning

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:] or b"1,2\n"
        return size


def test_read_rows__stream_without_end__read_one_row_at_a_time() -> None:
    rows = read_rows(io.BufferedReader(Endless(b"a,b\n")), "csv")
    assert [next(rows).line for _ in range(1000)] == list(range(2, 1002))


def test_csv__quote_open_in_a_stream_without_end__given_up_after_the_greatest_row() -> None:
    rows = read_rows(io.BufferedReader(Endless(b'a,b\n1,"open\n')), "csv")
    assert outcomes(next(rows) for _ in range(2)) == [(2, RowReason.MALFORMED_ROW), (3, {"a": "1", "b": "2"})]


def test_jsonl__good_bad_and_blank_lines__each_its_outcome() -> None:
    lines = [
        (b'{"a":1,"b":"x"}', {"a": 1, "b": "x"}),
        (b"", None),
        (b'{"a":1,"a":2}', RowReason.DUPLICATE_KEY),
        (b'{"a":NaN}', RowReason.NUMBER),
        (b'{"a":1.5}', RowReason.NUMBER),
        (b'{"a":9007199254740992}', RowReason.NUMBER),
        (b'{"a":"\xff"}', RowReason.ENCODING),
        (b'{"a":"\0"}', RowReason.TEXT),
        (b"[1]", RowReason.MALFORMED_ROW),
        (b'{"a":', RowReason.MALFORMED_ROW),
        (b" \t", None),
        (b'{"a":"' + b"x" * GREATEST_ROW_BYTES + b'"}', RowReason.TOO_LARGE),
        (b'{"a":{"b":[true,null]}}', {"a": {"b": [True, None]}}),
    ]
    expected = [(number, outcome) for number, (_, outcome) in enumerate(lines, 1) if outcome is not None]
    for end in (b"\n", b"\r\n"):
        for mark in (b"", b"\xef\xbb\xbf"):
            assert outcomes(read(mark + end.join(line for line, _ in lines), "jsonl")) == expected


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)


@given(st.lists(st.tuples(cells, cells, cells), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_csv__whatever_a_writer_quotes__read_back(table: list[tuple[str, str, str]], end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "c"), *table])
    found = read(text.getvalue().encode())
    assert [tuple(item.fields.values()) for item in found if isinstance(item, Row)] == table
    assert len(found) == len(table)


mutations = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from([b'"', b"\n", b"\r", b",", b"\0", b"\xff", b"\xef", b"", b'""']))
)


@given(mutations)
def test_csv__bytes_mutated__no_line_lost_or_told_twice(changes: list[tuple[int, bytes]]) -> None:
    """The count law: a line that no outcome tells of is blank, or inside quotes that a rejected row opened."""
    data = bytearray(b"".join(b'%d,"x %d",z\n' % (number, number) for number in range(30)))
    for place, put in changes:
        data[place : place + 1] = put
    data[:0] = b"a,b,c\n"
    lines = dict(enumerate(data.split(b"\n"), 1))
    found = {item.line: item for item in read(bytes(data))}
    told = [line + further for line, item in found.items() for further in range(lines_spanned(item))]
    assert len(told) == len(set(told))
    for line in lines.keys() - set(told) - {1}:
        before = max((start for start in found if start < line), default=0)
        is_inside_rejected = isinstance(found.get(before), Rejection) and lines[before].count(b'"') % 2 == 1
        assert not lines[line].strip(b"\r") or is_inside_rejected


def lines_spanned(item: Row | Rejection) -> int:
    return 1 if isinstance(item, Rejection) else 1 + sum(value.count("\n") for value in item.fields.values())


@given(mutations)
def test_csv__bytes_mutated_without_quotes__one_outcome_a_line(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(b"".join(b"%d,x %d,z\n" % (number, number) for number in range(30)))
    for place, put in changes:
        data[place : place + 1] = put.replace(b'"', b"")
    expected = [line for line, raw in enumerate(data.split(b"\n"), 2) if raw.strip(b"\r")]
    assert [item.line for item in read(b"a,b,c\n" + bytes(data))] == expected


@given(mutations)
def test_jsonl__bytes_mutated__one_outcome_a_line(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(b"".join(json.dumps({"a": number, "b": "x"}).encode() + b"\n" for number in range(30)))
    for place, put in changes:
        data[place : place + 1] = put
    expected = [line for line, raw in enumerate(data.split(b"\n"), 1) if raw.strip(b" \t\r")]
    assert [item.line for item in read(bytes(data), "jsonl")] == expected


def test_read__more_columns_than_any_sheet_has__refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    for header in (",".join(f"c{number}" for number in range(2_001)), "," * 500_000):
        path.write_text(header + "\n")
        with pytest.raises(SourceUnreadable, match=r"wide\.csv: the header has [0-9]+ columns, more than 2000"):
            read_rows(path, "csv")
    path.write_text(",".join(f"c{number}" for number in range(2_000)) + "\n")
    assert list(read_rows(path, "csv")) == []
