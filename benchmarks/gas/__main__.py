"""Measures gas a record of our registry and of what it is compared with: `make bench-gas`, `python -m benchmarks.gas`.

All on one chain in one run. Writes gas.json, the figures in gas.md, and the plot.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console

from benchmarks.gas import figures, plot, table
from benchmarks.gas.bytecode import install
from benchmarks.gas.subject import Measured, measure
from benchmarks.gas.subjects import own_subjects, peer_subjects
from benchmarks.ground import fresh_ground
from tools.toolchain import environment


def main() -> int:
    """Measure everything, write everything; nothing is written if anything failed."""
    os.environ.update(environment())
    install()
    measured: list[Measured] = []
    with fresh_ground() as ground:
        for subject in [*own_subjects(ground), *peer_subjects(ground)]:
            measured.extend(measure(subject))
    Console().print(table.table_of(measured))
    figures.write(measured)
    table.write_into(measured)
    plot.draw(measured)
    return 0


if __name__ == "__main__":
    sys.exit(main())
