"""Everything that is measured: what this repository alone can build, and what the peers published."""

from __future__ import annotations

from benchmarks.gas.bytecode import built, published
from benchmarks.gas.own import Registered, RegisteredAndApproved
from benchmarks.gas.peers import Attested, BulkIssued, MulticallIssued, RootIssued, Timestamped
from benchmarks.gas.subject import Subject
from benchmarks.gas.yardsticks import LeanRegistry, LoggedFloor, UsualRegistry
from benchmarks.ground import Ground


def own_subjects(ground: Ground) -> list[Subject]:
    """Ours, the floor and the usual registry: built from source, without the peers' packages. Ours comes first."""
    floor, usual, lean = built("LoggedFloor", "UsualRegistry", "LeanRegistry")
    return [
        Registered(ground),
        RegisteredAndApproved(ground),
        LoggedFloor(ground, floor),
        UsualRegistry(ground, usual),
        LeanRegistry(ground, lean),
    ]


def peer_subjects(ground: Ground) -> list[Subject]:
    """EAS and OpenAttestation, as published; their packages must be installed."""
    code = published()
    return [
        Attested(ground, code["SchemaRegistry"], code["EAS"]),
        Timestamped(ground, code["SchemaRegistry"], code["EAS"]),
        BulkIssued(ground, code["DocumentStoreV3"]),
        MulticallIssued(ground, code["DocumentStoreV4"]),
        RootIssued(ground, code["DocumentStoreV4"]),
    ]
