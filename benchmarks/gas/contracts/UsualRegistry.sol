// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title  A credit record registry as it is usually written
/// @notice Registrars anchor a hash and a commitment a record, alone or in batches, and may revoke what they anchored.
/// @dev    The yardstick of `make bench-gas`, in the usual manner and with care: facts packed into one slot beside the
///         commitment, custom errors, call data arrays, nothing read twice. It is deployed nowhere.
contract UsualRegistry is AccessControl, Pausable {
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    enum Status {
        None,
        Active,
        Revoked
    }

    /// @notice One record. Two slots.
    struct Record {
        bytes32 commitment;
        address registrar;
        uint40 registeredAt;
        uint40 expiresAt; // zero: never
        Status status;
    }

    mapping(bytes32 recordHash => Record) private _records;

    event RecordRegistered(bytes32 indexed recordHash, address indexed registrar, bytes32 commitment, uint40 expiresAt);
    event RecordRevoked(bytes32 indexed recordHash, address indexed registrar);

    error LengthMismatch();
    error AlreadyRegistered(bytes32 recordHash);
    error NotActive(bytes32 recordHash);
    error NotRegistrarOf(bytes32 recordHash);

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
        _grantRole(REGISTRAR_ROLE, admin);
    }

    function register(bytes32 recordHash, bytes32 commitment, uint40 expiresAt)
        external
        onlyRole(REGISTRAR_ROLE)
        whenNotPaused
    {
        _register(recordHash, commitment, expiresAt);
    }

    function registerBatch(bytes32[] calldata recordHashes, bytes32[] calldata commitments, uint40 expiresAt)
        external
        onlyRole(REGISTRAR_ROLE)
        whenNotPaused
    {
        if (recordHashes.length != commitments.length) revert LengthMismatch();
        for (uint256 i = 0; i < recordHashes.length; ++i) {
            _register(recordHashes[i], commitments[i], expiresAt);
        }
    }

    function revoke(bytes32 recordHash) external onlyRole(REGISTRAR_ROLE) {
        Record storage record = _records[recordHash];
        if (record.status != Status.Active) revert NotActive(recordHash);
        if (record.registrar != msg.sender) revert NotRegistrarOf(recordHash);
        record.status = Status.Revoked;
        emit RecordRevoked(recordHash, msg.sender);
    }

    function pause() external onlyRole(PAUSER_ROLE) {
        _pause();
    }

    function unpause() external onlyRole(PAUSER_ROLE) {
        _unpause();
    }

    function recordOf(bytes32 recordHash) external view returns (Record memory) {
        return _records[recordHash];
    }

    function _register(bytes32 recordHash, bytes32 commitment, uint40 expiresAt) private {
        if (_records[recordHash].status != Status.None) revert AlreadyRegistered(recordHash);
        _records[recordHash] = Record(commitment, msg.sender, uint40(block.timestamp), expiresAt, Status.Active);
        emit RecordRegistered(recordHash, msg.sender, commitment, expiresAt);
    }
}
