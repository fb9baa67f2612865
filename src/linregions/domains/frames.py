"""Coordinates in which a window is about as wide as high, about 1, and near the origin: those that kernels work in.

A window may be parametrised with any units, skew, or far from its origin. Bands and uncertainties speak of both
coordinates at once, so they would suffer. Nothing that the kernels find depends on which coordinates these are, and
powers of two and short centres change no bit of a number, so that what is exact stays so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from weakref import WeakKeyDictionary

import numpy as np

from linregions._support.validation import FloatArray
from linregions.domains.windows import PlaneWindow, power_of_two

# A window as near to the origin as this, in scales, stays where it is: lines through the origin stay exact.
_NEAR = 4.0
# A polygon that fills less of its box than this is sheared.
_FAT = 1.0 / 16.0
# Of a coordinate on the way to the plane, relative to its size.
_ROUNDINGS = 2.0**-51


@dataclass(frozen=True, eq=False)
class Frame:
    """Coordinates of a window: ``u = centre[0] + scale[0] s`` and ``v = centre[1] + shear scale[0] s + scale[1] t``."""

    centre: tuple[float, float]  # multiples of the scales, or 0
    scale: tuple[float, float]  # powers of two
    shear: float  # 0 unless the polygon is thin along a diagonal
    polygon: FloatArray  # (m, 2) corners of the window

    def to_plane(self, xy: FloatArray) -> None:
        """Turn points, shape (n, 2), into the plane coordinates of the window, in place."""
        s, t = xy.T
        s *= self.scale[0]
        t *= self.scale[1]
        if self.shear:
            t += self.shear * s
        for column, centre in zip((s, t), self.centre, strict=True):
            if centre:
                column += centre

    def from_plane(self, points: FloatArray) -> FloatArray:
        """Return plane coordinates of the window, shape (n, 2), in these."""
        s = (points[:, 0] - self.centre[0]) / self.scale[0]
        t = points[:, 1] - self.centre[1]
        if self.shear:
            t = t - self.shear * (s * self.scale[0])
        return np.stack([s, t / self.scale[1]], axis=1)

    def grain(self, window: PlaneWindow) -> FloatArray:
        """Return how far the rounding of plane coordinates moves points of the window in these, shape (2,)."""
        moved = _ROUNDINGS * np.abs(window.polygon).max(axis=0)
        moved[1] += abs(self.shear) * moved[0]
        return np.asarray(moved / self.scale)

    def rows(self, window: PlaneWindow) -> FloatArray:
        """Return what s and t add to the input, and the input where both are 0, shape (3, n_in)."""
        along, up = window.basis
        return np.stack(
            [
                self.scale[0] * (along + self.shear * up if self.shear else along),
                self.scale[1] * up,
                window.origin + self.centre[0] * along + self.centre[1] * up,
            ]
        )


def _centre_and_scale(values: FloatArray) -> tuple[float, float]:
    """Return a short number near the middle of some values, and a power of two that is about their half range."""
    low, high = float(values.min()), float(values.max())
    scale = power_of_two(high / 2 - low / 2)
    middle = low / 2 + high / 2
    if abs(middle) <= _NEAR * scale:
        return 0.0, scale
    return float(np.round(middle / scale)) * scale, scale


_frames: WeakKeyDictionary[PlaneWindow, Frame] = WeakKeyDictionary()


def frame_of(window: PlaneWindow) -> Frame:
    """Return coordinates in which the window's polygon is fat, of size about 1 and near the origin."""
    found = _frames.get(window)
    if found is None:
        found = _frames[window] = _made(window)
    return found


def _made(window: PlaneWindow) -> Frame:
    u, v = window.polygon.T
    (centre_u, scale_u), (centre_v, scale_v) = _centre_and_scale(u), _centre_and_scale(v)
    s, t = (u - centre_u) / scale_u, (v - centre_v) / scale_v
    around = np.roll(np.arange(s.size), -1)
    area = 0.5 * float(np.sum((s - s[0]) * (t - t[0])[around] - (s - s[0])[around] * (t - t[0])))
    if area >= _FAT * float(np.ptp(s) * np.ptp(t)):
        return Frame((centre_u, centre_v), (scale_u, scale_v), 0.0, np.stack([s, t], axis=1))
    # Thin along a diagonal. Between its leftmost and its rightmost corner it becomes level, and then as high as wide.
    left, right = int(np.argmin(s)), int(np.argmax(s))
    shear = float((t[right] - t[left]) / (s[right] - s[left])) * (scale_v / scale_u)
    # A window may be much thinner than long, so these differences need all digits.
    heights = [
        Fraction(float(b)) - Fraction(shear) * (Fraction(float(a)) - Fraction(centre_u))
        for a, b in zip(u, v, strict=True)
    ]
    centre_t = float(heights[left])
    rest = np.array([float(height - Fraction(centre_t)) for height in heights])
    scale_t = _centre_and_scale(rest)[1]
    return Frame((centre_u, centre_t), (scale_u, scale_t), shear, np.stack([s, rest / scale_t], axis=1))
