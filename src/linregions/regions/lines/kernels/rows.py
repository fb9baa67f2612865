"""Write the points of lines for the next layer: pure array code, compiled by numba (see `lines`)."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.regions.lines.kernels.decisions import BEFORE, REORDER, FloatArray, Layer, Rows, distance_along


@compiled(fastmath=REORDER)
def scaled_norm(h: FloatArray, inverse: FloatArray) -> float:
    """Return the Euclidean norm of a row, each unit measured in its own scale."""
    total = 0.0
    for k in range(h.size):
        scaled = h[k] * inverse[k]
        total += scaled * scaled
    return float(np.sqrt(total))


@compiled(fastmath=REORDER)
def _scaled_distance(a: FloatArray, b: FloatArray, inverse: FloatArray) -> float:
    """Return the scaled norm of the difference of two rows."""
    total = 0.0
    for k in range(a.size):
        scaled = (a[k] - b[k]) * inverse[k]
        total += scaled * scaled
    return float(np.sqrt(total))


@compiled(fastmath=REORDER, internal=True)
def _rectify_and_measure(
    z: FloatArray, before: FloatArray, inverse: FloatArray, out: FloatArray
) -> tuple[float, float]:
    """Apply ReLU; return the scaled norm of the row and that of its difference to the row before, in one go."""
    total, distance = 0.0, 0.0
    for k in range(z.size):
        h = z[k] if z[k] > 0.0 else 0.0
        out[k] = h
        scaled, difference = h * inverse[k], (h - before[k]) * inverse[k]
        total += scaled * scaled
        distance += difference * difference
    return float(np.sqrt(total)), float(np.sqrt(distance))


@compiled(fastmath=REORDER)
def activate(
    z: FloatArray,
    w: float,
    rectify: bool,
    breakpoints: FloatArray,
    slopes: FloatArray,
    intercepts: FloatArray,
    out: FloatArray,
) -> None:
    """Apply the activation to a finite row, or its outermost slopes to an unbounded end."""
    if rectify:
        for j in range(z.size):
            out[j] = z[j] if z[j] > 0.0 else 0.0
    elif w == 0.0:
        for j in range(z.size):
            out[j] = z[j] * (slopes[-1] if z[j] > 0.0 else slopes[0])
    else:
        for j in range(z.size):
            out[j] = slopes[0] * z[j] + intercepts[0]
        for b in range(breakpoints.size):
            for j in range(z.size):
                out[j] = slopes[b + 1] * z[j] + intercepts[b + 1] if z[j] > breakpoints[b] else out[j]


@compiled()
def between(near: FloatArray, far: FloatArray, step: float, unbounded: bool, out: FloatArray) -> None:
    """Interpolate a row from the nearer end, or go out along the slope of an unbounded end."""
    if unbounded:
        for j in range(near.size):
            out[j] = near[j] + step * far[j]
    else:
        for j in range(near.size):
            out[j] = near[j] + step * (far[j] - near[j])


@compiled(inlined=True)
def write_row(
    line: int, t: float, w: float, name: int, z: FloatArray, layer: Layer, h_next: FloatArray, rows_next: Rows, row: int
) -> None:
    """Write a row for the next layer, its activations from `z`; measure it and the change since the row before."""
    norm, steep, inverse = rows_next.norm, rows_next.steep, layer.inverse_scale
    rows_next.t[row], rows_next.w[row] = t, w
    rows_next.names[row], rows_next.line[row] = name, line
    rows_next.ends[row, BEFORE] = -1
    if h_next.shape[0] == 0:
        return
    change = 0.0
    if layer.rectify:
        # Not the row itself where none is before: arrays that overlap are summed in another order.
        before = h_next[row - 1] if row > 0 else z
        size, change = _rectify_and_measure(z, before, inverse, h_next[row])
    else:
        activate(z, w, layer.rectify, layer.breakpoints, layer.slopes, layer.intercepts, h_next[row])
        size = scaled_norm(h_next[row], inverse)
        change = _scaled_distance(h_next[row], h_next[max(row - 1, 0)], inverse)
    rows_next.noise[row] = size
    norm[row] = np.sqrt(rows_next.noise[row] * rows_next.noise[row] + w * w)
    steep[row] = 0.0
    if row > 0 and rows_next.line[row - 1] == line:
        if w == 0.0:
            steep[row - 1] = norm[row]
        elif rows_next.w[row - 1] == 0.0:
            steep[row - 1] = norm[row - 1]
        else:
            steep[row - 1] = change / distance_along(rows_next.t[row - 1], t)
