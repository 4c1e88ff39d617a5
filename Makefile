# make run · make conformance · make test · make check: each sets up all it needs, where there is Python 3.11 or newer.
PYTHON ?= python3
ARGS ?=

RUN := .venv/run.stamp
CONFORMANCE := .venv/conformance.stamp
TEST := .venv/test.stamp
OPENAI1 := .venv-openai1/stamp
# The tests with the official Node client run where there is a node; elsewhere they say that there is none.
NODE := $(if $(and $(shell command -v node),$(shell command -v npm)),tests/node/node_modules/stamp)

.PHONY: run conformance test test-live check bench clean

run: $(RUN)
	.venv/bin/python run.py serve $(ARGS)

conformance: $(CONFORMANCE)
	.venv/bin/python run.py conformance $(ARGS)

test: $(TEST) $(OPENAI1) $(NODE)
	.venv/bin/python -m pytest $(ARGS)
	.venv/bin/python -m pytest tests/sdk
	SERVER_PYTHON=$(CURDIR)/.venv/bin/python .venv-openai1/bin/python -m pytest tests/sdk

test-live: $(TEST)
	.venv/bin/python -m pytest tests/live $(ARGS)

check: $(TEST)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/python -m pytest -q tests/test_imports.py

bench: $(TEST)
	.venv/bin/python -m bench $(ARGS)

clean:
	rm -rf .venv .venv-openai1 tests/node/node_modules build

.venv/bin/python:
	$(PYTHON) -m venv .venv

$(RUN): requirements/run.txt requirements/documents.txt requirements/ranks.txt | .venv/bin/python
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/documents.txt
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/ranks.txt
	touch $@

$(CONFORMANCE): requirements/conformance.txt $(RUN)
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/conformance.txt
	touch $@

$(TEST): requirements/test.txt $(RUN)
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/test.txt
	touch $@

$(OPENAI1): requirements/openai1.txt
	test -x .venv-openai1/bin/python || $(PYTHON) -m venv .venv-openai1
	.venv-openai1/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/openai1.txt
	touch $@

tests/node/node_modules/stamp: tests/node/package.json tests/node/package-lock.json
	npm ci --prefix tests/node --silent --no-audit --no-fund --ignore-scripts
	touch $@
