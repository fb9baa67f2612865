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

from linregions.kernels.complex import GROW, INCONSISTENT, OK, ONE, ZERO, Workspace, cut_faces, sign_words
from linregions.kernels.products import add_product

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]

FULL = 3


class Plan(NamedTuple):
    """A network restricted to a plane, flat. Layer 0 is the first with breakpoints, given by its rows."""

    rows: FloatArray  # (3, n_0): layer 0 as constant, slope in u, slope in v
    magnitude: FloatArray  # (n_0,): size of the terms that layer 0 sums
    lipschitz: FloatArray  # (n_0,): length of the gradient of layer 0 in the plane
    widths: IndexArray  # (layers,)
    weights: FloatArray  # (sum of n_in, max n_out): transposed weights of layers 1.., one below the other
    squares: FloatArray  # their squares
    weight_offsets: IndexArray  # (layers,): first row of each layer
    biases: FloatArray  # (layers, max width)
    breakpoints: FloatArray  # (layers, max T)
    slopes: FloatArray  # (layers, max T + 1)
    knots: FloatArray  # (2, layers, max T + 1): a point of the graph on each piece
    n_breakpoints: IndexArray  # (layers,)
    switch_offsets: IndexArray  # (layers,)
    relative: float  # tolerance


class Root(NamedTuple):
    """The window cut by layer 0, and its faces grouped to cells."""

    xy: FloatArray  # (V, 2)
    radius: FloatArray  # (V,)
    e_a: IntArray
    e_b: IntArray
    e_switch: IntArray
    e_shared: npt.NDArray[np.bool_]  # the edge lies between two cells
    f_off: IntArray
    f_v: IntArray
    f_e: IntArray
    f_word: WordArray
    cell_off: IndexArray
    cell_faces: IndexArray


class Scratch(NamedTuple):
    """What one thread needs to evaluate a cell, beside the complex."""

    local_v: IntArray  # number of a root vertex or edge in the current cell, valid where the stamp fits
    stamp_v: IntArray
    local_e: IntArray
    stamp_e: IntArray
    rows: FloatArray  # (2, columns, width): rows of this and the next pre-activation
    left: FloatArray  # (columns, width): stable rows times slopes
    gather: IndexArray  # (width,): stable neurons with a slope; then plain counting
    piece: IndexArray  # (width,): linear piece of a stable neuron, -1 if unstable
    basis: IndexArray  # (width,): basis function of an unstable neuron
    column: IndexArray  # (width,): neuron of each stored column
    scale: FloatArray  # (4, width): magnitude and Lipschitz constant of this and the next layer
    block: FloatArray  # (vertices, 64): pre-activations of 64 neurons
    base: WordArray  # (words,): switches passed on the whole cell
    pending: IndexArray  # (switches,): switches of the layer that cross the cell
    counting: IndexArray  # 0, 1, 2, ...


class Output(NamedTuple):
    """What finished cells leave: flat arrays, and how far they are filled."""

    filled: IndexArray  # vertices, edges, faces, sides, chains
    xy: FloatArray
    root_v: IntArray
    e_a: IntArray
    e_b: IntArray
    e_switch: IntArray
    f_len: IntArray
    f_v: IntArray
    f_e: IntArray
    f_word: WordArray
    chain_root: IntArray  # pieces of root edges that two cells share, in order along them
    chain_edge: IntArray
    cell_size: IndexArray  # (cells, 5): how much each cell added
    keep: npt.NDArray[np.bool_]  # (1,): False counts faces and pieces of shared edges only


@njit(cache=True, nogil=True, error_model="numpy")
def _batch(
    ws: Workspace, plan: Plan, layer: int, switches: IndexArray, first: int, n: int, columns: IndexArray, sc: FloatArray
) -> None:
    """Describe switches ``first .. first + n`` of `switches` (numbers in the layer) to the workspace."""
    t = plan.n_breakpoints[layer]
    for k in range(n):
        switch = switches[first + k]
        neuron = switch // t
        ws.column[0, k] = columns[first + k]
        ws.column[1, k] = plan.switch_offsets[layer] + switch
        ws.level[0, k] = plan.breakpoints[layer, switch - neuron * t]
        ws.level[1, k] = plan.relative * (sc[0, neuron] + abs(ws.level[0, k]))
        ws.level[2, k] = sc[1, neuron]


