"""Promise: whatever is shown has its Chinese, in both scripts, and the catalogue holds nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from creditconnect.cli.app import app
from tools.messages import LANGUAGES, SOURCE, Template, catalogue, paragraphs, templates

PLACE = re.compile(r"\{(\d+)\}")


def test_catalogue__every_message_of_the_sources__is_there_and_nothing_more() -> None:
    said, known = templates(), catalogue()
    assert len(said) > 1_000
    assert [f"{one.where}: {english}" for english, one in said.items() if english not in known] == []
    assert [english for english in known if english not in said] == []


def test_catalogue__places_whose_values_are_messages__are_those_of_the_sources() -> None:
    known = catalogue()
    assert {english: sorted(one.nested) for english, one in templates().items() if one.nested} == {
        english: entry["nested"] for english, entry in known.items() if "nested" in entry
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue__every_entry__has_a_translation_with_every_place_once(language: str) -> None:
    for english, entry in catalogue().items():
        translation = entry[language]
        assert translation.strip(), english
        assert sorted(int(number) for number in PLACE.findall(translation)) == list(range(english.count("{}"))), english


@pytest.mark.parametrize(
    ("language", "foreign"),
    [
        ("zh-Hans", "紀 錄 雜 證 機 構 檔 審 資 對 應 覆核 驗 銷"),
        ("zh-Hant", "记 录 杂 证 机 构 档 审 资 对 应 验 销 程序碼 引數 繫結 型別 啓 説 文件夾 字節 軟體 網路 資訊"),
    ],
)
def test_catalogue__each_language__has_no_word_of_the_other_or_of_elsewhere(language: str, foreign: str) -> None:
    told = [(entry[language], word) for entry in catalogue().values() for word in foreign.split()]
    assert [(text, word) for text, word in told if word in text] == []


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The command line's tree, as typer builds it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


def test_help__of_every_command_and_option__is_in_the_catalogue() -> None:
    """Asked of the commands themselves, whatever the scan of the sources takes for one."""
    tree = dict(commands(typer.main.get_command(app)))
    texts = {(path, text) for path, one in tree.items() for text in paragraphs(one.help or "")}
    texts |= {(path, text) for path, one in tree.items() for text in paragraphs(one.short_help or "")}
    texts |= {(path, one.help) for path, command in tree.items() for one in command.params if one.help}
    assert len(tree) > 50
    assert len(texts) > 150
    assert [path for path, one in tree.items() if not one.help] == []
    known = catalogue()
    assert sorted((path, text) for path, text in texts if text not in known and _template(text) not in known) == []


def _template(text: str) -> str:
    """What the help of an option that lists its choices was made of."""
    return next((english for english in catalogue() if re.fullmatch(_as_pattern(english), text)), text)


def _as_pattern(english: str) -> str:
    # Not what fits everything.
    own_words = re.sub(r"\{\}", "", english)
    return ".+".join(map(re.escape, english.split("{}"))) if len(own_words) > 6 else re.escape(english)


def test_nested__value_followed_to_where_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(
        """
def _listed(names):
    return ", ".join(names)

def _why(late):
    return "it is late" if late else "it is early"

def refuse(path, names, error, what):
    raise UsageError(f"{path}: is wrong: {_why(True)}")
    said = error.strerror if error else "not to be read"
    raise UsageError(f"{path}: is lost: {said}")
    raise UsageError(f"{path}: is known: {_listed(names)}")
    raise UsageError(f"{path}: is broken: {error}")
    raise UsageError(f"{path}: is odd: {what}")

refuse(path, names, error, "handed over from there")
"""
    )
    nested = {text: found.nested for text, found in planted(tmp_path).items() if "{}" in text}
    assert nested == {
        "{}: is wrong: {}": {1},
        "{}: is lost: {}": {1},
        "{}: is known: {}": set(),
        "{}: is broken: {}": {1},
        "{}: is odd: {}": {1},
    }


def test_catalogue__simplified_and_traditional__are_not_mixed_up() -> None:
    entry = catalogue()["{}: is not a CreditConnect home"]
    assert entry == {
        "en": "{}: is not a CreditConnect home",
        "zh-Hans": "{0}：不是 CreditConnect 机构目录",
        "zh-Hant": "{0}：不是 CreditConnect 機構目錄",
    }


def planted(folder: Path) -> dict[str, Template]:
    """What a folder's sources say, without what everybody's say: typer's words, the operating system's."""
    everywhere = templates(folder / "nothing is here")
    return {text: found for text, found in templates(folder).items() if text not in everywhere}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('raise UsageError(f"{path}: is wrong", hint="mend it")', {"{}: is wrong", "mend it"}),
        ("say(f\"{a} and {counted(n, 'fault')}\")", {"{} and {}", "fault (counted)"}),
        ('raise FieldInvalid(field, reason, "too long" if long else "too short")', {"too long", "too short"}),
        ('print_table("a title", ("one", "two #"), rows)', {"a title", "one", "two"}),
        ('_COLUMNS = ("one", "two #")\nprint_table(title, _COLUMNS, rows)', {"one", "two"}),
        ('_HINTS = {1: "is less than {limit}"}', {"is less than {}"}),
        ('Option(help="Which file.")', {"Which file."}),
        ('def _why():\n    return "said by way of a helper"', {"said by way of a helper"}),
        ('limits = {"one": f"at most {many} in all"}', {"at most {} in all"}),
        ('connection.execute("SELECT one FROM other")', set()),
        ('re.compile("a pattern of words")', set()),
        ('document.get("member")', set()),
        ('def known():\n    """What it promises."""', set()),
        ('moment.strftime("%d of %B")', set()),
    ],
)
def test_templates__planted_source__are_found(source: str, wanted: set[str], tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(source)
    assert planted(tmp_path).keys() == wanted


def test_commands__what_they_show__goes_by_the_catalogue() -> None:
    """A bare `print` is for data: a record, a key, a document of JSON."""
    past = [
        f"{path.name}: {line.strip()}"
        for path in sorted((SOURCE / "cli").glob("*.py"))
        if path.name != "presentation.py"
        for line in path.read_text().splitlines()
        if re.search(r"(?<![\w.])print\(", line)
    ]
    assert past == [
        # Help, which was translated where it was made.
        "command_line.py: print(error.format_message(), file=sys.stderr)",
        'keys.py: print((key.public or b"").hex())',
        "network.py: print(found.hex())",
        'network.py: print(metrics(found), end="")',
        "network.py: print(line)",
        "network_changes.py: print(genesis.hex())",
        "network_changes.py: print(enode)",
        "network_changes.py: print(digest.hex())",
        "network_changes.py: print(found.hex())",
        "taking_in.py: print(upload.record)",
    ]


def test_templates__a_commands_docstring__by_its_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "planted.py").write_text('def act(home):\n    """Do\n    this.\n\n    Then that."""\n')
    found = templates(tmp_path)
    assert {"Do this.", "Then that."} <= set(found)
