"""Cells of exact partitions: intervals of a line and convex polygons of a plane, cut by affine functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Protocol, Self, TypeVar

from tests.reference.planes_exact import Polygon, cut

Numbers = Sequence[Fraction] | Sequence[int]
T = TypeVar("T")


class Cell(Protocol):
    """A convex set with an interior; functions on it are coefficients of the coordinates, then the constant."""

    def cut(self, function: Numbers) -> list[tuple[Self, int]]:
        """Return the parts where a function is not above zero (0) and where it is (1)."""
        ...


C = TypeVar("C", bound=Cell)


@dataclass(frozen=True)
class Interval:
    """An open interval of a line; None is infinity."""

    low: Fraction | None
    high: Fraction | None

    @property
    def inside(self) -> Fraction:
        """A point of it."""
        if self.low is None:
            return Fraction(0) if self.high is None else self.high - 1
        return self.low + 1 if self.high is None else (self.low + self.high) / 2

    def cut(self, function: Numbers) -> list[tuple[Interval, int]]:
        """Return the parts where a function is not above zero (0) and where it is (1)."""
        slope, constant = function
        if slope:
            root = -Fraction(constant) / slope
            if (self.low is None or self.low < root) and (self.high is None or root < self.high):
                return [(Interval(self.low, root), int(slope < 0)), (Interval(root, self.high), int(slope > 0))]
        return [(self, int(slope * self.inside + constant > 0))]


@dataclass(frozen=True)
class Face:
    """A convex polygon with an interior."""

    polygon: Polygon

    def cut(self, function: Numbers) -> list[tuple[Face, int]]:
        """Return the parts where a function is not above zero (0) and where it is (1)."""
        common = lcm(*(Fraction(x).denominator for x in function))
        return [(Face(part), above) for part, above in cut(self.polygon, [int(x * common) for x in function])]


def pieces_on(cell: C, function: Callable[[Fraction], Numbers], levels: Iterable[Fraction]) -> list[tuple[C, int]]:
    """Return the parts of a cell by how many levels a function is above; `function(level)` is what exceeds the level.

    A function that stays at a level is not above it.
    """
    parts = [(cell, 0)]
    for level in levels:
        above = function(level)
        parts = [(part, piece + more) for whole, piece in parts for part, more in whole.cut(above)]
    return parts


def winners_on(
    cell: C, values: Mapping[int, T], difference: Callable[[T, T], Sequence[int] | Sequence[Fraction]]
) -> list[tuple[C, int]]:
    """Return the parts of a cell by which value is the largest, each found by itself; of equal functions the lowest."""
    found = []
    for number, value in values.items():
        part: C | None = cell
        for other, against in values.items():
            if other == number:
                continue
            above = difference(value, against)
            if not any(above):
                if other > number:
                    continue
                part = None
            else:
                assert part is not None
                part = next((inner for inner, is_above in part.cut(above) if is_above), None)
            if part is None:
                break
        if part is not None:
            found.append((part, number))
    return found
