"""A bank's part of a client: is this record genuine and current, and who claims a hash."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from pathlib import Path

from creditconnect.answers.bulk import Input, verify_many
from creditconnect.answers.verdicts import Journal, Row, by_document, row_of, write_result
from creditconnect.answers.verification import Verification, unopened, unread
from creditconnect.client.handing_over import HandingOver, only_package
from creditconnect.custody.archives import Found, Unread, walk_packages
from creditconnect.custody.private_files import held
from creditconnect.errors import FieldInvalid, PackageInvalid, UsageError
from creditconnect.reasons import RowReason
from creditconnect.records.documents import Measured, measure


@dataclass(frozen=True, slots=True)
class VerifiedInto:
    """How many inputs are in `file`, how many of those a stopped run had answered before, and how many by verdict.

    `passed_over` names the files of a folder that hold no package and are no package's document.
    """

    file: Path
    inputs: int
    kept: int
    verdicts: dict[str, int]
    passed_over: list[str]


class _Source:
    """Where packages come from, and what is left over there when each document was held against its record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._without_package: list[Path] = []
        self._documents: set[Path] = set()

    def walk(self) -> Iterator[Found]:
        return walk_packages(self._path, self._without_package.append)

    def document(self, folder: Path, name: str) -> Measured | None:
        """As `_measured`. One that can't be read must not stop the others.

        Raises:
            FieldInvalid: it can't be read.
        """
        try:
            measured = _measured(None, folder, name)
        except UsageError as error:
            raise FieldInvalid(name, RowReason.MALFORMED_ROW, error.message) from None
        if measured is not None:
            self._documents.add(folder / name)
        return measured

    def passed_over(self) -> list[str]:
        """By their names in the folder, after the last answer."""
        left = (path for path in self._without_package if path not in self._documents)
        return [_text(path.relative_to(self._path).as_posix()) for path in left]


