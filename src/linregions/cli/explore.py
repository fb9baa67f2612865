"""The command ``explore``: a page to explore the regions of networks, or saved partitions, in."""

from __future__ import annotations

import zipfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from linregions.cli.arguments import add_certify, add_common, add_force, add_window, missing, shows_progress, window_of
from linregions.cli.models import add_model_options, model_of
from linregions.errors import InvalidValueError
from linregions.plotting.explorer import FILLS, explore
from linregions.regions.lines.partition import LinePartition
from linregions.regions.partition import partition
from linregions.regions.planes.partition import PlanePartition

_EPILOG = """examples:
  linregions explore model.npz --through 1 3 5 --out page.html
  linregions explore linregions-results/fig8-epoch-*.npz --out training.html
  linregions explore epoch0.npz epoch1.npz epoch2.npz --low -1 -1 --high 1 1 --out training.html

Several files are moments of a training, which the page has a slider for. The page is one file that opens from disk."""
_OUT = "regions.html"
# What begins a page of ours, so that no other file is replaced.
_MARK = '<meta name="generator" content="linregions'
_HEAD = 4000


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a model, or an NPZ of `linregions plane`, `line` or `reproduce`"
    )
    add_model_options(parser)
    add_window(parser, required=False)
    parser.add_argument("--color-by", choices=FILLS, default="gradient", help="what colours mean at first")
    parser.add_argument(
        "--decision",
        choices=("argmax", "argmin", "none"),
        default="argmax",
        help="which output is the class (argmin for outputs that are costs)",
    )
    parser.add_argument(
        "--image", metavar="SIZES", help="rows and columns of inputs that are images, e.g. 28x28 or 3x32x32"
    )
    parser.add_argument("--title", metavar="TEXT", help="what to write above")
    add_certify(parser)
    add_common(parser)
    add_force(parser)
    parser.set_defaults(out=_OUT)


def run(arguments: Namespace) -> None:
    """Make the page."""
    target = _target(arguments)
    asked = None if arguments.image is None else _sizes(arguments.image)  # before any work
    found, points, labels, image = _partitions(arguments)
    first = next(iter(found.values()))
    options: dict[str, Any] = {}
    if isinstance(first, PlanePartition):
        options = {
            "color_by": arguments.color_by,
            "decision": None if arguments.decision == "none" else arguments.decision,
            "points": points,
            "labels": labels,
            "image_shape": image if asked is None else asked,
        }
    name = Path(arguments.files[0]).stem if len(found) == 1 else f"{len(found)} moments"
    shown = first if len(found) == 1 else found
    page = explore(shown, title=arguments.title or f"Regions of {name}", **options)
    print(f"{', '.join(f'{part.n_regions:,}' for part in found.values())} regions")
    print(f"written to {page.save(target)}: {len(page.html) / 1e6:.2g} MB")


def _target(arguments: Namespace) -> Path:
    """Return where the page goes, before any work."""
    target = Path(arguments.out)
    if target.is_dir():
        target = target / _OUT
    if target.is_file() and not arguments.force:
        with target.open(encoding="utf-8", errors="replace") as file:
            if _MARK not in file.read(_HEAD):
                raise InvalidValueError(
                    f"`--out` is {arguments.out!r}, a file that linregions did not make, but linregions explore "
                    "replaces other files only if told to. Give another name, or replace it with `--force`."
                )
    return target


def _partitions(arguments: Namespace) -> tuple[dict[str, Any], Any, Any, Any]:
    """Return what to show by name, points to mark with their labels, and the shape of images."""
    kinds = [_kind_of(file) for file in arguments.files]
    if LinePartition in kinds and len(kinds) > 1:
        raise InvalidValueError(
            f"`FILE` is given {len(kinds)} times, with the partition of a line, but linregions explore shows one line "
            "a page. Give it alone."
        )
    found: dict[str, Any] = {}
    points = labels = image = window = None
    for file, kind in zip(arguments.files, kinds, strict=True):
        if kind is not None:
            found[file] = kind.load(file)
            continue
        network = model_of(Namespace(**{**vars(arguments), "model": file}))
        if window is None:
            if not any(getattr(arguments, key) is not None for key in ("through", "points", "origin", "low")):
                raise missing("--through", "a model needs a window: --through, --points, --origin or --low and --high")
            window, points, labels = window_of(arguments, network)
            image = _image_shape(arguments) if arguments.through is not None else None
        found[file] = partition(
            network,
            window,
            threads=arguments.threads,
            progress=shows_progress(arguments),
            certify=arguments.certify,
        )
    names = _short_names(list(found))
    return dict(zip(names, found.values(), strict=True)), points, labels, image


def _kind_of(file: str) -> type[PlanePartition] | type[LinePartition] | None:
    """Return what a file holds that was partitioned already; None for a model, or what is none of these."""
    if not Path(file).is_file() or not zipfile.is_zipfile(file):
        return None
    with zipfile.ZipFile(file) as archive:
        names = set(archive.namelist())
    if {"face_offsets.npy", "pattern_words.npy"} <= names:
        return PlanePartition
    return LinePartition if {"breakpoints.npy", "switch_offsets.npy"} <= names else None


def _short_names(files: list[str]) -> list[str]:
    """Return names that tell files apart, without what all of them begin with."""
    stems = [Path(file).stem for file in files]
    if len(set(stems)) < len(stems):
        return files
    words = [stem.split("-") for stem in stems]
    while len(stems) > 1 and min(map(len, words)) > 1 and len({word[0] for word in words}) == 1:
        words = [word[1:] for word in words]
    return ["-".join(word) for word in words]


def _image_shape(arguments: Namespace) -> tuple[int, ...] | None:
    from linregions.training.datasets import load_dataset

    shape = load_dataset(arguments.data).image_shape
    return shape if len(shape) in (2, 3) else None


def _sizes(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split("x"))
    except ValueError:
        raise InvalidValueError(
            f"`--image` is {text!r}, but linregions explore needs rows and columns. Give e.g. 28x28 or 3x32x32."
        ) from None
