"""Cells of a window where a narrow layer comes before a wide one: bounded by switches of layers after the first too.

The lines of a narrow first layer bound few cells, and hundreds of a wide layer's neurons are unstable in each. So the
whole window is taken through the layers as one cell until it has enough faces, and these are grouped to cells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from linregions.networks.kernels import sites
from linregions.regions.planes.engine.cell_run import Stamps
from linregions.regions.planes.engine.first_layer import Contradiction, Noted, noted
from linregions.regions.planes.engine.job import Job
from linregions.regions.planes.engine.parts import Parts, split_cell
from linregions.regions.planes.engine.plan import EXPECTED_SWITCHES, MOST_SWITCHES, dearness, default_target
from linregions.regions.planes.engine.workbench import Workbench
from linregions.regions.planes.kernels import cells, records
from linregions.regions.planes.kernels import workspace as rows
from linregions.regions.planes.kernels.basis import SCREENED_AT_ONCE
from linregions.regions.planes.kernels.workspace import GROW, INCONSISTENT, Workspace

# Switches that may cross a cell which later layers bound too.
_CELL_SWITCHES = 4
# Lines that bound such cells at most, and bytes that patterns of the faces between them take at most.
_MOST_LINES = 128
_PATTERN_BYTES = 1 << 24
# Vertices and columns of such a cell: one that goes on in parts has some columns by then.
_CELL_ROOM = 8192, rows.N_AFFINE + EXPECTED_SWITCHES + MOST_SWITCHES + SCREENED_AT_ONCE

# Cells of graphs have about a thousand regions each, sometimes many more: one for which there is too little room is
# begun anew.
_GRAPH_BATCH, _GRAPH_ROOM = 8, (8192, 144)


class CellsWanted(NamedTuple):
    """How a window is cut to cells."""

    switches: int  # that may cross a cell
    faces: int = 0  # to be grouped to cells: more than the first layer makes where it is much narrower than another
    in_batch: int = 0  # cells in a batch at most, if they are few because they have many regions
    room: tuple[int, int] = (0, 0)  # vertices and columns of such a cell, about


def cells_wanted(plan: records.Plan) -> CellsWanted:
    """Return how to cut a window, so that not many more neurons of one layer are unstable in a cell than of others."""
    switches = plan.shape[sites.WIDTH] * plan.shape[sites.N_BREAKPOINTS]
    first, widest = int(switches[0]), int(switches[1:].max(initial=0))
    target = default_target(plan)
    if widest * target <= MOST_SWITCHES * first:
        return CellsWanted(target) if plan.is_chain else _of_graph(plan, target)
    in_batch = max(1, 4096 // widest)
    if first >= min(_CELL_SWITCHES * widest // EXPECTED_SWITCHES, _MOST_LINES):
        across = min(target, max(_CELL_SWITCHES, EXPECTED_SWITCHES * first // widest))
        return CellsWanted(across, in_batch=in_batch, room=_CELL_ROOM)
    words = (int(switches.sum()) + 63) // 64
    faces = min(_faces_of(widest), _PATTERN_BYTES // (8 * words))
    return CellsWanted(_CELL_SWITCHES, faces, in_batch, _CELL_ROOM)


def _of_graph(plan: records.Plan, target: int) -> CellsWanted:
    vertices, columns = _GRAPH_ROOM
    columns = round(columns * dearness(plan) ** 0.25)
    return CellsWanted(target, in_batch=_GRAPH_BATCH, room=(max(vertices, 2 * plan.most_faces), columns))


class Deepened(NamedTuple):
    """A window as one cell that went through the layers until it had many faces."""

    parts: Parts  # its faces, grouped to cells
    noted: Noted  # for the diagnostics
    n_bytes: int  # that this took


def deepened(job: Job, plan: records.Plan, root: records.Root, n_switches: int, wanted: CellsWanted) -> Deepened | None:
    """Take a window, the only cell of `root`, through the layers until it has many faces; None if it never has."""
    now = plan._replace(most_faces=wanted.faces, crowded_faces=1)

    def new_bench(faces: int, lines: int) -> Workbench:
        """Return one with room for so many faces, and to find as many switches unstable as a cell takes at once."""
        room = 2 * faces, rows.N_AFFINE + lines + MOST_SWITCHES + SCREENED_AT_ONCE
        return Workbench(now, n_switches, 1, room=room, knobs=job.knobs)

    bench = new_bench(root.f_off.size, int(plan.shape[sites.WIDTH, 0]))
    stamps, whole = Stamps.of_no_cell(root), np.zeros(1, dtype=np.int64)
    while True:
        scratch = stamps.on(bench.scratch)
        out = bench.outs[0]
        status, _ = cells.run_cells(bench.ws, now, scratch, root, out, whole, 0, records.THROUGH_LAYERS)
        del out
        if status == INCONSISTENT:
            raise Contradiction
        if status == GROW:
            del scratch
            stamps.forget()
            bench.clear()
            bench.make_room()
            continue
        if status != records.SPLIT:  # all layers are done, whether there is room for the result or not
            return None
        faces = min(wanted.faces, _faces_for(plan, bench.ws))
        if now.crowded_faces > 1 or bench.ws.size[rows.N_FACES] >= faces:
            break
        now = now._replace(crowded_faces=max(faces - 1, 2))
        del bench, scratch  # not to have its buffers twice
        bench, stamps = new_bench(faces, math.isqrt(3 * faces)), Stamps.of_no_cell(root)
    ws = bench.ws
    parts = split_cell(ws, scratch, root, 0, _cell_switches(plan, ws))
    return Deepened(parts, noted(ws), bench.n_bytes + parts.n_bytes)


def _faces_for(plan: records.Plan, ws: Workspace) -> int:
    """Return how many faces are worth it, from the units of the layer that the window is split in."""
    layer, n_left = int(ws.need[rows.N_BEGUN]) - 1, int(ws.need[rows.N_LEFT])
    if not n_left:  # after a layer: there are faces enough
        return 0
    # Of later layers, as large a part will be unstable.
    switches = plan.shape[sites.WIDTH, layer:] * plan.shape[sites.N_BREAKPOINTS, layer:]
    return _faces_of(int(n_left / plan.shape[sites.WIDTH, layer] * switches.max()))


def _cell_switches(plan: records.Plan, ws: Workspace) -> int:
    """Return how many switches may cross a cell, from what is left of the layers."""
    begun, n_left = int(ws.need[rows.N_BEGUN]), int(ws.need[rows.N_LEFT])
    if n_left:
        return _CELL_SWITCHES
    lines = math.isqrt(3 * int(ws.size[rows.N_FACES]))
    widest = int((plan.shape[sites.WIDTH, begun:] * plan.shape[sites.N_BREAKPOINTS, begun:]).max())
    return min(default_target(plan), max(_CELL_SWITCHES, EXPECTED_SWITCHES * lines // max(widest, 1)))


def _faces_of(switches: int) -> int:
    """Return how many faces the lines make that bound cells, for so many switches of a layer that cross the window."""
    return min(_CELL_SWITCHES * switches // EXPECTED_SWITCHES, _MOST_LINES) ** 2 // 3
