"""Promise: what people read is in the language they chose, what programs read is not, and values are left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from creditconnect.cli.language import SIMPLIFIED, TRADITIONAL, Translator, chosen_language, load_translator
from creditconnect.errors import UsageError

PROGRAM = Path(sys.executable).with_name("creditconnect")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CREDITCONNECT")}
    return subprocess.run(
        [PROGRAM, *arguments], env=kept | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "named", "wanted"),
    [
        ([], "", "en"),
        (["--lang", "zh"], "", SIMPLIFIED),
        (["--lang=zh-HK", "submit"], "", TRADITIONAL),
        (["submit", "--lang", "zh"], "", "en"),
        ([], "zh_CN", SIMPLIFIED),
        (["--lang", "en"], "zh", "en"),
    ],
)
def test_chosen_language__command_line_before_environment(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: str, wanted: str
) -> None:
    monkeypatch.setenv("CREDITCONNECT_LANG", named)
    assert chosen_language(arguments) == wanted


def test_chosen_language__none_of_ours__refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDITCONNECT_LANG", "fr")
    with pytest.raises(UsageError, match="no messages in 'fr': one of en, zh-Hans, zh-Hant"):
        chosen_language([])


def test_translated__values__as_they_are_and_messages_among_them_too() -> None:
    translator = Translator({"{}: is wrong ({})": "({1}) {0} 有误", "it is late": "太迟", "{}: {}": "{0}——{1}"})
    assert translator.translated("a/b.csv: is wrong (it is late)") == "(太迟) a/b.csv 有误"
    assert translator.translated("a: b") == "a——b"
    assert translator.translated("nothing of ours") == "nothing of ours"
    assert translator.translated("{0}: is wrong ({})") == "({}) {0} 有误", "a value is no template"


def test_translated__the_template_with_most_words_of_its_own__is_taken() -> None:
    translator = load_translator(SIMPLIFIED)
    assert translator is not None
    assert translator.translated("/h: is not a CreditConnect home") == "/h：不是 CreditConnect 机构目录"


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", "creditconnect: /nowhere: is not a CreditConnect home: make one with creditconnect init"),
        ("zh-Hans", "creditconnect: /nowhere：不是 CreditConnect 机构目录: creditconnect init 可建立一个"),
        ("zh-Hant", "creditconnect: /nowhere：不是 CreditConnect 機構目錄: creditconnect init 可建立一個"),
    ],
)
def test_error__in_each_language__one_line(language: str, wanted: str) -> None:
    said = run("--lang", language, "status", "--home", "/nowhere")
    assert (said.returncode, said.stderr.strip()) == (2, wanted)


def test_error__as_json__english_whatever_the_language() -> None:
    said = run("status", "--home", "/nowhere", "--json", CREDITCONNECT_LANG="zh")
    assert json.loads(said.stderr)["message"] == "/nowhere: is not a CreditConnect home"


def test_help__in_chinese__commands_options_and_headings() -> None:
    said = run("--lang", "zh", "verify", "--help").stdout
    assert said.startswith("用法：creditconnect verify")
    assert "选项" in said
    assert "以 JSON 回答。" in said
    assert "验证一个凭证包" in said
    assert "机构目录" in run("--help", CREDITCONNECT_LANG="zh-HK").stdout.replace("機構目錄", "机构目录")


def test_lang__unknown__usage_error() -> None:
    said = run("--lang", "fr", "status")
    assert (said.returncode, "one of en, zh-Hans, zh-Hant" in said.stderr) == (2, True)
