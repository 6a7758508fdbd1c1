// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title  The registry of credit records' hashes and of who may anchor them
/// @notice A credit-information provider anchors a 64-bit record hash and a 192-bit commitment for each record. A bank
///         across the border derives the same two values from the record it is shown and compares. No record, name or
///         score is ever stored here.
/// @dev    Storage, rebuilt by the events alone (`creditconnect audit replay` does so and compares every slot):
///
///         slot  0  registry         counters, see `Registry`
///         slot  1  successor        address of the contract that takes over; not zero closes registration
///         slot  2  jurisdictions    id => Jurisdiction (6 slots)
///         slot  3  proposals        keccak256(call data) => Proposal
///         slot  4  corridors        from => to => open
///         slot  5  institutions     id => Institution (5 slots)
///         slot  6  institution ids  code => id
///         slot  7  accounts         address => Account
///         slot  8  schemas          id => hash
///         slot  9  schema ids       hash => id
///         slot 10  keeper shares    jurisdiction => epoch => share
///         slot 11  daily roots      institution => kind => day => DailyRoot (2 slots)
///         slot 12  entries          entry key => Entry
///         slot 13  batches          id => Batch (2 slots)
///         slot 14  notes            entry key => Note
///
///         An entry key is `recordHash 64 | institution 16 | n 8`, so nobody can fill another's place, and an
///         institution's own second commitment to one hash has a place of its own (n < 64).
///
///         Not protected here: 64 bits can be made to collide on purpose (2^32 trials), so a match on the hash alone
///         proves nothing; compare the commitment too. Times are the sealing validator's (seconds since 1970, UTC). Counts,
///         times, schemas and institutions are public to every reader of the chain.
interface IRecordRegistry {
    // ------------------------------------------------------------------------------------------------------ types

    /// @notice What a batch or a record is. A batch is never Superseded or Disputed; an override never Pending or Active.
    enum State {
        None,
        Pending,
        Active,
        Rejected,
        Revoked,
        Superseded,
        Disputed
    }

    /// @notice Whether an institution may register and approve. Terminated is final.
    enum Standing {
        None,
        Active,
        Suspended,
        Terminated
    }

    /// @notice What an institution's account may do: one of the two, for ever.
    enum AccountRole {
        None,
        Submit,
        Review
    }

    /// @notice The two addresses of a jurisdiction: the one that acts, and the cold one that replaces it when lost.
    enum Seat {
        Authority,
        Recovery
    }

    /// @notice A founding jurisdiction, as given to the constructor.
    struct Founder {
        bytes32 code; // ASCII, left-aligned, e.g. "HK", "CN-SZ"
        address authority;
        address recovery;
    }

    /// @notice Counters and flags of the registry as a whole. One slot.
    /// @dev    A counter that is used up refuses the act for good. Blocks of nothing else, of 60 million gas a second, use
    ///         up the count of authorities' changes in six years, of records in thirteen, of accounts in three weeks.
    struct Registry {
        uint40 batchCount;
        uint40 recordCount; // entries ever written
        uint32 accountCount;
        uint40 authorityEpoch; // raised by every change of an authority; twice by a new side, added and accepting
        uint32 paused; // bit (id - 1): that jurisdiction pauses
        uint32 accepted; // bit (id - 1): that jurisdiction's authority accepted this registry
        uint16 institutionCount;
        uint8 schemaCount;
        uint8 jurisdictionCount;
        bool live; // every founding authority accepted
    }

    /// @notice A side of the border. Six slots.
    struct Jurisdiction {
        bytes32 code;
        address authority;
        address recovery;
        address offeredAuthority; // handover: who may take the seat; zero: nobody
        address offeredRecovery;
        address recoveryTo; // a running recovery: the address that is to become the authority
        uint40 recoveryAt; // when it was started; zero: none runs, or the authority objected to it
        uint16 institutionCount; // of this side
        uint8 schemaCount; // pinned by this side
    }

    /// @notice Which authorities have called one function with the same arguments.
    struct Proposal {
        uint32 agreed; // bit (id - 1)
        uint40 authorityEpoch; // the proposal is dead once the registry's differs
        uint40 expiresAt;
    }

