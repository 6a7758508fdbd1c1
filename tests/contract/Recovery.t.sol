// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title What becomes of a lost, a stolen and a hostile authority
contract RecoveryTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.Seat private constant RECOVERY = IRecordRegistry.Seat.Recovery;
    uint40 private constant RECOVERY_DELAY = 14 days;

    // -------------------------------------------------------------------------------------------------------- recovery

    function test_startRecovery__byRecovery__isNotedAndTakenBack() public {
        _expectEvent();
        emit IRecordRegistry.RecoveryStarted(HK, heir, START);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryTo, heir);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, START);
        vm.assertEq(registry.jurisdictionOf(HK).authority, adminHk);

        _expectEvent();
        emit IRecordRegistry.RecoveryStarted(HK, address(0), 0);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, address(0));
        vm.assertEq(registry.jurisdictionOf(HK).recoveryTo, address(0));
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, 0);
    }

    function test_startRecovery__notAllowed__reverts() public {
        address[3] memory others = [adminHk, recoverySz, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(RECOVERY), others[i]);
            vm.prank(others[i]);
            registry.startRecovery(HK, heir);
        }
        address[3] memory taken = [adminHk, recoveryHk, adminSz];
        for (uint256 i; i < taken.length; ++i) {
            _expectError(IRecordRegistry.AddressNotFree.selector, taken[i]);
            vm.prank(recoveryHk);
            registry.startRecovery(HK, taken[i]);
        }
        _expectError(IRecordRegistry.UnknownJurisdiction.selector, MO);
        vm.prank(recoveryHk);
        registry.startRecovery(MO, heir);
    }

    function test_completeRecovery__nobodyObjected__onlyAfterFourteenDays() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.warp(START + RECOVERY_DELAY - 1);
        _expectError(IRecordRegistry.RecoveryTooEarly.selector, HK, START + RECOVERY_DELAY);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);

        vm.warp(START + RECOVERY_DELAY);
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(RECOVERY), heir);
        vm.prank(heir);
        registry.completeRecovery(HK);
        _expectEvent();
        emit IRecordRegistry.RecoveryCompleted(HK, adminHk, heir, 0);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);

        IRecordRegistry.Jurisdiction memory expected =
            IRecordRegistry.Jurisdiction("HK", heir, recoveryHk, address(0), address(0), address(0), 0, 1, 1);
        vm.assertEq(abi.encode(registry.jurisdictionOf(HK)), abi.encode(expected));
        vm.assertEq(registry.registry().authorityEpoch, 1);
    }

    function test_startRecovery__toAnother__beginsAnew() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, stranger);
        vm.warp(START + RECOVERY_DELAY - 1);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.warp(START + RECOVERY_DELAY);
        _expectError(IRecordRegistry.RecoveryTooEarly.selector, HK, START + 2 * RECOVERY_DELAY - 1);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, stranger);
        vm.prank(adminSz);
        registry.supportRecovery(HK, stranger);
        vm.warp(START + 2 * RECOVERY_DELAY - 1);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_completeRecovery__noneRuns__reverts() public {
        _expectError(IRecordRegistry.NoRecovery.selector, HK, address(0));
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        _expectError(IRecordRegistry.UnknownJurisdiction.selector, MO);
        vm.prank(recoveryHk);
        registry.completeRecovery(MO);
    }

    function test_completeRecovery__offerOfTheLostAuthority__diesWithIt() public {
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, stranger);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        _expectError(IRecordRegistry.NotOffered.selector, HK, uint256(AUTHORITY), stranger);
        vm.prank(stranger);
        registry.acceptHandover(HK, AUTHORITY);
    }

    function test_objectToRecovery__byTheIncumbent__leavesOnlySupport() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        _expectEvent();
        emit IRecordRegistry.RecoveryObjected(HK, adminHk, heir);
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryTo, heir);
        vm.assertEq(registry.jurisdictionOf(HK).recoveryAt, 0);

        vm.warp(START + RECOVERY_DELAY);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, heir);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);

        _expectEvent();
        emit IRecordRegistry.RecoveryCompleted(HK, adminHk, heir, SZ);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_objectToRecovery__notAllowed__reverts() public {
        _expectError(IRecordRegistry.NoRecovery.selector, HK, address(0));
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        address[3] memory others = [adminSz, recoveryHk, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAuthorityOf.selector, HK, others[i]);
            vm.prank(others[i]);
            registry.objectToRecovery(HK);
        }
        _expectError(IRecordRegistry.UnknownJurisdiction.selector, MO);
        vm.prank(adminHk);
        registry.objectToRecovery(MO);
    }

    function test_supportRecovery__byAnotherSide__completesAtOnce() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        _expectEvent();
        emit IRecordRegistry.RecoveryCompleted(HK, adminHk, heir, SZ);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        IRecordRegistry.Jurisdiction memory expected =
            IRecordRegistry.Jurisdiction("HK", heir, recoveryHk, address(0), address(0), address(0), 0, 1, 1);
        vm.assertEq(abi.encode(registry.jurisdictionOf(HK)), abi.encode(expected));
        vm.assertEq(registry.registry().authorityEpoch, 1);
    }

    function test_supportRecovery__notAllowed__reverts() public {
        // Never by the other side alone.
        _expectError(IRecordRegistry.NoRecovery.selector, HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, address(0));
        vm.prank(adminSz);
        registry.supportRecovery(HK, address(0));

        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        _expectError(IRecordRegistry.NoRecovery.selector, HK, stranger);
        vm.prank(adminSz);
        registry.supportRecovery(HK, stranger);
        _expectError(IRecordRegistry.OwnSupport.selector, HK);
        vm.prank(adminHk);
        registry.supportRecovery(HK, heir);
        _expectError(IRecordRegistry.NotAuthority.selector, recoveryHk);
        vm.prank(recoveryHk);
        registry.supportRecovery(HK, heir);
        _expectError(IRecordRegistry.UnknownJurisdiction.selector, MO);
        vm.prank(adminSz);
        registry.supportRecovery(MO, heir);
    }

    // ----------------------------------------------------------------------------------- a stolen or hostile authority

    function test_supportRecovery__thiefBindsTheNewAddressAsAnAccount__stillCompletes() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        _tryToBind(adminHk, BUREAU_HK, heir);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_supportRecovery__thiefHandsTheSeatOn__stillCompletes() public {
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, stranger);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(stranger);
        registry.acceptHandover(HK, AUTHORITY);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_completeRecovery__otherSideBindsTheNewAddress__stillCompletes() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        _tryToBind(adminSz, BANK_SZ, heir);
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoveryHk);
        registry.completeRecovery(HK);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    function test_acceptHandover__otherSideBindsTheOfferedAddress__stillAccepts() public {
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, heir);
        _tryToBind(adminSz, BANK_SZ, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, AUTHORITY);
        vm.assertEq(registry.jurisdictionOf(HK).authority, heir);
    }

    // -----------------------------------------------------------------------------------------------------------------

    /// @dev An attempt: the registry may refuse it or not.
    function _tryToBind(address authority, uint16 institution, address account) private {
        vm.prank(authority);
        (bool success,) = address(registry)
            .call(
                abi.encodeCall(
                    IRecordRegistry.setAccount, (institution, account, IRecordRegistry.AccountRole.Submit, true)
                )
            );
        success;
    }
}
