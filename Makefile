# errordrops: `make report` reproduces a study, `make test` runs the tests. Both build .venv first.
#   make report                              the default study
#   make report STUDY=smoke                  another study
#   make report STUDY=quick FROM=reference   analysis, figures and page from the committed runs: no torch, no training
#   make report DATA_DIR=/my/fashion-mnist   a folder that already holds the data set
#   make report STUDY=he2015-cifar10 DEPTH=56  another depth of the network
#   make report CORES=4                      how many cores to use (all of them if not stated)
#   make report QUARTO=1                     install Quarto into the environment, and let it render the page
#   make report TORCH_INDEX=ADDRESS          torch from another index, for a build without CUDA (docs/install.md)
#   make report LOGGER=snakemake             Snakemake's own messages instead of the progress
PYTHON ?= python3
STUDY ?= quick
FROM ?=
DATA_DIR ?=
DEPTH ?=
CORES ?= all
QUARTO ?=
TORCH_INDEX ?=
LOGGER ?=

VENV ?= .venv
BIN := $(VENV)/bin
SETTINGS := study=$(STUDY) from=$(or $(FROM),training) $(if $(DATA_DIR),data_dir='$(DATA_DIR)') $(if $(DEPTH),depth=$(DEPTH))
# torch is only installed when something is to be trained
NEEDS := $(if $(filter reference,$(FROM)),report,train)

.PHONY: report test test-faults test-slurm lint format docs lock audit bench clean

# Snakemake prints the path of the page last
report: $(VENV)/.$(NEEDS) $(if $(QUARTO),$(VENV)/.quarto)
	@$(BIN)/snakemake --cores $(CORES) $(if $(LOGGER),--logger-errordrops-off) --config $(SETTINGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Processes killed at random moments, disks that fill up, files with flipped bits (tests/README.md): minutes.
test-faults: $(VENV)/.dev
	FAULT_TESTS=1 $(BIN)/python -m pytest tests/faults

# The workflow on a Slurm cluster that is started on this machine for it: wants root, Debian or Ubuntu, some minutes.
test-slurm: $(VENV)/.dev
	SLURM_TESTS=1 $(BIN)/python -m pytest -m slurm

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/panache lint --quiet --no-cache --message-format short report/cause report/explanations docs config *.md
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/check-jsonschema --check-metaschema workflow/schemas/*.json
	$(BIN)/check-jsonschema --schemafile workflow/schemas/study.schema.json config/studies/*.yaml
	$(BIN)/check-jsonschema --schemafile workflow/schemas/config.schema.json config/config.yaml
	$(BIN)/zizmor --quiet --offline --no-progress .github/workflows

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow

bench: $(VENV)/.train
	$(BIN)/python benchmarks/throughput.py

# Three nested sets of packages, pinned from the bounds in pyproject.toml: dev contains train contains report.
$(VENV)/.report: requirements-report.lock
$(VENV)/.train: requirements.lock
$(VENV)/.dev: requirements-dev.lock
$(VENV)/.%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' \
	    || { echo "errordrops needs Python 3.11, 3.12 or 3.13; $(PYTHON) is another. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -P src/errordrops/progress/installing.py $(filter %.lock,$^) $(TORCH_INDEX)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# PyPI's quarto-cli downloads Quarto itself when it is installed, so it needs the network.
$(VENV)/.quarto: $(VENV)/.$(NEEDS)
	@echo "Installing Quarto into $(VENV) (PyPI's quarto-cli fetches it, about 130 MB) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check 'quarto-cli>=1.6' >$(VENV)/quarto.log 2>&1 \
	    && $(BIN)/quarto --version >/dev/null \
	    || { echo "Quarto could not be installed. Is there a network? The reason: $(VENV)/quarto.log"; \
	         echo "Without QUARTO=1 the Pandoc that comes with this package renders the page."; exit 1; }
	@touch $@

# the tables of config/README.md, from the schemas, and those of README.md and docs/, from committed results
docs: $(VENV)/.dev
	$(BIN)/python docs/config_readme.py
	$(BIN)/python docs/tables.py

# Names, versions and hashes only: any package index that carries these files will do.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(VENV)/.dev
	$(COMPILE) --extra dev pyproject.toml -o requirements-dev.lock
	$(COMPILE) --extra build --extra tensorboard --extra train --extra workflow -c requirements-dev.lock pyproject.toml -o requirements.lock
	$(COMPILE) --extra build --extra tensorboard --extra workflow -c requirements-dev.lock pyproject.toml -o requirements-report.lock

# Known vulnerabilities of the pinned packages, asked of PyPI; what cannot be asked about is a failure, too.
audit: $(VENV)/.dev
	$(BIN)/uv tool run --quiet pip-audit==2.10.1 --strict --progress-spinner off --disable-pip --no-deps -r requirements-dev.lock

# What was computed stays; only the environment and Snakemake's notes go.
clean:
	rm -rf $(VENV) .snakemake
