# Needs python3 (3.11 to 3.13), make and git; everything else is installed into .venv from requirements.lock.
PYTHON ?= python3
UV_VERSION := 0.13.8
READY := .venv/.ready
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONUNBUFFERED := 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo ui up down status test lint docs lock clean

help:            ## list these commands
	@grep -hE '^[a-z]+: *.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1|/' | column -t -s '|'

setup: $(READY)  ## install everything into .venv

demo: setup      ## retrain on the bundled chest X-rays through Airflow; ARCHIVE=histology or structured: on bundled tiles or drawings
	medhash demo $(if $(ARCHIVE),--archive $(ARCHIVE))

ui: setup        ## open Airflow and MLflow on 127.0.0.1 (Ctrl-C stops both)
	medhash ui

up: setup        ## start Airflow and MLflow as services on 127.0.0.1; they stay until `make down`
	medhash up $(ARGS)

down: setup      ## stop these services
	medhash down $(ARGS)

status: setup    ## say whether they are healthy, how the last run ended and who the champion is
	medhash status $(ARGS)

# A file's tests stay in one process: they share costly fixtures, and the pinned pytest does not honour xdist's groups.
# Three processes for two cores: those that start services wait for much of their time. One thread in each of them, as
# threads that spin for each other would take the cores from the rest.
test: setup      ## run the tests, real services included
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup      ## ruff, mypy and the layers
	ruff check .
	lint-imports
	mypy

docs: setup      ## build the documentation into site/; broken links are errors
	python docs/generate.py var/docs
	NO_MKDOCS_2_WARNING=1 mkdocs build      # --quiet would not count warnings, and --strict would pass

lock: var/uv     ## compile requirements.lock anew from pyproject.toml
	var/uv/bin/uv pip compile --system-certs --universal --python-version 3.11 --extra dev --extra docs pyproject.toml -o requirements.lock --no-header --no-annotate

clean:           ## remove .venv, derived tables and reports; the registry and DVC's cache stay (var/, .dvc/cache)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache data/derived reports site *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# System certificates, as hospitals often inspect TLS. uv stands in an environment of its own: `uv pip sync` removes from .venv whatever the lock does not name.
var/uv:
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info[:2] < (3, 14) else "medhash needs Python 3.11 to 3.13, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv var/uv.part
	var/uv.part/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	rm -rf var/uv && mv var/uv.part var/uv

$(READY): requirements.lock pyproject.toml | var/uv
	@test -x .venv/bin/python || var/uv/bin/uv venv --quiet --python $(PYTHON) .venv
	var/uv/bin/uv pip sync --quiet --system-certs --python .venv requirements.lock
	var/uv/bin/uv pip install --quiet --system-certs --python .venv --no-deps --editable .
	@touch $@
