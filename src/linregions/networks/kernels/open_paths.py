"""Which neurons are good: whether a path of open neurons leads from them to an output (sec. 5). Pure array code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from linregions._support.kernels.compiled import compiled

BoolArray = npt.NDArray[np.bool_]
PatternArray = npt.NDArray[np.uint8]
WordArray = npt.NDArray[np.uint64]


class Paths(NamedTuple):
    """Where the weights of a network are not zero, in bit words, and on which pieces its units are open."""

    widths: npt.NDArray[np.int64]  # (D + 1,) units of each hidden layer and of the output
    first_neuron: npt.NDArray[np.int64]  # (D,) flat number of a layer's first neuron, -1 where its units never switch
    words: npt.NDArray[np.int64]  # (D + 1,) first word of each layer in a state of all units
    links: WordArray  # for each unit after the first layer, one bit for each unit of the layer before
    link_offsets: npt.NDArray[np.int64]  # (D,) where the links of layer k + 1 start
    is_open: BoolArray  # (D, most pieces)


def make_paths(weights: Sequence[npt.NDArray[np.float64]], slopes: Sequence[Sequence[float]]) -> Paths:
    """Describe a network by the weights of all its affine steps and the slopes of each hidden layer's activation."""
    depth = len(slopes)
    widths = np.array([weight.shape[0] for weight in weights], dtype=np.int64)
    n_words = (widths + 63) // 64
    blocks, offsets = [np.zeros(0, dtype=np.uint64)], np.zeros(max(1, depth), dtype=np.int64)
    for k in range(depth):
        bits = np.zeros((widths[k + 1], 8 * n_words[k]), dtype=np.uint8)
        packed = np.packbits(weights[k + 1] != 0, axis=1, bitorder="little")
        bits[:, : packed.shape[1]] = packed
        offsets[k] = sum(block.size for block in blocks)
        blocks.append(bits.view("<u8").astype(np.uint64).ravel())
    is_open = np.zeros((depth, max([1, *map(len, slopes)])), dtype=np.bool_)
    first_neuron, n_neurons = np.full(depth, -1, dtype=np.int64), 0
    for k, values in enumerate(slopes):
        is_open[k, : len(values)] = np.asarray(values) != 0
        if len(values) > 1:
            first_neuron[k] = n_neurons
            n_neurons += int(widths[k])
    words = np.concatenate([[0], np.cumsum(n_words)]).astype(np.int64)
    return Paths(widths, first_neuron, words, np.concatenate(blocks), offsets, is_open)


