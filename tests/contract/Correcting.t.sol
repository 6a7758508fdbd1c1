// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Revoke, supersede, dispute and resolve
contract CorrectingTest is Fixture {
    IRecordRegistry.State private constant NONE = IRecordRegistry.State.None;
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;
    IRecordRegistry.State private constant SUPERSEDED = IRecordRegistry.State.Superseded;
    IRecordRegistry.State private constant DISPUTED = IRecordRegistry.State.Disputed;
    uint48 private constant BATCH = 1;

    /// @dev Batch 1: records 1 to 3 of the bureau in Hong Kong, active.
    function setUp() public override {
        super.setUp();
        _registerHkActive(_rising(3));
        vm.warp(START + 50);
    }

    // -------------------------------------------------------------------------------------------------------- revoking

    function test_revoke__byInstitutionOrAuthority__overridesEach() public {
        address[3] memory allowed = [bureauHkSubmit, bureauHkReview, adminHk];
        for (uint64 i; i < 3; ++i) {
            IRecordRegistry.Note memory note = i == 2 ? _noteBySide(HK) : _noteBy(allowed[i]);
            _expectOverride(i + 1, REVOKED, note, allowed[i]);
            vm.prank(allowed[i]);
            registry.revoke(_keys(_keyHk(i + 1)), REASON);
            _assertOverride(_keyHk(i + 1), REVOKED, note);
            _assertState(_keyHk(i + 1), REVOKED);
            vm.assertEq(registry.entryOf(_keyHk(i + 1)).commitment, i + 1001);
            vm.assertEq(registry.entryOf(_keyHk(i + 1)).batch, BATCH);
        }
        vm.assertEq(uint256(registry.batchOf(BATCH).status), uint256(ACTIVE), "status");
    }

    function test_revoke__disputed__overridesTheDispute() public {
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(1)), REASON);
        _assertOverride(_keyHk(1), REVOKED, _noteBy(bureauHkSubmit));
    }

    function test_revoke__notAllowed__reverts() public {
        address[5] memory others = [adminSz, recoveryHk, bureauSzSubmit, bankSz, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAllowed.selector, others[i], BUREAU_HK);
            vm.prank(others[i]);
            registry.revoke(_keys(_keyHk(1)), REASON);
            _expectError(IRecordRegistry.NotAllowed.selector, others[i], 0);
            vm.prank(others[i]);
            registry.revoke(_keys(_key(1, 0, 0)), REASON);
        }
    }

    function test_revoke__notActive__revertsWhole() public {
        uint88[] memory entryKeys = new uint88[](2);
        (entryKeys[0], entryKeys[1]) = (_keyHk(1), _keyHk(9));
        _expectError(IRecordRegistry.UnknownEntry.selector, _keyHk(9));
        vm.prank(bureauHkSubmit);
        registry.revoke(entryKeys, REASON);
        entryKeys[1] = _keyHk(1);
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(REVOKED));
        vm.prank(bureauHkSubmit);
        registry.revoke(entryKeys, REASON);
        _assertNoOverride(_keyHk(1));

        _registerHk(_one(4, 4));
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(4), uint256(PENDING));
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(4)), REASON);
    }

    function test_revoke__anothersRecordAfterItsOwn__revertsWhole() public {
        _registerSz(_one(5, 5));
        uint88[] memory entryKeys = new uint88[](2);
        (entryKeys[0], entryKeys[1]) = (_keyHk(1), _keySz(5));
        _expectError(IRecordRegistry.NotAllowed.selector, bureauHkSubmit, BUREAU_SZ);
        vm.prank(bureauHkSubmit);
        registry.revoke(entryKeys, REASON);
        _assertNoOverride(_keyHk(1));
        _assertState(_keySz(5), ACTIVE);
    }

    function test_revokeBatch__byInstitutionOrAuthority__revokesIt() public {
        address[3] memory allowed = [bureauHkSubmit, bureauHkReview, adminHk];
        for (uint48 i; i < 3; ++i) {
            if (i != 0) _registerHkActive(_one(4 + uint64(i), 1));
            IRecordRegistry.Batch memory expected = registry.batchOf(i + 1);
            (expected.status, expected.reason) = (REVOKED, REASON);
            _expectEvent();
            emit IRecordRegistry.BatchRevoked(i + 1, allowed[i], REASON, START + 50);
            vm.prank(allowed[i]);
            registry.revokeBatch(i + 1, REASON);
            vm.assertEq(abi.encode(registry.batchOf(i + 1)), abi.encode(expected));
        }
        _assertState(_keyHk(1), REVOKED);
        _assertNoOverride(_keyHk(1));
    }

    function test_revokeBatch__notAllowedOrNotActive__reverts() public {
        address[4] memory others = [adminSz, recoveryHk, bureauSzReview, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAllowed.selector, others[i], BUREAU_HK);
            vm.prank(others[i]);
            registry.revokeBatch(BATCH, REASON);
        }
        _expectError(IRecordRegistry.UnknownBatch.selector, 2);
        vm.prank(adminHk);
        registry.revokeBatch(2, REASON);
        _registerHk(_one(4, 4));
        _expectError(IRecordRegistry.BatchNotActive.selector, 2, uint256(PENDING));
        vm.prank(adminHk);
        registry.revokeBatch(2, REASON);
    }

    function test_revokeBatch__overridesWithin__terminalOnesStayAndDisputedIsRevoked() public {
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(3), REASON);
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(2), REASON);
        vm.prank(adminHk);
        registry.revokeBatch(BATCH, REASON);
        _assertState(_keyHk(1), SUPERSEDED);
        _assertState(_keyHk(2), REVOKED);
        _assertState(_keyHk(3), REVOKED);
        // A dispute resolved either way does not bring it back.
        vm.prank(bureauHkReview);
        registry.resolve(_keyHk(2), false, REASON);
        _assertState(_keyHk(2), REVOKED);
    }

    // ----------------------------------------------------------------------------------------------------- superseding

    function test_supersede__ownActiveRecord__namesItsSuccessor() public {
        _registerHkActive(_one(3, 7));
        uint88 successor = _key(3, BUREAU_HK, 1);
        IRecordRegistry.Note memory note = _noteBy(bureauHkReview);
        note.successor = uint72(3) << 8 | 1;
        _expectOverride(1, SUPERSEDED, note, bureauHkReview);
        vm.prank(bureauHkReview);
        registry.supersede(_keyHk(1), successor, REASON);
        _assertOverride(_keyHk(1), SUPERSEDED, note);
        _assertState(_keyHk(1), SUPERSEDED);
        _assertState(successor, ACTIVE);

        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(2), REASON);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(2), successor, REASON);
        _assertState(_keyHk(2), SUPERSEDED);
    }

    function test_supersede__notTheInstitution__reverts() public {
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReview, IRecordRegistry.AccountRole.Review, false);
        address[5] memory others = [adminHk, adminSz, bureauSzSubmit, bureauHkReview, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAllowed.selector, others[i], BUREAU_HK);
            vm.prank(others[i]);
            registry.supersede(_keyHk(1), _keyHk(2), REASON);
        }
    }

    function test_supersede__successorNotFit__reverts() public {
        _registerHk(_one(4, 4));
        _register(bureauHkSubmit, START + 60, _one(5, 5));
        _approve(3);
        _registerSz(_one(6, 6));
        vm.prank(adminSz);
        registry.dispute(_keyHk(3), REASON);
        vm.warp(START + 60);
        // Itself, pending, expired, unknown, another institution's, disputed.
        uint88[6] memory unfit = [_keyHk(1), _keyHk(4), _keyHk(5), _keyHk(9), _keySz(6), _keyHk(3)];
        for (uint256 i; i < unfit.length; ++i) {
            _expectError(IRecordRegistry.SuccessorInvalid.selector, _keyHk(1), unfit[i]);
            vm.prank(bureauHkSubmit);
            registry.supersede(_keyHk(1), unfit[i], REASON);
        }
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        _expectError(IRecordRegistry.SuccessorInvalid.selector, _keyHk(2), _keyHk(1));
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(2), _keyHk(1), REASON);
    }

    function test_supersede__notActive__reverts() public {
        _registerHk(_one(4, 4));
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(4), uint256(PENDING));
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(4), _keyHk(1), REASON);
        _expectError(IRecordRegistry.UnknownEntry.selector, _keyHk(9));
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(9), _keyHk(1), REASON);
    }

    function test_supersede__pausedOrNoLongerEntitled__reverts() public {
        _pause(adminSz);
        _expectError(IRecordRegistry.Paused.selector, 2);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        vm.prank(adminSz);
        registry.setPaused(false);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
    }

    function test_supersede__scopedForTheSuccessorsSchemaAlone__isAllowed() public {
        vm.prank(bureauHkSubmit);
        registry.register(COMPANY, NEVER, SALTED, _one(4, 4));
        _approve(2);
        _scopeHkFor(PERSONAL);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, COMPANY);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(4), REASON);
        _scopeHkFor(COMPANY);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(4), REASON);
        _assertState(_keyHk(1), SUPERSEDED);
    }

    // ------------------------------------------------------------------------------------------------------- disputing

    function test_dispute__byTheProviderOrAnyAuthority__marksIt() public {
        address[3] memory allowed = [bureauHkSubmit, adminHk, adminSz];
        for (uint64 i; i < 3; ++i) {
            IRecordRegistry.Note memory note = i == 0 ? _noteBy(allowed[i]) : _noteBySide(uint16(i));
            _expectOverride(i + 1, DISPUTED, note, allowed[i]);
            vm.prank(allowed[i]);
            registry.dispute(_keyHk(i + 1), REASON);
            _assertOverride(_keyHk(i + 1), DISPUTED, note);
            _assertState(_keyHk(i + 1), DISPUTED);
        }
    }

    function test_dispute__notAllowed__reverts() public {
        address[2] memory accounts = [bureauSzSubmit, bankSz];
        for (uint256 i; i < accounts.length; ++i) {
            _expectError(IRecordRegistry.NotAllowed.selector, accounts[i], BUREAU_HK);
            vm.prank(accounts[i]);
            registry.dispute(_keyHk(1), REASON);
        }
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReview, IRecordRegistry.AccountRole.Review, false);
        address[3] memory others = [recoveryHk, bureauHkReview, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAuthority.selector, others[i]);
            vm.prank(others[i]);
            registry.dispute(_keyHk(1), REASON);
        }
    }

    function test_dispute__notActive__reverts() public {
        _expectError(IRecordRegistry.UnknownEntry.selector, _keyHk(9));
        vm.prank(adminSz);
        registry.dispute(_keyHk(9), REASON);
        _registerHk(_one(4, 4));
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(4), uint256(PENDING));
        vm.prank(adminSz);
        registry.dispute(_keyHk(4), REASON);
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(DISPUTED));
        vm.prank(adminHk);
        registry.dispute(_keyHk(1), REASON);
    }

    // ------------------------------------------------------------------------------------------------------- resolving

    function test_resolve__ownDispute__onlyByAnotherAccountOfTheProvider() public {
        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(1), REASON);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReviewTwo, IRecordRegistry.AccountRole.Review, false);
        address[6] memory others = [bureauHkSubmit, bureauHkReviewTwo, adminHk, adminSz, bureauSzReview, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotResolver.selector, _keyHk(1), others[i]);
            vm.prank(others[i]);
            registry.resolve(_keyHk(1), false, REASON);
        }
        _expectOverride(1, NONE, _noteBy(bureauHkReview), bureauHkReview);
        vm.prank(bureauHkReview);
        registry.resolve(_keyHk(1), false, REASON);
        _assertNoOverride(_keyHk(1));
        _assertState(_keyHk(1), ACTIVE);
    }

    function test_resolve__authoritysDispute__onlyByThatSidesAuthority() public {
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        address[4] memory others = [bureauHkSubmit, bureauHkReview, adminHk, recoverySz];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotResolver.selector, _keyHk(1), others[i]);
            vm.prank(others[i]);
            registry.resolve(_keyHk(1), false, REASON);
        }
        // The seat resolves, not the address that sat on it.
        vm.prank(adminSz);
        registry.offerHandover(SZ, IRecordRegistry.Seat.Authority, heir);
        vm.prank(heir);
        registry.acceptHandover(SZ, IRecordRegistry.Seat.Authority);
        _expectError(IRecordRegistry.NotResolver.selector, _keyHk(1), adminSz);
        vm.prank(adminSz);
        registry.resolve(_keyHk(1), false, REASON);
        _expectOverride(1, NONE, _noteBySide(SZ), heir);
        vm.prank(heir);
        registry.resolve(_keyHk(1), false, REASON);
        _assertNoOverride(_keyHk(1));
    }

    function test_resolve__upheld__revokes() public {
        vm.prank(adminSz);
        registry.dispute(_keyHk(1), REASON);
        _expectOverride(1, REVOKED, _noteBySide(SZ), adminSz);
        vm.prank(adminSz);
        registry.resolve(_keyHk(1), true, REASON);
        _assertOverride(_keyHk(1), REVOKED, _noteBySide(SZ));

        vm.prank(bureauHkReview);
        registry.dispute(_keyHk(2), REASON);
        _expectOverride(2, REVOKED, _noteBy(bureauHkSubmit), bureauHkSubmit);
        vm.prank(bureauHkSubmit);
        registry.resolve(_keyHk(2), true, REASON);
        _assertOverride(_keyHk(2), REVOKED, _noteBy(bureauHkSubmit));
    }

    function test_resolve__notDisputed__reverts() public {
        _expectError(IRecordRegistry.RecordState.selector, _keyHk(1), uint256(ACTIVE));
        vm.prank(adminHk);
        registry.resolve(_keyHk(1), true, REASON);
        _expectError(IRecordRegistry.UnknownEntry.selector, _keyHk(9));
        vm.prank(adminHk);
        registry.resolve(_keyHk(9), true, REASON);
    }

    // --------------------------------------------------------------------------------------- what must never be frozen

    function test_corrections__pausedTerminatedAndExpired__stillWork() public {
        uint48 batch = _register(bureauHkSubmit, START + 60, _one(4, 4));
        _approve(batch);
        _pause(adminHk);
        _pause(adminSz);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Terminated);
        vm.warp(START + 60);

        vm.prank(bureauHkSubmit);
        registry.dispute(_keyHk(4), REASON);
        vm.prank(bureauHkReview);
        registry.resolve(_keyHk(4), false, REASON);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(4)), REASON);
        vm.prank(adminHk);
        registry.revokeBatch(batch, REASON);
        _assertState(_keyHk(4), REVOKED);
        _assertState(_keyHk(1), ACTIVE);

        vm.prank(adminHk);
        registry.offerHandover(HK, IRecordRegistry.Seat.Authority, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, IRecordRegistry.Seat.Authority);
        vm.prank(heir);
        registry.revoke(_keys(_keyHk(1)), REASON);
        _assertState(_keyHk(1), REVOKED);
    }

    function test_terminalRecord__everyAct__reverts() public {
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(3), REASON);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_keyHk(2)), REASON);
        uint48 batch = _registerHk(_one(4, 4));
        vm.prank(adminHk);
        registry.reject(batch, REASON);

        _expectFinal(_keyHk(1), SUPERSEDED);
        _expectFinal(_keyHk(2), REVOKED);
        _expectFinal(_keyHk(4), REJECTED);
    }

    // -----------------------------------------------------------------------------------------------------------------

    function _scopeHkFor(uint16 schema) private {
        vm.prank(adminHk);
        registry.scope(BUREAU_HK, PROVIDER, uint256(1) << schema, NEVER, true);
    }

    function _expectFinal(uint88 entryKey, IRecordRegistry.State state) private {
        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(IRecordRegistry.revoke, (_keys(entryKey), REASON));
        calls[1] = abi.encodeCall(IRecordRegistry.supersede, (entryKey, _keyHk(3), REASON));
        calls[2] = abi.encodeCall(IRecordRegistry.dispute, (entryKey, REASON));
        calls[3] = abi.encodeCall(IRecordRegistry.resolve, (entryKey, true, REASON));
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(bureauHkSubmit);
            (bool success, bytes memory answer) = address(registry).call(calls[i]);
            vm.assertEq(success, false);
            vm.assertEq(answer, abi.encodeWithSelector(IRecordRegistry.RecordState.selector, entryKey, state));
        }
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
