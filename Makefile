# make dream: a picture, a minute after cloning.   make test: everything.   make check: style, types, layers.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dream test slow check format bench bench-gpu clean
.DEFAULT_GOAL := dream

.venv/core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/develop: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,test,check]'
	@touch $@ .venv/core

dream: .venv/core
	@mkdir -p out
	$(BIN)/python examples/make_clouds.py out/clouds.png
	$(BIN)/entoptic dream out/clouds.png --force -o out/clouds-dream.png
	@echo "Your first dream is in $(CURDIR)/out/clouds-dream.png"

# Two files at a time, each on one thread: with more, small tensors wait for each other's threads.
test: .venv/develop
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile

# Half an hour: a dream of a network of each family of timm, and the whole walk-through.
slow: .venv/develop
	$(BIN)/python -m pytest -q -m slow

check: .venv/develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/develop
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Hours, of which most are the peers'; BENCH=--quick shows in minutes that everything works.
bench: .venv/develop
	$(BIN)/python -m benchmarks --out out/benchmarks $(BENCH)

bench-gpu: .venv/develop
	$(BIN)/python -m benchmarks --out out/benchmarks-gpu --device cuda $(BENCH)

clean:
	rm -rf .venv out .mypy_cache .ruff_cache .pytest_cache .hypothesis
