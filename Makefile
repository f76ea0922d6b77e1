# p4fabric. `make lab` and `make test` install what is missing: Debian packages, and a virtual environment
# in .venv. They need root, for network namespaces and interfaces.
#
#   make lab              the main job on real packets       KEEP=1: leave it running   SWITCH=bmv2: on bmv2
#   make soak             nothing is lost while intents come and go, FOR=300 seconds long
#   make link-failures    how long flows wait when links between switches fail: 20 failures, at most 50 ms
#   make failures         controllers and switches are killed, control channels are away: nothing is lost
#   make test             all tests, in JOBS=2 processes     PYTEST=... passes options on
#   make check            formatting, lint, the way of imports, types
#   make docs             build the documentation's site into site/
#   make p4               compile p4src/ and examples/ (needs p4c-bm2-ss)
#   make bench            all figures, in run/bench/report.md   AGAINST=figures.json: fails where one fell
#   make clean            remove what runs have left

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Any Python from 3.11 on will do for p4fabric itself; Mininet is the system's, and so is its Python.
PYTHON ?= $(firstword $(shell for p in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done))
SYSTEM_PYTHON := /usr/bin/python3
BIN := .venv/bin
INSTALLED := .venv/installed

# What building the embedded switch's native code and making the virtual environment takes ...
BASE_PACKAGES := gcc libc6-dev python3-venv
# ... and what labs and tests use besides.
LAB_PACKAGES := mininet iproute2 ethtool net-tools iputils-ping iperf3 tshark tcpdump curl procps python3-yaml
# The tests also check the systemd units, the TLS how-to, metrics, alerts and who is told of them, and the page
# in a browser, with the types of its scripts.
TEST_PACKAGES := systemd openssl nfdump prometheus prometheus-alertmanager chromium node-typescript
# Tests of Kubernetes need an API server, which Debian has as source only: built once for a machine.
KUBERNETES_PACKAGES := dpkg-dev etcd-server golang-go golang-github-json-iterator-go-dev \
    golang-github-modern-go-reflect2-dev openssl rsync $(if $(shell command -v kubectl),,kubernetes-client)
export KUBERNETES ?= /var/cache/p4fabric/kubernetes
PACKAGES := $(BASE_PACKAGES) $(LAB_PACKAGES)

KEEP ?=
SWITCH ?= softswitch
PYTEST ?=
FOR ?= 300
AGAINST ?=
JOBS ?= $(shell nproc)

.PHONY: help lab soak link-failures failures test kubernetes check docs p4 bench clean root packages

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

root:
	@[ "$$(id -u)" = 0 ] || { echo "This needs root, for network namespaces and interfaces: sudo make $(MAKECMDGOALS)"; exit 1; }

packages: root
	@missing=(); for package in $(PACKAGES); do \
	    [ "$$(dpkg-query -Wf '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing+=($$package); \
	done; \
	[ $${#missing[@]} = 0 ] && exit 0; \
	command -v apt-get >/dev/null || { \
	    echo "Not a Debian system (no apt-get): please install what these Debian packages hold: $${missing[*]}"; exit 1; }; \
	echo "Installing Debian packages: $${missing[*]}"; \
	export DEBIAN_FRONTEND=noninteractive; log=$$(mktemp); \
	install() { apt-get install -qq --yes --no-install-recommends "$${missing[@]}" </dev/null >"$$log" 2>&1; }; \
	install || { apt-get update -qq && install; } || { cat "$$log"; exit 1; }; \
	rm -f "$$log"

$(INSTALLED): pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed (Debian 12: apt-get install python3)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "Installing p4fabric and what it uses into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action ignore --editable '.[dev]'
	@touch $@

lab: packages $(INSTALLED)
	@$(SYSTEM_PYTHON) mininet/lab.py --switch $(SWITCH) $(if $(KEEP),--keep)
	@command -v p4fabric >/dev/null || \
	    printf '  For the command p4fabric in this terminal:\n\n    export PATH="%s:$$PATH"\n\n' "$(CURDIR)/$(BIN)"

soak: packages $(INSTALLED)
	@$(SYSTEM_PYTHON) mininet/soak.py --seconds $(FOR)

link-failures: packages $(INSTALLED)
	@$(SYSTEM_PYTHON) mininet/link_failures.py --failures 20

failures: packages $(INSTALLED)
	@for words in "controller --kills 100 --changes 1000" "switches --kills 20" channels "smf --kills 50"; do \
	    unshare --net --mount sh -euc 'mount -t sysfs none /sys; ip link set lo up; exec "$$@"' sh \
	        $(BIN)/python -m tests.fabric.failures $$words; \
	done

test: PACKAGES += $(TEST_PACKAGES)
test: packages $(INSTALLED)
	@$(BIN)/pytest --numprocesses $(JOBS) $(PYTEST)

kubernetes: PACKAGES = $(KUBERNETES_PACKAGES)
kubernetes: packages
	@tests/kubernetes/build.sh $(KUBERNETES)

check: $(INSTALLED)
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted as ruff does it: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports >.venv/imports.log 2>&1 || { cat .venv/imports.log; exit 1; }
	@$(BIN)/mypy src/p4fabric benchmarks tests examples

docs: $(INSTALLED)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --root-user-action ignore --editable '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The site is in site/; $(BIN)/mkdocs serve shows it and follows changes"

p4: $(INSTALLED)
	@$(BIN)/python -m p4fabric.pipelines.compile

bench: packages $(INSTALLED)
	@$(BIN)/python -m benchmarks.report $(if $(AGAINST),--against $(AGAINST))

# The virtual environment stays: `rm -r .venv` takes it away.
clean:
	@rm -rf run build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
