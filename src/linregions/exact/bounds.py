"""Bounds that hold whatever rounding did: of sums, norms and operators, for IEEE doubles rounded to nearest.

Inner products may be summed in any order, with or without fused multiplications; no product is saved at the cost of
sums (as Strassen's method does), and no small number is flushed to zero.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.errors import NumericalError

#: Unit roundoff.
U = 2.0**-53
#: The least positive float: no product that underflows is off by more.
TINY = 2.0**-1074
#: What bounds are enlarged by for the few roundings that made them.
SLACK = 1.0 + 2.0**-40
# Squared so many times: the 64th root is within n^(1/64) of the norm.
_SQUARINGS = 5


def gamma(n: int) -> float:
    """Return what bounds the relative error of a sum of n products, times the sum of their sizes."""
    return n * U / (1.0 - n * U) * SLACK


def norms_above(rows: FloatArray, axis: int = -1) -> FloatArray:
    """Return numbers that are not below the Euclidean norms along an axis; those of zeros are zero."""
    n = rows.shape[axis]
    largest = np.abs(rows).max(axis=axis, initial=0.0)
    # Exact but for what underflows, which is less than n TINY in all.
    scale = np.ldexp(1.0, np.clip(np.frexp(largest)[1], -1000, 1000))
    squares = np.square(rows / np.expand_dims(scale, axis)).sum(axis=axis)
    found = np.sqrt(squares) * scale * (1.0 + gamma(n + 4)) + np.sqrt(n) * 4.0 * 2.0**-537 * scale
    return np.where(largest == 0, 0.0, np.nextafter(found * SLACK, np.inf))


def operator_norm_above(matrix: FloatArray) -> float:
    """Return a number that is not below the spectral norm of a matrix.

    ``||M||_2 = ||(M^T M)^(2^k)||_2^(2^-k-1)``, and the Frobenius norm bounds that of the power. Each squaring is made
    of a matrix with Frobenius norm at most 1, whose error is at most gamma(n) and added.
    """
    if not matrix.size or not matrix.any():
        return 0.0
    if not np.isfinite(matrix).all():
        return np.inf
    m = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    scale = float(np.ldexp(1.0, np.clip(int(np.frexp(np.abs(m).max())[1]), -1000, 1000)))
    m = m / scale  # exact but for what underflows: less than 2^-1000 of the norm, see the slack
    frobenius = float(norms_above(m.reshape(-1)))
    m = m / frobenius
    power = m.T @ m
    error = gamma(m.shape[0] + 4)
    logarithm = 0.0  # of the norm of the power so far, over what it was scaled by
    for k in range(_SQUARINGS + 1):
        size = float(norms_above(power.reshape(-1))) + error
        logarithm += np.log(size) / 2.0 ** (k + 1)
        if k == _SQUARINGS:
            break
        # (P + E)^2 - P^2 is at most (2 + e) e in norm, with P of norm 1 at most.
        power = power / size
        error = error / size + 2 * U
        power = power @ power
        error = (2.0 + error) * error + gamma(power.shape[0] + 4)
    found = frobenius * float(np.exp(logarithm)) * scale * (1.0 + 1e-10)
    return min(found, frobenius * scale * SLACK)


def leading_digits(n: int) -> int:
    """Return how many binary digits of numbers may be multiplied, so that sums of n products are exact."""
    return (51 - int(np.ceil(np.log2(n + 1)))) // 2


def cut(values: FloatArray, largest: FloatArray, digits: int) -> FloatArray:
    """Return values cut to whole multiples of a power of two, at most 2^digits of it each."""
    # Adding and subtracting 3/4 2^(53 + e) rounds to multiples of 2^(e - 1), whatever the sign.
    unit = np.ldexp(0.75, np.frexp(largest)[1] + 53 - digits)
    return np.asarray((values + unit) - unit)


def check_arithmetic() -> None:
    """Make sure that small numbers are kept, on which every bound rests.

    Raises
    ------
    NumericalError
        If some library has switched that off in this thread.
    """
    small = np.array([[2.0**-1060, 0.0]])
    if not (small * 0.5 > 0).any() or not (small @ np.array([[0.5], [0.0]]) > 0).any():
        raise NumericalError(
            "`certify` is True, but this thread flushes small numbers to zero, and certified results need IEEE "
            "arithmetic. Some library was compiled with fast mathematics: import linregions in a process without it."
        )


BoolArray = npt.NDArray[np.bool_]
