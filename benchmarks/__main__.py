"""Runs the benchmarks: `python -m benchmarks [--quick] [--output FILE] [NAME ...]`; see README.md.

Each runs in a process of its own, so that none inherits another's memory, warm caches or pinned core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console

from benchmarks.footprint import peak_memory_100k_rows, start_seconds
from benchmarks.gas.working_batch import gas_per_record_500
from benchmarks.preparing import prepare_vs_primitives
from benchmarks.registering import register
from benchmarks.replaying import replay_vs_decode
from benchmarks.results import Result, references_of, table_of, write_json
from benchmarks.sealing import open_vs_hpke, seal_vs_hpke
from benchmarks.vault import vault_million
from benchmarks.verifying import bulk_verify_vs_single, verify_warm_p99_ms
from tools.toolchain import environment

BENCHMARKS: dict[str, Callable[[bool], list[Result]]] = {
    "prepare_vs_primitives": prepare_vs_primitives,
    "register": register,
    "seal_vs_hpke": seal_vs_hpke,
    "open_vs_hpke": open_vs_hpke,
    "verify_warm_p99_ms": verify_warm_p99_ms,
    "bulk_verify_vs_single": bulk_verify_vs_single,
    "gas_per_record_500": gas_per_record_500,
    "replay_vs_decode": replay_vs_decode,
    "start_seconds": start_seconds,
    "peak_memory_100k_rows": peak_memory_100k_rows,
    "vault_million": vault_million,
}
OUTPUT = Path(__file__).with_name("results.json")


def main(arguments: list[str]) -> int:
    """Run the benchmarks named, or all; print one table. Only a run of all, at full size, is written by itself.

    One that fails is named, the others go on, nothing is written, and the exit code is 1.
    """
    options = _options(arguments)
    os.environ.update(environment())
    console = Console()
    results: list[Result] = []
    failed = False
    for name in options.names or BENCHMARKS:
        began = time.monotonic()
        answer = _run(name, options.quick)
        if isinstance(answer, BaseException):
            failed = True
            console.print(f"{name} failed: {answer}", style="red", markup=False)
        else:
            results.extend(answer)
            console.print(f"{name}: {time.monotonic() - began:.0f} s", style="dim")
    console.print(table_of(results), references_of(results))
    if failed:
        return 1
    output = options.output or (None if options.names or options.quick else OUTPUT)
    if output is not None:
        write_json(results, output)
        console.print(f"written to {output}", style="dim", soft_wrap=True)
    return 0


def _run(name: str, quick: bool) -> list[Result] | BaseException:
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as process:
        future = process.submit(BENCHMARKS[name], quick)
        return future.exception() or future.result()


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="small sizes, a minute in all; its ratios say little")
    parser.add_argument("--output", type=Path, help=f"the file to write; {OUTPUT.name} after all at full size")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
