# Two commands for a newcomer: `make demo` and `make test`. Both need only python3 (3.11-3.13) and make.
PYTHON ?= python3
export GAPWATCH_DATA_DIR ?= .gapwatch
# How many tests run side by side; more than two where there are more cores.
JOBS ?= 2

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo test check format lock clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	  { echo "gapwatch needs Python 3.11, 3.12 or 3.13; $$($(PYTHON) --version 2>&1) found. Try: make PYTHON=python3.12 demo" >&2; exit 1; }
	@echo "creating the environment in .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "python3 has no venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

.venv/demo.installed: requirements/demo.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps --progress-bar on -r requirements/demo.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev.installed: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --no-deps --progress-bar on -r requirements/dev.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch .venv/demo.installed $@

demo: .venv/demo.installed ## real Kafka, real ClickHouse, real reviews: the whole pipeline on this machine
	@$(BIN)/gapwatch demo $(ARGS)

test: .venv/dev.installed ## every test, against a real Kafka and a real ClickHouse
	@$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: .venv/dev.installed ## lint, format, types, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev.installed ## rewrite the code in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## resolve the dependencies again, with hashes
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	for set in "publisher:" "worker:--extra worker" "services:--extra board --extra alerts" "demo:--extra local" "dev:--extra dev"; do \
	  .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links $${set#*:} pyproject.toml requirements/build.in --output-file "requirements/$${set%%:*}.txt" || exit 1; \
	done
	rm -rf .venv-lock

clean: ## remove the environment and the local data
	-[ -x $(BIN)/gapwatch ] && $(BIN)/gapwatch down
	rm -rf .venv .gapwatch
