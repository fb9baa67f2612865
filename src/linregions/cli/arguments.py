"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import math
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from linregions._support.tables import read_points
from linregions._support.validation import FloatArray, as_positive, as_threads, available_cores
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError
from linregions.experiments import DEFAULT_FOLDER, EXPERIMENTS
from linregions.networks.network import Network
from linregions.plotting import FORMATS

if TYPE_CHECKING:
    from linregions.training.datasets import Dataset


def add_out(parser: argparse.ArgumentParser) -> None:
    """Add the folder of results."""
    parser.add_argument(
        "--out", default=DEFAULT_FOLDER, metavar="DIR", help=f"folder for results (default: {DEFAULT_FOLDER})"
    )


def add_experiments(parser: argparse.ArgumentParser, by_default: str) -> None:
    """Add the names of experiments."""
    choices, text = [*EXPERIMENTS, "all"], f"{', '.join(EXPERIMENTS)} or all (default: {by_default})"
    parser.add_argument("experiments", nargs="*", choices=choices, default="all", metavar="EXPERIMENT", help=text)


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add what names results and what replaces them."""
    parser.add_argument(
        "--name", metavar="NAME", help="beginning of the files' names (default: the model's name and the command)"
    )
    add_force(parser)


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add what replaces results."""
    parser.add_argument("--force", action="store_true", help="replace results of other settings that are there")


