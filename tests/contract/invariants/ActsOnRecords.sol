// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ActsOfInstitutions} from "./ActsOfInstitutions.sol";

/// @title What submitters, reviewers, authorities and strangers do to records, or try to
abstract contract ActsOnRecords is ActsOfInstitutions {
    IRecordRegistry.State internal constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State internal constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State internal constant DISPUTED = IRecordRegistry.State.Disputed;

    function register(uint256 seed) external {
        _register(_dice(seed));
    }

    function _register(Dice memory dice) private {
        (address caller, uint16 schema, uint40 expiresAt, uint8 epoch) = _anyTerms(dice);
        _act(caller, abi.encodeCall(IRecordRegistry.register, (schema, expiresAt, epoch, _anyRecords(dice))));
    }

    /// @dev One batch, taken back, then the same records one by one: all that can be read is the same, save batches.
    function registerOneByOne(uint256 seed) external {
        Dice memory dice = _dice(seed);
        (address caller, uint16 schema, uint40 expiresAt, uint8 epoch) = _anyTerms(dice);
        bytes32[] memory records = _anyRecords(dice);
        uint16 institution = registry.accountOf(caller).institution;
        uint256 snapshot = vm.snapshotState();
        vm.prank(caller);
        (bool whole,) =
            address(registry).call(abi.encodeCall(IRecordRegistry.register, (schema, expiresAt, epoch, records)));
        bytes32 picture = _picture(records, institution);
        vm.revertToState(snapshot);
        bool each = records.length != 0;
        for (uint256 i; i < records.length; ++i) {
            bytes32[] memory one = new bytes32[](1);
            one[0] = records[i];
            // A hash that does not rise is only seen beside another.
            if (i != 0 && uint256(records[i]) >> 192 <= uint256(records[i - 1]) >> 192) each = false;
            if (!_act(caller, abi.encodeCall(IRecordRegistry.register, (schema, expiresAt, epoch, one)))) each = false;
        }
        vm.assertEq(whole, each, "a batch is registered if each of its records is");
        if (whole) vm.assertEq(_picture(records, institution), picture, "a batch is its records one by one");
        if (whole && records.length > 1) done[this.registerOneByOne.selector] += 1;
    }

    function approve(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        (uint48 batch, IRecordRegistry.Batch memory facts) = _anyBatch(dice, PENDING);
        _mostlyLift(dice);
        _mostlyEntitle(dice, facts.institution);
        uint256 due = facts.expiresAt;
        if (due != 0 && _chance(dice, 30)) _warp(due - _roll(dice, 2));
        address suited = _accountOf(dice, facts.institution, REVIEW);
        if (_chance(dice, 10)) suited = facts.submitter;
        bytes memory call = abi.encodeCall(IRecordRegistry.approve, (batch, _anyExceptions(dice, batch)));
        _act(_caller(dice, suited), call);
    }

    function reject(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        (uint48 batch, IRecordRegistry.Batch memory facts) = _anyBatch(dice, PENDING);
        address caller = _caller(dice, _ownerOrAuthority(dice, facts.institution));
        _act(caller, abi.encodeCall(IRecordRegistry.reject, (batch, _anyReason(dice))));
    }

    function revoke(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        uint88[] memory entryKeys = new uint88[](_chance(dice, 70) ? 1 : _roll(dice, 4));
        for (uint256 i; i < entryKeys.length; ++i) {
            entryKeys[i] = _anyEntry(dice, _chance(dice, 50) ? ACTIVE : DISPUTED);
        }
        uint16 institution = entryKeys.length == 0 ? 1 : _institutionIn(entryKeys[0]);
        address caller = _caller(dice, _ownerOrAuthority(dice, institution));
        _act(caller, abi.encodeCall(IRecordRegistry.revoke, (entryKeys, _anyReason(dice))));
    }

    function revokeBatch(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        (uint48 batch, IRecordRegistry.Batch memory facts) = _anyBatch(dice, ACTIVE);
        address caller = _caller(dice, _ownerOrAuthority(dice, facts.institution));
        _act(caller, abi.encodeCall(IRecordRegistry.revokeBatch, (batch, _anyReason(dice))));
    }

    function supersede(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        uint88 entryKey = _anyEntry(dice, _chance(dice, 60) ? ACTIVE : DISPUTED);
        uint88 next = _anyEntry(dice, ACTIVE);
        for (uint256 i; i < 8 && _chance(dice, 95); ++i) {
            if (next != entryKey && _institutionIn(next) == _institutionIn(entryKey)) break;
            next = _anyEntry(dice, ACTIVE);
        }
        _mostlyLift(dice);
        _mostlyEntitle(dice, _institutionIn(entryKey));
        uint256 due = registry.batchOf(registry.entryOf(next).batch).expiresAt;
        if (due != 0 && _chance(dice, 30)) _warp(due - _roll(dice, 2));
        address suited = _accountOf(dice, _institutionIn(entryKey), _chance(dice, 50) ? SUBMIT : REVIEW);
        _act(_caller(dice, suited), abi.encodeCall(IRecordRegistry.supersede, (entryKey, next, _anyReason(dice))));
    }

    function dispute(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        _dispute(dice);
    }

    function _dispute(Dice memory dice) private returns (uint88 entryKey) {
        entryKey = _anyEntry(dice, ACTIVE);
        address suited = _seats(_anySide(dice)).authority;
        if (_chance(dice, 60)) {
            suited = _accountOf(dice, _institutionIn(entryKey), _chance(dice, 50) ? SUBMIT : REVIEW);
        }
        _act(_caller(dice, suited), abi.encodeCall(IRecordRegistry.dispute, (entryKey, _anyReason(dice))));
    }

    /// @dev Of a dispute, raised right before if there is none.
    function resolve(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (keys.length == 0) return _register(dice);
        uint88 entryKey = _anyEntry(dice, DISPUTED);
        if (registry.entryOf(entryKey).overrideState == IRecordRegistry.State.None && _chance(dice, 60)) {
            entryKey = _dispute(dice);
        }
        IRecordRegistry.Note memory raised = registry.noteOf(entryKey);
        address suited = _seats(raised.byJurisdiction).authority;
        if (raised.byInstitution != 0) {
            suited = _accountOf(dice, raised.byInstitution, _chance(dice, 50) ? SUBMIT : REVIEW);
        }
        bytes memory call = abi.encodeCall(IRecordRegistry.resolve, (entryKey, _chance(dice, 50), _anyReason(dice)));
        _act(_caller(dice, suited), call);
    }

    // ------------------------------------------------------------------------------------------------------- words

    /// @dev An account that may submit, and what it may say; some of it mostly right.
    function _anyTerms(Dice memory dice)
        private
        returns (address caller, uint16 schema, uint40 expiresAt, uint8 epoch)
    {
        uint16 institution = _anyInstitution(dice);
        if (institution > 4 && _chance(dice, 80)) institution = uint16(1 + _roll(dice, 4));
        _mostlyLift(dice);
        _mostlyEntitle(dice, institution);
        caller = _caller(dice, _accountOf(dice, institution, SUBMIT));
        schema = uint16(_chance(dice, 92) ? 1 + _roll(dice, 2) : _roll(dice, 300));
        if (_chance(dice, 40)) expiresAt = uint40(block.timestamp + _roll(dice, 20 days));
        if (_chance(dice, 3)) expiresAt = uint40(block.timestamp);
        if (_chance(dice, 15)) epoch = _anyEpoch(dice);
    }

    /// @dev None to four, rising save now and then.
    function _anyRecords(Dice memory dice) private pure returns (bytes32[] memory records) {
        records = new bytes32[](_chance(dice, 95) ? 1 + _roll(dice, 4) : 0);
        uint256 recordHash = _roll(dice, HASHES / 2);
        for (uint256 i; i < records.length; ++i) {
            records[i] = bytes32(recordHash << 192 | _roll(dice, COMMITMENTS));
            if (_chance(dice, 97)) recordHash += 1 + _roll(dice, 2);
        }
    }

    /// @dev What `find` says of these records, save batch numbers.
    function _picture(bytes32[] memory records, uint16 institution) private view returns (bytes32 picture) {
        uint16[] memory institutions = new uint16[](1);
        institutions[0] = institution;
        for (uint256 i; i < records.length; ++i) {
            IRecordRegistry.Claim[] memory claims = registry.find(uint64(uint256(records[i]) >> 192), institutions);
            for (uint256 n; n < claims.length; ++n) {
                claims[n].batch = 0;
            }
            picture = keccak256(abi.encode(picture, claims));
        }
        picture = keccak256(abi.encode(picture, registry.registry().recordCount));
    }

    /// @dev Mostly one in the wanted state, if a few looks find one.
    function _anyBatch(Dice memory dice, IRecordRegistry.State wanted)
        private
        view
        returns (uint48 batch, IRecordRegistry.Batch memory facts)
    {
        uint256 count = registry.registry().batchCount;
        for (uint256 i; i < 12; ++i) {
            batch = uint48(_chance(dice, 2) ? count + 1 : 1 + _roll(dice, count));
            facts = registry.batchOf(batch);
            if (facts.status == wanted || facts.institution == 0) break;
        }
    }

    function _anyEntry(Dice memory dice, IRecordRegistry.State wanted) private view returns (uint88 entryKey) {
        entryKey = uint88(_roll(dice, 2 ** 30));
        if (keys.length == 0 || _chance(dice, 4)) return entryKey;
        for (uint256 i; i < 16; ++i) {
            entryKey = keys[_roll(dice, keys.length)];
            (IRecordRegistry.State state,) = registry.stateOf(entryKey);
            if (state == wanted) break;
        }
    }

    /// @dev None, or one or two of the batch; now and then one twice, or one of another batch.
    function _anyExceptions(Dice memory dice, uint48 batch)
        private
        view
        returns (IRecordRegistry.Exception[] memory exceptions)
    {
        exceptions = new IRecordRegistry.Exception[](_chance(dice, 50) ? 0 : 1 + _roll(dice, 2));
        uint256 from = keys.length;
        for (uint256 i; i < exceptions.length; ++i) {
            while (from > 1 && registry.entryOf(keys[from - 1]).batch != batch && _chance(dice, 99)) --from;
            exceptions[i] = IRecordRegistry.Exception(from == 0 ? 1 : keys[from - 1], _anyReason(dice));
            if (from > 1 && _chance(dice, 90)) --from;
        }
    }

    function _ownerOrAuthority(Dice memory dice, uint16 institution) private view returns (address) {
        uint256 which = _roll(dice, 3);
        if (which == 0) return _authorityOf(institution);
        return _accountOf(dice, institution, which == 1 ? SUBMIT : REVIEW);
    }

    function _institutionIn(uint88 entryKey) private pure returns (uint16) {
        return uint16(entryKey >> 8);
    }
}
