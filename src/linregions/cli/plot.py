"""The command ``plot``: figures drawn again from saved tables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from linregions._support.tables import writable_folder
from linregions.cli.arguments import add_experiments, add_format
from linregions.experiments import redraw, reproduced
from linregions.experiments.report.report import write_report
from linregions.experiments.saved import AbsentFileError, load_saved

_EPILOG = """examples:
  linregions plot linregions-results             every figure that is there, and the report
  linregions plot linregions-results fig5 fig8 --format svg,pdf
  linregions plot linregions-results --out pictures   leave the folder of results alone"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    parser.add_argument("results", metavar="RESULTS", help="the folder that reproduce wrote (its --out)")
    add_experiments(parser, "all that are there")
    parser.add_argument("--out", metavar="DIR", help="folder for pictures and report (default: RESULTS)")
    add_format(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def run(arguments: Namespace) -> None:
    """Draw figures again from saved tables."""
    there = reproduced(arguments.results)
    chosen = arguments.experiments
    names = there if "all" in chosen else list(dict.fromkeys(chosen))
    for name in names:  # before any is drawn
        load_saved(arguments.results, name)
    out = writable_folder(arguments.out or arguments.results, "linregions plot")
    for name in names:
        try:
            files = redraw(name, arguments.results, arguments.format, out)
        except AbsentFileError as error:
            if "all" not in chosen:
                raise
            print(f"{name}: left out. {error}")  # tables are often handed on without the large files beside them
            continue
        print(f"{name}: {', '.join(file.name for file in files)}")
    print(f"written to {out}")
    print(f"report: {write_report(arguments.results, out)}")
