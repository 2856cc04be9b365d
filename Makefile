# The doors. `make repro` runs the pipeline, `make test` proves it; both need git, make and Python 3.11+ only.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH :=
# Empty is off: without stored bytecode every start of DVC or Prefect compiles hundreds of modules again.
export PYTHONDONTWRITEBYTECODE :=
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1
# Threads that spin while they wait slow everything down beside another busy process.
export GOMP_SPINCOUNT := 1000
PATHS := smis pipelines flows tests benchmarks docker docs
PROSE := README.md CONTRIBUTING.md CHANGELOG.md docs smis pipelines flows benchmarks docker zoo sweeps
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20
CHROMIUM = $(APT) install --yes --no-install-recommends chromium fonts-liberation
SLURM = $(APT) install --yes --no-install-recommends slurmctld slurmd slurm-client munge

.PHONY: repro ablation photographs zoo studio test test-fast browser slurm docs check types rules fix up lock install flow sweep help
.DEFAULT_GOAL := help

help:            ## what can be done here
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 14

install: .venv/.installed   ## make .venv from requirements.lock, hash-checked

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $$($(PYTHON) --version) is too old; install Python 3.11 or newer, or name one: make PYTHON=python3.12"; exit 2; }
	@echo "installing into .venv (about 7 GB, half a minute on a fast line)"
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || \
	  { echo "error: python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 2; }
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

repro: install   ## run the pipeline (DVC runs only what changed), then show the table
	@python -m pipelines.params
	@dvc repro --quiet
	@python -m pipelines.tracking
	@python -m pipelines.report.terminal

ablation: install ## the pipeline for all systems, which params.yaml then names
	@dvc exp run --quiet --set-param 'axes.system=[mulnet,groupnet,groupenc,groupdec,vspade,bicyclegan,dscgan,pix2pixhd,spade,clade,sean,groupdnet,inade,oasis]'
	@python -m pipelines.tracking
	@python -m pipelines.report.terminal

PHOTOGRAPHED := groupdnet inade vspade spade groupnet bicyclegan

photographs: install ## the pipeline for six systems on photographs of people in raw/clothing, which params.yaml then names
	@test -e raw/clothing || { echo "error: there is no raw/clothing; download photos, annotations/pixel-level and label_list.mat" \
	  "from github.com/bearpaw/clothing-co-parsing and link their folder: ln -s FOLDER raw/clothing"; exit 2; }
	@dvc exp run --quiet --set-param 'axes.dataset=[clothing]' \
	  --set-param 'axes.system=[groupdnet,inade,vspade,spade,groupnet,bicyclegan]' \
	  $(PHOTOGRAPHED:%=--set-param systems.%.preset=clothing) --set-param segmenter.steps=800 \
	  --set-param train.steps=800 --set-param train.lr_generator=0.0012 --set-param train.decay_from=480 \
	  --set-param train.ema=0.996 --set-param train.precision=bf16 --set-param train.channels_last=true \
	  --set-param train.grid_every=200 --set-param validation.every=200
	@python -m pipelines.tracking
	@python -m pipelines.report.terminal

zoo: install     ## train a model by zoo/MODEL.yaml and add it to the package: make zoo MODEL=inade-paperdoll
	@python -m pipelines.zoo check '$(MODEL)'
	@python -m flows.zoo_model '$(MODEL)'
	@python -m pipelines.zoo add '$(MODEL)'

studio: install  ## paint label maps in a browser, and vary, mix, morph and copy styles: CHECKPOINT=... names models
	@smis studio $(CHECKPOINT)

flow: install    ## the same pipeline as a Prefect flow
	@python -m flows.experiment

sweep: install   ## try settings: sweeps/example.yaml
	@python -m flows.sweep --space sweeps/example.yaml

up: install      ## MLflow's and Prefect's pages and a worker on 127.0.0.1
	@python -m flows.up

docs: install    ## the site of the documentation: site/index.html, which needs no server
	@NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "open site/index.html"

check: install   ## all static guards
	@$(MAKE) --silent --no-print-directory --jobs=2 types rules

types:
	@basedpyright --level error

rules:
	@ruff format --check --quiet $(PATHS) || { echo "run 'make fix'"; exit 1; }
	@ruff check --quiet $(PATHS)
	@lint-imports --no-logo
	@codespell $(PROSE)
	@pytest -q tests/contracts

# Three processes on two cores: tests of servers and of a browser wait most of the time.
test: check browser ## every check and every test
	@OMP_NUM_THREADS=1 pytest -q -n 3 --dist loadfile --no-loadscope-reorder --ignore tests/contracts

test-fast: check ## all tests but those that start servers, a browser or the whole pipeline
	@OMP_NUM_THREADS=1 pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" --ignore tests/contracts

browser:         ## Chromium, for the tests that look at pages (Debian, as root)
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && { $(CHROMIUM) || { $(APT) update && $(CHROMIUM); }; } >/dev/null 2>&1; } || \
	  echo "no Chromium: tests that look at pages are skipped; on Debian, as root: apt-get install chromium"

slurm:           ## Slurm, for the tests of worker jobs (Debian, as root)
	@command -v slurmctld >/dev/null || { test "$$(id -u)" = 0 && { $(SLURM) || { $(APT) update && $(SLURM); }; } >/dev/null 2>&1; } || \
	  echo "no Slurm: its tests are skipped; on Debian, as root: apt-get install slurmctld slurmd slurm-client munge"

fix: install     ## format, and mend what a machine can mend
	@ruff check --quiet --fix $(PATHS) || true
	@ruff format --quiet $(PATHS)

lock: install    ## choose newest versions that fit pyproject.toml
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --all-extras --upgrade pyproject.toml --output-file requirements.lock
