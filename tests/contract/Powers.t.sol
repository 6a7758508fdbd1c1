// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title What a stolen or hostile key can do by the rules: what docs/THREATS.md says is not stopped
contract PowersTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.Seat private constant RECOVERY = IRecordRegistry.Seat.Recovery;
    IRecordRegistry.AccountRole private constant SUBMIT = IRecordRegistry.AccountRole.Submit;
    IRecordRegistry.AccountRole private constant REVIEW = IRecordRegistry.AccountRole.Review;
    uint40 private constant RECOVERY_DELAY = 14 days;

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

    function test_scope__reviewTakenAway__aSubmitterAloneMakesActiveRecords() public {
        _scope(BUREAU_HK, PROVIDER, NEVER, false);
        _registerHk(_rising(1));
        _assertState(_keyHk(1), IRecordRegistry.State.Active);
    }

    function test_supportRecovery__accountsOfTheThief__goOnUntilDisabled() public {
        _bind(BUREAU_HK, stranger, SUBMIT);
        _recoverHk();
        _register(stranger, NEVER, _rising(1));
        vm.prank(heir);
        registry.setAccount(BUREAU_HK, stranger, SUBMIT, false);
        _expectError(IRecordRegistry.NotAnAccount.selector, stranger, uint256(SUBMIT));
        _register(stranger, NEVER, _one(2, 2));
    }

    function test_revoke__otherSidesDispute__isEndedByTheRecordsAuthority() public {
        _registerHkActive(_rising(1));
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(adminHk);
        registry.revoke(_keys(_keyHk(1)), REASON);
        _assertOverride(_keyHk(1), IRecordRegistry.State.Revoked, _noteBySide(HK));
    }

    /// @dev An authority's seat in a program's hands; the first 100 accounts it binds in one transaction tell what each costs.
    function test_accountCount__boundByAProgram__takesThreeWeeksToUseUp() public {
        SeatHolder holder = new SeatHolder(registry);
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, address(holder));
        holder.accept();
        uint256 count = registry.registry().accountCount;
        uint256 accounts = 100;
        uint256 before = gasleft();
        holder.bind(BUREAU_HK, 1000, accounts);
        uint256 gasEach = (before - gasleft()) / accounts;
        vm.assertEq(registry.registry().accountCount, count + accounts);
        vm.assertGe(uint256(type(uint32).max) * gasEach / 60e6, 21 days, "seconds");
    }

    function test_accountCount__usedUp__bindsNoNewAccountOnAnySide() public {
        _setAccountCount(type(uint32).max);
        // What solc panics with when checked arithmetic overflows.
        bytes memory overflow = abi.encodeWithSignature("Panic(uint256)", 0x11);
        vm.expectRevert(overflow);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, heir, SUBMIT, true);
        vm.expectRevert(overflow);
        vm.prank(adminSz);
        registry.setAccount(BUREAU_SZ, heir, SUBMIT, true);

        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReviewTwo, REVIEW, false);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReviewTwo, REVIEW, true);
        vm.assertEq(registry.accountOf(bureauHkReviewTwo).enabled, true);
        _registerHkActive(_rising(1));
        _assertState(_keyHk(1), IRecordRegistry.State.Active);
    }

    function test_admit__anothersCode__isTakenForEver() public {
        vm.prank(adminHk);
        uint16 squatter = registry.admit("BANK-OF-SZ", "thief");
        _recoverHk();
        vm.prank(heir);
        registry.setStanding(squatter, IRecordRegistry.Standing.Terminated, REASON);
        _expectError(IRecordRegistry.CodeTaken.selector, uint256(bytes32("BANK-OF-SZ")), squatter);
        vm.prank(adminSz);
        registry.admit("BANK-OF-SZ", "profile");
    }

    function test_setAccount__anothersAddress__isTakenForEver() public {
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, stranger, SUBMIT, false);
        _recoverHk();
        _expectError(IRecordRegistry.AccountBound.selector, uint160(stranger), BUREAU_HK, uint256(SUBMIT));
        vm.prank(adminSz);
        registry.setAccount(BANK_SZ, stranger, SUBMIT, true);
    }

    function test_publishKeeperShare__everyEpoch__leavesItsSideNone() public {
        for (uint256 epoch = 1; epoch <= 255; ++epoch) {
            vm.prank(adminHk);
            registry.publishKeeperShare(uint8(epoch), "thief");
        }
        _recoverHk();
        for (uint256 epoch = 1; epoch <= 255; ++epoch) {
            _expectError(IRecordRegistry.ShareWritten.selector, HK, epoch);
            vm.prank(heir);
            registry.publishKeeperShare(uint8(epoch), "share");
        }
    }

    function test_handover__ofAThirdSide__endsAnAgreementOfTwoOthers() public {
        _addMacao();
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        vm.prank(adminMo);
        registry.offerHandover(MO, AUTHORITY, heir);
        vm.prank(heir);
        registry.acceptHandover(MO, AUTHORITY);
        vm.prank(adminSz);
        vm.assertEq(registry.openCorridor(HK, SZ), false);
    }

    /// @dev What its thief took stays taken; with a seat for a new side the recovered authority goes on.
    function test_addSchemaAndAdmit__sideUsedUpItsHalf__goesOnAsANewSide() public {
        for (uint256 own = 2; own <= 127; ++own) {
            vm.prank(adminHk);
            registry.addSchema(bytes32(own), "thief");
        }
        _recoverHk();
        _expectError(IRecordRegistry.LimitReached.selector, 127);
        vm.prank(heir);
        registry.addSchema("hash", "document");
        _setInstitutionCountOf(HK, 32_767);
        _expectError(IRecordRegistry.LimitReached.selector, 32_767);
        vm.prank(heir);
        registry.admit("BANK-HK-2", "profile");

        vm.prank(heir);
        registry.addJurisdiction("HK-2", adminMo, recoveryMo);
        vm.prank(adminSz);
        registry.addJurisdiction("HK-2", adminMo, recoveryMo);
        vm.prank(adminMo);
        registry.acceptRegistry(MO);
        vm.prank(adminMo);
        registry.addSchema("hash", "document");
        vm.assertEq(registry.jurisdictionOf(MO).schemaCount, 1);
        vm.prank(adminMo);
        registry.admit("BANK-HK-2", "profile");
        vm.assertEq(registry.jurisdictionOf(MO).institutionCount, 1);
    }

    // ------------------------------------------------------------------------------------------------- a recovery seat

    /// @dev Nobody looked for fourteen days: who has both seats then is not got rid of by anyone.
    function test_completeRecovery__byAThief__pausesEverySideForEver() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.prank(heir);
        registry.setPaused(true);

        vm.warp(START + 3650 days);
        _expectError(IRecordRegistry.Paused.selector, 1);
        _registerSz(_rising(1));
        _expectError(IRecordRegistry.PauseState.selector, SZ, 0);
        vm.prank(adminSz);
        registry.setPaused(false);
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(RECOVERY), adminHk);
        vm.prank(adminHk);
        registry.startRecovery(HK, adminHk);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(stranger), false);
    }

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

    function test_resolve__bySubmitter__dropsTheReviewersDispute() public {
        _registerHkActive(_rising(1));
        vm.prank(bureauHkReview);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.resolve(_keyHk(1), false, REASON);
        _assertState(_keyHk(1), IRecordRegistry.State.Active);
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

    function test_register__everyPlaceOfAHash__leavesItNoneThoughRejected() public {
        for (uint192 n = 1; n <= 64; ++n) {
            _registerHk(_one(77, n));
        }
        for (uint48 batch = 1; batch <= 64; ++batch) {
            vm.prank(bureauHkReview);
            registry.reject(batch, REASON);
        }
        _expectError(IRecordRegistry.NoPlaceLeft.selector, 0, 77);
        _registerHk(_one(77, 65));
        _registerSz(_one(77, 65));
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

    /// @dev HK's recovery address and CN-SZ's authority replace the thief of HK's authority.
    function _recoverHk() private {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
    }
}

/// @title How long a stolen authority's key takes to use the epochs up: two contracts hand its seat to each other
contract HandoversTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    SeatHolder private one;
    SeatHolder private other;
    SeatHolder private third;

    /// @dev Seat and offer are not zero, and with neither of the two, when the transaction begins: so no write of the seat or
    ///      the offer in it costs more than 100 gas (EIP-2200, EIP-2929).
    function setUp() public override {
        super.setUp();
        one = new SeatHolder(registry);
        other = new SeatHolder(registry);
        third = new SeatHolder(registry);
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, address(third));
        third.accept();
        third.offer(heir);
    }

    /// @dev In blocks of 60 million gas, one a second, of nothing else.
    function test_authorityEpoch__seatHandedToAndFro__isNotUsedUpInSixYears() public {
        third.offer(address(one));
        one.accept();
        uint256 epoch = registry.registry().authorityEpoch;
        uint256 rounds = 100;
        uint256 before = gasleft();
        for (uint256 i; i < rounds; ++i) {
            one.offer(address(other));
            other.accept();
            other.offer(address(one));
            one.accept();
        }
        uint256 gasEach = (before - gasleft()) / rounds / 2;
        vm.assertEq(registry.registry().authorityEpoch, epoch + 2 * rounds);
        vm.assertGe(uint256(type(uint40).max) * gasEach / 60e6, 6 * 365 days, "seconds");
    }
}

/// @title An authority's seat in the hands of a program
contract SeatHolder {
    IRecordRegistry private immutable registry;

    constructor(IRecordRegistry registry_) {
        registry = registry_;
    }

    function offer(address to) external {
        registry.offerHandover(1, IRecordRegistry.Seat.Authority, to);
    }

    function accept() external {
        registry.acceptHandover(1, IRecordRegistry.Seat.Authority);
    }

    /// @dev Addresses that nobody has the key of; what an attacker needs is their number.
    function bind(uint16 institution, uint160 first, uint256 count) external {
        for (uint256 i; i < count; ++i) {
            address account = address(uint160(first + i));
            registry.setAccount(institution, account, IRecordRegistry.AccountRole.Submit, true);
        }
    }
}
