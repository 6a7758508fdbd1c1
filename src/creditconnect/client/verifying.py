"""A bank's part of a client: is this record genuine and current, and who claims a hash."""

from __future__ import annotations

from pathlib import Path

from creditconnect.answers.verification import Verification
from creditconnect.client.opened import Opened
from creditconnect.custody.packages import GREATEST_BYTES
from creditconnect.errors import UsageError
from creditconnect.records.documents import Measured, measure


class Verifying(Opened):
    """What a verifier across the border asks."""

    def verify(self, package: bytes | Path | str, *, document: Path | str | None = None) -> Verification:
        """Verify a package, by its bytes or its file.

        The package of a document needs the document: the file given, or the one of its name beside the package's file.

        Raises:
            UsageError: a file can't be read. Whatever is wrong with a package is in the answer.
        """
        if isinstance(package, bytes):
            return self._verifier.verify(package, lambda name: _measured(document, None, name))
        path = Path(package)
        return self._verifier.verify(_bytes_of(path), lambda name: _measured(document, path.parent, name))


def _measured(document: Path | str | None, folder: Path | None, name: str) -> Measured | None:
    """The document given, or else the one of that name in a folder: a name alone, never a way to somewhere else."""
    if document is None and (folder is None or Path(name).name != name or not (folder / name).is_file()):
        return None
    path = Path(document) if document is not None else (folder or Path()) / name
    try:
        return measure(path)
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(GREATEST_BYTES + 1)  # one more is wrong already, many more would take memory
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
