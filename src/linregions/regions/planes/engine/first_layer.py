"""The window cut by the first layer with breakpoints, and its faces grouped to cells."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.kernels import sites
from linregions.regions.planes.engine.buffers import keep, n_bytes, take
from linregions.regions.planes.engine.outputs import make_output
from linregions.regions.planes.kernels import first_layer as root_kernels
from linregions.regions.planes.kernels import records
from linregions.regions.planes.kernels import workspace as rows
from linregions.regions.planes.kernels.cells import run_cells
from linregions.regions.planes.kernels.workspace import (
    INCONSISTENT,
    OK,
    Capacities,
    Workspace,
    larger_workspace,
    make_workspace,
)
from linregions.regions.planes.polygons import doubled_areas
from linregions.regions.planes.sink import IndexArray

# Bytes for each face that grouping faces to cells takes for a while.
GROUPING = 80
# Bytes up to which a buffer at least doubles when it grows.
_LARGE = 1 << 23
# Of a vertex beside its columns, with the block that it has in the scratch; of an edge, with its sides.
_VERTEX_BYTES, _EDGE_BYTES = 576, 64


class Contradiction(Exception):
    """Signs within rounding contradict one another."""


class _Holder(Protocol):
    ws: Workspace


def room_for(ws: Workspace, sparing: bool = False) -> Capacities:
    """Return what `ws.need` asks for, and more."""
    columns, words = ws.phi.shape[1], max(ws.f_word.shape[2], int(ws.need[rows.N_WORDS]))
    if ws.need[rows.N_COLUMNS] > columns:
        # A kernel asks for all that it may take at once, and perhaps for more later. Whole cache lines to a vertex.
        more = int(ws.need[rows.N_COLUMNS]) - columns
        more = -(-more // 2) if sparing else max(more, columns // 4)
        columns += -(-more // 8) * 8
    return Capacities(
        vertices=_enough(ws.phi.shape[0], int(ws.need[rows.N_VERTICES]), 8 * columns + _VERTEX_BYTES, sparing),
        edges=_enough(ws.edge.shape[1], int(ws.need[rows.N_EDGES]), _EDGE_BYTES, sparing),
        faces=_enough(ws.f_word.shape[1], int(ws.need[rows.N_FACES]), 16 * words + 8, sparing),
        columns=columns,
        pool=_enough(ws.pool.shape[1], int(ws.need[rows.N_POOL]), 8, sparing),
        words=words,
    )


def grow(holder: _Holder, room: Capacities) -> None:
    """Give a workspace other capacities; forget the complex in it."""
    arrays = holder.ws._asdict()
    del holder.ws  # so that there are never two of its arrays
    holder.ws = larger_workspace(arrays, room)


def _enough(old: int, need: int, n_bytes: int, sparing: bool) -> int:
    """Return how many rows of some bytes a buffer gets that has `old` ones."""
    if need <= old:
        return old
    many = max(3 * need // 2, 2 * old)
    return 5 * need // 4 if sparing or many * n_bytes > _LARGE else many


# What cutting a polygon has no use for.
_NOTHING, _NOWHERE = records.no_root(), make_output(size=0, n_words=0, n_cells=0, patterns=False)


class RootBuffers:
    """A workspace to cut polygons by lines of the first layer in, with room for about `guess` vertices."""

    def __init__(self, guess: int, n_switches: int) -> None:
        self._guess, self._words, self._key = guess, (n_switches + 63) // 64, ("root", n_switches)
        self.ws: Workspace = take(self._key) or self._made(64)
        self.scratch = records.make_scratch(
            sites.NO_STEPS, _NOTHING, vertices=0, columns=0, switches=n_switches, words=self._words
        )

    def _made(self, corners: int) -> Workspace:
        v = self._guess + corners + 64
        columns = rows.N_AFFINE + root_kernels.LINES_AT_ONCE
        return make_workspace(
            Capacities(vertices=v, edges=3 * v, faces=2 * v, columns=columns, pool=4096, words=self._words)
        )

    def hold(self, corners: int) -> None:
        """See to it that there is room for a polygon."""
        if corners > min(self.ws.phi.shape[0], self.ws.edge.shape[1]):
            self.ws = self._made(corners)

    def keep(self) -> None:
        """Leave the workspace to the next call."""
        keep(self._key, self.ws, n_bytes(self.ws))


def root_bytes(n_faces: float, plan: records.Plan) -> tuple[float, int]:
    """Return about how much it takes to cut a window to so many faces, and to keep them."""
    words = (int(plan.shape[sites.WIDTH, 0] * plan.shape[sites.N_BREAKPOINTS, 0]) + 63) // 64
    # A face has about one vertex, two edges and four sides of its own; buffers have more room than is wanted.
    workspace = 8 * (rows.N_AFFINE + root_kernels.LINES_AT_ONCE) + 60 + 64 + 8 + 64 + 16 * words
    kept = 32 + 26 + 4 + 32 + 8 * words + 24
    return n_faces * (1.4 * workspace + kept + GROUPING), int(n_faces * kept)


class Noted(NamedTuple):
    """What was noted of decisions, for the diagnostics; see `linregions.regions.planes.sink.BatchRecord`."""

    snapped: int
    merged: int
    margin: float
    undecided: int

    def with_more(self, more: Noted) -> Noted:
        """Return what was noted together."""
        return Noted(
            self.snapped + more.snapped,
            self.merged + more.merged,
            min(self.margin, more.margin),
            self.undecided + more.undecided,
        )


class CutRecord(NamedTuple):
    """What the engine notes of a block that the first layer has cut."""

    new_vertices: int  # root vertices that are no corners of blocks
    sides: IndexArray  # (2, n): ROOT_EDGE between this and another block, and to how many pieces the first layer cuts
    # it, N_PIECES
    noted: Noted


def noted(ws: Workspace) -> Noted:
    """Return what a workspace has noted since its counts were cleared."""
    snapped, merged, undecided = (int(ws.counts[row]) for row in (rows.SNAPPED, rows.MERGED, rows.UNDECIDED))
    return Noted(snapped, merged, float(ws.margin[rows.CLOSEST]), undecided)


class Start(NamedTuple):
    """One convex polygon to be cut: the window, or a face of some lines of the first layer."""

    xy: FloatArray  # (m, 2) corners, counter-clockwise
    uncertainty: FloatArray  # (m,) of their places
    rounding: FloatArray  # (m,) see `kernels.records.Root`
    edge: npt.NDArray[np.int32]  # (3, m): of the side from each corner on, its two ends (whichever way it was made),
    # and its switch


def window_start(polygon: FloatArray, relative: float) -> Start:
    """Return a window to be cut."""
    m = polygon.shape[0]
    index = np.arange(m)
    uncertainty = relative * np.abs(polygon).sum(axis=1)
    edge = np.stack([index, (index + 1) % m, np.full(m, -1)]).astype(np.int32)
    return Start(polygon, uncertainty, uncertainty, edge)


def _begin(ws: Workspace, start: Start, relative: float) -> None:
    """Put a polygon to the workspace as its only face."""
    m = start.xy.shape[0]
    ws.size[:] = (m, m, 1, 0)
    ws.counts[: rows.STAMPS] = 0
    ws.margin[rows.CLOSEST], ws.margin[rows.RELATIVE] = np.inf, relative
    ws.phi[:m, rows.CONSTANT] = 1.0
    ws.phi[:m, rows.X : rows.N_AFFINE] = start.xy
    ws.place[rows.UNCERTAINTY, :m], ws.place[rows.ROUNDING, :m] = start.uncertainty, start.rounding
    ws.place[rows.SPREAD, :m] = -1.0
    ws.edge[: rows.SWITCH + 1, :m] = start.edge
    ws.edge[rows.NEXT, :m], ws.edge[rows.BIT, :m] = -1, -1
    ws.side[0, :, :m] = np.arange(m)
    ws.f_off[0, :2] = (0, m)
    ws.f_word[0, 0, :] = 0


def first_switches(plan: records.Plan) -> tuple[IndexArray, FloatArray, npt.NDArray[np.bool_]]:
    """Return neuron and breakpoint of each switch of layer 0, and whether it has a line of its own.

    Neurons that are multiples of others have not: they switch on the lines of those.
    """
    t = int(plan.shape[sites.N_BREAKPOINTS, 0])
    switch = np.arange(int(plan.shape[sites.WIDTH, 0]) * t)
    neuron = switch // max(t, 1)
    return neuron, plan.activation[sites.BREAKPOINT, 0, switch % max(t, 1)], plan.twin[0, neuron] == 0


def _lines_across(plan: records.Plan, start: Start) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint64], int]:
    """Return which switches of layer 0 cross a polygon, and in words those that are passed everywhere in it.

    Switches that are multiples of others cross with these, but are not told. The third is how many values at corners,
    of lines that do not cross, lie within their band, other than those of the polygon's own sides.
    """
    neuron, xi, own = first_switches(plan)
    constant, slope_u, slope_v, size, steepness = plan.first[:, neuron, None]
    d = constant + slope_u * start.xy[:, 0] + slope_v * start.xy[:, 1] - xi[:, None]
    reach = np.abs(start.xy).max(axis=0).sum()
    band = plan.relative * (size + np.abs(xi[:, None]))
    slack = band + steepness * (plan.relative * reach)
    above, below = (d > slack).any(axis=1), (d < -slack).any(axis=1)
    if not own.all():  # a multiple is above where the first one is, or where that is below
        t, twin = int(plan.shape[sites.N_BREAKPOINTS, 0]), plan.twin[0, neuron]
        first = np.where(own, np.arange(own.size), (np.abs(twin) - 1) * t + np.arange(own.size) % t)
        above, below = above[first], below[first]
        above, below = np.where(twin < 0, below, above), np.where(twin < 0, above, below)
    crossing = above & below
    bits = np.zeros((above.size + 63) // 64 * 64, dtype=np.bool_)
    bits[: above.size] = above & ~crossing
    words = np.packbits(bits, bitorder="little").view("<u8").astype(np.uint64)
    # Corners of a block may be less certain than those of a window.
    slack = np.maximum(slack, band + steepness * start.uncertainty)
    unclear = (np.abs(d) <= slack) & (slack > 0)
    if unclear.any():
        unclear &= (own & ~crossing)[:, None]
        for a, b, switch in start.edge.T:
            if switch >= 0:
                unclear[switch - plan.shape[sites.FIRST_SWITCH, 0], [a, b]] = False
    return crossing & own, words, int(np.count_nonzero(unclear))


def cut_root(
    plan: records.Plan, start: Start, chosen: npt.NDArray[np.bool_] | None = None, buffers: RootBuffers | None = None
) -> tuple[RootBuffers, npt.NDArray[np.uint64]]:
    """Cut a polygon by all or the chosen lines of layer 0; return the complex, and the switches passed everywhere."""
    n = int(plan.shape[sites.WIDTH, 0] * plan.shape[sites.N_BREAKPOINTS, 0])
    if buffers is None:
        buffers = RootBuffers(min(n * n // 2 + 4 * n, 1 << 13), n)
    buffers.hold(start.xy.shape[0])
    crossing, base, undecided = _lines_across(plan, start)
    switches = np.flatnonzero(crossing if chosen is None else crossing & chosen)
    while True:
        _begin(buffers.ws, start, plan.relative)
        status, _ = run_cells(buffers.ws, plan, buffers.scratch, _NOTHING, _NOWHERE, switches, 0, records.CUT)
        if status == OK:
            if chosen is None:
                buffers.ws.counts[rows.UNDECIDED] += undecided
            return buffers, base
        if status == INCONSISTENT:
            raise Contradiction
        grow(buffers, room_for(buffers.ws))


def _set_twins(plan: records.Plan, words: npt.NDArray[np.uint64]) -> None:
    """Set in the words of faces the bits of neurons of layer 0 that are multiples of others, which are set.

    Those that do not cross the polygon are no bits of faces.
    """
    neuron, _, own = first_switches(plan)
    t = int(plan.shape[sites.N_BREAKPOINTS, 0])

    for switch in np.flatnonzero(~own).tolist():
        twin = int(plan.twin[0, neuron[switch]])
        other = (abs(twin) - 1) * t + switch % t
        found = words[:, other >> 6] >> np.uint64(other & 63) & np.uint64(1)
        if found.any():
            words[:, switch >> 6] |= (found ^ np.uint64(twin < 0)) << np.uint64(switch & 63)


def make_root(
    ws: Workspace, base: npt.NDArray[np.uint64], plan: records.Plan, target: int
) -> tuple[records.Root, IndexArray]:
    """Take the cut window out of its workspace and group its faces to cells; also return each face's cell."""
    words = ws.f_word[ws.size[rows.NOW], : ws.size[rows.N_FACES]]
    _set_twins(plan, words)
    return grouped_complex(ws, words | base, target)


