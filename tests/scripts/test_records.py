"""Records and batches in an authority's hands: doubted, resolved, withdrawn, rejected; never one that is not meant."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from tests.scripts.conftest import Admin, Outcome, Rpc
from tests.scripts.steps import member
from tests.scripts.test_seats import matters

PENDING, ACTIVE, REJECTED, REVOKED, DISPUTED = 1, 2, 3, 4, 6
HK, SZ, HK_REVIEWED = "CRA-HK-01", "CRA-SZ-01", "CRA-HK-02"
# Hong Kong's; both sides'; Shenzhen's alone; one that waits for review.
OF_HK, OF_BOTH, OF_SZ, UNREVIEWED, ABSENT = ("1" * 16, "2" * 16, "3" * 16, "4" * 16, "f" * 16)
BATCH_HK, BATCH_SZ, BATCH_UNREVIEWED = 1, 2, 3
DOUBT = ["--reason", "plausibility", "--yes"]

RECEIPT_SECONDS = 10

Run = Callable[..., Outcome]


@dataclass(frozen=True)
class Ledger:
    """Three institutions' records, read and written in raw JSON-RPC. Institutions by number, in order of admission."""

    rpc: Rpc
    registry: str
    accounts: dict[str, str]

    def send(self, account: str, signature: str, *arguments: Any) -> None:
        types = signature[signature.index("(") + 1 : -1].split(",")
        data = "0x" + (keccak(text=signature)[:4] + encode(types, arguments)).hex()
        tx = {
            "from": self.accounts[account],
            "to": self.registry,
            "data": data,
            "gas": hex(1_000_000),
            "gasPrice": hex(10**10),
        }
        sent, until = self.rpc.ask("eth_sendTransaction", tx), time.monotonic() + RECEIPT_SECONDS
        # A node has the block a moment after it took the transaction.
        while (receipt := self.rpc.ask("eth_getTransactionReceipt", sent)) is None and time.monotonic() < until:
            time.sleep(0.01)
        assert receipt is not None
        assert receipt["status"] == "0x1", receipt

    def register(self, account: str, *hashes: str) -> None:
        records = [bytes.fromhex(one) + keccak(text=account + one)[:24] for one in hashes]
        self.send(account, "register(uint16,uint40,uint8,bytes32[])", 1, 0, 0, records)

    def state(self, record: str, institution: int, n: int = 0) -> int:
        return int(self.rpc.call(self.registry, "stateOf(uint88)", [key(record, institution, n)], ["uint8", "bool"])[0])

    def reason(self, record: str, institution: int) -> int:
        note = self.rpc.call(
            self.registry, "noteOf(uint88)", [key(record, institution)], ["(uint72,uint40,uint8,uint16,uint16,uint32)"]
        )
        return int(note[0][2])

    def status(self, batch: int) -> tuple[int, int]:
        """Status and reason."""
        types = "(address,uint16,uint16,uint40,uint16,uint8,address,uint40,uint40,uint8,uint8)"
        found = self.rpc.call(self.registry, "batchOf(uint48)", [batch], [types])[0]
        return int(found[10]), int(found[9])


def key(record: str, institution: int, n: int = 0) -> int:
    return int(record, 16) << 24 | institution << 8 | n


@pytest.fixture(scope="module")
def founded(rpc: Rpc, admin: Admin, deployment: Path, registry: str) -> Iterator[Ledger]:
    """Institutions 1 (Hong Kong), 2 (Shenzhen) and 3 (Hong Kong, whose batches wait for review), with their records."""
    snapshot = rpc.ask("evm_snapshot")
    funded = rpc.ask("eth_accounts")
    accounts = dict(zip(("hk", "sz", "hk_reviewed", "hk_reviewer"), funded[6:10], strict=True))
    for code, account, side, review in (
        (HK, "hk", "hk", ["--no-review", "--review", accounts["hk_reviewer"]]),
        (SZ, "sz", "sz", ["--no-review"]),
        (HK_REVIEWED, "hk_reviewed", "hk", []),
    ):
        scope = ["--role", "provider", "--schema", "1", "--until", "never", "--submit", accounts[account], *review]
        signed = ["--authority", f"{side}_authority", "--deployment", deployment]
        admitted = admin.run("institutions", "admit", code, *scope, *signed)
        assert admitted.code == 0, admitted
    made = Ledger(rpc, registry, accounts)
    made.register("hk", OF_HK, OF_BOTH)
    made.register("sz", OF_BOTH, OF_SZ)
    made.register("hk_reviewed", UNREVIEWED)
    yield made
    assert rpc.ask("evm_revert", snapshot)


