"""The command ``density``: boundary volume of a network in a box or ball, per unit of volume."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

import numpy as np

from linregions._support.tables import Row, read_points
from linregions._support.validation import FloatArray
from linregions.cli.models import read_model
from linregions.cli.outputs import arrays_of, prepare_output, print_result
from linregions.domains.solids import Ball, Box, Solid
from linregions.errors import FileFormatError, InvalidValueError
from linregions.measures.density import boundary_density
from linregions.networks.network import Network

_WHO = "linregions density"


def run_density(arguments: Namespace) -> None:
    """Measure, print, and write a table and what made it."""
    net = read_model(arguments.model)
    domain = _domain(arguments, net)
    output = prepare_output(arguments, "density", f"{Path(arguments.model).stem}-density", arrays_of(domain), net)
    found = boundary_density(
        net,
        domain,
        rng=np.random.default_rng(arguments.seed),
        n_chords=arguments.n,
        rtol=arguments.rtol,
        kind=arguments.kind,
        codimension=arguments.codimension,
        method=arguments.method,
        threads=arguments.threads,
        progress=not arguments.quiet and sys.stderr.isatty(),
    )
    places = _places(net, arguments.codimension)
    summary: Row = {
        "density": found.value,
        "stderr": found.stderr,
        "n": found.n,
        "kind": arguments.kind,
        "codimension": arguments.codimension,
        "neurons": net.n_neurons,
        "breakpoint_sets": places,
        "density_per_set": found.value / places if places else 0.0,
    }
    print_result([summary], output.write(summary, [summary], found.seed, network=net))


def _places(net: Network, codimension: int) -> int:
    """Count sets of distinct neurons with a breakpoint each: T x #neurons of Theorem 2, or pairs of Corollary 7."""
    counts = [
        activation.n_breakpoints
        for layer, activation in zip(net.layers, net.activations, strict=False)
        for _ in range(layer.bias.size)
    ]
    total = sum(counts)
    return total if codimension == 1 else (total * total - sum(count * count for count in counts)) // 2


def _domain(arguments: Namespace, net: Network) -> Solid:
    if arguments.ball is not None:
        if arguments.high is not None:
            raise InvalidValueError(f"`--high` is given beside --ball, but {_WHO} needs one domain. Leave it out.")
        *center, radius = arguments.ball
        if not center:
            raise InvalidValueError(f"`--ball` is {radius!r} alone, but {_WHO} needs a centre and a radius. Give both.")
        return Ball(_corner(center, "--ball", net), float(_numbers([radius], "--ball")[0]))
    if arguments.high is None:
        raise InvalidValueError("`--high` is missing, but --low needs the opposite corner. Add it.")
    return Box(_corner(arguments.low, "--low", net), _corner(arguments.high, "--high", net))


def _corner(words: list[str], name: str, net: Network) -> FloatArray:
    """Read one number for all coordinates, one for each, or a file with these."""
    if len(words) == 1 and Path(words[0]).is_file():
        values = read_points(words[0], _WHO, name).ravel()
    else:
        values = _numbers(words, name)
    if values.size not in (1, net.n_in):
        raise InvalidValueError(
            f"`{name}` has {values.size} coordinates, but the model has {net.n_in} inputs. "
            "Give one number for each, or one for all."
        )
    return np.broadcast_to(values, (net.n_in,)).copy()


def _numbers(words: list[str], name: str) -> FloatArray:
    try:
        return np.array([float(word) for text in words for word in text.split(",")])
    except ValueError:
        raise FileFormatError(
            f"`{name}` is {' '.join(words)!r}, but {_WHO} needs numbers, or a file for a point. Separate numbers by "
            "blanks, and check the spelling of the file."
        ) from None
