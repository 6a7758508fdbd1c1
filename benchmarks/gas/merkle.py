"""Merkle trees as OpenZeppelin's MerkleProof checks them: pairs sorted before they are hashed, an odd node moves up."""

from __future__ import annotations

from eth_utils.crypto import keccak


def root_of(leaves: list[bytes]) -> bytes:
    """The root; of one leaf, the leaf."""
    return _levels(leaves)[-1][0]


def proofs_of(leaves: list[bytes]) -> list[list[bytes]]:
    """For each leaf the nodes that lead from it to the root."""
    levels = _levels(leaves)
    return [_proof(levels, index) for index in range(len(leaves))]


def _levels(leaves: list[bytes]) -> list[list[bytes]]:
    levels = [leaves]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [below[at : at + 2] for at in range(0, len(below), 2)]
        levels.append([keccak(b"".join(sorted(pair))) if len(pair) == 2 else pair[0] for pair in pairs])
    return levels


def _proof(levels: list[list[bytes]], index: int) -> list[bytes]:
    proof = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            proof.append(level[index ^ 1])
        index >>= 1
    return proof
