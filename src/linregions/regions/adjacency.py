"""Which regions meet along an edge or in a breakpoint, as sparse arrays; networkx and scipy on request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_integer, require
from linregions.errors import InvalidValueError

IndexArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Adjacency:
    """The graph of regions that share a piece of boundary, in compressed rows.

    Parameters
    ----------
    indptr : ndarray of int64, shape (F + 1,)
        The neighbours of region f are ``indices[indptr[f]:indptr[f + 1]]``.
    indices : ndarray of int64, shape (2 K,)
        Neighbours of each region, ascending; every pair is there both ways.
    weights : ndarray of float64, shape (2 K,)
        Euclidean length of the boundary that the two share; 1 for regions of a line, which meet in a point.
    neurons : ndarray of int32, shape (2 K,)
        Flat number of the neuron that switches between them (of several, the first of the lowest layer).
    """

    indptr: IndexArray
    indices: IndexArray
    weights: FloatArray
    neurons: npt.NDArray[np.int32]

    def neighbors(self, region: int) -> IndexArray:
        """Return the regions that one of them meets, ascending."""
        return self.indices[self.indptr[region] : self.indptr[region + 1]]

    def to_scipy(self) -> Any:
        """Return a `scipy.sparse.csr_array` of the weights, shape (F, F).

        Raises
        ------
        MissingDependencyError
            If scipy is not installed.
        """
        sparse = require("scipy", "graph", "Adjacency.to_scipy", lambda: __import__("scipy.sparse").sparse)
        n = self.indptr.size - 1
        return sparse.csr_array((self.weights, self.indices, self.indptr), shape=(n, n))

    def to_networkx(self) -> Any:
        """Return a `networkx.Graph` with the numbers of regions as nodes; edges have a `weight` and a `neuron`.

        Raises
        ------
        MissingDependencyError
            If networkx is not installed (``pip install 'linregions[graph]'``).
        """
        networkx = require("networkx", "graph", "Adjacency.to_networkx", lambda: __import__("networkx"))
        graph = networkx.Graph()
        graph.add_nodes_from(range(self.indptr.size - 1))
        first = np.repeat(np.arange(self.indptr.size - 1), np.diff(self.indptr))
        once = first < self.indices
        columns = first[once], self.indices[once], self.weights[once], self.neurons[once]
        graph.add_edges_from(
            (a, b, {"weight": weight, "neuron": neuron})
            for a, b, weight, neuron in zip(*(column.tolist() for column in columns), strict=True)
        )
        return graph

    def __repr__(self) -> str:
        return f"Adjacency({self.indptr.size - 1} regions, {self.indices.size // 2} pairs)"


def adjacency_of(
    n_regions: int, pairs: npt.NDArray[Any], weights: FloatArray, neurons: npt.NDArray[np.int32]
) -> Adjacency:
    """Collect pairs of regions, shape (E, 2), of which the same may come more than once: then weights are added."""
    both = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int64)
    order = np.lexsort((both[:, 1], both[:, 0]))
    both = both[order]
    new = np.ones(both.shape[0], dtype=bool)
    new[1:] = np.any(both[1:] != both[:-1], axis=1)
    starts = np.flatnonzero(new)
    row, column = both[starts].T
    return Adjacency(
        np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n_regions))]).astype(np.int64),
        np.ascontiguousarray(column),
        np.add.reduceat(np.tile(weights, 2)[order], starts) if starts.size else np.empty(0),
        np.minimum.reduceat(np.tile(neurons, 2)[order], starts) if starts.size else np.empty(0, np.int32),
    )


def as_region(region: Any, n_regions: int, who: str) -> int:
    """Return the number of a region, or raise."""
    number = as_integer(region, "region", who, 0)
    if number >= n_regions:
        raise InvalidValueError(
            f"`region` is {number}, but {who} needs one below the number of regions, {n_regions}. Count regions from 0."
        )
    return number


def data_frame(columns: dict[str, Any], who: str) -> Any:
    """Return a `pandas.DataFrame` of columns of one length, indexed by region."""
    pandas = require("pandas", "table", who, lambda: __import__("pandas"))
    frame = pandas.DataFrame(columns)
    frame.index.name = "region"
    return frame


def hexadecimal(rows: npt.NDArray[np.uint8]) -> list[str]:
    """Return each row of bytes as hexadecimal digits."""
    if not rows.shape[1]:
        return [""] * rows.shape[0]
    return [row.tobytes().hex() for row in np.ascontiguousarray(rows)]
