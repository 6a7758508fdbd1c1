// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Corrections by each party from each state, with keys and numbers beyond their lower bits
contract EdgesOfCorrectingTest is Fixture {
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;
    IRecordRegistry.State private constant SUPERSEDED = IRecordRegistry.State.Superseded;
    IRecordRegistry.State private constant DISPUTED = IRecordRegistry.State.Disputed;

    function test_revoke__anothersRecordBetweenItsOwn__revertsWhole() public {
        _registerHkActive(_rising(2));
        _registerSz(_one(5, 5));
        uint88[] memory entryKeys = new uint88[](3);
        (entryKeys[0], entryKeys[1], entryKeys[2]) = (_keyHk(1), _keySz(5), _keyHk(2));
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkSubmit, BUREAU_SZ);
        vm.prank(bureauHkSubmit);
        registry.revoke(entryKeys, REASON);
    }

    function test_revoke__notActiveByTheAuthority__reverts() public {
        _expectError(IRecordRegistry.UnknownEntry.selector, _keyHk(1));
        _revokeByAuthority(_keyHk(1));
        uint48 batch = _registerHk(_rising(1));
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(PENDING));
        _revokeByAuthority(_keyHk(1));
        vm.prank(adminHk);
        registry.reject(batch, REASON);
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(REJECTED));
        _revokeByAuthority(_keyHk(1));
    }

    function test_revokeBatch__pendingByTheInstitution__reverts() public {
        _registerHk(_rising(1));
        _expectError(IRecordRegistry.BatchNotActive.selector, 1, uint256(PENDING));
        vm.prank(bureauHkSubmit);
        registry.revokeBatch(1, REASON);
    }

    function test_revokeBatch__rejectedOrRevokedBefore__reverts() public {
        _registerHk(_one(1, 1));
        _registerHkActive(_one(2, 2));
        vm.prank(adminHk);
        registry.reject(1, REASON);
        vm.prank(adminHk);
        registry.revokeBatch(2, REASON);
        _expectError(IRecordRegistry.BatchNotActive.selector, 1, uint256(REJECTED));
        vm.prank(adminHk);
        registry.revokeBatch(1, REASON);
        _expectError(IRecordRegistry.BatchNotActive.selector, 2, uint256(REVOKED));
        vm.prank(adminHk);
        registry.revokeBatch(2, REASON);
    }

    function test_corrections__institutionSuspended__stillWork() public {
        _registerHkActive(_rising(2));
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(2)), REASON);
        _assertState(_keyHk(1), DISPUTED);
        _assertState(_keyHk(2), REVOKED);
    }

    function test_supersede__anySidePauses__reverts() public {
        _registerHkActive(_rising(2));
        _pause(adminHk);
        _expectError(IRecordRegistry.Paused.selector, 1);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        _pause(adminSz);
        _expectError(IRecordRegistry.Paused.selector, 3);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
    }

    function test_supersede__expiredRecord__isAllowed() public {
        _register(bureauSzSubmit, START + 1, _one(1, 1));
        _registerSz(_one(2, 2));
        vm.warp(START + 1);
        vm.prank(bureauSzSubmit);
        registry.supersede(_keySz(1), _keySz(2), REASON);
        _assertState(_keySz(1), SUPERSEDED);
    }

    function test_supersede__disputedByAnAuthority__isAllowed() public {
        _registerHkActive(_rising(2));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        _assertState(_keyHk(1), SUPERSEDED);
    }

    function test_supersede__longHashInTheLastPlace__theNoteSaysAllItsBits() public {
        uint64 long = type(uint64).max - 4;
        _registerSz(_one(1, 1));
        for (uint8 n; n < 64; ++n) {
            _registerSz(_one(long, n));
        }
        vm.prank(bureauSzSubmit);
        registry.supersede(_keySz(1), _key(long, BUREAU_SZ, 63), REASON);
        vm.assertEq(registry.noteOf(_keySz(1)).successor, uint72(long) << 8 | 63);
    }

    function test_supersede__byARecordItsInstitutionDisputes__reverts() public {
        _registerHkActive(_rising(2));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(2), REASON);
        _expectError(IRecordRegistry.SuccessorInvalid.selector, _keyHk(1), _keyHk(2));
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
    }

    function test_dispute__pendingByItsInstitution__reverts() public {
        _registerHk(_rising(1));
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(PENDING));
        vm.prank(bureauHkReview);
        registry.dispute(_keyHk(1), REASON);
    }

    function test_dispute__terminalByAnAuthority__reverts() public {
        _registerHkActive(_rising(3));
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(SUPERSEDED));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(adminHk);
        registry.revokeBatch(1, REASON);
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(2), uint256(REVOKED));
        vm.prank(adminSz);
        registry.dispute(_keyHk(2), REASON);
    }

    function test_dispute__disputedByAnAuthority__isNotTakenOver() public {
        _registerHkActive(_rising(1));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(DISPUTED));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
    }

    function test_resolve__upheldInARevokedBatch__isNotedOnTheRecord() public {
        _registerHkActive(_rising(1));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(adminHk);
        registry.revokeBatch(1, REASON);
        vm.prank(adminSz);
        registry.resolve(_keyHk(1), true, REASON);
        _assertOverride(_keyHk(1), REVOKED, _noteBySide(SZ));
    }

    function test_resolve__accountNumbersDifferBeyondEightBits__areTwoAccounts() public {
        _setAccountCount(256);
        _bind(BUREAU_HK, heir, IRecordRegistry.AccountRole.Review);
        _registerHkActive(_rising(1));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(heir);
        registry.resolve(_keyHk(1), false, REASON);
        _assertState(_keyHk(1), ACTIVE);
    }

    function test_resolve__institutionsDifferBeyondEightBits__reverts() public {
        _bindToInstitution257(heir);
        _registerHkActive(_rising(1));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        _expectError(IRecordRegistry.NotResolver.selector, _keyHk(1), heir);
        vm.prank(heir);
        registry.resolve(_keyHk(1), true, REASON);
    }

    function test_revoke__institutionBeyondEightBits__byItselfAlone() public {
        _bindToInstitution257(heir);
        _register(heir, NEVER, _one(1, 1));
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkSubmit, 257);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_key(1, 257, 0)), REASON);
        vm.prank(heir);
        registry.revoke(_keys(_key(1, 257, 0)), REASON);
        _assertState(_key(1, 257, 0), REVOKED);
    }

    function test_findMany__institutionBeyondEightBits__countsItsClaims() public {
        _bindToInstitution257(heir);
        _register(heir, NEVER, _one(1, 1));
        _register(heir, NEVER, _one(1, 2));
        vm.assertEq(_answer(1, 257), bytes32(uint256(1) << 64 | uint256(1) << 16 | uint256(2) << 8 | 2));
    }

    function test_resolve__terminatedInstitutionsOwnDispute__notByItsAuthority() public {
        _registerHkActive(_rising(1));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Terminated);
        _expectError(IRecordRegistry.NotResolver.selector, _keyHk(1), adminHk);
        vm.prank(adminHk);
        registry.resolve(_keyHk(1), false, REASON);
    }

    function test_revokeBatch__exceptionWithin__staysRejected() public {
        uint48 batch = _registerHk(_rising(2));
        _approveBut(batch, _keys(_keyHk(1)));
        vm.prank(adminHk);
        registry.revokeBatch(batch, REASON);
        _assertState(_keyHk(1), REJECTED);
        _assertState(_keyHk(2), REVOKED);
    }

    function _revokeByAuthority(uint88 entryKey) private {
        vm.prank(adminHk);
        registry.revoke(_keys(entryKey), REASON);
    }

    /// @dev Its lower eight bits are those of the bureau in Hong Kong.
    function _bindToInstitution257(address account) private {
        _setInstitutionCount(256);
        vm.prank(adminSz);
        registry.admit("INSTITUTION-257", "profile");
        _scope(257, PROVIDER, NEVER, false);
        _bind(257, account, IRecordRegistry.AccountRole.Submit);
    }
}
