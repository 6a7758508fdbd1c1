// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The few of Foundry's cheat codes that these tests use
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    struct Gas {
        uint64 limit;
        uint64 totalUsed;
        uint64 memoryUsed;
        int64 refunded;
        uint64 remaining;
    }

    // The world
    function accesses(address account) external returns (bytes32[] memory reads, bytes32[] memory writes);
    function deal(address account, uint256 balance) external;
    function deployCode(string calldata artifact, bytes calldata constructorArguments) external returns (address);
    function getCode(string calldata artifact) external view returns (bytes memory);
    function label(address account, string calldata name) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function pauseGasMetering() external;
    function prank(address caller) external;
    function record() external;
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);
    function store(address account, bytes32 slot, bytes32 word) external;
    function warp(uint256 timestamp) external;

    // What is to happen
    function expectEmit(address emitter) external;
    function expectRevert(bytes calldata error) external;
    function getRecordedLogs() external returns (Log[] memory);
    function recordLogs() external;

    // Comparing
    function assertEq(address left, address right) external pure;
    function assertEq(bool left, bool right) external pure;
    function assertEq(bytes32 left, bytes32 right) external pure;
    function assertEq(bytes calldata left, bytes calldata right) external pure;
    function assertEq(string calldata left, string calldata right) external pure;
    function assertEq(uint256 left, uint256 right) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata error) external pure;
    function assertEq(address left, address right, string calldata error) external pure;
    function assertEq(uint256 left, uint256 right, string calldata error) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata error) external pure;
    function assertEq(bool left, bool right, string calldata error) external pure;
    function assertGe(uint256 left, uint256 right, string calldata error) external pure;
    function assertLe(uint256 left, uint256 right, string calldata error) external pure;

    // Gas
    function lastCallGas() external view returns (Gas memory);
    function snapshotValue(string calldata group, string calldata name, uint256 value) external;
}
