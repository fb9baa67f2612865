"""Surfaces in boxes of three inputs, exactly: where an output has a level, and where the class changes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_integer
from linregions.errors import InvalidValueError, NumericalError
from linregions.regions.boxes.compared import Compared
from linregions.regions.boxes.meshes import to_trimesh, write_mesh
from linregions.regions.boxes.pieces import contested_regions
from linregions.regions.boxes.slicing import Polygons, chained, cut_by, polygons_of
from linregions.regions.boxes.triangulation import fans_of
from linregions.regions.outputs import Comparison

IndexArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Partition = Any  # a BoxPartition, which has what is here as methods


@dataclass(frozen=True, eq=False, repr=False)
class Surface:
    """Convex polygons with one class behind and another before them, one in each region that they cross.

    Parameters
    ----------
    vertices : ndarray of float64, shape (V, 3)
        Corners, each once: polygons that meet share their numbers.
    offsets : ndarray of int64, shape (P + 1,)
        Polygon p has the corners ``corners[offsets[p]:offsets[p + 1]]``.
    corners : ndarray of int64, shape (sum of sides,)
        Corners of all polygons, counter-clockwise seen from the second class: normals point to it. For a level set that
        is outwards, to where the output is above the level.
    classes : ndarray of int64, shape (P, 2)
        The class behind and the one before, the smaller number first. Of a level set 0, not above the level, and 1.
        On sides of the domain, which only `capped` surfaces have, the second is -1.
    regions : ndarray of int64, shape (P, 2)
        The activation regions behind and before: the same number, unless the polygon lies between two.
    sides : tuple of ndarray
        The domain's sides as far as `capped` needs them: offsets, corners, and class and region of each polygon.
    diagnostics : dict
        ``undecided``: vertices at which two outputs, or output and level, differ by less than rounding, taken as equal
        though they are not so to the last bit.

    Notes
    -----
    The class of a point is the number of its largest output, the lowest of those that tie (of one output: 1 where it is
    above the level, 0 elsewhere). There is a polygon only where the class changes: a region on which the output is the
    level throughout has class 0, and where outputs touch without crossing there is none. So every edge inside the
    domain has as many polygons one way round as the other; two in all, but where sheets touch each other.
    """

    vertices: FloatArray
    offsets: IndexArray
    corners: IndexArray
    classes: IndexArray
    regions: IndexArray
    sides: tuple[IndexArray, IndexArray, IndexArray, IndexArray] | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    @property
    def n_polygons(self) -> int:
        """Number P of polygons."""
        return int(self.offsets.size - 1)

    def __len__(self) -> int:
        """Return the number of polygons, which may be 0."""
        return self.n_polygons

    def polygon(self, number: int) -> FloatArray:
        """Return the corners of one polygon, shape (sides, 3), counter-clockwise."""
        return self.vertices[self.corners[self.offsets[number] : self.offsets[number + 1]]]

    @cached_property
    def _fans(self) -> tuple[IndexArray, IndexArray]:
        """Triangles (T, 3), the same whichever way round a polygon goes, and the polygon of each."""
        return fans_of(self.offsets, self.corners)

    @property
    def triangles(self) -> IndexArray:
        """The polygons cut into triangles from a corner each, shape (T, 3)."""
        return self._fans[0]

    @cached_property
    def _area_vectors(self) -> FloatArray:
        """Normals of polygons, as long as these are large, shape (P, 3)."""
        triangles, polygon = self._fans
        a, b, c = (self.vertices[triangles[:, i]] for i in range(3))
        vectors = 0.5 * np.cross(b - a, c - a)
        return np.stack([np.bincount(polygon, vectors[:, i], minlength=self.n_polygons) for i in range(3)], axis=1)

    @property
    def areas(self) -> FloatArray:
        """Area of every polygon, shape (P,)."""
        return np.asarray(np.linalg.norm(self._area_vectors, axis=1))

    @property
    def area(self) -> float:
        """Area of the surface."""
        return float(self.areas.sum())

    @cached_property
    def _edges(self) -> tuple[IndexArray, IndexArray, IndexArray]:
        """Edges (E, 2), the lower vertex first; how many polygons each has, and how many more in this direction."""
        after = np.arange(1, self.corners.size + 1)
        after[self.offsets[1:] - 1] = self.offsets[:-1]
        a, b = self.corners, self.corners[after]
        ends = np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1)
        edges, which = np.unique(ends, axis=0, return_inverse=True)
        which = which.reshape(-1)
        balance = np.bincount(which, np.where(a < b, 1, -1), minlength=len(edges))
        return edges, np.bincount(which, minlength=len(edges)), balance.astype(np.int64)

    @property
    def edges(self) -> IndexArray:
        """Edges of polygons, each once, shape (E, 2)."""
        return self._edges[0]

    @property
    def border(self) -> IndexArray:
        """Edges where the surface ends, shape (B, 2): all lie on the domain's sides, or where three classes meet."""
        return np.asarray(self._edges[0][self._edges[2] != 0])

    @property
    def is_closed(self) -> bool:
        """Whether it ends nowhere: every edge has as many polygons one way round as the other."""
        return not self._edges[2].any()

    @property
    def is_manifold(self) -> bool:
        """Whether no edge has more than two polygons, as it may where sheets touch each other."""
        return bool((self._edges[1] <= 2).all())

    @property
    def euler_characteristic(self) -> int:
        """Vertices - edges + polygons: 2 for every sphere, 0 for every torus."""
        return int(np.unique(self.corners).size - len(self.edges) + self.n_polygons)

    @cached_property
    def component_labels(self) -> npt.NDArray[np.int32]:
        """Number of the component that each polygon belongs to, shape (P,); polygons hang together by edges."""
        from linregions.regions.planes.kernels.boundaries import components

        if not self.n_polygons:
            return np.zeros(0, dtype=np.int32)
        after = np.arange(1, self.corners.size + 1)
        after[self.offsets[1:] - 1] = self.offsets[:-1]
        ends = np.sort(np.stack([self.corners, self.corners[after]], axis=1), axis=1)
        polygon = np.repeat(np.arange(self.n_polygons), np.diff(self.offsets))
        order = np.lexsort(ends.T)
        same = (ends[order][1:] == ends[order][:-1]).all(axis=1)
        pairs = np.stack([polygon[order][1:][same], polygon[order][:-1][same]], axis=1)
        return np.asarray(components(self.n_polygons, np.ascontiguousarray(pairs, dtype=np.int32)))

    @property
    def n_components(self) -> int:
        """Number of components."""
        return int(self.component_labels.max(initial=-1)) + 1

    @property
    def signed_volume(self) -> float:
        """Volume that a closed surface encloses, positive where normals point outwards.

        Raises
        ------
        InvalidValueError
            If the surface is not closed.
        """
        if not self.is_closed:
            raise InvalidValueError(
                f"`self` ends on {len(self.border)} edges, but Surface.signed_volume needs a closed surface. Take "
                "`enclosed_volume`, which adds the domain's sides, or `capped()`."
            )
        if not self.n_polygons:
            return 0.0
        vertices = self.vertices - self.vertices[self.corners].mean(axis=0)
        a, b, c = (vertices[self.triangles[:, i]] for i in range(3))
        return float(np.einsum("ti,ti->", a, np.cross(b, c)) / 6.0)

    @cached_property
    def enclosed_volume(self) -> float:
        """Volume of class 0 in the domain; of a level set: where the output is not above the level."""
        return self.capped().signed_volume

    def capped(self, number: int = 0) -> Surface:
        """Return the closed surface of all points of one class, with the domain's sides where it reaches them.

        Parameters
        ----------
        number : int
            The class. Of a level set 0 is where the output is not above the level, 1 where it is.

        Returns
        -------
        Surface
            Normals point out of the class. Empty where no point of the domain has the class.

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If the surface is capped already, or the number negative.
        """
        wanted = as_integer(number, "number", "Surface.capped", 0)
        if self.sides is None:
            raise InvalidValueError(
                "`self` has its sides already, but Surface.capped needs a surface as it comes from a partition. Use it "
                "as it is."
            )
        side_offsets, side_corners, side_class, side_region = self.sides
        behind = np.asarray(self.classes[:, 0] == wanted)
        before = np.asarray(self.classes[:, 1] == wanted)
        chosen = side_class == wanted
        forwards = _taken(self.offsets, self.corners, behind)
        backwards = _taken(self.offsets, _reversed(self.offsets, self.corners), before)
        caps = _taken(side_offsets, side_corners, chosen)
        counts = np.concatenate([part[0] for part in (forwards, backwards, caps)])
        outside = np.full(np.count_nonzero(chosen), -1)
        return Surface(
            self.vertices,
            np.append(0, np.cumsum(counts)),
            np.concatenate([part[1] for part in (forwards, backwards, caps)]),
            np.concatenate(
                [self.classes[behind], self.classes[before][:, ::-1], np.stack([side_class[chosen], outside], axis=1)]
            ),
            np.concatenate(
                [self.regions[behind], self.regions[before][:, ::-1], np.stack([side_region[chosen], outside], axis=1)]
            ),
            None,
            dict(self.diagnostics),
        )

    def to_trimesh(self) -> Any:
        """Return a `trimesh.Trimesh` of the triangles, whose vertices are shared exactly.

        Raises
        ------
        MissingDependencyError
            If trimesh is not installed (``pip install 'linregions[mesh]'``).
        """
        return to_trimesh(self, "Surface.to_trimesh")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the triangles as a PLY, OBJ or STL file, by the ending of the name, whole or not at all.

        Raises
        ------
        InvalidValueError
            If the ending is another one, or the place cannot be written.
        MissingDependencyError
            If trimesh is not installed (``pip install 'linregions[mesh]'``).
        """
        write_mesh(path, self, "Surface.save")

    def plot(self, ax: Any = None, **options: Any) -> Any:
        """Draw the polygons; see `linregions.plotting.plot_surface` for the options.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed (``pip install 'linregions[plot]'``).
        """
        from linregions.plotting import plot_surface

        return plot_surface(self, ax=ax, **options)

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "open"
        return f"Surface({self.n_polygons} polygons, area {self.area:.6g}, {state})"


def _cut_up(part: Partition, comparison: Comparison, *, whole: bool) -> tuple[Compared, Polygons, int]:
    """Cut regions by classes; also return how many signs are undecided. The `whole` partition, or what is needed."""
    compared = Compared(part, comparison)
    winner, contested = contested_regions(part, compared)
    polygons = polygons_of(part, contested | whole, winner)
    compared.refine(np.unique(polygons.corners))
    undecided = 0
    for k in range(1, compared.n):
        undecided += cut_by(polygons, compared, k)
    return compared, polygons, undecided


def classes_of_parts(part: Partition, comparison: Comparison) -> tuple[Polygons, IndexArray]:
    """Return all regions cut into parts of one class each, and the names of the classes by label."""
    compared, polygons, _ = _cut_up(part, comparison, whole=True)
    return polygons, compared.names


def surface_of(part: Partition, comparison: Comparison) -> Surface:
    """Find where the largest of what is compared changes in a box of three inputs."""
    compared, polygons, undecided = _cut_up(part, comparison, whole=False)
    labels = polygons.label
    first, second = polygons.beside.T
    changes = (second >= 0) & (labels[first] != labels[second])
    flipped = changes & (labels[first] > labels[second])
    corners = _reversed(polygons.offsets, polygons.corners, flipped)
    counts, chosen = _taken(polygons.offsets, corners, changes)
    pair = np.where(flipped[changes, None], polygons.beside[changes][:, ::-1], polygons.beside[changes])
    pieces = _Pieces(counts, chosen, labels[pair], polygons.parent[pair])
    if compared.n > 2:
        pieces = _united(pieces)
    return _compact(compared, pieces, _sides(polygons), {"undecided": undecided})


@dataclass
class _Pieces:
    counts: IndexArray  # (P,) corners of each
    corners: IndexArray
    classes: IndexArray  # (P, 2)
    regions: IndexArray  # (P, 2)


def _united(pieces: _Pieces) -> _Pieces:
    """Return one polygon for each two classes in a region: earlier cuts by other classes leave it in parts."""
    _, group = np.unique(np.column_stack([pieces.classes, pieces.regions]), axis=0, return_inverse=True)
    group = group.reshape(-1)
    offsets = np.append(0, np.cumsum(pieces.counts))
    owner = np.repeat(group, pieces.counts)
    after = np.arange(1, pieces.corners.size + 1)
    after[offsets[1:] - 1] = offsets[:-1]
    start, end = pieces.corners, pieces.corners[after]
    # Edges that come both ways in a group are inside it.
    keys = np.stack([owner, np.minimum(start, end), np.maximum(start, end)], axis=1)
    _, which, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    outer = count[which.reshape(-1)] == 1
    try:
        offsets, corners, groups = chained(owner[outer], start[outer], end[outer])
    except NumericalError:  # parts that touch in points: they stay as they are
        return pieces
    first = np.full(int(group.max(initial=-1)) + 1, -1)
    first[group[::-1]] = np.arange(group.size)[::-1]
    if groups.size != first.size:
        return pieces
    return _Pieces(np.diff(offsets), corners, pieces.classes[first], pieces.regions[first])


def _sides(polygons: Polygons) -> tuple[IndexArray, IndexArray, IndexArray, IndexArray]:
    """Return the polygons on the domain's sides: offsets, corners, class, region."""
    on_side = polygons.beside[:, 1] < 0
    counts, corners = _taken(polygons.offsets, polygons.corners, on_side)
    cells = polygons.beside[on_side, 0]
    return np.append(0, np.cumsum(counts)), corners, polygons.label[cells], polygons.parent[cells]


