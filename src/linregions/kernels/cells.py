"""Take cells of the window through all layers, depth first, with a basis of few functions in each.

In a cell most neurons are stable: they stay on one linear piece. So every tensor of the network is there a
combination ``sum_i phi_i(x) T_i`` of the basis ``phi = [1, u, v, act(z_1), act(z_2), ...]`` with z_i the
neurons that are not stable, in the order met. An affine step acts on the few rows T_i, not on the vertices.
"""

from __future__ import annotations

import numpy as np

from linregions.kernels.basis import activate, next_rows, screen
from linregions.kernels.compiled import compiled
from linregions.kernels.complex import cut_faces, sign_words
from linregions.kernels.plan import (
    BASIS,
    COLUMN,
    FIRST_SWITCH,
    FULL,
    LOCAL,
    N_BREAKPOINTS,
    PIECE,
    SIZE,
    STAMP,
    STEEPNESS,
    SWITCH_IN_LAYER,
    WIDTH,
    Output,
    Plan,
    Root,
    Scratch,
)
from linregions.kernels.products import TILE_ROWS
from linregions.kernels.rebasing import rebase
from linregions.kernels.root import describe_batch
from linregions.kernels.workspace import (
    BIT,
    GROW,
    NEXT,
    OK,
    ONE,
    RADIUS,
    ROUNDING,
    SPREAD,
    SWITCH,
    ZERO,
    A,
    B,
    E,
    IndexArray,
    IntArray,
    V,
    Workspace,
)


@compiled(internal=True)
def _load_cell(ws: Workspace, sc: Scratch, root: Root, cell: int) -> bool:
    """Copy a cell's part of the root complex to the workspace."""
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    sides = 0
    for i in range(begin, stop):
        f = root.cell_faces[i]
        sides += root.f_off[f + 1] - root.f_off[f]
    ws.need[:] = 0
    ws.need[0] = ws.need[1] = sides + TILE_ROWS
    ws.need[2] = stop - begin
    if (
        sides + TILE_ROWS > min(ws.phi.shape[0], sc.block.shape[0])
        or sides > ws.edge.shape[1]
        or stop - begin > ws.f_word.shape[1]
    ):
        return False
    n_v, n_e, n_f, end = 0, 0, 0, 0
    ws.f_off[0, 0] = 0
    for i in range(begin, stop):
        f = root.cell_faces[i]
        for j in range(root.f_off[f], root.f_off[f + 1]):
            v, e = root.side[V, j], root.side[E, j]
            if sc.vertex[STAMP, v] != cell:
                sc.vertex[STAMP, v] = cell
                sc.vertex[LOCAL, v] = n_v
                ws.phi[n_v, 0], ws.phi[n_v, 1], ws.phi[n_v, 2] = 1.0, root.xy[v, 0], root.xy[v, 1]
                ws.place[RADIUS, n_v] = root.radius[v]
                ws.place[ROUNDING, n_v] = root.rounding[v]
                ws.place[SPREAD, n_v] = -1.0
                ws.parent[2, n_v] = v
                n_v += 1
            if sc.edge[STAMP, e] != cell:
                sc.edge[STAMP, e] = cell
                sc.edge[LOCAL, e] = n_e
                ws.edge[A, n_e] = -1
                ws.edge[B, n_e] = e
                n_e += 1
            ws.side[0, V, end] = sc.vertex[LOCAL, v]
            ws.side[0, E, end] = sc.edge[LOCAL, e]
            end += 1
        n_f += 1
        ws.f_off[0, n_f] = end
        for w in range(ws.f_word.shape[2]):  # none where patterns are not wanted
            ws.f_word[0, n_f - 1, w] = root.f_word[f, w] if w < root.f_word.shape[1] else ZERO
    for e in range(n_e):
        original = ws.edge[B, e]
        ws.edge[A, e] = sc.vertex[LOCAL, root.edge[A, original]]
        ws.edge[B, e] = sc.vertex[LOCAL, root.edge[B, original]]
        ws.edge[SWITCH, e] = root.edge[SWITCH, original]
        ws.edge[NEXT, e] = -1
        ws.edge[BIT, e] = -1
    ws.size[0], ws.size[1], ws.size[2], ws.size[3] = n_v, n_e, n_f, 0
    return True


