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

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.dense import add_four, add_four_to_one, multiply_listed
from linregions.regions.lines.kernels.decisions import (
    AFTER,
    BEFORE,
    FILLED,
    IN_NORM,
    IN_VALUE,
    MULTIPLIED,
    REORDER,
    RESERVED,
    FloatArray,
    IntArray,
    Layer,
    Rows,
    Stage,
    WordArray,
    linear_part,
)

# A row is better multiplied where more than one of its values in so many may be lost.
_MANY = 4


@compiled(inlined=True)
def _list_kinks(kinks: WordArray, active: IntArray) -> int:
    """List the inputs that may bend; return how many."""
    count = 0
    for word in range(kinks.size):
        bits = kinks[word]
        while bits:
            active[count] = 64 * word + lowest_bit(bits)
            bits &= bits - np.uint64(1)
            count += 1
    return count


@compiled(inlined=True)
def _find_changes(
    x: float,
    first: FloatArray,
    y: float,
    second: FloatArray,
    h: FloatArray,
    inverse: FloatArray,
    active: IntArray,
    n: int,
    out: FloatArray,
) -> float:
    """Find by how much some inputs of a row are off the line between the pivots; return the sum in their scales."""
    total = 0.0
    for i in range(n):
        j = active[i]
        off = h[j] - (x * first[j] + y * second[j])
        out[j] = off
        total += abs(off) * inverse[j]
    return total


@compiled(fastmath={"contract"}, inlined=True)
def _combine(x: float, first: FloatArray, y: float, second: FloatArray, out: FloatArray) -> None:
    for k in range(out.size):
        out[k] = x * first[k] + y * second[k]


@compiled(fastmath=REORDER, inlined=True)
def _count_small(values: FloatArray, size: FloatArray, limit: float) -> int:
    """Count the values that may be small beside the changes that went into them."""
    count = 0
    for k in range(values.size):
        count += 1 if abs(values[k]) < limit * size[k] else 0
    return count


@compiled(inlined=True)
def _mend(
    layer: Layer, h: FloatArray, active: IntArray, n: int, change: FloatArray, values: FloatArray, limit: float
) -> None:
    """Multiply anew the values that are small beside the changes that went into them."""
    for k in range(values.size):
        if abs(values[k]) < limit * layer.size[k]:
            terms = 0.0
            for i in range(n):
                terms += abs(layer.weight[k, active[i]] * change[active[i]])
            if not terms <= layer.losses[IN_VALUE] * abs(values[k]):
                values[k] = linear_part(layer.weight[k], h)


@compiled(inlined=True)
def _multiply_pivots(layer: Layer, rows: Rows, stage: Stage) -> None:
    """Multiply the pivots that are new, and those in reserved rows if they are asked for."""
    ends, n_inputs, room = rows.ends, stage.h.shape[1], rows.t.size - RESERVED
    listed, count = stage.active[n_inputs + 4 :], 0
    before, after = False, False
    for row in range(stage.state[MULTIPLIED], stage.state[FILLED]):
        if ends[row, BEFORE] < 0:
            listed[count] = row
            count += 1
        else:
            before, after = before or ends[row, BEFORE] == room, after or ends[row, AFTER] == room + 1
    if before:
        listed[count] = room
        count += 1
    if after:
        listed[count] = room + 1
        count += 1
    multiply_listed(stage.h, listed[:count], layer.transposed, stage.active, stage.packed, stage.z)


@compiled()
def multiply_or_interpolate(layer: Layer, rows: Rows, stage: Stage) -> None:
    """Set the linear parts of the pre-activations of all rows that are there and not yet multiplied.

    Rows that turn out to be no worse as products become pivots.
    """
    h, z, ends, share, norm, change = stage.h, stage.z, rows.ends, rows.share, rows.norm, stage.change
    n_inputs, stop, active = h.shape[1], stage.state[FILLED], stage.active
    _multiply_pivots(layer, rows, stage)
    listed, count = active[n_inputs + 4 :], 0
    row = stage.state[MULTIPLIED]
    while row < stop:
        a, b = ends[row, BEFORE], ends[row, AFTER]
        start = row
        row += 1
        if a < 0:
            continue
        # Up to four rows between the same pivots go together, so that columns of weights are read half as often.
        while row < stop and row - start < 4 and ends[row, BEFORE] == a and ends[row, AFTER] == b:
            row += 1
        n = _list_kinks(rows.kinks[start], active)
        if n > layer.most_kinks:
            for c in range(start, row):
                listed[count] = c
                count += 1
            continue
        for c in range(start, row):
            _combine(share[c, BEFORE], z[a], share[c, AFTER], z[b], z[c])
            change[c - start, n_inputs] = _find_changes(
                share[c, BEFORE], h[a], share[c, AFTER], h[b], h[c], layer.inverse_input, active, n, change[c - start]
            )
        for i in range(0, row - start, 2):
            c = start + i
            for first in range(0, n, 4):
                many = min(4, n - first)
                if c + 1 < row:
                    add_four(change[i], change[i + 1], layer.transposed, active, first, many, z[c], z[c + 1])
                else:
                    add_four_to_one(change[i], layer.transposed, active, first, many, z[c])
        for c in range(start, row):
            changes = change[c - start, n_inputs]
            limit = changes / layer.losses[IN_VALUE]
            small = _count_small(z[c], layer.size, limit)
            terms = share[c, BEFORE] * norm[a] + share[c, AFTER] * norm[b] + changes
            if _MANY * small > z.shape[1] or not terms <= layer.losses[IN_NORM] * norm[c]:
                listed[count] = c
                count += 1
            elif small:
                _mend(layer, h[c], active, n, change[c - start], z[c], limit)
    for i in range(count):
        ends[listed[i], BEFORE] = -1
    multiply_listed(h, listed[:count], layer.transposed, active, stage.packed, z)
