# The doors of the project. `make run` and `make test` set everything up by themselves.
.DEFAULT_GOAL := help
PY := .venv/bin/python
.PHONY: help run setup setup-dev setup-test check format test unit ui desktop docker vllm bench bench-truth screenshot lock clean

help:  ## this list
	@sed -n 's/^\([a-z -]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 30

run: setup  ## open ArcDesk
	@.venv/bin/arcdesk $(ARGS)

setup:
	@packaging/setup.sh run

setup-dev:
	@packaging/setup.sh dev

setup-test:
	@packaging/setup.sh test

check: setup-dev  ## format, lint, imports, types
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@.venv/bin/lint-imports
	@$(PY) -m mypy

format: setup-dev  ## put the code in its format
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

test: setup-test  ## every test, tier by tier; sets up a Docker Engine and a desktop of its own
	@$(PY) -m tests.run

unit: setup-dev  ## one tier of the tests
	@$(PY) -m tests.run $@

ui desktop docker vllm: setup-test  ## likewise; these need the rig
	@$(PY) -m tests.run $@

bench: setup-test  ## speed and memory as ratios to a baseline of the same run
	@$(PY) -m tests.bench

bench-truth: setup-test  ## the load generator against the truth, `vllm bench serve` and guidellm; its table into the README
	@$(PY) -m tests.truth

screenshot: setup-test  ## the pictures of the README, made by the real program
	@$(PY) -m tests.screenshots
	@QT_QPA_PLATFORM=offscreen $(PY) -m tests.shots_gpu docs/pictures
	@QT_QPA_PLATFORM=offscreen $(PY) -m tests.shots_models docs/pictures
	@QT_QPA_PLATFORM=offscreen $(PY) -m tests.shots_bench docs/pictures

lock: setup-dev  ## resolve requirements*.in anew
	@packaging/lock.sh

clean:  ## remove what the above made in this folder
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
