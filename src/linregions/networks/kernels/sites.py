"""Affine steps on few rows: tensors by site, sums of terms by taps. What cells on lines and in planes share."""

from __future__ import annotations

from typing import Any

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import add_tile_to
from linregions.networks.kernels.site_records import (
    ACTIVE,
    AT_HAND,
    BASIS,
    BLOCK,
    BREAKPOINT,
    CHANNELS,
    CONSTANT_PART,
    COUNTED,
    END_TERM,
    FIRST_NORM,
    FIRST_OFFSET,
    FIRST_ROW,
    FIRST_SWITCH,
    FIRST_TERM,
    FIRST_WEIGHT,
    GIVEN,
    HEIGHT,
    IN_SITE,
    KNOT,
    LOOSE,
    LOOSE_BASIS,
    N_ACTIVE,
    N_BREAKPOINTS,
    N_COLUMNS,
    N_COUNTED,
    N_FIXED,
    N_LOOSE,
    NEXT_SIZE,
    NEXT_STEEPNESS,
    NO_STEPS,
    PADDED,
    PIECE,
    PLACE,
    ROW,
    SITE_SIZE,
    SITES,
    SIZE,
    SLOPE,
    SLOT,
    SOURCE,
    SOURCE_SLOT,
    STEEPNESS,
    TILE_COLUMNS,
    TILE_ROWS,
    UNIT_SIZE,
    UNIT_SLOPE,
    UNIT_STEEPNESS,
    WIDTH,
    FloatArray,
    IndexArray,
    Steps,
    Tensors,
    chain_tables,
    make_tensors,
)

__all__ = [
    "ACTIVE",
    "AT_HAND",
    "BASIS",
    "BLOCK",
    "BREAKPOINT",
    "CHANNELS",
    "CONSTANT_PART",
    "COUNTED",
    "END_TERM",
    "FIRST_NORM",
    "FIRST_OFFSET",
    "FIRST_ROW",
    "FIRST_SWITCH",
    "FIRST_TERM",
    "FIRST_WEIGHT",
    "GIVEN",
    "HEIGHT",
    "IN_SITE",
    "KNOT",
    "LOOSE",
    "LOOSE_BASIS",
    "NEXT_SIZE",
    "NEXT_STEEPNESS",
    "NO_STEPS",
    "N_ACTIVE",
    "N_BREAKPOINTS",
    "N_COLUMNS",
    "N_COUNTED",
    "N_FIXED",
    "N_LOOSE",
    "PADDED",
    "PIECE",
    "PLACE",
    "ROW",
    "SITES",
    "SITE_SIZE",
    "SIZE",
    "SLOPE",
    "SLOT",
    "SOURCE",
    "SOURCE_SLOT",
    "STEEPNESS",
    "TILE_COLUMNS",
    "TILE_ROWS",
    "UNIT_SIZE",
    "UNIT_SLOPE",
    "UNIT_STEEPNESS",
    "WIDTH",
    "FloatArray",
    "IndexArray",
    "Steps",
    "Tensors",
    "chain_tables",
    "give_rows",
    "keep_tensor",
    "make_tensors",
    "sum_terms",
]

# Squares between these are right to the last bits, and so are sums of them. A size whose square is below the smallest
# is far below the band of such a breakpoint.
_SMALLEST, _LARGEST, _NEGLIGIBLE = 1e-280, 1e300, 1e-120


