# One name per task, the same here and in CI. Needs Python 3.11 or newer, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Disks that are mounted for a test are nobody else's, and go with it. Only root can mount any.
APART := $(if $(filter 0,$(shell id -u)),unshare -m)

.PHONY: help demo test lint format bench bench-check e2e frameworks fuzz faults mutations schemas clean

help: ## list the tasks
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/demo.stamp ## meter an unchanged program that uses four SDKs, and print its receipt
	@$(BIN)/python examples/demo/demo.py

test: $(VENV)/test.stamp ## run the tests, one process a core
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8

lint: $(VENV)/lint.stamp ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/lint.stamp ## put the code into the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/test.stamp ## answer the questions of benchmarks/, one file each
	$(BIN)/python benchmarks/run.py

bench-check: $(VENV)/test.stamp ## ask them again, and only report what differs from the committed results
	$(BIN)/python benchmarks/run.py --check

e2e: $(VENV)/e2e.stamp ## meter the SDKs against a real local model
	$(BIN)/python -m pytest -m e2e tests/e2e

# They leave sockets of closed event loops to the collector, metered or not; hence no warnings.
FRAMEWORKS := aiobotocore langchain pydantic_ai
FRAMEWORKS_OPENAI2 := litellm llama_index

frameworks: ## meter frameworks that sit on the SDKs, in two environments of their own
	$(MAKE) VENV=$(VENV)/frameworks $(VENV)/frameworks/frameworks.stamp
	$(VENV)/frameworks/bin/python -m pytest -W ignore -m frameworks $(FRAMEWORKS:%=tests/frameworks/test_%.py)
	$(MAKE) VENV=$(VENV)/frameworks-openai2 $(VENV)/frameworks-openai2/frameworks-openai2.stamp
	$(VENV)/frameworks-openai2/bin/python -m pytest -W ignore -m frameworks $(FRAMEWORKS_OPENAI2:%=tests/frameworks/test_%.py)

fuzz: $(VENV)/test.stamp ## a million damaged responses against every parser and framing
	$(BIN)/python tools/fuzz.py

faults: $(VENV)/test.stamp ## what it survives, as a table; all rows need root, strace and mkfs.ext4
	PYTHONPATH=tests $(APART) $(BIN)/python -m faults

mutations: $(VENV)/test.stamp ## take one guard away at a time, and show which test misses it
	PYTHONPATH=tests $(APART) $(BIN)/python -m faults.mutations

schemas: $(VENV)/demo.stamp ## write schemas/ from the types
	$(BIN)/taximeter schema --out schemas

clean: ## remove the virtual environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist

# Dependency groups need pip 25.1; the pip inside a fresh virtualenv may be older.
$(VENV)/pip.stamp:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@touch $@

$(VENV)/%.stamp: pyproject.toml $(VENV)/pip.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[cli]" --group $*
	@touch $@
