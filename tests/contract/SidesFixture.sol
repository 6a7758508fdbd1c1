// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Fixture} from "./Fixture.sol";

/// @title Acts of sides in short
abstract contract SidesFixture is Fixture {
    IRecordRegistry.Seat internal constant AUTHORITY = IRecordRegistry.Seat.Authority;
    IRecordRegistry.Seat internal constant RECOVERY = IRecordRegistry.Seat.Recovery;
    IRecordRegistry.AccountRole internal constant SUBMIT = IRecordRegistry.AccountRole.Submit;
    IRecordRegistry.AccountRole internal constant REVIEW = IRecordRegistry.AccountRole.Review;
    uint40 internal constant RECOVERY_DELAY = 14 days;
    uint40 internal constant PROPOSAL_LIFETIME = 30 days;
    uint32 internal constant TODAY = uint32(START / 1 days);

    function _offer(address by, uint16 side, IRecordRegistry.Seat seat, address to) internal {
        vm.prank(by);
        registry.offerHandover(side, seat, to);
    }

    function _accept(address by, uint16 side, IRecordRegistry.Seat seat) internal {
        vm.prank(by);
        registry.acceptHandover(side, seat);
    }

    function _startRecovery() internal {
        vm.prank(recoveryHk);
        registry.startRecovery(HK, heir);
    }

    /// @dev Macao, which has not accepted.
    function _addMacaoOnly() internal {
        _addSide("MO", adminMo, recoveryMo);
    }

    function _addSide(bytes32 code, address authority, address recovery) internal {
        vm.prank(adminHk);
        registry.addJurisdiction(code, authority, recovery);
        vm.prank(adminSz);
        registry.addJurisdiction(code, authority, recovery);
    }

    /// @dev Sides 3 to 32, seats 1003 to 1032 and 2003 to 2032; none has accepted.
    function _addThirty() internal {
        for (uint160 id = 3; id <= 32; ++id) {
            _addSide(bytes32(uint256(id)), address(1000 + id), address(2000 + id));
        }
    }

    function _successorAction() internal view returns (bytes32) {
        return keccak256(abi.encodeCall(IRecordRegistry.nameSuccessor, (heir)));
    }

    function _nameSuccessor(address by) internal returns (bool) {
        vm.prank(by);
        return registry.nameSuccessor(heir);
    }
}
