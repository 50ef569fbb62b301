# The same targets by hand and in CI. Needs Python 3.11 or later, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	--constraint constraints.txt

.PHONY: help demo test lint docs bench clean

help:
	@echo "make demo    denoise a real photograph, without torch"
	@echo "make test    the tests (installs CPU torch)"
	@echo "make lint    ruff, mypy, import-linter, hadolint"
	@echo "make docs    the documents as a site, in site/"
	@echo "make bench   speed and memory, side by side"
	@echo "make clean   remove what these targets made"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/base: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/test: $(VENV)/base
	$(PIP) --editable '.[train,export,web,scale,cluster]' --group test
	@touch $@

$(VENV)/lint: $(VENV)/test
	$(PIP) --group lint
	@touch $@

$(VENV)/docs: $(VENV)/base
	$(PIP) --group docs
	@touch $@

$(VENV)/bench: $(VENV)/test
	$(PIP) --editable '.[bench]'
	@touch $@

demo: $(VENV)/base
	$(BIN)/python examples/demo.py

# Two processes of one thread each: many tests start programs and wait for them.
test: $(VENV)/test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadscope

lint: $(VENV)/lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

docs: $(VENV)/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "open site/index.html; to search: $(BIN)/python -m http.server -d site"

bench: $(VENV)/bench
	$(BIN)/python benchmarks/speed.py

clean:
	rm -rf $(VENV) demo site .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
