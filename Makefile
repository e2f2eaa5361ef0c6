# make demo: set up everything and show memmux at work. make test: set up everything and run every check.
# make quick: the checks to run after each change.
# make docs: build the documentation site into site/. make release: rehearse a release, into dist/.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TORCH := torch==2.13.0

.PHONY: demo quick test setup lint bench docs release clean

setup: $(READY)

$(BIN)/python:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

# torch comes first and pinned: left to a dependency, pip takes a CUDA build of several gigabytes.
$(READY): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable '.[model]' --group dev
	@touch $@

# One dependency group alone, for what needs neither memmux nor a model.
.venv/.group-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

demo: $(READY)
	$(BIN)/memmux demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	$(BIN)/jactionlint --strict-exit --shellcheck=
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml
	$(BIN)/pre-commit validate-config

# The inner loop: the unit tests that are not slow, with a tenth of the examples where hypothesis makes them up.
quick: lint
	$(BIN)/python -m pytest tests/unit -m 'not slow' --hypothesis-profile=quick -n auto --dist worksteal

test: lint
	$(BIN)/python -m pytest -n auto --dist worksteal

bench: $(READY)
	$(BIN)/python -m bench smoke

docs: .venv/.group-docs
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . site

release: .venv/.group-release
	$(BIN)/python -m tools.release --first $(TORCH)

clean:
	rm -rf .venv dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
