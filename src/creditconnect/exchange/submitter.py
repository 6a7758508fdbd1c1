"""One submitter a key: a lock that the operating system lifts when its holder dies, however it dies."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from creditconnect.custody.private_files import held
from creditconnect.errors import SubmitterBusy


def submitter_lock(folder: Path, address: str) -> AbstractContextManager[None]:
    """Hold the right to submit with `address` from this home while the context lasts.

    Raises:
        SubmitterBusy: another process holds it.
    """
    busy = SubmitterBusy(f"another process submits with {address}", hint="wait for it, or stop it; one submitter a key")
    return held(folder / f"{address}.lock", busy)


def intake_lock(folder: Path) -> AbstractContextManager[None]:
    """Hold the right to take uploads in, in this home, while the context lasts.

    Raises:
        SubmitterBusy: another process holds it.
    """
    busy = SubmitterBusy("another process takes uploads in", hint="wait for it, or stop it; one at a time")
    return held(folder / "intake.lock", busy)
