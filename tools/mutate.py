"""Mutation testing of the contract: which changes to it would no test notice?

    python -m tools.mutate [--jobs N]             try what is yet to be tried, and survivors without a reason again
    python -m tools.mutate --check [--sample N]   fail unless each mutant was killed or is explained

The table is written after each mutant, so a run that was stopped goes on where it was. `--check` makes the mutants anew
from the sources and holds the table against them; with `--sample` it also kills N of the killed ones again.
"""

from __future__ import annotations

import argparse
import queue
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from tools.mutation import table as tables
from tools.mutation.operators import Mutant, all_mutants
from tools.mutation.solidity import CompileError, Sources, deployed_bytecode, digest, read_sources
from tools.mutation.suite import Suite, SuiteError, Verdict
from tools.toolchain import ROOT

SCRATCH = ROOT / "out" / "mutants"


class Judges:
    """Several suites, each in a scratch copy of its own, for mutants to be tried at the same time."""

    def __init__(self, sources: Sources, jobs: int) -> None:
        self._sources = sources
        self._free: queue.Queue[Suite] = queue.Queue()
        for number in range(jobs):
            self._free.put(Suite(SCRATCH / str(number), sources))
        self._jobs = jobs

    def judge(self, mutants: list[Mutant]) -> Iterator[tuple[Mutant, Verdict]]:
        """Each mutant's verdict, as it is found."""
        with ThreadPoolExecutor(self._jobs) as pool:
            running = {pool.submit(self._one, mutant): mutant for mutant in mutants}
            try:
                for finished in as_completed(running):
                    yield running[finished], finished.result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _one(self, mutant: Mutant) -> Verdict:
        suite = self._free.get()
        try:
            return suite.judge(mutant.apply(self._sources), mutant.function)
        finally:
            self._free.put(suite)


def identical(sources: Sources, mutants: list[Mutant]) -> Iterator[Mutant]:
    """Those of the mutants that compile to the original's bytes with the committed settings. Seconds each."""
    original = deployed_bytecode(sources) if mutants else ""
    for mutant in mutants:
        try:
            if deployed_bytecode(mutant.apply(sources)) == original:
                yield mutant
        except CompileError:
            # The IR may run out of stack where the plain compiler does not.
            continue


def run(jobs: int) -> int:
    """Try all open mutants; returns 1 if any survivor is left without a reason."""
    sources = read_sources()
    mutants = all_mutants(sources)
    table = tables.load(tables.TABLE, digest(sources))
    tests = tables.names_of_tests(tables.TABLE.parent)
    todo = [one for one in mutants if table.is_open(one, tests)]
    print(f"{len(mutants)} mutants, {len(todo)} to be tried", flush=True)
    if todo:
        for number, (mutant, verdict) in enumerate(Judges(sources, jobs).judge(todo), 1):
            table.note(mutant, verdict.fate, verdict.by)
            tables.write(tables.TABLE, table, mutants)
            print(f"{number}/{len(todo)} {verdict.fate} {verdict.by} {tables.where(mutant)}", flush=True)
    for mutant in identical(sources, [one for one in todo if table.is_open(one, tests)]):
        table.note(mutant, "identical", "")
    tables.write(tables.TABLE, table, mutants)
    print(tables.summary(table, mutants))
    open_ = [one for one in mutants if table.is_open(one, tests)]
    for one in open_:
        print(f"unexplained: {tables.where(one)}")
    return 1 if open_ else 0


def check(sample: int, jobs: int) -> int:
    """Hold the committed table against the sources; returns 1 if it does not stand."""
    sources = read_sources()
    mutants = all_mutants(sources)
    table = tables.read(tables.TABLE)
    faults = tables.faults(table, mutants, digest(sources), tables.names_of_tests(tables.TABLE.parent))
    if sample and not faults:
        killed = [one for one in mutants if table.of(one).fate == "killed"]
        # Another sample each time: no fixed few can be kept true.
        chosen = random.SystemRandom().sample(killed, min(sample, len(killed)))
        verdicts = list(Judges(sources, jobs).judge(chosen))
        print(f"{len(verdicts)} of {len(killed)} killed mutants tried again")
        faults += [
            f"{tables.where(one)}: is {verdict.fate} now" for one, verdict in verdicts if verdict.fate != "killed"
        ]
    print(tables.summary(table, mutants))
    print(tables.total(table, mutants))
    for fault in faults:
        print(f"mutate: {fault}", file=sys.stderr)
    return 1 if faults else 0


def main(arguments: list[str]) -> int:
    """Parse the command line; exit code 1 on a survivor, 2 when the tests cannot be run."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description="Mutation testing of the contract.")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at the same time")
    parser.add_argument("--check", action="store_true", help="change nothing; hold the table against the sources")
    parser.add_argument("--sample", type=int, default=0, help="with --check: killed mutants to be tried again")
    options = parser.parse_args(arguments)
    try:
        return check(options.sample, options.jobs) if options.check else run(options.jobs)
    except (SuiteError, CompileError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
