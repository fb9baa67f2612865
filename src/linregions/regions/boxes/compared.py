"""What is compared at the vertices of a partition, and which differences are within rounding of zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.networks.network import Network
from linregions.regions.outputs import Comparison, root_mean_squares
from linregions.regions.tolerances import DEFAULT_TOLERANCES

Partition = Any  # a BoxPartition, which has what is here as methods
IndexArray = npt.NDArray[np.int64]
SignArray = npt.NDArray[np.int8]
SingleArray = npt.NDArray[np.float32]
# How many points the network is evaluated at together.
_POINTS = 1 << 13
# How far single precision may be off, relative to the terms that are added up: 2**9 of its rounding units.
_SINGLE = 2.0**-15
# A corner may be off by rounding of the whole domain, however near the origin it is: this share of the domain's size
# counts as its own in bands.
_SHARE_OF_DOMAIN = 2.0**-6
# A cell in which rounding leaves signs that no affine function has takes more of them as zero: bands grow by this.
GROWTH = 8.0


class Compared:
    """The compared outputs at the vertices of a partition, in single precision until they are refined.

    No band of rounding in the domain is larger than `coarse`.

    The class of a vertex is the number of the largest, the lowest of those that tie.
    """

    def __init__(self, part: Partition, comparison: Comparison) -> None:
        self.network, self.names = comparison.of(part.network)
        self.relative = float(part.diagnostics.get("relative_tolerance", DEFAULT_TOLERANCES.relative))
        self.points: FloatArray = part.vertices
        largest = np.abs(self.points).max(axis=0, initial=0.0)
        self._sizes = root_mean_squares(self.network, largest[None])[0]
        self._least = _SHARE_OF_DOMAIN * np.ptp(self.points, axis=0)
        self.coarse = 2 * float(self.relative * self._sizes.max())
        with one_blas_thread():
            self.values, self._screened = _screen(self.network, self.points)

    @property
    def n(self) -> int:
        """How many are compared."""
        return int(self.values.shape[1])

    def refine(self, chosen: IndexArray) -> None:
        """Evaluate some vertices in double precision."""
        if self._screened:
            with one_blas_thread():
                self.values[chosen] = _at(self.network, self.points[chosen])

    def add(self, points: FloatArray, values: FloatArray) -> None:
        """Add vertices, which take the next numbers."""
        self.points, self.values = np.concatenate([self.points, points]), np.concatenate([self.values, values])

    def is_tie(self) -> npt.NDArray[np.bool_]:
        """Tell at which vertices the largest is not clearly ahead of all others."""
        if self.n < 2:
            return np.zeros(len(self.values), dtype=bool)
        ahead = np.partition(self.values, self.n - 2, axis=1)[:, -2:]
        band = max(2 * self.coarse, 2 * _SINGLE * float(self._sizes.max()) * self._screened)
        return np.asarray(ahead[:, 1] - ahead[:, 0] <= band)

    def bands(self, points: FloatArray) -> FloatArray:
        """Return how far rounding may move each output at some corners."""
        return self.relative * root_mean_squares(self.network, np.abs(points) + self._least)

    def signs(self, k: int, widened: FloatArray) -> tuple[FloatArray, SignArray]:
        """Return how far output k is ahead of all before it, (V,), and its signs, with bands `widened` by factors."""
        gaps = self.values[:, k] - self.values[:, :k].max(axis=1)
        signs = np.sign(gaps).astype(np.int8)
        near = np.flatnonzero(np.abs(gaps) <= 2 * self.coarse * widened)
        if near.size:
            bands = self.bands(self.points[near])
            bands = bands[:, k] + bands[:, :k].max(axis=1)
            signs[near[np.abs(gaps[near]) <= bands * widened[near]]] = 0
        return gaps, signs


def _at(network: Network, points: FloatArray) -> FloatArray:
    result = np.empty((len(points), network.n_out))
    for begin in range(0, len(points), _POINTS):
        result[begin : begin + _POINTS] = network(points[begin : begin + _POINTS])
    return result


def _screen(network: Network, points: FloatArray) -> tuple[FloatArray, bool]:
    """Evaluate all points in single precision, which takes half the time; in double where that is not possible."""
    if network.is_chain:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            found = _in_single(network, points)
        if np.isfinite(found).all():
            return found, True
    return _at(network, points), False


def _in_single(network: Network, points: FloatArray) -> FloatArray:
    result = np.empty((len(points), network.n_out))
    layers = [(each.weight.T.astype(np.float32), each.bias.astype(np.float32)) for each in network.layers]
    for begin in range(0, len(points), _POINTS):
        values = points[begin : begin + _POINTS].astype(np.float32)
        for k, (weight, bias) in enumerate(layers):
            values = values @ weight
            values += bias
            if k < len(network.activations):
                values = _bent(network.activations[k], values)
        result[begin : begin + _POINTS] = values
    return result


def _bent(activation: PiecewiseLinear, values: SingleArray) -> SingleArray:
    """Apply an activation: a line, and what is added beyond each breakpoint."""
    slopes = np.array(activation.slopes, dtype=np.float32)
    first = np.float32(activation.intercepts[0])
    if activation.breakpoints == (0.0,) and slopes[0] == 0 and first == 0:
        np.maximum(values, 0, out=values)
        return values if slopes[1] == 1 else np.asarray(values * slopes[1])
    result = slopes[0] * values + first
    for point, change in zip(activation.breakpoints, np.diff(slopes), strict=True):
        result += change * np.maximum(values - np.float32(point), 0)
    return np.asarray(result)
