"""Cut many lines by the neurons of one layer after another: pure array code, compiled by numba.

The points of many lines stream through a stage for each layer, line after line, in the order along each line. A row
holds a point ``(w, t)`` in homogeneous form, its input to the layer (`h`) and its pre-activations (`z`). An unbounded
end has weight ``w = 0`` and holds the change per unit of length outwards, so that no big constant stands for infinity.
Between two rows of a line every tensor is affine.

A stage has room for some rows. `decide_rows` decides the signs of all but the last of them, whose neighbour is yet to
come, and `line_cuts.cut_rows` writes these rows and the cuts between them into the stage of the next layer. A
decision sees a row and its two neighbours only, so results do not depend on the room.

New points lie between others, so their pre-activations in the next layer follow from those of their neighbours and a
few columns of its weights (`line_pivots`, `line_products`); only some, the pivots, are products.

All decisions are taken in two places: `decide_rows` (the sign of a neuron at a point) and `line_cuts._merge_ties` (the
order of two cuts). After them the state of every neuron on every interval follows from the signs alone.

Each decision has two bands. In the narrow one, of what rounding makes of the terms at hand, it is taken as zero or
equal. In the wide one, which adds what errors of earlier layers may have made of the terms themselves, it is counted
as undecided, whatever it says (`Tally.undecided`). Errors are carried as one number a row (`Rows.noise`): each input's
may be so many times `relative` in its own scale, and those of different inputs add like independent ones. What a layer
adds is the norm of its input, in which its terms are bounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]
PatternArray = npt.NDArray[np.uint8]


# Entries and rows of the arrays below.
IN_NORM, IN_VALUE = 0, 1
AT_END, AT_POINT = 0, 1
OF_WEIGHTS, OF_BIASES, OF_SLOPES, OF_INTERCEPTS = range(4)
MOST_TERMS, MOST_SLOPE, MOST_INTERCEPT = range(3)
BEFORE, AFTER = 0, 1
PLACE, UNCERTAINTY, STEP, DOUBT, GRAIN = range(5)
CUT_NEURON, CUT_BREAKPOINT, ORDER, IN_GROUP, BEST, LEADER = range(6)
N_SWITCHES, N_NAMES = 0, 1


class Layer(NamedTuple):
    """One hidden layer: k inputs, n units, T breakpoints."""

    bias: FloatArray  # (n,)
    weight: FloatArray  # (n, k)
    transposed: FloatArray  # (k, n) the same, for products; (0, 0) in the first layer
    offset: float  # what rounding in the activation before adds to the magnitude of each input
    inverse: FloatArray  # (n,) times a magnitude gives at most the scaled norm of the input; 0 for a constant unit
    breakpoints: FloatArray  # (T,)
    slopes: FloatArray  # (T + 1,)
    intercepts: FloatArray  # (T + 1,)
    rectify: bool  # is the activation ReLU?
    inverse_scale: FloatArray  # (n,) of the units after the activation
    first_neuron: int  # flat number of unit 0
    inverse_input: FloatArray  # (k,) of the inputs; (0,) in the first layer
    size: FloatArray  # (n,) norm of the weights in the scales of the inputs; 0 in the first layer, which has exact ones
    spacing: int  # one in so many of the points made here at most is a pivot, see `line_products`; 0: all are
    most_kinks: int  # how many inputs may bend where a row is interpolated
    losses: (
        FloatArray  # (2,) how much the terms of an interpolated row may cancel IN_NORM, IN_VALUE of a pre-activation
    )
    leaders: IntArray  # (T * n,) for each form z_j - xi_b the first that it is a multiple of; (0,) if there are none
    opposite: PatternArray  # (T * n,) is it a negative multiple?
    zero_is_known: PatternArray  # (2,) is an input exactly zero where it is computed as zero, AT_END and AT_POINT?
    grains: FloatArray  # (4,) powers of two that divide all: OF_WEIGHTS, OF_BIASES and breakpoints, OF_SLOPES,
    # OF_INTERCEPTS; see `exact`
    most: FloatArray  # (3,) MOST_TERMS of a unit for a row's norm, MOST_SLOPE and MOST_INTERCEPT of a piece
    excess: float  # the most that a bias, and what the activation adds, are of a unit's scale


class Rows(NamedTuple):
    """Points of lines, with room for R of them."""

    t: FloatArray  # (R,) place along the line; -1 or 1 for an end without bound
    w: FloatArray  # (R,) 1, or 0 for an end without bound
    uncertainty: FloatArray  # (R,) uncertainty of t
    doubt: FloatArray  # (R,) the same with what earlier errors add
    noise: FloatArray  # (R,) sum of the norms so far, which bounds errors of the layer's input, see above
    grain: FloatArray  # (R,) power of two that divides the layer's input, if that is exact; 0 elsewhere
    norm: FloatArray  # (R,) of the layer's input, each unit measured in its own scale
    steep: FloatArray  # (R,) the same of the change per unit of t up to the next row
    names: IntArray  # (R,) permanent number of the point
    line: IntArray  # (R,) number of the line
    ends: IntArray  # (R, 2) rows of the pivots BEFORE and AFTER the point; -1 for a pivot
    share: FloatArray  # (R, 2) their weights
    kinks: WordArray  # (R, words) bit ``j % 64`` of word ``j // 64``: may input j be no affine function between them?


class Stage(NamedTuple):
    """What a layer of k inputs, n units and T breakpoints needs for R rows; nothing is kept beyond them."""

    h: FloatArray  # (R, k) input; (0, 0) in the first layer
    z: FloatArray  # (R, n) pre-activations; the linear part until a row is decided
    magnitudes: (
        FloatArray  # (R, n) sums of absolute values of all terms, -1 where `z` is exact; (0, 0) but in the first
    )
    low: FloatArray  # (R,) smallest distance to a breakpoint
    above: WordArray  # (R, T * words) bit ``j % 64`` of word ``b * words + j // 64``: above breakpoint b?
    zero: WordArray  # (R, T * words) the same: on it?
    cuts: FloatArray  # (5, n * T) PLACE, UNCERTAINTY, STEP, DOUBT and GRAIN (0: inexact) of the cuts of one interval
    cut_numbers: IntArray  # (6, n * T) CUT_NEURON and CUT_BREAKPOINT of each; their ORDER, and which is IN_GROUP which,
    # in this order; the BEST cut of each group; LEADER that each cut follows
    row: FloatArray  # (n,)
    active: IntArray  # (k + 4 + R,) inputs, then rows
    packed: FloatArray  # (8, max(k, n)) see `dense.multiply_listed`; (0, 0) in the first layer
    change: FloatArray  # (4, k + 1), or (0, 0) in the first layer
    state: IntArray  # (8,) see below


# Entries of `Stage.state`: rows that are there, multiplied, decided and written on; then, of the interval after the
# row that is being written: whether its cuts are found, its groups of them, how many of these are written (-1 before
# that row is), and the first of them whose row the next stage has got since it last went through its rows (-1 where it
# has got the row before them).
FILLED, MULTIPLIED, DECIDED, WRITTEN, INSIDE, GROUPS, GROUP, HERE = range(8)

# Rows at the end of all arrays for the pivots on both sides of an interval that the stage cannot hold as a whole.
RESERVED = 2


class Switches(NamedTuple):
    """What switches where: one entry for each neuron and breakpoint of its activation."""

    name: IntArray  # permanent number of the point
    neuron: npt.NDArray[np.int32]
    breakpoint: npt.NDArray[np.int32]  # which one of the activation
    direction: npt.NDArray[np.int8]  # 1 where the pre-activation rises above it, -1 where it ceases to be above


class Points(NamedTuple):
    """Points that all layers have seen."""

    t: FloatArray
    names: IntArray
    line: IntArray


class Breakpoints(NamedTuple):
    """Where something switches, line after line: K breakpoints of L lines."""

    offsets: IntArray  # (L + 1,) first breakpoint of each line
    places: FloatArray  # (K,)
    switch_offsets: IntArray  # (K + 1,) first switch of each breakpoint
    own_offsets: IntArray  # (K + L,) the same for each line, from its own first switch to its own last
    switches: Switches  # by neuron and breakpoint of the activation at each; without names


class Tally(NamedTuple):
    """How close the decisions on each of L lines were."""

    snapped: IntArray  # (L,) values taken as on a breakpoint that were not quite
    merged: IntArray  # (L,) cuts made one with their neighbour
    margin: FloatArray  # (L,) the closest decision that was not taken as equal, in bands
    undecided: IntArray  # (L,) decisions within the wide band


# Two points of a line closer than this many units in the last place of t cannot be told apart.
RESOLUTION = 4 * 2.0**-52

# Margins are measured up to this many bands; above, a cheap lower bound stands for them.
EXACT_MARGIN = 1024.0

# Lets sums and minima run in vector registers; no value is NaN here. Infinities stay allowed.
REORDER = {"nnan", "nsz", "reassoc"}


@compiled(fastmath=REORDER)
def magnitude(weights: FloatArray, h: FloatArray, offset: float) -> float:
    """Return the sum of the absolute values of the terms of one pre-activation, bias left out."""
    total = 0.0
    for k in range(h.size):
        total += abs(weights[k]) * (abs(h[k]) + offset)
    return total


@compiled(fastmath=REORDER)
def linear_part(weights: FloatArray, h: FloatArray) -> float:
    """Return one pre-activation, bias left out."""
    total = 0.0
    for k in range(h.size):
        total += weights[k] * h[k]
    return total


@compiled(internal=True)
def value_anew(
    weights: FloatArray, h: FloatArray, constant: float, zero: WordArray, n_breaks: int, j: int, value: float
) -> float:
    """Return the pre-activation of neuron j in an interpolated row by a product, unless it is on a breakpoint."""
    n_words = zero.size // n_breaks
    for b in range(n_breaks):
        if (zero[b * n_words + j // 64] >> np.uint64(j % 64)) & np.uint64(1):
            return value
    return linear_part(weights, h) + constant


@compiled(inlined=True)
def terms_and_value(layer: Layer, rows: Rows, stage: Stage, p: int, j: int) -> tuple[float, float]:
    """Return the magnitude of neuron j in row p and its pre-activation, which is never interpolated.

    The bias is left out of the magnitude but in the first layer; there -1 says that the value is exact.
    """
    value = stage.z[p, j]
    if stage.magnitudes.shape[0]:
        return stage.magnitudes[p, j], value
    weights, h, w = layer.weight[j], stage.h[p], rows.w[p]
    if rows.ends[p, BEFORE] >= 0:
        value = value_anew(weights, h, w * layer.bias[j], stage.zero[p], layer.breakpoints.size, j, value)
    return magnitude(weights, h, layer.offset * w), value


@compiled()
def list_close_values(
    z: FloatArray,
    magnitudes: FloatArray,
    w: FloatArray,
    bias: FloatArray,
    xi: FloatArray,
    relative: float,
    out: IntArray,
) -> int:
    """Add the bias to the first layer's values and magnitudes; list where a value is close to a breakpoint, R * n most.

    Returns how many there are; each is listed as ``row * n + unit``.
    """
    count = 0
    n = z.shape[1]
    for p in range(z.shape[0]):
        row, terms = z[p], magnitudes[p]
        for j in range(n):
            row[j] += w[p] * bias[j]
            terms[j] += w[p] * abs(bias[j])
        for j in range(n):
            for b in range(xi.size):
                if abs(row[j] - xi[b] * w[p]) <= relative * (terms[j] + abs(xi[b] * w[p])):
                    out[count] = p * n + j
                    count += 1
                    break
    return count


@compiled(fastmath=REORDER)
def _scan_row(
    row: FloatArray, w: float, bias: FloatArray, xi: FloatArray, inverse: FloatArray, above: WordArray
) -> float:
    """Add the bias, pack "above breakpoint" into words and return the smallest distance to a breakpoint."""
    n = row.size
    n_words = (n + 63) // 64
    if w != 0.0:
        for j in range(n):
            row[j] += bias[j]
    # Numbers from 0 on are ordered as the integers that their bits make, whose minimum runs in vector registers.
    low = np.float64(np.inf).view(np.int64)
    for b in range(xi.size):
        target = xi[b] * w
        for word in range(n_words):
            block = row[64 * word : 64 * word + 64]
            bits = np.uint64(0)
            for j in range(block.size):
                bits |= np.uint64(block[j] > target) << np.uint64(j)
            above[b * n_words + word] = bits
        for j in range(n):
            distance = np.float64(abs(row[j] - target) * inverse[j]).view(np.int64)
            low = distance if distance < low else low
    return np.int64(low).view(np.float64)


@compiled(inlined=True)
def distance_along(a: float, b: float) -> float:
    """Return the distance of two places of a line, at least what can be told apart."""
    return max(abs(b - a), RESOLUTION * abs(a), 5e-324)


@compiled()
def _slope(z: FloatArray, t: FloatArray, w: FloatArray, p: int, q: int, j: int) -> float:
    """Return how fast neuron j changes between the finite point p and its neighbour q."""
    if w[q] == 0.0:
        return abs(z[q, j])
    return abs(z[q, j] - z[p, j]) / distance_along(t[p], t[q])


@compiled(internal=True)
def _nothing_reaches(weights: FloatArray, h: FloatArray) -> bool:
    """Return whether every term is zero for good, not by underflow."""
    count = 0
    for k in range(h.size):
        count += weights[k] != 0.0 and h[k] != 0.0
    return count == 0


@compiled(internal=True)
def exact_grain(layer: Layer, rows: Rows, p: int) -> float:
    """Return a power of two that divides all pre-activations of row p if they are exact, else 0.

    Sums of multiples of a power of two are exact in floating point, in any order, as long as they stay below 2^53 of
    it. So small integers and halves of them decide without a doubt.
    """
    if rows.grain[p] == 0.0:
        return 0.0
    grain = rows.grain[p] * layer.grains[OF_WEIGHTS]
    if rows.w[p] != 0.0:
        grain = min(grain, layer.grains[OF_BIASES])
    return grain if rows.ends[p, BEFORE] < 0 and rows.norm[p] * layer.most[MOST_TERMS] < 2.0**52 * grain else 0.0


@compiled(internal=True)
def activated_grain(layer: Layer, grain: float, norm: float) -> float:
    """Return a power of two that divides the activations of a row whose pre-activations `grain` divides, or 0."""
    if grain == 0.0:
        return 0.0
    after = min(grain * layer.grains[OF_SLOPES], layer.grains[OF_INTERCEPTS])
    return (
        after
        if norm * layer.most[MOST_TERMS] * layer.most[MOST_SLOPE] + layer.most[MOST_INTERCEPT] < 2.0**52 * after
        else 0.0
    )


@compiled(inlined=True)
def _follow(layer: Layer, stage: Stage, p: int, b: int, j: int, target: float) -> bool:
    """Decide neuron j at breakpoint b as the form that it is a multiple of, if there is one."""
    n = stage.z.shape[1]
    leader = layer.leaders[b * n + j]
    if leader == b * n + j:
        return False
    n_words = (n + 63) // 64
    from_word, from_bit = leader // n * n_words + leader % n // 64, np.uint64(leader % n % 64)
    word, bit = b * n_words + j // 64, np.uint64(1) << np.uint64(j % 64)
    is_zero = (stage.zero[p, from_word] >> from_bit) & np.uint64(1)
    is_above = (stage.above[p, from_word] >> from_bit) & np.uint64(1)
    stage.above[p, word] &= ~bit
    if is_zero:
        stage.zero[p, word] |= bit
    elif is_above != np.uint64(layer.opposite[b * n + j]):
        stage.above[p, word] |= bit
    if is_zero or (stage.z[p, j] > target) != ((stage.above[p, word] & bit) != np.uint64(0)):
        stage.z[p, j] = target
    return True


@compiled()
def decide_rows(layer: Layer, rows: Rows, stage: Stage, relative: float, last: bool, tally: Tally) -> None:
    """Decide for each new row, neuron and breakpoint: above, on or below; set `z` to the breakpoint where on.

    The linear part of `z` is there up to ``state[FILLED]``; the bias is added here. A value is on the breakpoint when
    it is closer than rounding explains: `relative` times the sum of the absolute values of its terms, and what the
    uncertainty of the row's own place makes of the neuron's slope. Nothing of that applies to a value that is known to
    be exact: at a given point in the first layer, or where no term is left. If a row will follow, unless it is the
    `last` time, the last one is left undecided.
    """
    t, w, uncertainty, doubt = rows.t, rows.w, rows.uncertainty, rows.doubt
    norm, steep, line = rows.norm, rows.steep, rows.line
    z, low, above, zero = stage.z, stage.low, stage.above, stage.zero
    bias, inverse, xi, margin = layer.bias, layer.inverse, layer.breakpoints, tally.margin
    filled = stage.state[FILLED]
    n = z.shape[1]
    n_words = (n + 63) // 64
    for p in range(stage.state[MULTIPLIED], filled):
        low[p] = _scan_row(z[p], w[p], bias, xi, inverse, above[p])
        for word in range(zero.shape[1]):
            zero[p, word] = np.uint64(0)
    stop = filled if last else filled - 1
    for p in range(stage.state[DECIDED], stop):
        left = p - 1 if p > 0 and line[p - 1] == line[p] and w[p] != 0.0 else -1
        right = p + 1 if p + 1 < filled and line[p + 1] == line[p] and w[p] != 0.0 else -1
        steepest = 0.0
        if left >= 0:
            steepest = steep[left]
        if right >= 0:
            steepest = max(steepest, steep[p])
        # Twice, so that rounding in the bounds themselves cannot hide a candidate.
        screen = 2.0 * (relative * norm[p] + uncertainty[p] * steepest)
        farthest = max(screen * EXACT_MARGIN, 2.0 * (relative * (norm[p] + rows.noise[p]) + doubt[p] * steepest))
        if low[p] > farthest:
            margin[line[p]] = min(margin[line[p]], low[p] / screen)
            continue
        for b in range(xi.size):
            target = xi[b] * w[p]
            for j in range(n):
                distance = abs(z[p, j] - target)
                if distance * inverse[j] > farthest:
                    margin[line[p]] = min(margin[line[p]], distance * inverse[j] / screen)
                    continue
                bit = np.uint64(1) << np.uint64(j % 64)
                word = b * n_words + j // 64
                terms, value = terms_and_value(layer, rows, stage, p, j)
                if value != z[p, j]:
                    # An interpolated value. For the test above it has been good enough: all terms that went into it are
                    # at most ``losses[IN_NORM] * norm[p] / inverse[j]``, so their rounding is some ``2^-51 * norm[p]``,
                    # while 1024 screens are ``2^-31 * norm[p]`` at least, unless the tolerance is set very low.
                    z[p, j], distance = value, abs(value - target)
                    above[p, word] &= ~bit
                    if value > target:
                        above[p, word] |= bit
                if layer.leaders.size and _follow(layer, stage, p, b, j, target):
                    continue
                is_known = terms < 0.0 or exact_grain(layer, rows, p) > 0.0
                if terms == 0.0 and stage.h.shape[0] and layer.zero_is_known[AT_POINT if w[p] != 0.0 else AT_END]:
                    is_known = _nothing_reaches(layer.weight[j], stage.h[p])
                slope = 0.0
                if uncertainty[p] > 0.0:
                    if left >= 0:
                        slope = _slope(z, t, w, p, left, j)
                    if right >= 0:
                        slope = max(slope, _slope(z, t, w, p, right, j))
                if is_known and distance == 0.0:
                    zero[p, word] |= bit
                    continue
                if is_known and distance > RESOLUTION * abs(t[p]) * slope:  # t can hold that
                    continue
                size = relative * (max(terms, 0.0) + (abs(bias[j]) + abs(xi[b])) * w[p])
                band = size + uncertainty[p] * slope
                if not distance > size + relative * rows.noise[p] * layer.size[j] + doubt[p] * slope:
                    tally.undecided[line[p]] += 1
                if distance <= band:
                    above[p, word] &= ~bit
                    zero[p, word] |= bit
                    if distance > 0.0:
                        tally.snapped[line[p]] += 1
                    z[p, j] = target
                else:
                    margin[line[p]] = min(margin[line[p]], distance / band)
    stage.state[MULTIPLIED], stage.state[DECIDED] = filled, max(stop, 0)
