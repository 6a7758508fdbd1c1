// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The least that can be written for a record: its hash is the slot's number, its commitment the value.
/// @dev No role, no duplicate check, no batch, no event, no ABI: words of hash 64 | commitment 192 as they come.
contract Floor {
    fallback() external {
        assembly ("memory-safe") {
            for { let at := 0 } lt(at, calldatasize()) { at := add(at, 32) } {
                let record := calldataload(at)
                sstore(shr(192, record), shr(64, shl(64, record)))
            }
        }
    }
}
