// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "./IRecordRegistry.sol";
import {Jurisdictions} from "./Jurisdictions.sol";

/// @title Who may act: institutions, their accounts and daily roots, schemas, keepers' shares
abstract contract Institutions is Jurisdictions {
    /// @dev An institution is 16 bits of an entry key.
    uint256 internal constant INSTITUTION_LIMIT = type(uint16).max;
    /// @dev An institution's schemas are 256 bits; id 0 is nobody's.
    uint256 internal constant SCHEMA_LIMIT = 255;
    uint8 internal constant ROLE_PROVIDER = 1;
    uint8 internal constant ROLES_ALL = 3;
    uint40 internal constant NO_END = 0;

    mapping(uint16 id => Institution) internal _institutions;
    mapping(bytes32 code => uint16 id) private _institutionIds;
    mapping(address account => Account) internal _accounts;
    mapping(uint16 id => bytes32 hash) private _schemas;
    mapping(bytes32 hash => uint16 id) private _schemaIds;
    mapping(uint16 jurisdiction => mapping(uint8 epoch => bytes32)) internal _keeperShares;
    mapping(uint16 institution => mapping(uint8 kind => mapping(uint32 day => DailyRoot))) private _dailyRoots;

    // ------------------------------------------------------------------------------------------------ institutions

    /// @inheritdoc IRecordRegistry
    function admit(bytes32 code, bytes32 profileHash) external returns (uint16 institution) {
        uint16 jurisdiction = _callerJurisdiction();
        if (code == 0) revert CodeInvalid(code);
        if (_institutionIds[code] != 0) revert CodeTaken(code, _institutionIds[code]);
        Jurisdiction storage side = _jurisdictions[jurisdiction];
        _requireRoom(side.institutionCount, _registry.institutionCount, INSTITUTION_LIMIT);
        ++side.institutionCount;
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

    // -------------------------------------------------------------------------------------- what the sides publish

    /// @inheritdoc IRecordRegistry
    function addSchema(bytes32 hash, string calldata name) external returns (uint16 schema) {
        uint16 jurisdiction = _callerJurisdiction();
        if (hash == 0) revert HashInvalid(hash);
        if (_schemaIds[hash] != 0) revert SchemaTaken(hash, _schemaIds[hash]);
        Jurisdiction storage side = _jurisdictions[jurisdiction];
        _requireRoom(side.schemaCount, _registry.schemaCount, SCHEMA_LIMIT);
        ++side.schemaCount;
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

    // ----------------------------------------------------------------------------------------------------- reading

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

    // --------------------------------------------------------------------------------------------- for the records

    /// @dev Entitled: of active standing, a provider, within its time, and scoped for the schema.
    function _requireEntitled(uint16 institution, uint16 schema) internal view returns (Institution storage provider) {
        provider = _institutions[institution];
        bool inTime = provider.entitledUntil == NO_END || block.timestamp < provider.entitledUntil;
        bool entitled = provider.standing == Standing.Active && provider.roles & ROLE_PROVIDER != 0 && inTime
            && schema <= SCHEMA_LIMIT && provider.schemas & (uint256(1) << schema) != 0;
        if (!entitled) revert NotEntitled(institution, schema);
    }

    function _disableAccount(address account) internal override {
        Account storage bound = _accounts[account];
        if (bound.enabled) {
            bound.enabled = false;
            emit AccountSet(bound.institution, account, bound.role, false, bound.number);
        }
    }

    // ----------------------------------------------------------------------------------------------------- private

    /// @dev All sides share the ids. One has half of them at most, so none alone, nor its stolen key, can use them up.
    function _requireRoom(uint256 own, uint256 all, uint256 limit) private pure {
        if (own == limit / 2) revert LimitReached(own);
        if (all == limit) revert LimitReached(limit);
    }

    /// @dev An institution of the calling authority's own side.
    function _ownInstitution(uint16 institution) private view returns (Institution storage own) {
        own = _institutions[institution];
        uint16 jurisdiction = own.jurisdiction;
        if (jurisdiction == 0) revert UnknownInstitution(institution);
        _requireLive();
        if (!_isAuthorityOf(jurisdiction, msg.sender)) revert NotAuthorityOf(jurisdiction, msg.sender);
    }
}
