# `make` lists the targets. Each does all its own set-up in .venv.
PYTHON ?= python3
BIN := .venv/bin
DEMO := tripping-and-falling unconscious-on-a-running-belt lying-down-to-inspect cancelled-by-the-worker \
        second-cause-joins alarm-acknowledged-and-cleared walking-a-beat

SCENES := sos-to-the-centre

.DEFAULT_GOAL := help
.PHONY: help setup demo drill-day fleet test sim chaos footprint bench traces train clean

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

setup: .venv/ready ## Make .venv with everything: the tools, the four engines.

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "dati needs Python 3.11 or later as $(PYTHON); install it, or name it: make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "Python cannot make a virtual environment; on Debian: apt install python3-venv"; exit 2; }
	@echo "installing into .venv (about a minute)"
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]' || { \
	  echo "pip could not install what dati needs; its message is above"; exit 2; }
	@command -v node >/dev/null && command -v npm >/dev/null || \
	  $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[node]'
	@$(BIN)/dati engines --install
	@touch $@

demo: setup ## Replay bundled traces: timelines here, pictures in demo/.
	@$(BIN)/dati engines --install >/dev/null
	@mkdir -p demo
	@for trace in $(DEMO); do $(BIN)/dati replay $$trace --plot demo/$$trace.png && echo || exit; done
	@$(BIN)/dati replay bundled
	@echo; echo "and the whole device on its virtual board:"; echo
	@for scenario in $(SCENES); do $(BIN)/dati sim $$scenario --plot demo/$$scenario.png && echo || exit; done
	@echo; echo "pictures: demo/*.png"

drill-day: setup ## A security exercise on three virtual workers, from record to report: in drill-day/.
	@$(BIN)/python -m host_tools.drill_day -o drill-day

fleet: setup ## Two years of 200 made-up devices: how soon drift is seen, and how often wrongly.
	@$(BIN)/python -m simulator.fleet

test: setup ## Lint, types, expected events, tests: all that CI runs.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@$(BIN)/dati engines --install
	$(BIN)/dati regress
	$(BIN)/pytest

sim: setup ## Every scenario on CPython and on MicroPython, compared line by line.
	@$(BIN)/dati sim all --runtime both

chaos: setup ## A thousand random fault schedules: no alarm lost, none unnoticed (COUNT=, SEED=).
	@$(BIN)/python -m simulator.chaos --count $(or $(COUNT),1000) --seed $(or $(SEED),1)

footprint: setup ## What the firmware takes of memory, with 64-bit and with 32-bit words.
	@$(BIN)/python -m simulator.footprint

bench: setup ## Samples a second of each engine; memory while a corpus ten times as long streams through.
	@$(BIN)/dati engines --install >/dev/null
	@$(BIN)/python -m simulator.bench

traces: setup ## Write the bundled traces anew from their scenes.
	@$(BIN)/python -m datasets.bundle

train: setup ## Train the scorecards of falls: make train WAIST="a.parquet" WRIST="b.parquet c.parquet".
	@test -n "$(WAIST)" && test -n "$(WRIST)" || { echo 'name the corpora: make train WAIST="..." WRIST="..."'; exit 2; }
	@$(BIN)/python -m datasets.training --waist $(WAIST) --wrist $(WRIST)

clean: ## Remove what was set up and drawn.
	rm -rf .venv demo build *.egg-info
