// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";

/// @title The few cheat codes of Foundry's that halmos knows and these proofs use
interface ProofVm {
    function assume(bool condition) external pure;
    function etch(address account, bytes calldata code) external;
    function getCode(string calldata path) external view returns (bytes memory);
    function load(address account, bytes32 slot) external view returns (bytes32);
    function prank(address caller) external;
    function warp(uint256 timestamp) external;
}

/// @title halmos's own cheat codes: values that stand for all of their type
interface Svm {
    function createAddress(string calldata name) external returns (address);
    function createUint(uint256 bits, string calldata name) external returns (uint256);
    function createUint256(string calldata name) external returns (uint256);
    function createCalldata(string calldata contractName) external returns (bytes memory);
    function enableSymbolicStorage(address account) external;
}

/// @title A registry in any state, called by anyone with anything
/// @dev   What is proved is the bytecode of the artifact, compiled through the IR with the optimiser; tools/prove.py holds it
///        against the committed one.
///
///        Symbolic: every storage slot of the registry, hence also states that no sequence of calls reaches; each proof says
///        which of those it rules out. Also the caller, the block's time (40 bits), and the call's arguments.
///
///        Bounded, the same for all proofs: at most two jurisdictions exist; an array in the call data has the lengths that
///        the proof names; `bytes` and `string` have 0 or 65 bytes; an enumeration in storage has one of its values. Nothing
///        is proved beyond these bounds. A loop that a bound does not end makes the run fail (tools/prove.py).
///
///        Not called: functions that the interface declares as view or pure; the compiler lets them write nothing.
abstract contract ProofBase {
    ProofVm internal constant vm = ProofVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    Svm internal constant svm = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    uint256 internal constant ENTRIES_SLOT = 12;
    uint256 internal constant BATCHES_SLOT = 13;
    uint256 internal constant NOTES_SLOT = 14;

    IRecordRegistry internal registry;
    address internal caller;

    function setUp() public {
        IRecordRegistry.Founder[] memory founders = new IRecordRegistry.Founder[](1);
        founders[0] = IRecordRegistry.Founder("HK", address(0x11), address(0x12));
        bytes memory code = vm.getCode("RecordRegistry.sol:RecordRegistry");
        // Only what was never written becomes symbolic: hence the code at an address without a past.
        registry = IRecordRegistry(address(0x4EC0));
        vm.etch(address(registry), _create(bytes.concat(code, abi.encode(founders))).code);
        svm.enableSymbolicStorage(address(registry));
        caller = svm.createAddress("caller");
    }

    /// @dev One call to any function that may write, save `register`, by anyone, at any time. What reverted is left out:
    ///      it changed nothing.
    function _anyCallButRegister() internal {
        bytes memory data = svm.createCalldata("IRecordRegistry");
        vm.assume(bytes4(data) != IRecordRegistry.register.selector);
        _call(data);
    }

    /// @dev One call to `register`. So that the search for a free place ends: of a single record's hash at most the first
    ///      place is taken, of more than one record's hashes none is.
    function _anyRegister(uint256 count) internal returns (bytes32[] memory records) {
        records = new bytes32[](count);
        uint16 institution = registry.accountOf(caller).institution;
        for (uint256 i; i < count; ++i) {
            records[i] = bytes32(svm.createUint256("record"));
            uint88 free = _keyOf(records[i], institution) | (count == 1 ? 1 : 0);
            vm.assume(vm.load(address(registry), _slotOf(free, ENTRIES_SLOT)) == 0);
        }
        uint16 schema = uint16(svm.createUint(16, "schema"));
        uint40 expiresAt = uint40(svm.createUint(40, "expiresAt"));
        uint8 epoch = uint8(svm.createUint(8, "epoch"));
        _call(abi.encodeCall(IRecordRegistry.register, (schema, expiresAt, epoch, records)));
    }

    function _call(bytes memory data) internal {
        vm.assume(registry.registry().jurisdictionCount <= 2);
        vm.warp(svm.createUint(40, "now"));
        vm.prank(caller);
        (bool success,) = address(registry).call(data);
        vm.assume(success);
    }

    function _keyOf(bytes32 record, uint16 institution) internal pure returns (uint88) {
        return uint88(uint256(record) >> 192) << 24 | uint88(institution) << 8;
    }

    function _wordOf(uint256 key, uint256 slot, uint256 number) internal view returns (uint256) {
        return uint256(vm.load(address(registry), bytes32(uint256(_slotOf(key, slot)) + number)));
    }

    /// @dev Where the mapping at `slot` keeps the first word of what `key` names.
    function _slotOf(uint256 key, uint256 slot) internal pure returns (bytes32) {
        return keccak256(abi.encode(key, slot));
    }

    function _create(bytes memory code) private returns (address deployed) {
        assembly ("memory-safe") {
            deployed := create(0, add(code, 0x20), mload(code))
        }
        require(deployed != address(0), "not deployed");
    }
}
