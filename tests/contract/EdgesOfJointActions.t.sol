// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {SidesFixture} from "./SidesFixture.sol";

/// @title Agreements as time passes and others act beside them; what many sides share; what nothing closes
contract EdgesOfJointActionsTest is SidesFixture {
    function test_nameSuccessor__aSideHasNotAccepted__isNotAsked() public {
        _addMacaoOnly();
        _nameSuccessor(adminHk);
        vm.assertEq(_nameSuccessor(adminSz), true);
    }

    function test_addJurisdiction__threeSides__asksTheThird() public {
        _addMacao();
        vm.prank(adminHk);
        registry.addJurisdiction("SG", heir, stranger);
        vm.prank(adminSz);
        vm.assertEq(registry.addJurisdiction("SG", heir, stranger), false);
        vm.prank(adminMo);
        vm.assertEq(registry.addJurisdiction("SG", heir, stranger), true);
    }

    function test_nameSuccessor__allAgree__leavesOtherAgreementsAlive() public {
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        _nameSuccessor(adminHk);
        _nameSuccessor(adminSz);
        vm.prank(adminSz);
        vm.assertEq(registry.openCorridor(HK, SZ), true);
    }

    function test_withdrawAgreement__theOnlyOne__leavesTheProposalItsEnd() public {
        _nameSuccessor(adminHk);
        vm.warp(START + 1 days);
        vm.prank(adminHk);
        registry.withdrawAgreement(_successorAction());
        vm.assertEq(
            abi.encode(registry.proposalOf(_successorAction())),
            abi.encode(IRecordRegistry.Proposal(0, 0, START + PROPOSAL_LIFETIME))
        );
    }

    function test_withdrawAgreement__anotherAgreed__staysAgreed() public {
        _addMacao();
        _nameSuccessor(adminHk);
        _nameSuccessor(adminSz);
        vm.prank(adminHk);
        registry.withdrawAgreement(_successorAction());
        _nameSuccessor(adminMo);
        vm.assertEq(_nameSuccessor(adminHk), true);
    }

    function test_withdrawAgreement__thirtyDaysOld__reverts() public {
        _nameSuccessor(adminHk);
        vm.warp(START + PROPOSAL_LIFETIME);
        _expectError(IRecordRegistry.NotAgreed.selector, uint256(_successorAction()), HK);
        vm.prank(adminHk);
        registry.withdrawAgreement(_successorAction());
    }

    function test_jointAction__laterAgreement__leavesItsEnd() public {
        _addMacao();
        _nameSuccessor(adminHk);
        vm.warp(START + 1 days);
        _nameSuccessor(adminSz);
        vm.assertEq(registry.proposalOf(_successorAction()).expiresAt, START + PROPOSAL_LIFETIME);
    }

    function test_jointAction__thirtyDaysOld__whoAgreedMayAgreeAnew() public {
        _nameSuccessor(adminHk);
        vm.warp(START + PROPOSAL_LIFETIME);
        _nameSuccessor(adminHk);
        vm.assertEq(registry.proposalOf(_successorAction()).agreed, 1);
    }

    function test_jointAction__longDead__countsNoEarlierAgreement() public {
        _nameSuccessor(adminHk);
        vm.warp(START + 2 * PROPOSAL_LIFETIME);
        vm.assertEq(_nameSuccessor(adminSz), false);
    }

    function test_proposalOf__thirtyDaysOld__isStillShown() public {
        _nameSuccessor(adminHk);
        vm.warp(START + PROPOSAL_LIFETIME);
        vm.assertEq(registry.proposalOf(_successorAction()).agreed, 1);
    }

    function test_addJurisdiction__codeOfASideThatHasNotAccepted__reverts() public {
        _addMacaoOnly();
        vm.prank(adminHk);
        registry.addJurisdiction("MO", heir, stranger);
        _expectError(IRecordRegistry.CodeTaken.selector, uint256(bytes32("MO")), MO);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", heir, stranger);
    }

    function test_addJurisdiction__recoverySeatToNobody__reverts() public {
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, address(0));
        _expectError(IRecordRegistry.AddressNotFree.selector, address(0));
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, address(0));
    }

    function test_authorityAct__laterSideAcceptedFirst__doesNotAcceptForIt() public {
        _addMacaoOnly();
        _addSide("SG", heir, stranger);
        vm.prank(heir);
        registry.acceptRegistry(4);
        _expectError(IRecordRegistry.NotAuthority.selector, adminMo);
        vm.prank(adminMo);
        registry.admit("BANK-MO", 0);
    }

    function test_openCorridor__betweenTwoLaterSides__opensWithoutTheFirst() public {
        _addMacao();
        vm.prank(adminSz);
        registry.openCorridor(SZ, MO);
        vm.prank(adminMo);
        vm.assertEq(registry.openCorridor(SZ, MO), true);
    }

    function test_openCorridor__otherDirectionAgreed__staysAgreed() public {
        vm.prank(adminHk);
        registry.openCorridor(SZ, HK);
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        vm.prank(adminSz);
        registry.openCorridor(HK, SZ);
        vm.prank(adminSz);
        vm.assertEq(registry.openCorridor(SZ, HK), true);
    }

    function test_closeCorridor__open__leavesAgreementsAlive() public {
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        vm.prank(adminSz);
        registry.openCorridor(HK, SZ);
        _nameSuccessor(adminHk);
        vm.prank(adminHk);
        registry.closeCorridor(HK, SZ);
        vm.assertEq(_nameSuccessor(adminSz), true);
    }

    function test_setPaused__liftedByTheLaterSide__leavesTheEarlierOnes() public {
        _pause(adminHk);
        _pause(adminSz);
        vm.prank(adminSz);
        registry.setPaused(false);
        vm.assertEq(registry.registry().paused, 1);
    }

    function test_register__sideThirtyTwoPauses__reverts() public {
        _addThirty();
        vm.prank(address(1032));
        registry.acceptRegistry(32);
        _pause(address(1032));
        _expectError(IRecordRegistry.Paused.selector, 1 << 31);
        _registerSz(_one(1, 1));
    }

    function test_register__sideThreePauses__reverts() public {
        _addMacao();
        _pause(adminMo);
        _expectError(IRecordRegistry.Paused.selector, 4);
        _registerSz(_one(1, 1));
    }

    function test_setAccount__seatHolderOfSideThirtyTwo__reverts() public {
        _addThirty();
        _expectError(IRecordRegistry.AddressNotFree.selector, address(2032));
        vm.prank(adminHk);
        registry.setAccount(BUREAU_HK, address(2032), SUBMIT, true);
    }

    function test_addSchema__thirdSidePinsAnEarlierOnesHash__reverts() public {
        _addMacao();
        _expectError(IRecordRegistry.SchemaTaken.selector, uint256(COMPANY_HASH), COMPANY);
        vm.prank(adminMo);
        registry.addSchema(COMPANY_HASH, "again");
    }

    function test_publishKeeperShare__otherSideHasOneOfThatEpoch__isWritten() public {
        vm.prank(adminHk);
        registry.publishKeeperShare(1, "share");
        vm.prank(adminSz);
        registry.publishKeeperShare(1, "other");
        vm.assertEq(registry.keeperShareOf(SZ, 1), "other");
    }

    function test_publishKeeperShare__sameShareAgain__reverts() public {
        vm.prank(adminHk);
        registry.publishKeeperShare(1, "share");
        _expectError(IRecordRegistry.ShareWritten.selector, HK, 1);
        vm.prank(adminHk);
        registry.publishKeeperShare(1, "share");
    }

    // ------------------------------------------------------------------------- what neither pause nor successor closes

    function test_anyAct__aSidePauses__goesOn() public {
        _pause(adminHk);
        _pause(adminSz);
        _nameSuccessor(adminHk);
        vm.assertEq(_nameSuccessor(adminSz), true);
        _doEverythingElse();
    }

    function test_anyAct__successorNamed__goesOn() public {
        _nameSuccessor(adminHk);
        _nameSuccessor(adminSz);
        _pause(adminSz);
        vm.assertEq(registry.registry().paused, 2);
        _doEverythingElse();
    }

    /// @dev Every act of Jurisdictions and Institutions but the pause and the successor.
    function _doEverythingElse() private {
        _addMacao();
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        vm.prank(adminHk);
        registry.withdrawAgreement(keccak256(abi.encodeCall(IRecordRegistry.openCorridor, (HK, SZ))));
        vm.prank(adminSz);
        registry.openCorridor(HK, SZ);
        vm.prank(adminHk);
        registry.openCorridor(HK, SZ);
        vm.prank(adminHk);
        registry.closeCorridor(HK, SZ);
        vm.prank(adminSz);
        registry.addSchema("hash", "document");
        vm.prank(adminSz);
        registry.publishKeeperShare(1, "share");
        vm.prank(adminSz);
        uint16 institution = registry.admit("NEW", 0);
        _scope(institution, PROVIDER, NEVER, true);
        vm.prank(adminSz);
        registry.setProfile(institution, "profile");
        vm.prank(adminSz);
        registry.setEncryptionKey(institution, 1, "key");
        _bind(institution, _address("account"), SUBMIT);
        _setStanding(institution, IRecordRegistry.Standing.Terminated);
        vm.prank(bankSz);
        registry.postDailyRoot(1, 0, 0, 0, 0, 0);

        _startRecovery();
        vm.prank(adminHk);
        registry.objectToRecovery(HK);
        vm.prank(adminSz);
        registry.supportRecovery(HK, heir);
        vm.prank(recoverySz);
        registry.startRecovery(SZ, stranger);
        vm.warp(START + RECOVERY_DELAY);
        vm.prank(recoverySz);
        registry.completeRecovery(SZ);
        _offer(heir, HK, AUTHORITY, adminHk);
        _accept(adminHk, HK, AUTHORITY);
    }
}