@compiled(internal=True)
def _enter_cell(ws: Workspace, plan: Plan, sc: Scratch, root: Root, cell: int) -> int:
    """Load a cell and make basis functions of the neurons of layer 0 that switch in it; return how many, -1 to grow."""
    if not _load_cell(ws, sc, root, cell):
        return -1
    n, t = plan.shape[WIDTH, 0], plan.shape[N_BREAKPOINTS, 0]
    n_vertices = ws.size[0]
    sc.base[:] = ZERO
    first = plan.shape[FIRST_SWITCH, 0]
    # Switches passed somewhere, and those passed everywhere.
    some, every = sc.passed[0], sc.passed[1]
    for w in range(root.f_word.shape[1]):
        some[w], every[w] = ZERO, ~ZERO
        for i in range(root.cell_off[cell], root.cell_off[cell + 1]):
            word = root.f_word[root.cell_faces[i], w]
            some[w] |= word
            every[w] &= word
    n_basis = 3
    for k in range(n):
        piece = 0
        crosses = False
        for j in range(t):
            switch = np.uint64(first + k * t + j)
            at, shift = switch >> np.uint64(6), switch & np.uint64(63)
            if every[at] >> shift & ONE == ONE:
                piece += 1
            elif some[at] >> shift & ONE == ONE:
                crosses = True
        sc.unit[PIECE, k] = -1 if crosses else piece
        if crosses:
            if n_basis + 8 > ws.phi.shape[1]:
                ws.need[3] = 2 * ws.phi.shape[1]
                return -1
            sc.unit[BASIS, k] = n_basis
            for i in range(3):
                sc.rows[1, i, n_basis - 3] = plan.first[i, k]  # together, until they are evaluated
            n_basis += 1
        for i in range(3):
            sc.rows[0, i, k] = plan.first[i, k]
        sc.scale[0, k], sc.scale[1, k] = plan.first[SIZE, k], plan.first[STEEPNESS, k]
    constant, slope_u, slope_v = sc.rows[1, 0], sc.rows[1, 1], sc.rows[1, 2]
    for v in range(n_vertices):
        u, w_ = ws.phi[v, 1], ws.phi[v, 2]
        row = ws.phi[v, 3:n_basis]
        for i in range(n_basis - 3):
            row[i] = constant[i] + slope_u[i] * u + slope_v[i] * w_
    activate(ws.phi, n_vertices, plan.activation, np.int64(0), t, np.int64(3), n_basis - 3)
    return n_basis - 3


@compiled(internal=True)
def _write_cell(ws: Workspace, sc: Scratch, root: Root, out: Output, cell: int, slot: int) -> bool:
    """Append a finished cell to the output; False if it does not fit."""
    n_words = ws.f_word.shape[2]
    n_v, n_e, n_f, now = ws.size[0], ws.size[1], ws.size[2], ws.size[3]
    v0, e0, f0, s0, c0 = out.filled[0], out.filled[1], out.filled[2], out.filled[3], out.filled[4]
    patterns = out.f_word.shape[0] > 0
    n_s = ws.f_off[now, n_f]
    # A piece of a shared edge is an edge of the cell, so edges bound chains.
    if (
        v0 + n_v > out.xy.shape[0]
        or e0 + n_e > out.edge.shape[1]
        or f0 + n_f >= out.f_off.shape[0]
        or (patterns and f0 + n_f > out.f_word.shape[0])
        or s0 + n_s > out.side.shape[1]
        or c0 + n_e > out.chain.shape[1]
    ):
        return False
    for v in range(n_v):
        out.xy[v0 + v, 0], out.xy[v0 + v, 1] = ws.phi[v, 1], ws.phi[v, 2]
        out.root_v[v0 + v] = ws.parent[2, v]
    for e in range(n_e):
        out.edge[A, e0 + e] = v0 + ws.edge[A, e]
        out.edge[B, e0 + e] = v0 + ws.edge[B, e]
        out.edge[SWITCH, e0 + e] = ws.edge[SWITCH, e]
    for f in range(n_f):
        out.f_off[f0 + f + 1] = s0 + ws.f_off[now, f + 1]
    if patterns:
        for f in range(n_f):
            for w in range(n_words):
                out.f_word[f0 + f, w] = ws.f_word[now, f, w] | sc.base[w]
    for i in range(n_s):
        out.side[V, s0 + i] = v0 + ws.side[now, V, i]
        out.side[E, s0 + i] = e0 + ws.side[now, E, i]
    chains = c0
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    for i in range(begin, stop):
        f = root.cell_faces[i]
        for j in range(root.f_off[f], root.f_off[f + 1]):
            original = root.side[E, j]
            if not root.e_shared[original]:
                continue
            e = sc.edge[LOCAL, original]
            while e >= 0:
                out.chain[0, chains] = original
                out.chain[1, chains] = e0 + e
                chains += 1
                e = ws.edge[NEXT, e]
    out.filled[0] += n_v
    out.filled[1] += n_e
    out.filled[2] += n_f
    out.filled[3] += n_s
    out.filled[4] = chains
    out.cell_size[slot, 0] = n_v
    out.cell_size[slot, 1] = n_e
    out.cell_size[slot, 2] = n_f
    out.cell_size[slot, 3] = n_s
    out.cell_size[slot, 4] = chains - c0
    return True


