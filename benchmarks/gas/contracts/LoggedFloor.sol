// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice The least that keeps a record and lets others follow: its word as call data, one new slot, and the word in a log.
/// @dev As Floor.sol, and one anonymous event that repeats the call data. Anybody may write, and write over.
contract LoggedFloor {
    fallback() external {
        assembly ("memory-safe") {
            for { let at := 0 } lt(at, calldatasize()) { at := add(at, 32) } {
                let record := calldataload(at)
                sstore(shr(192, record), shr(64, shl(64, record)))
            }
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            log0(free, calldatasize())
        }
    }
}
