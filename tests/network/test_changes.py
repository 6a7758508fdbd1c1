"""Promise: a network grows to four validators and shrinks to two again, and anybody may follow it without a seal."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from creditconnect.errors import UsageError
from creditconnect.network.besu import NODES_FILE
from creditconnect.network.engine import Engine
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_follower, make_genesis, make_key, take_in
from creditconnect.network.genesis import genesis_hash
from creditconnect.network.node import SideNode
from creditconnect.types import Consensus
from tests.network.conftest import PASSPHRASE, SCRYPT_WORK, SIDES, Network, found, place, wait_for

LATER = ("hk2", "sz2")


@pytest.fixture(scope="module")
def grown(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Two that run, and two more of which each knows the founders' public files alone."""
    network = found(engine, tmp_path_factory.mktemp("grown"))
    public = [network.folders["hk"].public_file(side) for side in SIDES]
    for name in LATER:
        folder = NetworkFolder(network.folders["hk"].path.parent / name)
        assert make_genesis(folder, public) == genesis_hash(network.folders["hk"].genesis())
        make_key(folder, name, engine, place(), PASSPHRASE, scrypt_work=SCRYPT_WORK)
        network.folders[name] = folder
    if engine.name == "besu":
        # A Besu node speaks to those on its list alone.
        for folder in network.folders.values():
            take_in(folder, [network.folders[name].public_file(name) for name in LATER])
    try:
        network.up()
        yield network
    finally:
        network.end()


def address(network: Network, side: str) -> str:
    return next(one.address for one in network.folders[side].sides() if one.side == side)


def validators(network: Network, side: str) -> set[str]:
    return set(network.engine.validators(network.node(side).folder))


def vote(network: Network, voters: tuple[str, ...], about: str, *, add: bool) -> None:
    for voter in voters:
        network.engine.vote(network.node(voter).folder, address(network, about), add=add)
    # Every validator has to come to its turn.
    wait_for(lambda: (address(network, about) in validators(network, "hk")) == add, 60)


def sealed_lately(network: Network, blocks: int) -> list[str]:
    head = network.node("hk").head()
    return [sealer for header in network.headers("hk", head - blocks + 1, head) for sealer in header.sealers]


def beyond(node: SideNode, number: int) -> bool:
    return node.head() > number


def test_later_validator__before_the_vote__follows_and_says_so(grown: Network) -> None:
    for name in LATER:
        said: list[str] = []
        node = grown.node(name)
        node.start(PASSPHRASE)
        node.begin_sealing(PASSPHRASE, said.append)
        assert (
            said[-1] == f"{name}: is no validator yet, and seals once it is voted in (creditconnect network vote add)"
        )
        wait_for(partial(beyond, node, grown.node("hk").head()), 30)
    assert set(sealed_lately(grown, 10)) == {address(grown, side) for side in SIDES}


def test_vote__one_of_two_alone__adds_nobody(grown: Network) -> None:
    grown.engine.vote(grown.node("hk").folder, address(grown, "hk2"), add=True)
    wait_for(partial(beyond, grown.node("hk"), grown.node("hk").head() + 6))
    assert validators(grown, "hk") == {address(grown, side) for side in SIDES}


def test_vote__that_would_change_nothing__refused(grown: Network) -> None:
    """hk's vote for hk2 stands from before, and may be taken back."""
    hk, mine, later = grown.node("hk"), address(grown, "hk"), address(grown, "hk2")
    with pytest.raises(UsageError, match=f"{address(grown, 'sz')} is a validator already: validators are 0x"):
        hk.vote(address(grown, "sz"), add=True)
    with pytest.raises(UsageError, match=f"0x{'12' * 20} is no validator: validators are 0x"):
        hk.vote("0x" + "12" * 20, add=False)
    with pytest.raises(UsageError, match="hk2: is no validator, so its vote does not count"):
        grown.node("hk2").vote(mine, add=False)
    assert grown.engine.votes(hk.folder) == {later: True}
    hk.vote(later, add=False)
    assert later not in [one for one, add in grown.engine.votes(hk.folder).items() if add]
    with pytest.raises(UsageError, match=f"{later} is no validator"):
        hk.vote(later, add=False)


def test_vote__from_two_to_four_and_back__all_seal_and_then_the_two(grown: Network) -> None:
    vote(grown, ("hk", "sz"), "hk2", add=True)
    vote(grown, ("hk", "sz", "hk2"), "sz2", add=True)
    everybody = {address(grown, side) for side in (*SIDES, *LATER)}
    wait_for(lambda: validators(grown, "sz2") == everybody)
    wait_for(lambda: set(sealed_lately(grown, 8)) == everybody, 60)

    # One of four may be away.
    grown.kill("sz2")
    wait_for(partial(beyond, grown.node("hk"), grown.node("hk").head() + 6), 60)

    vote(grown, ("hk", "sz", "hk2"), "sz2", add=False)
    vote(grown, ("hk", "sz"), "hk2", add=False)
    assert validators(grown, "sz") == {address(grown, side) for side in SIDES}
    wait_for(lambda: set(sealed_lately(grown, 8)) == {address(grown, side) for side in SIDES}, 60)
    if grown.engine.consensus == Consensus.CLIQUE:
        assert all(one != other for one, other in pairwise(sealed_lately(grown, 6)))


def test_follower__with_the_public_files_alone__has_the_chain_and_no_validators_key(
    grown: Network, engine: Engine, tmp_path: Path
) -> None:
    folder = NetworkFolder(tmp_path / "auditor")
    make_genesis(folder, [grown.folders["sz"].public_file(side) for side in SIDES])
    enode = make_follower(folder, "auditor", engine, place())
    assert enode.startswith("enode://")
    if engine.name == "besu":
        for side in SIDES:
            (grown.folders[side].path / NODES_FILE).write_text(enode + "\n")
            grown.node(side).stop()
        grown.up()
    grown.folders["auditor"] = folder
    node = grown.node("auditor")
    node.start("")
    node.begin_sealing("", lambda line: None)
    assert folder.local_sides() == ["auditor"]
    assert not node.is_sealing()
    assert not list(folder.path.rglob("validator.json"))
    number = grown.node("hk").head()
    wait_for(partial(beyond, node, number), 40)
    assert grown.block("auditor", number)["hash"] == grown.block("hk", number)["hash"]


def test_taking_in__a_later_sides_file__keeps_the_genesis(grown: Network) -> None:
    folder = grown.folders["hk"]
    before = folder.genesis()
    take_in(folder, [grown.folders["hk2"].public_file("hk2")])
    assert folder.genesis() == before
    node = grown.node("hk")
    node.stop()
    grown.up("hk")
    wait_for(partial(beyond, node, node.head() + 2), 40)
