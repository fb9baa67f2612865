"""The command ``line``: a line, ray, segment or path, cut into regions."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.tables import Row, read_points
from linregions._support.validation import FloatArray
from linregions.cli.arguments import (
    add_certify,
    add_common,
    add_name,
    add_picture,
    count_from,
    data_of,
    missing,
    proof_of,
    shows_progress,
    title_of,
)
from linregions.cli.models import add_model, model_of
from linregions.cli.results import arrays_of, finish, output_of
from linregions.domains.windows import Line, LineDomain, Ray, Segment
from linregions.domains.windows import Path as PolygonalPath
from linregions.errors import FileFormatError, InvalidValueError
from linregions.networks.network import Network
from linregions.plotting import line_figure
from linregions.regions.partition import partition

_EPILOG = """examples:
  linregions line model.npz --through-origin-and 0         the whole line through 0 and training example 0
  linregions line two_inputs.npz --from -1 -1 --to 1 1     the segment between two points
  linregions line model.npz --from a.npy --to b.npy --kind line
  linregions line model.npz --path points.npy              the polygonal curve through the rows of a file"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--through-origin-and",
        type=count_from(0),
        metavar="INDEX",
        help="the whole line through the origin and a training example, as in section 3.1 of the paper",
    )
    where.add_argument(
        "--from", dest="start", type=str.strip, nargs="+", metavar="X", help="a point: numbers, or a file; needs --to"
    )
    where.add_argument(
        "--path", metavar="FILE", help="the polygonal curve through points, one a row (.npy, .npz or text)"
    )
    parser.add_argument("--to", dest="end", type=str.strip, nargs="+", metavar="X", help="another point, with --from")
    parser.add_argument(
        "--kind",
        choices=("segment", "ray", "line"),
        default="segment",
        help="between the two points; from the first on; through both (default: segment)",
    )
    parser.add_argument(
        "--interval",
        type=float,
        nargs=2,
        metavar="T",
        help="range of the parameter t in the picture (default: all, or all breakpoints)",
    )
    add_certify(parser)
    add_picture(parser)
    add_common(parser)
    add_name(parser)


def run(arguments: Namespace) -> None:
    """Cut a line, ray, segment or path."""
    network = model_of(arguments)
    domain = _line(arguments, network)
    output = output_of(arguments, "line", network, arrays_of(domain))
    progress = shows_progress(arguments)
    part = partition(network, domain, threads=arguments.threads, progress=progress, certify=arguments.certify)
    kind = type(domain).__name__.lower()
    title = f"{part.n_regions:,} regions of {Path(arguments.model).name} on a {kind}"

    def figure() -> Any:
        return line_figure(part, title=title_of(arguments, title), interval=arguments.interval, size=arguments.size)

    summary: Row = {
        "domain": kind,
        "regions": part.n_regions,
        "linear_regions": part.n_linear_regions,
        "gradient_regions": part.n_gradient_regions,
        "neurons": network.n_neurons,
        "undecided": part.diagnostics["undecided"],
        **proof_of(part.diagnostics),
        "regions_per_neuron": part.n_regions / max(network.n_neurons, 1),
    }
    places = map(network.locate_neuron, part.neurons.tolist())
    boundaries = (part.is_linear_boundary, part.is_gradient_boundary)
    switches = [
        {
            "t": float(t),
            "layer": layer + 1,
            "neuron": index,
            "breakpoint": int(which),
            "linear_boundary": bool(linear),
            "gradient_boundary": bool(gradient),
        }
        for t, (layer, index), which, linear, gradient in zip(
            part.breakpoints, places, part.breakpoint_indices, *boundaries, strict=True
        )
    ]
    finish(output, network, summary, switches, part, figure, part.diagnostics)


def _line(arguments: Namespace, network: Network) -> LineDomain:
    who = "linregions line"
    if arguments.through_origin_and is not None:
        example = data_of(arguments, network).examples(arguments.through_origin_and)
        return Line(np.zeros(network.n_in), example)
    if arguments.path is not None:
        return PolygonalPath(read_points(arguments.path, who, "--path", network.n_in, network.graph.input_shape))
    if arguments.end is None:
        raise missing("--to", "--from needs another point")
    start, end = _vector(arguments.start, "--from", network), _vector(arguments.end, "--to", network)
    if arguments.kind == "segment":
        return Segment(start, end)
    return (Ray if arguments.kind == "ray" else Line)(start, end - start)


def _vector(words: list[str], name: str, network: Network) -> FloatArray:
    """Read one point, given as numbers or as a file."""
    who = "linregions line"
    try:
        vector = np.array([float(word) for text in words for word in text.split(",")])
    except ValueError:
        if len(words) > 1:
            raise FileFormatError(
                f"`{name}` is {' '.join(words)!r}, but {who} needs numbers or one file. Separate numbers by blanks."
            ) from None
        vector = read_points(words[0], who, name, network.n_in, network.graph.input_shape).ravel()
    if vector.shape != (network.n_in,):
        raise InvalidValueError(
            f"`{name}` has {vector.size} coordinates, but the model has {network.n_in} inputs. "
            "Give one number for each."
        )
    return vector
