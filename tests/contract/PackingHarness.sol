// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {RecordRegistry} from "../../contracts/RecordRegistry.sol";

/// @title The registry with its packing laid open
contract PackingHarness is RecordRegistry {
    constructor(Founder[] memory founders) RecordRegistry(founders) {}

    function pack(Entry memory entry) external pure returns (uint256) {
        return _packEntry(entry.commitment, entry.batch, entry.overrideState);
    }

    function unpack(uint256 packed) external pure returns (Entry memory) {
        return _unpackEntry(packed);
    }
}