@compiled()
def mark_good(paths: Paths, pattern: PatternArray, good: WordArray, keepers: WordArray) -> bool:
    """Set in `good`, words of all hidden units, the bit of each unit from which open units lead to an output.

    Whether the unit itself is open does not matter: one that switches is open on one of the sides at least.
    A layer without zero weights costs one look at one open unit behind it. In `keepers`, as long as `good`, the bits
    of these open units are set.

    Returns whether all units are good. Then they stay so until one of the keepers switches.
    """
    depth, whole = paths.first_neuron.size, True
    for k in range(depth - 1, -1, -1):
        start, n_words = paths.words[k], paths.words[k + 1] - paths.words[k]
        for i in range(n_words):
            good[start + i] = np.uint64(0)
        after, first_after, complete = paths.widths[k + 1], paths.words[k + 1], False
        for i in range((after + 63) // 64):
            keepers[first_after + i] = np.uint64(0)
        neuron = -1 if k + 1 == depth else paths.first_neuron[k + 1]
        for j in range(after):
            if k + 1 < depth:
                piece = 0 if neuron < 0 else pattern[neuron + j]
                reached = (good[first_after + j // 64] >> np.uint64(j % 64)) & np.uint64(1)
                if not (paths.is_open[k + 1, piece] and reached):
                    continue
                keepers[first_after + j // 64] |= np.uint64(1) << np.uint64(j % 64)
            complete = True
            for i in range(n_words):
                good[start + i] |= paths.links[paths.link_offsets[k] + j * n_words + i]
                n_bits = min(64, paths.widths[k] - 64 * i)
                complete = complete and good[start + i] == ~np.uint64(0) >> np.uint64(64 - n_bits)
            if complete:
                break
        whole = whole and complete
    return whole


@compiled(allocates=True)
def _good_neurons(paths: Paths, patterns: PatternArray, out: BoolArray) -> None:
    good, keepers = np.zeros(paths.words[-1], np.uint64), np.zeros(paths.words[-1], np.uint64)
    for r in range(patterns.shape[0]):
        mark_good(paths, patterns[r], good, keepers)
        for k in range(paths.first_neuron.size):
            neuron = paths.first_neuron[k]
            if neuron >= 0:
                for j in range(paths.widths[k]):
                    bit = (good[paths.words[k] + j // 64] >> np.uint64(j % 64)) & np.uint64(1)
                    out[r, neuron + j] = bit != 0


def good_neurons(paths: Paths, patterns: PatternArray) -> BoolArray:
    """Return for each region and each neuron whether it is good there, shape (R, n_neurons).

    Parameters
    ----------
    paths : Paths
        Of the network, from `make_paths`.
    patterns : (R, n_neurons) uint8
        Memory is that of the result; hand in patterns by blocks to bound it.
    """
    out = np.zeros(patterns.shape, dtype=np.bool_)
    _good_neurons(paths, np.ascontiguousarray(patterns), out)
    return out


@compiled(allocates=True)
def _units(paths: Paths, n_neurons: int) -> Any:
    """Return for each neuron the word and the bit that stand for it."""
    word, bit = np.empty(n_neurons, np.int64), np.empty(n_neurons, np.uint64)
    for k in range(paths.first_neuron.size):
        if paths.first_neuron[k] >= 0:
            for j in range(paths.widths[k]):
                word[paths.first_neuron[k] + j] = paths.words[k] + j // 64
                bit[paths.first_neuron[k] + j] = np.uint64(1) << np.uint64(j % 64)
    return word, bit


@compiled(allocates=True)
def mark_linear_boundaries(
    paths: Paths,
    base: PatternArray,
    breakpoint_offsets: npt.NDArray[np.int64],
    switch_offsets: npt.NDArray[np.int64],
    neuron: npt.NDArray[np.int32],
    direction: npt.NDArray[np.int8],
    out: BoolArray,
) -> None:
    """Walk along lines; mark each breakpoint where a neuron switches that is good on one of the two sides.

    One side is enough: if an open path leads on from a neuron on the other side only, the last neuron on that path
    that switches here is good on both.

    Parameters
    ----------
    paths : Paths
    base : (L, n_neurons)
        Pattern of each line's first region.
    breakpoint_offsets : (L + 1,)
        First breakpoint of each line.
    switch_offsets : (K + 1,)
        First switch of each breakpoint.
    neuron, direction : (E,)
        What switches, and whether one piece up or down.
    out : (K,)
        Filled.
    """
    word, bit = _units(paths, base.shape[1])
    pattern = np.empty(base.shape[1], np.uint8)
    marks = np.zeros((2, paths.words[-1]), np.uint64)
    _walk(paths, base, breakpoint_offsets, switch_offsets, neuron, direction, word, bit, pattern, marks, out)


@compiled()
def _walk(
    paths: Paths,
    base: PatternArray,
    breakpoint_offsets: npt.NDArray[np.int64],
    switch_offsets: npt.NDArray[np.int64],
    neuron: npt.NDArray[np.int32],
    direction: npt.NDArray[np.int8],
    word: npt.NDArray[np.int64],
    bit: WordArray,
    pattern: PatternArray,
    marks: WordArray,
    out: BoolArray,
) -> None:
    good, keepers = marks[0], marks[1]
    for line in range(base.shape[0]):
        is_whole = False
        for j in range(pattern.size):
            pattern[j] = base[line, j]
        for k in range(breakpoint_offsets[line], breakpoint_offsets[line + 1]):
            if not is_whole:
                is_whole = mark_good(paths, pattern, good, keepers)
            out[k] = False
            for e in range(switch_offsets[k], switch_offsets[k + 1]):
                j = neuron[e]
                pattern[j] = np.uint8(pattern[j] + direction[e])
                out[k] |= (good[word[j]] & bit[j]) != 0
                is_whole = is_whole and (keepers[word[j]] & bit[j]) == 0
