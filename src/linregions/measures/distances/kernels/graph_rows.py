"""Rows sent forward through the steps of a graph: values, bounds of gradients, and gradients along directions.

A table has, site by site, a row for each point or direction, with the channels of the site.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_COLUMNS, TILE_ROWS, add_tile_to

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

# Of `shape`, by tensor, of which the first is the input: units and sites before it, sites and channels of its own,
# channels rounded up to whole tiles, breakpoints, terms, where its rows are kept (-1: nowhere), where its rows
# stand in what is given for all points (-1: nowhere), and units of whole tiles before it.
UNITS, SITES_BEFORE, SITES, CHANNELS, PADDED, N_BREAKPOINTS, FIRST_TERM, END_TERM, SLOT, GIVEN = range(10)
PADDED_UNITS = 10
# Of `term`.
SOURCE, FIRST_OFFSET, FIRST_WEIGHT, FIRST_BACK = range(4)
# Of `tap`.
IN_SITE, BLOCK = range(2)
# Of `activation`.
BREAKPOINT, SLOPE, KNOT, HEIGHT = range(4)
# Squares of these are numbers, and so are sums of many.
_SMALLEST, _LARGEST = 1e-140, 1e140
_MOST = 1e250
#: Taps of terms that read so few channels are joined.
_FEW_CHANNELS = 8


class Taps(NamedTuple):
    """The steps of a graph as flat arrays; tensor t is the input, or that of step t - 1."""

    shape: Any  # (11, tensors)
    term: Any  # (4, terms)
    offset: Any  # for each term, where the taps of its output sites begin, and the end
    tap: Any  # (2, taps)
    weights: Any  # blocks of all terms: input channels by PADDED output channels
    sizes: Any  # their absolute values
    back: Any  # blocks the other way round: output channels by PADDED input channels
    bias: Any  # (units,) of all tensors
    activation: Any  # (4, tensors, most breakpoints + 1)
    caps: Any  # (units,) bounds of gradients, whatever the point; exact before the first switch


class Rows(NamedTuple):
    """Room of one thread for rows of tensors."""

    hand: Any  # rows of the step at hand
    kept: Any  # (slots, numbers) rows of the tensors that later steps read, active channels of a site first
    active: Any  # (slots, units) which channels of each site these are
    n_active: Any  # (slots, sites)
    places: Any  # (4,) of a tile's rows
    gather: Any  # (most,) rows of blocks, of all taps of a site
    joined: Any  # (4, most) what they are multiplied by
    squares: Any  # (2, most channels) of a site: sums of squares, and the largest number


@compiled(internal=True)
def _sum_terms(taps: Taps, weights: FloatArray, rows: Rows, n_rows: int, t: int) -> None:
    """Put into the rows at hand the sums of a step's terms, without the bias."""
    shape, places = taps.shape, rows.places
    n_sites, padded = shape[SITES, t], shape[PADDED, t]
    out = rows.hand[: n_sites * n_rows * padded].reshape(n_sites * n_rows, padded)
    out[:] = 0.0
    for term in range(shape[FIRST_TERM, t], shape[END_TERM, t]):
        source, first = taps.term[SOURCE, term], taps.term[FIRST_WEIGHT, term]
        slot, n_channels, across = shape[SLOT, source], shape[CHANNELS, source], shape[PADDED, source]
        n_weights = (weights.size - first) // padded
        right = weights[first : first + n_weights * padded].reshape(n_weights, padded)
        n_left = shape[SITES, source] * n_rows
        left = rows.kept[slot, : n_left * across].reshape(n_left, across)
        joins = n_channels <= _FEW_CHANNELS
        for s in range(n_sites):
            offset = taps.term[FIRST_OFFSET, term] + s
            begin, end = taps.offset[offset], taps.offset[offset + 1]
            if joins:
                _add_joined(taps, rows, right, left, begin, end, n_channels, slot, n_rows, s, padded, out)
                continue
            for i in range(0, n_rows, TILE_ROWS):
                for j in range(TILE_ROWS):
                    places[j] = s * n_rows + i + j
                for tap in range(begin, end):
                    before, base = taps.tap[IN_SITE, tap], taps.tap[BLOCK, tap] * n_channels
                    n = rows.n_active[slot, before]
                    if n == 0:
                        continue
                    gather = rows.active[slot, before * n_channels : before * n_channels + n]
                    at = np.int64(before * n_rows + i)
                    for k in range(0, padded, TILE_COLUMNS):
                        add_tile_to(left, at, n, right, base, gather, out, places, np.int64(k), False)


