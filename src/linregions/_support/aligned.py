"""Arrays that begin at a cache line, since kernels read vectors of a line's size: two lines for each cost a tenth more.

Where an array of numpy begins is otherwise chance, and for one that is kept, chance decides for all calls.
"""

from __future__ import annotations

import math

import numpy as np

from linregions._support.validation import FloatArray

_LINE = 8  # numbers


def aligned_empty(shape: tuple[int, ...]) -> FloatArray:
    """Return an array that is not yet filled."""
    return _from_a_line(np.empty(math.prod(shape) + _LINE), shape)


def aligned_zeros(shape: tuple[int, ...]) -> FloatArray:
    """Return zeros; memory that is never touched is never taken."""
    return _from_a_line(np.zeros(math.prod(shape) + _LINE), shape)


def aligned_copy(array: FloatArray) -> FloatArray:
    """Return a copy, row by row."""
    copy = aligned_empty(array.shape)
    copy[...] = array
    return copy


def _from_a_line(room: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    start = -(room.__array_interface__["data"][0] // 8) % _LINE
    return room[start : start + math.prod(shape)].reshape(shape)
