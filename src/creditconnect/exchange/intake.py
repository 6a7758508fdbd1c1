"""The intake folder: what a person's or firm's portal drops there is checked, sealed, answered by a receipt, removed.

    INTAKE/<subject's number>/<file>   ->   the vault, waiting for staff   +   HOME/receipts/<upload's number>.json

Each upload: stored by one commit, then its receipt written, then its file removed, then that noted. Stopped between any
two, the next pass goes on from there, so nothing is lost and nothing is taken twice. A file's content decides what it
is; its name is a label. Follows no link, reads nothing that is no plain file, and never looks outside of the folder.

A portal writes under a name that begins with a dot or ends in `.part`, and renames when all is there. What has changed
within the last seconds is left for the next pass all the same. Removing a file makes room; it does not overwrite what
a disk, above all an SSD, may still hold of it.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from creditconnect.custody.subjects import SubjectRegister
from creditconnect.custody.uploads import Upload, Uploads, UploadState
from creditconnect.errors import FieldInvalid, UsageError
from creditconnect.reasons import RowReason
from creditconnect.records import documents
from creditconnect.records.canonical import parse
from creditconnect.records.handing_in import HandingIn
from creditconnect.records.preparation import prepare_record
from creditconnect.records.rows import GREATEST_ROW_BYTES
from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT, SchemaCatalogue
from creditconnect.records.subjects import Subject, SubjectKind

FORMAT = "creditconnect-receipt/1"
# How long a file has to lie unchanged before it is taken.
SETTLED_SECONDS = 2.0
_UNFINISHED_NAMES = (".part", ".tmp", ".crdownload", "~")
_RECORD_SUFFIX = ".json"
_REPORT_OF = {SubjectKind.PERSON: PERSONAL_CREDIT_REPORT, SubjectKind.FIRM: COMPANY_CREDIT_REPORT}
_READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FIELD = "upload"


@dataclass(frozen=True, slots=True)
class Taken:
    """What one pass did: uploads answered, and how many files were left, by where they lie and why."""

    uploads: tuple[Upload, ...]
    left: dict[str, int]
    unsettled: int


class _Lying(NamedTuple):
    """A file as it lies in a subject's folder."""

    number: int
    name: str
    folder: int


# A file's signature, and when it was first seen to have it, by its folder's number and its name.
_Seen = dict[tuple[int, str], tuple[tuple[int, ...], float]]