def add_common(parser: argparse.ArgumentParser, *, numbers_alone: bool = True) -> None:
    """Add folder, data, seed, formats, threads and silence."""
    add_out(parser)
    parser.add_argument(
        "--data",
        default="mnist",
        metavar="SOURCE",
        help="data set: mnist, a folder with four IDX files, or an NPZ with x_train, y_train, x_test, y_test",
    )
    parser.add_argument("--seed", type=count_from(0), default=0, metavar="N", help="of all that is random (default: 0)")
    add_format(parser, numbers_alone)
    parser.add_argument(
        "--threads",
        type=threads_of,
        default=available_cores(),
        metavar="N",
        help="for the work on regions (default: -1, one for each core)",
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages or progress bars on stderr")


def add_format(parser: argparse.ArgumentParser, numbers_alone: bool = False) -> None:
    """Add the formats of pictures."""
    more = "; none for numbers alone" if numbers_alone else ""
    parser.add_argument(
        "--format",
        type=_formats_or_none if numbers_alone else _formats,
        default=("png",),
        metavar="LIST",
        help=f"of pictures, separated by commas: png, svg, pdf (default: png){more}",
    )


def add_picture(parser: argparse.ArgumentParser) -> None:
    """Add the options of a picture; by default matplotlib's settings of the user, or else ours."""
    parser.add_argument("--title", metavar="TEXT", help="what to write above the picture (default: what was found)")
    parser.add_argument("--size", type=positive, nargs=2, metavar="INCH", help="its width and height, in inches")
    parser.add_argument(
        "--dpi", type=positive, metavar="DPI", help="dots per inch of PNG files (default: your matplotlibrc's, or 200)"
    )


def add_certify(parser: argparse.ArgumentParser) -> None:
    """Add what asks for a proof."""
    parser.add_argument(
        "--certify",
        action="store_true",
        help="prove every sign and order for exactly the numbers given, in integers where floats cannot tell",
    )


def proof_of(diagnostics: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of a table that tell of a proof; none where there is none."""
    if not diagnostics.get("certified"):
        return {}
    return {"certified": True, "exact_decisions": diagnostics["exact_decisions"]}


def add_window(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options that choose a window of a plane."""
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument(
        "--through",
        type=count_from(0),
        nargs=3,
        metavar="INDEX",
        help="the plane through three training examples; the square is centred at their circumcentre",
    )
    where.add_argument("--points", metavar="FILE", help="likewise through three points, one a row (.npy, .npz or text)")
    where.add_argument(
        "--origin",
        metavar="WHERE",
        help="a plane of random direction through 'zero' or a training example's number; needs --half",
    )
    where.add_argument("--low", type=float, nargs=2, metavar="X", help="corner of a box, for networks of two inputs")
    parser.add_argument("--high", type=float, nargs=2, metavar="X", help="the opposite corner, with --low")
    parser.add_argument("--half", type=float, metavar="LENGTH", help="half the side of the square, with --origin")
    parser.add_argument(
        "--scale", type=float, default=1.5, help="half the side in circumradii, for three points (default: 1.5)"
    )


def count_from(low: int) -> Callable[[str], int]:
    """Return what reads whole numbers from `low` on."""

    def integer(text: str) -> int:
        number = int(text)
        if number < low:
            raise argparse.ArgumentTypeError(f"{number} is below {low}")
        return number

    return integer


def threads_of(text: str) -> int:
    """Read a number of threads."""
    number = int(text)
    if number < 1 and number != -1:
        raise argparse.ArgumentTypeError(f"{number} is below 1, and only -1 means all cores")
    return as_threads(number, "--threads", "linregions")


def positive(text: str) -> float:
    """Read a positive number."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text.strip()} is no positive number")
    return number


def _formats(text: str) -> tuple[str, ...]:
    chosen = tuple(entry.strip() for entry in text.split(","))
    for entry in chosen:
        if entry not in FORMATS:
            raise argparse.ArgumentTypeError(f"{entry!r} is none of {', '.join(FORMATS)}")
    return chosen


def _formats_or_none(text: str) -> tuple[str, ...]:
    return () if text.strip() == "none" else _formats(text)


def title_of(arguments: Namespace, found: str) -> str:
    """Return the title that is wanted, or else the one of what was found."""
    return found if arguments.title is None else str(arguments.title)


def shows_progress(arguments: Namespace) -> bool:
    """Tell whether to show progress: on a terminal."""
    return not arguments.quiet and sys.stderr.isatty()


def missing(option: str, why: str) -> InvalidValueError:
    """Return the error that an option is missing."""
    return InvalidValueError(f"`{option}` is missing, but {why}. Add it.")


def data_of(arguments: Namespace, network: Network) -> Dataset:
    """Load the data set, which must fit the model's inputs."""
    from linregions.training.datasets import load_dataset

    data = load_dataset(arguments.data)
    if data.n_in != network.n_in:
        raise InvalidValueError(
            f"`--data` is {data.name} with {data.n_in} values in an example, but the model has {network.n_in} inputs. "
            "Give points of its input space instead, or the data set that it was trained on."
        )
    return data


def window_of(arguments: Namespace, network: Network) -> tuple[PlaneWindow, FloatArray | None, list[str] | None]:
    """Return the window, and the points to mark with their labels."""
    if arguments.low is not None:
        if arguments.high is None:
            raise missing("--high", "--low needs the opposite corner")
        if network.n_in != 2:
            raise InvalidValueError(
                f"`--low` gives a box of two inputs, but the model has {network.n_in}. "
                "Use --through, --points or --origin to choose a plane of its input space."
            )
        return PlaneWindow.of_inputs(arguments.low, arguments.high), None, None
    if arguments.through is not None:
        data = data_of(arguments, network)
        points = data.examples(arguments.through)
        labels = [str(label) for label in data.y_train[arguments.through]]
    elif arguments.points is not None:
        shape = network.graph.input_shape
        points, labels = read_points(arguments.points, "linregions plane", "--points", network.n_in, shape), list("123")
        if points.shape != (3, network.n_in):
            raise InvalidValueError(
                f"`--points` has shape {points.shape}, but linregions plane needs three points of the model's "
                f"{network.n_in} inputs. Give three rows."
            )
    else:
        return _random_window(arguments, network), None, None
    return PlaneWindow.through(points[0], points[1], points[2], arguments.scale), points, labels


def _random_window(arguments: Namespace, network: Network) -> PlaneWindow:
    if arguments.half is None:
        raise missing("--half", "--origin needs the size of the square")
    if network.n_in < 2:
        raise InvalidValueError(
            "`--origin` asks for a plane, but the model has one input. Use `linregions line` instead."
        )
    half = as_positive(arguments.half, "--half", "linregions plane")
    rng = np.random.default_rng(arguments.seed)
    if arguments.origin == "zero":
        origin = np.zeros(network.n_in)
    elif arguments.origin.isdecimal():
        origin = data_of(arguments, network).examples(int(arguments.origin))
    else:
        raise InvalidValueError(
            f"`--origin` is {arguments.origin!r}, but linregions plane needs 'zero' or the number of a training "
            "example. Give one of them."
        )
    basis, _ = np.linalg.qr(rng.normal(size=(network.n_in, 2)))
    return PlaneWindow.square(origin, basis.T, half)
