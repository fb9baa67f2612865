"""Matrices between tensors -> terms: taps from site to site, equal blocks shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.errors import MemoryLimitError
from linregions.networks.graph import Layout, Term
from linregions.networks.importers.matrices import MOST_ENTRIES, IndexArray, Matrix
from linregions.networks.importers.site_matrix import SiteMatrix

# A table of all pairs of sites is made up to this size; it takes a byte and eight more a pair.
_TABLE = 1 << 20


def inverse(order: IndexArray) -> IndexArray:
    """Return the inverse of a permutation."""
    result = np.empty_like(order)
    result[order] = np.arange(order.size)
    return result


def as_term(source: int, matrix: Matrix, out: Layout, into: Layout) -> Term:
    """Return a matrix from the units of `into` (columns) to those of `out` (rows), both in flat order, as taps."""
    if isinstance(matrix, np.ndarray):
        return _dense_term(source, matrix, out, into)
    if not isinstance(matrix, SiteMatrix):
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        return _sparse_term(source, np.asarray(matrix.data), rows, matrix.indices, out, into)
    if fits(matrix, out, into):
        return matrix.as_term(source)
    return _sparse_term(source, *matrix.entries(), out, into)


def fits(matrix: SiteMatrix, out: Layout, into: Layout) -> bool:
    """Tell whether the sites of a matrix are those of the layouts."""
    sides = ((out, matrix.channels[0], matrix.n_out), (into, matrix.channels[1], matrix.n_in))
    return all(
        layout.n_channels == channels
        and layout.n_sites == sites
        and np.array_equal(layout.order.reshape(sites, channels), np.arange(channels * sites).reshape(channels, -1).T)
        for layout, channels, sites in sides
    )


def n_pairs(matrix: Matrix, out: Layout, into: Layout) -> int:
    """Return how many taps a matrix takes."""
    if isinstance(matrix, np.ndarray):
        return out.n_sites * into.n_sites
    if isinstance(matrix, SiteMatrix):
        if fits(matrix, out, into):
            return int(matrix.block.size)
        _, row, column = matrix.entries()
        keys = inverse(out.order)[row] // out.n_channels * into.n_sites + inverse(into.order)[column] // into.n_channels
        return int(np.unique(keys).size)
    rows = np.repeat(inverse(out.order) // out.n_channels, np.diff(matrix.indptr))
    columns = (inverse(into.order) // into.n_channels)[matrix.indices]
    ones = np.ones(rows.size, dtype=np.int8)
    pairs = type(matrix)((ones, (rows, columns)), shape=(out.n_sites, into.n_sites))  # adds up, with a counting sort
    return int(pairs.nnz)


def _dense_term(source: int, matrix: FloatArray, out: Layout, into: Layout) -> Term:
    blocks = matrix[out.order][:, into.order] if out.n_units > 1 else matrix[:, into.order]
    blocks = blocks.reshape(out.n_sites, out.n_channels, into.n_sites, into.n_channels).transpose(0, 2, 3, 1)
    blocks = np.ascontiguousarray(blocks).reshape(-1, into.n_channels, out.n_channels)
    n_taps = out.n_sites * into.n_sites
    return Term(
        source,
        np.arange(out.n_sites + 1) * into.n_sites,
        np.tile(np.arange(into.n_sites), out.n_sites),
        np.arange(n_taps),
        blocks,
    )


def _sparse_term(
    source: int, data: FloatArray, row: npt.NDArray[Any], place: npt.NDArray[Any], out: Layout, into: Layout
) -> Term:
    n_in, n_out = into.n_channels, out.n_channels
    unit, column = inverse(out.order)[row], inverse(into.order)[place]
    if not data.all():
        kept = data != 0.0
        unit, column, data = unit[kept], column[kept], data[kept]
    key = (unit // n_out) * into.n_sites + column // n_in
    place = (column % n_in) * n_out + unit % n_out
    keys, tap = _numbered(key, out.n_sites * into.n_sites)
    group, blocks = _shared_blocks(keys.size, tap, place, data, n_in * n_out)
    out_site = keys // into.n_sites
    offsets = np.searchsorted(out_site, np.arange(out.n_sites + 1))
    return Term(source, offsets, keys % into.n_sites, group, blocks.reshape(-1, n_in, n_out))


def _numbered(key: IndexArray, n: int) -> tuple[IndexArray, IndexArray]:
    """Return the different keys in increasing order, and the number of each entry's key among them."""
    if n > max(_TABLE, 4 * key.size):
        keys, number = np.unique(key, return_inverse=True)
        return keys, number.reshape(-1)
    seen = np.zeros(n, dtype=bool)
    seen[key] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[key]


def _shared_blocks(
    n_taps: int, tap: IndexArray, place: IndexArray, data: FloatArray, size: int
) -> tuple[IndexArray, FloatArray]:
    """Return the number of each tap's block, and the blocks, flat: equal ones once.

    They are told apart by a sum of mixed words over their entries, and then compared in truth.
    """
    words = _mixed(data.view(np.uint64) ^ _mixed(place.astype(np.uint64)))
    sums = np.zeros(n_taps, dtype=np.uint64)
    np.add.at(sums, tap, words)
    _, first, group = np.unique(sums, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    blocks = _filled(group, first, tap, place, data, size)
    counts = np.bincount(tap, minlength=n_taps)
    same = counts == counts[first[group]]
    same[tap[blocks[group[tap], place] != data]] = False
    if not same.all():  # different blocks with one sum get blocks of their own
        odd = np.flatnonzero(~same)
        group[odd] = first.size + np.arange(odd.size)
        blocks = _filled(group, np.concatenate([first, odd]), tap, place, data, size)
    return group, blocks


def _filled(
    group: IndexArray, first: IndexArray, tap: IndexArray, place: IndexArray, data: FloatArray, size: int
) -> FloatArray:
    if first.size * size > MOST_ENTRIES:
        raise MemoryLimitError(
            f"`model` holds an operator with {first.size:,} different blocks of {size:,} numbers, but importers take "
            f"at most {MOST_ENTRIES:,} in all. Give a model for smaller inputs, or a batch of one."
        )
    blocks = np.zeros((first.size, size))
    shown = first[group[tap]] == tap
    blocks[group[tap[shown]], place[shown]] = data[shown]
    return blocks


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """Return 64-bit words with all bits stirred (the finaliser of MurmurHash3)."""
    words = (words ^ (words >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    words = (words ^ (words >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return words ^ (words >> np.uint64(33))
