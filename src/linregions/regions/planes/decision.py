"""Where outputs change places in a plane: decision boundaries of classifiers, and level sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.shown import Shown, doubts
from linregions._support.threads import one_blas_thread
from linregions._support.validation import FloatArray
from linregions.domains.frames import frame_of
from linregions.exact.equal_outputs import undecided_equals
from linregions.networks.network import Network
from linregions.networks.switches import unpack_patterns
from linregions.regions.adjacency import IndexArray
from linregions.regions.outputs import Comparison
from linregions.regions.planes.queries import PlaneQueries
from linregions.regions.tolerances import DEFAULT_TOLERANCES

IntArray = npt.NDArray[np.int32]

# Of how many regions networks are reduced to the neurons that switch there, in steps.
REGIONS_AT_ONCE = (4096, 1024, 256, 64)


@dataclass(frozen=True, eq=False, repr=False)
class DecisionBoundary(Shown):
    """Straight pieces with one class on the left and another on the right, one or more in each region they cross.

    Parameters
    ----------
    segments : ndarray of float64, shape (S, 2, 2)
        Both ends of each piece, in plane coordinates.
    classes : ndarray of int64, shape (S, 2)
        The two classes, the smaller number first. Seen along the piece, the first class lies on the left.
    regions : ndarray of int64, shape (S,)
        The activation region that the piece crosses; of a piece between two regions, the one of the first class.
    diagnostics : dict
        ``undecided``: comparisons of two outputs, at corners of regions and where others tie, whose difference is
        within rounding of zero. Where it is 0, and that of the partition, no class or piece is missing or wrong.

    Notes
    -----
    The class of a point is the number of its largest output, the lowest of those that tie (of one output: 1 where it
    is above the level, 0 elsewhere). There is a piece only where the class changes: outputs that touch without
    crossing have none, and where they tie on a whole region, that region belongs to the lowest of them.
    """

    segments: FloatArray
    classes: IndexArray
    regions: IndexArray
    _ends: IndexArray
    _n_edges: int
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, Any]:
        return {"pieces": len(self.segments), "classes": np.unique(self.classes).size, **doubts(self.diagnostics)}

    @cached_property
    def polylines(self) -> list[FloatArray]:
        """The pieces joined to polylines, each of shape (m, 2); closed ones repeat their first point.

        Each keeps to one pair of classes and ends where it leaves the window or where three classes meet.
        """
        first, last = self._nodes()
        after: dict[tuple[int, ...], list[int]] = {}
        for s, node in enumerate(first):
            after.setdefault(node, []).append(s)
        ending = set(last)
        used = np.zeros(len(first), dtype=bool)
        lines = []
        starts = [s for s, node in enumerate(first) if node not in ending]
        for s in [*starts, *range(len(first))]:
            if used[s]:
                continue
            points = [self.segments[s, 0]]
            at: int | None = s
            while at is not None:
                used[at] = True
                points.append(self.segments[at, 1])
                at = next((k for k in after.get(last[at], []) if not used[k]), None)
            lines.append(np.array(points))
        return lines

    def _nodes(self) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
        """Name the ends: two linear functions tie once on an edge, so (edge, classes) is a unique point of it."""
        nodes: tuple[list[tuple[int, ...]], list[tuple[int, ...]]] = ([], [])
        for (a, b), region, ends in zip(self.classes.tolist(), self.regions.tolist(), self._ends.tolist(), strict=True):
            for side in range(2):
                on = ends[side]
                # A point where three classes meet lies inside one region and ends three lines.
                nodes[side].append((on, a, b) if on < self._n_edges else (-1 - region, on, side, -1))
        return nodes


def boundary_of(part: PlaneQueries, comparison: Comparison, sizes: Sequence[int] = REGIONS_AT_ONCE) -> DecisionBoundary:
    """Find where the largest of what is compared changes; see `PlanePartition.decision_boundary`."""
    from linregions.regions.planes.kernels.envelope import AT_A, FACE
    from linregions.regions.planes.scales import in_frame

    compared, names = comparison.of(part.network)
    frame = frame_of(part.window)
    points, grain = frame.from_plane(part.vertices), frame.grain(part.window)
    with one_blas_thread():
        if compared.is_chain:
            compared = in_frame(compared, part.window, frame)
            faces, maps, band = _contested(part, compared, points, grain, sizes)
        else:
            from linregions.regions.planes.graph_contest import contested_regions, in_moderate_unit

            rows, relative = frame.rows(part.window), _relative(part)
            compared = in_moderate_unit(compared, rows)
            faces, maps, band = contested_regions(compared, part, rows, points, grain, relative)
    segments, numbers, undecided = _pieces(part, points, faces, maps, band)
    undecided += undecided_equals(compared, maps, lambda k: unpack_patterns(compared, part.pattern_words[faces[k]]))
    frame.to_plane(segments.reshape(-1, 2))
    at_vertex = numbers[:, AT_A:] < 0
    segments[at_vertex] = part.vertices[-1 - numbers[:, AT_A:][at_vertex]]
    return DecisionBoundary(
        segments,
        names[numbers[:, :FACE]],
        numbers[:, FACE].copy(),
        numbers[:, AT_A:].copy(),
        part.edge_faces.shape[0],
        {"undecided": undecided},
    )


def _relative(part: PlaneQueries) -> float:
    return float(part.diagnostics.get("relative_tolerance", DEFAULT_TOLERANCES.relative))


def _contested(
    part: PlaneQueries, compared: Network, points: FloatArray, grain: FloatArray, sizes: Sequence[int]
) -> tuple[IndexArray, FloatArray, FloatArray]:
    """Find the regions where no output of the `compared` network is clearly ahead all over.

    The `points` are the vertices in the frame, and `grain` how far these may be from what they are, by rounding.
    Returns F regions, ascending; their affine maps in the frame, (F, n, 3); and how far each output may be from what it
    is, by rounding, (F, n).
    """
    from linregions.regions.planes.kernels import contested
    from linregions.regions.planes.kernels.contested import BAND, Plane, make_contest
    from linregions.regions.planes.kernels.reduction import make_layers, make_reduced, make_step

    activations = [(each.breakpoints, each.slopes, each.intercepts.tolist()) for each in compared.activations]
    layers = make_layers(activations, compared.widths[1:-1])
    steps = [(layer.weight, layer.bias) for layer in compared.layers]
    reduced, numbers = make_reduced(steps, len(sizes) + 1)
    functions = reduced.constant.shape[1]
    step = make_step(functions, len(activations))
    plane = Plane(points, part.face_offsets, part.face_vertices, part.pattern_words)
    contest = make_contest(sizes, plane, functions, compared.n_out)
    relative = _relative(part)
    start, faces, maps = 0, [], []
    while start < part.pattern_words.shape[0]:
        count, start, need = contested.contested_regions(
            layers, reduced, step, numbers, plane, contest, relative, float(grain.max()), start
        )
        faces.append(contest.faces[:count].copy())
        maps.append(contest.maps[:count].copy())
        if need > numbers.size:
            numbers = np.concatenate([numbers, np.empty(2 * need - numbers.size)])
    found = np.concatenate(maps)
    rows = np.ascontiguousarray(found[:, :, :BAND])
    return np.concatenate(faces), rows, found[:, :, BAND] + np.abs(rows[:, :, :2]) @ grain


def _pieces(
    part: PlaneQueries, points: FloatArray, faces: IndexArray, maps: FloatArray, band: FloatArray
) -> tuple[FloatArray, IndexArray, int]:
    """Find the pieces in some regions: ends, numbers (see the kernel), comparisons within rounding."""
    from linregions.regions.planes.kernels.envelope import Cut, envelope, make_room

    n = maps.shape[1]
    corners = int(np.diff(part.face_offsets).max())
    row = np.full(part.face_offsets.size - 1, -1, dtype=np.int64)
    row[faces] = np.arange(faces.size)
    cut = Cut(points, part.face_offsets, part.face_vertices, part.face_edges, part.edge_faces)
    count, most = 2 * faces.size + 64, 0
    while count > most:
        most = count
        room = make_room(corners, n, most)
        count, undecided = envelope(cut, faces, row, maps, band, room)
    return room.places[:count].copy(), room.numbers[:count].copy(), int(undecided)
