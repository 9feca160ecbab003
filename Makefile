# Two commands: `make demo` shows the whole loop on real data, `make test` proves that everything works.
# Both set themselves up; nothing but Python 3.11 or newer has to be there.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
FEAST := .venv-feast
MEASURED := --cov --cov-report= --cov-fail-under=0

.PHONY: demo test lint types imports unit browser test-feast feast coverage docs dist test-wheel hooks format clean help

help:
	@echo "make demo        films for people: fetch MovieLens 100K, learn, evaluate, serve"
	@echo "make test        everything that must hold: all of the following"
	@echo "make lint types imports   ruff, mypy, import contracts"
	@echo "make unit        all tests but those of the next two"
	@echo "make test-feast  tests of Feast, in an environment of their own"
	@echo "make coverage    how much of src the two have run, and whether that is enough"
	@echo "make test-wheel  build the wheel, install it into an empty environment and serve with it"
	@echo "make docs        build the documentation as a site, in site/"
	@echo ""
	@echo "make format      bring the code into its form"
	@echo "make hooks       check every commit before it is made"
	@echo "make dist        build the wheel and the source distribution, in dist/"
	@echo "make clean       remove what these commands made"

demo: $(VENV)/demo
	$(BIN)/shortlist up examples/movies.py

test: lint types imports docs unit test-feast coverage test-wheel

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

imports: $(VENV)/dev
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/dev browser
	$(BIN)/pytest -n 2 --dist loadfile $(MEASURED)

# The search page is tested in a real browser where there is one, or where this may install it.
browser:
	@command -v chromedriver >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get install -qq --yes --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null 2>&1; } || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq >/dev/null 2>&1 && \
		apt-get install -qq --yes --no-install-recommends chromium chromium-driver fonts-dejavu-core >/dev/null 2>&1; } || \
		echo "no chromedriver here: tests of the search page are skipped (apt-get install chromium chromium-driver)"

# Feast pins older libraries than ours and is large, so it has an environment of its own.
test-feast: feast
	FEAST_USAGE=False $(FEAST)/bin/pytest --cov-append $(MEASURED) tests/features/test_feast*.py

# Of both, and of the processes that they start; pyproject.toml says which share of src is the least.
coverage: $(VENV)/dev
	$(BIN)/coverage report

feast: $(FEAST)/ready

docs: $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

dist: $(VENV)/dev
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null

test-wheel: dist
	$(BIN)/pytest -m wheel tests/packaging

hooks: $(VENV)/dev
	$(BIN)/pre-commit install

format: $(VENV)/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(FEAST) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* \
		artifacts build dist site

$(VENV)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Shortlist needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

$(VENV)/demo: $(VENV)/pip pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --progress-bar on --constraint constraints.txt --editable '.[catboost]'
	@touch $@

$(VENV)/dev: $(VENV)/pip pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --progress-bar on --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/demo

$(FEAST)/ready: pyproject.toml constraints-feast.txt
	$(PYTHON) -m venv $(FEAST)
	$(FEAST)/bin/python -m pip install --quiet --progress-bar on --constraint constraints-feast.txt --editable '.[feast]' pytest pytest-cov
	@touch $@
