"""Load a cell of a root complex, and make a basis of the neurons that are not stable in it."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_ROWS
from linregions.networks.kernels.sites import (
    BASIS,
    BREAKPOINT,
    FIRST_SWITCH,
    N_BREAKPOINTS,
    PIECE,
    SIZE,
    STEEPNESS,
    WIDTH,
    give_rows,
)
from linregions.regions.planes.kernels.records import (
    CROSSING,
    EVERYWHERE,
    LOCAL,
    NO_LINE,
    NUMBER,
    SOMEWHERE,
    STAMP,
    STEEP,
    Plan,
    Root,
    Scratch,
)
from linregions.regions.planes.kernels.workspace import (
    BIT,
    CONSTANT,
    FROM,
    IN_ROOT,
    LINE,
    N_AFFINE,
    N_COLUMNS,
    N_EDGES,
    N_FACES,
    N_VERTICES,
    N_WORDS,
    NEXT,
    NOW,
    ONE,
    ROUNDING,
    SPREAD,
    SWITCH,
    TO,
    UNCERTAINTY,
    ZERO,
    A,
    B,
    E,
    FloatArray,
    IndexArray,
    V,
    Workspace,
    X,
    Y,
)


@compiled(internal=True)
def load_cell(ws: Workspace, sc: Scratch, root: Root, cell: int) -> bool:
    """Copy a cell's part of the root complex to the workspace."""
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    sides = 0
    for i in range(begin, stop):
        f = root.cell_faces[i]
        sides += root.f_off[f + 1] - root.f_off[f]
    ws.need[:] = 0
    ws.need[N_VERTICES] = ws.need[N_EDGES] = sides + TILE_ROWS
    ws.need[N_FACES] = stop - begin
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
                ws.phi[n_v, CONSTANT], ws.phi[n_v, X], ws.phi[n_v, Y] = 1.0, root.xy[v, 0], root.xy[v, 1]
                ws.place[UNCERTAINTY, n_v] = root.uncertainty[v]
                ws.place[ROUNDING, n_v] = root.rounding[v]
                ws.place[SPREAD, n_v] = -1.0
                ws.parent[IN_ROOT, n_v] = v
                ws.parent[LINE, n_v] = root.line[v] if root.line.shape[0] > 0 else NO_LINE
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
    for e in range(n_e):
        original = ws.edge[B, e]
        ws.edge[A, e] = sc.vertex[LOCAL, root.edge[A, original]]
        ws.edge[B, e] = sc.vertex[LOCAL, root.edge[B, original]]
        ws.edge[SWITCH, e] = root.edge[SWITCH, original]
        ws.edge[NEXT, e] = -1
        ws.edge[BIT, e] = -1
        # The parents of a vertex may not be here. A neighbour on the same line tells as well what changes along it.
        for end in (A, B):
            v, w = ws.edge[end, e], ws.edge[A + B - end, e]
            if ws.place[SPREAD, v] < 0.0 and ws.parent[LINE, v] == ws.edge[SWITCH, e]:
                length = abs(ws.phi[v, X] - ws.phi[w, X]) + abs(ws.phi[v, Y] - ws.phi[w, Y])
                if length > 0.0:
                    ws.place[SPREAD, v] = (ws.place[UNCERTAINTY, v] - ws.place[ROUNDING, v]) / length
                    ws.parent[FROM, v], ws.parent[TO, v] = w, v
    ws.size[N_VERTICES], ws.size[N_EDGES], ws.size[N_FACES], ws.size[NOW] = n_v, n_e, n_f, 0
    return True


