"""Take cells of the window through all layers, depth first, with a basis of few functions in each.

In a cell most neurons are stable: they stay on one linear piece. So every tensor of the network is there a
combination ``sum_i phi_i(x) T_i`` of the basis ``phi = [1, u, v, act(z_1), act(z_2), ...]`` with z_i the
neurons that are not stable, in the order met. An affine step acts on the few rows T_i, not on the vertices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from linregions.kernels.complex import (
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
    V,
    Workspace,
    blur,
    cut_faces,
    sign_words,
)
from linregions.kernels.products import add_product

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]

FULL = 3
LOCAL, STAMP = 0, 1


# Rows of the arrays below.
WIDTH, FIRST_WEIGHT, N_BREAKPOINTS, FIRST_SWITCH = range(4)
BREAKPOINT, SLOPE, KNOT, HEIGHT = range(4)
SIZE, STEEPNESS = 3, 4
PIECE, BASIS = 0, 1
SWITCH_IN_LAYER, COLUMN = 0, 1


class Plan(NamedTuple):
    """A network restricted to a plane, flat. Layer 0 is the first with breakpoints, given by its rows."""

    first: FloatArray  # (5, n_0): layer 0 as constant, slope in u, slope in v; SIZE of its terms; its STEEPNESS
    shape: IndexArray  # (4, layers): WIDTH, FIRST_WEIGHT, N_BREAKPOINTS, FIRST_SWITCH
    weights: FloatArray  # (sum of n_in, max n_out): transposed weights of layers 1.., one below the other
    squares: FloatArray  # their squares
    biases: FloatArray  # (layers, max width)
    activation: FloatArray  # (4, layers, max T + 1): BREAKPOINT; SLOPE and a point KNOT, HEIGHT of each piece
    relative: float  # tolerance


class Root(NamedTuple):
    """The window cut by layer 0, and its faces grouped to cells."""

    xy: FloatArray  # (V, 2)
    radius: FloatArray  # (V,)
    rounding: FloatArray  # (V,)
    edge: IntArray  # (3, E): A, B, SWITCH
    e_shared: npt.NDArray[np.bool_]  # the edge lies between two cells
    f_off: IntArray
    side: IntArray  # (2, sides): V, E
    f_word: WordArray
    cell_off: IndexArray
    cell_faces: IndexArray


class Scratch(NamedTuple):
    """What one thread needs to evaluate a cell, beside the complex."""

    vertex: IntArray  # (2, V): LOCAL number of a root vertex in the cell that the STAMP names
    edge: IntArray  # (2, E): the same for root edges
    rows: FloatArray  # (2, columns, width): rows of this and the next pre-activation
    left: FloatArray  # (columns, width): stable rows times slopes
    gather: IndexArray  # (width,): stable neurons with a slope
    unit: IndexArray  # (2, width): PIECE of a stable neuron, -1 if unstable; BASIS function of an unstable one
    pending: IndexArray  # (2, switches): switches of the layer that cross the cell, and their columns in phi
    scale: FloatArray  # (4, width): size and steepness of this and the next layer
    block: FloatArray  # (vertices, 64): pre-activations of 64 neurons
    base: WordArray  # (words,): switches passed on the whole cell
    counting: IndexArray  # 0, 1, 2, ...


class Output(NamedTuple):
    """What finished cells leave: flat arrays, and how far they are filled."""

    filled: IndexArray  # vertices, edges, faces, sides, chains
    xy: FloatArray
    root_v: IntArray
    edge: IntArray  # (3, ...): A, B, SWITCH
    f_len: IntArray
    side: IntArray  # (2, ...): V, E
    f_word: WordArray
    chain: IntArray  # (2, ...): root edge that two cells share, and its pieces in order along it
    cell_size: IndexArray  # (cells, 5): how much each cell added
    keep: npt.NDArray[np.bool_]  # (1,): False counts faces and pieces of shared edges only


@njit(cache=True, nogil=True, error_model="numpy")
def _batch(
    column: IntArray,
    level: FloatArray,
    activation: FloatArray,
    layer: int,
    t: int,
    first_switch: int,
    relative: float,
    switches: IndexArray,
    columns: IndexArray,
    scale: FloatArray,
) -> None:
    """Describe switches of a layer, whose values stand in `columns` of phi, to the workspace."""
    for k in range(switches.shape[0]):
        switch = switches[k]
        neuron = switch // t
        column[0, k] = columns[k]
        column[1, k] = first_switch + switch
        level[0, k] = activation[BREAKPOINT, layer, switch - neuron * t]
        level[1, k] = relative * (scale[0, neuron] + abs(level[0, k]))
        level[2, k] = scale[1, neuron]


@njit(cache=True, nogil=True, error_model="numpy")
def cut_root(ws: Workspace, plan: Plan, polygon: FloatArray, base: WordArray) -> int:
    """Cut the window by layer 0. Returns OK, GROW or INCONSISTENT."""
    m = polygon.shape[0]
    n = plan.shape[WIDTH, 0]
    t = plan.shape[N_BREAKPOINTS, 0]
    ws.size[:] = 0
    ws.size[0], ws.size[1], ws.size[2] = m, m, 1
    ws.margin[1] = plan.relative
    for i in range(m):
        ws.phi[i, 0], ws.phi[i, 1], ws.phi[i, 2] = 1.0, polygon[i, 0], polygon[i, 1]
        ws.place[RADIUS, i] = plan.relative * (abs(polygon[i, 0]) + abs(polygon[i, 1]))
        ws.place[ROUNDING, i] = ws.place[RADIUS, i]
        ws.place[SPREAD, i] = -1.0
        ws.edge[A, i], ws.edge[B, i] = i, (i + 1) % m
        ws.edge[SWITCH, i], ws.edge[NEXT, i], ws.edge[BIT, i] = -1, -1, -1
        ws.side[0, V, i], ws.side[0, E, i] = i, i
    ws.f_off[0, 0], ws.f_off[0, 1] = 0, m
    ws.f_word[0, 0, :] = ZERO
    base[:] = ZERO
    reach = np.abs(polygon[:, 0]).max() + np.abs(polygon[:, 1]).max()
    pending = np.empty(n * t, dtype=np.int64)
    columns = np.empty(n * t, dtype=np.int64)
    crossing = 0
    for neuron in range(n):
        low, high = np.inf, -np.inf
        slack = plan.first[STEEPNESS, neuron] * plan.relative * reach
        for i in range(m):
            z = plan.first[0, neuron] + plan.first[1, neuron] * polygon[i, 0] + plan.first[2, neuron] * polygon[i, 1]
            low, high = min(low, z), max(high, z)
        for j in range(t):
            xi = plan.activation[BREAKPOINT, 0, j]
            band = plan.relative * (plan.first[SIZE, neuron] + abs(xi)) + slack
            if low - xi < -band and high - xi > band:
                pending[crossing] = neuron * t + j
                crossing += 1
            elif high - xi > band:
                switch = np.uint64(plan.shape[FIRST_SWITCH, 0] + neuron * t + j)
                base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
    # Few lines at a time while faces are large: a face cut by m chords costs about m cubed.
    done = 0
    while done < crossing:
        size = min(crossing - done, 8 if done < 16 else (16 if done < 32 else (32 if done < 64 else 64)))
        for k in range(size):
            columns[done + k] = 3 + k
        _batch(
            ws.column,
            ws.level,
            plan.activation,
            0,
            t,
            plan.shape[FIRST_SWITCH, 0],
            plan.relative,
            pending[done : done + size],
            columns[done : done + size],
            plan.first[SIZE:],
        )
        for k in range(size):
            neuron = pending[done + k] // t
            c0, c1, c2 = plan.first[0, neuron], plan.first[1, neuron], plan.first[2, neuron]
            for v in range(ws.size[0]):
                ws.phi[v, 3 + k] = c0 + c1 * ws.phi[v, 1] + c2 * ws.phi[v, 2]
        sign_words(ws, size)
        status = cut_faces(ws, size, 3)
        if status != OK:
            return status
        done += size
    return OK


@njit(cache=True, nogil=True, error_model="numpy")
def group_faces(f_word: WordArray, n_switches: int, target: int, faces: IndexArray, offsets: IndexArray) -> int:
    """Split the faces by lines of layer 0 until at most `target` lines cross a group; return the number of groups.

    `faces` is reordered in place; groups are ``faces[offsets[g]:offsets[g + 1]]``.
    """
    n_faces = faces.shape[0]
    n_words = f_word.shape[1]
    stack = np.empty((2 * n_faces + 2, 2), dtype=np.int64)
    other = np.empty(n_faces, dtype=np.int64)
    tally = np.zeros(n_words * 64, dtype=np.int64)
    either = np.empty(n_words, dtype=np.uint64)
    both = np.empty(n_words, dtype=np.uint64)
    stack[0, 0], stack[0, 1] = 0, n_faces
    top = 1
    groups = 0
    offsets[0] = 0
    while top > 0:
        top -= 1
        low, high = stack[top]
        either[:] = ZERO
        both[:] = ~ZERO
        for i in range(low, high):
            for w in range(n_words):
                word = f_word[faces[i], w]
                either[w] |= word
                both[w] &= word
        crossing = 0
        for s in range(n_switches):
            w = s >> 6
            crossing += (either[w] & ~both[w]) >> np.uint64(s & 63) & ONE == ONE
        if crossing <= target or high - low < 2:
            groups += 1
            offsets[groups] = high
            continue
        step = max(1, (high - low) // 64)  # a sample is enough to find a line that halves the group well
        tally[:] = 0
        sampled = 0
        for i in range(low, high, step):
            sampled += 1
            for w in range(n_words):
                word = f_word[faces[i], w] & either[w] & ~both[w]
                for b in range(64):
                    tally[w * 64 + b] += np.int64(word >> np.uint64(b) & ONE)
        best, best_off = -1, 2 * n_faces + 2
        for s in range(n_switches):
            w = s >> 6
            if (either[w] & ~both[w]) >> np.uint64(s & 63) & ONE == ONE:
                off = abs(2 * tally[s] - sampled)
                if off < best_off:
                    best, best_off = s, off
        w, shift = best >> 6, np.uint64(best & 63)
        at, kept = low, 0
        for i in range(low, high):
            f = faces[i]
            if f_word[f, w] >> shift & ONE == ONE:
                other[kept] = f
                kept += 1
            else:
                faces[at] = f
                at += 1
        for i in range(kept):
            faces[at + i] = other[i]
        stack[top, 0], stack[top, 1] = at, high
        stack[top + 1, 0], stack[top + 1, 1] = low, at
        top += 2
    return groups


@njit(cache=True, nogil=True, error_model="numpy")
def _load_cell(ws: Workspace, sc: Scratch, root: Root, cell: int) -> bool:
    """Copy a cell's part of the root complex to the workspace."""
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    sides = 0
    for i in range(begin, stop):
        f = root.cell_faces[i]
        sides += root.f_off[f + 1] - root.f_off[f]
    ws.need[:] = 0
    ws.need[0] = ws.need[1] = sides + 1
    ws.need[2] = stop - begin
    if (
        sides + 1 > min(ws.phi.shape[0], sc.block.shape[0])
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
        for w in range(root.f_word.shape[1]):
            ws.f_word[0, n_f - 1, w] = root.f_word[f, w]
    for e in range(n_e):
        original = ws.edge[B, e]
        ws.edge[A, e] = sc.vertex[LOCAL, root.edge[A, original]]
        ws.edge[B, e] = sc.vertex[LOCAL, root.edge[B, original]]
        ws.edge[SWITCH, e] = root.edge[SWITCH, original]
        ws.edge[NEXT, e] = -1
        ws.edge[BIT, e] = -1
    ws.size[0], ws.size[1], ws.size[2], ws.size[3] = n_v, n_e, n_f, 0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _activate(phi: FloatArray, n_vertices: int, activation: FloatArray, layer: int, t: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    for v in range(n_vertices):
        for c in range(first, first + n):
            z = phi[v, c]
            piece = 0
            for j in range(t):
                piece += z > activation[BREAKPOINT, layer, j]
            knot, height = activation[KNOT, layer, piece], activation[HEIGHT, layer, piece]
            phi[v, c] = activation[SLOPE, layer, piece] * (z - knot) + height


@njit(cache=True, nogil=True, error_model="numpy")
def _next_rows(
    shape: IndexArray,
    weights: FloatArray,
    squares: FloatArray,
    biases: FloatArray,
    activation: FloatArray,
    unit: IndexArray,
    scale: FloatArray,
    gather: IndexArray,
    left: FloatArray,
    rows: FloatArray,
    out: FloatArray,
    layer: int,
    n_basis: int,
    n_unstable: int,
) -> None:
    """Find the rows `out` of the pre-activations of `layer` (>= 1) from the rows of the layer before."""
    before = layer - 1
    n_prev, n = shape[WIDTH, before], shape[WIDTH, layer]
    offset = shape[FIRST_WEIGHT, layer]
    n_rows = n_basis + (n_basis & 1)
    for i in range(n_basis + n_unstable + 1):
        for k in range(n):
            out[i, k] = 0.0
    magnitude, lipschitz = scale[2], scale[3]
    for k in range(n):
        out[0, k] = biases[layer, k]
        magnitude[k] = biases[layer, k] ** 2
        lipschitz[k] = 0.0
    steepest = 0.0
    for j in range(shape[N_BREAKPOINTS, before] + 1):
        steepest = max(steepest, abs(activation[SLOPE, before, j]))
    inner = 0
    for j in range(n_prev):
        if unit[PIECE, j] < 0:
            slope = steepest
            constant = 0.0
            for k in range(n):
                out[unit[BASIS, j], k] = weights[offset + j, k]
        else:
            slope = activation[SLOPE, before, unit[PIECE, j]]
            constant = activation[HEIGHT, before, unit[PIECE, j]] - slope * activation[KNOT, before, unit[PIECE, j]]
            if slope != 0.0:
                for i in range(n_basis):
                    left[i, inner] = slope * rows[i, j]
                gather[inner] = offset + j
                inner += 1
            if constant != 0.0:
                for k in range(n):
                    out[0, k] += constant * weights[offset + j, k]
        size = (abs(slope) * scale[0, j] + abs(constant)) ** 2
        steep = (slope * scale[1, j]) ** 2
        if size > 0.0 or steep > 0.0:
            for k in range(n):
                square = squares[offset + j, k]
                magnitude[k] += square * size
                lipschitz[k] += square * steep
    while inner & 3:
        for i in range(n_rows):
            left[i, inner] = 0.0
        gather[inner] = offset
        inner += 1
    if n_rows > n_basis:
        for c in range(inner):
            left[n_basis, c] = 0.0
    add_product(left, n_rows, inner, weights, gather, 0, n, out)
    for k in range(n):
        scale[0, k] = np.sqrt(magnitude[k])
        scale[1, k] = np.sqrt(lipschitz[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _screen(
    phi: FloatArray,
    size: IndexArray,
    parent: IntArray,
    place: FloatArray,
    f_off: IntArray,
    side: IntArray,
    f_word: WordArray,
    shape: IndexArray,
    activation: FloatArray,
    relative: float,
    rows: FloatArray,
    scale: FloatArray,
    extremes: FloatArray,
    block: FloatArray,
    counting: IndexArray,
    unit: IndexArray,
    pending: IndexArray,
    base: WordArray,
    layer: int,
    n_basis: int,
) -> tuple[int, int]:
    """Evaluate a layer at all vertices; keep columns of the unstable neurons. Return their and the switches' number.

    Returns (-1, columns needed) when phi has too few columns.
    """
    n, t, n_vertices = shape[WIDTH, layer], shape[N_BREAKPOINTS, layer], size[0]
    n_rows = n_vertices + (n_vertices & 1)
    n_inner = (n_basis + 3) & ~3
    for i in range(n_basis, n_inner):
        for k in range(n):
            rows[i, k] = 0.0
        for v in range(n_vertices):
            phi[v, i] = 0.0
    if n_rows > n_vertices:
        for i in range(n_inner):
            phi[n_vertices, i] = 0.0
    radius = 0.0
    for v in range(n_vertices):
        radius = max(radius, place[RADIUS, v])
    unstable = 0
    switches = 0
    for first in range(0, n, 64):
        width = min(64, n - first)
        for v in range(n_rows):
            for k in range(width):
                block[v, k] = 0.0
        add_product(phi, n_rows, n_inner, rows, counting, first, width, block)
        low, high = extremes[0], extremes[1]
        for k in range(width):
            low[k] = block[0, k]
            high[k] = block[0, k]
        for v in range(1, n_vertices):
            for k in range(width):
                z = block[v, k]
                low[k] = min(low[k], z)
                high[k] = max(high[k], z)
        for k in range(width):
            neuron = first + k
            piece = 0
            crosses = False
            for j in range(t):
                xi = activation[BREAKPOINT, layer, j]
                band = relative * (scale[0, neuron] + abs(xi))
                if low[k] - xi < -band and high[k] - xi > band:
                    pending[SWITCH_IN_LAYER, switches] = neuron * t + j
                    pending[COLUMN, switches] = n_basis + unstable
                    switches += 1
                    crosses = True
                elif high[k] - xi > band:
                    piece += 1
                    switch = np.uint64(shape[FIRST_SWITCH, layer] + neuron * t + j)
                    if low[k] - xi > band + scale[1, neuron] * radius:
                        base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                    else:  # zero somewhere: perhaps on whole faces, and there it is not above
                        for f in range(size[2]):
                            for i in range(f_off[f], f_off[f + 1]):
                                v = side[V, i]
                                slack = band + blur(block, k, v, parent, place, scale[1, neuron])
                                if block[v, k] - xi > slack:
                                    f_word[f, switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
                                    break
            if not crosses:
                unit[PIECE, neuron] = piece
                continue
            unit[PIECE, neuron] = -1
            unit[BASIS, neuron] = n_basis + unstable
            # One spare column, since rows are padded to a multiple of four.
            if n_basis + unstable + 5 > phi.shape[1]:
                return -1, n_basis + n + 8
            for v in range(n_vertices):
                phi[v, n_basis + unstable] = block[v, k]
            unstable += 1
    return unstable, switches


@njit(cache=True, nogil=True, error_model="numpy")
def _enter_cell(ws: Workspace, plan: Plan, sc: Scratch, root: Root, cell: int) -> int:
    """Load a cell and make basis functions of the neurons of layer 0 that switch in it; return how many, -1 to grow."""
    if not _load_cell(ws, sc, root, cell):
        return -1
    n, t = plan.shape[WIDTH, 0], plan.shape[N_BREAKPOINTS, 0]
    n_vertices, n_faces = ws.size[0], ws.size[2]
    if 3 + n + 8 > ws.phi.shape[1]:
        ws.need[3] = 3 + n + 8
        return -1
    sc.base[:] = ZERO
    n_basis = 3
    for k in range(n):
        piece = 0
        crosses = False
        for j in range(t):
            switch = np.uint64(plan.shape[FIRST_SWITCH, 0] + k * t + j)
            w, shift = switch >> np.uint64(6), switch & np.uint64(63)
            passed = 0
            for f in range(n_faces):
                passed += ws.f_word[0, f, w] >> shift & ONE == ONE
            if passed == n_faces:
                piece += 1
            elif passed > 0:
                crosses = True
        sc.unit[PIECE, k] = -1 if crosses else piece
        if crosses:
            sc.unit[BASIS, k] = n_basis
            for v in range(n_vertices):
                u, w_ = ws.phi[v, 1], ws.phi[v, 2]
                ws.phi[v, n_basis] = plan.first[0, k] + plan.first[1, k] * u + plan.first[2, k] * w_
            n_basis += 1
        for i in range(3):
            sc.rows[0, i, k] = plan.first[i, k]
        sc.scale[0, k], sc.scale[1, k] = plan.first[SIZE, k], plan.first[STEEPNESS, k]
    _activate(ws.phi, n_vertices, plan.activation, 0, t, 3, n_basis - 3)
    return n_basis - 3


@njit(cache=True, nogil=True, error_model="numpy")
def _write_cell(ws: Workspace, sc: Scratch, root: Root, out: Output, cell: int, slot: int) -> bool:
    """Append a finished cell to the output; False if it does not fit."""
    n_words = root.f_word.shape[1]
    n_v, n_e, n_f, now = ws.size[0], ws.size[1], ws.size[2], ws.size[3]
    v0, e0, f0, s0, c0 = out.filled[0], out.filled[1], out.filled[2], out.filled[3], out.filled[4]
    keep = out.keep[0]
    n_s = ws.f_off[now, n_f] if keep else 0
    if not keep:
        n_v, n_e = 0, 0
    # A piece of a shared edge is an edge of the cell, so edges bound chains.
    if (
        v0 + n_v > out.xy.shape[0]
        or e0 + n_e > out.edge.shape[1]
        or (keep and f0 + n_f > out.f_len.shape[0])
        or s0 + n_s > out.side.shape[1]
        or c0 + ws.size[1] > out.chain.shape[1]
    ):
        return False
    for v in range(n_v):
        out.xy[v0 + v, 0], out.xy[v0 + v, 1] = ws.phi[v, 1], ws.phi[v, 2]
        out.root_v[v0 + v] = ws.parent[2, v]
    for e in range(n_e):
        out.edge[A, e0 + e] = v0 + ws.edge[A, e]
        out.edge[B, e0 + e] = v0 + ws.edge[B, e]
        out.edge[SWITCH, e0 + e] = ws.edge[SWITCH, e]
    if keep:
        for f in range(n_f):
            out.f_len[f0 + f] = ws.f_off[now, f + 1] - ws.f_off[now, f]
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


@njit(cache=True, nogil=True, error_model="numpy")
def _forget(vertex: IntArray, edge: IntArray, cell: int) -> None:
    """Undo the stamps of a cell that will be worked again."""
    for stamps in (vertex[STAMP], edge[STAMP]):
        for i in range(stamps.shape[0]):
            if stamps[i] == cell:
                stamps[i] = -1


# One function for all cells and layers: every further level of calls would compile all that it calls once more.
@njit(cache=True, nogil=True, error_model="numpy")
def run_cells(
    ws: Workspace, plan: Plan, sc: Scratch, root: Root, out: Output, cells: IndexArray, first_cell: int
) -> tuple[int, int]:
    """Take ``cells[first_cell:]`` through all layers after layer 0.

    Returns OK, GROW (the workspace), FULL (the output) or INCONSISTENT, and the position to go on from.
    """
    n_layers = plan.shape.shape[1]
    for i in range(first_cell, cells.shape[0]):
        cell = cells[i]
        snapped, merged, margin = ws.counts[0], ws.counts[1], ws.margin[0]
        status = OK
        n_unstable = _enter_cell(ws, plan, sc, root, cell)
        if n_unstable < 0:
            status = GROW
        n_before, n_basis, now = 3, 3 + n_unstable, 0
        for layer in range(1, n_layers):
            if status != OK:
                break
            t, last_layer = plan.shape[N_BREAKPOINTS, layer], layer == n_layers - 1
            _next_rows(
                plan.shape,
                plan.weights,
                plan.squares,
                plan.biases,
                plan.activation,
                sc.unit,
                sc.scale,
                sc.gather,
                sc.left,
                sc.rows[now],
                sc.rows[1 - now],
                layer,
                n_before,
                n_unstable,
            )
            now = 1 - now
            n_unstable, n_switches = _screen(
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
                sc.left,
                sc.block,
                sc.counting,
                sc.unit,
                sc.pending,
                sc.base,
                layer,
                n_basis,
            )
            if n_unstable < 0:
                ws.need[:] = 0
                ws.need[3] = n_switches
                status = GROW
                break
            for first in range(0, n_switches, 64):
                size = min(64, n_switches - first)
                _batch(
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
                status = cut_faces(ws, size, 3 if last_batch else n_basis + n_unstable)
                if status != OK:
                    break
                for v in range(known, ws.size[0]):
                    ws.parent[2, v] = -1
                if not last_batch and ws.size[0] + 1 > min(ws.phi.shape[0], sc.block.shape[0]):
                    ws.need[:] = 0
                    ws.need[0] = ws.size[0] + 1
                    status = GROW
                    break
            if not last_layer and status == OK:
                _activate(ws.phi, ws.size[0], plan.activation, layer, t, n_basis, n_unstable)
            n_before = n_basis
            n_basis += n_unstable
        if status == OK and not _write_cell(ws, sc, root, out, cell, i):
            status = FULL
        if status != OK:  # its diagnostics must not count twice
            ws.counts[0], ws.counts[1], ws.margin[0] = snapped, merged, margin
            _forget(sc.vertex, sc.edge, cell)
            return status, i
    return OK, cells.shape[0]
