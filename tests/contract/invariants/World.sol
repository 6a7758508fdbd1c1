// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {Vm} from "../Vm.sol";
import {Model} from "./Model.sol";
import {Rules} from "./Rules.sol";

/// @title The registry and its model side by side, and the one way to call them both
abstract contract World is Rules {
    struct Dice {
        bytes32 state;
    }

    uint40 internal constant START = 1_800_000_000;
    uint256 internal constant ACTORS = 26;
    /// @dev Few, so that hashes and commitments meet again.
    uint64 internal constant HASHES = 12;
    uint192 internal constant COMMITMENTS = 5;

    IRecordRegistry public model;
    uint256 public calls;
    /// @dev How often each function succeeded, and each error was met.
    mapping(bytes4 selector => uint256) public done;
    mapping(bytes4 selector => uint256) public refused;
    uint256 public functionsDone;
    uint256 public errorsMet;
    mapping(bytes4 selector => uint256) public doneWhilePaused;
    /// @dev How often a record of an institution that does not stand was looked at.
    uint256 public answersOfTheSuspended;

    uint88[] internal keys;
    mapping(uint88 entryKey => bytes32) private witnessed;
    bytes32[] internal actions;
    uint40 private clock = START;

    constructor() {
        vm.warp(START);
        IRecordRegistry.Founder[] memory founders = new IRecordRegistry.Founder[](2);
        founders[0] = IRecordRegistry.Founder("HK", _actor(0), _actor(1));
        founders[1] = IRecordRegistry.Founder("CN-SZ", _actor(2), _actor(3));
        vm.recordLogs();
        registry = IRecordRegistry(vm.deployCode("RecordRegistry.sol:RecordRegistry", abi.encode(founders)));
        model = new Model(founders);
        _takeIn(vm.getRecordedLogs(), address(this));
        vm.deal(address(this), 1 ether);
    }

    // ------------------------------------------------------------------------------------------------------ acting

    /// @dev Answer, error, events and each word written are as the model and the replica foresee.
    function _act(address caller, bytes memory call) internal returns (bool success) {
        bytes memory answer;
        bool foreseen;
        bytes memory expected;
        vm.warp(clock);
        vm.recordLogs();
        vm.record();
        vm.prank(caller);
        (success, answer) = address(registry).call(call);
        vm.prank(caller);
        (foreseen, expected) = address(model).call(call);
        vm.assertEq(answer, expected, "answer or error");
        vm.assertEq(success, foreseen, "success");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        if (success) _takeIn(logs, caller);
        // What a refused call wrote before it was refused is compared too.
        bool written = _compareWritten() != 0;
        if (success) vm.assertEq(written, logs.length != 0, "written and not told, or told and not written");
        _compare(abi.encodeCall(IRecordRegistry.registry, ()));
        _count(success, bytes4(call), bytes4(answer));
    }

    function _takeIn(Vm.Log[] memory logs, address caller) private {
        uint256 half = logs.length / 2;
        vm.assertEq(logs.length % 2, 0, "one event more than the model's");
        for (uint256 i; i < half; ++i) {
            vm.assertEq(logs[i].emitter, address(registry), "emitter");
            vm.assertEq(abi.encode(logs[i].topics), abi.encode(logs[half + i].topics), "topics");
            vm.assertEq(logs[i].data, logs[half + i].data, "data of an event");
            _check(logs[i], caller);
            _apply(logs[i]);
            if (logs[i].topics[0] == IRecordRegistry.JointActionAgreed.selector) actions.push(logs[i].topics[1]);
        }
        for (uint256 i; i < half; ++i) {
            _compareNamed(logs[i]);
        }
    }

    function _count(bool success, bytes4 selector, bytes4 error) private {
        if (!success) {
            refused[error] += 1;
            if (refused[error] == 1) errorsMet += 1;
            return;
        }
        done[selector] += 1;
        if (done[selector] == 1) functionsDone += 1;
        if (uint32(uint256(_word(0)) >> 152) != 0) doneWhilePaused[selector] += 1;
    }

    function _onEntry(uint88 entryKey, uint48 batch, uint192 commitment) internal override {
        vm.assertEq(witnessed[entryKey], 0, "a place was filled twice");
        witnessed[entryKey] = bytes32(uint256(batch) << 192 | commitment);
        keys.push(entryKey);
    }

    // --------------------------------------------------------------------------------------------------- comparing

    /// @dev The events told of each word that the call wrote.
    function _compareWritten() private returns (uint256 count) {
        (, bytes32[] memory writes) = vm.accesses(address(registry));
        count = writes.length;
        for (uint256 i; i < writes.length; ++i) {
            _compareSlot(writes[i]);
        }
    }

    function _compareSlot(bytes32 slot) private view {
        vm.assertEq(vm.load(address(registry), slot), _word(slot), "storage is not what the events say");
    }

    /// @dev What the event is about, as the registry and the model show it.
    function _compareNamed(Vm.Log memory log) private view {
        bytes32 name = log.topics[0];
        if (log.topics.length == 1) return;
        uint256 id = uint256(log.topics[1]);
        if (name == IRecordRegistry.OverrideSet.selector) _compareEntry(uint88(id));
        else if (_isOfBatch(name)) _compare(abi.encodeCall(IRecordRegistry.batchOf, (uint48(id))));
        else if (_isOfAction(name)) _compare(abi.encodeCall(IRecordRegistry.proposalOf, (log.topics[1])));
        else if (name == IRecordRegistry.AccountSet.selector) _compareActor(address(uint160(uint256(log.topics[2]))));
        else _compareSide(uint16(id));
    }

    function _compareEntry(uint88 entryKey) internal view {
        bytes32 word = vm.load(address(registry), _at(bytes32(uint256(entryKey)), 12));
        vm.assertEq(word << 16 >> 16, witnessed[entryKey], "commitment and batch are for ever");
        vm.assertEq(uint256(word) >> 248, 0, "spare bits");
        _compare(abi.encodeCall(IRecordRegistry.stateOf, (entryKey)));
        _compare(abi.encodeCall(IRecordRegistry.entryOf, (entryKey)));
        _compare(abi.encodeCall(IRecordRegistry.noteOf, (entryKey)));
    }

    function _compareActor(address actor) internal view {
        _compare(abi.encodeCall(IRecordRegistry.accountOf, (actor)));
    }

    /// @dev Sides, institutions and schemas are numbered alike.
    function _compareSide(uint16 id) internal view {
        _compare(abi.encodeCall(IRecordRegistry.jurisdictionOf, (id)));
        _compare(abi.encodeCall(IRecordRegistry.institutionOf, (id)));
        _compare(abi.encodeCall(IRecordRegistry.schemaOf, (id)));
    }

    /// @dev One hash under every institution, which shows standings to change no answer.
    function _compareHash(uint64 recordHash) internal {
        uint16 count = registry.registry().institutionCount;
        uint16[] memory institutions = new uint16[](count + 1);
        uint80[] memory pairs = new uint80[](count + 1);
        for (uint16 id; id <= count; ++id) {
            institutions[id] = id;
            pairs[id] = uint80(recordHash) << 16 | id;
            if (_isSuspended(id)) answersOfTheSuspended += registry.entryOf(uint88(pairs[id]) << 8).batch == 0 ? 0 : 1;
        }
        _compare(abi.encodeCall(IRecordRegistry.find, (recordHash, institutions)));
        _compare(abi.encodeCall(IRecordRegistry.findMany, (pairs)));
    }

    function _compare(bytes memory call) internal view {
        (, bytes memory answer) = address(registry).staticcall(call);
        (, bytes memory expected) = address(model).staticcall(call);
        vm.assertEq(answer, expected, "view");
    }

    /// @notice Everything that can be read, every word that the events tell of, and the counts.
    function compareAll() external {
        vm.warp(clock);
        for (uint256 i; i < slots.length; ++i) {
            _compareSlot(slots[i]);
        }
        IRecordRegistry.Registry memory counters = registry.registry();
        vm.assertEq(counters.recordCount, keys.length, "records");
        vm.assertEq(counters.batchCount, seen[IRecordRegistry.BatchRegistered.selector], "batches");
        vm.assertEq(counters.institutionCount, seen[IRecordRegistry.InstitutionAdmitted.selector], "institutions");
        vm.assertEq(counters.schemaCount, seen[IRecordRegistry.SchemaAdded.selector], "schemas");
        vm.assertEq(counters.jurisdictionCount, seen[IRecordRegistry.JurisdictionAdded.selector], "sides");
        _compare(abi.encodeCall(IRecordRegistry.successor, ()));
        for (uint256 i; i < keys.length; ++i) {
            _compareEntry(keys[i]);
        }
        for (uint256 i; i < ACTORS; ++i) {
            _compareActor(_actor(i));
        }
        for (uint64 recordHash; recordHash <= HASHES; ++recordHash) {
            _compareHash(recordHash);
        }
        for (uint16 id; id <= counters.institutionCount + 1; ++id) {
            _compareSide(id);
        }
        for (uint48 id; id <= counters.batchCount + 1; ++id) {
            _compare(abi.encodeCall(IRecordRegistry.batchOf, (id)));
        }
        _compareCorridorsAndShares();
    }

    function _compareCorridorsAndShares() private view {
        for (uint16 from; from <= 4; ++from) {
            for (uint16 to; to <= 4; ++to) {
                _compare(abi.encodeCall(IRecordRegistry.corridorOpen, (from, to)));
                _compare(abi.encodeCall(IRecordRegistry.keeperShareOf, (from, uint8(to))));
            }
            _compare(abi.encodeCall(IRecordRegistry.keeperShareOf, (from, type(uint8).max)));
        }
    }

    // ------------------------------------------------------------------------------------------------------- words

    function _isSuspended(uint16 institution) private view returns (bool) {
        return registry.institutionOf(institution).standing > IRecordRegistry.Standing.Active;
    }

    function _isOfBatch(bytes32 name) private pure returns (bool) {
        return name == IRecordRegistry.BatchRegistered.selector || name == IRecordRegistry.BatchApproved.selector
            || name == IRecordRegistry.BatchRejected.selector || name == IRecordRegistry.BatchRevoked.selector;
    }

    function _isOfAction(bytes32 name) private pure returns (bool) {
        return name == IRecordRegistry.JointActionAgreed.selector
            || name == IRecordRegistry.JointActionWithdrawn.selector
            || name == IRecordRegistry.JointActionCompleted.selector;
    }

    function _actor(uint256 index) internal pure returns (address) {
        return address(uint160(0xac7000 + index));
    }

    function _warp(uint256 time) internal {
        if (time > clock && time < START + 3650 days) clock = uint40(time);
        vm.warp(clock);
    }

    function _dice(uint256 seed) internal returns (Dice memory) {
        ++calls;
        vm.warp(clock);
        return Dice(keccak256(abi.encode(seed)));
    }

    function _roll(Dice memory dice, uint256 sides) internal pure returns (uint256) {
        dice.state = keccak256(abi.encode(dice.state));
        return uint256(dice.state) % sides;
    }

    function _chance(Dice memory dice, uint256 percent) internal pure returns (bool) {
        return _roll(dice, 100) < percent;
    }

    function _anyReason(Dice memory dice) internal pure returns (uint8) {
        return uint8(_roll(dice, 256));
    }

    /// @dev Few, so that epochs and their shares meet; the first, which means salted, and the last among them.
    function _anyEpoch(Dice memory dice) internal pure returns (uint8) {
        uint8[4] memory epochs = [0, 1, 2, type(uint8).max];
        return epochs[_roll(dice, epochs.length)];
    }

    /// @dev Whom the call suits, and now and then somebody else.
    function _caller(Dice memory dice, address suited) internal pure returns (address) {
        bool other = _chance(dice, 15);
        address any = _actor(_roll(dice, ACTORS));
        return other || suited == address(0) ? any : suited;
    }
}