@compiled(internal=True)
def _add_joined(
    taps: Taps,
    rows: Rows,
    right: FloatArray,
    left: FloatArray,
    begin: int,
    end: int,
    n_channels: int,
    slot: int,
    n_rows: int,
    s: int,
    padded: int,
    out: FloatArray,
) -> None:
    """Add the taps of one site of a term in one product, since each alone has few channels."""
    places, gather, joined = rows.places, rows.gather, rows.joined
    n = 0
    for tap in range(begin, end):
        before, base = taps.tap[IN_SITE, tap], taps.tap[BLOCK, tap] * n_channels
        for a in range(rows.n_active[slot, before]):
            gather[n] = base + rows.active[slot, before * n_channels + a]
            n += 1
    if n == 0:
        return
    zero = np.int64(0)
    for i in range(0, n_rows, TILE_ROWS):
        for j in range(TILE_ROWS):
            places[j] = s * n_rows + i + j
        at = 0
        for tap in range(begin, end):
            before = taps.tap[IN_SITE, tap]
            for a in range(rows.n_active[slot, before]):
                for j in range(TILE_ROWS):
                    joined[j, at] = left[before * n_rows + i + j, a]
                at += 1
        for k in range(0, padded, TILE_COLUMNS):
            add_tile_to(joined, zero, n, right, zero, gather, out, places, np.int64(k), False)


@compiled(internal=True)
def _keep_all(taps: Taps, rows: Rows, t: int) -> None:
    """Say that all channels of a kept tensor are active."""
    slot, n_channels = taps.shape[SLOT, t], taps.shape[CHANNELS, t]
    for s in range(taps.shape[SITES, t]):
        rows.n_active[slot, s] = n_channels
        for c in range(n_channels):
            rows.active[slot, s * n_channels + c] = c


@compiled(internal=True)
def _piece(taps: Taps, t: int, z: float) -> int:
    """Return on which piece of a tensor's activation a number lies."""
    piece = 0
    for j in range(taps.shape[N_BREAKPOINTS, t]):
        piece += z > taps.activation[BREAKPOINT, t, j]
    return piece


@compiled()
def find_values(
    taps: Taps, points: FloatArray, n: int, rows: Rows, n_rows: int, values: FloatArray, slopes: FloatArray
) -> bool:
    """Set pre-activations and slopes of all units at n points, in units' order; False where values overflow.

    There is room for `n_rows` of them, a multiple of a tile.
    """
    fits = True
    for t in range(taps.shape.shape[1]):
        n_sites, n_channels, padded = taps.shape[SITES, t], taps.shape[CHANNELS, t], taps.shape[PADDED, t]
        first, keeps = taps.shape[UNITS, t], taps.shape[SLOT, t] >= 0
        if t:
            _sum_terms(taps, taps.weights, rows, n_rows, t)
        hand = rows.hand[: n_sites * n_rows * padded].reshape(n_sites * n_rows, padded)
        n_numbers = n_sites * n_rows * padded
        kept = rows.kept[max(0, taps.shape[SLOT, t]), :n_numbers].reshape(n_sites * n_rows, padded)
        for s in range(n_sites):
            for r in range(n_rows):
                for c in range(n_channels):
                    unit = first + s * n_channels + c
                    z, slope, value = 0.0, 1.0, 0.0
                    if r < n:
                        if t:
                            z = hand[s * n_rows + r, c] + taps.bias[unit]
                            piece = _piece(taps, t, z)
                            slope = taps.activation[SLOPE, t, piece]
                            value = slope * (z - taps.activation[KNOT, t, piece]) + taps.activation[HEIGHT, t, piece]
                        else:
                            z = points[r, unit]
                            value = z
                        values[r, unit], slopes[r, unit] = z, slope
                        fits = fits and np.isfinite(value) and np.isfinite(z)
                    if keeps:
                        kept[s * n_rows + r, c] = value
        if keeps:
            _keep_all(taps, rows, t)
    return fits


@compiled()
def find_bounds(taps: Taps, n: int, rows: Rows, n_rows: int, slopes: FloatArray, bounds: FloatArray) -> None:
    """Set bounds of the gradients of all units at n points, by absolute weights and the points' slopes."""
    for t in range(taps.shape.shape[1]):
        n_sites, n_channels, padded = taps.shape[SITES, t], taps.shape[CHANNELS, t], taps.shape[PADDED, t]
        first, keeps, is_given = taps.shape[UNITS, t], taps.shape[SLOT, t] >= 0, taps.shape[GIVEN, t] >= 0
        if not is_given:
            _sum_terms(taps, taps.sizes, rows, n_rows, t)
        hand = rows.hand[: n_sites * n_rows * padded].reshape(n_sites * n_rows, padded)
        n_numbers = n_sites * n_rows * padded
        kept = rows.kept[max(0, taps.shape[SLOT, t]), :n_numbers].reshape(n_sites * n_rows, padded)
        for s in range(n_sites):
            for r in range(n_rows):
                for c in range(n_channels):
                    unit = first + s * n_channels + c
                    bound = taps.caps[unit]
                    if r < n:
                        if not is_given:
                            bound = min(bound, hand[s * n_rows + r, c])
                        if not bound < _MOST:  # infinite, or no number: it rules nothing out
                            bound = np.inf
                        bounds[r, unit] = bound
                        bound = min(bound, _MOST) * abs(slopes[r, unit])
                    if keeps:
                        kept[s * n_rows + r, c] = bound
        if keeps:
            _keep_all(taps, rows, t)


