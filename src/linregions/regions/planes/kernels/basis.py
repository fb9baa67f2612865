"""Pre-activations in a cell as combinations of few basis functions, and which neurons are not stable there."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_COLUMNS, TILE_ROWS, add_product
from linregions.regions.planes.kernels.complex import blur
from linregions.regions.planes.kernels.records import (
    BASIS,
    BREAKPOINT,
    COLUMN,
    FIRST_SWITCH,
    FIRST_WEIGHT,
    HEIGHT,
    KNOT,
    N_BREAKPOINTS,
    OPEN,
    PIECE,
    SLOPE,
    SWITCH_IN_LAYER,
    WIDTH,
)
from linregions.regions.planes.kernels.workspace import (
    ONE,
    RADIUS,
    SNAPPED,
    UNDECIDED,
    FloatArray,
    IndexArray,
    IntArray,
    UnsignedArray,
    V,
    WordArray,
)

# Neurons whose values at all vertices are made together.
SCREENED_AT_ONCE = 64
# Of the bounds on a cell, relative to the sizes summed: thousands of terms stay below.
_ROUNDING = 1e-12
# Squares between these are right to the last bits, and so are sums of them. A size whose square is below the smallest
# is far below the band of such a breakpoint.
_SMALLEST, _LARGEST, _NEGLIGIBLE = 1e-280, 1e300, 1e-120


@compiled(internal=True)
def activate(phi: FloatArray, n_vertices: int, activation: FloatArray, layer: int, t: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    if t == 1:  # no look-up of pieces, so that the loop is vectorised
        xi = activation[BREAKPOINT, layer, 0]
        slope_0, knot_0, height_0 = activation[SLOPE:, layer, 0]
        slope_1, knot_1, height_1 = activation[SLOPE:, layer, 1]
        for v in range(n_vertices):
            row = phi[v, first : first + n]
            for c in range(n):
                below, above = slope_0 * (row[c] - knot_0) + height_0, slope_1 * (row[c] - knot_1) + height_1
                row[c] = above if row[c] > xi else below
        return
    for v in range(n_vertices):
        row = phi[v, first : first + n]
        for c in range(n):
            z = row[c]
            piece = 0
            for j in range(t):
                piece += z > activation[BREAKPOINT, layer, j]
            knot, height = activation[KNOT, layer, piece], activation[HEIGHT, layer, piece]
            row[c] = activation[SLOPE, layer, piece] * (z - knot) + height


@compiled(internal=True)
def next_rows(
    shape: IndexArray,
    weights: FloatArray,
    biases: FloatArray,
    activation: FloatArray,
    unit: IndexArray,
    scale: FloatArray,
    gather: IndexArray,
    counted: IndexArray,
    left: FloatArray,
    rows: FloatArray,
    out: FloatArray,
    layer: int,
    n_basis: int,
    n_unstable: int,
) -> bool:
    """Find the rows `out` of the pre-activations of `layer` (>= 1) from the rows of the layer before.

    False if squares of their sizes are no numbers, or so small that bands made of them would be wrong.
    """
    before = layer - 1
    n_prev, n = shape[WIDTH, before], shape[WIDTH, layer]
    padded = (n + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
    first = shape[FIRST_WEIGHT, layer]
    matrix = weights[first : first + n_prev * padded].reshape(n_prev, padded)
    n_rows = (n_basis + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for i in range(max(n_rows, n_basis + n_unstable)):
        for k in range(n):
            out[i, k] = 0.0
    magnitude, lipschitz, sizes, steeps, slopes = scale[2], scale[3], scale[4], scale[5], scale[6]
    for k in range(n):
        out[0, k] = biases[layer, k]
        magnitude[k] = biases[layer, k] ** 2
        lipschitz[k] = 0.0
    steepest = 0.0
    for j in range(shape[N_BREAKPOINTS, before] + 1):
        steepest = max(steepest, abs(activation[SLOPE, before, j]))
    inner, sized = np.int64(0), np.int64(0)  # a literal would have the product compiled once more
    for j in range(n_prev):
        if unit[PIECE, j] < 0:
            slope = steepest
            constant = 0.0
            for k in range(n):
                out[unit[BASIS, j], k] = matrix[j, k]
        else:
            slope = activation[SLOPE, before, unit[PIECE, j]]
            constant = activation[HEIGHT, before, unit[PIECE, j]] - slope * activation[KNOT, before, unit[PIECE, j]]
            if slope != 0.0:
                gather[inner], slopes[inner] = j, slope
                inner += 1
            if constant != 0.0:
                for k in range(n):
                    out[0, k] += constant * matrix[j, k]
        size = (abs(slope) * scale[0, j] + abs(constant)) ** 2
        steep = (slope * scale[1, j]) ** 2
        if size > 0.0 or steep > 0.0:
            counted[sized], sizes[sized], steeps[sized] = j, size, steep
            sized += 1
    for i in range(n_basis):
        for c in range(inner):
            left[i, c] = slopes[c] * rows[i, gather[c]]
    while sized % 4:
        counted[sized], sizes[sized], steeps[sized] = 0, 0.0, 0.0
        sized += 1
    for i in range(0, sized, 4):  # by four, so that sums are loaded and stored less often
        row_0, row_1 = matrix[counted[i]], matrix[counted[i + 1]]
        row_2, row_3 = matrix[counted[i + 2]], matrix[counted[i + 3]]
        size_0, size_1, size_2, size_3 = sizes[i], sizes[i + 1], sizes[i + 2], sizes[i + 3]
        steep_0, steep_1, steep_2, steep_3 = steeps[i], steeps[i + 1], steeps[i + 2], steeps[i + 3]
        for k in range(n):
            square_0, square_1, square_2, square_3 = row_0[k] ** 2, row_1[k] ** 2, row_2[k] ** 2, row_3[k] ** 2
            magnitude[k] += (square_0 * size_0 + square_1 * size_1) + (square_2 * size_2 + square_3 * size_3)
            lipschitz[k] += (square_0 * steep_0 + square_1 * steep_1) + (square_2 * steep_2 + square_3 * steep_3)
    for i in range(n_basis, n_rows):
        for c in range(inner):
            left[i, c] = 0.0
    add_product(left, n_rows, inner, matrix, gather, 0, n, out, np.bool_(False))
    fits = True
    for k in range(n):
        scale[0, k] = np.sqrt(magnitude[k])
        scale[1, k] = np.sqrt(lipschitz[k])
        fits &= _SMALLEST < magnitude[k] < _LARGEST and lipschitz[k] < _LARGEST
    return fits or _squares_tell(shape, activation, scale, out, layer, max(n_rows, n_basis + n_unstable))


@compiled(internal=True)
def _squares_tell(
    shape: IndexArray, activation: FloatArray, scale: FloatArray, out: FloatArray, layer: int, n_rows: int
) -> bool:
    """Whether squares that are very small or large are those of zeros, or do not matter beside the breakpoints."""
    for k in range(shape[WIDTH, layer]):
        magnitude, lipschitz = scale[2, k], scale[3, k]
        if not (magnitude < _LARGEST and lipschitz < _LARGEST):
            return False
        if magnitude > _SMALLEST:
            continue
        level = np.inf  # where nothing switches, nothing depends on it
        for j in range(shape[N_BREAKPOINTS, layer]):
            level = min(level, abs(activation[BREAKPOINT, layer, j]))
        if level > _NEGLIGIBLE:
            continue
        for i in range(n_rows):
            if out[i, k] != 0.0:
                return False
    return True


@compiled(internal=True)
def enclose_basis(
    phi: FloatArray, n_vertices: int, fitted: int, n_basis: int, fit: FloatArray, box: FloatArray
) -> None:
    """Enclose basis functions on the cell: a plane, and how far the function strays from it.

    Those before `fitted` were enclosed when the cell had fewer vertices, which is as good: they are linear between
    them. Row by row `fit` gets, for each function, the plane's value at the centre of the vertices' box and its
    slopes, the largest distance from the plane and the size of the numbers at hand; its other rows are for sums. The
    `box` is the centre and half the sides, from the cell's first vertices.
    """
    if fitted == 0:
        low_u, high_u, low_v, high_v = np.inf, -np.inf, np.inf, -np.inf
        for v in range(n_vertices):
            low_u, high_u = min(low_u, phi[v, 1]), max(high_u, phi[v, 1])
            low_v, high_v = min(low_v, phi[v, 2]), max(high_v, phi[v, 2])
        box[0], box[1] = 0.5 * (low_u + high_u), 0.5 * (low_v + high_v)
        box[2], box[3] = 0.5 * (high_u - low_u), 0.5 * (high_v - low_v)
    centre_u, centre_v = box[0], box[1]
    # Sums over the vertices, function by function in the inner loops, since that is how phi lies in memory. Slices
    # begin at zero: an index that might be negative would be tested for it, and the loops not be vectorised.
    n = n_basis - fitted
    middle, slope_u, slope_v = fit[0, fitted:n_basis], fit[1, fitted:n_basis], fit[2, fitted:n_basis]
    stray, large, total = fit[3, fitted:n_basis], fit[4, fitted:n_basis], fit[5, fitted:n_basis]
    by_u, by_v = fit[6, fitted:n_basis], fit[7, fitted:n_basis]
    low, high = fit[8, fitted:n_basis], fit[9, fitted:n_basis]
    for i in range(n):
        total[i], by_u[i], by_v[i] = 0.0, 0.0, 0.0
        low[i], high[i] = np.inf, -np.inf
    sum_u, sum_v, uu, uv, vv = 0.0, 0.0, 0.0, 0.0, 0.0
    step = max(1, n_vertices // 32)  # some vertices tell well enough how a function lies
    sampled = (n_vertices + step - 1) // step
    for v in range(0, n_vertices, step):
        u, w = phi[v, 1] - centre_u, phi[v, 2] - centre_v
        sum_u, sum_v, uu, uv, vv = sum_u + u, sum_v + w, uu + u * u, uv + u * w, vv + w * w
        row = phi[v, fitted:n_basis]
        for i in range(n):
            total[i] += row[i]
            by_u[i] += row[i] * u
            by_v[i] += row[i] * w
    mean_u, mean_v = sum_u / sampled, sum_v / sampled
    uu, uv, vv = uu - sum_u * mean_u, uv - sum_u * mean_v, vv - sum_v * mean_v
    determinant = uu * vv - uv * uv
    steep_enough = uu > 0.0 and vv > 0.0 and determinant > 1e-6 * uu * vv  # else the vertices lie almost on a line
    for i in range(n):
        slope_u[i], slope_v[i] = 0.0, 0.0
        if steep_enough:
            p, q = by_u[i] - total[i] * mean_u, by_v[i] - total[i] * mean_v
            slope_u[i] = (p * vv - q * uv) / determinant
            slope_v[i] = (q * uu - p * uv) / determinant
    if fitted == 0:  # 1, u, v
        slope_u[0], slope_u[1], slope_u[2] = 0.0, 1.0, 0.0
        slope_v[0], slope_v[1], slope_v[2] = 0.0, 0.0, 1.0
    # What the slopes are is of no account for the bounds; only the distances from the planes must be right.
    for v in range(n_vertices):
        u, w = phi[v, 1] - centre_u, phi[v, 2] - centre_v
        row = phi[v, fitted:n_basis]
        for i in range(n):
            off = row[i] - slope_u[i] * u - slope_v[i] * w
            low[i] = min(low[i], off)
            high[i] = max(high[i], off)
    for i in range(n):
        middle[i] = 0.5 * (low[i] + high[i])
        stray[i] = 0.5 * (high[i] - low[i])
        large[i] = max(abs(low[i]), abs(high[i])) + 2.0 * (abs(slope_u[i]) * box[2] + abs(slope_v[i]) * box[3])


@compiled(internal=True)
def enclose_units(rows: FloatArray, n: int, n_basis: int, fit: FloatArray, box: FloatArray, bound: FloatArray) -> None:
    """Enclose every pre-activation on the cell: ``bound[0] - bound[1] <= z <= bound[0] + bound[1]``.

    Most neurons are stable, and this tells so of most of them for the price of a few vertices.
    """
    for i in range(5):
        for k in range(n):
            bound[i, k] = 0.0
    middle, reach, slope_u, slope_v, size = bound[0], bound[1], bound[2], bound[3], bound[4]
    for i in range(n_basis):
        at, by_u, by_v, stray, large = fit[0, i], fit[1, i], fit[2, i], fit[3, i], fit[4, i]
        row = rows[i]
        for k in range(n):
            middle[k] += row[k] * at
            reach[k] += abs(row[k]) * stray
            size[k] += abs(row[k]) * large
        for k in range(n):  # in two loops, since one with so many arrays is not vectorised
            slope_u[k] += row[k] * by_u
            slope_v[k] += row[k] * by_v
    for k in range(n):
        # The last term is far above the rounding of all these sums.
        reach[k] += abs(slope_u[k]) * box[2] + abs(slope_v[k]) * box[3] + _ROUNDING * size[k]


@compiled(internal=True)
def _vanishes(
    shape: IndexArray,
    weights: FloatArray,
    biases: FloatArray,
    activation: FloatArray,
    history: IndexArray,
    phi: FloatArray,
    layer: int,
    neuron: int,
    v: int,
) -> bool:
    """Whether a pre-activation is zero at a vertex since each of its terms is."""
    if biases[layer, neuron] != 0.0:
        return False
    before = layer - 1
    first, padded = shape[FIRST_WEIGHT, layer], (shape[WIDTH, layer] + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
    for j in range(shape[WIDTH, before]):
        if weights[first + j * padded + neuron] == 0.0:
            continue
        piece = history[before, PIECE, j]
        if piece < 0:
            if phi[v, history[before, BASIS, j]] != 0.0:
                return False
        elif activation[SLOPE, before, piece] != 0.0 or activation[HEIGHT, before, piece] != 0.0:
            return False
    return True


@compiled(internal=True)
def screen(
    phi: FloatArray,
    size: IndexArray,
    parent: IntArray,
    place: FloatArray,
    f_off: IntArray,
    side: UnsignedArray,
    f_word: WordArray,
    shape: IndexArray,
    activation: FloatArray,
    weights: FloatArray,
    biases: FloatArray,
    history: IndexArray,
    relative: float,
    rows: FloatArray,
    scale: FloatArray,
    bound: FloatArray,
    packed: FloatArray,
    block: FloatArray,
    counting: IndexArray,
    kept: IndexArray,
    source: IndexArray,
    unit: IndexArray,
    pending: IndexArray,
    base: WordArray,
    twin: IndexArray,
    counts: IndexArray,
    layer: int,
    n_basis: int,
    begin: int,
    most_switches: int,
    few_switches: int,
) -> tuple[int, int, int, int]:
    """Find the unstable ones among the open neurons of a layer; return their and their switches' number.

    `bound` encloses its units. Columns of phi from `begin` on are theirs. Switches of a neuron that is a multiple of
    one of them cut nothing: they stand at the end of `pending`, with those that they switch with, counted from 1 and
    with the sign of the factor; the third number is how many they are.
    If all have more than `most_switches`, no more than `few_switches` are taken (those of a neuron at least, and of the
    first ones, which name an edge that several make), and other neurons stay open: the last number is about how many of
    these are unstable. Returns (-1, columns that may be needed, 0, 0) when phi has too few columns.
    """
    n, t, n_vertices = shape[WIDTH, layer], shape[N_BREAKPOINTS, layer], size[0]
    most = max(1, most_switches // max(1, t))
    n_rows = (n_vertices + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for v in range(n_vertices, n_rows):
        for i in range(n_basis):
            phi[v, i] = 0.0
    radius = 0.0
    for v in range(n_vertices):
        radius = max(radius, place[RADIUS, v])
    n_kept = 0
    for neuron in range(n):
        if unit[PIECE, neuron] != OPEN:
            continue
        piece = 0
        known = True
        other = abs(twin[layer, neuron]) - 1
        if other >= 0 and unit[PIECE, other] == OPEN:
            kept[n_kept] = neuron
            n_kept += 1
            continue
        for j in range(t):
            xi = activation[BREAKPOINT, layer, j]
            gap = bound[0, neuron] - xi
            clear = bound[1, neuron] + relative * (scale[0, neuron] + abs(xi)) + scale[1, neuron] * radius
            if not abs(gap) > clear:
                known = False
                break
            piece += gap > 0.0
        if known:
            unit[PIECE, neuron] = piece
            for j in range(piece):
                switch = np.uint64(shape[FIRST_SWITCH, layer] + neuron * t + j)
                base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
        else:
            kept[n_kept] = neuron
            n_kept += 1
    unstable, switches, followers, examined = 0, 0, 0, 0
    low, high = bound[0], bound[1]  # of the kept ones, from here on
    for first in range(0, n_kept, SCREENED_AT_ONCE):
        if unstable > most:
            break
        width = min(SCREENED_AT_ONCE, n_kept - first)
        examined += width
        padded = (width + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
        for i in range(n_basis):
            for k in range(width):
                packed[i, k] = rows[i, kept[first + k]]
            for k in range(width, padded):
                packed[i, k] = 0.0
        add_product(phi, n_rows, n_basis, packed, counting, 0, padded, block, np.bool_(True))
        for k in range(width):
            low[k] = block[0, k]
            high[k] = block[0, k]
        for v in range(1, n_vertices):
            for k in range(width):
                z = block[v, k]
                low[k] = min(low[k], z)
                high[k] = max(high[k], z)
        unstable_before = unstable
        for k in range(width):
            neuron = kept[first + k]
            piece = 0
            crosses = False
            other = abs(twin[layer, neuron]) - 1
            # One of which the other was taken before is as any: it cuts where there is an edge already.
            follows = other >= 0 and unit[PIECE, other] == -1 and unit[BASIS, other] >= begin
            for j in range(t):
                xi = activation[BREAKPOINT, layer, j]
                band = relative * (scale[0, neuron] + abs(xi))
                unclear = False
                if follows and (t == 1 or (low[k] - xi < -band and high[k] - xi > band)):
                    followers += 1
                    at = pending.shape[1] - followers
                    pending[SWITCH_IN_LAYER, at] = neuron * t + j
                    pending[COLUMN, at] = other * t + j + 1
                    if twin[layer, neuron] < 0:
                        pending[COLUMN, at] = -pending[COLUMN, at]
                    crosses = True
                elif low[k] - xi < -band and high[k] - xi > band:
                    pending[SWITCH_IN_LAYER, switches] = neuron * t + j
                    pending[COLUMN, switches] = begin + unstable
                    switches += 1
                    crosses = True
                elif high[k] - xi > band:
                    piece += 1
                    switch = np.uint64(shape[FIRST_SWITCH, layer] + neuron * t + j)
                    if low[k] - xi > band + scale[1, neuron] * radius:
                        base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                        continue
                    unclear = True
                    if f_word.shape[1] > 0:  # zero somewhere: perhaps on whole faces, and there it is not above
                        for f in range(size[2]):
                            for i in range(f_off[f], f_off[f + 1]):
                                corner = np.int64(side[V, i])
                                slack = band + blur(block, k, corner, parent, place, scale[1, neuron])
                                if block[corner, k] - xi > slack:
                                    f_word[f, switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                                    break
                elif high[k] - xi > -band - scale[1, neuron] * radius:
                    unclear = True
                if not unclear:
                    continue
                for v in range(n_vertices):
                    d = block[v, k] - xi
                    slack = band + blur(block, k, v, parent, place, scale[1, neuron])
                    if abs(d) <= slack and slack > 0.0:  # else every term is zero everywhere
                        if (
                            d == 0.0
                            and xi == 0.0
                            and _vanishes(shape, weights, biases, activation, history, phi, layer, neuron, v)
                        ):
                            continue
                        counts[SNAPPED] += d != 0.0
                        counts[UNDECIDED] += 1
            if not crosses:
                unit[PIECE, neuron] = piece
                continue
            unit[PIECE, neuron] = -1
            unit[BASIS, neuron] = begin + unstable
            if begin + unstable >= phi.shape[1]:
                more = min(unstable + n_kept - first - k, most + SCREENED_AT_ONCE)
                return -1, min(2 * phi.shape[1], begin + more), 0, 0
            source[unstable - unstable_before] = k
            unstable += 1
        for v in range(n_vertices):  # row by row, as phi lies in memory
            for i in range(unstable - unstable_before):
                z = block[v, source[i]]
                if z == 0.0:
                    neuron = kept[first + source[i]]
                    if _vanishes(shape, weights, biases, activation, history, phi, layer, neuron, v):
                        z = -0.0  # which no sum is: see `sign_words`
                phi[v, begin + unstable_before + i] = z
    left = 0
    if unstable > most:
        seen = unstable
        unstable = max(1, few_switches // t)
        left = seen * n_kept // examined - unstable
        end = begin + unstable
        while switches > 0 and pending[COLUMN, switches - 1] >= end:
            switches -= 1
            unit[PIECE, pending[SWITCH_IN_LAYER, switches] // t] = OPEN
        while followers > 0:
            neuron = pending[SWITCH_IN_LAYER, pending.shape[1] - followers] // t
            if unit[BASIS, neuron] < end:
                break
            followers -= 1
            unit[PIECE, neuron] = OPEN
    return unstable, switches, followers, left
