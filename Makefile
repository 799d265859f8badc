# Parvis. Every target installs what it needs and says what it installs.
# Needed beforehand: Go, git, make and a Debian-like machine.

export CGO_ENABLED ?= 0
GOFLAGS := -buildvcs=false -trimpath
export GOFLAGS
POSTGRES := .cache/postgres

.PHONY: help demo build test check bench fuzz e2e interop fault generate lint format

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: build ## serve the demonstration on http://localhost:8080; PORT=9090 takes another port and the next three
	@bin/parvis demo --port $(or $(PORT),8080)

build: ## the one static binary, bin/parvis
	@go build -ldflags="-s -w" -o bin/parvis ./cmd/parvis

test: build ## all tests on SQLite and PostgreSQL, and the journeys in Chromium
	@PARVIS_TEST_POSTGRES="$$(scripts/postgres.sh start $(POSTGRES))" && export PARVIS_TEST_POSTGRES && \
	  go vet ./... && go test -timeout=1h -shuffle=on ./... ; code=$$? ; scripts/postgres.sh stop $(POSTGRES) ; exit $$code
	@$(MAKE) --no-print-directory e2e

check: lint ## lint, the race detector where concurrency lives, every axe state, foreign clients, a pooler, the systemd unit
	@PARVIS_TEST_POSTGRES="$$(scripts/postgres.sh start $(POSTGRES))" && export PARVIS_TEST_POSTGRES && \
	  CGO_ENABLED=1 go test -timeout=1h -race -shuffle=on $(RACE) ; code=$$? ; scripts/postgres.sh stop $(POSTGRES) ; exit $$code
	@$(MAKE) --no-print-directory e2e AXE=all
	@$(MAKE) --no-print-directory interop
	@scripts/pooler.sh
	@scripts/units.sh
	@$(MAKE) --no-print-directory fault

# Where goroutines meet. (The race detector slows the embedded database sixteen times.)
RACE := ./internal/db/... ./internal/job/... ./internal/ratelimit/... ./internal/keyring/... ./internal/notify/... \
	./internal/relyingparty/... ./internal/courier/... ./internal/backchannel/... ./internal/ciba/... ./internal/upstream/... ./internal/operator/... ./internal/authenticator/... ./internal/web/kit/... ./internal/app/...

bench: build ## rates as ratios, on SQLite and PostgreSQL
	@scripts/fresh-postgres.sh bin/parvis bench

fuzz: ## each fuzz target for FUZZTIME (10s)
	@scripts/fuzz.sh $(or $(FUZZTIME),10s)

e2e: build ## the journeys in Chromium; AXE=all checks every screen, language and state
	@scripts/need.sh chromium=chromium
	@scripts/npm.sh test/e2e
	@AXE=$(AXE) scripts/fresh-postgres.sh node --test --test-concurrency=$$(($$(nproc) > 2 ? $$(nproc) - 1 : 2)) test/e2e/*.test.mjs

interop: build ## sign-ins by foreign clients (openid-client, oauth4webapi, go-oidc, Authlib, mod_auth_openidc, oidc-client-ts in Chromium), by people at Lynx, and with foreign partners (oidc-provider, another Parvis, SimpleSAMLphp)
	@scripts/npm.sh test/e2e
	@scripts/interop.sh

fault: build ## kill -9 in the middle of 200 journeys, and new signing keys every ten seconds under load, on SQLite and PostgreSQL
	@scripts/npm.sh test/e2e
	@scripts/fault.sh

generate: ## rebuild what is generated and committed
	@scripts/npm.sh web
	@cd web && npm run --silent build
	@go generate ./...

lint: ## golangci-lint, go fix and generated files
	@cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@bin/golangci-lint run ./...
	@out=$$(go fix -diff ./... 2>&1) || { echo "$$out" | head -100; echo "go fix would change the above"; exit 1; }
	@scripts/generated.sh

format: ## gofumpt and gci through golangci-lint
	@cd tools && go build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@bin/golangci-lint fmt ./...
