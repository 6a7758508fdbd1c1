// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

/// @title  The usual registry with one slot a record: the 256-bit hash is the key, and all that is kept of the record
/// @notice Registrars anchor hashes, alone or in batches, and may revoke what they anchored.
/// @dev    What UsualRegistry.sol becomes when its author drops the commitment to save the second slot.
contract LeanRegistry is AccessControl, Pausable {
    bytes32 public constant REGISTRAR_ROLE = keccak256("REGISTRAR_ROLE");
    bytes32 public constant PAUSER_ROLE = keccak256("PAUSER_ROLE");

    enum Status {
        None,
        Active,
        Revoked
    }

    /// @notice One record. One slot.
    struct Record {
        address registrar;
        uint40 registeredAt;
        uint40 expiresAt; // zero: never
        Status status;
    }

    mapping(bytes32 recordHash => Record) private _records;

    event RecordRegistered(bytes32 indexed recordHash, address indexed registrar, uint40 expiresAt);
    event RecordRevoked(bytes32 indexed recordHash, address indexed registrar);

    error AlreadyRegistered(bytes32 recordHash);
    error NotActive(bytes32 recordHash);
    error NotRegistrarOf(bytes32 recordHash);

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PAUSER_ROLE, admin);
        _grantRole(REGISTRAR_ROLE, admin);
    }

    function register(bytes32 recordHash, uint40 expiresAt) external onlyRole(REGISTRAR_ROLE) whenNotPaused {
        _register(recordHash, expiresAt);
    }

    function registerBatch(bytes32[] calldata recordHashes, uint40 expiresAt)
        external
        onlyRole(REGISTRAR_ROLE)
        whenNotPaused
    {
        for (uint256 i = 0; i < recordHashes.length; ++i) {
            _register(recordHashes[i], expiresAt);
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

    function _register(bytes32 recordHash, uint40 expiresAt) private {
        if (_records[recordHash].status != Status.None) revert AlreadyRegistered(recordHash);
        _records[recordHash] = Record(msg.sender, uint40(block.timestamp), expiresAt, Status.Active);
        emit RecordRegistered(recordHash, msg.sender, expiresAt);
    }
}
