"""``.nnet`` files, as ACAS Xu's networks come in, with the normalisation in their header, checked by evaluating it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from linregions._support.files import as_path, brief
from linregions._support.validation import FloatArray
from linregions.errors import FileFormatError, InvalidValueError, LinRegionsError
from linregions.networks.network import Network

_WHO = "from_nnet"
# More units are in no such file; what it declares is compared with its length before memory is taken.
_MOST_UNITS = 1 << 20


@dataclass(frozen=True, eq=False)
class _File:
    layers: list[tuple[FloatArray, FloatArray]]
    means: FloatArray  # of the inputs, then of all outputs together
    ranges: FloatArray


def from_nnet(path: str | os.PathLike[str], *, normalisation: bool = True) -> Network:
    """Read a network from an ``.nnet`` file: fully connected layers with ReLU.

    Parameters
    ----------
    path : str or path-like
        A text file of Stanford's NNet format.
    normalisation : bool
        Whether the network takes and gives raw numbers, as those of ACAS Xu in feet and radians: the header's means
        and ranges are then folded into the first and the last layer. Otherwise the header is left aside, and inputs
        are as the first layer takes them.

    Returns
    -------
    Network
        In float64. Inputs outside the header's minimum and maximum are not moved there, as NNet's own evaluation
        does: the network is the affine continuation, and equal to that evaluation between them.

    Raises
    ------
    InvalidValueError
        If there is no such file, or the network does not reproduce the file's layers.
    FileFormatError
        If it is damaged, or numbers are missing, NaN or infinite.

    References
    ----------
    K. Julian, NNet file format, https://github.com/sisl/NNet.

    Examples
    --------
    >>> import linregions as lr
    >>> network = lr.from_nnet("ACASXU_run2a_1_1_batch_2000.nnet")  # doctest: +SKIP
    """
    source = as_path(path, "path", _WHO)
    shown = f"`path` is {os.fspath(source)!r}"
    if not os.path.isfile(source):
        found = "a folder" if os.path.isdir(source) else "where there is no file"
        raise InvalidValueError(
            f"{shown}, {found}, but {_WHO} needs an .nnet file. Check the spelling and the current folder."
        )
    try:
        content = _read(source)
    except LinRegionsError:
        raise
    except Exception as error:  # text that is no numbers, or none at all
        raise FileFormatError(
            f"{shown}, which is truncated or no .nnet file ({brief(error) or type(error).__name__}), but {_WHO} needs "
            "a header with sizes, minima, maxima, means and ranges, and then all weights and biases. Copy it again."
        ) from None
    network = Network.from_layers(_folded(content) if normalisation else content.layers)
    _check(content, network, normalisation)
    return network


def _read(source: Path) -> _File:
    size = source.stat().st_size
    with open(source, encoding="latin-1") as handle:
        lines = itertools.filterfalse(lambda line: line.startswith("//"), handle)
        n_layers, n_in, n_out, _ = _integers(next(lines), 4)
        widths = _integers(next(lines), n_layers + 1)
        if not n_layers >= 1 or widths[0] != n_in or widths[-1] != n_out or not 1 <= min(widths) <= _MOST_UNITS:
            raise ValueError(f"sizes {brief(widths)}")
        # Each number takes two characters at least.
        if 2 * sum(a * b for a, b in itertools.pairwise(widths)) > size:
            raise ValueError(f"{size:,} bytes for layers of {brief(widths)} units")
        next(lines)  # a flag that nobody uses
        for _ in range(2):  # minima and maxima, where inputs are cut off
            _numbers(next(lines), None)
        means, ranges = (_numbers(next(lines), n_in + 1) for _ in range(2))
        if not np.all(ranges > 0):
            raise ValueError(f"ranges {brief(ranges)}")
        layers = []
        for before, after in itertools.pairwise(widths):
            weight = np.array([_numbers(next(lines), before) for _ in range(after)])
            bias = np.array([_numbers(next(lines), 1)[0] for _ in range(after)])
            layers.append((weight, bias))
        rest = _first_text(lines)
        if rest:
            raise ValueError(f"{brief(rest)!r} after the last bias")
    return _File(layers, means, ranges)


def _first_text(lines: Iterator[str]) -> str:
    return next((text for line in lines if (text := line.strip())), "")


def _integers(line: str, count: int) -> list[int]:
    words = _words(line)
    if count > len(words) or not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError(f"{brief(line.strip())!r} where {count} sizes should be")
    return [int(word) for word in words[:count]]


def _numbers(line: str, count: int | None) -> FloatArray:
    words = _words(line)
    if (count is not None and len(words) != count) or "_" in line:
        raise ValueError(f"{brief(line.strip())!r} where {count} numbers should be")
    numbers = np.array([float(word) for word in words])
    if not np.isfinite(numbers).all():
        raise ValueError(f"{brief(line.strip())!r}, not finite")
    return numbers


def _words(line: str) -> list[str]:
    return [word.strip() for word in line.strip().rstrip(",").split(",")]


def _folded(content: _File) -> list[tuple[FloatArray, FloatArray]]:
    """Return the layers with the normalisation in the first and the last."""
    layers = list(content.layers)
    weight, bias = layers[0]
    scaled = weight / content.ranges[:-1]
    layers[0] = (scaled, bias - scaled @ content.means[:-1])
    weight, bias = layers[-1]
    layers[-1] = (weight * content.ranges[-1], bias * content.ranges[-1] + content.means[-1])
    return layers


def _check(content: _File, network: Network, normalisation: bool) -> None:
    """Compare with the file evaluated as its format says: normalise, apply the layers, and back."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1.0, 1.0, size=(16, network.n_in))
    if normalisation:
        points = points * content.ranges[:-1] + content.means[:-1]
    values = (points - content.means[:-1]) / content.ranges[:-1] if normalisation else points
    size = 1.0
    for k, (weight, bias) in enumerate(content.layers):
        size = max(size, float((np.abs(values) @ np.abs(weight.T) + np.abs(bias)).max()))
        values = values @ weight.T + bias
        if k < len(content.layers) - 1:
            values = np.maximum(values, 0.0)
    if normalisation:
        values = values * content.ranges[-1] + content.means[-1]
        size = size * content.ranges[-1] + abs(content.means[-1])
    # Folded, the means are subtracted from raw numbers, which may be far larger than the ranges.
    size *= 1.0 + float(np.abs(content.means[:-1] / content.ranges[:-1]).max())
    if not np.abs(network(points) - values).max() <= 1e-9 * size:
        raise InvalidValueError(
            f"`path` gives other outputs than the network made of it, but {_WHO} needs them equal. Give the file with "
            "`normalisation=False` and normalise the points yourself."
        )
