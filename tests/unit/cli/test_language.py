"""Promise: what people read is in the language they chose, what programs read is not, and values are left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.cells import cell_len

from creditconnect.cli.language import (
    SIMPLIFIED,
    TRADITIONAL,
    Translator,
    Value,
    chosen_language,
    load_translator,
    speak,
)
from creditconnect.cli.presentation import confirm, counted, print_table, say
from creditconnect.errors import UsageError
from tools.messages import catalogue

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
    entries = {"{}: is wrong ({})": "({1}) {0} 有误", "it is late": "太迟", "come early": "早来", "{}: {}": "{0}——{1}"}
    translator = Translator(entries, {"{}: is wrong ({})": [1]})
    assert translator.translated("a/b.csv: is wrong (it is late)") == "(太迟) a/b.csv 有误"
    assert translator.translated("it is late: is wrong (other)") == "(other) it is late 有误", "a value reads like it"
    assert translator.translated("a: is wrong (it is late: come early)") == "(太迟：早来) a 有误", "with its hint"
    assert translator.translated("a: b") == "a——b"
    assert translator.translated("nothing of ours") == "nothing of ours"
    assert translator.translated("{0}: is wrong ({})") == "({}) {0} 有误", "a value is no template"


def test_translated__a_message_whose_template_has_a_joint__is_read_as_a_whole() -> None:
    entries = {
        "not at {}: {}": "{0} 处不对：{1}",
        "not {}": "并非 {0}",
        "too {}": "太 {0}",
        "{}: bad ({})": "{0} 有误（{1}）",
    }
    translator = Translator(entries, {"not at {}: {}": [1], "{}: bad ({})": [1]})
    assert translator.translated("f: bad (not at a: too long)") == "f 有误（a 处不对：太 long）"
    assert translator.translated("f: bad (not long: too short)") == "f 有误（并非 long：太 short）", "with its hint"


@pytest.mark.parametrize(
    ("language", "english", "wanted"),
    [
        (SIMPLIFIED, "the kinds are data, submit, passphrase", "密钥种类有 data, submit, passphrase"),
        (SIMPLIFIED, "one of A, B, C, D, E", "应为 A, B, C, D, E 之一"),
        (TRADITIONAL, "one of A, B, C, D, E", "應為 A, B, C, D, E 之一"),
        (
            SIMPLIFIED,
            "not a package in canonical form (not a canonical record at $: not UTF-8 at byte 1)",
            "不是规范形式的凭证包（在 $ 处不是规范的记录：第 1 字节处不是 UTF-8）",
        ),
    ],
)
def test_translated__in_the_catalogues_own_words(language: str, english: str, wanted: str) -> None:
    translator = load_translator(language)
    assert translator is not None
    assert translator.translated(english) == wanted


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", ["1 batch to decide on", "3 entries in the review log", "batch", "record"]),
        (SIMPLIFIED, ["1 个批次待决定", "复核日志中有 3 个条目", "批次", "记录"]),
        (TRADITIONAL, ["1 個批次待決定", "覆核日誌中有 3 個條目", "批次", "紀錄"]),
    ],
)
def test_counted__a_noun_that_heads_a_column_too__has_its_measure_word_only_where_counted(
    language: str, wanted: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    speak(language)
    try:
        say(f"{counted(1, 'batch')} to decide on")
        say(f"{counted(3, 'entry')} in the review log")
        print_table("", ("batch #", "record"), [("7", "x")])
    finally:
        speak("en")
    first, second, _, _, headings, *_ = capsys.readouterr().out.splitlines()
    assert [first, second, *headings.split()] == wanted


# Their places hold a role, a number, names of columns: nothing that anybody else writes.
OUR_OWN_WORDS_ALONE = ("{} passphrase", "{}: member {} {}", "there are {}")


@pytest.mark.parametrize("language", [SIMPLIFIED, TRADITIONAL])
@pytest.mark.parametrize("value", ["no batch waits", "no home", "status", "none", "pending", "DIFFERS"])
def test_translated__value_that_reads_like_a_message__comes_out_of_every_message_as_it_is(
    language: str, value: str
) -> None:
    translator = load_translator(language)
    assert translator is not None
    tried = 0
    for english, entry in catalogue().items():
        places = sorted(set(range(english.count("{}"))) - set(entry.get("nested", [])))
        if not places:
            continue
        if english in OUR_OWN_WORDS_ALONE:
            continue
        values = [value if place in places else "x" for place in range(english.count("{}"))]
        assert translator.translated(english.replace("{}", "%s") % tuple(values)).count(value) >= len(places), english
        tried += 1
    assert tried > 500


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


WRONG_ARGUMENTS = [
    (["verify"], "Missing argument 'path': see creditconnect verify --help", "缺少参数 'path': 参见"),
    (["package", "sheet", "0" * 16], "Missing option '--out'", "缺少选项 '--out'"),
    (["verfy"], "No such command 'verfy'. Did you mean 'verify'?", "没有命令 'verfy'。是否指 'verify'"),
    (["nothing"], "No such command 'nothing'", "没有命令 'nothing'"),
    (["status", "--hom", "x"], "No such option: --hom", "没有选项 --hom"),
    (["verify", "--out"], "Option '--out' requires an argument", "选项 '--out' 需要一个值"),
    (["status", "--json=3"], "Option '--json' does not take a value", "选项 '--json' 不带值"),
    (["verify", "a", "b"], "Got unexpected extra argument(s) (b)", "多余的参数（b）"),
    (["review", "approve", "x"], "Invalid value for 'batches': Input should be a valid integer", "的值无效：应为整数"),
    (["records", "list", "--limit", "0"], "greater than or equal to 1", "'--limit' 的值无效：不应小于 1"),
    (["records", "list", "--limit", "9999999"], "less than or equal to 100000", "'--limit' 的值无效：不应大于 100000"),
]


@pytest.mark.parametrize(
    ("arguments", "english", "chinese"), WRONG_ARGUMENTS, ids=[" ".join(one[0]) for one in WRONG_ARGUMENTS]
)
def test_wrong_arguments__in_either_language__one_line_that_says_what_and_where_to_look(
    arguments: list[str], english: str, chinese: str
) -> None:
    for language, wanted in (("en", english), ("zh-Hans", chinese)):
        said = run("--lang", language, *arguments)
        assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
        assert said.stderr.startswith("creditconnect: ")
        assert wanted in said.stderr
        assert "--help" in said.stderr


def test_group_without_a_command__is_its_help_in_the_language_asked() -> None:
    said = run("--lang", "zh-Hans", "review")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("用法：creditconnect review")
    assert "显示此说明并退出。" in said.stderr


def test_help__typers_own_words_in_it__are_translated_and_defaults_left() -> None:
    said = run("--lang", "zh-Hans", "records", "list", "--help").stdout
    assert "[默认：50; 1<=x<=100000]" in said
    assert "[必填]" in run("--lang", "zh-Hans", "verify", "--help").stdout
    assert "[required]" not in said


@pytest.mark.parametrize(
    ("arguments", "environment", "wanted"),
    [
        (["--lang", "fr", "status"], "zh-Hant", "creditconnect: 沒有 'fr' 語言的訊息"),
        (["--lang", "fr", "status"], "fr", "creditconnect: there are no messages in 'fr'"),
        (["--lang", "fr", "status"], "", "creditconnect: there are no messages in 'fr'"),
        (["--lang"], "zh-Hans", "creditconnect: 选项 '--lang' 需要一个值"),
        (["status", "--lang", "zh"], "zh-Hans", "creditconnect: 没有选项 --lang"),
    ],
)
def test_lang__itself_wrong__is_told_in_the_environments_language(
    arguments: list[str], environment: str, wanted: str
) -> None:
    said = run(*arguments, CREDITCONNECT_LANG=environment)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert said.stderr.startswith(wanted)


@pytest.mark.parametrize(
    ("answers", "wanted", "asked"),
    [
        (["y"], True, 1),
        (["YES"], True, 1),
        (["是"], True, 1),
        ([""], False, 1),
        (["n"], False, 1),
        (["否"], False, 1),
        (["maybe", "y"], True, 2),
    ],
)
def test_confirm__what_is_typed__in_either_language_and_asked_again_for_anything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: list[str], wanted: bool, asked: int
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("".join(f"{answer}\n" for answer in answers)))
    speak(SIMPLIFIED)
    try:
        assert confirm("remove /a/b for good?") is wanted
    finally:
        speak("en")
    said = capsys.readouterr()
    told = said.out + said.err
    assert told.count("永久删除 /a/b\N{FULLWIDTH QUESTION MARK} [y/N]") == asked
    assert told.count("请输入 y") == asked - 1


def test_confirm__nobody_answers__nothing_is_taken_for_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(""))
    with pytest.raises(typer.Abort):
        confirm("remove /a/b for good?")


def test_translate__a_value_where_a_message_could_be__is_left(capsys: pytest.CaptureFixture[str]) -> None:
    speak(TRADITIONAL)
    try:
        print_table(Value("status"), ("name",), [("none",)])
        print_table("status", ("name",), [])
    finally:
        speak("en")
    first, *_, last = capsys.readouterr().out.splitlines()
    assert (first, last) == ("status", "狀態")


@pytest.mark.parametrize("language", ["en", SIMPLIFIED, TRADITIONAL])
def test_table__wide_characters__columns_begin_where_their_headings_do(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Chinese character takes two cells of a terminal, a Latin letter one."""
    speak(language)
    try:
        rows = [("陳大文", "A", "甲乙丙丁戊"), ("Chan Tai Man", "B", "x"), ("王", "C", "甲")]
        print_table("records", ("name", "kind", "note"), rows)
    finally:
        speak("en")
    _, heading, _, *lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    kind = {"en": "kind", SIMPLIFIED: "种类", TRADITIONAL: "種類"}[language]
    begins = cell_len(heading[: heading.index(kind)])
    for (_, letter, note), line in zip(rows, lines, strict=True):
        at = line.index(f" {letter} ") + 1
        assert cell_len(line[:at]) == begins
        assert line.rstrip().endswith(note)


def test_table__a_cell_that_reads_like_a_message__is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """An institution may be named `status`, and a note may read `no batch waits`."""
    speak(SIMPLIFIED)
    try:
        print_table("schemas", ("id", "status"), [("status", "no batch waits")])
        say("status: is not a CreditConnect home")
    finally:
        speak("en")
    title, *_, row, _, line = capsys.readouterr().out.splitlines()
    assert title == "格式规范"
    assert row.split("  ")[0].strip() == "status"
    assert "no batch waits" in row
    assert line == "status：不是 CreditConnect 机构目录", "one word alone is a value"
