# Loam's build. "make help" lists what there is.

GO            ?= go
VERSION       ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS        = -s -w -X github.com/loam-baas/loam/internal/command.version=$(VERSION)
STATICCHECK    = honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK    = golang.org/x/vuln/cmd/govulncheck@v1.9.0
FUZZTIME      ?= 20s
BENCHTIME     ?= 1s
# Packages in which goroutines meet.
RACE_PACKAGES ?= ./internal/account/... ./internal/app ./internal/command ./internal/config ./internal/engine ./internal/mail ./internal/mongowire ./internal/pages ./internal/ratelimit ./internal/rest ./internal/schema ./internal/server ./internal/store/...

.DEFAULT_GOAL := help
.PHONY: help run build test unit race lint vuln fuzz bench benchgo million parity record e2e docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build Loam and start it, without any configuration
	./loam serve

build: ## build ./loam, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o loam ./cmd/loam

test: lint build unit race ## everything that CI checks

unit: internal/e2e/node_modules internal/mongowire/testdata/node/node_modules internal/mongowire/testdata/mongosh/node_modules internal/parity/reference/node_modules ## all tests, the parity scenarios and npm clients among them
	$(GO) test ./...

race: ## the tests of concurrent packages, with the race detector
	CGO_ENABLED=1 $(GO) test -race -short $(RACE_PACKAGES)

lint: ## formatting, go vet, staticcheck, and that generated files are current
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); test -z "$$files" || { echo "gofmt has not been run on:"; echo "$$files"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run ./cmd/loam config docs | diff -u docs/configuration.md - || { echo 'run "make docs"'; exit 1; }

vuln: ## known vulnerabilities in what is built; passes where their database can't be reached
	GOBIN=$(CURDIR)/bin $(GO) install $(GOVULNCHECK)
	@./bin/govulncheck ./...; code=$$?; if [ $$code -eq 3 ]; then exit 3; elif [ $$code -ne 0 ]; then echo "govulncheck could not look: its database was not reached"; fi

fuzz: ## every fuzz target, FUZZTIME each
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

bench: internal/parity/reference/node_modules ## set Loam beside parse-server and PocketBase, in bin/bench (needs PostgreSQL)
	$(GO) run ./internal/bench $(BENCHFLAGS)

benchgo: ## every Go benchmark, BENCHTIME each
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

million: ## load a million documents into the embedded store, and query them
	LOAM_BENCH_MILLION=1 $(GO) test -run '^$$' -bench Million -benchtime 1x -timeout 20m ./internal/store/embedded

parity: ## replay the recorded answers of parse-server against Loam, and tell how far they agree
	cd internal/parity && $(GO) test -count 1 -agreement

record: internal/parity/reference/node_modules ## record parse-server's answers anew (needs PostgreSQL with PostGIS)
	$(GO) run ./internal/parity/record

e2e: internal/e2e/node_modules ## drive a running Loam with the npm Parse SDK
	$(GO) test -count 1 ./internal/e2e/...

%/node_modules: %/package-lock.json
	npm ci --prefix $* --no-audit --no-fund
	@touch $@

docs: ## generate docs/configuration.md
	$(GO) generate ./internal/config

clean: ## remove what was built
	rm -rf loam bin coverage.out internal/e2e/node_modules internal/mongowire/testdata/node/node_modules internal/mongowire/testdata/mongosh/node_modules internal/parity/reference/node_modules
