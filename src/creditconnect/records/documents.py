"""Whole documents by their bytes: the record of schema `document/1` that a file comes to.

Holds a file against what its name says of it, and never looks further into it than its first bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from creditconnect.errors import FieldInvalid, SourceUnreadable
from creditconnect.reasons import RowReason
from creditconnect.records.rows import Row
from creditconnect.types import Rejection

FORMAT = "document"
"""What a submission's form calls files that are records by their bytes."""
GREATEST_BYTES = 64 * 2**20
UNKNOWN_TYPE = "application/octet-stream"
_FIELD = "document"

# The first bytes of each type that is told apart, and the suffixes of names that promise it.
_TYPES = (
    (b"%PDF-", "application/pdf", (".pdf",)),
    (b"\x89PNG\r\n\x1a\n", "image/png", (".png",)),
    (b"\xff\xd8\xff", "image/jpeg", (".jpg", ".jpeg")),
    (b"II*\0", "image/tiff", (".tif", ".tiff")),
    (b"MM\0*", "image/tiff", (".tif", ".tiff")),
    (b"PK\x03\x04", "application/zip", (".zip", ".docx", ".xlsx", ".odt", ".ods")),
)
_PROMISED = {suffix: media_type for _, media_type, suffixes in _TYPES for suffix in suffixes}


class Measured(NamedTuple):
    """What names a file's bytes, and the media type that its first ones show."""

    sha256: str
    size_bytes: int
    media_type: str


def measure(path: Path) -> Measured:
    """Read a file once, whole.

    Raises:
        FieldInvalid: TOO_LARGE beyond 64 MiB, MISSING for an empty one. OSError: it can't be read.
    """
    with path.open("rb") as file:
        return measure_stream(file)


def measure_stream(file: BinaryIO) -> Measured:
    """As `measure`, of what is left of a stream."""
    digest, size, first = hashlib.sha256(), 0, b""
    while chunk := file.read(2**20):
        first = first or chunk[:16]
        size += len(chunk)
        if size > GREATEST_BYTES:
            raise FieldInvalid(_FIELD, RowReason.TOO_LARGE, f"longer than {GREATEST_BYTES} bytes")
        digest.update(chunk)
    if not size:
        raise FieldInvalid(_FIELD, RowReason.MISSING, "the file is empty")
    return Measured(digest.hexdigest(), size, _media_type(first))


def document_record(path: Path) -> dict[str, Any]:
    """The record of a file's bytes, for schema `document/1`.

    Raises:
        FieldInvalid: as `measure`, or UNKNOWN_CODE where the name promises another type than the bytes are.
    """
    return record_of(measure(path), path.name)


def record_of(measured: Measured, name: str) -> dict[str, Any]:
    """The record of a file that was measured, by its name.

    Raises:
        FieldInvalid: UNKNOWN_CODE as `document_record`.
    """
    promised = _PROMISED.get(Path(name).suffix.lower())
    if promised is not None and promised != measured.media_type:
        raise FieldInvalid(_FIELD, RowReason.UNKNOWN_CODE, f"its name promises {promised}, its bytes are none")
    return {"document": {**measured._asdict(), "name": name}}


def read_documents(source: Path) -> Iterator[Row | Rejection]:
    """The record of one file, or of every file of a folder in the order of their names; a row a file, from 1.

    Names that begin with a dot, and folders inside, are passed over.

    Raises:
        SourceUnreadable: there is nothing there.
    """
    files = document_files(source)
    if not files:
        raise SourceUnreadable(f"{source}: holds no document", hint="name a file, or a folder with files right in it")
    return map(_row, range(1, len(files) + 1), files)


def read_document(stream: BinaryIO, name: str) -> Iterator[Row | Rejection]:
    """The record of a document that came without a file, by the name that is given to it; closes the stream."""
    with stream:
        try:
            yield Row(1, record_of(measure_stream(stream), name))
        except FieldInvalid as error:
            yield Rejection(1, label(name), error.reason, error.message)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """What lies in a folder that is submitted, and is no part of it: how many of each."""

    folders: int = 0
    # Whatever has a name that begins with a dot.
    hidden: int = 0
    # Pipes, devices, links that lead nowhere.
    special: int = 0


def passed_over(source: Path) -> PassedOver:
    """What `document_files` leaves out of a folder."""
    if not source.is_dir():
        return PassedOver()
    found = list(source.iterdir())
    shown = [path for path in found if not path.name.startswith(".")]
    folders = sum(path.is_dir() for path in shown)
    files = sum(path.is_file() for path in shown)
    return PassedOver(folders, len(found) - len(shown), len(shown) - folders - files)


def document_files(source: Path) -> list[Path]:
    """The files that a submission of `source` is about, in their order."""
    if not source.is_dir():
        return [source]
    return sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith("."))


def label(name: str) -> str:
    """A name as it may be shown: nothing in it moves a cursor or turns the direction of writing."""
    shown = (one if one.isprintable() else one.encode("unicode_escape", "backslashreplace").decode() for one in name)
    return "".join(shown)


def _row(number: int, path: Path) -> Row | Rejection:
    try:
        return Row(number, document_record(path))
    except FieldInvalid as error:
        return Rejection(number, label(path.name), error.reason, error.message)
    except OSError as error:
        return Rejection(number, label(path.name), RowReason.MALFORMED_ROW, f"can't be read ({error.strerror})")


def _media_type(first: bytes) -> str:
    return next((media_type for start, media_type, _ in _TYPES if first.startswith(start)), UNKNOWN_TYPE)
