"""Promise: whatever is shown has its Chinese, in both scripts, and the catalogue holds nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.messages import LANGUAGES, SOURCE, catalogue, templates

PLACE = re.compile(r"\{(\d+)\}")


def test_catalogue__every_message_of_the_sources__is_there_and_nothing_more() -> None:
    said, known = templates(), catalogue()
    assert [f"{where}: {english}" for english, where in said.items() if english not in known] == []
    assert [english for english in known if english not in said] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue__every_entry__has_a_translation_with_places_that_there_are(language: str) -> None:
    for english, entry in catalogue().items():
        translation = entry[language]
        assert translation.strip(), english
        assert {int(number) for number in PLACE.findall(translation)} <= set(range(english.count("{}"))), english
        # Every value is shown, save where one only joins two words.
        assert len(set(PLACE.findall(translation))) >= english.count("{}") - 1, english


def test_catalogue__simplified_and_traditional__are_not_mixed_up() -> None:
    entry = catalogue()["{}: is not a CreditConnect home"]
    assert entry == {
        "en": "{}: is not a CreditConnect home",
        "zh-Hans": "{0}：不是 CreditConnect 机构目录",
        "zh-Hant": "{0}：不是 CreditConnect 機構目錄",
    }


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('raise UsageError(f"{path}: is wrong", hint="mend it")', {"{}: is wrong", "mend it"}),
        ("say(f\"{a} and {counted(n, 'fault')}\")", {"{} and {}", "fault"}),
        ('raise FieldInvalid(field, reason, "too long" if long else "too short")', {"too long", "too short"}),
        ('print_table("a title", ("one", "two #"), rows)', {"a title", "one", "two"}),
        ('_HINTS = {1: "is less than {limit}"}', {"is less than {}"}),
        ('Option(help="Which file.")', {"Which file."}),
        ('connection.execute("SELECT one FROM other")', set()),
    ],
)
def test_templates__planted_source__are_found(source: str, wanted: set[str], tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(source)
    assert {text for text, where in templates(tmp_path).items() if where != "typer"} == wanted


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
