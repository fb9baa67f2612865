"""Switches, a neuron at a breakpoint each: their numbers, and patterns packed to words with a bit for each.

Engines number switches step by step over all steps that have breakpoints, within a step by unit of its layout, then by
breakpoint. For a chain of dense layers this is the order of neurons. In a graph the comparisons of maxima are switches
too, each with a number among those of its window, in place of a breakpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network
from linregions.networks.numbering import LayerSwitches

__all__ = [
    "LayerSwitches",
    "breakpoints_of_neurons",
    "bytes_of_words",
    "canonical_words",
    "count_switches",
    "has_maxima",
    "is_fake",
    "pack_patterns",
    "switch_layout",
    "switch_tables",
    "unpack_bits",
    "unpack_patterns",
]

IntArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]


def has_maxima(network: Network) -> bool:
    """Whether some switches of a network are comparisons."""
    return not network.is_chain and network.graph.maxima.step.size > 0


def switch_layout(network: Network) -> Sequence[LayerSwitches]:
    """Return which switches every hidden layer has, or every step but the last of a graph."""
    if not network.is_chain:
        return network.numbering.layout
    layout, first = [], 0
    for n, activation in zip(network.widths[1:-1], network.activations, strict=True):
        layout.append(LayerSwitches(first, n, activation.n_breakpoints))
        first = layout[-1].own.stop
    return layout


def count_switches(network: Network) -> int:
    """Return how many switches there are."""
    layout = switch_layout(network)
    return layout[-1].own.stop if layout else 0


def bytes_of_words(words: WordArray) -> npt.NDArray[np.uint8]:
    """Return packed patterns byte by byte, the lowest first, on any machine."""
    return np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)


def unpack_bits(network: Network, words: WordArray) -> npt.NDArray[np.uint8]:
    """Return the bit of every switch, shape (F, switches), from words."""
    count = count_switches(network)
    if not count:
        return np.zeros((words.shape[0], 0), dtype=np.uint8)
    return np.unpackbits(bytes_of_words(words), axis=1, bitorder="little", count=count)


def unpack_patterns(network: Network, words: WordArray) -> npt.NDArray[np.uint8]:
    """Return the piece of every neuron, shape (F, n_neurons), from words with one bit for each switch.

    The piece of a window is the winner of its tournament, as the bits of its comparisons have it.
    """
    layout = [layer for layer in switch_layout(network) if layer.n_breakpoints]
    if not layout:
        return np.zeros((words.shape[0], network.n_neurons), dtype=np.uint8)  # a window of one entry never switches
    bits = unpack_bits(network, words)
    if not network.is_chain:
        return network.numbering.unpacked(bits)
    if all(layer.n_breakpoints == 1 for layer in layout):
        return bits
    pieces = [
        bits[:, layer.own].reshape(-1, layer.n_units, layer.n_breakpoints).sum(axis=2, dtype=np.uint8)
        for layer in layout
    ]
    return np.concatenate(pieces, axis=1)


def pack_patterns(network: Network, patterns: npt.NDArray[np.uint8]) -> WordArray:
    """Return words with one bit for each switch, shape (F, words), from the piece of every neuron.

    A pattern does not tell the bits of comparisons that the winner of their window takes no part in: these are 0. So
    words of an engine are to be compared in this form (`canonical_words`).
    """
    if not network.is_chain:
        return _words(network.numbering.packed(patterns))
    bits = np.zeros((patterns.shape[0], -(-count_switches(network) // 64) * 64), dtype=np.uint8)
    for k, layer in enumerate(switch_layout(network)):
        pieces = patterns[:, slice(*network.neuron_offsets[k : k + 2])]
        above = pieces[:, :, None] > np.arange(layer.n_breakpoints, dtype=np.uint8)
        bits[:, layer.own] = above.reshape(patterns.shape[0], layer.own.stop - layer.first)
    return _words(bits)


def canonical_words(network: Network, words: WordArray) -> WordArray:
    """Return words in which comparisons that do not matter are 0, so that equal patterns are equal words."""
    if network.is_chain or not network.graph.maxima.step.size:
        return words
    numbering = network.numbering
    bits = unpack_bits(network, words)
    made = np.zeros((bits.shape[0], 64 * words.shape[1]), dtype=np.uint8)
    made[:, : bits.shape[1]] = bits
    compared = numbering.comparison_switch
    made[:, compared] = numbering.tournament.bits(numbering.tournament.winners(bits[:, compared]))
    return _words(made)


def is_fake(network: Network, words: WordArray, switch: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Tell which switches leave the pattern as it is, where all others stay.

    A comparison decides nothing where its winner loses later on: then it is a *fake* switch, and the regions on its two
    sides are one. All other switches are real.

    Parameters
    ----------
    network : Network
    words : ndarray of uint64, shape (F, words)
        Bits of all switches on one of the two sides; those of the switch itself do not matter.
    switch : ndarray of integers, shape (F,)
        What switches in each row; -1, as for a border, is none and not fake.

    Returns
    -------
    ndarray of bool, shape (F,)
    """
    fake = np.zeros(switch.shape[0], dtype=np.bool_)
    if network.is_chain or not network.graph.maxima.step.size:
        return fake
    numbering = network.numbering
    tournament, comparison = numbering.tournament, numbering.switch_comparison
    row = np.flatnonzero(switch >= 0)
    at = comparison[switch[row]]
    row, at = row[at >= 0], at[at >= 0]
    while row.size:
        side, at = tournament.side[at], tournament.parent[at]
        row, side, at = row[at >= 0], side[at >= 0], at[at >= 0]
        above = numbering.comparison_switch[at]
        bit = (words[row, above // 64] >> (above % 64).astype(np.uint64)) & np.uint64(1)
        lost = bit != side
        fake[row[lost]] = True
        row, at = row[~lost], at[~lost]
    return fake


def breakpoints_of_neurons(network: Network) -> IntArray:
    """Return how many breakpoints each neuron has, shape (n_neurons,); of a window how many comparisons.

    Their sum is the number of switches, but for units that only fill the layout of a comparing step.
    """
    if not network.is_chain:
        neuron = network.numbering.tables[0]
        return np.bincount(neuron[neuron >= 0], minlength=network.n_neurons).astype(np.int32)
    counts = [np.full(n, t, dtype=np.int32) for _, n, t in switch_layout(network) if t]
    return np.concatenate([*counts, np.zeros(0, dtype=np.int32)])


_tables: WeakKeyDictionary[Network, tuple[IntArray, IntArray]] = WeakKeyDictionary()


def switch_tables(network: Network) -> tuple[IntArray, IntArray]:
    """Neuron and breakpoint of every switch; the last entry, which index -1 finds, is that of the border. Read only.

    A comparison has the neuron of its window, and as breakpoint its number among the window's comparisons. Which
    entries it compares depends on the region. What only fills a layout has -1.
    """
    if network not in _tables:
        if network.is_chain:
            each = breakpoints_of_neurons(network)
            numbers = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
            tables = np.repeat(np.arange(each.size), each), numbers
        else:
            tables = network.numbering.tables
        neuron, breakpoint_ = (np.append(table, -1).astype(np.int32) for table in tables)
        neuron.flags.writeable = breakpoint_.flags.writeable = False
        _tables[network] = neuron, breakpoint_
    return _tables[network]


def _words(bits: npt.NDArray[np.uint8]) -> WordArray:
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)
