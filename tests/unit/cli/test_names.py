"""Everything that a command does, a program does by the same name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer

from creditconnect.cli.app import app
from creditconnect.cli.keys import KINDS, PASSPHRASE, ROLES
from creditconnect.client import Client

# It founds a chain, authorities and four homes: there is no home that it could be asked of.
# A network has a folder of its own, which is no institution's.
OF_NO_HOME = {"demo", "network"}
KEY_VERBS = {
    "rotate": {*KINDS, PASSPHRASE} - set(ROLES) | {"account"},
    "retire": set(KINDS) - set(ROLES) | {"account"},
    "export": set(KINDS) - set(ROLES) | {"account"},
}


def leaves(command: object, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    # Typer may bring a copy of click's classes, so what a group has is asked rather than what it is.
    inner: dict[str, object] | None = getattr(command, "commands", None)
    if inner is None:
        yield words
        return
    for name, one in inner.items():
        yield from leaves(one, (*words, name))


def methods(words: tuple[str, ...]) -> list[str]:
    name = "_".join(words).replace("-", "_")
    if words[0] == "keys" and words[1] in KEY_VERBS:
        return [f"{name}_{kind}" for kind in sorted(KEY_VERBS[words[1]])]
    return [name]


COMMANDS = sorted(words for words in leaves(typer.main.get_command(app)) if words[0] not in OF_NO_HOME)


def test_commands__all_walked__as_many_as_there_are_groups_and_more() -> None:
    assert len(COMMANDS) > 35
    assert {words[0] for words in COMMANDS if len(words) > 1} == {
        *("review", "subject", "intake", "records", "audit", "keys", "schema", "package")
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_command__its_words_joined__name_a_method_of_client_that_says_what_it_does(words: tuple[str, ...]) -> None:
    for name in methods(words):
        method = getattr(Client, name, None)
        assert callable(method), f"creditconnect {' '.join(words)} has no Client.{name}"
        assert method.__doc__, name