def _compact(
    compared: Compared, pieces: _Pieces, sides: tuple[IndexArray, ...], diagnostics: dict[str, Any]
) -> Surface:
    """Return the surface with the vertices that are used, those of its polygons first."""
    number = np.full(len(compared.points), -1, dtype=np.int64)
    used = np.unique(pieces.corners)
    number[used] = np.arange(used.size)
    others = np.setdiff1d(sides[1], used)
    number[others] = used.size + np.arange(others.size)
    names = compared.names
    return Surface(
        compared.points[np.concatenate([used, others])],
        np.append(0, np.cumsum(pieces.counts)),
        number[pieces.corners],
        names[pieces.classes],
        pieces.regions,
        (sides[0], number[sides[1]], names[sides[2]], sides[3]),
        diagnostics,
    )


def _taken(offsets: IndexArray, corners: IndexArray, chosen: BoolArray) -> tuple[IndexArray, IndexArray]:
    """Return how many corners some polygons have, and these."""
    counts = np.diff(offsets)
    return counts[chosen], corners[np.repeat(chosen, counts)]


def _reversed(offsets: IndexArray, corners: IndexArray, chosen: BoolArray | None = None) -> IndexArray:
    """Return the corners with some polygons, or all, the other way round."""
    counts = np.diff(offsets)
    polygon = np.repeat(np.arange(counts.size), counts)
    mirrored = offsets[polygon] + offsets[polygon + 1] - 1 - np.arange(corners.size)
    return np.asarray(corners[mirrored] if chosen is None else np.where(chosen[polygon], corners[mirrored], corners))
