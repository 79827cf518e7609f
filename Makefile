# The entrances. Everything works in .venv, which is made from requirements.lock on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test check bench crash lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

$(VENV)/.made: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@# The lock is its own constraint: pip else takes the newest of what is asked for with an extra.
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock --constraint requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

demo: $(VENV)/.made ## the whole story, unattended: no account, no key, no network service
	$(BIN)/gonogo demo

test: $(VENV)/.made check ## every check and every test
	@# A file's tests share servers, so a file stays with one process; in the order of the tree, the long ones come first.
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.made ## ruff, pyright, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/.made ## measure against peers and floors in one run; prints one table, writes JSON
	$(BIN)/python -m benchmarks

crash: $(VENV)/.made ## kill every mission at every point, in every lane, on both backends, and compare; many hours (STRIDE=30: every thirtieth)
	$(BIN)/python -m tests.crash --stride $(or $(STRIDE),1)

lock: ## pin the dependencies anew (needs uv)
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes -o requirements.lock

clean: ## remove the environment and all local state
	rm -rf $(VENV) .gonogo
