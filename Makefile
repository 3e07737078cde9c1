# errordrops: `make report` reproduces the default study, `make test` runs the tests. Both build .venv first.
#   make report STUDY=smoke            another study
#   make report STUDY=quick FROM=reference     analysis, figures and page from the committed runs: no torch, no training
#   make report DATA_DIR=/my/fashion-mnist     a folder that already holds the data set
#   make report CORES=4                cores to use (default: all)
PYTHON ?= python3
STUDY ?= quick
FROM ?=
DATA_DIR ?=
CORES ?= all

VENV := .venv
BIN := $(VENV)/bin
SETTINGS := study=$(STUDY) $(if $(FROM),from=$(FROM)) $(if $(DATA_DIR),data_dir=$(DATA_DIR))
# torch is only installed when something is to be trained
NEEDS := $(if $(filter reference,$(FROM)),report,train)

.PHONY: report test lint format lock clean-venv
.DELETE_ON_ERROR:

report: $(VENV)/.$(NEEDS)
	$(BIN)/snakemake --cores $(CORES) --config $(SETTINGS)
	@echo "The report: results/$(STUDY)/report/index.html"

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

# Three nested sets of pins, all from the bounds in pyproject.toml: dev contains train contains report.
# Names, versions and hashes only, so any package index that carries these files will do.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --extra train -c requirements-dev.lock --no-annotate pyproject.toml requirements-build.in -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes -c requirements-dev.lock --no-annotate pyproject.toml requirements-build.in -o requirements-report.lock
