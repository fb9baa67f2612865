"""The sink that keeps everything: regions of all cells, united to one complex."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.limits import exceeded
from linregions.domains.windows import PlaneWindow
from linregions.networks.network import Network
from linregions.networks.switches import has_maxima, switch_tables
from linregions.regions.planes.edge_names import name_edges
from linregions.regions.planes.kernels import assembly, uniting
from linregions.regions.planes.kernels.records import N_CHAINS, OWN, SHARED
from linregions.regions.planes.kernels.workspace import SWITCH, E, V
from linregions.regions.planes.partition import PlanePartition
from linregions.regions.planes.polygons import doubled_areas
from linregions.regions.planes.sink import PlaneSummary, RegionBatch, Sink

# Bytes for each region that are taken beside what the cells hold while these are united.
_UNITING = 52
# How much more than what the regions met take, and as many elsewhere, is asked for where these do not fit.
_SPARE = 2
KEEP_NONE = "keep no regions, with `sink=RegionStatistics()` or `sink=RegionStream(folder)`"
# How much an array grows that is full. What is added is memory at once, so that it should not be much.
_GROWTH = 1.125


class _Growing:
    """An array that rows are appended to. The system moves a large one without copying it."""

    def __init__(self, dtype: npt.DTypeLike, *row: int) -> None:
        self.rows = 0
        self._array: npt.NDArray[Any] = np.empty((0, *row), dtype)

    def append(self, count: int) -> npt.NDArray[Any]:
        """Return a view of that many new rows, to be filled at once."""
        begin = self.rows
        self.rows += count
        if self.rows > self._array.shape[0]:
            self._resize(max(self.rows, int(_GROWTH * self._array.shape[0])))
        return self._array[begin : self.rows]

    def taken(self) -> npt.NDArray[Any]:
        """Return the rows, as an array of their size, and forget them."""
        self._resize(self.rows)
        array, self._array, self.rows = self._array, self._array[:0], 0
        return array

    def _resize(self, rows: int) -> None:
        self._array.resize((rows, *self._array.shape[1:]), refcheck=False)


def bytes_to_unite(n_bytes: float, n_regions: float, uniting: float = _UNITING) -> float:
    """Return the most that a partition takes while it is made, from what its batches hold."""
    return (1.0 + _GROWTH) / 2.0 * n_bytes + uniting * n_regions


class Collector(Sink):
    """Keep the regions of all batches.

    `finish` returns a `PlanePartition`.
    """

    needs_one_root = True

    def __init__(self, memory_limit: int | None = None, who: str = "partition", uniting: float = _UNITING) -> None:
        self.memory_limit, self.who, self.uniting = memory_limit, who, uniting

    def begin(self, network: Network, window: PlaneWindow, relative_tolerance: float) -> None:
        """Forget everything."""
        self.network, self.window, self.n_bytes = network, window, 0
        self.vertices, self.root_vertex = _Growing(np.float64, 2), _Growing(np.int32)
        self.edges, self.switches = _Growing(np.int32, 2), _Growing(np.int32)
        self.offsets, self.corners, self.sides = _Growing(np.int64), _Growing(np.int32), _Growing(np.int32)
        self.offsets.append(1)[:] = 0
        self.words: _Growing | None = None
        self.chain_root, self.chain_edge, self.chain_sizes = (_Growing(np.int32) for _ in range(3))

    def digest(self, batch: RegionBatch) -> Any:
        """Copy the batch."""
        return [
            batch.vertices.copy(), batch.root_vertex.copy(), batch.edge.copy(), batch.face_offsets[1:].copy(),
            batch.side.copy(), batch.pattern_words.copy(), batch.chain.copy(), batch.cell_sizes[:, N_CHAINS].copy(),
        ]  # fmt: skip

    def collect(self, digested: Any) -> None:
        """Append the copy."""
        vertices, root_vertex, edge, ends, side, words, chain, chain_sizes = digested
        if self.words is None:
            self.words = _Growing(np.uint64, words.shape[1])
        first_vertex, first_edge, first_side = self.vertices.rows, self.edges.rows, self.corners.rows
        self.vertices.append(len(vertices))[:] = vertices
        self.root_vertex.append(len(vertices))[:] = root_vertex
        np.add(edge[:SWITCH].T, first_vertex, out=self.edges.append(edge.shape[1]), casting="unsafe")
        self.switches.append(edge.shape[1])[:] = edge[SWITCH]
        np.add(ends, first_side, out=self.offsets.append(len(ends)))
        np.add(side[V], first_vertex, out=self.corners.append(side.shape[1]), casting="unsafe")
        np.add(side[E], first_edge, out=self.sides.append(side.shape[1]), casting="unsafe")
        self.words.append(len(words))[:] = words
        self.chain_root.append(chain.shape[1])[:] = chain[SHARED]
        np.add(chain[OWN], first_edge, out=self.chain_edge.append(chain.shape[1]), casting="unsafe")
        self.chain_sizes.append(len(chain_sizes))[:] = chain_sizes
        self.n_bytes += sum(array.nbytes for array in digested)
        n_regions, limit = self.offsets.rows - 1, self.memory_limit
        taken = bytes_to_unite(self.n_bytes, n_regions, self.uniting)
        if limit is not None and taken > limit:
            polygon = self.window.polygon
            whole = doubled_areas(polygon, np.array([0, len(polygon)]), np.arange(len(polygon)))
            met = doubled_areas(self.vertices.taken(), self.offsets.taken(), self.corners.taken())
            raise exceeded(
                limit,
                self.who,
                int(_SPARE * taken * whole.sum() / met.sum()),
                f"to keep the regions of this window, of which the first {n_regions:,} do not fit",
                f"Give that many at least, or a smaller window, or {KEEP_NONE}.",
            )

    def finish(self, summary: PlaneSummary) -> PlanePartition:
        """Return the partition."""
        vertices, edges, switches, edge_faces, offsets, corners, sides = self._united(summary)
        neuron_of, breakpoint_of = switch_tables(self.network)
        neurons, breakpoints = neuron_of[switches], breakpoint_of[switches]
        del switches
        assert self.words is not None  # every window has a region
        words = self.words.taken()
        if not self.network.is_chain:
            name_edges(self.network, words, edge_faces, neurons, breakpoints)
        faces = edge_faces, offsets, corners, sides, words
        labels = neurons, breakpoints
        return PlanePartition(self.network, self.window, vertices, edges, *labels, *faces, summary.diagnostics)

    def _united(self, summary: PlaneSummary) -> tuple[npt.NDArray[Any], ...]:
        """Unite what was met in two cells, each array in its place where that can be."""
        edges = self.edges.taken()
        vertex_number, edge_number = assembly.numbers(
            self.root_vertex.taken(), edges, self.chain_root.taken(), self.chain_edge.taken(), self.chain_sizes.taken()
        )
        vertices = assembly.united_vertices(self.vertices.taken(), vertex_number, summary.n_vertices)
        offsets, corners, sides, switches = (
            growing.taken() for growing in (self.offsets, self.corners, self.sides, self.switches)
        )
        n_edges = assembly.unite_edges(edges, switches, vertex_number, edge_number)
        assert n_edges == summary.n_edges
        edges.resize((n_edges, 2), refcheck=False)
        switches.resize(n_edges, refcheck=False)
        faces = assembly.unite_faces(edges, vertex_number, edge_number, offsets, corners, sides)
        if has_maxima(self.network):
            fixed = len(self.window.polygon)
            n_v, n_e = uniting.straighten(vertices, edges, switches, faces, offsets, corners, sides, fixed)
            vertices, edges, switches, faces = (
                array[:rows].copy() for array, rows in ((vertices, n_v), (edges, n_e), (switches, n_e), (faces, n_e))
            )
            corners, sides = corners[: offsets[-1]].copy(), sides[: offsets[-1]].copy()
        return vertices, edges, switches, faces, offsets, corners, sides
