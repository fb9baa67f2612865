"""The grammar of the command line. Light: nothing that computes or draws is imported here."""

from __future__ import annotations

import argparse
import math

from linregions import __version__
from linregions._support.validation import as_threads, available_cores
from linregions.cli.intermixed import IntermixedParser
from linregions.experiments import DEFAULT_FOLDER, EXPERIMENTS
from linregions.plotting import COLOR_BY, FORMATS

_EPILOG = """examples:
  linregions reproduce fig8 --quick           train on MNIST and draw the regions through training
  linregions plane model.npz --through 1 3 5  regions in the plane through three training examples
  linregions line model.npz --from -1 -1 --to 1 1
  linregions distance model.npz --dataset test -n 1000
  linregions bounds 784 64 64 64 10           how many regions there can be

A model is an NPZ file written by Network.save, or one with arrays W0, b0, W1, b1, ... (ReLU between layers).
Results are written to the folder given by --out: picture, CSV, NPZ, and JSON with settings, seed and versions.
Exit status: 0 done, 2 error (one sentence on stderr), 130 interrupted, 143 terminated."""

_PLANE_EPILOG = """examples:
  linregions plane model.npz --through 1 3 5 --decision-boundary
  linregions plane model.npz --points three_points.npy --scale 2 --color-by pattern
  linregions plane two_inputs.npz --low -1 -1 --high 1 1 --format png,svg --name whole
  linregions plane model.npz --origin zero --half 5 --seed 1"""

_LINE_EPILOG = """examples:
  linregions line model.npz --through-origin-and 0         the whole line through 0 and training example 0
  linregions line two_inputs.npz --from -1 -1 --to 1 1     the segment between two points
  linregions line model.npz --from a.npy --to b.npy --kind line
  linregions line model.npz --path points.npy              the polygonal curve through the rows of a file"""

_DISTANCE_EPILOG = """examples:
  linregions distance model.npz --dataset test -n 1000 --seed 1
  linregions distance model.npz --dataset normal -n 10000      normal with the componentwise moments of the data
  linregions distance model.npz --points points.csv"""

_BOUNDS_EPILOG = """examples:
  linregions bounds 784 64 64 64 10                    in the whole input space, for ReLU
  linregions bounds 784 64 64 64 10 --dimension 2      in a plane, where regions are counted
  linregions bounds 784 64 64 64 10 --breakpoints 2    for hard tanh or ReLU6, say
  linregions bounds model.npz --out digits             widths and activations of a model; every digit as CSV and JSON"""

_DENSITY_EPILOG = """examples:
  linregions density two_inputs.npz --low -1 --high 1              exact for one or two inputs
  linregions density model.npz --low 0 --high 1 -n 10000           in [0, 1]^n_in, on random chords
  linregions density model.npz --ball center.npy 2.5 --rtol 0.01   in a ball, to a standard error of about 1 %
  linregions density model.npz --low 0 --high 1 --codimension 2    where two boundaries meet, in random planes"""

_REPRODUCE_EPILOG = "experiments:\n" + "\n".join(f"  {name}  {text}" for name, text in EXPERIMENTS.items())


_PLOT_EPILOG = """examples:
  linregions plot linregions-results             every figure that is there, and the report
  linregions plot linregions-results fig5 fig8 --format svg,pdf
  linregions plot linregions-results --out pictures   leave the folder of results alone"""


