"""Forms of all layers on one cell from those on the cell beside it, with bounds on what rounding did.

Unit i of a layer switches between the cells: what comes out of it changes by `jump` times its form. What that makes of
a later layer is the product of a number for each unit and this form. All roundings are counted, with u = 2^-53.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.regions.planes.kernels.proof_records import BIAS, ERROR, NORM, Hand, Layers

FloatArray = npt.NDArray[np.float64]
WordArray = npt.NDArray[np.uint64]

U = 2.0**-53
SLACK = 1.0 + 2.0**-30  # for the few roundings of bounds
LEAST = 2.0**-400  # nothing that is there has a smaller bound, so that no product of bounds vanishes


@compiled(inlined=True)
def bit(words: WordArray, k: int) -> np.int64:
    """Return a bit of a pattern."""
    return np.int64((words[k >> 6] >> np.uint64(k & 63)) & np.uint64(1))


@compiled(inlined=True)
def cross(layers: Layers, hand: Hand, source: int, target: int, label: int, words: WordArray) -> None:
    """Write the forms of a state from those of another one, from which `label` leads there; slots are given."""
    pool, point = hand.pool, layers.point
    own_layer = layers.layer_of[label]
    n_points = layers.points[own_layer + 1] - layers.points[own_layer]
    i = (label - layers.first[own_layer]) // n_points
    b = layers.points[own_layer] + (label - layers.first[own_layer]) % n_points
    jump = layers.jump[b] if bit(words, label) else -layers.jump[b]
    n, at = (
        layers.size[own_layer],
        hand.base[own_layer] + hand.slot[target, own_layer] * (3 * layers.size[own_layer] + 8),
    )
    bounds = pool[at + 3 * n : at + 3 * n + 8]
    own_norm, off = layers.norm[layers.unit[own_layer] + i] * SLACK, np.abs(point[b])
    a0, a1, a2 = pool[at + i], pool[at + n + i], pool[at + 2 * n + i]
    e0, e1, e2 = bounds[ERROR] * own_norm, bounds[ERROR + 1] * own_norm, bounds[ERROR + 2] * own_norm
    e0 += bounds[BIAS] * U * layers.bias[layers.unit[own_layer] + i]
    if off != 0.0:
        e0 += 4 * U * (abs(a0) + off)
        a0 -= point[b]
    row_size = hand.margin.shape[0] // 3
    norm, error = abs(jump) * (1 + 4 * U), 4 * U * abs(jump)
    for m in range(own_layer + 1, layers.size.shape[0]):
        wide, read = layers.size[m], layers.size[m - 1]
        weight = layers.weight[layers.matrix[m] : layers.matrix[m + 1]]
        at = (m & 1) * row_size
        change = hand.margin[at : at + wide]
        if m == own_layer + 1:
            row = weight[i * wide : (i + 1) * wide]
            for j in range(wide):
                change[j] = jump * row[j]
        else:
            at = row_size - at
            before, own = hand.margin[at : at + read], hand.margin[2 * row_size : 2 * row_size + read]
            slopes = layers.slope[layers.points[m - 1] + m - 1 : layers.points[m] + m]
            norms = layers.norm[layers.unit[m - 1] : layers.unit[m]]
            total, weights = _switched(slopes, norms, layers.first[m - 1], before, own, words)
            _multiply(own, weight, change)
            size = np.sqrt(total) * SLACK + LEAST
            # What is known of the numbers before, and the rounding of products with slopes.
            error = (error * np.sqrt(weights) + 4 * U * size) * SLACK
            norm = (size + error) * SLACK
            error = (error + (read + 8) * 1.01 * U * size) * SLACK + LEAST
        old = hand.base[m] + hand.slot[source, m] * (3 * wide + 8)
        new = hand.base[m] + hand.slot[target, m] * (3 * wide + 8)
        _add(pool[old : old + wide], change, a0, pool[new : new + wide])
        _add(pool[old + wide : old + 2 * wide], change, a1, pool[new + wide : new + 2 * wide])
        _add(pool[old + 2 * wide : old + 3 * wide], change, a2, pool[new + 2 * wide : new + 3 * wide])
        past, now = pool[old + 3 * wide : old + 3 * wide + 8], pool[new + 3 * wide : new + 3 * wide + 8]
        rectified = m == own_layer + 1 and layers.is_rectifier[own_layer]
        _bound(past, now, 0, abs(a0), e0, norm, error, rectified, jump)
        _bound(past, now, 1, abs(a1), e1, norm, error, rectified, jump)
        _bound(past, now, 2, abs(a2), e2, norm, error, rectified, jump)
        now[BIAS] = past[BIAS] + 2.0


@compiled(inlined=True)
def _bound(
    past: FloatArray, now: FloatArray, c: int, a: float, off: float, norm: float, error: float, rectified: bool,
    jump: float,
) -> None:  # fmt: skip
    """Bound errors and norms of a column, to which numbers times `a` were added.

    The numbers are at most `norm` times the norm of each unit's weights and off by `error` times that; `a` is off by
    `off`.
    """
    if rectified and jump > 0.0:
        size = np.sqrt(past[NORM + c] ** 2 + (a + off) ** 2) * SLACK
    elif rectified:
        size = past[NORM + c]
    else:
        size = (past[NORM + c] + norm * (a + off)) * SLACK
    now[NORM + c] = size + LEAST
    now[ERROR + c] = (past[ERROR + c] + norm * (off + 4 * U * a) + error * a + 4 * U * size) * SLACK + LEAST


@compiled(inlined=True)
def _add(old: FloatArray, change: FloatArray, a: float, new: FloatArray) -> None:
    for j in range(change.shape[0]):
        new[j] = old[j] + change[j] * a


@compiled(internal=True)
def _switched(
    slopes: FloatArray, norm: FloatArray, first: int, before: FloatArray, own: FloatArray, words: WordArray
) -> tuple[float, float]:  # fmt: skip
    """Multiply numbers of a layer's units by their slopes; return the squares' sum, and that of slopes and norms."""
    n_points = slopes.shape[0] - 1
    total, weights = 0.0, 0.0
    if n_points == 1:
        low, high = slopes[0], slopes[1]
        for k in range(own.shape[0]):
            slope = high if bit(words, first + k) else low
            own[k] = slope * before[k]
            total += own[k] * own[k]
            weights += (slope * norm[k]) ** 2
        return total, weights
    for k in range(own.shape[0]):
        piece = 0
        for b in range(n_points):
            piece += bit(words, first + k * n_points + b)
        own[k] = slopes[piece] * before[k]
        total += own[k] * own[k]
        weights += (slopes[piece] * norm[k]) ** 2
    return total, weights


@compiled(internal=True)
def _multiply(own: FloatArray, weight: FloatArray, change: FloatArray) -> None:
    """Write a row times a matrix; what is zero in the row costs nothing."""
    n, wide = own.shape[0], change.shape[0]
    for j in range(wide):
        change[j] = 0.0
    k = 0
    while k < n:
        # Four rows that count at a time.
        a, b, c, d = 0, 0, 0, 0
        x, y, z, w = 0.0, 0.0, 0.0, 0.0
        while k < n and own[k] == 0.0:
            k += 1
        if k < n:
            a, x, k = k, own[k], k + 1
        while k < n and own[k] == 0.0:
            k += 1
        if k < n:
            b, y, k = k, own[k], k + 1
        while k < n and own[k] == 0.0:
            k += 1
        if k < n:
            c, z, k = k, own[k], k + 1
        while k < n and own[k] == 0.0:
            k += 1
        if k < n:
            d, w, k = k, own[k], k + 1
        _add_rows(
            change, weight[a * wide : (a + 1) * wide], weight[b * wide : (b + 1) * wide],
            weight[c * wide : (c + 1) * wide], weight[d * wide : (d + 1) * wide], x, y, z, w,
        )  # fmt: skip


@compiled(inlined=True)
def _add_rows(
    change: FloatArray, p: FloatArray, q: FloatArray, r: FloatArray, s: FloatArray, x: float, y: float, z: float,
    w: float,
) -> None:  # fmt: skip
    for j in range(change.shape[0]):
        change[j] += (x * p[j] + y * q[j]) + (z * r[j] + w * s[j])
