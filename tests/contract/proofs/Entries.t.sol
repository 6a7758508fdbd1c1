// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ProofBase} from "./ProofBase.sol";

/// @title What no call can do to an entry
contract EntriesProof is ProofBase {
    modifier keepsAnyEntry(uint88 entryKey) {
        _atMostTwoJurisdictions();
        IRecordRegistry.Entry memory before = registry.entryOf(entryKey);
        vm.assume(before.batch != 0);
        _;
        IRecordRegistry.Entry memory later = registry.entryOf(entryKey);
        assert(later.commitment == before.commitment);
        assert(later.batch == before.batch);
    }

    /// @custom:halmos --array-lengths exceptions={0,1},entryKeys={1,2}
    function check_anyCall__anyEntry__keepsCommitmentAndBatch(uint88 entryKey) public keepsAnyEntry(entryKey) {
        _anyCallButRegister();
    }

    function check_register__anyEntry__keepsCommitmentAndBatch(uint88 entryKey) public keepsAnyEntry(entryKey) {
        _anyRegister();
    }
}
