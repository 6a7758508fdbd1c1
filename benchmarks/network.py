"""Two real validators: how soon what is sent is final, how fast against the chain alone, and what a million records do.

`python -m benchmarks.network [--quick]`; founded, deployed and admitted to by the project's own commands and scripts,
on one machine: both validators and the client share its cores.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from benchmarks.results import Result, Target, references_of, table_of, write_json
from benchmarks.timing import require_count
from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.deployment import Deployment
from creditconnect.chain.registry import Question, Registry
from creditconnect.chain.rpc import Node
from creditconnect.chain.signing import KeystoreSigner
from creditconnect.cli.embedded_validators import Validators, embedded_validators
from creditconnect.cli.german_credit import attach_identities, packaged_dataset
from creditconnect.cli.stage import HK, MAPPING, SEED, SIDES, SZ, Side, Stage
from creditconnect.client import Client
from tools.toolchain import environment

OUTPUT = Path(__file__).with_name("network.json")
PROJECT = Path(__file__).resolve().parents[1]
BATCH_RECORDS = 500
BATCH_GAS = 12_500_000
PERIOD_SECONDS = 1
# geth keeps as many of one sender that it can't put into a block yet.
SENT_AHEAD = 400
SENT_AT_ONCE = 25
POLL_SECONDS = 0.05
GREATEST_WAIT_SECONDS = 1_800.0

_ENGINE = "geth v1.13.15, Clique, two validators on this machine, one-second blocks of 60M gas"
_PERIOD_IS = f"a block's period; {_ENGINE}"
_FLOOD_IS = (
    "register transactions of 500 signed beforehand, sent in JSON-RPC batches to one node, until the last is final; "
    + _ENGINE
)


@dataclass(frozen=True, slots=True)
class Ground:
    """A network with the registry live on it, a bureau and a bank a side."""

    stage: Stage
    validators: Validators
    registry: Registry

    @property
    def node(self) -> Node:
        return self.registry.node

    def submitter(self, side: Side) -> KeystoreSigner:
        """The key that submits for a side's bureau."""
        folder = self.stage.folder / "homes" / side.bureau / "keys"
        return KeystoreSigner.open(folder / "submit.json", self.stage.passphrase(""))


def network(quick: bool) -> list[Result]:
    """All figures, on one network: the last of them fills it."""
    with _ground() as ground:
        results = [_register(ground, 5_000 if quick else 50_000), *_final(ground, 20 if quick else 100)]
        results += _filled(ground, 20_000 if quick else 1_000_000)
        results.append(_recovery(ground))
    return results


@contextmanager
def _ground() -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="creditconnect-bench-") as name:
        stage = Stage(Path(name), PROJECT)
        authorities = stage.make_authorities()
        funded = tuple(authorities.values())
        with embedded_validators(stage.folder / "validators", funded, stage.passphrase("")) as validators:
            stage.set_on(validators.urls, validators.seals)
            deployment = stage.deploy(authorities)
            for side in SIDES:
                accounts = stage.make_home(side.bureau, deployment, ("submit", "review"))
                stage.make_home(side.bank, deployment, ())
                with stage.open(side.bank) as bank:
                    key = bank.keys_rotate_exchange(publish=False)
                stage.admit(side, accounts, key.public or b"", deployment)
            address = Deployment.read(deployment).identity.registry
            registry = Registry(Node(validators.urls[HK.name]), address, ContractAbi.load())
            yield Ground(stage, validators, registry)


