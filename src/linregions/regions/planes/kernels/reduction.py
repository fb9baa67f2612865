"""A network on regions that lie together, reduced to the neurons that switch among them.

There the other neurons are affine, so that what they feed can be fed directly. Of a network reduced to some regions
the one reduced to a part of them is made in little time, since few neurons are left, of which some stay.

Functions are numbered layer by layer: both coordinates of the plane (layer 0), hidden neurons, outputs. The rows of a
layer, and a constant for each, make its pre-activations of functions of layers before it, at first of the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from linregions._support.kernels.compiled import compiled
from linregions.networks.kernels.products import TILE_COLUMNS, TILE_ROWS, add_product, add_tile
from linregions.regions.planes.kernels.workspace import FloatArray, IndexArray, WordArray

# Rows that are reduced at once.
ROWS_AT_ONCE = 32
# Rows of the arrays below.
N_BREAKPOINTS, FIRST_SWITCH = 0, 1
BREAKPOINT, SLOPE, INTERCEPT = 0, 1, 2
FIRST, LOWEST, PLACE = 0, 1, 2
UNIT, SWITCHES = 0, 1
WAS, FOLDED, COUNTING = 0, 1, 2
SCALE, FACTOR, SHIFT, SIZE, STEEPNESS = 0, 1, 2, 3, 4
SWITCHING, OPEN, LISTED = 0, 1, 2
FULL, LEFT = 0, 1


class Layers(NamedTuple):
    """The activations of the hidden layers, which have the numbers 0, 1, ... here."""

    shape: IndexArray  # (2, layers): N_BREAKPOINTS, FIRST_SWITCH
    piece: FloatArray  # (3, layers, most breakpoints + 1): BREAKPOINT after, SLOPE and INTERCEPT of each piece


class Reduced(NamedTuple):
    """A network and what it is reduced to, level by level, each for a part of the regions of the one before."""

    layout: IndexArray  # (levels, 3, layers + 3): FIRST function of each layer; LOWEST layer whose functions its rows
    # combine; PLACE where these begin in the room for rows
    unit: IndexArray  # (levels, 2, functions): UNIT of its layer that it is; if it SWITCHES, or is its pre-activation
    constant: FloatArray  # (levels, functions): what is added to its row


class Step(NamedTuple):
    """Room for one step of reduction, and what becomes of each function in it."""

    number: IndexArray  # (3, functions): which function each of the next level WAS; list of those of each layer, from
    # the layer's first place on and counted in it, that are to be FOLDED into what they are made of; COUNTING 0, 1, ...
    factor: FloatArray  # (5, functions): SCALE of each of the next level; FACTOR of the row of each that is folded, and
    # what to add, SHIFT; SIZE and STEEPNESS, squared, of each function where it is evaluated
    counts: IndexArray  # (3, layers + 2): functions of a layer that are SWITCHING; how many that do not are OPEN and
    # folded; how many are LISTED to be folded
    rows: FloatArray  # (2, ROWS_AT_ONCE, functions + TILE_COLUMNS): FULL rows; LEFT factor of a product


def make_layers(activations: Sequence[tuple[Sequence[float], ...]], widths: Sequence[int]) -> Layers:
    """Return the hidden layers, given by breakpoints, slopes and intercepts of their activations, and their widths."""
    most = max((len(slopes) for _, slopes, _ in activations), default=1)
    shape = np.zeros((2, len(widths)), dtype=np.int64)
    piece = np.zeros((3, len(widths), most))
    for k, activation in enumerate(activations):
        shape[N_BREAKPOINTS, k] = len(activation[0])
        for row, numbers in zip(piece[:, k], activation, strict=True):
            row[: len(numbers)] = numbers
    shape[FIRST_SWITCH, 1:] = np.cumsum(shape[N_BREAKPOINTS, :-1] * widths[:-1])
    return Layers(shape, piece)


def make_reduced(steps: Sequence[tuple[FloatArray, FloatArray]], levels: int) -> tuple[Reduced, FloatArray]:
    """Return a network of plane coordinates, with room for some levels in all, and the room for rows with its own.

    The steps are weights and biases.
    """
    widths = [2, *(bias.size for _, bias in steps)]
    n, functions = len(widths), sum(widths)
    layout = np.zeros((levels, 3, n + 1), dtype=np.int64)
    unit, constant = np.zeros((levels, 2, functions), dtype=np.int64), np.zeros((levels, functions))
    layout[0, FIRST, 1:] = np.cumsum(widths)
    layout[0, LOWEST, 1:n] = np.arange(n - 1)
    blocks = []
    for k, (weight, bias) in enumerate(steps, 1):
        here = slice(layout[0, FIRST, k], layout[0, FIRST, k + 1])
        unit[0, UNIT, here], unit[0, SWITCHES, here], constant[0, here] = np.arange(bias.size), k < n - 1, bias
        rows, columns = weight.shape
        blocks.append(np.zeros((-(-rows // TILE_ROWS) * TILE_ROWS, -(-columns // TILE_COLUMNS) * TILE_COLUMNS)))
        blocks[-1][:rows, :columns] = weight
        layout[0, PLACE, k + 1] = layout[0, PLACE, k] + blocks[-1].size
    return Reduced(layout, unit, constant), np.concatenate([block.ravel() for block in blocks])


def make_step(functions: int, layers: int) -> Step:
    """Return room for steps of reduction."""
    return Step(
        number=np.tile(np.arange(functions), (3, 1)),
        factor=np.zeros((5, functions)),
        counts=np.zeros((3, layers + 2), dtype=np.int64),
        rows=np.zeros((2, ROWS_AT_ONCE, functions + TILE_COLUMNS)),
    )


@compiled(internal=True)
def piece_of(word: WordArray, first: int, n_breakpoints: int) -> int:
    """Return how many of a neuron's switches are passed."""
    piece = np.int64(0)
    for switch in range(first, first + n_breakpoints):
        piece += np.int64(word[switch >> 6] >> np.uint64(switch & 63)) & 1
    return int(piece)


