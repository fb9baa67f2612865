"""Take cells of the window through all layers, depth first, with a basis of few functions in each.

In a cell most neurons are stable: they stay on one linear piece. So every tensor of the network is there a
combination ``sum_i phi_i(x) T_i`` of the basis ``phi = [1, u, v, act(z_1), act(z_2), ...]`` with z_i the
neurons that are not stable, in the order met. An affine step acts on the few rows T_i, not on the vertices.
"""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_ROWS
from linregions.networks.kernels.sites import BASIS, FIRST_SWITCH, GIVEN, PIECE, WIDTH, keep_tensor, sum_terms
from linregions.regions.planes.kernels.basis import activate, enclose_basis, enclose_units, screen
from linregions.regions.planes.kernels.complex import cut_faces, sign_words
from linregions.regions.planes.kernels.entering import (
    begin_cell,
    give_layer,
    known_units,
    load_cell,
    number_of,
    numbers_fit,
)
from linregions.regions.planes.kernels.first_layer import LINES_AT_ONCE, describe_batch, load_lines
from linregions.regions.planes.kernels.records import (
    COLUMN,
    CROSSING,
    CUT,
    FULL,
    LARGE,
    LOCAL,
    N_CHAINS,
    N_SIDES,
    NEVER,
    NUMBER,
    OPEN,
    OUT_OF_RANGE,
    OWN,
    SHARED,
    SPLIT,
    STEEP,
    SWITCH_IN_LAYER,
    Output,
    Plan,
    Root,
    Scratch,
)
from linregions.regions.planes.kernels.workspace import (
    CLOSEST,
    COLUMN_BIT,
    GROW,
    IN_ROOT,
    MERGED,
    N_AFFINE,
    N_BASIS,
    N_BEGUN,
    N_COLUMNS,
    N_EDGES,
    N_FACES,
    N_LEFT,
    N_VERTICES,
    N_WORDS,
    NEG,
    NEXT,
    NOW,
    OK,
    ONE,
    POS,
    SNAPPED,
    SWITCH,
    UNDECIDED,
    ZERO,
    A,
    B,
    E,
    IndexArray,
    IntArray,
    V,
    Workspace,
    X,
    Y,
)


@compiled(internal=True)
def _list_shared(ws: Workspace, sc: Scratch, root: Root, cell: int, chain: IntArray, at: int, shift: int) -> int:
    """List the pieces of the root edges that a cell shares with others, in order, from `at` on; return the end."""
    begin, stop = root.cell_off[cell], root.cell_off[cell + 1]
    for i in range(begin, stop):
        f = root.cell_faces[i]
        for j in range(root.f_off[f], root.f_off[f + 1]):
            original = root.side[E, j]
            if not root.e_shared[original]:
                continue
            e = sc.edge[LOCAL, original]
            while e >= 0:
                chain[SHARED, at] = original
                chain[OWN, at] = shift + e
                at += 1
                e = ws.edge[NEXT, e]
    return at


@compiled()
def list_shared(ws: Workspace, sc: Scratch, root: Root, cell: int, chain: IntArray) -> int:
    """List the pieces of a loaded cell's shared root edges to `chain`; return how many they are."""
    return int(_list_shared(ws, sc, root, cell, chain, np.int64(0), np.int64(0)))


