"""Convex bodies of any dimension in whole numbers: their corners, cut by hyperplanes, and exact volumes of simplices.

A point is homogeneous, (X_1, ..., X_d, W) with W > 0 and in lowest terms, for the coordinates X_i / W; so equal points
are equal tuples. A function is its coefficients and its constant, whole numbers too, or fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import factorial, gcd, lcm, prod
from operator import mul

Point = tuple[int, ...]
Row = tuple[int, ...]


@dataclass(frozen=True)
class Body:
    """The hull of its corners, each with the bits of the walls on which it lies; a wall may be no facet any more."""

    corners: tuple[Point, ...]
    walls: tuple[int, ...]
    n_walls: int

    @property
    def dimension(self) -> int:
        """Number of coordinates."""
        return len(self.corners[0]) - 1

    @cached_property
    def inside(self) -> tuple[Fraction, ...]:
        """A point of the interior: the mean of the corners."""
        return tuple(
            sum((Fraction(corner[i], corner[-1]) for corner in self.corners), Fraction(0)) / len(self.corners)
            for i in range(self.dimension)
        )

    def cut(self, function: Sequence[int] | Sequence[Fraction]) -> list[tuple[Body, int]]:
        """Return the parts where a function is not above zero (0) and where it is (1), each with an interior."""
        row = whole(function)
        values = [at(row, corner) for corner in self.corners]
        if not min(values) < 0 < max(values):
            return [(self, int(max(values) > 0))]
        new = 1 << self.n_walls
        crossings = []
        for i, over in enumerate(values):
            for j, under in enumerate(values):
                if over > 0 > under and self._is_edge(i, j):
                    point = tuple(over * q - under * p for p, q in zip(self.corners[i], self.corners[j], strict=True))
                    crossings.append((lowest(point), self.walls[i] & self.walls[j] | new))
        parts = []
        for above, sign in ((0, -1), (1, 1)):
            kept = [
                (corner, walls | new if value == 0 else walls)
                for corner, walls, value in zip(self.corners, self.walls, values, strict=True)
                if value * sign >= 0
            ]
            corners, walls = zip(*kept, *crossings, strict=True)
            parts.append((Body(corners, walls, self.n_walls + 1), above))
        return parts

    def _is_edge(self, i: int, j: int) -> bool:
        """Whether the smallest face with two corners has no third one."""
        common = self.walls[i] & self.walls[j]
        if common.bit_count() < self.dimension - 1:
            return False
        return sum(walls & common == common for walls in self.walls) == 2


def box(low: Sequence[float], high: Sequence[float]) -> Body:
    """Return the box between two opposite corners; wall 2 i is the low one of coordinate i, 2 i + 1 the high one."""
    corners, walls = [], []
    for choice in product((0, 1), repeat=len(low)):
        corners.append(homogeneous([(a, b)[k] for a, b, k in zip(low, high, choice, strict=True)]))
        walls.append(sum(1 << (2 * i + k) for i, k in enumerate(choice)))
    return Body(tuple(corners), tuple(walls), 2 * len(low))


def homogeneous(point: Sequence[float | Fraction]) -> Point:
    """Return a point in homogeneous whole numbers."""
    fractions = [Fraction(x) for x in point]
    common = lcm(*(f.denominator for f in fractions))
    return (*(int(f * common) for f in fractions), common)


def whole(function: Sequence[float] | Sequence[Fraction]) -> Row:
    """Return a positive multiple of a function in whole numbers without a common divisor."""
    fractions = [Fraction(x) for x in function]
    common = lcm(*(f.denominator for f in fractions))
    row = tuple(int(f * common) for f in fractions)
    divisor = gcd(*row) or 1
    return tuple(x // divisor for x in row)


def at(row: Row, point: Point) -> int:
    """Return a positive multiple of the value of a function at a point."""
    return sum(map(mul, row, point))


def lowest(point: Point) -> Point:
    """Divide by what is common."""
    divisor = gcd(*point)
    return tuple(x // divisor for x in point) if divisor > 1 else point


def determinant(rows: Sequence[Sequence[int]]) -> int:
    """Return the determinant, by elimination that stays among whole numbers (Bareiss)."""
    matrix = [list(row) for row in rows]
    size, sign, last = len(matrix), 1, 1
    for k in range(size - 1):
        pivot = next((i for i in range(k, size) if matrix[i][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            matrix[k], matrix[pivot], sign = matrix[pivot], matrix[k], -sign
        head = matrix[k]
        for i in range(k + 1, size):
            row = matrix[i]
            for j in range(k + 1, size):
                row[j] = (row[j] * head[k] - row[k] * head[j]) // last
        last = head[k]
    return sign * matrix[-1][-1]


def rank(rows: Sequence[Sequence[int]]) -> int:
    """Return the rank of a matrix."""
    matrix = [list(row) for row in rows]
    found = 0
    for k in range(len(matrix[0]) if matrix else 0):
        pivot = next((i for i in range(found, len(matrix)) if matrix[i][k]), None)
        if pivot is None:
            continue
        matrix[found], matrix[pivot] = matrix[pivot], matrix[found]
        head = matrix[found]
        for i in range(found + 1, len(matrix)):
            factor = matrix[i][k]
            if factor:
                matrix[i] = [a * head[k] - factor * b for a, b in zip(matrix[i], head, strict=True)]
        found += 1
    return found


def simplex_volume(points: Sequence[Point]) -> tuple[int, int]:
    """Return numerator and denominator of the volume of a simplex of d + 1 points."""
    return abs(determinant(points)), prod(p[-1] for p in points) * factorial(len(points) - 1)


def position(point: Point) -> list[float]:
    """Return the coordinates, rounded."""
    return [x / point[-1] for x in point[:-1]]


def step(start: Point, end: Point) -> list[float]:
    """Return the difference of two points, rounded once."""
    common = start[-1] * end[-1]
    return [(y * start[-1] - x * end[-1]) / common for x, y in zip(start[:-1], end[:-1], strict=True)]
