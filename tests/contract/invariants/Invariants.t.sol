// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ActsOfInstitutions} from "./ActsOfInstitutions.sol";
import {ActsOfSides} from "./ActsOfSides.sol";
import {ActsOnRecords} from "./ActsOnRecords.sol";
import {Handler} from "./Handler.sol";
import {Vm} from "../Vm.sol";

/// @title Everybody acts at random; after each call the registry is what its model and its events say
/// @dev   forge asks a test contract for what it may call by these names: targetContracts, targetSelectors.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    Handler private handler;

    function setUp() external {
        handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), _selectors());
    }

    function invariant_registry__anyActs__followsRulesModelAndEvents() external view {
        vm.assertEq(address(handler.registry()).balance, 0, "money is stuck");
    }

    function afterInvariant() external {
        handler.compareAll();
        // Of 30 functions and 52 errors; what a shrunk run does is no matter.
        if (handler.calls() < 128) return;
        vm.assertGe(handler.functionsDone(), 12, "a run that does too little");
        vm.assertGe(handler.errorsMet(), 12, "a run that tries too little");
    }

    /// @dev How often an act is named is how often it is drawn.
    function _selectors() private pure returns (bytes4[] memory selectors) {
        bytes4[] memory drawn = new bytes4[](128);
        uint256 count;
        (bytes4[8] memory often, bytes4[12] memory some, bytes4[16] memory seldom) = (_often(), _sometimes(), _seldom());
        for (uint256 i; i < 6 * often.length; ++i) {
            drawn[count++] = often[i % often.length];
        }
        for (uint256 i; i < 2 * some.length; ++i) {
            drawn[count++] = some[i % some.length];
        }
        for (uint256 i; i < seldom.length; ++i) {
            drawn[count++] = seldom[i];
        }
        selectors = new bytes4[](count);
        for (uint256 i; i < count; ++i) {
            selectors[i] = drawn[i];
        }
    }

    function _often() private pure returns (bytes4[8] memory) {
        return [
            ActsOnRecords.register.selector,
            ActsOnRecords.register.selector,
            ActsOnRecords.approve.selector,
            ActsOnRecords.approve.selector,
            ActsOnRecords.dispute.selector,
            ActsOnRecords.resolve.selector,
            ActsOnRecords.supersede.selector,
            ActsOnRecords.registerOneByOne.selector
        ];
    }

    function _sometimes() private pure returns (bytes4[12] memory) {
        return [
            ActsOnRecords.revoke.selector,
            ActsOnRecords.reject.selector,
            ActsOfSides.supportRecovery.selector,
            ActsOfSides.completeRecovery.selector,
            ActsOnRecords.revokeBatch.selector,
            ActsOfSides.offerHandover.selector,
            ActsOfSides.acceptHandover.selector,
            ActsOfSides.startRecovery.selector,
            ActsOfSides.setPaused.selector,
            ActsOfInstitutions.setStanding.selector,
            ActsOfInstitutions.setAccount.selector,
            Handler.pass.selector
        ];
    }

    function _seldom() private pure returns (bytes4[16] memory) {
        return [
            ActsOfSides.acceptRegistry.selector,
            ActsOfSides.objectToRecovery.selector,
            ActsOfSides.addJurisdiction.selector,
            ActsOfSides.nameSuccessor.selector,
            ActsOfSides.withdrawAgreement.selector,
            ActsOfSides.openCorridor.selector,
            ActsOfSides.closeCorridor.selector,
            ActsOfSides.addSchema.selector,
            ActsOfSides.publishKeeperShare.selector,
            ActsOfInstitutions.admit.selector,
            ActsOfInstitutions.scope.selector,
            ActsOfInstitutions.setProfile.selector,
            ActsOfInstitutions.setEncryptionKey.selector,
            ActsOfInstitutions.postDailyRoot.selector,
            Handler.look.selector,
            Handler.pay.selector
        ];
    }
}
