"""The signs of a step's switches at all points: floats with a bound where that tells, exact where not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.bounds import SLACK, U
from linregions.exact.planes.float_rows import LEAST, Rows
from linregions.networks.activations import PiecewiseLinear


class Values(NamedTuple):
    """Values, each off by at most `error`; where that is zero, they are zero."""

    values: FloatArray
    error: FloatArray

    @property
    def signs(self) -> npt.NDArray[np.int8]:
        """Signs, as far as they are known."""
        return (self.values > 0).astype(np.int8) - (self.values < 0).astype(np.int8)

    @property
    def is_open(self) -> npt.NDArray[np.bool_]:
        """Which signs are not known."""
        return np.asarray(~((np.abs(self.values) > self.error) | ((self.values == 0) & (self.error == 0))))


def switch_rows(rows: Rows, activation: PiecewiseLinear) -> Rows:
    """Return the forms of all switches of a step, unit by unit, then by breakpoint, from those of its units."""
    points = np.array(activation.breakpoints)
    if points.size == 1 and points[0] == 0:
        return rows
    n_units = rows.values.shape[1]
    values, error = (np.repeat(array, points.size, axis=1) for array in rows)
    levels = np.tile(points, n_units)
    with np.errstate(all="ignore"):
        values[:, :, 0] -= levels
        size = np.abs(values[:, :, 0]) + np.abs(levels)
        error[:, :, 0] += np.where(levels != 0, 4 * U * size + LEAST, 0.0)
    return Rows(values, error)


def values_at(
    rows: Rows, cell: npt.NDArray[np.intp], x: FloatArray, y: FloatArray, dx: FloatArray, dy: FloatArray
) -> Values:
    """Return the value of every switch at points, each as a cell sees it, (N, switches)."""
    with np.errstate(all="ignore"):
        return _values(rows.values[cell], rows.error[cell], x[:, None], y[:, None], dx[:, None], dy[:, None])


def _values(a: FloatArray, off: FloatArray, x: FloatArray, y: FloatArray, dx: FloatArray, dy: FloatArray) -> Values:
    c, s, t = a[..., 0], a[..., 1], a[..., 2]
    sx, ty = s * x, t * y
    values = c + sx + ty
    error = off[..., 0] + off[..., 1] * (np.abs(x) + dx) + off[..., 2] * (np.abs(y) + dy)
    error += np.abs(s) * dx + np.abs(t) * dy + 4 * U * (np.abs(c) + np.abs(sx) + np.abs(ty))
    error *= SLACK
    some = (error > 0) | (c != 0) | (s != 0) | (t != 0)
    error += np.where(some, LEAST, 0.0)
    return Values(values, error)
