"""Distance to the nearest switch: per point, only the neurons that a cheap bound cannot rule out.

Where bounds rule out too little, `linregions.measures.distances.kernels.jacobians` takes over.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

# Sums may be reordered and multiply-adds fused: both only change rounding, which the guards below cover.
_FAST = {"contract", "reassoc"}
# Behind more layers, sums of absolute values are too large to tell noise by: whole Jacobians know better.
_CAREFUL_LAYERS, _DOUBTFUL = 8, -2.0
NO_UNIT, GIVEN_UP = -1, -2
ROW, SIZE, NEW_ROW, NEW_SIZE = range(4)
_GUARD = 1.0 + 1e-10  # on every bound: far above the rounding of norms and products


class Bounds(NamedTuple):
    """What all points share: the hidden layers, scaled so that weights are of about 1, and bounds on gradients."""

    widths: Any  # (depth + 1,) number of inputs, then of the units of each hidden layer
    units: Any  # (depth + 1,) number of units before each hidden layer
    switching: Any  # (depth,) bool: has the layer's activation breakpoints?
    weights: Any  # the scaled weights of the hidden layers, row by row
    starts: Any  # (depth + 1,) where each layer starts in it
    factor: Any  # (widths[1] * rank,) lower triangular R with ``W0 = R Q``, row by row
    tail: Any  # (depth,) ``||v W_l D W_{l-1} ... W_0|| <= tail[l] ||v||`` for all slopes D
    spectral: Any  # (depth,) norms of each layer's scaled weights
    frobenius: Any  # (depth,)
    row_norms: Any  # (n_units,) norms of the rows of each layer's scaled weights
    tolerance: float  # relative size below which rounding explains a gradient, and differences of tied distances


class AtPoints(NamedTuple):
    """What is known at m points."""

    slopes: Any  # (m, n_units) of the activations
    gaps: Any  # (m, n_units) from each hidden unit's pre-activation to its nearest breakpoint, times the unit's scale
    squares: Any  # (m, n_units) squared norms: of the unit's row of (scaled) weights times the slopes of the layer
    # below (any in layer 0); of the unit's gradient where whole Jacobians are carried
    errors: Any  # (m,) bound of the rounding error of a Jacobian so far
    noise: Any  # (m, depth) how large rounding may be in a layer, in units of the norm of a unit's row of weights
    distances: Any  # (m,) to the nearest switch; inf where no unit has a gradient
    nearest: Any  # (m,) the unit that switches there: NO_UNIT where there is none, GIVEN_UP where it took too long


class Scratch(NamedTuple):
    """Room that one thread uses for point after point."""

    active: Any  # (widest + 4,) int64
    row: Any  # (widest,)
    new: Any  # (widest,)
    careful: Any  # (4, widest) ROW of a product, SIZE of its terms, NEW_ROW, NEW_SIZE of the next one
    first: Any  # (units of the first layer,) distances to its units
    found: Any  # (n_units,) distances to the units looked at
    found_at: Any  # (n_units,) int64
    bound: Any  # (n_units,)
    candidate: Any  # (n_units,) int64


@compiled()
def activate(values: Any, n: int, bias: Any, pieces: Any, scale: Any, at: AtPoints, first: int) -> bool:
    """Add the bias to `values` (m, n) and apply the activation; set slopes and gaps to the nearest breakpoint.

    Their columns begin at `first`. A gap is the breakpoint (the lower one of two as near) minus
    the pre-activation, times `scale`; it stays untouched when there is no breakpoint. Returns whether all
    pre-activations are finite.
    """
    breakpoints, slopes, knots, heights = pieces
    m, n_breaks, finite = values.shape[0], breakpoints.size, True
    for i in range(m):
        z, steep, near = values[i, :n], at.slopes[i, first : first + n], at.gaps[i, first : first + n]
        for j in range(n):
            z[j] += bias[j]
        n_finite = 0
        for j in range(n):
            n_finite += abs(z[j]) < np.inf
        finite = finite and n_finite == n
        if n_breaks == 1:  # no branch on data, so that it is vectorised
            only, knot, height, left, right = breakpoints[0], knots[0], heights[0], slopes[0], slopes[1]
            for j in range(n):
                near[j] = (only - z[j]) * scale[j]
            for j in range(n):
                value = z[j]
                d = right if value > only else left
                steep[j] = d
                z[j] = d * (value - knot) + height
            continue
        for j in range(n):
            value = z[j]
            piece = 0
            for t in range(n_breaks):
                piece += value > breakpoints[t]
            steep[j] = slopes[piece]
            z[j] = slopes[piece] * (value - knots[piece]) + heights[piece]
            if n_breaks > 0:
                nearest = np.inf
                if piece < n_breaks:
                    nearest = breakpoints[piece] - value
                if piece > 0 and value - breakpoints[piece - 1] <= nearest:
                    nearest = breakpoints[piece - 1] - value
                near[j] = nearest * scale[j]
    return finite


@compiled()
def square(slope: Any, first: int, n: int, out: Any) -> None:
    """Set ``out[:, :n]`` to the squares of n columns of `slope`."""
    for i in range(out.shape[0]):
        row, squares = slope[i, first : first + n], out[i, :n]
        for j in range(n):
            squares[j] = row[j] * row[j]


@compiled(fastmath=_FAST)
def _norm(vector: Any, n: int) -> Any:
    total = 0.0
    for j in range(n):
        total += vector[j] * vector[j]
    return np.sqrt(total)


@compiled(fastmath=_FAST)
def _row_times_matrix(
    row: Any, rows: int, weights: Any, start: int, columns: int, triangular: bool, active: Any, out: Any
) -> None:
    """Multiply ``row[:rows]`` by the matrix that begins at ``weights[start]``; closed ReLUs leave many zeros in it."""
    n = 0
    for i in range(rows):
        active[n] = i
        n += row[i] != 0.0
    for j in range(columns):
        out[j] = 0.0
    first = 0
    while first < n:  # four rows at a time, so that `out` is read and written a quarter as often
        if first + 4 <= n:
            a, b, c, d = active[first], active[first + 1], active[first + 2], active[first + 3]
            end = min(d + 1, columns) if triangular else columns  # nothing right of the diagonal
            # Slices, since an index that might be negative would keep the loop from being vectorised.
            row_a, row_b = weights[start + a * columns :][:end], weights[start + b * columns :][:end]
            row_c, row_d = weights[start + c * columns :][:end], weights[start + d * columns :][:end]
            va, vb, vc, vd = row[a], row[b], row[c], row[d]
            for j in range(end):
                out[j] += (va * row_a[j] + vb * row_b[j]) + (vc * row_c[j] + vd * row_d[j])
            first += 4
        else:
            a = active[first]
            end = min(a + 1, columns) if triangular else columns
            row_a, va = weights[start + a * columns :][:end], row[a]
            for j in range(end):
                out[j] += va * row_a[j]
            first += 1


@compiled(fastmath=_FAST | {"nnan", "nsz"})
def smallest(values: Any, n: int) -> Any:
    """Return the minimum of values that are no NaN; a plain `min` would not be vectorised."""
    least = np.inf
    for k in range(n):
        least = min(least, values[k])
    return least


@compiled()
def careful_norm(layer: int, unit: int, slope: Any, bounds: Bounds, scratch: Any) -> Any:
    """Return the gradient's norm without the entries that are nothing but rounding.

    Every entry is compared with the sum of absolute values of the products that it is made of.
    """
    widths, weights, starts = bounds.widths, bounds.weights, bounds.starts
    row, size, new_row, new_size = scratch[ROW], scratch[SIZE], scratch[NEW_ROW], scratch[NEW_SIZE]
    n = widths[layer]
    start = starts[layer] + unit * n
    for c in range(n):
        row[c] = weights[start + c]
        size[c] = abs(row[c])
    for j in range(layer - 1, -1, -1):
        n = widths[j]
        for c in range(n):
            new_row[c] = new_size[c] = 0.0
        for i in range(widths[j + 1]):
            d = slope[bounds.units[j] + i]
            start = starts[j] + i * n
            if size[i] == 0.0 or d == 0.0:
                continue
            for c in range(n):
                new_row[c] += row[i] * d * weights[start + c]
                new_size[c] += size[i] * abs(d * weights[start + c])
        row, size, new_row, new_size = new_row, new_size, row, size
    for c in range(n):
        if abs(row[c]) <= bounds.tolerance * size[c]:
            row[c] = 0.0
    return _norm(row, n)


@compiled()
def _gradient_norm(
    layer: int, unit: int, gap: float, limit: float, slope: Any, bounds: Bounds, scratch: Scratch
) -> Any:
    """Return the norm of a neuron's gradient, -1 as soon as its distance is known to exceed `limit`, -2 if in doubt."""
    widths, units, weights, starts = bounds.widths, bounds.units, bounds.weights, bounds.starts
    spectral, frobenius, active, row, new = (
        bounds.spectral,
        bounds.frobenius,
        scratch.active,
        scratch.row,
        scratch.new,
    )
    epsilon = 2.0**-52
    n = widths[layer]
    start = starts[layer] + unit * n
    below = units[layer - 1]
    for i in range(n):
        row[i] = weights[start + i] * slope[below + i]
    size = _norm(row, n)
    noise = epsilon * size
    for j in range(layer - 1, 0, -1):
        _row_times_matrix(row, n, weights, starts[j], widths[j], np.bool_(False), active, new)
        # First-order rounding of this product, and what is already there, carried through it.
        noise = spectral[j] * noise + (n + 2) * epsilon * frobenius[j] * size
        n = widths[j]
        below = units[j - 1]
        steepest = 0.0
        for i in range(n):
            d = slope[below + i]
            row[i] = new[i] * d
            steepest = max(steepest, abs(d))
        noise *= steepest
        size = _norm(row, n)
        if gap > limit * _GUARD * (size + noise) * bounds.tail[j - 1]:
            return -1.0
    rank = min(widths[0], n)
    _row_times_matrix(row, n, bounds.factor, np.int64(0), rank, np.bool_(True), active, new)
    noise = spectral[0] * noise + (widths[0] + n + 2) * epsilon * frobenius[0] * size
    norm = _norm(new, rank)
    if 0.0 < norm <= noise:
        if gap > 2.0 * limit * (norm + noise):  # the true gradient is not larger than both together
            return -1.0
        if bounds.switching.size > _CAREFUL_LAYERS:
            return _DOUBTFUL
        return careful_norm(layer, unit, slope, bounds, scratch.careful)
    return norm


