"""What can be seen of a network: each side's node, what they agree on, who seals, and who is missing since when.

Asked of the nodes' public doors, so that anybody's machine can watch: sealers are recovered from the headers, and a
node's word is compared with the other's. Who may seal, a Clique node tells at its private door alone: whoever watches
from a machine with a node of its own asks that one, and elsewhere it is taken from the genesis and the seals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from creditconnect.chain.headers import Header, read_header
from creditconnect.chain.rpc import Node, quantity
from creditconnect.errors import HeaderInvalid, NodeRefused, NodeUnreachable
from creditconnect.types import Consensus

SEEN_BLOCKS = 100
# A validator that did not seal for so many periods is missed; on two, each seals every other block.
MISSED_PERIODS = 6
# Of a block's hash, as a number that a metric's value can hold exactly (a double's 53 bits).
HASH_VALUE_BYTES = 6


class Advice(str):
    """A line that says what is wrong and what to do."""

    __slots__ = ()


_UNNAMED = Advice("is none of the sides' validators here: ask for its side's public file")


@dataclass(frozen=True, slots=True)
class SideStatus:
    """One side: its node as far as it answers, and its validator as far as the blocks tell.

    `head` is a block's number, `hash` its 32 bytes, `age_seconds` how old it is; None where the node does not answer,
    which `trouble` then says why. `validates` is whether its validator may seal: not before it was voted in, nor after
    it was voted out. `share` is of the last 100 blocks, from 0 to 1.
    """

    side: str
    url: str
    address: str
    head: int | None = None
    hash: bytes = b""
    age_seconds: int | None = None
    peers: int | None = None
    client: str = ""
    validates: bool = False
    last_seal: int | None = None
    last_seal_at: int | None = None
    share: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class NetworkStatus:
    """All sides, and what they come to.

    `agreed` is the newest block that all nodes that answer have with the same hash; None where there is none.
    `validators` are those who may seal, by side, or by address where no side's file names it; `missing` those of them
    who seal no more. `strangers` sealed lately, and are neither. `advice` says what to do, a line each.
    """

    sides: tuple[SideStatus, ...]
    agreed: int | None
    moving: bool
    validators: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()
    blocks: int = 0


@dataclass(frozen=True, slots=True)
class Watched:
    """A side to watch: its validator's address, and its node where it is known. A follower's address is empty.

    `founded` is whether its validator may seal from the beginning.
    """

    side: str
    address: str
    node: Node | None
    founded: bool = True


def look(
    watched: Sequence[Watched],
    consensus: Consensus,
    period_seconds: int,
    clock: Callable[[], float],
    validators: Sequence[str] | None = None,
) -> NetworkStatus:
    """Ask every side's node once, and compare.

    `validators` are the addresses that may seal, as a node of this machine says; None where there is none to ask.
    """
    now = int(clock())
    answers = {one.side: _ask(one, now) for one in watched}
    reached = [(one.node, answers[one.side]) for one in watched if one.node and answers[one.side].head is not None]
    chain = _newest_blocks(max(reached, key=lambda pair: pair[1].head or 0)[0], consensus) if reached else []
    entitled = _entitled(watched, chain) if validators is None else {address.lower() for address in validators}
    known = {one.address for one in watched}
    unnamed = [SideStatus(address, "", address, trouble=_UNNAMED) for address in sorted(entitled - known)]
    sides = tuple(_sealing(one, chain, entitled) for one in (*answers.values(), *unnamed))
    agreed = _agreed([one for one, _ in reached], min((one.head or 0 for _, one in reached), default=0))
    strangers = tuple(sorted({sealer for header in chain for sealer in header.sealers} - known - entitled))
    newest = chain[0].timestamp if chain else 0
    moving = bool(chain) and now - newest <= MISSED_PERIODS * period_seconds
    sealing = tuple(one.side for one in sides if one.validates)
    missing = tuple(
        one.side
        for one in sides
        if chain and one.validates and _is_missing(one, chain, moving=moving, count=len(sealing))
    )
    advice = tuple(_advice(sides, moving=moving, missing=missing, agreed=agreed, age=now - newest))
    return NetworkStatus(sides, agreed, moving, sealing, strangers, missing, advice, len(chain))


def metrics(status: NetworkStatus) -> str:
    """The same as Prometheus reads it (text format 0.0.4)."""
    lines = []
    for name, kind, help_text, values in _metrics(status):
        lines += [f"# HELP creditconnect_network_{name} {help_text}", f"# TYPE creditconnect_network_{name} {kind}"]
        for labels, value in values:
            named = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
            lines.append(f"creditconnect_network_{name}{'{' + named + '}' if named else ''} {value}")
    return "\n".join(lines) + "\n"


_Samples = list[tuple[Mapping[str, str], float]]


def _metrics(status: NetworkStatus) -> list[tuple[str, str, str, _Samples]]:
    asked = [one for one in status.sides if one.url]
    validators = [one for one in status.sides if one.validates]

    def each(member: str) -> _Samples:
        values = [(one.side, getattr(one, member)) for one in status.sides]
        return [({"side": side}, float(value)) for side, value in values if value is not None]

    up: _Samples = [({"side": one.side}, float(one.head is not None)) for one in asked]
    missing: _Samples = [({"side": one.side}, float(one.side in status.missing)) for one in validators]
    clients: _Samples = [({"side": one.side, "client": one.client}, 1.0) for one in asked if one.client]
    hashes: _Samples = [
        ({"side": one.side}, float(int.from_bytes(one.hash[:HASH_VALUE_BYTES], "big"))) for one in asked if one.hash
    ]
    agreed: _Samples = [] if status.agreed is None else [({}, float(status.agreed))]
    return [
        ("up", "gauge", "Whether the side's node answers.", up),
        ("client_info", "gauge", "The node's program and version.", clients),
        ("head", "gauge", "Number of the newest block.", each("head")),
        ("head_hash", "gauge", "First 48 bits of the newest block's hash.", hashes),
        ("head_age_seconds", "gauge", "Age of the newest block.", each("age_seconds")),
        ("peers", "gauge", "Peers of the node.", each("peers")),
        ("validator", "gauge", "Whether the side's validator may seal.", each("validates")),
        ("last_seal", "gauge", "Number of the newest block that the side's validator sealed.", each("last_seal")),
        ("last_seal_timestamp_seconds", "gauge", "Time of that block.", each("last_seal_at")),
        ("seal_share", "gauge", "Share of the last 100 blocks that the side's validator sealed.", each("share")),
        ("missing", "gauge", "Whether a validator seals no more.", missing),
        ("validators", "gauge", "How many validators may seal.", [({}, float(len(validators)))]),
        (
            "strangers",
            "gauge",
            "How many sealed lately who are nobody's validator.",
            [({}, float(len(status.strangers)))],
        ),
        ("agreed", "gauge", "Newest block on which all nodes that answer agree.", agreed),
        ("moving", "gauge", "Whether blocks come.", [({}, float(status.moving))]),
    ]


def _escaped(text: str) -> str:
    """A label's value: what a node says of itself must not end it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _ask(one: Watched, now: int) -> SideStatus:
    if one.node is None:
        return SideStatus(one.side, "", one.address, trouble=Advice(f"network.toml has no [side.{one.side}]"))
    url = one.node.url
    try:
        block, peers, client = one.node.batch(
            [("eth_getBlockByNumber", ["latest", False]), ("net_peerCount", []), ("web3_clientVersion", [])]
        )
    except NodeUnreachable as error:
        return SideStatus(one.side, url, one.address, trouble=error.message)
    if not isinstance(block, dict):
        return SideStatus(one.side, url, one.address, trouble=f"{url}: tells no block ({block})")
    return SideStatus(
        one.side,
        url,
        one.address,
        head=int(block["number"], 16),
        hash=bytes.fromhex(block["hash"][2:]),
        age_seconds=max(0, now - int(block["timestamp"], 16)),
        peers=None if isinstance(peers, NodeRefused) else int(peers, 16),
        client="" if isinstance(client, NodeRefused) else str(client),
    )


