"""A window cut to blocks by a few of the first layer's lines, so that no more than one block is ever in memory.

A first layer of thousands of units makes millions of faces by itself. Cut by some dozens of its lines, the window
falls into blocks that no more than some hundreds of the others cross. Each block is then a window of its own,
whose sides are switches, so that no region is cut by one either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.kernels import sites
from linregions.networks.switches import has_maxima
from linregions.regions.planes.engine import first_layer as roots
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.cell_run import CellRun
from linregions.regions.planes.engine.first_layer import CutRecord
from linregions.regions.planes.engine.job import Done, Job, Prepared, Total, Worked, equal_tasks
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.engine.workbench import Workbench
from linregions.regions.planes.kernels import records
from linregions.regions.planes.kernels import workspace as rows
from linregions.regions.planes.sink import IndexArray, Sink

# Lines chosen before their blocks are looked at.
_CHOSEN_AT_ONCE = 8
_SIDE = 24  # bits for the number of a piece of a block's side


@dataclass(frozen=True, eq=False)
class Blocks:
    """A window's blocks: faces of the chosen lines, whose complex is in `xy` to `side` as in `kernels.records.Root`."""

    xy: FloatArray
    uncertainty: FloatArray
    rounding: FloatArray
    edge: npt.NDArray[np.int32]
    f_off: npt.NDArray[np.int32]
    side: npt.NDArray[np.int32]
    e_inner: npt.NDArray[np.bool_]  # edges between two blocks
    areas: FloatArray  # (blocks,) each block's part of the window
    noted: roots.Noted  # of the decisions that made the blocks

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.f_off.shape[0] - 1)


@dataclass(frozen=True, eq=False)
class Block:
    """One block, cut by the first layer and grouped to cells."""

    root: records.Root
    ids: IndexArray  # a number for every root edge, the same in the two blocks that meet there
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
    neuron, breakpoints, own = roots.first_switches(plan)
    constant, u, v = plan.first[: rows.N_AFFINE, neuron]
    size = plan.first[sites.SIZE, neuron] + np.abs(breakpoints)
    size += plan.first[sites.STEEPNESS, neuron] * np.abs(polygon).max(axis=0).sum()
    lines = _Lines(np.arange(neuron.size), constant - breakpoints, u, v, plan.relative * size)
    values = lines.values(polygon)
    return lines.only(own & lines.cross(values.min(axis=0), values.max(axis=0)))


def _lines_to_add(
    lines: _Lines, xy: FloatArray, f_off: npt.NDArray[np.int32], corner: npt.NDArray[np.int32], knobs: Knobs
) -> IndexArray:
    """Return lines that halve the blocks that most lines cross, as long as too many do; none if none does."""
    n_blocks = f_off.shape[0] - 1
    crossed = np.zeros(n_blocks, dtype=np.int64)
    first = 0
    while first < n_blocks:
        room = f_off[first] + knobs.values_at_once // max(lines.switch.size, 1)
        end = max(first + 1, int(np.searchsorted(f_off, room, side="right")) - 1)
        values = lines.values(xy[corner[f_off[first] : f_off[end]]])
        starts = f_off[first:end] - f_off[first]
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
        crossed[first:end] = lines.cross(low, high).sum(axis=1)
        first = end
    found = []
    for block in np.argsort(-crossed, kind="stable")[:_CHOSEN_AT_ONCE]:
        if crossed[block] > knobs.lines_in_block:
            values = lines.values(xy[corner[f_off[block] : f_off[block + 1]]])
            low, high = values.min(axis=0), values.max(axis=0)
            candidates = np.flatnonzero(lines.cross(low, high))
            low, high = low[candidates], high[candidates]
            wide = (high - low) / np.sqrt(lines.u[candidates] ** 2 + lines.v[candidates] ** 2)
            # Through the middle, and across the longer side.
            found.append(candidates[np.argmin(np.abs(high + low) / (high - low) - 0.5 * wide / wide.max())])
    return np.unique(np.array(found, dtype=np.int64))


