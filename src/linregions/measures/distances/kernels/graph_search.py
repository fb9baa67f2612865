"""The nearest place where a neuron of a graph switches, at one point: bounds, estimates, and gradients one by one.

A *candidate* is a neuron that is no window, at its nearest breakpoint, or an entry of a window that is not the
winner, where it meets the winner: a signed sum of comparisons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.measures.distances.kernels.graph_rows import (
    BLOCK,
    BREAKPOINT,
    CHANNELS,
    END_TERM,
    FIRST_BACK,
    FIRST_OFFSET,
    FIRST_TERM,
    GIVEN,
    IN_SITE,
    N_BREAKPOINTS,
    PADDED,
    PADDED_UNITS,
    SITES,
    SITES_BEFORE,
    SOURCE,
    UNITS,
    Taps,
    add_to_square,
)
from linregions.networks.kernels.products import TILE_COLUMNS, add_tile_to

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

#: Relative: which gradients rounding explains, and which distances tie.
ROUNDING = 2.0**-42
# On every bound: far above the rounding of norms and products.
_GUARD = 1.0 + 1e-10
# Below this share of its bound a gradient is looked at for what rounding explains.
_SMALL = 1e-6
PROVED, LEFT, OVERFLOW = 0, 1, 2


class Candidates(NamedTuple):
    """What may switch."""

    unit: Any  # (units,) those that have breakpoints and compare nothing
    tensor: Any  # (units,) where they are
    neuron: Any  # (candidates,) of each of them, then of the windows' entries
    by_neuron: Any  # (candidates,) their order by neuron
    leaf: Any  # (entries,) comparison that an entry goes to, -1 for a single one
    leaf_side: Any  # (entries,)
    parent: Any  # (comparisons,) the one that its winner goes to, -1
    side: Any  # (comparisons,) the side on which the winner stands there
    compared: Any  # (comparisons,) unit that compares
    compared_tensor: Any  # (comparisons,)
    most: int  # comparisons in one sum


class Found(NamedTuple):
    """What is known of the candidates of a point."""

    gap: Any  # (candidates,) from zero, or the breakpoint; -1 for winners
    bound: Any  # (candidates,) of the distance, from below
    guess: Any  # (candidates,) of the distance by random directions
    exact: Any  # (candidates,) distance, -1 where it is not known
    order: Any  # (candidates,) int64, room for a list of some


class Backward(NamedTuple):
    """Room for a gradient sent backwards; all zeros between two of them."""

    rows: Any  # (units,) of the gradient by the units' values
    sizes: Any  # (units,) sums of the absolute values of its terms
    marked: Any  # (sites,) which sites have any
    row: Any  # (most channels,)
    seed: Any  # (4, most) tensor, unit and sign of a sum of pre-activations, and which comparison each is
    four: Any  # rows of four gradients, by site: four rows of PADDED channels
    left: Any  # (4, most channels) what a site sends back, channels that do not only the first
    all: Any  # (4, most channels) of all channels
    gather: Any  # (most channels,) int64, which channels these are
    places: Any  # (4,) int64
    seeds: Any  # (4, 3, most) seeds of four candidates
    n_seeds: Any  # (4,)
    norms: Any  # (4,)
    numbers: Any  # (directions,)
    scale: Any  # (2, 1)


@compiled(internal=True)
def seeds_of(candidates: Candidates, values: FloatArray, which: int, backward: Backward) -> int:
    """Set the pre-activations that a candidate is a signed sum of; return how many they are."""
    n_units, seed = candidates.unit.size, backward.seed
    if which < n_units:
        seed[0, 0], seed[1, 0], seed[2, 0] = candidates.tensor[which], candidates.unit[which], 1
        return 1
    at, side = candidates.leaf[which - n_units], candidates.leaf_side[which - n_units]
    n = 0
    while at >= 0:
        unit = candidates.compared[at]
        if (values[unit] > 0.0) != (side == 1):  # this side does not win
            seed[0, n], seed[1, n] = candidates.compared_tensor[at], unit
            seed[2, n], seed[3, n] = 1 if side == 1 else -1, at
            n += 1
        at, side = candidates.parent[at], candidates.side[at]
    return n


@compiled()
def gradient_norm(
    taps: Taps, slopes: FloatArray, n_seeds: int, backward: Backward, careful: bool, out: FloatArray
) -> float:
    """Return the norm of the gradient of a signed sum of pre-activations, which is put into `out` by input unit.

    If `careful`, entries that rounding alone explains, beside the terms that they add up, are zeros.
    """
    seed, rows, sizes = backward.seed, backward.rows, backward.sizes
    top = 0
    for i in range(n_seeds):
        top = max(top, seed[0, i])
    for t in range(top, 0, -1):
        first, n_channels = taps.shape[UNITS, t], taps.shape[CHANNELS, t]
        for i in range(n_seeds):
            if seed[0, i] == t:
                backward.marked[taps.shape[SITES_BEFORE, t] + (seed[1, i] - first) // n_channels] = True
        for s in range(taps.shape[SITES, t]):
            if not backward.marked[taps.shape[SITES_BEFORE, t] + s]:
                continue
            backward.marked[taps.shape[SITES_BEFORE, t] + s] = False
            some = False
            for c in range(n_channels):
                unit = first + s * n_channels + c
                value = slopes[unit] * rows[unit]
                if careful and abs(rows[unit]) <= ROUNDING * sizes[unit]:
                    value = 0.0
                rows[unit], sizes[unit] = 0.0, 0.0
                backward.row[c] = value
            for i in range(n_seeds):
                if seed[0, i] == t and (seed[1, i] - first) // n_channels == s:
                    backward.row[(seed[1, i] - first) % n_channels] += seed[2, i]
            for c in range(n_channels):
                some |= backward.row[c] != 0.0
            if some:
                _send_back(taps, backward, t, s, careful)
    total, largest = 0.0, 0.0
    n_in = taps.shape[SITES, 0] * taps.shape[CHANNELS, 0]
    for i in range(n_in):
        value = rows[i]
        if careful and abs(value) <= ROUNDING * sizes[i]:
            value = 0.0
        out[i] = value
        rows[i], sizes[i] = 0.0, 0.0
        largest = max(largest, abs(value))
        total += value * value
    for s in range(taps.shape[SITES, 0]):
        backward.marked[s] = False
    if largest > 0.0 and not 1e-280 < total < 1e280:
        total = 0.0
        for i in range(n_in):
            total += (out[i] / largest) ** 2
        return np.sqrt(total) * largest
    return np.sqrt(total)


@compiled(internal=True)
def _send_back(taps: Taps, backward: Backward, t: int, s: int, careful: bool) -> None:
    """Add to the tensors that a step reads what the row of one of its sites sends back."""
    n_own = taps.shape[CHANNELS, t]
    for term in range(taps.shape[FIRST_TERM, t], taps.shape[END_TERM, t]):
        source = taps.term[SOURCE, term]
        n_channels, first = taps.shape[CHANNELS, source], taps.shape[UNITS, source]
        offset = taps.term[FIRST_OFFSET, term] + s
        for tap in range(taps.offset[offset], taps.offset[offset + 1]):
            before = taps.tap[IN_SITE, tap]
            backward.marked[taps.shape[SITES_BEFORE, source] + before] = True
            begin = first + before * n_channels
            rows, sizes = backward.rows[begin : begin + n_channels], backward.sizes[begin : begin + n_channels]
            padded = taps.shape[PADDED, source]
            at = taps.term[FIRST_BACK, term] + taps.tap[BLOCK, tap] * padded * n_own
            for k in range(n_own):
                factor = backward.row[k]
                if factor == 0.0:
                    continue
                block = taps.back[at + k * padded : at + k * padded + n_channels]
                if careful:
                    for c in range(n_channels):
                        rows[c] += factor * block[c]
                        sizes[c] += abs(factor * block[c])
                else:
                    for c in range(n_channels):
                        rows[c] += factor * block[c]


@compiled()
def set_gaps(
    taps: Taps, candidates: Candidates, values: FloatArray, bounds: FloatArray, found: Found, backward: Backward
) -> None:
    """Set gaps of all candidates, and what their distance is at least."""
    n_units = candidates.unit.size
    for i in range(n_units):
        unit, t = candidates.unit[i], candidates.tensor[i]
        gap = np.inf
        for j in range(taps.shape[N_BREAKPOINTS, t]):
            gap = min(gap, abs(values[unit] - taps.activation[BREAKPOINT, t, j]))
        found.gap[i] = gap
        found.bound[i] = gap / (bounds[unit] * _GUARD) if bounds[unit] > 0.0 else np.inf
    for i in range(n_units, n_units + candidates.leaf.size):
        n = seeds_of(candidates, values, i, backward)
        gap, bound = 0.0, 0.0
        for j in range(n):
            gap += backward.seed[2, j] * values[backward.seed[1, j]]
            bound += bounds[backward.seed[1, j]]
        found.gap[i] = abs(gap) if n else -1.0
        found.bound[i] = abs(gap) / (bound * _GUARD) if n and bound > 0.0 else np.inf
    found.exact[:] = -1.0


@compiled()
def set_guesses(
    taps: Taps,
    candidates: Candidates,
    values: FloatArray,
    squares: FloatArray,
    most: FloatArray,
    n_directions: int,
    along: FloatArray,
    found: Found,
    backward: Backward,
) -> None:
    """Set what the distances of all candidates would be by the directions' squares."""
    n_units = candidates.unit.size
    for i in range(n_units):
        unit = candidates.unit[i]
        if taps.shape[GIVEN, candidates.tensor[i]] >= 0:
            found.guess[i] = found.bound[i]
            continue
        norm = most[unit] * np.sqrt(squares[unit] / n_directions)
        found.guess[i] = found.gap[i] / norm if norm > 0.0 else np.inf
    size, total = backward.scale[0], backward.scale[1]
    for i in range(n_units, n_units + candidates.leaf.size):
        n = seeds_of(candidates, values, i, backward)
        found.guess[i] = np.inf
        if n == 0:
            continue
        backward.numbers[:n_directions] = 0.0
        for j in range(n):
            row = along[backward.seed[3, j]]
            for r in range(n_directions):
                backward.numbers[r] += backward.seed[2, j] * row[r]
        size[0], total[0] = 1.0, 0.0
        add_to_square(backward.numbers, n_directions, size, total, 0)
        norm = size[0] * np.sqrt(total[0] / n_directions)
        if norm > 0.0:
            found.guess[i] = found.gap[i] / norm


