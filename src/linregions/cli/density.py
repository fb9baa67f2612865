"""The command ``density``: boundary volume of a network in a box or ball, per unit of volume."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np

from linregions._support.tables import Row, read_points
from linregions._support.validation import FloatArray, available_cores
from linregions.cli.arguments import add_name, add_out, count_from, shows_progress, threads_of
from linregions.cli.models import add_model, model_of
from linregions.cli.results import arrays_of, prepare_output, print_result
from linregions.domains.solids import Ball, Box, Solid
from linregions.errors import FileFormatError, InvalidValueError
from linregions.measures.density import boundary_density
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons

_WHO = "linregions density"


_EPILOG = """examples:
  linregions density two_inputs.npz --low -1 --high 1              exact for one or two inputs
  linregions density model.npz --low 0 --high 1 -n 10000           in [0, 1]^n_in, on random chords
  linregions density model.npz --ball center.npy 2.5 --rtol 0.01   in a ball, to a standard error of about 1 %
  linregions density model.npz --low 0 --high 1 --codimension 2    where two boundaries meet, in random planes"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--low",
        type=str.strip,
        nargs="+",
        metavar="X",
        help="corner of a box: a number for all inputs, one for each, or a file",
    )
    where.add_argument(
        "--ball", type=str.strip, nargs="+", metavar="X", help="a ball: its centre, given likewise, and then its radius"
    )
    parser.add_argument("--high", type=str.strip, nargs="+", metavar="X", help="the opposite corner, with --low")
    parser.add_argument(
        "-n", type=count_from(1), default=1000, metavar="N", help="random chords, or plane sections (default: 1000)"
    )
    parser.add_argument("--rtol", type=float, metavar="R", help="take as many as this relative standard error needs")
    parser.add_argument(
        "--codimension",
        type=int,
        choices=(1, 2, 3, 4, 5),
        default=1,
        help="2: where boundaries of two neurons meet (default: 1); more only with --method exact",
    )
    parser.add_argument(
        "--kind",
        choices=("linear", "activation", "gradient"),
        default="linear",
        help="which boundaries: where a good neuron switches, any neuron, or the gradient jumps (default: linear)",
    )
    parser.add_argument(
        "--method",
        choices=("auto", "exact", "chords"),
        default="auto",
        help="exact is for one or two inputs, where auto takes it, and for boxes of at most five",
    )
    add_out(parser)
    add_name(parser)
    parser.add_argument("--seed", type=count_from(0), default=0, metavar="N", help="of all that is random (default: 0)")
    parser.add_argument(
        "--threads", type=threads_of, default=available_cores(), metavar="N", help="(default: -1, one for each core)"
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages or progress bars on stderr")


def run(arguments: Namespace) -> None:
    """Measure, print, and write a table and what made it."""
    network = model_of(arguments)
    domain = _domain(arguments, network)
    output = prepare_output(arguments, "density", f"{Path(arguments.model).stem}-density", arrays_of(domain), network)
    found = boundary_density(
        network,
        domain,
        rng=np.random.default_rng(arguments.seed),
        n_chords=arguments.n,
        rtol=arguments.rtol,
        kind=arguments.kind,
        codimension=arguments.codimension,
        method=arguments.method,
        threads=arguments.threads,
        progress=shows_progress(arguments),
    )
    places = _places(network, arguments.codimension)
    summary: Row = {
        "density": found.value,
        "stderr": found.stderr,
        "n": found.n,
        "kind": arguments.kind,
        "codimension": arguments.codimension,
        "neurons": network.n_neurons,
        "breakpoint_sets": places,
        "density_per_set": found.value / places if places else 0.0,
    }
    print_result([summary], output.write(summary, [summary], found.seed, network=network))


def _places(network: Network, codimension: int) -> int:
    """Count sets of neurons with a breakpoint each: T x #neurons of Theorem 2, pairs and more of Corollary 7."""
    sets = [1] + [0] * codimension
    for count in breakpoints_of_neurons(network).tolist():
        for k in range(codimension, 0, -1):
            sets[k] += count * sets[k - 1]
    return sets[codimension]


def _domain(arguments: Namespace, network: Network) -> Solid:
    if arguments.ball is not None:
        if arguments.high is not None:
            raise InvalidValueError(f"`--high` is given beside --ball, but {_WHO} needs one domain. Leave it out.")
        *center, radius = arguments.ball
        if not center:
            raise InvalidValueError(f"`--ball` is {radius!r} alone, but {_WHO} needs a centre and a radius. Give both.")
        return Ball(_corner(center, "--ball", network), float(_numbers([radius], "--ball")[0]))
    if arguments.high is None:
        raise InvalidValueError("`--high` is missing, but --low needs the opposite corner. Add it.")
    return Box(_corner(arguments.low, "--low", network), _corner(arguments.high, "--high", network))


def _corner(words: list[str], name: str, network: Network) -> FloatArray:
    """Read one number for all coordinates, one for each, or a file with these."""
    if len(words) == 1 and Path(words[0]).is_file():
        values = read_points(words[0], _WHO, name, network.n_in, network.graph.input_shape).ravel()
    else:
        values = _numbers(words, name)
    if values.size not in (1, network.n_in):
        raise InvalidValueError(
            f"`{name}` has {values.size} coordinates, but the model has {network.n_in} inputs. "
            "Give one number for each, or one for all."
        )
    return np.broadcast_to(values, (network.n_in,)).copy()


def _numbers(words: list[str], name: str) -> FloatArray:
    try:
        return np.array([float(word) for text in words for word in text.split(",")])
    except ValueError:
        raise FileFormatError(
            f"`{name}` is {' '.join(words)!r}, but {_WHO} needs numbers, or a file for a point. Separate numbers by "
            "blanks, and check the spelling of the file."
        ) from None
