// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../../contracts/IRecordRegistry.sol";
import {ActsOfSides} from "./ActsOfSides.sol";

/// @title What is done to institutions, and what their accounts do beside records
abstract contract ActsOfInstitutions is ActsOfSides {
    IRecordRegistry.AccountRole internal constant SUBMIT = IRecordRegistry.AccountRole.Submit;
    IRecordRegistry.AccountRole internal constant REVIEW = IRecordRegistry.AccountRole.Review;

    function admit(uint256 seed) external {
        Dice memory dice = _dice(seed);
        bytes32 code = bytes32(_roll(dice, 6));
        address caller = _caller(dice, _seats(_anySide(dice)).authority);
        _act(caller, abi.encodeCall(IRecordRegistry.admit, (code, bytes32(seed))));
    }

    function scope(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 institution = _anyInstitution(dice);
        uint8 roles = _chance(dice, 75) ? 1 : uint8(_roll(dice, 5));
        uint256 schemas = 2 ** (registry.registry().schemaCount + 1) - 2;
        if (_chance(dice, 25)) schemas = _roll(dice, 2 * schemas + 4);
        uint40 until = _chance(dice, 70) ? 0 : uint40(block.timestamp - 5 days + _roll(dice, 20 days));
        bytes memory call =
            abi.encodeCall(IRecordRegistry.scope, (institution, roles, schemas, until, _chance(dice, 60)));
        _act(_caller(dice, _authorityOf(institution)), call);
    }

    /// @dev Termination is for ever, so it is rare.
    function setStanding(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 institution = _anyInstitution(dice);
        bool stands = registry.institutionOf(institution).standing == IRecordRegistry.Standing.Active;
        uint256 standing = stands ? 2 : 1;
        if (_chance(dice, 15)) standing = _roll(dice, 4);
        bytes memory call = abi.encodeCall(
            IRecordRegistry.setStanding, (institution, IRecordRegistry.Standing(standing), _anyReason(dice))
        );
        _act(_caller(dice, _authorityOf(institution)), call);
        // A hash under every institution, this one among them: the answers are the same whatever its standing.
        _compareHash(uint64(_roll(dice, HASHES)));
    }

    function setProfile(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 institution = _anyInstitution(dice);
        bytes memory call = abi.encodeCall(IRecordRegistry.setProfile, (institution, bytes32(seed)));
        _act(_caller(dice, _authorityOf(institution)), call);
    }

    function setEncryptionKey(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint16 institution = _anyInstitution(dice);
        bytes memory key = _chance(dice, 90) ? abi.encodePacked(seed) : bytes("");
        address suited = _authorityOf(institution);
        if (_chance(dice, 70)) suited = _accountOf(dice, institution, _chance(dice, 70) ? REVIEW : SUBMIT);
        _act(_caller(dice, suited), abi.encodeCall(IRecordRegistry.setEncryptionKey, (institution, 1, key)));
    }

    /// @dev Accounts are disabled and enabled again, bound anew, or tried to be bound elsewhere.
    function setAccount(uint256 seed) external {
        Dice memory dice = _dice(seed);
        address account = _chance(dice, 2) ? address(0) : _actor(6 + _roll(dice, ACTORS - 6));
        IRecordRegistry.Account memory bound = registry.accountOf(account);
        IRecordRegistry.AccountRole role = bound.role;
        if (bound.institution == 0 || _chance(dice, 10)) role = IRecordRegistry.AccountRole(_roll(dice, 3));
        uint16 institution = bound.institution;
        if (institution == 0 || _chance(dice, 10)) institution = _anyInstitution(dice);
        bytes memory call = abi.encodeCall(IRecordRegistry.setAccount, (institution, account, role, _chance(dice, 70)));
        _act(_caller(dice, _authorityOf(institution)), call);
    }

    function postDailyRoot(uint256 seed) external {
        Dice memory dice = _dice(seed);
        uint32 day = uint32(block.timestamp / 1 days);
        // Its last second, the first after it, or the day before.
        if (_chance(dice, 30)) _warp((uint256(day) + 1) * 1 days - _roll(dice, 2));
        else if (_chance(dice, 85)) day -= 1;
        uint32 count = uint32(_roll(dice, 4));
        uint64 first = count == 0 ? 0 : uint64(_roll(dice, 100));
        uint64 last = count == 0 ? 0 : first + count - 1;
        if (_chance(dice, 10)) last += 1;
        bytes32 root = count == 0 ? bytes32(0) : bytes32(seed | 1);
        address caller = _caller(dice, _accountOf(dice, _anyInstitution(dice), _chance(dice, 50) ? SUBMIT : REVIEW));
        uint8 kind = uint8(_roll(dice, 3));
        bytes memory call = abi.encodeCall(IRecordRegistry.postDailyRoot, (kind, day, root, count, first, last));
        _act(caller, call);
        if (_chance(dice, 20)) _act(caller, call);
        _compare(abi.encodeCall(IRecordRegistry.dailyRootOf, (registry.accountOf(caller).institution, kind, day)));
    }

    // ------------------------------------------------------------------------------------------------------- words

    /// @dev Mostly gives an institution back what it needs to register and approve, as far as that can be; or waits for
    ///      the last second of what it has, or the first without.
    function _mostlyEntitle(Dice memory dice, uint16 institution) internal {
        IRecordRegistry.Institution memory provider = registry.institutionOf(institution);
        if (provider.entitledUntil > block.timestamp && _chance(dice, 25)) {
            return _warp(provider.entitledUntil - _roll(dice, 2));
        }
        if (provider.standing == IRecordRegistry.Standing.Suspended && _chance(dice, 70)) {
            IRecordRegistry.Standing active = IRecordRegistry.Standing.Active;
            bytes memory call = abi.encodeCall(IRecordRegistry.setStanding, (institution, active, _anyReason(dice)));
            _act(_authorityOf(institution), call);
        }
        bool ended = provider.entitledUntil != 0 && block.timestamp >= provider.entitledUntil;
        bool scoped = provider.roles & 1 == 1 && provider.schemas & 6 == 6 && !ended;
        if (provider.jurisdiction != 0 && !scoped && _chance(dice, 70)) {
            bytes memory call = abi.encodeCall(IRecordRegistry.scope, (institution, 1, 6, 0, _chance(dice, 60)));
            _act(_authorityOf(institution), call);
        }
    }

    function _anyInstitution(Dice memory dice) internal view returns (uint16) {
        uint256 count = registry.registry().institutionCount;
        return uint16(_chance(dice, 3) ? _roll(dice, 2) * (count + 1) : _roll(dice, count) + 1);
    }

    function _authorityOf(uint16 institution) internal view returns (address) {
        return _seats(registry.institutionOf(institution).jurisdiction).authority;
    }

    /// @dev An enabled account of the institution in this role; zero: it has none.
    function _accountOf(Dice memory dice, uint16 institution, IRecordRegistry.AccountRole role)
        internal
        view
        returns (address)
    {
        uint256 from = _roll(dice, ACTORS);
        for (uint256 i; i < ACTORS; ++i) {
            address actor = _actor((from + i) % ACTORS);
            IRecordRegistry.Account memory account = registry.accountOf(actor);
            if (account.enabled && account.institution == institution && account.role == role) return actor;
        }
        return address(0);
    }
}
