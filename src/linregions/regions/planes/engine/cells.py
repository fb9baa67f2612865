"""Cells of a window, made and worked: what a worker does, in a thread or in another process."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import frame_of
from linregions.regions.planes.engine import first_layer as roots
from linregions.regions.planes.engine.blocks import CutRecord, make_block, make_blocks
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.cell_run import Worker
from linregions.regions.planes.engine.job import BlockCells, Cells, Done, Job, Worked
from linregions.regions.planes.engine.narrow import CellsWanted, cells_wanted, deepened
from linregions.regions.planes.engine.plan import make_plan
from linregions.regions.planes.sink import Sink

IndexArray = npt.NDArray[np.int64]

# Cells in a batch: enough to share what a batch costs, few enough for the cache.
_MOST_CELLS = 32


def make_cells(job: Job) -> Cells | BlockCells | None:
    """Cut a job's window to cells, or to blocks; None if the network has no neuron.

    Raises
    ------
    Contradiction
    """
    frame = frame_of(job.window)
    made = make_plan(job.network, job.window, job.relative, frame)
    if made is None:
        return None
    plan, n_switches = made
    wanted = cells_wanted(plan) if job.cell_switches is None else CellsWanted(job.cell_switches)
    in_batch = wanted.in_batch or _MOST_CELLS
    if not job.whole:
        blocks = make_blocks(plan, frame.polygon)
        if blocks is not None:
            return BlockCells(plan, n_switches, blocks, wanted.switches, in_batch)
    buffers, base = roots.cut_root(plan, roots.window_start(frame.polygon, plan.relative))
    ws = buffers.ws
    deeper = int(ws.size[2]) < wanted.faces
    root, face_cell = roots.make_root(ws, base, plan, n_switches if deeper else wanted.switches)
    noted = roots.noted(ws)
    most = n_bytes(ws) + n_bytes(root) + roots.GROUPING * face_cell.size
    buffers.keep()
    deep = deepened(job, plan, root, n_switches, wanted) if deeper else None
    if deep is not None:
        root, face_cell = deep.parts.root, deep.parts.face_part
        noted = noted.with_more(deep.noted)
        most += deep.n_bytes + roots.GROUPING * face_cell.size
    for pairs in job.joined:
        root, face_cell = roots.regrouped(root, face_cell, np.array(pairs))
    return Cells(plan, n_switches, root, face_cell, noted, most, n_bytes(ws), in_batch, wanted.room)


def work(
    job: Job,
    made: Cells | BlockCells,
    sink: Sink,
    task: IndexArray,
    batch_cells: int,
    limit: int | None,
    keeps: bool = False,
) -> Worked:
    """Work on a batch of cells, or on some blocks, in the buffers of this thread.

    With `keeps`, these may be buffers that an earlier call has left.
    """
    if isinstance(made, BlockCells):
        return _work_blocks(job, made, sink, task, batch_cells, limit)
    local = made.local
    key = (id(sink), batch_cells, limit)
    if getattr(local, "key", None) != key:
        local.worker = Worker(
            job.network,
            job.window,
            made.plan,
            made.root,
            made.n_switches,
            sink.needs_patterns,
            batch_cells,
            limit,
            keeps=keeps,
            room=made.room,
        )
        local.worker.stopped = made.stopped
        local.key = key
        made.workers.append(local.worker)
    batch = local.worker.run(task)
    return Worked([Done(task, sink.digest(batch), batch.record)], [])


def _work_blocks(
    job: Job, made: BlockCells, sink: Sink, task: IndexArray, batch_cells: int, limit: int | None
) -> Worked:
    """Cut some blocks to cells and work on these."""
    local = made.local
    batches: list[Done] = []
    cut: list[CutRecord] = []
    for number in task:
        block, local.root_buffers = make_block(
            made.plan, made.blocks, int(number), made.target, getattr(local, "root_buffers", None)
        )
        local.worker = Worker(
            job.network,
            job.window,
            made.plan,
            block.root,
            made.n_switches,
            sink.needs_patterns,
            batch_cells,
            limit,
            earlier=getattr(local, "worker", None),
            ids=block.ids,
            first_cell=int(number) << 20,
        )
        local.worker.stopped = made.stopped
        n_cells = int(block.root.cell_off.shape[0] - 1)
        for first in range(0, n_cells, batch_cells):
            cells = np.arange(first, min(first + batch_cells, n_cells))
            found = sink.earlier((int(number) << 20) + cells)
            if found is None:
                batch = local.worker.run(cells)
                batches.append(Done(batch.cells, sink.digest(batch), batch.record))
            else:
                batches.append(Done(cells, found[1], found[0]))
        cut.append(block.record)
    return Worked(batches, cut)
