// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {World} from "./World.sol";

/// @title What authorities and recovery keys do, or try to
abstract contract ActsOfSides is World {
    IRecordRegistry.Seat internal constant AUTHORITY = IRecordRegistry.Seat.Authority;
    /// @dev Acts before registration may be closed: a run that is closed at once meets little else than that.
    uint256 private constant OPEN_CALLS = 48;

    function acceptRegistry(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _chance(dice, 80) ? registry.registry().jurisdictionCount : _anySide(dice);
        _act(_caller(dice, _seats(side).authority), abi.encodeCall(IRecordRegistry.acceptRegistry, (side)));
    }

    function offerHandover(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _anySide(dice);
        IRecordRegistry.Seat seat = IRecordRegistry.Seat(_roll(dice, 2));
        address holder = seat == AUTHORITY ? _seats(side).authority : _seats(side).recovery;
        address to = _chance(dice, 10) ? address(0) : _actor(_roll(dice, ACTORS));
        _act(_caller(dice, holder), abi.encodeCall(IRecordRegistry.offerHandover, (side, seat, to)));
    }

    function acceptHandover(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _anySide(dice);
        IRecordRegistry.Seat seat = IRecordRegistry.Seat(_roll(dice, 2));
        address holder = seat == AUTHORITY ? _seats(side).authority : _seats(side).recovery;
        bytes memory offer = abi.encodeCall(IRecordRegistry.offerHandover, (side, seat, _actor(_roll(dice, ACTORS))));
        if (_chance(dice, 60)) _act(holder, offer);
        // A pause must not freeze it.
        if (_chance(dice, 20)) _act(_seats(2).authority, abi.encodeCall(IRecordRegistry.setPaused, (true)));
        address offered = seat == AUTHORITY ? _seats(side).offeredAuthority : _seats(side).offeredRecovery;
        _act(_caller(dice, offered), abi.encodeCall(IRecordRegistry.acceptHandover, (side, seat)));
    }

    function startRecovery(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _anySide(dice);
        address to = _chance(dice, 10) ? address(0) : _actor(_roll(dice, ACTORS));
        _act(_caller(dice, _seats(side).recovery), abi.encodeCall(IRecordRegistry.startRecovery, (side, to)));
    }

    function objectToRecovery(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _recoveringSide(dice);
        _act(_caller(dice, _seats(side).authority), abi.encodeCall(IRecordRegistry.objectToRecovery, (side)));
    }

    function supportRecovery(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _recoveringSide(dice);
        address to = _chance(dice, 90) ? _seats(side).recoveryTo : _actor(_roll(dice, ACTORS));
        address supporter = _caller(dice, _seats(_anySide(dice)).authority);
        _act(supporter, abi.encodeCall(IRecordRegistry.supportRecovery, (side, to)));
    }

    function completeRecovery(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _recoveringSide(dice);
        uint256 due = uint256(_seats(side).recoveryAt) + 14 days;
        // To the last second before, to the first, or at once.
        uint256 when = _roll(dice, 3);
        if (due > 14 days && when != 2) _warp(due - when);
        _act(_caller(dice, _seats(side).recovery), abi.encodeCall(IRecordRegistry.completeRecovery, (side)));
    }

    /// @dev Macao, or one with what is taken.
    function addJurisdiction(uint256 seed) external {
        Dice memory dice = _dice(seed);
        bytes32 code = _chance(dice, 70) ? bytes32("MO") : _chance(dice, 50) ? bytes32("HK") : bytes32(0);
        address authority = _actor(_chance(dice, 80) ? 4 : _roll(dice, ACTORS));
        address recovery = _actor(_chance(dice, 60) ? 5 : _chance(dice, 20) ? 4 : _roll(dice, ACTORS));
        bytes memory call = abi.encodeCall(IRecordRegistry.addJurisdiction, (code, authority, recovery));
        _agree(dice, call, registry.registry().accepted);
        uint16 last = registry.registry().jurisdictionCount;
        if (last > 2 && _chance(dice, 50)) {
            _act(_seats(last).authority, abi.encodeCall(IRecordRegistry.acceptRegistry, (last)));
        }
    }

    /// @dev It closes registration, so that mostly not all agree.
    function nameSuccessor(uint256 seed) external {
        Dice memory dice = _dice(seed);
        address to = _chance(dice, 5) ? address(0) : _actor(_roll(dice, 2));
        bytes memory call = abi.encodeCall(IRecordRegistry.nameSuccessor, (to));
        if (calls > OPEN_CALLS && _chance(dice, 15)) _agree(dice, call, registry.registry().accepted);
        else _act(_caller(dice, _seats(1).authority), call);
    }

    function withdrawAgreement(uint256 seed) external {
        Dice memory dice = _dice(seed);
        bytes32 action = bytes32(seed);
        if (_chance(dice, 50)) {
            _act(_seats(1).authority, abi.encodeCall(IRecordRegistry.nameSuccessor, (_actor(_roll(dice, ACTORS)))));
        }
        // Of the last ones: those before have ended.
        if (actions.length != 0) action = actions[actions.length - 1 - _roll(dice, actions.length) / 3];
        address caller = _caller(dice, _seats(_anySide(dice)).authority);
        _act(caller, abi.encodeCall(IRecordRegistry.withdrawAgreement, (action)));
    }

    function openCorridor(uint256 seed) external {
        Dice memory dice = _dice(seed);
        (uint16 from, uint16 to) = (_anySide(dice), _anySide(dice));
        if (from == to) to = uint16(_roll(dice, 4));
        if (_chance(dice, 90)) return _open(dice, from, to);
        _act(_caller(dice, address(0)), abi.encodeCall(IRecordRegistry.openCorridor, (from, to)));
    }

    function closeCorridor(uint256 seed) external {
        Dice memory dice = _dice(seed);
        (uint16 from, uint16 to) = (_anySide(dice), _anySide(dice));
        if (_chance(dice, 80) && !registry.corridorOpen(from, to)) (from, to) = (to, from);
        if (_chance(dice, 80) && !registry.corridorOpen(from, to)) _open(dice, from, to);
        address caller = _caller(dice, _seats(_anySide(dice)).authority);
        _act(caller, abi.encodeCall(IRecordRegistry.closeCorridor, (from, to)));
    }

    function setPaused(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 side = _anySide(dice);
        uint32 flags = registry.registry().paused;
        bool paused = _chance(dice, flags == 0 ? 60 : 35);
        // Another side that pauses too, or one that lifts its own.
        if (_chance(dice, 90) && (flags >> (side - 1) & 1 == 1) == paused) side = side % 2 + 1;
        _act(_caller(dice, _seats(side).authority), abi.encodeCall(IRecordRegistry.setPaused, (paused)));
    }

    function addSchema(uint256 seed) external {
        Dice memory dice = _dice(seed);
        bytes32 hash = bytes32(_roll(dice, 8));
        address caller = _caller(dice, _seats(_anySide(dice)).authority);
        _act(caller, abi.encodeCall(IRecordRegistry.addSchema, (hash, "schema")));
    }

    function publishKeeperShare(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint8 epoch = _anyEpoch(dice);
        bytes32 share = bytes32(_chance(dice, 90) ? uint256(keccak256(abi.encode(seed))) : 0);
        address caller = _caller(dice, _seats(_anySide(dice)).authority);
        _act(caller, abi.encodeCall(IRecordRegistry.publishKeeperShare, (epoch, share)));
    }

    // ------------------------------------------------------------------------------------------------------- words

    function _open(Dice memory dice, uint16 from, uint16 to) private {
        _agree(dice, abi.encodeCall(IRecordRegistry.openCorridor, (from, to)), uint32(2 ** from + 2 ** to) / 2);
    }

    /// @dev Mostly lifts what pauses there are: else the rest of a run would be nothing but refusals.
    function _mostlyLift(Dice memory dice) internal {
        for (uint16 side = 1; registry.registry().paused != 0 && side <= 3; ++side) {
            bool pauses = registry.registry().paused >> (side - 1) & 1 == 1;
            if (pauses && _chance(dice, 35)) {
                _act(_seats(side).authority, abi.encodeCall(IRecordRegistry.setPaused, (false)));
            }
        }
    }

    /// @dev The sides whose bits are set call in turn; now and then one is left out, or time passes in between.
    function _agree(Dice memory dice, bytes memory call, uint32 among) private {
        for (uint16 side = 1; side <= registry.registry().jurisdictionCount; ++side) {
            if (among >> (side - 1) & 1 == 0 || _chance(dice, 10)) continue;
            _act(_caller(dice, _seats(side).authority), call);
            uint256 due = registry.proposalOf(keccak256(call)).expiresAt;
            if (due != 0 && _chance(dice, 10)) _warp(due - _roll(dice, 2));
        }
    }

    function _seats(uint16 side) internal view returns (IRecordRegistry.Jurisdiction memory) {
        return registry.jurisdictionOf(side);
    }

    function _anySide(Dice memory dice) internal view returns (uint16) {
        uint256 count = registry.registry().jurisdictionCount;
        return uint16(_chance(dice, 3) ? count + 1 : _roll(dice, count) + 1);
    }

    /// @dev A side whose recovery runs, mostly.
    function _recoveringSide(Dice memory dice) private returns (uint16 side) {
        side = _anySide(dice);
        for (uint16 id = 1; id <= 3 && _seats(side).recoveryTo == address(0); ++id) {
            side = id;
        }
        if (_seats(side).recoveryAt != 0 || _chance(dice, 40)) return side;
        side = _anySide(dice);
        _act(_seats(side).recovery, abi.encodeCall(IRecordRegistry.startRecovery, (side, _actor(_roll(dice, ACTORS)))));
    }
}
