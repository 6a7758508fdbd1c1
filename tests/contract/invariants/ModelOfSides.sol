// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";

/// @title Who may act, told again without regard to gas: lists and flags where the registry has bitmaps and packed words
/// @dev   The handlers make each call on the registry and here; answers, errors and events must be the same.
abstract contract ModelOfSides is IRecordRegistry {
    struct Side {
        Jurisdiction seats;
        bool accepted;
        bool pauses;
    }

    struct Agreement {
        uint16[] sides;
        uint40 epoch;
        uint40 expiresAt;
    }

    /// @dev Side id is at id - 1, as are institutions and schemas.
    Side[] internal sides;
    Institution[] internal admitted;
    bytes32[] private pinned;
    bool private live;
    uint40 private epochOfAuthorities;
    uint32 private accounts;
    address internal heir;
    mapping(bytes32 action => Agreement) private agreements;
    mapping(uint16 from => mapping(uint16 to => bool)) private corridors;
    mapping(address => Account) internal accountAt;
    mapping(uint16 side => mapping(uint8 epoch => bytes32)) internal shares;
    mapping(bytes32 place => DailyRoot) private roots;

    constructor(Founder[] memory founders) {
        for (uint256 i; i < founders.length; ++i) {
            _join(founders[i].code, founders[i].authority, founders[i].recovery);
        }
    }

    // ----------------------------------------------------------------------------------------------- jurisdictions

    function acceptRegistry(uint16 jurisdiction) external {
        Side storage side = _side(jurisdiction);
        if (side.seats.authority != msg.sender) revert NotAuthorityOf(jurisdiction, msg.sender);
        if (side.accepted) revert AlreadyAccepted(jurisdiction);
        side.accepted = true;
        if (live) {
            epochOfAuthorities += 1;
        } else {
            live = true;
            for (uint256 i; i < sides.length; ++i) {
                if (!sides[i].accepted) live = false;
            }
        }
        emit RegistryAccepted(jurisdiction, msg.sender, live);
    }

    function offerHandover(uint16 jurisdiction, Seat seat, address to) external {
        _mustBeLive();
        Jurisdiction storage seats = _side(jurisdiction).seats;
        address holder = seats.recovery;
        if (seat == Seat.Authority) holder = seats.authority;
        if (holder != msg.sender) revert NotSeatHolder(jurisdiction, seat, msg.sender);
        if (to != address(0) && _sits(to)) revert AddressNotFree(to);
        if (seat == Seat.Authority) seats.offeredAuthority = to;
        if (seat == Seat.Recovery) seats.offeredRecovery = to;
        emit HandoverOffered(jurisdiction, seat, to);
    }

    function acceptHandover(uint16 jurisdiction, Seat seat) external {
        Jurisdiction storage seats = _side(jurisdiction).seats;
        address from = seats.authority;
        if (seat == Seat.Authority) {
            if (seats.offeredAuthority != msg.sender) revert NotOffered(jurisdiction, seat, msg.sender);
            _replaceAuthority(seats, msg.sender);
        } else {
            if (seats.offeredRecovery != msg.sender) revert NotOffered(jurisdiction, seat, msg.sender);
            from = seats.recovery;
            _sitDown(msg.sender);
            seats.recovery = msg.sender;
            seats.offeredRecovery = address(0);
            _forgetRecovery(seats);
        }
        emit HandoverAccepted(jurisdiction, seat, from, msg.sender);
    }

    function startRecovery(uint16 jurisdiction, address to) external {
        _mustBeLive();
        Jurisdiction storage seats = _recoveryCalls(jurisdiction);
        if (to != address(0) && _sits(to)) revert AddressNotFree(to);
        seats.recoveryTo = to;
        seats.recoveryAt = to == address(0) ? 0 : uint40(block.timestamp);
        emit RecoveryStarted(jurisdiction, to, seats.recoveryAt);
    }

    function objectToRecovery(uint16 jurisdiction) external {
        Jurisdiction storage seats = _side(jurisdiction).seats;
        if (seats.authority != msg.sender) revert NotAuthorityOf(jurisdiction, msg.sender);
        if (seats.recoveryAt == 0) revert NoRecovery(jurisdiction, seats.recoveryTo);
        seats.recoveryAt = 0;
        emit RecoveryObjected(jurisdiction, msg.sender, seats.recoveryTo);
    }

    function supportRecovery(uint16 jurisdiction, address to) external {
        uint16 supporter = _callersSide();
        if (supporter == jurisdiction) revert OwnSupport(jurisdiction);
        Jurisdiction storage seats = _side(jurisdiction).seats;
        if (to == address(0) || to != seats.recoveryTo) revert NoRecovery(jurisdiction, to);
        _recover(jurisdiction, seats, supporter);
    }

    function completeRecovery(uint16 jurisdiction) external {
        Jurisdiction storage seats = _recoveryCalls(jurisdiction);
        if (seats.recoveryAt == 0) revert NoRecovery(jurisdiction, seats.recoveryTo);
        if (block.timestamp < uint256(seats.recoveryAt) + 14 days) {
            revert RecoveryTooEarly(jurisdiction, seats.recoveryAt + 14 days);
        }
        _recover(jurisdiction, seats, 0);
    }

    function addJurisdiction(bytes32 code, address authority, address recovery) external returns (bool complete) {
        complete = _agreed(_acceptedSides());
        if (complete) {
            _join(code, authority, recovery);
            epochOfAuthorities += 1;
        }
    }

    function nameSuccessor(address to) external returns (bool complete) {
        if (to == address(0)) revert AddressNotFree(to);
        if (heir != address(0)) revert RegistrationClosed(heir);
        complete = _agreed(_acceptedSides());
        if (complete) {
            heir = to;
            emit SuccessorNamed(to);
        }
    }

    function withdrawAgreement(bytes32 action) external {
        uint16 side = _callersSide();
        Agreement storage agreement = agreements[action];
        if (!_speaks(agreement) || !_isIn(agreement.sides, side)) revert NotAgreed(action, side);
        uint16[] memory before = agreement.sides;
        delete agreement.sides;
        for (uint256 i; i < before.length; ++i) {
            if (before[i] != side) agreement.sides.push(before[i]);
        }
        emit JointActionWithdrawn(action, side, _bits(agreement.sides));
    }

    function openCorridor(uint16 from, uint16 to) external returns (bool complete) {
        if (from == to || !_hasAccepted(from) || !_hasAccepted(to)) revert NotACorridor(from, to);
        if (corridors[from][to]) revert CorridorState(from, to, true);
        uint16[] memory both = new uint16[](2);
        (both[0], both[1]) = (from, to);
        complete = _agreed(both);
        if (complete) {
            corridors[from][to] = true;
            emit CorridorOpened(from, to);
        }
    }

    function closeCorridor(uint16 from, uint16 to) external {
        uint16 side = _callersSide();
        if (side != from && side != to) revert NotAuthorityOf(from, msg.sender);
        if (!corridors[from][to]) revert CorridorState(from, to, false);
        delete corridors[from][to];
        emit CorridorClosed(from, to, side);
    }

    function setPaused(bool paused) external {
        uint16 side = _callersSide();
        if (_side(side).pauses == paused) revert PauseState(side, paused);
        _side(side).pauses = paused;
        emit PauseSet(side, paused);
    }

    function addSchema(bytes32 hash, string calldata name) external returns (uint16 schema) {
        uint16 side = _callersSide();
        if (hash == 0) revert HashInvalid(hash);
        if (schemaByHash(hash) != 0) revert SchemaTaken(hash, schemaByHash(hash));
        uint8 own = sides[side - 1].seats.schemaCount;
        if (own == 127) revert LimitReached(127);
        if (pinned.length == 255) revert LimitReached(255);
        sides[side - 1].seats.schemaCount = own + 1;
        pinned.push(hash);
        schema = uint16(pinned.length);
        emit SchemaAdded(schema, hash, side, name);
    }

    function publishKeeperShare(uint8 epoch, bytes32 share) external {
        uint16 side = _callersSide();
        if (epoch == 0 || share == 0) revert ShareInvalid(side, epoch);
        if (shares[side][epoch] != 0) revert ShareWritten(side, epoch);
        shares[side][epoch] = share;
        emit KeeperSharePublished(side, epoch, share);
    }

    // ------------------------------------------------------------------------------------------------ institutions

    function admit(bytes32 code, bytes32 profileHash) external returns (uint16 institution) {
        uint16 side = _callersSide();
        if (code == 0) revert CodeInvalid(code);
        if (institutionByCode(code) != 0) revert CodeTaken(code, institutionByCode(code));
        uint16 own = sides[side - 1].seats.institutionCount;
        if (own == 32_767) revert LimitReached(32_767);
        if (admitted.length == 65_535) revert LimitReached(65_535);
        sides[side - 1].seats.institutionCount = own + 1;
        admitted.push(
            Institution(
                side, 0, Standing.Active, false, 0, uint40(block.timestamp), 0, 0, code, profileHash, bytes32(0)
            )
        );
        institution = uint16(admitted.length);
        emit InstitutionAdmitted(institution, side, code, profileHash, uint40(block.timestamp));
    }

    function scope(uint16 institution, uint8 roles, uint256 schemas, uint40 entitledUntil, bool mandatoryReview)
        external
    {
        Institution storage own = _itsAuthorityCalls(institution);
        if (roles >= 4) revert RolesInvalid(roles);
        uint256 unknown = schemas;
        for (uint256 id = 1; id <= pinned.length; ++id) {
            if (unknown & 2 ** id != 0) unknown -= 2 ** id;
        }
        if (unknown != 0) revert SchemasUnknown(unknown);
        own.roles = roles;
        own.schemas = schemas;
        own.entitledUntil = entitledUntil;
        own.mandatoryReview = mandatoryReview;
        emit InstitutionScoped(institution, roles, schemas, entitledUntil, mandatoryReview);
    }

    function setStanding(uint16 institution, Standing standing, uint8 reason) external {
        Institution storage own = _itsAuthorityCalls(institution);
        bool changes = own.standing != Standing.Terminated && standing != Standing.None && own.standing != standing;
        if (!changes) revert StandingUnchanged(institution, own.standing);
        own.standing = standing;
        emit StandingSet(institution, standing, reason);
    }

    function setProfile(uint16 institution, bytes32 profileHash) external {
        _itsAuthorityCalls(institution).profileHash = profileHash;
        emit ProfileSet(institution, profileHash);
    }

    function setEncryptionKey(uint16 institution, uint8 suite, bytes calldata key) external {
        Account memory caller = accountAt[msg.sender];
        bool itsReviewer = caller.enabled && caller.role == AccountRole.Review && caller.institution == institution;
        if (!itsReviewer || admitted[institution - 1].standing != Standing.Active) _itsAuthorityCalls(institution);
        if (key.length == 0) revert HashInvalid(0);
        admitted[institution - 1].encryptionSuite = suite;
        admitted[institution - 1].encryptionKeyHash = keccak256(key);
        emit EncryptionKeySet(institution, suite, key, msg.sender);
    }

    function setAccount(uint16 institution, address account, AccountRole role, bool enabled) external {
        _itsAuthorityCalls(institution);
        if (role == AccountRole.None) revert AccountRoleInvalid();
        Account storage bound = accountAt[account];
        bool isNew = bound.number == 0;
        if ((isNew || enabled) && (account == address(0) || _sits(account))) revert AddressNotFree(account);
        if (isNew) accountAt[account] = Account(institution, role, enabled, accounts += 1);
        if (bound.institution != institution || bound.role != role) {
            revert AccountBound(account, bound.institution, bound.role);
        }
        bound.enabled = enabled;
        emit AccountSet(institution, account, role, enabled, bound.number);
    }

    function postDailyRoot(uint8 kind, uint32 day, bytes32 root, uint32 count, uint64 first, uint64 last) external {
        Account memory caller = accountAt[msg.sender];
        if (!caller.enabled) revert NotAnAccount(msg.sender, AccountRole.None);
        bool empty = root == 0 && count == 0 && first == 0 && last == 0;
        bool full = root != 0 && count != 0 && first <= last && last - first == count - 1;
        if (block.timestamp / 86400 <= day || !(empty || full)) revert RootInvalid(caller.institution, kind, day);
        bytes32 place = keccak256(abi.encode(caller.institution, kind, day));
        if (roots[place].postedAt != 0) revert RootWritten(caller.institution, kind, day);
        roots[place] = DailyRoot(root, count, first, last, uint40(block.timestamp));
        emit DailyRootPosted(
            caller.institution, kind, day, root, count, first, last, uint40(block.timestamp), msg.sender
        );
    }

    // ----------------------------------------------------------------------------------------------------- reading

    function successor() external view returns (address) {
        return heir;
    }

    function jurisdictionOf(uint16 jurisdiction) external view returns (Jurisdiction memory none) {
        if (jurisdiction != 0 && jurisdiction <= sides.length) return sides[jurisdiction - 1].seats;
    }

    function proposalOf(bytes32 action) external view returns (Proposal memory) {
        Agreement storage agreement = agreements[action];
        return Proposal(_bits(agreement.sides), agreement.epoch, agreement.expiresAt);
    }

    function corridorOpen(uint16 from, uint16 to) external view returns (bool) {
        return corridors[from][to];
    }

    function institutionOf(uint16 institution) external view returns (Institution memory none) {
        if (institution != 0 && institution <= admitted.length) return admitted[institution - 1];
    }

    function institutionByCode(bytes32 code) public view returns (uint16 institution) {
        for (uint16 i; i < admitted.length; ++i) {
            if (admitted[i].code == code) institution = i + 1;
        }
    }

    function accountOf(address account) external view returns (Account memory) {
        return accountAt[account];
    }

    function schemaOf(uint16 schema) external view returns (bytes32 none) {
        if (schema != 0 && schema <= pinned.length) return pinned[schema - 1];
    }

    function schemaByHash(bytes32 hash) public view returns (uint16 schema) {
        for (uint16 i; i < pinned.length; ++i) {
            if (pinned[i] == hash) schema = i + 1;
        }
    }

    function keeperShareOf(uint16 jurisdiction, uint8 epoch) external view returns (bytes32) {
        return shares[jurisdiction][epoch];
    }

    function dailyRootOf(uint16 institution, uint8 kind, uint32 day) external view returns (DailyRoot memory) {
        return roots[keccak256(abi.encode(institution, kind, day))];
    }

    // -------------------------------------------------------------------------------------------- for the records

    /// @dev What of the counters concerns sides; the records' two are zero.
    function _counters() internal view returns (Registry memory counters) {
        counters.accountCount = accounts;
        counters.authorityEpoch = epochOfAuthorities;
        counters.institutionCount = uint16(admitted.length);
        counters.schemaCount = uint8(pinned.length);
        counters.jurisdictionCount = uint8(sides.length);
        counters.live = live;
        counters.accepted = _bits(_acceptedSides());
        counters.paused = _pauses();
    }

    function _pauses() internal view returns (uint32 bits) {
        for (uint256 i; i < sides.length; ++i) {
            if (sides[i].pauses) bits += uint32(2 ** i);
        }
    }

    /// @dev The side whose authority calls and has accepted.
    function _callersSide() internal view returns (uint16) {
        _mustBeLive();
        for (uint16 i; i < sides.length; ++i) {
            if (sides[i].accepted && sides[i].seats.authority == msg.sender) return i + 1;
        }
        revert NotAuthority(msg.sender);
    }

    function _mustBeEntitled(uint16 institution, uint16 schema) internal view {
        Institution memory provider = admitted[institution - 1];
        if (provider.standing == Standing.Active && (provider.roles == 1 || provider.roles == 3)) {
            bool ended = provider.entitledUntil != 0 && block.timestamp >= provider.entitledUntil;
            if (!ended && schema < 256 && provider.schemas / 2 ** schema % 2 == 1) return;
        }
        revert NotEntitled(institution, schema);
    }

    // ----------------------------------------------------------------------------------------------------- private

    function _mustBeLive() private view {
        if (!live) revert NotLive();
    }

    function _side(uint16 jurisdiction) private view returns (Side storage) {
        if (jurisdiction == 0 || jurisdiction > sides.length) revert UnknownJurisdiction(jurisdiction);
        return sides[jurisdiction - 1];
    }

    function _hasAccepted(uint16 jurisdiction) private view returns (bool) {
        return jurisdiction != 0 && jurisdiction <= sides.length && sides[jurisdiction - 1].accepted;
    }

    function _acceptedSides() private view returns (uint16[] memory accepted) {
        uint256 count;
        for (uint16 id = 1; id <= sides.length; ++id) {
            if (_hasAccepted(id)) ++count;
        }
        accepted = new uint16[](count);
        for (uint16 id = uint16(sides.length); id != 0; --id) {
            if (_hasAccepted(id)) accepted[--count] = id;
        }
    }

    function _sits(address holder) private view returns (bool) {
        for (uint256 i; i < sides.length; ++i) {
            if (sides[i].seats.authority == holder || sides[i].seats.recovery == holder) return true;
        }
        return false;
    }

    function _sitDown(address holder) private {
        if (holder == address(0) || _sits(holder)) revert AddressNotFree(holder);
        Account storage account = accountAt[holder];
        if (account.enabled) {
            account.enabled = false;
            emit AccountSet(account.institution, holder, account.role, false, account.number);
        }
    }

    function _replaceAuthority(Jurisdiction storage seats, address to) private {
        _sitDown(to);
        seats.authority = to;
        seats.offeredAuthority = address(0);
        epochOfAuthorities += 1;
    }

    function _recoveryCalls(uint16 jurisdiction) private view returns (Jurisdiction storage seats) {
        seats = _side(jurisdiction).seats;
        if (seats.recovery != msg.sender) revert NotSeatHolder(jurisdiction, Seat.Recovery, msg.sender);
    }

    function _recover(uint16 jurisdiction, Jurisdiction storage seats, uint16 supporter) private {
        (address from, address to) = (seats.authority, seats.recoveryTo);
        _replaceAuthority(seats, to);
        _forgetRecovery(seats);
        emit RecoveryCompleted(jurisdiction, from, to, supporter);
    }

    function _forgetRecovery(Jurisdiction storage seats) private {
        (seats.recoveryTo, seats.recoveryAt) = (address(0), 0);
    }

    function _join(bytes32 code, address authority, address recovery) private {
        if (sides.length == 32) revert LimitReached(32);
        if (code == 0) revert CodeInvalid(code);
        for (uint16 i; i < sides.length; ++i) {
            if (sides[i].seats.code == code) revert CodeTaken(code, i + 1);
        }
        _sitDown(authority);
        _sitDown(recovery);
        if (authority == recovery) revert AddressNotFree(recovery);
        Jurisdiction memory seats;
        (seats.code, seats.authority, seats.recovery) = (code, authority, recovery);
        sides.push(Side(seats, false, false));
        emit JurisdictionAdded(uint16(sides.length), code, authority, recovery);
    }

    /// @dev Notes that the caller's side calls with these arguments; true once each of `all` has.
    function _agreed(uint16[] memory all) private returns (bool) {
        uint16 side = _callersSide();
        if (!_isIn(all, side)) revert NotAuthority(msg.sender);
        bytes32 action = keccak256(msg.data);
        Agreement storage agreement = agreements[action];
        if (!_speaks(agreement)) {
            delete agreement.sides;
            (agreement.epoch, agreement.expiresAt) = (epochOfAuthorities, uint40(block.timestamp + 30 days));
        }
        if (_isIn(agreement.sides, side)) revert AlreadyAgreed(action, side);
        agreement.sides.push(side);
        emit JointActionAgreed(action, side, _bits(agreement.sides), agreement.epoch, agreement.expiresAt, msg.data);
        for (uint256 i; i < all.length; ++i) {
            if (!_isIn(agreement.sides, all[i])) return false;
        }
        delete agreements[action];
        emit JointActionCompleted(action);
        return true;
    }

    /// @dev Neither too old nor of other authorities than today's.
    function _speaks(Agreement storage agreement) private view returns (bool) {
        return agreement.epoch == epochOfAuthorities && block.timestamp < agreement.expiresAt;
    }

    function _itsAuthorityCalls(uint16 institution) private view returns (Institution storage own) {
        if (institution == 0 || institution > admitted.length) revert UnknownInstitution(institution);
        own = admitted[institution - 1];
        _mustBeLive();
        if (sides[own.jurisdiction - 1].seats.authority != msg.sender) {
            revert NotAuthorityOf(own.jurisdiction, msg.sender);
        }
    }

    function _isIn(uint16[] memory list, uint16 side) private pure returns (bool found) {
        for (uint256 i; i < list.length; ++i) {
            found = found || list[i] == side;
        }
    }

    function _bits(uint16[] memory list) private pure returns (uint32 bits) {
        for (uint256 i; i < list.length; ++i) {
            bits += uint32(2 ** (list[i] - 1));
        }
    }
}
