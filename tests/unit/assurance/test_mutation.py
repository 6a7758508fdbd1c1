"""Mutants: which there are, and what a table of them must say to be believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.mutation import table as tables
from tools.mutation.operators import Mutant, all_mutants
from tools.mutation.solidity import digest

CONTRACT = b"""// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;
contract Small {
    enum State { None, Open, Shut }
    struct Pair { uint8 left; uint8 right; bool set; }
    event Moved(uint8 to, address by);
    error Refused(uint8 to);
    uint8 private constant LIMIT = 3;
    State private state;
    Pair private pair;
    modifier once() { if (pair.set) revert Refused(0); _; }
    function move(uint8 to, uint8 from, bool really) external once returns (bool) {
        if (to <= from && really) revert Refused(to);
        pair.left |= to << 1;
        state = State.Open;
        pair.set = !really;
        emit Moved(to + from, msg.sender);
        return to < LIMIT;
    }
}
"""
SOURCES = {"contracts/Small.sol": CONTRACT}


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    return all_mutants(SOURCES)


@pytest.mark.parametrize(
    ("operator", "original", "replacement"),
    [
        ("AOR", "+", "-"),
        ("ASOR", "|=", "="),
        ("BOR", "<<", ">>"),
        ("ENR", "Open", "Shut"),
        ("EVR", "to <= from && really", "false"),
        ("EVR", "msg.sender", "address(0)"),
        ("LOR", "&&", "||"),
        ("LOR", "to <= from && really", "really"),
        ("LVR", "3", "4"),
        ("MIA", "to <= from && really", "!(to <= from && really)"),
        ("MOD", "once", ""),
        ("ROR", "<=", "<"),
        ("ROR", "to <= from", "true"),
        ("STD", "emit Moved(to + from, msg.sender);", "{}"),
        ("STD", "state = State.Open;", "{}"),
        ("SVR", "to", "from"),
        ("SVR", "left", "right"),
        ("TOR", "msg.sender", "tx.origin"),
        ("UOR", "!", ""),
    ],
)
def test_all_mutants__each_operator__makes_its_change(
    mutants: list[Mutant], operator: str, original: str, replacement: str
) -> None:
    assert (operator, original, replacement) in {(one.operator, one.original, one.replacement) for one in mutants}


def test_all_mutants__applied__differ_in_their_one_place(mutants: list[Mutant]) -> None:
    changed = [one.apply(SOURCES)["contracts/Small.sol"] for one in mutants]
    assert CONTRACT not in changed
    assert len(set(changed)) == len(mutants)
    assert len({one.identity for one in mutants}) == len(mutants)


def settled(mutants: list[Mutant]) -> tables.Table:
    table = tables.Table(digest(SOURCES))
    for one in mutants:
        table.note(one, "killed", "SmallTest.test_move")
    return table


TESTS = {"SmallTest.test_move"}


def test_faults__every_mutant_killed__finds_none(mutants: list[Mutant]) -> None:
    assert tables.faults(settled(mutants), mutants, digest(SOURCES), TESTS) == []


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (tables.Outcome(), "was never tried"),
        (tables.Outcome("survived"), "survived, and nothing says why"),
        (tables.Outcome("survived", reason=" "), "survived, and nothing says why"),
        (tables.Outcome("killed", "SmallTest.test_gone"), "SmallTest.test_gone, which is no test"),
        (tables.Outcome("forgiven"), "unknown fate"),
    ],
)
def test_faults__one_mutant_not_settled__names_it(mutants: list[Mutant], outcome: tables.Outcome, fault: str) -> None:
    table = settled(mutants)
    table.outcomes[mutants[0].identity] = outcome
    found = tables.faults(table, mutants, digest(SOURCES), TESTS)
    assert len(found) == 1
    assert fault in found[0]
    assert tables.where(mutants[0]) in found[0]


def test_faults__survivor_with_a_reason__finds_none(mutants: list[Mutant]) -> None:
    table = settled(mutants)
    table.outcomes[mutants[0].identity] = tables.Outcome("survived", reason="Nothing reaches it.")
    assert tables.faults(table, mutants, digest(SOURCES), TESTS) == []


def test_faults__other_sources__says_so(mutants: list[Mutant]) -> None:
    assert "other sources" in tables.faults(settled(mutants), mutants, "another", TESTS)[0]


def test_faults__no_mutants__is_one() -> None:
    assert tables.faults(tables.Table(digest(SOURCES)), [], digest(SOURCES), TESTS)


def test_table__written_and_read__is_the_same(mutants: list[Mutant], tmp_path: Path) -> None:
    path = tmp_path / "mutants.csv"
    table = settled(mutants)
    table.outcomes[mutants[1].identity] = tables.Outcome("survived", reason='It says "no", twice,\nfor two reasons.')
    tables.write(path, table, mutants)
    again = tables.read(path)
    assert (again.digest, again.outcomes) == (table.digest, table.outcomes)
    assert tables.faults(again, mutants, digest(SOURCES), TESTS) == []


def test_load__of_other_sources__keeps_reasons_only(mutants: list[Mutant], tmp_path: Path) -> None:
    path = tmp_path / "mutants.csv"
    table = settled(mutants)
    table.outcomes[mutants[0].identity] = tables.Outcome("survived", reason="Nothing reaches it.")
    tables.write(path, table, mutants)
    loaded = tables.load(path, "another")
    assert loaded.outcomes == {mutants[0].identity: tables.Outcome(reason="Nothing reaches it.")}
    assert all(loaded.is_open(one, TESTS) for one in mutants)


def test_committed_table__each_killing_test__is_there() -> None:
    killers = {one.by for one in tables.read(tables.TABLE).outcomes.values() if one.fate == "killed"}
    assert len(killers) > 100
    assert killers - {"timeout"} <= tables.names_of_tests(tables.TABLE.parent)
