"""A window cut to blocks by a few of the first layer's lines, so that no more than one block is ever in memory.

A first layer of thousands of units makes millions of faces by itself. Cut by a few dozen of its lines, chosen
evenly, the window falls into blocks that about a hundred of the others cross. Each block is then a window of its own,
whose sides are switches, so that no region is cut by one either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions import _plane_root as roots
from linregions.kernels import plan as records
from linregions.kernels.workspace import NEXT, RADIUS, ROUNDING, SWITCH, E, V, Workspace

IndexArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Lines of the first layer from which on blocks are made, and how many of them cross a block on average.
MOST_LINES = 384
_LINES_IN_BLOCK = 96
_SIDE = 24  # bits for the number of a piece of a block's side


@dataclass(frozen=True, eq=False)
class Blocks:
    """A window's blocks: faces of the chosen lines.

    Parameters
    ----------
    xy, radius, rounding, edge, f_off, side
        The complex that the chosen lines make (see `linregions.kernels.plan.Root`).
    e_inner : ndarray of bool
        Edges between two blocks.
    areas : ndarray of float64, shape (blocks,)
        Each block's part of the window.
    """

    xy: FloatArray
    radius: FloatArray
    rounding: FloatArray
    edge: npt.NDArray[np.int32]
    f_off: npt.NDArray[np.int32]
    side: npt.NDArray[np.int32]
    e_inner: npt.NDArray[np.bool_]
    areas: FloatArray

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.f_off.shape[0] - 1)


class CutRecord(NamedTuple):
    """What the engine notes of a block that the first layer has cut.

    Parameters
    ----------
    new_vertices : int
        Root vertices that are no corners of blocks.
    sides : ndarray of int64, shape (2, n)
        Edges between this and other blocks, and to how many pieces the first layer cuts them.
    snapped, merged : int
    margin : float
        For the diagnostics.
    """

    new_vertices: int
    sides: IndexArray
    snapped: int
    merged: int
    margin: float


@dataclass(frozen=True, eq=False)
class Block:
    """One block, cut by the first layer and grouped to cells.

    Parameters
    ----------
    root : linregions.kernels.plan.Root
    ids : ndarray of int64
        A number for every root edge, the same in the two blocks that meet there.
    record : CutRecord
    """

    root: records.Root
    ids: IndexArray
    record: CutRecord


def make_blocks(plan: records.Plan, polygon: FloatArray) -> Blocks | None:
    """Cut a window to blocks; None if few enough lines cross it.

    Raises
    ------
    Contradiction
    """
    t = int(plan.shape[records.N_BREAKPOINTS, 0])
    if t * int(plan.shape[records.WIDTH, 0]) <= MOST_LINES:
        return None
    values = plan.first[0] + polygon @ plan.first[1:3]
    low, high = values.min(axis=0), values.max(axis=0)
    levels = plan.activation[records.BREAKPOINT, 0, :t]
    crossing = np.flatnonzero(((low[:, None] < levels) & (high[:, None] > levels)).ravel())
    n = crossing.size
    start = roots.window_start(polygon, plan.relative)
    if n <= MOST_LINES:
        return None
    some = min(n, -(-2 * n // _LINES_IN_BLOCK))
    chosen = np.zeros(plan.shape[records.WIDTH, 0] * t, dtype=np.bool_)
    chosen[crossing[np.linspace(0, n - 1, some).round().astype(np.int64)]] = True
    ws, _ = roots.cut_root(plan, start, chosen)
    n_v, n_e, n_f, now = (int(k) for k in ws.size)
    f_off = ws.f_off[now, : n_f + 1].copy()
    side = ws.side[now, :, : f_off[-1]].copy()
    xy = ws.phi[:n_v, 1:3].copy()
    return Blocks(
        xy,
        ws.place[RADIUS, :n_v].copy(),
        ws.place[ROUNDING, :n_v].copy(),
        ws.edge[: SWITCH + 1, :n_e].copy(),
        f_off,
        side,
        np.bincount(side[E], minlength=n_e) == 2,
        roots.face_areas(xy, f_off, side),
    )


def make_block(
    plan: records.Plan, blocks: Blocks, block: int, target: int, ws: Workspace | None
) -> tuple[Block, Workspace]:
    """Cut one block by all lines of the first layer, and group its faces to cells.

    Raises
    ------
    Contradiction
    """
    sides = slice(blocks.f_off[block], blocks.f_off[block + 1])
    corners, edges = blocks.side[V, sides], blocks.side[E, sides]
    local = {int(v): k for k, v in enumerate(corners)}
    edge = blocks.edge[:, edges].copy()
    for end in range(2):
        edge[end] = [local[int(v)] for v in edge[end]]
    start = roots.Start(blocks.xy[corners], blocks.radius[corners], blocks.rounding[corners], edge)
    ws, base = roots.cut_root(plan, start, ws=ws)
    n_e = int(ws.size[1])
    ids = (np.int64(block) << 32) + np.arange(n_e, dtype=np.int64)
    between = np.zeros(n_e, dtype=np.bool_)
    pieces = np.zeros(edges.size, dtype=np.int64)
    for k, number in enumerate(edges):
        piece = k
        while piece >= 0:
            ids[piece] = -1 - ((int(number) << _SIDE) | int(pieces[k]))
            between[piece] = blocks.e_inner[number]
            pieces[k] += 1
            piece = int(ws.edge[NEXT, piece])
    root, _ = roots.make_root(ws, base, plan, target)
    root.e_shared[:] |= between
    inner = blocks.e_inner[edges]
    record = CutRecord(
        int(root.xy.shape[0]) - corners.size,
        np.stack([edges[inner].astype(np.int64), pieces[inner]]),
        int(ws.counts[0]),
        int(ws.counts[1]),
        float(ws.margin[0]),
    )
    return Block(root, ids, record), ws
