"""Making a home, by the same name as the command."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from creditconnect import settings as homes
from creditconnect.exchange.sampling import FIRST_PLAN
from creditconnect.home import make_home
from creditconnect.settings import Ask
from creditconnect.types import UNSEALED, Seals, Suite


class Initialising:
    """What comes before a home can be opened."""

    @staticmethod
    def init(
        home: Path | str,
        institution: str,
        nodes: tuple[str, ...],
        deployment: Path,
        *,
        roles: tuple[str, ...] = (),
        remote_keys: Mapping[str, str] = MappingProxyType({}),
        suite: str = Suite.SHA256_AES256GCM.name,
        require_registered_subjects: bool = True,
        seals: Seals = UNSEALED,
        ask: Ask | None = None,
    ) -> dict[str, str]:
        """Make an institution's home; the addresses that its authority is to bind, by role.

        `nodes` holds one URL a side, the own side's first; `roles` names the chain keys to make (submit, review; none
        for a bank), `remote_keys` those that a signer holds, as `URL` or `URL#PUBLIC_KEY`. `seals` says whose seals
        make a block final; without, nobody's are asked for. With a review key it begins with a sampling plan: rows with
        a high finding have to be looked at.

        Raises:
            SettingsError: a node is no URL, there is no such suite, there is a home already, or the deployment file is
                none. SignerUnreachable, SignerRefused, UsageError: a remote signer does not say which key.
        """
        made = homes.new(
            Path(home),
            institution,
            nodes,
            suite=suite,
            require_registered_subjects=require_registered_subjects,
            seals=seals,
        )
        plan = FIRST_PLAN if "review" in {*roles, *remote_keys} else ""
        return make_home(made, deployment, roles=roles, ask=ask, remote_keys=remote_keys, sampling_plan=plan)
