"""What commands read from arguments and show to people: the edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from creditconnect.cli.presentation import (
    counted,
    open_client,
    parse_expiry,
    parse_reason,
    parse_record_hash,
    print_error,
    print_json,
    print_table,
    utc,
)
from creditconnect.errors import FieldInvalid, NodeUnreachable, SettingsError, UsageError
from creditconnect.reasons import ChainReason

DAY_SECONDS = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("1970-01-02", DAY_SECONDS),
        ("2027-01-31", 1_801_353_600),
        ("2027-01-31T00:00:00", 1_801_353_600),
        ("2027-01-31T12:00:00Z", 1_801_353_600 + DAY_SECONDS // 2),
        ("2027-01-31T08:00:00+08:00", 1_801_353_600),
        ("2027-01-30T23:59:59.9Z", 1_801_353_599),
        ("2028-02-29", 1_835_395_200),
        ("9999-12-31T23:59:59Z", 253_402_300_799),
    ],
)
def test_parse_expiry__a_date_or_instant__is_seconds_in_utc(text: str | None, seconds: int) -> None:
    assert parse_expiry(text) == seconds


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
def test_parse_expiry__a_machine_elsewhere__reads_utc_nevertheless(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert parse_expiry("2027-01-31") == 1_801_353_600
        assert utc(1_801_353_600) == "2027-01-31 00:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "tomorrow",
        "31/01/2027",
        "2027-02-29",
        "2027-13-01",
        "2027-01-31T24:00:01Z",
        "10000-01-01",
        "0",
        "1801353600",
    ],
)
def test_parse_expiry__no_date__is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no date: e\.g\. 2027-01-31"):
        parse_expiry(text)


@pytest.mark.parametrize("text", ["1970-01-01", "1969-12-31T23:59:59Z", "0001-01-01", "0001-01-01T00:00:00+23:00"])
def test_parse_expiry__what_zero_would_take_for_never__is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not in the future"):
        parse_expiry(text)


@pytest.mark.parametrize("reason", list(ChainReason))
def test_parse_reason__its_name_in_any_writing__is_taken(reason: ChainReason) -> None:
    name = reason.name
    assert [parse_reason(text) for text in (name, name.lower(), name.replace("_", "-").title())] == [reason] * 3


@pytest.mark.parametrize("text", ["", " ", "1", "255", "DATA ERROR", "DATA_ERROR ", "DATA_ERRORS", "__class__", "name"])
def test_parse_reason__no_name__is_refused_with_all_names(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_reason(text)
    assert all(reason.name in caught.value.hint for reason in ChainReason)


@pytest.mark.parametrize("text", ["00ff00ff00ff00ff", "0x00ff00ff00ff00ff", "00FF00FF00FF00FF", "0X00ff00FF00ff00ff"])
def test_parse_record_hash__sixteen_digits__are_eight_bytes(text: str) -> None:
    assert parse_record_hash(text) == bytes.fromhex("00ff00ff00ff00ff")


@pytest.mark.parametrize(
    "text",
    [
        *("", "0x", "00ff00ff00ff00f", "00ff00ff00ff00ff0", "0x0x00ff00ff00ff00", "00ff00ff00ff00fg"),
        # Digits to Python and to nobody else; spaces, which `bytes.fromhex` skips; a package's name.
        *("\N{ARABIC-INDIC DIGIT ZERO}" * 16, "00ff00ff00ff 0ff", " 00ff00ff00ff00ff", "00ff00ff00ff00ff.ccpackage"),
    ],
)
def test_parse_record_hash__anything_else__is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="16 hex digits"):
        parse_record_hash(text)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "-"),
        (1, "1970-01-01 00:00:01Z"),
        (253_402_300_799, "9999-12-31 23:59:59Z"),
        (253_402_300_800, "253402300800 s"),
        (2**40 - 1, "1099511627775 s"),
    ],
)
def test_utc__every_time_that_the_registry_holds__is_shown(seconds: int, shown: str) -> None:
    assert utc(seconds) == shown


def test_counted__one_and_many__agree_with_their_noun() -> None:
    assert [counted(number, noun) for number, noun in ((0, "record"), (1, "package"), (1, "batch"), (2, "batch"))] == [
        "0 records",
        "1 package",
        "1 batch",
        "2 batches",
    ]
    assert counted(20_000, "record") == "20,000 records"


def test_print_error__a_person__is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(NodeUnreachable("http://x: no answer", hint="is it up?"), as_json=False)
    assert capsys.readouterr() == ("", "creditconnect: http://x: no answer: is it up?\n")


def test_print_error__a_program__is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(FieldInvalid("born", "DATE", "not a date"), as_json=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {"error": "FieldInvalid", "message": "not a date", "hint": ""}


def test_print_json__bytes_and_paths__are_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"hash": b"\x00\xff", "path": Path("a/b"), "by_number": {1: None}})
    assert json.loads(capsys.readouterr().out) == {"hash": "00ff", "path": "a/b", "by_number": {"1": None}}


def test_print_table__text_like_markup_or_too_long__is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(
        "a title that is longer than its table", ("who", "how many #"), [("[red]Chan[/red]", 1), ("陳小明", 20)]
    )
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "a title that is longer than its table"
    assert any("[red]Chan[/red]" in line for line in lines)
    assert any("陳小明" in line for line in lines)
    assert all(line.endswith(("1", "20")) for line in lines if "Chan" in line or "陳" in line)


# It turns the direction of writing, joins, hides, deletes, breaks a line, begins an escape, and is beyond 16 bits.
UNSEEN = "\u202e\u2066\u200b\u200d\ufeff\u00ad\u007f\u0085\u2028\x1b\U000e0041"


def test_print_table__what_is_not_seen_in_a_cell_or_title__is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(f"of {UNSEEN}", ("name",), [(f"陳{UNSEEN}大文 Zoë",)])
    shown = capsys.readouterr().out
    assert not set(UNSEEN) & set(shown)
    assert "\\u202e" in shown.splitlines()[0]
    assert r"陳\u202e\u2066\u200b" in shown
    assert "大文 Zoë" in shown


def test_print_json__what_is_not_seen__is_escaped_and_reads_back_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": f"陳{UNSEEN}"})
    shown = capsys.readouterr().out
    assert not set(UNSEEN) & set(shown)
    assert json.loads(shown) == {"name": f"陳{UNSEEN}"}


def test_print_table__no_rows__is_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("no batch waits", ("batch #", "records #"), [])
    assert capsys.readouterr().out == "no batch waits\n"


def test_open_client__no_home_named__says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDITCONNECT_HOME", raising=False)
    with pytest.raises(SettingsError, match="give --home FOLDER, or set CREDITCONNECT_HOME"):
        open_client(None)


def test_open_client__named_twice__the_option_goes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CREDITCONNECT_HOME", str(tmp_path / "by-environment"))
    with pytest.raises(SettingsError, match="by-environment: is not a CreditConnect home"):
        open_client(None)
    with pytest.raises(SettingsError, match="by-option: is not a CreditConnect home"):
        open_client(tmp_path / "by-option")
