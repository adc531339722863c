# Everything here does its own set-up: the first target that needs it makes a virtual environment in .venv.

PYTHON ?= $(shell python3.11 --version >/dev/null 2>&1 && echo python3.11 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One environment, two levels: what `demo` needs, and with it what tests and checks need.
MADE := $(VENV)/.made
LOCAL := $(VENV)/.installed-local
DEV := $(VENV)/.installed-dev
# What proves the tests, not the code: each installed when first asked for.
FUZZ := $(VENV)/.installed-fuzz
MUTATION := $(VENV)/.installed-mutation
# What others' tools the engine is measured beside, and what draws the plots.
BENCH := $(VENV)/.installed-bench
# More arguments for the command behind a target, as in: make test ARGS='-k layout'
ARGS ?=
# Test processes, each with servers of its own: many tests wait rather than compute. 0: none beside this one.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo up down test fault check bench fuzz mutate format clean
# Two installations into one environment at once would spoil it, so `make -j` changes nothing.
.NOTPARALLEL:

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: .packages-demo $(LOCAL) ## Start embedded servers, clone sample funnels, verify the clones
	$(BIN)/funnel-clone demo $(ARGS)

up: .packages-demo $(LOCAL) ## Run MongoDB, S3, Ray and the scheduler until Ctrl-C; what is requested is cloned
	$(BIN)/funnel-clone up $(ARGS)

down: $(LOCAL) ## End what `up` runs, or what the demo kept
	$(BIN)/funnel-clone down $(ARGS)

test: .packages-test $(DEV) ## Run every test, on real servers that the tests start themselves
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

fault: .packages-test $(DEV) ## Kill processes at every crash point, and at random; a part with ARGS='--fault-shard=1/4'
	$(BIN)/python -m pytest tests/fault --fault=all $(ARGS)

check: $(DEV) ## Lint, formatting, types, direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m mypy --strict
	$(BIN)/lint-imports

bench: $(BENCH) ## Measure a quick set beside other tools, within ten minutes; more with ARGS=--full, ARGS='--only scan'
	@$(BIN)/python benchmarks/run.py $(ARGS)

fuzz: $(FUZZ) ## Fuzz the rewrite for 10 minutes; less with ARGS='--seconds 60'
	@$(BIN)/python tests/fuzz/fuzz_rewrite.py $(ARGS)

mutate: $(MUTATION) ## Mutate the core and list what no unit test notices; ARGS=engine/core/chat.py, ARGS=--all-tests
	@$(BIN)/python tests/mutation/mutate.py $(ARGS)

# Silent where nothing is missing.
.packages-demo .packages-test:
	@bash .ci/system-packages $(@:.packages-%=%)

format: $(DEV) ## Format the code and mend what the linter can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove the virtual environment, caches and built files
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .fuzz mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp of its own: the interpreter is there before pip is, and a run that was cut short in between must begin again.
$(MADE):
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(LOCAL): pyproject.toml | $(MADE)
	@echo 'Installing into $(VENV): a minute or two.'
	$(PIP) install --quiet --editable '.[local]'
	@touch $@

# The larger installation holds the smaller one: `make demo` after `make test` installs nothing.
$(DEV): pyproject.toml | $(MADE)
	@echo 'Installing into $(VENV): a minute or two.'
	$(PIP) install --quiet --editable '.[dev]'
	@touch $(LOCAL) $@

$(FUZZ) $(MUTATION) $(BENCH): $(VENV)/.installed-%: pyproject.toml | $(DEV)
	$(PIP) install --quiet --editable '.[$*]'
	@touch $@
