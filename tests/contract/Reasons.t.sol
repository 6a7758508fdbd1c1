// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Each act's own reason, all eight bits of it, is what the event and the note say
contract ReasonsTest is Fixture {
    IRecordRegistry.State private constant NONE = IRecordRegistry.State.None;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;
    IRecordRegistry.State private constant SUPERSEDED = IRecordRegistry.State.Superseded;
    IRecordRegistry.State private constant DISPUTED = IRecordRegistry.State.Disputed;

    uint48 private constant BATCH = 1;
    /// @dev Neither is the other with bits taken out.
    uint8 private constant RAISED = 0xa5;
    uint8 private constant ENDED = 0xda;

    function test_approve__exceptionsOfTwoReasons__eachKeepsItsOwn() public {
        _registerHk(_rising(3));
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](2);
        exceptions[0] = IRecordRegistry.Exception(_keyHk(1), RAISED);
        exceptions[1] = IRecordRegistry.Exception(_keyHk(3), ENDED);
        _expectOverride(1, REJECTED, _noteBy(bureauHkReview, RAISED), bureauHkReview);
        _expectOverride(3, REJECTED, _noteBy(bureauHkReview, ENDED), bureauHkReview);
        vm.prank(bureauHkReview);
        registry.approve(BATCH, exceptions);
        _assertOverride(_keyHk(1), REJECTED, _noteBy(bureauHkReview, RAISED));
        _assertOverride(_keyHk(3), REJECTED, _noteBy(bureauHkReview, ENDED));
    }

    function test_resolve__ownDisputeUpheld__keepsTheResolversReason() public {
        _disputeOwn();
        _expectOverride(1, REVOKED, _noteBy(bureauHkReview, ENDED), bureauHkReview);
        vm.prank(bureauHkReview);
        registry.resolve(_keyHk(1), true, ENDED);
        _assertOverride(_keyHk(1), REVOKED, _noteBy(bureauHkReview, ENDED));
    }

    function test_resolve__ownDisputeDropped__saysTheResolversReason() public {
        _disputeOwn();
        _expectOverride(1, NONE, _noteBy(bureauHkReview, ENDED), bureauHkReview);
        vm.prank(bureauHkReview);
        registry.resolve(_keyHk(1), false, ENDED);
        _assertNoOverride(_keyHk(1));
    }

    function test_resolve__authoritysDisputeUpheld__keepsTheResolversReason() public {
        _registerHkActive(_rising(1));
        IRecordRegistry.Note memory note = _noteBySide(SZ);
        note.reason = RAISED;
        _expectOverride(1, DISPUTED, note, adminSz);
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), RAISED);
        note.reason = ENDED;
        _expectOverride(1, REVOKED, note, adminSz);
        vm.prank(adminSz);
        registry.resolve(_keyHk(1), true, ENDED);
        _assertOverride(_keyHk(1), REVOKED, note);
    }

    function test_supersede__disputedRecord__keepsItsOwnReason() public {
        _disputeOwn();
        IRecordRegistry.Note memory note = _noteBy(bureauHkReview, ENDED);
        note.successor = uint72(2) << 8;
        _expectOverride(1, SUPERSEDED, note, bureauHkReview);
        vm.prank(bureauHkReview);
        registry.supersede(_keyHk(1), _keyHk(2), ENDED);
        _assertOverride(_keyHk(1), SUPERSEDED, note);
    }

    function test_revoke__disputedRecord__keepsItsOwnReason() public {
        _disputeOwn();
        _expectOverride(1, REVOKED, _noteBy(bureauHkSubmit, ENDED), bureauHkSubmit);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(1)), ENDED);
        _assertOverride(_keyHk(1), REVOKED, _noteBy(bureauHkSubmit, ENDED));
    }

    function test_batchEnds__rejectedOrRevoked__keepsAllBitsOfTheReason() public {
        _registerHk(_one(1, 1));
        _registerHk(_one(2, 2));
        _approve(2);
        _expectEvent();
        emit IRecordRegistry.BatchRejected(1, adminHk, START, RAISED);
        vm.prank(adminHk);
        registry.reject(1, RAISED);
        _expectEvent();
        emit IRecordRegistry.BatchRevoked(2, adminHk, ENDED, START);
        vm.prank(adminHk);
        registry.revokeBatch(2, ENDED);
        vm.assertEq(registry.batchOf(1).reason, RAISED);
        vm.assertEq(registry.batchOf(2).reason, ENDED);
    }

    function test_setStanding__suspendedAndReinstated__saysAllBitsOfEachReason() public {
        _expectEvent();
        emit IRecordRegistry.StandingSet(BUREAU_HK, IRecordRegistry.Standing.Suspended, RAISED);
        vm.prank(adminHk);
        registry.setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended, RAISED);
        _expectEvent();
        emit IRecordRegistry.StandingSet(BUREAU_HK, IRecordRegistry.Standing.Active, ENDED);
        vm.prank(adminHk);
        registry.setStanding(BUREAU_HK, IRecordRegistry.Standing.Active, ENDED);
    }

    // -----------------------------------------------------------------------------------------------------------------

    function test_resolve__reasonZero__isNotTheDisputers() public {
        _registerHkActive(_rising(1));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkReview);
        registry.resolve(_keyHk(1), true, 0);
        vm.assertEq(registry.noteOf(_keyHk(1)).reason, 0);
    }

    /// @dev Three active records of the bureau in Hong Kong, the first disputed by its own submitter.
    function _disputeOwn() private {
        _registerHkActive(_rising(3));
        _expectOverride(1, DISPUTED, _noteBy(bureauHkSubmit, RAISED), bureauHkSubmit);
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), RAISED);
        _assertOverride(_keyHk(1), DISPUTED, _noteBy(bureauHkSubmit, RAISED));
    }

    function _noteBy(address account, uint8 reason) private view returns (IRecordRegistry.Note memory note) {
        note = _noteBy(account);
        note.reason = reason;
    }

    function _expectOverride(
        uint64 recordHash,
        IRecordRegistry.State state,
        IRecordRegistry.Note memory note,
        address by
    ) private {
        _expectEvent();
        emit IRecordRegistry.OverrideSet(_keyHk(recordHash), BATCH, state, note, by);
    }
}
