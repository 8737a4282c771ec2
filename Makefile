# Every target sets up what it needs; .ci/run calls the same ones.

PYTHON ?= python3
VENV ?= .venv
# torch comes first and pinned: a bare `torch` may bring several GB of CUDA. On a GPU machine give
# the build that fits its driver, e.g. `make demo TORCH=torch`.
TORCH ?= torch==2.13.0
WORKERS ?= 2
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo demo-dense demo-summary test test-slow test-quant test-oldest check bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo ## the whole road on this machine's CPU: draw, train, evaluate, merge, serve
	$(BIN)/sightwright demo --out demo-run

demo-dense: $(VENV)/.demo ## the same for photographs: draw, train, find every object
	$(BIN)/sightwright demo --task dense --out dense-run

demo-summary: $(VENV)/.demo ## the same for photographs: draw, train, say what each shows
	$(BIN)/sightwright demo --task summary --out summary-run

# One thread a worker: torch's own threads beside pytest's workers only wait for each other. A worker
# takes over half of what another has left, so that what a file sets up is seldom set up twice.
test: export OMP_NUM_THREADS = 1
test: $(VENV)/.dev ## the tests that fit everywhere
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-slow: export OMP_NUM_THREADS = 1
test-slow: $(VENV)/.dev ## the tests that take minutes
	$(BIN)/python -m pytest -m slow -n $(WORKERS) --dist worksteal

$(VENV)-oldest/.dev: $(VENV)/.torch pyproject.toml requirements/oldest.txt
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' \
		-c requirements/oldest.txt
	@touch $@

$(VENV)-quant/.dev: $(VENV)/.torch pyproject.toml
	$(PYTHON) -m venv $(VENV)-quant
	$(VENV)-quant/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(VENV)-quant/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,quant]'
	@touch $@

test-quant: export OMP_NUM_THREADS = 1
test-quant: $(VENV)-quant/.dev ## the tests of weights in four bits (bitsandbytes, on the CPU)
	$(VENV)-quant/bin/python -m pytest -m quant

test-oldest: export OMP_NUM_THREADS = 1
test-oldest: $(VENV)-oldest/.dev ## the tests of model and training on the oldest transformers
	$(VENV)-oldest/bin/python -m pytest -n $(WORKERS) --dist worksteal tests/model tests/data tests/train

check: $(VENV)/.dev ## ruff, pyright, the import contracts, the light-import test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_light_imports.py
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.dev ## side-by-side measurements (see benchmarks/)
	$(BIN)/python -m benchmarks

docs: $(VENV)/.dev ## run every block of the README and the guides
	$(BIN)/python -m pytest -q tests/docs

clean: ## remove the environment and everything the targets made
	rm -rf $(VENV) $(VENV)-quant $(VENV)-oldest demo-run dense-run summary-run dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
