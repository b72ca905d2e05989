# Every target makes its own environment in .venv first; nothing here ever waits for an answer.
#
#   make demo      sample data -> general model -> fine-tune -> pick -> report, in demo/
#   make test      the tests
#   make test-fast the tests that take no more than some seconds each
#   make napari    napari with the sample micrograph and its picks
#   make lint      ruff, mypy, and known vulnerabilities of the dependencies
#   make bench     the benchmarks
#   make bench-quick  this machine in one table, in about five minutes
#   make wheel     the wheel, installed and tried in an environment of its own
#   make docs      the documentation, in site/
#
# make test PYTEST_ARGS="tests/io -x"     passes arguments on to pytest
# make env PYTHON=/path/to/python3.12     chooses the interpreter
# make clean-env                          removes .venv

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help env demo test test-fast napari lint bench bench-quick wheel docs clean-env

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LINT_INSTALLED := $(VENV)/.installed-lint
PYTEST_ARGS ?=
# Two processes, tests dealt out by tests/conftest.py. PYTEST_ARGS="-n 0" runs them in one.
IN_TWO := -n 2
BENCHMARKS ?= $(sort $(wildcard benchmarks/[a-z]*.py))

# Qt needs a display. Where there is no X server that can be started, Qt draws off the screen:
# widgets work, canvas screenshots do not (those tests skip).
HAVE_XVFB = $(shell command -v xvfb-run >/dev/null 2>&1 && command -v xauth >/dev/null 2>&1 && echo yes)
WITH_DISPLAY = $(if $(HAVE_XVFB),xvfb-run -a -s "-screen 0 1600x1200x24",env QT_QPA_PLATFORM=offscreen)

help:
	@sed -n '3,12s/^# \{0,1\}//p' Makefile

env: $(INSTALLED)

# The stamp is newer than what decides the environment's content: a second run installs nothing.
$(INSTALLED): pyproject.toml constraints-dev.txt scripts/environment.sh scripts/system-libraries.sh
	@scripts/system-libraries.sh
	@PYTHON="$(PYTHON)" scripts/environment.sh $(VENV) test docs
	@touch $@

$(LINT_INSTALLED): $(INSTALLED)
	@PYTHON="$(PYTHON)" scripts/environment.sh $(VENV) lint
	@touch $@

demo: env
	$(BIN)/unetpick demo --out demo

test: env
	$(WITH_DISPLAY) $(BIN)/python -m pytest $(IN_TWO) $(PYTEST_ARGS) </dev/null

test-fast: env
	$(WITH_DISPLAY) $(BIN)/python -m pytest $(IN_TWO) -m "not slow" $(PYTEST_ARGS) </dev/null

# The manifest's first sample; the viewer stays open until it is closed.
napari: env
	$(BIN)/python scripts/open_sample.py

lint: $(LINT_INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@scripts/audit.sh $(VENV)

bench: env
	@set -e; for script in $(BENCHMARKS); do \
		echo "== $$script"; $(BIN)/python $$script </dev/null; \
	done

bench-quick: env
	$(BIN)/python benchmarks/quick.py </dev/null

wheel:
	@PYTHON="$(PYTHON)" scripts/try_wheel.sh

docs: env
	$(BIN)/python -m mkdocs build --strict

clean-env:
	rm -rf $(VENV)
