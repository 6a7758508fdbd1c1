"""Prove the properties of tests/contract/proofs/ symbolically, and trust halmos's answer only where it says enough.

    python -m tools.prove [--contracts FOLDER] [--match REGEX]

Every `check_` function must have been run, on the committed bytecode, with at least one path that ends well, without a
counterexample, a timeout, a path that got stuck or a loop that was cut off. Anything else fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.scratch import ASSURANCE, environment, make_project
from tools.toolchain import ROOT

PROOFS = "tests/contract/proofs"
SCRATCH = ROOT / "out" / "proofs"
COMMITTED = ROOT / "src" / "creditconnect" / "chain" / "abi" / "RecordRegistry.json"
# The longest loop over bounded data: 65 bytes are three words. Deeper ones are reported and fail.
LOOP = 5
SOLVER_SECONDS = 300
# Whether a branch can be taken. Undecided in time it is followed, which is sound, but a loop may then seem endless:
# halmos's own limit of one millisecond made that depend on the machine's load. Most are decided within a few; the rest,
# shifts by a symbolic number, would take minutes and end no loop.
BRANCH_MILLISECONDS = 200
RUN_SECONDS = 3 * 3600
_FATES = {0: "proved", 1: "counterexample", 2: "timeout", 3: "stuck", 4: "every path reverted", 5: "error"}


class ProveError(Exception):
    """Halmos gave no answer that can be relied on."""


def declared(folder: Path) -> set[str]:
    """Contract.check of every proof that is written down."""
    found: set[str] = set()
    for path in folder.glob("*.t.sol"):
        text = path.read_text(encoding="utf-8")
        contracts = re.findall(r"^contract (\w+)", text, re.MULTILINE)
        if len(contracts) != 1:
            raise ProveError(f"{path.name} must hold one contract")
        found |= {f"{contracts[0]}.{name}" for name in re.findall(r"function (check_\w+)", text)}
    return found


def run_halmos(contracts: Path, match: str) -> dict[str, Any]:
    """Run the proofs in a project of their own.

    Raises:
        ProveError: there is no answer.
    """
    make_project(SCRATCH, PROOFS, contracts)
    answer = SCRATCH / "halmos.json"
    answer.unlink(missing_ok=True)
    command = [
        str(ASSURANCE / "bin" / "halmos"),
        "--json-output",
        answer.name,
        "--no-status",
        "--statistics",
        "--early-exit",
    ]
    command += [
        "--solver-timeout-branching",
        f"{BRANCH_MILLISECONDS}ms",
        "--solver-timeout-assertion",
        f"{SOLVER_SECONDS}s",
    ]
    command += ["--loop", str(LOOP), "--match-test", f"^check_.*({match})"]
    # In a group of its own: interrupted, halmos waits for its solvers for ever.
    process = subprocess.Popen(command, cwd=SCRATCH, env=environment(), start_new_session=True)
    try:
        process.wait(RUN_SECONDS)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    if not answer.exists():
        raise ProveError(f"halmos exited {process.returncode} without an answer")
    output: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return output


def verdicts(output: dict[str, Any]) -> dict[str, str]:
    """What is wrong with each proof that was run, by Contract.check; empty if nothing."""
    return {name: _verdict(result) for name, result in _results(output)}


def _results(output: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What halmos says of each proof, with its Contract.check."""
    for contract, results in output["test_results"].items():
        for result in results:
            yield f"{contract.rpartition(':')[2]}.{result['name'].partition('(')[0]}", result


def _verdict(result: dict[str, Any]) -> str:
    total, ended_well, stuck = result["num_paths"] or (0, 0, 0)
    if result["exitcode"] != 0:
        return _FATES.get(result["exitcode"], f"exit code {result['exitcode']}")
    if result["num_models"]:
        return f"{result['num_models']} counterexamples"
    if total == 0 or ended_well == 0:
        return "no path was explored to a good end"
    if stuck:
        return f"{stuck} paths got stuck"
    if result["num_bounded_loops"]:
        return f"{result['num_bounded_loops']} loops were cut off at {LOOP} rounds"
    return ""


def _proved_bytecode() -> str:
    artifact = SCRATCH / "out" / "RecordRegistry.sol" / "RecordRegistry.json"
    return str(json.loads(artifact.read_text(encoding="utf-8"))["bytecode"]["object"])


def prove(contracts: Path, match: str) -> list[str]:
    """Run the proofs; what is wrong with them, a line each."""
    wanted = {name for name in declared(ROOT / PROOFS) if re.search(match, name.partition(".")[2])}
    if not wanted:
        raise ProveError(f"no proof is called {match}")
    output = run_halmos(contracts, match)
    found = verdicts(output)
    for name, one in _results(output):
        paths, seconds = (one["num_paths"] or [0])[0], (one["time"] or [0])[0]
        print(f"{name}: {paths} paths, {seconds:.0f} s")
    wrong = [f"{name}: {text}" for name, text in sorted(found.items()) if text]
    wrong += [f"{name}: was not run" for name in sorted(wanted - set(found))]
    committed = json.loads(COMMITTED.read_text(encoding="utf-8"))["bytecode"]
    if contracts == ROOT / "contracts" and _proved_bytecode() != committed:
        wrong.append("what was proved is not the committed bytecode: run `make abi`")
    held = sum(1 for text in found.values() if not text)
    print(f"{held} proofs hold, {len(wanted) - held} do not")
    return wrong


def main(arguments: list[str]) -> int:
    """Exit code 1 when a proof does not hold, 2 when there is no answer."""
    parser = argparse.ArgumentParser(prog="python -m tools.prove", description="Symbolic proofs about the contract.")
    parser.add_argument("--contracts", type=Path, default=ROOT / "contracts", help="other sources, for planted defects")
    parser.add_argument("--match", default="", help="which proofs, a regular expression on their names")
    options = parser.parse_args(arguments)
    try:
        wrong = prove(options.contracts.resolve(), options.match)
    except (ProveError, subprocess.TimeoutExpired) as error:
        print(f"prove: {error}", file=sys.stderr)
        return 2
    for fault in wrong:
        print(f"prove: {fault}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