    /// @notice A provider, a verifier (a bank), or both. Five slots.
    struct Institution {
        uint16 jurisdiction;
        uint8 roles; // 1 provider, 2 verifier
        Standing standing;
        bool mandatoryReview; // false: what it registers is active at once
        uint40 entitledUntil; // first second without rights; zero: no end
        uint40 admittedAt;
        uint8 encryptionSuite;
        uint256 schemas; // bit (schema id)
        bytes32 code; // LEI or licence number, ASCII, left-aligned; permanent
        bytes32 profileHash;
        bytes32 encryptionKeyHash; // keccak256 of the key in the last EncryptionKeySet event
    }

    /// @notice A key of an institution. Once bound, an address keeps its institution and role for ever.
    struct Account {
        uint16 institution;
        AccountRole role;
        bool enabled;
        uint32 number; // 1, 2, 3 ... over all institutions
    }

    /// @notice The root of what an institution logged on one day (UTC). Two slots.
    struct DailyRoot {
        bytes32 root;
        uint32 count;
        uint64 first;
        uint64 last;
        uint40 postedAt; // zero: not posted
    }

    /// @notice One record. One slot; it exists if and only if `batch` is not zero.
    struct Entry {
        uint192 commitment;
        uint48 batch;
        State overrideState; // None, Rejected, Revoked, Superseded or Disputed
    }

    /// @notice What the records of one `register` call share. Two slots.
    struct Batch {
        address submitter;
        uint16 institution;
        uint16 schema;
        uint40 registeredAt;
        uint16 count;
        uint8 epoch; // 0: salted; else the keepers' epoch of a blind commitment
        address reviewer; // who approved or rejected; zero: nobody yet, or no review was required
        uint40 reviewedAt;
        uint40 expiresAt; // first second at which the records are expired; zero: never
        uint8 reason; // of the rejection or revocation
        State status;
    }

    /// @notice Why a record has an override, and who gave it. One slot; zero without an override.
    struct Note {
        uint72 successor; // recordHash 64 | n 8, of the same institution; only when Superseded
        uint40 at;
        uint16 reason;
        uint16 byInstitution; // zero: an authority acted
        uint16 byJurisdiction; // zero: the institution acted
        uint32 byAccount; // the acting account's number; zero: an authority acted
    }

    /// @notice A record that a reviewer leaves out of an approval.
    struct Exception {
        uint88 entryKey;
        uint8 reason;
    }

    /// @notice One institution's claim to a record hash, as `find` answers it.
    struct Claim {
        uint88 entryKey;
        uint192 commitment;
        uint48 batch;
        uint16 institution;
        uint16 schema;
        uint40 registeredAt;
        uint40 expiresAt;
        uint8 epoch;
        State state;
        bool expired;
    }

    // ----------------------------------------------------------------------------------------------------- events

    event JurisdictionAdded(uint16 indexed jurisdiction, bytes32 code, address authority, address recovery);
    event RegistryAccepted(uint16 indexed jurisdiction, address authority, bool live);
    event HandoverOffered(uint16 indexed jurisdiction, Seat indexed seat, address to);
    event HandoverAccepted(uint16 indexed jurisdiction, Seat indexed seat, address from, address to);
    event RecoveryStarted(uint16 indexed jurisdiction, address to, uint40 at);
    event RecoveryObjected(uint16 indexed jurisdiction, address authority, address to);
    event RecoveryCompleted(uint16 indexed jurisdiction, address from, address to, uint16 supporter);
    event JointActionAgreed(
        bytes32 indexed action,
        uint16 indexed jurisdiction,
        uint32 agreed,
        uint40 authorityEpoch,
        uint40 expiresAt,
        bytes call
    );
    event JointActionWithdrawn(bytes32 indexed action, uint16 indexed jurisdiction, uint32 agreed);
    event JointActionCompleted(bytes32 indexed action);
    event SuccessorNamed(address successor);
    event CorridorOpened(uint16 indexed from, uint16 indexed to);
    event CorridorClosed(uint16 indexed from, uint16 indexed to, uint16 by);
    event PauseSet(uint16 indexed jurisdiction, bool paused);
    event SchemaAdded(uint16 indexed schema, bytes32 hash, uint16 by, string name);
    event KeeperSharePublished(uint16 indexed jurisdiction, uint8 indexed epoch, bytes32 share);