@compiled(internal=True)
def place_of(reduced: Reduced, level: int, layer: int) -> tuple[int, int, int]:
    """Return where the rows of a layer begin, how many there are and how long they are, in whole tiles."""
    layout = reduced.layout[level]
    n_rows = layout[FIRST, layer + 1] - layout[FIRST, layer]
    n_columns = layout[FIRST, layer] - layout[FIRST, layout[LOWEST, layer]]
    n_rows = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    n_columns = (n_columns + TILE_COLUMNS - 1) // TILE_COLUMNS * TILE_COLUMNS
    return layout[PLACE, layer], n_rows, n_columns


@compiled(internal=True)
def plan_step(layers: Layers, reduced: Reduced, step: Step, level: int, passed: WordArray, somewhere: WordArray) -> int:
    """Decide what of one level is left at the next, on regions that all pass some switches, and no other than some.

    Returns how much room all rows take then.
    """
    old, new = reduced.layout[level], reduced.layout[level + 1]
    unit = reduced.unit[level]
    folded, factor, shift = step.number[FOLDED], step.factor[FACTOR], step.factor[SHIFT]
    last = old.shape[1] - 2
    n_switching = np.int64(0)
    for k in range(1, last):
        step.counts[SWITCHING, k], step.counts[OPEN, k] = 0, 0
        t, base = layers.shape[N_BREAKPOINTS, k - 1], layers.shape[FIRST_SWITCH, k - 1]
        for q in range(old[FIRST, k], old[FIRST, k + 1]):
            folded[q], factor[q], shift[q] = 1, 1.0, 0.0
            if unit[SWITCHES, q]:
                piece = piece_of(passed, base + t * unit[UNIT, q], t)
                if piece != piece_of(somewhere, base + t * unit[UNIT, q], t):
                    folded[q] = 0
                    step.counts[SWITCHING, k] += 1
                    continue
                factor[q], shift[q] = layers.piece[SLOPE, k - 1, piece], layers.piece[INTERCEPT, k - 1, piece]
            step.counts[OPEN, k] += factor[q] != 0.0
        n_switching += step.counts[SWITCHING, k]
    later = n_switching + old[FIRST, last + 1] - old[FIRST, last]  # rows after a layer
    n, end = np.int64(0), old[PLACE, last + 1]
    for k in range(last + 1):
        low = old[LOWEST, k]
        for j in range(k - 1, 0, -1):
            if j >= low and step.counts[OPEN, j] > 0:
                low = min(low, old[LOWEST, j])
        new[FIRST, k], new[LOWEST, k], new[PLACE, k] = n, low, end
        if 0 < k < last:
            # Few affine functions that all later layers go through take less than what they are made of.
            stay = n_switching > 0
            for j in range(k + 1, last + 1):
                stay &= old[LOWEST, j] >= k
            later -= step.counts[SWITCHING, k]
            used = n - new[FIRST, low]
            stay &= step.counts[OPEN, k] * (used + later) < later * used
            n = _list_layer(reduced, step, level, k, n, stay)
        else:
            for q in range(old[FIRST, k], old[FIRST, k + 1]):
                step.number[WAS, n], step.factor[SCALE, n] = q, 1.0
                n += 1
        new[FIRST, k + 1] = n
        if k > 0:
            _, n_rows, n_columns = place_of(reduced, level + 1, k)
            end += n_rows * n_columns
    new[PLACE, last + 1] = end
    return end


