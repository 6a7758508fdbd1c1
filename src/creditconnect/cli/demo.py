"""`creditconnect demo`: the main job on a real chain with real data, then everything that must fail, failing.

Ends with an error if anything that must verify does not, or anything that must fail does. Persons are synthetic: the
data set has no identifiers (see data/README.md). Firms and documents are synthetic altogether.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creditconnect.cli.language import translate
from creditconnect.cli.presentation import print_json, print_table, say
from creditconnect.errors import CreditConnectError, UsageError

if TYPE_CHECKING:
    from creditconnect.cli.must_fail import Case
    from creditconnect.cli.stage import Side, Stage

MARKER = ".creditconnect-demo"
ROWS_A_SIDE = 500
FIRMS_A_SIDE = 200
DOCUMENTS_A_SIDE = 20


def add_to(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    folder: Annotated[
        Path, typer.Option(help="Where everything is left to look at; an earlier demo there is replaced.")
    ] = Path("demo"),
    project: Annotated[Path, typer.Option(help="The checkout whose admin scripts are run.")] = Path(),
    keep: Annotated[bool, typer.Option(help="Leave the chain running until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(help="The chain's port; any free one, if not given.")] = 0,
    network: Annotated[
        str, typer.Option(help="anvil: one process, which seals nothing. geth: two validators, one a side.")
    ] = "anvil",
) -> None:
    """Try everything out: a chain, two sides, 1,000 records registered, reviewed and verified, and what must fail."""
    from creditconnect.cli.stage import Stage

    if network not in CHAINS:
        raise UsageError(f"{network!r} is no network", hint=f"one of {', '.join(CHAINS)}")
    # Ended by SIGTERM as by Ctrl-C: the chain ends with the demo.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _empty(folder)
    started = time.monotonic()
    stage = Stage(folder.resolve(), project.resolve())
    authorities = stage.make_authorities()
    with CHAINS[network](stage, tuple(authorities.values()), port) as chain:
        try:
            _play(stage, authorities, chain, folder)
        finally:
            _dump_chain(chain.url, folder / "chain.jsonl")
        say(f"\ndone in {time.monotonic() - started:.0f} s; homes, packages, logs and the whole chain are in {folder}/")
        if keep:
            _linger(stage, chain.url)


@dataclass(frozen=True, slots=True)
class DemoChain:
    """The chain that the demo plays on: a node's URL, and what to do once everything is set up."""

    url: str
    begin: Callable[[], None]


@contextmanager
def _on_anvil(stage: Stage, funded: tuple[str, ...], port: int) -> Iterator[DemoChain]:
    """One process, which gives everybody's gas away. Blocks as soon as there is something, and then every second."""
    from creditconnect.cli.embedded_anvil import embedded_anvil, every_second
    from creditconnect.cli.stage import SIDES
    from creditconnect.types import UNSEALED

    with embedded_anvil(stage.folder / "anvil.log", port=port, block_seconds=0) as url:
        stage.set_on({side.name: url for side in SIDES}, UNSEALED)
        yield DemoChain(url, lambda: every_second(url))


@contextmanager
def _on_validators(stage: Stage, funded: tuple[str, ...], port: int) -> Iterator[DemoChain]:
    """Two validators, each with a folder and a key of its own; the authorities have a balance from the genesis on."""
    from creditconnect.cli.embedded_validators import embedded_validators

    with embedded_validators(stage.folder / "validators", funded, stage.passphrase(""), port=port) as validators:
        stage.set_on(validators.urls, validators.seals)
        yield DemoChain(next(iter(validators.urls.values())), lambda: None)


CHAINS = {"anvil": _on_anvil, "geth": _on_validators}


@dataclass(frozen=True, slots=True)
class Leg:
    """One direction's figures for one kind of record: records, and seconds for each step."""

    direction: str
    kind: str
    records: int
    submit_seconds: float
    approve_seconds: float
    verify_seconds: float
    verified: int

    def row(self) -> tuple[object, ...]:
        return (
            self.direction,
            self.kind,
            self.records,
            f"{self.records / self.submit_seconds:,.0f}",
            f"{self.approve_seconds:.1f}",
            self.verified,
            f"{self.records / self.verify_seconds:,.0f}",
        )


