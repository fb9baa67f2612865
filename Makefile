# Everything runs in the current Python environment; see README.md for the command that makes one.
PYTHON ?= python

.PHONY: install check lint types layers test test-slow fuzz bench docs wheel dist try-dist merge-wheels tag-is-version

install:  ## all that developers need, into the current environment
	$(PYTHON) -m pip install -c constraints.txt -e ".[dev]"

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

dist:  ## sdist and wheel, by a build tool that is installed here if need be
	$(PYTHON) -m pip install --quiet "build>=1.2"
	$(PYTHON) -m build --outdir dist

try-dist:  ## each of them alone in a fresh environment without extras: every command gives its numbers
	$(PYTHON) tools/try_dist.py dist

merge-wheels:  ## make merge-wheels BUILT=folder: one wheel with the compiled kernels of all in it, and the sdist, to dist
	$(PYTHON) tools/merge_wheels.py "$(BUILT)" dist

tag-is-version:  ## make tag-is-version TAG=v0.1.0: a release is what its tag, its files and its changelog say
	$(PYTHON) tools/release.py "$(TAG)"
