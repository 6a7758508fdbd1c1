"""A bank's part of a client: is this record genuine and current, and who claims a hash."""

from __future__ import annotations

from pathlib import Path

from creditconnect.answers.verification import Verification
from creditconnect.client.opened import Opened
from creditconnect.custody.packages import GREATEST_BYTES
from creditconnect.errors import UsageError


class Verifying(Opened):
    """What a verifier across the border asks."""

    def verify(self, package: bytes | Path | str) -> Verification:
        """Verify a package, by its bytes or its file.

        Raises:
            UsageError: the file can't be read. Whatever is wrong with a package is in the answer.
        """
        return self._verifier.verify(package if isinstance(package, bytes) else _bytes_of(Path(package)))


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(GREATEST_BYTES + 1)  # one more is wrong already, many more would take memory
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror})") from None
