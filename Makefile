.DEFAULT_GOAL := help
.PHONY: help setup environment demo test test-unit test-faults lint bench bench-traffic bench-proxy bench-ledger clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1@\2/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "make %-13s %s\n", $$1, $$2 }'

setup: ## Install uv, the locked environment and, if it is missing and we are root, Docker Engine
	@python3 -m tools.bootstrap

environment: ## Install uv and the locked environment only
	@python3 -m tools.bootstrap environment

demo: setup ## Start the lab and run the main job: build, staging, approval, production
	@.venv/bin/python -m tools.demo

test: setup ## Lint, unit tests, molecule and integration tests
	@.venv/bin/python -m tools.check

test-unit: environment ## Unit tests only
	@.venv/bin/python -m tools.check unit

test-faults: setup ## Break everything that can break, under load, and make docs/RELIABILITY.md (FAULT=…, SEED=…, KILLS=…)
	@.venv/bin/python -m tools.faults $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) $(if $(FAULT),'$(FAULT)')

lint: environment ## Linters and type checks only
	@.venv/bin/python -m tools.check lint

bench: setup ## Measure deployments and rollbacks, on one host and on three
	@.venv/bin/python -m bench

bench-traffic: setup ## Change an environment in every way under load, and count the requests that fail
	@.venv/bin/python -m bench.traffic

bench-proxy: setup ## Measure what HAProxy costs beside the application's own port
	@.venv/bin/python -m bench.proxy

bench-ledger: setup ## Measure what a ledger of 10,000 entries costs beside one of a few
	@.venv/bin/python -m bench.ledger

clean: ## Remove the lab and everything else that these targets made, except installed packages
	@python3 -m tools.clean
