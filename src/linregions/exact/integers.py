"""Floats as whole numbers times powers of two, and products of matrices of such numbers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: An array of Python integers.
Integers = npt.NDArray[np.object_]
# Products of fewer numbers are as fast without the library.
_FEW_PRODUCTS = 256


class Whole(NamedTuple):
    """The numbers ``numbers * 2**exponent``."""

    numbers: Integers
    exponent: int


def whole(values: npt.ArrayLike, scale: npt.NDArray[np.int64] | int = 0) -> Whole:
    """Return floats times ``2**scale`` (which is broadcast) as whole numbers; none is rounded, however it is scaled."""
    mantissas, exponents = np.frexp(np.asarray(values, dtype=np.float64))
    odd = np.ldexp(mantissas, 53).astype(np.int64)
    # The largest power of two in each, which float64 holds exactly.
    _, zeros = np.frexp((odd & -odd).astype(np.float64))
    zeros = np.where(odd != 0, zeros.astype(np.int64) - 1, 0)
    odd >>= zeros
    shifts = exponents.astype(np.int64) - 53 + zeros + scale
    some = odd != 0
    least = int(shifts[some].min()) if some.any() else 0
    numbers = odd.astype(object)
    shifts = np.where(some, shifts - least, 0)
    if shifts.any():
        numbers = numbers << shifts.astype(object)
    return Whole(np.asarray(numbers, dtype=object), least)


def whole_of_fractions(values: Sequence[Fraction]) -> Whole:
    """Return dyadic rationals as whole numbers."""
    places = max((value.denominator.bit_length() - 1 for value in values), default=0)
    numbers = np.empty(len(values), dtype=object)
    numbers[:] = [int(value * (1 << places)) for value in values]
    return Whole(numbers, -places)


def aligned(one: Whole, other: Whole) -> tuple[Integers, Integers, int]:
    """Return the numbers of both over the same power of two, and its exponent."""
    if not one.numbers.size or not one.numbers.any():
        return one.numbers, other.numbers, other.exponent
    if not other.numbers.size or not other.numbers.any():
        return one.numbers, other.numbers, one.exponent
    least = min(one.exponent, other.exponent)
    return shifted(one.numbers, one.exponent - least), shifted(other.numbers, other.exponent - least), least


def shifted(numbers: Integers, places: int) -> Integers:
    """Return numbers times ``2**places``, places not being negative."""
    return np.asarray(numbers << places) if places else numbers


def quotient(a: int, b: int) -> float:
    """Return the float nearest to a quotient of integers: infinity where it is too large, and 0 for ``0 / 0``."""
    try:
        return a / b if a else 0.0
    except OverflowError:
        return np.inf if (a > 0) == (b > 0) else -np.inf


@cache
def _library() -> Any:
    """Return python-flint where it is installed, else None."""
    try:
        import flint
    except ImportError:
        return None
    return flint.fmpz_mat


class Matrix:
    """A matrix of integers that others are multiplied by, again and again."""

    def __init__(self, numbers: Integers) -> None:
        self.numbers = numbers
        self._prepared: Any = None

    def after(self, rows: Integers) -> Integers:
        """Return ``rows @ numbers``."""
        make = _library()
        if make is None or rows.shape[0] * self.numbers.size < _FEW_PRODUCTS:
            return np.asarray(rows @ self.numbers, dtype=object)
        if self._prepared is None:
            self._prepared = make(self.numbers.tolist())
        product = make(rows.tolist()) * self._prepared
        found = np.empty(rows.shape[0] * self.numbers.shape[1], dtype=object)
        found[:] = [int(entry) for entry in product.entries()]
        return found.reshape(rows.shape[0], -1)
