// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ModelOfSides} from "./ModelOfSides.sol";

/// @title What was recorded, told again: each hash has a list of an institution's claims, each record is registered alone
contract Model is ModelOfSides {
    struct Kept {
        Entry entry;
        Note note;
    }

    /// @dev A claim's place in its list is the n of its entry key.
    mapping(uint64 recordHash => mapping(uint16 institution => Kept[])) private kept;
    Batch[] private batches;
    uint40 private records;

    constructor(Founder[] memory founders) ModelOfSides(founders) {}

    // ------------------------------------------------------------------------------------------------- registering

    function register(uint16 schema, uint40 expiresAt, uint8 epoch, bytes32[] calldata packed)
        external
        returns (uint48 batch)
    {
        if (heir != address(0)) revert RegistrationClosed(heir);
        if (_pauses() != 0) revert Paused(_pauses());
        Account memory caller = accountAt[msg.sender];
        if (!caller.enabled || caller.role != AccountRole.Submit) revert NotAnAccount(msg.sender, AccountRole.Submit);
        _mustBeEntitled(caller.institution, schema);
        Institution memory provider = admitted[caller.institution - 1];
        if (_over(expiresAt)) revert ExpiryInvalid(expiresAt);
        if (epoch > 0 && shares[provider.jurisdiction][epoch] == 0) revert ShareMissing(provider.jurisdiction, epoch);
        if (packed.length == 0 || packed.length >= 65536) revert CountInvalid(packed.length);

        Batch memory made;
        made.submitter = msg.sender;
        made.institution = caller.institution;
        made.schema = schema;
        made.registeredAt = uint40(block.timestamp);
        made.count = uint16(packed.length);
        made.epoch = epoch;
        made.expiresAt = expiresAt;
        made.status = provider.mandatoryReview ? State.Pending : State.Active;
        batches.push(made);
        batch = uint48(batches.length);
        for (uint256 i; i < packed.length; ++i) {
            uint64 recordHash = _hash(packed[i]);
            if (i > 0 && recordHash <= _hash(packed[i - 1])) revert RecordsNotRising(i, recordHash);
            _registerOne(i, recordHash, uint192(uint256(packed[i]) % 2 ** 192), caller.institution, batch);
        }
        emit BatchRegistered(
            batch, made.institution, schema, msg.sender, made.registeredAt, expiresAt, epoch, made.status, packed
        );
    }

    function _registerOne(uint256 index, uint64 recordHash, uint192 commitment, uint16 institution, uint48 batch)
        private
    {
        Kept[] storage list = kept[recordHash][institution];
        for (uint8 n; n < list.length; ++n) {
            State state = _stateOf(list[n].entry);
            bool counts = state == State.Pending || state == State.Active || state == State.Disputed;
            if (list[n].entry.commitment == commitment && counts && !_expired(list[n].entry)) {
                revert DuplicateRecord(index, _key(recordHash, institution, n));
            }
        }
        if (list.length == 64) revert NoPlaceLeft(index, recordHash);
        Kept storage added = list.push();
        added.entry = Entry(commitment, batch, State.None);
        records += 1;
    }

    // --------------------------------------------------------------------------------------------------- reviewing

    function approve(uint48 batch, Exception[] calldata exceptions) external {
        if (_pauses() != 0) revert Paused(_pauses());
        Batch storage reviewed = _batch(batch);
        if (msg.sender == reviewed.submitter) revert SelfApproval(batch, msg.sender);
        Account memory caller = accountAt[msg.sender];
        if (!caller.enabled || caller.role != AccountRole.Review) revert NotAnAccount(msg.sender, AccountRole.Review);
        if (caller.institution != reviewed.institution) revert NotAllowed(msg.sender, reviewed.institution);
        if (reviewed.status != State.Pending) revert BatchNotPending(batch, reviewed.status);
        _mustBeEntitled(reviewed.institution, reviewed.schema);
        if (_over(reviewed.expiresAt)) revert BatchExpired(batch, reviewed.expiresAt);
        for (uint256 i; i < exceptions.length; ++i) {
            uint88 entryKey = exceptions[i].entryKey;
            if (!_exists(entryKey) || _at(entryKey).entry.batch != batch) revert NotInBatch(entryKey, batch);
            State over = _at(entryKey).entry.overrideState;
            if (over != State.None) revert RecordState(entryKey, over);
            _mark(entryKey, State.Rejected, _signed(caller, exceptions[i].reason));
        }
        reviewed.status = State.Active;
        reviewed.reviewer = msg.sender;
        reviewed.reviewedAt = uint40(block.timestamp);
        emit BatchApproved(batch, msg.sender, uint40(block.timestamp), exceptions.length);
    }

    function reject(uint48 batch, uint8 reason) external {
        Batch storage reviewed = _batch(batch);
        _ownerOrItsAuthority(reviewed.institution, reason);
        if (reviewed.status != State.Pending) revert BatchNotPending(batch, reviewed.status);
        reviewed.status = State.Rejected;
        reviewed.reviewer = msg.sender;
        reviewed.reviewedAt = uint40(block.timestamp);
        reviewed.reason = reason;
        emit BatchRejected(batch, msg.sender, uint40(block.timestamp), reason);
    }

    // -------------------------------------------------------------------------------------------------- correcting

    function revoke(uint88[] calldata entryKeys, uint8 reason) external {
        for (uint256 i; i < entryKeys.length; ++i) {
            Note memory note = _ownerOrItsAuthority(_owner(entryKeys[i]), reason);
            _mustStand(entryKeys[i]);
            _mark(entryKeys[i], State.Revoked, note);
        }
    }

    function revokeBatch(uint48 batch, uint8 reason) external {
        Batch storage revoked = _batch(batch);
        _ownerOrItsAuthority(revoked.institution, reason);
        if (revoked.status != State.Active) revert BatchNotActive(batch, revoked.status);
        (revoked.status, revoked.reason) = (State.Revoked, reason);
        emit BatchRevoked(batch, msg.sender, reason, uint40(block.timestamp));
    }

    function supersede(uint88 entryKey, uint88 next, uint8 reason) external {
        if (_pauses() != 0) revert Paused(_pauses());
        Account memory caller = accountAt[msg.sender];
        uint16 owner = _owner(entryKey);
        if (!caller.enabled || caller.institution != owner) revert NotAllowed(msg.sender, owner);
        _mustStand(entryKey);
        bool fits = next != entryKey && _owner(next) == owner && _exists(next);
        if (fits) fits = _stateOf(_at(next).entry) == State.Active && !_expired(_at(next).entry);
        if (!fits) revert SuccessorInvalid(entryKey, next);
        _mustBeEntitled(owner, batches[_at(next).entry.batch - 1].schema);
        Note memory note = _signed(caller, reason);
        note.successor = uint72(uint256(_hashIn(next)) * 256 + _place(next));
        _mark(entryKey, State.Superseded, note);
    }

    function dispute(uint88 entryKey, uint8 reason) external {
        if (!_exists(entryKey)) revert UnknownEntry(entryKey);
        State state = _stateOf(_at(entryKey).entry);
        if (state != State.Active) revert RecordState(entryKey, state);
        Account memory caller = accountAt[msg.sender];
        if (!caller.enabled) return _mark(entryKey, State.Disputed, _signedBySide(_callersSide(), reason));
        if (caller.institution != _owner(entryKey)) revert NotAllowed(msg.sender, _owner(entryKey));
        _mark(entryKey, State.Disputed, _signed(caller, reason));
    }

    function resolve(uint88 entryKey, bool uphold, uint8 reason) external {
        if (!_exists(entryKey)) revert UnknownEntry(entryKey);
        Kept storage record = _at(entryKey);
        if (record.entry.overrideState != State.Disputed) revert RecordState(entryKey, _stateOf(record.entry));
        Account memory caller = accountAt[msg.sender];
        Note memory note;
        if (record.note.byJurisdiction != 0) {
            bool sameSide = sides[record.note.byJurisdiction - 1].seats.authority == msg.sender;
            if (!sameSide) revert NotResolver(entryKey, msg.sender);
            note = _signedBySide(record.note.byJurisdiction, reason);
        } else {
            bool colleague = caller.enabled && caller.institution == record.note.byInstitution
                && caller.number != record.note.byAccount;
            if (!colleague) revert NotResolver(entryKey, msg.sender);
            note = _signed(caller, reason);
        }
        _mark(entryKey, uphold ? State.Revoked : State.None, note);
    }

    // ----------------------------------------------------------------------------------------------------- reading

    function version() external pure returns (string memory) {
        return "1.0.0";
    }

    function registry() external view returns (Registry memory counters) {
        counters = _counters();
        counters.batchCount = uint40(batches.length);
        counters.recordCount = records;
    }

    function stateOf(uint88 entryKey) external view returns (State, bool) {
        if (!_exists(entryKey)) return (State.None, false);
        return (_stateOf(_at(entryKey).entry), _expired(_at(entryKey).entry));
    }

    function find(uint64 recordHash, uint16[] calldata institutions) external view returns (Claim[] memory claims) {
        uint256 count;
        for (uint256 i; i < institutions.length; ++i) {
            count += kept[recordHash][institutions[i]].length;
        }
        claims = new Claim[](count);
        count = 0;
        for (uint256 i; i < institutions.length; ++i) {
            Kept[] storage list = kept[recordHash][institutions[i]];
            for (uint8 n; n < list.length; ++n) {
                Entry memory entry = list[n].entry;
                Batch memory batch = batches[entry.batch - 1];
                claims[count++] = Claim(
                    _key(recordHash, institutions[i], n),
                    entry.commitment,
                    entry.batch,
                    institutions[i],
                    batch.schema,
                    batch.registeredAt,
                    batch.expiresAt,
                    batch.epoch,
                    _stateOf(entry),
                    _expired(entry)
                );
            }
        }
    }

    function findMany(uint80[] calldata pairs) external view returns (bytes32[] memory answers) {
        answers = new bytes32[](pairs.length);
        for (uint256 i; i < pairs.length; ++i) {
            Kept[] storage list = kept[uint64(pairs[i] / 2 ** 16)][uint16(pairs[i] % 2 ** 16)];
            if (list.length == 0) continue;
            Entry memory entry = list[0].entry;
            uint256 low = list.length + (_expired(entry) ? 128 : 0);
            answers[i] = bytes32(abi.encodePacked(entry.commitment, entry.batch, _stateOf(entry), uint8(low)));
        }
    }

    function entryOf(uint88 entryKey) external view returns (Entry memory none) {
        if (_exists(entryKey)) return _at(entryKey).entry;
    }

    function batchOf(uint48 batch) external view returns (Batch memory none) {
        if (batch != 0 && batch <= batches.length) return batches[batch - 1];
    }

    function noteOf(uint88 entryKey) external view returns (Note memory none) {
        if (_exists(entryKey)) return _at(entryKey).note;
    }

    // ----------------------------------------------------------------------------------------------------- private

    function _batch(uint48 batch) private view returns (Batch storage) {
        if (batch == 0 || batch > batches.length) revert UnknownBatch(batch);
        return batches[batch - 1];
    }

    /// @dev Rows: the batch's state; columns: the override.
    function _stateOf(Entry memory entry) private view returns (State) {
        State status = batches[entry.batch - 1].status;
        if (entry.overrideState == State.Rejected) return State.Rejected;
        if (entry.overrideState == State.Revoked) return State.Revoked;
        if (entry.overrideState == State.Superseded) return State.Superseded;
        if (status != State.Active) return status;
        return entry.overrideState == State.Disputed ? State.Disputed : State.Active;
    }

    function _expired(Entry memory entry) private view returns (bool) {
        return _over(batches[entry.batch - 1].expiresAt);
    }

    function _over(uint40 expiresAt) private view returns (bool) {
        return expiresAt > 0 && expiresAt <= block.timestamp;
    }

    function _mustStand(uint88 entryKey) private view {
        if (!_exists(entryKey)) revert UnknownEntry(entryKey);
        State state = _stateOf(_at(entryKey).entry);
        if (state == State.Active || state == State.Disputed) return;
        revert RecordState(entryKey, state);
    }

    function _ownerOrItsAuthority(uint16 institution, uint8 reason) private view returns (Note memory) {
        Account memory caller = accountAt[msg.sender];
        if (caller.enabled && caller.institution == institution) return _signed(caller, reason);
        if (institution == 0 || institution > admitted.length) revert NotAllowed(msg.sender, institution);
        uint16 side = admitted[institution - 1].jurisdiction;
        if (sides[side - 1].seats.authority != msg.sender) revert NotAllowed(msg.sender, institution);
        return _signedBySide(side, reason);
    }

    function _mark(uint88 entryKey, State state, Note memory note) private {
        Kept storage record = _at(entryKey);
        record.entry.overrideState = state;
        Note memory none;
        record.note = state == State.None ? none : note;
        emit OverrideSet(entryKey, record.entry.batch, state, note, msg.sender);
    }

    function _signed(Account memory by, uint16 reason) private view returns (Note memory) {
        return Note(0, uint40(block.timestamp), reason, by.institution, 0, by.number);
    }

    function _signedBySide(uint16 side, uint16 reason) private view returns (Note memory) {
        return Note(0, uint40(block.timestamp), reason, 0, side, 0);
    }

    function _exists(uint88 entryKey) private view returns (bool) {
        return _place(entryKey) < kept[_hashIn(entryKey)][_owner(entryKey)].length;
    }

    function _at(uint88 entryKey) private view returns (Kept storage) {
        return kept[_hashIn(entryKey)][_owner(entryKey)][_place(entryKey)];
    }

    function _key(uint64 recordHash, uint16 institution, uint8 n) private pure returns (uint88) {
        return uint88(bytes11(abi.encodePacked(recordHash, institution, n)));
    }

    function _hash(bytes32 packed) private pure returns (uint64) {
        return uint64(bytes8(packed));
    }

    function _hashIn(uint88 entryKey) private pure returns (uint64) {
        return uint64(entryKey / 2 ** 24);
    }

    function _owner(uint88 entryKey) private pure returns (uint16) {
        return uint16(entryKey / 2 ** 8 % 2 ** 16);
    }

    function _place(uint88 entryKey) private pure returns (uint8) {
        return uint8(entryKey % 2 ** 8);
    }
}
