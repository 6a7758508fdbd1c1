"""Promise: an act goes to the own side's node, and over to the other side's while that one is away; the same bytes.

Both nodes are proxies before one chain, so that what each was asked is counted and either can be made to go away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.finality import Finality
from creditconnect.chain.reach import BACK_AFTER_SECONDS, Reach
from creditconnect.chain.registry import Registry
from creditconnect.chain.rpc import Node
from creditconnect.chain.signing import KeystoreSigner
from creditconnect.custody import tables
from creditconnect.custody.database import Database
from creditconnect.errors import NodesDisagree, NodeUnreachable, OtherChain
from creditconnect.exchange import mirror as mirrors
from creditconnect.exchange.mirror import Mirror
from creditconnect.exchange.outbox import Outbox
from creditconnect.settings import Settings
from creditconnect.types import UNSEALED
from tests.chain.bench import ticking
from tests.chain.homes import BUREAU_HK, SCHEMA, Stage, passphrase, running_anvil, stage_on, write_rows
from tests.chain.proxy import Answer, Cut, Forward, Proxy, Request, Rule, proxy_before, result
from tests.chain.reconciler import assert_exactly_once, on_chain, rows

pytestmark = pytest.mark.chain


@dataclass
class Hands:
    """A clock that a test moves."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Sides:
    """A bureau's home with two nodes: the own side's and the other's."""

    stage: Stage
    own: Proxy
    other: Proxy
    settings: Settings
    clock: Hands = field(default_factory=Hands)

    def reach(self) -> Reach:
        registries = [
            Registry(Node(proxy.url, attempts=1), self.stage.registry, ContractAbi.load())
            for proxy in (self.own, self.other)
        ]
        return Reach(registries, self.stage.identity, monotonic=self.clock)

    @contextmanager
    def outbox(self) -> Iterator[Outbox]:
        database = Database(self.settings.vault_file, tables.MIGRATIONS)
        try:
            yield Outbox(
                database,
                self.reach(),
                Finality(UNSEALED),
                KeystoreSigner.open(self.settings.key_file("submit"), passphrase("submit")),
                self.settings.institution,
                schema_ids=lambda _: SCHEMA,
                batch_records=5,
                gas_price_wei=0,
                clock=time.time,
                monotonic=ticking(),
            )
        finally:
            database.close()

    def put(self, count: int) -> None:
        source = write_rows(self.settings.home / "rows.jsonl", count)
        with self.stage.open(self.settings) as client:
            client.submit(source, detach=True)

    def raw(self) -> list[bytes]:
        found = rows(self.settings.home, "SELECT raw FROM transactions ORDER BY nonce")
        return [raw for (raw,) in found if isinstance(raw, bytes)]


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    with (
        running_anvil() as anvil,
        stage_on(anvil, tmp_path) as stage,
        proxy_before(anvil.url) as own,
        proxy_before(anvil.url) as other,
    ):
        yield Sides(stage, own, other, stage.home(BUREAU_HK, tmp_path / "bureau", own.url, other.url))


def go_away(proxy: Proxy) -> None:
    def cut(_body: bytes) -> tuple[int, bytes] | None:
        raise Cut

    proxy.whole = cut


def come_back(proxy: Proxy) -> None:
    proxy.whole = None


def head(registry: Registry) -> int:
    return registry.head().number


def test_act__both_nodes_answer__the_own_side_s_alone_is_asked(sides: Sides) -> None:
    reach = sides.reach()
    assert reach.act(head) == sides.stage.anvil.height()
    assert sides.own.seen["eth_getBlockByNumber"] == 2
    assert not sides.other.seen


def test_act__own_node_away__the_other_side_s_is_identified_and_asked(sides: Sides) -> None:
    go_away(sides.own)
    assert sides.reach().act(head) == sides.stage.anvil.height()
    assert sides.other.seen["eth_getCode"] == 1