    event InstitutionAdmitted(
        uint16 indexed institution, uint16 indexed jurisdiction, bytes32 code, bytes32 profileHash, uint40 at
    );
    event InstitutionScoped(
        uint16 indexed institution, uint8 roles, uint256 schemas, uint40 entitledUntil, bool mandatoryReview
    );
    event StandingSet(uint16 indexed institution, Standing standing, uint8 reason);
    event ProfileSet(uint16 indexed institution, bytes32 profileHash);
    event EncryptionKeySet(uint16 indexed institution, uint8 suite, bytes key, address by);
    event AccountSet(
        uint16 indexed institution, address indexed account, AccountRole role, bool enabled, uint32 number
    );
    event DailyRootPosted(
        uint16 indexed institution,
        uint8 indexed kind,
        uint32 indexed day,
        bytes32 root,
        uint32 count,
        uint64 first,
        uint64 last,
        uint40 postedAt,
        address by
    );

    /// @notice The one event of a batch. `records` are 32 bytes each: `recordHash 64 | commitment 192`, rising by hash.
    /// @dev    A record's n is the first that was free: replaying the batches in order gives it.
    event BatchRegistered(
        uint48 indexed batch,
        uint16 indexed institution,
        uint16 indexed schema,
        address submitter,
        uint40 registeredAt,
        uint40 expiresAt,
        uint8 epoch,
        State status,
        bytes32[] records
    );
    event BatchApproved(uint48 indexed batch, address reviewer, uint40 reviewedAt, uint256 exceptions);
    event BatchRejected(uint48 indexed batch, address reviewer, uint40 reviewedAt, uint8 reason);
    event BatchRevoked(uint48 indexed batch, address by, uint8 reason, uint40 at);

    /// @notice A record's override was set (Rejected, Revoked, Superseded, Disputed) or, with None, taken away.
    event OverrideSet(uint88 indexed entryKey, uint48 indexed batch, State state, Note note, address by);

    // ----------------------------------------------------------------------------------------------------- errors

    error NotLive();
    error AlreadyAccepted(uint16 jurisdiction);
    error NotAuthority(address caller);
    error NotAuthorityOf(uint16 jurisdiction, address caller);
    error NotSeatHolder(uint16 jurisdiction, Seat seat, address caller);
    error NotOffered(uint16 jurisdiction, Seat seat, address caller);
    /// @notice The address is zero or sits on a seat.
    error AddressNotFree(address holder);
    error NoRecovery(uint16 jurisdiction, address to);
    error RecoveryTooEarly(uint16 jurisdiction, uint40 notBefore);
    error OwnSupport(uint16 jurisdiction);
    error AlreadyAgreed(bytes32 action, uint16 jurisdiction);
    error NotAgreed(bytes32 action, uint16 jurisdiction);
    error NotACorridor(uint16 from, uint16 to);
    error CorridorState(uint16 from, uint16 to, bool open);
    error PauseState(uint16 jurisdiction, bool paused);
    /// @notice There are `limit` of them, in all or of this side, and no more may be added.
    error LimitReached(uint256 limit);
    error CodeInvalid(bytes32 code);
    error CodeTaken(bytes32 code, uint16 by);
    error HashInvalid(bytes32 hash);
    error SchemaTaken(bytes32 hash, uint16 schema);
    error UnknownJurisdiction(uint16 jurisdiction);
    error UnknownInstitution(uint16 institution);
    error UnknownBatch(uint48 batch);
    error UnknownEntry(uint88 entryKey);
    error RolesInvalid(uint8 roles);
    error SchemasUnknown(uint256 schemas);
    error StandingUnchanged(uint16 institution, Standing standing);
    error AccountBound(address account, uint16 institution, AccountRole role);
    error AccountRoleInvalid();
    error ShareWritten(uint16 jurisdiction, uint8 epoch);
    error ShareInvalid(uint16 jurisdiction, uint8 epoch);
    error ShareMissing(uint16 jurisdiction, uint8 epoch);
    error RootWritten(uint16 institution, uint8 kind, uint32 day);
    error RootInvalid(uint16 institution, uint8 kind, uint32 day);

    error Paused(uint32 paused);
    error RegistrationClosed(address successor);
    /// @notice The caller is not an enabled account of an institution in this role.
    error NotAnAccount(address caller, AccountRole role);
    /// @notice The caller may not do this to the records of the institution.
    error NotAllowed(address caller, uint16 institution);
    error NotEntitled(uint16 institution, uint16 schema);
    error ExpiryInvalid(uint40 expiresAt);
    error CountInvalid(uint256 count);
    error RecordsNotRising(uint256 index, uint64 recordHash);
    error DuplicateRecord(uint256 index, uint88 entryKey);
    error NoPlaceLeft(uint256 index, uint64 recordHash);
    error BatchNotPending(uint48 batch, State status);
    error BatchNotActive(uint48 batch, State status);
    error BatchExpired(uint48 batch, uint40 expiresAt);
    error SelfApproval(uint48 batch, address account);
    error NotInBatch(uint88 entryKey, uint48 batch);
    error RecordState(uint88 entryKey, State state);
    error SuccessorInvalid(uint88 entryKey, uint88 successor);
    error NotResolver(uint88 entryKey, address caller);