@njit(cache=True, nogil=True, error_model="numpy")
def cut_root(ws: Workspace, plan: Plan, polygon: FloatArray, base: WordArray) -> int:
    """Cut the window by layer 0. Returns OK, GROW or INCONSISTENT."""
    m = polygon.shape[0]
    n = plan.widths[0]
    t = plan.n_breakpoints[0]
    ws.size[:] = 0
    ws.size[0], ws.size[1], ws.size[2] = m, m, 1
    for i in range(m):
        ws.phi[i, 0], ws.phi[i, 1], ws.phi[i, 2] = 1.0, polygon[i, 0], polygon[i, 1]
        ws.radius[i] = 0.0
        ws.e_a[i], ws.e_b[i] = i, (i + 1) % m
        ws.e_switch[i], ws.e_next[i], ws.e_bit[i] = -1, -1, -1
        ws.f_v[0, i], ws.f_e[0, i] = i, i
    ws.f_off[0, 0], ws.f_off[0, 1] = 0, m
    ws.f_word[0, 0, :] = ZERO
    base[:] = ZERO
    scale = np.empty((2, n))
    scale[0], scale[1] = plan.magnitude, plan.lipschitz
    pending = np.empty(n * t, dtype=np.int64)
    columns = np.empty(n * t, dtype=np.int64)
    crossing = 0
    for neuron in range(n):
        low, high = np.inf, -np.inf
        for i in range(m):
            z = plan.rows[0, neuron] + plan.rows[1, neuron] * polygon[i, 0] + plan.rows[2, neuron] * polygon[i, 1]
            low, high = min(low, z), max(high, z)
        for j in range(t):
            xi = plan.breakpoints[0, j]
            band = plan.relative * (plan.magnitude[neuron] + abs(xi))
            if low - xi < -band and high - xi > band:
                pending[crossing] = neuron * t + j
                crossing += 1
            elif high - xi > band:
                switch = np.uint64(plan.switch_offsets[0] + neuron * t + j)
                base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
    # Few lines at a time while faces are large: a face cut by m chords costs about m cubed.
    done = 0
    while done < crossing:
        size = min(crossing - done, 8 if done < 16 else (16 if done < 32 else (32 if done < 64 else 64)))
        for k in range(size):
            columns[done + k] = 3 + k
        _batch(ws, plan, 0, pending, done, size, columns, scale)
        for k in range(size):
            neuron = pending[done + k] // t
            c0, c1, c2 = plan.rows[0, neuron], plan.rows[1, neuron], plan.rows[2, neuron]
            for v in range(ws.size[0]):
                ws.phi[v, 3 + k] = c0 + c1 * ws.phi[v, 1] + c2 * ws.phi[v, 2]
        sign_words(ws, size)
        status = cut_faces(ws, size, 3)
        if status != OK:
            return status
        done += size
    return OK


@njit(cache=True, nogil=True, error_model="numpy")
def group_faces(
    f_word: WordArray, n_switches: int, target: int, faces: IndexArray, offsets: IndexArray
) -> int:
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
    if sides + 1 > min(ws.phi.shape[0], sc.block.shape[0]) or sides > ws.e_a.shape[0] or stop - begin > ws.f_word.shape[1]:
        return False
    n_v, n_e, n_f, end = 0, 0, 0, 0
    ws.f_off[0, 0] = 0
    for i in range(begin, stop):
        f = root.cell_faces[i]
        for j in range(root.f_off[f], root.f_off[f + 1]):
            v, e = root.f_v[j], root.f_e[j]
            if sc.stamp_v[v] != cell:
                sc.stamp_v[v] = cell
                sc.local_v[v] = n_v
                ws.phi[n_v, 0], ws.phi[n_v, 1], ws.phi[n_v, 2] = 1.0, root.xy[v, 0], root.xy[v, 1]
                ws.radius[n_v] = root.radius[v]
                ws.parent_a[n_v] = v  # kept until the vertex is written
                n_v += 1
            if sc.stamp_e[e] != cell:
                sc.stamp_e[e] = cell
                sc.local_e[e] = n_e
                ws.e_a[n_e] = -1
                ws.e_b[n_e] = e
                n_e += 1
            ws.f_v[0, end] = sc.local_v[v]
            ws.f_e[0, end] = sc.local_e[e]
            end += 1
        n_f += 1
        ws.f_off[0, n_f] = end
        for w in range(root.f_word.shape[1]):
            ws.f_word[0, n_f - 1, w] = root.f_word[f, w]
    for e in range(n_e):
        original = ws.e_b[e]
        ws.e_a[e] = sc.local_v[root.e_a[original]]
        ws.e_b[e] = sc.local_v[root.e_b[original]]
        ws.e_switch[e] = root.e_switch[original]
        ws.e_next[e] = -1
        ws.e_bit[e] = -1
    ws.size[0], ws.size[1], ws.size[2], ws.size[3] = n_v, n_e, n_f, 0
    return True


