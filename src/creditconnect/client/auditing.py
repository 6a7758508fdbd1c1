"""An auditor's part of a client: the registry's state, rebuilt from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from creditconnect.client.opened import Opened

if TYPE_CHECKING:
    from creditconnect.answers.audit import AuditReport


class Auditing(Opened):
    """What an auditor asks of the chain."""

    def audit_replay(self, *, progress: Callable[[int, int], None] = lambda done, total: None) -> AuditReport:
        """Rebuild the registry's whole state from its events, and compare every slot and the storage root."""
        from creditconnect.answers.audit import audit_replay

        followed = self._mirror.follow(progress=progress)
        return audit_replay(self._mirror.events(), self.registry.node, self.registry.address, followed.block)