@pytest.fixture
def ledger(founded: Ledger, chain: Rpc) -> Ledger:
    assert chain is founded.rpc
    return founded


def test_dispute__another_side_s_record__is_in_doubt_pending_and_resolved_by_that_authority_alone(
    institutions: Run, ledger: Ledger, addresses: dict[str, str]
) -> None:
    dispute = ["record", "dispute", "0x" + OF_SZ.upper(), "--reason", "PLAUSIBILITY"]
    asked = institutions(*dispute, key="hk_authority", answer="n\n")
    assert (asked.code, asked.error) == (2, "Error: not confirmed: nothing was sent: say y, or give --yes\n")
    header, row = asked.output.splitlines()[:2]
    assert header.split("  ")[0] == "record"
    assert row.split()[:7] == [OF_SZ, SZ, "0", "CN-SZ", "active", "personal-credit-report/1", str(BATCH_SZ)]
    assert ledger.state(OF_SZ, 2) == ACTIVE
    done = institutions(*dispute, key="hk_authority", answer="y\n")
    assert done.output.splitlines()[-1] == f"record {OF_SZ} of {SZ}, claim 0: disputed"
    assert (ledger.state(OF_SZ, 2), ledger.reason(OF_SZ, 2)) == (DISPUTED, 6)
    (waiting,) = matters(institutions)
    assert (waiting["kind"], waiting["record"], waiting["institution"], waiting["side"], waiting["reason"]) == (
        "dispute", OF_SZ, SZ, "HK", "plausibility",
    )  # fmt: skip
    assert waiting["who"] == [f"HK's authority {addresses['hk_authority']}: record resolve"]
    height = ledger.rpc.height()
    again = institutions(*dispute, key="hk_authority")
    assert (again.code, again.output) == (0, f"record {OF_SZ} of {SZ}, claim 0: nothing to do\n")
    for command in (["dispute"], ["resolve", "--dismiss"]):
        other = institutions("record", *command, OF_SZ, *DOUBT, key="sz_authority")
        assert (other.code, other.error.count("\n")) == (2, 1)
        assert "disputed" in other.error
        assert "HK's authority" in other.error
    assert ledger.rpc.height() == height
    resolve = ["record", "resolve", OF_SZ, "--dismiss", "--reason", "other", "--yes"]
    assert "dismissed, it is active" in institutions(*resolve, key="hk_authority").output
    assert (ledger.state(OF_SZ, 2), matters(institutions)) == (ACTIVE, [])
    assert "nothing to do" in institutions(*resolve, key="hk_authority").output


def test_dispute_and_revoke_batch__exported__nothing_is_asked(
    institutions: Run, ledger: Ledger, tmp_path: Path
) -> None:
    height = ledger.rpc.height()
    acts = ((["record", "dispute", OF_SZ], "HK", "dispute"), (["batch", "revoke", BATCH_SZ], "CN-SZ", "revokeBatch"))
    for command, side, function in acts:
        file = tmp_path / f"{function}.json"
        exported = institutions(*command, "--reason", "other", "--export", file, "--authority", side)
        assert (exported.code, exported.error, "?" in exported.output) == (0, "", False)
        assert member(file, "function") == function
    assert ledger.rpc.height() == height


def test_resolve__upheld__is_revoked_for_good(institutions: Run, ledger: Ledger) -> None:
    assert institutions("record", "dispute", OF_HK, *DOUBT, key="sz_authority").code == 0
    resolve = ["record", "resolve", OF_HK, "--reason", "data_error", "--yes"]
    assert "give --uphold or --dismiss" in institutions(*resolve, key="sz_authority").error
    assert "it is revoked" in institutions(*resolve, "--uphold", key="sz_authority").output
    assert (ledger.state(OF_HK, 1), ledger.reason(OF_HK, 1)) == (REVOKED, 1)
    assert "nothing to do" in institutions(*resolve, "--uphold", key="sz_authority").output
    for command in (["dispute"], ["resolve", "--dismiss"]):
        refused = institutions("record", *command, OF_HK, *DOUBT, key="sz_authority")
        assert (refused.code, "it is revoked: that is final" in refused.error) == (2, True)


