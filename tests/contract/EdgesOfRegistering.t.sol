// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Registering and reviewing at the ends of their values, one fault among many records
contract EdgesOfRegisteringTest is Fixture {
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;

    function test_register__latestExpiryThereIs__isStored() public {
        uint48 batch = _register(bureauSzSubmit, type(uint40).max, _rising(1));
        vm.assertEq(registry.batchOf(batch).expiresAt, type(uint40).max);
    }

    function test_register__lastSideThereCanBePauses__reverts() public {
        _setBits(0, 152 + 31, 1, 1);
        _expectError(IRecordRegistry.Paused.selector, uint256(1) << 31);
        _registerSz(_rising(1));
    }

    function test_register__institutionNumberedUnlikeItsSide__needsItsSidesShare() public {
        _scope(BANK_SZ, PROVIDER, NEVER, false);
        _expectError(IRecordRegistry.ShareMissing.selector, SZ, 9);
        vm.prank(bankSz);
        registry.register(PERSONAL, NEVER, 9, _rising(1));
        vm.prank(adminSz);
        registry.publishKeeperShare(9, "share");
        vm.prank(bankSz);
        registry.register(PERSONAL, NEVER, 9, _rising(1));
        vm.assertEq(registry.batchOf(1).epoch, 9);
    }

    function test_register__nextEpochsShareAlone__reverts() public {
        vm.prank(adminSz);
        registry.publishKeeperShare(10, "share");
        _expectError(IRecordRegistry.ShareMissing.selector, SZ, 9);
        vm.prank(bureauSzSubmit);
        registry.register(PERSONAL, NEVER, 9, _rising(1));
    }

    function test_register__tooManyWithoutReview__reverts() public {
        _expectError(IRecordRegistry.CountInvalid.selector, 65_536);
        _registerSz(_rising(65_536));
    }

    function test_register__moreThan255Records__countsThem() public {
        uint48 batch = _registerSz(_rising(300));
        vm.assertEq(registry.batchOf(batch).count, 300);
        vm.assertEq(registry.registry().recordCount, 300);
        _assertState(_keySz(300), ACTIVE);
    }

    function test_register__moreThan255RecordsUnderReview__isPending() public {
        uint48 batch = _registerHk(_rising(300));
        vm.assertEq(uint256(registry.batchOf(batch).status), uint256(PENDING));
    }

    function test_register__notRisingAt256__namesTheRecord() public {
        bytes32[] memory records = _rising(257);
        records[256] = _record(256, 9);
        _expectError(IRecordRegistry.RecordsNotRising.selector, 256, 256);
        _registerSz(records);
    }

    function test_register__commitmentsDifferInTheTopBitAlone__areTwoClaims() public {
        uint192 top = uint192(1) << 191;
        _registerSz(_one(1, 5));
        _registerSz(_one(1, 5 | top));
        vm.assertEq(registry.entryOf(_key(1, BUREAU_SZ, 1)).commitment, 5 | top);
    }

    function test_register__sameCommitmentInAnyTakenPlace__namesTheDuplicate() public {
        for (uint8 n; n < 3; ++n) {
            _registerSz(_one(1, n));
        }
        for (uint8 n; n < 3; ++n) {
            _expectError(IRecordRegistry.DuplicateRecord.selector, 0, _key(1, BUREAU_SZ, n));
            _registerSz(_one(1, n));
        }
    }

    function test_register__sameCommitmentActiveOrDisputedButExpired__takesTheNextPlace() public {
        _register(bureauSzSubmit, START + 1, _rising(2));
        vm.prank(adminSz);
        registry.dispute(_keySz(2), REASON);
        vm.warp(START + 1);
        _registerSz(_rising(2));
        _assertState(_key(1, BUREAU_SZ, 1), ACTIVE);
        _assertState(_key(2, BUREAU_SZ, 1), ACTIVE);
    }

    function test_register__hashesDifferInTheirTopByte__riseAndHaveTheirOwnPlaces() public {
        uint64 high = 0xa5 << 56;
        bytes32[] memory records = new bytes32[](2);
        (records[0], records[1]) = (_record(7, 1), _record(high | 3, 2));
        _registerSz(records);
        vm.assertEq(registry.entryOf(_keySz(7)).commitment, 1);
        vm.assertEq(registry.entryOf(_keySz(high | 3)).commitment, 2);
        vm.assertEq(registry.entryOf(_keySz(3)).commitment, 0);
    }

    function test_register__allPlacesOfALongHashTaken__namesAllItsBits() public {
        uint64 long = type(uint64).max - 4;
        for (uint8 n; n < 64; ++n) {
            _registerSz(_one(long, n));
        }
        _expectError(IRecordRegistry.NoPlaceLeft.selector, 0, long);
        _registerSz(_one(long, 64));
    }

    function test_register__blindAndExpiredAlready__reverts() public {
        vm.prank(adminSz);
        registry.publishKeeperShare(9, "share");
        _expectError(IRecordRegistry.ExpiryInvalid.selector, START);
        vm.prank(bureauSzSubmit);
        registry.register(PERSONAL, START, 9, _rising(1));
    }

    function test_register__blindUnderReview__isPending() public {
        vm.prank(adminHk);
        registry.publishKeeperShare(9, "share");
        vm.prank(bureauHkSubmit);
        registry.register(PERSONAL, NEVER, 9, _rising(1));
        _assertState(_keyHk(1), PENDING);
    }

    function test_approve__anySidePauses__reverts() public {
        uint48 batch = _registerHk(_rising(1));
        _pause(adminHk);
        _expectError(IRecordRegistry.Paused.selector, 1);
        _approve(batch);
        _pause(adminSz);
        _expectError(IRecordRegistry.Paused.selector, 3);
        _approve(batch);
    }

    function test_approve__withExceptionsAndNoLongerEntitled__reverts() public {
        uint48 batch = _registerHk(_rising(2));
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _approveBut(batch, _keys(_keyHk(1)));
    }

    function test_approve__withExceptionsAndExpired__reverts() public {
        uint48 batch = _register(bureauHkSubmit, START + 1, _rising(2));
        vm.warp(START + 1);
        _expectError(IRecordRegistry.BatchExpired.selector, batch, START + 1);
        _approveBut(batch, _keys(_keyHk(1)));
    }

    function test_approve__firstExceptionNotInTheBatch__reverts() public {
        uint48 batch = _registerHk(_one(1, 1));
        _registerSz(_one(2, 2));
        _expectError(IRecordRegistry.NotInBatch.selector, _keySz(2), batch);
        _approveBut(batch, _keys(_keySz(2)));
    }

    function test_approve__exceptionTwiceWithAnotherBetween__reverts() public {
        uint48 batch = _registerHk(_rising(2));
        uint88[] memory entryKeys = new uint88[](3);
        (entryKeys[0], entryKeys[1], entryKeys[2]) = (_keyHk(1), _keyHk(2), _keyHk(1));
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(REJECTED));
        _approveBut(batch, entryKeys);
    }

    function test_approve__moreThan255Exceptions__countsThem() public {
        uint48 batch = _registerHk(_rising(257));
        uint88[] memory entryKeys = new uint88[](256);
        for (uint64 i; i < 256; ++i) {
            entryKeys[i] = _keyHk(i + 1);
        }
        // The last of the events, hence not expected before the call, with 256 others to come first.
        vm.recordLogs();
        _approveBut(batch, entryKeys);
        bytes memory told = vm.getRecordedLogs()[256].data;
        vm.assertEq(told, abi.encode(bureauHkReview, START, 256));
    }

    function test_approve__allButNone__isActiveWithEachRejected() public {
        uint48 batch = _registerHk(_rising(1));
        _approveBut(batch, _keys(_keyHk(1)));
        vm.assertEq(uint256(registry.batchOf(batch).status), uint256(ACTIVE));
        _assertState(_keyHk(1), REJECTED);
    }

    function test_reject__later__eventAndBatchSayWhen() public {
        uint48 batch = _registerHk(_rising(1));
        vm.warp(START + 9);
        _expectEvent();
        emit IRecordRegistry.BatchRejected(batch, adminHk, START + 9, REASON);
        vm.prank(adminHk);
        registry.reject(batch, REASON);
        vm.assertEq(registry.batchOf(batch).reviewedAt, START + 9);
        vm.assertEq(registry.batchOf(batch).registeredAt, START);
    }

    function test_reject__rejectedOrRevokedBefore__reverts() public {
        _registerHk(_one(1, 1));
        _registerHkActive(_one(2, 2));
        vm.prank(adminHk);
        registry.reject(1, REASON);
        vm.prank(adminHk);
        registry.revokeBatch(2, REASON);
        _expectError(IRecordRegistry.BatchNotPending.selector, 1, uint256(REJECTED));
        vm.prank(adminHk);
        registry.reject(1, REASON);
        _expectError(IRecordRegistry.BatchNotPending.selector, 2, uint256(REVOKED));
        vm.prank(adminHk);
        registry.reject(2, REASON);
    }

    function test_reject__activeByTheAuthority__reverts() public {
        _registerHkActive(_rising(1));
        _expectError(IRecordRegistry.BatchNotPending.selector, 1, uint256(ACTIVE));
        vm.prank(adminHk);
        registry.reject(1, REASON);
    }
}
