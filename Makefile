# make demo    the whole road, on this machine alone        make test    the whole suite
# make check   lint, format, types                          make golden  write the golden files anew

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
export OMP_NUM_THREADS ?= 1

.PHONY: demo test check format golden lock clean

demo: $(READY)
	@$(BIN)/python -m demo $(if $(USAGE),--usage "$(USAGE)") $(if $(ENV),--env "$(ENV)") $(if $(REVIEW),--review)

test: $(READY)
	@$(BIN)/python tests/prometheus_server.py
	@$(BIN)/python tests/postgresql_server.py
	$(BIN)/python -m pytest -n 2 --dist worksteal -q $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --strict templates/pulumi/*.py

format: $(READY)
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .

golden: $(READY)
	HEADROOM_GOLDEN=write $(BIN)/python -m pytest -q tests/controller/test_message.py

# The lock carries hashes and no address of an index, so that any mirror can serve it.
lock: $(READY)
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url --quiet -o requirements.lock

clean:
	rm -rf .venv out

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Headroom needs Python 3.11 or newer, and $(PYTHON) is older or missing: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv from requirements.lock (once, one to three minutes) …"
	@$(PYTHON) -m venv .venv || { echo "No virtual environment could be made; on Debian: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
