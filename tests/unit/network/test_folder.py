"""Promise: a damaged file of a network's folder is told by its name, and what to do."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditconnect.errors import NetworkError
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.genesis import build_genesis
from creditconnect.network.sides import Side
from creditconnect.types import Consensus


def genesis_of(consensus: Consensus) -> bytes:
    return build_genesis(
        [
            Side(name, consensus, 852_755, 1, 60_000_000, "0x" + digit * 40, f"enode://{digit * 128}@127.0.0.1:3", ())
            for name, digit in (("hk", "a"), ("sz", "b"))
        ]
    )


@pytest.mark.parametrize("consensus", [Consensus.CLIQUE, Consensus.QBFT])
def test_genesis__as_it_was_built__is_read(tmp_path: Path, consensus: Consensus) -> None:
    folder = NetworkFolder(tmp_path)
    folder.genesis_file.write_bytes(genesis_of(consensus))
    assert folder.genesis() == genesis_of(consensus)


@pytest.mark.parametrize("text", ["", "abc", "{}", "[]", "7", '{"config": []}', '{"extraData": "0x", "config": {}}'])
def test_genesis__that_is_none__told_by_its_file(tmp_path: Path, text: str) -> None:
    folder = NetworkFolder(tmp_path)
    folder.genesis_file.write_text(text)
    with pytest.raises(NetworkError, match=r"genesis\.json: is no genesis of a network: move it away"):
        folder.genesis()


@pytest.mark.parametrize("consensus", [Consensus.CLIQUE, Consensus.QBFT])
@given(
    member=st.sampled_from(["config", "extraData", "alloc"]),
    value=st.none() | st.integers() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers()),
)
def test_genesis__with_a_member_of_any_form__read_or_told(
    tmp_path_factory: pytest.TempPathFactory, consensus: Consensus, member: str, value: object
) -> None:
    folder = NetworkFolder(tmp_path_factory.getbasetemp())
    folder.genesis_file.write_text(json.dumps(json.loads(genesis_of(consensus)) | {member: value}))
    with suppress(NetworkError):
        folder.genesis()


@pytest.mark.parametrize("text", ["", "abc", "{}", "[]", '"address"'])
def test_address__of_what_is_no_keystore__told_by_its_file(tmp_path: Path, text: str) -> None:
    side = NetworkFolder(tmp_path).side_folder("hk")
    side.keystore_file.parent.mkdir(parents=True)
    side.keystore_file.write_text(text)
    with pytest.raises(NetworkError, match=r"validator\.json: is no keystore: restore the validator's key"):
        side.address()
