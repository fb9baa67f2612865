"""Cut many lines by the neurons of one layer after another: pure array code, compiled by numba.

The points of a chunk of lines lie stacked in rows, line after line, in the order along each line. A row holds a
point ``(w, t)`` in homogeneous form, its input to the layer (`h`) and its pre-activations (`z`). An unbounded end has
weight ``w = 0`` and holds the change per unit of length outwards, so that no big constant stands for infinity.
Between two rows every tensor is affine.

All decisions are taken in two places: `decide_signs` (the sign of a neuron at a point) and `_merge_ties` (the order
of two cuts). After them the state of every neuron on every interval follows from the signs alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from linregions.kernels.bits import count_bits, lowest_bit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

# Two points of a line closer than this many units in the last place of t cannot be told apart.
RESOLUTION = 4 * 2.0**-52

# Margins are measured up to this many bands; above, a cheap lower bound stands for them.
EXACT_MARGIN = 1024.0

# Lets sums and minima run in vector registers; no value is NaN here. Infinities stay allowed.
_REORDER = {"nnan", "nsz", "reassoc"}


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _magnitude(weights: FloatArray, h: FloatArray, offset: float) -> float:
    """Return the sum of the absolute values of the terms of one pre-activation, bias left out."""
    total = 0.0
    for k in range(h.size):
        total += weights[k] * (abs(h[k]) + offset)
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _scaled_norm(h: FloatArray, inverse: FloatArray, w: float) -> float:
    """Return the Euclidean norm of a row, each unit measured in its own scale."""
    total = w * w
    for k in range(h.size):
        scaled = h[k] * inverse[k]
        total += scaled * scaled
    return float(np.sqrt(total))


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _scan_row(
    row: FloatArray, w: float, bias: FloatArray, xi: FloatArray, inverse: FloatArray, above: WordArray
) -> float:
    """Add the bias, pack "above breakpoint" into words and return the smallest distance to a breakpoint."""
    n = row.size
    n_words = (n + 63) // 64
    if w != 0.0:
        for j in range(n):
            row[j] += bias[j]
    low = np.inf
    for b in range(xi.size):
        target = xi[b] * w
        for word in range(n_words):
            block = row[64 * word : 64 * word + 64]
            bits = np.uint64(0)
            for j in range(block.size):
                bits |= np.uint64(block[j] > target) << np.uint64(j)
            above[b * n_words + word] = bits
        for j in range(n):
            distance = abs(row[j] - target) * inverse[j]
            low = distance if distance < low else low
    return low


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _scaled_distance(a: FloatArray, b: FloatArray, inverse: FloatArray) -> float:
    """Return the scaled norm of the difference of two rows."""
    total = 0.0
    for k in range(a.size):
        scaled = (a[k] - b[k]) * inverse[k]
        total += scaled * scaled
    return float(np.sqrt(total))


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(z: FloatArray, t: FloatArray, w: FloatArray, p: int, q: int, j: int) -> float:
    """Return how fast neuron j changes between the finite point p and its neighbour q."""
    if w[q] == 0.0:
        return abs(z[q, j])
    return abs(z[q, j] - z[p, j]) / abs(t[q] - t[p])


@njit(cache=True, nogil=True, error_model="numpy")
def decide_signs(
    z: FloatArray,
    h: FloatArray,
    magnitudes: FloatArray,
    t: FloatArray,
    w: FloatArray,
    blur: FloatArray,
    norm: FloatArray,
    steep: FloatArray,
    first: IntArray,
    bias: FloatArray,
    absolute: FloatArray,
    offset: float,
    inverse: FloatArray,
    xi: FloatArray,
    relative: float,
    above: WordArray,
    zero: WordArray,
    snapped: IntArray,
    margin: FloatArray,
) -> None:
    """Decide for every row, neuron and breakpoint: above, on or below; set `z` to the breakpoint where on.

    Parameters
    ----------
    z : (R, n)
        Linear part of the pre-activations; the bias is added here.
    h : (R, k)
        Input of the layer; not looked at where `magnitudes` has the sums ready.
    magnitudes : (R, n) or (0, 0)
        Sums of the absolute values of the terms without bias.
    t, w : (R,)
        Place and weight of each row.
    blur : (R,)
        Uncertainty of each t.
    norm : (R,)
        Scaled norm of the layer's input: an upper bound of all magnitudes when multiplied by ``1 / inverse``.
    steep : (R,)
        The same for the change per unit of t between a row and the next of its line.
    first : (L + 1,)
        First row of each line.
    bias, absolute, offset, inverse, xi
        Of the layer: bias (n,), absolute weights (n, k), what to add to absolute inputs, inverse scales (n,),
        breakpoints (T,).
    relative : float
        Half-width of the band around a breakpoint, relative to the magnitude.
    above, zero : (R, T * words)
        Filled: bit ``j % 64`` of word ``b * words + j // 64``.
    snapped, margin : (L,)
        Updated: values taken as zero that were not, and the closest value that was not, in bands.
    """
    n = z.shape[1]
    n_words = (n + 63) // 64
    low = np.empty(z.shape[0])
    for p in range(z.shape[0]):
        low[p] = _scan_row(z[p], w[p], bias, xi, inverse, above[p])
        for word in range(zero.shape[1]):
            zero[p, word] = np.uint64(0)
    for line in range(first.size - 1):
        for p in range(first[line], first[line + 1]):
            left = p - 1 if p > first[line] and w[p] != 0.0 else -1
            right = p + 1 if p + 1 < first[line + 1] and w[p] != 0.0 else -1
            steepest = 0.0
            if left >= 0:
                steepest = steep[left]
            if right >= 0:
                steepest = max(steepest, steep[p])
            # Twice, so that rounding in the bounds themselves cannot hide a candidate.
            screen = 2.0 * (relative * norm[p] + blur[p] * steepest)
            if low[p] > screen * EXACT_MARGIN:
                margin[line] = min(margin[line], low[p] / screen)
                continue
            for b in range(xi.size):
                target = xi[b] * w[p]
                for j in range(n):
                    distance = abs(z[p, j] - target)
                    if distance * inverse[j] > screen * EXACT_MARGIN:
                        margin[line] = min(margin[line], distance * inverse[j] / screen)
                        continue
                    if magnitudes.shape[0]:
                        terms = magnitudes[p, j]
                    else:
                        terms = _magnitude(absolute[j], h[p], offset * w[p])
                    slope = 0.0
                    if blur[p] > 0.0:
                        if left >= 0:
                            slope = _slope(z, t, w, p, left, j)
                        if right >= 0:
                            slope = max(slope, _slope(z, t, w, p, right, j))
                    band = relative * (terms + (abs(bias[j]) + abs(xi[b])) * w[p]) + blur[p] * slope
                    if distance <= band:
                        bit = np.uint64(1) << np.uint64(j % 64)
                        word = b * n_words + j // 64
                        above[p, word] &= ~bit
                        zero[p, word] |= bit
                        if distance > 0.0:
                            snapped[line] += 1
                        z[p, j] = target
                    else:
                        margin[line] = min(margin[line], distance / band)


@njit(cache=True, nogil=True, error_model="numpy")
def count_switches(above: WordArray, zero: WordArray, first: IntArray) -> tuple[int, int]:
    """Return how often a neuron crosses a breakpoint between two rows, and how often it switches on a row."""
    crossing, at_rows = 0, 0
    for line in range(first.size - 1):
        for p in range(first[line], first[line + 1] - 1):
            for k in range(above.shape[1]):
                found = (above[p, k] ^ above[p + 1, k]) & ~(zero[p, k] | zero[p + 1, k])
                if found:
                    crossing += count_bits(found)
                if p > first[line] and zero[p, k]:
                    at_rows += count_bits(zero[p, k] & (above[p - 1, k] ^ above[p + 1, k]))
    return crossing, at_rows


@njit(cache=True, nogil=True, error_model="numpy")
def _sort_by(keys: FloatArray, order: IntArray, count: int) -> None:
    """Sort `order` by `keys` (Shell's method: insertion sort for the usual few, and no recursion)."""
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            moving = order[i]
            key = keys[moving]
            k = i
            while k >= gap and keys[order[k - gap]] > key:
                order[k] = order[k - gap]
                k -= gap
            order[k] = moving
        gap //= 3


@njit(cache=True, nogil=True, error_model="numpy")
def _merge_ties(
    place: FloatArray, blur: FloatArray, order: IntArray, count: int, group: IntArray, best: IntArray, margin: float
) -> tuple[int, int, float]:
    """Unite neighbouring cuts that cannot be told apart; the best determined one of a group stands for it.

    Returns the number of groups, of merged cuts that differed, and the smallest margin.
    """
    n_groups, merged = 0, 0
    for i in range(count):
        cut = order[i]
        if n_groups > 0:
            other = best[n_groups - 1]
            gap = abs(place[cut] - place[other])
            band = blur[cut] + blur[other]
            if gap <= band:
                group[i] = n_groups - 1
                merged += 1
                if blur[cut] < blur[other]:
                    best[n_groups - 1] = cut
                continue
            margin = min(margin, gap / band)
        group[i] = n_groups
        best[n_groups] = cut
        n_groups += 1
    return n_groups, merged, margin


@njit(cache=True, nogil=True, error_model="numpy", fastmath=_REORDER)
def _activate(
    z: FloatArray, w: float, rectify: bool, xi: FloatArray, slopes: FloatArray, intercepts: FloatArray, out: FloatArray
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
        for b in range(xi.size):
            for j in range(z.size):
                out[j] = slopes[b + 1] * z[j] + intercepts[b + 1] if z[j] > xi[b] else out[j]


@njit(cache=True, nogil=True, error_model="numpy")
def _between(near: FloatArray, far: FloatArray, step: float, unbounded: bool, out: FloatArray) -> None:
    """Interpolate a row from the nearer end, or go out along the slope of an unbounded end."""
    if unbounded:
        for j in range(near.size):
            out[j] = near[j] + step * far[j]
    else:
        for j in range(near.size):
            out[j] = near[j] + step * (far[j] - near[j])


@njit(cache=True, nogil=True, error_model="numpy")
def _steepness(h: FloatArray, t: FloatArray, w: FloatArray, norm: FloatArray, inverse: FloatArray, row: int) -> float:
    """Return the scaled norm of the change per unit of t from the row before."""
    if w[row] == 0.0:
        return norm[row]
    if w[row - 1] == 0.0:
        return norm[row - 1]
    return _scaled_distance(h[row], h[row - 1], inverse) / (t[row] - t[row - 1])


@njit(cache=True, nogil=True, error_model="numpy")
def first_states(above: WordArray, zero: WordArray, first: IntArray, n: int, neuron_offset: int, base: Any) -> None:
    """Add to `base` (L, n_neurons) the pieces that a layer's n neurons are on along each line's first interval."""
    n_words = (n + 63) // 64
    for line in range(first.size - 1):
        p = first[line]
        for k in range(above.shape[1]):
            bits = above[p, k] | (zero[p, k] & above[p + 1, k])
            word = k % n_words
            while bits:
                base[line, neuron_offset + 64 * word + lowest_bit(bits)] += np.uint8(1)
                bits &= bits - np.uint64(1)


@njit(cache=True, nogil=True, error_model="numpy")
def cut_lines(
    z: FloatArray,
    h: FloatArray,
    magnitudes: FloatArray,
    t: FloatArray,
    w: FloatArray,
    blur: FloatArray,
    names: IntArray,
    first: IntArray,
    above: WordArray,
    zero: WordArray,
    absolute: FloatArray,
    offset: float,
    bias: FloatArray,
    xi: FloatArray,
    relative: float,
    merged: IntArray,
    margin: FloatArray,
    n_names: int,
    neuron_offset: int,
    rectify: bool,
    slopes: FloatArray,
    intercepts: FloatArray,
    inverse_next: FloatArray,
    h_next: FloatArray,
    t_next: FloatArray,
    w_next: FloatArray,
    blur_next: FloatArray,
    norm_next: FloatArray,
    steep_next: FloatArray,
    names_next: IntArray,
    first_next: IntArray,
    event_name: IntArray,
    event_neuron: Any,
    event_breakpoint: Any,
    event_direction: Any,
) -> int:
    """Cut every interval where neurons cross a breakpoint; write the new rows and what switches on them.

    Takes what `decide_signs` took and found. `names` are the points' permanent numbers; a switch is recorded under
    that of its point. Rows of `h_next` get the activation already; when it is empty (after the last layer) only the
    places are written. Returns the number of names given so far.
    """
    n = z.shape[1]
    n_words = (n + 63) // 64
    with_rows = h_next.shape[0] > 0
    room = n * max(1, xi.size)
    cut_neuron, cut_breakpoint = np.empty(room, np.int64), np.empty(room, np.int64)
    place, cut_blur, step = np.empty(room), np.empty(room), np.empty(room)
    order, group, best = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    buffer = np.empty(n)
    row, n_events = 0, 0
    for line in range(first.size - 1):
        first_next[line] = row
        last = first[line + 1] - 1
        for p in range(first[line], last + 1):
            t_next[row], w_next[row], blur_next[row], names_next[row] = t[p], w[p], blur[p], names[p]
            if with_rows:
                _activate(z[p], w[p], rectify, xi, slopes, intercepts, h_next[row])
                norm_next[row] = _scaled_norm(h_next[row], inverse_next, w[p])
                if p > first[line]:
                    steep_next[row - 1] = _steepness(h_next, t_next, w_next, norm_next, inverse_next, row)
            row += 1
            if p == last:
                break
            if p > first[line]:
                for k in range(above.shape[1]):
                    bits = zero[p, k]
                    if bits:
                        bits &= above[p - 1, k] ^ above[p + 1, k]
                    while bits:
                        j = 64 * (k % n_words) + lowest_bit(bits)
                        event_name[n_events] = names[p]
                        event_neuron[n_events] = neuron_offset + j
                        event_breakpoint[n_events] = k // n_words
                        event_direction[n_events] = 1 if above[p + 1, k] & (bits & (~bits + np.uint64(1))) else -1
                        n_events += 1
                        bits &= bits - np.uint64(1)
            q = p + 1
            unbounded = w[p] == 0.0 or w[q] == 0.0
            count = 0
            for k in range(above.shape[1]):
                bits = (above[p, k] ^ above[q, k]) & ~(zero[p, k] | zero[q, k])
                while bits:
                    j, b = 64 * (k % n_words) + lowest_bit(bits), k // n_words
                    bits &= bits - np.uint64(1)
                    if magnitudes.shape[0]:
                        terms_p, terms_q = magnitudes[p, j], magnitudes[q, j]
                    else:
                        terms_p = _magnitude(absolute[j], h[p], offset * w[p])
                        terms_q = _magnitude(absolute[j], h[q], offset * w[q])
                    fixed = abs(bias[j]) + abs(xi[b])
                    if unbounded:
                        near, far = (p, q) if w[q] == 0.0 else (q, p)
                        out = 1.0 if near == p else -1.0
                        terms_near, terms_far = (terms_p, terms_q) if near == p else (terms_q, terms_p)
                        r = (xi[b] - z[near, j]) / z[far, j]
                        step[count] = r
                        place[count] = t[near] + out * r
                        cut_blur[count] = relative * (terms_near + r * terms_far + fixed) / abs(z[far, j])
                    else:
                        from_p, from_q = z[p, j] - xi[b], z[q, j] - xi[b]
                        # A step below zero counts back from q, the nearer end.
                        if abs(from_p) <= abs(from_q):
                            step[count] = from_p / (from_p - from_q)
                            place[count] = t[p] + step[count] * (t[q] - t[p])
                        else:
                            step[count] = -from_q / (from_q - from_p)
                            place[count] = t[q] + step[count] * (t[q] - t[p])
                        slope = abs(from_p - from_q) / (t[q] - t[p])
                        cut_blur[count] = relative * (max(terms_p, terms_q) + fixed) / slope
                    cut_blur[count] = max(cut_blur[count], RESOLUTION * abs(place[count]))
                    cut_neuron[count], cut_breakpoint[count], order[count] = j, b, count
                    count += 1
            if count == 0:
                continue
            if count == 1:
                group[0], best[0], n_groups = 0, 0, 1
            else:
                _sort_by(place, order, count)
                n_groups, ties, margin[line] = _merge_ties(place, cut_blur, order, count, group, best, margin[line])
                merged[line] += ties
            i = 0
            for g in range(n_groups):
                cut = best[g]
                t_next[row], w_next[row], blur_next[row], names_next[row] = place[cut], 1.0, cut_blur[cut], n_names
                if with_rows:
                    if unbounded:
                        near, far = (p, q) if w[q] == 0.0 else (q, p)
                    else:
                        near, far = (p, q) if step[cut] > 0.0 else (q, p)
                    _between(z[near], z[far], abs(step[cut]), unbounded, buffer)
                while i < count and group[i] == g:
                    j, b = cut_neuron[order[i]], cut_breakpoint[order[i]]
                    buffer[j] = xi[b]
                    event_name[n_events] = n_names
                    event_neuron[n_events] = neuron_offset + j
                    event_breakpoint[n_events] = b
                    bit = np.uint64(1) << np.uint64(j % 64)
                    event_direction[n_events] = 1 if above[q, b * n_words + j // 64] & bit else -1
                    n_events += 1
                    i += 1
                if with_rows:
                    _activate(buffer, 1.0, rectify, xi, slopes, intercepts, h_next[row])
                    norm_next[row] = _scaled_norm(h_next[row], inverse_next, 1.0)
                    steep_next[row - 1] = _steepness(h_next, t_next, w_next, norm_next, inverse_next, row)
                n_names += 1
                row += 1
    first_next[first.size - 1] = row
    return n_names


@njit(cache=True, nogil=True, error_model="numpy")
def gather_breakpoints(
    t: FloatArray,
    names: IntArray,
    first: IntArray,
    n_names: int,
    event_name: IntArray,
    event_neuron: Any,
    event_breakpoint: Any,
    event_direction: Any,
) -> Any:
    """Drop points where nothing switches and list what switches at the others, by neuron and breakpoint.

    Returns
    -------
    breakpoint_offsets (L + 1,), places (K,), event_offsets (K + 1,), and of each event neuron, breakpoint, direction
    """
    count = np.zeros(n_names, np.int64)
    for e in range(event_name.size):
        count[event_name[e]] += 1
    n_places = 0
    for name in range(n_names):
        n_places += count[name] > 0
    breakpoint_offsets = np.zeros(first.size, np.int64)
    places = np.empty(n_places)
    event_offsets = np.zeros(n_places + 1, np.int64)
    slot = np.zeros(n_names, np.int64)
    k, filled = 0, 0
    for line in range(first.size - 1):
        for row in range(first[line], first[line + 1]):
            name = names[row]
            if count[name]:
                places[k], event_offsets[k], slot[name] = t[row], filled, filled
                filled += count[name]
                k += 1
        breakpoint_offsets[line + 1] = k
    event_offsets[k] = filled
    neuron, level, direction = (
        np.empty_like(event_neuron),
        np.empty_like(event_breakpoint),
        np.empty_like(event_direction),
    )
    for e in range(event_name.size):
        name = event_name[e]
        at = slot[name]
        neuron[at], level[at], direction[at] = event_neuron[e], event_breakpoint[e], event_direction[e]
        slot[name] += 1
    for k in range(n_places):
        for i in range(event_offsets[k] + 1, event_offsets[k + 1]):
            moving = (neuron[i], level[i], direction[i])
            at = i
            while at > event_offsets[k] and (
                neuron[at - 1] > moving[0] or (neuron[at - 1] == moving[0] and level[at - 1] > moving[1])
            ):
                neuron[at], level[at], direction[at] = neuron[at - 1], level[at - 1], direction[at - 1]
                at -= 1
            neuron[at], level[at], direction[at] = moving
    return breakpoint_offsets, places, event_offsets, neuron, level, direction
