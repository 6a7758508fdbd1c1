// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "./IRecordRegistry.sol";

/// @title Who may act: jurisdictions, joint actions, corridors, institutions, accounts, schemas, shares and roots
abstract contract Institutions is IRecordRegistry {
    /// @dev Long enough for an authority on leave or under attack to notice and object.
    uint256 internal constant RECOVERY_DELAY = 14 days;
    /// @dev Authorities act by paper and by phone; an agreement older than this no longer speaks for them.
    uint256 internal constant PROPOSAL_LIFETIME = 30 days;
    /// @dev Bitmaps of jurisdictions are 32 bits.
    uint256 internal constant JURISDICTION_LIMIT = 32;
    /// @dev An institution is 16 bits of an entry key.
    uint256 internal constant INSTITUTION_LIMIT = type(uint16).max;
    /// @dev An institution's schemas are 256 bits; id 0 is nobody's.
    uint256 internal constant SCHEMA_LIMIT = 255;
    uint8 internal constant ROLE_PROVIDER = 1;
    uint8 internal constant ROLES_ALL = 3;
    uint40 internal constant NO_END = 0;

    Registry internal _registry;
    address internal _successor;
    mapping(uint16 id => Jurisdiction) internal _jurisdictions;
    mapping(bytes32 action => Proposal) private _proposals;
    mapping(uint16 from => mapping(uint16 to => bool open)) private _corridors;
    mapping(uint16 id => Institution) internal _institutions;
    mapping(bytes32 code => uint16 id) private _institutionIds;
    mapping(address account => Account) internal _accounts;
    mapping(uint16 id => bytes32 hash) private _schemas;
    mapping(bytes32 hash => uint16 id) private _schemaIds;
    mapping(uint16 jurisdiction => mapping(uint8 epoch => bytes32)) internal _keeperShares;
    mapping(uint16 institution => mapping(uint8 kind => mapping(uint32 day => DailyRoot))) private _dailyRoots;

    constructor(Founder[] memory founders) {
        if (founders.length == 0) revert CountInvalid(0);
        for (uint256 i; i < founders.length; ++i) {
            _addJurisdiction(founders[i].code, founders[i].authority, founders[i].recovery);
        }
    }

    // ----------------------------------------------------------------------------------------------- jurisdictions

    /// @inheritdoc IRecordRegistry
    function acceptRegistry(uint16 jurisdiction) external {
        if (msg.sender != _known(jurisdiction).authority) revert NotAuthorityOf(jurisdiction, msg.sender);
        uint32 bit = _bit(jurisdiction);
        uint32 accepted = _registry.accepted;
        if (accepted & bit != 0) revert AlreadyAccepted(jurisdiction);
        accepted |= bit;
        _registry.accepted = accepted;
        // A later jurisdiction joins a live registry: from here on, all means one more, so what was agreed before is dead.
        if (_registry.live) ++_registry.authorityEpoch;
        else _registry.live = accepted == _allBits();
        emit RegistryAccepted(jurisdiction, msg.sender, _registry.live);
    }

    /// @inheritdoc IRecordRegistry
    function offerHandover(uint16 jurisdiction, Seat seat, address to) external {
        _requireLive();
        Jurisdiction storage side = _known(jurisdiction);
        if (msg.sender != (seat == Seat.Authority ? side.authority : side.recovery)) {
            revert NotSeatHolder(jurisdiction, seat, msg.sender);
        }
        if (to != address(0)) _requireFree(to);
        if (seat == Seat.Authority) side.offeredAuthority = to;
        else side.offeredRecovery = to;
        emit HandoverOffered(jurisdiction, seat, to);
    }

    /// @inheritdoc IRecordRegistry
    function acceptHandover(uint16 jurisdiction, Seat seat) external {
        Jurisdiction storage side = _known(jurisdiction);
        address offered = seat == Seat.Authority ? side.offeredAuthority : side.offeredRecovery;
        if (msg.sender != offered) revert NotOffered(jurisdiction, seat, msg.sender);
        address from;
        if (seat == Seat.Authority) {
            from = _seatAuthority(side, offered);
        } else {
            _seat(offered);
            from = side.recovery;
            side.recovery = offered;
            side.offeredRecovery = address(0);
            _endRecovery(side);
        }
        emit HandoverAccepted(jurisdiction, seat, from, offered);
    }

    /// @inheritdoc IRecordRegistry
    function startRecovery(uint16 jurisdiction, address to) external {
        _requireLive();
        Jurisdiction storage side = _requireRecovery(jurisdiction);
        if (to == address(0)) {
            _endRecovery(side);
        } else {
            _requireFree(to);
            side.recoveryTo = to;
            side.recoveryAt = uint40(block.timestamp);
        }
        emit RecoveryStarted(jurisdiction, to, side.recoveryAt);
    }

    /// @inheritdoc IRecordRegistry
    function objectToRecovery(uint16 jurisdiction) external {
        Jurisdiction storage side = _known(jurisdiction);
        if (msg.sender != side.authority) revert NotAuthorityOf(jurisdiction, msg.sender);
        if (side.recoveryAt == 0) revert NoRecovery(jurisdiction, side.recoveryTo);
        side.recoveryAt = 0;
        emit RecoveryObjected(jurisdiction, msg.sender, side.recoveryTo);
    }

    /// @inheritdoc IRecordRegistry
    function supportRecovery(uint16 jurisdiction, address to) external {
        uint16 supporter = _callerJurisdiction();
        if (supporter == jurisdiction) revert OwnSupport(jurisdiction);
        Jurisdiction storage side = _known(jurisdiction);
        if (to == address(0) || side.recoveryTo != to) revert NoRecovery(jurisdiction, to);
        _endRecovery(side);
        emit RecoveryCompleted(jurisdiction, _seatAuthority(side, to), to, supporter);
    }

    /// @inheritdoc IRecordRegistry
    function completeRecovery(uint16 jurisdiction) external {
        Jurisdiction storage side = _requireRecovery(jurisdiction);
        uint40 startedAt = side.recoveryAt;
        address to = side.recoveryTo;
        if (startedAt == 0) revert NoRecovery(jurisdiction, to);
        uint40 notBefore = startedAt + uint40(RECOVERY_DELAY);
        if (block.timestamp < notBefore) revert RecoveryTooEarly(jurisdiction, notBefore);
        _endRecovery(side);
        emit RecoveryCompleted(jurisdiction, _seatAuthority(side, to), to, 0);
    }

    /// @inheritdoc IRecordRegistry
    function addJurisdiction(bytes32 code, address authority, address recovery) external returns (bool complete) {
        complete = _agree(_registry.accepted);
        if (complete) {
            _addJurisdiction(code, authority, recovery);
            ++_registry.authorityEpoch;
        }
    }

    /// @inheritdoc IRecordRegistry
    function nameSuccessor(address to) external returns (bool complete) {
        if (to == address(0)) revert AddressNotFree(to);
        if (_successor != address(0)) revert RegistrationClosed(_successor);
        complete = _agree(_registry.accepted);
        if (complete) {
            _successor = to;
            emit SuccessorNamed(to);
        }
    }

    /// @inheritdoc IRecordRegistry
    function withdrawAgreement(bytes32 action) external {
        uint16 jurisdiction = _callerJurisdiction();
        Proposal storage proposal = _proposals[action];
        uint32 bit = _bit(jurisdiction);
        if (!_isAlive(proposal) || proposal.agreed & bit == 0) revert NotAgreed(action, jurisdiction);
        proposal.agreed &= ~bit;
        emit JointActionWithdrawn(action, jurisdiction, proposal.agreed);
    }

    /// @inheritdoc IRecordRegistry
    function openCorridor(uint16 from, uint16 to) external returns (bool complete) {
        uint32 both = _bit(from) | _bit(to);
        if (_bit(from) == 0 || _bit(to) == 0 || from == to || both & ~_registry.accepted != 0) {
            revert NotACorridor(from, to);
        }
        if (_corridors[from][to]) revert CorridorState(from, to, true);
        complete = _agree(both);
        if (complete) {
            _corridors[from][to] = true;
            emit CorridorOpened(from, to);
        }
    }

    /// @inheritdoc IRecordRegistry
    function closeCorridor(uint16 from, uint16 to) external {
        uint16 jurisdiction = _callerJurisdiction();
        if (jurisdiction != from && jurisdiction != to) revert NotAuthorityOf(from, msg.sender);
        if (!_corridors[from][to]) revert CorridorState(from, to, false);
        _corridors[from][to] = false;
        emit CorridorClosed(from, to, jurisdiction);
    }

    /// @inheritdoc IRecordRegistry
    function setPaused(bool paused) external {
        uint16 jurisdiction = _callerJurisdiction();
        uint32 bit = _bit(jurisdiction);
        if ((_registry.paused & bit != 0) == paused) revert PauseState(jurisdiction, paused);
        _registry.paused ^= bit;
        emit PauseSet(jurisdiction, paused);
    }

    /// @inheritdoc IRecordRegistry
    function addSchema(bytes32 hash, string calldata name) external returns (uint16 schema) {
        uint16 jurisdiction = _callerJurisdiction();
        if (hash == 0) revert HashInvalid(hash);
        if (_schemaIds[hash] != 0) revert SchemaTaken(hash, _schemaIds[hash]);
        if (_registry.schemaCount == SCHEMA_LIMIT) revert LimitReached(SCHEMA_LIMIT);
        schema = ++_registry.schemaCount;
        _schemas[schema] = hash;
        _schemaIds[hash] = schema;
        emit SchemaAdded(schema, hash, jurisdiction, name);
    }

    /// @inheritdoc IRecordRegistry
    function publishKeeperShare(uint8 epoch, bytes32 share) external {
        uint16 jurisdiction = _callerJurisdiction();
        // Epoch 0 means salted: it has no keepers.
        if (epoch == 0 || share == 0) revert ShareInvalid(jurisdiction, epoch);
        if (_keeperShares[jurisdiction][epoch] != 0) revert ShareWritten(jurisdiction, epoch);
        _keeperShares[jurisdiction][epoch] = share;
        emit KeeperSharePublished(jurisdiction, epoch, share);
    }

    // ------------------------------------------------------------------------------------------------ institutions

    /// @inheritdoc IRecordRegistry
    function admit(bytes32 code, bytes32 profileHash) external returns (uint16 institution) {
        uint16 jurisdiction = _callerJurisdiction();
        if (code == 0) revert CodeInvalid(code);
        if (_institutionIds[code] != 0) revert CodeTaken(code, _institutionIds[code]);
        if (_registry.institutionCount == INSTITUTION_LIMIT) revert LimitReached(INSTITUTION_LIMIT);
        institution = ++_registry.institutionCount;
        _institutionIds[code] = institution;
        Institution storage admitted = _institutions[institution];
        admitted.jurisdiction = jurisdiction;
        admitted.standing = Standing.Active;
        admitted.admittedAt = uint40(block.timestamp);
        admitted.code = code;
        admitted.profileHash = profileHash;
        emit InstitutionAdmitted(institution, jurisdiction, code, profileHash, uint40(block.timestamp));
    }

    /// @inheritdoc IRecordRegistry
    function scope(uint16 institution, uint8 roles, uint256 schemas, uint40 entitledUntil, bool mandatoryReview)
        external
    {
        Institution storage scoped = _ownInstitution(institution);
        if (roles > ROLES_ALL) revert RolesInvalid(roles);
        // Bits 1 to schemaCount exist.
        uint256 known = (type(uint256).max >> (SCHEMA_LIMIT - _registry.schemaCount)) - 1;
        if (schemas & ~known != 0) revert SchemasUnknown(schemas & ~known);
        scoped.roles = roles;
        scoped.schemas = schemas;
        scoped.entitledUntil = entitledUntil;
        scoped.mandatoryReview = mandatoryReview;
        emit InstitutionScoped(institution, roles, schemas, entitledUntil, mandatoryReview);
    }

    /// @inheritdoc IRecordRegistry
    function setStanding(uint16 institution, Standing standing, uint8 reason) external {
        Institution storage judged = _ownInstitution(institution);
        Standing current = judged.standing;
        if (standing == Standing.None || standing == current || current == Standing.Terminated) {
            revert StandingUnchanged(institution, current);
        }
        judged.standing = standing;
        emit StandingSet(institution, standing, reason);
    }

    /// @inheritdoc IRecordRegistry
    function setProfile(uint16 institution, bytes32 profileHash) external {
        _ownInstitution(institution).profileHash = profileHash;
        emit ProfileSet(institution, profileHash);
    }

    /// @inheritdoc IRecordRegistry
    function setEncryptionKey(uint16 institution, uint8 suite, bytes calldata key) external {
        Account storage account = _accounts[msg.sender];
        // A reviewer may publish its institution's key: a submitter's key sits in a machine and is the likelier to leak.
        bool reviewer = institution != 0 && account.institution == institution && account.enabled
            && account.role == AccountRole.Review && _institutions[institution].standing == Standing.Active;
        Institution storage owner = reviewer ? _institutions[institution] : _ownInstitution(institution);
        if (key.length == 0) revert HashInvalid(0);
        owner.encryptionSuite = suite;
        owner.encryptionKeyHash = keccak256(key);
        emit EncryptionKeySet(institution, suite, key, msg.sender);
    }

    /// @inheritdoc IRecordRegistry
    function setAccount(uint16 institution, address account, AccountRole role, bool enabled) external {
        _ownInstitution(institution);
        if (role == AccountRole.None) revert AccountRoleInvalid();
        Account storage bound = _accounts[account];
        if (enabled || bound.institution == 0) _requireFree(account);
        if (bound.institution == 0) {
            bound.institution = institution;
            bound.role = role;
            bound.number = ++_registry.accountCount;
        } else if (bound.institution != institution || bound.role != role) {
            revert AccountBound(account, bound.institution, bound.role);
        }
        bound.enabled = enabled;
        emit AccountSet(institution, account, role, enabled, bound.number);
    }

    /// @inheritdoc IRecordRegistry
    function postDailyRoot(uint8 kind, uint32 day, bytes32 root, uint32 count, uint64 first, uint64 last) external {
        Account memory account = _accounts[msg.sender];
        if (!account.enabled) revert NotAnAccount(msg.sender, AccountRole.None);
        bool over = (uint256(day) + 1) * 1 days <= block.timestamp;
        bool consistent = count == 0
            ? root == 0 && first == 0 && last == 0
            : root != 0 && last >= first && uint256(last) - first + 1 == count;
        if (!over || !consistent) revert RootInvalid(account.institution, kind, day);
        DailyRoot storage posted = _dailyRoots[account.institution][kind][day];
        if (posted.postedAt != 0) revert RootWritten(account.institution, kind, day);
        (posted.root, posted.count, posted.first, posted.last) = (root, count, first, last);
        posted.postedAt = uint40(block.timestamp);
        emit DailyRootPosted(
            account.institution, kind, day, root, count, first, last, uint40(block.timestamp), msg.sender
        );
    }

    // ----------------------------------------------------------------------------------------------------- reading

    /// @inheritdoc IRecordRegistry
    function registry() external view returns (Registry memory) {
        return _registry;
    }

    /// @inheritdoc IRecordRegistry
    function successor() external view returns (address) {
        return _successor;
    }

    /// @inheritdoc IRecordRegistry
    function jurisdictionOf(uint16 jurisdiction) external view returns (Jurisdiction memory) {
        return _jurisdictions[jurisdiction];
    }

    /// @inheritdoc IRecordRegistry
    function proposalOf(bytes32 action) external view returns (Proposal memory) {
        return _proposals[action];
    }

    /// @inheritdoc IRecordRegistry
    function corridorOpen(uint16 from, uint16 to) external view returns (bool) {
        return _corridors[from][to];
    }

    /// @inheritdoc IRecordRegistry
    function institutionOf(uint16 institution) external view returns (Institution memory) {
        return _institutions[institution];
    }

    /// @inheritdoc IRecordRegistry
    function institutionByCode(bytes32 code) external view returns (uint16) {
        return _institutionIds[code];
    }

    /// @inheritdoc IRecordRegistry
    function accountOf(address account) external view returns (Account memory) {
        return _accounts[account];
    }

    /// @inheritdoc IRecordRegistry
    function schemaOf(uint16 schema) external view returns (bytes32) {
        return _schemas[schema];
    }

    /// @inheritdoc IRecordRegistry
    function schemaByHash(bytes32 hash) external view returns (uint16) {
        return _schemaIds[hash];
    }

    /// @inheritdoc IRecordRegistry
    function keeperShareOf(uint16 jurisdiction, uint8 epoch) external view returns (bytes32) {
        return _keeperShares[jurisdiction][epoch];
    }

    /// @inheritdoc IRecordRegistry
    function dailyRootOf(uint16 institution, uint8 kind, uint32 day) external view returns (DailyRoot memory) {
        return _dailyRoots[institution][kind][day];
    }

    // -------------------------------------------------------------------------------------------- for the records

    /// @dev The jurisdiction whose accepted authority calls. At most 32 cold reads, on admin paths only; a second mapping
    ///      from address to jurisdiction would have to be kept in step through handover and recovery.
    function _callerJurisdiction() internal view returns (uint16 jurisdiction) {
        _requireLive();
        uint32 accepted = _registry.accepted;
        for (jurisdiction = _registry.jurisdictionCount; jurisdiction != 0; --jurisdiction) {
            if (_jurisdictions[jurisdiction].authority == msg.sender && accepted & _bit(jurisdiction) != 0) {
                return jurisdiction;
            }
        }
        revert NotAuthority(msg.sender);
    }

    function _isAuthorityOf(uint16 jurisdiction, address caller) internal view returns (bool) {
        return _jurisdictions[jurisdiction].authority == caller;
    }

    /// @dev Entitled: of active standing, a provider, within its time, and scoped for the schema.
    function _requireEntitled(uint16 institution, uint16 schema) internal view returns (Institution storage provider) {
        provider = _institutions[institution];
        bool inTime = provider.entitledUntil == NO_END || block.timestamp < provider.entitledUntil;
        bool entitled = provider.standing == Standing.Active && provider.roles & ROLE_PROVIDER != 0 && inTime
            && schema <= SCHEMA_LIMIT && provider.schemas & (uint256(1) << schema) != 0;
        if (!entitled) revert NotEntitled(institution, schema);
    }

    function _requireUnpaused() internal view {
        uint32 paused = _registry.paused;
        if (paused != 0) revert Paused(paused);
    }

    // ----------------------------------------------------------------------------------------------------- private

    function _requireLive() private view {
        if (!_registry.live) revert NotLive();
    }

    /// @dev Nobody holds two seats, and no holder of a seat is an enabled account.
    function _requireFree(address holder) private view {
        bool free = holder != address(0);
        for (uint16 id = _registry.jurisdictionCount; free && id != 0; --id) {
            free = _jurisdictions[id].authority != holder && _jurisdictions[id].recovery != holder;
        }
        if (!free) revert AddressNotFree(holder);
    }

    function _known(uint16 jurisdiction) private view returns (Jurisdiction storage side) {
        side = _jurisdictions[jurisdiction];
        if (side.code == 0) revert UnknownJurisdiction(jurisdiction);
    }

    function _requireRecovery(uint16 jurisdiction) private view returns (Jurisdiction storage side) {
        side = _known(jurisdiction);
        if (msg.sender != side.recovery) revert NotSeatHolder(jurisdiction, Seat.Recovery, msg.sender);
    }

    /// @dev Puts `to` on the authority's seat; offers and half-made agreements of the predecessor end. A running
    ///      recovery goes on: else who stole the seat would hand it on to himself for ever.
    function _seatAuthority(Jurisdiction storage side, address to) private returns (address from) {
        _seat(to);
        from = side.authority;
        side.authority = to;
        side.offeredAuthority = address(0);
        ++_registry.authorityEpoch;
    }

    /// @dev A seat goes before an account: else anyone's authority could bar an address from its seat by binding it.
    function _seat(address holder) private {
        _requireFree(holder);
        Account storage bound = _accounts[holder];
        if (bound.enabled) {
            bound.enabled = false;
            emit AccountSet(bound.institution, holder, bound.role, false, bound.number);
        }
    }

    function _endRecovery(Jurisdiction storage side) private {
        side.recoveryTo = address(0);
        side.recoveryAt = 0;
    }

    function _addJurisdiction(bytes32 code, address authority, address recovery) private {
        if (_registry.jurisdictionCount == JURISDICTION_LIMIT) revert LimitReached(JURISDICTION_LIMIT);
        if (code == 0) revert CodeInvalid(code);
        for (uint16 other = _registry.jurisdictionCount; other != 0; --other) {
            if (_jurisdictions[other].code == code) revert CodeTaken(code, other);
        }
        _seat(authority);
        _seat(recovery);
        if (authority == recovery) revert AddressNotFree(recovery);
        uint16 id = ++_registry.jurisdictionCount;
        Jurisdiction storage side = _jurisdictions[id];
        side.code = code;
        side.authority = authority;
        side.recovery = recovery;
        emit JurisdictionAdded(id, code, authority, recovery);
    }

    /// @dev Notes that the caller's side calls this function with these arguments; complete once all of `required` have.
    function _agree(uint32 required) private returns (bool complete) {
        uint16 jurisdiction = _callerJurisdiction();
        uint32 bit = _bit(jurisdiction);
        if (required & bit == 0) revert NotAuthority(msg.sender);
        bytes32 action = keccak256(msg.data);
        Proposal memory proposal = _proposals[action];
        if (!_isAlive(proposal)) {
            proposal = Proposal(0, _registry.authorityEpoch, uint40(block.timestamp + PROPOSAL_LIFETIME));
        }
        if (proposal.agreed & bit != 0) revert AlreadyAgreed(action, jurisdiction);
        proposal.agreed |= bit;
        emit JointActionAgreed(
            action, jurisdiction, proposal.agreed, proposal.authorityEpoch, proposal.expiresAt, msg.data
        );
        complete = proposal.agreed & required == required;
        if (complete) {
            delete _proposals[action];
            emit JointActionCompleted(action);
        } else {
            _proposals[action] = proposal;
        }
    }

    function _isAlive(Proposal memory proposal) private view returns (bool) {
        return proposal.authorityEpoch == _registry.authorityEpoch && block.timestamp < proposal.expiresAt;
    }

    /// @dev An institution of the calling authority's own side.
    function _ownInstitution(uint16 institution) private view returns (Institution storage own) {
        own = _institutions[institution];
        uint16 jurisdiction = own.jurisdiction;
        if (jurisdiction == 0) revert UnknownInstitution(institution);
        _requireLive();
        if (!_isAuthorityOf(jurisdiction, msg.sender)) revert NotAuthorityOf(jurisdiction, msg.sender);
    }

    /// @dev Zero for an id that no bitmap has room for; `_known` or the accepted bitmap refuses it.
    function _bit(uint16 jurisdiction) private pure returns (uint32) {
        return jurisdiction == 0 || jurisdiction > JURISDICTION_LIMIT ? 0 : uint32(1) << (jurisdiction - 1);
    }

    function _allBits() private view returns (uint32) {
        return uint32((uint256(1) << _registry.jurisdictionCount) - 1);
    }
}
