"""Coordinates of a box: from its centre, in units of powers of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions.domains.solids import Box

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BoxFrame:
    """A box in coordinates of its own: x = center + scale * x'."""

    center: FloatArray  # (d,)
    scale: FloatArray  # (d,): powers of two
    sides: FloatArray  # (2 d, d + 1): constants and outward normals of the sides, low before high

    @classmethod
    def of(cls, box: Box) -> BoxFrame:
        """Return the frame in which the half sides are from 1/2 to 1."""
        center = box.center
        half = np.maximum(box.high - center, center - box.low)
        scale = np.ldexp(1.0, np.frexp(half)[1])
        sides = np.zeros((2 * center.size, center.size + 1))
        for i in range(center.size):
            sides[2 * i, [0, i + 1]] = (box.low[i] - center[i]) / scale[i], -1.0
            sides[2 * i + 1, [0, i + 1]] = (center[i] - box.high[i]) / scale[i], 1.0
        return cls(center, scale, sides)

    @property
    def d(self) -> int:
        """Number of coordinates."""
        return int(self.center.size)

    def corners(self) -> FloatArray:
        """Return the corners, shape (2**d, d): bit i of the number of one tells whether it is high in coordinate i."""
        numbers = np.arange(1 << self.d)
        return np.stack(
            [np.where(numbers >> i & 1, -self.sides[2 * i + 1, 0], self.sides[2 * i, 0]) for i in range(self.d)], axis=1
        )
