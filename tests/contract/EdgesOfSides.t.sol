// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {SidesFixture} from "./SidesFixture.sol";

/// @title Seats, offers and recoveries where two of them meet, or a side has not accepted
contract EdgesOfSidesTest is SidesFixture {
    function test_acceptRegistry__foundersInAnotherOrder__liveAfterTheLastOfThem() public {
        _deploy();
        vm.prank(adminSz);
        registry.acceptRegistry(SZ);
        vm.assertEq(registry.registry().live, false);
        vm.prank(adminHk);
        registry.acceptRegistry(HK);
        vm.assertEq(registry.registry().live, true);
    }

    function test_acceptRegistry__thirtyTwoFounders__goLive() public {
        IRecordRegistry.Founder[] memory founders = new IRecordRegistry.Founder[](32);
        for (uint160 i; i < 32; ++i) {
            founders[i] = IRecordRegistry.Founder(bytes32(uint256(i + 1)), address(1001 + i), address(2001 + i));
        }
        registry = IRecordRegistry(vm.deployCode("RecordRegistry.sol:RecordRegistry", abi.encode(founders)));
        for (uint16 id = 1; id <= 32; ++id) {
            vm.prank(address(uint160(1000 + id)));
            registry.acceptRegistry(id);
            vm.assertEq(registry.registry().live, id == 32);
        }
        vm.assertEq(registry.registry().accepted, type(uint32).max);
    }

    function test_acceptRegistry__sideThirtyTwoJoins__raisesTheEpoch() public {
        _addThirty();
        uint40 before = registry.registry().authorityEpoch;
        vm.prank(address(1032));
        registry.acceptRegistry(32);
        vm.assertEq(registry.registry().authorityEpoch, before + 1);
    }

    function test_offerHandover__ofRecoveryTakenBack__isGone() public {
        _offer(recoveryHk, HK, RECOVERY, heir);
        _offer(recoveryHk, HK, RECOVERY, address(0));
        vm.assertEq(registry.jurisdictionOf(HK).offeredRecovery, address(0));
    }

    function test_offerHandover__ofRecoveryToASeatHolder__reverts() public {
        address[4] memory taken = [adminHk, adminSz, recoveryHk, recoverySz];
        for (uint256 i; i < taken.length; ++i) {
            _expectError(IRecordRegistry.AddressNotFree.selector, taken[i]);
            _offer(recoveryHk, HK, RECOVERY, taken[i]);
        }
    }

    function test_offerHandover__ofEitherSeatWhileARecoveryRuns__leavesItRunning() public {
        _startRecovery();
        vm.warp(START + 1);
        _offer(adminHk, HK, AUTHORITY, stranger);
        _offer(recoveryHk, HK, RECOVERY, stranger);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryTo, heir);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, START);
    }

    function test_offerHandover__madeAndTakenBack__leavesAgreementsAlive() public {
        _nameSuccessor(adminSz);
        _offer(adminHk, HK, AUTHORITY, stranger);
        _offer(adminHk, HK, AUTHORITY, address(0));
        vm.assertEq(_nameSuccessor(adminHk), true);
    }

    function test_acceptHandover__ofRecovery__leavesTheAuthoritysOffer() public {
        _offer(adminHk, HK, AUTHORITY, heir);
        _offer(recoveryHk, HK, RECOVERY, stranger);
        _accept(stranger, HK, RECOVERY);
        vm.assertEq(registry.jurisdictionOf(HK).offeredAuthority, heir);
    }

    function test_acceptHandover__ofRecoveryAfterAnObjection__endsTheRecovery() public {
        _startRecovery();
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        _offer(recoveryHk, HK, RECOVERY, stranger);
        _accept(stranger, HK, RECOVERY);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
    }

    function test_acceptHandover__ofAuthorityAfterAnObjection__supportStillCompletes() public {
        _offer(adminHk, HK, AUTHORITY, stranger);
        _startRecovery();
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        _accept(stranger, HK, AUTHORITY);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_acceptHandover__ofAuthorityWhileARecoveryRuns__delaysItNotASecond() public {
        _offer(adminHk, HK, AUTHORITY, stranger);
        _startRecovery();
        vm.warp(START + 1 days);
        _accept(stranger, HK, AUTHORITY);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, START);
    }

    function test_acceptHandover__ofAuthorityByWhoTookTheRecoverySeat__reverts() public {
        _offer(adminHk, HK, AUTHORITY, heir);
        _offer(recoveryHk, HK, RECOVERY, heir);
        _accept(heir, HK, RECOVERY);
        _expectError(IRecordRegistry.AddressNotFree.selector, heir);
        _accept(heir, HK, AUTHORITY);
    }

    function test_acceptHandover__ofAuthorityByAnAccount__theAccountEnds() public {
        _offer(adminHk, HK, AUTHORITY, bureauHkReview);
        _accept(bureauHkReview, HK, AUTHORITY);
        vm.assertEq(
            abi.encode(registry.accountOf(bureauHkReview)),
            abi.encode(IRecordRegistry.Account(BUREAU_HK, REVIEW, false, 2))
        );
    }

    function test_acceptHandover__sideHasNotAccepted__raisesTheEpochAllTheSame() public {
        _addMacaoOnly();
        _offer(adminMo, MO, AUTHORITY, heir);
        _accept(heir, MO, AUTHORITY);
        vm.assertEq(registry.registry().authorityEpoch, 2);
    }

    function test_acceptHandover__ofRecoveryOfASideThatHasNotAccepted__movesTheSeat() public {
        _addMacaoOnly();
        _offer(recoveryMo, MO, RECOVERY, heir);
        _accept(heir, MO, RECOVERY);
        vm.assertEq(registry.jurisdictionOf(MO).recovery, heir);
    }

    function test_completeRecovery__sideHasNotAccepted__replacesItsAuthority() public {
        _startRecoveryMo();
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoveryMo);
        registry.completeRecovery(MO);
        vm.assertEq(registry.jurisdictionOf(MO).authority, heir);
    }

    function test_supportRecovery__sideHasNotAccepted__replacesItsAuthority() public {
        _startRecoveryMo();
        vm.prank(adminSz);
        registry.supportRecovery(MO, heir);
        vm.assertEq(registry.jurisdictionOf(MO).authority, heir);
    }

    function test_objectToRecovery__sideHasNotAccepted__isNoted() public {
        _startRecoveryMo();
        vm.prank(adminMo);
        registry.objectToRecovery(MO);
        vm.assertEq(registry.jurisdictionOf(MO).recoveryAt, 0);
    }

    function test_completeRecovery__offerOfTheRecoverySeat__livesOn() public {
        _offer(recoveryHk, HK, RECOVERY, stranger);
        _startRecovery();
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).offeredRecovery, stranger);
    }

    function test_supportRecovery__offerOfTheRecoverySeat__livesOn() public {
        _offer(recoveryHk, HK, RECOVERY, stranger);
        _startRecovery();
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).offeredRecovery, stranger);
    }

    function test_completeRecovery__delayOver__endsTheLostAuthoritysOffer() public {
        _offer(adminHk, HK, AUTHORITY, stranger);
        _startRecovery();
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).offeredAuthority, address(0));
    }

    function test_startRecovery__nobodyAndNoneRuns__isSaidAllTheSame() public {
        _expectEvent();
        emit IRecordRegistry.RecoveryStarted(HK, address(0), 0);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, address(0));
    }

    function test_startRecovery__nobodyAfterAnObjection__leavesNothingToSupport() public {
        _startRecovery();
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, address(0));
        vm.assertEq(registry.jurisdictionOf(HK).recoveryTo, address(0));
    }

    function test_startRecovery__toTheSameAgain__beginsAnew() public {
        _startRecovery();
        vm.warp(START + 1 days);
        _startRecovery();
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, START + 1 days);
    }

    function test_objectToRecovery__delayOver__stillStopsIt() public {
        _startRecovery();
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, heir);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
    }

    function test_supportRecovery__delayOver__completesIt() public {
        _startRecovery();
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_supportRecovery__byAThirdSide__namesIt() public {
        _addMacao();
        _startRecovery();
        _expectEvent();
        emit IRecordRegistry.RecoveryCompleted(HK, adminHk, heir, MO);
        vm.prank(adminMo);
        registry.supportRecovery(HK, heir);
    }

    function test_supportRecovery__supporterRecoversToo__goesOn() public {
        vm.prank(recoverySz);
        registry.startRecovery(SZ, stranger);
        _startRecovery();
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(SZ).recoveryTo, stranger);
        vm.assertEq(registry.jurisdictionOf(SZ).recoveryAt, START);
    }

    function test_startRecovery__addressNamed__isStillFree() public {
        _startRecovery();
        _bind(BUREAU_HK, heir, SUBMIT);
        vm.assertEq(registry.accountOf(heir).enabled, true);
    }

    function _startRecoveryMo() private {
        _addMacaoOnly();
        vm.prank(recoveryMo);
        registry.startRecovery(MO, heir);
    }
}
