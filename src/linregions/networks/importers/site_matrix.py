"""Large operators between images as taps with shared blocks, so that nothing is written out unit by unit.

What a convolution is to `scipy.sparse`: an entry a multiplication, 12 bytes each. Here: a block a place in the kernel,
a tap a pair of sites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.graph import IndexArray, Term


@dataclass(frozen=True, eq=False)
class SiteMatrix:
    """A matrix between tensors of shape (channels, sites), flat: blocks from sites to sites.

    Parameters
    ----------
    out_site, in_site, block : ndarray of int, shape (taps,)
        Sorted by output site and then input site, each pair at most once.
    blocks : ndarray of float64, shape (blocks, input channels, output channels)
    n_out, n_in : int
        Sites.
    """

    out_site: IndexArray
    in_site: IndexArray
    block: IndexArray
    blocks: FloatArray
    n_out: int
    n_in: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n_out * self.blocks.shape[2], self.n_in * self.blocks.shape[1]

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of outputs and inputs."""
        return self.blocks.shape[2], self.blocks.shape[1]

    @property
    def reads_once(self) -> bool:
        """Whether each site reads one at most, by the same block."""
        return len(self.blocks) == 1 and bool(np.all(self.out_site[1:] != self.out_site[:-1]))

    @cached_property
    def nnz(self) -> int:
        """How many of its numbers are not zero."""
        filled = np.count_nonzero(self.blocks, axis=(1, 2))
        return int(filled[self.block].sum())

    def __matmul__(self, vector: FloatArray) -> FloatArray:
        """Return the product with a vector."""
        out, into = self.channels
        values = np.ascontiguousarray(vector.reshape(into, self.n_in).T)
        total = np.zeros((self.n_out, out))
        for k, block in enumerate(self.blocks):
            taps = self.block == k
            np.add.at(total, self.out_site[taps], values[self.in_site[taps]] @ block)
        return total.T.ravel()

    def scaled(self, factors: FloatArray) -> SiteMatrix:
        """Return it with each row multiplied by a factor."""
        by_site = factors.reshape(self.channels[0], self.n_out).T
        if np.all(by_site == by_site[:1]):
            return self._with(blocks=self.blocks * by_site[0])
        different, kind = np.unique(by_site, axis=0, return_inverse=True)
        key = self.block * len(different) + kind.ravel()[self.out_site]
        keys, block = np.unique(key, return_inverse=True)
        blocks = self.blocks[keys // len(different)] * different[keys % len(different)][:, None, :]
        return self._with(block=block.ravel(), blocks=blocks)

    def total(self, other: SiteMatrix) -> SiteMatrix:
        """Return the sum of two."""
        return _merged(
            np.concatenate([self.out_site, other.out_site]),
            np.concatenate([self.in_site, other.in_site]),
            np.concatenate([self.block, other.block + len(self.blocks)]),
            np.concatenate([self.blocks, other.blocks]),
            self.n_out,
            self.n_in,
        )

    def after(self, moves: SiteMatrix) -> SiteMatrix:
        """Return its product with one that reads a site at most at each, by the same block."""
        source = np.full(moves.n_out, -1)
        source[moves.out_site] = moves.in_site
        sites = source[self.in_site]
        kept = sites >= 0
        blocks = np.einsum("im,bmo->bio", moves.blocks[0], self.blocks)
        return _merged(self.out_site[kept], sites[kept], self.block[kept], blocks, self.n_out, moves.n_in)

    def picked(self, channels: Sequence[int] | IndexArray) -> SiteMatrix:
        """Return some of its output channels."""
        return _merged(self.out_site, self.in_site, self.block, self.blocks[:, :, channels], self.n_out, self.n_in)

    def among(self, before: int, after: int) -> SiteMatrix:
        """Return it with output channels of zeros before and after its own."""
        return self._with(blocks=np.pad(self.blocks, ((0, 0), (0, 0), (before, after))))

    def transposed(self) -> SiteMatrix:
        """Return it with rows and columns exchanged."""
        blocks = np.ascontiguousarray(self.blocks.transpose(0, 2, 1))
        return _merged(self.in_site, self.out_site, self.block, blocks, self.n_in, self.n_out)

    def as_term(self, source: int) -> Term:
        """Return it as taps, for tensors with channels first."""
        offsets = np.searchsorted(self.out_site, np.arange(self.n_out + 1))
        return Term(source, offsets, self.in_site, self.block, np.ascontiguousarray(self.blocks))

    def entries(self) -> tuple[FloatArray, IndexArray, IndexArray]:
        """Return its numbers with their rows and columns, flat."""
        place, into, out = np.nonzero(self.blocks)
        data = self.blocks[place, into, out]
        starts = np.searchsorted(place, np.arange(len(self.blocks) + 1))
        counts = np.diff(starts)[self.block]
        tap = np.repeat(np.arange(self.block.size), counts)
        at = starts[self.block[tap]] + np.arange(tap.size) - np.repeat(np.cumsum(counts) - counts, counts)
        return data[at], out[at] * self.n_out + self.out_site[tap], into[at] * self.n_in + self.in_site[tap]

    def _with(self, block: IndexArray | None = None, blocks: FloatArray | None = None) -> SiteMatrix:
        return SiteMatrix(
            self.out_site,
            self.in_site,
            self.block if block is None else block,
            self.blocks if blocks is None else blocks,
            self.n_out,
            self.n_in,
        )


def by_windows(windows: IndexArray, blocks: FloatArray, n_in: int) -> SiteMatrix:
    """Return what applies block e to entry e of each window: sites of shape (windows, entries), -1 for none."""
    out_site, entry = np.nonzero(windows >= 0)
    return _merged(out_site, windows[out_site, entry], entry, blocks, len(windows), n_in)


def from_sites(matrix: Any, channels: int) -> SiteMatrix:
    """Return what applies a CSR matrix between sites to each channel."""
    numbers, block = np.unique(matrix.data, return_inverse=True)
    out_site = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    blocks = numbers[:, None, None] * np.eye(channels)
    return _merged(out_site, matrix.indices.astype(np.int64), block.ravel(), blocks, *matrix.shape)


def from_moves(matrix: Any, channels: int) -> SiteMatrix | None:
    """Return a CSR matrix with so many output channels as one that reads a site at most at each; None if it is none.

    Each channel is a multiple of another one, or zero, at all sites that are read.
    """
    rows, columns = matrix.shape
    counts = np.diff(matrix.indptr)
    if not channels or not rows or rows % channels or counts.max(initial=0) != 1:
        return None
    n_out = rows // channels
    column, factor = np.full(rows, -1, dtype=np.int64), np.zeros(rows)
    column[counts == 1], factor[counts == 1] = matrix.indices, matrix.data
    column, factor = column.reshape(channels, n_out), factor.reshape(channels, n_out)
    some = np.flatnonzero((column >= 0).any(axis=1))
    at = np.flatnonzero(column[some[0]] >= 0)
    sizes = {columns // channels if columns % channels == 0 else 0, n_out if columns % n_out == 0 else 0} - {0}
    for n_in in sorted(sizes):
        channel, site = column[some][:, at] // n_in, column[some[0], at] % n_in
        grid = channel[:, :1] * n_in + site
        expected = np.full(column.shape, -1)
        expected[np.ix_(some, at)] = grid
        same = np.array_equal(column, expected) and np.all(factor[some][:, at] == factor[some][:, at[:1]])
        if same:
            block = np.zeros((columns // n_in, channels))
            block[channel[:, 0], some] = factor[some, at[0]]
            return SiteMatrix(at, site, np.zeros(at.size, dtype=np.int64), block[None], n_out, n_in)
    return None


def _merged(
    out_site: IndexArray, in_site: IndexArray, block: IndexArray, blocks: FloatArray, n_out: int, n_in: int
) -> SiteMatrix:
    """Return taps in order, those of one pair of sites as one, without those of zeros; equal blocks are shared."""
    kept = np.any(blocks, axis=(1, 2))[block]
    out_site, in_site, block = out_site[kept], in_site[kept], block[kept]
    order = np.argsort(out_site * n_in + in_site, kind="stable")
    out_site, in_site, block = out_site[order], in_site[order], block[order]
    key = out_site * n_in + in_site
    first = _starts(key)
    while not first.all():  # two taps of a pair at a time
        starts = np.flatnonzero(first)
        last = np.append(starts[1:], key.size) - starts > 1
        pairs = block[starts[last]] * len(blocks) + block[starts[last] + 1]
        kinds, which = np.unique(pairs, return_inverse=True)
        block = block.copy()
        block[starts[last]] = len(blocks) + which.ravel()
        blocks = np.concatenate([blocks, blocks[kinds // len(blocks)] + blocks[kinds % len(blocks)]])
        stays = np.ones(key.size, dtype=bool)
        stays[starts[last] + 1] = False
        out_site, in_site, block, key = (each[stays] for each in (out_site, in_site, block, key))
        first = _starts(key)
    used, block = np.unique(block, return_inverse=True)
    return SiteMatrix(out_site, in_site, block.ravel().astype(np.int64), blocks[used], n_out, n_in)


def _starts(key: IndexArray) -> npt.NDArray[np.bool_]:
    """Tell which of sorted numbers differ from the one before."""
    found = np.ones(key.size, dtype=np.bool_)
    found[1:] = key[1:] != key[:-1]
    return found
