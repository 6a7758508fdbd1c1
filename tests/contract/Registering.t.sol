// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Register, approve and reject
contract RegisteringTest is Fixture {
    IRecordRegistry.AccountRole private constant SUBMIT = IRecordRegistry.AccountRole.Submit;
    IRecordRegistry.AccountRole private constant REVIEW = IRecordRegistry.AccountRole.Review;
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;

    // ----------------------------------------------------------------------------------------------------- registering

    function test_register__underReview__isPending() public {
        bytes32[] memory records = _rising(3);
        _expectEvent();
        emit IRecordRegistry.BatchRegistered(
            1, BUREAU_HK, COMPANY, bureauHkSubmit, START, START + 1, SALTED, PENDING, records
        );
        vm.prank(bureauHkSubmit);
        vm.assertEq(registry.register(COMPANY, START + 1, SALTED, records), 1);

        vm.assertEq(
            abi.encode(registry.batchOf(1)),
            abi.encode(
                IRecordRegistry.Batch(
                    bureauHkSubmit, BUREAU_HK, COMPANY, START, 3, SALTED, address(0), 0, START + 1, 0, PENDING
                )
            )
        );
        for (uint64 recordHash = 1; recordHash <= 3; ++recordHash) {
            vm.assertEq(
                abi.encode(registry.entryOf(_keyHk(recordHash))),
                abi.encode(IRecordRegistry.Entry(recordHash + 1000, 1, IRecordRegistry.State.None))
            );
            _assertState(_keyHk(recordHash), PENDING);
            _assertNoOverride(_keyHk(recordHash));
        }
        vm.assertEq(registry.registry().batchCount, 1);
        vm.assertEq(registry.registry().recordCount, 3);
    }

    function test_register__noReviewRequired__isActiveAtOnce() public {
        bytes32[] memory records = _one(0, 5);
        _expectEvent();
        emit IRecordRegistry.BatchRegistered(
            1, BUREAU_SZ, PERSONAL, bureauSzSubmit, START, NEVER, SALTED, ACTIVE, records
        );
        vm.assertEq(_registerSz(records), 1);
        _assertState(_keySz(0), ACTIVE);
        vm.assertEq(registry.batchOf(1).reviewer, address(0));
        vm.assertEq(_registerHk(_one(0, 5)), 2);
        vm.assertEq(registry.registry().recordCount, 2);
    }

    function test_register__notASubmitAccount__reverts() public {
        address[4] memory others = [bureauHkReview, adminHk, stranger, bureauHkSubmit];
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkSubmit, SUBMIT, false);
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAnAccount.selector, others[i], uint256(SUBMIT));
            _register(others[i], NEVER, _rising(1));
        }
    }

    function test_register__notEntitled__reverts() public {
        // A verifier is no provider.
        _expectError(IRecordRegistry.NotEntitled.selector, BANK_SZ, PERSONAL);
        _register(bankSz, NEVER, _rising(1));

        uint16[4] memory notScoped = [uint16(0), 3, 256, type(uint16).max];
        for (uint256 i; i < notScoped.length; ++i) {
            _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, notScoped[i]);
            vm.prank(bureauHkSubmit);
            registry.register(notScoped[i], NEVER, SALTED, _rising(1));
        }

        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _registerHk(_rising(1));
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Terminated);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _registerHk(_rising(1));
    }

    function test_register__entitlementEnds__revertsFromThatSecondOn() public {
        _scope(BUREAU_HK, PROVIDER, START + 10, true);
        vm.warp(START + 9);
        _registerHk(_one(1, 1));
        vm.warp(START + 10);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _registerHk(_one(2, 2));
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _approve(1);
    }

    function test_register__anySidePauses__reverts() public {
        _pause(adminSz);
        _expectError(IRecordRegistry.Paused.selector, 2);
        _registerHk(_rising(1));
        _pause(adminHk);
        _expectError(IRecordRegistry.Paused.selector, 3);
        _registerHk(_rising(1));
    }

    function test_register__expiredAlready__reverts() public {
        uint40[2] memory past = [START, 1];
        for (uint256 i; i < past.length; ++i) {
            _expectError(IRecordRegistry.ExpiryInvalid.selector, past[i]);
            _register(bureauHkSubmit, past[i], _rising(1));
        }
        _register(bureauHkSubmit, START + 1, _rising(1));
    }

    function test_register__epochWithoutItsSidesShare__reverts() public {
        vm.prank(adminSz);
        registry.publishKeeperShare(9, "share");
        _expectError(IRecordRegistry.ShareMissing.selector, HK, 9);
        vm.prank(bureauHkSubmit);
        registry.register(PERSONAL, NEVER, 9, _rising(1));
        vm.prank(adminHk);
        registry.publishKeeperShare(9, "share");
        vm.prank(bureauHkSubmit);
        registry.register(PERSONAL, NEVER, 9, _rising(1));
        vm.assertEq(registry.batchOf(1).epoch, 9);
    }

    function test_register__lastEpochWithoutItsSidesShare__reverts() public {
        _expectError(IRecordRegistry.ShareMissing.selector, HK, 255);
        vm.prank(bureauHkSubmit);
        registry.register(PERSONAL, NEVER, 255, _rising(1));
        vm.prank(adminHk);
        registry.publishKeeperShare(255, "share");
        vm.prank(bureauHkSubmit);
        registry.register(PERSONAL, NEVER, 255, _rising(1));
        vm.assertEq(registry.batchOf(1).epoch, 255);
    }

    function test_register__noneOrTooMany__reverts() public {
        _expectError(IRecordRegistry.CountInvalid.selector, 0);
        _registerHk(_rising(0));
        _expectError(IRecordRegistry.CountInvalid.selector, 65_536);
        _registerHk(_rising(65_536));
    }

    function test_register__notRising__namesTheRecord() public {
        bytes32[] memory records = _rising(3);
        records[2] = _record(2, 9);
        _expectError(IRecordRegistry.RecordsNotRising.selector, 2, 2);
        _registerHk(records);
        records[1] = _record(0, 9);
        _expectError(IRecordRegistry.RecordsNotRising.selector, 1, 0);
        _registerHk(records);
        records[0] = _record(0, 8);
        _expectError(IRecordRegistry.RecordsNotRising.selector, 1, 0);
        _registerHk(records);
    }

    function test_register__sameCommitmentAlive__namesTheDuplicate() public {
        _registerHk(_one(2, 1002));
        _expectError(IRecordRegistry.DuplicateRecord.selector, 1, _keyHk(2));
        _registerHk(_rising(3));
        vm.assertEq(registry.registry().batchCount, 1);
        vm.assertEq(registry.registry().recordCount, 1);
        _assertState(_keyHk(1), IRecordRegistry.State.None);

        _approve(1);
        _expectError(IRecordRegistry.DuplicateRecord.selector, 1, _keyHk(2));
        _registerHk(_rising(3));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(2), REASON);
        _expectError(IRecordRegistry.DuplicateRecord.selector, 1, _keyHk(2));
        _registerHk(_rising(3));
    }

    function test_register__sameCommitmentOver__takesTheNextPlace() public {
        uint48 batch = _registerHk(_one(1, 5));
        vm.prank(bureauHkSubmit);
        registry.reject(batch, REASON);
        _registerHkActive(_one(1, 5));
        _assertState(_key(1, BUREAU_HK, 1), ACTIVE);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_key(1, BUREAU_HK, 1)), REASON);

        _registerHkActive(_one(1, 5));
        _registerHkActive(_one(2, 6));
        vm.prank(bureauHkSubmit);
        registry.supersede(_key(1, BUREAU_HK, 2), _keyHk(2), REASON);

        _register(bureauHkSubmit, START + 1, _one(1, 5));
        _expectError(IRecordRegistry.DuplicateRecord.selector, 0, _key(1, BUREAU_HK, 3));
        _registerHk(_one(1, 5));
        vm.warp(START + 1);
        _registerHk(_one(1, 5));
        vm.assertEq(registry.entryOf(_key(1, BUREAU_HK, 4)).commitment, 5);
    }

    function test_register__anothersEntry__isNoDuplicate() public {
        _registerSz(_rising(3));
        _registerHk(_rising(3));
        _assertState(_keyHk(3), PENDING);
        _assertState(_keySz(3), ACTIVE);
    }

    function test_register__allPlacesTaken__namesTheRecord() public {
        for (uint8 n; n < 64; ++n) {
            _registerSz(_one(7, n));
            vm.assertEq(registry.entryOf(_key(7, BUREAU_SZ, n)).commitment, n);
        }
        bytes32[] memory records = _rising(7);
        _expectError(IRecordRegistry.NoPlaceLeft.selector, 6, 7);
        _registerSz(records);
        _expectError(IRecordRegistry.DuplicateRecord.selector, 0, _key(7, BUREAU_SZ, 63));
        _registerSz(_one(7, 63));
        _registerHk(records);
    }

    // ------------------------------------------------------------------------------------------------------- approving

    function test_approve__byReviewer__activatesAllButTheExceptions() public {
        uint48 batch = _registerHk(_rising(3));
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](1);
        exceptions[0] = IRecordRegistry.Exception(_keyHk(2), REASON);
        vm.warp(START + 9);

        _expectEvent();
        emit IRecordRegistry.OverrideSet(_keyHk(2), batch, REJECTED, _noteBy(bureauHkReview), bureauHkReview);
        _expectEvent();
        emit IRecordRegistry.BatchApproved(batch, bureauHkReview, START + 9, 1);
        vm.prank(bureauHkReview);
        registry.approve(batch, exceptions);

        IRecordRegistry.Batch memory approved = registry.batchOf(batch);
        vm.assertEq(uint256(approved.status), uint256(ACTIVE), "status");
        vm.assertEq(approved.reviewer, bureauHkReview);
        vm.assertEq(approved.reviewedAt, START + 9);
        vm.assertEq(approved.registeredAt, START);
        _assertState(_keyHk(1), ACTIVE);
        _assertState(_keyHk(2), REJECTED);
        _assertState(_keyHk(3), ACTIVE);
        _assertNoOverride(_keyHk(1));
        _assertOverride(_keyHk(2), REJECTED, _noteBy(bureauHkReview));
    }

    function test_approve__notItsReviewer__reverts() public {
        uint48 batch = _registerHk(_rising(1));
        _expectError(IRecordRegistry.SelfApproval.selector, batch, bureauHkSubmit);
        _approveBy(bureauHkSubmit, batch);
        _bind(BUREAU_HK, heir, SUBMIT);
        address[4] memory others = [heir, adminHk, bankSz, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAnAccount.selector, others[i], uint256(REVIEW));
            _approveBy(others[i], batch);
        }
        _expectError(IRecordRegistry.NotAllowed.selector, bureauSzReview, BUREAU_HK);
        _approveBy(bureauSzReview, batch);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReview, REVIEW, false);
        _expectError(IRecordRegistry.NotAnAccount.selector, bureauHkReview, uint256(REVIEW));
        _approve(batch);
    }

    function test_approve__notPending__reverts() public {
        _expectError(IRecordRegistry.UnknownBatch.selector, 1);
        _approve(1);
        _expectError(IRecordRegistry.UnknownBatch.selector, 0);
        _approve(0);
        _registerHkActive(_rising(1));
        _expectError(IRecordRegistry.BatchNotPending.selector, 1, uint256(ACTIVE));
        _approve(1);
        vm.prank(adminHk);
        registry.revokeBatch(1, REASON);
        _expectError(IRecordRegistry.BatchNotPending.selector, 1, uint256(REVOKED));
        _approve(1);
        _registerHk(_rising(1));
        vm.prank(adminHk);
        registry.reject(2, REASON);
        _expectError(IRecordRegistry.BatchNotPending.selector, 2, uint256(REJECTED));
        _approve(2);
    }

    function test_approve__pausedExpiredOrNoLongerEntitled__reverts() public {
        uint48 batch = _register(bureauHkSubmit, START + 100, _rising(1));
        _pause(adminSz);
        _expectError(IRecordRegistry.Paused.selector, 2);
        _approve(batch);
        vm.prank(adminSz);
        registry.setPaused(false);

        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _approve(batch);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Active);

        vm.prank(adminHk);
        registry.scope(BUREAU_HK, PROVIDER, uint256(1) << COMPANY, NEVER, true);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _approve(batch);
        _scope(BUREAU_HK, PROVIDER, NEVER, true);

        vm.warp(START + 100);
        _expectError(IRecordRegistry.BatchExpired.selector, batch, START + 100);
        _approve(batch);
        vm.warp(START + 99);
        _approve(batch);
    }

    function test_approve__exceptionNotInTheBatch__reverts() public {
        uint48 batch = _registerHk(_rising(2));
        _registerHk(_one(3, 3));
        uint88[3] memory others = [_keyHk(3), _keyHk(4), _keySz(1)];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotInBatch.selector, others[i], batch);
            _approveBut(batch, others[i], _keyHk(1));
        }
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(REJECTED));
        _approveBut(batch, _keyHk(1), _keyHk(1));
        _assertNoOverride(_keyHk(1));
        _assertState(_keyHk(1), PENDING);
    }

    // ------------------------------------------------------------------------------------------------------- rejecting

    function test_reject__byInstitutionOrAuthority__rejectsTheBatch() public {
        address[3] memory allowed = [bureauHkSubmit, bureauHkReview, adminHk];
        for (uint48 batch = 1; batch <= 3; ++batch) {
            _registerHk(_one(uint64(batch), 1));
            _expectEvent();
            emit IRecordRegistry.BatchRejected(batch, allowed[batch - 1], START, REASON);
            vm.prank(allowed[batch - 1]);
            registry.reject(batch, REASON);

            IRecordRegistry.Batch memory rejected = registry.batchOf(batch);
            vm.assertEq(uint256(rejected.status), uint256(REJECTED), "status");
            vm.assertEq(rejected.reviewer, allowed[batch - 1]);
            vm.assertEq(rejected.reviewedAt, START);
            vm.assertEq(rejected.reason, REASON);
            _assertState(_keyHk(uint64(batch)), REJECTED);
            _assertNoOverride(_keyHk(uint64(batch)));
        }
    }

    function test_reject__notAllowedOrNotPending__reverts() public {
        _expectError(IRecordRegistry.UnknownBatch.selector, 1);
        vm.prank(adminHk);
        registry.reject(1, REASON);
        _registerHk(_rising(1));
        address[5] memory others = [adminSz, bureauSzReview, recoveryHk, bankSz, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAllowed.selector, others[i], BUREAU_HK);
            vm.prank(others[i]);
            registry.reject(1, REASON);
        }
        _approve(1);
        _expectError(IRecordRegistry.BatchNotPending.selector, 1, uint256(ACTIVE));
        vm.prank(bureauHkSubmit);
        registry.reject(1, REASON);
    }

    function test_reject__pausedSuspendedAndExpired__stillWorks() public {
        uint48 batch = _register(bureauHkSubmit, START + 1, _rising(1));
        _pause(adminHk);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Terminated);
        vm.warp(START + 1);
        vm.prank(bureauHkSubmit);
        registry.reject(batch, REASON);
        _assertState(_keyHk(1), REJECTED);
    }

    // -----------------------------------------------------------------------------------------------------------------

    function _approveBy(address reviewer, uint48 batch) private {
        vm.prank(reviewer);
        registry.approve(batch, new IRecordRegistry.Exception[](0));
    }

    function _approveBut(uint48 batch, uint88 second, uint88 first) private {
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](2);
        exceptions[0] = IRecordRegistry.Exception(first, REASON);
        exceptions[1] = IRecordRegistry.Exception(second, REASON);
        vm.prank(bureauHkReview);
        registry.approve(batch, exceptions);
    }
}
