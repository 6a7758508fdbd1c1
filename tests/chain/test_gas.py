"""The figures of `make bench-gas`: that they are of these contracts, complete, and worth what a figure is worth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.gas import figures, plot, table
from benchmarks.gas.bytecode import FOLDER
from benchmarks.gas.contract import Contract, Sent
from benchmarks.gas.own import Registered, RegisteredAndApproved
from benchmarks.gas.peers import Attested, BulkIssued, MulticallIssued, RootIssued, Timestamped
from benchmarks.gas.subject import SIZES, NotWritten, measure
from benchmarks.gas.subjects import own_subjects
from benchmarks.gas.yardsticks import LeanRegistry, LoggedFloor, UsualRegistry
from benchmarks.ground import Ground, fresh_ground
from benchmarks.results import Result, members_of

pytestmark = pytest.mark.chain

OWN = (Registered, RegisteredAndApproved, LoggedFloor, UsualRegistry, LeanRegistry)
PEERS = (Attested, Timestamped, BulkIssued, MulticallIssued, RootIssued)
STALE = "run make bench-gas, and look at what gas.md says"


@pytest.fixture
def ground() -> Iterator[Ground]:
    with fresh_ground() as made:
        yield made


def test_committed__what_needs_no_peer_measured_anew__equal_to_the_gas(ground: Ground) -> None:
    committed = {(one.subject, one.records): one for one in figures.read()}
    subjects = own_subjects(ground)
    assert tuple(type(subject) for subject in subjects) == OWN
    for subject in subjects:
        for anew in measure(subject):
            assert committed[anew.subject, anew.records] == anew, STALE


def test_committed__our_code__is_the_packaged_contract(ground: Ground) -> None:
    ours = {one.code_hash for one in figures.read() if one.subject in (Registered.key, RegisteredAndApproved.key)}
    assert ours == {"0x" + ground.registry.abi.code_hash.hex()}, STALE


def test_committed__subjects_and_sizes__are_complete() -> None:
    expected = {(subject.key, size) for subject in OWN + PEERS for size in SIZES}
    assert sorted((one.subject, one.records) for one in figures.read()) == sorted(expected)


def test_committed__rows__have_the_six_members_and_follow_from_the_gas() -> None:
    rows = json.loads(figures.GAS_JSON.read_text(encoding="utf-8"))
    assert len(rows) == (len(OWN + PEERS) - 1) * len(SIZES)
    for row in rows:
        ours, reference = (sum(row[f"{side}_transactions"]) / row["records"] for side in ("ours", "reference"))
        members = members_of(Result(row["name"], "gas/record", ours, reference, row["reference_is"]))
        assert list(row.items())[:6] == list(members.items())


def test_committed__peers__are_of_the_locked_packages() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    versions = {
        f"{path.removeprefix('node_modules/')} {found['version']}"
        for path, found in packages.items()
        if "version" in found
    }
    origins = {one.subject: one.origin for one in figures.read()}
    for peer in PEERS:
        assert origins[peer.key].removesuffix(", the bytecode in the package") in versions, STALE


def test_page__committed_figures__are_what_it_shows() -> None:
    assert table.markdown_of(figures.read()) in table.GAS_MD.read_text(encoding="utf-8"), STALE


def test_page__a_mark_missing__is_not_written(tmp_path: Path) -> None:
    page = tmp_path / "gas.md"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(ValueError, match="marks"):
        table.write_into(figures.read(), page)
    assert page.read_text(encoding="utf-8") == "no marks"


@pytest.mark.parametrize("theme", plot.THEMES, ids=lambda theme: theme.name)
def test_plot__committed_figures__are_what_it_shows(theme: plot.Theme) -> None:
    drawn = (plot.FOLDER / f"gas-{theme.name}.svg").read_text(encoding="utf-8")
    rows = table.sorted_rows(figures.read())
    for row in rows:
        for shown in (row[0].title, f"{row[0].gas_per_record:,.0f}", f"{row[-1].gas_per_record:,.0f}"):
            assert f">{shown}</text>" in drawn, STALE


def test_figures__written_and_read__are_the_same(tmp_path: Path) -> None:
    committed = figures.read()
    path = tmp_path / "gas.json"
    figures.write(committed, path)
    assert sorted(figures.read(path), key=repr) == sorted(committed, key=repr)
    assert path.read_bytes() == figures.GAS_JSON.read_bytes()


# --------------------------------------------------------------------------------- what is no figure must not be one


def test_measure__records_reverted__is_no_figure(ground: Ground) -> None:
    class Unsorted(Registered):
        def write(self, records: list[bytes]) -> list[Sent]:
            return super().write(records[::-1])

    with pytest.raises(RuntimeError, match="failed"):
        measure(Unsorted(ground), (2,))


def test_measure__no_code_at_the_address__is_no_figure(ground: Ground) -> None:
    """A transaction to an address without code succeeds, and costs little."""

    class Nowhere(Registered):
        def write(self, records: list[bytes]) -> list[Sent]:
            return [Contract(ground, "0x" + "11" * 20, 5).send_bytes(b"".join(records))]

    with pytest.raises(NotWritten, match="0 of 1"):
        measure(Nowhere(ground), (1,))


def test_measure__one_record_left_out__is_no_figure(ground: Ground) -> None:
    class Less(Registered):
        def write(self, records: list[bytes]) -> list[Sent]:
            return super().write(records[: max(1, len(records) - 1)])

    with pytest.raises(NotWritten, match="12 of 13"):
        measure(Less(ground), (13,))


def test_measure__records_there_before__is_no_figure(ground: Ground) -> None:
    measure(Registered(ground), ())
    with pytest.raises(NotWritten, match="1 of 1 records were there before"):
        measure(Registered(ground), ())