class Intake:
    """One folder's intake into one vault. Whoever holds the intake's lock may use it, and nobody else."""

    def __init__(
        self,
        folder: Path,
        receipts: Path,
        uploads: Uploads,
        register: SubjectRegister,
        schemas: SchemaCatalogue,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._receipts = receipts
        self._uploads = uploads
        self._register = register
        self._schemas = schemas
        self._clock = clock
        self._monotonic = monotonic
        # When each file was first seen as it is.
        self._seen: _Seen = {}

    def step(self) -> Taken:
        """Take in what has lain unchanged for `SETTLED_SECONDS` since a step first saw it.

        Raises:
            UsageError: there is no such folder. OSError: a receipt can't be written, or a file not be removed.
        """
        unfinished = self._uploads.unfinished()
        for stored in unfinished.values():
            write_receipt(self._receipts, stored)
        taken: list[Upload] = []
        left: Counter[str] = Counter()
        unsettled = unread = 0
        before, self._seen = self._seen, {}
        for lying in self._lying(left):
            try:
                upload = self._taken_if_settled(lying, before, unfinished)
            except PermissionError:
                left[f"{lying.number}: can't be read or removed; check the owner and the permissions"] += 1
                unread += 1
                continue
            if upload is None:
                unsettled += 1
            else:
                taken.append(upload)
        if not unsettled and not unread:
            # Every file was looked into: those of what is left are gone, and whoever removed them died then.
            for stored in unfinished.values():
                self._uploads.finish(stored.number)
        return Taken(tuple(taken), dict(left), unsettled)

    # ------------------------------------------------------------------------------------------------------- private

    def _taken_if_settled(self, lying: _Lying, before: _Seen, unfinished: dict[bytes, Upload]) -> Upload | None:
        """The upload, answered and removed; None if it has changed lately or is gone."""
        key, now = (lying.number, lying.name), self._monotonic()
        try:
            status = os.stat(lying.name, dir_fd=lying.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        signature, since = before.get(key, (None, now))
        self._seen[key] = (_signature(status), since if signature == _signature(status) else now)
        if now - self._seen[key][1] < SETTLED_SECONDS:
            return None
        try:
            return self._take(lying, status, unfinished)
        except _Changing:
            return None

    def _lying(self, left: Counter[str]) -> Iterator[_Lying]:
        """The files in the folders of subjects; whatever else lies there is counted and left."""
        try:
            root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise UsageError(
                f"{self._folder}: there is no such folder", hint="make it, and in it a folder a subject, by its number"
            ) from None
        with _closing(root):
            for name in _names(root):
                number = _subject_number(name)
                if number is None or not _is_folder(name, root):
                    left["in no folder that is a subject's number"] += 1
                    continue
                try:
                    folder = os.open(name, _READ_ONLY | os.O_DIRECTORY, dir_fd=root)
                except OSError:
                    left[f"{number}: a folder that can't be read; check the owner and the permissions"] += 1
                    continue
                with _closing(folder):
                    yield from self._files(number, folder, left)

    def _files(self, number: int, folder: int, left: Counter[str]) -> Iterator[_Lying]:
        for name in _names(folder):
            if name.startswith(".") or name.lower().endswith(_UNFINISHED_NAMES):
                left[f"{number}: named as one that is still being written"] += 1
            elif _is_folder(name, folder):
                left[f"{number}: a folder inside a subject's"] += 1
            else:
                yield _Lying(number, name, folder)

    def _take(self, lying: _Lying, status: os.stat_result, unfinished: dict[bytes, Upload]) -> Upload:
        """Answer one upload and remove its file."""
        upload = Upload(0, UploadState.REFUSED, int(self._clock()), lying.number, documents.label(lying.name))
        content = b""
        try:
            content = _read(lying, status)
            upload = replace(upload, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
            upload = self._checked(upload, lying.name, content)
        except FieldInvalid as refused:
            upload = replace(upload, reasons=((refused.reason, f"{refused.field}: {refused.message}"),))
        place = self._uploads.place(str(lying.number).encode(), os.fsencode(lying.name), upload.sha256.encode())
        kept = unfinished.pop(place, None) or self._uploads.keep(upload, content, place)
        write_receipt(self._receipts, kept)
        _remove(lying, status)
        self._uploads.finish(kept.number)
        return kept

    def _checked(self, upload: Upload, name: str, content: bytes) -> Upload:
        """The upload as it waits, with the record that it would be.

        Raises:
            FieldInvalid: it is refused.
        """
        try:
            subject = self._register.get(upload.subject).subject
        except UsageError:
            raise FieldInvalid(_FIELD, RowReason.SUBJECT_UNKNOWN, "no subject of that number is registered") from None
        is_report = name.lower().endswith(_RECORD_SUFFIX)
        if is_report:
            schema, media_type = self._schemas.load(_REPORT_OF[subject.kind]), "application/json"
            if len(content) > GREATEST_ROW_BYTES:
                raise FieldInvalid(_FIELD, RowReason.TOO_LARGE, f"a record longer than {GREATEST_ROW_BYTES} bytes")
            record = parse(content)
        else:
            schema = self._schemas.load(DOCUMENT)
            measured = documents.measure_stream(io.BytesIO(content))
            media_type = measured.media_type
            record = _document(measured, name, subject)
        canonical = prepare_record(record, schema)
        # A document's are the register's own, and a person may have had two of one kind.
        said = schema.identifiers(record) if is_report else ()
        HandingIn(secrets.token_bytes(16)).check(1, record, canonical, said, schema)
        for place, identifier in enumerate(said):
            if identifier not in subject.identifiers:
                raise FieldInvalid(
                    schema.identifier_field(place), RowReason.SUBJECT_AMBIGUOUS, "is not this subject's identifier"
                )
        return replace(
            upload, state=UploadState.WAITING, media_type=media_type, schema=schema.id, record=canonical.decode()
        )


def write_receipt(folder: Path, upload: Upload) -> None:
    """Write an upload's receipt, whole or not at all. It says nothing of whom: their number, and what became of it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{upload.number}.json"
    document = {
        "format": FORMAT,
        "id": upload.number,
        "subject": upload.subject,
        "sha256": upload.sha256,
        "received_at": _instant(upload.received_at),
        "state": upload.state,
        "duplicate_of": upload.duplicate_of or None,
        "reasons": [{"reason": reason, "message": message} for reason, message in upload.reasons],
        "decided_at": _instant(upload.decided_at) if upload.decided_at else None,
    }
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class _Changing(Exception):
    """A file that changed while it was read."""


def _read(lying: _Lying, seen: os.stat_result) -> bytes:
    """A plain file's bytes.

    Raises:
        FieldInvalid: it is none, or too long to be kept. _Changing: it is not what was seen.
    """
    if not stat.S_ISREG(seen.st_mode):
        raise FieldInvalid(_FIELD, RowReason.MALFORMED_ROW, "is a link, pipe or device, no file; removed unread")
    if seen.st_size > documents.GREATEST_BYTES:
        raise FieldInvalid(
            _FIELD, RowReason.TOO_LARGE, f"longer than {documents.GREATEST_BYTES} bytes; removed unread, not kept"
        )
    try:
        descriptor = os.open(lying.name, _READ_ONLY, dir_fd=lying.folder)
    except FileNotFoundError:
        raise _Changing from None
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        content = file.read(documents.GREATEST_BYTES + 1)
        after = os.fstat(descriptor)
    if len({_signature(one) for one in (seen, before, after)}) > 1 or len(content) != after.st_size:
        raise _Changing
    return content


def _remove(lying: _Lying, seen: os.stat_result) -> None:
    """Remove what was read, unless another has taken its name meanwhile; that one is for the next pass.

    Between the look and the removal a few microseconds remain: a portal gives each upload a name of its own.
    """
    try:
        if _signature(os.stat(lying.name, dir_fd=lying.folder, follow_symlinks=False)) == _signature(seen):
            os.unlink(lying.name, dir_fd=lying.folder)
            os.fsync(lying.folder)
    except FileNotFoundError:
        return


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _is_folder(name: str, folder: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _document(measured: documents.Measured, name: str, subject: Subject) -> dict[str, Any]:
    if measured.media_type == documents.UNKNOWN_TYPE:
        raise FieldInvalid(
            _FIELD, RowReason.UNKNOWN_CODE, "its bytes are of no type that is taken: PDF, PNG, JPEG, TIFF, ZIP"
        )
    identifiers = [one._asdict() for one in subject.identifiers]
    return {**documents.record_of(measured, name), "subject": {"name": subject.name, "identifiers": identifiers}}


def _subject_number(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdecimal() and len(name) < 19 and name[0] != "0" else None


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
