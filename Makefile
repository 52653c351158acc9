# SPDX-License-Identifier: Apache-2.0
# Everything runs in environments of its own below this folder; nothing is installed elsewhere.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
# test processes; 2 suits the smallest CI machines, 0 runs all in one process
WORKERS ?= 3
# further arguments for pytest, such as PYTEST_ARGS="-k ledger"
PYTEST_ARGS ?=
COVERAGE_FLOOR ?= 85
# what "make compat" runs, such as COMPAT="2.11.2 3.3"; empty: all there is, and the result goes into the docs
COMPAT ?=
# the Pythons it looks at, such as COMPAT_PYTHONS="python3.11 /opt/python3.12/bin/python"; empty: those it finds
COMPAT_PYTHONS ?=
# how long "make fuzz" runs; FUZZ_WRITE=1 writes the figures into docs/security.md
FUZZ_SECONDS ?= 600
FUZZ_WRITE ?=
# how often "make race-test" lets processes start one campaign together, and where its ledger is: local, s3, oss, or
# s3-unconditional and oss-versioned, which are refused; KILLS=20 kills processes as well
ROUNDS ?= 300
STORAGE ?= local
KILLS ?= 0
# anything: "make browser-test" replaces the screenshots of the docs
SCREENSHOTS ?=

VENV := .venv-test
DEMO_VENV := .venv-demo
BIN := $(VENV)/bin
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
# the version is part of the name, so that another PYTHON builds anew
STAMP := $(VENV)/.built-for-$(PYTHON_VERSION)
DEMO_STAMP := $(DEMO_VENV)/.built-for-$(PYTHON_VERSION)
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.built-for-$(PYTHON_VERSION)
BROWSER_VENV := .venv-browser
BROWSER_STAMP := $(BROWSER_VENV)/.built-for-$(PYTHON_VERSION)
FUZZ_VENV := .venv-fuzz
FUZZ_STAMP := $(FUZZ_VENV)/.built-for-$(PYTHON_VERSION)
# the tools of "make audit", and what they look at: what a user gets with every extra
AUDIT_VENV := .venv-audit
AUDIT_STAMP := $(AUDIT_VENV)/.built-for-$(PYTHON_VERSION)
RUNTIME_VENV := .venv-runtime
RUNTIME_STAMP := $(RUNTIME_VENV)/.built-for-$(PYTHON_VERSION)
LOCK := requirements.lock

# caches of the tools live and die with the environment
CACHE := $(VENV)/cache
export RUFF_CACHE_DIR := $(CACHE)/ruff
export MYPY_CACHE_DIR := $(CACHE)/mypy
export HYPOTHESIS_STORAGE_DIRECTORY := $(CACHE)/hypothesis
LINT_IMPORTS := lint-imports --cache-dir $(CACHE)/import-linter
# nox finds Pythons on the path, those named first
NOX = PATH="$(COMPAT_PATH)$$PATH" $(BIN)/nox --noxfile noxfile.py
COMPAT_PATH = $(foreach python,$(COMPAT_PYTHONS),$(abspath $(dir $(shell command -v $(python)))):)

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | while IFS='|' read -r name text; do
		printf '  make %-12s %s\n' "$$name" "$$text"
	done
	echo
	echo '  Variables: PYTHON=python3.12 (any from 3.11), WORKERS=3, PYTEST_ARGS="-k ledger", COVERAGE_FLOOR=85'
	echo '  COMPAT="2.11 3.3", COMPAT_PYTHONS="python3.11 /opt/python3.12/bin/python"'

.PHONY: test
test: $(STAMP) ## Run every check and every test, with coverage
	@scratch=$$(mktemp -d)
	trap 'rm -rf "$$scratch"' EXIT
	failed=
	$(MAKE) --no-print-directory lint || failed=yes
	# one file, one process: module fixtures are made once, and each process has an Airflow of its own
	TMPDIR="$$scratch" COVERAGE_FILE="$$scratch/coverage" $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile \
		-o cache_dir=$(CACHE)/pytest --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERAGE_FLOOR) \
		$(PYTEST_ARGS) || failed=yes
	if [[ -n $$failed ]]; then
		echo "Not everything passed" >&2
		exit 1
	fi

.PHONY: lint
lint: $(STAMP) ## Run the checks without the tests
	@failed=
	for check in "ruff check --output-format concise ." "ruff format --check ." mypy "$(LINT_IMPORTS)"; do
		echo "== $$check"
		$(BIN)/$$check || failed="$$failed [$$check]"
	done
	if [[ -n $$failed ]]; then
		echo "Failed:$$failed" >&2
		exit 1
	fi

.PHONY: format
format: $(STAMP) ## Format the code and fix what can be fixed
	@$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: browser-test
browser-test: $(BROWSER_STAMP) ## Use the pages of a real Airflow in Chromium (SCREENSHOTS=1: renew the docs')
	@scratch=$$(mktemp -d)
	trap 'rm -rf "$$scratch"' EXIT
	TMPDIR="$$scratch" $(BROWSER_VENV)/bin/python -m pytest -o cache_dir=$(BROWSER_VENV)/cache/pytest --basetemp="$$scratch/test" \
		$(if $(SCREENSHOTS),--write-screenshots) $(PYTEST_ARGS) \
		tests/browser/connection_form.py tests/browser/campaign_pages.py tests/browser/campaign_approval.py \
		tests/browser/campaign_page.py tests/browser/campaign_page_states.py tests/browser/simulator_inbox.py tests/browser/docs_site.py

