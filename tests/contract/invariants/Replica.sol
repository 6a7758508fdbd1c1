// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {Vm} from "../Vm.sol";

/// @title The registry's storage, slot by slot, rebuilt from nothing but its events
/// @dev   The slots are those of the table in IRecordRegistry. Nothing here reads the registry.
abstract contract Replica {
    mapping(bytes32 slot => uint256 word) private words;
    mapping(bytes32 slot => bool) private listed;
    bytes32[] internal slots;
    /// @dev How often each event came.
    mapping(bytes32 signature => uint256) public seen;

    function _word(bytes32 slot) internal view returns (bytes32) {
        return bytes32(words[slot]);
    }

    function _apply(Vm.Log memory log) internal {
        bytes32 name = log.topics[0];
        seen[name] += 1;
        bool known = _ofRecords(name, log) || _ofAll(name, log) || _ofInstitutions(name, log) || _ofSeats(name, log);
        require(known, "an event that the replica does not know");
    }

    // ----------------------------------------------------------------------------------------------------- records

    function _ofRecords(bytes32 name, Vm.Log memory log) private returns (bool known) {
        known = true;
        if (name == IRecordRegistry.BatchRegistered.selector) {
            _register(log);
        } else if (name == IRecordRegistry.BatchApproved.selector) {
            (address reviewer, uint40 at,) = abi.decode(log.data, (address, uint40, uint256));
            _review(log, reviewer, at, 0, IRecordRegistry.State.Active);
        } else if (name == IRecordRegistry.BatchRejected.selector) {
            (address reviewer, uint40 at, uint8 reason) = abi.decode(log.data, (address, uint40, uint8));
            _review(log, reviewer, at, reason, IRecordRegistry.State.Rejected);
        } else if (name == IRecordRegistry.BatchRevoked.selector) {
            (, uint8 reason,) = abi.decode(log.data, (address, uint8, uint40));
            bytes32 slot = _next(_at(log.topics[1], 13), 1);
            _field(slot, 240, 8, reason);
            _field(slot, 248, 8, uint8(IRecordRegistry.State.Revoked));
        } else if (name == IRecordRegistry.OverrideSet.selector) {
            (IRecordRegistry.State state, IRecordRegistry.Note memory note,) =
                abi.decode(log.data, (IRecordRegistry.State, IRecordRegistry.Note, address));
            _field(_at(log.topics[1], 12), 240, 8, uint8(state));
            _set(_at(log.topics[1], 14), state == IRecordRegistry.State.None ? 0 : _pack(note));
        } else {
            known = false;
        }
    }

    function _register(Vm.Log memory log) private {
        (address submitter, uint40 at, uint40 expiresAt, uint8 epoch, uint8 status, bytes32[] memory records) =
            abi.decode(log.data, (address, uint40, uint40, uint8, uint8, bytes32[]));
        uint256 institution = uint256(log.topics[2]);
        bytes32 slot = _at(log.topics[1], 13);
        uint256 first = uint256(epoch) << 248 | records.length << 232 | uint256(at) << 192;
        _set(slot, first | uint256(log.topics[3]) << 176 | institution << 160 | uint160(submitter));
        _set(_next(slot, 1), uint256(status) << 248 | uint256(expiresAt) << 200);
        _enter(records, uint256(log.topics[1]), institution);
        _field(0, 0, 40, uint256(log.topics[1]));
        _field(0, 40, 40, uint40(words[0] >> 40) + records.length);
    }

    /// @dev Each at the first place that is free.
    function _enter(bytes32[] memory records, uint256 batch, uint256 institution) private {
        for (uint256 i; i < records.length; ++i) {
            uint256 entryKey = uint256(records[i]) >> 192 << 24 | institution << 8;
            while (words[_at(bytes32(entryKey), 12)] != 0) ++entryKey;
            uint192 commitment = uint192(uint256(records[i]));
            _set(_at(bytes32(entryKey), 12), batch << 192 | commitment);
            _onEntry(uint88(entryKey), uint48(batch), commitment);
        }
    }

    function _review(Vm.Log memory log, address reviewer, uint40 at, uint8 reason, IRecordRegistry.State status)
        private
    {
        bytes32 slot = _next(_at(log.topics[1], 13), 1);
        _field(slot, 0, 160, uint160(reviewer));
        _field(slot, 160, 40, at);
        _field(slot, 240, 8, reason);
        _field(slot, 248, 8, uint8(status));
    }

    function _pack(IRecordRegistry.Note memory note) private pure returns (uint256 word) {
        word = uint256(note.byAccount) << 160 | uint256(note.byJurisdiction) << 144;
        word |= uint256(note.byInstitution) << 128 | uint256(note.reason) << 112;
        word |= uint256(note.at) << 72 | note.successor;
    }

    // ------------------------------------------------------------------------------------------------ institutions

    function _ofInstitutions(bytes32 name, Vm.Log memory log) private returns (bool known) {
        known = true;
        bytes32 slot = _at(log.topics[1], 5);
        if (name == IRecordRegistry.InstitutionAdmitted.selector) {
            (bytes32 code, bytes32 profile, uint40 at) = abi.decode(log.data, (bytes32, bytes32, uint40));
            _set(slot, uint256(at) << 80 | uint256(1) << 24 | uint256(log.topics[2]));
            _set(_next(slot, 2), uint256(code));
            _set(_next(slot, 3), uint256(profile));
            _set(_at(code, 6), uint256(log.topics[1]));
            _field(0, 216, 16, uint256(log.topics[1]));
            slot = _next(_at(log.topics[2], 2), 5);
            _field(slot, 200, 16, uint16(words[slot] >> 200) + 1);
        } else if (name == IRecordRegistry.InstitutionScoped.selector) {
            (uint8 roles, uint256 schemas, uint40 until, bool review) =
                abi.decode(log.data, (uint8, uint256, uint40, bool));
            _field(slot, 16, 8, roles);
            _field(slot, 32, 8, review ? 1 : 0);
            _field(slot, 40, 40, until);
            _set(_next(slot, 1), schemas);
        } else if (name == IRecordRegistry.StandingSet.selector) {
            (uint8 standing,) = abi.decode(log.data, (uint8, uint8));
            _field(slot, 24, 8, standing);
        } else if (name == IRecordRegistry.ProfileSet.selector) {
            _set(_next(slot, 3), uint256(abi.decode(log.data, (bytes32))));
        } else if (name == IRecordRegistry.EncryptionKeySet.selector) {
            (uint8 suite, bytes memory key,) = abi.decode(log.data, (uint8, bytes, address));
            _field(slot, 120, 8, suite);
            _set(_next(slot, 4), uint256(keccak256(key)));
        } else if (name == IRecordRegistry.AccountSet.selector) {
            (uint8 role, bool enabled, uint32 number) = abi.decode(log.data, (uint8, bool, uint32));
            uint256 word = uint256(number) << 32 | uint256(enabled ? 1 : 0) << 24 | uint256(role) << 16;
            _set(_at(log.topics[2], 7), word | uint256(log.topics[1]));
            if (number > uint32(words[0] >> 80)) _field(0, 80, 32, number);
        } else if (name == IRecordRegistry.DailyRootPosted.selector) {
            (bytes32 root, uint32 count, uint64 first, uint64 last, uint40 at,) =
                abi.decode(log.data, (bytes32, uint32, uint64, uint64, uint40, address));
            slot = _at(log.topics[3], uint256(_at(log.topics[2], uint256(_at(log.topics[1], 11)))));
            _set(slot, uint256(root));
            _set(_next(slot, 1), uint256(at) << 160 | uint256(last) << 96 | uint256(first) << 32 | count);
        } else {
            known = false;
        }
    }

    // ----------------------------------------------------------------------------------------------- jurisdictions

    function _ofSeats(bytes32 name, Vm.Log memory log) private returns (bool known) {
        known = true;
        bytes32 slot = _at(log.topics[1], 2);
        if (name == IRecordRegistry.JurisdictionAdded.selector) {
            (bytes32 code, address authority, address recovery) = abi.decode(log.data, (bytes32, address, address));
            _set(slot, uint256(code));
            _set(_next(slot, 1), uint160(authority));
            _set(_next(slot, 2), uint160(recovery));
            _field(0, 240, 8, uint256(log.topics[1]));
            if (_isLive()) _raiseEpoch();
        } else if (name == IRecordRegistry.RegistryAccepted.selector) {
            (, bool live) = abi.decode(log.data, (address, bool));
            if (_isLive()) _raiseEpoch();
            _field(0, 183 + uint256(log.topics[1]), 1, 1);
            _field(0, 248, 8, live ? 1 : 0);
        } else if (name == IRecordRegistry.HandoverOffered.selector) {
            _set(_next(slot, 3 + uint256(log.topics[2])), uint256(abi.decode(log.data, (bytes32))));
        } else if (name == IRecordRegistry.HandoverAccepted.selector) {
            (, address to) = abi.decode(log.data, (address, address));
            _set(_next(slot, 1 + uint256(log.topics[2])), uint160(to));
            _set(_next(slot, 3 + uint256(log.topics[2])), 0);
            if (log.topics[2] == 0) _raiseEpoch();
            else _field(_next(slot, 5), 0, 200, 0);
        } else if (name == IRecordRegistry.RecoveryStarted.selector) {
            (address to, uint40 at) = abi.decode(log.data, (address, uint40));
            _field(_next(slot, 5), 0, 200, uint256(at) << 160 | uint160(to));
        } else if (name == IRecordRegistry.RecoveryObjected.selector) {
            _field(_next(slot, 5), 160, 40, 0);
        } else if (name == IRecordRegistry.RecoveryCompleted.selector) {
            (, address to,) = abi.decode(log.data, (address, address, uint16));
            _set(_next(slot, 1), uint160(to));
            _set(_next(slot, 3), 0);
            _field(_next(slot, 5), 0, 200, 0);
            _raiseEpoch();
        } else if (name == IRecordRegistry.PauseSet.selector) {
            _field(0, 151 + uint256(log.topics[1]), 1, abi.decode(log.data, (bool)) ? 1 : 0);
        } else {
            known = false;
        }
    }

    function _ofAll(bytes32 name, Vm.Log memory log) private returns (bool known) {
        known = true;
        if (name == IRecordRegistry.JointActionAgreed.selector) {
            (uint32 agreed, uint40 epoch, uint40 expiresAt,) = abi.decode(log.data, (uint32, uint24, uint40, bytes));
            _set(_at(log.topics[1], 3), uint256(expiresAt) << 72 | uint256(epoch) << 32 | agreed);
        } else if (name == IRecordRegistry.JointActionWithdrawn.selector) {
            _field(_at(log.topics[1], 3), 0, 32, abi.decode(log.data, (uint32)));
        } else if (name == IRecordRegistry.JointActionCompleted.selector) {
            _set(_at(log.topics[1], 3), 0);
        } else if (name == IRecordRegistry.SuccessorNamed.selector) {
            _set(bytes32(uint256(1)), uint256(abi.decode(log.data, (bytes32))));
        } else if (name == IRecordRegistry.CorridorOpened.selector) {
            _set(_at(log.topics[2], uint256(_at(log.topics[1], 4))), 1);
        } else if (name == IRecordRegistry.CorridorClosed.selector) {
            _set(_at(log.topics[2], uint256(_at(log.topics[1], 4))), 0);
        } else if (name == IRecordRegistry.SchemaAdded.selector) {
            (bytes32 hash, uint16 by,) = abi.decode(log.data, (bytes32, uint16, string));
            _set(_at(log.topics[1], 8), uint256(hash));
            _set(_at(hash, 9), uint256(log.topics[1]));
            _field(0, 232, 8, uint256(log.topics[1]));
            bytes32 side = _next(_at(bytes32(uint256(by)), 2), 5);
            _field(side, 216, 8, uint8(words[side] >> 216) + 1);
        } else if (name == IRecordRegistry.KeeperSharePublished.selector) {
            bytes32 share = abi.decode(log.data, (bytes32));
            _set(_at(log.topics[2], uint256(_at(log.topics[1], 10))), uint256(share));
        } else {
            known = false;
        }
    }

    // ------------------------------------------------------------------------------------------------------- words

    /// @dev Told of every entry that an event makes.
    function _onEntry(uint88 entryKey, uint48 batch, uint192 commitment) internal virtual;

    function _isLive() private view returns (bool) {
        return words[0] >> 248 != 0;
    }

    function _raiseEpoch() private {
        _field(0, 112, 40, uint40(words[0] >> 112) + 1);
    }

    /// @dev Where a mapping at `slot` keeps the value of `key`.
    function _at(bytes32 key, uint256 slot) internal pure returns (bytes32) {
        return keccak256(abi.encode(key, slot));
    }

    function _next(bytes32 slot, uint256 steps) private pure returns (bytes32) {
        return bytes32(uint256(slot) + steps);
    }

    function _field(bytes32 slot, uint256 bit, uint256 width, uint256 value) private {
        uint256 mask = (2 ** width - 1) << bit;
        _set(slot, words[slot] & ~mask | value << bit);
    }

    function _set(bytes32 slot, uint256 word) private {
        words[slot] = word;
        if (!listed[slot]) {
            listed[slot] = true;
            slots.push(slot);
        }
    }
}
