"""One submitter a key: a lock that the operating system lifts when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from creditconnect.errors import SubmitterBusy


@contextmanager
def submitter_lock(folder: Path, address: str) -> Iterator[None]:
    """Hold the right to submit with `address` from this home while the context lasts.

    Raises:
        SubmitterBusy: another process holds it.
    """
    with _held(folder / f"{address}.lock", f"another process submits with {address}", "one submitter a key"):
        yield


@contextmanager
def intake_lock(folder: Path) -> Iterator[None]:
    """Hold the right to take uploads in, in this home, while the context lasts.

    Raises:
        SubmitterBusy: another process holds it.
    """
    with _held(folder / "intake.lock", "another process takes uploads in", "one at a time"):
        yield


@contextmanager
def _held(path: Path, busy: str, rule: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SubmitterBusy(busy, hint=f"wait for it, or stop it; {rule}") from None
        yield
    finally:
        os.close(descriptor)
