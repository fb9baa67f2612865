"""Cut lines where neurons cross their breakpoints: pure array code, compiled by numba (see `lines`)."""

from __future__ import annotations

import numpy as np

from linregions._support.kernels.bits import lowest_bit
from linregions._support.kernels.compiled import compiled
from linregions.regions.lines.kernels.decisions import (
    BEFORE,
    BEST,
    CUT_BREAKPOINT,
    CUT_NEURON,
    DECIDED,
    DOUBT,
    FILLED,
    GRAIN,
    GROUP,
    GROUPS,
    HERE,
    IN_GROUP,
    INSIDE,
    LEADER,
    MULTIPLIED,
    N_NAMES,
    N_SWITCHES,
    ORDER,
    PLACE,
    RESERVED,
    RESOLUTION,
    STEP,
    UNCERTAINTY,
    WRITTEN,
    FloatArray,
    IntArray,
    Layer,
    PatternArray,
    Rows,
    Stage,
    Switches,
    Tally,
    WordArray,
    activated_grain,
    distance_along,
    exact_grain,
    terms_and_value,
)
from linregions.regions.lines.kernels.pivots import cut_row, even_spacing, join_pivots
from linregions.regions.lines.kernels.rows import write_row

# What `cut_rows` returns.
DONE, STAGE_IS_FULL, SWITCHES_ARE_FULL = range(3)


@compiled()
def _sort_by(keys: FloatArray, order: IntArray, count: int) -> None:
    """Sort `order` by `keys` (Shell's method: insertion sort for the usual few, and no recursion)."""
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            moving = order[i]
            key = keys[moving]
            k = i
            while k >= gap and keys[order[k - gap]] > key:
                order[k] = order[k - gap]
                k -= gap
            order[k] = moving
        gap //= 3


@compiled(inlined=True)
def _are_one(cuts: FloatArray, leader: IntArray, a: int, b: int) -> bool:
    """Return whether two cuts of an interval are in one place for good."""
    return leader[a] == leader[b] or (cuts[STEP, a] == cuts[STEP, b] and cuts[GRAIN, a] > 0.0 and cuts[GRAIN, b] > 0.0)


@compiled()
def _merge_ties(
    cuts: FloatArray, order: IntArray, count: int, leader: IntArray, group: IntArray, best: IntArray, margin: float
) -> tuple[int, int, int, float]:
    """Unite neighbouring cuts that cannot be told apart; the best determined one of a group stands for it.

    Cuts with one leader, or with exactly the same step, are one by structure, which is no decision.

    Returns the number of groups, of merged cuts that differed, of undecided orders, and the smallest margin.
    """
    place, uncertainty, doubt = cuts[PLACE], cuts[UNCERTAINTY], cuts[DOUBT]
    n_groups, merged, undecided, reached = 0, 0, 0, -np.inf
    for i in range(count):
        cut = order[i]
        is_new = True
        for k in range(i - 1, -1, -1):
            if group[k] != n_groups - 1:
                break
            is_new = is_new and not _are_one(cuts, leader, order[k], cut)
        if is_new:
            undecided += not place[cut] - doubt[cut] > reached
            reached = max(reached, place[cut] + doubt[cut])
        if n_groups > 0:
            other = best[n_groups - 1]
            gap = abs(place[cut] - place[other])
            band = uncertainty[cut] + uncertainty[other]
            if not is_new or gap <= band:
                group[i] = n_groups - 1
                merged += is_new
                if uncertainty[cut] < uncertainty[other]:
                    best[n_groups - 1] = cut
                continue
            margin = min(margin, gap / band)
        group[i] = n_groups
        best[n_groups] = cut
        n_groups += 1
    return n_groups, merged, undecided, margin


@compiled(inlined=True)
def _list_switches_on_row(layer: Layer, rows: Rows, stage: Stage, p: int, switches: Switches, counts: IntArray) -> None:
    """List the neurons that are on a breakpoint in row p and switch there."""
    above, zero = stage.above, stage.zero
    n_words = (stage.z.shape[1] + 63) // 64
    e = counts[N_SWITCHES]
    for k in range(above.shape[1]):
        bits = zero[p, k]
        if bits:
            bits &= above[p - 1, k] ^ above[p + 1, k]
        while bits:
            j = lowest_bit(bits)
            bits &= bits - np.uint64(1)
            switches.name[e] = rows.names[p]
            switches.neuron[e] = layer.first_neuron + 64 * (k % n_words) + j
            switches.breakpoint[e] = k // n_words
            switches.direction[e] = 1 if (above[p + 1, k] >> np.uint64(j)) & np.uint64(1) else -1
            e += 1
    counts[N_SWITCHES] = e


