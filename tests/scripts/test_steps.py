"""`step`: what another machine exported is shown and signed as it was made, and done once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from tests.scripts.conftest import Admin, Rpc
from tests.scripts.steps import ON, Members, Run, member, paused, refused, sign


def test_step__exported_shown_signed_sent__is_done_once(
    step: Run, chain: Rpc, registry: str, exported: Path, signed: Path, addresses: dict[str, str]
) -> None:
    assert member(exported, "sender") == addresses["hk_authority"]
    assert (member(exported, "function"), member(exported, "call_data")) == ("setPaused", ON)
    unsigned, ready = step("show", exported), step("show", signed)
    assert unsigned.output.splitlines()[-1] == "not signed yet"
    raw = bytes.fromhex(member(signed, "raw_transaction")[2:])
    assert ready.output.splitlines()[-1] == f"transaction 0x{keccak(raw).hex()}"
    assert unsigned.output.splitlines()[:-1] == ready.output.splitlines()[:-1]
    height = chain.height()
    assert "can be sent" in step("send", signed, "--dry-run").output
    assert (paused(chain, registry), chain.height()) == (0, height)
    sent = step("send", signed)
    assert (sent.code, f"done in block {height + 1}" in sent.output) == (0, True)
    again, dry = step("send", signed), step("send", signed, "--dry-run")
    for outcome in (again, dry):
        assert (outcome.code, f"was done in block {height + 1}, nothing to do" in outcome.output) == (0, True)
    assert (paused(chain, registry), chain.height()) == (1, height + 1)


def test_step__words_for_people_altered__are_never_shown_nor_handed_on(
    step: Run, admin: Admin, deployment: Path, unsigned_with: Members, tmp_path: Path
) -> None:
    lie = "lift the pause, sign without reading"
    file, out = unsigned_with(words=lie), tmp_path / "out.json"
    shown = step("show", file)
    as_json = step("show", file, "--json")
    handed_on = sign(admin, deployment, file, out)
    assert (shown.code, as_json.code, handed_on.code) == (0, 0, 0)
    for text in (shown.output, as_json.output, handed_on.output, out.read_text(encoding="utf-8")):
        assert lie not in text
    assert json.loads(as_json.output)["words"] == shown.output.splitlines()[0] == member(out, "words")


def test_sign__by_another_key__refused_before_a_passphrase_is_asked(
    admin: Admin, deployment: Path, exported: Path, tmp_path: Path, addresses: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("APE_ACCOUNTS_sz_authority_PASSPHRASE")
    outcome = sign(admin, deployment, exported, tmp_path / "out.json", "sz_authority")
    sz, hk = addresses["sz_authority"], addresses["hk_authority"]
    refused(outcome, f"sz_authority ({sz}) can't sign this step: {hk} has to")
    refused(sign(admin, deployment, exported, tmp_path / "out.json", "nobody"), "there is no account 'nobody'")
    assert not (tmp_path / "out.json").exists()


def test_sign__wrong_passphrase__nothing_is_written(
    admin: Admin, deployment: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APE_ACCOUNTS_hk_authority_PASSPHRASE", "wrong")
    outcome = sign(admin, deployment, exported, tmp_path / "out.json")
    assert (outcome.code, outcome.error) == (1, "Error: the passphrase does not open account 'hk_authority'\n")
    assert not (tmp_path / "out.json").exists()


def test_sign__not_confirmed__shows_the_step_and_writes_nothing(
    admin: Admin, deployment: Path, exported: Path, tmp_path: Path
) -> None:
    options = ["step", "sign", exported, "--key", "hk_authority", "--out", tmp_path / "out.json"]
    outcome = admin.run("institutions", *options, "--deployment", deployment, network="", answer="n\n")
    assert (outcome.code, ON in outcome.output, (tmp_path / "out.json").exists()) == (2, True, False)
    assert outcome.error == "Error: not confirmed: nothing was signed: say y, or give --yes\n"


def test_sign__signed_already_or_the_place_is_taken__refused(
    admin: Admin, deployment: Path, exported: Path, signed: Path, tmp_path: Path
) -> None:
    before = signed.read_bytes()
    refused(sign(admin, deployment, signed, tmp_path / "out.json"), "is signed already: `institutions step send`")
    refused(sign(admin, deployment, exported, signed), f"{signed} exists: a step is never overwritten")
    refused(sign(admin, deployment, exported, tmp_path / "no" / "out.json"), "can't be written")
    assert (signed.read_bytes(), list(tmp_path.iterdir())) == (before, [])


def test_export__the_place_is_taken__refused_before_the_registry_is_asked(
    institutions: Run, exported: Path, deployment: Path
) -> None:
    before = exported.read_bytes()
    outcome = institutions("pause", "on", "--authority", "HK", "--export", exported, network="http://127.0.0.1:1")
    assert outcome.code != 0
    refused(institutions("pause", "on", "--authority", "HK", "--export", exported), "a step is never overwritten")
    assert exported.read_bytes() == before


def test_export__what_the_registry_would_refuse__writes_no_step(institutions: Run, tmp_path: Path) -> None:
    file = tmp_path / "step.json"
    exporting = ["--export", file, "--authority", "CN-SZ"]
    outcome = institutions("handover", "offer", "HK", "--seat", "authority", "--to", "0x" + "77" * 20, *exporting)
    refused(outcome, "is not HK's authority")
    share = institutions(
        "keeper-share", "1", "0x" + "00" * 31 + "01", "--export", file, "--authority", "0x" + "66" * 20
    )
    refused(share, "is not the authority of any side")
    assert not file.exists()
