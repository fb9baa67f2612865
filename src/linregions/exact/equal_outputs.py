"""Outputs that are the same floats on a region: which are the same function, and which only by rounding."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.exact.graph_equal_outputs import are_same, have_same_slope
from linregions.networks.network import Network

IndexArray = npt.NDArray[np.intp]


def undecided_equals(
    network: Network, maps: FloatArray, patterns_of: Callable[[IndexArray], npt.NDArray[np.uint8]]
) -> int:
    """Count pairs of outputs that are the same floats on a region, and need not be the same function.

    The affine `maps`, (F, n_out, k), are those of some regions; `patterns_of` returns the patterns, (m, n_neurons), of
    m of them by their numbers. Two outputs are the same function where they differ only in the weights of units that
    are constant, and the constants sum to the same, in whole numbers.
    """
    n_out = maps.shape[1]
    if n_out < 2 or not maps.shape[0]:
        return 0
    # Most regions have no two outputs with one slope.
    some = np.flatnonzero(np.any(np.diff(np.sort(maps[:, :, 0], axis=1), axis=1) == 0, axis=1))
    if not some.size:
        return 0
    # Equal rows of a region one after another; adding 0 makes -0 and 0 one.
    rows = maps[some].reshape(-1, maps.shape[2]).T + 0.0
    region, output = np.divmod(np.arange(rows.shape[1]), n_out)
    region = some[region]
    order = np.lexsort((*rows, region))
    rows, region, output = rows[:, order], region[order], output[order]
    at = np.flatnonzero((region[1:] == region[:-1]) & np.all(rows[:, 1:] == rows[:, :-1], axis=0))
    if not at.size:
        return 0
    if not network.is_chain:
        involved, of = np.unique(region[at], return_inverse=True)
        found = patterns_of(involved)
        return sum(
            not are_same(network, found[k], int(c), int(d))
            for k, c, d in zip(of.ravel(), output[at], output[at + 1], strict=True)
        )
    if not network.activations:
        return at.size  # rows that differ are not the same
    activation, last = network.activations[-1], network.layers[-1]
    low, high = network.neuron_offsets[-2:]
    involved, of = np.unique(region[at], return_inverse=True)
    patterns = (
        patterns_of(involved)[:, low:high] if high > low else np.zeros((involved.size, last.weight.shape[1]), int)
    )
    kinds, kind = np.unique(patterns, axis=0, return_inverse=True)
    pairs = np.stack([kind.ravel()[of], output[at], output[at + 1]], axis=1)
    slopes, intercepts = activation.table.slopes, activation.intercepts
    count = 0
    for (number, c, d), times in zip(*np.unique(pairs, axis=0, return_counts=True), strict=True):
        pieces = kinds[number]
        differ = last.weight[c] != last.weight[d]
        constant = slopes[pieces] == 0.0
        if np.any(differ & ~constant):
            count += int(times)
            continue
        total = Fraction(float(last.bias[c])) - Fraction(float(last.bias[d]))
        for k in np.flatnonzero(differ & (intercepts[pieces] != 0.0)):
            step = Fraction(float(last.weight[c, k])) - Fraction(float(last.weight[d, k]))
            total += step * Fraction(float(intercepts[pieces[k]]))
        count += int(times) * (total != 0)
    return count


def undecided_slopes(
    network: Network,
    slopes: FloatArray,
    directions: FloatArray,
    patterns_of: Callable[[IndexArray], npt.NDArray[np.uint8]],
) -> int:
    """Count outputs whose slope is the same float as that of the steepest one, and need not be the same number.

    The `slopes`, (F, n_out), are those on some regions of lines in `directions`, (F, n_in); they are the same where
    outputs differ only in the weights of units that do not vary in this direction.
    """
    count = 0
    for f in range(slopes.shape[0]):
        (steepest,) = np.nonzero(slopes[f] == slopes[f].max())
        if steepest.size < 2:
            continue
        if not network.is_chain:
            (pattern,) = patterns_of(np.array([f]))
            others = steepest[1:].tolist()
            count += sum(
                not have_same_slope(network, directions[f], pattern, int(steepest[0]), other) for other in others
            )
            continue
        varies = np.any((network.layers[0].weight != 0) & (directions[f] != 0), axis=1)
        (pattern,) = patterns_of(np.array([f]))
        for k, activation in enumerate(network.activations):
            low, high = network.neuron_offsets[k : k + 2]
            pieces = pattern[low:high] if high > low else np.zeros(varies.size, dtype=np.uint8)
            varies &= activation.table.slopes[pieces] != 0.0
            if k + 1 < len(network.activations):
                varies = np.any((network.layers[k + 1].weight != 0) & varies, axis=1)
        weight = network.layers[-1].weight
        if network.activations:
            differ = weight[steepest[1:]] != weight[steepest[0]]
            count += int(np.count_nonzero(np.any(differ & varies, axis=1)))
        else:
            differ = (weight[steepest[1:]] != weight[steepest[0]]) & (directions[f] != 0)
            count += int(np.count_nonzero(np.any(differ, axis=1)))
    return count