def _play(stage: Stage, authorities: dict[str, str], chain: DemoChain, folder: Path) -> None:
    """`folder` is the stage's as it was given, which paths are shown under."""
    from creditconnect.cli import must_fail
    from creditconnect.cli.stage import HK, SZ

    began = time.monotonic()
    deployment = _set_up(stage, authorities)
    # Setting up would wait for a block a call; from here on blocks come as the authorities' chains have them.
    chain.begin()
    say(f"at {chain.url}, deployed and admitted in {time.monotonic() - began:.0f} s by the admins' ape scripts")
    say(f"as {folder / deployment.relative_to(stage.folder)}", end="\n\n")
    southbound = _legs(stage, HK, SZ)
    # Here, so that it expires while the other direction runs.
    expiring = must_fail.expiring_record(stage, HK, SZ)
    legs = southbound + _legs(stage, SZ, HK)
    print_table(
        "registered on one side, verified on the other",
        ("direction", "kind", "records #", "submitted/s #", "approved in s #", "verified #", "verified/s #"),
        [leg.row() for leg in legs],
    )
    life = _corrected(stage, HK, SZ)
    print_table(
        "a record's life, as the bank across the border sees it",
        ("what happened", "must say", "says", "as it must"),
        [case.row() for case in life],
    )
    sealed = _handed_over(stage, HK, SZ)
    print_table(
        "a package sealed for one bank, as banks see it",
        ("what is shown", "must say", "says", "as it must"),
        [case.row() for case in sealed],
    )
    short = [leg.direction for leg in legs if leg.verified != leg.records]
    cases = must_fail.play(stage, deployment, expiring)
    print_table(
        "what must fail",
        ("case", "must say", "says", "as it must"),
        [case.row() for case in cases],
    )
    with stage.open(HK.bank) as auditor:
        report = auditor.audit_replay()
    say(
        f"audit replay: {report.events} events, {report.records} records, {report.slots} slots compared, "
        f"storage root {translate('agrees' if report.agrees else 'DIFFERS')}"
    )
    for finding in report.findings():
        say(finding)
    if short or not report.agrees or not all(case.holds for case in (*life, *sealed, *cases)):
        raise CreditConnectError("the demo did not go as it must", hint="see the tables above")


def _set_up(stage: Stage, authorities: dict[str, str]) -> Path:
    from creditconnect.cli.stage import SIDES

    deployment = stage.deploy(authorities)
    for side in SIDES:
        accounts = stage.make_home(side.bureau, deployment, ("submit", "review"))
        stage.make_home(side.bank, deployment, ())
        with stage.open(side.bank) as bank:
            # What packages for it are sealed to; its authority publishes the first.
            exchange_key = bank.keys_rotate_exchange(publish=False)
        stage.admit(side, accounts, exchange_key.public or b"", deployment)
    return deployment


def _legs(stage: Stage, provider: Side, verifier: Side) -> list[Leg]:
    """Half of the data set, firms and documents: registered and reviewed on one side, verified on the other."""
    from creditconnect.cli.german_credit import attach_identities, packaged_dataset
    from creditconnect.cli.stage import MAPPING, SEED
    from creditconnect.cli.synthetic_documents import write_statements
    from creditconnect.cli.synthetic_firms import write_firms
    from creditconnect.records.schemas import COMPANY_CREDIT_REPORT, DOCUMENT, PERSONAL_CREDIT_REPORT

    people = stage.folder / f"german-credit-{provider.name}.csv"
    attach_identities(packaged_dataset(), people, provider.code, ROWS_A_SIDE, SEED)
    firms = write_firms(stage.folder / f"firms-{provider.name}.jsonl", provider.code, FIRMS_A_SIDE, SEED)
    documents = stage.folder / f"documents-{provider.name}"
    write_statements(documents, provider.code, DOCUMENTS_A_SIDE)
    return [
        _leg(stage, provider, verifier, people, PERSONAL_CREDIT_REPORT, MAPPING, f"packages-{provider.name}"),
        _leg(stage, provider, verifier, firms, COMPANY_CREDIT_REPORT, None, f"packages-firms-{provider.name}"),
        _leg(stage, provider, verifier, documents, DOCUMENT, None, documents.name),
    ]


