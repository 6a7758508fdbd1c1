// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Admission, scope, standing, keys, accounts and daily roots
contract InstitutionsTest is Fixture {
    IRecordRegistry.AccountRole private constant SUBMIT = IRecordRegistry.AccountRole.Submit;
    IRecordRegistry.AccountRole private constant REVIEW = IRecordRegistry.AccountRole.Review;
    uint16 private constant BANK_HK = 4;
    uint32 private constant TODAY = uint32(START / 1 days);

    // ------------------------------------------------------------------------------------------------------- admission

    function test_admit__newCode__isActiveWithoutRights() public {
        _expectEvent();
        emit IRecordRegistry.InstitutionAdmitted(BANK_HK, HK, "BANK-HK", "profile", START);
        vm.prank(adminHk);
        vm.assertEq(registry.admit("BANK-HK", "profile"), BANK_HK);

        IRecordRegistry.Institution memory expected;
        expected.jurisdiction = HK;
        expected.standing = IRecordRegistry.Standing.Active;
        expected.admittedAt = START;
        expected.code = "BANK-HK";
        expected.profileHash = "profile";
        vm.assertEq(abi.encode(registry.institutionOf(BANK_HK)), abi.encode(expected));
        vm.assertEq(registry.institutionByCode("BANK-HK"), BANK_HK);
        vm.assertEq(registry.registry().institutionCount, BANK_HK);
        vm.assertEq(registry.jurisdictionOf(HK).institutionCount, 2);
        vm.assertEq(registry.jurisdictionOf(SZ).institutionCount, 2);
    }

    function test_admit__codeNotFit__reverts() public {
        _expectError(IRecordRegistry.CodeInvalid.selector, 0);
        vm.prank(adminHk);
        registry.admit(0, 0);
        _expectError(IRecordRegistry.CodeTaken.selector, uint256(bytes32("BUREAU-HK")), BUREAU_HK);
        vm.prank(adminHk);
        registry.admit("BUREAU-HK", 0);
    }

    function test_admit__sideHasHalfOfAll__revertsForThatSideAlone() public {
        _setCounts(32_766, 40_000);
        vm.prank(adminHk);
        vm.assertEq(registry.admit("LAST OF HK", 0), 40_001);
        vm.assertEq(registry.jurisdictionOf(HK).institutionCount, 32_767);
        _assertFull(adminHk, 32_767);
        vm.prank(adminSz);
        vm.assertEq(registry.admit("ONE OF SZ", 0), 40_002);
    }

    function test_admit__allIdsTaken__revertsAfterTheLast() public {
        _setCounts(1, 65_534);
        vm.prank(adminHk);
        vm.assertEq(registry.admit("LAST", 0), 65_535);
        _assertFull(adminHk, 65_535);
        _assertFull(adminSz, 65_535);
        vm.assertEq(registry.registry().institutionCount, 65_535);
    }

    function test_setStanding__terminated__givesNoPlaceBack() public {
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Terminated);
        vm.assertEq(registry.jurisdictionOf(HK).institutionCount, 1);
        vm.assertEq(registry.registry().institutionCount, 3);
    }

    function test_institutionAct__notItsAuthority__reverts() public {
        bytes[] memory calls = new bytes[](5);
        calls[0] = abi.encodeCall(IRecordRegistry.scope, (BUREAU_HK, 3, 0, 0, false));
        calls[1] = abi.encodeCall(IRecordRegistry.setStanding, (BUREAU_HK, IRecordRegistry.Standing.Terminated, REASON));
        calls[2] = abi.encodeCall(IRecordRegistry.setProfile, (BUREAU_HK, 0));
        calls[3] = abi.encodeCall(IRecordRegistry.setEncryptionKey, (BUREAU_HK, 1, "key"));
        calls[4] = abi.encodeCall(IRecordRegistry.setAccount, (BUREAU_HK, heir, SUBMIT, true));
        address[6] memory others = [adminSz, recoveryHk, bureauHkSubmit, bureauSzReview, stranger, address(this)];
        for (uint256 i; i < calls.length; ++i) {
            for (uint256 j; j < others.length; ++j) {
                vm.prank(others[j]);
                (bool success, bytes memory answer) = address(registry).call(calls[i]);
                vm.assertEq(success, false);
                vm.assertEq(answer, abi.encodeWithSelector(IRecordRegistry.NotAuthorityOf.selector, HK, others[j]));
            }
        }
    }

    function test_institutionAct__unknownInstitution__reverts() public {
        _expectError(IRecordRegistry.UnknownInstitution.selector, BANK_HK);
        vm.prank(adminHk);
        registry.scope(BANK_HK, PROVIDER, 0, 0, false);
        _expectError(IRecordRegistry.UnknownInstitution.selector, 0);
        vm.prank(adminHk);
        registry.setAccount(0, heir, SUBMIT, true);
        // A stranger's account belongs to institution 0, which is nobody's.
        _expectError(IRecordRegistry.UnknownInstitution.selector, 0);
        vm.prank(stranger);
        registry.setEncryptionKey(0, 1, "key");
    }

    function test_scope__knownSchemas__setsEverything() public {
        _expectEvent();
        emit IRecordRegistry.InstitutionScoped(BUREAU_HK, 3, 2, START + 1, false);
        vm.prank(adminHk);
        registry.scope(BUREAU_HK, 3, 2, START + 1, false);
        IRecordRegistry.Institution memory scoped = registry.institutionOf(BUREAU_HK);
        vm.assertEq(scoped.roles, 3);
        vm.assertEq(scoped.schemas, 2);
        vm.assertEq(scoped.entitledUntil, START + 1);
        vm.assertEq(scoped.mandatoryReview, false);
        vm.assertEq(uint256(scoped.standing), uint256(IRecordRegistry.Standing.Active));
    }

    function test_scope__dateAlreadyPast__endsTheEntitlementAtOnce() public {
        _scope(BUREAU_HK, PROVIDER, START - 1, true);
        vm.assertEq(registry.institutionOf(BUREAU_HK).entitledUntil, START - 1);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_HK, PERSONAL);
        _registerHk(_rising(1));
    }

    function test_scope__unknownRolesOrSchemas__reverts() public {
        _expectError(IRecordRegistry.RolesInvalid.selector, 4);
        vm.prank(adminHk);
        registry.scope(BUREAU_HK, 4, 0, 0, false);
        _expectError(IRecordRegistry.SchemasUnknown.selector, 9);
        vm.prank(adminHk);
        registry.scope(BUREAU_HK, 1, 15, 0, false);
        _expectError(IRecordRegistry.SchemasUnknown.selector, 1 << 255);
        vm.prank(adminHk);
        registry.scope(BUREAU_HK, 1, 1 << 255 | 2, 0, false);
    }

    // -------------------------------------------------------------------------------------------------------- standing

    function test_setStanding__suspendedAndReinstated__isSaid() public {
        _expectEvent();
        emit IRecordRegistry.StandingSet(BUREAU_HK, IRecordRegistry.Standing.Suspended, REASON);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        vm.assertEq(uint256(registry.institutionOf(BUREAU_HK).standing), uint256(IRecordRegistry.Standing.Suspended));
        _expectError(IRecordRegistry.StandingUnchanged.selector, BUREAU_HK, uint256(IRecordRegistry.Standing.Suspended));
        vm.prank(adminHk);
        registry.setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended, REASON);
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Active);
        _registerHk(_rising(1));
    }

    function test_setStanding__terminated__isFinal() public {
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Terminated);
        for (uint8 standing; standing < 4; ++standing) {
            _expectError(
                IRecordRegistry.StandingUnchanged.selector, BUREAU_HK, uint256(IRecordRegistry.Standing.Terminated)
            );
            vm.prank(adminHk);
            registry.setStanding(BUREAU_HK, IRecordRegistry.Standing(standing), REASON);
        }
    }

    function test_setStanding__none__reverts() public {
        _expectError(IRecordRegistry.StandingUnchanged.selector, BUREAU_HK, uint256(IRecordRegistry.Standing.Active));
        vm.prank(adminHk);
        registry.setStanding(BUREAU_HK, IRecordRegistry.Standing.None, REASON);
    }

    // ------------------------------------------------------------------------------------------------ profile and keys

    function test_setProfile__byAuthority__isNoted() public {
        _expectEvent();
        emit IRecordRegistry.ProfileSet(BUREAU_HK, "new");
        vm.prank(adminHk);
        registry.setProfile(BUREAU_HK, "new");
        vm.assertEq(registry.institutionOf(BUREAU_HK).profileHash, "new");
    }

    function test_setEncryptionKey__byAuthorityOrReviewer__isNoted() public {
        address[2] memory allowed = [adminHk, bureauHkReview];
        bytes[2] memory keys = [bytes("key of the authority"), bytes("key of the reviewer")];
        for (uint8 i; i < 2; ++i) {
            _expectEvent();
            emit IRecordRegistry.EncryptionKeySet(BUREAU_HK, i + 1, keys[i], allowed[i]);
            vm.prank(allowed[i]);
            registry.setEncryptionKey(BUREAU_HK, i + 1, keys[i]);
            vm.assertEq(registry.institutionOf(BUREAU_HK).encryptionKeyHash, keccak256(keys[i]));
            vm.assertEq(registry.institutionOf(BUREAU_HK).encryptionSuite, i + 1);
        }
    }

    function test_setEncryptionKey__emptyOrDisabled__reverts() public {
        _expectError(IRecordRegistry.HashInvalid.selector, 0);
        vm.prank(adminHk);
        registry.setEncryptionKey(BUREAU_HK, 1, "");
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkReview, REVIEW, false);
        _expectError(IRecordRegistry.NotAuthorityOf.selector, HK, bureauHkReview);
        vm.prank(bureauHkReview);
        registry.setEncryptionKey(BUREAU_HK, 1, "key");
    }

    function test_setEncryptionKey__institutionDoesNotStand__onlyByItsAuthority() public {
        IRecordRegistry.Standing[2] memory standings =
            [IRecordRegistry.Standing.Suspended, IRecordRegistry.Standing.Terminated];
        for (uint256 i; i < 2; ++i) {
            _setStanding(BUREAU_HK, standings[i]);
            _expectError(IRecordRegistry.NotAuthorityOf.selector, HK, bureauHkReview);
            vm.prank(bureauHkReview);
            registry.setEncryptionKey(BUREAU_HK, 1, "key");
            vm.prank(adminHk);
            registry.setEncryptionKey(BUREAU_HK, uint8(i), "key");
        }
        vm.assertEq(registry.institutionOf(BUREAU_HK).encryptionSuite, 1);
    }

    // -------------------------------------------------------------------------------------------------------- accounts

    function test_setAccount__freeAddress__isNumberedAndBound() public {
        uint32 number = registry.registry().accountCount + 1;
        _expectEvent();
        emit IRecordRegistry.AccountSet(BUREAU_HK, heir, SUBMIT, true, number);
        _bind(BUREAU_HK, heir, SUBMIT);
        vm.assertEq(
            abi.encode(registry.accountOf(heir)), abi.encode(IRecordRegistry.Account(BUREAU_HK, SUBMIT, true, number))
        );
        vm.assertEq(registry.registry().accountCount, number);

        _expectEvent();
        emit IRecordRegistry.AccountSet(BUREAU_HK, heir, SUBMIT, false, number);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, heir, SUBMIT, false);
        vm.assertEq(registry.accountOf(heir).enabled, false);
        vm.assertEq(registry.registry().accountCount, number);
        _bind(BUREAU_HK, heir, SUBMIT);
        vm.assertEq(registry.accountOf(heir).number, number);
    }

    function test_setAccount__boundBefore__neverChangesRoleOrInstitution() public {
        _expectAccountBound(bureauHkSubmit, BUREAU_HK, SUBMIT);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkSubmit, REVIEW, true);
        _expectAccountBound(bureauHkSubmit, BUREAU_HK, SUBMIT);
        vm.prank(adminSz);
        registry.setAccount(BUREAU_SZ, bureauHkSubmit, SUBMIT, false);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkSubmit, SUBMIT, false);
        _expectAccountBound(bureauHkSubmit, BUREAU_HK, SUBMIT);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, bureauHkSubmit, REVIEW, true);
    }

    function test_setAccount__noRoleOrAddressNotFree__reverts() public {
        _expectError(IRecordRegistry.AccountRoleInvalid.selector);
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, heir, IRecordRegistry.AccountRole.None, true);
        address[5] memory taken = [address(0), adminHk, adminSz, recoveryHk, recoverySz];
        for (uint256 i; i < taken.length; ++i) {
            _expectError(IRecordRegistry.AddressNotFree.selector, taken[i]);
            vm.prank(adminHk);
            registry.setAccount(BUREAU_HK, taken[i], SUBMIT, true);
        }
    }

    function test_setAccount__seatHolderOfASideThatHasNotAccepted__reverts() public {
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        address[2] memory holders = [adminMo, recoveryMo];
        for (uint256 i; i < holders.length; ++i) {
            _expectError(IRecordRegistry.AddressNotFree.selector, holders[i]);
            vm.prank(adminHk);
            registry.setAccount(BUREAU_HK, holders[i], SUBMIT, true);
        }
    }

    // ----------------------------------------------------------------------------------------------------- daily roots

    function test_postDailyRoot__dayIsOver__isWrittenOnce() public {
        uint32 day = TODAY - 1;
        _expectEvent();
        emit IRecordRegistry.DailyRootPosted(BANK_SZ, 2, day, "root", 3, 10, 12, START, bankSz);
        vm.prank(bankSz);
        registry.postDailyRoot(2, day, "root", 3, 10, 12);
        vm.assertEq(
            abi.encode(registry.dailyRootOf(BANK_SZ, 2, day)),
            abi.encode(IRecordRegistry.DailyRoot("root", 3, 10, 12, START))
        );
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, day).postedAt, 0);
        vm.assertEq(registry.dailyRootOf(BUREAU_SZ, 2, day).postedAt, 0);

        _expectError(IRecordRegistry.RootWritten.selector, BANK_SZ, 2, day);
        vm.prank(bankSz);
        registry.postDailyRoot(2, day, "other", 3, 10, 12);
    }

    function test_postDailyRoot__nothingLogged__isWrittenToo() public {
        _expectEvent();
        emit IRecordRegistry.DailyRootPosted(BANK_SZ, 1, 0, 0, 0, 0, 0, START, bankSz);
        vm.prank(bankSz);
        registry.postDailyRoot(1, 0, 0, 0, 0, 0);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 0).postedAt, START);
        _expectError(IRecordRegistry.RootWritten.selector, BANK_SZ, 1, 0);
        vm.prank(bankSz);
        registry.postDailyRoot(1, 0, 0, 0, 0, 0);
    }

    function test_postDailyRoot__dayNotOver__revertsUntilItsLastSecond() public {
        vm.warp((uint256(TODAY) + 1) * 1 days - 1);
        _expectError(IRecordRegistry.RootInvalid.selector, BANK_SZ, 1, TODAY);
        vm.prank(bankSz);
        registry.postDailyRoot(1, TODAY, "root", 1, 5, 5);
        vm.warp((uint256(TODAY) + 1) * 1 days);
        vm.prank(bankSz);
        registry.postDailyRoot(1, TODAY, "root", 1, 5, 5);
        _expectRootInvalid(type(uint32).max, "root", 1, 5, 5);
    }

    function test_postDailyRoot__numbersDoNotAgree__reverts() public {
        uint32 day = TODAY - 1;
        _expectRootInvalid(day, "root", 0, 0, 0);
        _expectRootInvalid(day, 0, 0, 1, 0);
        _expectRootInvalid(day, 0, 0, 0, 1);
        _expectRootInvalid(day, 0, 1, 5, 5);
        _expectRootInvalid(day, "root", 1, 6, 5);
        _expectRootInvalid(day, "root", 2, 5, 5);
        _expectRootInvalid(day, "root", 1, 5, 6);
        _expectRootInvalid(day, "root", 1, 0, type(uint64).max);
        _expectRootInvalid(day, "root", 1, type(uint64).max, 0);
    }

    /// @dev Whoever verified until then still has its last days to post.
    function test_postDailyRoot__institutionTerminated__isStillWritten() public {
        _setStanding(BANK_SZ, IRecordRegistry.Standing.Terminated);
        vm.prank(bankSz);
        registry.postDailyRoot(1, TODAY - 1, "root", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, TODAY - 1).root, "root");
    }

    function test_postDailyRoot__notAnEnabledAccount__reverts() public {
        vm.prank(adminSz);
        registry.setAccount(BANK_SZ, bankSz, SUBMIT, false);
        address[3] memory others = [bankSz, adminSz, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAnAccount.selector, others[i], uint256(IRecordRegistry.AccountRole.None));
            vm.prank(others[i]);
            registry.postDailyRoot(1, TODAY - 1, 0, 0, 0, 0);
        }
    }

    // -----------------------------------------------------------------------------------------------------------------

    function _expectAccountBound(address account, uint16 institution, IRecordRegistry.AccountRole role) private {
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.AccountBound.selector, account, institution, role));
    }

    function _expectRootInvalid(uint32 day, bytes32 root, uint32 count, uint64 first, uint64 last) private {
        _expectError(IRecordRegistry.RootInvalid.selector, BANK_SZ, 1, day);
        vm.prank(bankSz);
        registry.postDailyRoot(1, day, root, count, first, last);
    }

    /// @dev As if HK and all sides together had admitted so many.
    function _setCounts(uint256 ofHk, uint256 ofAll) private {
        _setInstitutionCountOf(HK, ofHk);
        _setInstitutionCount(ofAll);
    }

    function _assertFull(address authority, uint256 limit) private {
        _expectError(IRecordRegistry.LimitReached.selector, limit);
        vm.prank(authority);
        registry.admit("ONE-MORE", 0);
    }
}
