"""Exact partitions by running a program again and again: what a network computes as plain code, whatever it is.

The program gets numbers and asks which piece an activation is on and which of several numbers is the largest. On a cell
the numbers are affine functions; where an answer is not the same on all of it, the cell is cut and the program is run
anew on each part. It knows no graph and no lowering: a second, independent twin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, TypeVar

from linregions import Line, Path, PiecewiseLinear, PlaneWindow, Ray, Segment
from tests.reference.exact_cells import Cell, Face, Interval, pieces_on, winners_on
from tests.reference.lines_exact import ExactActivation, legs
from tests.reference.planes_exact import homogeneous

C = TypeVar("C", bound=Cell)


@dataclass(frozen=True)
class Affine:
    """An affine function of the coordinates: their coefficients, then the constant."""

    numbers: tuple[Fraction, ...]

    def __add__(self, other: Affine | Fraction | int) -> Affine:
        if isinstance(other, Affine):
            return Affine(tuple(a + b for a, b in zip(self.numbers, other.numbers, strict=True)))
        return Affine((*self.numbers[:-1], self.numbers[-1] + other))

    __radd__ = __add__

    def __mul__(self, factor: Fraction | int) -> Affine:
        return Affine(tuple(factor * a for a in self.numbers))

    __rmul__ = __mul__

    def __sub__(self, other: Affine | Fraction | int) -> Affine:
        return self + -1 * other

    def __neg__(self) -> Affine:
        return self * -1


#: What programs compute with: fractions at a point, affine functions on a cell.
Number = Any


class Undecided(Exception):
    """An answer differs between these parts of the cell."""

    def __init__(self, parts: Sequence[Any]) -> None:
        super().__init__(len(parts))
        self.parts = parts


class Asked:
    """Answers what a program asks at a point, and keeps the answers: the pattern."""

    def __init__(self) -> None:
        self.pattern: list[int] = []

    def activate(self, value: Number, activation: PiecewiseLinear) -> Number:
        """Return the activation of a number; one neuron."""
        phi = ExactActivation(activation)
        piece = self.piece(value, phi)
        self.pattern.append(piece)
        return phi.slopes[piece] * value + phi.intercepts[piece]

    def largest(self, values: Sequence[Number]) -> Number:
        """Return the largest of several numbers; one neuron, whose piece is the winner, of equals the first."""
        winner = self.winner(values)
        self.pattern.append(winner)
        return values[winner]

    def piece(self, value: Number, phi: ExactActivation) -> int:
        """Return on which piece a number is."""
        return phi.piece(value)

    def winner(self, values: Sequence[Number]) -> int:
        """Return which number is the largest."""
        return list(values).index(max(values))


class AskedOnCell(Asked, Generic[C]):
    """Answers what holds on all of a cell, or raises the parts on which answers differ."""

    def __init__(self, cell: C) -> None:
        super().__init__()
        self.cell = cell

    def piece(self, value: Number, phi: ExactActivation) -> int:
        """Return on which piece a function is."""
        return self._one(pieces_on(self.cell, lambda level: (value - level).numbers, phi.breakpoints))

    def winner(self, values: Sequence[Number]) -> int:
        """Return which function is the largest."""
        return self._one(winners_on(self.cell, dict(enumerate(values)), lambda a, b: (a - b).numbers))

    @staticmethod
    def _one(parts: list[tuple[C, int]]) -> int:
        if len(parts) > 1:
            raise Undecided([part for part, _ in parts])
        return parts[0][1]


Program = Callable[[list[Number], Asked], list[Number]]


@dataclass(frozen=True)
class Traced(Generic[C]):
    """A cell on which all answers are the same."""

    cell: C
    pattern: tuple[int, ...]
    outputs: tuple[tuple[Fraction, ...], ...]  # of each output, coefficients of the coordinates and the constant


def at_point(program: Program, point: Sequence[Fraction]) -> tuple[list[int], list[Fraction]]:
    """Return the pattern and the outputs at a point."""
    asked = Asked()
    outputs = program(list(point), asked)
    return asked.pattern, outputs


def traced(program: Program, cell: C, inputs: Sequence[Affine]) -> list[Traced[C]]:
    """Return the cells of a cell on which a program always answers the same."""
    nothing = 0 * inputs[0]  # makes functions of constants
    waiting, found = [cell], []
    while waiting:
        now = waiting.pop()
        asked = AskedOnCell(now)
        try:
            outputs = program(list(inputs), asked)
        except Undecided as undecided:
            waiting += undecided.parts
        else:
            found.append(Traced(now, tuple(asked.pattern), tuple((nothing + output).numbers for output in outputs)))
    return found


def traced_plane(program: Program, window: PlaneWindow) -> list[Traced[Face]]:
    """Return the regions of a program in a window."""
    columns = zip(*window.basis.tolist(), window.origin.tolist(), strict=True)
    polygon = tuple(homogeneous(Fraction(float(u)), Fraction(float(v))) for u, v in window.polygon)
    return traced(program, Face(polygon), [Affine(tuple(map(Fraction, column))) for column in columns])


def traced_line(program: Program, domain: Segment | Ray | Line | Path) -> list[Traced[Interval]]:
    """Return the regions of a program along a line or path, leg by leg."""
    return [
        found
        for low, high, x in legs(domain)
        for found in traced(program, Interval(low, high), [Affine((change, value)) for value, change in x])
    ]
