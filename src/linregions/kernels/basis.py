"""Pre-activations in a cell as combinations of few basis functions, and which neurons are not stable there."""

from __future__ import annotations

import numpy as np
from numba import njit

from linregions.kernels.complex import blur
from linregions.kernels.plan import (
    BASIS,
    BREAKPOINT,
    COLUMN,
    FIRST_SWITCH,
    FIRST_WEIGHT,
    HEIGHT,
    KNOT,
    N_BREAKPOINTS,
    PIECE,
    SLOPE,
    SWITCH_IN_LAYER,
    WIDTH,
)
from linregions.kernels.products import add_product
from linregions.kernels.workspace import (
    ONE,
    RADIUS,
    FloatArray,
    IndexArray,
    IntArray,
    V,
    WordArray,
)


@njit(cache=True, nogil=True, error_model="numpy")
def activate(phi: FloatArray, n_vertices: int, activation: FloatArray, layer: int, t: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    for v in range(n_vertices):
        for c in range(first, first + n):
            z = phi[v, c]
            piece = 0
            for j in range(t):
                piece += z > activation[BREAKPOINT, layer, j]
            knot, height = activation[KNOT, layer, piece], activation[HEIGHT, layer, piece]
            phi[v, c] = activation[SLOPE, layer, piece] * (z - knot) + height


@njit(cache=True, nogil=True, error_model="numpy")
def next_rows(
    shape: IndexArray,
    weights: FloatArray,
    squares: FloatArray,
    biases: FloatArray,
    activation: FloatArray,
    unit: IndexArray,
    scale: FloatArray,
    gather: IndexArray,
    left: FloatArray,
    rows: FloatArray,
    out: FloatArray,
    layer: int,
    n_basis: int,
    n_unstable: int,
) -> None:
    """Find the rows `out` of the pre-activations of `layer` (>= 1) from the rows of the layer before."""
    before = layer - 1
    n_prev, n = shape[WIDTH, before], shape[WIDTH, layer]
    offset = shape[FIRST_WEIGHT, layer]
    n_rows = n_basis + (n_basis & 1)
    for i in range(n_basis + n_unstable + 1):
        for k in range(n):
            out[i, k] = 0.0
    magnitude, lipschitz = scale[2], scale[3]
    for k in range(n):
        out[0, k] = biases[layer, k]
        magnitude[k] = biases[layer, k] ** 2
        lipschitz[k] = 0.0
    steepest = 0.0
    for j in range(shape[N_BREAKPOINTS, before] + 1):
        steepest = max(steepest, abs(activation[SLOPE, before, j]))
    inner = 0
    for j in range(n_prev):
        if unit[PIECE, j] < 0:
            slope = steepest
            constant = 0.0
            for k in range(n):
                out[unit[BASIS, j], k] = weights[offset + j, k]
        else:
            slope = activation[SLOPE, before, unit[PIECE, j]]
            constant = activation[HEIGHT, before, unit[PIECE, j]] - slope * activation[KNOT, before, unit[PIECE, j]]
            if slope != 0.0:
                for i in range(n_basis):
                    left[i, inner] = slope * rows[i, j]
                gather[inner] = offset + j
                inner += 1
            if constant != 0.0:
                for k in range(n):
                    out[0, k] += constant * weights[offset + j, k]
        size = (abs(slope) * scale[0, j] + abs(constant)) ** 2
        steep = (slope * scale[1, j]) ** 2
        if size > 0.0 or steep > 0.0:
            for k in range(n):
                square = squares[offset + j, k]
                magnitude[k] += square * size
                lipschitz[k] += square * steep
    while inner & 3:
        for i in range(n_rows):
            left[i, inner] = 0.0
        gather[inner] = offset
        inner += 1
    if n_rows > n_basis:
        for c in range(inner):
            left[n_basis, c] = 0.0
    add_product(left, n_rows, inner, weights, gather, 0, n, out)
    for k in range(n):
        scale[0, k] = np.sqrt(magnitude[k])
        scale[1, k] = np.sqrt(lipschitz[k])


@njit(cache=True, nogil=True, error_model="numpy")
def screen(
    phi: FloatArray,
    size: IndexArray,
    parent: IntArray,
    place: FloatArray,
    f_off: IntArray,
    side: IntArray,
    f_word: WordArray,
    shape: IndexArray,
    activation: FloatArray,
    relative: float,
    rows: FloatArray,
    scale: FloatArray,
    extremes: FloatArray,
    block: FloatArray,
    counting: IndexArray,
    unit: IndexArray,
    pending: IndexArray,
    base: WordArray,
    layer: int,
    n_basis: int,
) -> tuple[int, int]:
    """Evaluate a layer at all vertices; keep columns of the unstable neurons. Return their and the switches' number.

    Returns (-1, columns needed) when phi has too few columns.
    """
    n, t, n_vertices = shape[WIDTH, layer], shape[N_BREAKPOINTS, layer], size[0]
    n_rows = n_vertices + (n_vertices & 1)
    n_inner = (n_basis + 3) & ~3
    for i in range(n_basis, n_inner):
        for k in range(n):
            rows[i, k] = 0.0
        for v in range(n_vertices):
            phi[v, i] = 0.0
    if n_rows > n_vertices:
        for i in range(n_inner):
            phi[n_vertices, i] = 0.0
    radius = 0.0
    for v in range(n_vertices):
        radius = max(radius, place[RADIUS, v])
    unstable = 0
    switches = 0
    for first in range(0, n, 64):
        width = min(64, n - first)
        for v in range(n_rows):
            for k in range(width):
                block[v, k] = 0.0
        add_product(phi, n_rows, n_inner, rows, counting, first, width, block)
        low, high = extremes[0], extremes[1]
        for k in range(width):
            low[k] = block[0, k]
            high[k] = block[0, k]
        for v in range(1, n_vertices):
            for k in range(width):
                z = block[v, k]
                low[k] = min(low[k], z)
                high[k] = max(high[k], z)
        for k in range(width):
            neuron = first + k
            piece = 0
            crosses = False
            for j in range(t):
                xi = activation[BREAKPOINT, layer, j]
                band = relative * (scale[0, neuron] + abs(xi))
                if low[k] - xi < -band and high[k] - xi > band:
                    pending[SWITCH_IN_LAYER, switches] = neuron * t + j
                    pending[COLUMN, switches] = n_basis + unstable
                    switches += 1
                    crosses = True
                elif high[k] - xi > band:
                    piece += 1
                    switch = np.uint64(shape[FIRST_SWITCH, layer] + neuron * t + j)
                    if low[k] - xi > band + scale[1, neuron] * radius:
                        base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                    else:  # zero somewhere: perhaps on whole faces, and there it is not above
                        for f in range(size[2]):
                            for i in range(f_off[f], f_off[f + 1]):
                                v = side[V, i]
                                slack = band + blur(block, k, v, parent, place, scale[1, neuron])
                                if block[v, k] - xi > slack:
                                    f_word[f, switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                                    break
            if not crosses:
                unit[PIECE, neuron] = piece
                continue
            unit[PIECE, neuron] = -1
            unit[BASIS, neuron] = n_basis + unstable
            # One spare column, since rows are padded to a multiple of four.
            if n_basis + unstable + 5 > phi.shape[1]:
                return -1, n_basis + n + 8
            for v in range(n_vertices):
                phi[v, n_basis + unstable] = block[v, k]
            unstable += 1
    return unstable, switches
