# Conclave. On a machine with Go, Node and make:
#   make demo    build everything, start a server with a robot in a sealed call, print a link
#   make test    everything that proves it

SHELL   := /bin/bash
TOOL    := go tool -modfile=tools/go.mod
GOROOT  := $(shell go env GOROOT)
WASM    := GOOS=js GOARCH=wasm
EXEC    := $(GOROOT)/lib/wasm/go_js_wasm_exec
LDFLAGS := -s -w -buildid=
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="$(LDFLAGS)"

# The race detector needs a C compiler. Without one the tests run without it and
# say so; under CI that is a failure.
RACE := $(shell command -v gcc >/dev/null 2>&1 && [ "$$(go env CGO_ENABLED)" = 1 ] && echo -race)

# What needs no race detector is compiled with the flags of build, and so once for
# all of them: SQLite alone takes half a minute.
PLAIN   := CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"

PEERS   := cmd/mls-interop/peers

# core/mls starts no goroutine, and its vectors and histories would take minutes
# with the race detector, so only what shares values runs with it. The databases
# are SQLite, translated from C, and a server of its own: what is ours in them is in
# store/tables, which runs with it, as do their tests of what happens at once.
NORACE  := -e conclave/core/mls -e conclave/cmd/mls-interop -e conclave/store/sqlite -e conclave/store/postgres -e conclave/client/messenger

.PHONY: help build web wasm peers demo test check bench bench-mls bench-media soak fuzz proto lint fmt arch unit race plain beside wasmtest webtest e2e democheck reproducible clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

build: web ## bin/conclave: one static binary with the web client inside
	$(GOBUILD) -o bin/conclave ./cmd/conclave

# Not npm ci: it refuses a lock without the optional binaries of other platforms,
# which not every registry has. Versions and hashes are those of the lock all the same.
web/node_modules/.package-lock.json: web/package-lock.json
	cd web && npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

wasm: ## the core and the client, compiled for the browser
	@mkdir -p web/public
	$(WASM) go build -trimpath -buildvcs=false -pgo=bench/mls-wasm/default.pgo -ldflags="$(LDFLAGS)" -o web/public/conclave.wasm ./cmd/conclave-wasm
	$(WASM) go build -trimpath -buildvcs=false -ldflags="$(LDFLAGS)" -o web/public/conclave-account.wasm ./cmd/conclave-wasm/account
	cp $(GOROOT)/lib/wasm/wasm_exec.js web/public/wasm_exec.js

web: wasm web/node_modules/.package-lock.json ## the web client in web/dist
	cd web && npm run build

demo: build ## start a server with a robot in a sealed call and print the link
	bin/conclave demo

test: build arch race beside fuzz democheck e2e ## everything that proves it (browser tests need Chromium and Firefox)

arch:
	go test -count=1 ./internal/archtest

# Independent implementations of MLS that the tests drive ours against; never shipped.
peers: $(PEERS)/tsmls/node_modules/.package-lock.json $(PEERS)/corecrypto/node_modules/.package-lock.json

$(PEERS)/%/node_modules/.package-lock.json: $(PEERS)/%/package-lock.json
	cd $(PEERS)/$* && npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@

unit: race plain ## the Go tests

# The messenger makes keys all the time, and runs when no test beside it waits for packets.
race: ## with the race detector; some packages mostly wait, so four at a time
ifeq ($(RACE),)
	@echo "SKIP: no C compiler, so the race detector is off"
	@test -z "$$CI" || { echo "FAIL: CI needs the race detector"; exit 1; }
endif
	go test $(RACE) -p 4 -shuffle=on $$(go list ./... | grep -v $(NORACE))
	go test $(RACE) -run=Concurrent ./core/mls/... ./store/sqlite
	go test $(RACE) -shuffle=on ./client/messenger

# The directory is killed 200 times here, and 30 times with the race detector.
plain: peers ## without it
	$(PLAIN) go test -shuffle=on $$(go list ./... | grep $(NORACE))
	$(PLAIN) go test -run=Kill ./directory

