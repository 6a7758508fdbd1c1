// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ProofBase} from "./ProofBase.sol";

/// @title Entry, batch and note are written into and read from storage bit for bit as the interface draws them
/// @dev   Proved for every word that storage can hold, and for every value that is written; a reader of raw storage slots
///        (a Merkle proof's) relies on it.
contract PackingProof is ProofBase {
    function check_entryOf__anyWord__readsItsBits(uint88 entryKey) public view {
        uint256 word = _wordOf(entryKey, ENTRIES_SLOT, 0);
        IRecordRegistry.Entry memory entry = registry.entryOf(entryKey);
        assert(entry.commitment == uint192(word));
        assert(entry.batch == uint48(word >> 192));
        assert(uint256(entry.overrideState) == uint8(word >> 240));
    }

    function check_batchOf__anyWords__readsTheirBits(uint48 id) public view {
        IRecordRegistry.Batch memory batch = registry.batchOf(id);
        assert(_first(batch) == _wordOf(id, BATCHES_SLOT, 0));
        assert(_second(batch) == _wordOf(id, BATCHES_SLOT, 1));
    }

    /// @dev The highest 64 bits are spare, whatever they hold.
    function check_noteOf__anyWord__readsItsBits(uint88 entryKey) public view {
        assert(_word(registry.noteOf(entryKey)) == uint192(_wordOf(entryKey, NOTES_SLOT, 0)));
    }

    /// @notice Registering writes entry and batch in these bits. One record, whose first place is free.
    /// @dev    Ruled out: a batch that exists above the registry's counter.
    function check_register__anyRecord__writesItsBits() public {
        uint48 id = uint48(registry.registry().batchCount) + 1;
        vm.assume(_wordOf(id, BATCHES_SLOT, 0) == 0 && _wordOf(id, BATCHES_SLOT, 1) == 0);
        bytes32[] memory records = _anyRegister(1);
        IRecordRegistry.Batch memory batch = registry.batchOf(id);
        assert(batch.submitter == caller && batch.count == 1 && batch.registeredAt == uint40(block.timestamp));
        assert(_first(batch) == _wordOf(id, BATCHES_SLOT, 0));
        assert(_second(batch) == _wordOf(id, BATCHES_SLOT, 1));
        uint88 first = _keyOf(records[0], batch.institution);
        uint256 expected = uint256(id) << 192 | uint192(uint256(records[0]));
        assert(_wordOf(first, ENTRIES_SLOT, 0) == expected || _wordOf(first | 1, ENTRIES_SLOT, 0) == expected);
    }

    /// @notice Superseding writes override and note in these bits, and of the entry's word nothing else but the spare bits.
    function check_supersede__anyRecord__writesItsBits(uint88 entryKey, uint88 successorKey, uint8 reason) public {
        uint256 before = _wordOf(entryKey, ENTRIES_SLOT, 0);
        IRecordRegistry.Account memory account = registry.accountOf(caller);
        _call(abi.encodeCall(IRecordRegistry.supersede, (entryKey, successorKey, reason)));
        uint256 superseded = uint256(IRecordRegistry.State.Superseded) << 240;
        assert(_wordOf(entryKey, ENTRIES_SLOT, 0) == (superseded | uint240(before)));
        IRecordRegistry.Note memory note = IRecordRegistry.Note({
            successor: uint72(successorKey >> 24) << 8 | uint72(uint8(successorKey)),
            at: uint40(block.timestamp),
            reason: reason,
            byInstitution: account.institution,
            byJurisdiction: 0,
            byAccount: account.number
        });
        assert(uint192(_wordOf(entryKey, NOTES_SLOT, 0)) == _word(note));
    }

    // ------------------------------------------------------------------------------------------- the bits, drawn again

    function _first(IRecordRegistry.Batch memory batch) private pure returns (uint256) {
        return uint256(uint160(batch.submitter)) | uint256(batch.institution) << 160 | uint256(batch.schema) << 176
            | uint256(batch.registeredAt) << 192 | uint256(batch.count) << 232 | uint256(batch.epoch) << 248;
    }

    function _second(IRecordRegistry.Batch memory batch) private pure returns (uint256) {
        return uint256(uint160(batch.reviewer)) | uint256(batch.reviewedAt) << 160 | uint256(batch.expiresAt) << 200
            | uint256(batch.reason) << 240 | uint256(batch.status) << 248;
    }

    function _word(IRecordRegistry.Note memory note) private pure returns (uint256) {
        return uint256(note.successor) | uint256(note.at) << 72 | uint256(note.reason) << 112
            | uint256(note.byInstitution) << 128 | uint256(note.byJurisdiction) << 144 | uint256(note.byAccount) << 160;
    }
}
