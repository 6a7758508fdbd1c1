"""`step send`: what stands in the way of a signed step, and what changed since it was signed."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.chain.proxy import Answer, Cut, Forward, Request, proxy_before
from tests.scripts.conftest import Admin, Rpc
from tests.scripts.steps import OFF, Run, changed, member, paused, refused, sign

RECEIPT_SECONDS = 10
THIRTY_DAYS = 30 * 24 * 3600


def test_send__not_signed__refused(step: Run, exported: Path) -> None:
    refused(step("send", exported), f"{exported} is not signed: `institutions step sign` signs it")


def test_send__nonce_went_to_another_transaction__is_not_done_and_says_so(
    step: Run, institutions: Run, chain: Rpc, registry: str, signed: Path, addresses: dict[str, str]
) -> None:
    assert institutions("schema", "pin", "document/1", key="hk_authority").code == 0
    assert institutions("keeper-share", "9", "0x" + "5a" * 32, key="hk_authority").code == 0
    used = f"{addresses['hk_authority']} has used nonce {member(signed, 'nonce')} for another transaction"
    for outcome in (step("send", signed), step("send", signed, "--dry-run")):
        refused(outcome, used, "export the step again, if it is not done")
    assert paused(chain, registry) == 0


def test_send__an_earlier_step_is_still_to_be_sent__refused_until_it_is(
    step: Run, admin: Admin, chain: Rpc, registry: str, deployment: Path, exported: Path, signed: Path, tmp_path: Path
) -> None:
    nonce = member(exported, "nonce")
    arguments = dict.fromkeys(member(exported, "arguments"), False)
    lifting = changed(exported, tmp_path / "off.json", {"call_data": OFF, "arguments": arguments, "nonce": nonce + 1})
    assert sign(admin, deployment, lifting, tmp_path / "off-signed.json").code == 0
    early = step("send", tmp_path / "off-signed.json")
    refused(early, f"is {nonce}, this step has {nonce + 1}: send its earlier steps first")
    assert step("send", signed).code == 0
    assert paused(chain, registry) == 1
    assert step("send", tmp_path / "off-signed.json").code == 0
    assert paused(chain, registry) == 0


def test_send__included_and_failed__says_in_which_block_and_what_to_do(
    step: Run, chain: Rpc, signed: Path, registry: str
) -> None:
    """Sent by somebody who did not look first: the registry then refuses it within a block."""
    code = chain.ask("eth_getCode", registry, "latest")
    chain.ask("anvil_setCode", registry, "0x60006000fd")
    sent = chain.ask("eth_sendRawTransaction", member(signed, "raw_transaction"))
    until = time.monotonic() + RECEIPT_SECONDS
    while (receipt := chain.ask("eth_getTransactionReceipt", sent)) is None and time.monotonic() < until:
        time.sleep(0.01)
    assert receipt["status"] == "0x0"
    chain.ask("anvil_setCode", registry, code)
    refused(step("send", signed), f"transaction {sent} failed in block {chain.height()}: export the step again")


def test_send__answer_lost_after_the_node_took_it__again_finds_it_done(
    step: Run, chain: Rpc, registry: str, signed: Path
) -> None:
    def take_and_cut(_call: Request, forward: Forward) -> Answer:
        forward()
        raise Cut

    height = chain.height()
    with proxy_before(chain.url) as proxy:
        proxy.rules["eth_sendRawTransaction"] = take_and_cut
        lost = step("send", signed, network=proxy.url)
        refused(lost, "the node does not answer")
        again = step("send", signed)
    assert (again.code, f"was done in block {height + 1}" in again.output) == (0, True)
    assert (paused(chain, registry), chain.height()) == (1, height + 1)


def test_send__node_gone_before_it_was_taken__nothing_is_done_and_again_does_it(
    step: Run, chain: Rpc, registry: str, signed: Path
) -> None:
    def cut(_call: Request, _forward: Forward) -> Answer:
        raise Cut

    with proxy_before(chain.url) as proxy:
        proxy.rules["eth_sendRawTransaction"] = cut
        refused(step("send", signed, network=proxy.url), "the node does not answer")
    assert paused(chain, registry) == 0
    assert step("send", signed).code == 0
    assert paused(chain, registry) == 1


def test_send__sender_without_funds__refused_and_sent_when_it_has_some(
    step: Run, chain: Rpc, registry: str, signed: Path, addresses: dict[str, str]
) -> None:
    chain.ask("anvil_setBalance", addresses["hk_authority"], "0x0")
    outcome = step("send", signed)
    assert (outcome.code, outcome.error.count("\n"), "nsufficient funds" in outcome.error) == (1, 1, True), outcome
    assert paused(chain, registry) == 0
    chain.ask("anvil_setBalance", addresses["hk_authority"], hex(10**18))
    assert step("send", signed).code == 0


def exported_and_signed(
    admin: Admin, institutions: Run, deployment: Path, folder: Path, key: str, *command: object
) -> Path:
    step, signed = folder / f"{command[0]}-{key}.json", folder / f"{command[0]}-{key}-signed.json"
    done = institutions(*command, "--export", step, key=key)
    assert done.code == 0, done
    done = sign(admin, deployment, step, signed, key)
    assert done.code == 0, done
    return signed


def test_send__agreement_to_what_expired_since__completes_nothing_and_begins_anew(
    step: Run, institutions: Run, admin: Admin, chain: Rpc, deployment: Path, tmp_path: Path
) -> None:
    add = ["joint", "add-side", "MO", "0x" + "b1" * 20, "0x" + "b2" * 20]
    assert institutions(*add, key="hk_authority").code == 0
    late = exported_and_signed(admin, institutions, deployment, tmp_path, "sz_authority", *add)
    chain.pass_time(THIRTY_DAYS)
    assert step("send", late).code == 0
    sides = json.loads(institutions("sides", "--json").output)["sides"]
    assert [one["code"] for one in sides] == ["HK", "CN-SZ"]
    (waiting,) = json.loads(institutions("pending", "--json").output)["pending"]
    assert (waiting["agreed"], waiting["missing"]) == (["CN-SZ"], ["HK"])


def test_send__recovery_objected_to_since__refused_by_name(
    step: Run, institutions: Run, admin: Admin, chain: Rpc, deployment: Path, tmp_path: Path, addresses: dict[str, str]
) -> None:
    to = addresses["next_holder"]
    assert institutions("recovery", "start", "HK", "--to", to, key="hk_recovery").code == 0
    chain.pass_time(THIRTY_DAYS)
    complete = ["recovery", "complete", "HK"]
    signed = exported_and_signed(admin, institutions, deployment, tmp_path, "hk_recovery", *complete)
    assert institutions("recovery", "object", "HK", key="hk_authority").code == 0
    refused(step("send", signed), "NoRecovery(jurisdiction=1", "its authority objected")


def test_send__seat_was_taken_by_another_since__the_old_holder_s_step_is_refused(
    step: Run, institutions: Run, signed: Path, addresses: dict[str, str]
) -> None:
    recovery = ["HK", "--to", addresses["next_holder"]]
    assert institutions("recovery", "start", *recovery, key="hk_recovery").code == 0
    assert institutions("recovery", "support", *recovery, key="sz_authority").code == 0
    refused(step("send", signed), f"NotAuthority(caller={addresses['hk_authority'].lower()})")
    old = institutions("pause", "on", key="hk_authority")
    refused(old, f"hk_authority ({addresses['hk_authority']}) is not the authority of any side")
    assert institutions("pause", "on", key="next_holder").output == "paused by HK\n"
