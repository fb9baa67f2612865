"""Records of arrays that the kernels of boxes work on, and the numbers of their rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]
ByteArray = npt.NDArray[np.uint8]
SignArray = npt.NDArray[np.int8]

# What a kernel says when it returns.
DONE, PAUSED, FULL, GROW, CROWDED, INCONSISTENT = range(6)
# Rows of `Bench.entry`: where the vertices of a node are in `Bench.vertex` and how many; its layer; how far the pools
# are filled while it is worked; whether every vertex lies on d facets; the first column that crosses it, or -1;
# slots ever used; cuts from the whole box, of nodes that become tasks.
OFFSET, COUNT, LAYER, POOL, WORDS, ZEROS, SIMPLE, CROSSED, SLOTS, DEPTH = range(10)
# Rows of `Bench.frame`: columns of a layer, words for them, and where its vertices begin in the two pools.
COLUMNS, WIDTH, FIRST_VERTEX, FIRST_WORD = range(4)
# Rows of `Bench.counts`.
ENTRIES, CELLS, SNAPPED, UNDECIDED, REFINED, MOST_VERTICES, SPLITS, ROOTS, LISTS, EULER = range(10)
# Bit of `Bench.flags`: the place was found from the planes of its slots.
PLACED = np.uint8(1)
# Rows of `Bench.value`.
LOW, HIGH, VALUE = range(3)
# Slots of a cell.
N_SLOTS = 64


class Plan(NamedTuple):
    """A network in the coordinates of a box: from its centre, in units of powers of two."""

    widths: IndexArray  # (L,): units of each hidden layer
    n_breakpoints: IndexArray  # (L,)
    first_switch: IndexArray  # (L,)
    columns: IndexArray  # (L + 1,): where each layer's units are among those of all
    reach: IndexArray  # (L,): end of the units that this layer or one before gives something to, and of the next layer
    span: IndexArray  # (L,): to how many from the next layer on this one gives something
    weights: FloatArray  # (units, span) of each layer, one after the other
    weights_at: IndexArray  # (L + 1,): where
    breakpoints: FloatArray  # (L, T)
    slopes: FloatArray  # (L, T + 1)
    knots: FloatArray  # (L, T + 1)
    heights: FloatArray  # (L, T + 1)
    rows: FloatArray  # (d + 1, all units): what comes from the input, constants before coefficients
    constant_size: FloatArray  # (L, width): terms of the constants before they cancel, in the quadratic mean
    slope_size: FloatArray  # (L, width): those of coefficients
    switch: IntArray  # (3, switches): layer, unit and breakpoint
    sides: FloatArray  # (n_sides, d + 1): constants and normals of the sides of the domain, outwards
    words_on: WordArray  # (switches, 2): what a switch that is positive adds to a key
    words_zero: WordArray  # (switches + n_sides, 2): what one that is zero adds; sides come last
    scale: FloatArray  # (d,): what a unit is
    relative: float


class Bench(NamedTuple):
    """The buffers of a thread: a stack of nodes, those to come first on top, and pools of their vertices."""

    counts: IndexArray  # ENTRIES, ...
    fit: WordArray  # (1,): sum of names of facets met from the negative side, less those met from the positive one
    margin: FloatArray  # (1,): least of the decisions, in bands
    entry: IndexArray  # (entries, rows)
    crossing: WordArray  # (entries, words): columns that cross a node
    earlier: WordArray  # (entries,): slots of sides and earlier layers
    off: WordArray  # (entries,): slots of sides, and of switches that are negative in a node
    label: IntArray  # (entries, 64)
    sign: SignArray  # (entries, 64)
    key: WordArray  # (entries, 2)
    pattern: WordArray  # (entries, W), W = 0 where patterns are not wanted
    next_rows: FloatArray  # (entries, d + 1, all units): affine maps to later layers, so far
    vertex: IntArray  # vertices of nodes, one after the other
    slots: WordArray  # those of each
    frame: IndexArray  # (L, 4)
    column: IntArray  # (L, columns): unit * T + breakpoint
    rows: FloatArray  # (L, d + 1, width): affine map of each layer where the node on top is
    place: FloatArray  # (vertices, d)
    error: FloatArray  # (vertices,): how far off it may be
    flags: ByteArray  # (vertices,)
    zeros_at: IndexArray  # (vertices, 2): all sides and switches of earlier layers that vanish, where slots do not tell
    word: WordArray  # signs of columns at vertices, positive ones before negative ones
    zero: IntArray  # labels
    part: IntArray  # (3, room): vertices of a node by sign: negative, positive, zero
    part_slots: WordArray  # (3, room)
    part_value: FloatArray  # (2, room): values at negative and positive ones
    cut: IntArray  # (room,): new vertices of a cut
    cut_slots: WordArray  # (room,)
    value: FloatArray  # (3, width): LOW and HIGH pre-activations of a layer's units; VALUE: room for those of a vertex
    piece: IndexArray  # (width,): the pieces that they are known to be on
    active: IndexArray  # (width + 4,): units that are not zero
    factor: FloatArray  # (d + 1, width + 4): their rows
    normal: FloatArray  # (d + 1,): what cuts a node
    chosen_size: FloatArray  # (d,)
    beside: WordArray  # (64, 64): slots that are met together with two
    system: FloatArray  # (65, 2 d + 2): planes through a vertex: constant, normal, size; room for another copy of it
    chosen: FloatArray  # (d, 2 d + 1): d of them, what their inverse is made of


class Output(NamedTuple):
    """Finished cells; see `linregions.regions.boxes.batch.CellBatch`."""

    filled: IndexArray  # (3,): cells, vertices, labels
    cell_offsets: IndexArray
    points: FloatArray
    slots: WordArray
    vertex_keys: WordArray
    tight: ByteArray
    slot_offsets: IndexArray
    slot_labels: IntArray
    slot_signs: SignArray
    cell_keys: WordArray
    pattern_words: WordArray