class Verifying(HandingOver):
    """What a verifier across the border asks."""

    def verify(self, package: bytes | Path | str, *, document: Path | str | None = None) -> Verification:
        """Verify a package, plain or sealed for this institution, by its bytes or its file, or a sheet by a picture.

        The package of a document needs the document: the file given, or the one of its name beside the package's file.

        Raises:
            UsageError: a file can't be read, or holds more than one package, as folders and archives do, which are for
                `verify_all` and `verify_into`. SourceUnreadable: a picture without a code of ours. Whatever is wrong
                with a package is in the answer.
        """
        if isinstance(package, bytes):
            return self._verify(only_package(package), document, None)
        path = Path(package)
        return self._verify(only_package(path), document, path.parent)

    def verify_all(
        self, path: Path | str, *, passed_over: Callable[[list[str]], None] = lambda files: None
    ) -> Iterator[tuple[str, Verification]]:
        """Verify every package of a folder and those under it, or of an archive, some hundred at a time, by its name.

        Documents lie beside their packages, or beside the archive. In the end `passed_over` is told which files of the
        folder hold no package and are no package's document.

        Raises:
            UsageError: there is no package there. SourceUnreadable: an archive as a whole.
        """
        source = _Source(Path(path))
        inputs = (self._input(found, source) for found in source.walk())
        for lot in verify_many(self._verifier, inputs):
            yield from ((one.name, one.verification) for one in lot)
        passed_over(source.passed_over())

    def verify_into(
        self, path: Path | str, out: Path | str, *, progress: Callable[[int], None] = lambda inputs: None
    ) -> VerifiedInto:
        """As `verify_all`, into one file of verdicts, CSV or Parquet by its name.

        Stopped anywhere, the same call goes on where it was; the file is there once every input is in it, in the order
        of the inputs' names. `progress` is told how many are.

        Raises:
            UsageError: as `verify_all`; the file's name has neither suffix, another run's journal lies beside it, or
                another process of this home writes it now. NodeUnreachable: whether the chain still has what a stopped
                run was told can't be asked; nothing of it is lost.
        """
        with self._writing_alone(Path(out)):
            return self._verify_into(Path(path), Path(out), progress)

    # ------------------------------------------------------------------------------------------------------- private

    def _verify_into(self, path: Path, target: Path, progress: Callable[[int], None]) -> VerifiedInto:
        journal = Journal(target, self._about(path), now=int(self._clock()))
        # Without a stopped run there is nothing to ask, and a node that is away is each package's answer.
        if numbers := journal.blocks():
            blocks = self.registry.blocks(numbers)
            journal.keep_as_of({block.number: block.hash for block in blocks if block is not None})
        # By name, in the order of the inputs; None until it is answered.
        rows: dict[str, Row | None] = {}
        source = _Source(path)

        def unanswered() -> Iterator[Input]:
            for found in source.walk():
                name = _written_name(found.name, rows)
                rows[name] = None if isinstance(found.data, Unread) else journal.known(name, found.data)
                if rows[name] is None:
                    yield self._input(found._replace(name=name), source)

        fresh = 0
        with journal.appending() as append:
            for lot in verify_many(self._verifier, unanswered()):
                answered = [row_of(one.name, one.data, one.verification, int(self._clock())) for one in lot]
                # A document may be another by the next run, and its package the same: those are asked again.
                append([row for row, one in zip(answered, lot, strict=True) if not by_document(one.verification)])
                rows.update({row.input: row for row in answered})
                fresh += len(answered)
                progress(sum(row is not None for row in rows.values()))
        done = [row for row in rows.values() if row is not None]
        write_result(target, done)
        journal.remove()
        verdicts = dict(Counter(row.verdict for row in done))
        return VerifiedInto(target, len(done), len(done) - fresh, verdicts, source.passed_over())

    def _about(self, source: Path) -> dict[str, str]:
        identity = self.deployment.identity
        chain = f"{identity.chain_id} {identity.genesis_hash.hex()} {identity.registry} {identity.code_hash.hex()}"
        return {"institution": self.settings.institution, "source": str(source.resolve()), "chain": chain}

    def _verify(self, data: bytes, document: Path | str | None, folder: Path | None) -> Verification:
        try:
            plain = self.package_unseal(data)
        except PackageInvalid as error:
            return unopened(error)
        return self._verifier.verify(plain, lambda name: _measured(document, folder, name))

    def _writing_alone(self, target: Path) -> AbstractContextManager[None]:
        """The right to write a file of verdicts, among the processes of this home."""
        name = hashlib.sha256(os.fsencode(target.resolve())).hexdigest()[:16]
        busy = UsageError(f"{target}: another process writes it", hint="wait for it, or name another result")
        return held(self.settings.locks_folder / f"verdicts-{name}.lock", busy)

    def _input(self, found: Found, source: _Source) -> Input:
        """What the journal knows an input by are the bytes as they came, sealed or not."""
        name, data, folder = found
        if isinstance(data, Unread):
            return Input(name, b"", b"", lambda document: None, unread(data.message))
        beside = partial(source.document, folder)
        try:
            return Input(name, data, self.package_unseal(data), beside)
        except PackageInvalid as error:
            return Input(name, data, b"", beside, unopened(error))


def _written_name(name: str, taken: Container[str]) -> str:
    """A name need not be text; what is written down has to be, and once only: a picture may hold a sheet and a half."""
    text = _text(name)
    return next(one for one in chain([text], (f"{text} ({n})" for n in count(2))) if one not in taken)


def _text(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _measured(document: Path | str | None, folder: Path | None, name: str) -> Measured | None:
    """The document given, or else the one of that name in a folder: a name alone, never a way to somewhere else."""
    # os.path's answers, and does not raise, where a name is longer than any file's may be.
    if document is None and (folder is None or Path(name).name != name or not os.path.isfile(folder / name)):  # noqa: PTH113
        return None
    path = Path(document) if document is not None else (folder or Path()) / name
    try:
        return measure(path)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
