"""Names of faces: sums of hashed keys of their vertices, so that a face has the same in whatever cell it is met."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled

_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


@compiled(inlined=True)
def hashed(word: np.uint64) -> np.uint64:
    """Return the word that splitmix64 makes of another."""
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    return word ^ (word >> _31)


@compiled(inlined=True)
def name_of(low: np.uint64, high: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return what the key of a vertex adds to the names of faces.

    Keys are exclusive ors of words of switches: those of the corners of a parallelogram would cancel, so that a name
    is a sum of hashes.
    """
    first = hashed(low + _STEP * hashed(high + _STEP))
    return first, hashed(high ^ (first + _STEP))
