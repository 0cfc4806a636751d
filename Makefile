# Two commands matter: `make demo` and `make test`. Both build .venv from the lock files first.
PYTHON ?= python3
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # else every process compiles all of it again, two seconds each
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: demo serve test test-all chaos mutants soak fuzz check-mta check-mail check-pages look-mail pictures docs wheel check-install lint format audit bench lock clean help
.DEFAULT_GOAL := help

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

.venv/run: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("digest needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || { echo "building .venv from requirements.lock"; $(PYTHON) -m venv .venv; }
	@$(PIP) -r requirements.lock
	@$(BIN)/python -m pip uninstall --quiet --yes digest 2> /dev/null  # its name before; goes with the next release
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/test: .venv/run requirements-test.lock
	@echo "adding the test tools from requirements-test.lock"
	@$(PIP) -r requirements-test.lock
	@touch $@

.venv/docs: .venv/run requirements-docs.lock
	@$(PIP) -r requirements-docs.lock
	@touch $@

demo: .venv/run  ## play one whole day on this machine (OPEN=1 shows it in a browser, RESET=1 starts over)
	@$(BIN)/digest demo $(if $(RESET),--reset) $(if $(OPEN),--open)

serve: .venv/run  ## pages and scheduler on http://127.0.0.1:8000
	@$(BIN)/digest serve

test: .venv/test lint  ## lint, types, contracts, unit, integration, end to end
	@$(BIN)/pytest -n 3 --dist loadgroup tests

test-all: .venv/test lint  ## the long tests, too: full properties, another week of faults
	@$(BIN)/pytest -n 3 --dist loadgroup -m "long or not long" --hypothesis-profile thorough tests

# LETTERS is the old name of MESSAGES, understood until the next release.
MESSAGES ?= $(LETTERS)

chaos: .venv/test  ## e-mails while senders die and the relay misbehaves (MESSAGES=100000 KILLS=1000 SEED=n STORE=name MINUTES=n)
	@$(BIN)/python -m tests.chaos $(if $(MESSAGES),--messages $(MESSAGES)) $(if $(KILLS),--kills $(KILLS)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(STORE),--store $(STORE)) $(if $(MINUTES),--minutes $(MINUTES))

mutants: .venv/test  ## plant N faults in what must not fail: do the tests notice? (N=300 SEED=n PACKAGE=name MINUTES=n)
	@$(BIN)/python -m tests.mutants $(if $(N),--number $(N)) $(if $(SEED),--seed $(SEED)) \
	  $(if $(PACKAGE),--package "$(PACKAGE)") $(if $(MINUTES),--minutes $(MINUTES))

soak: .venv/test  ## the service for DAYS=200 by a fixed clock: nothing doubled, lost or without bound (SUBSCRIBERS=40 SEED=n)
	@$(BIN)/python -m tests.soak $(if $(DAYS),--days $(DAYS)) $(if $(SUBSCRIBERS),--subscribers $(SUBSCRIBERS)) \
	  $(if $(SEED),--seed $(SEED))

fuzz: .venv/test  ## every parser of outside text with new examples (MINUTES=10); `make test` has the short form
	@$(BIN)/python -m tests.fuzz $(if $(MINUTES),--minutes $(MINUTES))

check-mta: .venv/test  ## MESSAGES each through Postfix, its smtp-sink and Exim, which refuse, defer and die
	@$(BIN)/python -m tests.mta $(MESSAGES)

check-mail: .venv/test  ## e-mails through a real Postfix, judged by tools from npm and Debian (JUDGE=name for one)
	@$(BIN)/python -m tests.checks $(JUDGE)

check-pages: .venv/test  ## pages and the JSON API, judged by tools from npm, Debian and PyPI (JUDGE=name for one)
	@$(BIN)/python -m tests.checks.pages $(JUDGE)

look-mail: .venv/test  ## an e-mail in Thunderbird, by Postfix and Dovecot: pictures in var/look
	@$(BIN)/python -m tests.checks look

pictures: .venv/test  ## the pictures of README.md from the running product, into docs (needs Debian's chromium)
	@$(BIN)/python -m tests.checks.pictures

docs: .venv/docs  ## docs as a site, in var/site; a warning is an error
	@$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going -d var/docs-cache docs var/site
	@cp var/site/README.html var/site/index.html
	@echo "var/site/index.html"

wheel: .venv/run  ## what operators install without a checkout, into dist
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

check-install: .venv/test  ## install the wheel into empty environments by pip (uvx, pipx), run the demo, with a clock
	@$(BIN)/python -m tests.checks.install

lint: .venv/test  ## ruff, mypy strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: .venv/test  ## let ruff format and fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

audit: .venv/test  ## compare the lock files with known vulnerabilities (exits 2 where no database can be asked)
	@$(BIN)/python -m tests.checks.audit

bench: .venv/test  ## measure against baselines of the same run (ROW=name for one; STRICT=1: a missed goal is an error)
	@$(BIN)/python -m tests.benchmarks $(if $(STRICT),--strict) $(ROW)

LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock:  ## renew the lock files (needs uv)
	$(LOCK) pyproject.toml --group build --output-file requirements.lock
	$(LOCK) --group test --constraints requirements.lock --output-file requirements-test.lock
	$(LOCK) --group docs --constraints requirements-test.lock --output-file requirements-docs.lock

clean:  ## remove what was built and demonstrated
	rm -rf .venv var
