# Everything here works on a machine that has Python 3.11 or later, pip, git and make.
# PYTHON=python3.12 selects the interpreter; each has an environment of its own under .venv/.

PYTHON ?= python3
ARGS ?=

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2] if sys.version_info >= (3, 11) else "")' 2>/dev/null </dev/null)
# More than there are cores make it slower: tests keep several processes busy each.
WORKERS := $(shell $(PYTHON) -c 'import os; print(max(os.cpu_count() or 1, 2))' 2>/dev/null </dev/null)
VENV := .venv/$(VERSION)
BENCH := .venv/$(VERSION)-bench
REPLAY := .venv/$(VERSION)-replay
PIP_QUIET := --quiet --disable-pip-version-check --no-input
PIP_TOOLS := pip-tools==7.6.2
COMPILE := .venv/lock/bin/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --annotation-style=line

.DEFAULT_GOAL := help
.PHONY: help setup demo test model lint format bench replay compare reference lock clean tool python

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PYTHON=python3.12 selects the interpreter, ARGS='-k router' goes to the tool that runs"

setup: $(VENV)/.ready ## make the environment: podus, editable, with the locked tools
	@echo "podus is installed: . $(VENV)/bin/activate"

demo: $(VENV)/.ready ## update a packet router under load, and take it back
	@$(VENV)/bin/python -m podus demo $(ARGS)

test: $(VENV)/.ready ## run the tests
	@$(VENV)/bin/python -m compileall -q src
	@$(VENV)/bin/python -m pytest -n $(WORKERS) $(ARGS)

model: ## have spin try every schedule of the algorithm (Debian: apt-get install spin)
	@model/check

lint: $(VENV)/.ready ## check the format, the style and the types
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

format: $(VENV)/.ready ## put the code into its form and mend what can be mended
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

tool: $(VENV)/.ready
	@$(VENV)/bin/$(ARGS)

bench: $(BENCH)/.ready ## measure, and write bench/results.json, docs/benchmarks.md and its plots
	@$(BENCH)/bin/python -m compileall -q src
	@$(BENCH)/bin/python -m bench $(ARGS)

replay: $(REPLAY)/.ready ## update processes from release to release of real packages, and write docs/replay.md
	@$(REPLAY)/bin/python -m bench.replay $(ARGS)

compare: $(VENV)/.ready ## compare a process that was updated with a fresh one: ARGS="click 8.1.8 8.2.1"
	@$(VENV)/bin/python -m bench.compare $(ARGS)

reference: $(VENV)/.ready ## write the command reference anew from the commands themselves
	@$(VENV)/bin/python -m podus.ush.reference docs/reference.md

lock: .venv/lock/.ready ## choose the newest versions of the tools anew (with the oldest Python, 3.11)
	$(COMPILE) --extra dev --all-build-deps -o requirements/dev.txt pyproject.toml
	$(COMPILE) --extra bench --all-build-deps -c requirements/dev.txt -o requirements/bench.txt pyproject.toml

clean: ## remove the environments and all that was built or cached
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@test -n "$(VERSION)" || { echo "$(PYTHON) is not a working Python 3.11 or later (name one: make PYTHON=python3.12 ...)" >&2; exit 2; }

# The tools are installed as locked, then the project without looking anything up; a stamp makes the next run immediate.
$(VENV)/.ready: requirements/dev.txt pyproject.toml | python
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install $(PIP_QUIET) -r requirements/dev.txt
	$(VENV)/bin/python -m pip install $(PIP_QUIET) --no-deps --no-build-isolation -e .
	@touch $@

$(BENCH)/.ready: requirements/bench.txt pyproject.toml | python
	$(PYTHON) -m venv --clear $(BENCH)
	$(BENCH)/bin/python -m pip install $(PIP_QUIET) -r requirements/bench.txt
	$(BENCH)/bin/python -m pip install $(PIP_QUIET) --no-deps --no-build-isolation -e .
	@touch $@

$(REPLAY)/.ready: bench/replay/requirements.txt pyproject.toml | python
	$(PYTHON) -m venv --clear $(REPLAY)
	$(REPLAY)/bin/python -m pip install $(PIP_QUIET) -r bench/replay/requirements.txt
	$(REPLAY)/bin/python -m pip install $(PIP_QUIET) --no-deps --no-build-isolation -e .
	@touch $@

.venv/lock/.ready: Makefile | python
	@test "$(VERSION)" = 3.11 || { echo "lock with the oldest Python that is supported: make lock PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv/lock
	.venv/lock/bin/python -m pip install $(PIP_QUIET) $(PIP_TOOLS)
	@touch $@
