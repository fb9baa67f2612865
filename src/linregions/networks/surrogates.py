"""Piecewise-linear functions in place of smooth activations, with bounds of how far off they are."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import Network
from linregions.networks.smooth import Smooth

#: Pieces between the limits: one more breakpoint than these, and an activation has at most 255.
MOST_PIECES = 254
_GRID = 20_001
_MOST_TRIED = 400_000
# Neighbouring pieces that differ by less at their ends, relative to slopes and limits, are one; the error knows of it.
_SAME = 1e-9
# What may be added to the largest difference seen for what lies between the points tried, relative to it.
_SLACK = 1e-3


@dataclass(frozen=True, eq=False)
class ActivationSurrogate:
    """What stands for a smooth activation, and how far off it is.

    Attributes
    ----------
    name : str
        The activation, e.g. ``"gelu"``.
    function : PiecewiseLinear
        What stands for it.
    low, high : float
        Where it interpolates; outside it goes on with the slopes of the asymptotes.
    error : float
        At least the largest difference from the activation between `low` and `high`, and at most 1 in 1,000 above it
        (or a rounding).
    error_outside : float
        The same for all numbers below `low` and above `high`.
    layers : tuple of str
        Names of the steps that have it.
    n_neurons : int
    smallest, largest : float
        Its inputs at the points where outputs were compared; nan where the output does not need it.
    """

    name: str
    function: PiecewiseLinear
    low: float
    high: float
    error: float
    error_outside: float
    layers: tuple[str, ...] = ()
    n_neurons: int = 0
    smallest: float = math.nan
    largest: float = math.nan

    def __str__(self) -> str:
        """Say it in a line."""
        seen = f"inputs seen {self.smallest:.3g} to {self.largest:.3g}"
        return (
            f"{self.name}: {self.n_neurons:,} neurons in {self.function.n_breakpoints + 1} pieces, off by at most "
            f"{rounded_up(self.error)} between {self.low:g} and {self.high:g}, {rounded_up(self.error_outside)} "
            f"outside; {seen}"
        )


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A piecewise-linear network in place of a module that is not, and how far off it is.

    Attributes
    ----------
    network : Network
        For every function of the library. The activations' names say what they stand for and how far off they are,
        also in files.
    activations : tuple of ActivationSurrogate
    points : ndarray of float64, shape (N, n_in)
        Where outputs were compared: the examples or the points given, or random ones.
    output_errors : ndarray of float64, shape (N,)
        The largest difference of an output from the module's at each of them. Between them it may be larger.
    output_size : float
        The largest absolute output of the module there.
    n_class_changes : int
        At how many of them another output is the largest.
    """

    network: Network
    activations: tuple[ActivationSurrogate, ...]
    points: FloatArray
    output_errors: FloatArray
    output_size: float
    n_class_changes: int

    @property
    def output_error(self) -> float:
        """The largest difference of an output at the points that were tried."""
        return float(self.output_errors.max(initial=0.0))

    def __str__(self) -> str:
        """Say how far off the activations and the outputs are."""
        outputs = (
            f"outputs at {len(self.points)} points: off by up to {self.output_error:.3g}, where they are up to "
            f"{self.output_size:.3g}; another class at {self.n_class_changes}"
        )
        return "\n".join([str(self.network), *map(str, self.activations), outputs])


def rounded_up(number: float) -> str:
    """Return a number with two digits, not below it."""
    if not 0.0 < number < math.inf:
        return f"{number:g}"
    unit = 10.0 ** (math.floor(math.log10(number)) - 1)
    text = f"{math.ceil(number / unit) * unit:.2g}"
    return text if float(text) >= number else f"{(math.ceil(number / unit) + 1) * unit:.2g}"


def interpolated(smooth: Smooth, pieces: int, low: float, high: float) -> ActivationSurrogate:
    """Return the piecewise-linear function through points of a smooth one.

    Parameters
    ----------
    smooth : Smooth
    pieces : int
        Between `low` and `high`, where it is curved; one more on either side.
    low, high : float
    """
    knots = _knots(smooth, pieces, low, high)
    values = smooth(knots)
    slopes = [smooth.left[0], *(np.diff(values) / np.diff(knots)).tolist(), smooth.right[0]]
    breakpoints, kept = _merged(knots, slopes, _SAME * max(map(abs, slopes)) * min(high - low, 1.0))
    anchor = int(np.argmin(np.abs(knots)))
    point = (float(knots[anchor]), float(values[anchor]))
    bare = PiecewiseLinear(tuple(breakpoints), tuple(kept), point)
    error = difference(smooth, bare, low, high)
    outside = max(difference(smooth, bare, -math.inf, low), difference(smooth, bare, high, math.inf))
    name = f"{smooth.name} in {len(kept)} pieces, off by at most {rounded_up(max(error, outside))}"
    function = PiecewiseLinear(bare.breakpoints, bare.slopes, bare.anchor, name)
    return ActivationSurrogate(smooth.name, function, low, high, error, outside)


