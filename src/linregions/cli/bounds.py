"""The command ``bounds``: the bounds on the number of regions of an architecture, beside its number of neurons."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from linregions._support.tables import format_table
from linregions.cli.arguments import add_name, count_from
from linregions.cli.models import read_model
from linregions.cli.results import Output, prepare_output
from linregions.errors import InvalidValueError
from linregions.networks.activations import PiecewiseLinear
from linregions.theory import RegionBound, region_bounds

_Activations = tuple[PiecewiseLinear, ...] | None
_WHO = "linregions bounds"
_SHOWN_EXACTLY = 10**15  # larger numbers are for the files, and for the eye a power of ten


_EPILOG = """examples:
  linregions bounds 784 64 64 64 10                    in the whole input space, for ReLU
  linregions bounds 784 64 64 64 10 --dimension 2      in a plane, where regions are counted
  linregions bounds 784 64 64 64 10 --breakpoints 2    for hard tanh or ReLU6, say
  linregions bounds model.npz --out digits             widths and activations of a model; every digit as CSV and JSON"""


def add(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "architecture",
        type=str.strip,
        nargs="+",
        metavar="WIDTH",
        help="units in the input, each hidden layer and the output; or one model file (.npz, .onnx, .nnet, .pt2)",
    )
    parser.add_argument(
        "--breakpoints", type=count_from(0), metavar="T", help="of the activation (default: 1, taken as ReLU)"
    )
    parser.add_argument(
        "--dimension",
        type=count_from(1),
        metavar="D",
        help="bound regions in an affine subspace: 1 for lines, 2 for planes (default: the whole input space)",
    )
    parser.add_argument("--out", metavar="DIR", help="folder for all digits as CSV and JSON (default: print only)")
    add_name(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="no messages on stderr")


def run(arguments: Namespace) -> None:
    """Print bounds, and write them where asked to."""
    given = arguments.architecture
    widths: tuple[int, ...]
    activations: _Activations = None
    stem = "bounds"
    if len(given) == 1 and not _is_integer(given[0]):
        network = read_model(given[0])
        if arguments.breakpoints is not None:
            raise InvalidValueError(
                f"`--breakpoints` is {arguments.breakpoints}, but {given[0]!r} says itself how many its activations "
                "have. Leave the option out."
            )
        if not network.is_chain:
            raise InvalidValueError(
                f"`WIDTH` is {given[0]!r}, whose layers are not fully connected ones in a row, but {_WHO} needs such. "
                "Count its regions instead, with `linregions line` or `linregions plane`."
            )
        widths, activations, stem = network.widths, network.activations, f"{Path(given[0]).stem}-bounds"
    else:
        widths = tuple(_integer(word) for word in given)
    pieces = 1 if arguments.breakpoints is None else arguments.breakpoints
    rows = region_bounds(widths, pieces, arguments.dimension, activation=activations)
    output = None if arguments.out is None else _output(arguments, stem, widths, pieces, activations)
    print(_title(widths, pieces, activations, arguments.dimension))
    _print(rows)
    if output is not None:
        _write(output, rows, sum(widths[1:-1]))


def _is_integer(word: str) -> bool:
    return word.lstrip("+-").isdecimal()


def _integer(word: str) -> int:
    if not _is_integer(word):
        raise InvalidValueError(
            f"`WIDTH` is {word!r}, but {_WHO} needs whole numbers, or one model file alone. "
            "Give the units of input, hidden layers and output, e.g. `784 64 64 64 10`."
        )
    return int(word)


def _title(widths: tuple[int, ...], pieces: int, activations: _Activations, dimension: int | None) -> str:
    names = sorted({entry.name for entry in activations or ()})
    if activations is None:
        names = ["ReLU, one breakpoint" if pieces == 1 else f"{pieces} breakpoints each"]
    where = "" if dimension is None else f", in {dimension} of {widths[0]} dimensions"
    return f"{' -> '.join(map(str, widths))}: {sum(widths[1:-1]):,} neurons ({', '.join(names) or 'none'}){where}"


def _print(rows: list[RegionBound]) -> None:
    regions = [_for_the_eye(row.value) for row in rows]
    powers = ["" if row.log10 is None else f"{row.log10:,.2f}" for row in rows]
    columns = [_right([head, *column]) for head, column in (("regions", regions), ("log10", powers))]
    table: list[dict[str, Any]] = [
        {"bound": row.name, "kind": row.kind, columns[0][0]: number, columns[1][0]: power, "holds for": row.holds}
        for row, number, power in zip(rows, columns[0][1:], columns[1][1:], strict=True)
    ]
    print(format_table(table))


def _right(column: list[str]) -> list[str]:
    width = max(map(len, column))
    return [entry.rjust(width) for entry in column]


def _for_the_eye(value: int | Fraction | None) -> str:
    if value is None:
        return "-"
    exact = Fraction(value)
    if exact < _SHOWN_EXACTLY:
        return f"{int(exact):,}" if exact.denominator == 1 else f"{float(exact):,.6g}"
    # Through decimals, since the number may be far above the largest float.
    mantissa, power = f"{Decimal(exact.numerator) / Decimal(exact.denominator):.2e}".split("e")
    return f"{mantissa}e{int(power)}"


def _exact(value: int | Fraction | None) -> str | None:
    """Return all digits as text; as a number few programs could read them."""
    if value is None:
        return None
    exact = Fraction(value)
    # Not str(int), which Python refuses beyond some thousand digits.
    digits = f"{Decimal(exact.numerator):f}"
    return digits if exact.denominator == 1 else f"{digits}/{Decimal(exact.denominator):f}"


def _output(arguments: Namespace, stem: str, widths: tuple[int, ...], pieces: int, activations: _Activations) -> Output:
    described = {"breakpoints": pieces} if activations is None else {"activations": [a.to_dict() for a in activations]}
    settings = {"widths": widths, **described, "dimension": arguments.dimension}
    return prepare_output(arguments, "bounds", stem, {"widths": np.array(widths)}, settings=settings)


def _write(output: Output, rows: list[RegionBound], neurons: int) -> None:
    table = [
        {
            "bound": row.name,
            "kind": row.kind,
            "regions": _exact(row.value),
            "log10": row.log10,
            "holds_for": row.holds,
            "reference": row.reference,
        }
        for row in rows
    ]
    files = output.write({"neurons": neurons, "bounds": table}, table, None)
    print(f"written to {output.folder}: {', '.join(file.name for file in files)}")