    // ----------------------------------------------------------------------------------------------- jurisdictions

    /// @notice A founding or added authority accepts this registry; until every founding one has, nothing else works.
    /// @dev    Its script compares the code hash first: accepting is the statement that this code is the agreed one.
    function acceptRegistry(uint16 jurisdiction) external;

    /// @notice The holder of a seat offers it to another address; zero withdraws the offer.
    function offerHandover(uint16 jurisdiction, Seat seat, address to) external;

    /// @notice The address that was offered a seat takes it.
    /// @dev    An authority's handover kills every proposal that is not complete.
    function acceptHandover(uint16 jurisdiction, Seat seat) external;

    /// @notice The recovery address begins to replace a lost authority by `to`; zero takes a running recovery back.
    function startRecovery(uint16 jurisdiction, address to) external;

    /// @notice The sitting authority objects: what was started completes no more by waiting, only by another side's support.
    /// @dev    So a stolen authority key cannot keep its seat against the recovery address and another authority together.
    function objectToRecovery(uint16 jurisdiction) external;

    /// @notice Another side's authority supports the running recovery to `to`, which completes it at once.
    function supportRecovery(uint16 jurisdiction, address to) external;

    /// @notice The recovery address completes a recovery that nobody objected to for `RECOVERY_DELAY`.
    function completeRecovery(uint16 jurisdiction) external;

    /// @notice Joint: adds a jurisdiction. It counts from the moment its authority accepts the registry.
    /// @dev    Completes when every accepted authority has called with the same arguments.
    /// @return complete Whether this call completed it.
    function addJurisdiction(bytes32 code, address authority, address recovery) external returns (bool complete);

    /// @notice Joint: names the contract that takes over. Registration closes; all else goes on.
    function nameSuccessor(address to) external returns (bool complete);

    /// @notice An authority takes back its agreement to a joint action that is not complete.
    /// @param  action keccak256 of the call data of the agreed call.
    function withdrawAgreement(bytes32 action) external;

    /// @notice Joint between the two: records of providers in `from` may be relied on by banks in `to`.
    function openCorridor(uint16 from, uint16 to) external returns (bool complete);

    /// @notice Either of the two authorities closes a corridor at once.
    function closeCorridor(uint16 from, uint16 to) external;

    /// @notice An authority sets or lifts its own side's pause. Any side's stops register, approve and supersede.
    function setPaused(bool paused) external;

    /// @notice An authority pins a schema by its hash (SHA-256 of its canonical form). Never changed or removed.
    /// @dev    There are 255 for all sides, and a side pins 127 of them at most.
    function addSchema(bytes32 hash, string calldata name) external returns (uint16 schema);

    /// @notice An authority publishes its keeper's public share for an epoch (1 to 255), once.
    function publishKeeperShare(uint8 epoch, bytes32 share) external;

    // ------------------------------------------------------------------------------------------------ institutions

    /// @notice An authority admits an institution of its own side. It may register nothing until it is scoped.
    /// @dev    There are 65,535 for all sides, and a side admits 32,767 of them at most.
    /// @param  code LEI or licence number in ASCII, left-aligned, permanent and unique.
    function admit(bytes32 code, bytes32 profileHash) external returns (uint16 institution);

    /// @notice Sets what an institution may register, all at once, and whether it takes a review.
    /// @param  roles         1 provider, 2 verifier, 3 both, 0 neither.
    /// @param  schemas       Bit (schema id) for each schema it may register.
    /// @param  entitledUntil First second (UTC) without rights; zero: no end.
    function scope(uint16 institution, uint8 roles, uint256 schemas, uint40 entitledUntil, bool mandatoryReview)
        external;

    /// @notice Suspends, reinstates or terminates an institution. Its records keep answering; `institutionOf` has its standing.
    function setStanding(uint16 institution, Standing standing, uint8 reason) external;

    function setProfile(uint16 institution, bytes32 profileHash) external;

    /// @notice Publishes the key that packages are sealed to: by the authority, or while Active by a review account.
    /// @dev    The key itself is in the event, its keccak256 in storage.
    function setEncryptionKey(uint16 institution, uint8 suite, bytes calldata key) external;

