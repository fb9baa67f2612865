"""Records of steps and tensors by site, and what their rows mean. Nothing here is compiled.

On a cell every tensor is a combination ``sum_i phi_i T_i`` of basis functions. In a convolutional network few of them
reach a site, so each site has rows for its own list of columns only. A dense layer is one site with one tap.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

#: Rows and columns of a tile of a product, see `products`.
TILE_ROWS, TILE_COLUMNS = 4, 16

# Rows of a plan's `shape`, by step: units, sites and channels of its tensor, channels rounded up to whole tiles,
# breakpoints of its activation, its first switch, its terms, where its tensor is kept (-1: nowhere), and where its
# rows stand in `given` (-1: they are made of terms).
WIDTH, SITES, CHANNELS, PADDED, N_BREAKPOINTS, FIRST_SWITCH, FIRST_TERM, END_TERM, SLOT, GIVEN = range(10)
# Of `term`: the step that it reads and where its tensor is kept, where its offsets, weights and norms begin.
SOURCE, SOURCE_SLOT, FIRST_OFFSET, FIRST_WEIGHT, FIRST_NORM = range(5)
# Of `tap`.
IN_SITE, BLOCK = range(2)
# Of `activation`.
BREAKPOINT, SLOPE, KNOT, HEIGHT = range(4)
# Of what is known of units: the PIECE of a stable one, -1 if unstable; BASIS function of an unstable one.
PIECE, BASIS = 0, 1
# Of scales of units, and room to find these, squared.
NEXT_SIZE, NEXT_STEEPNESS, SIZE, STEEPNESS = 0, 1, 3, 4


class Steps(NamedTuple):
    """Steps of a network, flat: the part of an engine's plan that says how rows go from tensor to tensor."""

    shape: IndexArray  # (10, steps)
    term: IndexArray  # (5, terms)
    offset: IndexArray  # for each term, where the taps of its output sites begin, and the end
    tap: IndexArray  # (2, taps)
    weights: FloatArray  # blocks of all terms: input channels by PADDED output channels
    norms: FloatArray  # squared lengths of their columns: blocks by output channels
    biases: FloatArray  # (steps, max width)
    activation: FloatArray  # (4, steps, max T + 1): BREAKPOINT; SLOPE and a point KNOT, HEIGHT of each piece
    is_chain: bool  # of one-site steps: sizes of terms are handed on from step to step


@lru_cache(maxsize=64)
def chain_tables(
    widths: tuple[int, ...], first_switch: tuple[int, ...], n_breakpoints: tuple[int, ...]
) -> tuple[IndexArray, IndexArray, IndexArray, IndexArray]:
    """Return `shape`, `term`, `offset` and `tap` of dense layers one after the other, of one site each.

    The first is given; the weights of each other one, (inputs, padded outputs), follow those of the one before.
    """
    n = len(widths)
    later = np.arange(max(0, n - 1))
    shape = np.zeros((10, n), dtype=np.int64)
    shape[SITES], shape[WIDTH], shape[CHANNELS] = 1, widths, widths
    shape[PADDED] = -(-shape[WIDTH] // TILE_COLUMNS) * TILE_COLUMNS
    shape[FIRST_SWITCH], shape[N_BREAKPOINTS] = first_switch, n_breakpoints
    shape[END_TERM], shape[FIRST_TERM, 1:] = np.arange(n), later
    shape[GIVEN, 1:], shape[SLOT, n - 1 :] = -1, -1
    sizes = shape[WIDTH, :-1] * shape[PADDED, 1:]
    term = np.zeros((5, later.size), dtype=np.int64)
    term[SOURCE], term[FIRST_OFFSET], term[FIRST_WEIGHT] = later, 2 * later, np.cumsum(sizes) - sizes
    return shape, term, np.stack([later, later + 1], axis=1).ravel(), np.zeros((2, later.size), dtype=np.int64)


_LONGS, _FLOATS = np.zeros((10, 0), dtype=np.int64), np.zeros((0, 0))
#: The steps of no network.
NO_STEPS = Steps(_LONGS, _LONGS, _LONGS[0], _LONGS, _FLOATS.ravel(), _FLOATS.ravel(), _FLOATS, _FLOATS, True)


# Of `Tensors`: the tensor at hand is the first; kept ones follow.
AT_HAND = 0
FIRST_ROW, N_COLUMNS, N_ACTIVE, N_LOOSE, N_FIXED, N_COUNTED = range(6)
ACTIVE, LOOSE, LOOSE_BASIS, COUNTED = range(4)
CONSTANT_PART, UNIT_SLOPE, UNIT_SIZE, UNIT_STEEPNESS, SITE_SIZE = range(5)
PLACE, ROW = range(2)


class Tensors(NamedTuple):
    """Rows of the step at hand, and of the tensors that later steps read; by slot."""

    site: IndexArray  # (slots, 6, sites): FIRST_ROW, N_COLUMNS; of kept ones N_ACTIVE, N_LOOSE channels, N_FIXED with a
    # constant; N_COUNTED units of a chain's layer
    columns: IndexArray  # (slots, rows): basis function of each row
    unit: IndexArray  # (slots, 4, units): ACTIVE channels of a site one after the other; LOOSE: unstable ones and their
    # LOOSE_BASIS; COUNTED units of a chain's layer
    value: FloatArray  # (slots, 5, units): CONSTANT_PART of stable units, UNIT_SLOPE of active ones; squares of
    # UNIT_SIZE and UNIT_STEEPNESS of counted ones; SITE_SIZE: largest size of a site's units, squared
    rows: FloatArray  # (slots, numbers): tables with PADDED columns; the last row of one is for what nobody reads
    where: IndexArray  # (2, columns + room): PLACE of a basis function in the site at hand; ROW numbers of a product


def make_tensors(steps: Any, columns: int) -> Tensors:
    """Allocate room for the tensors of a plan, for as many basis functions in a cell."""
    shape = steps.shape
    slots = 2 + int(shape[SLOT].max(initial=-1))
    sites, width = int(shape[SITES].max(initial=0)), int(shape[WIDTH].max(initial=0)) + 4
    most, padded = int((shape[SITES] * shape[PADDED]).max(initial=0)), int(shape[PADDED].max(initial=0))
    columns = -(-columns // TILE_ROWS) * TILE_ROWS + TILE_ROWS
    return Tensors(
        site=np.zeros((slots, 6, sites), dtype=np.int64),
        columns=np.empty((slots, sites * columns), dtype=np.int64),
        unit=np.empty((slots, 4, width), dtype=np.int64),
        value=np.zeros((slots, 5, width)),
        rows=np.empty((slots, columns * most + padded)),
        where=np.full((2, columns + TILE_ROWS), -1, dtype=np.int64),
    )
