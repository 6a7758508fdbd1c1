// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title The views, and where each value lies in storage
contract ReadingTest is Fixture {
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;
    IRecordRegistry.State private constant DISPUTED = IRecordRegistry.State.Disputed;

    IRecordRegistry.Seat private constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.Seat private constant RECOVERY = IRecordRegistry.Seat.Recovery;

    // ----------------------------------------------------------------------------------------------------------- views

    function test_version__always__isTheOneOfThisBehaviour() public view {
        vm.assertEq(registry.version(), "1.0.0");
    }

    function test_stateOf__expiry__isASeparateFact() public {
        _register(bureauSzSubmit, START + 10, _rising(1));
        vm.warp(START + 9);
        _assertStateAndExpiry(_keySz(1), IRecordRegistry.State.Active, false);
        vm.warp(START + 10);
        _assertStateAndExpiry(_keySz(1), IRecordRegistry.State.Active, true);
        _assertStateAndExpiry(_keySz(2), IRecordRegistry.State.None, false);
    }

    function test_find__suspendedProvider__stillAnswers() public {
        _registerSz(_rising(1));
        IRecordRegistry.Claim[] memory before = registry.find(1, _both());
        _setStanding(BUREAU_SZ, IRecordRegistry.Standing.Suspended);
        vm.assertEq(abi.encode(registry.find(1, _both())), abi.encode(before));
        vm.assertEq(before.length, 1);
    }

    function test_find__severalClaims__showsEachInOrder() public {
        _register(bureauSzSubmit, START + 10, _one(1, 11));
        _registerSz(_one(1, 12));
        _registerHk(_one(1, 11));
        vm.warp(START + 10);
        IRecordRegistry.Claim[] memory claims = registry.find(1, _both());
        IRecordRegistry.Claim[] memory expected = new IRecordRegistry.Claim[](3);
        expected[0] = IRecordRegistry.Claim(
            _keyHk(1), 11, 3, BUREAU_HK, PERSONAL, START, NEVER, SALTED, IRecordRegistry.State.Pending, false
        );
        expected[1] = IRecordRegistry.Claim(
            _keySz(1), 11, 1, BUREAU_SZ, PERSONAL, START, START + 10, SALTED, IRecordRegistry.State.Active, true
        );
        expected[2] = IRecordRegistry.Claim(
            _key(1, BUREAU_SZ, 1), 12, 2, BUREAU_SZ, PERSONAL, START, NEVER, SALTED, IRecordRegistry.State.Active, false
        );
        vm.assertEq(abi.encode(claims), abi.encode(expected));
        vm.assertEq(registry.find(2, _both()).length, 0);
        vm.assertEq(registry.find(1, new uint16[](0)).length, 0);
    }

    function test_findMany__knownAndUnknownPairs__answersInOrder() public {
        _register(bureauSzSubmit, START + 10, _one(1, 11));
        _registerSz(_one(1, 12));
        _registerHk(_one(2, type(uint192).max));
        vm.warp(START + 10);
        uint80[] memory pairs = new uint80[](4);
        (pairs[0], pairs[1]) = (uint80(3) << 16 | BUREAU_HK, uint80(1) << 16 | BUREAU_SZ);
        (pairs[2], pairs[3]) = (uint80(2) << 16 | BUREAU_HK, uint80(1) << 16);
        bytes32[] memory answers = registry.findMany(pairs);
        vm.assertEq(answers.length, 4);
        vm.assertEq(answers[0], 0);
        vm.assertEq(answers[1], bytes32(uint256(11) << 64 | uint256(1) << 16 | uint256(2) << 8 | 1 << 7 | 2));
        vm.assertEq(answers[2], bytes32(uint256(type(uint192).max) << 64 | uint256(3) << 16 | uint256(1) << 8 | 1));
        vm.assertEq(answers[3], 0);
    }

    function test_findMany__allPlacesTaken__countsThem() public {
        for (uint8 n; n < 64; ++n) {
            _registerSz(_one(7, n));
        }
        uint80[] memory pairs = new uint80[](1);
        pairs[0] = uint80(7) << 16 | BUREAU_SZ;
        vm.assertEq(registry.findMany(pairs)[0], bytes32(uint256(1) << 16 | uint256(2) << 8 | 64));
        vm.assertEq(registry.find(7, _both()).length, 64);
    }

    function test_anyView__nothingThere__answersZero() public view {
        IRecordRegistry.Batch memory noBatch;
        vm.assertEq(abi.encode(registry.batchOf(1)), abi.encode(noBatch));
        IRecordRegistry.Institution memory noInstitution;
        vm.assertEq(abi.encode(registry.institutionOf(0)), abi.encode(noInstitution));
        IRecordRegistry.Account memory noAccount;
        vm.assertEq(abi.encode(registry.accountOf(stranger)), abi.encode(noAccount));
        _assertNoOverride(_keyHk(1));
    }

    // ------------------------------------------------------------------------------- storage, as the interface's table

    function test_layout__registryAndSuccessor__slots0And1() public {
        _addMacao();
        _registerSz(_rising(3));
        _registerSz(_one(9, 9));
        _pause(adminSz);
        // batchCount 40 | recordCount 40 | accountCount 32 | authorityEpoch 40 | paused 32 | accepted 32 |
        // institutionCount 16 | schemaCount 8 | jurisdictionCount 8 | live 8, from bit 0 up
        uint256 word = 2 | uint256(4) << 40 | uint256(6) << 80 | uint256(2) << 112 | uint256(2) << 152 | uint256(7)
            << 184 | uint256(3) << 216 | uint256(2) << 232 | uint256(3) << 240 | uint256(1) << 248;
        vm.assertEq(_slot(0), bytes32(word));

        address[3] memory authorities = [adminHk, adminSz, adminMo];
        for (uint256 i; i < 3; ++i) {
            vm.prank(authorities[i]);
            registry.nameSuccessor(heir);
        }
        vm.assertEq(_slot(1), _word(heir));
    }

    function test_layout__jurisdiction__sixSlotsUnder2() public {
        vm.prank(adminSz);
        registry.offerHandover(SZ, AUTHORITY, _address("offered authority"));
        vm.prank(recoverySz);
        registry.offerHandover(SZ, RECOVERY, _address("offered recovery"));
        vm.prank(recoverySz);
        registry.startRecovery(SZ, heir);
        uint256 at = _mapped(SZ, 2);
        vm.assertEq(_slot(at), "CN-SZ");
        vm.assertEq(_slot(at + 1), _word(adminSz));
        vm.assertEq(_slot(at + 2), _word(recoverySz));
        vm.assertEq(_slot(at + 3), _word(_address("offered authority")));
        vm.assertEq(_slot(at + 4), _word(_address("offered recovery")));
        // recoveryTo 160 | recoveryAt 40 | institutionCount 16 | schemaCount 8
        uint256 counts = uint256(2) << 200 | uint256(1) << 216;
        vm.assertEq(_slot(at + 5), bytes32(counts | uint256(START) << 160 | uint160(heir)));
    }

    function test_layout__proposalAndCorridor__slots3And4() public {
        _addMacao();
        vm.prank(adminMo);
        registry.openCorridor(MO, SZ);
        bytes32 action = keccak256(abi.encodeCall(IRecordRegistry.openCorridor, (MO, SZ)));
        // agreed 32 | authorityEpoch 40 | expiresAt 40
        vm.assertEq(_slot(_mapped(uint256(action), 3)), bytes32(uint256(START + 30 days) << 72 | uint256(2) << 32 | 4));
        vm.prank(adminSz);
        registry.openCorridor(MO, SZ);
        vm.assertEq(_slot(_mapped(uint256(action), 3)), 0);
        vm.assertEq(_slot(_mapped(SZ, _mapped(MO, 4))), bytes32(uint256(1)));
        vm.assertEq(_slot(_mapped(MO, _mapped(SZ, 4))), 0);
    }

    function test_layout__institution__fiveSlotsUnder5() public {
        vm.prank(adminHk);
        registry.scope(BUREAU_HK, 3, 6, START + 5, true);
        vm.prank(adminHk);
        registry.setEncryptionKey(BUREAU_HK, 9, "key");
        _setStanding(BUREAU_HK, IRecordRegistry.Standing.Suspended);
        uint256 at = _mapped(BUREAU_HK, 5);
        // jurisdiction 16 | roles 8 | standing 8 | mandatoryReview 8 | entitledUntil 40 | admittedAt 40 | suite 8
        vm.assertEq(
            _slot(at),
            bytes32(
                uint256(9) << 120 | uint256(START) << 80 | uint256(START + 5) << 40 | uint256(1) << 32 | uint256(2)
                    << 24 | uint256(3) << 16 | HK
            )
        );
        vm.assertEq(_slot(at + 1), bytes32(uint256(6)));
        vm.assertEq(_slot(at + 2), "BUREAU-HK");
        vm.assertEq(_slot(at + 3), "profile");
        vm.assertEq(_slot(at + 4), keccak256("key"));
        vm.assertEq(_slot(_mapped(uint256(bytes32("BUREAU-HK")), 6)), bytes32(uint256(BUREAU_HK)));
    }

    function test_layout__account__slot7() public view {
        // institution 16 | role 8 | enabled 8 | number 32
        vm.assertEq(
            _slot(_mapped(uint160(bureauHkReview), 7)),
            bytes32(uint256(2) << 32 | uint256(1) << 24 | uint256(2) << 16 | BUREAU_HK)
        );
    }

    function test_layout__schemaShareAndRoot__slots8To11() public {
        vm.assertEq(_slot(_mapped(COMPANY, 8)), COMPANY_HASH);
        vm.assertEq(_slot(_mapped(uint256(COMPANY_HASH), 9)), bytes32(uint256(COMPANY)));
        vm.prank(adminSz);
        registry.publishKeeperShare(5, "share");
        vm.assertEq(_slot(_mapped(5, _mapped(SZ, 10))), "share");

        vm.prank(bankSz);
        registry.postDailyRoot(2, 77, "root", 3, 10, 12);
        uint256 at = _mapped(77, _mapped(2, _mapped(BANK_SZ, 11)));
        vm.assertEq(_slot(at), "root");
        // count 32 | first 64 | last 64 | postedAt 40
        vm.assertEq(_slot(at + 1), bytes32(uint256(START) << 160 | uint256(12) << 96 | uint256(10) << 32 | 3));
    }

    function test_layout__entryBatchAndNote__slots12To14() public {
        vm.prank(adminHk);
        registry.publishKeeperShare(5, "share");
        vm.prank(bureauHkSubmit);
        uint48 batch = registry.register(COMPANY, START + 100, 5, _rising(2));
        vm.warp(START + 1);
        _approve(batch);
        vm.prank(bureauHkSubmit);
        registry.supersede(_keyHk(1), _keyHk(2), REASON);
        vm.prank(adminHk);
        registry.revokeBatch(batch, 3);

        // commitment 192 | batch 48 | override 8 | spare 8
        vm.assertEq(_slot(_mapped(_keyHk(1), 12)), bytes32(uint256(5) << 240 | uint256(batch) << 192 | 1001));
        vm.assertEq(_slot(_mapped(_keyHk(2), 12)), bytes32(uint256(batch) << 192 | 1002));
        uint256 at = _mapped(batch, 13);
        // submitter 160 | institution 16 | schema 16 | registeredAt 40 | count 16 | epoch 8
        vm.assertEq(
            _slot(at),
            bytes32(
                uint256(5) << 248 | uint256(2) << 232 | uint256(START) << 192 | uint256(COMPANY) << 176
                    | uint256(BUREAU_HK) << 160 | uint160(bureauHkSubmit)
            )
        );
        // reviewer 160 | reviewedAt 40 | expiresAt 40 | reason 8 | status 8
        vm.assertEq(
            _slot(at + 1),
            bytes32(
                uint256(4) << 248 | uint256(3) << 240 | uint256(START + 100) << 200 | uint256(START + 1) << 160
                    | uint160(bureauHkReview)
            )
        );
        // successor 72 | at 40 | reason 16 | by institution 16 | by jurisdiction 16 | by account 32
        vm.assertEq(
            _slot(_mapped(_keyHk(1), 14)),
            bytes32(
                uint256(1) << 160 | uint256(BUREAU_HK) << 128 | uint256(REASON) << 112 | uint256(START + 1) << 72
                    | uint256(2) << 8
            )
        );
    }

    function test_layout__noteByAuthority__slot14() public {
        _registerSz(_rising(1));
        vm.prank(adminHk);
        registry.dispute(_keySz(1), REASON);
        vm.assertEq(
            _slot(_mapped(_keySz(1), 14)), bytes32(uint256(HK) << 144 | uint256(REASON) << 112 | uint256(START) << 72)
        );
        vm.prank(adminHk);
        registry.resolve(_keySz(1), false, REASON);
        vm.assertEq(_slot(_mapped(_keySz(1), 14)), 0);
    }

    // -----------------------------------------------------------------------------------------------------------------

    function test_anyView__overAndExpired__saysBoth() public {
        _register(bureauSzSubmit, START + 10, _one(1, 11));
        _register(bureauHkSubmit, START + 10, _one(1, 11));
        vm.prank(bureauSzSubmit);
        registry.revoke(_keys(_keySz(1)), REASON);
        vm.warp(START + 10);
        _assertStateAndExpiry(_keySz(1), REVOKED, true);
        _assertStateAndExpiry(_keyHk(1), PENDING, true);
        IRecordRegistry.Claim[] memory claims = registry.find(1, _both());
        vm.assertEq(uint256(claims[0].state), uint256(PENDING));
        vm.assertEq(claims[0].expired, true);
        vm.assertEq(uint256(claims[1].state), uint256(REVOKED));
        vm.assertEq(claims[1].expired, true);
        vm.assertEq(
            _answer(1, BUREAU_SZ), bytes32(uint256(11) << 64 | uint256(1) << 16 | uint256(REVOKED) << 8 | 1 << 7 | 1)
        );
        vm.assertEq(
            _answer(1, BUREAU_HK), bytes32(uint256(11) << 64 | uint256(2) << 16 | uint256(PENDING) << 8 | 1 << 7 | 1)
        );
    }

    function test_findMany__disputedRecord__saysSo() public {
        _registerSz(_one(1, 11));
        vm.prank(adminSz);
        registry.dispute(_keySz(1), REASON);
        vm.assertEq(_answer(1, BUREAU_SZ), bytes32(uint256(11) << 64 | uint256(1) << 16 | uint256(DISPUTED) << 8 | 1));
    }

    function test_find__disputedRecord__saysSo() public {
        _registerSz(_one(1, 11));
        vm.prank(adminSz);
        registry.dispute(_keySz(1), REASON);
        vm.assertEq(uint256(registry.find(1, _both())[0].state), uint256(DISPUTED));
    }

    function test_find__secondSchema__saysIt() public {
        vm.prank(bureauSzSubmit);
        registry.register(COMPANY, NEVER, SALTED, _one(1, 11));
        vm.assertEq(registry.find(1, _both())[0].schema, COMPANY);
    }

    function test_findMany__pairTwice__answersItTwice() public {
        _registerSz(_one(1, 11));
        uint80[] memory pairs = new uint80[](2);
        (pairs[0], pairs[1]) = (uint80(1) << 16 | BUREAU_SZ, uint80(1) << 16 | BUREAU_SZ);
        bytes32[] memory answers = registry.findMany(pairs);
        vm.assertEq(answers[0], bytes32(uint256(11) << 64 | uint256(1) << 16 | uint256(2) << 8 | 1));
        vm.assertEq(answers[1], answers[0]);
    }

    function test_find__institutionTwice__answersItTwice() public {
        _registerSz(_one(1, 11));
        uint16[] memory institutions = new uint16[](2);
        (institutions[0], institutions[1]) = (BUREAU_SZ, BUREAU_SZ);
        IRecordRegistry.Claim[] memory claims = registry.find(1, institutions);
        vm.assertEq(claims.length, 2);
        vm.assertEq(abi.encode(claims[1]), abi.encode(claims[0]));
    }

    function test_find__commitmentZero__isAClaimLikeOthers() public {
        _registerSz(_one(1, 0));
        _registerSz(_one(1, 5));
        IRecordRegistry.Claim[] memory claims = registry.find(1, _both());
        vm.assertEq(claims.length, 2);
        vm.assertEq(claims[0].entryKey, _keySz(1));
        vm.assertEq(claims[1].commitment, 5);
    }

    function test_find__longHash__isNotTheOneOfItsLowerBits() public {
        uint64 long = type(uint64).max - 4;
        _registerSz(_one(long, 11));
        IRecordRegistry.Claim[] memory claims = registry.find(long, _both());
        vm.assertEq(claims.length, 1);
        vm.assertEq(claims[0].entryKey, _keySz(long));
        vm.assertEq(claims[0].commitment, 11);
        vm.assertEq(registry.find(uint32(long), _both()).length, 0);
    }

    function test_findMany__longHash__isNotTheOneOfItsLowerBits() public {
        uint64 long = type(uint64).max - 4;
        _registerSz(_one(long, 11));
        vm.assertEq(_answer(long, BUREAU_SZ), bytes32(uint256(11) << 64 | uint256(1) << 16 | uint256(2) << 8 | 1));
        vm.assertEq(_answer(uint32(long), BUREAU_SZ), 0);
    }

    function _both() private pure returns (uint16[] memory institutions) {
        institutions = new uint16[](2);
        (institutions[0], institutions[1]) = (BUREAU_HK, BUREAU_SZ);
    }

    function _assertStateAndExpiry(uint88 entryKey, IRecordRegistry.State expected, bool expectedExpired) private view {
        (IRecordRegistry.State state, bool expired) = registry.stateOf(entryKey);
        vm.assertEq(uint256(state), uint256(expected), "state");
        vm.assertEq(expired, expectedExpired);
    }

    function _slot(uint256 slot) private view returns (bytes32) {
        return vm.load(address(registry), bytes32(slot));
    }

    /// @dev Where a mapping at `slot` keeps the value of `key`.
    function _word(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }
}
