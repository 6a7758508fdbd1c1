"""A rich life of one registry: every function that changes state, every event, then seeded turns at random.

To extend it: add a function to the script where it belongs, and its random form to `_turns`. test_audit demands that
every event of the ABI occurs and every such function succeeds, so a new one that is left out here fails there.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import islice

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from creditconnect.chain.blocks import Block, Log
from creditconnect.chain.contract_abi import ContractAbi, Event
from creditconnect.chain.registry import Registry
from creditconnect.chain.rpc import Node
from tests.chain.homes import ROOT, Anvil

ACCOUNTS = 60  # how many Anvil must have: `running_anvil("--accounts", str(ACCOUNTS))`
DAY_SECONDS = 86_400
AUTHORITY, RECOVERY = 0, 1
SUBMIT, REVIEW = 1, 2
ACTIVE, SUSPENDED, TERMINATED = 1, 2, 3
GAS = hex(2**24)
# Few, so that batches meet on the same hash; 0 and the greatest are hashes, too.
HASHES = [0, 2**64 - 1, *(number * 0x0123456789ABCDEF % 2**64 for number in range(1, 60))]


def code32(text: str) -> bytes:
    return text.encode().ljust(32, b"\0")


def key_of(record_hash: int, institution: int, n: int = 0) -> int:
    return record_hash << 24 | institution << 8 | n


class History:
    """One registry and what was done to it. `succeeded` and `refused` count calls by function."""

    def __init__(self, anvil: Anvil, seed: int = 1) -> None:
        self.anvil = anvil
        self.abi = ContractAbi.load()
        self.random = random.Random(seed)  # noqa: S311  a seed is the point
        self.succeeded: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._spare = iter([str(account) for account in anvil.rpc("eth_accounts")])
        self._unreviewed: dict[int, list[int]] = {1: [], 2: [], 3: []}
        self.stranger = next(self._spare)
        # By jurisdiction: who sits on its seats. By institution: its accounts.
        self.authority = {1: next(self._spare), 2: next(self._spare)}
        self.recovery = {1: next(self._spare), 2: next(self._spare)}
        self.submitters: dict[int, list[str]] = {}
        self.reviewers: dict[int, list[str]] = {}
        self.address = self._deploy()

    def live(self, turns: int) -> None:
        """The whole script with `turns` random turns before the registry is closed."""
        for chapter in (
            self._found,
            self._staff,
            self._corridors,
            self._register,
            self._correct,
            self._change_seats,
            self._recover,
            self._admit_side,
            self._proposals_that_die,
        ):
            chapter()
        self.at_random(turns)
        self._close()

    def do(self, sender: str, name: str, *arguments: object) -> bool:
        """Send a call, and tell whether the registry took it."""
        data = "0x" + self.abi.encode_call(name, *arguments).hex()
        call = {"from": sender, "to": self.address, "data": data, "gas": GAS, "gasPrice": "0x0"}
        succeeded = bool(self.anvil.receipt(self.anvil.rpc("eth_sendTransaction", call))["status"] == "0x1")
        (self.succeeded if succeeded else self.refused)[name] += 1
        return succeeded

    def must(self, sender: str, name: str, *arguments: object) -> None:
        assert self.do(sender, name, *arguments), (name, arguments)

    def events(self) -> list[tuple[Log, Event]]:
        registry = self.registry()
        return [(log, registry.event(log)) for log in registry.logs(0, registry.head().number)]

    def head(self) -> Block:
        return self.registry().head()

    def registry(self) -> Registry:
        return Registry(Node(self.anvil.url), self.address, self.abi)

    # --------------------------------------------------------------------------------------------------- the script

    def _deploy(self) -> str:
        path = ROOT / "src/creditconnect/chain/abi/RecordRegistry.json"
        bytecode = json.loads(path.read_text(encoding="utf-8"))["bytecode"]
        founders = [
            (code32("HK"), self.authority[1], self.recovery[1]),
            (code32("CN-SZ"), self.authority[2], self.recovery[2]),
        ]
        data = bytecode + encode(["(bytes32,address,address)[]"], [founders]).hex()
        call = {"from": self.stranger, "data": data, "gas": GAS, "gasPrice": "0x0"}
        receipt = self.anvil.receipt(self.anvil.rpc("eth_sendTransaction", call))
        assert receipt["status"] == "0x1"
        return str(receipt["contractAddress"]).lower()

    def _found(self) -> None:
        for side in (2, 1):
            self.must(self.authority[side], "acceptRegistry", side)
        for number in (1, 2, 3):
            self.must(self.authority[1 + number % 2], "addSchema", bytes([number]) * 32, f"schema-{number}")
        for side, epoch in ((1, 1), (1, 255), (2, 1)):
            self.must(self.authority[side], "publishKeeperShare", epoch, bytes([side, epoch]) * 16)

    def _staff(self) -> None:
        """Providers 1 (with review) and 2 (without) of side 1, 3 of side 2; verifiers 4 of side 2 and 5, terminated."""
        for institution, side, roles, reviewed in (
            (1, 1, 1, True),
            (2, 1, 3, False),
            (3, 2, 1, True),
            (4, 2, 2, False),
        ):
            authority = self.authority[side]
            self.must(authority, "admit", code32(f"LEI-{institution}"), bytes([institution]) * 32)
            self.must(authority, "scope", institution, roles, 0b1110 if roles & 1 else 0, 0, reviewed)
            self.submitters[institution] = [next(self._spare), next(self._spare)]
            self.reviewers[institution] = [next(self._spare), next(self._spare)]
            for role, accounts in ((SUBMIT, self.submitters[institution]), (REVIEW, self.reviewers[institution])):
                for account in accounts:
                    self.must(authority, "setAccount", institution, account, role, True)
            self.must(authority, "setEncryptionKey", institution, 1, b"first key")
            self.must(self.reviewers[institution][0], "setEncryptionKey", institution, 2, bytes([institution]) * 65)
        self.must(self.authority[1], "setAccount", 1, self.submitters[1][1], SUBMIT, False)
        self.must(self.authority[1], "setAccount", 1, self.submitters[1][1], SUBMIT, True)
        self.must(self.authority[2], "setAccount", 4, self.reviewers[4][1], REVIEW, False)
        self.must(self.authority[2], "setProfile", 3, b"\xff" * 32)
        self.must(self.authority[2], "setProfile", 4, b"\0" * 32)
        for standing in (SUSPENDED, ACTIVE):
            self.must(self.authority[1], "setStanding", 2, standing, 7)
        self.must(self.authority[2], "admit", code32("LEI-5"), b"\0" * 32)
        self.must(self.authority[2], "setStanding", 5, TERMINATED, 0)
        self.must(self.authority[1], "scope", 2, 3, 0b1110, self.anvil.now() + 900 * DAY_SECONDS, False)

    def _corridors(self) -> None:
        opened = ("openCorridor", 1, 2)
        self.must(self.authority[1], *opened)
        self.must(self.authority[1], "withdrawAgreement", self._action(*opened))
        self.must(self.authority[1], *opened)
        self.must(self.authority[2], *opened)
        self.must(self.authority[2], "openCorridor", 2, 1)
        self.must(self.authority[1], "openCorridor", 2, 1)
        self.must(self.authority[2], "closeCorridor", 2, 1)

    def _register(self) -> None:
        """Batches 1 to 8; 1, 3 and 4 of an institution with review."""
        soon = self.anvil.now() + 400 * DAY_SECONDS
        assert self._register_records(1, HASHES[:8])
        assert self._register_records(2, HASHES[:4], expires_at=soon)
        assert self._register_records(1, HASHES[6:12], schema=2, epoch=1)
        assert self._register_records(3, HASHES[:5], schema=3, expires_at=soon, epoch=1)
        assert self._register_records(2, HASHES[2:9], schema=2)
        assert self._register_records(2, [HASHES[3]])
        assert self._register_records(3, HASHES[10:14])
        assert self._register_records(2, HASHES[10:20])
        exceptions = [(key_of(HASHES[0], 1), 3), (key_of(HASHES[1], 1), 255)]
        self.must(self.reviewers[1][0], "approve", 1, exceptions)
        self.must(self.reviewers[3][1], "approve", 4, [])
        self.must(self.submitters[1][0], "reject", 3, 9)
        self.must(self.authority[2], "reject", 7, 255)

    def _correct(self) -> None:
        first, second = key_of(HASHES[10], 2), key_of(HASHES[11], 2)
        self.must(self.submitters[2][0], "revoke", [key_of(HASHES[2], 2), key_of(HASHES[2], 2, 1)], 4)
        self.must(self.authority[1], "revoke", [key_of(HASHES[2], 1)], 5)
        self.must(self.submitters[2][0], "supersede", first, second, 6)
        self.must(self.submitters[2][1], "supersede", second, key_of(HASHES[3], 2, 2), 0)
        # Disputes: its own and an authority's, each resolved both ways, and one whose batch is revoked meanwhile.
        for number, uphold in ((12, True), (13, False)):
            self.must(self.reviewers[2][0], "dispute", key_of(HASHES[number], 2), 1)
            self.must(self.submitters[2][0], "resolve", key_of(HASHES[number], 2), uphold, 2)
        for number, uphold in ((14, True), (15, False)):
            self.must(self.authority[2], "dispute", key_of(HASHES[number], 2), 1)
            self.must(self.authority[2], "resolve", key_of(HASHES[number], 2), uphold, 2)
        for number in (0, 1):
            self.must(self.reviewers[3][0], "dispute", key_of(HASHES[number], 3), 8)
        self.must(self.authority[1], "dispute", key_of(HASHES[2], 3), 8)
        self.must(self.reviewers[3][0], "revokeBatch", 4, 200)
        for number, uphold in ((0, True), (1, False)):
            self.must(self.reviewers[3][1], "resolve", key_of(HASHES[number], 3), uphold, 2)
        assert self._register_records(3, HASHES[:5])
        for side in (1, 2):
            self.must(self.authority[side], "setPaused", True)
        for side in (2, 1):
            self.must(self.authority[side], "setPaused", False)
        today = self.anvil.now() // DAY_SECONDS
        self.must(self.submitters[1][0], "postDailyRoot", 0, today - 1, b"\0" * 32, 0, 0, 0)
        self.must(self.reviewers[4][0], "postDailyRoot", 255, today - 2, b"\x0a" * 32, 3, 2**64 - 3, 2**64 - 1)

    def _change_seats(self) -> None:
        for side, seat, seats in ((1, AUTHORITY, self.authority), (2, RECOVERY, self.recovery)):
            refused, heir = next(self._spare), next(self._spare)
            for offered in (refused, "0x" + "00" * 20, heir):
                self.must(seats[side], "offerHandover", side, seat, offered)
            self.must(self.recovery[side], "startRecovery", side, refused)
            self.must(heir, "acceptHandover", side, seat)
            seats[side] = heir
        # An offer outlives the other seat's change.
        self.must(self.recovery[1], "offerHandover", 1, RECOVERY, self.stranger)

    def _recover(self) -> None:
        heirs = list(islice(self._spare, 3))
        self.must(self.recovery[2], "startRecovery", 2, heirs[0])
        self.must(self.recovery[2], "startRecovery", 2, "0x" + "00" * 20)
        self.must(self.authority[2], "offerHandover", 2, AUTHORITY, heirs[0])
        self.must(self.recovery[2], "startRecovery", 2, heirs[1])
        self.must(self.authority[2], "objectToRecovery", 2)
        self.must(self.authority[1], "supportRecovery", 2, heirs[1])
        self.authority[2] = heirs[1]
        self.must(self.recovery[1], "startRecovery", 1, heirs[2])
        self.pass_days(15)
        self.must(self.recovery[1], "completeRecovery", 1)
        self.authority[1] = heirs[2]
        # Two that stay: one that runs, one that was objected to.
        for side in (1, 2):
            self.must(self.recovery[side], "startRecovery", side, heirs[0])
        self.must(self.authority[2], "objectToRecovery", 2)

    def _admit_side(self) -> None:
        self.authority[3], self.recovery[3] = next(self._spare), next(self._spare)
        added = ("addJurisdiction", code32("SG"), self.authority[3], self.recovery[3])
        for side in (1, 2):
            self.must(self.authority[side], *added)
        self.must(self.authority[1], "nameSuccessor", self.stranger)
        self.must(self.authority[3], "acceptRegistry", 3)
        self.must(self.authority[3], "openCorridor", 3, 1)
        self.must(self.authority[1], "openCorridor", 3, 1)

    def _proposals_that_die(self) -> None:
        """One expires and is begun anew, one is withdrawn by its only side, one stays half-made."""
        self.must(self.authority[1], "openCorridor", 1, 3)
        self.pass_days(31)
        self.must(self.authority[3], "openCorridor", 1, 3)
        self.must(self.authority[2], "openCorridor", 2, 3)
        self.must(self.authority[2], "withdrawAgreement", self._action("openCorridor", 2, 3))
        self.must(self.authority[3], "addJurisdiction", code32("MO"), self.stranger, next(self._spare))

    def _close(self) -> None:
        """Leaves a batch pending and a pause on."""
        for side in (1, 2):
            self.do(self.authority[side], "setPaused", False)
        assert self._register_records(1, HASHES[20:24])
        for side in self.authority:
            self.must(self.authority[side], "nameSuccessor", self.address)
        self.must(self.authority[2], "setPaused", True)

    # ---------------------------------------------------------------------------------------------------- by chance

    def at_random(self, turns: int) -> None:
        """So many calls at random, most of which the registry takes."""
        for _ in range(turns):
            self.random.choice(self._turns())()

    def _turns(self) -> list[Callable[[], object]]:
        one = self.random.choice
        provider = one([1, 2, 3])
        side = 2 if provider == 3 else 1
        anyone = one([*self.submitters[provider], *self.reviewers[provider], self.authority[side]])
        record, reason = self._some_entry(provider), self.random.randrange(256)
        batch = self.random.randrange(1, 10 + self.succeeded["register"])
        sides = self.random.sample(sorted(self.authority), 2)
        do = self.do
        registering = partial(self._register_some, provider)
        return [
            *[registering] * 8,
            *[lambda: do(one(self.reviewers[provider]), "approve", self._pending(provider), [])] * 3,
            lambda: do(anyone, "reject", self._pending(provider), reason),
            lambda: do(anyone, "revoke", [record], reason),
            lambda: do(anyone, "revokeBatch", batch, reason) if self.random.random() < 0.2 else registering(),
            lambda: do(anyone, "supersede", record, self._some_entry(provider), reason),
            *[lambda: do(one([anyone, self.authority[side]]), "dispute", record, reason)] * 3,
            *[lambda: do(anyone, "resolve", record, reason % 2 == 0, reason)] * 3,
            lambda: do(self.authority[side], "setPaused", False) or do(self.authority[side], "setPaused", reason < 60),
            lambda: do(self.authority[sides[0]], "openCorridor", *sides),
            lambda: do(self.authority[sides[1]], "openCorridor", *sides),
            lambda: do(self.authority[sides[0]], "withdrawAgreement", self._action("openCorridor", *sides)),
            lambda: do(self.authority[sides[0]], "closeCorridor", *sides),
            lambda: do(self.authority[side], "scope", provider, 1, 0b1110, 0, reason % 2 == 0),
            lambda: do(self.authority[side], "setProfile", provider, bytes([reason]) * 32),
            lambda: do(self.reviewers[provider][0], "setEncryptionKey", provider, reason, bytes([reason]) * 8),
            lambda: do(anyone, "postDailyRoot", reason, 20_000 + reason, bytes([reason + 1 & 255]) * 32, 2, 7, 8),
            lambda: do(self.authority[sides[0]], "publishKeeperShare", reason, b"\x09" * 32),
        ]

    def pass_days(self, days: int) -> None:
        self.anvil.rpc("evm_increaseTime", days * DAY_SECONDS)
        self.anvil.mine()

    def _register_some(self, institution: int) -> None:
        hashes = self.random.sample(HASHES, self.random.randrange(1, 6))
        self._register_records(institution, hashes, schema=self.random.randrange(1, 4))

    def _register_records(
        self, institution: int, hashes: list[int], *, schema: int = 1, expires_at: int = 0, epoch: int = 0
    ) -> bool:
        """Register random commitments to these hashes."""
        records = [(value << 192 | self.random.getrandbits(192)).to_bytes(32, "big") for value in sorted(hashes)]
        submitter = self.submitters[institution][0]
        succeeded = self.do(submitter, "register", schema, expires_at, epoch, records)
        if succeeded:
            self._unreviewed[institution].append(self.succeeded["register"])
        return succeeded

    def _some_entry(self, institution: int) -> int:
        return key_of(self.random.choice(HASHES[:24]), institution, self.random.choice([0, 0, 1, 2]))

    def _pending(self, institution: int) -> int:
        """A batch that may wait for this institution's review, or one that does not exist."""
        waiting = self._unreviewed[institution]
        return waiting.pop() if waiting else 2**48 - 1

    def _action(self, name: str, *arguments: object) -> bytes:
        """What a joint action is called by."""
        return keccak(self.abi.encode_call(name, *arguments))
