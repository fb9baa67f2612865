"""Another basis, once the unstable neurons of all layers before outnumber what a layer passes on.

Deep and narrow networks have hundreds of unstable neurons in a cell, and thirty to a layer. There the activations of
the layer itself are the smaller basis: no layer then costs more than a plain forward pass over the vertices so far.
"""

from __future__ import annotations

import numpy as np

from linregions.kernels.compiled import compiled
from linregions.kernels.plan import BASIS, COLUMN, PIECE, SLOPE, WIDTH
from linregions.kernels.products import TILE_COLUMNS, TILE_ROWS, add_product
from linregions.kernels.workspace import FloatArray, IndexArray


@compiled(internal=True)
def rebase(
    phi: FloatArray,
    n_vertices: int,
    shape: IndexArray,
    activation: FloatArray,
    unit: IndexArray,
    rows: FloatArray,
    packed: FloatArray,
    block: FloatArray,
    counting: IndexArray,
    passing: IndexArray,
    pending: IndexArray,
    layer: int,
    n_basis: int,
    n_unstable: int,
    n_switches: int,
    cost: float,
) -> int:
    """Make all neurons of a layer basis functions, except where they are constant, if that is less work ahead.

    Their pre-activations then stand in columns 3.. of phi. Returns how many they are, 0 if the basis is left as it
    is, or -1 if phi has too few columns for the change, whose work is multiplied by `cost`.
    """
    n, n_next = shape[WIDTH, layer], shape[WIDTH, layer + 1]
    n_passing = 0
    for k in range(n):
        if unit[PIECE, k] >= 0 and activation[SLOPE, layer, unit[PIECE, k]] != 0.0:
            passing[n_passing] = k
            n_passing += 1
    # Terms of products: rows of the next layer, and values of about half of its neurons at twice the vertices.
    kept = n_basis * n_passing * n_next + n_vertices * (n_basis + n_unstable) * n_next
    changed = n_vertices * n_basis * n_passing + n_vertices * (3 + n_passing + n_unstable) * n_next
    if not cost * changed < kept:
        return 0
    begin = n_basis + n_unstable
    if begin + n_passing > phi.shape[1]:
        return -1
    n_rows = (n_vertices + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for first in range(0, n_passing, 64):
        width = min(64, n_passing - first)
        padded = (width + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
        for i in range(n_basis):
            for k in range(width):
                packed[i, k] = rows[i, passing[first + k]]
            for k in range(width, padded):
                packed[i, k] = 0.0
        add_product(phi, n_rows, n_basis, packed, counting, 0, padded, block, np.bool_(True))
        for v in range(n_vertices):
            for k in range(width):
                phi[v, begin + first + k] = block[v, k]
    shift = n_basis - 3
    for v in range(n_vertices):
        for c in range(n_basis, begin + n_passing):
            phi[v, c - shift] = phi[v, c]
    for i in range(n_switches):
        pending[COLUMN, i] -= shift
    for k in range(n):
        if unit[PIECE, k] < 0:
            unit[BASIS, k] -= shift
    for i in range(n_passing):
        unit[PIECE, passing[i]] = -1
        unit[BASIS, passing[i]] = begin + i - shift
    return n_unstable + n_passing
