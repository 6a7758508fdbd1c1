// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ActsOnRecords} from "./ActsOnRecords.sol";

/// @title Everybody who acts on the registry: two sides, five institutions, submitters, reviewers, strangers, and time
contract Handler is ActsOnRecords {
    uint16 private constant HK = 1;
    uint16 private constant SZ = 2;

    constructor() {
        _mustAct(0, abi.encodeCall(IRecordRegistry.acceptRegistry, (HK)));
        _tryBeforeAllHaveAccepted();
        _mustAct(2, abi.encodeCall(IRecordRegistry.acceptRegistry, (SZ)));
        _mustAct(0, abi.encodeCall(IRecordRegistry.addSchema, (bytes32("personal"), "personal")));
        _mustAct(2, abi.encodeCall(IRecordRegistry.addSchema, (bytes32("company"), "company")));
        // A provider under review and one that is not on each side, and a bank.
        _found(0, 1, 1, true);
        _found(0, 2, 1, false);
        _found(2, 3, 1, true);
        _found(2, 4, 1, false);
        _found(2, 5, 2, false);
        for (uint16 institution = 1; institution <= 5; ++institution) {
            uint256 first = 8 + 3 * institution;
            uint256 authority = institution < 3 ? 0 : 2;
            _bind(authority, institution, _actor(first), SUBMIT);
            _bind(authority, institution, _actor(first + 1), REVIEW);
            if (institution % 2 == 1) _bind(authority, institution, _actor(first + 2), REVIEW);
        }
    }

    /// @dev Seconds, days, or to the edge of what ends.
    function pass(uint256 seed) external {
        Dice memory dice = _dice(seed);
        if (_chance(dice, 40)) return _warp(block.timestamp + _roll(dice, 100));
        _warp(block.timestamp + _roll(dice, 3 days));
    }

    /// @dev Two looks at what nobody has touched: time alone changes whether it is expired.
    function look(uint256 seed) external {
        Dice memory dice = _dice(seed);
        _compareHash(uint64(_roll(dice, HASHES)));
        if (keys.length != 0) _compareEntry(keys[_roll(dice, keys.length)]);
        _compareActor(_actor(_roll(dice, ACTORS)));
        _compareSide(uint16(_roll(dice, 6)));
    }

    /// @dev Nothing takes money, whoever sends it with whatever call.
    function pay(uint256 seed) external {
        Dice memory dice = _dice(seed);
        bytes4[4] memory selectors = [
            bytes4(0),
            IRecordRegistry.register.selector,
            IRecordRegistry.setPaused.selector,
            IRecordRegistry.registry.selector
        ];
        bytes memory call = abi.encodePacked(selectors[_roll(dice, 4)], seed);
        if (_chance(dice, 20)) call = "";
        (bool success,) = address(registry).call{value: 1}(call);
        vm.assertEq(success, false, "money was taken");
    }

    /// @dev That nothing of it is done, the model says.
    function _tryBeforeAllHaveAccepted() private {
        _act(_actor(0), abi.encodeCall(IRecordRegistry.setPaused, (true)));
        _act(_actor(0), abi.encodeCall(IRecordRegistry.addSchema, ("early", "")));
        _act(_actor(0), abi.encodeCall(IRecordRegistry.admit, ("early", 0)));
        _act(_actor(0), abi.encodeCall(IRecordRegistry.openCorridor, (HK, SZ)));
        _act(_actor(0), abi.encodeCall(IRecordRegistry.nameSuccessor, (_actor(6))));
        _act(_actor(0), abi.encodeCall(IRecordRegistry.addJurisdiction, ("MO", _actor(4), _actor(5))));
        _act(_actor(0), abi.encodeCall(IRecordRegistry.offerHandover, (HK, AUTHORITY, _actor(6))));
        _act(_actor(6), abi.encodeCall(IRecordRegistry.acceptHandover, (HK, AUTHORITY)));
        _act(_actor(1), abi.encodeCall(IRecordRegistry.startRecovery, (HK, _actor(6))));
        _act(_actor(2), abi.encodeCall(IRecordRegistry.supportRecovery, (HK, _actor(6))));
        _act(_actor(2), abi.encodeCall(IRecordRegistry.publishKeeperShare, (1, "early")));
        vm.assertEq(registry.registry().live, false, "live before all have accepted");
    }

    function _found(uint256 authority, uint16 institution, uint8 roles, bool review) private {
        _mustAct(authority, abi.encodeCall(IRecordRegistry.admit, (bytes32(uint256(100 + institution)), "profile")));
        _mustAct(authority, abi.encodeCall(IRecordRegistry.scope, (institution, roles, 6, 0, review)));
    }

    function _bind(uint256 authority, uint16 institution, address account, IRecordRegistry.AccountRole role) private {
        _mustAct(authority, abi.encodeCall(IRecordRegistry.setAccount, (institution, account, role, true)));
    }

    function _mustAct(uint256 actor, bytes memory call) private {
        require(_act(_actor(actor), call), "the world was not made");
    }
}