def grouped_complex(ws: Workspace, words: npt.NDArray[np.uint64], target: int) -> tuple[records.Root, IndexArray]:
    """Take a complex out of its workspace and group its faces, so that at most `target` switches cross a group.

    Of switches the `words` of its faces tell. What is known of layers after the first is left empty. Also return each
    face's group.
    """
    n_v, n_e, n_f, now = (int(k) for k in ws.size)
    f_off = ws.f_off[now, : n_f + 1].copy()
    faces, offsets, face_cell = _grouped(words, target)
    root = records.Root(
        xy=ws.phi[:n_v, rows.X : rows.N_AFFINE].copy(),
        uncertainty=ws.place[rows.UNCERTAINTY, :n_v].copy(),
        rounding=ws.place[rows.ROUNDING, :n_v].copy(),
        edge=ws.edge[: rows.SWITCH + 1, :n_e].copy(),
        e_shared=np.zeros(n_e, dtype=np.bool_),
        f_off=f_off,
        side=ws.side[now, :, : f_off[-1]].astype(np.int32),
        f_word=words,
        f_switch=np.zeros(0, dtype=np.int64),
        base=np.zeros(0, dtype=np.uint64),
        cell_off=offsets,
        cell_faces=faces,
        line=np.zeros(0, dtype=np.int32),
        phi=np.zeros((0, 0)),
        unit=np.zeros((0, 2, 0), dtype=np.int64),
    )
    _mark_shared(root, face_cell)
    return root, face_cell


