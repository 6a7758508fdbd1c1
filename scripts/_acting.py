"""Who acts: a key of this machine that signs and sends, or nobody yet, the step being written into a file.

`--authority` (or `--key`, where a recovery address or a seat's next holder acts) names a keystore. With `--export FILE`
none is opened: it may then also be an address, or a side's code for the address on its authority's seat.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from ape.api import AccountAPI, ProviderAPI

from creditconnect.chain.deployment import Deployment
from creditconnect.errors import SettingsError, UsageError
from creditconnect.reasons import ChainReason
from scripts._keys import find_account, unlock
from scripts._registry import (
    Hand,
    Registry,
    code_text,
    open_registry,
    parse_address,
    with_options,
)
from scripts._steps import STEP_GAS, Step, write_document
from scripts._words import RegistryNames, decode_step, sentence

on_deployment = click.option(
    "--deployment", type=click.Path(path_type=Path), required=True, help="The deployment file to act on."
)
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")
_REASONS = click.Choice([reason.name.lower() for reason in ChainReason], case_sensitive=False)
_acting_options = with_options(
    [
        on_deployment,
        click.option("--authority", "--key", "key", help="The alias of the key that acts: the side's authority's."),
        click.option(
            "--export", type=click.Path(path_type=Path), help="Write the step, unsigned, into a file; send nothing."
        ),
    ]
)


def reasoned(**how: Any) -> Callable[[Any], Any]:
    """The option for a reason by its name, in either case."""
    return click.option("--reason", type=_REASONS, help="A coarse reason; it is public for ever.", **how)


class StepExported(Exception):
    """The command ends here: what comes after depends on what the step will have done."""

    def __init__(self, words: str, path: Path) -> None:
        super().__init__(words)
        self.path = path


class KeyHand:
    """Signs and sends with an unlocked key."""

    def __init__(self, account: AccountAPI) -> None:
        self._account = account
        self.name = str(account.alias)
        self.address = str(account.address)

    def act(self, registry: Registry, function: str, *arguments: Any) -> None:
        registry.send(self._account, function, *arguments)

    def fund(self, registry: Registry, address: str) -> bool:
        if not registry.chain.lacks_funds(address):
            return False
        registry.chain.fund(self._account, address)
        return True


class ExportingHand:
    """Writes the first call into a file."""

    def __init__(self, address: str, name: str, identity_of: Deployment, path: Path) -> None:
        self.name = name
        self.address = address
        self._deployment = identity_of
        self._path = path

    def act(self, registry: Registry, function: str, *arguments: Any) -> None:
        """Never returns.

        Raises:
            StepExported: it is written. Reverted: the registry would refuse it as of now.
        """
        chain = registry.chain
        call_data = registry.call_data(function, *arguments)
        gas = chain.gas_for(self.address, "0x" + call_data.hex(), registry.address)
        step = Step(
            identity=self._deployment.identity,
            call_data=call_data,
            sender=self.address,
            nonce=chain.next_nonce(self.address),
            gas=max(gas, STEP_GAS),
            gas_price=chain.gas_price(),
            created_at=chain.time_of(),
        )
        words = sentence(decode_step(call_data), RegistryNames(registry))
        write_document(self._path, step.to_document(words))
        raise StepExported(words, self._path)

    def fund(self, registry: Registry, address: str) -> bool:
        """A step is a call of the registry: a transfer is whoever's who has a key here (`institutions fund`)."""
        return False


class Acting:
    """A registry, and whoever was named to act on it."""

    def __init__(self, registry: Registry, deployment: Deployment, named: str | None, export: Path | None) -> None:
        self.registry = registry
        self.deployment = deployment
        self._named = named
        self._export = export

    def authority(self) -> Hand:
        """The hand that was named.

        Raises:
            UsageError: none was, or it is unknown.
        """
        if self._named is None:
            raise UsageError("--authority is missing", hint="the alias of the key that acts")
        return self._hand(*self._find(self._named))

    def holder(self, address: str, what: str) -> Hand:
        """The hand with this address: an exported step needs no other name for it.

        Raises:
            UsageError: another was named; `what` says what it does not hold.
        """
        if self._named is None:
            if self._export is None:
                raise UsageError("--key is missing", hint=f"the alias of {address}")
            return self._hand(address, what)
        found, name = self._find(self._named)
        if found != address:
            raise UsageError(f"{name} ({found}) is not {what}: {address} is")
        return self._hand(found, name)

    def holds(self, address: str) -> bool:
        """Whether who was named has this address."""
        return self._named is not None and self._find(self._named)[0] == address

    def confirm(self, yes: bool, question: str) -> None:
        """Ask, unless that was answered beforehand, or nothing is sent: a step is asked about when it is signed.

        Raises:
            UsageError: the answer is not yes.
        """
        if yes or self._export is not None:
            return
        try:
            click.confirm(question, abort=True)
        except click.Abort:
            raise UsageError("not confirmed: nothing was sent", hint="say y, or give --yes") from None

    def _hand(self, address: str, name: str) -> Hand:
        if self._export is not None:
            return ExportingHand(address, name, self.deployment, self._export)
        return KeyHand(unlock(name))

    def _find(self, named: str) -> tuple[str, str]:
        """Address and name."""
        if self._export is not None:
            if named.startswith("0x"):
                return parse_address(named), named
            for one in self.registry.jurisdictions().values():
                if code_text(one.code) == named:
                    return str(one.authority), named
        return str(find_account(named).address), named


def acting(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its options and, as its first argument, an `Acting`."""

    # Without functools.wraps: ape reads from the signature whether a command wants the node.
    def command(provider: ProviderAPI, deployment: Path, key: str | None, export: Path | None, **given: Any) -> None:
        if export is not None and export.exists():
            raise SettingsError(f"{export} exists: a step is never overwritten")
        trusted = Deployment.read(deployment)
        try:
            function(Acting(open_registry(provider, trusted), trusted, key, export), **given)
        except StepExported as exported:
            click.echo(f"{exported.path}: {exported}")
            click.echo("nothing was sent: `institutions step sign`, then `institutions step send`")

    command.__name__ = function.__name__
    command.__doc__ = function.__doc__
    command.__dict__.update(function.__dict__)
    decorated: Callable[..., None] = _acting_options(command)
    return decorated


def say(done: Any, subject: str) -> None:
    """Show what is done as it is done: where a step fails, what stands has been said."""
    nothing = True
    for line in done:
        nothing = False
        click.echo(f"{subject}: {line}")
    if nothing:
        click.echo(f"{subject}: nothing to do")
