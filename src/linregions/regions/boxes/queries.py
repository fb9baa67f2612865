"""What can be asked of a partition of a box: where points lie, which regions are neighbours, one region at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_points
from linregions.domains.polytopes import Polytope
from linregions.domains.solids import Box
from linregions.networks.network import Network
from linregions.networks.switches import bytes_of_words, count_switches, pack_patterns, unpack_patterns
from linregions.regions.adjacency import Adjacency, IndexArray, adjacency_of, as_region, data_frame, hexadecimal
from linregions.regions.boxes.boundaries import joined_labels
from linregions.regions.boxes.facet_planes import facet_planes, side_planes
from linregions.regions.pattern_table import PatternTable

# How near a boundary, in sizes of the domain, a point may be whose pattern is that of no region.
_NEAREST, _FARTHEST = -46, -20
_DIRECTIONS = 16
# Beyond a side by this share of the terms, a point still belongs to the domain.
_ROUNDING = 2.0**-48


@dataclass(frozen=True, eq=False, repr=False)
class BoxRegion:
    """One region of a partition of a box: a view, which computes what is asked for.

    Parameters
    ----------
    partition : BoxQueries
        The partition it belongs to.
    index : int
        Its number there.
    """

    partition: BoxQueries
    index: int

    @property
    def vertices(self) -> FloatArray:
        """Corners, shape (corners, d)."""
        return np.asarray(self.partition.vertices[self.partition.corners_of(self.index)])

    @property
    def pattern(self) -> npt.NDArray[np.uint8]:
        """Linear piece of every neuron, shape (n_neurons,)."""
        words = self.partition.pattern_words[self.index : self.index + 1]
        return np.asarray(unpack_patterns(self.partition.network, words)[0])

    @property
    def volume(self) -> float:
        """Its d-dimensional volume."""
        return float(self.partition.volumes[self.index])

    @property
    def centroid(self) -> FloatArray:
        """Centre of mass, shape (d,)."""
        return np.asarray(self.partition.centroids[self.index])

    @property
    def affine_map(self) -> FloatArray:
        """The network on it, shape (n_out, d + 1): outputs are ``affine_map @ (x_1, ..., x_d, 1)``."""
        return np.asarray(self.partition._maps(np.array([self.index]))[0])

    @property
    def halfspaces(self) -> tuple[FloatArray, FloatArray]:
        """Normals and offsets of the half-spaces whose intersection it is; see `BoxPartition.halfspaces`."""
        return self.partition.halfspaces(self.index)

    @property
    def neighbors(self) -> IndexArray:
        """Regions that share a facet with it, ascending."""
        return self.partition.neighbors(self.index)

    def __repr__(self) -> str:
        return f"BoxRegion({self.index}, {len(self.vertices)} corners, volume {self.volume:.3g})"


class BoxQueries:
    """Questions to a partition of a box."""

    if TYPE_CHECKING:  # what a partition holds
        network: Network
        domain: Box | Polytope
        vertices: FloatArray
        cell_offsets: npt.NDArray[np.int64]
        cell_vertices: npt.NDArray[np.int32]
        pattern_words: npt.NDArray[np.uint64]
        volumes: FloatArray
        centroids: FloatArray
        facet_cells: npt.NDArray[np.int64]
        facet_neuron: npt.NDArray[np.int32]
        facet_breakpoint: npt.NDArray[np.int16]
        facet_side: npt.NDArray[np.int16]
        facet_volumes: FloatArray
        facet_offsets: npt.NDArray[np.int64]
        facet_vertices: npt.NDArray[np.int32]
        strata_activation: FloatArray
        face_counts: npt.NDArray[np.int64]
        diagnostics: dict[str, Any]

        @property
        def n_in(self) -> int:
            """Number of inputs."""

        @property
        def n_regions(self) -> int:
            """Number of regions."""

        @property
        def n_facets(self) -> int:
            """Number of facets."""

        @property
        def boundary_volume(self) -> float:
            """Volume of boundaries."""

        @property
        def n_linear_regions(self) -> int:
            """Number of linear regions."""

        @property
        def linear_labels(self) -> npt.NDArray[np.int32]:
            """Linear region of every region."""

        def _maps(self, cells: Any) -> FloatArray: ...

    def __len__(self) -> int:
        """Return the number of activation regions, which is never 0."""
        return self.n_regions

    def __iter__(self) -> Iterator[BoxRegion]:
        """Go through the regions in order."""
        return (BoxRegion(self, k) for k in range(self.n_regions))

    def corners_of(self, region: int) -> npt.NDArray[np.int32]:
        """Return the numbers of the vertices of a region.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such region.
        """
        number = as_region(region, self.n_regions, f"{type(self).__name__}.corners_of")
        return self.cell_vertices[self.cell_offsets[number] : self.cell_offsets[number + 1]]

    @cached_property
    def vertex_cells(self) -> tuple[IndexArray, IndexArray]:
        """Which regions have a vertex: offsets (V + 1,) and numbers of regions, ascending for each vertex."""
        cells = np.repeat(np.arange(self.n_regions), np.diff(self.cell_offsets))
        order = np.argsort(self.cell_vertices, kind="stable")
        counts = np.bincount(self.cell_vertices, minlength=len(self.vertices))
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), cells[order]

    @cached_property
    def cell_facets(self) -> tuple[IndexArray, IndexArray]:
        """Which facets a region has: offsets (F + 1,) and numbers of facets, ascending for each region."""
        facets, cells = np.repeat(np.arange(self.n_facets), 2), self.facet_cells.ravel()
        facets, cells = facets[cells >= 0], cells[cells >= 0]
        order = np.argsort(cells, kind="stable")
        counts = np.bincount(cells, minlength=self.n_regions)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), facets[order]

    @cached_property
    def facet_planes(self) -> FloatArray:
        """The hyperplane of every facet, shape (K, d + 1): ``row[:d] @ x = row[d]``, with normals of length 1.

        Normals point to where the neuron is higher, or out of the domain.
        """
        return facet_planes(self)

    def halfspaces(self, region: int) -> tuple[FloatArray, FloatArray]:
        """Return the half-spaces ``normals @ x <= offsets`` whose intersection a region is, one for each facet.

        Parameters
        ----------
        region : int

        Returns
        -------
        normals : ndarray of float64, shape (facets, d)
            Of length 1, pointing outwards.
        offsets : ndarray of float64, shape (facets,)

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such region.
        """
        number = as_region(region, self.n_regions, f"{type(self).__name__}.halfspaces")
        offsets, facets = self.cell_facets
        own = facets[offsets[number] : offsets[number + 1]]
        outwards = np.where(self.facet_cells[own, 0] == number, 1.0, -1.0)[:, None]
        rows = self.facet_planes[own] * outwards
        return rows[:, :-1], rows[:, -1]

    @cached_property
    def _adjacency(self) -> Adjacency:
        inner = np.flatnonzero(self.facet_side < 0)
        weights, neurons = self.facet_volumes[inner], self.facet_neuron[inner]
        return adjacency_of(self.n_regions, self.facet_cells[inner], weights, neurons)

    def adjacency(self) -> Adjacency:
        """Return which regions share a facet, as sparse arrays: the dual graph.

        Returns
        -------
        Adjacency
            With `to_networkx` and `to_scipy`; weights are the (d - 1)-volumes of what two regions share.
        """
        return self._adjacency

    def neighbors(self, region: int) -> IndexArray:
        """Return the regions that share a facet with one of them, ascending.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such region.
        """
        return self._adjacency.neighbors(as_region(region, self.n_regions, f"{type(self).__name__}.neighbors"))

    def joined(self, is_boundary: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Return which regions hang together where facets are no boundaries, shape (F,), numbered from 0.

        Parameters
        ----------
        is_boundary : ndarray of bool, shape (K,)
            Which facets separate; those on the domain's sides do anyway.
        """
        return joined_labels(self.n_regions, self.facet_cells, is_boundary)

    def locate(self, points: npt.ArrayLike) -> IndexArray:
        """Find the region that each point lies in.

        Parameters
        ----------
        points : array_like, shape (..., d)

        Returns
        -------
        ndarray of int64, shape (...)
            Numbers of regions; -1 outside the domain.

        Raises
        ------
        InvalidValueError
            If the points do not fit.

        Notes
        -----
        The network is evaluated at the points, and the region with the same activation pattern looked up. A point where
        a neuron is exactly on its breakpoint goes to the region where that neuron is not above it; where no region has
        such a pattern, to one of those that touch the point. The domain's sides belong to it.
        """
        given = as_points(points, "points", f"{type(self).__name__}.locate", self.n_in)
        shape, flat = given.shape[:-1], given.reshape(-1, self.n_in)
        result = np.full(flat.shape[0], -1, dtype=np.int64)
        sides = side_planes(self.domain)
        slack = _ROUNDING * (np.abs(flat) @ np.abs(sides[:, :-1]).T + np.abs(sides[:, -1]))
        inside = np.flatnonzero(np.all(flat @ sides[:, :-1].T <= sides[:, -1] + slack, axis=1))
        if inside.size:
            result[inside] = self._locate_inside(flat[inside])
        return result.reshape(shape)

    @cached_property
    def _table(self) -> PatternTable:
        return PatternTable(self.pattern_words)

    def _locate_inside(self, points: FloatArray) -> IndexArray:
        result = self._look_up(points)
        # On a boundary or beside it by rounding: the region at a place nearby whose closure holds the point.
        steps = np.random.default_rng(0).standard_normal((_DIRECTIONS, self.n_in))
        steps *= np.ptp(self.vertices, axis=0) / np.linalg.norm(steps, axis=1, keepdims=True)
        for exponent in range(_NEAREST, _FARTHEST, 2):
            for step in 2.0**exponent * steps:
                missing = np.flatnonzero(result < 0)
                if not missing.size:
                    return result
                found = self._look_up(points[missing] + step)
                slack = 2.0 * float(np.linalg.norm(step))
                touched = [f >= 0 and self._depth(f, points[k]) >= -slack for f, k in zip(found, missing, strict=True)]
                result[missing[touched]] = found[touched]
        for k in np.flatnonzero(result < 0).tolist():  # a region too thin to be hit
            result[k] = self._deepest(points[k])
        return result

    def _look_up(self, points: FloatArray) -> IndexArray:
        return self._table.find(pack_patterns(self.network, self.network.patterns(points)))

    def _depth(self, region: int, point: FloatArray) -> float:
        """Return how deep a point lies in a region: the least distance inwards from its facets."""
        normals, offsets = self.halfspaces(int(region))
        return float((offsets - normals @ point).min())

    def _deepest(self, point: FloatArray) -> int:
        offsets, facets = self.cell_facets
        cells = np.repeat(np.arange(self.n_regions), np.diff(offsets))
        inwards = self.facet_planes[facets, -1] - self.facet_planes[facets, :-1] @ point
        inwards *= np.where(self.facet_cells[facets, 0] == cells, 1.0, -1.0)
        return int(np.argmax(np.minimum.reduceat(inwards, offsets[:-1])))

    def to_dataframe(self) -> Any:
        """Return one row for each region, as a `pandas.DataFrame` indexed by region.

        Returns
        -------
        pandas.DataFrame
            Columns ``linear_region``, ``corners``, ``facets``, ``volume``, ``n_neighbors``, ``x0``, ``x1``, ... (the
            centroid) and ``pattern`` (hexadecimal, one bit for each switch, lowest bit of the first byte first).

        Raises
        ------
        MissingDependencyError
            If pandas is not installed (``pip install 'linregions[table]'``).
        """
        n_bytes = -(-count_switches(self.network) // 8)
        return data_frame(
            {
                "linear_region": self.linear_labels,
                "corners": np.diff(self.cell_offsets),
                "facets": np.diff(self.cell_facets[0]),
                "volume": self.volumes,
                "n_neighbors": np.diff(self._adjacency.indptr),
                **{f"x{i}": self.centroids[:, i] for i in range(self.n_in)},
                "pattern": hexadecimal(bytes_of_words(self.pattern_words)[:, :n_bytes]),
            },
            f"{type(self).__name__}.to_dataframe",
        )

    def summary(self) -> dict[str, Any]:
        """Return the main numbers by name: counts, measures, and how close the decisions were."""
        found: dict[str, Any] = {
            "regions": self.n_regions,
            "linear_regions": self.n_linear_regions,
            "f_vector": self.face_counts.tolist(),
            "volume": float(self.volumes.sum()),
            "boundary_volume": self.boundary_volume,
            "strata": self.strata_activation.tolist(),
        }
        found.update(
            {key: self.diagnostics[key] for key in ("undecided", "smallest_margin") if key in self.diagnostics}
        )
        return found
