// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IRecordRegistry} from "../../contracts/IRecordRegistry.sol";
import {Vm} from "./Vm.sol";

/// @title A live registry with two sides, two providers and a bank, and the roles by name
/// @dev   Deployed from the artifact, not with `new`: else each test contract would carry, and compile, its own copy.
abstract contract Fixture {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint40 internal constant START = 1_800_000_000;
    uint40 internal constant NEVER = 0;
    uint8 internal constant SALTED = 0;
    uint8 internal constant REASON = 7;

    uint16 internal constant HK = 1;
    uint16 internal constant SZ = 2;
    uint16 internal constant MO = 3;

    uint16 internal constant PERSONAL = 1;
    uint16 internal constant COMPANY = 2;
    bytes32 internal constant PERSONAL_HASH = keccak256("personal");
    bytes32 internal constant COMPANY_HASH = keccak256("company");

    uint8 internal constant PROVIDER = 1;
    uint8 internal constant VERIFIER = 2;

    /// @dev A provider whose batches wait for a review.
    uint16 internal constant BUREAU_HK = 1;
    /// @dev A provider whose batches are active at once.
    uint16 internal constant BUREAU_SZ = 2;
    uint16 internal constant BANK_SZ = 3;

    address internal immutable adminHk = _address("adminHk");
    address internal immutable adminSz = _address("adminSz");
    address internal immutable adminMo = _address("adminMo");
    address internal immutable recoveryHk = _address("recoveryHk");
    address internal immutable recoverySz = _address("recoverySz");
    address internal immutable recoveryMo = _address("recoveryMo");
    address internal immutable bureauHkSubmit = _address("bureauHkSubmit");
    address internal immutable bureauHkReview = _address("bureauHkReview");
    address internal immutable bureauHkReviewTwo = _address("bureauHkReviewTwo");
    address internal immutable bureauSzSubmit = _address("bureauSzSubmit");
    address internal immutable bureauSzReview = _address("bureauSzReview");
    address internal immutable bankSz = _address("bankSz");
    address internal immutable heir = _address("heir");
    address internal immutable stranger = _address("stranger");

    IRecordRegistry internal registry;

    function setUp() public virtual {
        vm.warp(START);
        _deploy();
        _acceptAll();
        _addSchemas();
        _admitInstitutions();
    }

    // ---------------------------------------------------------------------------------------------- the world's making

    function _deploy() internal {
        registry = IRecordRegistry(vm.deployCode("RecordRegistry.sol:RecordRegistry", abi.encode(_founders())));
        vm.label(address(registry), "registry");
    }

    function _founders() internal view returns (IRecordRegistry.Founder[] memory founders) {
        founders = new IRecordRegistry.Founder[](2);
        founders[0] = IRecordRegistry.Founder("HK", adminHk, recoveryHk);
        founders[1] = IRecordRegistry.Founder("CN-SZ", adminSz, recoverySz);
    }

    function _acceptAll() internal {
        vm.prank(adminHk);
        registry.acceptRegistry(HK);
        vm.prank(adminSz);
        registry.acceptRegistry(SZ);
    }

    function _addSchemas() internal {
        vm.prank(adminHk);
        registry.addSchema(PERSONAL_HASH, "personal");
        vm.prank(adminSz);
        registry.addSchema(COMPANY_HASH, "company");
    }

    function _admitInstitutions() internal {
        vm.prank(adminHk);
        registry.admit("BUREAU-HK", "profile");
        vm.prank(adminSz);
        registry.admit("BUREAU-SZ", "profile");
        vm.prank(adminSz);
        registry.admit("BANK-SZ", "profile");
        _scope(BUREAU_HK, PROVIDER, NEVER, true);
        _scope(BUREAU_SZ, PROVIDER, NEVER, false);
        _scope(BANK_SZ, VERIFIER, NEVER, false);
        _bind(BUREAU_HK, bureauHkSubmit, IRecordRegistry.AccountRole.Submit);
        _bind(BUREAU_HK, bureauHkReview, IRecordRegistry.AccountRole.Review);
        _bind(BUREAU_HK, bureauHkReviewTwo, IRecordRegistry.AccountRole.Review);
        _bind(BUREAU_SZ, bureauSzSubmit, IRecordRegistry.AccountRole.Submit);
        _bind(BUREAU_SZ, bureauSzReview, IRecordRegistry.AccountRole.Review);
        _bind(BANK_SZ, bankSz, IRecordRegistry.AccountRole.Submit);
    }

    function _addMacao() internal {
        vm.prank(adminHk);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        vm.prank(adminSz);
        registry.addJurisdiction("MO", adminMo, recoveryMo);
        vm.prank(adminMo);
        registry.acceptRegistry(MO);
    }

    /// @dev Where a mapping at `slot` keeps the value of `key`.
    function _mapped(uint256 key, uint256 slot) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(key, slot)));
    }

    /// @dev As if so much had been done already: writes the `width` bits from bit `at` of a slot.
    function _setBits(uint256 slot, uint256 at, uint256 width, uint256 value) internal {
        uint256 mask = (2 ** width - 1) << at;
        uint256 others = uint256(vm.load(address(registry), bytes32(slot))) & ~mask;
        vm.store(address(registry), bytes32(slot), bytes32(others | value << at));
    }

    function _setBatchCount(uint256 count) internal {
        _setBits(0, 0, 40, count);
        vm.assertEq(registry.registry().batchCount, count);
    }

    function _setRecordCount(uint256 count) internal {
        _setBits(0, 40, 40, count);
        vm.assertEq(registry.registry().recordCount, count);
    }

    function _setAccountCount(uint256 count) internal {
        _setBits(0, 80, 32, count);
        vm.assertEq(registry.registry().accountCount, count);
    }

    function _setAuthorityEpoch(uint256 epoch) internal {
        _setBits(0, 112, 40, epoch);
        vm.assertEq(registry.registry().authorityEpoch, epoch);
    }

    function _setInstitutionCount(uint256 count) internal {
        _setBits(0, 216, 16, count);
        vm.assertEq(registry.registry().institutionCount, count);
    }

    function _setInstitutionCountOf(uint16 side, uint256 count) internal {
        _setBits(_mapped(side, 2) + 5, 200, 16, count);
        vm.assertEq(registry.jurisdictionOf(side).institutionCount, count);
    }

    function _setSchemaCount(uint256 count) internal {
        _setBits(0, 232, 8, count);
        vm.assertEq(registry.registry().schemaCount, count);
    }

    // --------------------------------------------------------------------------------------------------- acts in short

    function _approveBut(uint48 batch, uint88[] memory entryKeys) internal {
        IRecordRegistry.Exception[] memory exceptions = new IRecordRegistry.Exception[](entryKeys.length);
        for (uint256 i; i < entryKeys.length; ++i) {
            exceptions[i] = IRecordRegistry.Exception(entryKeys[i], REASON);
        }
        vm.prank(bureauHkReview);
        registry.approve(batch, exceptions);
    }

    function _answer(uint64 recordHash, uint16 institution) internal view returns (bytes32) {
        uint80[] memory pairs = new uint80[](1);
        pairs[0] = uint80(recordHash) << 16 | institution;
        return registry.findMany(pairs)[0];
    }

    function _authorityOf(uint16 institution) internal view returns (address) {
        return registry.jurisdictionOf(registry.institutionOf(institution).jurisdiction).authority;
    }

    function _scope(uint16 institution, uint8 roles, uint40 entitledUntil, bool mandatoryReview) internal {
        address authority = _authorityOf(institution);
        vm.prank(authority);
        registry.scope(institution, roles, _schemaBits(), entitledUntil, mandatoryReview);
    }

    function _bind(uint16 institution, address account, IRecordRegistry.AccountRole role) internal {
        address authority = _authorityOf(institution);
        vm.prank(authority);
        registry.setAccount(institution, account, role, true);
    }

    function _setStanding(uint16 institution, IRecordRegistry.Standing standing) internal {
        address authority = _authorityOf(institution);
        vm.prank(authority);
        registry.setStanding(institution, standing, REASON);
    }

    /// @dev Pending: the bureau in Hong Kong is under mandatory review.
    function _registerHk(bytes32[] memory records) internal returns (uint48) {
        return _register(bureauHkSubmit, NEVER, records);
    }

    function _registerHkActive(bytes32[] memory records) internal returns (uint48 batch) {
        batch = _registerHk(records);
        _approve(batch);
    }

    function _registerSz(bytes32[] memory records) internal returns (uint48) {
        return _register(bureauSzSubmit, NEVER, records);
    }

    function _register(address submitter, uint40 expiresAt, bytes32[] memory records) internal returns (uint48) {
        vm.prank(submitter);
        return registry.register(PERSONAL, expiresAt, SALTED, records);
    }

    function _approve(uint48 batch) internal {
        vm.prank(bureauHkReview);
        registry.approve(batch, new IRecordRegistry.Exception[](0));
    }

    function _pause(address authority) internal {
        vm.prank(authority);
        registry.setPaused(true);
    }

    // ------------------------------------------------------------------------------------------------------- the words

    function _schemaBits() internal pure returns (uint256) {
        return uint256(1) << PERSONAL | uint256(1) << COMPANY;
    }

    function _record(uint64 recordHash, uint192 commitment) internal pure returns (bytes32) {
        return bytes32(uint256(recordHash) << 192 | commitment);
    }

    function _key(uint64 recordHash, uint16 institution, uint8 n) internal pure returns (uint88) {
        return uint88(recordHash) << 24 | uint88(institution) << 8 | n;
    }

    function _keyHk(uint64 recordHash) internal pure returns (uint88) {
        return _key(recordHash, BUREAU_HK, 0);
    }

    function _keySz(uint64 recordHash) internal pure returns (uint88) {
        return _key(recordHash, BUREAU_SZ, 0);
    }

    function _one(uint64 recordHash, uint192 commitment) internal pure returns (bytes32[] memory records) {
        records = new bytes32[](1);
        records[0] = _record(recordHash, commitment);
    }

    /// @dev Hashes 1 to count, each with its hash + 1000 as commitment.
    function _rising(uint256 count) internal pure returns (bytes32[] memory records) {
        records = new bytes32[](count);
        for (uint64 i; i < count; ++i) {
            records[i] = _record(i + 1, i + 1001);
        }
    }

    function _keys(uint88 entryKey) internal pure returns (uint88[] memory entryKeys) {
        entryKeys = new uint88[](1);
        entryKeys[0] = entryKey;
    }

    function _address(string memory name) internal pure returns (address) {
        return address(uint160(uint256(keccak256(bytes(name)))));
    }

    // ------------------------------------------------------------------------------------------------------- comparing

    /// @dev The next event from the registry is the one emitted next here, in every field.
    function _expectEvent() internal {
        vm.expectEmit(address(registry));
    }

    function _assertState(uint88 entryKey, IRecordRegistry.State expected) internal view {
        (IRecordRegistry.State state,) = registry.stateOf(entryKey);
        vm.assertEq(uint256(state), uint256(expected), "state");
    }

    function _assertOverride(uint88 entryKey, IRecordRegistry.State expected, IRecordRegistry.Note memory note)
        internal
        view
    {
        vm.assertEq(uint256(registry.entryOf(entryKey).overrideState), uint256(expected), "override");
        vm.assertEq(abi.encode(registry.noteOf(entryKey)), abi.encode(note));
    }

    function _assertNoOverride(uint88 entryKey) internal view {
        IRecordRegistry.Note memory none;
        _assertOverride(entryKey, IRecordRegistry.State.None, none);
    }

    function _noteBy(address account) internal view returns (IRecordRegistry.Note memory) {
        IRecordRegistry.Account memory by = registry.accountOf(account);
        return IRecordRegistry.Note(0, uint40(block.timestamp), REASON, by.institution, 0, by.number);
    }

    function _noteBySide(uint16 jurisdiction) internal view returns (IRecordRegistry.Note memory) {
        return IRecordRegistry.Note(0, uint40(block.timestamp), REASON, 0, jurisdiction, 0);
    }

    /// @dev As the registry's errors are encoded; the selector names the error, so that a search finds it.
    function _expectError(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function _expectError(bytes4 selector, uint256 first) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first));
    }

    function _expectError(bytes4 selector, address first) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first));
    }

    function _expectError(bytes4 selector, uint256 first, uint256 second) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first, second));
    }

    function _expectError(bytes4 selector, uint256 first, address second) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first, second));
    }

    function _expectError(bytes4 selector, address first, uint256 second) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first, second));
    }

    function _expectError(bytes4 selector, uint256 first, uint256 second, uint256 third) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first, second, third));
    }

    function _expectError(bytes4 selector, uint256 first, uint256 second, address third) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, first, second, third));
    }
}
