# Every target sets up .venv first if it is missing or older than the lock.
# PYTHON=python3.12 make test picks an interpreter; else the one of .venv, else python3.

VENV := .venv
BIN := $(VENV)/bin
ifeq ($(origin PYTHON), undefined)
  PYTHON := $(shell test -x $(BIN)/python && $(BIN)/python -c "import sys; print(sys._base_executable)" 2>/dev/null || echo python3)
endif

# Two processes. A file of tests stays in one: what its tests share is computed once, and the cells of
# a notebook need each other.
PARALLEL := -n 2 --dist loadfile

# Pages of each kind; `python tools/check_access.py _build/test/_build/html` checks all.
ACCESS := $(addsuffix .html,book/intro book/claims book/references notebooks/08_replication)

.PHONY: help setup book test lint pytest nbval site reproduce bench faults fuzz lab lock sbom clean

help:
	@echo "make book       fetch the data, retrain MNIST (one seed), execute every notebook, build the book"
	@echo "make test       lint, types, tests, notebooks against their stored outputs, book, site check"
	@echo "make faults     kill, stop, starve and damage runs and stores; nothing may be lost or wrong"
	@echo "make fuzz       give two million hostile inputs to whatever reads what others have written"
	@echo "make lab        JupyterLab on the notebooks"
	@echo "make reproduce  retrain the recorded experiments and compare with the record"
	@echo "make bench      speed and memory, beside the peers (benchmarks/)"
	@echo "make lock       renew requirements.lock and environment.yml from pyproject.toml"
	@echo "make sbom       a bill of materials from requirements.lock, _build/sbom.cdx.json (CycloneDX)"
	@echo "make clean      remove what was built (.venv stays; remove it by hand)"

setup:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "make: no $(PYTHON) here: install Python 3.11, 3.12 or 3.13, or name one, as in PYTHON=python3.12 make test" >&2; exit 1; }
	@$(PYTHON) tools/setup_env.py

book: setup
	@$(BIN)/shapfair data fetch mnist || echo "The MNIST page is built on the embedded subset."
	@$(BIN)/shapfair data fetch cifar10 || echo "The CIFAR-10 page is built on the record alone."
	@$(BIN)/shapfair data fetch imdb || echo "The IMDB page is built on the record alone."
	@$(BIN)/python tools/refresh_notebooks.py --into _build/source
	@$(BIN)/jupyter-book build _build/source --path-output . -n -W --keep-going --all -q
	@$(BIN)/python tools/check_site.py _build/html
	@echo "The book: file://$(CURDIR)/_build/html/index.html"

test: lint pytest nbval site
	@echo "make test: all passed"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

pytest: export OPENBLAS_NUM_THREADS := 1 # the two processes share the cores already
pytest: setup
	$(BIN)/pytest -q $(PARALLEL)

nbval: setup
	$(BIN)/pytest -q $(PARALLEL) --nbval --nbval-current-env --nbval-cell-timeout=600 \
	  --nbval-sanitize-with=nbval-sanitize.cfg book/*.ipynb notebooks

site: setup
	$(BIN)/jupyter-book build . --path-output _build/test -n -W --keep-going --all -q
	$(BIN)/python tools/check_site.py _build/test/_build/html
	$(BIN)/python tools/check_access.py _build/test/_build/html $(ACCESS)

reproduce: setup
	@$(BIN)/python tools/compare_record.py

bench: setup
	@$(BIN)/python benchmarks/run.py

faults: setup
	@$(BIN)/python tools/faults.py

fuzz: setup
	@$(BIN)/python tools/fuzz.py

lab: setup
	@$(BIN)/jupyter lab notebooks

lock: setup
	@$(BIN)/python tools/lock.py

sbom: setup
	@$(BIN)/python tools/sbom.py _build/sbom.cdx.json

clean:
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis shapfair.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
