# `make help` lists the targets. `make` alone dreams: a picture, a minute after cloning.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help dream test slow check format api hooks browser coverage docs docs-catalog package matrix bench bench-gpu clean
.DEFAULT_GOAL := dream

.venv/core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/develop: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,test,check]'
	@touch $@ .venv/core

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dream: .venv/core ## dream the first picture, of clouds that it makes itself
	@mkdir -p out
	$(BIN)/python examples/make_clouds.py out/clouds.png
	$(BIN)/entoptic dream out/clouds.png --force -o out/clouds-dream.png
	@echo "Your first dream is in $(CURDIR)/out/clouds-dream.png"

# Two files at a time, each on one thread: with more, small tensors wait for each other's threads.
test: .venv/develop ## run all tests but the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

slow: .venv/develop ## run the slow tests, half an hour: a network of each family of timm, the walk-through
	$(BIN)/python -m pytest -q -m slow

check: .venv/develop ## check style, types and layers of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/develop ## put the style right
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

api: .venv/develop ## write the stubs of the public API from the registries
	$(BIN)/python tools/public_api.py

hooks: .venv/develop ## have git run the quick checks before each commit
	$(BIN)/pre-commit install

browser: .venv/develop ## look through a catalog's site and the studio in Chromium, which is to be on the path
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[browser]'
	$(BIN)/python -m pytest -q tests/shells/test_catalog_site.py tests/shells/test_studio_page*.py -m "slow or not slow"

# Traced lines are slow, so this isn't part of `make test`.
coverage: .venv/develop ## measure which lines the unit tests and answers run; out/coverage/index.html
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile tests/unit tests/answers \
		--cov=entoptic --cov-report=term --cov-report=html:out/coverage

package: .venv/develop ## build dist/*.tar.gz and *.whl, and test both as a user installs them
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(BIN)/python -m pytest -q tests/shells/test_package.py

matrix: ## run the tests under each Python at hand, with the oldest and the newest dependencies
	$(PYTHON) .ci/matrix.py $(CELLS)

.venv/docs: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@ .venv/core

docs: .venv/docs ## build the documentation, a site that works offline; strict about links
	$(BIN)/python -m docs.site

# Goes on where it was stopped; CATALOG="fire5 fire6" takes other layers.
CATALOG := fire5 fire9 conv10
docs-catalog: docs ## put a catalog of the default network into the site: some minutes, 45 MB
	$(BIN)/entoptic catalog squeezenet1_1 $(CATALOG) --preview --output out/catalog
	$(BIN)/entoptic catalog site out/catalog --output out/site/catalog --force

# Hours, of which most are the peers'; BENCH=--quick shows in minutes that everything works.
bench: .venv/develop ## measure speed and quality, beside other tools; BENCH=--quick takes minutes
	$(BIN)/python -m benchmarks --out out/benchmarks $(BENCH)

bench-gpu: .venv/develop ## the same on a GPU
	$(BIN)/python -m benchmarks --out out/benchmarks-gpu --device cuda $(BENCH)

clean: ## remove the environment and everything that was made
	rm -rf .venv out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
