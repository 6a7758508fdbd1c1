// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {SidesFixture} from "./SidesFixture.sol";

/// @title Scopes, standings, accounts, keys and daily roots at their values' ends, and what each leaves alone
contract EdgesOfInstitutionsTest is SidesFixture {
    IRecordRegistry.Standing private constant TERMINATED = IRecordRegistry.Standing.Terminated;
    IRecordRegistry.Standing private constant SUSPENDED = IRecordRegistry.Standing.Suspended;

    function test_admit__codeOfATerminatedInstitution__reverts() public {
        _setStanding(BUREAU_HK, TERMINATED);
        _expectError(IRecordRegistry.CodeTaken.selector, uint256(bytes32("BUREAU-HK")), BUREAU_HK);
        vm.prank(adminHk);
        registry.admit("BUREAU-HK", 0);
    }

    function test_setStanding__anyChange__changesNothingElse() public {
        IRecordRegistry.Institution memory expected = registry.institutionOf(BUREAU_SZ);
        IRecordRegistry.Standing[3] memory standings = [SUSPENDED, IRecordRegistry.Standing.Active, TERMINATED];
        for (uint256 i; i < standings.length; ++i) {
            _setStanding(BUREAU_SZ, standings[i]);
            expected.standing = standings[i];
            vm.assertEq(abi.encode(registry.institutionOf(BUREAU_SZ)), abi.encode(expected));
        }
    }

    function test_scope__suspendedOrTerminated__isStoredAndLeavesTheStanding() public {
        IRecordRegistry.Standing[2] memory standings = [SUSPENDED, TERMINATED];
        for (uint8 i; i < 2; ++i) {
            _setStanding(BUREAU_HK, standings[i]);
            _scope(BUREAU_HK, VERIFIER + i, NEVER, false);
            vm.assertEq(registry.institutionOf(BUREAU_HK).roles, VERIFIER + i);
            vm.assertEq(uint256(registry.institutionOf(BUREAU_HK).standing), uint256(standings[i]));
        }
    }

    function test_scope__nothing__takesEverythingAway() public {
        _scope(BUREAU_SZ, 3, START + 1, true);
        vm.prank(adminSz);
        registry.scope(BUREAU_SZ, 0, 0, NEVER, false);
        IRecordRegistry.Institution memory scoped = registry.institutionOf(BUREAU_SZ);
        vm.assertEq(scoped.roles, 0);
        vm.assertEq(scoped.schemas, 0);
        vm.assertEq(scoped.entitledUntil, NEVER);
        vm.assertEq(scoped.mandatoryReview, false);
    }

    function test_scope__bothRoles__mayRegister() public {
        _scope(BUREAU_SZ, 3, NEVER, false);
        vm.assertEq(_registerSz(_one(1, 1)), 1);
    }

    function test_scope__untilTheFirstSecondOfAll__isLongOver() public {
        _scope(BUREAU_SZ, PROVIDER, 1, false);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_SZ, PERSONAL);
        _registerSz(_one(1, 1));
    }

    function test_register__schemaBeyondEightBits__isNotEntitled() public {
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_SZ, 257);
        vm.prank(bureauSzSubmit);
        registry.register(257, NEVER, SALTED, _one(1, 1));
    }

    function test_setProfile__none__takesItAway() public {
        vm.prank(adminHk);
        registry.setProfile(BUREAU_HK, 0);
        vm.assertEq(registry.institutionOf(BUREAU_HK).profileHash, 0);
    }

    function test_setEncryptionKey__anySuite__isStored() public {
        uint8[2] memory suites = [255, 0];
        for (uint256 i; i < suites.length; ++i) {
            vm.prank(adminHk);
            registry.setEncryptionKey(BUREAU_HK, suites[i], "key");
            vm.assertEq(registry.institutionOf(BUREAU_HK).encryptionSuite, suites[i]);
        }
    }

    function test_setEncryptionKey__longKey__isHashedWhole() public {
        bytes memory key = new bytes(1568);
        key[1567] = 0x01;
        vm.prank(adminHk);
        registry.setEncryptionKey(BUREAU_HK, 1, key);
        vm.assertEq(registry.institutionOf(BUREAU_HK).encryptionKeyHash, keccak256(key));
    }

    function test_setAccount__freeAddressDisabled__isBoundDisabled() public {
        uint32 number = registry.registry().accountCount + 1;
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, heir, SUBMIT, false);
        vm.assertEq(
            abi.encode(registry.accountOf(heir)), abi.encode(IRecordRegistry.Account(BUREAU_HK, SUBMIT, false, number))
        );
    }

    function test_setAccount__boundToAnotherInstitutionOfTheSameSide__reverts() public {
        _expectAccountBound(bankSz, BANK_SZ, SUBMIT);
        vm.prank(adminSz);
        registry.setAccount(BUREAU_SZ, bankSz, SUBMIT, true);
    }

    function test_setAccount__disabled__isBoundAllTheSame() public {
        vm.prank(adminSz);
        registry.setAccount(BANK_SZ, bankSz, SUBMIT, false);
        for (uint256 i; i < 2; ++i) {
            _expectAccountBound(bankSz, BANK_SZ, SUBMIT);
            vm.prank(adminHk);
            registry.setAccount(BUREAU_HK, bankSz, SUBMIT, i == 0);
        }
    }

    function test_setAccount__disabledAsAnotherRole__reverts() public {
        _expectAccountBound(bankSz, BANK_SZ, SUBMIT);
        vm.prank(adminSz);
        registry.setAccount(BANK_SZ, bankSz, REVIEW, false);
    }

    function test_setAccount__institutionSuspendedOrTerminated__bindsAllTheSame() public {
        _setStanding(BUREAU_HK, SUSPENDED);
        _bind(BUREAU_HK, heir, SUBMIT);
        _setStanding(BUREAU_HK, TERMINATED);
        _bind(BUREAU_HK, stranger, SUBMIT);
        vm.assertEq(registry.accountOf(heir).enabled, true);
        vm.assertEq(registry.accountOf(stranger).enabled, true);
    }

    function test_setAccount__beyond16Bits__countsOn() public {
        _setAccountCount(65_535);
        _bind(BUREAU_HK, heir, SUBMIT);
        vm.assertEq(registry.accountOf(heir).number, 65_536);
    }

    function test_postDailyRoot__byReviewerOfAProvider__isWritten() public {
        vm.prank(bureauSzReview);
        registry.postDailyRoot(1, TODAY - 1, "root", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(BUREAU_SZ, 1, TODAY - 1).root, "root");
    }

    function test_postDailyRoot__bySubmitterOfAProvider__isWritten() public {
        vm.prank(bureauSzSubmit);
        registry.postDailyRoot(1, TODAY - 1, "root", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(BUREAU_SZ, 1, TODAY - 1).root, "root");
    }

    function test_postDailyRoot__suspendedOrEntitlementOver__isStillWritten() public {
        _scope(BANK_SZ, VERIFIER, START, false);
        _post(1, 1, "root", 1, 5, 5);
        _setStanding(BANK_SZ, SUSPENDED);
        _post(1, 2, "root", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 1).root, "root");
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 2).root, "root");
    }

    function test_postDailyRoot__numbersFromZero__isWritten() public {
        _post(1, 1, "root", 2, 0, 1);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 1).last, 1);
    }

    function test_postDailyRoot__countDiffersBeyond32Bits__reverts() public {
        _expectError(IRecordRegistry.RootInvalid.selector, BANK_SZ, 1, 1);
        _post(1, 1, "root", 1, 0, 2 ** 32);
    }

    function test_postDailyRoot__sameRootAgain__reverts() public {
        _post(1, 1, "root", 1, 5, 5);
        _expectError(IRecordRegistry.RootWritten.selector, BANK_SZ, 1, 1);
        _post(1, 1, "root", 2, 5, 6);
    }

    function test_postDailyRoot__nothingLoggedSaidBefore__reverts() public {
        _post(1, 1, 0, 0, 0, 0);
        _expectError(IRecordRegistry.RootWritten.selector, BANK_SZ, 1, 1);
        _post(1, 1, "root", 1, 5, 5);
    }

    function test_postDailyRoot__daysEqualIn16Bits__areTwo() public {
        vm.warp(70_000 * uint256(1 days));
        _post(1, 1, "root", 1, 5, 5);
        _post(1, 65_537, "other", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 1).root, "root");
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 65_537).root, "other");
    }

    function test_postDailyRoot__kindsEqualInSevenBits__areTwo() public {
        _post(127, 1, "root", 1, 5, 5);
        _post(255, 1, "other", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 127, 1).root, "root");
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 255, 1).root, "other");
    }

    function test_postDailyRoot__institutionBeyondEightBits__isItsOwn() public {
        _setInstitutionCount(258);
        vm.prank(adminSz);
        uint16 institution = registry.admit("NUMBER 259", 0);
        _bind(institution, heir, SUBMIT);
        vm.prank(heir);
        registry.postDailyRoot(1, 1, "root", 1, 5, 5);
        vm.assertEq(registry.dailyRootOf(institution, 1, 1).root, "root");
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 1).postedAt, 0);
    }

    function _expectAccountBound(address account, uint16 institution, IRecordRegistry.AccountRole role) private {
        vm.expectRevert(abi.encodeWithSelector(IRecordRegistry.AccountBound.selector, account, institution, role));
    }

    function _post(uint8 kind, uint32 day, bytes32 root, uint32 count, uint64 first, uint64 last) private {
        vm.prank(bankSz);
        registry.postDailyRoot(kind, day, root, count, first, last);
    }
}
