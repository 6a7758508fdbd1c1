"""The validators' commands: network key, genesis, up, down, status, logs, reset, vote."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect import settings
from creditconnect.cli.language import translate
from creditconnect.cli.presentation import (
    JsonOption,
    ask_new_passphrase,
    ask_passphrase,
    confirm,
    print_json,
    print_table,
    say,
    utc,
)
from creditconnect.errors import NetworkError, NodeRefused, NodeUnreachable, UsageError

if TYPE_CHECKING:
    from creditconnect.chain.rpc import Node
    from creditconnect.network.configuration import Place
    from creditconnect.network.engine import Engine
    from creditconnect.network.folder import NetworkFolder
    from creditconnect.network.node import SideNode
    from creditconnect.network.watching import NetworkStatus, SideStatus

EXIT_STANDS = 10
LOOK_SECONDS = 2.0
ANSWER_SECONDS = 3.0
VALIDATOR = "validator"

app = typer.Typer(
    help="Found, start and watch a network of validators, one or more a side.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FolderOption = Annotated[Path, typer.Option(help="The network's folder: public files, and this side's private part.")]
SideOption = Annotated[
    str | None, typer.Option(help="Only this side's node; every side that lives here, if not given.")
]
DEFAULT_FOLDER = Path("validators")


@app.command()
def key(
    side: Annotated[str, typer.Option(help="The side's name, as hk.")],
    folder: FolderOption = DEFAULT_FOLDER,
    engine: Annotated[
        str, typer.Option(help="geth (Clique) or besu (QBFT), where there is no network.toml yet.")
    ] = "geth",
    fund: Annotated[
        list[str] | None, typer.Option(help="An account that gets a balance in the genesis, as the authority's.")
    ] = None,
    host: Annotated[str, typer.Option(help="Where its node listens for the others, and they find it.")] = "127.0.0.1",
    p2p_port: Annotated[int, typer.Option(help="Its port there; the next free one, if not given.", min=0)] = 0,
    rpc_port: Annotated[int, typer.Option(help="Its port for clients; the next free one, if not given.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a side's validator key where it will live, and the public file that the other sides get."""
    from creditconnect.network import configuration
    from creditconnect.network.folder import NetworkFolder
    from creditconnect.network.founding import make_key

    network = NetworkFolder(folder)
    known = configuration.load(folder) or configuration.Configuration(engine)
    following = known.next_place()
    place = configuration.Place(host, p2p_port or following.p2p_port, rpc_port=rpc_port or following.rpc_port)
    passphrase = settings.passphrase(VALIDATOR, ask_new_passphrase)
    accounts = [_address(one) for one in fund or []]
    made = make_key(network, side, engine_named(known.engine), place, passphrase, funded=accounts)
    if as_json:
        print_json({"side": made.side, "address": made.address, "file": network.public_file(side)})
        return
    say(f"{network.side_folder(side).path}: the validator's key; it stays there")
    say(f"{network.public_file(side)}: for the other sides, validator {made.address}; read the address over the phone")


