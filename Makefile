# `make` alone prints what there is. All that a machine needs: Python 3.11 or newer with venv, make, git.
# A Python of another name: make demo PYTHON=python3.12

PYTHON ?= python3

BIN := .venv/bin
PIP := $(BIN)/python -m pip
NEEDS := pyproject.toml constraints.txt

# The second name is the one newer releases of pip read for what builds a package. The last one keeps the
# build tool's general advice about editable installs off the screen of someone who runs `make demo`.
PINNED := PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt \
  PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONWARNINGS=ignore

USABLE := import sys, pip; sys.exit(sys.version_info < (3, 11))

# A virtual environment of an older Python, or one whose Python is gone, is made again.
ifneq ($(wildcard .venv),)
ifneq ($(shell $(BIN)/python -c '$(USABLE)' >/dev/null 2>&1 && echo yes),yes)
$(shell rm -f .venv/*.stamp)
endif
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-busy simulate prove chaos fuzz bench bench-large scaling check pictures docs migration \
  constraints clean

help:  ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/demo.stamp  ## Install, then run the main job against a sandbox
	@$(BIN)/hub demo

# What was compiled is kept, also where that is switched off: dozens of processes need it.
ALL_TESTS := $(BIN)/pytest -n 4 --dist worksteal -q --costs
test test-busy: export PYTHONDONTWRITEBYTECODE =

test: .venv/dev.stamp  ## Install, then run all tests
	@$(ALL_TESTS)

test-busy: .venv/dev.stamp  ## Run all tests beside six processes that spin: none fails because a machine is slow
	@$(BIN)/python -m tests.support.busy $(ALL_TESTS)

simulate: .venv/dev.stamp  ## Simulate the hub in many worlds: SEEDS=10000; one again, told in full: SEED=123; BROKEN=NAME
	@$(BIN)/python -m tests.simulator \
	  $(if $(BROKEN),--broken $(BROKEN),$(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000)))

prove: .venv/dev.stamp  ## Install, then 1,000 returns, 20 kills and faults to the end; takes minutes, prints figures
	@PROVE=1 $(BIN)/pytest -q -s -m prove

chaos: .venv/dev.stamp  ## Install, then 2,000 returns while PostgreSQL and workers are hurt; takes minutes, prints figures
	@CHAOS=1 $(BIN)/pytest -q -s -m chaos

fuzz: .venv/dev.stamp  ## Ask the HTTP API what Schemathesis thinks of: FUZZ=500 requests for each path; takes minutes
	@FUZZ=$(or $(FUZZ),100) $(BIN)/pytest -q tests/integration/api/test_description.py

bench: .venv/bench.stamp  ## Measure the hub beside its floors and peers; takes about five minutes, prints a table
	@$(BIN)/python -m benchmarks

bench-large: .venv/bench.stamp  ## The same at a million returns; the first time it takes minutes more to make them
	@$(BIN)/python -m benchmarks --large

scaling: .venv/dev.stamp  ## Simulate up to 10,000 connections and 1,000,000 open documents; takes about 20 minutes
	@$(BIN)/python -m benchmarks.scaling

check: .venv/dev.stamp  ## Run the linters, the type checker, the import rules and the tests of the documents
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q tests/docs

pictures: .venv/dev.stamp  ## Take the pictures in docs/pictures/ anew; needs Chromium, and pngquant where there is one
	@PICTURES=docs/pictures $(BIN)/pytest -q tests/e2e/test_pictures.py
	@command -v pngquant >/dev/null && pngquant --force --ext .png docs/pictures/*.png || true

docs: .venv/dev.stamp  ## Write docs/cli.md anew from the commands' own help
	$(BIN)/python -m tests.docs.cli_page

migration: .venv/dev.stamp  ## Write a migration for changed models: make migration NAME=add_city
	@test -n "$(NAME)" || { echo 'make: a migration needs a name: make migration NAME=add_city' >&2; exit 2; }
	$(BIN)/python -m hub.store.makemigrations $(NAME)

constraints: .venv/python.stamp  ## Write constraints.txt anew, with the newest releases of everything
	@rm -rf .venv/fresh
	@$(BIN)/python -m venv .venv/fresh
	@.venv/fresh/bin/python -m pip install --quiet --upgrade pip setuptools
	@PYTHONWARNINGS=ignore .venv/fresh/bin/python -m pip install --quiet --editable '.[dev,bench]'
	@{ grep '^#' constraints.txt; \
	   .venv/fresh/bin/python -m pip freeze --all --exclude pip --exclude-editable; } > .venv/constraints.txt
	@mv .venv/constraints.txt constraints.txt
	@rm -rf .venv/fresh
	@echo 'constraints.txt is new; run `make check test` before you commit it'

clean:  ## Remove the virtual environment and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info

.venv/python.stamp:
	@$(BIN)/python -c '$(USABLE)' >/dev/null 2>&1 || { \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "make: the hub needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)" >&2; \
	    echo "make: name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	    exit 1; }; \
	  $(PYTHON) -m venv --clear .venv; }
	@touch $@

.venv/demo.stamp: $(NEEDS) | .venv/python.stamp
	@echo 'Installing the hub and what it needs into .venv (once) …'
	@$(PINNED) $(PIP) install --quiet --editable .
	@touch $@

.venv/dev.stamp: $(NEEDS) | .venv/python.stamp
	@echo 'Installing the hub and what its tests need into .venv (once) …'
	@$(PINNED) $(PIP) install --quiet --editable '.[dev]'
	@touch .venv/demo.stamp $@

.venv/bench.stamp: $(NEEDS) | .venv/python.stamp
	@echo 'Installing the hub and what it is measured against into .venv (once) …'
	@$(PINNED) $(PIP) install --quiet --editable '.[dev,bench]'
	@touch .venv/demo.stamp .venv/dev.stamp $@
