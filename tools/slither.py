"""Hold what slither finds in the contract against the findings that are accepted, each with its reason.

    python -m tools.slither [--contracts FOLDER]

Fails on a finding of high or medium impact that is not accepted, on an accepted one that slither no longer finds, and
on one without a reason; also when slither did not run, or looked at less than all contracts.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from tools.scratch import ASSURANCE, environment, make_project
from tools.toolchain import ROOT

ACCEPTED = ROOT / "tools" / "slither.toml"
SCRATCH = ROOT / "out" / "slither"
IMPACTS = ("High", "Medium")
RUN_SECONDS = 600


class SlitherError(Exception):
    """Slither gave no answer that can be relied on."""


def findings(contracts: Path) -> set[tuple[str, str]]:
    """Check and description, without line numbers, of each finding of high or medium impact.

    Raises:
        SlitherError: slither failed, or did not analyse every contract.
    """
    make_project(SCRATCH, contracts=contracts)
    answer = SCRATCH / "slither.json"
    answer.unlink(missing_ok=True)
    finished = subprocess.run(
        [str(ASSURANCE / "bin" / "slither"), ".", "--json", answer.name, "--disable-color"],
        cwd=SCRATCH,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    said = finished.stdout + finished.stderr
    if not answer.exists():
        raise SlitherError(f"slither exited {finished.returncode}: {said[-2000:]}")
    output: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if not output["success"]:
        raise SlitherError(f"slither failed: {output['error']}")
    analysed = re.search(r"analyzed \((\d+) contracts with (\d+) detectors\)", said)
    wanted = len(list(contracts.glob("*.sol")))
    if analysed is None or int(analysed[1]) < wanted or int(analysed[2]) == 0:
        raise SlitherError(f"slither analysed {analysed[0] if analysed else 'nothing'}, not {wanted} contracts")
    print(f"slither {analysed[0]}")
    found = output["results"].get("detectors", [])
    return {(one["check"], _stable(one["description"])) for one in found if one["impact"] in IMPACTS}


def accepted(path: Path = ACCEPTED) -> dict[tuple[str, str], str]:
    """The reason for each accepted finding."""
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", [])
    return {(row["check"], _stable(row["finding"])): row["reason"].strip() for row in rows}


def faults(found: set[tuple[str, str]], reasons: dict[tuple[str, str], str]) -> list[str]:
    """What does not agree between what is found and what is accepted."""
    new = [f"new: {check}: {text}" for check, text in sorted(found - set(reasons))]
    gone = [f"accepted, but no longer found: {check}: {text}" for check, text in sorted(set(reasons) - found)]
    mute = [f"accepted without a reason: {check}: {text}" for (check, text), reason in reasons.items() if not reason]
    return new + gone + mute


def _stable(description: str) -> str:
    without_places = re.sub(r"\s*\([^()]*\.sol#[\d-]+\)", "", description)
    return " ".join(without_places.split())


def main(arguments: list[str]) -> int:
    """Exit code 1 when findings and reasons do not agree, 2 when slither gave no answer."""
    parser = argparse.ArgumentParser(prog="python -m tools.slither", description="Static analysis of the contract.")
    parser.add_argument("--contracts", type=Path, default=ROOT / "contracts", help="other sources, for planted defects")
    options = parser.parse_args(arguments)
    try:
        found = findings(options.contracts)
    except (SlitherError, subprocess.TimeoutExpired) as error:
        print(f"slither: {error}", file=sys.stderr)
        return 2
    wrong = faults(found, accepted())
    for fault in wrong:
        print(f"slither: {fault}", file=sys.stderr)
    if not wrong:
        print(f"slither: {len(found)} findings of high or medium impact, each with its reason")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