@compiled(internal=True)
def _four_norms(taps: Taps, slopes: FloatArray, backward: Backward) -> None:
    """Set the norms of the gradients of four signed sums of pre-activations, sent backwards together."""
    top = 0
    for j in range(4):
        for i in range(backward.n_seeds[j]):
            top = max(top, backward.seeds[j, 0, i])
    for t in range(top, 0, -1):
        first, n_channels, padded = taps.shape[UNITS, t], taps.shape[CHANNELS, t], taps.shape[PADDED, t]
        before = taps.shape[SITES_BEFORE, t]
        for j in range(4):
            for i in range(backward.n_seeds[j]):
                if backward.seeds[j, 0, i] == t:
                    backward.marked[before + (backward.seeds[j, 1, i] - first) // n_channels] = True
        at = taps.shape[PADDED_UNITS, t] * 4
        table = backward.four[at : at + taps.shape[SITES, t] * padded * 4].reshape(taps.shape[SITES, t] * 4, padded)
        for s in range(taps.shape[SITES, t]):
            if not backward.marked[before + s]:
                continue
            backward.marked[before + s] = False
            for j in range(4):
                for c in range(n_channels):
                    backward.all[j, c] = slopes[first + s * n_channels + c] * table[4 * s + j, c]
                    table[4 * s + j, c] = 0.0
                for i in range(backward.n_seeds[j]):
                    rest = backward.seeds[j, 1, i] - first - s * n_channels
                    if backward.seeds[j, 0, i] == t and 0 <= rest < n_channels:
                        backward.all[j, rest] += backward.seeds[j, 2, i]
            n = 0
            for c in range(n_channels):
                some = False
                for j in range(4):
                    backward.left[j, n] = backward.all[j, c]
                    some |= backward.all[j, c] != 0.0
                if some:
                    backward.gather[n] = c
                    n += 1
            if n:
                _send_four_back(taps, backward, t, s, n)
    n_channels, padded, n_sites = taps.shape[CHANNELS, 0], taps.shape[PADDED, 0], taps.shape[SITES, 0]
    table = backward.four[: n_sites * padded * 4].reshape(n_sites * 4, padded)
    backward.norms[:] = 0.0
    for s in range(n_sites):
        if backward.marked[s]:
            backward.marked[s] = False
            for j in range(4):
                total = 0.0
                for c in range(n_channels):
                    total += table[4 * s + j, c] ** 2
                    table[4 * s + j, c] = 0.0
                backward.norms[j] += total
    for j in range(4):
        backward.norms[j] = np.sqrt(backward.norms[j])


@compiled(internal=True)
def _send_four_back(taps: Taps, backward: Backward, t: int, s: int, n: int) -> None:
    """Add to the tensors that a step reads what one of its sites sends back, n of its channels."""
    n_own, places = taps.shape[CHANNELS, t], backward.places
    gather, zero = backward.gather[:n], np.int64(0)
    for term in range(taps.shape[FIRST_TERM, t], taps.shape[END_TERM, t]):
        source, begin = taps.term[SOURCE, term], taps.term[FIRST_BACK, term]
        padded, n_sites = taps.shape[PADDED, source], taps.shape[SITES, source]
        n_rows = (taps.back.size - begin) // padded
        right = taps.back[begin : begin + n_rows * padded].reshape(n_rows, padded)
        at = taps.shape[PADDED_UNITS, source] * 4
        out = backward.four[at : at + n_sites * padded * 4].reshape(n_sites * 4, padded)
        offset = taps.term[FIRST_OFFSET, term] + s
        for tap in range(taps.offset[offset], taps.offset[offset + 1]):
            before = taps.tap[IN_SITE, tap]
            backward.marked[taps.shape[SITES_BEFORE, source] + before] = True
            for j in range(4):
                places[j] = 4 * before + j
            base = taps.tap[BLOCK, tap] * n_own
            for k in range(0, padded, TILE_COLUMNS):
                add_tile_to(backward.left, zero, n, right, base, gather, out, places, np.int64(k), False)


@compiled(internal=True)
def _examine(
    taps: Taps,
    candidates: Candidates,
    values: FloatArray,
    slopes: FloatArray,
    bounds: FloatArray,
    found: Found,
    first: int,
    end: int,
    backward: Backward,
    out: FloatArray,
) -> float:
    """Find the distances of at most four listed candidates by their gradients; return the least.

    NaN where a gradient overflows.
    """
    least = np.inf
    backward.n_seeds[:] = 0
    for j in range(end - first):
        n = seeds_of(candidates, values, found.order[first + j], backward)
        backward.n_seeds[j] = n
        for i in range(n):
            for row in range(3):
                backward.seeds[j, row, i] = backward.seed[row, i]
    _four_norms(taps, slopes, backward)
    for j in range(end - first):
        which = found.order[first + j]
        bound = 0.0
        for i in range(backward.n_seeds[j]):
            bound += bounds[backward.seeds[j, 1, i]]
        norm = backward.norms[j]
        if norm <= _SMALL * bound or not 1e-140 < norm < 1e140:
            n = seeds_of(candidates, values, which, backward)
            norm = gradient_norm(taps, slopes, n, backward, True, out)
        if not np.isfinite(norm):
            return np.nan
        found.exact[which] = found.gap[which] / norm if norm > 0.0 else np.inf
        least = min(least, found.exact[which])
    return least


@compiled(internal=True)
def _listed(key: FloatArray, most: float, found: Found, limit: int) -> int:
    """List unknown candidates whose key is at most something, the lowest key first; -1 if more than `limit`."""
    n = 0
    for i in range(key.size):
        if key[i] <= most and found.exact[i] < 0.0 and found.gap[i] >= 0.0 and np.isfinite(key[i]):
            if n == limit:
                return -1
            j = n
            while j > 0 and key[found.order[j - 1]] > key[i]:
                found.order[j] = found.order[j - 1]
                j -= 1
            found.order[j] = i
            n += 1
    return n


@compiled(internal=True)
def _settle_zero(
    taps: Taps,
    candidates: Candidates,
    values: FloatArray,
    slopes: FloatArray,
    bounds: FloatArray,
    found: Found,
    backward: Backward,
    out: FloatArray,
) -> int:
    """Of a point on boundaries, of which there may be very many, look for the lowest neuron that switches there."""
    for i in candidates.by_neuron:
        if found.gap[i] == 0.0 and found.bound[i] < np.inf:
            found.order[0] = i
            distance = found.exact[i]
            if distance < 0.0:
                distance = _examine(taps, candidates, values, slopes, bounds, found, 0, 1, backward, out)
            if np.isnan(distance):
                return OVERFLOW
            if distance == 0.0:
                break
    return PROVED


@compiled()
def search_bounds(
    taps: Taps,
    candidates: Candidates,
    values: FloatArray,
    slopes: FloatArray,
    bounds: FloatArray,
    found: Found,
    backward: Backward,
    n_first: int,
    most_left: int,
    out: FloatArray,
) -> int:
    """Examine the candidates that guesses name first, then all that bounds leave, if these are few.

    Return PROVED if no other one can be nearer, LEFT if too many are left, OVERFLOW if a gradient does.
    """
    n = 0
    for _ in range(min(n_first, 4)):
        which, least = -1, np.inf
        for i in range(found.guess.size):
            if found.guess[i] < least and found.exact[i] < 0.0:
                which, least = i, found.guess[i]
        if which < 0:
            break
        found.order[n] = which
        found.exact[which] = np.inf  # taken
        n += 1
    best = _examine(taps, candidates, values, slopes, bounds, found, 0, n, backward, out) if n else np.inf
    if np.isnan(best):
        return OVERFLOW
    if best == 0.0:
        return _settle_zero(taps, candidates, values, slopes, bounds, found, backward, out)
    n = _listed(found.bound, best * (1.0 + ROUNDING), found, most_left)
    if n < 0:
        return LEFT
    for i in range(0, n, 4):
        if found.bound[found.order[i]] > best * (1.0 + ROUNDING):
            break
        distance = _examine(taps, candidates, values, slopes, bounds, found, i, min(n, i + 4), backward, out)
        if np.isnan(distance):
            return OVERFLOW
        best = min(best, distance)
    return PROVED


@compiled()
def search_guesses(
    taps: Taps,
    candidates: Candidates,
    values: FloatArray,
    slopes: FloatArray,
    bounds: FloatArray,
    found: Found,
    backward: Backward,
    factor: float,
    out: FloatArray,
) -> int:
    """Examine all candidates whose guess is below some times the best distance; return LEFT or OVERFLOW."""
    best = np.inf
    for i in range(found.exact.size):
        if found.exact[i] >= 0.0:
            best = min(best, found.exact[i])
    if best == 0.0:
        return _settle_zero(taps, candidates, values, slopes, bounds, found, backward, out)
    n = _listed(found.guess, factor * best, found, found.order.size)
    m = 0
    for i in range(n):
        if found.bound[found.order[i]] <= best * (1.0 + ROUNDING):
            found.order[m] = found.order[i]
            m += 1
    for i in range(0, m, 4):
        if found.guess[found.order[i]] > factor * best:
            break
        distance = _examine(taps, candidates, values, slopes, bounds, found, i, min(m, i + 4), backward, out)
        if np.isnan(distance):
            return OVERFLOW
        best = min(best, distance)
    return LEFT


@compiled()
def nearest_of(candidates: Candidates, found: Found) -> int:
    """Return the nearest candidate, of those that tie the one whose neuron is the lowest; -1 if there is none."""
    best = np.inf
    for i in range(found.exact.size):
        if found.exact[i] >= 0.0:
            best = min(best, found.exact[i])
    which = -1
    if best < np.inf:
        for i in range(found.exact.size):
            if 0.0 <= found.exact[i] <= best * (1.0 + ROUNDING) and (
                which < 0 or candidates.neuron[i] < candidates.neuron[which]
            ):
                which = i
    return which


@compiled()
def gradient_of(
    taps: Taps,
    candidates: Candidates,
    values: FloatArray,
    slopes: FloatArray,
    bounds: FloatArray,
    which: int,
    backward: Backward,
    out: FloatArray,
) -> float:
    """Put the gradient of a candidate into `out`; return how far it is above zero, or its nearest breakpoint."""
    n = seeds_of(candidates, values, which, backward)
    height, bound = 0.0, 0.0
    for j in range(n):
        height += backward.seed[2, j] * values[backward.seed[1, j]]
        bound += bounds[backward.seed[1, j]]
    if gradient_norm(taps, slopes, n, backward, False, out) <= _SMALL * bound:
        gradient_norm(taps, slopes, n, backward, True, out)
    if which < candidates.unit.size:
        t, nearest = candidates.tensor[which], np.inf
        for j in range(taps.shape[N_BREAKPOINTS, t]):
            rest = height - taps.activation[BREAKPOINT, t, j]
            if abs(rest) < abs(nearest):
                nearest = rest
        height = nearest
    return height