def test_resolve__an_institution_s_own_dispute__is_not_an_authority_s(institutions: Run, ledger: Ledger) -> None:
    ledger.send("hk", "dispute(uint88,uint8)", key(OF_HK, 1), 1)
    assert matters(institutions) == []
    refused = institutions("record", "resolve", OF_HK, "--uphold", *DOUBT, key="hk_authority")
    assert (refused.code, refused.error) == (
        2,
        f"Error: record {OF_HK} of {HK}, claim 0, was disputed by {HK}: only another account of {HK} resolves it\n",
    )
    assert institutions("record", "revoke", OF_HK, *DOUBT, key="hk_authority").code == 0
    assert ledger.state(OF_HK, 1) == REVOKED


def test_resolve__undisputed_and_upheld__says_that_it_is_in_no_doubt(institutions: Run, ledger: Ledger) -> None:
    refused = institutions("record", "resolve", OF_HK, "--uphold", *DOUBT, key="hk_authority")
    assert (refused.code, "can't be resolved: it is active: it is in no doubt" in refused.error) == (2, True)
    assert ledger.state(OF_HK, 1) == ACTIVE


def test_hash_of_several__without_a_choice__nothing_is_done(institutions: Run, ledger: Ledger) -> None:
    height = ledger.rpc.height()
    both = f"{HK} 0 (active), {SZ} 0 (active)"
    ambiguous = institutions("record", "dispute", OF_SZ, OF_BOTH, *DOUBT, key="hk_authority")
    assert (ambiguous.code, ambiguous.error, ledger.rpc.height()) == (
        2,
        f"Error: record {OF_BOTH}: 2 claims to it, {both}: choose by --institution and --claim\n",
        height,
    )
    chosen = institutions("record", "dispute", OF_BOTH, "--institution", SZ, *DOUBT, key="hk_authority")
    assert chosen.output.splitlines()[-1] == f"record {OF_BOTH} of {SZ}, claim 0: disputed"
    assert (ledger.state(OF_BOTH, 1), ledger.state(OF_BOTH, 2)) == (ACTIVE, DISPUTED)


def test_hash_registered_again__claim_chooses_and_a_wrong_one_lists_them(institutions: Run, ledger: Ledger) -> None:
    assert institutions("record", "revoke", OF_HK, *DOUBT, key="hk_authority").code == 0
    ledger.register("hk", OF_HK)
    revoke = ["record", "revoke", OF_HK, *DOUBT]
    assert f"{HK} 0 (revoked), {HK} 1 (active)" in institutions(*revoke, key="hk_authority").error
    wrong = institutions(*revoke, "--claim", "2", key="hk_authority")
    assert (wrong.code, f"no such claim to it: there are {HK} 0" in wrong.error) == (2, True)
    assert institutions(*revoke, "--claim", "1", key="hk_authority").code == 0
    assert ledger.state(OF_HK, 1, 1) == REVOKED


def test_revoke__another_side_s_or_absent_among_them__refused_before_any(institutions: Run, ledger: Ledger) -> None:
    height = ledger.rpc.height()
    foreign = institutions("record", "revoke", OF_HK, OF_SZ, *DOUBT, key="hk_authority")
    who = f"CN-SZ's authority or {SZ} does that; `institutions record dispute` raises doubt"
    assert (foreign.code, foreign.error) == (2, f"Error: record {OF_SZ} of {SZ}, claim 0, is CN-SZ's: {who}\n")
    cases = [
        ([OF_HK, ABSENT], "nobody claims it"),
        ([OF_HK, UNREVIEWED], "can't be revoked: it is pending: its batch waits for review"),
        ([OF_HK, "12"], "is not a record hash: 16 hex digits"),
    ]
    for hashes, words in cases:
        refused = institutions("record", "revoke", *hashes, *DOUBT, key="hk_authority")
        assert (refused.code, words in refused.error, refused.error.count("\n")) == (2, True, 1), refused
    assert institutions("record", "revoke", OF_HK, *DOUBT, key="stranger").code == 2
    assert ledger.rpc.height() == height