@compiled(inlined=True)
def _add_first_states(layer: Layer, rows: Rows, stage: Stage, p: int, first_patterns: PatternArray) -> None:
    """Add to `first_patterns` the pieces that neurons are on in the line's first interval, which starts in row p."""
    n_words = (stage.z.shape[1] + 63) // 64
    for k in range(stage.above.shape[1]):
        bits = stage.above[p, k] | (stage.zero[p, k] & stage.above[p + 1, k])
        while bits:
            neuron = layer.first_neuron + 64 * (k % n_words) + lowest_bit(bits)
            first_patterns[rows.line[p], neuron] += np.uint8(1)
            bits &= bits - np.uint64(1)


@compiled(inlined=True)
def noise_at(rows: Rows, layer: Layer, p: int, unbounded: bool, step: float) -> float:
    """Return the noise that a point between rows p and p + 1 hands on to the next layer."""
    first, second = rows.noise[p], rows.noise[p + 1]
    if not unbounded:
        return max(first, second) + layer.excess
    return (first + step * second if rows.w[p + 1] == 0.0 else second + step * first) + layer.excess


@compiled(internal=True)
def _step_grain(step: float, over: float, result: float, grain: float) -> float:
    """Return a power of two that divides `grain * step` if ``step * over == result`` exactly, else 0."""
    if not (grain > 0.0 and abs(step) < 2.0**53):
        return 0.0
    unit = abs(step)
    if unit > 0.0:
        unit = 1.0
        while unit > 2.0**-53 and np.floor(step / unit) * unit != step:
            unit *= 0.5
    is_exact = np.floor(step / unit) * unit == step and abs(result) < 2.0**52 * unit * grain and step * over == result
    return unit * grain if is_exact else 0.0


@compiled(internal=True)
def _copy_leader(layer: Layer, n: int, stage: Stage, count: int) -> bool:
    """Put a cut where the one is that it follows, if that is there."""
    numbers = stage.cut_numbers
    neuron, breakpoint_, leader = numbers[CUT_NEURON], numbers[CUT_BREAKPOINT], numbers[LEADER]
    for c in range(count):
        if breakpoint_[c] * n + neuron[c] == leader[count]:
            for k in range(stage.cuts.shape[0]):
                stage.cuts[k, count] = stage.cuts[k, c]
            return True
    return False


@compiled(inlined=True)
def _find_cuts(layer: Layer, rows: Rows, stage: Stage, p: int, relative: float, tally: Tally) -> int:
    """Find where neurons cross a breakpoint between rows p and p + 1, sort and group them; return how many groups."""
    t, w, noise = rows.t, rows.w, rows.noise
    cuts, numbers = stage.cuts, stage.cut_numbers
    place, uncertainty, step, doubt, grain = cuts[PLACE], cuts[UNCERTAINTY], cuts[STEP], cuts[DOUBT], cuts[GRAIN]
    cut_neuron, cut_breakpoint, order = numbers[CUT_NEURON], numbers[CUT_BREAKPOINT], numbers[ORDER]
    group, best, leader = numbers[IN_GROUP], numbers[BEST], numbers[LEADER]
    above, zero, xi, q = stage.above, stage.zero, layer.breakpoints, p + 1
    n = stage.z.shape[1]
    n_words = (n + 63) // 64
    crossing = np.uint64(0)
    for k in range(above.shape[1]):
        crossing |= (above[p, k] ^ above[q, k]) & ~(zero[p, k] | zero[q, k])
    if crossing == np.uint64(0):  # as in most intervals of a late layer
        group[0] = -1
        return 0
    unbounded = w[p] == 0.0 or w[q] == 0.0
    unit = min(exact_grain(layer, rows, p), exact_grain(layer, rows, q))
    count = np.int64(0)
    for k in range(above.shape[1]):
        bits = (above[p, k] ^ above[q, k]) & ~(zero[p, k] | zero[q, k])
        while bits:
            j, b = 64 * (k % n_words) + lowest_bit(bits), k // n_words
            bits &= bits - np.uint64(1)
            cut_neuron[count], cut_breakpoint[count], order[count], leader[count] = j, b, count, b * n + j
            if layer.leaders.size:
                leader[count] = layer.leaders[b * n + j]
                if _copy_leader(layer, n, stage, count):
                    count += 1
                    continue
            terms_p, z_p = terms_and_value(layer, rows, stage, p, j)
            terms_q, z_q = terms_and_value(layer, rows, stage, q, j)
            terms_p, terms_q = max(terms_p, 0.0), max(terms_q, 0.0)
            fixed = abs(layer.bias[j]) + abs(xi[b])
            if unbounded:
                near, far = (p, q) if w[q] == 0.0 else (q, p)
                terms_near, terms_far = (terms_p, terms_q) if near == p else (terms_q, terms_p)
                z_near, z_far = (z_p, z_q) if near == p else (z_q, z_p)
                r = (xi[b] - z_near) / z_far
                step[count] = r
                place[count] = t[near] + (r if near == p else -r)
                uncertainty[count] = relative * (terms_near + r * terms_far + fixed) / abs(z_far)
                doubt[count] = relative * layer.size[j] * (noise[near] + r * noise[far]) / abs(z_far)
                grain[count] = _step_grain(r, z_far, xi[b] - z_near, unit)
            else:
                from_p, from_q = z_p - xi[b], z_q - xi[b]
                # A step below zero counts back from q, the nearer end.
                if abs(from_p) <= abs(from_q):
                    step[count] = from_p / (from_p - from_q)
                    place[count] = t[p] + step[count] * (t[q] - t[p])
                else:
                    step[count] = -from_q / (from_q - from_p)
                    place[count] = t[q] + step[count] * (t[q] - t[p])
                slope = abs(from_p - from_q) / distance_along(t[p], t[q])
                uncertainty[count] = relative * (max(terms_p, terms_q) + fixed) / slope
                doubt[count] = relative * layer.size[j] * max(noise[p], noise[q]) / slope
                nearest = from_p if step[count] >= 0.0 else from_q
                grain[count] = _step_grain(step[count], from_p - from_q, nearest, unit)
            uncertainty[count] = max(uncertainty[count], RESOLUTION * abs(place[count]))
            doubt[count] += uncertainty[count]
            count += 1
    if count > 1:
        line = rows.line[p]
        _sort_by(place, order, count)
        n_groups, ties, close, tally.margin[line] = _merge_ties(
            stage.cuts, order, count, leader, group, best, tally.margin[line]
        )
        tally.merged[line] += ties
        tally.undecided[line] += close
    else:
        group[0], best[0], n_groups = 0, 0, count
    group[count] = -1  # ends the last group
    return n_groups