def _leg(
    stage: Stage, provider: Side, verifier: Side, source: Path, schema: str, mapping: str | None, packages: str
) -> Leg:
    """One file's records, or one folder's documents, whose packages are laid beside them."""
    from creditconnect.cli.stage import approve_all

    folder = stage.folder / packages
    with stage.open(provider.bureau) as bureau:
        started = time.monotonic()
        submission = bureau.submit(source, mapping=mapping, schema=schema)
        submitted = time.monotonic()
        hashes = [row.derived.record_hash for batch in bureau.review_list() for row in bureau.review_rows(batch.id)]
        approve_all(bureau)
        approved = time.monotonic()
        for record_hash in hashes:
            bureau.package_write(folder, record_hash)
    with stage.open(verifier.bank) as bank:
        files = sorted(folder.glob("*.ccpackage"))
        asked = time.monotonic()
        verdicts = Counter(bank.verify(file).verdict.value for file in files)
        answered = time.monotonic()
    return Leg(
        direction=f"{provider.code} -> {verifier.code}",
        kind=schema,
        records=submission.accepted,
        submit_seconds=submitted - started,
        approve_seconds=approved - submitted,
        verify_seconds=answered - asked,
        verified=verdicts["VERIFIED"],
    )


def _corrected(stage: Stage, provider: Side, verifier: Side) -> list[Case]:
    """A firm's report is disputed, found right, and then superseded by a later one."""
    from creditconnect.reasons import ChainReason

    old, new = sorted((stage.folder / f"packages-firms-{provider.name}").iterdir())[:2]
    disputed, successor = bytes.fromhex(old.stem), bytes.fromhex(new.stem)
    bank = verifier.bank
    with stage.open(provider.bureau) as bureau:
        bureau.dispute(disputed, ChainReason.DATA_ERROR)
        cases = [_told(stage, bank, "disputed by its provider", "NOT_VERIFIED: DISPUTED", old)]
        bureau.resolve(disputed, ChainReason.OTHER, uphold=False)
        cases.append(_told(stage, bank, "the dispute dismissed by another key", "VERIFIED", old))
        # The made firms have one report each, so another firm's takes its place.
        bureau.supersede(disputed, successor, ChainReason.DATA_ERROR, other_subject=True)
        cases.append(_told(stage, bank, "superseded", "NOT_VERIFIED: SUPERSEDED", old))
        cases.append(_told(stage, bank, "what took its place", "VERIFIED", new))
    return cases


def _handed_over(stage: Stage, provider: Side, verifier: Side) -> list[Case]:
    """A firm's package sealed to the other side's bank: opened there, by nobody else, and not when it was altered."""
    last = max((stage.folder / f"packages-firms-{provider.name}").iterdir())
    folder = stage.folder / f"sealed-{provider.name}"
    with stage.open(provider.bureau) as bureau:
        bureau.package_write(folder, bytes.fromhex(last.stem), recipient=verifier.bank)
    (sealed,) = folder.iterdir()
    altered = folder / f"altered{sealed.suffix}"
    altered.write_bytes(sealed.read_bytes()[:-1] + bytes([sealed.read_bytes()[-1] ^ 1]))
    return [
        _told(stage, verifier.bank, f"to {verifier.bank}, for which it is", "VERIFIED", sealed),
        _told(stage, provider.bank, f"to {provider.bank}", "NOT_VERIFIED: SEALED_FOR_ANOTHER", sealed),
        _told(stage, verifier.bank, "with its last bit altered", "NOT_VERIFIED: PACKAGE_ALTERED", altered),
    ]


def _told(stage: Stage, bank: str, name: str, expected: str, package: Path) -> Case:
    from creditconnect.cli.must_fail import Case

    with stage.open(bank) as client:
        verification = client.verify(package)
    said = ": ".join([verification.verdict.value, *verification.reasons])
    return Case(name, f"verdict {expected}", f"verdict {said}")


def _empty(folder: Path) -> None:
    """A fresh folder; what an earlier demo left is removed, what anything else left is not.

    Raises:
        UsageError: the folder is somebody's.
    """
    if folder.exists():
        if not (folder / MARKER).is_file():
            raise UsageError(f"{folder}: is there, and no earlier demo made it", hint="give another --folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()


def _dump_chain(url: str, path: Path) -> None:
    """Every block with its transactions, one a line, as the node gives them."""
    import orjson

    from creditconnect.chain.rpc import Node, quantity

    node = Node(url)
    head = int(node.call("eth_blockNumber"), 16)
    blocks = node.batch([("eth_getBlockByNumber", [quantity(number), True]) for number in range(head + 1)])
    path.write_bytes(b"".join(orjson.dumps(block) + b"\n" for block in blocks))


def _linger(stage: Stage, url: str) -> None:
    print_json({"node": url, "homes": str(stage.folder / "homes"), "passphrase_file": str(stage.folder / "passphrase")})
    say("the chain runs until Ctrl-C", flush=True)
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        return
