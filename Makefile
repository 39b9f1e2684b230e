# One command from a fresh clone: make reproduce. Variables: PROFILE, SEEDS, RESULTS_DIR, JOBS, MNIST_DIR.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Whichever of the two locked versions is there
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12,$(shell command -v $(name))))
# An environment that exists already (the container's) is used as it is
VENV := $(or $(REPRODUCE_VENV),.venv)
IN_VENV := '$(VENV)/bin/python'
$(if $(findstring ',$(CURDIR)$(VENV)),$(error the path $(or $(REPRODUCE_VENV),$(CURDIR)) holds a quotation mark: use another))
RESULTS_DIR ?= results
JOBS ?=

# Counts only if it is set before the interpreter starts
export PYTHONHASHSEED := 0
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
# What the user's shell sets for other tools: none of it may reach ours (reproduce/machine/environment.py says it for Python)
unexport CDPATH PYTHONPATH PYTHONHOME PYTHONINSPECT $(filter TEX% BIBINPUTS% BSTINPUTS%,$(.VARIABLES)) $(filter-out $(foreach name,INDEX_URL EXTRA_INDEX_URL FIND_LINKS NO_INDEX CERT \
  CLIENT_CERT PROXY TRUSTED_HOST CACHE_DIR NO_CACHE_DIR CONFIG_FILE TIMEOUT RETRIES,PIP_$(name)),$(filter PIP_%,$(.VARIABLES)))
export PROFILE SEEDS RESULTS_DIR MNIST_DIR TOLERANCE_WAYS

REPRODUCE := $(IN_VENV) -m reproduce

TEX_APT := latexmk texlive-latex-recommended texlive-publishers texlive-fonts-recommended poppler-utils

# Targets named together, and what a target asks for, come one after the other whatever -j says
.NOTPARALLEL:

.PHONY: help help-all venv venv-cpu doctor reproduce run implementations render pdf check gpu-check gpu-measure tolerances golden status publish claims bench test test-all lint format lock tex clean

# $(1): what marks the targets that are listed
listed = @grep -hE '^[a-z-]+:.* $(1) ' $(MAKEFILE_LIST) | sort | sed -E 's/:.* $(1) /\t/' | awk -F'\t' '{printf "%-18s %s\n", $$1, $$2}'

help:  ## this list; make help-all has every target
	$(call listed,\#\#)

help-all:  ### every target
	$(call listed,\#\#\#?)

# An environment is made beside the one that is there, and takes its place once it is whole: an interruption
# leaves the old one. .venv may be a link to another disk
THERE = $(or $(realpath .venv),$(CURDIR)/.venv)
NEW = $(THERE).new

ifdef REPRODUCE_VENV
venv:
	@test -x $(IN_VENV) || { echo "error: REPRODUCE_VENV: there is no Python environment in $(VENV)" >&2; exit 2; }
else
# One whose Python is gone, or that was made for another place, counts as not made (.ok holds its place)
$(if $(wildcard .venv/.ok),$(shell .venv/bin/python -c '' 2>/dev/null && { test ! -s .venv/.ok || \
  grep -qxF '$(THERE)' .venv/.ok; } || rm -f .venv/.ok))
venv: .venv/.ok .venv/.project  ## the locked Python environment in .venv (about 6 GB: torch brings its CUDA libraries)
endif

define need-python
@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null || { \
  echo "error: Python 3.11 or 3.12 is needed: install one, or say where it is with PYTHON=…" >&2; exit 2; }
endef

# So that `reproduce` is a command in any folder, and a worker of a cluster can import the package. What was made is
# looked at before it is called made
define install-project
PIP_CONFIG_FILE=/dev/null '$(1)/bin/pip' install --quiet --no-deps --no-build-isolation --editable .
cd / && '$(1)/bin/python' -c 'import pythae, torch, reproduce' || { \
  echo "error: what pip installed is not in $(1): see 'pip config list' for a target, a user or a dry run" >&2; exit 2; }
touch '$(1)/.project'
endef

define take-place
$(call install-project,$(NEW))
echo '$(THERE)' > '$(NEW)/.ok'
'$(NEW)/bin/python' scripts/replace_environment.py '$(NEW)' '$(THERE)'
endef

.venv/.ok: requirements.lock
	$(need-python)
	@test ! -e .venv/.cpu || { \
	  echo "error: the lock has changed since make venv-cpu: give that command again, or remove .venv for the whole" >&2; exit 2; }
	'$(PYTHON)' -m venv --clear '$(NEW)'
	'$(NEW)/bin/pip' install --quiet --no-compile --require-hashes -r requirements.lock
	$(take-place)

.venv/.project: pyproject.toml | .venv/.ok
	$(call install-project,$(THERE))

# Which index has CPU builds of torch is the user's to say: CPU_TORCH is handed to pip as it is
LOCKED_TORCH = $(shell sed -nE 's/^(torch(vision)?==[^ ;]+).*/\1/p' requirements.lock)
venv-cpu: requirements-base.lock  ### the same without CUDA (1 GB); CPU_TORCH says where torch comes from, see README
	@test -n "$(CPU_TORCH)" || { \
	  echo "error: say where a CPU build of torch comes from: make venv-cpu CPU_TORCH='$(LOCKED_TORCH) --index-url ADDRESS', the address for CPU on PyTorch's installation page, or CPU_TORCH=a-wheel-file" >&2; exit 2; }
	$(need-python)
	'$(PYTHON)' -m venv --clear '$(NEW)'
	'$(NEW)/bin/pip' install --quiet --no-compile --no-deps --require-hashes -r requirements-base.lock
	'$(NEW)/bin/pip' install --quiet --no-compile $(CPU_TORCH)
	touch '$(NEW)/.cpu'
	$(take-place)

# Campaigns with each of the options $(1), then the report. A failed run (exit code 1) belongs into the report and is
# what make answers in the end; after anything worse there is nothing to render.
define campaigns-and-report
@code=0; child=; trap 'kill -TERM $$child; wait $$child; exit 130' INT TERM HUP; for options in $(1); do \
  $(REPRODUCE) run $$options $(if $(JOBS),--jobs $(JOBS)) & child=$$!; wait $$child || code=$$?; \
  [ $$code -le 1 ] || exit $$code; done; trap - INT TERM HUP; \
$(REPRODUCE) render; exit $$code
endef

doctor:  ## what on this machine would stand in the way: a line a check, with the remedy
	@test -x $(IN_VENV) && $(IN_VENV) -c '' || { echo "error: there is no environment that runs in $(VENV): give make venv first" >&2; exit 2; }
	@$(REPRODUCE) doctor

reproduce: venv  ## train and evaluate all 22, then render tables and figures
	$(call campaigns-and-report,"")

run: venv  ### train and evaluate what is not done yet
	@$(REPRODUCE) run $(if $(JOBS),--jobs $(JOBS))

implementations: export PROFILE := $(or $(PROFILE),quick)
implementations: venv  ### Pythae's own classes and the sensitivity runs beside the 22, then render (PROFILE: quick unless set)
	$(call campaigns-and-report,"" "--only variant:all")

render: venv  ## tables, figures and the report's LaTeX from what is finished
	@$(REPRODUCE) render

status: venv  ## which runs are fresh, stale, missing, failed, damaged or partial, and why
	$(REPRODUCE) status

claims: venv  ## the ten claims with their verdicts, and how to see every statement
	@$(REPRODUCE) claims

pdf: check-tex render  ## compile the report
	@$(REPRODUCE) pdf

.PHONY: check-tex
check-tex:
	@command -v latexmk >/dev/null && command -v pdflatex >/dev/null && kpsewhich IEEEtran.cls >/dev/null || { \
	  echo "error: 'make pdf' needs LaTeX: apt-get install --no-install-recommends $(TEX_APT) (or, with a container: make docker-pdf)" >&2; exit 2; }

tex:  ## install LaTeX with apt-get (as root, or through sudo)
	$$(command -v sudo || true) apt-get update -qq
	$$(command -v sudo || true) apt-get install -y -qq --no-install-recommends $(TEX_APT)

explorer: venv  ## one HTML file to look at all results in a browser, offline
	@$(REPRODUCE) explorer

browser: venv  ### what the explorer's tests need beside Chromium and its driver
	'$(VENV)/bin/uv' pip install --quiet --python '$(VENV)' --group browser

.PHONY: explorer browser

check: venv  ## fresh numbers against golden ones
	$(REPRODUCE) check

tolerances: venv  ### measure golden's tolerances: a campaign (PROFILE: smoke unless set) as on other machines; TOLERANCE_WAYS
	$(REPRODUCE) tolerances $(if $(JOBS),--jobs $(JOBS))

gpu-check: venv  ### the GPU against the CPU, and how many runs should share it: a table to paste into an issue
	$(IN_VENV) -m benchmarks gpu-check

gpu-measure: venv  ### all that was never measured on a GPU: the check, sharing a card, the bench, TF32, a seed of all 22
	$(IN_VENV) -m benchmarks gpu-check
	if nvidia-cuda-mps-control -d; then $(IN_VENV) -m benchmarks gpu-check --only vae; code=$$?; \
	  echo quit | nvidia-cuda-mps-control; exit $$code; else echo "no multi-process service here: not measured beside it"; fi
	$(IN_VENV) -m benchmarks bench --device cuda --steps 200
	$(REPRODUCE) run --profile paper --tf32 --only ae,vae --per-card 6
	$(REPRODUCE) run --profile paper --seed 42 --per-card 16

golden: venv  ### record golden numbers from a clean commit with all runs fresh
	$(REPRODUCE) golden

publish: venv  ### copy the finished campaign into tables/, figures/, published/ and the README
	$(REPRODUCE) publish

bench: venv  ### training speed side by side with Pythae's own trainer: a quarter of an hour on an idle CPU
	$(IN_VENV) -m benchmarks bench

test: venv lint  ## lint, types and tests, with the smoke campaign end to end
	$(IN_VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: venv lint  ### the same and what is slower
	$(IN_VENV) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: venv  ### ruff and mypy
	'$(VENV)/bin/ruff' check .
	'$(VENV)/bin/ruff' format --check .
	'$(VENV)/bin/mypy'

format: venv  ### let ruff format
	'$(VENV)/bin/ruff' check --fix .
	'$(VENV)/bin/ruff' format .

lock: venv  ### renew the locks from requirements.in
	'$(VENV)/bin/uv' pip compile requirements.in -c constraints.txt --universal --fork-strategy fewest --python-version 3.11 \
	  --generate-hashes --no-annotate --no-emit-index-url --no-header -q -o requirements.lock
	$(IN_VENV) scripts/split_lock.py requirements.lock requirements-base.lock

clean:  ## remove caches; results stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

include mk/docker.mk
