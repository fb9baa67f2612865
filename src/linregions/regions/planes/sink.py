"""What becomes of the regions of a plane: the interface between the engine that finds them and what keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.domains.windows import PlaneWindow
from linregions.networks.network import Network
from linregions.regions.planes.kernels.records import OWN
from linregions.regions.planes.kernels.workspace import N_FACES, V

IntArray = npt.NDArray[np.int32]
IndexArray = npt.NDArray[np.int64]


class BatchRecord(NamedTuple):
    """What the engine notes of a batch, beside what a sink makes of it.

    Parameters
    ----------
    sizes : ndarray of int64, shape (3,)
        Vertices other than those of the first layer's lines, edges and regions, those on borders between cells in
        each cell.
    runs : ndarray of int64, shape (2, n)
        Pieces of the first layer's lines that lie between two cells, and how many edges they are cut to.
    snapped, merged : int
    margin : float
    undecided : int
        For the diagnostics.
    """

    sizes: IndexArray
    runs: IndexArray
    snapped: int
    merged: int
    margin: float
    undecided: int


@dataclass(frozen=True, eq=False)
class RegionBatch:
    """Activation regions of some cells of a window: whole regions, none in two batches.

    Cells are bounded by switches of the first layer, so no region is cut; but vertices and edges on the border
    between two cells are met in both. The arrays are views of buffers that are used again: copy what you keep.

    Parameters
    ----------
    network : Network
    window : PlaneWindow
    cells : ndarray of int64, shape (C,)
        Numbers of the cells, consecutive in a batch.
    cell_sizes : ndarray of int64, shape (C, 5)
        How many vertices, edges, regions, sides and entries of `chain` each cell has; they follow one another.
    vertices : ndarray of float64, shape (V, 2)
        Plane coordinates.
    root_vertex : ndarray of int32, shape (V,)
        Number of the vertex among those of the first layer's lines and the window (or the block of the window, where
        there are hundreds of lines); -1 for others.
    edge : ndarray of int32, shape (3, E)
        First vertex, second vertex, and the switch that happens there (-1 on the window's border): see `edge_neuron`.
    face_offsets : ndarray of int32, shape (F + 1,)
        Region f has the sides ``face_offsets[f]`` up to ``face_offsets[f + 1]``.
    side : ndarray of int32, shape (2, S)
        The corner that each side begins at, counter-clockwise, and its edge.
    pattern_words : ndarray of uint64, shape (F, words)
        Packed patterns (`linregions.networks.switches.unpack_patterns`); no rows if the sink does not need them.
    chain : ndarray of int32 or int64, shape (2, K)
        For edges that two cells share, cell by cell: number of the piece of the first layer's lines that they
        are on, and the edge. The other cell has as many on that piece, in the same order.
    record : BatchRecord
        What `Sink.earlier` must return of a batch that was worked in an earlier run.
    """

    network: Network
    window: PlaneWindow
    cells: IndexArray
    cell_sizes: IndexArray
    vertices: FloatArray
    root_vertex: IntArray
    edge: IntArray
    face_offsets: IntArray
    side: IntArray
    pattern_words: npt.NDArray[np.uint64]
    chain: IntArray | IndexArray
    record: BatchRecord

    @property
    def n_regions(self) -> int:
        """Number F of regions."""
        return int(self.cell_sizes[:, N_FACES].sum())

    @property
    def n_bytes(self) -> int:
        """Bytes that a copy of the arrays takes."""
        of_regions = self.face_offsets, self.side, self.pattern_words, self.chain
        return sum(array.nbytes for array in (self.vertices, self.root_vertex, self.edge, *of_regions))

    @cached_property
    def edge_is_shared(self) -> npt.NDArray[np.bool_]:
        """Whether the edge is met in another cell, too, shape (E,)."""
        shared = np.zeros(self.edge.shape[1], dtype=np.bool_)
        shared[self.chain[OWN]] = True
        return shared

    def corners(self, region: int) -> FloatArray:
        """Return the corners of a region of the batch, shape (sides, 2), counter-clockwise; a copy."""
        return self.vertices[self.corner_numbers(region)]

    def corner_numbers(self, region: int) -> IntArray:
        """Return the vertices that are corners of a region, counter-clockwise."""
        return self.side[V, self.face_offsets[region] : self.face_offsets[region + 1]]


@dataclass(frozen=True)
class PlaneSummary:
    """What the engine knows when all cells are done.

    Parameters
    ----------
    n_regions, n_vertices, n_edges : int
        Of the whole window, each counted once.
    diagnostics : dict
        As in `PlanePartition`.
    """

    n_regions: int
    n_vertices: int
    n_edges: int
    diagnostics: dict[str, Any]


class Sink(ABC):
    """Something that takes regions as they are found; pass one to `linregions.partition`.

    A sink of one's own has `digest`, `collect` and `finish`. `digest` is called once for each batch, in any of
    the threads (or, with an executor, in other processes, for which the sink is pickled), in any order. What it
    returns is given to `collect`, in the order of the cells and in the thread of the caller, whatever the number
    of threads.

    Examples
    --------
    >>> import linregions as lr
    >>> class Triangles(lr.Sink):
    ...     needs_patterns = False
    ...     def begin(self, network, window, relative_tolerance):
    ...         self.found = 0
    ...     def digest(self, batch):
    ...         return int((batch.face_offsets[1:] - batch.face_offsets[:-1] == 3).sum())
    ...     def collect(self, digested):
    ...         self.found += digested
    ...     def finish(self, summary):
    ...         return self.found
    >>> net = lr.random_network([2, 8, 8, 1], 0, bias_variance=0.1)
    >>> window = lr.PlaneWindow.of_inputs([-1, -1], [1, 1])
    >>> triangles = lr.partition(net, window, sink=Triangles())
    >>> triangles == sum(len(lr.partition(net, window).polygon(k)) == 3 for k in range(lr.count_regions(net, window)))
    True
    """

    #: Whether batches carry the patterns of their regions.
    needs_patterns: bool = True
    #: Whether all cells must have one root, so that `root_vertex` is unique; memory then grows with the first layer.
    needs_one_root: bool = False
    #: Cells in a batch; None leaves it to the engine.
    cells_in_batch: int | None = None
    #: Set by the engine before `begin`: 1, or more in the rare case that all work has to be done once more.
    attempt: int = 1

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:  # noqa: B027
        """Start anew: called before any batch, and again with a higher `attempt` if all work is done once more."""

    def earlier(self, cells: IndexArray) -> tuple[BatchRecord, Any] | None:
        """Return the record of a batch of these cells and what `digest` returned, if an earlier run left them."""
        return None

    @abstractmethod
    def digest(self, batch: RegionBatch) -> Any:
        """Return what is needed of a batch. Keep no reference to its arrays."""

    @abstractmethod
    def collect(self, digested: Any) -> None:
        """Take what `digest` returned, in the order of the cells."""

    @abstractmethod
    def finish(self, summary: PlaneSummary) -> Any:
        """Return the result."""
