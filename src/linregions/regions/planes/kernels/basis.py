"""Pre-activations in a cell as combinations of few basis functions, and which neurons are not stable there."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_COLUMNS, TILE_ROWS, add_product
from linregions.networks.kernels.sites import (
    AT_HAND,
    BASIS,
    BREAKPOINT,
    CHANNELS,
    FIRST_ROW,
    FIRST_SWITCH,
    HEIGHT,
    KNOT,
    N_BREAKPOINTS,
    N_COLUMNS,
    PADDED,
    PIECE,
    SITES,
    SIZE,
    SLOPE,
    STEEPNESS,
    WIDTH,
)
from linregions.networks.kernels.zeros import list_terms, vanishes, zeros_add_up
from linregions.regions.planes.kernels.complex import change_there
from linregions.regions.planes.kernels.entering import number_of
from linregions.regions.planes.kernels.records import (
    CENTRE_X,
    CENTRE_Y,
    COLUMN,
    HALF_X,
    HALF_Y,
    HIGH,
    LARGE,
    LOW,
    MIDDLE,
    OPEN,
    SLOPE_X,
    SLOPE_Y,
    STRAY,
    SUM,
    SUM_X,
    SUM_Y,
    SWITCH_IN_LAYER,
    Plan,
    Scratch,
)
from linregions.regions.planes.kernels.workspace import (
    CONSTANT,
    N_EDGES,
    N_FACES,
    N_VERTICES,
    NOW,
    ONE,
    POS,
    SNAPPED,
    SWITCH,
    UNCERTAINTY,
    UNDECIDED,
    ZERO,
    A,
    B,
    FloatArray,
    V,
    Workspace,
    X,
    Y,
)

# Neurons whose values at all vertices are made together.
SCREENED_AT_ONCE = 64
# Of the bounds on a cell, relative to the sizes summed: thousands of terms stay below.
_ROUNDING = 1e-12


@compiled(internal=True)
def activate(ws: Workspace, plan: Plan, layer: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    phi, n_vertices, activation, t = ws.phi, ws.size[N_VERTICES], plan.activation, plan.shape[N_BREAKPOINTS, layer]
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
            low_u, high_u = min(low_u, phi[v, X]), max(high_u, phi[v, X])
            low_v, high_v = min(low_v, phi[v, Y]), max(high_v, phi[v, Y])
        box[CENTRE_X], box[CENTRE_Y] = 0.5 * (low_u + high_u), 0.5 * (low_v + high_v)
        box[HALF_X], box[HALF_Y] = 0.5 * (high_u - low_u), 0.5 * (high_v - low_v)
    centre_u, centre_v = box[CENTRE_X], box[CENTRE_Y]
    # Sums over the vertices, function by function in the inner loops, since that is how phi lies in memory. Slices
    # begin at zero: an index that might be negative would be tested for it, and the loops not be vectorised.
    n = n_basis - fitted
    middle, stray, large = fit[MIDDLE, fitted:n_basis], fit[STRAY, fitted:n_basis], fit[LARGE, fitted:n_basis]
    slope_u, slope_v = fit[SLOPE_X, fitted:n_basis], fit[SLOPE_Y, fitted:n_basis]
    total, by_u, by_v = fit[SUM, fitted:n_basis], fit[SUM_X, fitted:n_basis], fit[SUM_Y, fitted:n_basis]
    low, high = fit[LOW, fitted:n_basis], fit[HIGH, fitted:n_basis]
    for i in range(n):
        total[i], by_u[i], by_v[i] = 0.0, 0.0, 0.0
        low[i], high[i] = np.inf, -np.inf
    sum_u, sum_v, uu, uv, vv = 0.0, 0.0, 0.0, 0.0, 0.0
    step = max(1, n_vertices // 32)  # some vertices tell well enough how a function lies
    sampled = (n_vertices + step - 1) // step
    for v in range(0, n_vertices, step):
        u, w = phi[v, X] - centre_u, phi[v, Y] - centre_v
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
        slope_u[CONSTANT], slope_u[X], slope_u[Y] = 0.0, 1.0, 0.0
        slope_v[CONSTANT], slope_v[X], slope_v[Y] = 0.0, 0.0, 1.0
    # What the slopes are is of no account for the bounds; only the distances from the planes must be right.
    for v in range(n_vertices):
        u, w = phi[v, X] - centre_u, phi[v, Y] - centre_v
        row = phi[v, fitted:n_basis]
        for i in range(n):
            off = row[i] - slope_u[i] * u - slope_v[i] * w
            low[i] = min(low[i], off)
            high[i] = max(high[i], off)
    for i in range(n):
        middle[i] = 0.5 * (low[i] + high[i])
        stray[i] = 0.5 * (high[i] - low[i])
        large[i] = max(abs(low[i]), abs(high[i])) + 2.0 * (
            abs(slope_u[i]) * box[HALF_X] + abs(slope_v[i]) * box[HALF_Y]
        )


@compiled(internal=True)
def enclose_units(plan: Plan, sc: Scratch, layer: int) -> None:
    """Enclose every pre-activation on the cell: ``MIDDLE - STRAY <= z <= MIDDLE + STRAY``.

    Most neurons are stable, and this tells so of most of them for the price of a few vertices.
    """
    fit, box, tensors, n_channels = sc.fit, sc.box, sc.tensors, plan.shape[CHANNELS, layer]
    across, columns = plan.shape[PADDED, layer], tensors.columns[AT_HAND]
    n_table = tensors.rows.shape[1] // across
    table = tensors.rows[AT_HAND, : n_table * across].reshape(n_table, across)
    for s in range(plan.shape[SITES, layer]):
        begin, end = s * n_channels, (s + 1) * n_channels
        middle, slope_u, slope_v = (
            sc.bound[MIDDLE, begin:end],
            sc.bound[SLOPE_X, begin:end],
            sc.bound[SLOPE_Y, begin:end],
        )
        reach, size = sc.bound[STRAY, begin:end], sc.bound[LARGE, begin:end]
        for k in range(n_channels):
            middle[k], slope_u[k], slope_v[k], reach[k], size[k] = 0.0, 0.0, 0.0, 0.0, 0.0
        first = tensors.site[AT_HAND, FIRST_ROW, s]
        for at in range(first, first + tensors.site[AT_HAND, N_COLUMNS, s]):
            i, row = columns[at], table[at]
            middle_i, by_u, by_v = fit[MIDDLE, i], fit[SLOPE_X, i], fit[SLOPE_Y, i]
            stray, large = fit[STRAY, i], fit[LARGE, i]
            for k in range(n_channels):
                middle[k] += row[k] * middle_i
                reach[k] += abs(row[k]) * stray
                size[k] += abs(row[k]) * large
            for k in range(n_channels):  # in two loops, since one with so many arrays is not vectorised
                slope_u[k] += row[k] * by_u
                slope_v[k] += row[k] * by_v
        for k in range(n_channels):
            # The last term is far above the rounding of all these sums.
            reach[k] += abs(slope_u[k]) * box[HALF_X] + abs(slope_v[k]) * box[HALF_Y] + _ROUNDING * size[k]


@compiled(internal=True)
def _pack(plan: Plan, sc: Scratch, layer: int, n_basis: int, first: int, width: int) -> int:
    """Gather the rows of some kept units, from the `first` on; return their number rounded up to whole tiles."""
    packed, kept, tensors, n_channels = sc.packed, sc.kept, sc.tensors, plan.shape[CHANNELS, layer]
    across, columns = plan.shape[PADDED, layer], tensors.columns[AT_HAND]
    n_table = tensors.rows.shape[1] // across
    table = tensors.rows[AT_HAND, : n_table * across].reshape(n_table, across)
    padded = (width + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
    # A step before which nothing switches has the affine rows alone, however many functions there are by now.
    one_site = plan.shape[SITES, layer] == 1 and tensors.site[AT_HAND, N_COLUMNS, 0] == n_basis
    for i in range(n_basis):
        if one_site:
            for k in range(width):
                packed[i, k] = table[i, kept[first + k]]
        for k in range(width if one_site else 0, padded):
            packed[i, k] = 0.0
    if not one_site:
        for k in range(width):
            s, c = kept[first + k] // n_channels, kept[first + k] % n_channels
            start = tensors.site[AT_HAND, FIRST_ROW, s]
            for at in range(start, start + tensors.site[AT_HAND, N_COLUMNS, s]):
                packed[columns[at], k] = table[at, c]
    return padded


@compiled(internal=True)
def _is_zero_there(ws: Workspace, plan: Plan, sc: Scratch, v: int, layer: int, neuron: int) -> bool:
    """Whether a pre-activation of a graph is zero at a vertex since its terms are, some as the vertex is on their line.

    In a cell that such a line bounds, the value of a unit is a sum that only nearly is zero on it.
    """
    lines, n_lines = ws.order_bit, 0  # of no other use yet
    for e in range(ws.size[N_EDGES]):
        if (ws.edge[A, e] == v or ws.edge[B, e] == v) and ws.edge[SWITCH, e] >= 0 and n_lines < lines.shape[0]:
            lines[n_lines] = ws.edge[SWITCH, e]
            n_lines += 1
    return bool(zeros_add_up(plan, sc.history, ws.phi, v, lines, n_lines, layer, neuron))


@compiled(internal=True)
def screen(
    ws: Workspace, plan: Plan, sc: Scratch, layer: int, n_basis: int, begin: int, few: int
) -> tuple[int, int, int, int]:
    """Find the unstable ones among the open neurons of a layer; return their and their switches' number.

    `bound` encloses its units. Columns of phi from `begin` on are theirs. Switches of a neuron that is a multiple of
    one of them cut nothing: they stand at the end of `pending`, with those that they switch with, counted from 1 and
    with the sign of the factor; the third number is how many they are.
    If all have more than ``plan.most_switches``, no more than `few` are taken (those of a neuron at least, and of the
    first ones, which name an edge that several make), and other neurons stay open: the last number is about how many of
    these are unstable. Returns (-1, columns that may be needed, 0, 0) when phi has too few columns.
    """
    shape, activation, twin, relative = plan.shape, plan.activation, plan.twin, plan.relative
    phi, parent, place, counts, now = ws.phi, ws.parent, ws.place, ws.counts, ws.size[NOW]
    f_off, corner, f_word = ws.f_off[now], ws.side[now, V], ws.f_word[now]
    unit, scale, bound, pending, kept = sc.unit, sc.scale, sc.bound, sc.pending, sc.kept
    base, block, packed, source, where = sc.base, sc.block, sc.packed, sc.source, sc.tensors.where
    n, t, n_vertices = shape[WIDTH, layer], shape[N_BREAKPOINTS, layer], ws.size[N_VERTICES]
    most = max(1, plan.most_switches // max(1, t))
    n_rows = (n_vertices + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for v in range(n_vertices, n_rows):
        for i in range(n_basis):
            phi[v, i] = 0.0
    uncertainty = 0.0
    for v in range(n_vertices):
        uncertainty = max(uncertainty, place[UNCERTAINTY, v])
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
        # Zero all over, as where equal entries of a maximum are compared: terms of convolutions cancel to the last bit.
        nothing = not plan.is_chain and bound[LARGE, neuron] == 0.0
        for j in range(t):
            xi = activation[BREAKPOINT, layer, j]
            gap = bound[MIDDLE, neuron] - xi
            if nothing:
                piece += gap > 0.0
                continue
            clear = (
                bound[STRAY, neuron]
                + relative * (scale[SIZE, neuron] + abs(xi))
                + scale[STEEPNESS, neuron] * uncertainty
            )
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
    low, high = bound[MIDDLE], bound[STRAY]  # rows of no use from here on: for what is lowest and highest of 64 units
    for first in range(0, n_kept, SCREENED_AT_ONCE):
        if unstable > most:
            break
        width = min(SCREENED_AT_ONCE, n_kept - first)
        examined += width
        padded = _pack(plan, sc, layer, n_basis, first, width)
        add_product(phi, n_rows, n_basis, packed, sc.counting, 0, padded, block, np.bool_(True))
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
                band = relative * (scale[SIZE, neuron] + abs(xi))
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
                    if low[k] - xi > band + scale[STEEPNESS, neuron] * uncertainty:
                        base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                        continue
                    unclear = True
                elif high[k] - xi > -band - scale[STEEPNESS, neuron] * uncertainty:
                    unclear = True
                if not unclear:
                    continue
                above = ws.word[POS]  # of no other use yet
                n_terms = np.int64(-2)
                for v in range(n_vertices):
                    d = block[v, k] - xi
                    slack = band + change_there(block, k, v, parent, place, scale[STEEPNESS, neuron])
                    above[v] = np.uint64(d > slack)
                    if abs(d) <= slack and slack > 0.0:  # else every term is zero everywhere
                        if d == 0.0 and xi == 0.0:
                            if n_terms < -1:
                                n_terms = list_terms(plan, sc.history, where, layer, neuron)
                            if vanishes(phi, where, n_terms, v):
                                continue
                        if xi == 0.0 and not plan.is_chain and _is_zero_there(ws, plan, sc, v, layer, neuron):
                            continue
                        counts[SNAPPED] += d != 0.0
                        counts[UNDECIDED] += 1
                if f_word.shape[1] > 0 and high[k] - xi > band:
                    # Zero somewhere: perhaps on whole faces, and there it is not above.
                    switch = np.uint64(shape[FIRST_SWITCH, layer] + neuron * t + j)
                    number = np.uint64(number_of(sc.local, switch))
                    # Should there be too few words, the cell begins anew.
                    for f in range(ws.size[N_FACES] if number < np.uint64(64 * f_word.shape[1]) else 0):
                        passed = ZERO
                        for i in range(f_off[f], f_off[f + 1]):
                            passed |= above[corner[i]]
                        f_word[f, number >> np.uint64(6)] |= passed << (number & np.uint64(63))
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
        for i in range(unstable - unstable_before):
            neuron = kept[first + source[i]]
            low[i] = 0.0 if plan.is_chain else relative * scale[SIZE, neuron]
        zeros = False
        for v in range(n_vertices):  # row by row, as phi lies in memory
            for i in range(unstable - unstable_before):
                phi[v, begin + unstable_before + i] = block[v, source[i]]
                zeros |= abs(block[v, source[i]]) <= low[i]
        for i in range(unstable - unstable_before if zeros else 0):
            neuron = kept[first + source[i]]
            n_terms = list_terms(plan, sc.history, where, layer, neuron)
            for v in range(n_vertices):
                # The value -0.0 is that of no sum: see `sign_words`.
                if block[v, source[i]] == 0.0:
                    phi[v, begin + unstable_before + i] = -0.0 if vanishes(phi, where, n_terms, v) else 0.0
                near = not plan.is_chain and abs(block[v, source[i]]) <= low[i]
                if near and _is_zero_there(ws, plan, sc, v, layer, neuron):
                    phi[v, begin + unstable_before + i] = -0.0
    left = 0
    if unstable > most:
        seen = unstable
        unstable = max(1, few // t)
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