@compiled(internal=True)
def give_rows(plan: Any, tensors: Tensors, given: FloatArray, first: int, step: int, n_affine: int) -> None:
    """Set the rows of a step that is affine all over: those of `given` from column `first` on."""
    n_sites, n_channels, padded = plan.shape[SITES, step], plan.shape[CHANNELS, step], plan.shape[PADDED, step]
    n_table = tensors.rows.shape[1] // padded
    table = tensors.rows[AT_HAND, : n_table * padded].reshape(n_table, padded)
    each = (n_affine + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for s in range(n_sites):
        tensors.site[AT_HAND, FIRST_ROW, s], tensors.site[AT_HAND, N_COLUMNS, s] = s * each, n_affine
        for i in range(n_affine):
            tensors.columns[AT_HAND, s * each + i] = i
            row = table[s * each + i]
            for c in range(n_channels):
                row[c] = given[i, first + s * n_channels + c]


@compiled(internal=True)
def keep_tensor(
    plan: Any, tensors: Tensors, unit: IndexArray, scale: FloatArray, large: FloatArray, steep: FloatArray, step: int
) -> None:
    """Keep what later steps read of the tensor at hand: rows of its active channels, times their slopes.

    `large` and `steep` say of basis functions how large they and their slopes are on the cell. Those of this step's
    unstable units get their `steep` here.
    """
    slot, n_sites, n_channels = plan.shape[SLOT, step], plan.shape[SITES, step], plan.shape[CHANNELS, step]
    if slot < 0:
        return
    slot += 1
    activation, padded, t = plan.activation, plan.shape[PADDED, step], plan.shape[N_BREAKPOINTS, step]
    n_table = tensors.rows.shape[1] // padded
    table = tensors.rows[AT_HAND, : n_table * padded].reshape(n_table, padded)
    n_kept = tensors.rows.shape[1] // padded
    kept = tensors.rows[slot, : n_kept * padded].reshape(n_kept, padded)
    site, value = tensors.site[slot], tensors.value[slot]
    steepest = 0.0
    for j in range(t + 1):
        steepest = max(steepest, abs(activation[SLOPE, step, j]))
    end, counted = 0, 0
    for s in range(n_sites):
        first, n_columns = tensors.site[AT_HAND, FIRST_ROW, s], tensors.site[AT_HAND, N_COLUMNS, s]
        begin, n_active, n_loose, n_fixed = s * n_channels, 0, 0, 0
        active = tensors.unit[slot, ACTIVE, begin : begin + n_channels]
        largest = 0.0
        for c in range(n_channels):
            k = begin + c
            slope, constant = steepest, 0.0
            if unit[PIECE, k] < 0:
                tensors.unit[slot, LOOSE, begin + n_loose] = c
                tensors.unit[slot, LOOSE_BASIS, begin + n_loose] = unit[BASIS, k]
                steep[unit[BASIS, k]] = steepest * scale[STEEPNESS, k]
                n_loose += 1
            else:
                slope = activation[SLOPE, step, unit[PIECE, k]]
                constant = activation[HEIGHT, step, unit[PIECE, k]] - slope * activation[KNOT, step, unit[PIECE, k]]
                if slope != 0.0:
                    active[n_active], value[UNIT_SLOPE, begin + n_active] = c, slope
                    n_active += 1
            value[CONSTANT_PART, k] = constant
            n_fixed += constant != 0.0
            if plan.is_chain:
                size = (abs(slope) * scale[SIZE, k] + abs(constant)) ** 2
                steepness = (slope * scale[STEEPNESS, k]) ** 2
                if size > 0.0 or steepness > 0.0:
                    tensors.unit[slot, COUNTED, counted] = k
                    value[UNIT_SIZE, counted], value[UNIT_STEEPNESS, counted] = size, steepness
                    counted += 1
            elif slope != 0.0 or constant != 0.0:
                size = 0.0
                for i in range(n_columns):
                    size += abs(table[first + i, c]) * large[tensors.columns[AT_HAND, first + i]]
                largest = max(largest, abs(slope) * size + abs(constant))
        n_kept = 0
        for i in range(n_columns):
            row, out = table[first + i], kept[end + n_kept]
            reaches = plan.is_chain
            for a in range(n_active):
                out[a] = value[UNIT_SLOPE, begin + a] * row[active[a]]
                reaches |= out[a] != 0.0
            if reaches:
                tensors.columns[slot, end + n_kept] = tensors.columns[AT_HAND, first + i]
                n_kept += 1
        n_rows = (n_kept + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
        for i in range(n_kept, n_rows):
            for a in range(n_active):
                kept[end + i, a] = 0.0
        site[FIRST_ROW, s], site[N_COLUMNS, s] = end, n_kept
        site[N_ACTIVE, s], site[N_LOOSE, s], site[N_FIXED, s] = n_active, n_loose, n_fixed
        value[SITE_SIZE, s] = largest**2
        end += n_rows
    if plan.is_chain:
        while counted % 4:
            tensors.unit[slot, COUNTED, counted] = 0
            value[UNIT_SIZE, counted], value[UNIT_STEEPNESS, counted] = 0.0, 0.0
            counted += 1
        site[N_COUNTED, 0] = counted


@compiled(internal=True)
def _reach(plan: Any, tensors: Tensors, step: int, s: int, n_basis: int, first: int) -> int:
    """List the basis functions that reach a site of a step, the constant one first; return how many they are."""
    place, columns = tensors.where[PLACE], tensors.columns[AT_HAND]
    if plan.shape[SITES, step] == 1:
        for i in range(n_basis):
            place[i] = i
            columns[first + i] = i
        return n_basis
    columns[first], place[0] = 0, 0
    n = 1
    for term in range(plan.shape[FIRST_TERM, step], plan.shape[END_TERM, step]):
        slot, offset = plan.term[SOURCE_SLOT, term] + 1, plan.term[FIRST_OFFSET, term] + s
        n_channels = plan.shape[CHANNELS, plan.term[SOURCE, term]]
        for tap in range(plan.offset[offset], plan.offset[offset + 1]):
            before = plan.tap[IN_SITE, tap]
            at = tensors.site[slot, FIRST_ROW, before]
            for i in range(at, at + tensors.site[slot, N_COLUMNS, before]):
                column = tensors.columns[slot, i]
                if place[column] < 0:
                    place[column] = n
                    columns[first + n] = column
                    n += 1
            at = before * n_channels
            for i in range(at, at + tensors.site[slot, N_LOOSE, before]):
                column = tensors.unit[slot, LOOSE_BASIS, i]
                if place[column] < 0:
                    place[column] = n
                    columns[first + n] = column
                    n += 1
    return n


@compiled(internal=True)
def _add_taps(plan: Any, tensors: Tensors, table: FloatArray, term: int, s: int, padded: int, first: int) -> None:
    """Add to the rows of a site, from row `first` of the table on, what the taps of a term bring."""
    slot, n_channels = plan.term[SOURCE_SLOT, term] + 1, plan.shape[CHANNELS, plan.term[SOURCE, term]]
    begin, offset = plan.term[FIRST_WEIGHT, term], plan.term[FIRST_OFFSET, term] + s
    n_weights = (plan.weights.shape[0] - begin) // padded
    weights = plan.weights[begin : begin + n_weights * padded].reshape(n_weights, padded)
    across = plan.shape[PADDED, plan.term[SOURCE, term]]
    n_kept = tensors.rows.shape[1] // across
    kept = tensors.rows[slot, : n_kept * across].reshape(n_kept, across)
    site, place, rows, nobody = tensors.site[slot], tensors.where[PLACE], tensors.where[ROW], table.shape[0] - 1
    for tap in range(plan.offset[offset], plan.offset[offset + 1]):
        before, base = plan.tap[IN_SITE, tap], plan.tap[BLOCK, tap] * n_channels
        at = before * n_channels
        for i in range(at, at + site[N_LOOSE, before]):
            row = table[first + place[tensors.unit[slot, LOOSE_BASIS, i]]]
            block = weights[base + tensors.unit[slot, LOOSE, i]]
            for k in range(padded):
                row[k] += block[k]
        if site[N_FIXED, before] > 0:
            for c in range(n_channels):
                constant = tensors.value[slot, CONSTANT_PART, at + c]
                if constant != 0.0:
                    for k in range(padded):
                        table[first, k] += constant * weights[base + c, k]
        n_active, n_columns, start = site[N_ACTIVE, before], site[N_COLUMNS, before], site[FIRST_ROW, before]
        if n_active == 0 or n_columns == 0:
            continue
        active = tensors.unit[slot, ACTIVE, at : at + n_active]
        n_rows = (n_columns + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
        for i in range(n_columns):
            rows[i] = first + place[tensors.columns[slot, start + i]]
        for i in range(n_columns, n_rows):
            rows[i] = nobody
        for k in range(0, padded, TILE_COLUMNS):
            for i in range(0, n_rows, TILE_ROWS):
                add_tile_to(
                    kept, start + i, n_active, weights, base, active, table, rows[i : i + TILE_ROWS], np.int64(k), False
                )


@compiled(internal=True)
def _chain_scales(plan: Any, tensors: Tensors, scale: FloatArray, step: int) -> None:
    """Find the squares of the sizes of the terms of a dense layer, from those of the layer before."""
    term = plan.shape[FIRST_TERM, step]
    slot, n, padded = plan.term[SOURCE_SLOT, term] + 1, plan.shape[WIDTH, step], plan.shape[PADDED, step]
    first, n_before = plan.term[FIRST_WEIGHT, term], plan.shape[WIDTH, plan.term[SOURCE, term]]
    matrix = plan.weights[first : first + n_before * padded].reshape(n_before, padded)
    counted, sizes, steeps = (
        tensors.unit[slot, COUNTED],
        tensors.value[slot, UNIT_SIZE],
        tensors.value[slot, UNIT_STEEPNESS],
    )
    magnitude, lipschitz = scale[NEXT_SIZE], scale[NEXT_STEEPNESS]
    for i in range(0, tensors.site[slot, N_COUNTED, 0], 4):  # by four, so that sums are loaded and stored less often
        row_0, row_1 = matrix[counted[i]], matrix[counted[i + 1]]
        row_2, row_3 = matrix[counted[i + 2]], matrix[counted[i + 3]]
        size_0, size_1, size_2, size_3 = sizes[i], sizes[i + 1], sizes[i + 2], sizes[i + 3]
        steep_0, steep_1, steep_2, steep_3 = steeps[i], steeps[i + 1], steeps[i + 2], steeps[i + 3]
        for k in range(n):
            square_0, square_1, square_2, square_3 = row_0[k] ** 2, row_1[k] ** 2, row_2[k] ** 2, row_3[k] ** 2
            magnitude[k] += (square_0 * size_0 + square_1 * size_1) + (square_2 * size_2 + square_3 * size_3)
            lipschitz[k] += (square_0 * steep_0 + square_1 * steep_1) + (square_2 * steep_2 + square_3 * steep_3)


@compiled(internal=True)
def _site_scales(
    plan: Any, tensors: Tensors, scale: FloatArray, steep: FloatArray, step: int, s: int, table: FloatArray
) -> None:
    """Find the squares of the sizes of the terms of a site's units, from what enters them, and how steep they are.

    Sizes are those of values on the cell: handed on from step to step by norms they would grow several times a step.
    """
    n_channels = plan.shape[CHANNELS, step]
    first, n_columns = tensors.site[AT_HAND, FIRST_ROW, s], tensors.site[AT_HAND, N_COLUMNS, s]
    magnitude = scale[NEXT_SIZE, s * n_channels : (s + 1) * n_channels]
    lipschitz = scale[NEXT_STEEPNESS, s * n_channels : (s + 1) * n_channels]
    for term in range(plan.shape[FIRST_TERM, step], plan.shape[END_TERM, step]):
        slot, offset = plan.term[SOURCE_SLOT, term] + 1, plan.term[FIRST_OFFSET, term] + s
        for tap in range(plan.offset[offset], plan.offset[offset + 1]):
            size = tensors.value[slot, SITE_SIZE, plan.tap[IN_SITE, tap]]
            at = plan.term[FIRST_NORM, term] + plan.tap[BLOCK, tap] * n_channels
            for c in range(n_channels):
                magnitude[c] += size * plan.norms[at + c]
    for i in range(n_columns):
        reach = steep[tensors.columns[AT_HAND, first + i]]
        if reach > 0.0:
            for c in range(n_channels):
                lipschitz[c] += reach * abs(table[first + i, c])
    for c in range(n_channels):
        lipschitz[c] = lipschitz[c] ** 2


@compiled(internal=True)
def sum_terms(plan: Any, tensors: Tensors, scale: FloatArray, steep: FloatArray, step: int, n_basis: int) -> bool:
    """Make the rows of a step's pre-activations, of all `n_basis` functions, from the tensors that it reads.

    False if squares of their sizes are no numbers, or so small that bands made of them would be wrong.
    """
    n_sites, n_channels, padded = plan.shape[SITES, step], plan.shape[CHANNELS, step], plan.shape[PADDED, step]
    n_table = tensors.rows.shape[1] // padded
    table = tensors.rows[AT_HAND, : n_table * padded].reshape(n_table, padded)
    site, columns, place = tensors.site[AT_HAND], tensors.columns[AT_HAND], tensors.where[PLACE]
    n = plan.shape[WIDTH, step]
    magnitude, lipschitz = scale[NEXT_SIZE], scale[NEXT_STEEPNESS]
    for k in range(n):
        magnitude[k] = plan.biases[step, k] ** 2
        lipschitz[k] = 0.0
    first = 0
    for s in range(n_sites):
        n_columns = _reach(plan, tensors, step, s, n_basis, first)
        site[FIRST_ROW, s], site[N_COLUMNS, s] = first, n_columns
        for i in range(first, first + n_columns):
            for k in range(padded):
                table[i, k] = 0.0
        for c in range(n_channels):
            table[first, c] = plan.biases[step, s * n_channels + c]
        for term in range(plan.shape[FIRST_TERM, step], plan.shape[END_TERM, step]):
            _add_taps(plan, tensors, table, term, s, padded, first)
        for i in range(n_columns):
            place[columns[first + i]] = -1
        if not plan.is_chain:
            _site_scales(plan, tensors, scale, steep, step, s, table)
        first += n_columns
    if plan.is_chain:
        _chain_scales(plan, tensors, scale, step)
    fits = True
    for k in range(n):
        scale[SIZE, k] = np.sqrt(magnitude[k])
        scale[STEEPNESS, k] = np.sqrt(lipschitz[k])
        fits &= _SMALLEST < magnitude[k] < _LARGEST and lipschitz[k] < _LARGEST
    return fits or _squares_tell(plan, tensors, scale, table, step)


@compiled(internal=True)
def _squares_tell(plan: Any, tensors: Tensors, scale: FloatArray, table: FloatArray, step: int) -> bool:
    """Whether squares that are very small or large are those of zeros, or do not matter beside the breakpoints."""
    n_channels = plan.shape[CHANNELS, step]
    for k in range(plan.shape[WIDTH, step]):
        magnitude, lipschitz = scale[NEXT_SIZE, k], scale[NEXT_STEEPNESS, k]
        if not (magnitude < _LARGEST and lipschitz < _LARGEST):
            return False
        if magnitude > _SMALLEST:
            continue
        least = np.inf  # where nothing switches, nothing depends on it
        for j in range(plan.shape[N_BREAKPOINTS, step]):
            least = min(least, abs(plan.activation[BREAKPOINT, step, j]))
        if least > _NEGLIGIBLE:
            continue
        s, c = k // n_channels, k % n_channels
        first = tensors.site[AT_HAND, FIRST_ROW, s]
        for i in range(first, first + tensors.site[AT_HAND, N_COLUMNS, s]):
            if table[i, c] != 0.0:
                return False
    return True
