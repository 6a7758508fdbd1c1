"""Promise: the client's own codec says what web3.py says, for every function, event and error; and cast reads the same.

web3.py and cast are the oracles: neither is used by the client.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.types import LogReceipt

from creditconnect.chain.contract_abi import ContractAbi
from creditconnect.chain.registry import Found, Question, Registry, claims_from, institution_from
from creditconnect.chain.rpc import Node
from creditconnect.errors import Reverted
from creditconnect.types import RecordState
from tests.chain.homes import (
    BUREAU_HK,
    BUREAU_SZ,
    CODES,
    HK,
    ROOT,
    SCHEMA,
    SUSPENDED,
    SZ,
    Stage,
    running_anvil,
    stage_on,
)
from tests.chain.reconciler import BATCH_REGISTERED

pytestmark = pytest.mark.chain

SEED = 20_261_123
ROUNDS = 3
ABI: list[dict[str, Any]] = json.loads(
    (ROOT / "src/creditconnect/chain/abi/RecordRegistry.json").read_text(encoding="utf-8")
)["abi"]


def _named(kind: str) -> list[str]:
    return sorted(item["name"] for item in ABI if item["type"] == kind)


VIEWS = sorted(
    item["name"] for item in ABI if item["type"] == "function" and item["stateMutability"] in ("view", "pure")
)


@pytest.fixture(scope="module")
def ours() -> ContractAbi:
    return ContractAbi.load()


@pytest.fixture(scope="module")
def oracle() -> Contract:
    return Web3().eth.contract(address=Web3.to_checksum_address("0x" + "11" * 20), abi=ABI)


def item_of(kind: str, name: str) -> dict[str, Any]:
    (found,) = [item for item in ABI if item["type"] == kind and item["name"] == name]
    return found


def sample(kind: str, components: Sequence[Mapping[str, Any]], chance: random.Random) -> Any:
    """A value of an ABI type, its extremes more often than not."""
    if kind.endswith("[]"):
        return [sample(kind.removesuffix("[]"), components, chance) for _ in range(chance.randrange(4))]
    if kind == "tuple":
        return tuple(sample(part["type"], part.get("components", ()), chance) for part in components)
    if kind.startswith("uint"):
        greatest: int = 2 ** int(kind.removeprefix("uint")) - 1
        return chance.choice((0, greatest, chance.randint(0, greatest)))
    if kind == "string":
        return chance.choice(("", "a", "Ω" * 40))
    sized = {"bool": None, "address": 20, "bytes": chance.choice((0, 1, 32, 65))}
    if kind == "bool":
        return chance.random() < 0.5
    length = sized[kind] if kind in sized else int(kind.removeprefix("bytes"))
    assert length is not None
    drawn = chance.randbytes(length)
    return Web3.to_checksum_address(drawn) if kind == "address" else drawn


def samples(inputs: Sequence[Mapping[str, Any]], chance: random.Random) -> list[Any]:
    return [sample(item["type"], item.get("components", ()), chance) for item in inputs]


def canonical_type(item: Mapping[str, Any]) -> str:
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(canonical_type(part) for part in item['components'])}){kind.removeprefix('tuple')}"


def plain(value: Any) -> Any:
    """One form for both: structs as dicts, lists as lists, addresses and bytes as lower-case hex."""
    if hasattr(value, "_asdict"):
        return {name: plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, bytes):
        return bytes(value).hex()
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value.lower() if isinstance(value, str) and value.startswith("0x") else value


# ----------------------------------------------------------------------------------------------------------- the codec


@pytest.mark.parametrize("name", _named("function"))
def test_encode_call__any_arguments__the_bytes_of_web3(ours: ContractAbi, oracle: Contract, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")  # noqa: S311  reproducible on purpose, protects nothing
    for _ in range(ROUNDS):
        arguments = samples(item_of("function", name)["inputs"], chance)
        assert "0x" + ours.encode_call(name, *arguments).hex() == oracle.encode_abi(name, args=arguments)
        assert ours.selector(name) == ours.encode_call(name, *arguments)[:4]


def test_register_call__joined_by_hand__the_bytes_of_web3(ours: ContractAbi, oracle: Contract) -> None:
    registry = Registry(Node("http://127.0.0.1:1"), oracle.address, ours)
    for count in (0, 1, 2, 500):
        records = [number.to_bytes(32, "big") for number in range(count)]
        made = registry.register_call(7, 2**40 - 1, 255, records)
        assert "0x" + made.hex() == oracle.encode_abi("register", args=[7, 2**40 - 1, 255, records])


@pytest.mark.parametrize("name", _named("event"))
def test_decode_event__any_arguments__what_web3_decodes(ours: ContractAbi, oracle: Contract, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")  # noqa: S311
    inputs = item_of("event", name)["inputs"]
    signature = f"{name}({','.join(canonical_type(item) for item in inputs)})"
    for _ in range(ROUNDS):
        values = samples(inputs, chance)
        topics = [bytes(Web3.keccak(text=signature))]
        pairs = list(zip(inputs, values, strict=True))
        topics += [Web3().codec.encode([item["type"]], [value]) for item, value in pairs if item["indexed"]]
        rest = [(canonical_type(item), value) for item, value in pairs if not item["indexed"]]
        data = Web3().codec.encode([kind for kind, _ in rest], [value for _, value in rest])
        log = {"topics": topics, "data": data, "address": oracle.address, "logIndex": 0, "transactionIndex": 0}
        log |= {"blockNumber": 0, "blockHash": bytes(32), "transactionHash": bytes(32), "removed": False}
        expected = oracle.events[name]().process_log(LogReceipt(**log))["args"]  # type: ignore[typeddict-item]
        found = ours.decode_event(topics, data)
        assert found.name == name
        assert plain(found.arguments) == plain(expected)
        assert ours.topic(name) == topics[0]


@pytest.mark.parametrize("name", _named("error"))
def test_decode_error__any_arguments__named_with_its_arguments(ours: ContractAbi, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")  # noqa: S311
    inputs = item_of("error", name)["inputs"]
    kinds = [canonical_type(item) for item in inputs]
    for _ in range(ROUNDS):
        values = samples(inputs, chance)
        selector = Web3.keccak(text=f"{name}({','.join(kinds)})")[:4]
        found = ours.decode_error(bytes(selector) + Web3().codec.encode(kinds, values))
        assert found.name == name
        assert plain(found.arguments) == plain({item["name"]: v for item, v in zip(inputs, values, strict=True)})


def test_decode_error__built_into_solidity_or_unknown__still_named(ours: ContractAbi) -> None:
    panic = bytes(Web3.keccak(text="Panic(uint256)")[:4]) + (0x11).to_bytes(32, "big")
    assert (ours.decode_error(panic).name, ours.decode_error(panic).arguments) == ("Panic", {"code": 0x11})
    text = bytes(Web3.keccak(text="Error(string)")[:4]) + Web3().codec.encode(["string"], ["no"])
    assert (ours.decode_error(text).name, ours.decode_error(text).arguments) == ("Error", {"message": "no"})
    assert ours.decode_error(b"\1\2\3\4").arguments == {"data": "0x01020304"}


def test_decode_event__of_another_contract__key_error(ours: ContractAbi) -> None:
    with pytest.raises(KeyError):
        ours.decode_event([b"\7" * 32], b"")


def test_counter__topic__is_that_of_the_event(ours: ContractAbi) -> None:
    signature = "BatchRegistered(uint48,uint16,uint16,address,uint40,uint40,uint8,uint8,bytes32[])"
    assert Web3.to_hex(Web3.keccak(text=signature)) == BATCH_REGISTERED == "0x" + ours.topic("BatchRegistered").hex()


# --------------------------------------------------------------------------------------------------------- on the chain


@dataclass
class Written:
    """A registry in which something of everything was written."""

    stage: Stage
    registry: Registry
    contract: Contract
    keys: list[int]
    hashes: list[int]


def word(record_hash: int, commitment: int) -> bytes:
    return record_hash.to_bytes(8, "big") + commitment.to_bytes(24, "big")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with running_anvil() as anvil, stage_on(anvil, tmp_path_factory.mktemp("stage")) as stage:
        hk, sz = stage.keys[BUREAU_HK]["submit"], stage.keys[BUREAU_SZ]["submit"]
        records = [word(number << 40, number + 1) for number in range(1, 6)]
        stage.send_as(hk, "register", SCHEMA, anvil.now() + 10_000, 0, records)
        stage.send_as(hk, "register", SCHEMA, 0, 0, [word(1 << 40, 77)])
        stage.send_as(sz, "register", SCHEMA, 0, 0, [word(1 << 40, 2**192 - 1)])
        keys = [(number << 40) << 24 | BUREAU_HK << 8 for number in range(1, 6)]
        stage.send_as(hk, "revoke", keys[1:2], 3)
        stage.send_as(hk, "supersede", keys[2], keys[3], 1)
        stage.admin(SZ, "dispute", keys[4], 9)
        stage.admin(HK, "setEncryptionKey", BUREAU_HK, 1, b"\1" * 32)
        stage.admin(HK, "publishKeeperShare", 1, b"\2" * 32)
        stage.admin(SZ, "nameSuccessor", "0x" + "33" * 20)
        stage.admin(HK, "offerHandover", HK, 0, stage.accounts[6])
        stage.standing(BUREAU_SZ, SUSPENDED)
        day = anvil.now() // 86_400 - 1
        stage.send_as(hk, "postDailyRoot", 1, day, b"\4" * 32, 2, 1, 2)
        contract = Web3(Web3.HTTPProvider(anvil.url)).eth.contract(
            address=Web3.to_checksum_address(stage.registry), abi=ABI, decode_tuples=True
        )
        registry = Registry(Node(anvil.url), stage.registry, stage.abi)
        yield Written(stage, registry, contract, keys, [number << 40 for number in range(1, 8)])


def _arguments(written: Written, name: str) -> list[list[Any]]:
    """What each view is asked: what is there, and what is not."""
    stage = written.stage
    action = Web3.keccak(stage.abi.encode_call("nameSuccessor", "0x" + "33" * 20))
    day = stage.anvil.now() // 86_400 - 1
    schema = stage.ask("schemaOf", SCHEMA)
    by_key = [[key] for key in [*written.keys, 5]]
    by_institution = [[number] for number in range(6)]
    code = CODES[BUREAU_HK].encode().ljust(32, b"\0")
    asked: dict[str, list[list[Any]]] = {
        "stateOf": by_key,
        "entryOf": by_key,
        "noteOf": by_key,
        "find": [[one, [1, 2, 3, 4]] for one in written.hashes],
        "findMany": [[[one << 16 | number for one in written.hashes for number in (1, 3)]], [[]]],
        "batchOf": [[1], [2], [3], [9]],
        "institutionOf": by_institution,
        "jurisdictionOf": [[0], [1], [2], [3]],
        "proposalOf": [[bytes(action)], [bytes(32)]],
        "corridorOpen": [[1, 2], [2, 1], [1, 1]],
        "institutionByCode": [[code], [bytes(32)]],
        "accountOf": [
            [Web3.to_checksum_address(stage.keys[BUREAU_HK]["submit"])],
            [Web3.to_checksum_address(stage.accounts[9])],
        ],
        "schemaOf": [[1], [2]],
        "schemaByHash": [[schema], [bytes(32)]],
        "keeperShareOf": [[1, 1], [2, 1]],
        "dailyRootOf": [[BUREAU_HK, 1, day], [BUREAU_HK, 2, day]],
    }
    return asked.get(name, [[]])


@pytest.mark.parametrize("name", VIEWS)
def test_ask__every_view__what_web3_is_answered(written: Written, name: str) -> None:
    block = written.registry.head()
    for arguments in _arguments(written, name):
        (found,) = written.registry.ask([Question(name, tuple(arguments))], block)
        expected = written.contract.functions[name](*arguments).call(block_identifier=block.number)
        # web3 names several results as it names a struct's members; here they are a plain tuple.
        wanted = list(expected) if name == "stateOf" else expected
        assert plain(found) == plain(wanted), arguments


def test_logs__everything_that_was_written__what_web3_decodes(written: Written) -> None:
    logs = written.registry.logs(0, written.stage.anvil.height())
    seen = set()
    for log in logs:
        event = written.registry.event(log)
        (expected,) = [
            one
            for one in written.contract.events[event.name]().get_logs(
                from_block=log.block_number, to_block=log.block_number
            )
            if one["logIndex"] == log.index
        ]
        assert plain(event.arguments) == plain(expected["args"])
        seen.add(event.name)
    assert {"BatchRegistered", "OverrideSet", "EncryptionKeySet", "DailyRootPosted", "JointActionAgreed"} <= seen


def test_simulate__refused__the_errors_name_and_arguments(written: Written) -> None:
    data = written.registry.register_call(SCHEMA, 0, 0, [word(1 << 40, 77)])
    with pytest.raises(Reverted) as refused:
        written.registry.simulate(written.stage.keys[BUREAU_HK]["submit"], data)
    assert refused.value.name == "DuplicateRecord"
    assert refused.value.arguments == {"index": 0, "entryKey": written.keys[0] + 1}


# ------------------------------------------------------------------------------------------------------------ and cast


def cast(written: Written, signature: str, *arguments: object) -> Any:
    program = Path(ROOT / ".tools" / "bin" / "cast")
    command = [str(program) if program.exists() else "cast", "call", "--json", "--rpc-url", written.stage.anvil.url]
    done = subprocess.run(
        [*command, written.stage.registry, signature, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _ints(value: Any) -> Any:
    """cast writes numbers as decimal text or 0x-hex."""
    if isinstance(value, list):
        return [_ints(part) for part in value]
    return int(value, 0) if isinstance(value, str) else value


def test_cast__state_of__the_same_answer(written: Written) -> None:
    expected = [
        RecordState.ACTIVE,
        RecordState.REVOKED,
        RecordState.SUPERSEDED,
        RecordState.ACTIVE,
        RecordState.DISPUTED,
    ]
    for key, state in zip(written.keys, expected, strict=True):
        (found,) = written.registry.ask([Question("stateOf", (key,))], written.registry.head())
        assert found == (state, False)
        assert _ints(cast(written, "stateOf(uint88)(uint8,bool)", key)) == [state, False]


def test_cast__find__the_same_claims(written: Written) -> None:
    shape = "(uint88,uint192,uint48,uint16,uint16,uint40,uint40,uint8,uint8,bool)[]"
    for record_hash in written.hashes:
        question = Question("find", (record_hash, [1, 2, 3, 4]))
        claims = claims_from(written.registry.ask([question], written.registry.head())[0])
        (answered,) = cast(written, f"find(uint64,uint16[])({shape})", record_hash, "[1,2,3,4]")
        parts = _ints(answered)
        assert [
            [c.entry_key, int.from_bytes(c.commitment, "big"), c.batch, c.institution, c.schema, c.registered_at]
            for c in claims
        ] == [part[:6] for part in parts]
        assert [part[8] for part in parts] == [claim.state for claim in claims]


def test_cast__find_many__the_same_words(written: Written) -> None:
    pairs = [(one.to_bytes(8, "big"), number) for one in written.hashes for number in (BUREAU_HK, BUREAU_SZ)]
    found = written.registry.find_many(pairs, written.registry.head())
    packed = ",".join(str(int.from_bytes(record_hash, "big") << 16 | number) for record_hash, number in pairs)
    (answered,) = cast(written, "findMany(uint80[])(bytes32[])", f"[{packed}]")
    words = [int(one, 16).to_bytes(32, "big") for one in answered]
    assert [_word(one) for one in found] == words
    assert found[0] is not None
    assert found[0].claims == 2


def _word(found: Found | None) -> bytes:
    if found is None:
        return bytes(32)
    flags = found.expired << 7 | found.claims
    return found.commitment + found.batch.to_bytes(6, "big") + bytes([found.state, flags])


def test_cast__institution_of__the_same_answer(written: Written) -> None:
    shape = "(uint16,uint8,uint8,bool,uint40,uint40,uint8,uint256,bytes32,bytes32,bytes32)"
    for number in (1, 2, 3, 4):
        (answer,) = written.registry.ask([Question("institutionOf", (number,))], written.registry.head())
        institution = institution_from(answer, number)
        assert institution is not None
        (answered,) = cast(written, f"institutionOf(uint16)({shape})", number)
        parts = _ints(answered)
        assert parts[:3] == [institution.jurisdiction, institution.roles, institution.standing]
        assert parts[7] == institution.schemas
        assert parts[8].to_bytes(32, "big").rstrip(b"\0").decode() == institution.code == CODES[number]
