"""The nearest points of boundaries, and which distances are those to the boundary of a linear region as well."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.measures.distances.linear import LinearRegions
from linregions.measures.distances.work import Workspace


def nearest_points(space: Workspace, points: npt.NDArray[Any]) -> FloatArray:
    """Return where the nearest neurons of a chunk switch, NaN where there is none."""
    from linregions.networks.kernels.dense import multiply_rows

    plan, m = space.plan, points.shape[0]
    units, widths, starts = plan.bounds.units, plan.widths, plan.bounds.starts
    nearest = space.at.nearest[:m]
    rows, spare = space.values, space.spare
    rows[:m] = 0.0
    for k in range(len(widths) - 2, -1, -1):
        n, own = widths[k + 1], slice(units[k], units[k + 1])
        weights = plan.bounds.weights[starts[k] : starts[k + 1]].reshape(n, widths[k])
        rows[:m, :n] *= space.at.slopes[:m, own]
        multiply_rows(rows, 0, 0, m, weights, space.scratch.active, spare, 0)
        here = np.flatnonzero((nearest >= units[k]) & (nearest < units[k + 1]))
        spare[here, : widths[k]] = weights[nearest[here] - units[k]]
        rows, spare = spare, rows
    gradients = rows[:m, : widths[0]]
    squares = (gradients * gradients).sum(axis=1)
    known = nearest >= 0
    gap = space.at.gaps[np.flatnonzero(known), nearest[known]]
    steps = np.full(m, np.nan)
    steps[known] = np.copysign(space.at.distances[:m][known], gap) / np.sqrt(squares[known])
    return np.asarray(points + steps[:, None] * gradients)


def nearest_is_good(space: Workspace, regions: LinearRegions, m: int) -> npt.NDArray[np.bool_]:
    """Return for each of m points whether its nearest neuron is good there, or there is none at all."""
    nearest = space.at.nearest[:m].astype(np.int64)
    good = regions.good(space.at.slopes[:m] != 0)
    return np.asarray((nearest < 0) | good[np.arange(m), np.maximum(nearest, 0)])
