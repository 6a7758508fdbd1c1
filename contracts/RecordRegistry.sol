// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "./IRecordRegistry.sol";
import {Institutions} from "./Institutions.sol";
import {Jurisdictions} from "./Jurisdictions.sol";

/// @title What was recorded: entries, batches and notes
contract RecordRegistry is Institutions {
    /// @dev n of an entry key: an institution's versions of, and collisions on, one hash.
    uint256 private constant PLACES = 64;
    uint40 private constant NEVER = 0;

    /// @dev Packed as `Entry` would be, kept as a word: the compiler writes a struct field by field, 500 gas a record more.
    mapping(uint88 entryKey => uint256 packed) private _entries;
    mapping(uint48 id => Batch) private _batches;
    mapping(uint88 entryKey => Note) private _notes;

    constructor(Founder[] memory founders) Jurisdictions(founders) {}

    // ------------------------------------------------------------------------------------------------- registering

    /// @inheritdoc IRecordRegistry
    function register(uint16 schema, uint40 expiresAt, uint8 epoch, bytes32[] calldata records)
        external
        returns (uint48 batch)
    {
        if (_successor != address(0)) revert RegistrationClosed(_successor);
        _requireUnpaused();
        uint16 institution = _requireAccount(AccountRole.Submit).institution;
        Institution storage provider = _requireEntitled(institution, schema);
        if (expiresAt != NEVER && expiresAt <= block.timestamp) revert ExpiryInvalid(expiresAt);
        if (epoch != 0 && _keeperShares[provider.jurisdiction][epoch] == 0) {
            revert ShareMissing(provider.jurisdiction, epoch);
        }
        if (records.length == 0 || records.length > type(uint16).max) revert CountInvalid(records.length);

        batch = ++_registry.batchCount;
        _registry.recordCount += uint40(records.length);
        Batch storage shared = _batches[batch];
        shared.submitter = msg.sender;
        shared.institution = institution;
        shared.schema = schema;
        shared.registeredAt = uint40(block.timestamp);
        shared.count = uint16(records.length);
        shared.epoch = epoch;
        shared.expiresAt = expiresAt;
        State status = provider.mandatoryReview ? State.Pending : State.Active;
        shared.status = status;

        _write(records, institution, batch);
        emit BatchRegistered(
            batch, institution, schema, msg.sender, uint40(block.timestamp), expiresAt, epoch, status, records
        );
    }

    function _write(bytes32[] calldata records, uint16 institution, uint48 batch) private {
        uint64 previous;
        for (uint256 i; i < records.length; ++i) {
            uint256 record = uint256(records[i]);
            uint64 recordHash = uint64(record >> 192);
            if (recordHash <= previous && i != 0) revert RecordsNotRising(i, recordHash);
            previous = recordHash;
            uint88 entryKey = uint88(recordHash) << 24 | uint88(institution) << 8;
            if (_entries[entryKey] != 0) entryKey = _nextPlace(i, entryKey, uint192(record));
            _entries[entryKey] = _packEntry(uint192(record), batch, State.None);
        }
    }

    /// @dev The first free place after the first; refuses a commitment that one of the taken places holds and that still counts.
    function _nextPlace(uint256 index, uint88 first, uint192 commitment) private view returns (uint88 entryKey) {
        for (uint256 n; n < PLACES; ++n) {
            entryKey = first + uint88(n);
            Entry memory entry = _entry(entryKey);
            if (entry.batch == 0) return entryKey;
            if (entry.commitment == commitment && !_isOver(entry)) revert DuplicateRecord(index, entryKey);
        }
        revert NoPlaceLeft(index, uint64(first >> 24));
    }

    function _isOver(Entry memory entry) private view returns (bool) {
        State state = _state(entry);
        return state == State.Rejected || state == State.Revoked || state == State.Superseded
            || _isExpired(_batches[entry.batch].expiresAt);
    }

    // --------------------------------------------------------------------------------------------------- reviewing

    /// @inheritdoc IRecordRegistry
    function approve(uint48 batch, Exception[] calldata exceptions) external {
        _requireUnpaused();
        Batch storage reviewed = _knownBatch(batch);
        if (reviewed.submitter == msg.sender) revert SelfApproval(batch, msg.sender);
        Account memory account = _requireAccount(AccountRole.Review);
        uint16 institution = reviewed.institution;
        if (account.institution != institution) revert NotAllowed(msg.sender, institution);
        if (reviewed.status != State.Pending) revert BatchNotPending(batch, reviewed.status);
        _requireEntitled(institution, reviewed.schema);
        if (_isExpired(reviewed.expiresAt)) revert BatchExpired(batch, reviewed.expiresAt);

        for (uint256 i; i < exceptions.length; ++i) {
            uint88 entryKey = exceptions[i].entryKey;
            Entry memory entry = _entry(entryKey);
            if (entry.batch != batch) revert NotInBatch(entryKey, batch);
            if (entry.overrideState != State.None) revert RecordState(entryKey, entry.overrideState);
            _override(entryKey, State.Rejected, _noteBy(account, exceptions[i].reason));
        }
        reviewed.status = State.Active;
        reviewed.reviewer = msg.sender;
        reviewed.reviewedAt = uint40(block.timestamp);
        emit BatchApproved(batch, msg.sender, uint40(block.timestamp), exceptions.length);
    }

    /// @inheritdoc IRecordRegistry
    function reject(uint48 batch, uint8 reason) external {
        Batch storage reviewed = _knownBatch(batch);
        _requireOwnerOrAuthority(reviewed.institution);
        if (reviewed.status != State.Pending) revert BatchNotPending(batch, reviewed.status);
        reviewed.status = State.Rejected;
        reviewed.reviewer = msg.sender;
        reviewed.reviewedAt = uint40(block.timestamp);
        reviewed.reason = reason;
        emit BatchRejected(batch, msg.sender, uint40(block.timestamp), reason);
    }

    // -------------------------------------------------------------------------------------------------- correcting

    /// @inheritdoc IRecordRegistry
    function revoke(uint88[] calldata entryKeys, uint8 reason) external {
        for (uint256 i; i < entryKeys.length; ++i) {
            uint88 entryKey = entryKeys[i];
            Note memory note = _requireOwnerOrAuthority(_institutionOf(entryKey));
            note.reason = reason;
            _requireActiveOrDisputed(entryKey);
            _override(entryKey, State.Revoked, note);
        }
    }

    /// @inheritdoc IRecordRegistry
    function revokeBatch(uint48 batch, uint8 reason) external {
        Batch storage revoked = _knownBatch(batch);
        _requireOwnerOrAuthority(revoked.institution);
        if (revoked.status != State.Active) revert BatchNotActive(batch, revoked.status);
        revoked.status = State.Revoked;
        revoked.reason = reason;
        emit BatchRevoked(batch, msg.sender, reason, uint40(block.timestamp));
    }

    /// @inheritdoc IRecordRegistry
    function supersede(uint88 entryKey, uint88 successorKey, uint8 reason) external {
        _requireUnpaused();
        uint16 institution = _institutionOf(entryKey);
        Account memory account = _accounts[msg.sender];
        if (!account.enabled || account.institution != institution) revert NotAllowed(msg.sender, institution);
        _requireActiveOrDisputed(entryKey);
        Entry memory next = _entry(successorKey);
        bool valid = successorKey != entryKey && _institutionOf(successorKey) == institution
            && _state(next) == State.Active && !_isExpired(_batches[next.batch].expiresAt);
        if (!valid) revert SuccessorInvalid(entryKey, successorKey);
        _requireEntitled(institution, _batches[next.batch].schema);
        Note memory note = _noteBy(account, reason);
        note.successor = uint72(successorKey >> 24) << 8 | uint72(uint8(successorKey));
        _override(entryKey, State.Superseded, note);
    }

    /// @inheritdoc IRecordRegistry
    function dispute(uint88 entryKey, uint8 reason) external {
        State state = _requireEntry(entryKey);
        if (state != State.Active) revert RecordState(entryKey, state);
        Account memory account = _accounts[msg.sender];
        Note memory note;
        if (account.enabled) {
            if (account.institution != _institutionOf(entryKey)) {
                revert NotAllowed(msg.sender, _institutionOf(entryKey));
            }
            note = _noteBy(account, reason);
        } else {
            note.byJurisdiction = _callerJurisdiction();
            note.at = uint40(block.timestamp);
            note.reason = reason;
        }
        _override(entryKey, State.Disputed, note);
    }

    /// @inheritdoc IRecordRegistry
    function resolve(uint88 entryKey, bool uphold, uint8 reason) external {
        if (_entry(entryKey).overrideState != State.Disputed) revert RecordState(entryKey, _requireEntry(entryKey));
        Note memory raised = _notes[entryKey];
        Note memory note;
        if (raised.byInstitution != 0) {
            Account memory account = _accounts[msg.sender];
            bool another =
                account.enabled && account.institution == raised.byInstitution && account.number != raised.byAccount;
            if (!another) revert NotResolver(entryKey, msg.sender);
            note = _noteBy(account, reason);
        } else {
            if (!_isAuthorityOf(raised.byJurisdiction, msg.sender)) revert NotResolver(entryKey, msg.sender);
            note.byJurisdiction = raised.byJurisdiction;
            note.at = uint40(block.timestamp);
            note.reason = reason;
        }
        _override(entryKey, uphold ? State.Revoked : State.None, note);
    }

    // ----------------------------------------------------------------------------------------------------- reading

    /// @inheritdoc IRecordRegistry
    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    /// @inheritdoc IRecordRegistry
    function stateOf(uint88 entryKey) external view returns (State state, bool expired) {
        Entry memory entry = _entry(entryKey);
        if (entry.batch == 0) return (State.None, false);
        return (_state(entry), _isExpired(_batches[entry.batch].expiresAt));
    }

    /// @inheritdoc IRecordRegistry
    function find(uint64 recordHash, uint16[] calldata institutions) external view returns (Claim[] memory claims) {
        uint256 total;
        for (uint256 i; i < institutions.length; ++i) {
            total += _claims(recordHash, institutions[i]);
        }
        claims = new Claim[](total);
        uint256 next;
        for (uint256 i; i < institutions.length; ++i) {
            uint88 first = uint88(recordHash) << 24 | uint88(institutions[i]) << 8;
            for (uint256 n; n < PLACES && _entries[first + uint88(n)] != 0; ++n) {
                claims[next++] = _claim(first + uint88(n));
            }
        }
    }

    /// @inheritdoc IRecordRegistry
    function findMany(uint80[] calldata pairs) external view returns (bytes32[] memory answers) {
        answers = new bytes32[](pairs.length);
        for (uint256 i; i < pairs.length; ++i) {
            Entry memory entry = _entry(uint88(pairs[i]) << 8);
            if (entry.batch == 0) continue;
            uint256 expired = _isExpired(_batches[entry.batch].expiresAt) ? 1 << 7 : 0;
            uint256 flags = expired | _claims(uint64(pairs[i] >> 16), uint16(pairs[i]));
            answers[i] = bytes32(
                uint256(entry.commitment) << 64 | uint256(entry.batch) << 16 | uint256(_state(entry)) << 8 | flags
            );
        }
    }

    /// @inheritdoc IRecordRegistry
    function entryOf(uint88 entryKey) external view returns (Entry memory) {
        return _entry(entryKey);
    }

    /// @inheritdoc IRecordRegistry
    function batchOf(uint48 batch) external view returns (Batch memory) {
        return _batches[batch];
    }

    /// @inheritdoc IRecordRegistry
    function noteOf(uint88 entryKey) external view returns (Note memory) {
        return _notes[entryKey];
    }

    // ----------------------------------------------------------------------------------------------------- private

    /// @dev `override 8 | batch 48 | commitment 192`, from bit 247 down; the highest 8 bits are spare.
    function _packEntry(uint192 commitment, uint48 batch, State state) internal pure returns (uint256) {
        return uint256(state) << 240 | uint256(batch) << 192 | commitment;
    }

    function _unpackEntry(uint256 packed) internal pure returns (Entry memory) {
        return Entry(uint192(packed), uint48(packed >> 192), State(uint8(packed >> 240)));
    }

    function _entry(uint88 entryKey) private view returns (Entry memory) {
        return _unpackEntry(_entries[entryKey]);
    }

    function _institutionOf(uint88 entryKey) private pure returns (uint16) {
        return uint16(entryKey >> 8);
    }

    /// @dev How many places are taken; they fill without gaps. At most 64, so it fits 7 bits.
    function _claims(uint64 recordHash, uint16 institution) private view returns (uint256 n) {
        uint88 first = uint88(recordHash) << 24 | uint88(institution) << 8;
        while (n < PLACES && _entries[first + uint88(n)] != 0) ++n;
    }

    function _claim(uint88 entryKey) private view returns (Claim memory) {
        Entry memory entry = _entry(entryKey);
        Batch storage batch = _batches[entry.batch];
        return Claim({
            entryKey: entryKey,
            commitment: entry.commitment,
            batch: entry.batch,
            institution: batch.institution,
            schema: batch.schema,
            registeredAt: batch.registeredAt,
            expiresAt: batch.expiresAt,
            epoch: batch.epoch,
            state: _state(entry),
            expired: _isExpired(batch.expiresAt)
        });
    }

    /// @dev A terminal override; else the batch's state unless Active; else Disputed or Active.
    function _state(Entry memory entry) private view returns (State) {
        State over = entry.overrideState;
        if (over != State.None && over != State.Disputed) return over;
        State status = _batches[entry.batch].status;
        return status == State.Active && over == State.Disputed ? over : status;
    }

    function _isExpired(uint40 expiresAt) private view returns (bool) {
        return expiresAt != NEVER && block.timestamp >= expiresAt;
    }

    function _knownBatch(uint48 batch) private view returns (Batch storage known) {
        known = _batches[batch];
        if (known.institution == 0) revert UnknownBatch(batch);
    }

    function _requireEntry(uint88 entryKey) private view returns (State) {
        Entry memory entry = _entry(entryKey);
        if (entry.batch == 0) revert UnknownEntry(entryKey);
        return _state(entry);
    }

    function _requireActiveOrDisputed(uint88 entryKey) private view {
        State state = _requireEntry(entryKey);
        if (state != State.Active && state != State.Disputed) revert RecordState(entryKey, state);
    }

    function _requireAccount(AccountRole role) private view returns (Account memory account) {
        account = _accounts[msg.sender];
        if (!account.enabled || account.role != role) revert NotAnAccount(msg.sender, role);
    }

    /// @dev Standing, time and pause do not matter here: corrections must never freeze.
    function _requireOwnerOrAuthority(uint16 institution) private view returns (Note memory note) {
        Account memory account = _accounts[msg.sender];
        if (account.enabled && account.institution == institution) return _noteBy(account, 0);
        uint16 jurisdiction = _institutions[institution].jurisdiction;
        if (jurisdiction == 0 || !_isAuthorityOf(jurisdiction, msg.sender)) revert NotAllowed(msg.sender, institution);
        note.byJurisdiction = jurisdiction;
        note.at = uint40(block.timestamp);
    }

    function _noteBy(Account memory account, uint8 reason) private view returns (Note memory note) {
        note.at = uint40(block.timestamp);
        note.reason = reason;
        note.byInstitution = account.institution;
        note.byAccount = account.number;
    }

    /// @dev None takes override and note away; the event still carries who did it and why.
    function _override(uint88 entryKey, State state, Note memory note) private {
        Entry memory entry = _entry(entryKey);
        _entries[entryKey] = _packEntry(entry.commitment, entry.batch, state);
        if (state == State.None) delete _notes[entryKey];
        else _notes[entryKey] = note;
        emit OverrideSet(entryKey, entry.batch, state, note, msg.sender);
    }
}
