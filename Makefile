# Everything runs in the current Python environment; see README.md for the command that makes one.
PYTHON ?= python

.PHONY: check lint types layers test test-slow fuzz bench docs wheel

check: lint types layers test  ## all that a commit must pass

lint:
	$(PYTHON) -m ruff check src tests benchmarks docs examples tools
	$(PYTHON) -m ruff format --check src tests benchmarks docs examples tools

types:
	$(PYTHON) -m mypy

layers:
	$(PYTHON) -c "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"

test:
	$(PYTHON) -m pytest -n 2 --dist worksteal

test-slow:
	$(PYTHON) -m pytest -n 2 --dist worksteal -m slow

fuzz:  ## counts, classes and level sets against exact arithmetic on random networks for ten minutes; python tests/fuzz --help has more
	$(PYTHON) tests/fuzz

bench:
	$(PYTHON) benchmarks

docs:
	$(PYTHON) -m sphinx -W --keep-going -b html docs docs/_build/html

wheel:
	$(PYTHON) -m build --wheel --outdir dist
