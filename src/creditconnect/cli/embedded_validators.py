"""Two real validators for trying things out, one a side: founded as two authorities would, and stopped at the end.

Both run on this machine, so that this shows how it works and not what two machines would take.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from creditconnect.cli.embedded_anvil import free_port
from creditconnect.cli.presentation import say
from creditconnect.cli.stage import DEMO_SCRYPT_WORK, SIDES
from creditconnect.network import configuration
from creditconnect.network.configuration import LOOPBACK, Configuration, Place
from creditconnect.network.engines import engine_of
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_genesis, make_key
from creditconnect.network.node import SideNode, start_together
from creditconnect.types import Seals


@dataclass(frozen=True, slots=True)
class Validators:
    """Each side's node by the side's name, whose seals count, and the passphrase of both validators' keys."""

    nodes: dict[str, SideNode]
    seals: Seals
    passphrase: str

    @property
    def urls(self) -> dict[str, str]:
        return {side: node.rpc.url for side, node in self.nodes.items()}


@contextmanager
def embedded_validators(path: Path, funded: tuple[str, ...], passphrase: str, *, port: int = 0) -> Iterator[Validators]:
    """A running network of two sides, each in a folder of its own; `port` is the first side's, for clients.

    `passphrase` is of both validators' keys.

    Raises:
        EngineMissing: there is no geth that seals. NetworkError: one did not start.
    """
    engine = engine_of("geth")
    engine.find()
    networks = {side.name: NetworkFolder(path / side.name) for side in SIDES}
    places = {name: Place(LOOPBACK, free_port(), LOOPBACK, free_port()) for name in networks}
    if port:
        places[SIDES[0].name] = replace(places[SIDES[0].name], rpc_port=port)
    for number, (name, network) in enumerate(networks.items()):
        # Whoever looks at the network from here asks the other side's node too.
        configuration.write(network.path, Configuration(engine.name, places=places))
        # Each side's own authority gets its balance by its own side's word; here one says it for all.
        accounts = funded if number == 0 else ()
        make_key(network, name, engine, places[name], passphrase, funded=accounts, scrypt_work=DEMO_SCRYPT_WORK)
    public = [network.public_file(name) for name, network in networks.items()]
    hashes = {make_genesis(network, public).hex() for network in networks.values()}
    say(f"two validators, founded from each other's public files: genesis {' '.join(hashes)}")
    nodes = [
        SideNode(network, name, engine, clock=time.time, monotonic=time.monotonic, sleep=time.sleep)
        for name, network in networks.items()
    ]
    try:
        start_together(nodes, {node.side: passphrase for node in nodes}, tell=say, sleep=time.sleep)
        sides = networks[SIDES[0].name].sides()
        seals = Seals(engine.consensus, {side.side: (side.address,) for side in sides})
        yield Validators({node.side: node for node in nodes}, seals, passphrase)
    finally:
        for node in nodes:
            node.stop()
