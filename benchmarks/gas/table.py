"""The table of gas.md, and the one on the terminal: the same rows, cheapest at the greatest size first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from benchmarks.gas.own import Registered
from benchmarks.gas.subject import Measured
from creditconnect.network.configuration import Configuration

GAS_MD = Path(__file__).parent.with_name("gas.md")
TRANSACTION_LIMIT = 2**24
"""EIP-7825: no transaction of Ethereum may use more since Osaka."""
BLOCK_LIMIT = Configuration().gas_limit
"""What a block of this project's network holds unless its founders choose otherwise."""
_BEGIN, _END = "<!-- figures: written by make bench-gas -->", "<!-- end of figures -->"
_TOO_DEAR, _TOO_LARGE = "¹", "²"


def sorted_rows(measured: Sequence[Measured]) -> list[list[Measured]]:
    """For each subject its figures, the number of records rising; subjects by their figure at the greatest."""
    rows: dict[str, list[Measured]] = {}
    for one in sorted(measured, key=lambda one: one.records):
        rows.setdefault(one.subject, []).append(one)
    return sorted(rows.values(), key=lambda row: row[-1].gas_per_record)


def write_into(measured: Sequence[Measured], page: Path = GAS_MD) -> None:
    """Put the figures between the page's two marks.

    Raises:
        ValueError: a mark is missing.
    """
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    old, end, after = rest.partition(_END)
    if not old or not end:
        raise ValueError(f"{page.name}: the marks {_BEGIN} and {_END} are not there")
    page.write_text(f"{before}{_BEGIN}\n\n{markdown_of(measured)}\n{_END}{after}", encoding="utf-8")


def markdown_of(measured: Sequence[Measured]) -> str:
    """Both tables and their notes."""
    rows = sorted_rows(measured)
    header, *body = _cells(rows)
    lines = [_line(header), _line(["---", *["---:"] * (len(header) - 1)]), *map(_line, body)]
    sources = [
        _line(["contract", "what was measured", "its code", "keccak256 of its runtime code"]),
        _line(["---"] * 4),
    ]
    for row in rows:
        one = row[-1]
        sources.append(_line([one.title, one.is_, one.origin, f"`{one.code_hash[:18]}…`"]))
    return "\n".join([*lines, "", "  \n".join(_notes()), "", *sources, ""])


def table_of(measured: Sequence[Measured]) -> Table:
    """The first of the tables, for a terminal."""
    rows = sorted_rows(measured)
    table = Table(title="gas a record", caption="\n".join(_notes()), caption_justify="left")
    table.add_column("by records a transaction")
    for one in rows[0]:
        table.add_column(str(one.records), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row[0].title, *map(_figure, row))
    return table


def _cells(rows: list[list[Measured]]) -> list[list[str]]:
    ours = next(row for row in rows if row[0].subject == Registered.key)[-1].gas_per_record
    greatest = rows[0][-1].records
    header = ["gas a record, by records a transaction", *(str(one.records) for one in rows[0])]
    header += [f"gas of the {greatest}", f"ours ÷ it at {greatest}"]
    body = [
        [
            row[0].title,
            *(_figure(one) for one in row),
            " + ".join(f"{gas:,}" for gas in row[-1].transactions),
            _ratio(ours / row[-1].gas_per_record),
        ]
        for row in rows
    ]
    return [header, *body]


def _figure(one: Measured) -> str:
    mark = (_TOO_DEAR if max(one.transactions) > TRANSACTION_LIMIT else "") + (
        _TOO_LARGE if max(one.transactions) > BLOCK_LIMIT else ""
    )
    return f"{one.gas_per_record:,.0f}{mark}"


def _ratio(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.2f}"


def _notes() -> list[str]:
    return [
        f"{_TOO_DEAR} Does not fit: EIP-7825 allows a transaction {TRANSACTION_LIMIT:,} gas.",
        f"{_TOO_LARGE} Nor does it fit a block of this network, {BLOCK_LIMIT:,} gas; measured where blocks are larger.",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
