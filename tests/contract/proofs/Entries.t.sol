// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ProofBase} from "./ProofBase.sol";

/// @title What no single call does to an entry that exists
/// @dev   By induction over calls, what holds for one from any state holds for any sequence of calls.
contract EntriesProof is ProofBase {
    IRecordRegistry.State private constant NONE = IRecordRegistry.State.None;
    IRecordRegistry.State private constant DISPUTED = IRecordRegistry.State.Disputed;

    /// @notice No entry's commitment or batch ever changes.
    modifier keepsCommitmentAndBatch(uint88 entryKey) {
        IRecordRegistry.Entry memory before = _existing(entryKey);
        _;
        IRecordRegistry.Entry memory later = registry.entryOf(entryKey);
        assert(later.commitment == before.commitment);
        assert(later.batch == before.batch);
    }

    /// @notice Only a dispute's end makes a record active again; Rejected, Revoked and Superseded stay for ever.
    /// @dev    An override is never Pending or Active; the record is active again when its override is None again.
    modifier endsOnlyDisputes(uint88 entryKey) {
        IRecordRegistry.State before = _existing(entryKey).overrideState;
        vm.assume(_isOverride(before));
        _;
        IRecordRegistry.State later = registry.entryOf(entryKey).overrideState;
        assert(later == before || before == NONE || before == DISPUTED);
        assert(_isOverride(later));
    }

    /// @custom:halmos --array-lengths exceptions={0,1,2},entryKeys={0,1,2}
    function check_anyCall__anyEntry__keepsCommitmentAndBatch(uint88 entryKey)
        public
        keepsCommitmentAndBatch(entryKey)
    {
        _anyCallButRegister();
    }

    function check_registerOne__anyEntry__keepsCommitmentAndBatch(uint88 entryKey)
        public
        keepsCommitmentAndBatch(entryKey)
    {
        _anyRegister(1);
    }

    function check_registerTwo__anyEntry__keepsCommitmentAndBatch(uint88 entryKey)
        public
        keepsCommitmentAndBatch(entryKey)
    {
        _anyRegister(2);
    }

    /// @custom:halmos --array-lengths exceptions={0,1,2},entryKeys={0,1,2}
    function check_anyCall__anyEntry__onlyADisputeEnds(uint88 entryKey) public endsOnlyDisputes(entryKey) {
        _anyCallButRegister();
    }

    function check_registerOne__anyEntry__onlyADisputeEnds(uint88 entryKey) public endsOnlyDisputes(entryKey) {
        _anyRegister(1);
    }

    /// @dev It exists if and only if it names a batch.
    function _existing(uint88 entryKey) private view returns (IRecordRegistry.Entry memory entry) {
        entry = registry.entryOf(entryKey);
        vm.assume(entry.batch != 0);
    }

    function _isOverride(IRecordRegistry.State state) private pure returns (bool) {
        return state != IRecordRegistry.State.Pending && state != IRecordRegistry.State.Active;
    }
}
