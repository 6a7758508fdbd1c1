"""Promise: settings are read once; whatever is wrong with one is told by the file and the setting's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from creditconnect import settings as homes
from creditconnect.errors import SettingsError, UsageError
from creditconnect.settings import Settings
from creditconnect.types import UNSEALED, Consensus, Seals, Suite

SETTINGS = """format = 1
institution = "CRA-HK-01"
nodes = ["http://127.0.0.1:8545", "https://node.example:8545/path"]
"""
NUMBERS = {
    "greatest_head_age_seconds": (60, 1, 86_400),
    "confirmations_blocks": (0, 0, 1_000),
    "gas_price_wei": (0, 0, 10**15),
    "batch_records": (500, 1, 680),
}


def home_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "settings.toml").write_text(text, encoding="utf-8")
    return tmp_path


def refused(tmp_path: Path, text: str) -> SettingsError:
    with pytest.raises(SettingsError) as error:
        homes.load(home_with(tmp_path, text))
    assert str(tmp_path / "settings.toml") in error.value.message
    assert isinstance(error.value, UsageError), "the command's exit code hangs on it"
    return error.value


def test_load__no_numbers__at_their_defaults(tmp_path: Path) -> None:
    found = homes.load(home_with(tmp_path, SETTINGS))
    assert found.institution == "CRA-HK-01"
    assert found.nodes == ("http://127.0.0.1:8545", "https://node.example:8545/path")
    assert {name: getattr(found, name) for name in NUMBERS} == {name: low[0] for name, low in NUMBERS.items()}
    assert found.vault_file == tmp_path / "vault.db"
    assert found.key_file("review") == tmp_path / "keys" / "review.json"


@pytest.mark.parametrize("name", NUMBERS)
def test_load__number__from_its_least_to_its_greatest(tmp_path: Path, name: str) -> None:
    _, least, greatest = NUMBERS[name]
    for value in (least, greatest):
        assert getattr(homes.load(home_with(tmp_path, f"{SETTINGS}{name} = {value}\n")), name) == value


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("wrong", ["least - 1", "greatest + 1", "1.5", '"7"', "true", "[]", "1979-05-27"])
def test_load__number_that_is_none_or_out_of_bounds__named_with_its_bounds(
    tmp_path: Path, name: str, wrong: str
) -> None:
    _, least, greatest = NUMBERS[name]
    value = {"least - 1": str(least - 1), "greatest + 1": str(greatest + 1)}.get(wrong, wrong)
    message = refused(tmp_path, f"{SETTINGS}{name} = {value}\n").message
    assert f"{name} is not a whole number from {least} to {greatest}" in message


@pytest.mark.parametrize(
    "nodes", ["[]", '"http://a"', "7", "[7]", '["ftp://a"]', '["a"]', '["http://"]', '["http://a:x"]']
)
def test_load__nodes_that_are_no_urls__named(tmp_path: Path, nodes: str) -> None:
    text = f'format = 1\ninstitution = "A"\nnodes = {nodes}\n'
    assert "nodes" in refused(tmp_path, text).message


@pytest.mark.parametrize("line", ["", "institution = 7\n", 'institution = ""\n', "institution = []\n"])
def test_load__institution_missing__named(tmp_path: Path, line: str) -> None:
    assert "institution" in refused(tmp_path, f'format = 1\n{line}nodes = ["http://a"]\n').message


@pytest.mark.parametrize("code", ["CRA HK", "C" * 33, "CRA-香港", "CRA\\u0000"])
def test_load__institution_that_no_registry_could_hold__named(tmp_path: Path, code: str) -> None:
    assert "institution" in refused(tmp_path, f'format = 1\ninstitution = "{code}"\nnodes = ["http://a"]\n').message


@pytest.mark.parametrize("suite", ['"SM4"', "2", "true", '""'])
def test_load__suite_that_is_not_known__names_those_that_are(tmp_path: Path, suite: str) -> None:
    error = refused(tmp_path, f"{SETTINGS}suite = {suite}\n")
    assert "no such suite" in error.message
    assert error.hint == "one of SHA256_AES256GCM, SM3_SM4GCM"


@pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: suite.name)
def test_write__a_suite__is_loaded_again(tmp_path: Path, suite: Suite) -> None:
    homes.write(homes.new(tmp_path, "CRA-HK-01", ("http://a",), suite=suite.name))
    assert homes.load(tmp_path).suite == suite


def test_load__nothing_said_of_subjects__an_older_home_takes_rows_of_anybody(tmp_path: Path) -> None:
    assert homes.load(home_with(tmp_path, SETTINGS)).require_registered_subjects is False


@pytest.mark.parametrize("required", [True, False])
def test_write__whether_subjects_are_required__is_loaded_again(tmp_path: Path, required: bool) -> None:
    made = homes.new(tmp_path, "CRA-HK-01", ("http://a",), require_registered_subjects=required)
    homes.write(made)
    assert homes.load(tmp_path).require_registered_subjects is required
    assert homes.new(tmp_path, "CRA-HK-01", ("http://a",)).require_registered_subjects is True


@pytest.mark.parametrize("wrong", ["1", '"true"', "[]"])
def test_load__subjects_required_neither_true_nor_false__named(tmp_path: Path, wrong: str) -> None:
    text = f"{SETTINGS}require_registered_subjects = {wrong}\n"
    assert "require_registered_subjects is neither true nor false" in refused(tmp_path, text).message


@pytest.mark.parametrize(("named", "folder"), [("/srv/uploads", "/srv/uploads"), ("drop", "HOME/drop")])
def test_load__intake_folder__from_the_home_on(tmp_path: Path, named: str, folder: str) -> None:
    found = homes.load(home_with(tmp_path, f'{SETTINGS}intake = "{named}"\n'))
    assert str(found.intake_folder) == folder.replace("HOME", str(tmp_path))


@pytest.mark.parametrize("wrong", ["7", '""', "true"])
def test_load__intake_that_is_no_path__named(tmp_path: Path, wrong: str) -> None:
    assert "intake is no folder" in refused(tmp_path, f"{SETTINGS}intake = {wrong}\n").message


@pytest.mark.parametrize("line", ["", "format = 2\n", 'format = "1"\n'])
def test_load__format_of_another_version__named(tmp_path: Path, line: str) -> None:
    text = line + SETTINGS.removeprefix("format = 1\n")
    assert "format is" in refused(tmp_path, text).message


def test_load__setting_that_is_not_known__named(tmp_path: Path) -> None:
    assert "unknown setting batch_size" in refused(tmp_path, f"{SETTINGS}batch_size = 7\n").message


@pytest.mark.parametrize("text", ["format = ", "= 1", "[", "\0"])
def test_load__no_toml__said_so(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


def test_load__not_utf_8__said_so(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"format = 1 # \xff")
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        homes.load(tmp_path)


def test_load__no_home__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not a CreditConnect home") as error:
        homes.load(tmp_path / "nowhere")
    assert "creditconnect init" in error.value.hint


def test_load__settings_are_a_folder__said_so(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(SettingsError, match=r"settings\.toml"):
        homes.load(tmp_path)


# -------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("code", ["CRA-HK-01", 'A"B', "A\\B", "A'B", "~!#$%"])
def test_write__any_code_and_numbers__read_back(tmp_path: Path, code: str) -> None:
    made = replace(homes.new(tmp_path, code, ("http://127.0.0.1:1",)), batch_records=7, gas_price_wei=3)
    homes.write(made)
    assert homes.load(tmp_path) == made


def test_write__there_is_one__never_overwritten(tmp_path: Path) -> None:
    made = homes.new(tmp_path, "CRA-HK-01", ("http://127.0.0.1:1",))
    homes.write(made)
    with pytest.raises(SettingsError, match="is there already"):
        homes.write(replace(made, institution="CRA-SZ-01"))
    assert homes.load(tmp_path) == made


def test_new__node_that_is_no_url__named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nodes"):
        homes.new(tmp_path, "CRA-HK-01", ("127.0.0.1:8545",))


# ------------------------------------------------------------------------------------------ passphrases, environment

VARIABLE = "CREDITCONNECT_VAULT_PASSPHRASE_FILE"


@pytest.mark.parametrize(
    ("data", "passphrase"),
    [(b"one\n", "one"), (b"one", "one"), (b"one\r\ntwo\n", "one"), (b" one \n", " one "), ("秘密\n".encode(), "秘密")],
)
def test_passphrase__file_is_named__its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes, passphrase: str
) -> None:
    (tmp_path / "file").write_bytes(data)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    assert homes.passphrase("vault", None) == passphrase
    assert homes.passphrase("vault", lambda _: pytest.fail("asked although a file is named")) == passphrase


def test_passphrase__no_file_is_named__asked_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert homes.passphrase("vault", lambda name: f"answer to {name}") == "answer to vault"


def test_passphrase__nobody_to_ask__names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SettingsError, match="no vault passphrase") as error:
        homes.passphrase("vault", None)
    assert VARIABLE in error.value.hint


@pytest.mark.parametrize("data", [None, b"", b"\n", b"\nsecond line\n", b"\xff\xfe\n"])
def test_passphrase__file_is_missing_empty_or_not_text__named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None
) -> None:
    if data is not None:
        (tmp_path / "file").write_bytes(data)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file"))
    with pytest.raises(SettingsError, match=VARIABLE) as error:
        homes.passphrase("vault", lambda _: pytest.fail("asked although a file is named"))
    assert "second line" not in str(error.value)


def test_passphrase__variable_holds_the_passphrase_itself__not_shown_as_anything_but_a_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CREDITCONNECT_VAULT_PASSPHRASE", "hunter2")
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SettingsError) as error:
        homes.passphrase("vault", None)
    assert "hunter2" not in str(error.value)


def test_default_home__from_the_environment_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(homes.HOME_VARIABLE, raising=False)
    assert homes.default_home() is None
    monkeypatch.setenv(homes.HOME_VARIABLE, str(tmp_path))
    assert homes.default_home() == tmp_path


def test_settings__are_values__never_changed_in_place(tmp_path: Path) -> None:
    made = homes.new(tmp_path, "CRA-HK-01", ("http://127.0.0.1:1",))
    with pytest.raises(AttributeError):
        made.institution = "other"  # type: ignore[misc]
    assert isinstance(made, Settings)


SEALS = f"""
[seals]
consensus = "clique"
hk = ["0x{"AB" * 20}"]
sz = ["0x{"cd" * 20}", "0x{"ef" * 20}"]
"""


def test_load__seals__by_side_in_lower_case_and_written_again(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    found = homes.load(home_with(tmp_path / "one", SETTINGS + SEALS))
    assert found.seals == Seals(
        Consensus.CLIQUE, {"hk": ("0x" + "ab" * 20,), "sz": ("0x" + "cd" * 20, "0x" + "ef" * 20)}
    )
    made = homes.new(tmp_path / "two", "CRA-HK-01", ("http://a",), seals=found.seals)
    homes.write(made)
    assert homes.load(tmp_path / "two").seals == found.seals
    assert homes.load(home_with(tmp_path / "three", SETTINGS)).seals == UNSEALED


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (SEALS.replace("clique", "pow"), "seals.consensus is missing or unknown"),
        (SEALS.replace("0x" + "cd" * 20, "0x12"), "seals.sz is no list of addresses"),
        (SEALS.replace("AB" * 20, "cd" * 20), "seals names a validator twice"),
        (SEALS[: SEALS.index("sz")], "seals names fewer than two sides"),
        ("seals = 7\n", "seals is no table"),
        (SEALS + "mo = []\n", "seals.mo is no list of addresses"),
        (SEALS.replace("clique", "none"), "seals names validators, and consensus none"),
    ],
)
def test_load__seals_that_are_wrong__named(tmp_path: Path, table: str, complaint: str) -> None:
    assert complaint in refused(tmp_path, SETTINGS + table).message


def test_missing__addresses_of_sealers__the_sides_without_one() -> None:
    seals = Seals(Consensus.CLIQUE, {"hk": ("0x01",), "sz": ("0x02", "0x03")})
    assert seals.missing({"0x03", "0x09"}) == ["hk"]
    assert seals.missing({"0x03", "0x01"}) == []


@pytest.mark.parametrize(("line", "least"), [("", 0), ("least_nodes = 1\n", 1), ("least_nodes = 2\n", 2)])
def test_load__least_nodes__up_to_as_many_as_are_named(tmp_path: Path, line: str, least: int) -> None:
    found = homes.load(home_with(tmp_path, SETTINGS + line))
    assert found.least_nodes == least
    (tmp_path / "written").mkdir()
    homes.write(replace(found, home=tmp_path / "written"))
    assert homes.load(tmp_path / "written").least_nodes == least


@pytest.mark.parametrize("wrong", ["3", "-1", "true", '"1"'])
def test_load__least_nodes_that_can_t_be__refused(tmp_path: Path, wrong: str) -> None:
    said = refused(tmp_path, SETTINGS + f"least_nodes = {wrong}\n").message
    assert "least_nodes is not a whole number from 0 to 2" in said
