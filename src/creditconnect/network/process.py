"""A node's process: started so that it outlives whoever started it, found again, and stopped.

Whether it runs is told by a lock that the node itself holds, by a descriptor that it inherits and knows nothing of: it
is lifted when the node dies, however it dies, and no other process can be taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from creditconnect.errors import NetworkError

STOP_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LOCK_TRIES = 5
# The traces of all that a node did at its end are some 100 KB.
_LAST_BYTES = 1 << 20
_DISK = "Low disk space"
# How a node program, or Go's runtime beneath it, begins the line that says why it ends; what follows is a trace.
_LAST_WORDS = ("Fatal", "ERROR", "panic:", "fatal error:", "runtime:", "SIG")


@dataclass(frozen=True, slots=True)
class Started:
    """How a node was started; `at` in seconds since 1970, `log_from` where its log begins, in bytes."""

    pid: int
    command: tuple[str, ...]
    at: int
    log_from: int = 0


class NodeProcess:
    """At most one process a folder."""

    def __init__(self, folder: Path, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._folder = folder
        self._lock_file = folder / "node.lock"
        self._state_file = folder / "node.json"
        self._log_file = folder / "node.log"
        self._clock = clock
        self._sleep = sleep
        # Of a node that this very process started: whoever starts one takes note of its end.
        self._child: subprocess.Popen[bytes] | None = None
        self._exit_code: int | None = None

    def is_running(self) -> bool:
        if not self._lock_file.exists():
            return False
        descriptor = os.open(self._lock_file, os.O_RDWR)
        try:
            # Shared: who asks is not in the way of another who asks.
            runs = not _lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)
        if not runs and self._child is not None:
            # Its files are closed already, so this takes no time.
            self._exit_code = self._child.wait(STOP_SECONDS)
            self._child = None
        return runs

    def started(self) -> Started | None:
        """How the last one was started, running or not."""
        try:
            document = json.loads(self._state_file.read_text(encoding="utf-8"))
            return Started(
                int(document["pid"]), tuple(document["command"]), int(document["at"]), int(document.get("log_from", 0))
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def start(self, command: Sequence[str], *, passphrase: str | None = None) -> Started:
        """Start the node in its folder, with its output in `node.log`, in a session of its own.

        A passphrase reaches it through a pipe, which `{passphrase}` in the command stands for: it is on no disk and in
        no list of processes.

        Raises:
            NetworkError: one runs here already, or the program can't be run.
        """
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not self._locked(lock):
                raise NetworkError(f"{self._folder}: its node runs already", hint="creditconnect network status")
            pipe = _filled_pipe(passphrase)
            handed = {lock} if pipe is None else {lock, pipe}
            filled = [word.replace("{passphrase}", f"/dev/fd/{pipe}") for word in command]
            try:
                with self._log_file.open("ab") as log:
                    log_from = log.seek(0, os.SEEK_END)
                    child = subprocess.Popen(
                        filled,
                        cwd=self._folder,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        pass_fds=tuple(handed),
                    )
            except OSError as error:
                raise NetworkError(f"{filled[0]}: can't be run ({error.strerror})") from None
            finally:
                if pipe is not None:
                    os.close(pipe)
        finally:
            os.close(lock)
        self._child = child
        started = Started(child.pid, tuple(command), int(self._clock()), log_from)
        self._state_file.write_text(json.dumps(asdict(started)), encoding="utf-8")
        return started

    def stop(self) -> bool:
        """Ask the node to end, and wait until it has written everything down; whether one ran.

        Raises:
            NetworkError: it does not end.
        """
        started = self.started()
        if started is None or not self.is_running():
            return False
        os.kill(started.pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while self.is_running():
            if time.monotonic() > until:
                raise NetworkError(
                    f"{self._folder}: process {started.pid} does not end", hint=f"see {self._log_file}; kill -9 is safe"
                )
            self._sleep(_POLL_SECONDS)
        return True

    def killed_by(self) -> str | None:
        """The signal that ended the node, as SIGKILL, where this very process started it and saw it end so."""
        if self._exit_code is None or self._exit_code >= 0:
            return None
        return signal.Signals(-self._exit_code).name

    def last_words(self) -> str:
        """The line of the last one's log that says why it ended, else its last line; empty if it said nothing."""
        started = self.started()
        lines = self._end_of_log(_LAST_BYTES, first=0 if started is None else started.log_from)
        said = [line for line in lines if line.startswith(_LAST_WORDS)]
        # What follows, of a trace or of shutting down, is more lines than one.
        tells = (line for line in said if not line.startswith("ERROR") or _DISK in line)
        return next(tells, said[-1] if said else "".join(lines[-1:]))

    def _locked(self, lock: int) -> bool:
        """Whether the lock is held now; somebody may be asking just then, which takes no time."""
        for _ in range(_LOCK_TRIES):
            if _lock(lock, fcntl.LOCK_EX):
                return True
            self._sleep(_POLL_SECONDS)
        return False

    def last_lines(self, count: int) -> list[str]:
        """The newest lines of the log."""
        # Lines of nodes are some 200 bytes.
        return self._end_of_log(count * 1_000)[-count:]

    def _end_of_log(self, most_bytes: int, *, first: int = 0) -> list[str]:
        """The lines in the log's last bytes, of those from `first` on."""
        try:
            with self._log_file.open("rb") as file:
                file.seek(max(first, file.seek(0, os.SEEK_END) - most_bytes))
                return file.read().decode("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []


def _lock(descriptor: int, kind: int) -> bool:
    """Whether the lock was free; it is then held by this descriptor."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _filled_pipe(passphrase: str | None) -> int | None:
    """A pipe's reading end with the passphrase in it, which is shorter than any pipe's buffer."""
    if passphrase is None:
        return None
    reading, writing = os.pipe()
    os.write(writing, passphrase.encode() + b"\n")
    os.close(writing)
    return reading
