// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @title Seats, handover and recovery, joint actions, corridors, pauses, schemas and keeper shares
contract JurisdictionsTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.Seat private constant RECOVERY = IRecordRegistry.Seat.Recovery;
    uint40 private constant RECOVERY_DELAY = 14 days;
    uint40 private constant PROPOSAL_LIFETIME = 30 days;

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
                        founder.code, founder.authority, founder.recovery, address(0), address(0), address(0), 0
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
        address[5] memory taken = [adminHk, adminSz, recoveryHk, recoverySz, bankSz];
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
            IRecordRegistry.Jurisdiction("HK", adminHk, heir, address(0), address(0), address(0), 0);
        vm.assertEq(abi.encode(registry.jurisdictionOf(HK)), abi.encode(expected));
        vm.assertEq(registry.registry().authorityEpoch, 0);
        _expectError(IRecordRegistry.NotSeatHolder.selector, HK, uint256(RECOVERY), recoveryHk);
        vm.prank(recoveryHk);
        registry.startRecovery(HK, recoveryHk);
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
        address[4] memory taken = [adminHk, recoveryHk, adminSz, bureauHkReview];
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
            IRecordRegistry.Jurisdiction("HK", heir, recoveryHk, address(0), address(0), address(0), 0);
        vm.assertEq(abi.encode(registry.jurisdictionOf(HK)), abi.encode(expected));
        vm.assertEq(registry.registry().authorityEpoch, 1);
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
            IRecordRegistry.Jurisdiction("HK", heir, recoveryHk, address(0), address(0), address(0), 0);
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

    // --------------------------------------------------------------------------------------------------- joint actions

    function test_addJurisdiction__bothAgree__addsItOnce() public {
        bytes memory call = abi.encodeCall(IRecordRegistry.addJurisdiction, ("MO", adminMo, recoveryMo));
        bytes32 action = keccak256(call);
        uint40 expiresAt = START + PROPOSAL_LIFETIME;
        _expectEvent();
        emit IRecordRegistry.JointActionAgreed(action, HK, 1, 0, expiresAt, call);
        vm.prank(adminHk);
        vm.assertEq(registry.addJurisdiction("MO", adminMo, recoveryMo), false);
        vm.assertEq(abi.encode(registry.proposalOf(action)), abi.encode(IRecordRegistry.Proposal(1, 0, expiresAt)));
        _expectError(IRecordRegistry.AlreadyAgreed.selector, uint256(action), HK);
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, recoveryMo);

        _expectEvent();
        emit IRecordRegistry.JointActionAgreed(action, SZ, 3, 0, expiresAt, call);
        _expectEvent();
        emit IRecordRegistry.JointActionCompleted(action);
        _expectEvent();
        emit IRecordRegistry.JurisdictionAdded(MO, "MO", adminMo, recoveryMo);
        vm.prank(adminSz);
        vm.assertEq(registry.addJurisdiction("MO", adminMo, recoveryMo), true);

        vm.assertEq(abi.encode(registry.proposalOf(action)), abi.encode(IRecordRegistry.Proposal(0, 0, 0)));
        IRecordRegistry.Jurisdiction memory expected =
            IRecordRegistry.Jurisdiction("MO", adminMo, recoveryMo, address(0), address(0), address(0), 0);
        vm.assertEq(abi.encode(registry.jurisdictionOf(MO)), abi.encode(expected));
        vm.assertEq(registry.registry().jurisdictionCount, MO);
        vm.assertEq(registry.registry().authorityEpoch, 1);
    }

    function test_addJurisdiction__newSide__countsOnceItAccepted() public {
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        _expectError(IRecordRegistry.NotAuthority.selector, adminMo);
        vm.prank(adminMo);
        registry.admit("BANK-MO", 0);

        _expectEvent();
        emit IRecordRegistry.RegistryAccepted(MO, adminMo, true);
        vm.prank(adminMo);
        registry.acceptRegistry(MO);
        vm.assertEq(registry.registry().accepted, 7);
        vm.assertEq(registry.registry().authorityEpoch, 2);
        vm.prank(adminMo);
        registry.admit("BANK-MO", 0);

        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(heir), false);
        vm.prank(adminMo);
        vm.assertEq(registry.nameSuccessor(heir), true);
    }

    function test_addJurisdiction__notFit__revertsAtTheLastAgreement() public {
        vm.prank(adminHk);
        registry.addJurisdiction("HK", adminMo, recoveryMo);
        _expectError(IRecordRegistry.CodeTaken.selector, uint256(bytes32("HK")), HK);
        vm.prank(adminSz);
        registry.addJurisdiction("HK", adminMo, recoveryMo);

        vm.prank(adminHk);
        registry.addJurisdiction(0, adminMo, recoveryMo);
        _expectError(IRecordRegistry.CodeInvalid.selector, 0);
        vm.prank(adminSz);
        registry.addJurisdiction(0, adminMo, recoveryMo);

        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, bankSz);
        _expectError(IRecordRegistry.AddressNotFree.selector, bankSz);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, bankSz);
    }

    function test_addJurisdiction__thirtyTwoThere__reverts() public {
        for (uint160 id = 3; id <= 33; ++id) {
            vm.prank(adminHk);
            registry.addJurisdiction(bytes32(uint256(id)), address(1000 + id), address(2000 + id));
            if (id == 33) _expectError(IRecordRegistry.LimitReached.selector, 32);
            vm.prank(adminSz);
            registry.addJurisdiction(bytes32(uint256(id)), address(1000 + id), address(2000 + id));
        }
        vm.prank(address(1032));
        registry.acceptRegistry(32);
        vm.assertEq(registry.registry().accepted, 1 << 31 | 3);
        _pause(address(1032));
        vm.assertEq(registry.registry().paused, 1 << 31);
    }

    function test_jointAction__thirtyDaysOld__startsAnew() public {
        bytes32 action = keccak256(abi.encodeCall(IRecordRegistry.nameSuccessor, (heir)));
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        vm.warp(START + PROPOSAL_LIFETIME);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(heir), false);
        vm.assertEq(
            abi.encode(registry.proposalOf(action)),
            abi.encode(IRecordRegistry.Proposal(2, 0, START + 2 * PROPOSAL_LIFETIME))
        );
        vm.warp(START + 2 * PROPOSAL_LIFETIME - 1);
        vm.prank(adminHk);
        vm.assertEq(registry.nameSuccessor(heir), true);
    }

    function test_jointAction__handoverBetween__diesWithIt() public {
        bytes32 action = keccak256(abi.encodeCall(IRecordRegistry.nameSuccessor, (stranger)));
        vm.prank(adminHk);
        registry.nameSuccessor(stranger);
        vm.prank(adminHk);
        registry.offerHandover(HK, AUTHORITY, heir);
        vm.prank(heir);
        registry.acceptHandover(HK, AUTHORITY);

        _expectError(IRecordRegistry.NotAgreed.selector, uint256(action), HK);
        vm.prank(heir);
        registry.withdrawAgreement(action);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(stranger), false);
        vm.prank(heir);
        vm.assertEq(registry.nameSuccessor(stranger), true);
    }

    function test_jointAction__otherArguments__isAnother() public {
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(stranger), false);
        vm.assertEq(registry.successor(), address(0));
    }

    function test_withdrawAgreement__agreedBefore__counts() public {
        bytes32 action = keccak256(abi.encodeCall(IRecordRegistry.nameSuccessor, (heir)));
        _expectError(IRecordRegistry.NotAgreed.selector, uint256(action), HK);
        vm.prank(adminHk);
        registry.withdrawAgreement(action);
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        _expectError(IRecordRegistry.NotAgreed.selector, uint256(action), SZ);
        vm.prank(adminSz);
        registry.withdrawAgreement(action);

        _expectEvent();
        emit IRecordRegistry.JointActionWithdrawn(action, HK, 0);
        vm.prank(adminHk);
        registry.withdrawAgreement(action);
        vm.assertEq(registry.proposalOf(action).agreed, 0);
        vm.prank(adminSz);
        vm.assertEq(registry.nameSuccessor(heir), false);
    }

    function test_nameSuccessor__allAgree__closesRegistrationOnly() public {
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        _expectEvent();
        emit IRecordRegistry.SuccessorNamed(heir);
        vm.prank(adminSz);
        registry.nameSuccessor(heir);
        vm.assertEq(registry.successor(), heir);

        _expectError(IRecordRegistry.RegistrationClosed.selector, heir);
        _registerHk(_rising(1));
        _expectError(IRecordRegistry.RegistrationClosed.selector, heir);
        vm.prank(adminHk);
        registry.nameSuccessor(stranger);
    }

    function test_nameSuccessor__zero__reverts() public {
        _expectError(IRecordRegistry.AddressNotFree.selector, address(0));
        vm.prank(adminHk);
        registry.nameSuccessor(address(0));
    }

    // ------------------------------------------------------------------------------------------------------- corridors

    function test_openCorridor__bothItsAuthorities__opensOneDirection() public {
        _addMacao();
        bytes32 action = keccak256(abi.encodeCall(IRecordRegistry.openCorridor, (HK, SZ)));
        vm.prank(adminHk);
        vm.assertEq(registry.openCorridor(HK, SZ), false);
        _expectError(IRecordRegistry.NotAuthority.selector, adminMo);
        vm.prank(adminMo);
        registry.openCorridor(HK, SZ);
        vm.assertEq(registry.corridorOpen(HK, SZ), false);
        _expectEvent();
        emit IRecordRegistry.JointActionAgreed(
            action, SZ, 3, 2, START + PROPOSAL_LIFETIME, abi.encodeCall(IRecordRegistry.openCorridor, (HK, SZ))
        );
        _expectEvent();
        emit IRecordRegistry.JointActionCompleted(action);
        _expectEvent();
        emit IRecordRegistry.CorridorOpened(HK, SZ);
        vm.prank(adminSz);
        vm.assertEq(registry.openCorridor(HK, SZ), true);
        vm.assertEq(registry.corridorOpen(HK, SZ), true);
        vm.assertEq(registry.corridorOpen(SZ, HK), false);

        _expectError(IRecordRegistry.CorridorState.selector, HK, SZ, 1);
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
    }

    function test_openCorridor__notTwoAcceptedSides__reverts() public {
        // 40: an id that the bitmaps have no room for.
        uint16[2][5] memory pairs = [[HK, HK], [HK, MO], [MO, HK], [uint16(0), HK], [HK, 40]];
        for (uint256 i; i < pairs.length; ++i) {
            _expectError(IRecordRegistry.NotACorridor.selector, pairs[i][0], pairs[i][1]);
            vm.prank(adminHk);
            registry.openCorridor(pairs[i][0], pairs[i][1]);
        }
    }

    function test_closeCorridor__byEither__closesAtOnce() public {
        address[2] memory sides = [adminHk, adminSz];
        for (uint16 id = 1; id <= 2; ++id) {
            vm.prank(adminHk);
            registry.openCorridor(HK, SZ);
            vm.prank(adminSz);
            registry.openCorridor(HK, SZ);
            _expectEvent();
            emit IRecordRegistry.CorridorClosed(HK, SZ, id);
            vm.prank(sides[id - 1]);
            registry.closeCorridor(HK, SZ);
            vm.assertEq(registry.corridorOpen(HK, SZ), false);
        }
        _expectError(IRecordRegistry.CorridorState.selector, HK, SZ, 0);
        vm.prank(adminHk);
        registry.closeCorridor(HK, SZ);
        // The earlier agreement of the other side is used up.
        vm.prank(adminHk);
        vm.assertEq(registry.openCorridor(HK, SZ), false);
    }

    function test_closeCorridor__byAThirdSide__reverts() public {
        _addMacao();
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        vm.prank(adminSz);
        registry.openCorridor(HK, SZ);
        _expectError(IRecordRegistry.NotAuthorityOf.selector, HK, adminMo);
        vm.prank(adminMo);
        registry.closeCorridor(HK, SZ);
    }

    // -------------------------------------------------------------------------------------- pauses, schemas and shares

    function test_setPaused__bothSides__eachLiftsOnlyItsOwn() public {
        _expectEvent();
        emit IRecordRegistry.PauseSet(HK, true);
        _pause(adminHk);
        _expectEvent();
        emit IRecordRegistry.PauseSet(SZ, true);
        _pause(adminSz);
        vm.assertEq(registry.registry().paused, 3);
        _expectError(IRecordRegistry.PauseState.selector, HK, 1);
        _pause(adminHk);

        _expectEvent();
        emit IRecordRegistry.PauseSet(HK, false);
        vm.prank(adminHk);
        registry.setPaused(false);
        vm.assertEq(registry.registry().paused, 2);
        _expectError(IRecordRegistry.PauseState.selector, HK, 0);
        vm.prank(adminHk);
        registry.setPaused(false);
    }

    function test_addSchema__newHash__getsTheNextId() public {
        _expectEvent();
        emit IRecordRegistry.SchemaAdded(3, "hash", SZ, "document");
        vm.prank(adminSz);
        vm.assertEq(registry.addSchema("hash", "document"), 3);
        vm.assertEq(registry.schemaOf(3), "hash");
        vm.assertEq(registry.schemaByHash("hash"), 3);
        vm.assertEq(registry.registry().schemaCount, 3);
    }

    function test_addSchema__notFit__reverts() public {
        _expectError(IRecordRegistry.HashInvalid.selector, 0);
        vm.prank(adminHk);
        registry.addSchema(0, "");
        _expectError(IRecordRegistry.SchemaTaken.selector, uint256(COMPANY_HASH), COMPANY);
        vm.prank(adminHk);
        registry.addSchema(COMPANY_HASH, "again");
    }

    function test_addSchema__allIdsTaken__revertsAndTheLastCanBeScoped() public {
        for (uint256 id = 3; id <= 255; ++id) {
            vm.prank(adminSz);
            registry.addSchema(bytes32(id), "");
        }
        _expectError(IRecordRegistry.LimitReached.selector, 255);
        vm.prank(adminSz);
        registry.addSchema(bytes32(uint256(256)), "");

        vm.prank(adminHk);
        registry.scope(BUREAU_HK, PROVIDER, type(uint256).max - 1, NEVER, true);
        vm.assertEq(registry.institutionOf(BUREAU_HK).schemas, type(uint256).max - 1);
        vm.prank(bureauHkSubmit);
        registry.register(255, NEVER, SALTED, _rising(1));
    }

    function test_publishKeeperShare__firstTime__isWrittenOnce() public {
        _expectEvent();
        emit IRecordRegistry.KeeperSharePublished(HK, 255, "share");
        vm.prank(adminHk);
        registry.publishKeeperShare(255, "share");
        vm.assertEq(registry.keeperShareOf(HK, 255), "share");
        vm.assertEq(registry.keeperShareOf(SZ, 255), 0);
        _expectError(IRecordRegistry.ShareWritten.selector, HK, 255);
        vm.prank(adminHk);
        registry.publishKeeperShare(255, "other");
    }

    function test_publishKeeperShare__noEpochOrNoShare__reverts() public {
        _expectError(IRecordRegistry.ShareInvalid.selector, HK, 0);
        vm.prank(adminHk);
        registry.publishKeeperShare(0, "share");
        _expectError(IRecordRegistry.ShareInvalid.selector, HK, 1);
        vm.prank(adminHk);
        registry.publishKeeperShare(1, 0);
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
