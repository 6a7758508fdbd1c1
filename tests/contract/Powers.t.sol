// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title What a stolen or hostile key can do by the rules: what docs/THREATS.md says is not stopped
contract PowersTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.AccountRole private constant SUBMIT = IRecordRegistry.AccountRole.Submit;
    IRecordRegistry.AccountRole private constant REVIEW = IRecordRegistry.AccountRole.Review;
    uint40 private constant RECOVERY_DELAY = 14 days;
    /// @dev authorityEpoch: 24 bits from bit 128 of slot 0.
    uint256 private constant AUTHORITY_EPOCH_AT = 128;
    /// @dev What solc panics with when checked arithmetic overflows.
    uint256 private constant OVERFLOW = 0x11;

    // ---------------------------------------------------------------------------------------------------- an authority

    function test_setAccount__authoritysOwnReviewer__approvesWhatItsInstitutionSubmitted() public {
        uint48 batch = _registerHk(_rising(1));
        _bind(BUREAU_HK, heir, REVIEW);
        vm.prank(heir);
        registry.approve(batch, new IRecordRegistry.Exception[](0));
        _assertState(_keyHk(1), IRecordRegistry.State.Active);
        vm.assertEq(registry.batchOf(batch).reviewer, heir);
    }

    function test_setAccount__authoritysOwnSubmitterAndReviewer__makeWholeRecords() public {
        _bind(BUREAU_HK, heir, SUBMIT);
        _bind(BUREAU_HK, stranger, REVIEW);
        uint48 batch = _register(heir, NEVER, _rising(1));
        vm.prank(stranger);
        registry.approve(batch, new IRecordRegistry.Exception[](0));
        _assertState(_keyHk(1), IRecordRegistry.State.Active);
        vm.assertEq(registry.batchOf(batch).institution, BUREAU_HK);
    }

    function test_setAccount__authoritysOwnReviewer__endsTheInstitutionsOwnDispute() public {
        _registerHkActive(_rising(1));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        _bind(BUREAU_HK, heir, REVIEW);
        vm.prank(heir);
        registry.resolve(_keyHk(1), false, REASON);
        _assertState(_keyHk(1), IRecordRegistry.State.Active);
    }

    function test_revoke__otherSidesDispute__isEndedByTheRecordsAuthority() public {
        _registerHkActive(_rising(1));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(adminHk);
        registry.revoke(_keys(_keyHk(1)), REASON);
        _assertOverride(_keyHk(1), IRecordRegistry.State.Revoked, _noteBySide(HK));
    }

    /// @dev At the last epoch no authority can change any more, on any side, by any of the three ways.
    function test_authorityEpoch__usedUp__endsEveryRecoveryAndHandover() public {
        _useUpAuthorityEpochs();
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        _expectOverflow();
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);

        vm.warp(START + RECOVERY_DELAY);
        _expectOverflow();
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);

        vm.prank(adminSz);
        registry.offerHandover(SZ, AUTHORITY, stranger);
        _expectOverflow();
        vm.prank(stranger);
        registry.acceptHandover(SZ, AUTHORITY);
        vm.assertEq(registry.jurisdictionOf(HK).authority, adminHk);
        vm.assertEq(registry.jurisdictionOf(SZ).authority, adminSz);
    }

    function test_authorityEpoch__usedUp__leavesASuccessorRegistry() public {
        _useUpAuthorityEpochs();
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        vm.prank(adminSz);
        registry.nameSuccessor(heir);
        vm.assertEq(registry.successor(), heir);
    }

    // ------------------------------------------------------------------------------------------------- a recovery seat

    function test_completeRecovery__thiefOfTheAuthorityObjected__neverWithoutSupport() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        vm.warp(START + 3650 days);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, heir);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).authority, adminHk);
    }

    function test_startRecovery__againAfterAnObjection__completesAloneAfterFourteenDays() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    // -------------------------------------------------------------------------------------------- an institution's key

    function test_register__afterItsDisputedRecordIsRevoked__isActiveAndUndisputed() public {
        _registerHkActive(_rising(1));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(1)), REASON);
        _registerHkActive(_rising(1));
        uint88 second = _key(1, BUREAU_HK, 1);
        vm.assertEq(registry.entryOf(second).commitment, registry.entryOf(_keyHk(1)).commitment);
        _assertState(second, IRecordRegistry.State.Active);
        _assertNoOverride(second);
    }

    function test_supersede__bySubmitterWhoDisputed__endsItsOwnDispute() public {
        _registerHkActive(_rising(2));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        _assertState(_keyHk(1), IRecordRegistry.State.Superseded);
    }

    function test_revoke__bySubmitterWhoDisputed__endsItsOwnDispute() public {
        _registerHkActive(_rising(1));
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(1)), REASON);
        _assertState(_keyHk(1), IRecordRegistry.State.Revoked);
    }

    function test_postDailyRoot__falseOneOfAPastDay__isThereForEver() public {
        uint32 day = uint32(START / 1 days) - 30;
        vm.prank(bureauHkSubmit);
        registry.postDailyRoot(1, day, "false", 1, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.RootWritten.selector, BUREAU_HK, 1, day));
        vm.prank(bureauHkReview);
        registry.postDailyRoot(1, day, "true", 1, 1, 1);
        vm.assertEq(registry.dailyRootOf(BUREAU_HK, 1, day).root, "false");
    }

    function test_reviewersKey__stolen__replacesTheEncryptionKeyAndRevokesBatches() public {
        uint48 batch = _registerHkActive(_rising(1));
        vm.prank(bureauHkReview);
        registry.setEncryptionKey(BUREAU_HK, 1, "thief");
        vm.prank(bureauHkReview);
        registry.revokeBatch(batch, REASON);
        vm.assertEq(registry.institutionOf(BUREAU_HK).encryptionKeyHash, keccak256("thief"));
        _assertState(_keyHk(1), IRecordRegistry.State.Revoked);
    }

    // ----------------------------------------------------------------------------------------------------------- state

    function _useUpAuthorityEpochs() private {
        uint256 word = uint256(vm.load(address(registry), 0));
        vm.store(address(registry), 0, bytes32(word | uint256(type(uint24).max) << AUTHORITY_EPOCH_AT));
        vm.assertEq(registry.registry().authorityEpoch, type(uint24).max);
    }

    function _expectOverflow() private {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", OVERFLOW));
    }
}