.PHONY: clients-test
clients-test: $(STAMP) ## Try other people's clients against the simulator and write docs/simulator-clients.md (needs npm; 1 minute)
	@npm ci --prefix tests/clients --ignore-scripts --no-audit --no-fund --silent
	PYTHONPATH=tests/support $(BIN)/python tests/clients/run.py --write

.PHONY: compat
compat: $(STAMP) ## Try the wheel on every supported Airflow and Python
	@rm -rf build/compat
	failed=
	COMPAT="$(COMPAT)" $(NOX) --session compat || failed=yes
	$(BIN)/python compat/page.py $(if $(COMPAT),,--write) || failed=yes
	[[ -z $$failed ]]

.PHONY: compat-lock
compat-lock: $(STAMP) ## Resolve the environments of "make compat" anew
	@$(NOX) --session compat_lock -- $(COMPAT)

.PHONY: dist
dist: $(STAMP) ## Build sdist and wheel into dist/, and try both
	@$(BIN)/python .ci/dist.py

.PHONY: demo
demo: $(DEMO_STAMP) ## Watch a campaign go out, against a simulator on this machine
	@$(DEMO_VENV)/bin/python dags_examples/demo/run.py

.PHONY: docs
docs: $(STAMP) ## Build the documentation into build/docs
	@$(BIN)/python docs/build_errors.py
	$(BIN)/python docs/build_security.py
	$(BIN)/python docs/build_simulator_api.py
	$(BIN)/python docs/build_pictures.py
	$(BIN)/python docs/build_parameters.py
	$(BIN)/python docs/build_api.py
	home=$$(mktemp -d)
	trap 'rm -rf "$$home"' EXIT
	AIRFLOW_HOME="$$home" $(BIN)/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs
	echo "build/docs/index.html"

.PHONY: crash-test
crash-test: $(STAMP) ## Kill real Airflow processes dozens of times and write docs/crash-test.md (27 minutes)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/crash/long.py

.PHONY: distributed-test
distributed-test: $(STAMP) ## Strike an Airflow of several machines (CeleryExecutor) and write docs/distributed.md (18 minutes)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/distributed/long.py

.PHONY: race-test
race-test: $(STAMP) ## Let processes start one campaign together (ROUNDS=300 STORAGE=local KILLS=0; 10 minutes)
	@$(BIN)/python tests/race/long.py --rounds $(ROUNDS) --storage $(STORAGE) --kills $(KILLS)

.PHONY: pace-test
pace-test: $(STAMP) ## Measure how well four processes share the limit of an account, by Redis (8 minutes)
	@$(BIN)/python tests/pace/long.py

.PHONY: bench
bench: $(BENCH_STAMP) ## Measure again and write docs/performance.md (30 minutes; BENCH_QUICK=1: small; BENCH_ONLY=pacing,machines,guards: the rest)
	@$(BENCH_VENV)/bin/python tests/benchmarks/run.py

.PHONY: fuzz
fuzz: $(FUZZ_STAMP) ## Feed nonsense to everything that reads what others wrote (10 minutes; FUZZ_SECONDS=60)
	@$(FUZZ_VENV)/bin/python tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $(if $(FUZZ_WRITE),--write)

.PHONY: audit
audit: $(STAMP) $(AUDIT_STAMP) $(RUNTIME_STAMP) ## Look for known weaknesses, check licences and the build, write the SBOM
	@$(AUDIT_VENV)/bin/python .ci/audit.py --runtime $(RUNTIME_VENV)/bin/python --build $(BIN)/python

.PHONY: lock
lock: ## Write the newest versions that fit together to requirements.lock (needs uv)
	@uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-emit-index-url \
		--no-emit-find-links --generate-hashes --custom-compile-command 'make lock' --extra simulator --group bench \
		--group browser --group mysql --group fuzz --group audit pyproject.toml --output-file $(LOCK)
	uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-emit-index-url \
		--no-emit-find-links --generate-hashes --custom-compile-command 'make lock' --constraint $(LOCK) \
		containers/simulator/requirements.in --output-file containers/simulator/requirements.lock

.PHONY: clean
clean: ## Remove everything that is made here
	@rm -rf $(VENV) $(DEMO_VENV) $(BENCH_VENV) $(BROWSER_VENV) $(FUZZ_VENV) $(AUDIT_VENV) $(RUNTIME_VENV) tests/clients/node_modules .scratch-bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name .git -prune -o -path './.venv*' -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

$(STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(VENV) --group test '.[simulator]'
	# built from source, with the headers of MariaDB or MySQL: only the tests of such a server need it
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --group mysql 2>/dev/null || \
		echo "Without the client of MariaDB, which cannot be built here: its tests are skipped" >&2
	touch $@

$(DEMO_STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(DEMO_VENV) '.[simulator]'
	touch $@

$(BROWSER_STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(BROWSER_VENV) --group browser '.[simulator]'
	touch $@

$(BENCH_STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(BENCH_VENV) --group bench '.[simulator]'
	touch $@

$(FUZZ_STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(FUZZ_VENV) --group fuzz '.[simulator]'
	touch $@

$(AUDIT_STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(AUDIT_VENV) --group audit
	touch $@

$(RUNTIME_STAMP): $(LOCK) pyproject.toml
	@.ci/make-venv "$(PYTHON)" $(RUNTIME_VENV) '.[credentials,excel,oss,parquet,redis,sql,simulator]'
	touch $@
