"""A window cut to blocks by a few of the first layer's lines, so that no more than one block is ever in memory.

A first layer of thousands of units makes millions of faces by itself. Cut by some dozens of its lines, the window
falls into blocks that no more than some hundreds of the others cross. Each block is then a window of its own,
whose sides are switches, so that no region is cut by one either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.regions.planes.engine import first_layer as roots
from linregions.regions.planes.kernels import records
from linregions.regions.planes.kernels.workspace import NEXT, RADIUS, ROUNDING, SWITCH, E, V

IndexArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Lines of the first layer from which on blocks are made, and how many of them may cross a block.
MOST_LINES = 384
_LINES_IN_BLOCK = 256
# Lines chosen before their blocks are looked at.
_CHOSEN_AT_ONCE = 8
# Values of lines at corners looked at at once.
_VALUES = 1 << 18
_SIDE = 24  # bits for the number of a piece of a block's side


@dataclass(frozen=True, eq=False)
class Blocks:
    """A window's blocks: faces of the chosen lines.

    Parameters
    ----------
    xy, radius, rounding, edge, f_off, side
        The complex that the chosen lines make (see `linregions.regions.planes.kernels.records.Root`).
    e_inner : ndarray of bool
        Edges between two blocks.
    areas : ndarray of float64, shape (blocks,)
        Each block's part of the window.
    noted : Noted
        Of the decisions that made the blocks.
    """

    xy: FloatArray
    radius: FloatArray
    rounding: FloatArray
    edge: npt.NDArray[np.int32]
    f_off: npt.NDArray[np.int32]
    side: npt.NDArray[np.int32]
    e_inner: npt.NDArray[np.bool_]
    areas: FloatArray
    noted: roots.Noted

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
    noted : Noted
    """

    new_vertices: int
    sides: IndexArray
    noted: roots.Noted


@dataclass(frozen=True, eq=False)
class Block:
    """One block, cut by the first layer and grouped to cells.

    Parameters
    ----------
    root : linregions.regions.planes.kernels.records.Root
    ids : ndarray of int64
        A number for every root edge, the same in the two blocks that meet there.
    record : CutRecord
    """

    root: records.Root
    ids: IndexArray
    record: CutRecord


class _Lines(NamedTuple):
    """Lines of the first layer: ``constant + u * x + v * y = 0``, within `band`."""

    switch: IndexArray
    constant: FloatArray
    u: FloatArray
    v: FloatArray
    band: FloatArray

    def only(self, kept: npt.NDArray[np.bool_]) -> _Lines:
        """Return some of the lines."""
        return _Lines(self.switch[kept], self.constant[kept], self.u[kept], self.v[kept], self.band[kept])

    def values(self, corners: FloatArray) -> FloatArray:
        """Return the values of all lines at all corners, to the same bit on every machine."""
        return self.constant + self.u * corners[:, :1] + self.v * corners[:, 1:]

    def cross(self, low: FloatArray, high: FloatArray) -> npt.NDArray[np.bool_]:
        """Return which lines cross what has these lowest and highest values at its corners."""
        return (low < -self.band) & (high > self.band)


def _lines_through(plan: records.Plan, polygon: FloatArray) -> _Lines:
    """Return the lines of the first layer that cross a polygon."""
    neuron, levels, own = roots.first_switches(plan)
    constant, u, v = plan.first[:3, neuron]
    size = plan.first[records.SIZE, neuron] + np.abs(levels)
    size += plan.first[records.STEEPNESS, neuron] * np.abs(polygon).max(axis=0).sum()
    lines = _Lines(np.arange(neuron.size), constant - levels, u, v, plan.relative * size)
    values = lines.values(polygon)
    return lines.only(own & lines.cross(values.min(axis=0), values.max(axis=0)))


def _lines_to_add(
    lines: _Lines, xy: FloatArray, f_off: npt.NDArray[np.int32], corner: npt.NDArray[np.int32], most: int
) -> IndexArray:
    """Return lines that halve the blocks that most lines cross, as long as more than `most` do; none if none does."""
    n_blocks = f_off.shape[0] - 1
    crossed = np.zeros(n_blocks, dtype=np.int64)
    first = 0
    while first < n_blocks:
        room = f_off[first] + _VALUES // max(lines.switch.size, 1)
        end = max(first + 1, int(np.searchsorted(f_off, room, side="right")) - 1)
        values = lines.values(xy[corner[f_off[first] : f_off[end]]])
        starts = f_off[first:end] - f_off[first]
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        crossed[first:end] = lines.cross(low, high).sum(axis=1)
        first = end
    found = []
    for block in np.argsort(-crossed, kind="stable")[:_CHOSEN_AT_ONCE]:
        if crossed[block] > most:
            values = lines.values(xy[corner[f_off[block] : f_off[block + 1]]])
            low, high = values.min(axis=0), values.max(axis=0)
            candidates = np.flatnonzero(lines.cross(low, high))
            low, high = low[candidates], high[candidates]
            wide = (high - low) / np.sqrt(lines.u[candidates] ** 2 + lines.v[candidates] ** 2)
            # Through the middle, and across the longer side.
            found.append(candidates[np.argmin(np.abs(high + low) / (high - low) - 0.5 * wide / wide.max())])
    return np.unique(np.array(found, dtype=np.int64))


def make_blocks(plan: records.Plan, polygon: FloatArray) -> Blocks | None:
    """Cut a window to blocks; None if few enough lines cross it.

    Raises
    ------
    Contradiction
    """
    if int(plan.shape[records.N_BREAKPOINTS, 0] * plan.shape[records.WIDTH, 0]) <= MOST_LINES:
        return None
    lines = _lines_through(plan, polygon)
    if lines.switch.size <= MOST_LINES:
        return None
    start = roots.window_start(polygon, plan.relative)
    chosen = np.zeros(plan.shape[records.WIDTH, 0] * plan.shape[records.N_BREAKPOINTS, 0], dtype=np.bool_)
    buffers = None
    while True:
        buffers, _ = roots.cut_root(plan, start, chosen, buffers)
        ws = buffers.ws
        n_v, n_f, now = int(ws.size[0]), int(ws.size[2]), int(ws.size[3])
        corner = ws.side[now, V, : ws.f_off[now, n_f]].astype(np.int32)
        more = _lines_to_add(lines, ws.phi[:n_v, 1:3], ws.f_off[now, : n_f + 1], corner, _LINES_IN_BLOCK)
        if not more.size:
            break
        chosen[lines.switch[more]] = True
        lines = lines.only(~chosen[lines.switch])
    n_v, n_e, n_f, now = (int(k) for k in ws.size)
    f_off = ws.f_off[now, : n_f + 1].copy()
    side = ws.side[now, :, : f_off[-1]].astype(np.int32)
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
        roots.noted(ws),
    )


def make_block(
    plan: records.Plan, blocks: Blocks, block: int, target: int, buffers: roots.RootBuffers | None
) -> tuple[Block, roots.RootBuffers]:
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
    buffers, base = roots.cut_root(plan, start, buffers=buffers)
    ws = buffers.ws
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
        roots.noted(ws),
    )
    return Block(root, ids, record), buffers
