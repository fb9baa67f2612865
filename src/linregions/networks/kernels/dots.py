"""Dot products in twice the precision, for the one step that sums over all inputs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]

# Splits a double into two halves of 26 bits, whose products are exact (Dekker 1971).
_SPLITTER = 134217729.0


@compiled()
def dots(weight: FloatArray, points: FloatArray, high: FloatArray, low: FloatArray) -> None:
    """Add ``points @ weight`` to ``high + low``, as if summed in twice the precision (Ogita, Rump & Oishi 2005, Dot2).

    `weight` is (n_in, n), `points` (m, n_in), `high` and `low` (m, n).
    """
    for j in range(weight.shape[0]):
        row = weight[j]
        for i in range(points.shape[0]):
            x = points[i, j]
            if x == 0.0:
                continue
            c = _SPLITTER * x
            x_high = c - (c - x)
            x_low = x - x_high
            sums, rests = high[i], low[i]
            for k in range(row.shape[0]):
                w = row[k]
                product = w * x
                d = _SPLITTER * w
                w_high = d - (d - w)
                w_low = w - w_high
                error = ((w_high * x_high - product) + w_high * x_low + w_low * x_high) + w_low * x_low
                total = sums[k] + product
                back = total - sums[k]
                error += (sums[k] - (total - back)) + (product - back)
                sums[k] = total
                rests[k] += error