@njit(cache=True, nogil=True, error_model="numpy")
def _activate(ws: Workspace, plan: Plan, layer: int, first: int, n: int) -> None:
    """Turn pre-activations in columns ``first .. first + n`` of phi into basis functions."""
    t = plan.n_breakpoints[layer]
    for v in range(ws.size[0]):
        for c in range(first, first + n):
            z = ws.phi[v, c]
            piece = 0
            for j in range(t):
                piece += z > plan.breakpoints[layer, j]
            knot, height = plan.knots[0, layer, piece], plan.knots[1, layer, piece]
            ws.phi[v, c] = plan.slopes[layer, piece] * (z - knot) + height


@njit(cache=True, nogil=True, error_model="numpy")
def _next_rows(plan: Plan, sc: Scratch, layer: int, old: int, n_basis: int, n_unstable: int, now: int) -> None:
    """Rows of the pre-activations of `layer` (>= 1) from the rows ``sc.rows[old]`` of the layer before."""
    before = layer - 1
    n_prev, n = plan.widths[before], plan.widths[layer]
    offset = plan.weight_offsets[layer]
    rows, out = sc.rows[old], sc.rows[now]
    n_rows = n_basis + (n_basis & 1)
    for i in range(n_basis + n_unstable + 1):
        for k in range(n):
            out[i, k] = 0.0
    magnitude, lipschitz = sc.scale[2], sc.scale[3]
    for k in range(n):
        out[0, k] = plan.biases[layer, k]
        magnitude[k] = plan.biases[layer, k] ** 2
        lipschitz[k] = 0.0
    steepest = 0.0
    for j in range(plan.n_breakpoints[before] + 1):
        steepest = max(steepest, abs(plan.slopes[before, j]))
    inner = 0
    for j in range(n_prev):
        if sc.piece[j] < 0:
            slope = steepest
            constant = 0.0
            for k in range(n):
                out[sc.basis[j], k] = plan.weights[offset + j, k]
        else:
            slope = plan.slopes[before, sc.piece[j]]
            constant = plan.knots[1, before, sc.piece[j]] - slope * plan.knots[0, before, sc.piece[j]]
            if slope != 0.0:
                for i in range(n_basis):
                    sc.left[i, inner] = slope * rows[i, j]
                sc.gather[inner] = offset + j
                inner += 1
            if constant != 0.0:
                for k in range(n):
                    out[0, k] += constant * plan.weights[offset + j, k]
        size = (abs(slope) * sc.scale[0, j] + abs(constant)) ** 2
        steep = (slope * sc.scale[1, j]) ** 2
        if size > 0.0:
            for k in range(n):
                square = plan.squares[offset + j, k]
                magnitude[k] += square * size
                lipschitz[k] += square * steep
    while inner & 3:
        for i in range(n_rows):
            sc.left[i, inner] = 0.0
        sc.gather[inner] = offset
        inner += 1
    if n_rows > n_basis:
        for c in range(inner):
            sc.left[n_basis, c] = 0.0
    add_product(sc.left, n_rows, inner, plan.weights, sc.gather, 0, n, out)
    for k in range(n):
        sc.scale[0, k] = np.sqrt(magnitude[k])
        sc.scale[1, k] = np.sqrt(lipschitz[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _screen(ws: Workspace, plan: Plan, sc: Scratch, layer: int, n_basis: int, now: int) -> tuple[int, int]:
    """Evaluate a layer at all vertices; keep columns of the unstable neurons. Return their and the switches' number.

    Returns (-1, columns needed) when phi has too few columns.
    """
    n, t = plan.widths[layer], plan.n_breakpoints[layer]
    n_vertices = ws.size[0]
    rows = sc.rows[now]
    n_rows = n_vertices + (n_vertices & 1)
    n_inner = (n_basis + 3) & ~3
    for i in range(n_basis, n_inner):
        for k in range(n):
            rows[i, k] = 0.0
        for v in range(n_vertices):
            ws.phi[v, i] = 0.0
    if n_rows > n_vertices:
        for i in range(n_inner):
            ws.phi[n_vertices, i] = 0.0
    unstable = 0
    switches = 0
    for first in range(0, n, 64):
        width = min(64, n - first)
        for v in range(n_rows):
            for k in range(width):
                sc.block[v, k] = 0.0
        add_product(ws.phi, n_rows, n_inner, rows, sc.counting, first, width, sc.block)
        low, high = sc.left[0], sc.left[1]
        for k in range(width):
            low[k] = sc.block[0, k]
            high[k] = sc.block[0, k]
        for v in range(1, n_vertices):
            for k in range(width):
                z = sc.block[v, k]
                low[k] = min(low[k], z)
                high[k] = max(high[k], z)
        for k in range(width):
            neuron = first + k
            piece = 0
            crosses = False
            for j in range(t):
                xi = plan.breakpoints[layer, j]
                band = plan.relative * (sc.scale[0, neuron] + abs(xi))
                if low[k] - xi < -band and high[k] - xi > band:
                    sc.pending[switches] = neuron * t + j
                    switches += 1
                    crosses = True
                elif high[k] - xi > band:
                    piece += 1
                    switch = np.uint64(plan.switch_offsets[layer] + neuron * t + j)
                    sc.base[switch >> np.uint64(6)] |= ONE << (switch & np.uint64(63))
            if not crosses:
                sc.piece[neuron] = piece
                continue
            sc.piece[neuron] = -1
            sc.basis[neuron] = n_basis + unstable
            # One spare column, since rows are padded to a multiple of four.
            if n_basis + unstable + 5 > ws.phi.shape[1]:
                return -1, n_basis + n + 8
            for v in range(n_vertices):
                ws.phi[v, n_basis + unstable] = sc.block[v, k]
            unstable += 1
    return unstable, switches


@njit(cache=True, nogil=True, error_model="numpy")
def _run_cell(ws: Workspace, plan: Plan, sc: Scratch, root: Root, cell: int) -> int:
    """Take one cell through all layers after layer 0."""
    if not _load_cell(ws, sc, root, cell):
        return GROW
    n_layers = plan.widths.shape[0]
    n, t = plan.widths[0], plan.n_breakpoints[0]
    # Layer 0: which neurons switch inside the cell is in the words of its faces.
    sc.base[:] = ZERO
    n_basis = 3
    if 3 + n + 8 > ws.phi.shape[1]:
        ws.need[3] = 3 + n + 8
        return GROW
    for k in range(n):
        piece = 0
        crosses = False
        for j in range(t):
            switch = np.uint64(plan.switch_offsets[0] + k * t + j)
            w, shift = switch >> np.uint64(6), switch & np.uint64(63)
            passed = 0
            for f in range(ws.size[2]):
                passed += ws.f_word[0, f, w] >> shift & ONE == ONE
            if passed == ws.size[2]:
                piece += 1
            elif passed > 0:
                crosses = True
        sc.piece[k] = -1 if crosses else piece
        if crosses:
            sc.basis[k] = n_basis
            for v in range(ws.size[0]):
                ws.phi[v, n_basis] = (
                    plan.rows[0, k] + plan.rows[1, k] * ws.phi[v, 1] + plan.rows[2, k] * ws.phi[v, 2]
                )
            n_basis += 1
        for i in range(3):
            sc.rows[0, i, k] = plan.rows[i, k]
        sc.scale[0, k], sc.scale[1, k] = plan.magnitude[k], plan.lipschitz[k]
    _activate(ws, plan, 0, 3, n_basis - 3)
    n_before, n_unstable = 3, n_basis - 3
    now = 0
    for layer in range(1, n_layers):
        _next_rows(plan, sc, layer, now, n_before, n_unstable, 1 - now)
        now = 1 - now
        n_unstable, n_switches = _screen(ws, plan, sc, layer, n_basis, now)
        if n_unstable < 0:
            ws.need[3] = n_switches
            return GROW
        t = plan.n_breakpoints[layer]
        last_layer = layer == n_layers - 1
        for first in range(0, n_switches, 64):
            size = min(64, n_switches - first)
            for k in range(size):
                sc.column[first + k] = sc.basis[sc.pending[first + k] // t]
            _batch(ws, plan, layer, sc.pending, first, size, sc.column, sc.scale)
            sign_words(ws, size)
            last_batch = last_layer and first + size == n_switches
            known = ws.size[0]
            status = cut_faces(ws, size, 3 if last_batch else n_basis + n_unstable)
            if status != OK:
                return status
            for v in range(known, ws.size[0]):
                ws.parent_a[v] = -1
            if not last_batch and ws.size[0] + 1 > min(ws.phi.shape[0], sc.block.shape[0]):
                ws.need[:] = 0
                ws.need[0] = ws.size[0] + 1
                return GROW
        if not last_layer:
            _activate(ws, plan, layer, n_basis, n_unstable)
        n_before = n_basis
        n_basis += n_unstable
    return OK


@njit(cache=True, nogil=True, error_model="numpy")
def _write_cell(ws: Workspace, sc: Scratch, root: Root, out: Output, cell: int, slot: int, n_words: int) -> bool:
    """Append a finished cell to the output; False if it does not fit."""
    n_v, n_e, n_f, now = ws.size[0], ws.size[1], ws.size[2], ws.size[3]
    v0, e0, f0, s0, c0 = out.filled[0], out.filled[1], out.filled[2], out.filled[3], out.filled[4]
    keep = out.keep[0]
    n_s = ws.f_off[now, n_f] if keep else 0
    if not keep:
        n_v, n_e = 0, 0
    # A piece of a shared edge is an edge of the cell, so edges bound chains.
    if (
        v0 + n_v > out.xy.shape[0]
        or e0 + n_e > out.e_a.shape[0]
        or (keep and f0 + n_f > out.f_len.shape[0])
        or s0 + n_s > out.f_v.shape[0]
        or c0 + ws.size[1] > out.chain_root.shape[0]
    ):
        return False
    for v in range(n_v):
        out.xy[v0 + v, 0], out.xy[v0 + v, 1] = ws.phi[v, 1], ws.phi[v, 2]
        out.root_v[v0 + v] = ws.parent_a[v]
    for e in range(n_e):
        out.e_a[e0 + e] = v0 + ws.e_a[e]
        out.e_b[e0 + e] = v0 + ws.e_b[e]
        out.e_switch[e0 + e] = ws.e_switch[e]
    if keep:
        for f in range(n_f):
            out.f_len[f0 + f] = ws.f_off[now, f + 1] - ws.f_off[now, f]
            for w in range(n_words):
                out.f_word[f0 + f, w] = ws.f_word[now, f, w] | sc.base[w]
        for i in range(n_s):
            out.f_v[s0 + i] = v0 + ws.f_v[now, i]
            out.f_e[s0 + i] = e0 + ws.f_e[now, i]
    chains = c0
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    for i in range(begin, stop):
        f = root.cell_faces[i]
        for j in range(root.f_off[f], root.f_off[f + 1]):
            original = root.f_e[j]
            if not root.e_shared[original]:
                continue
            e = sc.local_e[original]
            while e >= 0:
                out.chain_root[chains] = original
                out.chain_edge[chains] = e0 + e
                chains += 1
                e = ws.e_next[e]
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
def run_cells(
    ws: Workspace, plan: Plan, sc: Scratch, root: Root, out: Output, cells: IndexArray, first: int
) -> tuple[int, int]:
    """Work on ``cells[first:]`` until done or stopped; return the status and the next position to work on."""
    n_words = root.f_word.shape[1]
    for i in range(first, cells.shape[0]):
        cell = cells[i]
        snapped, merged, margin = ws.counts[0], ws.counts[1], ws.margin[0]
        status = _run_cell(ws, plan, sc, root, cell)
        if status == OK and not _write_cell(ws, sc, root, out, cell, i, n_words):
            status = FULL
        if status != OK:  # the cell will be worked again: its diagnostics must not count twice
            ws.counts[0], ws.counts[1], ws.margin[0] = snapped, merged, margin
            for j in range(sc.stamp_v.shape[0]):
                if sc.stamp_v[j] == cell:
                    sc.stamp_v[j] = -1
            for j in range(sc.stamp_e.shape[0]):
                if sc.stamp_e[j] == cell:
                    sc.stamp_e[j] = -1
            return status, i
    return OK, cells.shape[0]
