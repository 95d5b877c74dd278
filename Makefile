# Needs python3 (3.11 or newer), make and git; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/installed
STUBS := $(VENV)/stubs
PIP := $(BIN)/python -m pip --disable-pip-version-check
PROTOS := $(wildcard protos/dtms/v1/*.proto)
WORKERS ?= 2
MINUTES ?= 5

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: conformance help install demo serve test test-long test-metatrader5 check check-schema check-stubs check-api protos migration wheels lock bench soak mutants

help:  ## Show this list.
	@echo 'DTMS: make TARGET'
	@sed -n 's/^\([a-z0-9-]*\):.*  ## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r name text; do \
	  printf '  %-17s %s\n' "$$name" "$$text"; done

install: $(READY)  ## Make .venv with everything, pinned; does nothing where it is up to date.

demo: $(READY)  ## Watch a bot and its guard on a simulated terminal; SECONDS=20 ends it by itself.
	$(BIN)/dtms demo $(if $(SECONDS),--seconds $(SECONDS))

serve: $(READY)  ## Run the service on its simulated terminal, in the foreground.
	$(BIN)/dtms serve --terminal simulator

test: $(READY)  ## Run the tests: some minutes.
	$(BIN)/pytest -n $(WORKERS) -m "not long and not metatrader5"

test-long: $(READY)  ## Run the longer proofs.
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m long --timeout 1800

test-metatrader5: $(READY)  ## Run the contract suite and the host on the real package, under Wine.
	$(BIN)/pytest -m metatrader5 --durations=0 tests/metatrader5

conformance: $(READY)  ## Play one scenario in every language that has its tools here; L="go java": in these.
	PYTHONPATH=tests $(BIN)/python -m conformance $(L)

bench: $(READY)  ## Measure the event loop's longest stall under fire; OPTIONS=--help: some minutes.
	$(BIN)/python bench/stalls.py $(OPTIONS)

soak: $(READY)  ## Run all together under faults and kills, MINUTES=5; SEED=n, JSON=FILE. Linux only.
	PYTHONPATH=tests $(BIN)/python -m soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(JSON),--json $(JSON))

mutants: $(READY)  ## Change the code on purpose, and see the tests notice: ten minutes; M=scoring: one module.
	PYTHONPATH=tests $(BIN)/python -m mutants $(M)

check: $(READY)  ## Check format, lint, types, imports, the API, the schema and the generated stubs.
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory check-api check-schema check-stubs

check-api: $(READY)
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	@tag=$$(git describe --tags --abbrev=0 2>/dev/null) || exit 0; \
	echo "$(BIN)/buf breaking --against .git#tag=$$tag"; \
	$(BIN)/buf breaking --against ".git#tag=$$tag"

# The migrations, run on a fresh database in memory, must give the tables of storage/tables.py.
check-schema: $(READY)
	$(BIN)/alembic check

check-stubs: $(READY)
	$(generate)
	@diff -r -x __pycache__ generated $(STUBS) || { echo 'generated/ is not what protos/ give: make protos'; exit 1; }

protos: $(READY)  ## Generate generated/ from protos/.
	$(generate)
	@rm -rf generated && mv $(STUBS) generated

migration: $(READY)  ## Write a migration for what changed in storage/tables.py; M="what it does".
	@test -n '$(M)' || { echo 'say what it does: make migration M="add a column"'; exit 2; }
	$(BIN)/alembic revision --autogenerate -m '$(M)'

wheels: $(READY)  ## Build the two wheels into dist/.
	@rm -rf dist
	$(BIN)/python -m build --wheel --outdir dist clients/python
	$(BIN)/python -m build --wheel --outdir dist .

lock: $(READY)  ## Pin the newest versions of everything in requirements.lock.
	$(PIP) install --quiet uv
	$(BIN)/uv pip compile --upgrade --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --group dev --no-emit-package dtms-client --no-emit-package dtms-server \
	  --output-file requirements.lock pyproject.toml clients/python/pyproject.toml

$(READY): requirements.lock pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and \
	  f"DTMS needs Python 3.11 or newer, and $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.12 install")'
	@echo 'making $(VENV): a minute or two'
	$(PYTHON) -m venv $(VENV)
	$(call retried,$(PIP) install --quiet --require-hashes -r requirements.lock)
	$(call retried,$(PIP) install --quiet --no-deps -e clients/python -e .)
	@touch $@

# Networks fail now and then: three attempts, with a pause between.
define retried
@for pause in 5 20 0; do echo '$(1)'; $(1) && exit 0; sleep $$pause; done; exit 1
endef

# protoc looks for its plugins, protoc-gen-mypy and protoc-gen-mypy_grpc, in PATH.
PROTOC := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I protos
define generate
@rm -rf $(STUBS) && mkdir -p $(STUBS)
$(PROTOC) --python_out=$(STUBS) --mypy_out=quiet:$(STUBS) $(PROTOS)
$(PROTOC) --grpc_python_out=$(STUBS) --mypy_grpc_out=quiet:$(STUBS) protos/dtms/v1/service.proto
endef
