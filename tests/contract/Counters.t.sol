// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title The registry's counters where no test could count to: beyond 32 bits, and at their ends
contract CountersTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    uint256 private constant BEYOND = 2 ** 32 - 1;
    uint256 private constant LAST = 2 ** 40 - 1;

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

    /// @dev What solc panics with when checked arithmetic overflows.
    function _expectOverflow() private {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
    }
}