@compiled(internal=True)
def _move_numbers(numbers: FloatArray | IntArray, start: int, stop: int) -> None:
    for k in range(start, stop):
        numbers[k - start] = numbers[k]


@compiled(internal=True)
def _move_values(values: FloatArray | WordArray, start: int, stop: int) -> None:
    if values.shape[0]:
        for k in range(start, stop):
            for j in range(values.shape[1]):
                values[k - start, j] = values[k, j]


@compiled(internal=True)
def _move_to_front(rows: Rows, stage: Stage) -> None:
    """Move rows that are not yet done, and the one before them, to the front.

    Of what tells between which pivots a row lies, only whether it is one is still of use.
    """
    state = stage.state
    start, stop = max(state[WRITTEN] - 1, 0), state[FILLED]
    if start == 0:
        return
    for numbers in (rows.t, rows.w, rows.uncertainty, rows.doubt, rows.noise, rows.grain, rows.norm, rows.steep):
        _move_numbers(numbers, start, stop)
    _move_numbers(stage.low, start, stop)
    for integers in (rows.names, rows.line):
        _move_numbers(integers, start, stop)
    for values in (stage.h, stage.z, stage.magnitudes):
        _move_values(values, start, stop)
    for words in (stage.above, stage.zero):
        _move_values(words, start, stop)
    for k in range(start, stop):
        rows.ends[k - start, BEFORE] = rows.ends[k, BEFORE]
    state[FILLED] -= start
    state[MULTIPLIED] -= start
    state[DECIDED] -= start
    state[WRITTEN] -= start


