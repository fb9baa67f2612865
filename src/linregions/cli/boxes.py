"""Options that commands on boxes share, and what they mean."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.tables import read_points
from linregions._support.validation import FloatArray
from linregions.cli.results import arrays_of
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.errors import InvalidValueError
from linregions.networks.network import Network


def add_box(parser: ArgumentParser) -> None:
    """Add the options that choose a box, or a polytope in it."""
    for name, default, what in (("low", -1.0, "a corner of the box"), ("high", 1.0, "the opposite corner")):
        parser.add_argument(
            f"--{name}",
            type=float,
            nargs="+",
            default=[default],
            metavar="X",
            help=f"{what}: a number for each input, or one for all (default: {default:g})",
        )
    parser.add_argument(
        "--half-spaces",
        metavar="FILE",
        help="keep of the box what is in all of these: a row of a normal and an offset for each, normal @ x <= offset",
    )


def domain_of(arguments: Namespace, network: Network, who: str) -> Box | Polytope:
    """Return the box or the polytope that the options choose."""
    box = Box(*(_corner(getattr(arguments, name), name, network.n_in, who) for name in ("low", "high")))
    if arguments.half_spaces is None:
        return box
    rows = read_points(arguments.half_spaces, who, "--half-spaces", network.n_in + 1)
    if rows.shape[1] != network.n_in + 1:
        raise InvalidValueError(
            f"`--half-spaces` has {rows.shape[1]} numbers in a row, but {who} needs {network.n_in + 1}: a "
            f"normal of the model's {network.n_in} inputs, and an offset. Write them in this order."
        )
    return Polytope(rows[:, :-1], rows[:, -1], box)


def place_of(domain: Box | Polytope) -> dict[str, npt.NDArray[Any]]:
    """Return the numbers that a domain is given by."""
    if isinstance(domain, Box):
        return arrays_of(domain)
    return {**arrays_of(domain), "low": domain.box.low, "high": domain.box.high}


def _corner(numbers: list[float], name: str, n_in: int, who: str) -> FloatArray:
    if len(numbers) not in (1, n_in):
        raise InvalidValueError(
            f"`--{name}` has {len(numbers)} numbers, but {who} needs one for each of the model's {n_in} inputs, or one "
            "for all. Give as many."
        )
    return np.broadcast_to(np.array(numbers), (n_in,)).copy()
