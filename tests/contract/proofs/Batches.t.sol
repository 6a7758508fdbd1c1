// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ProofBase} from "./ProofBase.sol";

/// @title What no single call does to a batch that exists
/// @dev   By induction over calls, what holds for one from any state holds for any sequence of calls.
contract BatchesProof is ProofBase {
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;

    /// @notice Nobody approves what they submitted: a batch becomes active only from pending, by another address.
    /// @custom:halmos --array-lengths exceptions={0,1,2},entryKeys={0,1,2}
    function check_anyCall__anyBatch__isNeverApprovedByItsSubmitter(uint48 batch) public {
        IRecordRegistry.Batch memory before = _existing(batch);
        _anyCallButRegister();
        IRecordRegistry.Batch memory later = registry.batchOf(batch);
        assert(later.submitter == before.submitter);
        if (later.status == ACTIVE && before.status != ACTIVE) {
            assert(before.status == PENDING);
            assert(later.reviewer == caller);
            assert(later.reviewer != before.submitter);
        }
    }

    /// @notice A batch goes from Pending to Active or Rejected, from Active to Revoked, and nowhere else.
    /// @custom:halmos --array-lengths exceptions={0,1,2},entryKeys={0,1,2}
    function check_anyCall__anyBatch__goesOnlyWhereItMay(uint48 batch) public {
        IRecordRegistry.State before = _existing(batch).status;
        _anyCallButRegister();
        IRecordRegistry.State later = registry.batchOf(batch).status;
        bool allowed = later == before || before == PENDING && (later == ACTIVE || later == REJECTED)
            || before == ACTIVE && later == REVOKED;
        assert(allowed);
    }

    /// @notice Registering changes no batch that exists.
    /// @dev    Ruled out: a batch above the registry's counter. None exists, since its number is the counter's next.
    function check_registerOne__anyBatch__changesNothing(uint48 batch) public {
        _existing(batch);
        vm.assume(batch <= registry.registry().batchCount);
        uint256 first = _wordOf(batch, BATCHES_SLOT, 0);
        uint256 second = _wordOf(batch, BATCHES_SLOT, 1);
        _anyRegister(1);
        assert(_wordOf(batch, BATCHES_SLOT, 0) == first);
        assert(_wordOf(batch, BATCHES_SLOT, 1) == second);
    }

    /// @dev It exists if and only if it names an institution.
    function _existing(uint48 batch) private view returns (IRecordRegistry.Batch memory existing) {
        existing = registry.batchOf(batch);
        vm.assume(existing.institution != 0);
    }
}
