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
import numpy.typing as npt

from linregions.kernels.compiled import compiled
from linregions.kernels.products import TILE_COLUMNS, TILE_ROWS, add_tile

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

# Rows that are reduced at once.
ROWS_AT_ONCE = 32
# Rows of the arrays below.
N_BREAKPOINTS, FIRST_SWITCH = 0, 1
BREAKPOINT, SLOPE, INTERCEPT = 0, 1, 2
FIRST, LOWEST, PLACE = 0, 1, 2
UNIT, SWITCHES = 0, 1
KEPT, SOURCE, COUNTING = 0, 1, 2
STEEPNESS, SHIFT, SQUARE = 0, 1, 2
SWITCHING, OPEN, FOLDED = 0, 1, 2
FULL, LEFT = 0, 1


class Layers(NamedTuple):
    """The activations of the hidden layers, which have the numbers 0, 1, ... here."""

    shape: IndexArray  # (2, layers): N_BREAKPOINTS, FIRST_SWITCH
    piece: FloatArray  # (3, layers, most breakpoints + 1): BREAKPOINT after, SLOPE and INTERCEPT of each piece


class Reduced(NamedTuple):
    """A network and what it is reduced to, level by level, each for a part of the regions of the one before."""

    layout: IndexArray  # (levels, 3, layers + 3): FIRST function of each layer; LOWEST layer whose functions its rows
    # combine; PLACE where these begin in the room for rows
    unit: (
        IndexArray  # (levels, 2, functions): which UNIT of its layer; whether it SWITCHES, or is affine in those before
    )
    constant: FloatArray  # (levels, functions)


class Step(NamedTuple):
    """Room for one step of reduction, and what becomes of each function in it."""

    number: IndexArray  # (3, functions): KEPT under which number, or -1; SOURCE, a list of some; COUNTING 0, 1, 2, ..
    factor: FloatArray  # (3, functions): it becomes STEEPNESS times its pre-activation, and SHIFT (1 and 0 if it stays
    # what it is); SQUARE of the size of its terms, where it is evaluated
    count: IndexArray  # (3, layers + 2): functions SWITCHING; those that do not, but are OPEN; those of them FOLDED
    rows: (
        FloatArray  # (2, ROWS_AT_ONCE, functions + TILE_COLUMNS): FULL rows of all functions; LEFT factor of a product
    )


def make_layers(activations: list[tuple[Sequence[float], ...]], widths: list[int]) -> Layers:
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


def make_reduced(weights: list[FloatArray], biases: list[FloatArray], levels: int) -> tuple[Reduced, FloatArray]:
    """Return a network of plane coordinates, with room for some levels in all, and the room for rows with its own."""
    widths = [2, *(bias.size for bias in biases)]
    n, functions = len(widths), sum(widths)
    layout = np.zeros((levels, 3, n + 1), dtype=np.int64)
    unit, constant = np.zeros((levels, 2, functions), dtype=np.int64), np.zeros((levels, functions))
    layout[0, FIRST, 1:] = np.cumsum(widths)
    layout[0, LOWEST, 1:n] = np.arange(n - 1)
    blocks = []
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
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
        factor=np.zeros((3, functions)),
        count=np.zeros((3, layers + 2), dtype=np.int64),
        rows=np.zeros((2, ROWS_AT_ONCE, functions + TILE_COLUMNS)),
    )


@compiled(internal=True)
def _piece(word: WordArray, first: int, n_breakpoints: int) -> int:
    """Return how many of a neuron's switches are passed."""
    piece = np.int64(0)
    for switch in range(first, first + n_breakpoints):
        piece += np.int64(word[switch >> 6] >> np.uint64(switch & 63)) & 1
    return piece


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
    old_unit, new_unit = reduced.unit[level], reduced.unit[level + 1]
    kept, steepness, shift = step.number[KEPT], step.factor[STEEPNESS], step.factor[SHIFT]
    switching, opened, folded = step.count[SWITCHING], step.count[OPEN], step.count[FOLDED]
    last = old.shape[1] - 2
    n_switching = np.int64(0)
    for k in range(last + 1):
        switching[k], opened[k], folded[k] = 0, 0, 0
        for q in range(old[FIRST, k], old[FIRST, k + 1]):
            kept[q], steepness[q], shift[q] = 0, 1.0, 0.0
            if k == 0 or k == last:
                continue
            if old_unit[SWITCHES, q]:
                t = layers.shape[N_BREAKPOINTS, k - 1]
                switch = layers.shape[FIRST_SWITCH, k - 1] + t * old_unit[UNIT, q]
                piece = _piece(passed, switch, t)
                if piece != _piece(somewhere, switch, t):
                    switching[k] += 1
                    continue
                steepness[q], shift[q] = layers.piece[SLOPE, k - 1, piece], layers.piece[INTERCEPT, k - 1, piece]
            kept[q] = -1
            opened[k] += steepness[q] != 0.0
        n_switching += switching[k]
    later = n_switching + old[FIRST, last + 1] - old[FIRST, last]  # rows after a layer
    n, stay, end = np.int64(0), False, old[PLACE, last + 1]
    for k in range(last + 1):
        low, is_cut = old[LOWEST, k], n_switching > 0
        for j in range(k - 1, 0, -1):
            if j >= low and folded[j] > 0:
                low = min(low, old[LOWEST, j])
        for j in range(k + 1, last + 1):
            is_cut &= old[LOWEST, j] >= k
        later -= switching[k]
        used = n - new[FIRST, low]
        # Few affine functions that all later layers go through take less than what they are made of.
        stay = is_cut and opened[k] * (used + later) < later * used
        folded[k] = 0 if stay else opened[k]
        new[FIRST, k], new[LOWEST, k], new[PLACE, k] = n, low, end
        for q in range(old[FIRST, k], old[FIRST, k + 1]):
            if kept[q] == 0 or (stay and steepness[q] != 0.0):
                new_unit[UNIT, n], new_unit[SWITCHES, n] = old_unit[UNIT, q], old_unit[SWITCHES, q] and kept[q] == 0
                kept[q] = n
                n += 1
        new[FIRST, k + 1] = n
        if k > 0:
            _, n_rows, n_columns = place_of(reduced, level + 1, k)
            end += n_rows * n_columns
    new[PLACE, last + 1] = end
    return end


