"""Tell the next layer between which pivots a new point of a line lies: pure array code (see `line_products`).

In the interval between rows p and q of a line, the groups of cuts are numbered from 0; here -1 stands for p, and
their number for q. Both are pivots, and so is one group in `spacing`.
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.lines.kernels.decisions import (
    AFTER,
    BEFORE,
    BEST,
    CUT_BREAKPOINT,
    CUT_NEURON,
    GROUPS,
    HERE,
    IN_GROUP,
    ORDER,
    RESERVED,
    STEP,
    FloatArray,
    IntArray,
    Layer,
    Rows,
    Stage,
    WordArray,
)
from linregions.regions.lines.kernels.rows import activate, between, scaled_norm


@compiled(inlined=True)
def even_spacing(most: int, n_groups: int) -> int:
    """Part the groups of an interval as evenly as it goes, and no more often than `most` asks for."""
    n_parts = (n_groups + most) // most
    return (n_groups + n_parts) // n_parts


@compiled(internal=True)
def cut_row(layer: Layer, stage: Stage, w: FloatArray, p: int, g: int, first: int) -> None:
    """Set ``stage.row`` to the pre-activations at group g, whose first cut in order is `first`."""
    z, numbers, out = stage.z, stage.cut_numbers, stage.row
    cut_neuron, cut_breakpoint = numbers[CUT_NEURON], numbers[CUT_BREAKPOINT]
    order, group = numbers[ORDER], numbers[IN_GROUP]
    q, step = p + 1, stage.cuts[STEP, numbers[BEST, g]]
    unbounded = w[p] == 0.0 or w[q] == 0.0
    if unbounded:
        near, far = (p, q) if w[q] == 0.0 else (q, p)
    else:
        near, far = (p, q) if step >= 0.0 else (q, p)
    between(z[near], z[far], abs(step), unbounded, out)
    i = first
    while group[i] == g:
        out[cut_neuron[order[i]]] = layer.breakpoints[cut_breakpoint[order[i]]]
        i += 1


@compiled(inlined=True)
def write_pivot(
    layer: Layer, stage: Stage, w: FloatArray, p: int, g: int, h_next: FloatArray, rows_next: Rows, row: int
) -> None:
    """Write the activations at p, q or group g into a reserved row of the next stage."""
    n_groups = stage.state[GROUPS]
    if g < 0 or g == n_groups:
        at = p if g < 0 else p + 1
        weight, z = w[at], stage.z[at]
    else:
        first = 0
        while stage.cut_numbers[IN_GROUP, first] < g:
            first += 1
        cut_row(layer, stage, w, p, g, first)
        weight, z = 1.0, stage.row
    activate(z, weight, layer.rectify, layer.breakpoints, layer.slopes, layer.intercepts, h_next[row])
    norm = scaled_norm(h_next[row], layer.inverse_scale)
    rows_next.norm[row] = np.sqrt(norm * norm + weight * weight)


@compiled(inlined=True)
def _gap(step: FloatArray, best: IntArray, n_groups: int, from_end: bool, a: int, b: int) -> float:
    """Return how far p, q or groups a and b are apart, in lengths of the interval or, if unbounded, units of t.

    Steps count from the nearer end, so that differences of places near it keep their digits.
    """
    back_a = from_end or a == n_groups
    from_a = 0.0
    if 0 <= a < n_groups:
        from_a, back_a = abs(step[best[a]]), from_end or step[best[a]] < 0.0
    back_b = from_end or b == n_groups
    from_b = 0.0
    if 0 <= b < n_groups:
        from_b, back_b = abs(step[best[b]]), from_end or step[best[b]] < 0.0
    if back_a == back_b:
        return from_a - from_b if back_a else from_b - from_a
    return from_a + from_b - 1.0 if back_a else 1.0 - from_a - from_b


@compiled(inlined=True)
def _mark_kinks(stage: Stage, a: int, b: int, out: WordArray) -> None:
    """Mark the neurons that are not affine between groups a and b.

    That is who crosses a breakpoint at a group between them, once however many it crosses. A neuron of group a or b
    crosses there, unless another cut stands for that group: then the neuron has been moved a little to be on its
    breakpoint.
    """
    numbers = stage.cut_numbers
    cut_neuron, order, group, best = numbers[CUT_NEURON], numbers[ORDER], numbers[IN_GROUP], numbers[BEST]
    for k in range(out.size):
        out[k] = np.uint64(0)
    i = 0
    while 0 <= group[i] <= b:
        g, cut = group[i], order[i]
        if a < g < b or (a <= g and cut != best[g]):
            j = cut_neuron[cut]
            out[j // 64] |= np.uint64(1) << np.uint64(j % 64)
        i += 1


@compiled(inlined=True)
def join_pivots(
    layer: Layer,
    stage: Stage,
    w: FloatArray,
    p: int,
    g: int,
    spacing: int,
    h_next: FloatArray,
    rows_next: Rows,
    row: int,
    is_first: bool,
) -> None:
    """Note for the row of group g, which is no pivot, between which pivots it lies and what bends between them.

    With `is_first`, no row before it in the next stage has the same pivots.
    """
    step, best, n_groups, here = stage.cuts[STEP], stage.cut_numbers[BEST], stage.state[GROUPS], stage.state[HERE]
    room = rows_next.t.size - RESERVED
    a = (g + 1) // spacing * spacing - 1
    b = min(a + spacing, n_groups)
    if is_first:
        _mark_kinks(stage, a, b, rows_next.kinks[row])
        # One call for both, and inlined: else it takes seconds more to compile.
        for k in range(RESERVED):
            if (a < here) if k == 0 else (row + (b - g) >= room):
                write_pivot(layer, stage, w, p, a if k == 0 else b, h_next, rows_next, room + k)
    else:
        for k in range(rows_next.kinks.shape[1]):
            rows_next.kinks[row, k] = rows_next.kinks[row - 1, k]
    from_end = w[p] == 0.0
    before, after = _gap(step, best, n_groups, from_end, a, g), _gap(step, best, n_groups, from_end, g, b)
    if a < 0 and w[p] == 0.0:
        share = (after, 1.0)
    elif b == n_groups and w[p + 1] == 0.0:
        share = (1.0, before)
    else:
        share = (after / (before + after), before / (before + after))
        if not (before > 0.0 and after > 0.0):
            return  # cannot be told apart: a pivot
    rows_next.share[row, BEFORE], rows_next.share[row, AFTER] = share
    rows_next.ends[row, BEFORE] = row - (g - a) if a >= here else room
    rows_next.ends[row, AFTER] = row + (b - g) if row + (b - g) < room else room + 1
