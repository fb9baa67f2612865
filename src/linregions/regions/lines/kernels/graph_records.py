"""Flat records that the kernels of graphs on lines work on: the network, a cell of a line, and what cells leave.

A cell is an interval with its points in order. Points are homogeneous, ``(w, s)`` with s the place in the cell's own
unit: an end without bound has the weight w = 0 and stands for the change per unit outwards. So every tensor is a
combination of basis functions whose values a point has in a row, ``w`` and ``s`` first, and what is affine between two
points is so between a point and an end without bound.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.networks.kernels.products import TILE_ROWS
from linregions.networks.kernels.sites import CHANNELS, PADDED, SITES, WIDTH, Tensors, make_tensors

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
ByteArray = npt.NDArray[np.uint8]

# Columns of every cell: w and s.
WEIGHT, PLACE, N_AFFINE = 0, 1, 2
# Of a line's affine rows.
CONSTANT, SLOPE_ALONG, TERMS, SLOPE_TERMS = range(4)
# Of points: shares of the cell's ends, how far the place may be off by rounding, and with what earlier errors add; the
# SHARE of terms there that counts: they may be as large as the others divided by it.
OF_START, OF_END, UNCERTAINTY, DOUBT, SHARE = range(5)
# Of a cell's frame: the place along the line is ``CENTRE + UNIT * s``, which begins at OFFSET.
CENTRE, UNIT, OFFSET = range(3)
# Of a line's progress: where it stands, cells done, breakpoints found and crossings met, cells that had no room.
REACHED, BEGUN, FOUND, MET, HALVED = range(5)
# Of a tally.
SNAPPED, MERGED, UNDECIDED, MARGIN = range(4)
# Of enclosures: values at the ends, largest distance from the chord, size of the numbers at hand, a slope of no use.
AT_START, AT_END, STRAY, LARGE, STEEP = range(5)
# Of cuts: numbers, and integers.
CUT_PLACE, CUT_STEP, CUT_UNCERTAINTY, CUT_DOUBT, CUT_LEFT, CUT_RIGHT = range(6)
CUT_INTERVAL, CUT_SWITCH, CUT_COLUMN, CUT_BREAKPOINT, CUT_RISES, CUT_ORDER = range(6)
# Of events.
EVENT_POINT, EVENT_SWITCH, EVENT_RISES = range(3)
# Of `size`.
N_POINTS, N_BASIS, N_CUTS, N_EVENTS, N_SNAPPED, N_MERGED, N_UNDECIDED = range(7)
# Of `Output.filled`.
N_PLACES, N_CHANGES = range(2)

# What a cell or a line ends with.
OK, ROOM, FULL, OUT_OF_RANGE = range(4)


class GraphPlan(NamedTuple):
    """A graph on lines. From `shape` to `is_chain` it says what `linregions.networks.kernels.sites.Steps` does."""

    shape: IndexArray
    term: IndexArray
    offset: IndexArray
    tap: IndexArray
    weights: FloatArray
    norms: FloatArray
    biases: FloatArray
    activation: FloatArray
    is_chain: bool
    column: IndexArray  # (steps + 1,) where the affine rows of a given step begin, and their number
    depth: FloatArray  # (steps,) steps before it, whose errors it may have got
    neuron: IndexArray  # (switches,) neuron of each switch, -1 for none; a comparison has that of its window
    breakpoint: IndexArray  # (switches,) which one of its activation
    comparison: IndexArray  # (switches,) number of the comparison, or -1
    window: IndexArray  # (comparisons,)
    switch: IndexArray  # (comparisons,)
    entry: IndexArray  # (2, comparisons) entry on each side, where it is one
    earlier: IndexArray  # (2, comparisons) the comparison whose winner stands there, or -1
    last: IndexArray  # (windows,) comparison that tells the winner, or -1
    relative: float  # tolerance
    target: float  # breakpoints that a cell is to have


class Cell(NamedTuple):
    """What one thread needs to take cells through a graph."""

    phi: FloatArray  # (columns, points): basis functions at the points
    point: FloatArray  # (5, points)
    order: IndexArray  # (2, points): points along the line; room to merge them
    sign: npt.NDArray[np.int8]  # (points,) of a unit at the points in order
    tensors: Tensors
    history: IndexArray  # (steps, 2, width): PIECE and BASIS of the units of all steps so far
    scale: FloatArray  # (5, width + 4): sizes of terms; see `sites`
    bound: FloatArray  # (4, width): enclosures of the pre-activations on the cell, rows as of `fit`
    fit: FloatArray  # (5, columns): enclosures of the basis functions
    kept: IndexArray  # (width + 4,): units that these do not decide
    value: FloatArray  # (points,): of one of them
    listed: IndexArray  # (columns,): basis functions that it is made of
    weight: FloatArray  # (columns,): and how much there is of each
    crowding: FloatArray  # (1,): the most that the place of a point is off, of its distance from the next
    cut: FloatArray  # (6, cuts): of the step at hand
    cut_number: IndexArray  # (6, cuts)
    event: IndexArray  # (3, events): of the cell
    event_order: IndexArray  # (2, events): events by point; room
    counted: IndexArray  # (points + 1,): room to sort them
    given: FloatArray  # (2, units): affine rows of the cell
    bit: ByteArray  # (switches,): is it passed in the first interval of the cell?
    now: ByteArray  # (switches,): and where the line has been followed to?
    saved: ByteArray  # (switches,): the same before the cell at hand
    mark: IndexArray  # (2, windows): room to find which of them change
    frame: FloatArray  # (3,): CENTRE, UNIT, OFFSET
    size: IndexArray  # (8,): see above
    margin: FloatArray  # (1,): closest decision not taken as equal, in bands


class Output(NamedTuple):
    """Places where something changes, in order, and what."""

    filled: IndexArray  # (2,): N_PLACES, N_CHANGES
    place: FloatArray
    end: IndexArray  # of the changes of each place
    neuron: npt.NDArray[np.int32]
    breakpoint: npt.NDArray[np.int32]
    direction: npt.NDArray[np.int8]


def make_cell(plan: GraphPlan, room: int, switches: int, windows: int) -> Cell:
    """Allocate what a cell with as many points and basis functions takes."""
    columns = -(-room // TILE_ROWS) * TILE_ROWS
    steps, width = plan.biases.shape
    n_given = int(plan.column[-1])
    return Cell(
        phi=np.zeros((columns, columns)),
        point=np.zeros((5, columns)),
        order=np.zeros((2, columns), dtype=np.int64),
        sign=np.zeros(columns, dtype=np.int8),
        tensors=make_tensors(plan, columns),
        history=np.zeros((steps, 2, width), dtype=np.int64),
        scale=np.zeros((5, width + 4)),
        bound=np.zeros((4, width)),
        fit=np.zeros((5, columns)),
        kept=np.zeros(width + 4, dtype=np.int64),
        value=np.zeros(columns),
        listed=np.zeros(columns + 4, dtype=np.int64),
        weight=np.zeros(columns + 4),
        crowding=np.zeros(1),
        cut=np.zeros((6, 4 * columns)),
        cut_number=np.zeros((6, 4 * columns), dtype=np.int64),
        event=np.zeros((3, 4 * columns), dtype=np.int64),
        event_order=np.zeros((2, 4 * columns), dtype=np.int64),
        counted=np.zeros(columns + 1, dtype=np.int64),
        given=np.zeros((2, n_given)),
        bit=np.zeros(switches, dtype=np.uint8),
        now=np.zeros(switches, dtype=np.uint8),
        saved=np.zeros(switches, dtype=np.uint8),
        mark=np.zeros((2, windows), dtype=np.int64),
        frame=np.zeros(3),
        size=np.zeros(8, dtype=np.int64),
        margin=np.zeros(1),
    )


def cell_bytes(plan: GraphPlan, room: int) -> int:
    """Return about how many bytes of a cell's room are used: rows of a tensor are few at most sites."""
    shape = plan.shape
    padded = int((shape[SITES] * shape[PADDED]).max(initial=0))
    return 8 * (2 * room * room + 16 * 3 * padded + 8 * int(shape[WIDTH].max(initial=0)) + int(shape[CHANNELS].max()))


def make_output(room: int) -> Output:
    """Return room for as many places and changes."""
    return Output(
        filled=np.zeros(2, dtype=np.int64),
        place=np.empty(room),
        end=np.empty(room, dtype=np.int64),
        neuron=np.empty(room, dtype=np.int32),
        breakpoint=np.empty(room, dtype=np.int32),
        direction=np.empty(room, dtype=np.int8),
    )