def _grouped(words: npt.NDArray[np.uint64], target: int) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Group faces so that few switches cross a group: faces in order, where each group begins, each face's group."""
    n_faces = words.shape[0]
    faces = np.arange(n_faces)
    offsets = np.zeros(n_faces + 1, dtype=np.int64)
    room = root_kernels.make_grouping(n_faces, words.shape[1])
    n_cells = root_kernels.group_faces(words, target, faces, offsets, room)
    offsets = offsets[: n_cells + 1].copy()
    face_cell = np.empty(n_faces, dtype=np.int64)
    face_cell[faces] = np.repeat(np.arange(n_cells), np.diff(offsets))
    return faces, offsets, face_cell


def _mark_shared(root: records.Root, face_cell: IndexArray) -> None:
    """Mark the root edges that lie between two cells."""
    side_cell = np.repeat(face_cell, np.diff(root.f_off))
    side_edge = root.side[rows.E]
    edge_cell = np.empty(root.edge.shape[1], dtype=np.int64)
    edge_cell[side_edge] = side_cell  # that of one of the edge's sides
    root.e_shared[side_edge[side_cell != edge_cell[side_edge]]] = True


def cells_beside(root: records.Root, face_cell: IndexArray, edges: IndexArray) -> IndexArray:
    """Return the two cells that each of some shared root edges lies between, shape (n, 2)."""
    side_cell = np.repeat(face_cell, np.diff(root.f_off))
    return np.array([np.unique(side_cell[root.side[rows.E] == edge]) for edge in edges]).reshape(-1, 2)


