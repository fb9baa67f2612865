"""Windows made ready to be worked: restricted, cut, grouped to cells or to blocks of these."""

from __future__ import annotations

import numpy as np

from linregions.domains.frames import frame_of
from linregions.networks.switches import has_maxima
from linregions.regions.planes.engine import first_layer as roots
from linregions.regions.planes.engine.blocks import WindowInBlocks, make_blocks
from linregions.regions.planes.engine.buffers import n_bytes
from linregions.regions.planes.engine.job import Job, Prepared
from linregions.regions.planes.engine.narrow import CellsWanted, cells_wanted, deepened
from linregions.regions.planes.engine.plan import make_plan
from linregions.regions.planes.engine.uniting import starts_with_maxima
from linregions.regions.planes.engine.window import WholeWindow
from linregions.regions.planes.kernels.workspace import N_FACES

# Cells in a batch: enough to share what a batch costs, few enough for the cache.
_MOST_CELLS = 32


def prepare(job: Job) -> Prepared | None:
    """Cut a job's window to cells, or to blocks; None if the network has no neuron. May raise Contradiction."""
    frame = frame_of(job.window)
    made = make_plan(job.network, job.window, job.relative, frame)
    if made is None:
        return None
    plan, n_switches = made
    switches = job.knobs.cell_switches
    wanted = cells_wanted(plan) if switches is None else CellsWanted(switches)
    in_batch = wanted.in_batch or _MOST_CELLS
    # Cells are not bounded by what may bound no region.
    undivided = starts_with_maxima(job.network)
    if not job.whole and not undivided:
        blocks = make_blocks(plan, frame.polygon, job.knobs)
        if blocks is not None:
            return WindowInBlocks(plan, n_switches, in_batch, blocks, wanted.switches)
    buffers, base = roots.cut_root(plan, roots.window_start(frame.polygon, plan.relative))
    ws = buffers.ws
    deeper = int(ws.size[N_FACES]) < wanted.faces and not has_maxima(job.network)
    root, face_cell = roots.make_root(ws, base, plan, n_switches if deeper or undivided else wanted.switches)
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
    return WholeWindow(plan, n_switches, in_batch, root, face_cell, noted, most, n_bytes(ws), wanted.room)