_INFO_EPILOG = """examples:
  linregions info model.npz
  linregions info model.npz --estimate --through 1 3 5"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="linregions",
        description="Exact linear regions of piecewise-linear neural networks.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"linregions {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=IntermixedParser)
    _add_reproduce(commands)
    _add_plot(commands)
    _add_plane(commands)
    _add_line(commands)
    _add_distance(commands)
    _add_density(commands)
    _add_bounds(commands)
    info = _add(commands, "info", "tell the architecture of a network, or what a window will cost", _INFO_EPILOG)
    info.add_argument("model", metavar="MODEL", help="an NPZ file")
    info.add_argument(
        "--estimate",
        action="store_true",
        help="estimate regions, time and memory of a window from a few of its cells; choose it as for `plane`",
    )
    add_window(info, required=False)
    info.add_argument("--data", default="mnist", metavar="SOURCE", help="data set, as for `plane`")
    info.add_argument("--seed", type=_count(0), default=0, metavar="N", help="of a random plane (default: 0)")
    info.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")
    return parser


def _add(commands: argparse._SubParsersAction, name: str, text: str, epilog: str | None) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", default=DEFAULT_FOLDER, metavar="DIR", help=f"folder for results (default: {DEFAULT_FOLDER})"
    )


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", metavar="NAME", help="beginning of the files' names (default: the model's name and the command)"
    )
    _add_force(parser)


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace results of other settings that are there")


def _add_common(parser: argparse.ArgumentParser, *, numbers_alone: bool = True) -> None:
    _add_out(parser)
    parser.add_argument(
        "--data",
        default="mnist",
        metavar="SOURCE",
        help="data set: mnist, a folder with four IDX files, or an NPZ with x_train, y_train, x_test, y_test",
    )
    parser.add_argument("--seed", type=_count(0), default=0, metavar="N", help="of all that is random (default: 0)")
    _add_format(parser, numbers_alone)
    parser.add_argument(
        "--threads",
        type=_threads,
        default=available_cores(),
        metavar="N",
        help="for the work on regions (default: -1, one for each core)",
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages or progress bars on stderr")


def _add_format(parser: argparse.ArgumentParser, numbers_alone: bool = False) -> None:
    more = "; none for numbers alone" if numbers_alone else ""
    parser.add_argument(
        "--format",
        type=_formats_or_none if numbers_alone else _formats,
        default=("png",),
        metavar="LIST",
        help=f"of pictures, separated by commas: png, svg, pdf (default: png){more}",
    )


def _add_reproduce(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "reproduce", "reproduce figures and theorems of Hanin & Rolnick (2019)", _REPRODUCE_EPILOG)
    parser.add_argument(
        "experiments",
        nargs="*",
        choices=[*EXPERIMENTS, "all"],
        default="all",
        metavar="EXPERIMENT",
        help=f"{', '.join(EXPERIMENTS)} or all (default: all)",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--quick", action="store_true", help="smaller settings, all figures within ten minutes on two cores (default)"
    )
    size.add_argument("--full", action="store_true", help="larger settings, the size of the paper where it tells one")
    parser.add_argument(
        "--settings", metavar="FILE", help="TOML file with changes to them, a table for each experiment"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=_count(1),
        default=available_cores(),
        metavar="N",
        help="processes for the cells of fig5, fig6 and fig7 (default: one for each core)",
    )
    where.add_argument("--dask", metavar="ADDRESS", help="compute these cells on an existing Dask cluster")
    _add_common(parser, numbers_alone=False)
    _add_force(parser)


def _add_plot(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "plot", "draw figures again from the files of reproduce, computing nothing", _PLOT_EPILOG)
    parser.add_argument("results", metavar="RESULTS", help="the folder that reproduce wrote (its --out)")
    parser.add_argument(
        "experiments",
        nargs="*",
        choices=[*EXPERIMENTS, "all"],
        default="all",
        metavar="EXPERIMENT",
        help=f"{', '.join(EXPERIMENTS)} or all (default: all that are there)",
    )
    parser.add_argument("--out", metavar="DIR", help="folder for pictures and report (default: RESULTS)")
    _add_format(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def _add_plane(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "plane", "cut a window of a plane into the regions of a network", _PLANE_EPILOG)
    parser.add_argument("model", metavar="MODEL", help="an NPZ file")
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
    _add_picture(parser)
    _add_common(parser)
    _add_name(parser)


def _add_picture(parser: argparse.ArgumentParser) -> None:
    """Add the options of a picture; by default matplotlib's settings of the user, or else ours."""
    parser.add_argument("--title", metavar="TEXT", help="what to write above the picture (default: what was found)")
    parser.add_argument("--size", type=_positive, nargs=2, metavar="INCH", help="its width and height, in inches")
    parser.add_argument(
        "--dpi",
        type=_positive,
        metavar="DPI",
        help="dots per inch of PNG files (default: your matplotlibrc's, or 200)",
    )


