"""Linear operators as scipy CSR matrices, or dense arrays where hardly anything is zero."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, require
from linregions.errors import MemoryLimitError
from linregions.networks.graph import IndexArray as IndexArray
from linregions.networks.importers.site_matrix import SiteMatrix, from_moves

#: A scipy CSR matrix, a two-dimensional float64 array, or a SiteMatrix, where that would be large.
Matrix = Any

#: More numbers than this are in no operator: 4 GiB with their places.
MOST_ENTRIES = 1 << 28
#: Multiplications of an operator by sites; a pass through it takes seconds.
MOST_PRODUCTS = 1 << 32


class Matrices:
    """What scipy.sparse is needed for, which is imported only once a model is.

    Parameters
    ----------
    who : str
        The importer, for messages; `extra` names the extra that brings scipy for it.
    """

    def __init__(self, who: str, extra: str) -> None:
        self.who = who
        self._sparse = require("scipy", extra, who, lambda: importlib.import_module("scipy.sparse"))

    def from_entries(
        self, data: FloatArray, rows: npt.NDArray[Any], columns: npt.NDArray[Any], shape: tuple[int, int]
    ) -> Matrix:
        """Return a matrix of entries; those at the same place add up."""
        self.must_fit(data.size)
        return self._sparse.csr_matrix((data, (rows, columns)), shape=shape)

    def from_rows(
        self, data: FloatArray, columns: npt.NDArray[Any], starts: npt.NDArray[Any], n_columns: int
    ) -> Matrix:
        """Return the CSR matrix whose row i has the entries ``starts[i]:starts[i + 1]``."""
        self.must_fit(data.size)
        return self._sparse.csr_matrix((data, columns, starts), shape=(starts.size - 1, n_columns))

    def identity(self, n: int) -> Matrix:
        """Return the identity of n units."""
        self.must_fit(n)
        places = np.arange(n + 1, dtype=np.int32 if n < 2**31 - 1 else np.int64)
        return self.from_rows(np.ones(n), places[:-1], places, n)

    def diagonal(self, factors: FloatArray) -> Matrix:
        """Return the diagonal matrix with these entries."""
        self.must_fit(factors.size)
        places = np.arange(factors.size + 1)
        return self.from_rows(factors, places[:-1], places, factors.size)

    def selection(self, index: IndexArray, n_columns: int) -> Matrix:
        """Return the matrix whose row i is unit vector ``index[i]``, or zero where that is negative."""
        kept = index >= 0
        starts = np.concatenate([[0], np.cumsum(kept)])
        return self.from_rows(np.ones(int(starts[-1])), index[kept], starts, n_columns)

    def is_sparse(self, matrix: Matrix) -> bool:
        """Tell whether it is CSR."""
        return not isinstance(matrix, np.ndarray)

    def plain(self, matrix: Matrix) -> Matrix:
        """Return it as CSR where it is by sites."""
        if not isinstance(matrix, SiteMatrix):
            return matrix
        self.must_fit(matrix.nnz)
        data, rows, columns = matrix.entries()
        return self.from_entries(data, rows, columns, matrix.shape)

    def rows(self, matrix: Matrix, index: IndexArray) -> Matrix:
        """Return the rows of a matrix in another order; zeros where the index is negative."""
        matrix = self.plain(matrix)
        if self.is_sparse(matrix):
            if is_range(index, matrix.shape[0]):
                return matrix
            return self.selection(index, matrix.shape[0]) @ matrix
        picked = matrix[index]
        if index.size and index.min() < 0:
            picked[index < 0] = 0.0
        return picked

    def scaled(self, matrix: Matrix, factors: FloatArray) -> Matrix:
        """Return a matrix with each row multiplied by a factor."""
        if isinstance(matrix, SiteMatrix):
            return matrix.scaled(factors)
        if not self.is_sparse(matrix):
            return matrix * factors[:, None]
        data = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
        return self._sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)

    def total(self, first: Matrix, second: Matrix) -> Matrix:
        """Return the sum of two."""
        if isinstance(first, SiteMatrix) or isinstance(second, SiteMatrix):
            channels = first.channels[0] if isinstance(first, SiteMatrix) else second.channels[0]
            left, right = self.by_sites(first, channels), self.by_sites(second, channels)
            if left is not None and right is not None and left.channels == right.channels:
                return left.total(right)
            first, second = self.plain(first), self.plain(second)
        if self.is_sparse(first) and self.is_sparse(second):
            return first + second
        return self.dense(first) + self.dense(second)

    def stacked(self, parts: list[Matrix | None], heights: list[int], width: int) -> Matrix:
        """Return matrices one above the other; None is zero."""
        parts = [self.plain(part) for part in parts]
        filled = [np.zeros((0, width)) if part is None else part for part in parts]
        if all(part is not None and not self.is_sparse(part) for part in parts):
            return np.vstack(filled)
        blocks = [
            self._sparse.csr_matrix((height, width)) if part is None else self._sparse.csr_matrix(part)
            for part, height in zip(parts, heights, strict=True)
        ]
        return self._sparse.vstack(blocks, format="csr")

    def product(self, left: Matrix, right: Matrix) -> Matrix:
        """Return left @ right, dense where the left is."""
        if isinstance(left, SiteMatrix) or isinstance(right, SiteMatrix):
            moves = None if not isinstance(left, SiteMatrix) else self.by_sites(right, left.channels[1])
            if isinstance(left, SiteMatrix) and moves is not None and moves.reads_once and moves.n_out == left.n_in:
                return left.after(moves)
            left, right = self.plain(left), self.plain(right)
        if not self.is_sparse(left) and self.is_sparse(right):
            return np.ascontiguousarray((right.T @ left.T).T)
        return left @ right

    def by_sites(self, matrix: Matrix, channels: int) -> SiteMatrix | None:
        """Return a matrix by sites with so many output channels, or None where that is none."""
        if isinstance(matrix, SiteMatrix):
            return matrix if matrix.channels[0] == channels else None
        return from_moves(matrix, channels) if self.is_sparse(matrix) else None

    def kronecker(self, factors: list[FloatArray | int]) -> Matrix:
        """Return the Kronecker product of matrices; a number n stands for the identity of n."""
        entries = 1
        for factor in factors:
            entries *= factor if isinstance(factor, int) else int(np.count_nonzero(factor))
        self.must_fit(entries)
        result = self.identity(1)
        for factor in factors:
            part = self.identity(factor) if isinstance(factor, int) else self._sparse.csr_matrix(factor)
            result = self._sparse.kron(result, part, format="csr")
        return result

    def repeated(self, matrix: Matrix, times: int) -> Matrix:
        """Return the block diagonal matrix with so many copies."""
        self.must_fit(n_entries(matrix) * times)
        matrix = self.plain(matrix)
        return self._sparse.kron(self.identity(times), matrix, format="csr")

    def dense(self, matrix: Matrix) -> FloatArray:
        """Return it as a dense array."""
        matrix = self.plain(matrix)
        return np.asarray(matrix.toarray() if self.is_sparse(matrix) else matrix)

    def transposed(self, matrix: Matrix) -> Matrix:
        """Return it with rows and columns exchanged."""
        if isinstance(matrix, SiteMatrix):
            return matrix.transposed()
        return matrix.T.tocsr() if self.is_sparse(matrix) else np.ascontiguousarray(matrix.T)

    def must_fit(self, n: int, most: int = MOST_ENTRIES) -> None:
        """Raise before more memory, or time, is taken than any network that can be worked on needs."""
        if n > most:
            raise MemoryLimitError(
                f"`model` holds an operator of {n:,} numbers, but {self.who} takes at most {most:,}. "
                "Give a model for smaller inputs."
            )


def is_range(index: npt.NDArray[Any], n: int) -> bool:
    """Tell whether an index is 0, ..., n - 1."""
    return index.size == n and bool(np.array_equal(index, np.arange(n)))


def n_entries(matrix: Matrix) -> int:
    """Return how many numbers a matrix holds."""
    size: int = matrix.size if isinstance(matrix, np.ndarray) else matrix.nnz
    return int(size)


def n_products(left: Matrix, right: Matrix) -> int:
    """Return the multiplications of left @ right, at least as many as the entries that it gets."""
    if isinstance(right, np.ndarray):
        columns: int = right.shape[1]
        return n_entries(left) * columns
    if isinstance(left, np.ndarray):
        rows: int = left.shape[0]
        return rows * n_entries(right)
    return int(np.diff(right.indptr)[left.indices].sum())
