"""What is compared at the vertices of a partition, and which differences are within rounding of zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.network import Network
from linregions.regions.outputs import Comparison, root_mean_squares
from linregions.regions.tolerances import DEFAULT_TOLERANCES

Partition = Any  # a BoxPartition, which has what is here as methods
SignArray = npt.NDArray[np.int8]
# How many points the network is evaluated at together.
_POINTS = 1 << 15
# A cell in which rounding leaves signs that no affine function has takes more of them as zero: bands grow by this.
GROWTH = 8.0


class Compared:
    """The compared outputs at the vertices of a partition.

    The class of a vertex is the number of the largest, the lowest of those that tie.
    """

    def __init__(self, part: Partition, comparison: Comparison) -> None:
        self.network, self.names = comparison.of(part.network)
        self.relative = float(part.diagnostics.get("relative_tolerance", DEFAULT_TOLERANCES.relative))
        self.points: FloatArray = part.vertices
        self.values = _at(self.network, self.points)
        largest = np.abs(self.points).max(axis=0, initial=0.0)
        self._coarse = self.relative * root_mean_squares(self.network, largest[None])[0]

    @property
    def n(self) -> int:
        """How many are compared."""
        return int(self.values.shape[1])

    def add(self, points: FloatArray, values: FloatArray) -> None:
        """Add vertices, which take the next numbers."""
        self.points, self.values = np.concatenate([self.points, points]), np.concatenate([self.values, values])

    def is_tie(self) -> npt.NDArray[np.bool_]:
        """Tell at which vertices the largest is not clearly ahead of all others."""
        if self.n < 2:
            return np.zeros(len(self.values), dtype=bool)
        ahead = np.partition(self.values, self.n - 2, axis=1)[:, -2:]
        return np.asarray(ahead[:, 1] - ahead[:, 0] <= 2 * self._coarse.max())

    def signs(self, k: int, widened: FloatArray) -> tuple[FloatArray, SignArray]:
        """Return how far output k is ahead of all before it, (V,), and its signs, with bands `widened` by factors."""
        gaps = self.values[:, k] - self.values[:, :k].max(axis=1)
        signs = np.sign(gaps).astype(np.int8)
        near = np.flatnonzero(np.abs(gaps) <= 2 * self._coarse.max() * widened)
        if near.size:
            bands = self.relative * root_mean_squares(self.network, np.abs(self.points[near]))
            bands = bands[:, k] + bands[:, :k].max(axis=1)
            signs[near[np.abs(gaps[near]) <= bands * widened[near]]] = 0
        return gaps, signs


def _at(network: Network, points: FloatArray) -> FloatArray:
    result = np.empty((len(points), network.n_out))
    for begin in range(0, len(points), _POINTS):
        result[begin : begin + _POINTS] = network(points[begin : begin + _POINTS])
    return result
