"""A bank's part of a client: is this record genuine and current, and who claims a hash."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from creditconnect.answers.bulk import Input, verify_many
from creditconnect.answers.verdicts import Journal, Row, by_document, row_of, write_result
from creditconnect.answers.verification import Verification, unopened
from creditconnect.client.handing_over import HandingOver, only_package
from creditconnect.custody.archives import read_packages
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
        inputs = (self._input(name, data, _beside(Path(path))) for name, data in read_packages(Path(path)))
        for lot in verify_many(self._verifier, inputs):
            yield from ((one.name, one.verification) for one in lot)

    def verify_into(
        self, path: Path | str, out: Path | str, *, progress: Callable[[int], None] = lambda inputs: None
    ) -> VerifiedInto:
        """Verify every package of a folder or archive into one file of verdicts, CSV or Parquet by its name.

        Stopped anywhere, the same call goes on where it was; the file is there once every input is in it, in the order
        of the inputs' names. `progress` is told how many are.

        Raises:
            UsageError: as `verify_all`; the file's name has neither suffix, or another run's journal lies beside it.
        """
        source, target = Path(path), Path(out)
        journal = Journal(target, self._about(source), now=int(self._clock()))
        # By name, in the order of the inputs; None until it is answered.
        rows: dict[str, Row | None] = {}

        def unanswered() -> Iterator[Input]:
            for given, data in read_packages(source):
                # A name need not be text; what is written down has to be.
                name = given.encode("utf-8", "backslashreplace").decode("utf-8")
                rows[name] = journal.known(name, data)
                if rows[name] is None:
                    yield self._input(name, data, _beside(source))

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

    def _input(self, name: str, data: bytes, folder: Path) -> Input:
        """What the journal knows an input by are the bytes as they came, sealed or not."""

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