def _newest_blocks(node: Node, consensus: Consensus) -> list[Header]:
    """The last headers of a node, newest first, sealers recovered; none where they are not what they say."""
    try:
        head = int(node.call("eth_blockNumber"), 16)
        numbers = range(head, max(0, head - SEEN_BLOCKS), -1)
        answers = node.batch([("eth_getBlockByNumber", [quantity(number), False]) for number in numbers])
        return [read_header(answer, consensus) for answer in answers if isinstance(answer, dict)]
    except (NodeUnreachable, NodeRefused, HeaderInvalid):
        return []


def _entitled(watched: Sequence[Watched], chain: Sequence[Header]) -> set[str]:
    """Who may seal, as far as headers tell: QBFT's name the validators, of Clique's the seals and the genesis do."""
    if chain and chain[0].validators:
        return set(chain[0].validators)
    sealed = {sealer for header in chain for sealer in header.sealers}
    return {one.address for one in watched if one.address and (one.founded or one.address in sealed)}


def _sealing(one: SideStatus, chain: Sequence[Header], entitled: Collection[str]) -> SideStatus:
    one = replace(one, validates=one.address in entitled)
    sealed = [header for header in chain if one.address in header.sealers]
    if not sealed:
        return one
    return replace(one, last_seal=sealed[0].number, last_seal_at=sealed[0].timestamp, share=len(sealed) / len(chain))


def _agreed(reached: Sequence[Node], height: int) -> int | None:
    """The newest height, from the lowest head down, at which all have the same block."""
    if not reached:
        return None
    for number in range(height, max(-1, height - SEEN_BLOCKS), -1):
        hashes: Counter[str | None] = Counter()
        for node in reached:
            try:
                block = node.call("eth_getBlockByNumber", quantity(number), False)
            except (NodeUnreachable, NodeRefused):
                return None
            hashes[block["hash"] if block else None] += 1
        if len(hashes) == 1 and None not in hashes:
            return number
    return None


def _is_missing(one: SideStatus, chain: Sequence[Header], *, moving: bool, count: int) -> bool:
    """Of a moving chain: who sealed none of the last rounds. Of one that stands: whoever was to seal next."""
    recent = chain[: 2 * count]
    if moving:
        return len(chain) >= 2 * count and not any(one.address in header.sealers for header in recent)
    if one.head is None and one.url:
        return True
    # On Clique whoever sealed one of the last half may not seal the next (EIP-225); anybody else could have.
    barred = [sealer for header in chain[: count // 2] for sealer in header.sealers]
    return len(chain[0].sealers) == 1 and one.address not in barred


def _advice(
    sides: Sequence[SideStatus], *, moving: bool, missing: Sequence[str], agreed: int | None, age: int
) -> Iterator[Advice]:
    answering = [one for one in sides if one.head is not None]
    for one in sides:
        if one.url and one.head is None:
            yield Advice(f"{one.side}: its node does not answer: start it, or see its log")
    if agreed is None and len(answering) > 1:
        yield Advice("the nodes have no block in common: one of them is on another chain, or lies")
    if not moving and answering:
        yield Advice(f"no block for {age} s: both sides' validators have to be up for one")
    for one in answering:
        if one.side in missing:
            yield Advice(
                f"{one.side}: its validator seals no more: its authority restarts it, network up --side {one.side}"
            )
        if one.peers == 0:
            yield Advice(f"{one.side}: has no peer: is the link between the sides up?")