@compiled()
def add_squares(
    taps: Taps,
    given: FloatArray,
    n_rows: int,
    rows: Rows,
    slopes: FloatArray,
    most: FloatArray,
    squares: FloatArray,
    compared: IndexArray,
    along: FloatArray,
) -> None:
    """Add to `squares` those of all units' changes along directions, in units of the squares of `most`.

    Not of units before the first switch, whose gradients are known.

    Those of the units that compare entries of maxima are set, as many numbers in a row of `along`; which row of it
    a unit has, or -1, stands in `compared`. `given` has the rows before the first switch, one direction after the
    other in a site.
    """
    for t in range(taps.shape.shape[1]):
        n_sites, n_channels, padded = taps.shape[SITES, t], taps.shape[CHANNELS, t], taps.shape[PADDED, t]
        first, slot, n_numbers = taps.shape[UNITS, t], taps.shape[SLOT, t], n_sites * n_rows * padded
        hand = rows.hand[:n_numbers].reshape(n_sites * n_rows, padded)
        if taps.shape[GIVEN, t] >= 0:
            at = taps.shape[GIVEN, t] * n_rows
            hand = given[at : at + n_numbers].reshape(n_sites * n_rows, padded)
        else:
            _sum_terms(taps, taps.weights, rows, n_rows, t)
        kept = rows.kept[max(0, slot), :n_numbers].reshape(n_sites * n_rows, padded)
        for s in range(n_sites):
            table = hand[s * n_rows : (s + 1) * n_rows]
            n_active = 0
            for c in range(n_channels):
                unit = first + s * n_channels + c
                if compared[unit] >= 0:
                    for r in range(n_rows):
                        along[compared[unit], r] = table[r, c]
                if slot >= 0 and slopes[unit] != 0.0:
                    rows.active[slot, s * n_channels + n_active] = c
                    n_active += 1
            if slot >= 0:
                rows.n_active[slot, s] = n_active
                active, begin = rows.active[slot, s * n_channels : (s + 1) * n_channels], first + s * n_channels
                for r in range(n_rows):
                    row = kept[s * n_rows + r]
                    for a in range(n_active):
                        row[a] = slopes[begin + active[a]] * table[r, active[a]]
            if taps.shape[N_BREAKPOINTS, t] > 0 and taps.shape[GIVEN, t] < 0:
                _add_site_squares(rows, table, n_rows, n_channels, first + s * n_channels, most, squares)


@compiled(internal=True)
def _add_site_squares(
    rows: Rows, table: FloatArray, n_rows: int, n_channels: int, first: int, most: FloatArray, squares: FloatArray
) -> None:
    """Add to `squares` those of the numbers of a site's channels."""
    total, largest = rows.squares[0], rows.squares[1]
    total[:n_channels] = 0.0
    largest[:n_channels] = 0.0
    for r in range(n_rows):
        row = table[r]
        for c in range(n_channels):
            total[c] += row[c] * row[c]
            largest[c] = max(largest[c], abs(row[c]))
    for c in range(n_channels):
        unit = first + c
        if most[unit] == 1.0 and (largest[c] == 0.0 or _SMALLEST < largest[c] < _LARGEST):
            squares[unit] += total[c]
        else:
            add_to_square(table[:, c], n_rows, most, squares, unit)


@compiled(inlined=True)
def add_to_square(numbers: FloatArray, n: int, most: FloatArray, squares: FloatArray, at: int) -> None:
    """Add squares of numbers to a sum in units of the square of `most`, which is 1 unless they are out of range."""
    largest = 0.0
    for r in range(n):
        largest = max(largest, abs(numbers[r]))
    if largest > 0.0 and not (_SMALLEST < largest / most[at] < _LARGEST):
        squares[at] *= (most[at] / largest) ** 2
        most[at] = largest
    scale, total = 1.0 / most[at], 0.0
    for r in range(n):
        total += (numbers[r] * scale) ** 2
    squares[at] += total
