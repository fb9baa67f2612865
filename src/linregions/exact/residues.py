"""Arithmetic modulo primes of 21 bits, in float64 without rounding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray

#: Residues are at most 2^20 + 2 in magnitude, so that sums of so many products are whole numbers that float64 holds.
MOST_TERMS = 1 << 12


def residues(values: npt.ArrayLike, prime: int) -> FloatArray:
    """Return what floats, which are dyadic rationals, are modulo an odd prime: whole numbers of at most prime / 2."""
    mantissas, exponents = np.frexp(np.asarray(values, dtype=np.float64))
    whole = np.ldexp(mantissas, 53).astype(np.int64)
    shifts = exponents.astype(np.int64) - 53
    low, high = int(shifts.min()), int(shifts.max())
    powers = np.array([pow(2, e, prime) for e in range(low, high + 1)], dtype=np.int64)
    found = whole % prime * powers[shifts - low] % prime
    return np.where(found > prime // 2, found - prime, found).astype(np.float64)


def reduced(values: FloatArray, prime: int) -> FloatArray:
    """Replace whole numbers by residues of at most prime / 2 + 2 in magnitude, in place."""
    values -= prime * np.rint(values * (1.0 / prime))
    return values


def product(values: FloatArray, matrix: FloatArray, prime: int) -> FloatArray:
    """Return the matrix product modulo a prime; every sum on the way is exact, in whatever order it is taken."""
    found = reduced(values[:, :MOST_TERMS] @ matrix[:MOST_TERMS], prime)
    for begin in range(MOST_TERMS, matrix.shape[0], MOST_TERMS):
        found += reduced(values[:, begin : begin + MOST_TERMS] @ matrix[begin : begin + MOST_TERMS], prime)
        reduced(found, prime)
    return found
