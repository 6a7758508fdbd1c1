"""Keeping one side's own node up: nobody watches a validator at night.

Restarts it when it died; and when its peer is back and still no block came for ten periods: on QBFT the rounds'
timeouts double while a validator is away, and only a restart of both ends that at once. At periods of one or two
seconds it waits for 18 s and two periods, as a node may need that to hear of its peer's chain. Never touches the other
side.

Whatever a restart fails for is told, and it is tried again: a disk that was full may be full no more.
"""

from __future__ import annotations

from collections.abc import Callable

from creditconnect.errors import CreditConnectError, NetworkError, NodeRefused, NodeUnreachable
from creditconnect.network.engine import Engine
from creditconnect.network.node import SideNode

STALLED_PERIODS = 10
# A restart takes its time to show; and whoever dies at once is not started again and again without a pause.
PAUSE_SECONDS = 15.0
LOOK_SECONDS = 1.0


class Supervisor:
    """Keeps one node up until it is told to stop."""

    def __init__(
        self,
        node: SideNode,
        engine: Engine,
        passphrase: str,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        tell: Callable[[str], None],
    ) -> None:
        """`passphrase` is kept in memory for the restarts; `tell` is told what was done and why."""
        self._node = node
        self._engine = engine
        self._passphrase = passphrase
        self._monotonic = monotonic
        self._sleep = sleep
        self._tell = tell
        self._restarted_at = -PAUSE_SECONDS
        # Whether it seals, or need not; else it waited for something when that was broken off.
        self._begun = True
        self._head = -1
        self._head_since = monotonic()

    def run(self, stop: Callable[[], bool]) -> None:
        """Look once a second, until told to stop; the node is left running."""
        while not stop():
            self.step(stop)
            self._sleep(LOOK_SECONDS)

    def step(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Look once, and restart the node where that helps; it may then wait for the other side, until told to stop."""
        if self._monotonic() - self._restarted_at < PAUSE_SECONDS:
            return
        if not self._node.is_running():
            self._restart(f"{self._node.side}: its node died", stop)
        elif not self._begun:
            self._begin(stop)
        elif (stalled := self._stalled_for()) is not None:
            self._restart(self._node.stands_still(stalled), stop)

    def _stalled_for(self) -> float | None:
        """For how many seconds no block came although there is a peer to seal with; None where that is not so."""
        try:
            head, peers = self._node.head(), self._engine.peer_count(self._node.folder)
        except (NetworkError, NodeUnreachable, NodeRefused):
            # It does not answer yet, or no more: then it dies, or its heads are late.
            return None
        now = self._monotonic()
        if head != self._head or not peers:
            # While nobody is there to seal with, waiting is right.
            self._head, self._head_since = head, now
        waited = now - self._head_since
        patience = max(STALLED_PERIODS * self._node.configuration.period_seconds, self._node.deaf_after_seconds)
        return waited if waited > patience else None

    def _restart(self, why: str, stop: Callable[[], bool]) -> None:
        self._tell(f"{why}: it is restarted")
        self._begin(stop, anew=True)

    def _begin(self, stop: Callable[[], bool], *, anew: bool = False) -> None:
        self._begun = False
        try:
            if anew:
                self._node.restart(self._passphrase)
            self._node.begin_sealing(self._passphrase, self._tell, stop)
            self._begun = True
        except CreditConnectError as error:
            self._tell(str(error))
        except OSError as error:
            self._tell(f"{error.filename or self._node.side}: {error.strerror or type(error).__name__}")
        self._restarted_at = self._head_since = self._monotonic()