@compiled()
def cut_rows(
    layer: Layer,
    rows: Rows,
    stage: Stage,
    relative: float,
    tally: Tally,
    first_patterns: PatternArray,
    h_next: FloatArray,
    rows_next: Rows,
    state_next: IntArray,
    switches: Switches,
    counts: IntArray,
    last: bool,
) -> int:
    """Write the decided rows, and the cuts between them, into the next stage; list what switches at them.

    Goes on where it stopped the last time. When all is written and rows will follow, unless it is the `last` time, what
    these need is moved to the front. Columns of this layer of `first_patterns`, (L, n_neurons), are filled with the
    pieces along each line's first interval. After the last layer `h_next` is empty, and rows are not measured. There is
    room for two times T * n switches at least; `counts` are those that are there, and names that are given.

    Returns DONE when all is written, STAGE_IS_FULL when the next one is, or SWITCHES_ARE_FULL.
    """
    line, w, z, state, xi = rows.line, rows.w, stage.z, stage.state, layer.breakpoints
    place, uncertainty, step, doubt = stage.cuts[PLACE], stage.cuts[UNCERTAINTY], stage.cuts[STEP], stage.cuts[DOUBT]
    numbers = stage.cut_numbers
    cut_neuron, cut_breakpoint, order = numbers[CUT_NEURON], numbers[CUT_BREAKPOINT], numbers[ORDER]
    group, best = numbers[IN_GROUP], numbers[BEST]
    n_words = (z.shape[1] + 63) // 64
    room, room_for_switches = rows_next.t.size - RESERVED, switches.name.size - z.shape[1] * xi.size
    filled, decided, p = state[FILLED], state[DECIDED], state[WRITTEN]
    row, code, is_measured = state_next[FILLED], DONE, h_next.shape[0] > 0
    while p < decided:
        follows = p + 1 < filled and line[p + 1] == line[p]
        if follows and p + 1 >= decided:
            break
        if state[INSIDE] == 0:
            if counts[N_SWITCHES] > room_for_switches:
                code = SWITCHES_ARE_FULL
                break
            state[GROUPS], state[GROUP], state[HERE] = 0, -1, -1
            if follows:
                if p > 0 and line[p - 1] == line[p]:
                    _list_switches_on_row(layer, rows, stage, p, switches, counts)
                else:
                    _add_first_states(layer, rows, stage, p, first_patterns)
                state[GROUPS] = _find_cuts(layer, rows, stage, p, relative, tally)
            state[INSIDE] = 1
        q, i = p + 1, 0
        g = state[GROUP]
        start, spacing = g, 1
        if is_measured and layer.spacing:
            spacing = even_spacing(layer.spacing, state[GROUPS])
        if g > 0:
            while group[i] < g:
                i += 1
        while g < state[GROUPS]:
            if row == room or counts[N_SWITCHES] > room_for_switches:
                code = STAGE_IS_FULL if row == room else SWITCHES_ARE_FULL
                break
            cut, name, e, grain = np.int64(0), rows.names[p], counts[N_SWITCHES], 0.0
            at, weight, values = rows.t[p], w[p], z[p]
            if g >= 0:
                cut, name = best[g], counts[N_NAMES]
                if is_measured:
                    cut_row(layer, stage, w, p, g, i)
                grain = stage.cuts[GRAIN, cut]
                while group[i] == g:
                    if not _are_one(stage.cuts, stage.cut_numbers[LEADER], order[i], cut):
                        grain = 0.0
                    j, b = cut_neuron[order[i]], cut_breakpoint[order[i]]
                    switches.name[e] = name
                    switches.neuron[e] = layer.first_neuron + j
                    switches.breakpoint[e] = b
                    rises = (stage.above[q, b * n_words + j // 64] >> np.uint64(j % 64)) & np.uint64(1)
                    switches.direction[e] = 1 if rises else -1
                    e += 1
                    i += 1
                counts[N_SWITCHES], counts[N_NAMES] = e, name + 1
                at, weight, values = place[cut], 1.0, stage.row
            # One call for both, since it is inlined.
            write_row(line[p], at, weight, name, values, layer, h_next, rows_next, row)
            if is_measured and g < 0:
                rows_next.uncertainty[row], rows_next.doubt[row] = rows.uncertainty[p], rows.doubt[p]
                rows_next.noise[row] += rows.noise[p] + w[p] * layer.excess
                rows_next.grain[row] = activated_grain(layer, exact_grain(layer, rows, p), rows.norm[p])
            elif is_measured:
                rows_next.uncertainty[row], rows_next.doubt[row] = uncertainty[cut], doubt[cut]
                unbounded = w[p] == 0.0 or w[q] == 0.0
                rows_next.noise[row] += noise_at(rows, layer, p, unbounded, abs(step[cut]))
                reach = rows.norm[p] + rows.norm[q] * (abs(step[cut]) if unbounded else 1.0)
                if unbounded and w[p] == 0.0:
                    reach = rows.norm[q] + rows.norm[p] * abs(step[cut])
                rows_next.grain[row] = activated_grain(layer, grain, reach)
                if spacing > 1 and (g + 1) % spacing:
                    is_first = g == start or g % spacing == 0
                    join_pivots(layer, stage, w, p, g, spacing, h_next, rows_next, row, is_first)
            row += 1
            g += 1
        state[GROUP] = g
        if code != DONE:
            # The next stage goes through its rows now, unless it is only the switches that need room.
            state[HERE] = g if code == STAGE_IS_FULL else state[HERE]
            break
        state[INSIDE] = 0
        p += 1
    state[WRITTEN], state_next[FILLED] = p, row
    if code == DONE and not last:
        _move_to_front(rows, stage)
    return code