def make_blocks(plan: records.Plan, polygon: FloatArray, knobs: Knobs) -> Blocks | None:
    """Cut a window to blocks; None if few enough lines cross it."""
    if int(plan.shape[sites.N_BREAKPOINTS, 0] * plan.shape[sites.WIDTH, 0]) <= knobs.most_lines:
        return None
    lines = _lines_through(plan, polygon)
    if lines.switch.size <= knobs.most_lines:
        return None
    start = roots.window_start(polygon, plan.relative)
    chosen = np.zeros(plan.shape[sites.WIDTH, 0] * plan.shape[sites.N_BREAKPOINTS, 0], dtype=np.bool_)
    buffers = None
    while True:
        buffers, _ = roots.cut_root(plan, start, chosen, buffers)
        ws = buffers.ws
        n_v, n_f, now = int(ws.size[rows.N_VERTICES]), int(ws.size[rows.N_FACES]), int(ws.size[rows.NOW])
        corner = ws.side[now, rows.V, : ws.f_off[now, n_f]].astype(np.int32)
        more = _lines_to_add(lines, ws.phi[:n_v, rows.X : rows.N_AFFINE], ws.f_off[now, : n_f + 1], corner, knobs)
        if not more.size:
            break
        chosen[lines.switch[more]] = True
        lines = lines.only(~chosen[lines.switch])
    n_v, n_e, n_f, now = (int(k) for k in ws.size)
    f_off = ws.f_off[now, : n_f + 1].copy()
    side = ws.side[now, :, : f_off[-1]].astype(np.int32)
    xy = ws.phi[:n_v, rows.X : rows.N_AFFINE].copy()
    return Blocks(
        xy=xy,
        uncertainty=ws.place[rows.UNCERTAINTY, :n_v].copy(),
        rounding=ws.place[rows.ROUNDING, :n_v].copy(),
        edge=ws.edge[: rows.SWITCH + 1, :n_e].copy(),
        f_off=f_off,
        side=side,
        e_inner=np.bincount(side[rows.E], minlength=n_e) == 2,
        areas=roots.face_areas(xy, f_off, side),
        noted=roots.noted(ws),
    )


def make_block(
    plan: records.Plan, blocks: Blocks, block: int, target: int, buffers: roots.RootBuffers | None
) -> tuple[Block, roots.RootBuffers]:
    """Cut one block by all lines of the first layer, and group its faces to cells."""
    sides = slice(blocks.f_off[block], blocks.f_off[block + 1])
    corners, edges = blocks.side[rows.V, sides], blocks.side[rows.E, sides]
    local = {int(v): k for k, v in enumerate(corners)}
    edge = blocks.edge[:, edges].copy()
    for end in (rows.A, rows.B):
        edge[end] = [local[int(v)] for v in edge[end]]
    start = roots.Start(blocks.xy[corners], blocks.uncertainty[corners], blocks.rounding[corners], edge)
    buffers, base = roots.cut_root(plan, start, buffers=buffers)
    ws = buffers.ws
    n_e = int(ws.size[rows.N_EDGES])
    ids = (np.int64(block) << 32) + np.arange(n_e, dtype=np.int64)
    between = np.zeros(n_e, dtype=np.bool_)
    pieces = np.zeros(edges.size, dtype=np.int64)
    for k, number in enumerate(edges):
        piece = k
        while piece >= 0:
            ids[piece] = -1 - ((int(number) << _SIDE) | int(pieces[k]))
            between[piece] = blocks.e_inner[number]
            pieces[k] += 1
            piece = int(ws.edge[rows.NEXT, piece])
    root, _ = roots.make_root(ws, base, plan, target)
    root.e_shared[:] |= between
    inner = blocks.e_inner[edges]
    record = CutRecord(
        new_vertices=int(root.xy.shape[0]) - corners.size,
        sides=np.stack([edges[inner].astype(np.int64), pieces[inner]]),
        noted=roots.noted(ws),
    )
    return Block(root, ids, record), buffers


