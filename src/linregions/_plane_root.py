"""The window cut by the first layer with breakpoints, and its faces grouped to cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions import _plane_buffers
from linregions.kernels import plan as records
from linregions.kernels import root as root_kernels
from linregions.kernels.workspace import (
    BIT,
    INCONSISTENT,
    NEXT,
    OK,
    RADIUS,
    ROUNDING,
    SPREAD,
    SWITCH,
    E,
    V,
    Workspace,
    make_workspace,
)

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]


class Contradiction(Exception):
    """Signs within rounding contradict one another."""


def grown(ws: Workspace) -> Workspace:
    """Return a workspace that holds what `ws.need` asks for."""
    capacity = [
        ws.phi.shape[0],
        ws.edge.shape[1],
        ws.f_word.shape[1],
        ws.phi.shape[1],
        ws.pool.shape[1],
    ]
    wanted = [
        old if need <= old else max(int(1.5 * need), 2 * old) if k != 3 else int(need)
        for k, (old, need) in enumerate(zip(capacity, ws.need.tolist(), strict=True))
    ]
    vertices, edges, faces, columns, pool = wanted
    larger = make_workspace(vertices, edges, faces, columns, pool, ws.f_word.shape[2])
    larger.counts[:] = ws.counts
    larger.margin[:] = ws.margin
    return larger


class Start(NamedTuple):
    """One convex polygon to be cut: the window, or a face of some lines of the first layer.

    Parameters
    ----------
    xy : ndarray of float64, shape (m, 2)
        Corners, counter-clockwise.
    radius, rounding : ndarray of float64, shape (m,)
        Uncertainty of their places.
    edge : ndarray of int32, shape (3, m)
        Of the side from each corner on: its two ends (whichever way it was made), and its switch.
    """

    xy: FloatArray
    radius: FloatArray
    rounding: FloatArray
    edge: npt.NDArray[np.int32]


def window_start(polygon: FloatArray, relative: float) -> Start:
    """Return a window to be cut."""
    m = polygon.shape[0]
    index = np.arange(m)
    radius = relative * np.abs(polygon).sum(axis=1)
    edge = np.stack([index, (index + 1) % m, np.full(m, -1)]).astype(np.int32)
    return Start(polygon, radius, radius, edge)


def _begin(ws: Workspace, start: Start, relative: float) -> None:
    """Put a polygon to the workspace as its only face."""
    m = start.xy.shape[0]
    ws.size[:] = (m, m, 1, 0)
    ws.counts[:2] = 0
    ws.margin[:] = (np.inf, relative)
    ws.phi[:m, 0] = 1.0
    ws.phi[:m, 1:3] = start.xy
    ws.place[RADIUS, :m], ws.place[ROUNDING, :m], ws.place[SPREAD, :m] = start.radius, start.rounding, -1.0
    ws.edge[: SWITCH + 1, :m] = start.edge
    ws.edge[NEXT, :m], ws.edge[BIT, :m] = -1, -1
    ws.side[0, :, :m] = np.arange(m)
    ws.f_off[0, :2] = (0, m)
    ws.f_word[0, 0, :] = 0


def _key(n_switches: int) -> tuple[str, int]:
    return "root", n_switches


def keep(ws: Workspace, plan: records.Plan) -> None:
    """Leave the workspace of a window's first layer to the next call."""
    n = int(plan.shape[records.WIDTH, 0] * plan.shape[records.N_BREAKPOINTS, 0])
    _plane_buffers.keep(_key(n), ws, _plane_buffers.n_bytes(ws))


