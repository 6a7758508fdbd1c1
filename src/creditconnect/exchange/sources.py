"""What is submitted: a file, a folder of documents, or a stream that was spooled, because a source is read twice.

A spooled stream is a file without a name, readable by this user alone: whatever ends this process, no file is left.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from creditconnect.errors import SourceUnreadable
from creditconnect.records.documents import PassedOver, document_files, passed_over

STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder by its path, or a spooled stream; `name` is what errors and lists call it."""

    name: str
    _path: Path | None = None
    _stream: BinaryIO | None = None
    _digest: bytes = b""

    @classmethod
    def of_path(cls, path: Path) -> Source:
        """A file, or a folder of documents.

        Raises:
            SourceUnreadable: it is a pipe or device, which can't be read twice.
        """
        if path.exists() and not (path.is_file() or path.is_dir()):
            hint = "hand it in on standard input, -, or save it to a file first"
            raise SourceUnreadable(f"{path}: is no file but a pipe or device", hint=hint)
        return cls(str(path), path)

    @classmethod
    def of_job(cls, job: dict[str, Any]) -> Source:
        """What `job` told another process."""
        if job["descriptor"] is None:
            return cls(job["name"], Path(job["name"]))
        return cls(job["name"], None, os.fdopen(job["descriptor"], "rb"))

    def job(self) -> dict[str, Any]:
        """What another process, which inherits `descriptors`, needs in order to read it."""
        return {"name": self.name, "descriptor": next(iter(self.descriptors()), None)}

    def descriptors(self) -> tuple[int, ...]:
        return () if self._stream is None else (self._stream.fileno(),)

    def size_bytes(self) -> int:
        """Of a file; 0 for a folder, and for what is not there."""
        if self._stream is not None:
            return os.fstat(self._stream.fileno()).st_size
        path = self.path()
        return path.stat().st_size if path.is_file() else 0

    def path(self) -> Path:
        """Where it lies.

        Raises:
            SourceUnreadable: it is a stream.
        """
        if self._path is None:
            raise SourceUnreadable(f"{self.name}: has no place of its own", hint="save it to a file first")
        return self._path

    def opened(self) -> Path | BinaryIO:
        """What `records.reading.read_rows` reads; it closes what it is given, so that a stream is given anew."""
        if self._stream is None:
            return self.path()
        self._stream.seek(0)
        # Both have one position, which is why the digest was taken before.
        return os.fdopen(os.dup(self._stream.fileno()), "rb")

    def stem(self) -> str:
        """The name that its list of rejected rows begins with."""
        return self.name.replace(" ", "-") if self._path is None else self._path.stem

    def file_name(self) -> str:
        return self.name if self._path is None else self._path.name

    def passed_over(self) -> PassedOver:
        """What a folder holds that is no part of it."""
        return PassedOver() if self._path is None else passed_over(self._path)

    def digest(self) -> bytes:
        """SHA-256 of the bytes; of a folder, of its files' digests in their order."""
        return self._digest or _digest(self.path())


@contextmanager
def spooled(stream: BinaryIO, folder: Path, name: str = STANDARD_INPUT) -> Iterator[Source]:
    """A stream's bytes, kept in a file without a name in `folder` (POSIX 0600) for as long as the context lasts.

    `name` is what the source is called.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        digest = hashlib.sha256()
        while piece := stream.read(2**20):
            digest.update(piece)
            file.write(piece)
        file.flush()
        yield Source(name, None, file, digest.digest())


def _digest(path: Path) -> bytes:
    if path.is_dir():
        return hashlib.sha256(b"".join(map(_digest, document_files(path)))).digest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
