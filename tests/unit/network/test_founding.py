"""Promise: a node's keys are made whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditconnect.errors import NetworkError
from creditconnect.network import configuration
from creditconnect.network.besu import Besu
from creditconnect.network.configuration import Configuration, Place
from creditconnect.network.engine import Engine
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_follower, make_key
from creditconnect.network.geth import Geth


@pytest.mark.parametrize("engine", [Geth(), Besu()], ids=lambda engine: engine.name)
def test_make_key__where_a_follower_lives__told_and_nothing_is_changed(tmp_path: Path, engine: Engine) -> None:
    network = NetworkFolder(tmp_path)
    configuration.write(network.path, Configuration(engine.name))
    make_follower(network, "auditor", engine, Place())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(NetworkError, match="is there already: another node lives there; name the side otherwise"):
        make_key(network, "auditor", engine, Place("10.0.0.1"), "correct horse", scrypt_work=2**12)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert not network.side_folder("auditor").keystore_file.parent.exists()
