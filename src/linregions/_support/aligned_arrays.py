"""Arrays that begin at a cache line, since kernels read vectors of a line's size: two lines for each cost a tenth more.

Where an array begins is otherwise chance, and for one that is kept, chance decides for all calls.
"""

from __future__ import annotations

import math

import numpy as np

from linregions._support.validation import FloatArray

_LINE = 64  # bytes


def aligned_zeros(*shape: int) -> FloatArray:
    """Return zeros; memory that is never touched is never taken."""
    n = math.prod(shape)
    buffer = np.zeros(n + _LINE // 8)
    skipped = -buffer.ctypes.data % _LINE // 8
    return buffer[skipped : skipped + n].reshape(shape)


def aligned(array: FloatArray) -> FloatArray:
    """Return a copy, row by row."""
    copy = aligned_zeros(*array.shape)
    copy[...] = array
    return copy
