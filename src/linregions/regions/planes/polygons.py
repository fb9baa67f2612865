"""Areas of polygons that share vertices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray


def doubled_areas(vertices: FloatArray, offsets: npt.NDArray[Any], corners: npt.NDArray[Any]) -> FloatArray:
    """Return twice the area of polygon k, whose corners are ``vertices[corners[offsets[k] : offsets[k + 1]]]``."""
    starts, own = offsets[:-1], vertices[corners]
    # From each polygon's own first corner, since it can be far smaller than its distance to the origin.
    own = own - np.repeat(own[starts], np.diff(offsets), axis=0)
    after = np.arange(1, own.shape[0] + 1)
    after[offsets[1:] - 1] = starts
    u, v = own.T
    return np.asarray(np.add.reduceat(u * v[after] - u[after] * v, starts))
