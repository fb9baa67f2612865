"""Where two forms meet, for many pairs at once, with a bound on the error of each coordinate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from linregions._support.validation import FloatArray
from linregions.exact.bounds import U

_SMALL = 2.0**-300
#: Points that are not known better than this, in a window of about 1, are to be found exactly and rounded.
WELL_KNOWN = 2.0**-14


class Places(NamedTuple):
    """Points, each coordinate off by at most its bound."""

    x: FloatArray
    y: FloatArray
    dx: FloatArray
    dy: FloatArray


def meetings(p: FloatArray, dp: FloatArray, q: FloatArray, dq: FloatArray) -> Places:
    """Return where forms (N, 3) are zero that are off by at most `dp` and `dq`; bounds are infinite where unknown."""
    with np.errstate(all="ignore"):
        (p, dp), (q, dq) = _scaled(p, dp), _scaled(q, dq)
        (x, dx), (y, dy), (w, dw) = (_minor(p, dp, q, dq, *pair) for pair in ((2, 0), (0, 1), (1, 2)))
        room = np.abs(w) - 2.0 * dw
        x, y = x / w, y / w
        dx = ((dx + np.abs(x) * dw) / room + 4 * U * np.abs(x)) * 1.000001
        dy = ((dy + np.abs(y) * dw) / room + 4 * U * np.abs(y)) * 1.000001
        known = (room > _SMALL) & (dx < WELL_KNOWN) & (dy < WELL_KNOWN)
        return Places(*(np.where(known, a, b) for a, b in ((x, 0.0), (y, 0.0), (dx, np.inf), (dy, np.inf))))


def _scaled(p: FloatArray, dp: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return forms in units of powers of two, so that their coefficients are about 1; what underflows is bounded."""
    power = -np.frexp(np.abs(p).max(axis=1, keepdims=True))[1]
    return np.ldexp(p, power), np.ldexp(dp, power) + _SMALL


def _minor(
    p: FloatArray, dp: FloatArray, q: FloatArray, dq: FloatArray, i: int, j: int
) -> tuple[FloatArray, FloatArray]:
    """Return ``p_i q_j - p_j q_i`` and a bound on its error."""
    a, b = p[:, i] * q[:, j], p[:, j] * q[:, i]
    sizes = np.abs(p), np.abs(q)
    off = 4 * U * (np.abs(a) + np.abs(b)) + 2.0**-600
    for m, n in ((i, j), (j, i)):
        off += sizes[0][:, m] * dq[:, n] + sizes[1][:, n] * dp[:, m] + dp[:, m] * dq[:, n]
    return a - b, off