def _final(ground: Ground, count: int) -> list[Result]:
    """`Client.submit` of one record, from the call to its being final, begun at any moment of a period.

    At the same moment a bare transaction, signed beforehand: geth begins a block when it has the one before, so what
    comes later waits for the block after it, and then for the other side's seal.
    """
    source = _rows(ground, "one-by-one", HK, count)
    header, *lines = source.read_bytes().splitlines(keepends=True)
    ours, bare = [], []
    signer = ground.submitter(SZ)
    chain_id, nonce = int(ground.node.call("eth_chainId"), 16), ground.registry.nonce(signer.address)
    with ground.stage.open(HK.bureau) as client, ground.stage.open(HK.bank) as bank, ThreadPoolExecutor(1) as aside:
        for number, line in enumerate(lines):
            file = ground.stage.folder / f"one-{number}.csv"
            file.write_bytes(header + line)
            signed = [_signed(ground, signer, chain_id, nonce + number, records=1)]
            # Another moment of a period each time, spread by the golden ratio.
            time.sleep(number * 0.618 % 1 * PERIOD_SECONDS)
            waits = partial(_send_until_final, ground, bank, signed, signer.address, nonce + number)
            beside = aside.submit(_seconds, waits)
            ours.append(_seconds(partial(_submit_one, client, file)))
            bare.append(beside.result())
    return [
        _percentile("final_p50_periods", ours, bare, 50, None),
        _percentile("final_p99_periods", ours, bare, 99, Target(2.5, at_most=True, on_ours=True)),
    ]


def _submit_one(client: Client, file: Path) -> None:
    require_count(1, client.submit(file, mapping=MAPPING).registered)


def _seconds(what: Callable[[], object]) -> float:
    began = time.monotonic()
    what()
    return time.monotonic() - began


def _percentile(name: str, ours: list[float], bare: list[float], percent: int, target: Target | None) -> Result:
    what = (
        f"a register of one record signed beforehand, sent by JSON-RPC to the same node at the same moment; {_ENGINE}"
    )
    periods = [statistics.quantiles(took, n=100)[percent - 1] / PERIOD_SECONDS for took in (ours, bare)]
    return Result(name, "periods", periods[0], periods[1], what, target)


