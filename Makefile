# make run: a chat on http://localhost:8080, with all it needs. make test, make check: before you hand anything over.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

# What Python compiled it keeps, whatever the surroundings say: else every process compiles all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check fmt coverage migrate chaos bench bench-full pins clean

run: $(VENV)/.run
	@exec $(BIN)/aiochat serve --with-parent

migrate: $(VENV)/.run
	@$(BIN)/aiochat migrate

test: $(VENV)/.test
	@$(BIN)/python -m pytest

coverage: $(VENV)/.test
	@$(BIN)/python -m pytest --cov --cov-report=term --cov-report=html

check: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/check_templates
	@sh .ci/check_javascript

# Everything that can break, for a quarter of an hour; SEED=2 breaks it in another order.
chaos: $(VENV)/.test
	@$(BIN)/python -m chaos --seed $(or $(SEED),1)

# How fast it is beside its peers: a few minutes; with every peer, for docs/performance.md, half an hour.
bench: $(VENV)/.run bench/.venv/.made
	@$(BIN)/python -m bench --short

bench-full: $(VENV)/.run bench/.venv/.made bench/node_modules/.made
	@$(BIN)/python -m bench --full --write

bench/.venv/.made: bench/requirements.txt
	@$(PYTHON) -m venv bench/.venv
	@bench/.venv/bin/python -m pip --disable-pip-version-check --quiet --quiet install --require-hashes --requirement $<
	@touch $@

bench/node_modules/.made: bench/package.json bench/package-lock.json
	@command -v npm >/dev/null || { echo "socket.io is measured on Node: install nodejs and npm." >&2; exit 1; }
	@npm ci --prefix bench --no-audit --no-fund --loglevel=error --omit-lockfile-registry-resolved
	@touch $@

fmt: $(VENV)/.dev
	@$(BIN)/ruff check --fix-only --exit-zero --quiet
	@$(BIN)/ruff format

# After a change of requirements/*.in.
pins: $(VENV)/.dev
	@$(PIP) install uv
	@sh requirements/pin $(BIN)/uv
	@cd bench && $(abspath $(BIN)/uv) pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate requirements.in --output-file requirements.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage htmlcov

# Each stamp stands for one file of pinned packages, installed as it is now.
$(VENV)/.%: requirements/%.txt pyproject.toml setup.cfg | $(VENV)/.made
	@echo "Installing requirements/$*.txt into $(VENV) ..."
	@$(PIP) install --require-hashes --requirement requirements/$*.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index --editable .
	@touch $@

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "aiochat needs Python 3.11 or newer, and there is no $(PYTHON) here: install it, or say make PYTHON=/path/to/python." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "aiochat needs Python 3.11 or newer, and $(PYTHON) is older: say make PYTHON=/path/to/a/newer/python." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "This Python cannot make virtual environments: install its venv package, on Debian and Ubuntu: apt install python3-venv." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@
