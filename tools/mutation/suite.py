"""Whether the contract's tests notice a mutant.

Hides the scratch copies of the project in which mutants are compiled and run. There, neither the IR nor the optimiser
is used, which compiles ten times faster and leaves out no behaviour; gas is therefore not looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.mutation.solidity import Sources
from tools.toolchain import ROOT, program_path

# The first is enough for nearly every mutant; the second is what a survivor must survive.
FUZZ_RUNS = (16, 1000)
SEED = "0x1"
RUN_SECONDS = 600
# Gas differs without the optimiser; invariants and proofs have gates of their own. Not copied, rather than
# filtered out on the command line: with a filter forge does not compile what tests deploy by name.
LEFT_OUT = ("Gas.t.sol", "invariants", "proofs")
_SETTINGS = {
    "FOUNDRY_PROFILE": "default",
    "FOUNDRY_OPTIMIZER": "false",
    "FOUNDRY_VIA_IR": "false",
    "FOUNDRY_DENY": "never",
    "FOUNDRY_GAS_SNAPSHOT_CHECK": "false",
}


class SuiteError(Exception):
    """The tests could not be run, so they say nothing about any mutant."""


@dataclass(frozen=True)
class Verdict:
    """`fate` is killed, stillborn (it does not compile) or survived; `by` the first test that failed."""

    fate: str
    by: str = ""


class Suite:
    """One scratch copy of the project; not to be used by two threads at once."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        """Copies the project and runs its tests on the sources as they are.

        Raises:
            SuiteError: they do not pass, or there are none.
        """
        self._folder = folder
        self._sources = sources
        _copy_project(folder)
        self._count = 0
        for runs in FUZZ_RUNS:
            results = self._results(sources, runs)
            failed = _failures(results or {})
            if not results or failed:
                raise SuiteError(f"the tests must pass before mutants are tried on them: {failed or 'none was run'}")
            self._count = len(results)

    def judge(self, mutated: Sources) -> Verdict:
        """Run the tests on mutated sources, first with few fuzz runs, then with many.

        Raises:
            SuiteError: fewer tests were run than on the original, and none failed.
        """
        for runs in FUZZ_RUNS:
            try:
                results = self._results(mutated, runs)
            except subprocess.TimeoutExpired:
                return Verdict("killed", "timeout")
            if results is None:
                return Verdict("stillborn")
            failed = _failures(results)
            if failed:
                return Verdict("killed", failed[0])
            if len(results) != self._count:
                raise SuiteError(f"{len(results)} tests were run where {self._count} are")
        return Verdict("survived")

    def _results(self, sources: Sources, runs: int) -> dict[str, str] | None:
        """Each test's status by its name, or nothing if the sources do not compile."""
        for name, content in sources.items():
            path = self._folder / name
            if path.read_bytes() != content:
                path.write_bytes(content)
        command = [str(program_path("forge")), "test", "--json", "--fail-fast"]
        command += ["--fuzz-runs", str(runs), "--fuzz-seed", SEED]
        finished = subprocess.run(
            command,
            cwd=self._folder,
            env={**os.environ, **_SETTINGS},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        if "Compiler run failed" in finished.stdout + finished.stderr:
            return None
        try:
            answer: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise SuiteError(f"forge exited {finished.returncode}: {finished.stderr[-2000:]}") from None
        return {
            f"{suite.rpartition(':')[2]}.{test.partition('(')[0]}": str(result["status"])
            for suite, tests in answer.items()
            for test, result in tests["test_results"].items()
        }


def _failures(results: dict[str, str]) -> list[str]:
    return sorted(name for name, status in results.items() if status != "Success")


def _copy_project(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("contracts", "tests/contract"):
        # Compiled tests of the last run stay in `out`, so that only what changed is compiled.
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.copy2(ROOT / "foundry.toml", folder)
    tools = folder / ".tools"
    tools.unlink(missing_ok=True)
    tools.symlink_to(ROOT / ".tools", target_is_directory=True)