@app.command()
def genesis(
    files: Annotated[list[Path], typer.Argument(help="Every side's public file.")],
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Build the genesis from the sides' public files alone: the same on all sides."""
    from creditconnect.network.folder import NetworkFolder
    from creditconnect.network.founding import make_genesis

    network = NetworkFolder(folder)
    found = make_genesis(network, files)
    if as_json:
        print_json({"file": network.genesis_file, "hash": found})
        return
    say(f"{network.genesis_file}: read its hash over the phone; the other sides must have the same:")
    print(found.hex())


@app.command()
def up(
    folder: FolderOption = DEFAULT_FOLDER,
    side: SideOption = None,
    keep: Annotated[
        bool, typer.Option(help="Stay, and restart the node when it died or stalls, until Ctrl-C.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a side's node, or those of all sides that live here. Block 1 is sealed by the validator in turn for it."""
    from creditconnect.network.node import start_together

    network = _network(folder)
    sides = local_sides(network, side)
    if keep and len(sides) != 1:
        raise UsageError("--keep is for one side's node", hint="give --side")
    nodes = [side_node(network, name) for name in sides]
    passphrases = {node.side: _passphrase(network, node) for node in nodes}
    start_together(nodes, passphrases, tell=lambda line: say(line, flush=True), sleep=time.sleep)
    if as_json:
        print_json([{"side": node.side, "url": node.rpc.url, "block": node.head()} for node in nodes])
    else:
        for node in nodes:
            say(f"{node.side}: up at {node.rpc.url}, block {node.head()}")
    if keep:
        _keep(network, nodes[0], passphrases[nodes[0].side])


@app.command()
def down(folder: FolderOption = DEFAULT_FOLDER, side: SideOption = None, as_json: JsonOption = False) -> None:
    """Stop a side's node, or those of all sides that live here, once they have written everything down."""
    network = _network(folder)
    stopped = {name: side_node(network, name).stop() for name in local_sides(network, side)}
    if as_json:
        print_json(stopped)
        return
    for name, ran in stopped.items():
        say(f"{name}: stopped" if ran else f"{name}: did not run")


@app.command()
def status(
    folder: FolderOption = DEFAULT_FOLDER,
    watch: Annotated[bool, typer.Option("--watch", help="Again every two seconds, until Ctrl-C.")] = False,
    as_metrics: Annotated[bool, typer.Option("--metrics", help="As Prometheus reads it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Each side's node and validator, and what they agree on. Exit code 10 if no block comes or the nodes disagree."""
    from creditconnect.network.watching import metrics

    network = _network(folder)
    while True:
        found = _look(network)
        if as_metrics:
            print(metrics(found), end="")
        elif as_json:
            print_json(found)
        else:
            _print_status(found)
        if not watch:
            break
        time.sleep(LOOK_SECONDS)
    if not found.moving or found.agreed is None:
        raise typer.Exit(EXIT_STANDS)


@app.command()
def logs(
    side: Annotated[str, typer.Option(help="The side.")],
    folder: FolderOption = DEFAULT_FOLDER,
    lines: Annotated[int, typer.Option(help="How many.", min=1, max=10_000)] = 50,
) -> None:
    """The newest lines of a node's log."""
    network = _network(folder)
    (name,) = local_sides(network, side)
    for line in side_node(network, name).process.last_lines(lines):
        print(line)


@app.command()
def reset(
    side: Annotated[str, typer.Option(help="The side.")],
    folder: FolderOption = DEFAULT_FOLDER,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for programs.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a stopped node's copy of the chain; it takes the chain from its peers when it is up again. Keys stay."""
    import shutil

    network = _network(folder)
    (name,) = local_sides(network, side)
    node = side_node(network, name)
    if node.is_running():
        raise NetworkError(f"{name}: its node runs", hint=f"creditconnect network down --side {name}")
    if not (yes or confirm(f"remove {node.folder.data_folder} for good?")):
        raise UsageError("not confirmed: nothing was removed")
    shutil.rmtree(node.folder.data_folder, ignore_errors=True)
    if as_json:
        print_json({"side": name, "removed": node.folder.data_folder})
        return
    say(f"{node.folder.data_folder}: removed")


@app.command()
def vote(
    what: Annotated[str, typer.Argument(help="add or remove.")],
    validator: Annotated[str, typer.Argument(help="The validator's address.")],
    side: Annotated[str, typer.Option(help="Whose validator votes.")],
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Vote for a validator to be added or removed. It takes effect once more than half of the validators voted so."""
    if what not in ("add", "remove"):
        raise UsageError(f"{what!r} is no vote", hint="add or remove")
    network, address = _network(folder), _address(validator)
    (name,) = local_sides(network, side)
    side_node(network, name).vote(address, add=what == "add")
    if as_json:
        print_json({"side": name, "validator": address, "add": what == "add"})
        return
    say(f"{name}: votes to {what} {address} from its next block on")


def _print_status(found: NetworkStatus) -> None:
    moving = translate("blocks come" if found.moving else "NO BLOCK COMES")
    agreed = translate("no block that all have" if found.agreed is None else f"all have block {found.agreed}")
    say(f"{moving}; {agreed}")
    say(f"validators: {', '.join(found.validators) or '-'}")
    print_table(
        "sides",
        ("side", "block #", "hash", "age s #", "peers #", "sealed last", "share #", "client", "node"),
        [_status_row(one, found) for one in found.sides],
    )
    for line in found.advice:
        say(line)
    for stranger in found.strangers:
        say(f"{stranger}: sealed blocks, and is none of the sides' validators here")


def _status_row(one: SideStatus, found: NetworkStatus) -> tuple[object, ...]:
    sealed = "-" if one.last_seal is None else f"{one.last_seal}, {utc(one.last_seal_at or 0)}"
    return (
        one.side + (translate(" (missing)") if one.side in found.missing else ""),
        "-" if one.head is None else one.head,
        one.hash.hex()[:16] or "-",
        "-" if one.age_seconds is None else one.age_seconds,
        "-" if one.peers is None else one.peers,
        sealed,
        f"{one.share:.0%}",
        one.client.partition("-")[0] or "-",
        translate(one.trouble) or one.url,
    )


def _look(network: NetworkFolder) -> NetworkStatus:
    from creditconnect.network.watching import Watched, look

    known, sides = network.configuration(), network.sides()
    founding = _founding(network)
    watched = [
        Watched(one.side, one.address, _asked(known.places.get(one.side)), founding is None or one.address in founding)
        for one in sides
    ]
    # A follower seals nothing, so it has no address to be missed.
    followers = sorted(set(known.places) - {one.side for one in watched})
    watched += [Watched(name, "", _asked(known.places[name])) for name in followers]
    if not known.places:
        raise NetworkError(f"{network.path}: no side's node is known", hint="[side.NAME] in network.toml")
    return look(watched, known.consensus, known.period_seconds, time.time, _validators(network))


def _founding(network: NetworkFolder) -> set[str] | None:
    """The addresses that the genesis names; None where it tells none."""
    from creditconnect.network.genesis import founders

    if not network.genesis_file.exists():
        return None
    try:
        return {one.address for one in founders(network.genesis(), network.sides())}
    except (KeyError, ValueError):
        # A damaged one is told by `up`; what the nodes say is shown all the same.
        return None


def _validators(network: NetworkFolder) -> list[str] | None:
    """Who may seal, as the first node says that runs on this machine; None where none does."""
    engine = engine_named(network.configuration().engine)
    for name in network.local_sides():
        try:
            return engine.validators(network.side_folder(name))
        except (NodeUnreachable, NodeRefused):
            continue
    return None


def _asked(place: Place | None) -> Node | None:
    from creditconnect.chain.rpc import Node

    return None if place is None else Node(place.rpc_url, timeout_seconds=ANSWER_SECONDS, attempts=1)


def _keep(network: NetworkFolder, node: SideNode, passphrase: str) -> None:
    from creditconnect.network.supervising import Supervisor

    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopped.append(received))
    supervisor = Supervisor(
        node,
        engine_named(network.configuration().engine),
        passphrase,
        monotonic=time.monotonic,
        sleep=time.sleep,
        tell=lambda line: say(line, flush=True),
    )
    supervisor.run(lambda: bool(stopped))
    say(f"{node.side}: is left running; creditconnect network down stops it")


def _network(folder: Path) -> NetworkFolder:
    from creditconnect.network.folder import NetworkFolder

    network = NetworkFolder(folder)
    network.configuration()
    return network


def local_sides(network: NetworkFolder, named: str | None) -> list[str]:
    """The sides that were asked for.

    Raises:
        UsageError: none lives here, or not the one that was named. NetworkError: only its validator's key does.
    """
    local = network.local_sides()
    for side in network.sides_without_node_key():
        if side.name == named or not (named or local):
            raise NetworkError(
                f"{side.path}: holds the validator's key and lacks its node's (geth: nodekey, besu: key)",
                hint="restore it from the backup",
            )
    if named is None and not local:
        raise UsageError(f"{network.path}: no side's key lives here", hint="creditconnect network key --side SIDE")
    if named is not None and named not in local:
        here = ", ".join(local) or "none"
        raise UsageError(f"{network.path}: {named}'s key does not live here", hint=f"here are {here}")
    return local if named is None else [named]


def side_node(network: NetworkFolder, name: str) -> SideNode:
    from creditconnect.network.node import SideNode

    engine = engine_named(network.configuration().engine)
    return SideNode(network, name, engine, clock=time.time, monotonic=time.monotonic, sleep=time.sleep)


def engine_named(name: str) -> Engine:
    from creditconnect.network.engines import engine_of

    return engine_of(name)


def _passphrase(network: NetworkFolder, node: SideNode) -> str:
    """The validator's; a follower has none."""
    engine = engine_named(network.configuration().engine)
    asks = engine.opens_keystore and node.folder.keystore_file.exists()
    return settings.passphrase(VALIDATOR, ask_passphrase) if asks else ""


def _address(text: str) -> str:
    digits = text.lower().removeprefix("0x")
    if len(digits) != 40 or any(digit not in "0123456789abcdef" for digit in digits):
        raise UsageError(f"{text!r} is no address", hint="0x and 40 hex digits")
    return "0x" + digits
