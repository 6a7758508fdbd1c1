// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @title Founding and handover
contract JurisdictionsTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.Seat private constant RECOVERY = IRecordRegistry.Seat.Recovery;

    // -------------------------------------------------------------------------------------------------------- founding

    function test_constructor__twoFounders__seatsBothAndSaysSo() public {
        vm.recordLogs();
        _deploy();
        Vm.Log[] memory logs = vm.getRecordedLogs();

        vm.assertEq(logs.length, 2);
        for (uint16 id = 1; id <= 2; ++id) {
            IRecordRegistry.Founder memory founder = _founders()[id - 1];
            Vm.Log memory log = logs[id - 1];
            vm.assertEq(log.topics[0], IRecordRegistry.JurisdictionAdded.selector);
            vm.assertEq(log.topics[1], bytes32(uint256(id)));
            vm.assertEq(log.data, abi.encode(founder));
            vm.assertEq(
                abi.encode(registry.jurisdictionOf(id)),
                abi.encode(
                    IRecordRegistry.Jurisdiction(
                        founder.code, founder.authority, founder.recovery, address(0), address(0), address(0), 0, 0, 0
                    )
                )
            );
        }
        IRecordRegistry.Registry memory counters;
        counters.jurisdictionCount = 2;
        vm.assertEq(abi.encode(registry.registry()), abi.encode(counters));
    }

    function test_constructor__foundersNotFit__reverts() public {
        IRecordRegistry.Founder[] memory founders = new IRecordRegistry.Founder[](0);
        _expectRefusedFounding(founders, abi.encodeWithSelector(IRecordRegistry.CountInvalid.selector, 0));

        founders = new IRecordRegistry.Founder[](33);
        for (uint160 i; i < 33; ++i) {
            founders[i] = IRecordRegistry.Founder(bytes32(uint256(i + 1)), address(1000 + i), address(2000 + i));
        }
        _expectRefusedFounding(founders, abi.encodeWithSelector(IRecordRegistry.LimitReached.selector, 32));

        founders = _founders();
        founders[1].code = 0;
        _expectRefusedFounding(founders, abi.encodeWithSelector(IRecordRegistry.CodeInvalid.selector, 0));
        founders[1].code = "HK";
        _expectRefusedFounding(founders, abi.encodeWithSelector(IRecordRegistry.CodeTaken.selector, bytes32("HK"), HK));
    }

    function test_constructor__addressNotFree__reverts() public {
        address[4] memory taken = [address(0), adminHk, recoveryHk, recoverySz];
        for (uint256 i; i < taken.length; ++i) {
            IRecordRegistry.Founder[] memory founders = _founders();
            founders[1].authority = taken[i];
            _expectRefusedFounding(founders, abi.encodeWithSelector(IRecordRegistry.AddressNotFree.selector, taken[i]));
        }
        IRecordRegistry.Founder[] memory last = _founders();
        last[1].recovery = adminHk;
        _expectRefusedFounding(last, abi.encodeWithSelector(IRecordRegistry.AddressNotFree.selector, adminHk));
    }

    function test_acceptRegistry__everyFounder__makesItLive() public {
        _deploy();
        _expectEvent();
        emit IRecordRegistry.RegistryAccepted(HK, adminHk, false);
        vm.prank(adminHk);
        registry.acceptRegistry(HK);
        vm.assertEq(registry.registry().accepted, 1);
        vm.assertEq(registry.registry().live, false);

        _expectError(IRecordRegistry.AlreadyAccepted.selector, HK);
        vm.prank(adminHk);
        registry.acceptRegistry(HK);

        _expectEvent();
        emit IRecordRegistry.RegistryAccepted(SZ, adminSz, true);
        vm.prank(adminSz);
        registry.acceptRegistry(SZ);
        vm.assertEq(registry.registry().accepted, 3);
        vm.assertEq(registry.registry().live, true);
        vm.assertEq(registry.registry().authorityEpoch, 0);
    }

    function test_acceptRegistry__notTheAuthority__reverts() public {
        _deploy();
        address[4] memory others = [address(this), adminSz, recoveryHk, stranger];
        for (uint256 i; i < others.length; ++i) {
            _expectError(IRecordRegistry.NotAuthorityOf.selector, HK, others[i]);
            vm.prank(others[i]);
            registry.acceptRegistry(HK);
        }
        _expectError(IRecordRegistry.UnknownJurisdiction.selector, MO);
        vm.prank(adminHk);
        registry.acceptRegistry(MO);
    }

    function test_anyAct__oneFounderHasNotAccepted__reverts() public {
        _deploy();
        vm.prank(adminHk);
        registry.acceptRegistry(HK);
        bytes[] memory calls = _authorityCalls();
        for (uint256 i; i < calls.length; ++i) {
            _expectCallError(adminHk, calls[i], abi.encodeWithSelector(IRecordRegistry.NotLive.selector));
        }
        _expectCallError(
            adminHk,
            abi.encodeCall(IRecordRegistry.offerHandover, (HK, AUTHORITY, heir)),
            abi.encodeWithSelector(IRecordRegistry.NotLive.selector)
        );
        _expectCallError(
            recoveryHk,
            abi.encodeCall(IRecordRegistry.startRecovery, (HK, heir)),
            abi.encodeWithSelector(IRecordRegistry.NotLive.selector)
        );
        _expectCallError(
            adminHk,
            abi.encodeCall(IRecordRegistry.openCorridor, (HK, SZ)),
            abi.encodeWithSelector(IRecordRegistry.NotACorridor.selector, HK, SZ)
        );
    }

    function test_authorityAct__notAnAuthority__reverts() public {
        bytes[] memory calls = _authorityCalls();
        address[4] memory others = [address(this), recoveryHk, bureauHkReview, stranger];
        for (uint256 i; i < calls.length; ++i) {
            for (uint256 j; j < others.length; ++j) {
                _expectCallError(
                    others[j], calls[i], abi.encodeWithSelector(IRecordRegistry.NotAuthority.selector, others[j])
                );
            }
        }
    }

    // -------------------------------------------------------------------------------------------------------- handover

    function test_offerHandover__bySeatHolder__isNotedAndTakenBack() public {
        _expectEvent();
        emit IRecordRegistry.HandoverOffered(HK, AUTHORITY, heir);
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, heir);
        _expectEvent();
        emit IRecordRegistry.HandoverOffered(HK, RECOVERY, stranger);
        vm.prank(recoveryHk);
        registry.offerHandover(HK, RECOVERY, stranger);
        IRecordRegistry.Jurisdiction memory side = registry.jurisdictionOf(HK);
        vm.assertEq(side.offeredAuthority, heir);
        vm.assertEq(side.offeredRecovery, stranger);
        vm.assertEq(side.authority, adminHk);
        vm.assertEq(side.recovery, recoveryHk);

        _expectEvent();
        emit IRecordRegistry.HandoverOffered(HK, AUTHORITY, address(0));
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, address(0));
        vm.assertEq(registry.jurisdictionOf(HK).offeredAuthority, address(0));
        _expectError(IRecordRegistry.NotOffered.selector, HK, uint256(AUTHORITY), heir);
        vm.prank(heir);
        registry.acceptHandover(HK, AUTHORITY);
    }

    function test_offerHandover__notTheSeatHolder__reverts() public {
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(AUTHORITY), recoveryHk);
        vm.prank(recoveryHk);
        registry.offerHandover(HK, AUTHORITY, heir);
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(RECOVERY), adminHk);
        vm.prank(adminHk);
        registry.offerHandover(HK, RECOVERY, heir);
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(AUTHORITY), adminSz);
        vm.prank(adminSz);
        registry.offerHandover(HK, AUTHORITY, heir);
        _expectError(IRecordRegistry.UnknownJurisdiction.selector, MO);
        vm.prank(adminHk);
        registry.offerHandover(MO, AUTHORITY, heir);
    }

    function test_offerHandover__addressNotFree__reverts() public {
        address[4] memory taken = [adminHk, adminSz, recoveryHk, recoverySz];
        for (uint256 i; i < taken.length; ++i) {
            _expectError(IRecordRegistry.AddressNotFree.selector, taken[i]);
            vm.prank(adminHk);
            registry.offerHandover(HK, AUTHORITY, taken[i]);
        }
    }

    function test_acceptHandover__ofAuthority__movesTheSeatAndItsPowers() public {
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, heir);
        _expectError(IRecordRegistry.NotOffered.selector, HK, uint256(AUTHORITY), stranger);
        vm.prank(stranger);
        registry.acceptHandover(HK, AUTHORITY);
        _expectError(IRecordRegistry.NotOffered.selector, HK, uint256(RECOVERY), heir);
        vm.prank(heir);
        registry.acceptHandover(HK, RECOVERY);

        _expectEvent();
        emit IRecordRegistry.HandoverAccepted(HK, AUTHORITY, adminHk, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, AUTHORITY);

        IRecordRegistry.Jurisdiction memory side = registry.jurisdictionOf(HK);
        vm.assertEq(side.authority, heir);
        vm.assertEq(side.offeredAuthority, address(0));
        vm.assertEq(registry.registry().authorityEpoch, 1);
        _expectError(IRecordRegistry.NotAuthority.selector, adminHk);
        vm.prank(adminHk);
        registry.setPaused(true);
        _pause(heir);
    }

    function test_acceptHandover__ofRecovery__movesTheSeatAndEndsItsRecovery() public {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, stranger);
        vm.prank(recoveryHk);
        registry.offerHandover(HK, RECOVERY, heir);
        _expectEvent();
        emit IRecordRegistry.HandoverAccepted(HK, RECOVERY, recoveryHk, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, RECOVERY);

        IRecordRegistry.Jurisdiction memory expected =
            IRecordRegistry.Jurisdiction("HK", adminHk, heir, address(0), address(0), address(0), 0, 1, 1);
        vm.assertEq(abi.encode(registry.jurisdictionOf(HK)), abi.encode(expected));
        vm.assertEq(registry.registry().authorityEpoch, 0);
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(RECOVERY), recoveryHk);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, recoveryHk);
    }

    function test_acceptHandover__byAnAccount__theSeatGoesBeforeIt() public {
        uint32 number = registry.accountOf(bankSz).number;
        IRecordRegistry.AccountRole role = IRecordRegistry.AccountRole.Submit;
        vm.prank(recoveryHk);
        registry.offerHandover(HK, RECOVERY, bankSz);
        _expectEvent();
        emit IRecordRegistry.AccountSet(BANK_SZ, bankSz, role, false, number);
        _expectEvent();
        emit IRecordRegistry.HandoverAccepted(HK, RECOVERY, recoveryHk, bankSz);
        vm.prank(bankSz);
        registry.acceptHandover(HK, RECOVERY);
        vm.assertEq(
            abi.encode(registry.accountOf(bankSz)), abi.encode(IRecordRegistry.Account(BANK_SZ, role, false, number))
        );
        _expectError(IRecordRegistry.AddressNotFree.selector, bankSz);
        vm.prank(adminSz);
        registry.setAccount(BANK_SZ, bankSz, role, true);
    }

    function test_acceptHandover__bothSeatsOfferedToOne__takesOnlyOne() public {
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, heir);
        vm.prank(recoveryHk);
        registry.offerHandover(HK, RECOVERY, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, AUTHORITY);
        _expectError(IRecordRegistry.AddressNotFree.selector, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, RECOVERY);
    }

    // -----------------------------------------------------------------------------------------------------------------

    /// @dev Every act of any authority as such, with arguments that suit adminHk.
    function _authorityCalls() private view returns (bytes[] memory calls) {
        calls = new bytes[](9);
        calls[0] = abi.encodeCall(IRecordRegistry.supportRecovery, (SZ, heir));
        calls[1] = abi.encodeCall(IRecordRegistry.addJurisdiction, ("MO", adminMo, recoveryMo));
        calls[2] = abi.encodeCall(IRecordRegistry.nameSuccessor, (heir));
        calls[3] = abi.encodeCall(IRecordRegistry.withdrawAgreement, (bytes32(0)));
        calls[4] = abi.encodeCall(IRecordRegistry.closeCorridor, (HK, SZ));
        calls[5] = abi.encodeCall(IRecordRegistry.setPaused, (true));
        calls[6] = abi.encodeCall(IRecordRegistry.admit, ("CODE", 0));
        calls[7] = abi.encodeCall(IRecordRegistry.publishKeeperShare, (1, "share"));
        calls[8] = abi.encodeCall(IRecordRegistry.addSchema, ("hash", "document"));
    }

    function _expectCallError(address caller, bytes memory call, bytes memory error) private {
        vm.prank(caller);
        (bool success, bytes memory answer) = address(registry).call(call);
        vm.assertEq(success, false);
        vm.assertEq(answer, error);
    }

    function _expectRefusedFounding(IRecordRegistry.Founder[] memory founders, bytes memory error) private {
        bytes memory code = abi.encodePacked(vm.getCode("RecordRegistry.sol:RecordRegistry"), abi.encode(founders));
        address deployed;
        bytes memory answer;
        assembly {
            deployed := create(0, add(code, 32), mload(code))
            answer := mload(0x40)
            mstore(answer, returndatasize())
            returndatacopy(add(answer, 32), 0, returndatasize())
            mstore(0x40, add(add(answer, 32), returndatasize()))
        }
        vm.assertEq(deployed, address(0));
        vm.assertEq(answer, error);
    }
}
