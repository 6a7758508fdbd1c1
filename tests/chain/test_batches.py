"""Promise: records go in batches as large as is set, and no transaction is above the gas that a chain may cap it at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from creditconnect.exchange.outbox import GREATEST_BATCH_RECORDS, TRANSACTION_GAS_LIMIT
from tests.chain.bench import Bench, bench_on
from tests.chain.homes import Stage, running_anvil, stage_on
from tests.chain.reconciler import rows

pytestmark = pytest.mark.chain


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path) as stage:
        yield stage


@pytest.mark.parametrize("batch_records", [1, 7, 499, 500, 679, 680, 1_000])
def test_pump__any_batch_size__no_transaction_above_its_cap(stage: Stage, tmp_path: Path, batch_records: int) -> None:
    count = min(3 * batch_records, 700)
    with bench_on(stage, tmp_path / "bureau", batch_records=batch_records) as bench:
        bench.put(count, first=0)
        assert bench.pump_until_idle() == count
        effective = min(batch_records, GREATEST_BATCH_RECORDS)
        assert bench.sent() == -(-count // effective)
        limits = _gas_limits(bench)
        assert max(limits) <= TRANSACTION_GAS_LIMIT == 2**24
        bench.check()


def _gas_limits(bench: Bench) -> list[int]:
    hashes = rows(bench.settings.home, "SELECT hash FROM transactions")
    asked = [bench.stage.anvil.rpc("eth_getTransactionByHash", "0x" + bytes(h).hex()) for (h,) in hashes]
    return [int(answer["gas"], 16) for answer in asked]


def test_pump__without_flush__only_full_batches_are_signed(stage: Stage, tmp_path: Path) -> None:
    with bench_on(stage, tmp_path / "bureau") as bench:
        bench.put(25, first=0)
        assert bench.outbox.pump(flush=False).waiting
        assert bench.states() == ["stored"] * 2
        bench.pump_until_idle()
        assert bench.states() == ["final"] * 3
        bench.check()