def add_window(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Add the options that choose a window of a plane."""
    where = parser.add_mutually_exclusive_group(required=required)
    where.add_argument(
        "--through",
        type=_count(0),
        nargs=3,
        metavar="INDEX",
        help="the plane through three training examples; the square is centred at their circumcentre",
    )
    where.add_argument("--points", metavar="FILE", help="likewise through three points, one a row (.npy or text)")
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


def _add_line(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "line", "cut a line, ray, segment or path into the regions of a network", _LINE_EPILOG)
    parser.add_argument("model", metavar="MODEL", help="an NPZ file")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--through-origin-and",
        type=_count(0),
        metavar="INDEX",
        help="the whole line through the origin and a training example, as in section 3.1 of the paper",
    )
    where.add_argument(
        "--from", dest="start", type=str.strip, nargs="+", metavar="X", help="a point: numbers, or a file; needs --to"
    )
    where.add_argument("--path", metavar="FILE", help="the polygonal curve through points, one a row (.npy or text)")
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
    _add_picture(parser)
    _add_common(parser)
    _add_name(parser)


def _add_distance(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "distance", "measure distances of points to the nearest boundary", _DISTANCE_EPILOG)
    parser.add_argument("model", metavar="MODEL", help="an NPZ file")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--points", metavar="FILE", help="points, one a row (.npy or text)")
    where.add_argument(
        "--dataset",
        choices=("train", "test", "normal"),
        help="random examples of the data set, or points drawn normally with its componentwise mean and variance",
    )
    parser.add_argument("-n", type=_count(1), default=1000, help="how many, with --dataset (default: 1000)")
    parser.add_argument(
        "--kind",
        choices=("activation", "linear"),
        default="activation",
        help="boundaries of activation regions, or of linear regions alone (default: activation)",
    )
    _add_picture(parser)
    _add_common(parser)
    _add_name(parser)


def _add_density(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "density", "measure boundary volume per unit of volume in a box or ball", _DENSITY_EPILOG)
    parser.add_argument("model", metavar="MODEL", help="an NPZ file")
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
        "-n", type=_count(1), default=1000, metavar="N", help="random chords, or plane sections (default: 1000)"
    )
    parser.add_argument("--rtol", type=float, metavar="R", help="take as many as this relative standard error needs")
    parser.add_argument(
        "--codimension",
        type=int,
        choices=(1, 2),
        default=1,
        help="2: where boundaries of two neurons meet (default: 1)",
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
        help="exact is for one or two inputs, where auto takes it",
    )
    _add_out(parser)
    _add_name(parser)
    parser.add_argument("--seed", type=_count(0), default=0, metavar="N", help="of all that is random (default: 0)")
    parser.add_argument(
        "--threads", type=_threads, default=available_cores(), metavar="N", help="(default: -1, one for each core)"
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages or progress bars on stderr")


def _add_bounds(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    parser = _add(commands, "bounds", "tell the known bounds on the number of regions", _BOUNDS_EPILOG)
    parser.add_argument(
        "architecture",
        type=str.strip,
        nargs="+",
        metavar="WIDTH",
        help="units in the input, each hidden layer and the output; or one NPZ file with a model",
    )
    parser.add_argument(
        "--breakpoints", type=_count(0), metavar="T", help="of the activation (default: 1, taken as ReLU)"
    )
    parser.add_argument(
        "--dimension",
        type=_count(1),
        metavar="D",
        help="bound regions in an affine subspace: 1 for lines, 2 for planes (default: the whole input space)",
    )
    parser.add_argument("--out", metavar="DIR", help="folder for all digits as CSV and JSON (default: print only)")
    _add_name(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def _count(low: int):  # type: ignore[no-untyped-def]
    def integer(text: str) -> int:
        number = int(text)
        if number < low:
            raise argparse.ArgumentTypeError(f"{number} is below {low}")
        return number

    return integer


def _threads(text: str) -> int:
    number = int(text)
    if number < 1 and number != -1:
        raise argparse.ArgumentTypeError(f"{number} is below 1, and only -1 means all cores")
    return as_threads(number, "--threads", "linregions")


def _positive(text: str) -> float:
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