class WindowInBlocks(Prepared):
    """A job's window, cut to blocks, each of which is cut to cells when it is worked, `in_batch` at a time at most.

    No more than `target` switches of the first layer may cross a cell.
    """

    def __init__(self, plan: records.Plan, n_switches: int, in_batch: int, blocks: Blocks, target: int) -> None:
        super().__init__(plan, n_switches, in_batch)
        self.blocks, self.target = blocks, target

    @property
    def n_units(self) -> int:
        """Number of blocks."""
        return self.blocks.n_blocks

    def areas(self) -> FloatArray:
        """Return the part of the window that each block has."""
        return self.blocks.areas

    def weights(self) -> FloatArray:
        """Return about how many faces the first layer makes of each block, from the lines that cross it.

        Two random lines that both cross a convex set of area A and perimeter P meet inside with probability
        2 pi A / P^2 (Santalo 2004, section I.4).
        """
        plan, blocks = self.plan, self.blocks
        t = int(plan.shape[sites.N_BREAKPOINTS, 0])
        breakpoints = plan.activation[sites.BREAKPOINT, 0, :t, None]
        faces = np.empty(blocks.n_blocks)
        for k in range(blocks.n_blocks):
            corners = blocks.xy[blocks.side[rows.V, blocks.f_off[k] : blocks.f_off[k + 1]]]
            values = plan.first[rows.CONSTANT] + corners @ plan.first[rows.X : rows.N_AFFINE]
            lines = np.count_nonzero((values.min(axis=0) < breakpoints) & (values.max(axis=0) > breakpoints))
            after = np.roll(corners, -1, axis=0)
            area = 0.5 * np.sum(corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1])
            perimeter = np.hypot(*(after - corners).T).sum()
            faces[k] = 1.0 + lines + np.pi * area / perimeter**2 * lines * (lines - 1)
        return faces

    def tasks(self, job: Job, sink: Sink, threads: int, limited: bool, remote: bool) -> tuple[list[IndexArray], int]:
        """Return blocks; a limit on memory speaks of a cell, so there is no more than one at a time."""
        size = max(1, -(-self.n_units // job.knobs.remote_batches)) if remote else 1
        return equal_tasks(self.n_units, size), sink.cells_in_batch or (1 if limited else min(8, self.in_batch))

    def work(
        self, job: Job, sink: Sink, task: IndexArray, batch_cells: int, limit: int | None, keeps: bool = False
    ) -> Worked:
        """Cut some blocks to cells and work on these."""
        local = self.local
        batches: list[Done] = []
        cut: list[CutRecord] = []
        key = (id(sink), batch_cells, limit)
        if getattr(local, "key", None) != key:
            local.bench = Workbench(
                self.plan,
                self.n_switches,
                batch_cells,
                patterns=sink.needs_patterns or has_maxima(job.network),
                limit=limit,
                knobs=job.knobs,
            )
            local.key, local.root_buffers = key, None
        for number in task.tolist():
            block, local.root_buffers = make_block(self.plan, self.blocks, number, self.target, local.root_buffers)
            local.root, first_cell = block.root, number << 20
            patterns = sink.needs_patterns
            run = CellRun(job, local.bench, self.plan, block.root, self.stopped, block.ids, first_cell, patterns)
            for cells in equal_tasks(int(block.root.cell_off.shape[0] - 1), batch_cells):
                found = sink.earlier(first_cell + cells)
                if found is None:
                    batch = run.run(cells)
                    batches.append(Done(batch.cells, sink.digest(batch), batch.record))
                else:
                    batches.append(Done(cells, found[1], found[0]))
            cut.append(block.record)
        return Worked(batches, cut)

    def total(self) -> Total:
        """Return sums over nothing."""
        return Total(int(self.blocks.xy.shape[0]), self.blocks.noted)

    def settle(self, job: Job, wrong: IndexArray) -> Job:
        """Return the job with one root."""
        return replace(job, whole=True)

    def bytes_needed(self, working: float, passing: float, faces: float, limited: bool) -> tuple[float, float, float]:
        """Return what a count takes, what cutting takes, and what is there while cells are worked."""
        plan, (cutting, kept) = n_bytes(self.plan), roots.root_bytes(faces, self.plan)
        root = self.local.root
        block = n_bytes(self.local.root_buffers.ws) + roots.GROUPING * root.f_word.shape[0]
        block += n_bytes(vars(self.blocks).values()) + n_bytes(root)
        # A partition has one root.
        return plan + block + working + passing, plan + cutting, plan + kept + working
