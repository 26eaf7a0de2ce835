# JobPilot. `make help` lists the targets.
#
# Everything that prepares, starts or tests the platform is a command of tools/stack, so that it needs only Go
# and works alike for people and for CI. STACK=compose: up, down, status, logs and clean mean the same platform
# in containers.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

STACK_BIN := .data/bin/stack
STACK_RUN = @go build -buildvcs=false -o .data/bin/ ./tools/stack && $(STACK_BIN) $(filter compose,$(STACK))
ifdef INSTANCE
OPTIONS = -instance $(INSTANCE)
endif

.PHONY: help up down status logs restart clean dev psql demo test bench chaos lint generate verify build

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## install what is missing and start everything; STACK=compose: with Docker Compose
	$(STACK_RUN) up $(OPTIONS)

down: ## stop everything that make up started
	$(STACK_RUN) down $(OPTIONS)

status: ## show what runs and whether it answers
	$(STACK_RUN) status

logs: ## follow the log of SERVICE=
	$(STACK_RUN) logs $(OPTIONS) $(SERVICE)

restart: ## rebuild and restart SERVICE=
	$(STACK_RUN) restart $(OPTIONS) $(SERVICE)

clean: ## stop everything and remove its data; ALL=1: downloaded tools too
	$(STACK_RUN) clean $(if $(ALL),-all)

dev: ## rebuild and restart SERVICE= whenever its files change
	$(STACK_RUN) dev $(OPTIONS) $(SERVICE)

psql: ## open a database session as SERVICE=, or as superuser
	$(STACK_RUN) psql $(OPTIONS) $(SERVICE)

demo: up ## start everything and play the main job end to end
	@$(STACK_BIN) run go run ./test/demo

test: ## run everything CI runs, with a summary; SERVICE=: one service's part
	$(STACK_RUN) test $(SERVICE)

bench: ## measure the numbers that the platform promises; ROWS= some of them; JOBPILOT_DATA= folder of the data to measure on
	$(STACK_RUN) up -instance test
	@$(STACK_BIN) run -instance test go run ./test/load $(ROWS)

chaos: ## kill every process at random during the demo, from 20 seeds, and during 5,000 registrations; CHAOS_SEED= repeats one
	$(STACK_RUN) up -instance test
	@CHAOS_REGISTRATIONS=$${CHAOS_REGISTRATIONS:-5000} CHAOS_SEEDS=$${CHAOS_SEEDS:-20} $(STACK_BIN) run -instance test go test -v -count=1 -timeout=2h ./test/chaos

lint: ## run the linter
	$(STACK_RUN) test -only lint

generate: ## make all generated files anew from the contracts
	@sh tools/gen/generate.sh

verify: ## fail when a generated file is not what its source makes
	@sh tools/gen/verify.sh

build: ## compile every program into .data/bin
	@go build -buildvcs=false -o .data/bin/ ./services/* ./tools/stack ./tools/migrate
