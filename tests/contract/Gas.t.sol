// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title What the working calls cost, each as a whole transaction: intrinsic gas and call data included
/// @dev   Isolated calls are transactions of their own with cold storage. `snapshots/Registry.json` keeps the values: with
///        `gas_snapshot_check` forge fails when they differ; FORGE_SNAPSHOT_CHECK=false writes them anew.
contract GasTest is Fixture {
    uint256 private constant TRANSACTION_LIMIT = 1 << 24; // EIP-7825
    uint256 private constant RECORD_LIMIT = 23_500;
    uint64 private constant STEP = 0x0011223344556677;

    /// forge-config: default.isolate = true
    function test_register__sizes__areAsRecorded() public {
        uint256[4] memory counts = [uint256(1), 10, 100, 500];
        string[4] memory names = [
            "register 001, gas a record",
            "register 010, gas a record",
            "register 100, gas a record",
            "register 500, gas a record"
        ];
        uint256 used;
        uint256 from;
        for (uint256 i; i < 4; ++i) {
            bytes32[] memory records = _random(from, counts[i]);
            from += counts[i];
            vm.prank(bureauHkSubmit);
            registry.register(PERSONAL, NEVER, SALTED, records);
            used = vm.lastCallGas().totalUsed;
            vm.snapshotValue("Registry", names[i], used / counts[i]);
        }
        vm.assertLe(used / 500, RECORD_LIMIT, "gas a record");
        vm.assertLe(used, TRANSACTION_LIMIT, "gas of the working batch");
    }

    /// forge-config: default.isolate = true
    function test_approve__workingBatch__isAsRecorded() public {
        _registerHk(_random(0, 500));
        _registerHk(_random(500, 500));
        _approve(1);
        _note("approve 500, no exception");
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](10);
        for (uint256 i; i < 10; ++i) {
            exceptions[i] = IRecordRegistry.Exception(_randomKey(500 + i), REASON);
        }
        vm.prank(bureauHkReview);
        registry.approve(2, exceptions);
        _note("approve 500, 10 exceptions");
    }

    /// forge-config: default.isolate = true
    function test_corrections__singleRecords__areAsRecorded() public {
        _registerHk(_random(0, 10));
        _approve(1);
        vm.prank(bureauHkSubmit);
        registry.revoke(_keys(_randomKey(0)), REASON);
        _note("revoke 1");
        vm.prank(bureauHkSubmit);
        registry.supersede(_randomKey(1), _randomKey(2), REASON);
        _note("supersede 1");
        vm.prank(adminSz);
        registry.dispute(_randomKey(3), REASON);
        _note("dispute 1");
        vm.prank(adminSz);
        registry.resolve(_randomKey(3), false, REASON);
        _note("resolve 1");
        vm.prank(bureauHkSubmit);
        registry.revokeBatch(1, REASON);
        _note("revokeBatch");
    }

    /// forge-config: default.isolate = true
    function test_findMany__thousandPairs__isAsRecorded() public {
        _registerHk(_random(0, 500));
        _registerHk(_random(500, 500));
        uint80[] memory pairs = new uint80[](1000);
        for (uint256 i; i < 1000; ++i) {
            pairs[i] = uint80(_randomKey(i) >> 8);
        }
        registry.findMany(pairs);
        vm.snapshotValue("Registry", "findMany 1000, gas a pair", vm.lastCallGas().totalUsed / 1000);
    }

    // -----------------------------------------------------------------------------------------------------------------

    function _note(string memory name) private {
        vm.snapshotValue("Registry", name, vm.lastCallGas().totalUsed);
    }

    /// @dev Rising hashes and random commitments: as dear in call data as real ones.
    function _random(uint256 from, uint256 count) private pure returns (bytes32[] memory records) {
        records = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            records[i] = _record(_hash(from + i), uint192(uint256(keccak256(abi.encode(from + i)))));
        }
    }

    function _hash(uint256 index) private pure returns (uint64) {
        return uint64((index + 1) * STEP | uint256(0x0101010101));
    }

    function _randomKey(uint256 index) private pure returns (uint88) {
        return _keyHk(_hash(index));
    }
}