def _knots(smooth: Smooth, pieces: int, low: float, high: float) -> FloatArray:
    """Return where to interpolate: with equal integrals of ``|f''|^(1/2)`` between, so that errors are about equal."""
    first, last = max(low, smooth.curved[0]), min(high, smooth.curved[1])
    ends = np.array([low, high])
    if not first < last:
        return ends
    grid = np.linspace(max(first, -smooth.reach), min(last, smooth.reach), _GRID)
    inner: FloatArray = np.empty(0)
    if grid[0] < grid[-1]:
        width = grid[1] - grid[0]
        # Curvatures at the ends are those of the points beside them: there may be kinks.
        bends = np.abs(np.diff(smooth(grid), 2)) / width**2
        weights = np.sqrt(np.concatenate([bends[:1], bends, bends[-1:]]))
        sums = np.concatenate([[0.0], np.cumsum((weights[1:] + weights[:-1]) / 2)])
        inner = np.interp(np.arange(1, pieces) / pieces * sums[-1], sums, grid)
    knots = np.concatenate([[first], inner, [last], ends])
    knots = np.unique(knots[(knots >= low) & (knots <= high)])
    apart = np.diff(knots) > 1e-12 * max(abs(low), abs(high))
    return np.asarray(knots[np.concatenate([[True], apart])]) if apart.all() else _apart(knots, apart, high)


def _merged(knots: FloatArray, slopes: list[float], least: float) -> tuple[list[float], list[float]]:
    """Return breakpoints and slopes without those that make hardly a difference; the last slope is kept as it is."""
    widths = np.diff(knots).tolist()
    breakpoints, kept = [], [slopes[0]]
    for knot, slope, width in zip(knots.tolist(), slopes[1:], [*widths, widths[-1]], strict=True):
        if abs(slope - kept[-1]) * width > least:
            breakpoints.append(knot)
            kept.append(slope)
    kept[-1] = slopes[-1]
    while breakpoints and kept[-1] == kept[-2]:
        breakpoints.pop()
        kept.pop()
    return breakpoints, kept


def _apart(knots: FloatArray, apart: np.ndarray, high: float) -> FloatArray:
    """Leave out knots that hardly differ from the one before, the last one kept."""
    kept = knots[np.concatenate([[True], apart])]
    kept[-1] = high
    return np.asarray(kept)


def difference(smooth: Smooth, function: PiecewiseLinear, low: float, high: float) -> float:
    r"""Return a bound of the largest difference between `low` and `high`, which may be infinite.

    On an interval of width w where the one is straight and the other has \|f''\| <= M, the difference is at most the
    larger one at the ends plus ``M w^2 / 8``. Far out it is that of straight lines, at the end that is nearer, or at
    both.
    """
    reach = smooth.reach
    largest = 0.0
    for start, stop in ((max(low, -math.inf), min(high, -reach)), (max(low, reach), min(high, math.inf))):
        if start < stop:  # straight lines, of the same slope where it goes on for ever
            ends = [*function.breakpoints, *(end for end in (start, stop) if math.isfinite(end))]
            places = np.array([end for end in ends if start <= end <= stop])
            far = np.abs(function(places) - smooth.asymptote(places)).max(initial=0.0)
            largest = max(largest, float(far))
    first, last = max(low, -reach), min(high, reach)
    if first < last:
        marks = {first, last, *smooth.curved, *function.breakpoints}
        inside = sorted(mark for mark in marks if first <= mark <= last)
        largest = max(largest, _curved_difference(smooth, function, inside))
    size = max(abs(end) for end in (first, last, reach, *function.breakpoints) if math.isfinite(end))
    rounding = 16 * np.finfo(np.float64).eps * (1.0 + size * max(map(abs, function.slopes)))
    return float(largest + smooth.tail + rounding)


def _curved_difference(smooth: Smooth, function: PiecewiseLinear, marks: list[float]) -> float:
    rough = max(
        float(np.abs(smooth(points) - function(points)).max())
        for points in (np.linspace(a, b, 33) for a, b in itertools.pairwise(marks))
    )
    room = (marks[-1] - marks[0]) / _MOST_TRIED
    width = max(math.sqrt(8.0 * _SLACK * rough / smooth.curvature), room)
    largest = 0.0
    for a, b in itertools.pairwise(marks):
        points = np.linspace(a, b, math.ceil((b - a) / width) + 1)
        step = (b - a) / (points.size - 1)
        seen = float(np.abs(smooth(points) - function(points)).max())
        largest = max(largest, seen + smooth.curvature * step**2 / 8.0)
    return largest