def regrouped(root: records.Root, face_cell: IndexArray, pairs: IndexArray) -> tuple[records.Root, IndexArray]:
    """Join pairs of cells to one each; return the root and each face's cell."""
    joined = np.arange(root.cell_off.shape[0] - 1)
    for a, b in pairs:
        low, high = sorted((joined[a], joined[b]))
        joined[joined == high] = low
    _, compact = np.unique(joined, return_inverse=True)
    face_cell = compact[face_cell]
    order = np.argsort(face_cell, kind="stable")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(face_cell))]).astype(np.int64)
    root = root._replace(cell_faces=order, cell_off=offsets, e_shared=np.zeros_like(root.e_shared))
    _mark_shared(root, face_cell)
    return root, face_cell


def face_areas(xy: FloatArray, f_off: npt.NDArray[np.int32], side: npt.NDArray[np.int32]) -> FloatArray:
    """Return the part of the whole area that each face has."""
    doubled = doubled_areas(xy, f_off, side[rows.V])
    return np.asarray(doubled / doubled.sum())


def cell_areas(root: records.Root, face_cell: IndexArray) -> FloatArray:
    """Return the part of the window's area that each cell has."""
    areas = face_areas(root.xy, root.f_off, root.side)
    found = np.bincount(face_cell, weights=areas, minlength=root.cell_off.shape[0] - 1)
    return np.asarray(found, dtype=np.float64)
