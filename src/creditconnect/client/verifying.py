"""A bank's part of a client: is this record genuine and current, and who claims a hash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from creditconnect.answers.verification import Verification, unopened
from creditconnect.client.handing_over import HandingOver, only_package
from creditconnect.custody.archives import read_packages
from creditconnect.errors import PackageInvalid, UsageError
from creditconnect.records.documents import Measured, measure


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
        """Verify every package of a folder or archive, each when it is asked for, under its name there.

        Documents lie in the folder, or in the one that holds the archive.

        Raises:
            UsageError: there is no package there. SourceUnreadable: an archive as a whole.
        """
        source = Path(path)
        folder = source if source.is_dir() else source.parent
        for name, data in read_packages(source):
            yield name, self._verify(data, None, folder)

    def _verify(self, data: bytes, document: Path | str | None, folder: Path | None) -> Verification:
        try:
            plain = self.open_package(data)
        except PackageInvalid as error:
            return unopened(error)
        return self._verifier.verify(plain, lambda name: _measured(document, folder, name))


def _measured(document: Path | str | None, folder: Path | None, name: str) -> Measured | None:
    """The document given, or else the one of that name in a folder: a name alone, never a way to somewhere else."""
    if document is None and (folder is None or Path(name).name != name or not (folder / name).is_file()):
        return None
    path = Path(document) if document is not None else (folder or Path()) / name
    try:
        return measure(path)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
