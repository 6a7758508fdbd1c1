// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "./IRecordRegistry.sol";

/// @title The sides of the border: jurisdictions and their two seats, joint actions, corridors, the pause
abstract contract Jurisdictions is IRecordRegistry {
    /// @dev Long enough for an authority on leave or under attack to notice and object.
    uint256 internal constant RECOVERY_DELAY = 14 days;
    /// @dev Authorities act by paper and by phone; an agreement older than this no longer speaks for them.
    uint256 internal constant PROPOSAL_LIFETIME = 30 days;
    /// @dev Bitmaps of jurisdictions are 32 bits.
    uint256 internal constant JURISDICTION_LIMIT = 32;

    Registry internal _registry;
    address internal _successor;
    mapping(uint16 id => Jurisdiction) internal _jurisdictions;
    mapping(bytes32 action => Proposal) private _proposals;
    mapping(uint16 from => mapping(uint16 to => bool open)) private _corridors;

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

    // ---------------------------------------------------------------------------------------- for the institutions

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

    function _requireUnpaused() internal view {
        uint32 paused = _registry.paused;
        if (paused != 0) revert Paused(paused);
    }

    function _requireLive() internal view {
        if (!_registry.live) revert NotLive();
    }

    /// @dev Nobody holds two seats, and no holder of a seat is an enabled account.
    function _requireFree(address holder) internal view {
        bool free = holder != address(0);
        for (uint16 id = _registry.jurisdictionCount; free && id != 0; --id) {
            free = _jurisdictions[id].authority != holder && _jurisdictions[id].recovery != holder;
        }
        if (!free) revert AddressNotFree(holder);
    }

    /// @dev Takes away what an address may do for an institution: it is about to hold a seat.
    function _disableAccount(address account) internal virtual;

    // ----------------------------------------------------------------------------------------------------- private

    function _known(uint16 jurisdiction) private view returns (Jurisdiction storage side) {
        side = _jurisdictions[jurisdiction];
        if (side.code == 0) revert UnknownJurisdiction(jurisdiction);
    }

    function _requireRecovery(uint16 jurisdiction) private view returns (Jurisdiction storage side) {
        side = _known(jurisdiction);
        if (msg.sender != side.recovery) revert NotSeatHolder(jurisdiction, Seat.Recovery, msg.sender);
    }

    /// @dev Puts `to` on the authority's seat; its offer ends, and every half-made agreement of any side. A running recovery
    ///      goes on: otherwise a thief could hand the seat on to himself for ever.
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
        _disableAccount(holder);
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

    /// @dev Zero for an id that no bitmap has room for; `_known` or the accepted bitmap refuses it.
    function _bit(uint16 jurisdiction) private pure returns (uint32) {
        return jurisdiction == 0 || jurisdiction > JURISDICTION_LIMIT ? 0 : uint32(1) << (jurisdiction - 1);
    }

    function _allBits() private view returns (uint32) {
        return uint32((uint256(1) << _registry.jurisdictionCount) - 1);
    }
}
