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
    /// @dev authorityEpoch: 40 bits from bit 112 of slot 0.
    uint256 private constant AUTHORITY_EPOCH_AT = 112;
    /// @dev accountCount: 32 bits from bit 80 of slot 0.
    uint256 private constant ACCOUNT_COUNT_AT = 80;

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

    /// @dev The cheapest way to raise the epoch: two contracts hand the seat to each other within one transaction, of whose
    ///      gas at most half is refunded (EIP-2200). Blocks of 60 million gas, one a second, of nothing else.
    function test_authorityEpoch__seatHandedToAndFro__isNotUsedUpInSevenYears() public {
        SeatHolder one = new SeatHolder(registry);
        SeatHolder other = new SeatHolder(registry);
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, address(one));
        one.accept();
        uint256 handovers = 100;
        uint256 before = gasleft();
        for (uint256 i; i < handovers; i += 2) {
            one.offer(address(other));
            other.accept();
            other.offer(address(one));
            one.accept();
        }
        uint256 gasEach = (before - gasleft()) / handovers / 2;
        vm.assertEq(registry.registry().authorityEpoch, handovers + 1);
        vm.assertGe(uint256(type(uint40).max) * gasEach / 60e6, 7 * 365 days, "seconds");
    }

    function test_authorityEpoch__beyond32Bits__recoveryHandoverAndAgreementsGoOn() public {
        _setAuthorityEpoch(type(uint32).max);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);

        vm.prank(adminSz);
        registry.offerHandover(SZ, AUTHORITY, stranger);
        vm.prank(stranger);
        registry.acceptHandover(SZ, AUTHORITY);
        vm.assertEq(registry.registry().authorityEpoch, uint256(type(uint32).max) + 2);

        vm.prank(heir);
        registry.nameSuccessor(bankSz);
        vm.prank(stranger);
        registry.nameSuccessor(bankSz);
        vm.assertEq(registry.successor(), bankSz);
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
        uint256 word = uint256(vm.load(address(registry), 0));
        vm.store(address(registry), 0, bytes32(word | uint256(type(uint32).max) << ACCOUNT_COUNT_AT));
        vm.assertEq(registry.registry().accountCount, type(uint32).max);
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

    function _setAuthorityEpoch(uint40 epoch) private {
        uint256 word = uint256(vm.load(address(registry), 0));
        vm.store(address(registry), 0, bytes32(word | uint256(epoch) << AUTHORITY_EPOCH_AT));
        vm.assertEq(registry.registry().authorityEpoch, epoch);
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
