# What one does with this repository. The work is in scripts/, one file a target.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test chaos bench oracle lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what building and testing need, or say what to install
	@scripts/setup all

demo: ## build, then play an agency's day with breaches in it; prints the console's address
	@scripts/demo $(ARGS)

test: ## everything: format, lints, unit, end to end on Apache Kafka, console, promtool
	@scripts/test

chaos: ## kill, freeze and rebalance at random while breaches go on: 100 rounds, or ROUNDS=n from SEED=n, with ACTORS=n remembered
	@scripts/chaos

bench: ## the benchmarks, optimised as a release is
	@scripts/bench $(ARGS)

oracle: ## the rules beside rsigma-eval: same answers, and both engines' speed
	@scripts/oracle

lint: ## formatting, clippy with warnings as errors, dependencies' licences and sources
	@scripts/lint

clean: ## remove what was built and fetched
	@cargo clean
	@rm -rf .cache dashboards/console/dist dashboards/console/node_modules
