// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title What all sides or one do: joint actions, corridors, pauses, schemas and keeper shares
contract JointActionsTest is Fixture {
    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    uint40 private constant PROPOSAL_LIFETIME = 30 days;

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
            IRecordRegistry.Jurisdiction("MO", adminMo, recoveryMo, address(0), address(0), address(0), 0, 0, 0);
        vm.assertEq(abi.encode(registry.jurisdictionOf(MO)), abi.encode(expected));
        vm.assertEq(registry.registry().jurisdictionCount, MO);
        vm.assertEq(registry.registry().authorityEpoch, 1);
    }

    function test_addJurisdiction__seatsOfEnabledAccounts__theAccountsEnd() public {
        vm.prank(adminHk);
        registry.addJurisdiction("MO", bureauHkReview, bureauSzSubmit);
        _expectEvent();
        emit IRecordRegistry.AccountSet(BUREAU_HK, bureauHkReview, IRecordRegistry.AccountRole.Review, false, 2);
        _expectEvent();
        emit IRecordRegistry.AccountSet(BUREAU_SZ, bureauSzSubmit, IRecordRegistry.AccountRole.Submit, false, 4);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", bureauHkReview, bureauSzSubmit);
        vm.assertEq(registry.accountOf(bureauHkReview).enabled, false);
        vm.assertEq(registry.accountOf(bureauSzSubmit).enabled, false);
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

    function test_addJurisdiction__newSideHasNotAccepted__mayOnlyHandItsSeatsOn() public {
        _registerHkActive(_rising(1));
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, recoveryMo);

        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(IRecordRegistry.dispute, (_keyHk(1), REASON));
        calls[1] = abi.encodeCall(IRecordRegistry.supportRecovery, (HK, heir));
        calls[2] = abi.encodeCall(IRecordRegistry.setPaused, (true));
        calls[3] = abi.encodeCall(IRecordRegistry.nameSuccessor, (heir));
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(adminMo);
            (bool success, bytes memory answer) = address(registry).call(calls[i]);
            vm.assertEq(success, false);
            vm.assertEq(answer, abi.encodeWithSelector(IRecordRegistry.NotAuthority.selector, adminMo));
        }

        vm.prank(adminMo);
        registry.offerHandover(MO, AUTHORITY, stranger);
        vm.prank(stranger);
        registry.acceptHandover(MO, AUTHORITY);
        vm.prank(stranger);
        registry.acceptRegistry(MO);
        _pause(stranger);
        vm.assertEq(registry.registry().paused, 4);
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
        registry.addJurisdiction("MO", adminMo, recoverySz);
        _expectError(IRecordRegistry.AddressNotFree.selector, recoverySz);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, recoverySz);
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

    function test_nameSuccessor__named__allButRegistrationGoesOn() public {
        _registerHk(_rising(4));
        _registerHk(_one(9, 9));
        vm.prank(adminHk);
        registry.nameSuccessor(heir);
        vm.prank(adminSz);
        registry.nameSuccessor(heir);

        _approve(1);
        vm.prank(bureauHkSubmit);
        registry.reject(2, REASON);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        vm.prank(adminSz);
        registry.dispute(_keyHk(3), REASON);
        vm.prank(adminSz);
        registry.resolve(_keyHk(3), false, REASON);
        vm.prank(adminHk);
        registry.revoke(_keys(_keyHk(4)), REASON);
        vm.prank(adminHk);
        vm.assertEq(registry.admit("BANK-HK", 0), 4);
        _assertState(_keyHk(1), IRecordRegistry.State.Superseded);
        _assertState(_keyHk(3), IRecordRegistry.State.Active);
        _assertState(_keyHk(4), IRecordRegistry.State.Revoked);
        _assertState(_keyHk(9), IRecordRegistry.State.Rejected);
        vm.prank(adminHk);
        registry.revokeBatch(1, REASON);
        _assertState(_keyHk(2), IRecordRegistry.State.Revoked);
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

    function test_closeCorridor__bothDirectionsOpen__leavesTheOther() public {
        address[2] memory both = [adminHk, adminSz];
        for (uint256 i; i < both.length; ++i) {
            vm.prank(both[i]);
            registry.openCorridor(HK, SZ);
            vm.prank(both[i]);
            registry.openCorridor(SZ, HK);
        }
        vm.prank(adminHk);
        registry.closeCorridor(HK, SZ);
        vm.assertEq(registry.corridorOpen(HK, SZ), false);
        vm.assertEq(registry.corridorOpen(SZ, HK), true);
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

    /// @dev Each founding side has pinned one.
    function test_addSchema__sideHasHalfOfAll__othersPinTheRest() public {
        _pinUpTo(adminSz, 127);
        _expectError(IRecordRegistry.LimitReached.selector, 127);
        vm.prank(adminSz);
        registry.addSchema("one more", "");
        _pinUpTo(adminHk, 127);
        vm.assertEq(registry.jurisdictionOf(SZ).schemaCount, 127);
        vm.assertEq(registry.jurisdictionOf(HK).schemaCount, 127);

        _addMacao();
        vm.prank(adminMo);
        vm.assertEq(registry.addSchema("last", ""), 255);
        _expectError(IRecordRegistry.LimitReached.selector, 255);
        vm.prank(adminMo);
        registry.addSchema("one more", "");
    }

    function test_addSchema__lastId__canBeScoped() public {
        _setSchemaCount(254);
        vm.prank(adminHk);
        vm.assertEq(registry.addSchema("last", ""), 255);

        vm.prank(adminHk);
        registry.scope(BUREAU_HK, PROVIDER, type(uint256).max - 1, NEVER, true);
        vm.assertEq(registry.institutionOf(BUREAU_HK).schemas, type(uint256).max - 1);
        vm.prank(bureauHkSubmit);
        registry.register(255, NEVER, SALTED, _rising(1));
    }

    function _pinUpTo(address authority, uint256 count) private {
        for (uint256 own = 2; own <= count; ++own) {
            vm.prank(authority);
            registry.addSchema(keccak256(abi.encode(authority, own)), "");
        }
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
}