def cut_root(
    plan: records.Plan, start: Start, chosen: npt.NDArray[np.bool_] | None = None, ws: Workspace | None = None
) -> tuple[Workspace, npt.NDArray[np.uint64]]:
    """Cut a polygon by lines of layer 0, all or those chosen; return the complex, and the switches passed everywhere.

    Raises
    ------
    Contradiction
    """
    n = int(plan.shape[records.WIDTH, 0] * plan.shape[records.N_BREAKPOINTS, 0])
    n_words = (n + 63) // 64
    base = np.zeros(n_words, dtype=np.uint64)
    if chosen is None:
        chosen = np.ones(n, dtype=np.bool_)
    if ws is None:
        ws = _plane_buffers.take(_key(n))
    if ws is None or start.xy.shape[0] > min(ws.phi.shape[0], ws.edge.shape[1]):
        guess = min(n * n // 2 + 4 * n, 1 << 13) + start.xy.shape[0] + 64
        ws = make_workspace(guess, 3 * guess, 2 * guess, 3 + root_kernels.MOST_LINES, 4096, n_words)
    while True:
        _begin(ws, start, plan.relative)
        status = root_kernels.cut_root(ws, plan, chosen, base)
        if status == OK:
            return ws, base
        if status == INCONSISTENT:
            raise Contradiction
        ws = grown(ws)


def make_root(
    ws: Workspace, base: npt.NDArray[np.uint64], plan: records.Plan, target: int
) -> tuple[records.Root, IndexArray]:
    """Take the cut window out of its workspace and group its faces to cells; also return each face's cell."""
    n_v, n_e, n_f, now = (int(k) for k in ws.size)
    n_switches = int(plan.shape[records.WIDTH, 0] * plan.shape[records.N_BREAKPOINTS, 0])
    f_off = ws.f_off[now, : n_f + 1].copy()
    words = ws.f_word[now, :n_f] | base
    faces, offsets, face_cell = grouped(words, n_switches, target)
    root = records.Root(
        xy=ws.phi[:n_v, 1:3].copy(),
        radius=ws.place[RADIUS, :n_v].copy(),
        rounding=ws.place[ROUNDING, :n_v].copy(),
        edge=ws.edge[: SWITCH + 1, :n_e].copy(),
        e_shared=np.zeros(n_e, dtype=np.bool_),
        f_off=f_off,
        side=ws.side[now, :, : f_off[-1]].copy(),
        f_word=words,
        cell_off=offsets,
        cell_faces=faces,
        line=np.zeros(0, dtype=np.int32),
        phi=np.zeros((0, 0)),
        unit=np.zeros((0, 2, 0), dtype=np.int64),
    )
    mark_shared(root, face_cell)
    return root, face_cell


def grouped(words: npt.NDArray[np.uint64], n_switches: int, target: int) -> tuple[IndexArray, IndexArray, IndexArray]:
    """Group faces so that few switches cross a group: faces in order, where each group begins, each face's group."""
    n_faces = words.shape[0]
    faces = np.arange(n_faces)
    offsets = np.zeros(n_faces + 1, dtype=np.int64)
    n_cells = root_kernels.group_faces(words, n_switches, target, faces, offsets)
    offsets = offsets[: n_cells + 1].copy()
    face_cell = np.empty(n_faces, dtype=np.int64)
    face_cell[faces] = np.repeat(np.arange(n_cells), np.diff(offsets))
    return faces, offsets, face_cell


def mark_shared(root: records.Root, face_cell: IndexArray) -> None:
    """Mark the root edges that lie between two cells."""
    side_cell = np.repeat(face_cell, np.diff(root.f_off))
    side_edge = root.side[E]
    edge_cell = np.empty(root.edge.shape[1], dtype=np.int64)
    edge_cell[side_edge] = side_cell  # that of one of the edge's sides
    root.e_shared[side_edge[side_cell != edge_cell[side_edge]]] = True


def cells_beside(root: records.Root, face_cell: IndexArray, edges: IndexArray) -> IndexArray:
    """Return the two cells that each of some shared root edges lies between, shape (n, 2)."""
    side_cell = np.repeat(face_cell, np.diff(root.f_off))
    return np.array([np.unique(side_cell[root.side[E] == edge]) for edge in edges]).reshape(-1, 2)


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
    mark_shared(root, face_cell)
    return root, face_cell


def face_areas(xy: FloatArray, f_off: npt.NDArray[np.int32], side: npt.NDArray[np.int32]) -> FloatArray:
    """Return the part of the whole area that each face has."""
    starts, sides = f_off[:-1], np.diff(f_off)
    corners = xy[side[V]]
    corners = corners - np.repeat(corners[starts], sides, axis=0)
    after = np.arange(1, corners.shape[0] + 1)
    after[f_off[1:] - 1] = starts
    u, v = corners.T
    doubled = np.add.reduceat(u * v[after] - u[after] * v, starts)
    return np.asarray(doubled / doubled.sum())


def cell_areas(root: records.Root, face_cell: IndexArray) -> FloatArray:
    """Return the part of the window's area that each cell has."""
    areas = face_areas(root.xy, root.f_off, root.side)
    found = np.bincount(face_cell, weights=areas, minlength=root.cell_off.shape[0] - 1)
    return np.asarray(found, dtype=np.float64)
