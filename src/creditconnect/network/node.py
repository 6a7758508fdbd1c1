"""One side's node: started so that the chain begins and goes on, and stopped.

Before block 1 two Clique validators could each seal a block 1 of its own, and neither could ever go on. So the one that
is in turn for it seals it, and the other starts to seal when it has it. A validator that lost its data is in the same
place: it starts to seal when it has what the others have. So is one that is to be voted in later.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Mapping, Sequence

from creditconnect.chain.rpc import Node
from creditconnect.chain.signing import KeystoreSigner
from creditconnect.errors import NetworkError, NodeRefused, NodeUnreachable, UsageError
from creditconnect.network.configuration import Configuration
from creditconnect.network.engine import Engine, Launch
from creditconnect.network.folder import NetworkFolder, SideFolder, require_same_settings
from creditconnect.network.genesis import founders, founders_without_file, genesis_hash, is_built_from
from creditconnect.network.process import NodeProcess
from creditconnect.network.sides import Side
from creditconnect.types import Consensus

# A Java program on a busy machine takes half of it.
UP_SECONDS = 90.0
_POLL_SECONDS = 0.2
# geth looks every 10 s whether a peer is ahead of it.
SYNCED_AFTER_SECONDS = 12.0
# More blocks within a poll than any period allows: they are old ones, being caught up with.
_CATCHING_UP_BLOCKS = 2
# Nearly twice what its look for peers ahead takes: what it could hear it has heard by then, on a busy machine too.
DEAF_AFTER_SECONDS = 18.0
# A node dials those that it knows as soon as it is up.
MET_AFTER_SECONDS = 3.0
# What makes a node deaf takes some luck, twice in a row more than there is.
_RESTARTS = 2


class SideNode:
    """The node of one side whose private part lives in this network's folder."""

    def __init__(
        self,
        network: NetworkFolder,
        side: str,
        engine: Engine,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._network = network
        self.side = side
        self._engine = engine
        self._monotonic = monotonic
        self._sleep = sleep
        self.folder: SideFolder = network.side_folder(side)
        self.process = NodeProcess(self.folder.path, clock=clock, sleep=sleep)
        self.configuration: Configuration = network.configuration()
        self._alone_until = monotonic()
        self.rpc = Node(self.configuration.place(side).rpc_url, attempts=1)

    def is_running(self) -> bool:
        return self.process.is_running()

    def start(self, passphrase: str) -> None:
        """Start the node, and wait until it answers, and seals where it may at once; else see `begin_sealing`.

        `passphrase` is the validator's; not used where the engine reads a key of its own.

        Raises:
            NetworkError: there is no genesis, or another's; the key is no validator's of it; a port is in use; the
                node ended: says what it said. UsageError: network.toml says something else than the genesis.
            EngineMissing, SideInvalid, SettingsError.
        """
        launch, program = self._launch(), self._engine.find()
        if self.process.is_running():
            raise NetworkError(f"{self.side}: its node runs already", hint="creditconnect network status")
        self._require_ports()
        self._engine.configure(launch)
        self._engine.initialise(launch, program)
        opened = None
        if launch.own is not None and self._engine.opens_keystore:
            # Tried here first: the node opens it only when it is up already, and ends then.
            KeystoreSigner.open(self.folder.keystore_file, passphrase)
            opened = passphrase
        seals = self._may_seal_at_once(launch)
        self.process.start(self._engine.command(launch, program, seals=seals), passphrase=opened)
        # Of QBFT's validators each seals by itself, once it is one and the others are there.
        self._wait_until_up(seals=seals and self._engine.consensus == Consensus.CLIQUE)
        self._alone_until = self._monotonic()

    def configure(self) -> None:
        """Write what the node reads when it starts, for whoever starts it by other means.

        Raises:
            NetworkError, SideInvalid, SettingsError: as `start`.
        """
        self._engine.configure(self._launch())

    def begin_sealing(
        self, passphrase: str, tell: Callable[[str], None], stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Wait, where it has to, for what the others sealed before, and have it seal then. May be called again.

        `tell` is told once what is waited for. Waits for as long as it takes, as the other side may be founded
        tomorrow, or until `stop`: then it does not seal yet.

        Raises:
            NetworkError, NodeUnreachable, NodeRefused: the node ended meanwhile. As `restart`, where that is needed.
        """
        own = self._own()
        if own is None or self._engine.is_sealing(self.folder):
            self._note_founded()
            return
        if not self.head():
            tell(f"{self.side}: waits for block 1 of the other side, and seals from then on")
        while not self.head():
            if stop():
                return
            self._sleep(_POLL_SECONDS)
            if self._deaf():
                self.restart(passphrase)
        if not self._synced(stop):
            return
        if own.address not in self._engine.validators(self.folder):
            tell(f"{self.side}: is no validator yet, and seals once it is voted in (creditconnect network vote add)")
        self._engine.start_sealing(self.folder)
        self._note_founded()

    def see_blocks_come(self, passphrase: str, tell: Callable[[str], None]) -> None:
        """Wait for a block that is new, where the validators to seal one are connected; start it anew where none comes.

        geth throws away a block that reaches it while it still opens its key, and hears of its peer's chain again only
        with the peer's next block, which can't come before this one seals. Does nothing on other engines, for a
        follower, and where too few are there to seal.

        Raises:
            NetworkError: the node ended meanwhile.
        """
        if self._own() is None or self._engine.consensus != Consensus.CLIQUE:
            return
        before, restarts, since = self.head(), 0, self._monotonic()
        while self.head() == before:
            waited = self._monotonic() - since
            if waited > MET_AFTER_SECONDS and not self._can_go_on():
                return
            if waited > self.deaf_after_seconds:
                if restarts == _RESTARTS:
                    tell(f"{self.side}: no block comes; creditconnect network status says who is missing")
                    return
                tell(f"{self.stands_still(waited)}: it is restarted")
                self.restart(passphrase)
                restarts, since = restarts + 1, self._monotonic()
            self._sleep(_POLL_SECONDS)

    def may_seal_at_once(self) -> bool:
        """Whether it seals from its start on, rather than when it has what the others sealed.

        Raises:
            NetworkError, SideInvalid: as `start`.
        """
        return self._may_seal_at_once(self._launch())

    @property
    def deaf_after_seconds(self) -> float:
        """After how long without a block it has heard all that it could, with a peer: see `see_blocks_come`."""
        return DEAF_AFTER_SECONDS + 2 * self.configuration.period_seconds

    def is_sealing(self) -> bool:
        """Whether its running node seals."""
        return self._engine.is_sealing(self.folder)

    def vote(self, address: str, *, add: bool) -> None:
        """Have its running validator vote for or against a validator from its next block on, or take such a vote back.

        Raises:
            NetworkError: its node does not run. UsageError: the vote would change nothing.
        """
        if not self.is_running():
            raise NetworkError(
                f"{self.side}: its node does not run", hint=f"creditconnect network up --side {self.side}"
            )
        own, validators = self._own(), self._engine.validators(self.folder)
        hint = f"validators are {', '.join(validators)}"
        if own is None or own.address not in validators:
            raise UsageError(f"{self.side}: is no validator, so its vote does not count", hint=hint)
        if (address in validators) == add and self._engine.votes(self.folder).get(address, add) == add:
            raise UsageError(f"{address} is a validator already" if add else f"{address} is no validator", hint=hint)
        self._engine.vote(self.folder, address, add=add)

    def stop(self) -> bool:
        """Stop the node; whether it ran."""
        return self.process.stop()

    def restart(self, passphrase: str) -> None:
        """Stop the node, if it runs, and start it.

        Raises:
            NetworkError, EngineMissing, SideInvalid, SettingsError: as `start`; or it does not end.
        """
        self.stop()
        self.start(passphrase)

    def stands_still(self, seconds: float) -> str:
        """Why it is restarted that runs and has a peer."""
        return f"{self.side}: a peer is there, and no block came for {seconds:.0f} s"

    def head(self) -> int:
        """The number of its newest block.

        Raises:
            NetworkError: it does not answer.
        """
        try:
            return int(self.rpc.call("eth_blockNumber"), 16)
        except (NodeUnreachable, NodeRefused):
            raise self._ended() from None

    # ------------------------------------------------------------------------------------------------------- private

    def _launch(self) -> Launch:
        sides, founding = self._network.sides(), self._founders()
        if lacking := founders_without_file(self._network.genesis(), sides):
            raise NetworkError(
                f"{self._network.genesis_file}: no side's file beside it is of its validator {lacking[0]}",
                hint="have that side's public file again",
            )
        if not is_built_from(self._network.genesis(), founding):
            raise NetworkError(
                f"{self._network.genesis_file}: is not the genesis of the sides' files that lie beside it",
                hint="creditconnect network genesis builds it from them",
            )
        # They agree among themselves, or they would not make this genesis.
        require_same_settings(self.configuration, founding[0])
        own = self._own()
        if self.folder.keystore_file.exists() and (own is None or own.address != self.folder.address()):
            raise NetworkError(
                f"{self.folder.keystore_file}: is not the key of {self.side}.json", hint="restore the one that is"
            )
        return Launch(self.folder, self.configuration, sides, self._network.genesis_file, own)

    def _founders(self) -> list[Side]:
        return founders(self._network.genesis(), self._network.sides())

    def _own(self) -> Side | None:
        """This side's own public file; None for a follower, which has no validator's key."""
        if not self.folder.keystore_file.exists():
            return None
        return next((side for side in self._network.sides() if side.side == self.side), None)

    def _may_seal_at_once(self, launch: Launch) -> bool:
        if launch.own is None:
            return False
        if self.folder.begun_file.exists() or self._engine.consensus != Consensus.CLIQUE:
            return True
        # Its data is gone: another block 1 of its own would only be in the way.
        return not self._knew_block_1() and _in_turn_for_block_1(self._founders()) == launch.own

    def _knew_block_1(self) -> bool:
        """Whether this validator was in this very network before."""
        try:
            return self.folder.founded_file.read_text(encoding="utf-8") == self._genesis_hash()
        except FileNotFoundError:
            return False

    def _note_founded(self) -> None:
        if self.head() > 0:
            self.folder.founded_file.write_text(self._genesis_hash(), encoding="utf-8")
            self.folder.begun_file.touch()

    def _genesis_hash(self) -> str:
        return genesis_hash(self._network.genesis()).hex()

    def _require_ports(self) -> None:
        place = self.configuration.place(self.side)
        for host, port, host_setting, port_setting in (
            (place.host, place.p2p_port, "host", "p2p_port"),
            (place.rpc_host, place.rpc_port, "rpc_host", "rpc_port"),
        ):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    hint = f"stop what uses it, or change side.{self.side}.{port_setting} in network.toml"
                    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                        hint = (
                            f"this machine has no such address: change side.{self.side}.{host_setting} in network.toml"
                        )
                    raise NetworkError(
                        f"{self.side}: {host}:{port} can't be listened at ({error.strerror})", hint=hint
                    ) from None

    def _wait_until_up(self, *, seals: bool) -> None:
        until = self._monotonic() + UP_SECONDS
        while self._monotonic() < until:
            if not self.process.is_running():
                raise self._ended()
            try:
                self.rpc.call("eth_chainId")
                self._engine.peer_count(self.folder)
                if not seals or self._engine.is_sealing(self.folder):
                    return
            except (NodeUnreachable, NodeRefused):
                pass
            self._sleep(_POLL_SECONDS)
        raise NetworkError(f"{self.side}: its node does not answer", hint=f"see {self.folder.log_file}")

    def _can_go_on(self) -> bool:
        """Whether, with its peers, it may be enough of the validators: more than half of them seal (EIP-225)."""
        validators = self._engine.validators(self.folder)
        return self._engine.peer_count(self.folder) + 1 > len(validators) // 2

    def _synced(self, stop: Callable[[], bool]) -> bool:
        """Wait until it has caught up with nothing for as long as the engine takes to see that a peer is ahead.

        False where it was stopped before.
        """
        if not self._knew_block_1() and self._own() in self._founders():
            return True
        known, since = self.head(), self._monotonic()
        while self._monotonic() - since < SYNCED_AFTER_SECONDS:
            if stop():
                return False
            self._sleep(_POLL_SECONDS)
            head = self.head()
            if head - known > _CATCHING_UP_BLOCKS or self.rpc.call("eth_syncing"):
                since = self._monotonic()
            known = head
        return True

    def _deaf(self) -> bool:
        """Whether it had a peer for long, and still no block: see `see_blocks_come`."""
        if not self._engine.peer_count(self.folder):
            self._alone_until = self._monotonic()
        return self._monotonic() - self._alone_until > self.deaf_after_seconds

    def _ended(self) -> NetworkError:
        log = f"see {self.folder.log_file}"
        if self.process.is_running():
            return NetworkError(f"{self.side}: its node does not answer", hint=log)
        if killer := self.process.killed_by():
            return NetworkError(f"{self.side}: its node was killed by {killer}", hint=log)
        if said := self.process.last_words():
            return NetworkError(f"{self.side}: its node ended and said: {said[:300]}", hint=log)
        return NetworkError(f"{self.side}: its node ended", hint=log)


def start_together(
    nodes: Sequence[SideNode],
    passphrases: Mapping[str, str],
    *,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> None:
    """Start several sides' nodes on this machine, of which some may run, and have each seal when it may.

    Whoever may seal at once comes first, and the others when it has a block: a node that is connected before hears of
    block 1 only half a minute later.

    Raises:
        NetworkError, EngineMissing, SideInvalid, SettingsError, WrongPassphrase: as `SideNode.start`.
    """
    ordered = sorted(nodes, key=lambda node: not node.may_seal_at_once())
    for node in ordered:
        if not node.is_running():
            node.start(passphrases[node.side])
        while node.is_sealing() and not node.head():
            sleep(_POLL_SECONDS)
    for node in ordered:
        node.begin_sealing(passphrases[node.side], tell)
    for node in ordered:
        node.see_blocks_come(passphrases[node.side], tell)


def _in_turn_for_block_1(sides: Sequence[Side]) -> Side:
    """In turn for block n is the signer number n modulo their count, by address (EIP-225)."""
    ordered = sorted(sides, key=lambda side: side.address)
    return ordered[1 % len(ordered)]
