"""Pre-activations of the points of lines: products at pivots, the rest from the pivots beside (compiled by numba).

Let c be a point that the layer before has made in an interval of its own, and a and b pivots in or at the ends of the
same interval. There every input of the layer is affine between a and b, but for the few neurons j that cross a
breakpoint between them. With weights x and y, which place c between a and b,

    h(c) = x h(a) + y h(b) + sum_j d_j e_j,    so    z(c) = x z(a) + y z(b) + sum_j d_j W[:, j],

where ``d_j = h_j(c) - x h_j(a) - y h_j(b)``. That takes a few columns of W instead of all. An end without bound holds
the change per unit of length and has that length for its weight.

No error is handed on, since pivots are products. And no error grows: where the terms of the sums above exceed what
they add up to by more than ``Layer.losses``, the row or the one value is a product as well. So a value is about as good
as a product, in units of the last place of its terms, and exactly zero where nothing reaches it. Whatever is close to a
breakpoint or crosses it is found anew where it is decided (`lines.decide_rows`, `line_cuts`).
"""

from __future__ import annotations

import numpy as np

from linregions.kernels.bits import lowest_bit
from linregions.kernels.compiled import compiled
from linregions.kernels.dense import multiply_listed
from linregions.kernels.lines import (
    FILLED,
    MULTIPLIED,
    REORDER,
    RESERVED,
    FloatArray,
    IntArray,
    Layer,
    Rows,
    Stage,
    magnitude_and_value,
)

# With more than one input in so many that bends, or one value in so many that may be lost, a row is better multiplied.
_FEW = 4


@compiled(inlined=True)
def _find_changes(layer: Layer, rows: Rows, stage: Stage, row: int) -> tuple[int, float]:
    """List the inputs that bend at a row's place and how far they are off; return their number and their norm."""
    h, active, change, count, total = stage.h, stage.active, stage.change, 0, 0.0
    a, b, x, y = rows.ends[row, 0], rows.ends[row, 1], rows.share[row, 0], rows.share[row, 1]
    for word in range(rows.kinks.shape[1]):
        bits = rows.kinks[row, word]
        while bits:
            j = 64 * word + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            off = h[row, j] - (x * h[a, j] + y * h[b, j])
            if off != 0.0:
                active[count], change[count] = j, off
                count += 1
                total += abs(off) * layer.inverse_input[j]
    return count, total


@compiled(fastmath={"contract"}, inlined=True)
def _combine(
    x: float, first: FloatArray, y: float, second: FloatArray, change: float, column: FloatArray, out: FloatArray
) -> None:
    for k in range(out.size):
        out[k] = (x * first[k] + y * second[k]) + change * column[k]


@compiled(fastmath={"contract"}, inlined=True)
def _add_four(change: FloatArray, weights: FloatArray, active: IntArray, first: int, n: int, out: FloatArray) -> None:
    """Add up to four columns of weights to a row."""
    c0 = active[first]
    c1 = active[first + 1] if n > 1 else c0
    c2 = active[first + 2] if n > 2 else c0
    c3 = active[first + 3] if n > 3 else c0
    r0, r1, r2, r3 = weights[c0], weights[c1], weights[c2], weights[c3]
    a0 = change[first]
    a1 = change[first + 1] if n > 1 else 0.0
    a2 = change[first + 2] if n > 2 else 0.0
    a3 = change[first + 3] if n > 3 else 0.0
    for k in range(out.size):
        out[k] = (((out[k] + a0 * r0[k]) + a1 * r1[k]) + a2 * r2[k]) + a3 * r3[k]


@compiled(fastmath=REORDER, inlined=True)
def _count_small(values: FloatArray, size: FloatArray, limit: float) -> int:
    """Count the values that may be small beside the changes that went into them."""
    count = 0
    for k in range(values.size):
        count += np.int64(abs(values[k]) < limit * size[k])
    return count


@compiled(inlined=True)
def _mend(layer: Layer, h: FloatArray, active: IntArray, change: FloatArray, values: FloatArray, limit: float) -> None:
    """Multiply anew the values that are small beside the changes that went into them."""
    for k in range(values.size):
        if abs(values[k]) < limit * layer.size[k]:
            terms = 0.0
            for i in range(active.size):
                terms += abs(layer.weight[k, active[i]] * change[i])
            if not terms <= layer.losses[1] * abs(values[k]):
                values[k] = magnitude_and_value(layer.weight[k], h, 0.0)[1]


@compiled()
def multiply_or_interpolate(layer: Layer, rows: Rows, stage: Stage) -> None:
    """Set the linear parts of the pre-activations of all rows that are there and not yet multiplied.

    Rows that turn out to be no worse as products become pivots.
    """
    h, z, ends, share, norm, active = stage.h, stage.z, rows.ends, rows.share, rows.norm, stage.active
    n_inputs, room = h.shape[1], rows.t.size - RESERVED
    start, stop = stage.state[MULTIPLIED], stage.state[FILLED]
    listed, count = active[n_inputs + 4 :], 0
    before, after = False, False
    for row in range(start, stop):
        if ends[row, 0] < 0:
            listed[count] = row
            count += 1
        else:
            before, after = before or ends[row, 0] == room, after or ends[row, 1] == room + 1
    if before:
        listed[count] = room
        count += 1
    if after:
        listed[count] = room + 1
        count += 1
    multiply_listed(h, listed[:count], layer.transposed, active, z)
    count = 0
    for row in range(start, stop):
        a, b = ends[row, 0], ends[row, 1]
        if a < 0:
            continue
        x, y = share[row, 0], share[row, 1]
        n, changes = _find_changes(layer, rows, stage, row)
        fails = _FEW * n > n_inputs or not x * norm[a] + y * norm[b] + changes <= layer.losses[0] * norm[row]
        if not fails:
            out = z[row]
            _combine(x, z[a], y, z[b], stage.change[0] if n else 0.0, layer.transposed[active[0] if n else 0], out)
            for first in range(1, n, 4):
                _add_four(stage.change, layer.transposed, active, first, min(4, n - first), out)
            limit = changes / layer.losses[1]
            doubtful = _count_small(out, layer.size, limit)
            if _FEW * doubtful > out.size:
                fails = True
            elif doubtful:
                _mend(layer, h[row], active[:n], stage.change, out, limit)
        if fails:
            listed[count] = row
            count += 1
    for i in range(count):
        ends[listed[i], 0] = -1
    multiply_listed(h, listed[:count], layer.transposed, active, z)
