"""How long a warm `Client.verify` takes by itself, and how much faster many are verified than one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import urllib3

from benchmarks.ground import MAPPING, PROVIDER, VERIFIER, Ground, fresh_ground
from benchmarks.results import Result, Target
from benchmarks.timing import best_in_turns, seconds
from creditconnect.client import Client
from creditconnect.types import Verdict

# What a verifier learns once: who has which code, the schema compiled, the connection open.
WARM_UP = 50
ROUNDS = 3
_REFERENCE_IS = (
    "the p99 of the same verifications' HTTP round trips alone: the same bodies posted again by urllib3 right "
    "after, to the same node; ours is the p99 of Client.verify less the time inside its own HTTP requests"
)


@dataclass(slots=True)
class Wire:
    """The HTTP requests made while it was listened to: their bodies, and the seconds they took together."""

    bodies: list[tuple[str, bytes]] = field(default_factory=list)
    seconds: float = 0.0


def verify_warm_p99_ms(quick: bool) -> list[Result]:
    """The 99th percentile over every record of a file, each verified once, across the border."""
    count = 300 if quick else 2_000
    with fresh_ground() as ground:
        packages = _packages(ground, count + WARM_UP)
        with ground.open(VERIFIER) as client:
            _verify_each(client, packages[:WARM_UP])
            pool = urllib3.PoolManager()
            measured = [_measure(client, package, pool) for package in packages[WARM_UP:]]
    own, bare = zip(*measured, strict=True)
    return [
        Result("verify_warm_p99_ms", "ms", _p99(own), _p99(bare), _REFERENCE_IS, Target(10, True, True)),
    ]


def bulk_verify_vs_single(quick: bool) -> list[Result]:
    """Packages a second into one file of verdicts, against a loop of single verifications, both with a warm client."""
    count, alone = (1_000, 200) if quick else (10_000, 2_000)
    with fresh_ground() as ground:
        packages = _packages(ground, count)
        with ground.open(VERIFIER) as client:
            _verify_each(client, packages[:WARM_UP])
            out = ground.folder / "verdicts.csv"
            # By the wall clock, as both wait for the node; in turns, so that a disturbance decides nothing.
            bulk_seconds, single_seconds = best_in_turns(
                lambda: client.verify_into(packages[0].parent, out),
                lambda: _verify_each(client, packages[:alone]),
                ROUNDS,
                time.perf_counter,
            )
        if out.read_text(encoding="utf-8").count(",VERIFIED,") != count:
            raise RuntimeError("not all of them verified")
    return [
        Result(
            "bulk_verify_vs_single",
            "packages/s",
            count / bulk_seconds,
            alone / single_seconds,
            f"a loop of Client.verify over {alone:,} of the same packages, same home, node and run",
            Target(5),
        )
    ]


def _packages(ground: Ground, count: int) -> list[Path]:
    folder = ground.folder / "packages"
    with ground.open(PROVIDER) as client:
        client.submit(ground.rows(count), mapping=MAPPING)
        client.package_write(folder)
    return sorted(folder.iterdir())


def _measure(client: Client, package: Path, pool: urllib3.PoolManager) -> tuple[float, float]:
    """Milliseconds of one verification outside its HTTP requests, and of those requests made again on their own."""
    with _listening() as wire:
        whole = seconds(lambda: _verify(client, package))
    bare = seconds(lambda: _post(pool, wire.bodies))
    return 1_000 * (whole - wire.seconds), 1_000 * bare


def _post(pool: urllib3.PoolManager, requests: Sequence[tuple[str, bytes]]) -> None:
    for url, body in requests:
        pool.request("POST", url, body=body, headers={"Content-Type": "application/json"})


def _verify_each(client: Client, packages: Sequence[Path]) -> None:
    for package in packages:
        _verify(client, package)


def _verify(client: Client, package: Path) -> None:
    verification = client.verify(package)
    if verification.verdict is not Verdict.VERIFIED:
        raise RuntimeError(f"{package.name}: {', '.join(verification.reasons)}")


@contextmanager
def _listening() -> Iterator[Wire]:
    wire = Wire()
    request: Callable[..., Any] = urllib3.PoolManager.request

    def timed(pool: urllib3.PoolManager, method: str, url: str, *, body: bytes, headers: dict[str, str]) -> Any:
        began = time.perf_counter()
        response = request(pool, method, url, body=body, headers=headers)
        wire.seconds += time.perf_counter() - began
        wire.bodies.append((url, body))
        return response

    with patch.object(urllib3.PoolManager, "request", timed):
        yield wire


def _p99(figures: Sequence[float]) -> float:
    """The least figure that 99 of 100 do not exceed."""
    return sorted(figures)[-(-99 * len(figures) // 100) - 1]
