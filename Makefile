# The two commands to begin with: make demo, make test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RELEASE := .venv-release
STAMP := $(VENV)/.installed
# Over all processors; a worker that is done takes over from the others.
SPREAD := -n auto --dist worksteal --durations 10
# Each worker has a processor of its own: two with two threads each wait for one another, and take
# twice as long.
test check coverage test-slow: export OMP_NUM_THREADS = 1
# Where this is set, as in many images of containers, each of thousands of processes would compile
# every module again, those of torch for 20 seconds.
unexport PYTHONDONTWRITEBYTECODE
# What make test-core and make test-lowest run.
CORE := $(addprefix tests/unit/test_,$(addsuffix .py,classification clustering collection decode \
	documentation duplicates folder measures recommendation where)) \
	$(addprefix tests/contract/test_,$(addsuffix .py,ann bad_input golden identity index store \
	update)) tests/e2e/test_command.py tests/e2e/test_json.py
export VECSEARCH_DATA ?= ../shared/data

.PHONY: help demo test test-slow test-core test-lowest check coverage peers bench bench-quick \
	performance figures seeds docs dist audit format clean

help:
	@echo "make demo       install (some minutes), then run the main job on bundled images (1 minute)"
	@echo "make test       install, then run the tests"
	@echo "make test-slow  the long proofs"
	@echo "make test-core PYTHON=python3.13  the core by another Python, with the newest packages"
	@echo "make test-lowest  the core against the oldest packages that pyproject.toml allows"
	@echo "make check      what CI asks for first: format, lint, types, imports, tests"
	@echo "make coverage   the tests again, and which lines none of them runs: 95 % at least are run"
	@echo "make bench      speed and memory beside other libraries: docs/performance.md (up to 1 hour)"
	@echo "make figures    other measurements that README and docs quote (10 minutes)"
	@echo "make seeds      what the founding articles show, made again: docs/seeds.md (20 minutes)"
	@echo "make docs       the documentation as a web site, in site/"
	@echo "make dist       wheel and sdist, in dist/, checked; make audit: known holes in packages"

# constraints.txt holds the versions that the tests passed with last; pyproject.toml has bounds.
$(STAMP): pyproject.toml constraints.txt
	@echo "Installing into $(VENV): some minutes, and 3 GB …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt \
		--editable '.[all,dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/vecsearch demo --format table

test: $(STAMP)
	$(BIN)/python -m pytest -q $(SPREAD)

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -m 'slow and not alone' $(SPREAD)
	$(BIN)/python -m pytest -q -m 'slow and alone'

# Without torch and networks, which have bounds of their own: the core, its pictures and tables.
define TEST_CORE
	$(PYTHON) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet $(2) \
		--editable '.[plot,parquet]' hypothesis jsonschema pytest pytrec-eval-terrier
	$(1)/bin/python -m pytest -q $(CORE)
endef

test-core:
	$(call TEST_CORE,.venv-core)

test-lowest:
	$(call TEST_CORE,.venv-lowest,--constraint constraints-lowest.txt)

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(SPREAD)

# Apart from check, since the tests take twice as long when every line is counted.
coverage: $(STAMP)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q $(SPREAD)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=95

# What vecsearch is measured beside has an environment of its own; what cannot be installed on this
# Python is left out, and the tables say so.
peers: .venv-peers/.installed

.venv-peers/.installed: benchmarks/peers.txt
	$(PYTHON) -m venv .venv-peers
	grep -v '^#' benchmarks/peers.txt | { some=no; while read -r names; do \
		if .venv-peers/bin/python -m pip install --quiet $$names; then some=yes; \
		else echo "$$names: left out."; fi; \
	done; [ $$some = yes ]; }
	touch $@

bench: $(STAMP) peers
	$(BIN)/python benchmarks/speed/run.py

# Small sizes, to see that everything works; what they print says nothing of speed.
bench-quick: $(STAMP) peers
	$(BIN)/python benchmarks/speed/run.py --quick

# The tables of docs/performance.md, of what was measured last.
performance: $(STAMP)
	$(BIN)/python benchmarks/speed/tables.py --write docs/performance.md

figures: $(STAMP)
	$(BIN)/python benchmarks/figures.py

seeds: $(STAMP)
	$(BIN)/python benchmarks/seeds/run.py

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Built: site/index.html"

$(RELEASE)/bin/twine:
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet '.[release]'

dist: $(RELEASE)/bin/twine
	rm -rf dist
	$(RELEASE)/bin/python -m build --outdir dist .
	$(RELEASE)/bin/twine check --strict dist/*

# --strict: that a package could not be looked up is a failure too.
audit: $(RELEASE)/bin/twine
	$(RELEASE)/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .venv-core .venv-lowest $(RELEASE) .venv-peers dist build site
	rm -rf .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