def _register(ground: Ground, count: int) -> Result:
    """Records a second of `Client.submit` from a file to all final, and of the flood by the other side's bureau."""
    source = _rows(ground, "many", HK, count)
    with ground.stage.open(HK.bureau) as client:
        began = time.monotonic()
        require_count(count, client.submit(source, mapping=MAPPING).registered)
        ours = count / (time.monotonic() - began)
    transactions = _presigned(ground, count // BATCH_RECORDS)
    began = time.monotonic()
    _flood(ground, transactions)
    flood = count / (time.monotonic() - began)
    return Result("register_vs_flood", "records/s", ours, flood, _FLOOD_IS, Target(0.8))


def _filled(ground: Ground, count: int) -> list[Result]:
    """The time between blocks, and the disk, before and after the registry holds so many records."""
    empty = _block_seconds(ground)
    before = _disk_bytes(ground)
    held = _records(ground)
    print(f"filled from {held:,} to {count:,} records ...", flush=True)
    _flood(ground, _presigned(ground, (count - held) // BATCH_RECORDS))
    print("filled", flush=True)
    full = _block_seconds(ground)
    added = _records(ground) - held
    return [
        Result(
            "block_time_growth_0_1e6",
            "s",
            full,
            empty,
            f"the mean time between blocks of a register of 500 each with {held:,} records; "
            f"ours with {held + added:,}; {_ENGINE}",
            Target(1.2, at_most=True),
        ),
        Result(
            "disk_bytes_per_record",
            "bytes",
            (_disk_bytes(ground) - before) / added,
            32.0,
            f"the record's own word; ours is one validator's data folder, which keeps every state; {_ENGINE}",
        ),
    ]


def _recovery(ground: Ground) -> Result:
    """From the start of a validator that was killed to the first block after."""
    node = ground.validators.nodes[SZ.name]
    started = node.process.started()
    if started is None:
        raise RuntimeError("the validator did not run")
    os.kill(started.pid, signal.SIGKILL)
    _wait(lambda: not node.is_running())
    time.sleep(10 * PERIOD_SECONDS)
    head = _head(ground)
    began = time.monotonic()
    node.start(ground.validators.passphrase)
    _wait(lambda: _head(ground) > head)
    seconds = time.monotonic() - began
    return Result("recovery_seconds", "s", seconds, PERIOD_SECONDS, _PERIOD_IS, Target(15, at_most=True, on_ours=True))


def _presigned(ground: Ground, batches: int) -> list[bytes]:
    """Registers of 500 random records each, of Shenzhen's bureau."""
    signer = ground.submitter(SZ)
    chain_id = int(ground.node.call("eth_chainId"), 16)
    first = ground.registry.nonce(signer.address)
    return [_signed(ground, signer, chain_id, first + number) for number in range(batches)]


def _flood(ground: Ground, transactions: list[bytes]) -> None:
    """Send them through Hong Kong's node, as many ahead as it keeps, and wait until the last is final."""
    address = ground.submitter(SZ).address
    first = ground.registry.nonce(address)
    for start in range(0, len(transactions), SENT_AT_ONCE):
        part = transactions[start : start + SENT_AT_ONCE]
        _wait(partial(_has_room, ground, address, first + start + len(part) - SENT_AHEAD))
        _send(ground, part)
    with ground.stage.open(HK.bank) as client:
        _wait_until_final(ground, client, address, first + len(transactions))


def _send(ground: Ground, transactions: list[bytes]) -> None:
    refusals = [one for one in ground.registry.send(transactions) if one is not None]
    if refusals:
        raise RuntimeError(f"the node refused a transaction: {refusals[0].message}")


def _send_until_final(ground: Ground, client: Client, signed: list[bytes], sender: str, nonce: int) -> None:
    _send(ground, signed)
    _wait_until_final(ground, client, sender, nonce + len(signed))


def _wait_until_final(ground: Ground, client: Client, sender: str, nonce: int) -> None:
    """Until all of a sender's transactions below a nonce are."""
    _wait(partial(_has_room, ground, sender, nonce))
    height = _head(ground)
    _wait(lambda: client.final_block().number >= height)


def _has_room(ground: Ground, address: str, mined: int) -> bool:
    return ground.registry.nonce(address) >= mined


def _signed(
    ground: Ground, signer: KeystoreSigner, chain_id: int, nonce: int, *, records: int = BATCH_RECORDS
) -> bytes:
    data = ground.registry.register_call(1, 0, 0, sorted(os.urandom(32) for _ in range(records)))
    transaction = {"chainId": chain_id, "nonce": nonce, "gas": BATCH_GAS, "gasPrice": 1, "value": 0}
    return signer.sign(transaction | {"to": ground.registry.checksum_address, "data": data}).raw


def _block_seconds(ground: Ground, blocks: int = 30) -> float:
    """The mean time between blocks of some batches each, by this machine's clock, not by the headers' whole seconds."""
    signer = ground.submitter(SZ)
    chain_id = int(ground.node.call("eth_chainId"), 16)
    nonce = ground.registry.nonce(signer.address)
    start = _head(ground)
    _wait(lambda: _head(ground) > start)
    began, first = time.monotonic(), _head(ground)
    seen = first
    while seen < first + blocks:
        if (head := _head(ground)) > seen:
            _send(ground, [_signed(ground, signer, chain_id, nonce)])
            nonce, seen = nonce + 1, head
        time.sleep(POLL_SECONDS / 5)
    took = time.monotonic() - began
    # Whoever signs next counts on from what is in a block.
    _wait(partial(_has_room, ground, signer.address, nonce))
    return took / (seen - first)


def _records(ground: Ground) -> int:
    with ground.stage.open(HK.bank) as client:
        (counts,) = client.registry.ask([Question("registry")], client.final_block())
    return int(counts["recordCount"])


def _disk_bytes(ground: Ground) -> int:
    """Of Hong Kong's validator."""
    folder = ground.stage.folder / "validators" / HK.name
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _head(ground: Ground) -> int:
    return int(ground.node.call("eth_blockNumber"), 16)


def _rows(ground: Ground, name: str, side: Side, count: int) -> Path:
    path = ground.stage.folder / f"{name}.csv"
    attach_identities(packaged_dataset(), path, side.code, count, SEED + len(name))
    return path


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + GREATEST_WAIT_SECONDS
    while not done():
        if time.monotonic() > until:
            raise RuntimeError("the network stands still")
        time.sleep(POLL_SECONDS)


def main(arguments: list[str]) -> int:
    """Measure; written down is only a run at full size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, three minutes in all; its ratios say little")
    options = parser.parse_args(arguments)
    os.environ.update(environment())
    results = network(options.quick)
    console = Console()
    console.print(table_of(results), references_of(results))
    if not options.quick:
        write_json(results, OUTPUT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