@compiled(internal=True)
def _list_layer(reduced: Reduced, step: Step, level: int, k: int, n: int, stay: bool) -> int:
    """List the functions of a layer that are kept, from place n on, and those that are folded.

    Returns the next place. Of those that switch no more, the open ones are kept if they are to `stay`.
    """
    old, new = reduced.unit[level], reduced.unit[level + 1]
    folded, factor, shift = step.number[FOLDED], step.factor[FACTOR], step.factor[SHIFT]
    first = reduced.layout[level, FIRST, k]
    at = first
    for q in range(first, reduced.layout[level, FIRST, k + 1]):
        switches, slope, constant = folded[q] == 0, factor[q], shift[q]
        keep = switches or (stay and slope != 0.0)
        if keep:
            new[UNIT, n], new[SWITCHES, n] = old[UNIT, q], switches
            step.number[WAS, n], step.factor[SCALE, n] = q, slope
            n += 1
            slope = 0.0
        if slope != 0.0 or constant != 0.0:
            folded[at], factor[at], shift[at] = q - first, slope, constant + slope * reduced.constant[level, q]
            at += 1
    step.counts[LISTED, k] = at - first
    if stay:
        step.counts[OPEN, k] = 0
    return n


@compiled(internal=True)
def take_step(reduced: Reduced, step: Step, level: int, numbers: FloatArray) -> None:
    """Make the rows of the next level, as decided."""
    old, new = reduced.layout[level], reduced.layout[level + 1]
    full = step.rows[FULL]
    for k in range(1, old.shape[1] - 1):
        low = new[LOWEST, k]
        base, inner = old[FIRST, low], new[FIRST, k] - new[FIRST, low]
        was, scale = step.number[WAS, new[FIRST, low] :], step.factor[SCALE, new[FIRST, low] :]
        place, n_rows, width = place_of(reduced, level, k)
        before = numbers[place : place + n_rows * width].reshape(n_rows, width)
        place, n_rows, width = place_of(reduced, level + 1, k)
        after = numbers[place : place + n_rows * width].reshape(n_rows, width)
        own, columns = old[FIRST, old[LOWEST, k]] - base, old[FIRST, k] - base
        for start in range(0, new[FIRST, k + 1] - new[FIRST, k], ROWS_AT_ONCE):
            total = reduced.constant[level + 1, new[FIRST, k] + start :]
            n = min(ROWS_AT_ONCE, new[FIRST, k + 1] - new[FIRST, k] - start)
            for r in range(n):
                q = was[inner + start + r]
                row, source = full[r], before[q - old[FIRST, k]]
                for i in range(own):
                    row[i] = 0.0
                for i in range(columns - own):
                    row[own + i] = source[i]
                for i in range(TILE_COLUMNS):
                    row[columns + i] = 0.0
                total[r] = reduced.constant[level, q]
            for j in range(k - 1, max(low, 1) - 1, -1):
                _fold(reduced, step, level, numbers, j, base, total, n)
            for r in range(min(ROWS_AT_ONCE, n_rows - start)):
                row, target = full[r], after[start + r]
                for i in range(inner):
                    target[i] = row[was[i] - base] * scale[i] if r < n else 0.0
                for i in range(inner, width):
                    target[i] = 0.0


@compiled(internal=True)
def _fold(
    reduced: Reduced, step: Step, level: int, numbers: FloatArray, j: int, base: int, total: FloatArray, n: int
) -> None:
    """Put, for functions of layer j in n full rows, what they are made of, as far as they are folded."""
    layout = reduced.layout[level]
    full, left = step.rows[FULL], step.rows[LEFT]
    first, inner = layout[FIRST, j], step.counts[LISTED, j]
    folded, factor, shift = step.number[FOLDED, first:], step.factor[FACTOR, first:], step.factor[SHIFT, first:]
    whole = (n + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    for r in range(whole):
        row, target = full[r, first - base :], left[r]
        constant = 0.0
        for i in range(inner):
            number = row[folded[i]] if r < n else 0.0
            target[i] = number * factor[i]
            constant += number * shift[i]
        if r < n:
            total[r] += constant
    if step.counts[OPEN, j] == 0:
        return
    place, n_rows, width = place_of(reduced, level, j)
    rows = numbers[place : place + n_rows * width].reshape(n_rows, width)
    # Beyond the last column there are zeros, whose product with finite numbers changes nothing.
    offset = layout[FIRST, layout[LOWEST, j]] - base
    for k in range(offset, offset + width, TILE_COLUMNS):
        for r in range(0, whole, TILE_ROWS):
            add_tile(left, np.int64(r), inner, rows, folded, -offset, full, k, np.bool_(False))


@compiled(internal=True)
def combine(
    reduced: Reduced, step: Step, numbers: FloatArray, level: int, layer: int, values: FloatArray, n: int
) -> None:
    """Add to n columns of a layer's rows of `values` what they are of those of functions before, without constants."""
    layout = reduced.layout[level]
    first, low = layout[FIRST, layer], layout[FIRST, layout[LOWEST, layer]]
    place, n_rows, width = place_of(reduced, level, layer)
    rows = numbers[place : place + n_rows * width].reshape(n_rows, width)
    gather = step.number[COUNTING, low:]
    add_product(rows, n_rows, first - low, values, gather, np.int64(0), n, values[first:], np.bool_(False))