    /// @notice Binds an address to an institution and a role for ever, and enables or disables it.
    function setAccount(uint16 institution, address account, AccountRole role, bool enabled) external;

    /// @notice An institution posts the root of what it logged on a day that is over, once; days without entries too.
    /// @param  day Days since 1970-01-01 (UTC).
    /// @param  count last - first + 1, or zero with root, first and last zero.
    function postDailyRoot(uint8 kind, uint32 day, bytes32 root, uint32 count, uint64 first, uint64 last) external;

    // ----------------------------------------------------------------------------------------------------- records

    /// @notice A provider's submit account anchors records of one schema.
    /// @dev    About 23,000 gas a record. Keep a transaction below 2^24 gas (EIP-7825): 500 records is the working batch.
    ///         Strictly rising order means that a batch holds no hash twice and that a file's order stays at home.
    /// @param  expiresAt First second at which the records are expired; zero: never.
    /// @param  epoch     0: salted commitments; else the keepers' epoch, whose share of the provider's side must be there.
    /// @param  records   `recordHash 64 | commitment 192`, strictly rising by hash, 1 to 65,535.
    /// @return batch     The new batch: Pending, or Active where the institution needs no review.
    function register(uint16 schema, uint40 expiresAt, uint8 epoch, bytes32[] calldata records)
        external
        returns (uint48 batch);

    /// @notice A review account that did not submit the batch makes it active, save the exceptions, which are rejected.
    function approve(uint48 batch, Exception[] calldata exceptions) external;

    /// @notice The institution (a submitter may withdraw) or its authority rejects a pending batch.
    function reject(uint48 batch, uint8 reason) external;

    /// @notice The institution or its authority revokes active or disputed records.
    function revoke(uint88[] calldata entryKeys, uint8 reason) external;

    /// @notice The institution or its authority revokes an active batch.
    function revokeBatch(uint48 batch, uint8 reason) external;

    /// @notice The institution replaces an active or disputed record by another, active record of its own.
    function supersede(uint88 entryKey, uint88 successor, uint8 reason) external;

    /// @notice The institution or any side's authority marks an active record as disputed.
    function dispute(uint88 entryKey, uint8 reason) external;

    /// @notice Ends a dispute: upheld, the record is revoked; else it is again what its batch is.
    /// @dev    A provider's own dispute is resolved by another of its accounts, an authority's only by that side's authority.
    function resolve(uint88 entryKey, bool uphold, uint8 reason) external;

    // ----------------------------------------------------------------------------------------------------- reading

    /// @notice "1.0.0": the version of this contract's behaviour.
    function version() external pure returns (string memory);

    /// @notice A record's state now, and the separate fact whether it is expired. None: no such entry.
    function stateOf(uint88 entryKey) external view returns (State state, bool expired);

    /// @notice Every claim of the given institutions to a record hash, in their order, then by n.
    function find(uint64 recordHash, uint16[] calldata institutions) external view returns (Claim[] memory claims);

    /// @notice The bulk view. `pairs` are `recordHash 64 | institution 16`; an answer a pair, in order.
    /// @dev    An answer is `commitment 192 | batch 48 | state 8 | expired 1 | claims 7` of n = 0, or zero. With more than one
    ///         claim ask `find`. About 7,500 gas a pair: 4,000 a call stay below geth's 50M.
    function findMany(uint80[] calldata pairs) external view returns (bytes32[] memory answers);

    function registry() external view returns (Registry memory);
    function successor() external view returns (address);
    function jurisdictionOf(uint16 jurisdiction) external view returns (Jurisdiction memory);
    function proposalOf(bytes32 action) external view returns (Proposal memory);
    function corridorOpen(uint16 from, uint16 to) external view returns (bool);
    function institutionOf(uint16 institution) external view returns (Institution memory);
    function institutionByCode(bytes32 code) external view returns (uint16);
    function accountOf(address account) external view returns (Account memory);
    function schemaOf(uint16 schema) external view returns (bytes32 hash);
    function schemaByHash(bytes32 hash) external view returns (uint16);
    function keeperShareOf(uint16 jurisdiction, uint8 epoch) external view returns (bytes32);
    function dailyRootOf(uint16 institution, uint8 kind, uint32 day) external view returns (DailyRoot memory);
    function entryOf(uint88 entryKey) external view returns (Entry memory);
    function batchOf(uint48 batch) external view returns (Batch memory);
    function noteOf(uint88 entryKey) external view returns (Note memory);
}
