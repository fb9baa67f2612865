"""Flat records that proofs of windows work on: layers, a proposal divided to cells, and what a walk has at hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

#: What follows the 3 n coefficients of a layer's forms: bounds of their errors, of norms of what the layer reads, and
#: by how many roundings of its bias a constant is off. A coefficient of column c of unit j is off by at most
#: ``ERROR[c] norms[j]``, a constant by ``BIAS U bias[j]`` more; but for the bias it is at most ``NORM[c] norms[j]``.
ERROR, NORM, BIAS, N_BOUNDS = 0, 3, 6, 8


class Layers(NamedTuple):
    """Layers 0 .. L - 1 of a chain, all with breakpoints; layer m has n_m units, T_m breakpoints."""

    first: IndexArray  # (L + 1,) first switch of each
    size: IndexArray  # (L,) units
    points: IndexArray  # (L + 1,) where its breakpoints are in `point`
    unit: IndexArray  # (L + 1,) where its units are in `norm` and `bias`
    matrix: IndexArray  # (L + 1,) where its weights are in `weight`
    layer_of: IntArray  # (switches,)
    point: FloatArray
    jump: FloatArray  # by how much the slope changes at each breakpoint
    slope: FloatArray  # of pieces, T_m + 1 of each layer: where points are, and m places on
    is_rectifier: npt.NDArray[np.bool_]  # (L,) slopes 0 and 1, and the breakpoint 0
    weight: FloatArray  # rows are inputs; none of layer 0
    norm: FloatArray  # of the weights of each unit, 2^-400 at least but for zero
    norms: FloatArray  # (L,) norm of these
    bias: FloatArray  # absolute values
    mask: WordArray  # (L, words) switches of each layer
    sides: FloatArray  # (sides, 3) forms that are positive in the window, each coefficient rounded


class Pieces(NamedTuple):
    """A proposal: faces that earlier layers than the last do not tell apart make a leaf, and leaves make cells."""

    words: WordArray  # (F, words)
    about: FloatArray  # (V, 2) about where it is
    leaf: IntArray  # (F,)
    cell: IntArray  # (L, leaves) of layers before layer k, the cell that a leaf is in
    crossing: IntArray  # (.., 3) ways from each leaf to others: face and leaf beyond, and column of the edge
    crossing_off: IndexArray  # (leaves + 1,)
    vertex: IntArray  # (V, 4) those that each leaf's faces look at: number, face, and the two columns that are zero
    vertex_off: IndexArray
    box: FloatArray  # (L, leaves, 4) middle and half the sides of a box round the vertices of each cell


class Hand(NamedTuple):
    """What a walk has at hand: forms of some leaves, in slots, and edges that are to be crossed."""

    pool: FloatArray  # slots of all layers
    base: IndexArray  # (L,) where slots of a layer begin
    n_slots: IndexArray  # (L,)
    free: IntArray  # (L + 1, slots) numbers of free slots, and of free states
    n_free: IndexArray  # (L + 1,)
    uses: IntArray  # (L + 1, slots) how often a slot is in use, or a state
    slot: IntArray  # (states, L)
    queue: IntArray  # (L, .., 4) ways to be gone, as in `crossing`, and the state to come from
    ends: IndexArray  # (L, 2) of each queue
    reached: npt.NDArray[np.bool_]  # (leaves,)
    current: IntArray  # (L,) the cells that we are in
    word: WordArray  # (words,) the pattern that `sign` has
    sign: FloatArray  # (switches,)
    known: WordArray  # (L + 1, 2, words): switches that have one sign in the cell, and this sign
    listed: npt.NDArray[np.uint32]  # (L, L + 1, switches of a layer and 1) others
    n_listed: IndexArray  # (L, L + 1)
    margin: FloatArray  # (3 widest,) three rows of numbers
    part: FloatArray  # (1, 4) a box
    place: FloatArray  # (V, 4) where vertices are, as in `vertex`, and bounds of the errors
    open: IntArray  # vertices that are left
