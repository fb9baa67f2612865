"""Affine forms in named columns, in whole numbers over a power of two: every float is one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

Column = Hashable
#: The column of the constant.
ONE = "1"


class Form(NamedTuple):
    """The sum of ``parts[column] / 2**exponent`` times the columns; no part is zero."""

    parts: dict[Column, int]
    exponent: int = 0

    def __sub__(self, other: Form) -> Form:
        return total([(1, self), (-1, other)])

    def __getitem__(self, column: Column) -> Fraction:  # type: ignore[override]
        return Fraction(self.parts.get(column, 0), 1 << self.exponent)

    def whole(self, columns: Sequence[Column]) -> list[int]:
        """Return the parts of the columns, the constant last; there must be no others."""
        others = self.parts.keys() - {*columns, ONE}
        if others:
            raise ValueError(f"a value depends on {sorted(map(str, others))}, which only decide who wins a maximum")
        return [self.parts.get(column, 0) for column in (*columns, ONE)]


def unit(column: Column) -> Form:
    """Return the form that is a column."""
    return Form({column: 1})


def dyadic(numbers: Iterable[float | Fraction]) -> tuple[list[int], int]:
    """Return whole numbers and the exponent of two that divides them."""
    fractions = [Fraction(number) for number in numbers]
    exponent = max((f.denominator.bit_length() - 1 for f in fractions), default=0)
    assert all((1 << exponent) % f.denominator == 0 for f in fractions), "only floats and their sums and products"
    return [f.numerator * ((1 << exponent) // f.denominator) for f in fractions], exponent


def form(parts: Mapping[Column, float | Fraction]) -> Form:
    """Return the form with these parts."""
    numbers, exponent = dyadic(parts.values())
    return Form({column: n for column, n in zip(parts, numbers, strict=True) if n}, exponent)


def total(terms: Sequence[tuple[int, Form]], constant: int = 0, exponent: int = 0, rounding: int = 0) -> Form:
    """Return the sum of forms times whole weights, and a constant, all weights over ``2**exponent``.

    With `rounding`, a part goes that is less than its largest term over ``2**rounding``.
    """
    common = max((f.exponent for _, f in terms), default=0)
    parts: dict[Column, int] = {ONE: constant << common}
    largest: dict[Column, int] = {}
    for weight, f in terms:
        scaled = weight << (common - f.exponent)
        for column, number in f.parts.items():
            parts[column] = parts.get(column, 0) + scaled * number
            if rounding:
                largest[column] = max(largest.get(column, 0), abs(scaled * number))
    kept = {column: n for column, n in parts.items() if n and abs(n) >= largest.get(column, 0) >> rounding}
    return Form(kept, common + exponent)


def substituted(f: Form, known: Mapping[Column, Form], rounding: int = 0) -> Form:
    """Replace columns by forms until none of those known is left."""
    while True:
        found = [column for column in f.parts if column in known]
        if not found:
            return f
        rest = Form({column: n for column, n in f.parts.items() if column not in known}, f.exponent)
        f = total(
            [(1 << f.exponent, rest), *((f.parts[column], known[column]) for column in found)], 0, f.exponent, rounding
        )
