# Two commands do everything on a fresh machine with Python 3.11 and make:
#   make demo   create .venv, install, run the main job on the sample data, say where the page and pictures are
#   make test   create .venv, install, run every check
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint types unit format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run the main job on the sample data and the packaged MiniLM"
	@echo "make test    lint, types, all tests"
	@echo "make format  let ruff rewrite what it can"
	@echo "make clean   remove .venv and build products"

# Ninety seconds of pip are spent once: the mark is renewed only when the requirements change.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/embedscope demo

test: lint types unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

unit: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
