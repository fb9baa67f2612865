"""The grammar of the command line. Light: what a command needs is imported when it is the one that is called."""

from __future__ import annotations

import argparse
import importlib
from importlib.metadata import version
from typing import Any

from linregions.cli.intermixed import IntermixedParser

#: The commands: each is a module beside this one, which adds its options (`add`) and does its work (`run`).
COMMANDS = {
    "reproduce": "reproduce figures and theorems of Hanin & Rolnick (2019)",
    "plot": "draw figures again from the files of reproduce, computing nothing",
    "plane": "cut a window of a plane into the regions of a network",
    "verify": "check that the saved regions of a window are right, in exact arithmetic",
    "line": "cut a line, ray, segment or path into the regions of a network",
    "distance": "measure distances of points to the nearest boundary",
    "density": "measure boundary volume per unit of volume in a box or ball",
    "bounds": "tell the known bounds on the number of regions",
    "warmup": "compile all kernels now, so that no later call waits for it",
    "info": "tell the architecture of a network, or what a window will cost",
}

_EPILOG = """examples:
  linregions reproduce fig8 --quick           train on MNIST and draw the regions through training
  linregions plane model.npz --through 1 3 5  regions in the plane through three training examples
  linregions line model.npz --from -1 -1 --to 1 1
  linregions distance model.npz --dataset test -n 1000
  linregions bounds 784 64 64 64 10           how many regions there can be

A model is an NPZ file written by Network.save, or one with arrays W0, b0, W1, b1, ... (ReLU between layers).
Results are written to the folder given by --out: picture, CSV, NPZ, and JSON with settings, seed and versions.
Exit status: 0 done, 2 error (one sentence on stderr), 130 interrupted, 143 terminated."""


class _Version(argparse.Action):
    """Tell the version, which takes a while to look up, when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        print(f"linregions {version('linregions')}")
        parser.exit()


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, or one that knows the options of one command only."""
    parser = argparse.ArgumentParser(
        prog="linregions",
        description="Exact linear regions of piecewise-linear neural networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=IntermixedParser)
    for name, text in COMMANDS.items():
        made = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command in (None, name):
            importlib.import_module(f"linregions.cli.{name}").add(made)
    return parser
