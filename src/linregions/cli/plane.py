"""The command ``plane``: a window of a plane, cut into regions."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.tables import Row
from linregions.cli.arguments import (
    add_certify,
    add_common,
    add_name,
    add_picture,
    add_window,
    proof_of,
    shows_progress,
    title_of,
    window_of,
)
from linregions.cli.models import add_model, model_of
from linregions.cli.results import arrays_of, finish, output_of
from linregions.plotting import COLOR_BY, plane_figure
from linregions.plotting.style import color_map
from linregions.regions.partition import partition

_EPILOG = """examples:
  linregions plane model.npz --through 1 3 5 --decision-boundary
  linregions plane model.npz --points three_points.npy --scale 2 --color-by pattern
  linregions plane two_inputs.npz --low -1 -1 --high 1 1 --format png,svg --name whole
  linregions plane model.npz --origin zero --half 5 --seed 1 --certify"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    add_window(parser, required=True)
    parser.add_argument(
        "--color-by", choices=COLOR_BY, default="gradient", help="what colours mean (default: gradient)"
    )
    parser.add_argument("--colormap", metavar="NAME", help="matplotlib's colours for --color-by output and area")
    lines = parser.add_mutually_exclusive_group()
    lines.add_argument(
        "--decision-boundary", action="store_true", help="draw where the class changes (of one output: where it is 0)"
    )
    lines.add_argument(
        "--decision", choices=("argmax", "argmin"), help="draw where this changes (argmin for outputs that are costs)"
    )
    lines.add_argument("--level", type=float, metavar="X", help="draw where the first output is X")
    add_certify(parser)
    add_picture(parser)
    add_common(parser)
    add_name(parser)


def run(arguments: Namespace) -> None:
    """Cut a window of a plane."""
    network = model_of(arguments)
    window, points, labels = window_of(arguments, network)
    output = output_of(arguments, "plane", network, arrays_of(window))
    if output.formats:
        color_map(arguments.colormap, "linregions plane")  # before any work
    progress = shows_progress(arguments)
    part = partition(network, window, threads=arguments.threads, progress=progress, certify=arguments.certify)

    def figure() -> Any:
        return plane_figure(
            part,
            title=title_of(arguments, f"{part.n_regions:,} regions of {Path(arguments.model).name}"),
            color_by=arguments.color_by,
            decision_boundary=arguments.decision or arguments.decision_boundary,
            level=arguments.level,
            points=points,
            labels=labels,
            colormap=arguments.colormap,
            size=arguments.size,
        )

    summary: Row = {
        "regions": part.n_regions,
        "linear_regions": part.n_linear_regions,
        "gradient_regions": part.n_gradient_regions,
        "neurons": network.n_neurons,
        "vertices": len(part.vertices),
        "edges": len(part.edges),
        "undecided": part.diagnostics["undecided"],
        **proof_of(part.diagnostics),
        "boundary_length": part.boundary_length,
        "area": window.area,
    }
    sizes = (np.diff(part.face_offsets), part.areas, part.perimeters)
    columns = zip(part.linear_labels, part.gradient_labels, *sizes, strict=True)
    regions = [
        {
            "region": k,
            "linear_region": int(linear),
            "gradient_region": int(gradient),
            "sides": int(sides),
            "area": float(area),
            "perimeter": float(length),
        }
        for k, (linear, gradient, sides, area, length) in enumerate(columns)
    ]
    finish(output, network, summary, regions, part, figure, part.diagnostics)
