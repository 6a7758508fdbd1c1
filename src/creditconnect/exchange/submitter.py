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
    path = folder / f"{address}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SubmitterBusy(
                f"another process submits with {address}", hint="wait for it, or stop it; one submitter a key"
            ) from None
        yield
    finally:
        os.close(descriptor)