@compiled(internal=True)
def known_units(ws: Workspace, plan: Plan, sc: Scratch, root: Root, layer: int, n_basis: int) -> int:
    """Tell the units of a layer whose switches are edges of the root already; return how many are unstable, or -1.

    They become basis functions; -1 says that phi has too few columns. Units that the root leaves open stay so.
    """
    n, t, first = plan.shape[WIDTH, layer], plan.shape[N_BREAKPOINTS, layer], plan.shape[FIRST_SWITCH, layer]
    n_vertices, begin = ws.size[N_VERTICES], n_basis
    for k in range(n):
        piece = 0
        crosses = False
        for j in range(t):
            switch = np.uint64(first + k * t + j)
            if sc.local[NUMBER, switch] >= 0:
                crosses = True
            elif sc.base[switch >> np.uint64(6)] >> (switch & np.uint64(63)) & ONE == ONE:
                piece += 1
        if root.unit.shape[0] > 0 and root.unit[layer, PIECE, k] != -1:
            # Zero on whole faces perhaps, whose patterns then differ although nothing switches; or still open.
            piece, crosses = root.unit[layer, PIECE, k], False
        sc.unit[PIECE, k] = -1 if crosses else piece
        if crosses:
            if n_basis + 8 > ws.phi.shape[1]:
                ws.need[N_COLUMNS] = 2 * ws.phi.shape[1]
                return -1
            sc.unit[BASIS, k] = n_basis
            sc.kept[n_basis - begin] = k
            n_basis += 1
    for v in range(n_vertices):
        row = ws.phi[v, begin:n_basis]
        if root.unit.shape[0] > 0:
            values = root.phi[ws.parent[IN_ROOT, v]]
            for i in range(n_basis - begin):
                row[i] = values[root.unit[layer, BASIS, sc.kept[i]]]
        else:
            u, w = ws.phi[v, X], ws.phi[v, Y]
            for i in range(n_basis - begin):
                k = sc.kept[i]
                row[i] = plan.first[CONSTANT, k] + plan.first[X, k] * u + plan.first[Y, k] * w
    if root.unit.shape[0] == 0:  # exactly at its breakpoint where a line of its own passes
        for e in range(ws.size[N_EDGES]):
            switch = ws.edge[SWITCH, e] - first
            if 0 <= switch < n * t and sc.unit[PIECE, switch // t] < 0:
                xi = plan.activation[BREAKPOINT, layer, switch % t]
                column = sc.unit[BASIS, switch // t]
                ws.phi[ws.edge[A, e], column], ws.phi[ws.edge[B, e], column] = xi, xi
    return n_basis - begin


@compiled(internal=True)
def number_of(local: IndexArray, switch: int) -> np.int64:
    """Return the number of a switch among the bits of faces of the cell; the next one if it has none so far."""
    number = local[NUMBER, switch]
    if number < 0:
        number = local[CROSSING, 0]
        local[NUMBER, switch] = number
        local[CROSSING, number + 1] = switch
        local[CROSSING, 0] = number + 1
    return np.int64(number)


@compiled(internal=True)
def numbers_fit(ws: Workspace, local: IndexArray) -> bool:
    """Whether words of faces have a bit for every numbered switch, or are not wanted; else `need` says how many."""
    if ws.f_word.shape[2] == 0 or local[CROSSING, 0] <= 64 * ws.f_word.shape[2]:
        return True
    ws.need[:] = 0
    ws.need[N_WORDS] = (local[CROSSING, 0] + 63) // 64 + 1
    return False


@compiled(internal=True)
def begin_cell(ws: Workspace, plan: Plan, sc: Scratch, root: Root, cell: int) -> bool:
    """Give the words of a loaded cell's faces, the switches that it passes everywhere, and the rows of layer 0.

    False if the words have too few bits.
    """
    local, crossing, every = sc.local, sc.passed[SOMEWHERE], sc.passed[EVERYWHERE]
    for i in range(local[CROSSING, 0]):
        local[NUMBER, local[CROSSING, i + 1]] = -1
    local[CROSSING, 0] = 0
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    n_words, named = root.f_word.shape[1], root.f_switch.shape[0] > 0
    for w in range(n_words):
        crossing[w], every[w] = ZERO, ~ZERO
    for i in range(begin, stop):
        words = root.f_word[root.cell_faces[i]]
        for w in range(n_words):
            crossing[w] |= words[w]
            every[w] &= words[w]
    for w in range(sc.base.shape[0]):
        sc.base[w] = root.base[w] if w < root.base.shape[0] else ZERO
    for w in range(n_words):
        crossing[w] &= ~every[w]
        rest = crossing[w]
        while rest != ZERO:
            bit = 64 * w + lowest_bit(rest)
            rest &= rest - ONE
            number_of(local, root.f_switch[bit] if named else bit)
        if not named:
            sc.base[w] |= every[w]
            continue
        rest = every[w]
        while rest != ZERO:
            switch = np.uint64(root.f_switch[64 * w + lowest_bit(rest)])
            rest &= rest - ONE
            sc.base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
    if not numbers_fit(ws, local):
        return False
    if ws.f_word.shape[2] > 0:
        for i in range(begin, stop):
            words, own = root.f_word[root.cell_faces[i]], ws.f_word[0, i - begin]
            own[:] = ZERO
            number = np.uint64(0)
            for w in range(n_words):
                rest = crossing[w]
                while rest != ZERO:
                    passed = words[w] >> np.uint64(lowest_bit(rest)) & ONE
                    rest &= rest - ONE
                    own[number >> np.uint64(6)] |= passed << (number & np.uint64(63))
                    number += ONE
    sc.fit[STEEP, CONSTANT], sc.fit[STEEP, X], sc.fit[STEEP, Y] = 0.0, 1.0, 1.0
    give_layer(plan, sc, plan.first, np.int64(0), np.int64(0))
    return True


@compiled(internal=True)
def give_layer(plan: Plan, sc: Scratch, given: FloatArray, first: int, layer: int) -> None:
    """Give the rows and scales of a layer before which nothing switches, from column `first` of `given` on."""
    give_rows(plan, sc.tensors, given, first, layer, np.int64(N_AFFINE))
    for k in range(plan.shape[WIDTH, layer]):
        sc.scale[SIZE, k], sc.scale[STEEPNESS, k] = given[SIZE, first + k], given[STEEPNESS, first + k]
