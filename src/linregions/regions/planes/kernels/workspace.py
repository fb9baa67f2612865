"""The buffers of one thread that cuts planar complexes, and what their rows mean."""

from __future__ import annotations

from typing import Any, NamedTuple

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


# Entries and rows of the arrays below. The first numbers are those of a finished cell, too (`records.Output`).
N_VERTICES, N_EDGES, N_FACES = range(3)
NOW = 3
N_COLUMNS, N_POOL, N_WORDS = 3, 4, 5
N_BEGUN, N_BASIS, N_LEFT = 6, 7, 8
SNAPPED, MERGED, UNDECIDED, STAMPS = range(4)
CLOSEST, RELATIVE = range(2)
CONSTANT, X, Y = range(3)
N_AFFINE = 3
POS, NEG = 0, 1
FRACTION, SPREAD, UNCERTAINTY, ROUNDING = range(4)
FROM, TO, IN_ROOT, LINE = range(4)
# Interpolation rounds by the size of its operands, though less often than a sum of many terms.
OPERANDS = 0.125
A, B, SWITCH, NEXT, BIT, CUTS, CUT_V, CUT_E = range(8)
V, E = 0, 1
START, LENGTH = 0, 1
CROSS_STAMP, CROSS_V, CROSS_E = range(3)
PHI_COLUMN, COLUMN_SWITCH, COLUMN_BIT = range(3)
BAND, COLUMN_STEEPNESS = 1, 2  # after BREAKPOINT, see `records`


class Workspace(NamedTuple):
    """Buffers of one thread, few and large, since every array that a compiled function takes costs compile time."""

    size: IndexArray  # of the complex: N_VERTICES, N_EDGES, N_FACES; NOW: which of two buffers holds the faces
    need: IndexArray  # capacities asked for: N_VERTICES, N_EDGES, N_FACES, N_COLUMNS, N_POOL, N_WORDS; of a cell to be
    # split: N_BEGUN layers, N_BASIS functions, N_LEFT: about how many units of the last layer are still to be looked at
    counts: IndexArray  # SNAPPED signs, MERGED ties, decisions UNDECIDED within their bands; STAMPS: faces cut by
    # several chords so far
    margin: FloatArray  # CLOSEST decision not taken as zero, in multiples of its band; RELATIVE tolerance
    phi: FloatArray  # (vertices, columns): basis functions, of which N_AFFINE are so all over: the CONSTANT 1 and the
    # coordinates X, Y; then pre-activations
    place: FloatArray  # (4, vertices): FRACTION: where between its parents a vertex lies; SPREAD: uncertainty of that,
    # -1 where the parents are not at hand; UNCERTAINTY of its place in plane units; ROUNDING of that in plane units
    word: WordArray  # POS, NEG: columns that are positive, negative at a vertex
    parent: IntArray  # (4, vertices): FROM and TO: the two others that a vertex lies between; its number IN_ROOT, the
    # root complex; LINE: switch of the line that it and its parents are on
    edge: IntArray  # A, B: ends; SWITCH that made it; NEXT piece of the same original edge; BIT: column of the
    # current batch that made it, else -1; CUTS on it: their number, first vertex CUT_V, first new edge CUT_E
    f_off: IntArray  # (2, faces + 1), double-buffered like the two below
    side: UnsignedArray  # (2, 2, sides): V, E of all faces' loops
    f_word: WordArray  # (2, faces, words): which switches are passed, of those that cross the cell, each with a number
    # of its own; no words where patterns are not wanted
    pool: UnsignedArray  # (2, ...): V, E of the loop of a face with the cuts on its border, then of its parts
    part: IndexArray  # (2, ...): START and LENGTH of each part in the pool
    part_word: WordArray  # (2, ...): POS, NEG of each part
    cross_key: IndexArray  # (3, 64 * 64): of a crossing CROSS_STAMP of the face, vertex CROSS_V, second edge CROSS_E
    chord: IntArray  # (2, 64): A, B: ends of each chord on the border of the face
    column: IntArray  # (3, 64): PHI_COLUMN: where in phi each column of a batch is; its COLUMN_SWITCH, and the
    # COLUMN_BIT of that in the words of faces
    decision: FloatArray  # (3, 64): BREAKPOINT, BAND and COLUMN_STEEPNESS of each column
    order: FloatArray  # (2, 64): FRACTION and SPREAD of the cuts on one edge, in order
    order_bit: IntArray  # (64,): their columns


class Capacities(NamedTuple):
    """What a workspace has room for."""

    vertices: int
    edges: int
    faces: int
    columns: int
    pool: int
    words: int


def _layout(capacities: Capacities) -> dict[str, tuple[tuple[int, ...], type]]:
    """Return shape and type of the arrays whose sizes follow from these capacities."""
    vertices, edges, faces, columns, pool, words = capacities
    sides = 2 * edges + 16
    return {
        "phi": ((vertices, columns), np.float64),
        "place": ((4, vertices), np.float64),
        "word": ((2, vertices), np.uint64),
        "parent": ((4, vertices), np.int32),
        "edge": ((8, edges), np.int32),
        "f_off": ((2, faces + 1), np.int32),
        "side": ((2, 2, sides), np.uint32),
        "f_word": ((2, faces, words), np.uint64),
        "pool": ((2, pool), np.uint32),
    }


def make_workspace(capacities: Capacities) -> Workspace:
    """Allocate buffers of the given capacities."""

    def longs(*shape: int) -> IndexArray:
        return np.zeros(shape, dtype=np.int64)

    layout = _layout(capacities)
    sized: dict[str, Any] = {name: np.empty(shape, dtype) for name, (shape, dtype) in layout.items()}
    return Workspace(
        size=longs(4),
        need=longs(9),
        counts=longs(4),
        margin=np.full(2, np.inf),
        part=longs(2, 2200),
        part_word=np.empty((2, 2200), dtype=np.uint64),
        cross_key=longs(3, 64 * 64) - 1,
        chord=np.empty((2, 64), dtype=np.int32),
        column=np.empty((3, 64), dtype=np.int32),
        decision=np.empty((3, 64)),
        order=np.empty((2, 64)),
        order_bit=np.empty(64, dtype=np.int32),
        **sized,
    )


def larger_workspace(arrays: dict[str, Any], capacities: Capacities) -> Workspace:
    """Return a workspace of other capacities that goes on with the arrays of an old one which are as they should be.

    Those of the others are taken out of `arrays` before new ones are made, so that there are never two if nobody else
    holds them. What is in a complex is forgotten.
    """
    layout = _layout(capacities)
    wanted = {name: sized for name, sized in layout.items() if arrays[name].shape != sized[0]}
    for name in wanted:
        del arrays[name]
    arrays.update({name: np.empty(shape, dtype) for name, (shape, dtype) in wanted.items()})
    return Workspace(**arrays)