@compiled()
def nearest_of(values: Any, n: int, limit: float) -> int:
    """Return the first of n units whose distance does not exceed `limit`, NO_UNIT where there is none."""
    for k in range(n):
        if values[k] <= limit:
            return k
    return NO_UNIT


@compiled()
def nearest_switches(
    at: AtPoints, start: int, stop: int, bounds: Bounds, scratch: Scratch, cost: Any, patience: float
) -> float:
    """Find for points `start` to `stop` the smallest ``gap / ||gradient||`` and the first unit that attains it.

    Returns how much work it was, in the units of `cost`, (depth + 1,): the work that the gradient of a unit takes at
    most, by layer, and at the end that of one look at one candidate. After the work `patience` a point is given up.
    """
    gaps, slopes, squares, distance, nearest = at.gaps, at.slopes, at.squares, at.distances, at.nearest
    units, switching, norms, tail, tolerance = (
        bounds.units,
        bounds.switching,
        bounds.row_norms,
        bounds.tail,
        bounds.tolerance,
    )
    first, found, found_at = scratch.first, scratch.found, scratch.found_at
    bound, candidate = scratch.bound, scratch.candidate
    n_units, depth, total = gaps.shape[1], switching.size, 0.0
    n_first = units[1] if switching[0] else 0
    for p in range(start, stop):
        gap, squared = gaps[p], squares[p]
        for k in range(n_first):
            first[k] = abs(gap[k]) / norms[k] if norms[k] > 0.0 else np.inf
        best = smallest(first, n_first)

        n_candidates = 0
        for layer in range(1, depth):
            if not switching[layer]:
                continue
            reach = best * (1.0 + tolerance) * _GUARD * tail[layer - 1]
            reach *= reach
            for k in range(units[layer], units[layer + 1]):
                # Without a first minimum, or where the bound overflows, nothing can be ruled out yet.
                if squared[k] != 0.0 and not gap[k] * gap[k] > reach * squared[k]:
                    bound[n_candidates] = abs(gap[k]) / (_GUARD * tail[layer - 1] * np.sqrt(squared[k]))
                    candidate[n_candidates] = k
                    n_candidates += 1

        n_found, work = 0, 0.0
        while n_candidates > 0 and work <= patience:
            lowest = 0
            for c in range(1, n_candidates):
                if bound[c] < bound[lowest]:
                    lowest = c
            work += cost[depth] * n_candidates
            limit = best * (1.0 + tolerance)
            if bound[lowest] > limit:
                break
            k = candidate[lowest]
            n_candidates -= 1
            bound[lowest] = bound[n_candidates]
            candidate[lowest] = candidate[n_candidates]
            layer = 1
            while units[layer + 1] <= k:
                layer += 1
            work += cost[layer - 1]
            norm = _gradient_norm(layer, k - units[layer], abs(gap[k]), limit, slopes[p], bounds, scratch)
            if norm > 0.0:
                found[n_found] = abs(gap[k]) / norm
                found_at[n_found] = k
                best = min(best, found[n_found])
                n_found += 1
            elif norm == _DOUBTFUL:
                work = np.inf

        total += min(work, patience)
        distance[p] = best
        nearest[p] = NO_UNIT
        if work > patience:
            nearest[p] = GIVEN_UP
        elif best < np.inf:
            tied = best * (1.0 + tolerance)
            nearest[p] = nearest_of(first, n_first, tied)
            if nearest[p] < 0:
                lowest = n_units
                for c in range(n_found):
                    if found[c] <= tied:
                        lowest = min(lowest, found_at[c])
                nearest[p] = lowest
    return total


def as_one_buffer(matrices: list[npt.NDArray[np.float64]]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Lay matrices of different shapes end to end; return them with the start of each."""
    starts = np.concatenate([[0], np.cumsum([matrix.size for matrix in matrices])]).astype(np.int64)
    return np.concatenate([matrix.ravel() for matrix in matrices]), starts
