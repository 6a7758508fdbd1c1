"""A bank's part of a client: is this record genuine and current, and who claims a hash."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

from creditconnect.answers.bulk import Input, verify_many
from creditconnect.answers.verdicts import Journal, Row, by_document, row_of, write_result
from creditconnect.answers.verification import Verification, unopened, unread
from creditconnect.client.handing_over import HandingOver, only_package
from creditconnect.custody.archives import Unread, walk_packages
from creditconnect.custody.private_files import held
from creditconnect.errors import FieldInvalid, PackageInvalid, UsageError
from creditconnect.reasons import RowReason
from creditconnect.records.documents import Measured, measure


@dataclass(frozen=True, slots=True)
class VerifiedInto:
    """How many inputs are in `file`, how many of those a stopped run had answered before, and how many by verdict."""

    file: Path
    inputs: int
    kept: int
    verdicts: dict[str, int]


class Verifying(HandingOver):
    """What a verifier across the border asks."""

    def verify(self, package: bytes | Path | str, *, document: Path | str | None = None) -> Verification:
        """Verify a package, plain or sealed for this institution, by its bytes or its file, or a sheet by a picture.

        The package of a document needs the document: the file given, or the one of its name beside the package's file.

        Raises:
            UsageError: a file can't be read, or holds more than one package. SourceUnreadable: a picture without a code
                of ours. Whatever is wrong with a package is in the answer.
        """
        if isinstance(package, bytes):
            return self._verify(only_package(package), document, None)
        path = Path(package)
        return self._verify(only_package(path), document, path.parent)

    def verify_all(self, path: Path | str) -> Iterator[tuple[str, Verification]]:
        """Verify every package of a folder or archive, some hundred at a time, under its name there.

        Documents lie in the folder, or in the one that holds the archive.

        Raises:
            UsageError: there is no package there. SourceUnreadable: an archive as a whole.
        """
        inputs = (self._input(name, found, _beside(Path(path))) for name, found in walk_packages(Path(path)))
        for lot in verify_many(self._verifier, inputs):
            yield from ((one.name, one.verification) for one in lot)

    def verify_into(
        self, path: Path | str, out: Path | str, *, progress: Callable[[int], None] = lambda inputs: None
    ) -> VerifiedInto:
        """Verify every package of a folder or archive into one file of verdicts, CSV or Parquet by its name.

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

    def _verify_into(self, source: Path, target: Path, progress: Callable[[int], None]) -> VerifiedInto:
        journal = Journal(target, self._about(source), now=int(self._clock()))
        # Without a stopped run there is nothing to ask, and a node that is away is each package's answer.
        if numbers := journal.blocks():
            blocks = self.registry.blocks(numbers)
            journal.keep_as_of({block.number: block.hash for block in blocks if block is not None})
        # By name, in the order of the inputs; None until it is answered.
        rows: dict[str, Row | None] = {}

        def unanswered() -> Iterator[Input]:
            for given, found in walk_packages(source):
                name = _written_name(given, rows)
                rows[name] = None if isinstance(found, Unread) else journal.known(name, found)
                if rows[name] is None:
                    yield self._input(name, found, _beside(source))

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
        return VerifiedInto(target, len(done), len(done) - fresh, dict(Counter(row.verdict for row in done)))

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

    def _input(self, name: str, found: bytes | Unread, folder: Path) -> Input:
        """What the journal knows an input by are the bytes as they came, sealed or not."""
        if isinstance(found, Unread):
            return Input(name, b"", b"", lambda document: None, unread(found.message))
        data = found

        def beside(document: str) -> Measured | None:
            try:
                return _measured(None, folder, document)
            except UsageError as error:
                # One that can't be read must not stop the others.
                raise FieldInvalid(document, RowReason.MALFORMED_ROW, error.message) from None

        try:
            return Input(name, data, self.package_unseal(data), beside)
        except PackageInvalid as error:
            return Input(name, data, b"", beside, unopened(error))


def _written_name(name: str, taken: Container[str]) -> str:
    """A name need not be text; what is written down has to be, and once only: a picture may hold a sheet and a half."""
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return next(one for one in chain([text], (f"{text} ({n})" for n in count(2))) if one not in taken)


def _beside(source: Path) -> Path:
    return source if source.is_dir() else source.parent


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
