"""A window in coordinates of its own, about 1 in size, exactly."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.exact.bounds import TINY
from linregions.exact.integers import Whole, quotient, shifted, whole
from linregions.exact.signs import Form, Point


class Frame(NamedTuple):
    """Local coordinates (s, t) of a plane: ``u = centre[0] + 2**powers[0] s``, and so for v and t."""

    centre: tuple[float, float]
    powers: tuple[int, int]
    rows: Whole  # (3, n_in): the inputs are ``rows[0] + s rows[1] + t rows[2]``
    corners: tuple[Point, ...]  # of the window, counter-clockwise
    sides: tuple[Form, ...]  # from each corner to the next; positive inside

    @classmethod
    def of(cls, origin: FloatArray, basis: FloatArray, polygon: FloatArray) -> Frame:
        """Return the frame of a window."""
        low, high = polygon.min(axis=0), polygon.max(axis=0)
        centre = float(low[0] / 2 + high[0] / 2), float(low[1] / 2 + high[1] / 2)
        powers = _power(low[0], high[0], centre[0]), _power(low[1], high[1], centre[1])
        corners = []
        for corner in polygon.tolist():
            local = [
                (Fraction(x) - Fraction(m)) / Fraction(2) ** p for x, m, p in zip(corner, centre, powers, strict=True)
            ]
            w = max(x.denominator for x in local)  # powers of two
            corners.append((w, *(int(x * w) for x in local)))
        sides = tuple(_side(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True))
        return cls(centre, powers, _rows(origin, basis, centre, powers), tuple(corners), sides)

    def plane_coordinates(self, points: FloatArray) -> FloatArray:
        """Return the plane coordinates of local ones, shape (N, 2)."""
        return np.asarray(np.array(self.centre) + np.ldexp(points, np.array(self.powers)))

    def local(self, points: FloatArray) -> FloatArray:
        """Return about where points of the plane are in local coordinates, shape (N, 2)."""
        return np.asarray(np.ldexp(points - np.array(self.centre), -np.array(self.powers)))

    def float_rows(self) -> FloatArray:
        """Return the rows rounded to floats, (3, n_in): infinite where too large, and none that vanishes."""
        numbers, exponent = self.rows
        up, down = 1 << max(exponent, 0), 1 << max(-exponent, 0)
        found = np.array([[quotient(number * up, down) for number in row] for row in numbers.tolist()])
        lost = (found == 0) & (numbers != 0)
        return np.where(lost, np.where(numbers > 0, TINY, -TINY), found)


def _power(low: float, high: float, middle: float) -> int:
    return math.frexp(max(float(high / 2 - middle / 2), float(middle / 2 - low / 2)))[1] + 1


def _side(a: Point, b: Point) -> Form:
    """Return the form that is zero at two points, and positive on the left of the way from one to the other."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _rows(origin: FloatArray, basis: FloatArray, centre: tuple[float, ...], powers: tuple[int, ...]) -> Whole:
    numbers, exponent = whole(np.stack([origin, basis[0], basis[1]]))
    exact = [Fraction(m) for m in centre]
    places = max(m.denominator for m in exact).bit_length() - 1
    first = shifted(numbers[0], places)
    for row, m in zip(numbers[1:], exact, strict=True):
        first = first + row * int(m * (1 << places))
    least = min(-places, *powers)
    rows = [shifted(first, -places - least), *(shifted(r, p - least) for r, p in zip(numbers[1:], powers, strict=True))]
    return Whole(np.stack(rows), exponent + least)
