// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {SidesFixture} from "./SidesFixture.sol";

/// @title The registry's counters and times where no test could count to: beyond 32 bits, and at their ends
contract CountersTest is SidesFixture {
    uint256 private constant BEYOND = 2 ** 32 - 1;
    uint256 private constant LAST = 2 ** 40 - 1;
    uint40 private constant LATE = 2 ** 32 + 5;

    function test_register__beyond32Bits__countsOn() public {
        _setBatchCount(BEYOND);
        _setRecordCount(BEYOND);
        vm.assertEq(_registerSz(_rising(3)), BEYOND + 1);
        vm.assertEq(registry.registry().batchCount, BEYOND + 1);
        vm.assertEq(registry.registry().recordCount, BEYOND + 3);
        vm.assertEq(registry.entryOf(_keySz(1)).batch, BEYOND + 1);
        vm.assertEq(registry.batchOf(uint48(BEYOND + 1)).count, 3);
    }

    function test_register__noBatchNumberLeft__reverts() public {
        _setBatchCount(LAST - 1);
        vm.assertEq(_registerSz(_one(1, 1)), LAST);
        _expectOverflow();
        _registerSz(_one(2, 2));
    }

    function test_register__moreRecordsThanAreLeft__reverts() public {
        _setRecordCount(LAST - 2);
        _expectOverflow();
        _registerSz(_rising(3));
        _registerSz(_rising(2));
        vm.assertEq(registry.registry().recordCount, LAST);
    }

    function test_authorityEpoch__beyond32Bits__recoveryHandoverAndAgreementsGoOn() public {
        _setAuthorityEpoch(BEYOND);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);

        vm.prank(adminSz);
        registry.offerHandover(SZ, AUTHORITY, stranger);
        vm.prank(stranger);
        registry.acceptHandover(SZ, AUTHORITY);
        vm.assertEq(registry.registry().authorityEpoch, BEYOND + 2);

        vm.prank(heir);
        registry.nameSuccessor(bankSz);
        vm.prank(stranger);
        registry.nameSuccessor(bankSz);
        vm.assertEq(registry.successor(), bankSz);
    }

    /// @dev A proposal is of one epoch, not of all that have its lower 32 bits.
    function test_jointAction__epochDiffersBeyond32Bits__isDead() public {
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        _setAuthorityEpoch(2 ** 32);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(heir), false);
        vm.assertEq(registry.proposalOf(keccak256(abi.encodeCall(IRecordRegistry.nameSuccessor, (heir)))).agreed, 2);
    }

    function test_authorityEpoch__usedUp__everyChangeOfAnAuthorityReverts() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminSz);
        registry.offerHandover(SZ, AUTHORITY, stranger);
        _setAuthorityEpoch(LAST);
        _expectOverflow();
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        _expectOverflow();
        vm.prank(stranger);
        registry.acceptHandover(SZ, AUTHORITY);
        vm.warp(START + 14 days);
        _expectOverflow();
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
    }

    function test_authorityEpoch__usedUp__noSideIsAddedOrAccepts() public {
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        _setAuthorityEpoch(LAST);
        _expectOverflow();
        vm.prank(adminMo);
        registry.acceptRegistry(MO);
        vm.prank(adminHk);
        registry.addJurisdiction("SG", heir, stranger);
        _expectOverflow();
        vm.prank(adminSz);
        registry.addJurisdiction("SG", heir, stranger);
    }

    function test_dispute__accountBeyondSixteenBits__theNoteSaysItsNumber() public {
        _setAccountCount(65_536);
        _bind(BUREAU_HK, heir, IRecordRegistry.AccountRole.Review);
        _registerHkActive(_rising(1));
        vm.prank(heir);
        registry.dispute(_keyHk(1), REASON);
        vm.assertEq(registry.noteOf(_keyHk(1)).byAccount, 65_537);
    }

    function test_findMany__batchBeyond32Bits__saysAllItsBits() public {
        _setBatchCount(2 ** 32 - 1);
        _registerSz(_one(1, 11));
        vm.assertEq(_answer(1, BUREAU_SZ), bytes32(uint256(11) << 64 | uint256(1) << 48 | uint256(2) << 8 | 1));
    }

    function test_startRecovery__timeBeyond32Bits__isKept() public {
        vm.warp(LATE);
        _startRecovery();
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, LATE);
    }

    function test_jointAction__timeBeyond32Bits__isKept() public {
        vm.warp(LATE);
        _nameSuccessor(adminHk);
        vm.assertEq(registry.proposalOf(_successorAction()).expiresAt, LATE + PROPOSAL_LIFETIME);
    }

    function test_admit__timeBeyond32Bits__isKept() public {
        vm.warp(LATE);
        vm.prank(adminHk);
        vm.assertEq(registry.institutionOf(registry.admit("LATE", 0)).admittedAt, LATE);
    }

    function test_scope__timeBeyond32Bits__isKept() public {
        _scope(BUREAU_HK, PROVIDER, LATE, true);
        vm.assertEq(registry.institutionOf(BUREAU_HK).entitledUntil, LATE);
    }

    function test_postDailyRoot__timeBeyond32Bits__isKept() public {
        vm.warp(LATE);
        vm.prank(bankSz);
        registry.postDailyRoot(1, 1, 0, 0, 0, 0);
        vm.assertEq(registry.dailyRootOf(BANK_SZ, 1, 1).postedAt, LATE);
    }

    /// @dev What solc panics with when checked arithmetic overflows.
    function _expectOverflow() private {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
    }
}
