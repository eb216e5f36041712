# Two commands: `make lab` opens the labs, `make test` runs every test. Both set up what they need.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip install --compile-bytecode $(if $(TORCH),--torch-backend $(TORCH))
PINS := $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header
STAGES := $(BIN)/python tests/stages.py

# Tried in turn until one runs and is new enough (pyenv's names exist and may still fail).
PYTHON ?= python3 python3.13 python3.12 python3.11

# Whoever can run the tests can open the labs: no second installation.
READY := $(if $(wildcard $(VENV)/.ready-test),$(VENV)/.ready-test,$(VENV)/.ready-lab)

.DEFAULT_GOAL := help
.PHONY: help lab test test-fast lint torture notebooks site constraints chromium

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14
	@echo
	@echo "TORCH=cpu at the first set-up takes PyTorch's CPU build (4 GB less on Linux)."

lab: $(READY) ## set up, then open JupyterLab on labs/
	@echo "$(VENV) is ready. Opening JupyterLab on labs/ (Ctrl-C twice stops it) ..."
	@$(BIN)/jupyter lab --ServerApp.root_dir=labs $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_ARGS)

test: $(VENV)/.ready-test chromium $(VENV)-colab/.ready ## set up, then run every test
	@$(STAGES) lint fast slow notebooks stacks browser

test-fast: $(VENV)/.ready-test ## lint, types and the quick tests: under three minutes
	@$(STAGES) lint fast

lint: $(VENV)/.ready-test ## ruff and mypy
	@$(STAGES) lint

torture: $(VENV)/.ready-test ## every lab in rough hands, an hour: cells out of order, interrupts, full disks ...
	@$(BIN)/python tests/torture.py $(LABS)

notebooks: $(VENV)/.ready-test ## make the notebooks from labs/source, outputs of marked cells included
	@$(BIN)/python labs/build.py --execute

site: $(VENV)/.ready-test ## print the course as web pages into build/site (LABS="00 01": these only)
	@$(BIN)/python labs/site/build_site.py $(LABS)

constraints: $(VENV)/.ready-test ## renew the pins of both environments to the newest releases
	@{ echo "# Pins of what CI runs, for every platform; used with -c. Made by \`make constraints\`."; \
	  echo uv | $(PINS) --extra lab --extra test pyproject.toml -; } > constraints.txt
	@{ echo "# Pins of the second test environment (tests/stacks/colab.in); used with -c. Made by \`make constraints\`."; \
	  $(PINS) pyproject.toml tests/stacks/colab.in; } > constraints-colab.txt

# One rule for both set-ups; a changed requirement or pin installs again, nothing changed does nothing.
$(VENV)/.ready-lab: EXTRAS := lab
$(VENV)/.ready-test: EXTRAS := lab,test
$(VENV)/.ready-lab $(VENV)/.ready-test: pyproject.toml constraints.txt
	@free=$$(df -Pk . | awk 'NR == 2 {print int($$4 / 1048576)}'); \
	  test -e $(VENV)/.ready-lab -o -e $(VENV)/.ready-test -o $$free -ge 8 || { \
	  echo "labkit needs 8 GB of free disk for PyTorch and the rest, and only $$free GB are free here."; exit 1; }
	@test -x $(BIN)/uv || { for python in $(PYTHON) none; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; done; \
	  test $$python != none || { echo "labkit needs Python 3.11 or newer, and none was found among" \
	    "$(PYTHON): install one, or name it: make lab PYTHON=/path/to/python3"; exit 1; }; \
	  echo "Making $(VENV) with $$($$python -V) ..."; \
	  $$python -m venv $(VENV) && $(BIN)/python -m pip install -q -c constraints.txt uv; }
	@echo "Installing .[$(EXTRAS)] into $(VENV): up to 3 GB the first time, half a minute on a fast line ..."
	@$(UV) --python $(BIN)/python -c constraints.txt -e '.[$(EXTRAS)]'
	@mkdir -p $(VENV)/share/jupyter/lab/settings
	@echo '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}' \
	  > $(VENV)/share/jupyter/lab/settings/overrides.json
	@touch $@

# Colab's versions of the widget packages, without labkit; shares its files with $(VENV) by hard links.
$(VENV)-colab/.ready: pyproject.toml constraints-colab.txt tests/stacks/colab.in | $(VENV)/.ready-test
	@echo "Making $(VENV)-colab, the environment with Colab's versions ..."
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(VENV)-colab
	@$(UV) -q --python $(VENV)-colab/bin/python -c constraints-colab.txt -r pyproject.toml -r tests/stacks/colab.in
	@touch $@

# The browser tests need Chromium; where it cannot be installed they are skipped and say so.
chromium: | $(VENV)/.ready-test
	@command -v chromium chromium-browser google-chrome chrome | grep . || { \
	  root=; test $$(id -u) = 0 || root="sudo -n"; \
	  if command -v apt-get >/dev/null && $$root true 2>/dev/null; then \
	    echo "Installing Chromium with apt ..."; \
	    { $$root apt-get -qq update && $$root apt-get -qq install -y --no-install-recommends chromium >/dev/null; } \
	      || echo "apt could not install Chromium: the browser tests are skipped."; \
	  else \
	    echo "No Chromium, and it cannot be installed from here: the browser tests are skipped."; \
	  fi; }