@compiled(internal=True)
def _write_cell(ws: Workspace, sc: Scratch, root: Root, out: Output, cell: int, slot: int) -> bool:
    """Append a finished cell to the output; False if it does not fit."""
    n_v, n_e, n_f, now = ws.size
    v0, e0, f0, s0, c0 = out.filled
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
        out.xy[v0 + v, 0], out.xy[v0 + v, 1] = ws.phi[v, X], ws.phi[v, Y]
        out.root_v[v0 + v] = ws.parent[IN_ROOT, v]
    for e in range(n_e):
        out.edge[A, e0 + e] = v0 + ws.edge[A, e]
        out.edge[B, e0 + e] = v0 + ws.edge[B, e]
        out.edge[SWITCH, e0 + e] = ws.edge[SWITCH, e]
    for f in range(n_f):
        out.f_off[f0 + f + 1] = s0 + ws.f_off[now, f + 1]
    if patterns:
        # Neighbours in the list are parts of one face, or nearly: few of their switches differ.
        for f in range(n_f):
            words = out.f_word[f0 + f]
            for w in range(words.shape[0]):
                words[w] = out.f_word[f0 + f - 1, w] if f > 0 else sc.base[w]
            for w in range(ws.f_word.shape[2]):
                own = ws.f_word[now, f, w]
                rest = own ^ ws.f_word[now, f - 1, w] if f > 0 else own
                while rest != ZERO:
                    k = lowest_bit(rest)
                    rest &= rest - ONE
                    switch = np.uint64(sc.local[CROSSING, 64 * w + k + 1])
                    word, bit = switch >> np.uint64(6), ONE << (switch & np.uint64(63))
                    if own >> np.uint64(k) & ONE == ONE:
                        words[word] |= bit
                    else:  # some that cross the cell are passed in all of it
                        words[word] = words[word] & ~bit | sc.base[word] & bit
    for i in range(n_s):
        out.side[V, s0 + i] = v0 + ws.side[now, V, i]
        out.side[E, s0 + i] = e0 + ws.side[now, E, i]
    chains = _list_shared(ws, sc, root, cell, out.chain, c0, e0)
    out.filled[N_VERTICES] += n_v
    out.filled[N_EDGES] += n_e
    out.filled[N_FACES] += n_f
    out.filled[N_SIDES] += n_s
    out.filled[N_CHAINS] = chains
    out.cell_size[slot, N_VERTICES] = n_v
    out.cell_size[slot, N_EDGES] = n_e
    out.cell_size[slot, N_FACES] = n_f
    out.cell_size[slot, N_SIDES] = n_s
    out.cell_size[slot, N_CHAINS] = chains - c0
    return True


@compiled(internal=True)
def _remember(sc: Scratch, n: int, layer: int) -> None:
    """Keep what the units of a layer are, should the cell be split."""
    for k in range(n):
        sc.history[layer, PIECE, k], sc.history[layer, BASIS, k] = sc.unit[PIECE, k], sc.unit[BASIS, k]


@compiled(internal=True)
def _set_followers(ws: Workspace, sc: Scratch, followers: int, first: int, n_bits: int, first_switch: int) -> None:
    """Set in the words of faces the bits of switches that are multiples of those of the batch from `first` on."""
    now = ws.size[NOW]
    f_off, f_v, f_word, pending = ws.f_off[now], ws.side[now, V], ws.f_word[now], sc.pending
    for i in range(pending.shape[1] - followers, pending.shape[1]):
        number = np.uint64(sc.local[NUMBER, first_switch + pending[SWITCH_IN_LAYER, i]])
        for k in range(n_bits):
            if pending[SWITCH_IN_LAYER, first + k] != abs(pending[COLUMN, i]) - 1:
                continue
            words = ws.word[POS if pending[COLUMN, i] > 0 else NEG]
            for f in range(ws.size[N_FACES]):
                for j in range(f_off[f], f_off[f + 1]):
                    if words[f_v[j]] >> np.uint64(k) & ONE == ONE:
                        f_word[f, number >> np.uint64(6)] |= ONE << (number & np.uint64(63))
                        break
            break


@compiled(internal=True)
def _number(ws: Workspace, sc: Scratch, n_switches: int, followers: int, first_switch: int) -> bool:
    """Give numbers to the pending switches, which cross the cell; False if words of faces have too few bits."""
    switches = sc.pending[SWITCH_IN_LAYER]
    for i in range(n_switches):
        number_of(sc.local, first_switch + switches[i])
    for i in range(switches.shape[0] - followers, switches.shape[0]):
        number_of(sc.local, first_switch + switches[i])
    return bool(numbers_fit(ws, sc.local))