@compiled(internal=True)
def take_step(reduced: Reduced, step: Step, level: int, numbers: FloatArray) -> None:
    """Make the rows of the next level, as decided."""
    old, new = reduced.layout[level], reduced.layout[level + 1]
    kept, full = step.number[KEPT], step.rows[FULL]
    for k in range(1, old.shape[1] - 1):
        low = new[LOWEST, k]
        base, end = old[FIRST, low], old[FIRST, k]
        place, n_rows, width = place_of(reduced, level, k)
        before = numbers[place : place + n_rows * width].reshape(n_rows, width)
        place, n_rows, width = place_of(reduced, level + 1, k)
        after = numbers[place : place + n_rows * width].reshape(n_rows, width)
        own = old[FIRST, old[LOWEST, k]] - base
        q, at = end, np.int64(0)
        while q < old[FIRST, k + 1]:
            total = reduced.constant[level + 1, new[FIRST, k] + at :]
            n = np.int64(0)
            while q < old[FIRST, k + 1] and n < ROWS_AT_ONCE:
                if kept[q] >= 0:
                    row, source = full[n], before[q - end]
                    for i in range(own):
                        row[i] = 0.0
                    for i in range(end - base - own):
                        row[own + i] = source[i]
                    for i in range(TILE_COLUMNS):
                        row[end - base + i] = 0.0
                    total[n] = reduced.constant[level, q]
                    n += 1
                q += 1
            for j in range(k - 1, max(low, 1) - 1, -1):
                _fold(reduced, step, level, numbers, j, base, total, n)
            for r in range((n + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS):
                row, target = full[r], after[at + r]
                for i in range(width):
                    target[i] = 0.0
                if r < n:
                    for p in range(base, end):
                        if kept[p] >= 0:
                            target[kept[p] - new[FIRST, low]] = row[p - base] * step.factor[STEEPNESS, p]
            at += n


@compiled(internal=True)
def _fold(
    reduced: Reduced, step: Step, level: int, numbers: FloatArray, j: int, base: int, total: FloatArray, n: int
) -> None:
    """Put, for functions of layer j in some full rows, what they are made of, as far as they are folded."""
    layout = reduced.layout[level]
    full, left = step.rows[FULL], step.rows[LEFT]
    inner = np.int64(0)
    for q in range(layout[FIRST, j], layout[FIRST, j + 1]):
        steepness, shift = step.factor[STEEPNESS, q], step.factor[SHIFT, q]
        if step.number[KEPT, q] >= 0:
            if shift != 0.0:
                for r in range(n):
                    total[r] += full[r, q - base] * shift
        elif steepness != 0.0 or shift != 0.0:
            shift += steepness * reduced.constant[level, q]
            step.number[SOURCE, inner] = q - layout[FIRST, j]
            for r in range(n):
                factor = full[r, q - base]
                left[r, inner] = factor * steepness
                total[r] += factor * shift
            inner += 1
    if inner == 0:
        return
    for r in range(n, (n + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS):
        for i in range(inner):
            left[r, i] = 0.0
    place, n_rows, width = place_of(reduced, level, j)
    rows = numbers[place : place + n_rows * width].reshape(n_rows, width)
    # Beyond the last column there are zeros, whose product with finite numbers changes nothing.
    first = layout[FIRST, layout[LOWEST, j]] - base
    for k in range(first, first + width, TILE_COLUMNS):
        for r in range(0, n, TILE_ROWS):
            add_tile(left, np.int64(r), inner, rows, step.number[SOURCE], -first, full, k, np.bool_(False))
