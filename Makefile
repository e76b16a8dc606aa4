# Two commands do everything on a fresh machine with Python 3.11 and make:
#   make demo   create .venv, install, train and report on the sample data, say where the page and pictures are
#   make test   create .venv, install, run every check
# While working, make check runs the quick part of it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo check test lint types quick unit front-end bench bench-long bundle site format clean fuzz soak
.DEFAULT_GOAL := help

help:
	@echo "make demo    train a head over the packaged MiniLM on the sample data, and report on it"
	@echo "make check   lint, types, the quick tests: run it while you work"
	@echo "make test    lint, types, all tests"
	@echo "make bench   measure every claim about speed beside its peers, into docs/benchmarks.md"
	@echo "make bench-long  the runs of many minutes, into benchmarks/recorded/"
	@echo "make fuzz    read broken files of every kind for ten minutes each"
	@echo "make bundle  build the page's script and style from web/ (needs Node)"
	@echo "make site    build the documentation site into build/site"
	@echo "make format  let ruff rewrite what it can"
	@echo "make clean   remove .venv and build products"

# Ninety seconds of pip are spent once: the mark is renewed only when the requirements change.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/embedscope demo

check: lint types quick

test: lint types front-end unit

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

quick: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not integration and not gpu"

unit: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist worksteal

# Before the tests, which take axe-core from web/node_modules. Needs Node, which make test does not: what cannot run is said in one line, and is a failure where
# EMBEDSCOPE_REQUIRE_ALL is set (.ci/run sets it).
front-end:
	@if command -v npm >/dev/null 2>&1; then $(MAKE) --no-print-directory front-end-checks; \
	else echo "left out: the front-end checks, because Node is not installed"; test -z "$$EMBEDSCOPE_REQUIRE_ALL"; fi

.PHONY: front-end-checks
front-end-checks: web/node_modules/.package-lock.json
	cd web && npm run --silent check && npm test --silent
	cd web && npm run --silent build -- --outDir node_modules/.rebuilt --emptyOutDir
	diff -r web/node_modules/.rebuilt src/embedscope/output/page/bundle
	@echo "the committed bundle is what the sources build"

# About twenty minutes; the machine should be quiet. HF_HUB_OFFLINE: nothing is fetched once it is installed.
bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench,demo,ray]'
	$(BIN)/python benchmarks/run_all.py --output docs/benchmarks.md --add $(wildcard benchmarks/recorded/long*.json)

# Half an hour and 3 GB of disk, once for a machine: the table of make bench shows what is recorded.
bench-long: $(INSTALLED)
	mkdir -p benchmarks/recorded
	$(BIN)/python benchmarks/run_all.py --long --record benchmarks/recorded/long.json

# Three hours on one core, half of that on two. What raises anything but a refusal is kept.
FUZZ_SECONDS ?= 600
fuzz: $(INSTALLED)
	$(BIN)/python -m tools.fuzz --seconds $(FUZZ_SECONDS) --jobs 2

# Kills before each system call, disks that refuse, and 200 runs side by side: an hour where the machine is quiet.
soak: $(INSTALLED)
	$(BIN)/python -m tools.kill
	$(BIN)/python -m tools.full_disk
	$(BIN)/python -m tools.soak

bundle: web/node_modules/.package-lock.json
	cd web && npm run --silent build

# The reports of the gallery take minutes, so they are made once: make clean removes them.
site: $(INSTALLED) build/gallery
	$(BIN)/python -m tools.site --gallery build/gallery

build/gallery: | $(INSTALLED)
	rm -rf $@.new
	$(BIN)/python -m tools.gallery --output $@.new
	mv $@.new $@

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --silent
	@touch $@

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