# Each of the three ends with one test that keeps one core busy for a minute.
beside: ## what waits for no time and no other: side by side
	@$(MAKE) --no-print-directory -j3 -Otarget plain wasmtest webtest

wasmtest: ## the core under js/wasm in Node
	$(WASM) GOFLAGS="-trimpath -buildvcs=false" go test -exec="$(EXEC)" ./core/... ./client/meeting

webtest: web/node_modules/.package-lock.json ## types, lint, dead code and unit tests of the web client
	cd web && npm run check

democheck: build ## the main job twice at the same time, without a browser
	@bin/conclave demo --check --json & \
	bin/conclave demo --check --json; second=$$?; wait $$! && exit $$second

e2e: build ## real browsers in a call (Playwright; Chromium, Firefox)
	$(PLAIN) go build -o bin/ ./internal/wiretap/cmd/wiretap ./internal/netem/cmd/netem ./internal/evilserver/cmd/evilserver
	cd web && npm run e2e

check: fmt lint arch reproducible ## style, lint, import directions, reproducible build

fmt:
	@out=$$($(TOOL) gofumpt -l $$(git ls-files '*.go' | grep -v '\.pb\.go$$')); test -z "$$out" || { echo "gofumpt:"; echo "$$out"; exit 1; }

lint:
	$(PLAIN) go vet ./...
	$(WASM) GOFLAGS="-trimpath -buildvcs=false" go vet ./core/... ./client/meeting ./cmd/conclave-wasm/...
	$(PLAIN) $(TOOL) golangci-lint run

reproducible: build ## build again, in another place with a cold cache, and compare
	tools/reproducible.sh

fuzz: ## every fuzz target for some seconds: make fuzz FUZZTIME=30s
	tools/fuzz.sh $(or $(FUZZTIME),2s)

bench: ## benchmarks, ten runs each; groups of a thousand once; see bench/RESULTS.md
	@mkdir -p bench/out
	go test -run='^$$' -bench=. -benchmem -count=$(or $(COUNT),10) $$(go list ./core/... ./sfu/... ./client/... ./directory/... ./store/sqlite | grep -v 'core/mls$$') | tee bench/out/new.txt
	go test -run='^$$' -bench='Group|Join' -benchmem -benchtime=20x -timeout=60m ./core/mls | tee -a bench/out/new.txt
	$(WASM) go test -exec="$(EXEC)" -run='^$$' -bench='Group|Join' -benchtime=5x -timeout=60m ./core/mls | tee bench/out/wasm.txt
	$(TOOL) benchstat bench/out/new.txt

bench-mls: peers ## core/mls against OpenMLS in Chromium, in turns; see bench/mls-browser/README.md
	node bench/mls-browser/run.mjs

bench-media: ## what a forwarded packet costs, against pion, Janus and the limit, in turns; see bench/fanout/README.md
	$(GOBUILD) -o bin/conclave ./cmd/conclave
	$(GOBUILD) -o bin/ ./bench/pionfan ./bench/limit ./bench/fanout
	@mkdir -p bench/out
	bin/fanout -json bench/out/media.json $(FLAGS)

soak: build peers ## long runs: fuzzing for hours, random meetings and group histories, a full meeting, browsers that join and leave
	go test -tags=soak -count=1 -timeout=60m -run='^TestSoak$$' -v ./client/load
	tools/fuzz.sh 60s
	go test -run='^$$' -fuzz='^FuzzProcess$$' -fuzztime=60m ./core/mls
	CONCLAVE_SEEDS=400 go test -count=1 -timeout=120m ./core/mls
	CONCLAVE_SEEDS=400 go test -count=1 -timeout=60m -run=TestRandomMeetings ./client/meeting
	cd web && npm run soak

proto: web/node_modules/.package-lock.json ## generate api/conclave.pb.go
	web/node_modules/.bin/buf lint
	web/node_modules/.bin/buf generate

clean:
	rm -rf bin web/dist web/public/conclave.wasm web/public/conclave-account.wasm web/public/wasm_exec.js
	mkdir -p web/dist && touch web/dist/.gitkeep
