"""The command ``box``: a box of one to five inputs, cut into regions."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.tables import Row
from linregions.cli.arguments import add_common, add_name, add_picture, shows_progress, title_of
from linregions.cli.boxes import add_box, domain_of, place_of
from linregions.cli.models import add_model, model_of
from linregions.cli.results import decisions_told, output_of, print_result
from linregions.regions.partition import partition

_EPILOG = """examples:
  linregions box three_inputs.npz --low -1 --high 1
  linregions box controller.onnx --low -0.1 0 2 --high 0.1 0.5 3 --format none
  linregions box model.npz --low 0 --high 1 --half-spaces simplex.csv"""
# Pictures of more regions show nothing.
_MOST_DRAWN = 2_000


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    add_box(parser)
    add_picture(parser)
    add_common(parser)
    add_name(parser)


def run(arguments: Namespace) -> None:
    """Cut a box."""
    network = model_of(arguments)
    domain = domain_of(arguments, network, "linregions box")
    output = output_of(arguments, "box", network, place_of(domain))
    part = partition(network, domain, threads=arguments.threads, progress=shows_progress(arguments))

    def figure() -> Any:
        from linregions.plotting.solids import cells_figure

        title = title_of(arguments, f"{part.n_regions:,} regions of {Path(arguments.model).name}")
        return cells_figure(part, title=title, size=arguments.size)

    names = ("vertices", "edges", "faces", "cells", "4-faces")
    summary: Row = {
        "regions": part.n_regions,
        "linear_regions": part.n_linear_regions,
        "gradient_regions": part.n_gradient_regions,
        "neurons": network.n_neurons,
        "facets": part.n_facets,
        **{name: int(count) for name, count in zip(names, part.face_counts[:-1], strict=False)},
        "undecided": part.diagnostics["undecided"],
        "volume": float(part.volumes.sum()),
        **{f"boundary_{k}": part.strata(k) for k in range(1, network.n_in + 1)},
    }
    columns: dict[str, npt.NDArray[Any]] = {
        "region": np.arange(part.n_regions),
        "linear_region": part.linear_labels,
        "gradient_region": part.gradient_labels,
        "corners": np.diff(part.cell_offsets),
        "facets": np.diff(part.cell_facets[0]),
        "neighbors": np.diff(part.adjacency().indptr),
        "volume": part.volumes,
        "inradius": part.inradii,
        **{f"x{i}": part.centroids[:, i] for i in range(network.n_in)},
    }
    regions = [
        dict(zip(columns, row, strict=True))
        for row in zip(*(column.tolist() for column in columns.values()), strict=True)
    ]
    drawn = network.n_in == 3 and part.n_regions <= _MOST_DRAWN
    files = output.write(
        summary, regions, arguments.seed, network=network, result=part, figure=figure if drawn else None,
        diagnostics=part.diagnostics,
    )  # fmt: skip
    print_result([summary], files, decisions_told(part.diagnostics, certifies=False))