@compiled(internal=True)
def _count_open(sc: Scratch, n: int) -> int:
    """Return how many units of a layer are open."""
    n_open = 0
    for k in range(n):
        n_open += sc.unit[PIECE, k] == OPEN
    return n_open


# One function for all cells and layers, and for cutting the window: every further function that cuts faces, and every
# further level of calls, would compile all that it calls once more. (With a function of its own for the mode CUT, a
# first count took 28.8 to 35.1 s of CPU in place of 28.3 to 29.4, on a busy machine.)
@compiled()
def run_cells(
    ws: Workspace, plan: Plan, sc: Scratch, root: Root, out: Output, cells: IndexArray, first_cell: int, mode: int
) -> tuple[int, int]:
    """Take ``cells[first_cell:]`` through all layers after layer 0, in the mode THROUGH_LAYERS.

    Returns OK, GROW (the workspace), FULL (the output), SPLIT, INCONSISTENT or OUT_OF_RANGE, and the position to go on
    from. SPLIT leaves a cell of too many faces in the workspace, and in `need` N_BEGUN layers, N_BASIS functions, and
    about how many units of the last layer are still to be found unstable, N_LEFT.

    In the mode CUT there are no cells yet: the only face in the workspace is cut by the switches `cells` of layer 0.
    """
    n_layers = plan.shape.shape[1]
    zero, affine = np.int64(0), np.int64(N_AFFINE)  # literals would have functions compiled once more
    if mode == CUT:
        crossing, done = cells.shape[0], zero
        while done < crossing:
            # Few lines at a time while faces are large: a face cut by m chords costs about m cubed.
            size = min(crossing - done, LINES_AT_ONCE // 2 if done < LINES_AT_ONCE else LINES_AT_ONCE)
            load_lines(ws, plan, sc, cells[done : done + size])
            sign_words(ws, size)
            status = cut_faces(ws, size, affine)
            if status != OK:
                return status, 0
            done += size
        return OK, 0
    for i in range(first_cell, cells.shape[0]):
        cell = cells[i]
        snapped, merged, undecided = ws.counts[SNAPPED], ws.counts[MERGED], ws.counts[UNDECIDED]
        margin = ws.margin[CLOSEST]
        status = OK
        n_unstable = np.int64(-1)
        if load_cell(ws, sc, root, cell) and begin_cell(ws, plan, sc, root, cell):
            n_unstable = known_units(ws, plan, sc, root, zero, affine)
        if n_unstable < 0:
            status = GROW
        elif root.unit.shape[0] == 0:
            activate(ws, plan, zero, affine, n_unstable)
        n_before, n_basis, fitted = affine, affine + n_unstable, zero
        _remember(sc, plan.shape[WIDTH, 0], zero)
        for layer in range(1, n_layers):
            if status != OK:
                break
            last_layer = layer == n_layers - 1
            if not plan.is_chain:  # how large functions are bounds rounding
                enclose_basis(ws.phi, ws.size[N_VERTICES], fitted, n_basis, sc.fit, sc.box)
                fitted = n_basis
            keep_tensor(plan, sc.tensors, sc.unit, sc.scale, sc.fit[LARGE], sc.fit[STEEP], layer - 1)
            if plan.shape[GIVEN, layer] >= 0:
                give_layer(plan, sc, plan.given, plan.shape[GIVEN, layer], layer)
            elif not sum_terms(plan, sc.tensors, sc.scale, sc.fit[STEEP], layer, n_basis):
                status = OUT_OF_RANGE
                break
            n_before = n_basis
            n_unstable, n_open = zero, plan.shape[WIDTH, layer]
            if layer < root.unit.shape[0]:
                n_unstable = known_units(ws, plan, sc, root, layer, n_basis)
                if n_unstable < 0:
                    status = GROW
                    break
                n_open = _count_open(sc, plan.shape[WIDTH, layer])
            else:
                for k in range(n_open):
                    sc.unit[PIECE, k] = OPEN
            complete = n_open == 0
            while n_open > 0:
                enclose_basis(ws.phi, ws.size[N_VERTICES], fitted, n_basis, sc.fit, sc.box)
                fitted = n_basis
                enclose_units(plan, sc, layer)
                # Few lines at a time while faces are large: a face cut by m chords costs about m cubed.
                few = min(plan.most_switches, max(LINES_AT_ONCE, np.int64(np.sqrt(ws.size[N_FACES]) / 2)))
                n_new, n_switches, followers, n_left = screen(ws, plan, sc, layer, n_basis, n_basis + n_unstable, few)
                if n_new < 0:
                    ws.need[:] = 0
                    ws.need[N_COLUMNS] = n_switches
                    status = GROW
                    break
                first_switch = plan.shape[FIRST_SWITCH, layer]
                if not _number(ws, sc, n_switches, followers, first_switch):
                    status = GROW
                    break
                n_open = _count_open(sc, plan.shape[WIDTH, layer])
                for first in range(0, n_switches, 64):
                    size = min(64, n_switches - first)
                    switches, columns = sc.pending[SWITCH_IN_LAYER], sc.pending[COLUMN]
                    describe_batch(
                        ws, plan, layer, switches[first : first + size], columns[first : first + size], sc.scale
                    )
                    for k in range(size):
                        ws.column[COLUMN_BIT, k] = sc.local[NUMBER, first_switch + switches[first + k]]
                    sign_words(ws, size)
                    last_batch = last_layer and n_open == 0 and first + size == n_switches
                    known = ws.size[N_VERTICES]
                    status = cut_faces(ws, size, affine if last_batch else n_basis + n_unstable + n_new)
                    if status != OK:
                        break
                    for v in range(known, ws.size[N_VERTICES]):
                        ws.parent[IN_ROOT, v] = -1
                    if followers > 0 and ws.f_word.shape[2] > 0:
                        _set_followers(ws, sc, followers, first, size, first_switch)
                    if not last_batch and ws.size[N_VERTICES] + TILE_ROWS > min(ws.phi.shape[0], sc.block.shape[0]):
                        ws.need[:] = 0
                        ws.need[N_VERTICES] = ws.size[N_VERTICES] + TILE_ROWS
                        status = GROW
                        break
                n_unstable += n_new
                if status != OK:
                    break
                crowded = ws.size[N_FACES] > plan.crowded_faces or n_unstable >= plan.most_switches
                if n_open > 0 and crowded and plan.crowded_faces < NEVER:
                    if ws.f_word.shape[2] == 0:  # parts are told apart by their patterns
                        ws.need[:] = 0
                        ws.need[N_WORDS] = sc.local[CROSSING, 0] // 64 + 1
                        status = GROW
                        break
                    _remember(sc, plan.shape[WIDTH, layer], layer)
                    ws.need[N_BEGUN], ws.need[N_BASIS], ws.need[N_LEFT] = layer + 1, n_basis + n_unstable, n_left
                    return SPLIT, i
            n_basis += n_unstable
            _remember(sc, plan.shape[WIDTH, layer], layer)
            if complete or last_layer or status != OK:
                continue
            activate(ws, plan, layer, n_before, n_unstable)
            if ws.size[N_FACES] > plan.most_faces:
                ws.need[N_BEGUN], ws.need[N_BASIS], ws.need[N_LEFT] = layer + 1, n_basis, 0
                return SPLIT, i
        if status == OK and not _write_cell(ws, sc, root, out, cell, i):
            status = FULL
        if status != OK:  # its diagnostics must not count twice
            ws.counts[SNAPPED], ws.counts[MERGED], ws.counts[UNDECIDED] = snapped, merged, undecided
            ws.margin[CLOSEST] = margin
            return status, i
    return OK, cells.shape[0]
