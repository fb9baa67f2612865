"""Signs of switches at vertices with bounds on their errors, for proofs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]


@compiled()
def judge_switches(
    values: FloatArray, cell: IndexArray, face: IndexArray, norms: FloatArray, bias: FloatArray, points: FloatArray,
    x: FloatArray, y: FloatArray, error: FloatArray, bits: npt.NDArray[np.uint8], first: int,
    strict: npt.NDArray[np.bool_], rows: IndexArray, columns: IndexArray,
) -> int:  # fmt: skip
    """Note where switches have the signs they should have, and which are open; return how many these are.

    Unit j of cell c is ``values[c, :, j] . (1, x, y)``, off by at most ``error norms[j] + bias[j]``. Of what is open no
    more is written than there is room.
    """
    n_units, n_points, count = values.shape[2], points.shape[0], 0
    n = n_units * n_points
    at_zero = n_points == 1 and points[0] == 0.0
    for i in range(x.shape[0]):
        c, f, e, x_, y_ = cell[i], face[i], error[i], x[i], y[i]
        if at_zero:
            for j in range(n_units):
                value = values[c, 0, j] + (values[c, 1, j] * x_ + values[c, 2, j] * y_)
                strict[i, first + j] = value * (2.0 * bits[f, j] - 1.0) > e * norms[j] + bias[j]
        else:
            for j in range(n_units):
                value = values[c, 0, j] + (values[c, 1, j] * x_ + values[c, 2, j] * y_)
                bound = e * norms[j] + bias[j]
                for k in range(n_points):
                    more = bound
                    if points[k] != 0.0:
                        more += 2.0**-51 * (abs(value) + abs(points[k]))
                    m = j * n_points + k
                    strict[i, first + m] = (value - points[k]) * (2.0 * bits[f, m] - 1.0) > more
        for m in range(n):
            if not strict[i, first + m]:
                j = m // n_points
                value = values[c, 0, j] + (values[c, 1, j] * x_ + values[c, 2, j] * y_) - points[m - j * n_points]
                if e * norms[j] + bias[j] != 0.0 or value != 0.0:
                    if count < rows.shape[0]:
                        rows[count] = i
                        columns[count] = first + m
                    count += 1
    return count