def test_act__own_node_is_back__asked_again_after_a_while_and_identified_anew(sides: Sides) -> None:
    reach = sides.reach()
    reach.act(head)
    go_away(sides.own)
    reach.act(head)
    come_back(sides.own)
    sides.own.seen.clear()

    sides.clock.at += BACK_AFTER_SECONDS - 1
    reach.act(head)
    assert not sides.own.seen, "a node that was away was asked at once"

    sides.clock.at += 1
    asked = sides.other.seen.total()
    reach.act(head)
    assert sides.own.seen["eth_getCode"] == 1
    assert sides.other.seen.total() == asked


def test_act__node_breaks_off_within_an_act__the_next_does_it_from_its_beginning(sides: Sides) -> None:
    def twice(registry: Registry) -> list[str]:
        begun.append(registry.node.url)
        registry.head()
        if registry.node.url == sides.own.url:
            go_away(sides.own)
        registry.head()
        return begun

    begun: list[str] = []
    assert sides.reach().act(twice) == [sides.own.url, sides.other.url]


def test_act__no_node_answers__the_own_side_s_is_named(sides: Sides) -> None:
    go_away(sides.own)
    go_away(sides.other)
    reach = sides.reach()
    for _ in range(2):
        with pytest.raises(NodeUnreachable) as refused:
            reach.act(head)
        assert sides.own.url in refused.value.message


@pytest.mark.parametrize("back_as_another", [True, False])
def test_act__another_chain_at_the_url_that_is_gone_over_to__refused(
    sides: Sides, tmp_path: Path, back_as_another: bool
) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    with running_anvil("--chain-id", "4242") as anvil, stage_on(anvil, folder):
        reach = sides.reach()
        reach.act(head)
        go_away(sides.own)
        if back_as_another:
            reach.act(head)
            come_back(sides.own)
            sides.own.upstream = anvil.url
            sides.clock.at += BACK_AFTER_SECONDS
        else:
            sides.other.upstream = anvil.url
        with pytest.raises(OtherChain, match="chain id is 4242"):
            reach.act(head)


# -------------------------------------------------------------------------------------------------------------- sending


def test_pump__own_node_takes_nothing_and_goes_away__the_other_gets_the_same_bytes(sides: Sides) -> None:
    sides.put(20)
    taken: list[str] = []

    def swallow(call: Request, _forward: Forward) -> Answer:
        return result(call, "0x" + "00" * 32)

    def note(call: Request, forward: Forward) -> Answer:
        taken.append(call["params"][0])
        return forward()

    sides.own.rules["eth_sendRawTransaction"] = swallow
    sides.other.rules["eth_sendRawTransaction"] = note
    with sides.outbox() as outbox:
        assert outbox.pump(flush=True).in_flight == 4
        signed = sides.raw()
        go_away(sides.own)
        registered = 0
        for _ in range(200):
            pumped = outbox.pump(flush=True)
            registered += pumped.registered
            if pumped.idle:
                break
    assert registered == 20
    assert sides.raw() == signed
    assert [bytes.fromhex(one[2:]) for one in taken] == signed
    assert_exactly_once(sides.stage.anvil.url, sides.stage.registry, [sides.settings.home])


def test_pump__nodes_go_away_in_turns__each_record_is_registered_once(sides: Sides) -> None:
    sides.put(40)
    with sides.outbox() as outbox:
        for step in range(200):
            away, there = (sides.own, sides.other) if step % 2 else (sides.other, sides.own)
            go_away(away)
            come_back(there)
            sides.clock.at += BACK_AFTER_SECONDS
            if outbox.pump(flush=step > 2).idle and step > 4:
                break
    assert on_chain(sides.stage.anvil.url, sides.stage.registry).total() == 40
    assert_exactly_once(sides.stage.anvil.url, sides.stage.registry, [sides.settings.home])


def test_submit__own_node_was_never_there__registered_by_the_other(sides: Sides) -> None:
    go_away(sides.own)
    with sides.stage.open(sides.settings) as client:
        done = client.submit(write_rows(sides.settings.home / "rows.jsonl", 7))
        assert done.registered == 7
        assert client.status().head.number == sides.stage.anvil.height()
        assert client.final_block().number == sides.stage.anvil.height()
    assert_exactly_once(sides.stage.anvil.url, sides.stage.registry, [sides.settings.home])


