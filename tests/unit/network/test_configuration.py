"""Promise: network.toml says what is set, and what is wrong in it by file and setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from creditconnect.errors import SettingsError, UsageError
from creditconnect.network import configuration
from creditconnect.network.configuration import Configuration, Place, load, require_side_name, write
from creditconnect.network.folder import NetworkFolder
from creditconnect.network.founding import make_key
from creditconnect.network.geth import Geth


def test_load__what_was_written__is_the_same(tmp_path: Path) -> None:
    made = Configuration("besu", 7, 5, 9_000_000).with_place("hk", Place("10.0.0.1", 1, "::1", 2))
    write(tmp_path, made)
    assert load(tmp_path) == made
    assert made.with_place("sz", made.next_place()).place("sz") == Place()


def test_load__where_there_is_none__none(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_next_place__two_sides_on_a_machine__no_port_twice() -> None:
    first = Configuration()
    second = first.with_place("hk", first.next_place())
    assert second.next_place() == Place(p2p_port=30_304, rpc_port=8_546)
    with pytest.raises(SettingsError, match=r"has no \[side\.sz\]"):
        second.place("sz")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("format = 2", "format is 2"),
        ("format = 1\nengine = 'parity'", "engine is 'parity': one of geth, besu"),
        ("format = 1\nperiod_seconds = 0", "period_seconds is not a whole number from 1 to 600"),
        ("format = 1\nperiod_seconds = true", "period_seconds is not a whole number"),
        ("format = 1\nperod = 1", "unknown setting perod"),
        ("format = 1\nside = 1", "side is no table of tables"),
        ("format = 1\n[side.HK]", "'HK' is no side's name"),
        ("format = 1\n[side.genesis]", "'genesis' is no side's name"),
        ("format = 1\n[side.hk]\np2p = 1", "unknown setting side.hk.p2p"),
        ("format = 1\n[side.hk]\np2p_port = 70000", "side.hk.p2p_port is not a whole number from 1 to 65535"),
        ("format = 1\n[side.hk]\nhost = 'a b'", "side.hk.host is no host's name or address"),
        ("format = 1\n[side.hk]\nhost = '10.0.0.1:1'", "side.hk.host is no host's name or address"),
        ("format = 1\n[side.hk]\np2p_port = 8545", "side.hk.p2p_port and side.hk.rpc_port are both 8545"),
        ("format = ", "is not TOML"),
    ],
)
def test_load__a_wrong_setting__is_named(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / configuration.FILE_NAME).write_text(text)
    with pytest.raises(SettingsError) as told:
        load(tmp_path)
    assert complaint in str(told.value)
    assert configuration.FILE_NAME in str(told.value)


@pytest.mark.parametrize("name", ["", "HK", "../x", "a" * 17, "1a", "h k", "genesis", "network"])
def test_side_name__that_is_none__refused(name: str) -> None:
    with pytest.raises(UsageError):
        require_side_name(name)


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (Place(p2p_port=70_000), "side.hk.p2p_port is not a whole number from 1 to 65535"),
        (Place(rpc_port=0), "side.hk.rpc_port is not a whole number from 1 to 65535"),
        (Place("my_host"), "side.hk.host is no host's name or address"),
        (Place('a"b'), "side.hk.host is no host's name or address"),
        (Place("::1::"), "side.hk.host is no host's name or address"),
        (Place(p2p_port=8_545), "side.hk.p2p_port and side.hk.rpc_port are both 8545"),
    ],
)
def test_make_key__a_place_that_can_be_none__told_before_anything_is_written(
    tmp_path: Path, made: Place, complaint: str
) -> None:
    network = NetworkFolder(tmp_path / "network")
    with pytest.raises(SettingsError, match=complaint):
        make_key(network, "hk", Geth(), made, "correct horse", scrypt_work=2**12)
    assert not network.path.exists()


def test_place__of_an_ipv6_address__is_bracketed_before_its_port(tmp_path: Path) -> None:
    made = Place("::1", 1, "::1", 2)
    assert (made.p2p_address, made.rpc_url) == ("[::1]:1", "http://[::1]:2")
    side = make_key(NetworkFolder(tmp_path), "hk", Geth(), made, "correct horse", scrypt_work=2**12)
    assert side.enode.endswith("@[::1]:1")
