"""Whether the contract's tests notice a mutant.

Hides the scratch copies of the project in which mutants are tried. Forge compiles a copy once; for each mutant only the
artifacts that hold the registry's code are written anew. Neither the IR nor the optimiser is used, which compiles ten
times faster and leaves out no behaviour; gas is therefore not looked at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.export_abi import compiler_settings, foundry_profile
from tools.mutation.solidity import CompileError, Node, Sources, first_error
from tools.scratch import link_tools
from tools.toolchain import ROOT, program_path

# The first is enough for nearly every mutant; the second is what a survivor must survive.
FUZZ_RUNS = (4, 256)
SEED = "0x1"
RUN_SECONDS = 600
# Gas differs without the optimiser; invariants and proofs have gates of their own.
LEFT_OUT = ("Gas.t.sol", "invariants", "proofs")
# The contracts that tests deploy from their artifacts, and that hold the registry's code.
DEPLOYED = {"contracts/RecordRegistry.sol": "RecordRegistry", "tests/contract/PackingHarness.sol": "PackingHarness"}
_FOUNDRY = {
    "FOUNDRY_PROFILE": "default",
    "FOUNDRY_OPTIMIZER": "false",
    "FOUNDRY_VIA_IR": "false",
    "FOUNDRY_DENY": "never",
    "FOUNDRY_GAS_SNAPSHOT_CHECK": "false",
}
# INVALID: a constructor that always fails.
_BROKEN = "0xfe"


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
        """Copies the project and tries its tests on the sources as they are, and on a contract that cannot be deployed.

        Raises:
            SuiteError: they fail on the former, pass on the latter, or there are none.
        """
        self._folder = folder
        _copy_project(folder)
        self._compiler = _Compiler(folder)
        _refuse_other_copies(folder / "tests" / "contract")
        # Only this run compiles.
        self._results(1)
        self._count = 0
        self._original = self._compiler.bytecodes(sources, list(DEPLOYED))
        self._deploy(self._original)
        for runs in FUZZ_RUNS:
            results = self._results(runs)
            failed = _failures(results)
            if not results or failed:
                raise SuiteError(f"the tests must pass before mutants are tried on them: {failed or 'none was run'}")
            self._count = len(results)
        self._deploy(dict.fromkeys(DEPLOYED, _BROKEN))
        if not _failures(self._results(1)):
            raise SuiteError("the tests pass on a contract that cannot be deployed: forge does not see the artifacts")

    def judge(self, mutated: Sources, function: str) -> Verdict:
        """Run the tests on sources with one mutated function, first with few fuzz runs, then with many.

        Raises:
            SuiteError: fewer tests were run than on the original, and none failed.
        """
        try:
            touched = [file for file in DEPLOYED if function in self._compiler.harnesses.get(file, function)]
            self._deploy(self._original | self._compiler.bytecodes(mutated, touched))
        except CompileError:
            return Verdict("stillborn")
        for runs in FUZZ_RUNS:
            try:
                results = self._results(runs)
            except subprocess.TimeoutExpired:
                return Verdict("killed", "timeout")
            failed = _failures(results)
            if failed:
                return Verdict("killed", failed[0])
            if len(results) != self._count:
                raise SuiteError(f"{len(results)} tests were run where {self._count} are")
        return Verdict("survived")

    def _deploy(self, bytecodes: dict[str, str]) -> None:
        for file, bytecode in bytecodes.items():
            path = self._folder / "out" / "forge" / Path(file).name / f"{DEPLOYED[file]}.json"
            artifact = json.loads(path.read_text(encoding="utf-8"))
            if artifact["bytecode"]["object"] != bytecode:
                artifact["bytecode"]["object"] = bytecode
                path.write_text(json.dumps(artifact), encoding="utf-8")

    def _results(self, runs: int) -> dict[str, str]:
        """Each test's status by its name."""
        command = [str(program_path("forge")), "test", "--json", "--fail-fast"]
        command += ["--fuzz-runs", str(runs), "--fuzz-seed", SEED]
        finished = subprocess.run(
            command,
            cwd=self._folder,
            env={**os.environ, **_FOUNDRY},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        try:
            answer: dict[str, Any] = json.loads(finished.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            raise SuiteError(f"forge exited {finished.returncode}: {finished.stderr[-2000:]}") from None
        return {
            f"{suite.rpartition(':')[2]}.{test.partition('(')[0]}": str(result["status"])
            for suite, tests in answer.items()
            for test, result in tests["test_results"].items()
        }


class _Compiler:
    """npm's build of the compiler in a process that stays."""

    def __init__(self, folder: Path) -> None:
        # A harness lays the functions open that its own text names.
        files = [file for file in DEPLOYED if file.startswith("tests/")]
        self.harnesses = {file: (folder / file).read_text(encoding="utf-8") for file in files}
        # Of the committed ones those that are not about speed.
        settings = compiler_settings(foundry_profile(ROOT))
        self._settings = {name: settings[name] for name in ("evmVersion", "metadata")}
        script = ROOT / "tools" / "mutation" / "compiler.cjs"
        self._process = subprocess.Popen(
            [str(program_path("node")), str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def bytecodes(self, sources: Sources, files: list[str]) -> dict[str, str]:
        """The creation code of those of DEPLOYED, by their files.

        Raises:
            CompileError: solc refuses the sources.
        """
        texts = {file: text.decode() for file, text in sources.items()} | self.harnesses
        request = {
            "language": "Solidity",
            "sources": {file: {"content": text} for file, text in texts.items()},
            "settings": {
                **self._settings,
                "outputSelection": {file: {DEPLOYED[file]: ["evm.bytecode.object"]} for file in files},
            },
        }
        if self._process.stdin is None or self._process.stdout is None:
            raise SuiteError("the compiler has no pipes")
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        output: Node = json.loads(self._process.stdout.readline() or "{}")
        if error := first_error(output):
            raise CompileError(error)
        if "contracts" not in output:
            raise SuiteError("the compiler ended")
        return {file: "0x" + output["contracts"][file][DEPLOYED[file]]["evm"]["bytecode"]["object"] for file in files}


def _failures(results: dict[str, str]) -> list[str]:
    return sorted(name for name, status in results.items() if status != "Success")


def _refuse_other_copies(tests: Path) -> None:
    for path in tests.rglob("*.sol"):
        imports = re.search(
            r"import .*/(RecordRegistry|Institutions|Jurisdictions)\.sol", path.read_text(encoding="utf-8")
        )
        if imports and f"tests/contract/{path.name}" not in DEPLOYED:
            raise SuiteError(f"{path.name} holds the registry's code and is not in DEPLOYED: its tests see no mutant")


def _copy_project(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("contracts", "tests/contract"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    shutil.rmtree(folder / "out", ignore_errors=True)
    shutil.copy2(ROOT / "foundry.toml", folder)
    link_tools(folder)
