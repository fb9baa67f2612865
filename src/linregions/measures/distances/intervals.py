"""Intervals that a distance is proved to lie in: bounds of all sums and all gradients at a point, in floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray
from linregions.errors import InvalidValueError
from linregions.exact.bounds import SLACK, U, check_arithmetic, norms_above
from linregions.exact.filter import FloatNetwork, FloatStep, Sums, norms_of
from linregions.exact.forms import Cells
from linregions.exact.signs import Form
from linregions.networks.graph import INPUT
from linregions.networks.network import Network

Pieces = npt.NDArray[np.uint8]


class Intervals:
    """Proves how far points are from where a neuron switches."""

    def __init__(self, network: Network, who: str) -> None:
        if network.graph.maxima.size.size:
            raise InvalidValueError(
                f"`network` takes maxima of {network.graph.maxima.size.size:,} windows, but {who} with `certify=True` "
                "needs neurons with activations only. Leave `certify` out."
            )
        check_arithmetic()
        self._network, self._floats = network, FloatNetwork.of(network)
        self._unit = np.eye(network.n_in)

    def of_all(self, points: npt.NDArray[Any], out: FloatArray) -> None:
        """Write the intervals of points, (N, n_in), into an array, (N, 2)."""
        with one_blas_thread():
            for k, point in enumerate(points):
                out[k] = self.of(point.astype(np.float64))

    @np.errstate(all="ignore")  # what is no number bounds nothing
    def of(self, point: FloatArray) -> tuple[float, float]:
        """Return the ends of an interval that the distance of a point, (n_in,), lies in; both inf where none switches.

        The first row that goes through the steps is the point, the others are what it becomes along each input. A
        distance is a sum less a breakpoint over the norm of its gradient, each known up to a bound.
        """
        graph = self._network.graph
        weight = np.append(1.0, np.zeros(self._network.n_in))
        tensors = {INPUT: self._floats.inputs(np.vstack([point, self._unit]))}
        low, high, pieces = np.inf, np.inf, list[Pieces]()
        for k in range(len(graph.steps) - 1):
            step = self._floats.step(k)
            sums = step.sums(tensors, weight)
            if step.n_breakpoints:
                own, ends = self._switches(step, sums, point, pieces)
                if own is None:
                    return 0.0, 0.0
                low, high = min(low, ends[0]), min(high, ends[1])
            else:
                own = np.zeros(step.n_units, dtype=np.uint8)
            pieces.append(own)
            if graph.last_use[k] > k:
                tensors[k] = step.activated(sums.rows, weight, np.broadcast_to(own, sums.rows.values.shape))
        return low, high

    def _switches(
        self, step: FloatStep, sums: Sums, point: FloatArray, pieces: list[Pieces]
    ) -> tuple[Pieces | None, tuple[float, float]]:
        """Return the pieces of a step's units, and between what the distances are; None on a breakpoint of one."""
        values = sums.rows.values
        first, units = np.zeros(step.n_units, dtype=np.int64), np.arange(step.n_units)
        bound = step.bounds(sums, first, units)[:, None] + step.level_error
        less = values[0][:, None] - step.levels
        bound = (bound + 2 * U * np.abs(less)) * SLACK
        above, still = less > 0, np.zeros(step.n_units, dtype=np.bool_)
        for unit, breakpoint in zip(*np.nonzero(~(np.abs(less) > bound)), strict=True):
            form = self._form(point[None], pieces, int(unit), int(breakpoint))
            above[unit, breakpoint] = form[0] > 0
            if not form[0]:
                whole = np.vstack([point, self._unit])
                if any(self._form(whole, pieces, int(unit), int(breakpoint))[1:]):
                    return None, (0.0, 0.0)
                still[unit] = True
        # Each entry of a gradient is off by no more than its row's bound.
        gradient, error = norms_of(values[1:].T), np.zeros(step.n_units)
        for radius, operator in zip(sums.radii, step.operators, strict=True):
            error = error + norms_above(radius[1:]) * operator.norms
        error = error * SLACK + gradient * (2 * U * (len(point) + 8))
        size = np.abs(less)
        low = np.maximum(size - bound, 0.0) / (gradient + error)[:, None] * (1.0 - 4 * U)
        slope = (gradient - error)[:, None]
        high = np.where(slope > 0, (size + bound) / slope * (1.0 + 4 * U), np.inf)
        # Without a gradient nothing ever switches; what is no number bounds nothing.
        still |= gradient + error == 0
        low = np.where(still[:, None], np.inf, np.where(np.isnan(low), 0.0, low))
        high = np.where(np.isnan(high) | still[:, None], np.inf, high)
        return above.sum(axis=1, dtype=np.uint8), (float(low.min()), float(high.min()))

    def _form(self, rows: FloatArray, pieces: list[Pieces], unit: int, breakpoint: int) -> Form:
        """Return a unit of the step after these pieces less a breakpoint, in integers: at the point, and slopes."""
        return Cells.of(self._network, rows).cell(pieces).form(unit, breakpoint)


def nearest_in(distances: FloatArray, intervals: FloatArray) -> FloatArray:
    """Return distances moved into their intervals, (N, 2)."""
    return np.clip(distances, intervals[:, 0], intervals[:, 1])