# ---------------------------------------------------------------------------------------------------- a node that lies

Edit = Callable[[Answer], object]


def lying(edit: Edit) -> Rule:
    def rule(_call: Request, forward: Forward) -> Answer:
        answer = forward()
        if answer["result"] is not None:
            edit(answer)
        return answer

    return rule


def failed(answer: Answer) -> None:
    answer["result"]["status"] = "0x0"


def elsewhere(answer: Answer) -> None:
    answer["result"]["blockHash"] = "0x" + "77" * 32


def gone(answer: Answer) -> None:
    answer["result"] = None


@pytest.mark.parametrize(
    ("own_lies", "edit"), [(True, failed), (True, elsewhere), (False, failed), (False, elsewhere), (False, gone)]
)
def test_pump__nodes_have_different_receipts__nothing_is_final_until_they_agree(
    sides: Sides, own_lies: bool, edit: Edit
) -> None:
    sides.put(10)
    liar = sides.own if own_lies else sides.other
    liar.rules["eth_getTransactionReceipt"] = lying(edit)
    told: list[str] = []
    with sides.outbox() as outbox:
        for _ in range(20):
            try:
                outbox.pump(flush=True)
            except NodesDisagree as error:
                told.append(f"{error.message} {error.hint}")
        states = {state for (state,) in rows(sides.settings.home, "SELECT state FROM transactions")}
        assert states <= {"stored", "mined"}, states
        assert told
        for words in (sides.own.url, sides.other.url, "nothing was taken for final"):
            assert all(words in one for one in told)

        liar.rules.clear()
        for _ in range(50):
            if outbox.pump(flush=True).idle:
                break
    assert_exactly_once(sides.stage.anvil.url, sides.stage.registry, [sides.settings.home])


def test_pump__own_node_hides_receipts__records_are_found_and_none_is_sent_twice(sides: Sides) -> None:
    """It looks as if other transactions took the nonces; the registry's entries decide."""
    sides.put(10)
    sides.own.rules["eth_getTransactionReceipt"] = lying(gone)
    with sides.outbox() as outbox:
        for _ in range(50):
            if outbox.pump(flush=True).idle:
                break
    assert_exactly_once(sides.stage.anvil.url, sides.stage.registry, [sides.settings.home])


def test_pump__other_node_is_behind__final_by_the_seals_alone(sides: Sides) -> None:
    sides.put(10)
    registered = 0
    with sides.outbox() as outbox:
        sides.other.rules["eth_getTransactionReceipt"] = lambda call, _: result(call, None)
        sides.other.rules["eth_getBlockByNumber"] = lambda call, forward: (
            forward() if call["params"][0] in ("0x0", "latest") else result(call, None)
        )
        for _ in range(50):
            pumped = outbox.pump(flush=True)
            registered += pumped.registered
            if pumped.idle:
                break
    assert registered == 10


# ------------------------------------------------------------------------------------------------------------ following


def test_follow__own_node_goes_away_between_two_windows__the_other_s_events_follow(
    sides: Sides, tmp_path: Path
) -> None:
    database = Database(tmp_path / "mirror.db", mirrors.MIGRATIONS)
    mirror = Mirror(database, sides.reach(), Finality(UNSEALED), first_block=1)
    mirror.follow()
    before = mirror.height()
    sides.stage.anvil.mine(3)

    def gone(_call: Request, _forward: Forward) -> Answer:
        raise Cut

    sides.own.rules["eth_getLogs"] = gone
    assert mirror.follow().block.number == before + 3 == mirror.height()
    assert sides.other.seen["eth_getLogs"] == 1
    database.close()


@pytest.mark.parametrize("confirmations", [1, 3])
def test_follow__blocks_that_are_not_final__not_mirrored(sides: Sides, tmp_path: Path, confirmations: int) -> None:
    database = Database(tmp_path / "mirror.db", mirrors.MIGRATIONS)
    finality = Finality(UNSEALED, confirmations=confirmations)
    mirror = Mirror(database, sides.reach(), finality, first_block=1)
    assert mirror.follow().block.number == sides.stage.anvil.height() - confirmations == mirror.height()
    database.close()
