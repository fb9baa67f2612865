"""Windows in a plane, cut into the polygons of the linear regions."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.saved_arrays import complex_of
from linregions._support.shown import Told, doubts
from linregions._support.small_integers import keep_small
from linregions._support.validation import FloatArray, as_choice, require
from linregions.domains.windows import PlaneWindow
from linregions.exact.gradient_proofs import gradients_differ
from linregions.networks.network import Network
from linregions.networks.switches import breakpoints_of_neurons, unpack_patterns
from linregions.regions.files import read_result, unpack_window, write_result
from linregions.regions.kinds import KINDS
from linregions.regions.outputs import Comparison, region_maps
from linregions.regions.planes.boundaries import boundaries_between
from linregions.regions.planes.decision import DecisionBoundary, boundary_of
from linregions.regions.planes.polygons import doubled_areas
from linregions.regions.planes.proofs import write_certificate
from linregions.regions.planes.queries import PlaneQueries
from linregions.regions.planes.sink import IntArray

_FORMAT = "linregions-plane-1"
_ARRAYS = (
    "vertices",
    "edges",
    "edge_neuron",
    "edge_breakpoint",
    "edge_faces",
    "face_offsets",
    "face_vertices",
    "face_edges",
    "pattern_words",
)


@keep_small("edge_breakpoint")
@dataclass(frozen=True, eq=False, repr=False)
class PlanePartition(Told, PlaneQueries):
    """A window of a plane cut into activation regions: a complex of convex polygons.

    Parameters
    ----------
    network : Network
    window : PlaneWindow
    vertices : ndarray of float64, shape (V, 2)
        Corners of regions in plane coordinates, those on the window's border included.
    edges : ndarray of int32, shape (E, 2)
        Their two vertices; an edge never passes through a third vertex.
    edge_neuron : ndarray of int32, shape (E,)
        Flat number of the neuron that switches there (`Network.locate_neuron`): of those that do, the one of the lowest
        layer. -1 on the window's border.
    edge_breakpoint : ndarray of int32, shape (E,)
        Which breakpoint of that neuron's activation it is, from 0; -1 on the border. Kept in one byte an edge, so that
        every access makes a new array.
    edge_faces : ndarray of int32, shape (E, 2)
        Regions left and right of the edge, seen from its first vertex to its second; -1 outside.
    face_offsets : ndarray of int64, shape (F + 1,)
        Region f has the corners ``face_vertices[face_offsets[f]:face_offsets[f + 1]]``.
    face_vertices : ndarray of int32, shape (sum of sides,)
        Corners of all regions, counter-clockwise.
    face_edges : ndarray of int32, shape (sum of sides,)
        Edge from each of these corners to the next.
    pattern_words : ndarray of uint64, shape (F, words)
        Packed patterns; see `patterns`.
    diagnostics : dict
        ``undecided``: signs and orders within their band, which float64 cannot tell; with 0 it decided everything;
        ``snapped_signs`` and ``merged_ties``: those of them taken as zero or equal though not so to the last bit;
        ``smallest_margin``: the closest decision not taken as zero, in multiples of its band;
        ``certify_advised``: whether some are undecided, or one is within 128 bands, so that `certify=True` would have
        had something to settle;
        ``relative_tolerance``; ``cells``: how many cells the window was worked in.
        Of a certified partition also ``certified``: True, every sign and order being proved, so that ``undecided`` is
        0; ``exact_decisions``: how many of them were left to integer arithmetic; ``mended``: whether what floats found
        was wrong, or could not be proved, and the exact engine found all anew.

    Notes
    -----
    V - E + F = 1. Areas and lengths are Euclidean, in the units of the input space.
    """

    network: Network
    window: PlaneWindow
    vertices: FloatArray
    edges: IntArray
    edge_neuron: IntArray
    edge_breakpoint: IntArray
    edge_faces: IntArray
    face_offsets: npt.NDArray[np.int64]
    face_vertices: IntArray
    face_edges: IntArray
    pattern_words: npt.NDArray[np.uint64]
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def n_regions(self) -> int:
        """Number F of activation regions."""
        return int(self.face_offsets.size - 1)

    @cached_property
    def patterns(self) -> npt.NDArray[np.uint8]:
        """Linear piece of every neuron in every region, shape (F, n_neurons): breakpoints below its value."""
        return unpack_patterns(self.network, self.pattern_words)

    @cached_property
    def edge_lengths(self) -> FloatArray:
        """Euclidean length of every edge, shape (E,)."""
        steps = self.vertices[self.edges[:, 1]] - self.vertices[self.edges[:, 0]]
        return np.asarray(np.hypot(*self.window.orthonormal(steps).T))

    @cached_property
    def areas(self) -> FloatArray:
        """Euclidean area of every region, shape (F,)."""
        doubled = doubled_areas(self.vertices, self.face_offsets, self.face_vertices)
        return np.asarray(0.5 * self.window.area_factor * doubled)

    @cached_property
    def perimeters(self) -> FloatArray:
        """Euclidean perimeter of every region, shape (F,)."""
        return np.asarray(np.add.reduceat(self.edge_lengths[self.face_edges], self.face_offsets[:-1]))

    @cached_property
    def boundary_length(self) -> float:
        """Euclidean length of all boundaries between activation regions, without the window's border."""
        return float(self.edge_lengths[self.edge_neuron >= 0].sum())

    @cached_property
    def affine_maps(self) -> FloatArray:
        """The network on every region, shape (F, n_out, 3): output = ``maps[f] @ (u, v, 1)`` in plane coordinates."""
        return self._maps(np.arange(self.n_regions))

    def _maps(self, faces: npt.NDArray[np.intp]) -> FloatArray:
        """Affine maps of some regions, by propagating the rows of (u, v, 1) through their pieces."""
        rows = np.vstack([self.window.basis, self.window.origin])
        return region_maps(self.network, rows, self.pattern_words[faces])

    @cached_property
    def edge_is_linear_boundary(self) -> npt.NDArray[np.bool_]:
        """Whether a good neuron switches on the edge (Proposition 9), shape (E,); False on the border."""
        return self._boundaries("linear")

    @cached_property
    def edge_is_gradient_boundary(self) -> npt.NDArray[np.bool_]:
        """Whether the gradient, in all inputs, jumps at the edge (eq. 4), shape (E,); False on the border.

        Never where `edge_is_linear_boundary` is False. Where only that is True, good neurons cancel exactly.
        """
        return self._boundaries("gradient")

    def is_boundary_of(self, kind: str) -> npt.NDArray[np.bool_]:
        """Tell which edges are boundaries between ``"activation"``, ``"linear"`` or ``"gradient"`` regions."""
        if as_choice(kind, "kind", "is_boundary_of", KINDS) == "activation":
            return np.asarray(self.edge_neuron >= 0)
        return self.edge_is_linear_boundary if kind == "linear" else self.edge_is_gradient_boundary

    def _boundaries(self, kind: str) -> npt.NDArray[np.bool_]:
        inner = np.flatnonzero(self.edge_neuron >= 0)
        left, right = np.ascontiguousarray(self.edge_faces[inner].T)
        result = np.zeros(self.edges.shape[0], dtype=bool)
        result[inner] = boundaries_between(self.network, kind, self.patterns, left, right)
        if kind == "gradient" and self.diagnostics.get("certified"):
            seem_equal = inner[self.edge_is_linear_boundary[inner] & ~result[inner]]
            left, right = np.ascontiguousarray(self.edge_faces[seem_equal].T)
            result[seem_equal] = gradients_differ(self.network, self.patterns, left, right)
        return result

    @cached_property
    def linear_labels(self) -> IntArray:
        """Number of the linear region that each activation region belongs to, shape (F,)."""
        return self._labels(self.edge_is_linear_boundary)

    @cached_property
    def gradient_labels(self) -> IntArray:
        """Number of the gradient region that each activation region belongs to, shape (F,)."""
        return self._labels(self.edge_is_gradient_boundary)

    def _labels(self, is_boundary: npt.NDArray[np.bool_]) -> IntArray:
        from linregions.regions.planes.kernels.boundaries import components

        open_edges = (self.edge_neuron >= 0) & ~is_boundary
        return np.asarray(components(self.n_regions, self.edge_faces[open_edges]))

    @property
    def n_linear_regions(self) -> int:
        """Number of linear regions: activation regions joined across edges where no good neuron switches (Prop. 9)."""
        return int(self.linear_labels.max()) + 1

    @property
    def n_gradient_regions(self) -> int:
        """Number of gradient regions: pieces of the complement of the paper's B_N (eq. 4), where the gradient jumps."""
        return int(self.gradient_labels.max()) + 1

    def decision_boundary(self, decision: str = "argmax") -> DecisionBoundary:
        """Find where the class changes, exactly: the arg-max of the outputs, or the sign of a single one.

        Parameters
        ----------
        decision : {"argmax", "argmin"}
            ``"argmin"`` for networks whose outputs are costs. Of outputs that tie the lowest number is the class. A
            single output has the classes 0 (not above zero; not below zero for ``"argmin"``) and 1.

        Returns
        -------
        DecisionBoundary

        Raises
        ------
        InvalidValueError
            If `decision` is unknown.

        Notes
        -----
        In every region the outputs are affine, so the boundary is that of their upper envelope: straight pieces. All
        vertices are evaluated, with the network reduced to the neurons that switch among 64 neighbouring regions; only
        regions in which no output is ahead all over get their affine map. That costs less than the partition (0.4
        times for two layers of 256, 0.7 and 0.9 times for three of 128 and 64), and memory beyond it grows by a few
        numbers a vertex.
        """
        who = "PlanePartition.decision_boundary"
        return boundary_of(self, Comparison.of_classes(self.network.n_out, decision, who))

    def level_set(self, output: int = 0, level: float = 0.0) -> DecisionBoundary:
        """Find where one output equals a level, exactly: the boundary of where it is above.

        Parameters
        ----------
        output : int
            Which output, from 0.
        level : float

        Returns
        -------
        DecisionBoundary
            Of two classes, 0 (not above the level) and 1 (above).

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If there is no such output, or `level` is no finite number.

        Notes
        -----
        A region on which the output is the level throughout belongs to class 0. Where the output touches the level
        from one side only there is no piece.

        Examples
        --------
        >>> import linregions as lr
        >>> net = lr.Network.from_layers([([[1.0, 0.0]], [0.0]), ([[1.0]], [0.0])])  # relu(x)
        >>> p = lr.partition(net, lr.PlaneWindow.of_inputs([-1, -1], [1, 1]))
        >>> p.level_set(level=0.5).segments.tolist()
        [[[0.5, -1.0], [0.5, 1.0]]]
        """
        who = "PlanePartition.level_set"
        return boundary_of(self, Comparison.of_level(self.network.n_out, output, level, who))

    def polygon(self, region: int) -> FloatArray:
        """Return the corners of one region, shape (sides, 2), counter-clockwise."""
        return self.vertices[self.face_vertices[self.face_offsets[region] : self.face_offsets[region + 1]]]

    def to_shapely(self) -> npt.NDArray[Any]:
        """Return the regions as an array of `shapely.Polygon`, shape (F,), in plane coordinates.

        Raises
        ------
        MissingDependencyError
            If shapely is not installed (``pip install 'linregions[geometry]'``).
        """
        shapely = require("shapely", "geometry", "PlanePartition.to_shapely", lambda: __import__("shapely"))
        sides = np.diff(self.face_offsets)
        # Rings are closed: each ends on its first corner.
        after = np.concatenate([self.face_vertices, self.face_vertices[self.face_offsets[:-1]]])
        ring = np.concatenate([np.repeat(np.arange(self.n_regions), sides), np.arange(self.n_regions)])
        order = np.argsort(ring, kind="stable")
        rings = shapely.linearrings(self.vertices[after[order]], indices=ring[order])
        return np.asarray(shapely.polygons(rings))

    def to_axes(self, points: npt.ArrayLike) -> FloatArray:
        """Return where points of the input space lie in pictures of this partition, shape (..., 2).

        The axes of pictures are orthonormal coordinates of the plane, or the values of two inputs where the window goes
        along these; neither are plane coordinates where the basis is skew. Points outside the plane are projected.

        Parameters
        ----------
        points : array_like, shape (..., n_in)
            Images are flattened.
        """
        return self.window.to_axes(points)

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the regions; see `linregions.plotting.plot_plane` for the options.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting import plot_plane

        return plot_plane(self, ax=ax, **options)

    def explore(self, path: str | os.PathLike[str] | None = None, **options: Any) -> Any:
        """Make one self-contained page to pan, zoom and hover over the regions.

        Parameters
        ----------
        path : str or path-like, optional
            Where to write it, e.g. ``"regions.html"``. Without it a notebook shows the page.
        **options
            See `linregions.plotting.explore`.

        Returns
        -------
        linregions.plotting.Explorer

        Raises
        ------
        MissingDependencyError
            If jinja2 is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting.explorer import explore

        return explore(self, path, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the partition, its window and its network as one NPZ file (no pickle), whole or not at all.

        Raises
        ------
        InvalidValueError
            If the place cannot be written.
        """
        write_result(path, _FORMAT, self, self.window, _ARRAYS)

    def save_certificate(self, path: str | os.PathLike[str]) -> None:
        """Write what proves this partition, which any other program can check; see `linregions.exact.checker`.

        The file holds network, window, the cycles of all regions and their patterns, and no coordinates.

        Parameters
        ----------
        path : str or path-like
            An NPZ file, without pickle, written whole or not at all.

        Raises
        ------
        NumericalError
            If the partition is wrong, or cannot be proved: it was not certified.
        InvalidValueError
            If the place cannot be written.
        """
        write_certificate(path, self)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PlanePartition:
        """Read a partition written by `save`.

        Raises
        ------
        InvalidValueError
            If there is no such file.
        FileFormatError
            If the file is truncated or holds something else.
        """
        saved, network, window = read_result(path, _FORMAT, "PlanePartition", "plane partition", unpack_window)
        arrays = complex_of(saved, breakpoints_of_neurons(network))
        n_edges, n_regions = len(arrays["edges"]), len(arrays["face_offsets"]) - 1
        arrays["edge_faces"] = saved.integers("edge_faces", np.int32, -1, n_regions, n_edges, 2)
        return cls(network, window, diagnostics=saved.mapping("diagnostics"), **arrays)

    def _facts(self) -> dict[str, Any]:
        return {
            "activation regions": self.n_regions,
            "vertices": len(self.vertices),
            "edges": len(self.edges),
            "area": self.window.area,
            "boundaries": self.boundary_length,
            "network": repr(self.network),
            **doubts(self.diagnostics),
        }

    def __repr__(self) -> str:
        v, e = self.vertices.shape[0], self.edges.shape[0]
        return f"PlanePartition({self.n_regions} regions, {v} vertices, {e} edges)"
