"""Files that hold keys: JSON of mode 0600, written whole or not at all, by one process at a time.

What replaces or removes one can overwrite the old bytes where they lay. A file system that copies on write, a flash
drive's spare blocks and every backup may keep them all the same.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from creditconnect.errors import CreditConnectError


def create_json(path: Path, document: object) -> None:
    """Write a new file; a failure leaves none.

    Raises:
        FileExistsError: it is never overwritten.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.flush()
            # What a key opens may outlive a loss of the machine's power; the key must too.
            os.fsync(file.fileno())
    except BaseException:
        path.unlink()
        raise


def replace_json(path: Path, document: object, *, erase_former: bool = False) -> None:
    """Put a file in another's place by one rename: a kill at any point leaves the old one or the new.

    With `erase_former` the old one's bytes are overwritten afterwards.
    """
    following = path.with_suffix(path.suffix + ".next")
    following.unlink(missing_ok=True)  # left by a kill
    create_json(following, document)
    former = os.open(path, os.O_RDWR) if erase_former else None
    try:
        following.replace(path)
        _sync_folder(path.parent)
        if former is not None:
            _overwrite(former)
    finally:
        if former is not None:
            os.close(former)


def erase(path: Path) -> None:
    """Overwrite a file's bytes and remove it."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        path.unlink()
        _overwrite(descriptor)
    finally:
        os.close(descriptor)
    _sync_folder(path.parent)


@contextmanager
def held(path: Path, busy: CreditConnectError) -> Iterator[None]:
    """Hold a lock that the operating system lifts when its holder dies, however it dies.

    Raises:
        CreditConnectError: `busy`, where another process holds it.
    """
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        yield
    finally:
        os.close(descriptor)


def _overwrite(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