@compiled(internal=True)
def _forget(vertex: IntArray, edge: IntArray, cell: int) -> None:
    """Undo the stamps of a cell that will be worked again."""
    for stamps in (vertex[STAMP], edge[STAMP]):
        for i in range(stamps.shape[0]):
            if stamps[i] == cell:
                stamps[i] = -1


# One function for all cells and layers: every further level of calls would compile all that it calls once more.
@compiled()
def run_cells(
    ws: Workspace, plan: Plan, sc: Scratch, root: Root, out: Output, cells: IndexArray, first_cell: int
) -> tuple[int, int]:
    """Take ``cells[first_cell:]`` through all layers after layer 0.

    Returns OK, GROW (the workspace), FULL (the output) or INCONSISTENT, and the position to go on from.
    """
    n_layers = plan.shape.shape[1]
    three = np.int64(3)  # basis functions to begin with; a literal would have functions compiled once more
    for i in range(first_cell, cells.shape[0]):
        cell = cells[i]
        snapped, merged, margin = ws.counts[0], ws.counts[1], ws.margin[0]
        status = OK
        n_unstable = _enter_cell(ws, plan, sc, root, cell)
        if n_unstable < 0:
            status = GROW
        n_before, n_basis, now, fitted = three, three + n_unstable, 0, three - 3
        for layer in range(1, n_layers):
            if status != OK:
                break
            t, last_layer = plan.shape[N_BREAKPOINTS, layer], layer == n_layers - 1
            next_rows(
                plan.shape,
                plan.weights,
                plan.biases,
                plan.activation,
                sc.unit,
                sc.scale,
                sc.gather,
                sc.kept,
                sc.left,
                sc.rows[now],
                sc.rows[1 - now],
                layer,
                n_before,
                n_unstable,
            )
            now = 1 - now
            n_unstable, n_switches = screen(
                ws.phi,
                ws.size,
                ws.parent,
                ws.place,
                ws.f_off[ws.size[3]],
                ws.side[ws.size[3]],
                ws.f_word[ws.size[3]],
                plan.shape,
                plan.activation,
                plan.relative,
                sc.rows[now],
                sc.scale,
                sc.bound,
                sc.fit,
                sc.box,
                sc.packed,
                sc.block,
                sc.counting,
                sc.kept,
                sc.source,
                sc.unit,
                sc.pending,
                sc.base,
                layer,
                fitted,
                n_basis,
            )
            fitted = n_basis
            if n_unstable < 0:
                ws.need[:] = 0
                ws.need[3] = n_switches
                status = GROW
                break
            if not last_layer:
                n_passing = rebase(
                    ws.phi,
                    ws.size[0],
                    plan.shape,
                    plan.activation,
                    sc.unit,
                    sc.rows[now],
                    sc.packed,
                    sc.block,
                    sc.counting,
                    sc.kept,
                    sc.pending,
                    layer,
                    n_basis,
                    n_unstable,
                    n_switches,
                    plan.rebase_cost,
                )
                if n_passing < 0:
                    ws.need[:] = 0
                    ws.need[3] = n_basis + n_unstable + plan.shape[WIDTH, layer]
                    status = GROW
                    break
                if n_passing > 0:
                    fitted, n_basis, n_unstable = three, three, n_passing
            for first in range(0, n_switches, 64):
                size = min(64, n_switches - first)
                describe_batch(
                    ws.column,
                    ws.level,
                    plan.activation,
                    layer,
                    t,
                    plan.shape[FIRST_SWITCH, layer],
                    plan.relative,
                    sc.pending[SWITCH_IN_LAYER, first : first + size],
                    sc.pending[COLUMN, first : first + size],
                    sc.scale,
                )
                sign_words(ws, size)
                last_batch = last_layer and first + size == n_switches
                known = ws.size[0]
                status = cut_faces(ws, size, three if last_batch else n_basis + n_unstable)
                if status != OK:
                    break
                for v in range(known, ws.size[0]):
                    ws.parent[2, v] = -1
                if not last_batch and ws.size[0] + TILE_ROWS > min(ws.phi.shape[0], sc.block.shape[0]):
                    ws.need[:] = 0
                    ws.need[0] = ws.size[0] + TILE_ROWS
                    status = GROW
                    break
            if not last_layer and status == OK:
                activate(ws.phi, ws.size[0], plan.activation, layer, t, n_basis, n_unstable)
            n_before = n_basis
            n_basis += n_unstable
        if status == OK and not _write_cell(ws, sc, root, out, cell, i):
            status = FULL
        if status != OK:  # its diagnostics must not count twice
            ws.counts[0], ws.counts[1], ws.margin[0] = snapped, merged, margin
            _forget(sc.vertex, sc.edge, cell)
            return status, i
    return OK, cells.shape[0]
