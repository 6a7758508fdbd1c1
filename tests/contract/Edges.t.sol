// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Edges that a change of one operator or value would cross unseen: each test kills mutants that no other does
contract EdgesTest is Fixture {
    function test_objectToRecovery__objectedBefore__namesWhomItWasFor() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, heir);
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
    }

    function test_completeRecovery__longAfterTheDelay__completes() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.warp(START + 15 days);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_withdrawAgreement__anotherAgreed__theEventSaysWhoIsLeft() public {
        _addMacao();
        bytes memory call = abi.encodeCall(IRecordRegistry.nameSuccessor, (heir));
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        vm.prank(adminSz);
        registry.nameSuccessor(heir);
        _expectEvent();
        emit IRecordRegistry.JointActionWithdrawn(keccak256(call), HK, uint32(1) << (SZ - 1));
        vm.prank(adminHk);
        registry.withdrawAgreement(keccak256(call));
    }

    function test_closeCorridor__sideWithALowerId__reverts() public {
        _addMacao();
        vm.prank(adminSz);
        registry.openCorridor(SZ, MO);
        vm.prank(adminMo);
        registry.openCorridor(SZ, MO);
        _expectError(IRecordRegistry.NotAuthorityOf.selector, SZ, adminHk);
        vm.prank(adminHk);
        registry.closeCorridor(SZ, MO);
    }

    function test_admit__noCodeButAProfile__namesTheCode() public {
        _expectError(IRecordRegistry.CodeInvalid.selector, 0);
        vm.prank(adminHk);
        registry.admit(0, "profile");
    }

    function test_scope__reviewMandatory__theEventSaysSo() public {
        _expectEvent();
        emit IRecordRegistry.InstitutionScoped(BUREAU_HK, PROVIDER, _schemaBits(), NEVER, true);
        _scope(BUREAU_HK, PROVIDER, NEVER, true);
    }

    function test_setEncryptionKey__reviewerOfASuspendedInstitution__reverts() public {
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotAuthorityOf.selector, HK, bureauHkReview);
        vm.prank(bureauHkReview);
        registry.setEncryptionKey(BUREAU_HK, 1, "key");
    }

    function test_setEncryptionKey__reviewerOfAnInstitutionWithALowerId__reverts() public {
        _expectError(IRecordRegistry.NotAuthorityOf.selector, SZ, bureauHkReview);
        vm.prank(bureauHkReview);
        registry.setEncryptionKey(BUREAU_SZ, 1, "key");
    }

    function test_setAccount__disablingWhoTookASeat__isAllowed() public {
        vm.prank(adminHk);
        registry.offerHandover(HK, IRecordRegistry.Seat.Authority, bureauHkReview);
        vm.prank(bureauHkReview);
        registry.acceptHandover(HK, IRecordRegistry.Seat.Authority);
        vm.prank(bureauHkReview);
        registry.setAccount(BUREAU_HK, bureauHkReview, IRecordRegistry.AccountRole.Review, false);
        vm.assertEq(registry.accountOf(bureauHkReview).enabled, false);
    }

    function test_setAccount__bindingASeatHolderDisabled__reverts() public {
        _expectError(IRecordRegistry.AddressNotFree.selector, adminSz);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, adminSz, IRecordRegistry.AccountRole.Submit, false);
    }

    function test_postDailyRoot__nothingLoggedOnALaterDay__isPosted() public {
        uint32 day = uint32(START / 1 days) - 1;
        vm.prank(bankSz);
        registry.postDailyRoot(1, day, 0, 0, 0, 0);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, day).postedAt, START);
    }

    function test_register__institutionBeyondEightBits__isEntitled() public {
        _setInstitutionCount(299);
        vm.prank(adminSz);
        uint16 institution = registry.admit("THREE-HUNDREDTH", "profile");
        _scope(institution, PROVIDER, NEVER, false);
        _bind(institution, heir, IRecordRegistry.AccountRole.Submit);
        uint48 batch = _register(heir, NEVER, _one(1, 1001));
        vm.assertEq(registry.batchOf(batch).institution, 300);
        vm.assertEq(registry.entryOf(_key(1, 300, 0)).commitment, 1001);
    }

    function test_register__asManyAsSixteenBitsCount__isNotTooMany() public {
        bytes32[] memory records = new bytes32[](type(uint16).max);
        // Refused for the order of its records, hence not for their number.
        _expectError(IRecordRegistry.RecordsNotRising.selector, 1, 0);
        _registerSz(records);
    }

    function test_register__blindCommitments__eventAndClaimSayTheEpoch() public {
        uint8 epoch = 3;
        vm.prank(adminSz);
        registry.publishKeeperShare(epoch, "share");
        bytes32[] memory records = _one(1, 1001);
        _expectEvent();
        emit IRecordRegistry.BatchRegistered(
            1, BUREAU_SZ, PERSONAL, bureauSzSubmit, START, NEVER, epoch, IRecordRegistry.State.Active, records
        );
        vm.prank(bureauSzSubmit);
        registry.register(PERSONAL, NEVER, epoch, records);
        uint16[] memory institutions = new uint16[](1);
        institutions[0] = BUREAU_SZ;
        vm.assertEq(registry.find(1, institutions)[0].epoch, epoch);
    }

    function test_approve__reviewerOfAnInstitutionWithALowerId__reverts() public {
        uint48 batch = _pendingSz();
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkReview, BUREAU_SZ);
        vm.prank(bureauHkReview);
        registry.approve(batch, new IRecordRegistry.Exception[](0));
    }

    function test_approve__institutionSuspendedSince__reverts() public {
        uint48 batch = _pendingSz();
        _setStanding(BUREAU_SZ, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_SZ, PERSONAL);
        vm.prank(bureauSzReview);
        registry.approve(batch, new IRecordRegistry.Exception[](0));
    }

    function _pendingSz() private returns (uint48 batch) {
        _scope(BUREAU_SZ, PROVIDER, NEVER, true);
        batch = _registerSz(_one(1, 1001));
    }

    function test_reject__byAnotherInstitutionThanTheFirst__rejects() public {
        uint48 batch = _pendingSz();
        vm.prank(bureauSzReview);
        registry.reject(batch, REASON);
        vm.assertEq(uint256(registry.batchOf(batch).status), uint256(IRecordRegistry.State.Rejected));
    }

    function test_supersede__byAnInstitutionWithALowerId__reverts() public {
        _registerSz(_rising(2));
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkReview, BUREAU_SZ);
        vm.prank(bureauHkReview);
        registry.supersede(_keySz(1), _keySz(2), REASON);
    }

    function test_supersede__byARecordOfAnInstitutionWithALowerId__reverts() public {
        _registerHkActive(_rising(2));
        _registerSz(_rising(2));
        _expectError(IRecordRegistry.SuccessorInvalid.selector, _keySz(1), _keyHk(2));
        vm.prank(bureauSzReview);
        registry.supersede(_keySz(1), _keyHk(2), REASON);
    }

    function test_supersede__institutionSuspendedSince__reverts() public {
        _registerSz(_rising(2));
        _setStanding(BUREAU_SZ, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_SZ, PERSONAL);
        vm.prank(bureauSzReview);
        registry.supersede(_keySz(1), _keySz(2), REASON);
    }

    function test_dispute__byAnInstitutionWithALowerId__reverts() public {
        _registerSz(_one(1, 1001));
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkReview, BUREAU_SZ);
        vm.prank(bureauHkReview);
        registry.dispute(_keySz(1), REASON);
    }

    function test_resolve__byAnInstitutionWithALowerId__reverts() public {
        _registerSz(_one(1, 1001));
        vm.prank(bureauSzSubmit);
        registry.dispute(_keySz(1), REASON);
        _expectError(IRecordRegistry.NotResolver.selector, _keySz(1), bureauHkReview);
        vm.prank(bureauHkReview);
        registry.resolve(_keySz(1), true, REASON);
    }

    function test_revoke__byAnInstitutionWithALowerId__reverts() public {
        _registerSz(_one(1, 1001));
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkReview, BUREAU_SZ);
        vm.prank(bureauHkReview);
        registry.revoke(_keys(_keySz(1)), REASON);
    }

    function test_setAccount__boundToAnInstitutionWithAHigherId__reverts() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IRecordRegistry.AccountBound.selector, bureauSzSubmit, BUREAU_SZ, IRecordRegistry.AccountRole.Submit
            )
        );
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauSzSubmit, IRecordRegistry.AccountRole.Submit, true);
    }
}
