# make demo: set up everything and show memmux at work. make test: set up everything and run every check.
# make quick: the checks to run after each change.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo quick test setup lint bench clean

setup: $(READY)

# torch comes first and pinned: left to a dependency, pip takes a CUDA build of several gigabytes.
$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable '.[model]' --group dev
	@touch $@

demo: $(READY)
	$(BIN)/memmux demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The inner loop: the unit tests that are not slow, with a tenth of the examples where hypothesis makes them up.
quick: lint
	$(BIN)/python -m pytest tests/unit -m 'not slow' --hypothesis-profile=quick -n auto --dist worksteal

test: lint
	$(BIN)/python -m pytest -n auto --dist worksteal

bench: $(READY)
	$(BIN)/python -m bench smoke

clean:
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
