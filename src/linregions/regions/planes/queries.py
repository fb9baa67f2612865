"""What can be asked of a plane partition: where points lie, which regions are neighbours, one region at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_choice, as_float_array, as_points
from linregions.domains.frames import Frame, frame_of
from linregions.domains.windows import PlaneWindow
from linregions.errors import InvalidValueError
from linregions.networks.network import Network
from linregions.networks.switches import bytes_of_words, count_switches, pack_patterns, unpack_patterns
from linregions.regions.adjacency import Adjacency, IndexArray, adjacency_of, as_region, data_frame, hexadecimal
from linregions.regions.outputs import patterns_in_plane
from linregions.regions.pattern_table import PatternTable

# How near a boundary, in sizes of the window, a point may be whose pattern is that of no region.
_NEAREST, _FARTHEST = -46, -20


@dataclass(frozen=True, eq=False, repr=False)
class PlaneRegion:
    """One region of a plane partition: a view, which computes what is asked for.

    Parameters
    ----------
    partition : PlaneQueries
        The partition it belongs to.
    index : int
        Its number there.
    """

    partition: PlaneQueries
    index: int

    @property
    def polygon(self) -> FloatArray:
        """Corners in plane coordinates, shape (sides, 2), counter-clockwise."""
        offsets = self.partition.face_offsets[self.index : self.index + 2]
        return self.partition.vertices[self.partition.face_vertices[offsets[0] : offsets[1]]]

    @property
    def pattern(self) -> npt.NDArray[np.uint8]:
        """Linear piece of every neuron, shape (n_neurons,)."""
        words = self.partition.pattern_words[self.index : self.index + 1]
        return np.asarray(unpack_patterns(self.partition.network, words)[0])

    @property
    def area(self) -> float:
        """Euclidean area."""
        return float(self.partition.areas[self.index])

    @property
    def perimeter(self) -> float:
        """Euclidean perimeter."""
        return float(self.partition.perimeters[self.index])

    @property
    def affine_map(self) -> FloatArray:
        """The network on it, shape (n_out, 3): outputs are ``affine_map @ (u, v, 1)`` in plane coordinates."""
        return np.asarray(self.partition._maps(np.array([self.index]))[0])

    @property
    def neighbors(self) -> IndexArray:
        """Regions that share an edge with it, ascending."""
        return self.partition.neighbors(self.index)

    def __repr__(self) -> str:
        return f"PlaneRegion({self.index}, {len(self.polygon)} sides, area {self.area:.3g})"


class PlaneQueries:
    """Questions to a plane partition."""

    if TYPE_CHECKING:  # what a partition holds
        network: Network
        window: PlaneWindow
        vertices: FloatArray
        edge_faces: npt.NDArray[np.int32]
        edge_neuron: npt.NDArray[np.int32]
        face_offsets: npt.NDArray[np.int64]
        face_vertices: npt.NDArray[np.int32]
        face_edges: npt.NDArray[np.int32]
        pattern_words: npt.NDArray[np.uint64]
        diagnostics: dict[str, Any]

        @property
        def n_regions(self) -> int:
            """Number of regions."""

        @property
        def areas(self) -> FloatArray:
            """Area of every region."""

        @property
        def perimeters(self) -> FloatArray:
            """Perimeter of every region."""

        @property
        def edge_lengths(self) -> FloatArray:
            """Length of every edge."""

        @property
        def linear_labels(self) -> npt.NDArray[np.int32]:
            """Linear region of every region."""

        def _maps(self, faces: npt.NDArray[np.intp]) -> FloatArray: ...

    def __len__(self) -> int:
        """Return the number of activation regions, which is never 0."""
        return self.n_regions

    def __iter__(self) -> Iterator[PlaneRegion]:
        """Go through the regions in order."""
        return (PlaneRegion(self, k) for k in range(self.n_regions))

    @cached_property
    def _adjacency(self) -> Adjacency:
        inner = np.flatnonzero(self.edge_faces.min(axis=1) >= 0)
        return adjacency_of(self.n_regions, self.edge_faces[inner], self.edge_lengths[inner], self.edge_neuron[inner])

    def adjacency(self) -> Adjacency:
        """Return which regions share an edge, as sparse arrays.

        Returns
        -------
        Adjacency
            With `to_networkx` and `to_scipy`. Regions that meet in a vertex only are no neighbours.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [0.0])])
        >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
        >>> p.adjacency()
        Adjacency(4 regions, 4 pairs)
        >>> [len(p.neighbors(f)) for f in range(len(p))]
        [2, 2, 2, 2]
        """
        return self._adjacency

    def neighbors(self, region: int) -> IndexArray:
        """Return the regions that share an edge with one of them, ascending.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such region.
        """
        return self._adjacency.neighbors(as_region(region, self.n_regions, f"{type(self).__name__}.neighbors"))

    def locate(self, points: npt.ArrayLike, *, coordinates: str = "input") -> IndexArray:
        """Find the region that each point lies in.

        Parameters
        ----------
        points : array_like, shape (..., n_in) or (..., 2)
            Points of the input space, which are projected onto the plane (`PlaneWindow.coordinates`); or plane
            coordinates.
        coordinates : {"input", "plane"}
            Which of the two they are.

        Returns
        -------
        ndarray of int64, shape (...)
            Numbers of regions; -1 outside the window.

        Raises
        ------
        InvalidValueError
            If the points do not fit.

        Notes
        -----
        The network is evaluated at the points, and the region with the same activation pattern looked up: exact up to
        the rounding of a forward pass, at the cost of one. So a point where a neuron is exactly on its breakpoint goes
        to the region where that neuron is not above it; where no region at the point has such a pattern (in vertices,
        say, or beside a boundary because of rounding), to one of those that touch it. The window's border belongs to
        the window, and so does what rounding of coordinates leaves beyond it.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.random_network([2, 16, 16, 1], 0, bias_variance=0.1)
        >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
        >>> middles = [region.polygon.mean(axis=0) for region in p]
        >>> bool((p.locate(middles) == range(len(p))).all()), p.locate([3.0, 0.0]).item()
        (True, -1)
        """
        who = f"{type(self).__name__}.locate"
        needed = self.window.n_in
        if as_choice(coordinates, "coordinates", who, ("input", "plane")) == "input":
            given = as_points(points, "points", who, needed)
        else:
            given, needed = as_float_array(points, "points", who), 2
            if given.ndim == 0 or given.shape[-1] != needed:
                raise InvalidValueError(
                    f"`points` has shape {given.shape}, but {who} needs a last axis of two plane coordinates. "
                    "Reshape it to (..., 2)."
                )
        shape = given.shape[:-1]
        given = given.reshape(-1, needed)
        frame = frame_of(self.window)
        grain = np.broadcast_to(frame.grain(self.window), (given.shape[0], 2))
        if coordinates == "input":
            grain = grain + _grain_of_projections(self.window, frame, given)
            given = self._to_plane(given)
        result = np.full(given.shape[0], -1, dtype=np.int64)
        points_in = frame.from_plane(given)
        inside = np.flatnonzero(_inside(frame.polygon, points_in, grain))
        if inside.size:
            result[inside] = self._locate_in_frame(frame.rows(self.window), points_in[inside])
        return result.reshape(shape)

    def _to_plane(self, points: FloatArray) -> FloatArray:
        """Project points of the input space; coordinate axes need no arithmetic."""
        window = self.window
        if window.n_in == 2 and np.array_equal(window.basis, np.eye(2)):
            return points - window.origin if np.any(window.origin) else points
        return window.coordinates(points)

    @cached_property
    def _table(self) -> PatternTable:
        return PatternTable(self.pattern_words)

    def _locate_in_frame(self, rows: FloatArray, points: FloatArray) -> IndexArray:
        def look_up(where: FloatArray) -> IndexArray:
            result = np.empty(where.shape[0], dtype=np.int64)
            for begin, patterns in patterns_in_plane(self.network, rows, where):
                result[begin : begin + patterns.shape[0]] = self._table.find(pack_patterns(self.network, patterns))
            return result

        result = look_up(points)
        # On a boundary or beside it by rounding: the region at a place nearby whose closure holds the point.
        turns = np.arange(8) * (2 * np.pi / 8) + 0.3
        compass = np.stack([np.cos(turns), np.sin(turns)], axis=1)
        for exponent in range(_NEAREST, _FARTHEST, 2):
            for step in 2.0**exponent * compass:
                missing = np.flatnonzero(result < 0)
                if not missing.size:
                    return result
                found = look_up(points[missing] + step)
                touched = found >= 0
                touched[touched] = self._touches(found[touched], points[missing[touched]], 2.0 ** (exponent + 1))
                result[missing[touched]] = found[touched]
        missing = np.flatnonzero(result < 0)
        for k in missing.tolist():  # a region too thin to be hit
            result[k] = self._deepest(points[k])
        return result

    @cached_property
    def _corners_in_frame(self) -> FloatArray:
        return frame_of(self.window).from_plane(self.vertices)

    def _depths(self, faces: IndexArray, points: FloatArray) -> FloatArray:
        """Return how deep points lie in regions: the least distance inwards from the lines of their sides."""
        sizes = np.diff(self.face_offsets)[faces]
        ends = np.cumsum(sizes)
        at = np.arange(int(ends[-1])) + np.repeat(self.face_offsets[faces] - ends + sizes, sizes)
        after = at + 1
        after[ends - 1] = self.face_offsets[faces]
        a, b = self._corners_in_frame[self.face_vertices[at]], self._corners_in_frame[self.face_vertices[after]]
        side, to = b - a, np.repeat(points, sizes, axis=0) - a
        with np.errstate(invalid="ignore", divide="ignore"):
            depth = (side[:, 0] * to[:, 1] - side[:, 1] * to[:, 0]) / np.hypot(side[:, 0], side[:, 1])
        return np.minimum.reduceat(np.nan_to_num(depth, nan=np.inf), ends - sizes)

    def _touches(self, faces: IndexArray, points: FloatArray, slack: float) -> npt.NDArray[np.bool_]:
        if not faces.size:
            return np.zeros(0, dtype=bool)
        return np.asarray(self._depths(faces, points) >= -slack)

    def _deepest(self, point: FloatArray) -> int:
        faces = np.arange(self.n_regions)
        return int(np.argmax(self._depths(faces, np.broadcast_to(point, (faces.size, 2)))))

    def to_dataframe(self) -> Any:
        """Return one row for each region, as a `pandas.DataFrame` indexed by region.

        Returns
        -------
        pandas.DataFrame
            Columns ``linear_region``, ``sides``, ``area``, ``perimeter``, ``n_neighbors``, ``u`` and ``v`` (mean of
            the corners) and ``pattern`` (hexadecimal, one bit for each switch, lowest bit of the first byte first).

        Raises
        ------
        MissingDependencyError
            If pandas is not installed (``pip install 'linregions[table]'``).
        """
        sides = np.diff(self.face_offsets)
        middles = np.add.reduceat(self.vertices[self.face_vertices], self.face_offsets[:-1], axis=0) / sides[:, None]
        n_bytes = -(-count_switches(self.network) // 8)
        return data_frame(
            {
                "linear_region": self.linear_labels,
                "sides": sides,
                "area": self.areas,
                "perimeter": self.perimeters,
                "n_neighbors": np.diff(self._adjacency.indptr),
                "u": middles[:, 0],
                "v": middles[:, 1],
                "pattern": hexadecimal(bytes_of_words(self.pattern_words)[:, :n_bytes]),
            },
            f"{type(self).__name__}.to_dataframe",
        )


def _grain_of_projections(window: PlaneWindow, frame: Frame, points: FloatArray) -> FloatArray:
    """Return how far rounding may move the projections of points of the input space in a frame, shape (N, 2)."""
    orthonormal, triangle = np.linalg.qr(window.basis.T)
    sizes = (np.abs(points) + np.abs(window.origin)) @ np.abs(orthonormal)
    moved = 2.0**-50 * sizes @ np.abs(np.linalg.inv(triangle)).T
    moved[:, 1] += abs(frame.shear) * moved[:, 0]
    return np.asarray(moved / frame.scale)


def _inside(polygon: FloatArray, points: FloatArray, grain: FloatArray) -> npt.NDArray[np.bool_]:
    """Tell which points lie in a convex polygon, its border and what rounding leaves beyond it included."""
    inside = np.ones(points.shape[0], dtype=bool)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        side = b - a
        slack = 2.0**-48 * np.hypot(*side) + grain @ np.abs(side[::-1])
        inside &= side[0] * (points[:, 1] - a[1]) - side[1] * (points[:, 0] - a[0]) >= -slack
    return inside
