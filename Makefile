.PHONY: help run test check lint bench fuzz

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/' | expand -t 10

run: ## the agent (needs the three environment variables)
	go run ./cmd/agent

test: ## every test; what is skipped is listed at the end
	go run ./internal/check

lint: ## gofmt, go vet, and golangci-lint where it is installed
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run; else echo "golangci-lint is not installed: skipped"; fi

check: lint test ## what a change has to pass

bench: ## the benchmarks, as a table
	go run ./internal/bench

fuzz: ## every fuzz test for 20 seconds
	go run ./internal/fuzz
