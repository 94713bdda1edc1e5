# Two commands matter: `make demo` shows a tunnel, `make test` proves it. `make` alone lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps build test lint format docs demo bench bench-quick fuzz soak coverage clean

# One build serves the binary and the tests: the flags are the same everywhere.
SWIFT_FLAGS := -c release -Xswiftc -enable-testing
export SWIFT_FLAGS

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

deps: ## install the Debian packages that are missing (root, or sudo)
	@.ci/deps

build: deps ## build the binary and the tests, optimised
	@.ci/build

test: ## lint, build, unit, simulation, real peers, bounded fuzzing; one closing line
	@.ci/test

lint: ## check the format of every source file
	@swift format lint --strict --parallel -r Sources Tests

format: ## format every source file in place
	@swift format -i --parallel -r Sources Tests

docs: ## write the parts of docs/reference that the source knows
	@CULVERT_WRITE_DOCS=1 CULVERT_ONLY=ArchitectureTests,CLITests,culvert swift test --filter ReferenceTests

demo: build ## a certificate authority, a gateway, an agent behind a NAT, an artifact pulled through the tunnel
	@lab/demo

bench: build ## throughput and set-up rate beside strongSwan and a plain link; writes .build/bench.json
	@lab/bench

bench-quick: build ## the throughput and latency part of it, in less than three minutes
	@lab/bench --quick

fuzz: ## fuzz every parser, FUZZ_SECONDS (1800) each
	@for target in Fuzz/Targets/*/; do Fuzz/run.sh $$(basename $$target) $${FUZZ_SECONDS:-1800} || exit 1; done
	@.ci/build && Fuzz/mutations.sh $${FUZZ_MUTATIONS:-10000000}

soak: build ## thousands of cycles in simulation, between our daemons and against strongSwan (.ci/soak --help)
	@.ci/soak $(SOAK)

coverage: ## lines of the parsers that tests and corpora run; writes docs/internals/testing.md
	@.ci/coverage

clean: ## remove what building left
	@rm -rf .build Fuzz/.build Benchmarks/.build
