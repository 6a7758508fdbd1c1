"""What is shown, in the reader's language: English as the code says it, or Chinese by the catalogue.

The rest of the house speaks English, and so does everything that programs read (--json, logs, exit codes). Where a
message is shown, the English sentence is looked up in `messages.toml`: exactly, or by the template that it was made of,
whose values are put into the translation as they are. What has no entry is shown in English.

    "{}: can't be read ({})"      each {} is one value, numbered from 0 in the translation: "({1}) {0}"

A value is left as it is, whatever it reads like: a file may be named "no rows", a note may say "no batch waits". Only
where the catalogue says that a place is `nested` is its value a message itself, such as another error's, and translated
too; one word alone never is, as an institution's code may stand there as well. `tools/messages.py` finds the templates
and their nested places in the sources, and a test demands that the catalogue has them all.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from importlib import resources

from creditconnect import settings
from creditconnect.errors import UsageError

ENGLISH, SIMPLIFIED, TRADITIONAL = "en", "zh-Hans", "zh-Hant"
# BCP 47; what people write for the same.
NAMES = {
    **dict.fromkeys(("en", "en-gb", "en-hk", "en-us"), ENGLISH),
    **dict.fromkeys(("zh", "zh-hans", "zh-cn", "zh-sg", "zh-hans-cn"), SIMPLIFIED),
    **dict.fromkeys(("zh-hant", "zh-hk", "zh-mo", "zh-tw", "zh-hant-hk"), TRADITIONAL),
}
CATALOGUE = "messages.toml"
_PLACE = re.compile(r"\{\}")
_PLACES_IN_TRANSLATION = re.compile(r"\{(\d+)\}")
_JOINT = re.compile(": ")
# Messages within messages, as errors within errors: more would be a value that happens to look like one.
_GREATEST_DEPTH = 4


_NOTHING_NESTED: Mapping[str, Collection[int]] = {}


class Value(str):
    """A value that is shown where a message could be: left as it is, whatever it reads like."""

    __slots__ = ()


class Translator:
    """Translates what was said in English into one language. Safe to share between threads."""

    def __init__(self, entries: Mapping[str, str], nested: Mapping[str, Collection[int]] = _NOTHING_NESTED) -> None:
        """`entries`: translation by English template; `nested`: places whose values are messages, by template."""
        self._exact = {english: text for english, text in entries.items() if "{}" not in english}
        templates = [english for english in entries if "{}" in english]
        # The one with most of its own words first: "{}: {}" fits everything.
        own = {english: len(_PLACE.sub("", english)) for english in templates}
        templates.sort(key=lambda english: (-own[english], english))
        self._templates = [
            (_pattern(english), entries[english], nested.get(english, ()), own[english]) for english in templates
        ]

    def translated(self, english: str, depth: int = _GREATEST_DEPTH) -> str:
        """The message in this language; as it is where there is no entry for it."""
        if english in self._exact:
            return self._exact[english]
        if not depth or not english.strip():
            return english
        for pattern, translation, nested, _ in self._templates:
            if (found := pattern.fullmatch(english)) is not None:
                values = [
                    self._nested(value, depth - 1) if place in nested else value
                    for place, value in enumerate(found.groups())
                ]
                return _filled(translation, values)
        return english

    def _nested(self, value: str, depth: int) -> str:
        """A value that is a message, or an error with its hint as `str` joins them."""
        if " " not in value:
            return value
        # A message may have a joint of its own: it is parted there unless the whole has a template of more words.
        whole = self._own_words(value)
        for at in (found.start() for found in reversed(list(_JOINT.finditer(value)))):
            message = self.translated(value[:at], depth)
            hint = self.translated(value[at + 2 :], depth)
            if message != value[:at] and hint != value[at + 2 :] and self._own_words(value[:at]) >= whole:
                return f"{message}：{hint}"
        return self.translated(value, depth)

    def _own_words(self, english: str) -> int:
        """How many characters of a message are its template's own; 0 where there is no entry for it."""
        if english in self._exact:
            return len(english)
        return next((own for pattern, _, _, own in self._templates if pattern.fullmatch(english)), 0)


def chosen_language(arguments: Sequence[str]) -> str:
    """The language that the command line's `--lang` names, before the command; else the environment's; else English.

    Looked for before anything is parsed: help and errors of parsing are to be in it.

    Raises:
        UsageError: it is none of ours.
    """
    named = _option(arguments) or settings.language() or ENGLISH
    found = _known(named)
    if found is None:
        raise UsageError(
            f"there are no messages in {named!r}", hint=f"one of {', '.join(dict.fromkeys(NAMES.values()))}"
        )
    return found


def load_translator(language: str) -> Translator | None:
    """The translator into a language of `NAMES`; None for English, for which nothing is read."""
    if language == ENGLISH:
        return None
    text = (resources.files(__package__) / CATALOGUE).read_text(encoding="utf-8")
    entries = tomllib.loads(text)["message"]
    nested = {entry["en"]: entry["nested"] for entry in entries if "nested" in entry}
    return Translator({entry["en"]: entry[language] for entry in entries}, nested)


def speak_chosen(arguments: Sequence[str]) -> None:
    """Show everything in the language of `chosen_language` from now on.

    Raises:
        UsageError: `--lang` names none of ours; to be shown in the environment's language, if that is one.
    """
    try:
        speak(chosen_language(arguments))
    except UsageError:
        speak(_known(settings.language() or ENGLISH) or ENGLISH)
        raise


class _Spoken:
    """The language of this process: chosen once, before anything is shown."""

    translator: Translator | None = None


def speak(language: str) -> None:
    """Show everything in this language, one of `NAMES`' values, from now on."""
    _Spoken.translator = load_translator(language)


def translate(english: str) -> str:
    """What is to be shown for an English message; a `Value` is none."""
    if _Spoken.translator is None or isinstance(english, Value):
        return english
    return _Spoken.translator.translated(english)


def _known(named: str) -> str | None:
    return NAMES.get(named.strip().lower().replace("_", "-"))


def _option(arguments: Sequence[str]) -> str | None:
    """The value of `--lang` among the options before the command."""
    for at, argument in enumerate(arguments):
        if argument == "--lang":
            return arguments[at + 1] if at + 1 < len(arguments) else None
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
        if not argument.startswith("-"):
            return None
    return None


def _pattern(english: str) -> re.Pattern[str]:
    literals = [re.escape(literal) for literal in _PLACE.split(english)]
    # A value may have several lines; the shortest that fits leaves most to the template's own words.
    return re.compile("(.*?)".join(literals), re.DOTALL)


def _filled(translation: str, values: Sequence[str]) -> str:
    return _PLACES_IN_TRANSLATION.sub(lambda place: values[int(place[1])], translation)
