// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What `PackingHarness` lays open; declared here so that only its own artifact holds the registry's code.
interface Packing {
    function pack(IRecordRegistry.Entry memory entry) external pure returns (uint256);
    function unpack(uint256 packed) external pure returns (IRecordRegistry.Entry memory);
}

/// @title The registry against models written apart from it
contract FuzzTest is Fixture {
    IRecordRegistry.State private constant NONE = IRecordRegistry.State.None;
    IRecordRegistry.State private constant PENDING = IRecordRegistry.State.Pending;
    IRecordRegistry.State private constant ACTIVE = IRecordRegistry.State.Active;
    IRecordRegistry.State private constant REJECTED = IRecordRegistry.State.Rejected;
    IRecordRegistry.State private constant REVOKED = IRecordRegistry.State.Revoked;
    IRecordRegistry.State private constant SUPERSEDED = IRecordRegistry.State.Superseded;
    IRecordRegistry.State private constant DISPUTED = IRecordRegistry.State.Disputed;
    uint64 private constant RECORDS = 4;

    struct Model {
        IRecordRegistry.State status;
        IRecordRegistry.State[RECORDS] over;
        bool[RECORDS] raisedBySubmitter;
    }

    struct Act {
        uint64 at;
        uint64 other;
        bool bySubmitter;
        bool flag;
    }

    Packing private packing;

    function setUp() public override {
        super.setUp();
        packing = Packing(vm.deployCode("PackingHarness.sol:PackingHarness", abi.encode(_founders())));
    }

    // --------------------------------------------------------------------------------------------------------- packing

    function test_packing__entry__unpacksToItself(uint192 commitment, uint48 batch, uint8 state) public view {
        IRecordRegistry.Entry memory entry = IRecordRegistry.Entry(commitment, batch, IRecordRegistry.State(state % 7));
        vm.assertEq(abi.encode(packing.unpack(packing.pack(entry))), abi.encode(entry));
        vm.assertEq(packing.pack(entry) >> 248, 0);
    }

    function test_packing__word__packsToItself(uint240 low, uint8 state) public view {
        uint256 packed = uint256(state % 7) << 240 | low;
        vm.assertEq(packing.pack(packing.unpack(packed)), packed);
    }

    // ----------------------------------------------------------------------------------------------------- registering

    function test_register__anyOrder__acceptsExactlyTheRising(uint8[] calldata steps, uint256 broken) public {
        uint256 count = steps.length % 8 + 1;
        bytes32[] memory records = new bytes32[](count);
        uint64 recordHash;
        for (uint256 i; i < count; ++i) {
            uint64 step = i < steps.length ? steps[i] : 1;
            // Mostly rising; zero steps repeat a hash, and one place may go back.
            recordHash = broken % (2 * count) == i && recordHash > step ? recordHash - step : recordHash + step;
            records[i] = _record(recordHash, uint192(i));
        }
        uint256 fault = _firstNotRising(records);
        if (fault != 0) {
            _expectError(
                IRecordRegistry.RecordsNotRising.selector, fault, uint256(uint64(uint256(records[fault]) >> 192))
            );
        }
        uint48 batch = _registerSz(records);
        vm.assertEq(registry.registry().recordCount, fault == 0 ? count : 0);
        vm.assertEq(batch, fault == 0 ? 1 : 0);
    }

    function test_register__anyCommitments__fillPlacesInOrder(uint8[] calldata acts) public {
        uint192[64] memory commitments;
        bool[64] memory over;
        uint8 taken;
        for (uint256 i; i < acts.length && i < 24; ++i) {
            uint192 commitment = acts[i] & 3;
            uint8 twin = 64;
            for (uint8 n; n < taken; ++n) {
                if (!over[n] && commitments[n] == commitment) twin = n;
            }
            if (twin < 64) _expectError(IRecordRegistry.DuplicateRecord.selector, 0, _key(7, BUREAU_SZ, twin));
            _registerSz(_one(7, commitment));
            if (twin == 64) commitments[taken++] = commitment;
            if (acts[i] & 12 == 12) {
                uint8 ended = (acts[i] >> 4) % taken;
                if (!over[ended]) {
                    over[ended] = true;
                    vm.prank(bureauSzSubmit);
                    registry.revoke(_keys(_key(7, BUREAU_SZ, ended)), REASON);
                }
            }
        }
        for (uint8 n; n < 64; ++n) {
            IRecordRegistry.Entry memory entry = registry.entryOf(_key(7, BUREAU_SZ, n));
            vm.assertEq(entry.batch != 0, n < taken);
            vm.assertEq(entry.commitment, commitments[n]);
            vm.assertEq(entry.overrideState == REVOKED, over[n]);
        }
    }

    function test_register__entitlementWindow__endsAtItsSecond(uint40 entitledUntil, uint40 time) public {
        if (time < START) time = time % START + START;
        _scope(BUREAU_SZ, PROVIDER, entitledUntil, false);
        vm.warp(time);
        if (entitledUntil != 0 && time >= entitledUntil) {
            _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_SZ, PERSONAL);
        }
        _registerSz(_rising(1));
    }

    function test_register__entitlementEdge__endsAtItsSecond(uint40 entitledUntil) public {
        entitledUntil = entitledUntil % 1e12 + START + 1;
        _scope(BUREAU_SZ, PROVIDER, entitledUntil, false);
        vm.warp(entitledUntil - 1);
        _registerSz(_one(1, 1));
        vm.warp(entitledUntil);
        _expectError(IRecordRegistry.NotEntitled.selector, BUREAU_SZ, PERSONAL);
        _registerSz(_one(2, 2));
    }

    function test_register__batch__equalsTheSameRecordsOneByOne(uint64[] calldata seeds, uint8 before) public {
        bytes32[] memory records = _risingFrom(seeds, 12);
        // Some hashes have a claim already, so that places differ.
        for (uint256 i; i < records.length; ++i) {
            if (before >> (i % 8) & 1 == 1) _registerSz(_one(_hashOf(records[i]), 1));
        }
        uint256 snapshot = vm.snapshotState();
        _registerSz(records);
        bytes32 whole = _picture(records);
        vm.revertToState(snapshot);
        for (uint256 i; i < records.length; ++i) {
            _registerSz(_one(_hashOf(records[i]), uint192(uint256(records[i]))));
        }
        vm.assertEq(_picture(records), whole);
    }

    function test_register__oneFault__leavesNothing(uint64[] calldata seeds, uint256 position) public {
        bytes32[] memory records = _risingFrom(seeds, 12);
        position %= records.length;
        uint64 recordHash = _hashOf(records[position]);
        _registerSz(_one(recordHash, uint192(uint256(records[position]))));
        bytes32 counters = keccak256(abi.encode(registry.registry()));

        _expectError(IRecordRegistry.DuplicateRecord.selector, position, _keySz(recordHash));
        _registerSz(records);

        vm.assertEq(keccak256(abi.encode(registry.registry())), counters);
        vm.assertEq(registry.batchOf(2).institution, 0);
        for (uint256 i; i < records.length; ++i) {
            vm.assertEq(registry.entryOf(_keySz(_hashOf(records[i]))).batch, i == position ? 1 : 0);
            vm.assertEq(registry.entryOf(_key(_hashOf(records[i]), BUREAU_SZ, 1)).batch, 0);
        }
    }

    // ------------------------------------------------------------------------------------------------ approving, state

    function test_approve__exceptionsAtAnyPositions__rejectsExactlyThose(uint16 mask, uint8 size) public {
        uint256 count = size % 16 + 1;
        _registerHk(_rising(count));
        uint256 total;
        for (uint256 i; i < count; ++i) {
            total += mask >> i & 1;
        }
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](total);
        // From the last to the first: their order is free.
        for (uint64 i; i < count; ++i) {
            if (mask >> i & 1 == 1) exceptions[--total] = IRecordRegistry.Exception(_keyHk(i + 1), REASON);
        }
        vm.prank(bureauHkReview);
        registry.approve(1, exceptions);
        for (uint64 i; i < count; ++i) {
            _assertState(_keyHk(i + 1), mask >> i & 1 == 1 ? REJECTED : ACTIVE);
        }
    }

    /// @dev Puts each pair of words into storage, also those that no calls lead to.
    function test_stateOf__anyOverrideBatchAndExpiry__followsTheTable(
        uint8 status,
        uint8 over,
        uint192 commitment,
        uint40 expiresAt,
        uint40 time
    ) public {
        IRecordRegistry.State[5] memory overrides = [NONE, REJECTED, REVOKED, SUPERSEDED, DISPUTED];
        (status, over) = (status % 4 + 1, over % 5);
        uint256 batchAt = uint256(keccak256(abi.encode(9, 13)));
        vm.store(
            address(registry),
            keccak256(abi.encode(_keyHk(5), 12)),
            bytes32(uint256(overrides[over]) << 240 | uint256(9) << 192 | commitment)
        );
        vm.store(address(registry), bytes32(batchAt), bytes32(uint256(BUREAU_HK) << 160));
        vm.store(address(registry), bytes32(batchAt + 1), bytes32(uint256(status) << 248 | uint256(expiresAt) << 200));
        vm.warp(time);
        (IRecordRegistry.State state, bool expired) = registry.stateOf(_keyHk(5));
        vm.assertEq(uint256(state), uint256(_modelState(IRecordRegistry.State(status), overrides[over])), "state");
        vm.assertEq(expired, expiresAt > 0 && expiresAt <= time);
    }

    /// @dev A walk over every act on a batch of four; the model says which succeed and what each record then is.
    function test_lifecycle__anyActs__followsTheModel(uint16[] calldata acts) public {
        _registerHk(_rising(RECORDS));
        Model memory model;
        model.status = PENDING;
        for (uint256 i; i < acts.length && i < 20; ++i) {
            Act memory act = Act(acts[i] >> 4 & 3, acts[i] >> 6 & 3, acts[i] >> 8 & 1 == 1, acts[i] >> 9 & 1 == 1);
            // What ends the whole batch is rare, so that walks get far.
            uint256 kind = acts[i] % 8;
            if (kind < 3) kind = acts[i] >> 10 & 3 == 0 ? kind : 0;
            (bool allowed, bytes memory call) = _foresee(model, kind, act);
            vm.prank(act.bySubmitter && kind != 0 ? bureauHkSubmit : bureauHkReview);
            (bool success,) = address(registry).call(call);
            vm.assertEq(success, allowed, "allowed");
            _assertFollows(model.status, model.over);
        }
    }

    function _foresee(Model memory model, uint256 kind, Act memory act)
        private
        pure
        returns (bool allowed, bytes memory call)
    {
        uint88 entryKey = _keyHk(act.at + 1);
        IRecordRegistry.State state = _modelState(model.status, model.over[act.at]);
        if (kind == 0) {
            allowed = model.status == PENDING;
            call = _approveCall(act.flag ? entryKey : 0);
            if (allowed) (model.status, model.over[act.at]) = (ACTIVE, act.flag ? REJECTED : NONE);
        } else if (kind == 1) {
            allowed = model.status == PENDING;
            call = abi.encodeCall(IRecordRegistry.reject, (1, REASON));
            if (allowed) model.status = REJECTED;
        } else if (kind == 2) {
            allowed = model.status == ACTIVE;
            call = abi.encodeCall(IRecordRegistry.revokeBatch, (1, REASON));
            if (allowed) model.status = REVOKED;
        } else if (kind == 3) {
            allowed = state == ACTIVE || state == DISPUTED;
            call = abi.encodeCall(IRecordRegistry.revoke, (_keys(entryKey), REASON));
            if (allowed) model.over[act.at] = REVOKED;
        } else if (kind == 4) {
            allowed = (state == ACTIVE || state == DISPUTED) && act.at != act.other
                && _modelState(model.status, model.over[act.other]) == ACTIVE;
            call = abi.encodeCall(IRecordRegistry.supersede, (entryKey, _keyHk(act.other + 1), REASON));
            if (allowed) model.over[act.at] = SUPERSEDED;
        } else if (kind == 5) {
            allowed = state == ACTIVE;
            call = abi.encodeCall(IRecordRegistry.dispute, (entryKey, REASON));
            if (allowed) (model.over[act.at], model.raisedBySubmitter[act.at]) = (DISPUTED, act.bySubmitter);
        } else {
            allowed = model.over[act.at] == DISPUTED && model.raisedBySubmitter[act.at] != act.bySubmitter;
            call = abi.encodeCall(IRecordRegistry.resolve, (entryKey, act.flag, REASON));
            if (allowed) model.over[act.at] = act.flag ? REVOKED : NONE;
        }
    }

    // --------------------------------------------------------------------------------------------------- joint actions

    /// @dev Three authorities agree, withdraw, hand over and let time pass; only all three at once name the successor.
    function test_jointAction__threeSides__completesOnlyWhenAllAgree(uint8[] calldata acts) public {
        _addMacao();
        address[3] memory seats = [adminHk, adminSz, adminMo];
        bytes32 action = keccak256(abi.encodeCall(IRecordRegistry.nameSuccessor, (heir)));
        bool[3] memory agreed;
        uint256 expiresAt;
        uint256 time = START;
        for (uint256 i; i < acts.length && i < 24 && registry.successor() == address(0); ++i) {
            uint256 side = acts[i] % 3;
            uint256 act = acts[i] >> 2 & 7;
            if (act < 5) {
                // Withdrawn by all, a proposal keeps its end.
                if (time >= expiresAt) (expiresAt, agreed) = (time + 30 days, [false, false, false]);
                bool again = agreed[side];
                agreed[side] = true;
                bool all = agreed[0] && agreed[1] && agreed[2];
                if (again) _expectError(IRecordRegistry.AlreadyAgreed.selector, uint256(action), side + 1);
                vm.prank(seats[side]);
                bool complete = registry.nameSuccessor(heir);
                vm.assertEq(complete, all && !again, "complete");
                vm.assertEq(registry.successor(), all && !again ? heir : address(0));
            } else if (act == 5) {
                bool had = agreed[side] && time < expiresAt;
                if (!had) _expectError(IRecordRegistry.NotAgreed.selector, uint256(action), side + 1);
                else agreed[side] = false;
                vm.prank(seats[side]);
                registry.withdrawAgreement(action);
            } else if (act == 6) {
                address next = address(uint160(1000 + i));
                vm.prank(seats[side]);
                registry.offerHandover(uint16(side + 1), IRecordRegistry.Seat.Authority, next);
                vm.prank(next);
                registry.acceptHandover(uint16(side + 1), IRecordRegistry.Seat.Authority);
                (seats[side], expiresAt) = (next, 0);
                agreed = [false, false, false];
            } else {
                time += uint256(acts[i] >> 5) * 5 days;
                vm.warp(time);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------- strangers

    function test_anyAct__anyStranger__reverts(address caller, bytes32 seed) public {
        if (_hasRole(caller)) return;
        _registerHkActive(_rising(3));
        _registerHk(_one(4, 4));
        vm.prank(adminSz);
        registry.dispute(_keyHk(3), REASON);
        bytes[] memory calls = _everyCall(seed);
        bytes32 before = keccak256(abi.encode(registry.registry(), registry.batchOf(1), registry.batchOf(2)));
        for (uint256 i; i < calls.length; ++i) {
            vm.prank(caller);
            (bool success, bytes memory answer) = address(registry).call(calls[i]);
            vm.assertEq(success, false, "success");
            vm.assertEq(answer.length >= 36, true, "a named error with its arguments");
        }
        vm.assertEq(keccak256(abi.encode(registry.registry(), registry.batchOf(1), registry.batchOf(2))), before);
    }

    // ----------------------------------------------------------------------------------------------------------- views

    function test_views__anyClaims__agree(uint64[] calldata seeds, uint16 acts, uint40 time) public {
        bytes32[] memory records = _risingFrom(seeds, 6);
        _register(bureauSzSubmit, START + 1000, records);
        for (uint256 i; i < records.length; ++i) {
            uint64 recordHash = _hashOf(records[i]);
            if (acts >> i & 1 == 1) _registerSz(_one(recordHash, 1));
            if (acts >> (i + 6) & 1 == 1) {
                vm.prank(bureauSzSubmit);
                registry.dispute(_keySz(recordHash), REASON);
            }
        }
        if (acts >> 15 == 1) {
            vm.prank(adminSz);
            registry.revokeBatch(1, REASON);
        }
        _registerHk(records);
        vm.warp(START + time % 2000);

        uint16[3] memory institutions = [BUREAU_HK, BUREAU_SZ, BANK_SZ];
        uint80[] memory pairs = new uint80[](records.length * 3);
        for (uint256 i; i < pairs.length; ++i) {
            pairs[i] = uint80(_hashOf(records[i / 3])) << 16 | institutions[i % 3];
        }
        bytes32[] memory answers = registry.findMany(pairs);
        for (uint256 i; i < pairs.length; ++i) {
            _assertViewsAgree(pairs[i], uint256(answers[i]));
        }
    }

    // ---------------------------------------------------------------------------------------------------------- models

    /// @dev A row a batch's status, a column an override, in the order of `State`; no override is Pending or Active.
    function _modelState(IRecordRegistry.State status, IRecordRegistry.State over)
        private
        pure
        returns (IRecordRegistry.State)
    {
        IRecordRegistry.State[7] memory row;
        if (status == PENDING) row = [PENDING, NONE, NONE, REJECTED, REVOKED, SUPERSEDED, PENDING];
        if (status == ACTIVE) row = [ACTIVE, NONE, NONE, REJECTED, REVOKED, SUPERSEDED, DISPUTED];
        if (status == REJECTED) row = [REJECTED, NONE, NONE, REJECTED, REVOKED, SUPERSEDED, REJECTED];
        if (status == REVOKED) row = [REVOKED, NONE, NONE, REJECTED, REVOKED, SUPERSEDED, REVOKED];
        return row[uint8(over)];
    }

    function _assertFollows(IRecordRegistry.State status, IRecordRegistry.State[RECORDS] memory over) private view {
        for (uint64 i; i < RECORDS; ++i) {
            IRecordRegistry.Entry memory entry = registry.entryOf(_keyHk(i + 1));
            vm.assertEq(entry.commitment, i + 1001);
            vm.assertEq(entry.batch, 1);
            vm.assertEq(uint256(entry.overrideState), uint256(over[i]), "override");
            vm.assertEq(registry.noteOf(_keyHk(i + 1)).at != 0, over[i] != NONE);
            _assertState(_keyHk(i + 1), _modelState(status, over[i]));
        }
    }

    function _assertViewsAgree(uint80 pair, uint256 answer) private view {
        uint16[] memory institutions = new uint16[](1);
        institutions[0] = uint16(pair);
        IRecordRegistry.Claim[] memory claims = registry.find(uint64(pair >> 16), institutions);
        vm.assertEq(claims.length, answer & 127);
        for (uint256 n; n < claims.length; ++n) {
            IRecordRegistry.Claim memory claim = claims[n];
            (IRecordRegistry.State state, bool expired) = registry.stateOf(claim.entryKey);
            IRecordRegistry.Entry memory entry = registry.entryOf(claim.entryKey);
            vm.assertEq(claim.entryKey, uint88(pair) << 8 | uint88(n));
            vm.assertEq(uint256(claim.state), uint256(state), "state");
            vm.assertEq(claim.expired, expired);
            vm.assertEq(claim.commitment, entry.commitment);
            vm.assertEq(claim.batch, entry.batch);
            vm.assertEq(claim.institution, institutions[0]);
        }
        if (claims.length == 0) return vm.assertEq(answer, 0);
        vm.assertEq(answer >> 64, claims[0].commitment);
        vm.assertEq(uint48(answer >> 16), claims[0].batch);
        vm.assertEq(uint8(answer >> 8), uint256(claims[0].state));
        vm.assertEq(answer >> 7 & 1 == 1, claims[0].expired);
    }

    /// @dev The index of the first record whose hash does not exceed its predecessor's; zero: none.
    function _firstNotRising(bytes32[] memory records) private pure returns (uint256) {
        for (uint256 i = 1; i < records.length; ++i) {
            if (_hashOf(records[i]) <= _hashOf(records[i - 1])) return i;
        }
        return 0;
    }

    // ---------------------------------------------------------------------------------------------------------- inputs

    function _hashOf(bytes32 record) private pure returns (uint64) {
        return uint64(uint256(record) >> 192);
    }

    /// @dev One to `most` records, rising, with commitments other than 1.
    function _risingFrom(uint64[] calldata seeds, uint256 most) private pure returns (bytes32[] memory records) {
        records = new bytes32[](seeds.length % most + 1);
        uint64 recordHash;
        for (uint256 i; i < records.length; ++i) {
            recordHash += (i < seeds.length ? seeds[i] >> 4 : 1) + 1;
            records[i] = _record(recordHash, uint192(uint256(keccak256(abi.encode(seeds, i)))) | 2);
        }
    }

    /// @dev What can be read about these records, save batch numbers.
    function _picture(bytes32[] memory records) private view returns (bytes32 picture) {
        uint16[] memory institutions = new uint16[](1);
        institutions[0] = BUREAU_SZ;
        for (uint256 i; i < records.length; ++i) {
            IRecordRegistry.Claim[] memory claims = registry.find(_hashOf(records[i]), institutions);
            for (uint256 n; n < claims.length; ++n) {
                claims[n].batch = 0;
            }
            picture = keccak256(abi.encode(picture, claims));
        }
        return keccak256(abi.encode(picture, registry.registry().recordCount));
    }

    function _approveCall(uint88 exception) private pure returns (bytes memory) {
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](exception == 0 ? 0 : 1);
        if (exception != 0) exceptions[0] = IRecordRegistry.Exception(exception, REASON);
        return abi.encodeCall(IRecordRegistry.approve, (1, exceptions));
    }

    function _hasRole(address caller) private view returns (bool has) {
        if (registry.accountOf(caller).institution != 0) return true;
        for (uint16 id = 1; id <= 2; ++id) {
            IRecordRegistry.Jurisdiction memory side = registry.jurisdictionOf(id);
            has = has || side.authority == caller || side.recovery == caller;
        }
        return has || caller == address(vm);
    }

    /// @dev Every function that writes, with arguments that suit somebody.
    function _everyCall(bytes32 seed) private pure returns (bytes[] memory calls) {
        address to = address(uint160(uint256(seed)) | 1);
        IRecordRegistry.Seat seat = IRecordRegistry.Seat(uint8(uint256(seed) % 2));
        calls = new bytes[](30);
        calls[0] = abi.encodeCall(IRecordRegistry.acceptRegistry, (HK));
        calls[1] = abi.encodeCall(IRecordRegistry.offerHandover, (HK, seat, to));
        calls[2] = abi.encodeCall(IRecordRegistry.acceptHandover, (HK, seat));
        calls[3] = abi.encodeCall(IRecordRegistry.startRecovery, (HK, to));
        calls[4] = abi.encodeCall(IRecordRegistry.objectToRecovery, (HK));
        calls[5] = abi.encodeCall(IRecordRegistry.supportRecovery, (HK, to));
        calls[6] = abi.encodeCall(IRecordRegistry.completeRecovery, (HK));
        calls[7] = abi.encodeCall(IRecordRegistry.addJurisdiction, (seed, to, to));
        calls[8] = abi.encodeCall(IRecordRegistry.nameSuccessor, (to));
        calls[9] = abi.encodeCall(IRecordRegistry.withdrawAgreement, (seed));
        calls[10] = abi.encodeCall(IRecordRegistry.openCorridor, (HK, SZ));
        calls[11] = abi.encodeCall(IRecordRegistry.closeCorridor, (HK, SZ));
        calls[12] = abi.encodeCall(IRecordRegistry.setPaused, (true));
        calls[13] = abi.encodeCall(IRecordRegistry.addSchema, (seed, ""));
        calls[14] = abi.encodeCall(IRecordRegistry.publishKeeperShare, (1, seed));
        calls[15] = abi.encodeCall(IRecordRegistry.admit, (seed, seed));
        calls[16] = abi.encodeCall(IRecordRegistry.scope, (BUREAU_HK, 3, 0, 0, false));
        calls[17] = abi.encodeCall(IRecordRegistry.setStanding, (BUREAU_HK, IRecordRegistry.Standing.Suspended, 0));
        calls[18] = abi.encodeCall(IRecordRegistry.setProfile, (BUREAU_HK, seed));
        calls[19] = abi.encodeCall(IRecordRegistry.setEncryptionKey, (BUREAU_HK, 1, abi.encode(seed)));
        calls[20] =
            abi.encodeCall(IRecordRegistry.setAccount, (BUREAU_HK, to, IRecordRegistry.AccountRole.Submit, true));
        calls[21] = abi.encodeCall(IRecordRegistry.postDailyRoot, (1, 1, seed, 1, 1, 1));
        calls[22] = abi.encodeCall(IRecordRegistry.register, (PERSONAL, NEVER, SALTED, _one(9, 9)));
        calls[23] = abi.encodeCall(IRecordRegistry.approve, (2, new IRecordRegistry.Exception[](0)));
        calls[24] = abi.encodeCall(IRecordRegistry.reject, (2, REASON));
        calls[25] = abi.encodeCall(IRecordRegistry.revoke, (_keys(_keyHk(1)), REASON));
        calls[26] = abi.encodeCall(IRecordRegistry.revokeBatch, (1, REASON));
        calls[27] = abi.encodeCall(IRecordRegistry.supersede, (_keyHk(1), _keyHk(2), REASON));
        calls[28] = abi.encodeCall(IRecordRegistry.dispute, (_keyHk(1), REASON));
        calls[29] = abi.encodeCall(IRecordRegistry.resolve, (_keyHk(3), true, REASON));
    }
}
