"""Commands that change a network, or are for nodes that others start: network join, prepare, transition, refound."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from creditconnect.cli.network import (
    DEFAULT_FOLDER,
    FolderOption,
    SideOption,
    app,
    engine_named,
    local_sides,
    side_node,
)
from creditconnect.cli.presentation import JsonOption, print_json, say

__all__ = ["app"]


@app.command()
def join(
    files: Annotated[list[Path], typer.Argument(help="The public file of every side that founded the network.")],
    name: Annotated[str, typer.Option(help="The follower's name here, as auditor.")],
    folder: FolderOption = DEFAULT_FOLDER,
    host: Annotated[str, typer.Option(help="Where its node listens for the others, and they find it.")] = "127.0.0.1",
    p2p_port: Annotated[int, typer.Option(help="Its port there; the next free one, if not given.", min=0)] = 0,
    rpc_port: Annotated[int, typer.Option(help="Its port for clients; the next free one, if not given.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a follower: an institution's or auditor's own node, which checks every block and seals none."""
    from creditconnect.network.configuration import Place
    from creditconnect.network.folder import NetworkFolder
    from creditconnect.network.founding import make_follower, make_genesis

    network = NetworkFolder(folder)
    genesis = make_genesis(network, files)
    known = network.configuration()
    following = known.next_place()
    place = Place(host, p2p_port or following.p2p_port, rpc_port=rpc_port or following.rpc_port)
    enode = make_follower(network, name, engine_named(known.engine), place)
    if as_json:
        print_json({"name": name, "enode": enode, "genesis": genesis})
        return
    say(f"{network.genesis_file}: compare its hash with a side's, over the phone:")
    print(genesis.hex())
    say("its enode, which besu's operators list in nodes.txt:")
    print(enode)


@app.command()
def prepare(folder: FolderOption = DEFAULT_FOLDER, side: SideOption = None, as_json: JsonOption = False) -> None:
    """Write what a node reads when it starts, for whoever starts it by other means, as compose or systemd."""
    from creditconnect.network.folder import NetworkFolder

    network = NetworkFolder(folder)
    network.configuration()
    sides = local_sides(network, side)
    for name in sides:
        side_node(network, name).configure()
    if as_json:
        print_json({name: network.side_folder(name).path for name in sides})
        return
    for name in sides:
        say(f"{network.side_folder(name).path}: is ready to be started")


@app.command()
def transition(
    files: Annotated[
        list[Path], typer.Argument(help="The public file of every validator that is to seal from then on.")
    ],
    block: Annotated[int, typer.Option(help="From which block on: the one after the last that was sealed.", min=1)],
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Put validators in place without a vote, on besu, when a key is lost: by each side itself, on its own machine.

    The command writes the genesis file anew, whose block 0 stays the same; its digest is read over the phone.
    """
    from creditconnect.network.besu import transition as with_transition
    from creditconnect.network.folder import NetworkFolder
    from creditconnect.network.founding import replace_genesis, take_in

    network = NetworkFolder(folder)
    validators = take_in(network, files)
    changed = with_transition(network.genesis(), block, [one.address for one in validators])
    digest = replace_genesis(network, changed)
    if as_json:
        print_json({"file": network.genesis_file, "block": block, "digest": digest})
        return
    say(f"{network.genesis_file}: restart your node with it; the other sides must read the same digest:")
    print(digest.hex())


@app.command()
def refound(
    files: Annotated[list[Path], typer.Argument(help="The new public file of every side.")],
    of: Annotated[Path, typer.Option(help="The folder of the network that can't go on; one of its nodes runs there.")],
    side: Annotated[str, typer.Option(help="Whose node in that folder is asked for the state.")],
    block: Annotated[int, typer.Option(help="After which block; the newest that all sides sealed if not given.")] = 0,
    deployment: Annotated[
        Path | None, typer.Option(help="The registry's deployment file; the next one is written beside the genesis.")
    ] = None,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: JsonOption = False,
) -> None:
    """Build the genesis that goes on from another network's last state, on geth, when a validator's key is lost."""
    from creditconnect.chain.deployment import Deployment
    from creditconnect.network.folder import NetworkFolder
    from creditconnect.network.founding import make_next_genesis
    from creditconnect.network.genesis import founders
    from creditconnect.network.geth import Geth
    from creditconnect.network.refounding import PAGE_SECONDS, read_last_state

    known = None if deployment is None else Deployment.read(deployment)
    old = NetworkFolder(of)
    old.configuration()
    (name,) = local_sides(old, side)
    node = side_node(old, name)
    door = Geth().door(node.folder, timeout_seconds=PAGE_SECONDS)
    last = read_last_state(node.rpc, door, founders(old.genesis(), old.sides()), block or None)
    network = NetworkFolder(folder)
    found = make_next_genesis(network, files, last)
    published = None if known is None else known.refounded(found).publish(network.path)
    if as_json:
        document = {"file": network.genesis_file, "hash": found, "block": last.block, "block_hash": last.hash}
        print_json(document | ({} if published is None else {"deployment": published}))
        return
    say(f"{network.genesis_file}: goes on after block {last.block}, {last.hash.hex()}; all sides must name the same")
    if published is not None:
        say(f"{published}: the registry's deployment file from now on; both authorities publish it")
    say(f"{network.genesis_file}: read its hash over the phone; the other sides must have the same:")
    print(found.hex())