def test_revoke__several__in_one_transaction_and_again_only_what_is_left(institutions: Run, ledger: Ledger) -> None:
    ledger.register("hk", "5" * 16)
    height = ledger.rpc.height()
    of_hk = ["--institution", HK, "--reason", "court_or_regulator", "--yes"]
    first = institutions("record", "revoke", OF_HK, OF_BOTH, OF_HK, *of_hk, key="hk_authority")
    assert (first.code, ledger.rpc.height()) == (0, height + 1)
    assert [ledger.state(one, 1) for one in (OF_HK, OF_BOTH)] == [REVOKED, REVOKED]
    assert (ledger.reason(OF_HK, 1), ledger.state(OF_BOTH, 2)) == (9, ACTIVE)
    second = institutions("record", "revoke", OF_HK, "5" * 16, *of_hk, key="hk_authority")
    assert second.output.splitlines()[-2:] == [
        f"record {'5' * 16} of {HK}, claim 0: revoked",
        f"record {OF_HK} of {HK}, claim 0: nothing to do",
    ]


def test_batch__reject_and_revoke__by_its_own_side_once(institutions: Run, ledger: Ledger) -> None:
    reject = ["batch", "reject", BATCH_UNREVIEWED, "--reason", "entitlement"]
    assert "is HK's: HK's authority" in institutions(*reject, "--yes", key="sz_authority").error
    asked = institutions(*reject, key="hk_authority", answer="n\n")
    assert asked.output.splitlines()[1].split()[:6] == [
        str(BATCH_UNREVIEWED), HK_REVIEWED, "HK", "pending", "personal-credit-report/1", "1",
    ]  # fmt: skip
    early = institutions("batch", "revoke", BATCH_UNREVIEWED, *DOUBT, key="hk_authority")
    assert (early.code, "it is pending: `institutions batch reject`" in early.error) == (2, True)
    assert ledger.status(BATCH_UNREVIEWED) == (PENDING, 0)
    assert institutions(*reject, "--yes", key="hk_authority").code == 0
    assert ledger.status(BATCH_UNREVIEWED) == (REJECTED, 8)
    assert institutions(*reject, key="hk_authority").output == f"batch {BATCH_UNREVIEWED}: nothing to do\n"
    revoke = ["batch", "revoke", BATCH_SZ, "--reason", "key_compromised", "--yes"]
    assert institutions(*revoke, key="sz_authority").output.splitlines()[-1] == f"batch {BATCH_SZ}: revoked"
    assert (ledger.status(BATCH_SZ), ledger.state(OF_SZ, 2)) == ((REVOKED, 7), REVOKED)
    assert institutions(*revoke, key="sz_authority").output == f"batch {BATCH_SZ}: nothing to do\n"
    assert "no batch 99" in institutions("batch", "revoke", 99, *DOUBT, key="sz_authority").error


def test_pending__disputed_record_whose_batch_is_withdrawn__no_longer_waits(institutions: Run, ledger: Ledger) -> None:
    assert institutions("record", "dispute", OF_SZ, *DOUBT, key="hk_authority").code == 0
    assert institutions("batch", "revoke", BATCH_SZ, *DOUBT, key="sz_authority").code == 0
    assert ledger.state(OF_SZ, 2) == REVOKED
    assert institutions("pending").output == "nothing is pending\n"


def test_show__table_and_json__every_claim_and_who_disputes_it(institutions: Run, ledger: Ledger) -> None:
    assert institutions("record", "dispute", OF_BOTH, "--institution", HK, *DOUBT, key="sz_authority").code == 0
    first, second = json.loads(institutions("record", "show", OF_BOTH, "--json").output)["claims"]
    assert (first["institution"], first["claim"], first["state"], first["side"]) == (HK, 0, "disputed", "HK")
    assert (first["batch"], first["expires_at"]) == (BATCH_HK, None)
    assert (first["dispute"]["by"], first["dispute"]["reason"]) == ("CN-SZ's authority", "plausibility")
    assert (second["institution"], second["dispute"], second["entry_key"]) == (SZ, None, f"{key(OF_BOTH, 2):#x}")
    header, disputed, _ = institutions("record", "show", OF_BOTH).output.splitlines()
    assert disputed[header.index("disputed by") :].startswith("CN-SZ's authority, plausibility, since ")
    assert institutions("record", "show", ABSENT).output == "no claim\n"


