# Two commands do everything on a fresh machine with Python 3.11 and make:
#   make demo   create .venv, install, train and report on the sample data, say where the page and pictures are
#   make test   create .venv, install, run every check
# While working, make check runs the quick part of it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help demo check test lint types quick unit front-end bench bench-long bench-gpu bench-quick bench-record bundle site format clean fuzz soak
.DEFAULT_GOAL := help

help:
	@echo "make demo    train a head over the packaged MiniLM on the sample data, and report on it"
	@echo "make check   lint, types, the quick tests: run it while you work"
	@echo "make test    lint, types, all tests"
	@echo "make bench   measure every claim about speed beside its peers, into docs/benchmarks.md"
	@echo "make bench-quick  two minutes: has a ratio to a peer become worse than the recorded one?"
	@echo "make bench-long  the runs of many minutes"
	@echo "make bench-gpu  what needs a CUDA device"
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

# A quarter of an hour; the machine should be quiet. HF_HUB_OFFLINE: nothing is fetched once it is installed. Each adds its
# rows to benchmarks/recorded/results.parquet and draws docs/benchmarks.md from it.
BENCH_EXTRAS := $(VENV)/.bench
$(BENCH_EXTRAS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench,demo,ray]'
	@touch $@

bench: $(BENCH_EXTRAS)
	$(BIN)/python benchmarks/run_all.py

# An hour and 3 GB of disk, once for a machine.
bench-long: $(BENCH_EXTRAS)
	$(BIN)/python benchmarks/run_all.py --kind long

# Without a CUDA device nothing is recorded, and the page goes on saying what it says.
bench-gpu: $(BENCH_EXTRAS)
	$(BIN)/python benchmarks/run_all.py --kind gpu

# Ends with 1 where a claim has become slower beside its peer; its lines say by how much. On another processor than the
# record's, make bench-record first, at the commit to compare with.
bench-quick: $(BENCH_EXTRAS)
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/quick.py

bench-record: $(BENCH_EXTRAS)
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/quick.py --record

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
