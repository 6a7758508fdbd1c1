// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {Vm} from "../Vm.sol";
import {Replica} from "./Replica.sol";

/// @title What must be so whenever an event says that something was done: who did it, what was before, who had agreed
/// @dev   Checked when the replica has not taken in the event yet, so that it is the state before. None of these calls
///        changes what the views tell of the acting institution, its account, and the pauses.
abstract contract Rules is Replica {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint16 private constant NOBODY = 0;

    IRecordRegistry public registry;
    mapping(uint256 from => mapping(uint256 to => bool)) private allowed;

    constructor() {
        (uint8 pending, uint8 active, uint8 disputed) = (
            uint8(IRecordRegistry.State.Pending),
            uint8(IRecordRegistry.State.Active),
            uint8(IRecordRegistry.State.Disputed)
        );
        allowed[pending][uint8(IRecordRegistry.State.Rejected)] = true;
        allowed[active][uint8(IRecordRegistry.State.Revoked)] = true;
        allowed[active][uint8(IRecordRegistry.State.Superseded)] = true;
        allowed[active][disputed] = true;
        allowed[disputed][uint8(IRecordRegistry.State.Revoked)] = true;
        allowed[disputed][uint8(IRecordRegistry.State.Superseded)] = true;
        allowed[disputed][uint8(IRecordRegistry.State.None)] = true;
    }

    function _check(Vm.Log memory log, address caller) internal view {
        bytes32 name = log.topics[0];
        if (name == IRecordRegistry.BatchRegistered.selector) {
            _checkRegistered(log, caller);
        } else if (name == IRecordRegistry.BatchApproved.selector) {
            _checkApproved(log, caller);
        } else if (name == IRecordRegistry.BatchRejected.selector) {
            _checkEnded(log, caller, IRecordRegistry.State.Pending);
        } else if (name == IRecordRegistry.BatchRevoked.selector) {
            _checkEnded(log, caller, IRecordRegistry.State.Active);
        } else if (name == IRecordRegistry.OverrideSet.selector) {
            _checkOverride(log, caller);
        } else if (name == IRecordRegistry.HandoverAccepted.selector) {
            _checkHandover(log, caller);
        } else if (name == IRecordRegistry.RecoveryCompleted.selector) {
            _checkRecovery(log, caller);
        } else if (name == IRecordRegistry.PauseSet.selector) {
            _checkSeat(uint16(uint256(log.topics[1])), caller);
        } else if (name == IRecordRegistry.InstitutionAdmitted.selector) {
            _checkSeat(uint16(uint256(log.topics[2])), caller);
        } else if (_isAuthoritysAlone(name)) {
            _checkSeat(_jurisdictionOf(uint16(uint256(log.topics[1]))), caller);
        } else if (name == IRecordRegistry.DailyRootPosted.selector) {
            // Whatever the standing: an institution that has ended still posts what it logged until then.
            _checkEnabled(caller, uint16(uint256(log.topics[1])));
        } else {
            _checkOfSides(log, caller);
        }
    }

    /// @dev What the seats of one side do, or a reviewer for its institution. What completes a joint action, and which
    ///      accounts a seat disables, the model alone foresees.
    function _checkOfSides(Vm.Log memory log, address caller) private view {
        bytes32 name = log.topics[0];
        if (log.topics.length == 1) return;
        IRecordRegistry.Jurisdiction memory side = registry.jurisdictionOf(uint16(uint256(log.topics[1])));
        if (name == IRecordRegistry.RecoveryObjected.selector) {
            vm.assertEq(side.authority, caller, "objected to by another");
        } else if (name == IRecordRegistry.RecoveryStarted.selector) {
            vm.assertEq(side.recovery, caller, "started by another");
        } else if (name == IRecordRegistry.HandoverOffered.selector) {
            bool recovery = uint256(log.topics[2]) == uint256(IRecordRegistry.Seat.Recovery);
            vm.assertEq(recovery ? side.recovery : side.authority, caller, "offered by another");
        } else if (name == IRecordRegistry.KeeperSharePublished.selector) {
            _checkSeat(uint16(uint256(log.topics[1])), caller);
        } else if (name == IRecordRegistry.SchemaAdded.selector) {
            (, uint16 by,) = abi.decode(log.data, (bytes32, uint16, string));
            _checkSeat(by, caller);
        } else if (name == IRecordRegistry.CorridorClosed.selector) {
            uint16 by = abi.decode(log.data, (uint16));
            vm.assertEq(by == uint256(log.topics[1]) || by == uint256(log.topics[2]), true, "closed by a third side");
            _checkSeat(by, caller);
        } else if (_isAgreement(name)) {
            _checkSeat(uint16(uint256(log.topics[2])), caller);
        } else if (name == IRecordRegistry.EncryptionKeySet.selector) {
            _checkKeySet(uint16(uint256(log.topics[1])), caller);
        }
    }

    function _checkKeySet(uint16 institution, address caller) private view {
        IRecordRegistry.Institution memory owner = registry.institutionOf(institution);
        if (registry.jurisdictionOf(owner.jurisdiction).authority == caller) return;
        _checkAccount(caller, institution, IRecordRegistry.AccountRole.Review);
        vm.assertEq(uint8(owner.standing), uint8(IRecordRegistry.Standing.Active), "of no active standing");
    }

    // ----------------------------------------------------------------------------------------------------- records

    function _checkRegistered(Vm.Log memory log, address caller) private view {
        uint16 institution = uint16(uint256(log.topics[2]));
        _checkOpen();
        vm.assertEq(registry.successor(), address(0), "registered though closed");
        _checkAccount(caller, institution, IRecordRegistry.AccountRole.Submit);
        _checkEntitled(institution, uint16(uint256(log.topics[3])));
        vm.assertEq(uint256(log.topics[1]), uint40(uint256(_word(0))) + 1, "batches are numbered 1, 2, 3");
    }

    function _checkApproved(Vm.Log memory log, address caller) private view {
        IRecordRegistry.Batch memory batch = registry.batchOf(uint48(uint256(log.topics[1])));
        _checkOpen();
        vm.assertEq(batch.submitter != caller, true, "approved what he submitted");
        vm.assertEq(_statusBefore(log.topics[1]), uint8(IRecordRegistry.State.Pending), "approved though not pending");
        _checkAccount(caller, batch.institution, IRecordRegistry.AccountRole.Review);
        _checkEntitled(batch.institution, batch.schema);
        vm.assertEq(batch.expiresAt == 0 || block.timestamp < batch.expiresAt, true, "approved though expired");
    }

    function _checkEnded(Vm.Log memory log, address caller, IRecordRegistry.State from) private view {
        vm.assertEq(_statusBefore(log.topics[1]), uint8(from), "batch ended from another state");
        uint16 institution = registry.batchOf(uint48(uint256(log.topics[1]))).institution;
        vm.assertEq(_isOwnerOrItsAuthority(institution, caller), true, "another's batch ended");
    }

    function _checkOverride(Vm.Log memory log, address caller) private view {
        uint88 entryKey = uint88(uint256(log.topics[1]));
        uint16 institution = uint16(entryKey >> 8);
        (IRecordRegistry.State state, IRecordRegistry.Note memory note,) =
            abi.decode(log.data, (IRecordRegistry.State, IRecordRegistry.Note, address));
        uint256 entry = uint256(_word(_at(log.topics[1], 12)));
        vm.assertEq(uint48(entry >> 192), uint256(log.topics[2]), "batch of an override");
        uint256 before = _stateBefore(entry);
        bool resolved = state == IRecordRegistry.State.None || before == uint8(IRecordRegistry.State.Disputed);
        // A dispute within a batch that was revoked meanwhile still ends, either way.
        bool revokedMeanwhile = entry >> 240 == uint8(IRecordRegistry.State.Disputed)
            && before == uint8(IRecordRegistry.State.Revoked)
            && (state == IRecordRegistry.State.None || state == IRecordRegistry.State.Revoked);
        vm.assertEq(allowed[before][uint8(state)] || revokedMeanwhile, true, "transition");
        if (state == IRecordRegistry.State.Superseded) _checkOpen();
        IRecordRegistry.Account memory account = registry.accountOf(caller);
        if (note.byInstitution != NOBODY) {
            vm.assertEq(note.byInstitution, institution, "another's record overridden");
            vm.assertEq(account.enabled && account.institution == institution, true, "by no account of its own");
            vm.assertEq(note.byAccount, account.number);
        } else {
            _checkSeat(note.byJurisdiction, caller);
            bool may = state == IRecordRegistry.State.Disputed || resolved || revokedMeanwhile
                || state == IRecordRegistry.State.Revoked && note.byJurisdiction == _jurisdictionOf(institution);
            vm.assertEq(may, true, "an authority overrode what is not its own");
        }
    }

    // ------------------------------------------------------------------------------------------------------- seats

    /// @dev In two steps: it was offered, and who takes it is who it was offered to.
    function _checkHandover(Vm.Log memory log, address caller) private view {
        (, address to) = abi.decode(log.data, (address, address));
        bytes32 offer = bytes32(uint256(_at(log.topics[1], 2)) + 3 + uint256(log.topics[2]));
        vm.assertEq(to, caller, "taken by another");
        vm.assertEq(address(uint160(uint256(_word(offer)))), to, "never offered");
        vm.assertEq(to != address(0), true, "nobody on the seat");
    }

    /// @dev In two steps: the recovery address named him, then another side's authority or fourteen days did the rest.
    function _checkRecovery(Vm.Log memory log, address caller) private view {
        (, address to, uint16 supporter) = abi.decode(log.data, (address, address, uint16));
        bytes32 side = _at(log.topics[1], 2);
        uint256 running = uint256(_word(bytes32(uint256(side) + 5)));
        vm.assertEq(address(uint160(running)), to, "never named");
        vm.assertEq(to != address(0), true, "nobody on the seat");
        if (supporter == 0) {
            vm.assertEq(uint256(_word(bytes32(uint256(side) + 2))), uint160(caller), "not by the recovery address");
            uint256 startedAt = uint40(running >> 160);
            vm.assertGe(block.timestamp, startedAt + 14 days, "too early");
            vm.assertEq(startedAt != 0, true, "objected to");
        } else {
            vm.assertEq(supporter != uint256(log.topics[1]), true, "its own support");
            _checkSeat(supporter, caller);
        }
    }

    function _checkSeat(uint16 side, address caller) private view {
        vm.assertEq(registry.jurisdictionOf(side).authority, caller, "not its authority");
        vm.assertEq(registry.registry().accepted >> (side - 1) & 1, 1, "has not accepted");
    }

    // ------------------------------------------------------------------------------------------------------- words

    function _isAuthoritysAlone(bytes32 name) private pure returns (bool) {
        return name == IRecordRegistry.InstitutionScoped.selector || name == IRecordRegistry.StandingSet.selector
            || name == IRecordRegistry.ProfileSet.selector;
    }

    function _isAgreement(bytes32 name) private pure returns (bool) {
        return
            name == IRecordRegistry.JointActionAgreed.selector || name == IRecordRegistry.JointActionWithdrawn.selector;
    }

    function _checkOpen() private view {
        vm.assertEq(registry.registry().paused, 0, "done though paused");
    }

    function _checkAccount(address caller, uint16 institution, IRecordRegistry.AccountRole role) private view {
        _checkEnabled(caller, institution);
        vm.assertEq(uint8(registry.accountOf(caller).role), uint8(role), "an account of the other role acted");
    }

    function _checkEnabled(address caller, uint16 institution) private view {
        IRecordRegistry.Account memory account = registry.accountOf(caller);
        vm.assertEq(account.enabled, true, "a disabled account acted");
        vm.assertEq(account.institution, institution, "another's account acted");
    }

    function _checkEntitled(uint16 institution, uint16 schema) private view {
        IRecordRegistry.Institution memory provider = registry.institutionOf(institution);
        vm.assertEq(uint8(provider.standing), uint8(IRecordRegistry.Standing.Active), "of no active standing");
        vm.assertEq(provider.roles & 1, 1, "no provider");
        vm.assertEq(provider.schemas >> schema & 1, 1, "not of this schema");
        vm.assertEq(provider.entitledUntil == 0 || block.timestamp < provider.entitledUntil, true, "no longer entitled");
    }

    function _isOwnerOrItsAuthority(uint16 institution, address caller) private view returns (bool) {
        IRecordRegistry.Account memory account = registry.accountOf(caller);
        if (account.enabled && account.institution == institution) return true;
        return registry.jurisdictionOf(_jurisdictionOf(institution)).authority == caller;
    }

    function _jurisdictionOf(uint16 institution) private view returns (uint16) {
        return registry.institutionOf(institution).jurisdiction;
    }

    function _statusBefore(bytes32 batch) private view returns (uint8) {
        return uint8(uint256(_word(bytes32(uint256(_at(batch, 13)) + 1))) >> 248);
    }

    function _stateBefore(uint256 entry) private view returns (uint256) {
        uint8 over = uint8(entry >> 240);
        uint8 status = _statusBefore(bytes32(uint256(uint48(entry >> 192))));
        bool disputed = over == uint8(IRecordRegistry.State.Disputed);
        if (over != 0 && !disputed) return over;
        return disputed && status == uint8(IRecordRegistry.State.Active) ? over : status;
    }
}
