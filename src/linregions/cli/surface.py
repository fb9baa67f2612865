"""The command ``surface``: a level set or the decision boundary of three inputs, as a mesh."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from linregions._support.tables import Row
from linregions._support.validation import require
from linregions.cli.arguments import add_common, add_force, add_picture, shows_progress, title_of
from linregions.cli.boxes import add_box, domain_of, place_of
from linregions.cli.models import add_model, model_of
from linregions.cli.results import decisions_told, prepare_output, print_result
from linregions.errors import InvalidValueError
from linregions.regions.boxes.meshes import mesh_format, write_mesh
from linregions.regions.partition import partition

_EPILOG = """examples:
  linregions surface distance.npz --out part.ply
  linregions surface distance.onnx --low 0 0 0 --high 2 1 1 --level 0.05 --capped --out thicker.stl
  linregions surface classifier.npz --decision argmax --out classes.obj"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    add_model(parser)
    add_box(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--level", type=float, metavar="X", help="where the output is X (default: 0)")
    what.add_argument("--decision", choices=("argmax", "argmin"), help="where this of the outputs changes")
    parser.add_argument("--output", type=int, default=0, metavar="N", help="which output, from 0 (default: 0)")
    parser.add_argument(
        "--capped", action="store_true", help="close it by the sides of the domain: all points not above the level"
    )
    add_picture(parser)
    add_common(parser, numbers_alone=True)
    parser.set_defaults(out="surface.ply")
    add_force(parser)


def run(arguments: Namespace) -> None:
    """Find a surface."""
    who = "linregions surface"
    mesh_format(arguments.out, "--out", who)  # before any work
    require("trimesh", "mesh", who, lambda: __import__("trimesh"))
    target = Path(arguments.out)
    arguments.out, arguments.name = str(target.parent), target.stem
    network = model_of(arguments)
    if network.n_in != 3:
        raise InvalidValueError(
            f"`MODEL` has {network.n_in} inputs, but {who} needs three. Use `linregions plane` for level sets and "
            "decision boundaries in a plane of its inputs."
        )
    domain = domain_of(arguments, network, who)
    output = prepare_output(arguments, "surface", target.stem, place_of(domain), network)
    part = partition(network, domain, threads=arguments.threads, progress=shows_progress(arguments))
    level = 0.0 if arguments.level is None else arguments.level
    if arguments.decision:
        surface = part.decision_boundary(arguments.decision)
    else:
        surface = part.level_set(arguments.output, level)
    enclosed = surface.enclosed_volume
    if arguments.capped:
        surface = surface.capped()
    if not len(surface):
        if arguments.decision:
            raise InvalidValueError(
                f"`--decision` is {arguments.decision}, which is the same in all of this box, but {who} needs a "
                "surface to write. Give a larger box."
            )
        raise InvalidValueError(
            f"`--level` is {level:g}, which the output does not cross in this box, but {who} needs a surface to write. "
            "Give another level or a larger box."
        )

    def figure() -> Any:
        from linregions.plotting.solids import surface_figure

        title = title_of(arguments, f"{len(surface):,} polygons of {Path(arguments.model).name}")
        return surface_figure(surface, title=title, size=arguments.size)

    summary: Row = {
        "regions": part.n_regions,
        "polygons": len(surface),
        "vertices": int(surface.corners.max()) + 1,
        "edges": len(surface.edges),
        "euler": surface.euler_characteristic,
        "components": surface.n_components,
        "closed": surface.is_closed,
        "area": surface.area,
        "enclosed_volume": enclosed,
        "undecided": part.diagnostics["undecided"] + surface.diagnostics["undecided"],
    }
    files = output.write(
        summary, [], arguments.seed, network=network, figure=figure if len(surface) <= 100_000 else None,
        diagnostics=part.diagnostics,
    )  # fmt: skip
    write_mesh(target, surface, who)
    print_result([summary], [target, *files], decisions_told(part.diagnostics, certifies=False))
