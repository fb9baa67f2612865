"""The command ``verify``: check the certificate of a window, or a saved partition."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from linregions._support.tables import format_table
from linregions.cli.models import add_model_options, model_of
from linregions.exact.checker import verify

_EPILOG = """examples:
  linregions plane model.npz --through 1 3 5 --certify
  linregions verify results/model-plane.npz
  linregions verify results/model-plane.npz model.npz"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    parser.add_argument("certificate", metavar="FILE", help="NPZ of `linregions plane`, or a certificate")
    parser.add_argument("model", metavar="MODEL", nargs="?", help="what it shall be of: a model file, as for `plane`")
    add_model_options(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def run(arguments: Namespace) -> None:
    """Check a certificate."""
    network = None if arguments.model is None else model_of(arguments)
    found = verify(arguments.certificate, network)
    row = {
        "regions": found.n_regions,
        "vertices": found.n_vertices,
        "edges": found.n_edges,
        "neurons": found.network.n_neurons,
        "exact_decisions": found.n_exact,
        "proved": True,
    }
    print(format_table([row]))
