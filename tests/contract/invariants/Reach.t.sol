// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {Vm} from "../Vm.sol";
import {ActsOnRecords} from "./ActsOnRecords.sol";
import {Handler} from "./Handler.sol";
import {InvariantsTest} from "./Invariants.t.sol";

/// @title A campaign with fixed seeds gets everywhere: no invariant holds because nothing happened
contract ReachTest {
    uint256 private constant RUNS = 20;
    uint256 private constant DEPTH = 128;

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    Handler[RUNS] private worlds;

    function setUp() external {
        vm.pauseGasMetering();
        for (uint256 run; run < RUNS; ++run) {
            InvariantsTest campaign = new InvariantsTest();
            campaign.setUp();
            bytes4[] memory selectors = campaign.targetSelectors()[0].selectors;
            worlds[run] = Handler(campaign.targetContracts()[0]);
            for (uint256 i; i < DEPTH; ++i) {
                uint256 seed = uint256(keccak256(abi.encode(run, i)));
                bytes memory call = abi.encodeWithSelector(selectors[seed % selectors.length], seed);
                (bool success, bytes memory answer) = address(worlds[run]).call(call);
                if (!success) {
                    assembly {
                        revert(add(answer, 32), mload(answer))
                    }
                }
            }
            campaign.afterInvariant();
        }
    }

    function test_campaign__everyFunction__succeeds() external view {
        _succeeds(IRecordRegistry.acceptRegistry.selector, "acceptRegistry");
        _succeeds(IRecordRegistry.offerHandover.selector, "offerHandover");
        _succeeds(IRecordRegistry.acceptHandover.selector, "acceptHandover");
        _succeeds(IRecordRegistry.startRecovery.selector, "startRecovery");
        _succeeds(IRecordRegistry.objectToRecovery.selector, "objectToRecovery");
        _succeeds(IRecordRegistry.supportRecovery.selector, "supportRecovery");
        _succeeds(IRecordRegistry.completeRecovery.selector, "completeRecovery");
        _succeeds(IRecordRegistry.addJurisdiction.selector, "addJurisdiction");
        _succeeds(IRecordRegistry.nameSuccessor.selector, "nameSuccessor");
        _succeeds(IRecordRegistry.withdrawAgreement.selector, "withdrawAgreement");
        _succeeds(IRecordRegistry.openCorridor.selector, "openCorridor");
        _succeeds(IRecordRegistry.closeCorridor.selector, "closeCorridor");
        _succeeds(IRecordRegistry.setPaused.selector, "setPaused");
        _succeeds(IRecordRegistry.addSchema.selector, "addSchema");
        _succeeds(IRecordRegistry.publishKeeperShare.selector, "publishKeeperShare");
        _succeeds(IRecordRegistry.admit.selector, "admit");
        _succeeds(IRecordRegistry.scope.selector, "scope");
        _succeeds(IRecordRegistry.setStanding.selector, "setStanding");
        _succeeds(IRecordRegistry.setProfile.selector, "setProfile");
        _succeeds(IRecordRegistry.setEncryptionKey.selector, "setEncryptionKey");
        _succeeds(IRecordRegistry.setAccount.selector, "setAccount");
        _succeeds(IRecordRegistry.postDailyRoot.selector, "postDailyRoot");
        _succeeds(IRecordRegistry.register.selector, "register");
        _succeeds(IRecordRegistry.approve.selector, "approve");
        _succeeds(IRecordRegistry.reject.selector, "reject");
        _succeeds(IRecordRegistry.revoke.selector, "revoke");
        _succeeds(IRecordRegistry.revokeBatch.selector, "revokeBatch");
        _succeeds(IRecordRegistry.supersede.selector, "supersede");
        _succeeds(IRecordRegistry.dispute.selector, "dispute");
        _succeeds(IRecordRegistry.resolve.selector, "resolve");
    }

    /// @dev Two are out of reach within 128 calls: LimitReached and NoPlaceLeft have tests of their own.
    function test_campaign__everyError__isMet() external view {
        _isMet(IRecordRegistry.NotLive.selector, "NotLive");
        _isMet(IRecordRegistry.AlreadyAccepted.selector, "AlreadyAccepted");
        _isMet(IRecordRegistry.NotAuthority.selector, "NotAuthority");
        _isMet(IRecordRegistry.NotAuthorityOf.selector, "NotAuthorityOf");
        _isMet(IRecordRegistry.NotSeatHolder.selector, "NotSeatHolder");
        _isMet(IRecordRegistry.NotOffered.selector, "NotOffered");
        _isMet(IRecordRegistry.AddressNotFree.selector, "AddressNotFree");
        _isMet(IRecordRegistry.NoRecovery.selector, "NoRecovery");
        _isMet(IRecordRegistry.RecoveryTooEarly.selector, "RecoveryTooEarly");
        _isMet(IRecordRegistry.OwnSupport.selector, "OwnSupport");
        _isMet(IRecordRegistry.AlreadyAgreed.selector, "AlreadyAgreed");
        _isMet(IRecordRegistry.NotAgreed.selector, "NotAgreed");
        _isMet(IRecordRegistry.NotACorridor.selector, "NotACorridor");
        _isMet(IRecordRegistry.CorridorState.selector, "CorridorState");
        _isMet(IRecordRegistry.PauseState.selector, "PauseState");
        _isMet(IRecordRegistry.CodeInvalid.selector, "CodeInvalid");
        _isMet(IRecordRegistry.CodeTaken.selector, "CodeTaken");
        _isMet(IRecordRegistry.HashInvalid.selector, "HashInvalid");
        _isMet(IRecordRegistry.SchemaTaken.selector, "SchemaTaken");
        _isMet(IRecordRegistry.UnknownJurisdiction.selector, "UnknownJurisdiction");
        _isMet(IRecordRegistry.UnknownInstitution.selector, "UnknownInstitution");
        _isMet(IRecordRegistry.UnknownBatch.selector, "UnknownBatch");
        _isMet(IRecordRegistry.UnknownEntry.selector, "UnknownEntry");
        _isMet(IRecordRegistry.RolesInvalid.selector, "RolesInvalid");
        _isMet(IRecordRegistry.SchemasUnknown.selector, "SchemasUnknown");
        _isMet(IRecordRegistry.StandingUnchanged.selector, "StandingUnchanged");
        _isMet(IRecordRegistry.AccountBound.selector, "AccountBound");
        _isMet(IRecordRegistry.AccountRoleInvalid.selector, "AccountRoleInvalid");
        _isMet(IRecordRegistry.ShareWritten.selector, "ShareWritten");
        _isMet(IRecordRegistry.ShareInvalid.selector, "ShareInvalid");
        _isMet(IRecordRegistry.ShareMissing.selector, "ShareMissing");
        _isMet(IRecordRegistry.RootWritten.selector, "RootWritten");
        _isMet(IRecordRegistry.RootInvalid.selector, "RootInvalid");
        _isMet(IRecordRegistry.Paused.selector, "Paused");
        _isMet(IRecordRegistry.RegistrationClosed.selector, "RegistrationClosed");
        _isMet(IRecordRegistry.NotAnAccount.selector, "NotAnAccount");
        _isMet(IRecordRegistry.NotAllowed.selector, "NotAllowed");
        _isMet(IRecordRegistry.NotEntitled.selector, "NotEntitled");
        _isMet(IRecordRegistry.ExpiryInvalid.selector, "ExpiryInvalid");
        _isMet(IRecordRegistry.CountInvalid.selector, "CountInvalid");
        _isMet(IRecordRegistry.RecordsNotRising.selector, "RecordsNotRising");
        _isMet(IRecordRegistry.DuplicateRecord.selector, "DuplicateRecord");
        _isMet(IRecordRegistry.BatchNotPending.selector, "BatchNotPending");
        _isMet(IRecordRegistry.BatchNotActive.selector, "BatchNotActive");
        _isMet(IRecordRegistry.BatchExpired.selector, "BatchExpired");
        _isMet(IRecordRegistry.SelfApproval.selector, "SelfApproval");
        _isMet(IRecordRegistry.NotInBatch.selector, "NotInBatch");
        _isMet(IRecordRegistry.RecordState.selector, "RecordState");
        _isMet(IRecordRegistry.SuccessorInvalid.selector, "SuccessorInvalid");
        _isMet(IRecordRegistry.NotResolver.selector, "NotResolver");
    }

    function test_campaign__everyEvent__comes() external view {
        _comes(IRecordRegistry.JurisdictionAdded.selector, "JurisdictionAdded");
        _comes(IRecordRegistry.RegistryAccepted.selector, "RegistryAccepted");
        _comes(IRecordRegistry.HandoverOffered.selector, "HandoverOffered");
        _comes(IRecordRegistry.HandoverAccepted.selector, "HandoverAccepted");
        _comes(IRecordRegistry.RecoveryStarted.selector, "RecoveryStarted");
        _comes(IRecordRegistry.RecoveryObjected.selector, "RecoveryObjected");
        _comes(IRecordRegistry.RecoveryCompleted.selector, "RecoveryCompleted");
        _comes(IRecordRegistry.JointActionAgreed.selector, "JointActionAgreed");
        _comes(IRecordRegistry.JointActionWithdrawn.selector, "JointActionWithdrawn");
        _comes(IRecordRegistry.JointActionCompleted.selector, "JointActionCompleted");
        _comes(IRecordRegistry.SuccessorNamed.selector, "SuccessorNamed");
        _comes(IRecordRegistry.CorridorOpened.selector, "CorridorOpened");
        _comes(IRecordRegistry.CorridorClosed.selector, "CorridorClosed");
        _comes(IRecordRegistry.PauseSet.selector, "PauseSet");
        _comes(IRecordRegistry.SchemaAdded.selector, "SchemaAdded");
        _comes(IRecordRegistry.KeeperSharePublished.selector, "KeeperSharePublished");
        _comes(IRecordRegistry.InstitutionAdmitted.selector, "InstitutionAdmitted");
        _comes(IRecordRegistry.InstitutionScoped.selector, "InstitutionScoped");
        _comes(IRecordRegistry.StandingSet.selector, "StandingSet");
        _comes(IRecordRegistry.ProfileSet.selector, "ProfileSet");
        _comes(IRecordRegistry.EncryptionKeySet.selector, "EncryptionKeySet");
        _comes(IRecordRegistry.AccountSet.selector, "AccountSet");
        _comes(IRecordRegistry.DailyRootPosted.selector, "DailyRootPosted");
        _comes(IRecordRegistry.BatchRegistered.selector, "BatchRegistered");
        _comes(IRecordRegistry.BatchApproved.selector, "BatchApproved");
        _comes(IRecordRegistry.BatchRejected.selector, "BatchRejected");
        _comes(IRecordRegistry.BatchRevoked.selector, "BatchRevoked");
        _comes(IRecordRegistry.OverrideSet.selector, "OverrideSet");
    }

    function test_campaign__corrections__succeedWhileASidePauses() external view {
        _corrected(IRecordRegistry.reject.selector, "reject");
        _corrected(IRecordRegistry.revoke.selector, "revoke");
        _corrected(IRecordRegistry.revokeBatch.selector, "revokeBatch");
        _corrected(IRecordRegistry.dispute.selector, "dispute");
        _corrected(IRecordRegistry.resolve.selector, "resolve");
        _corrected(IRecordRegistry.setStanding.selector, "setStanding");
        _corrected(IRecordRegistry.acceptHandover.selector, "acceptHandover");
        for (uint256 run; run < RUNS; ++run) {
            vm.assertEq(worlds[run].doneWhilePaused(IRecordRegistry.register.selector), 0, "register");
            vm.assertEq(worlds[run].doneWhilePaused(IRecordRegistry.approve.selector), 0, "approve");
            vm.assertEq(worlds[run].doneWhilePaused(IRecordRegistry.supersede.selector), 0, "supersede");
        }
    }

    function test_campaign__someRuns__haveAThirdSideASuccessorAndSuspendedRecords() external view {
        uint256 joined;
        uint256 closed;
        uint256 answered;
        uint256 oneByOne;
        for (uint256 run; run < RUNS; ++run) {
            IRecordRegistry registry = worlds[run].registry();
            if (registry.registry().accepted == 7) ++joined;
            if (registry.successor() != address(0)) ++closed;
            answered += worlds[run].answersOfTheSuspended();
            oneByOne += worlds[run].done(ActsOnRecords.registerOneByOne.selector);
        }
        vm.assertGe(joined, 1, "no third side");
        vm.assertLe(joined, RUNS - 1, "always a third side");
        vm.assertGe(closed, 1, "never closed");
        vm.assertLe(closed, RUNS / 2, "mostly closed");
        vm.assertGe(answered, 10, "no record of a suspended institution was looked at");
        vm.assertGe(oneByOne, 10, "no batch was compared with its records one by one");
    }

    // -----------------------------------------------------------------------------------------------------------------

    function _succeeds(bytes4 selector, string memory name) private view {
        uint256 count;
        for (uint256 run; run < RUNS; ++run) {
            count += worlds[run].done(selector);
        }
        vm.assertGe(count, 3, name);
    }

    function _corrected(bytes4 selector, string memory name) private view {
        uint256 count;
        for (uint256 run; run < RUNS; ++run) {
            count += worlds[run].doneWhilePaused(selector);
        }
        vm.assertGe(count, 1, name);
    }

    function _isMet(bytes4 error, string memory name) private view {
        uint256 count;
        for (uint256 run; run < RUNS; ++run) {
            count += worlds[run].refused(error);
        }
        vm.assertGe(count, 1, name);
    }

    function _comes(bytes32 signature, string memory name) private view {
        uint256 count;
        for (uint256 run; run < RUNS; ++run) {
            count += worlds[run].seen(signature);
        }
        vm.assertGe(count, 3, name);
    }
}