def test_step__dispute_exported_and_signed_elsewhere__done_when_it_is_sent(
    institutions: Run, admin: Admin, ledger: Ledger, deployment: Path, tmp_path: Path
) -> None:
    step, signed = tmp_path / "step.json", tmp_path / "signed.json"
    exported = institutions("record", "dispute", OF_SZ, *DOUBT, "--authority", "HK", "--export", step)
    words = f"raise doubt about record {OF_SZ} of {SZ} (institution 2), claim 0, reason plausibility"
    assert f"{step}: {words}\n" in exported.output
    assert ledger.state(OF_SZ, 2) == ACTIVE
    on = ["--deployment", deployment]
    shown = admin.run("institutions", "step", "show", step, *on, network="")
    assert shown.output.splitlines()[0] == words.replace(f"{SZ} (institution 2)", "institution 2")
    sign = ["step", "sign", step, "--key", "hk_authority", "--out", signed, "--yes"]
    assert admin.run("institutions", *sign, *on, network="").code == 0
    assert institutions("step", "send", signed).code == 0
    assert ledger.state(OF_SZ, 2) == DISPUTED


def test_step__what_changed_since_it_was_signed__refused_in_one_line_with_what_to_do(
    institutions: Run, admin: Admin, ledger: Ledger, deployment: Path, tmp_path: Path, addresses: dict[str, str]
) -> None:
    assert institutions("record", "dispute", OF_SZ, *DOUBT, key="hk_authority").code == 0
    steps: dict[str, list[Any]] = {
        "resolve": ["record", "resolve", OF_SZ, "--dismiss"],
        "revoke": ["record", "revoke", OF_HK],
        "batch": ["batch", "revoke", BATCH_HK],
        "reject": ["batch", "reject", BATCH_UNREVIEWED],
    }
    for name, command in steps.items():
        exported = institutions(*command, *DOUBT, "--export", tmp_path / f"{name}.json", key="hk_authority")
        assert exported.code == 0, exported
        sign = ["step", "sign", tmp_path / f"{name}.json", "--key", "hk_authority", "--out", tmp_path / name, "--yes"]
        assert admin.run("institutions", *sign, "--deployment", deployment, network="").code == 0

    def refused(name: str, *words: str) -> None:
        outcome = institutions("step", "send", tmp_path / name)
        assert (outcome.code, outcome.error.count("\n")) == (1, 1), outcome
        assert all(one in outcome.error for one in words), outcome

    ledger.send("hk", "revoke(uint88[],uint8)", [key(OF_HK, 1)], 1)
    ledger.send("hk", "revokeBatch(uint48,uint8)", BATCH_HK, 1)
    ledger.send("hk_reviewed", "reject(uint48,uint8)", BATCH_UNREVIEWED, 1)
    refused("revoke", f"RecordState(entryKey={key(OF_HK, 1):#x}, state=4)", "it is revoked by now")
    refused("batch", "BatchNotActive(", "it is revoked: only what is active is revoked")
    refused("reject", "BatchNotPending(", "it is rejected: only what waits for review is rejected")
    recovery = ["HK", "--to", addresses["next_holder"]]
    assert institutions("recovery", "start", *recovery, key="hk_recovery").code == 0
    assert institutions("recovery", "support", *recovery, key="sz_authority").code == 0
    caller = addresses["hk_authority"].lower()
    ends = "who raised the dispute ends it: its side's authority"
    refused("resolve", f"NotResolver(entryKey={key(OF_SZ, 2):#x}, caller={caller})", ends)
    refused(
        "revoke", f"NotAllowed(caller={caller}, institution=1)", "its institution may, and the authority of its own"
    )
