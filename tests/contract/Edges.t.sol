// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Edges that a change of one operator or value would cross unseen: each test kills mutants that no other does
contract EdgesTest is Fixture {
    /// @dev Of the registry's first slot: institutionCount 16 stands above these bits.
    uint256 private constant INSTITUTION_COUNT_AT = 216;
    uint16 private constant INSTITUTION_LIMIT = type(uint16).max;

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

    function test_admit__allIdsTaken__reverts() public {
        uint256 word = uint256(vm.load(address(registry), 0));
        word |= uint256(INSTITUTION_LIMIT) << INSTITUTION_COUNT_AT;
        vm.store(address(registry), 0, bytes32(word));
        vm.assertEq(registry.registry().institutionCount, INSTITUTION_LIMIT);
        _expectError(IRecordRegistry.LimitReached.selector, INSTITUTION_LIMIT);
        vm.prank(adminHk);
        registry.admit("ONE-MORE", "profile");
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
}
