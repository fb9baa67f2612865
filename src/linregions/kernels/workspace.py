"""The buffers of one thread that cuts planar complexes, and what their rows mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
UnsignedArray = npt.NDArray[np.uint32]  # an index that might be negative is tested for it
WordArray = npt.NDArray[np.uint64]
IndexArray = npt.NDArray[np.int64]

ONE = np.uint64(1)
ZERO = np.uint64(0)
OK, INCONSISTENT, GROW = 0, 1, 2
# An uncertain cut is never taken to be off by more than this part of its edge.
UNCERTAINTY_CAP = 1e-3


# Entries and rows of the arrays below.
SNAPPED, MERGED, UNDECIDED, STAMPS = range(4)
POS, NEG = 0, 1
RADIUS, FRACTION, SPREAD, ROUNDING = range(4)
# Interpolation rounds by the size of its operands, though less often than a sum of many terms.
OPERANDS = 0.125
A, B, SWITCH, NEXT, BIT, CUTS, CUT_V, CUT_E = range(8)
V, E = 0, 1


class Workspace(NamedTuple):
    """Buffers of one thread, few and large, since every array that a compiled function takes costs compile time."""

    size: IndexArray  # of the complex: vertices, edges, faces, and which of two buffers holds the faces
    need: IndexArray  # capacities asked for: vertices, edges, faces, columns, pool, words
    counts: IndexArray  # SNAPPED signs, MERGED ties, decisions UNDECIDED within their bands; STAMPS: faces cut by
    # several chords so far
    margin: FloatArray  # closest decision not taken as zero, in multiples of its band; relative tolerance
    phi: FloatArray  # (vertices, columns): basis functions, then pre-activations
    place: FloatArray  # RADIUS: uncertainty of a vertex's place in plane units; FRACTION: where between its parents,
    # SPREAD: uncertainty of that, -1 where the parents are not at hand; ROUNDING of the place in plane units
    word: WordArray  # POS, NEG: columns that are positive, negative at a vertex
    parent: IntArray  # (4, vertices): the two others that a vertex lies between; its number in the root complex;
    # switch of the line that it and its parents are on
    edge: IntArray  # A, B: ends; SWITCH that made it; NEXT piece of the same original edge; BIT: column of the
    # current batch that made it, else -1; CUTS on it: their number, first vertex CUT_V, first new edge CUT_E
    f_off: IntArray  # (2, faces + 1), double-buffered like the two below
    side: UnsignedArray  # (2, 2, sides): V, E of all faces' loops
    f_word: WordArray  # (2, faces, words): which switches are passed; no words where patterns are not wanted
    pool: UnsignedArray  # (2, ...): V, E of the loop of a face with the cuts on its border, then of its parts
    part: IndexArray  # (2, ...): start and length of each part in the pool
    part_word: WordArray  # (2, ...): POS, NEG of each part
    cross_key: IndexArray  # (3, 64 * 64): face stamp, vertex and second edge of a crossing
    chord: IntArray  # (2, 64): ends of each chord on the border of the face
    column: IntArray  # (2, 64): where in phi a batch's columns are, and their switch
    level: FloatArray  # (3, 64): breakpoint, band and Lipschitz constant of each column
    order: FloatArray  # (2, 64): places of the cuts on one edge, and their uncertainty
    order_bit: IntArray  # (64,)


def make_workspace(vertices: int, edges: int, faces: int, columns: int, pool: int, words: int) -> Workspace:
    """Allocate buffers of the given capacities."""
    sides = 2 * edges + 16

    def ints(*shape: int) -> IntArray:
        return np.empty(shape, dtype=np.int32)

    def unsigned(*shape: int) -> UnsignedArray:
        return np.empty(shape, dtype=np.uint32)

    def longs(*shape: int) -> IndexArray:
        return np.zeros(shape, dtype=np.int64)

    def floats(*shape: int) -> FloatArray:
        return np.empty(shape, dtype=np.float64)

    def bits(*shape: int) -> WordArray:
        return np.empty(shape, dtype=np.uint64)

    return Workspace(
        longs(4), longs(6), longs(4), np.full(2, np.inf),
        floats(vertices, columns), floats(4, vertices), bits(2, vertices), ints(4, vertices),
        ints(8, edges), ints(2, faces + 1), unsigned(2, 2, sides), bits(2, faces, words),
        unsigned(2, pool), longs(2, 2200), bits(2, 2200),
        longs(3, 64 * 64) - 1, ints(2, 64), ints(2, 64), floats(3, 64), floats(2, 64), ints(64),
    )  # fmt: skip
