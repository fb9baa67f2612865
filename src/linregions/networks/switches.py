"""Switches, a neuron at a breakpoint each: their numbers, and patterns packed to words with a bit for each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network

IntArray = npt.NDArray[np.int32]


class LayerSwitches(NamedTuple):
    """A hidden layer's switches: unit k of n, with T breakpoints each, has ``first + k T`` and T - 1 after it."""

    first: int
    n_units: int
    n_breakpoints: int

    @property
    def own(self) -> slice:
        """Numbers of all."""
        return slice(self.first, self.first + self.n_units * self.n_breakpoints)


def switch_layout(network: Network) -> list[LayerSwitches]:
    """Return which switches every hidden layer has."""
    layout, first = [], 0
    for n, activation in zip(network.widths[1:-1], network.activations, strict=True):
        layout.append(LayerSwitches(first, n, activation.n_breakpoints))
        first = layout[-1].own.stop
    return layout


def count_switches(network: Network) -> int:
    """Return how many switches there are."""
    layout = switch_layout(network)
    return layout[-1].own.stop if layout else 0


def bytes_of_words(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Return packed patterns byte by byte, the lowest first, on any machine."""
    return np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)


def unpack_patterns(network: Network, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Return the piece of every neuron, shape (F, n_neurons), from words with one bit for each switch."""
    layout = [layer for layer in switch_layout(network) if layer.n_breakpoints]
    if not layout:
        return np.zeros((words.shape[0], 0), dtype=np.uint8)
    bits = np.unpackbits(bytes_of_words(words), axis=1, bitorder="little", count=layout[-1].own.stop)
    if all(layer.n_breakpoints == 1 for layer in layout):
        return bits
    pieces = [
        bits[:, layer.own].reshape(-1, layer.n_units, layer.n_breakpoints).sum(axis=2, dtype=np.uint8)
        for layer in layout
    ]
    return np.concatenate(pieces, axis=1)


def pack_patterns(network: Network, patterns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return words with one bit for each switch, shape (F, words), from the piece of every neuron."""
    bits = np.zeros((patterns.shape[0], -(-count_switches(network) // 64) * 64), dtype=np.uint8)
    for k, layer in enumerate(switch_layout(network)):
        pieces = patterns[:, slice(*network.neuron_offsets[k : k + 2])]
        above = pieces[:, :, None] > np.arange(layer.n_breakpoints, dtype=np.uint8)
        bits[:, layer.own] = above.reshape(patterns.shape[0], layer.own.stop - layer.first)
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def breakpoints_of_neurons(network: Network) -> IntArray:
    """Return how many breakpoints each neuron has, shape (n_neurons,); their sum is the number of switches."""
    counts = [np.full(n, t, dtype=np.int32) for _, n, t in switch_layout(network) if t]
    return np.concatenate([*counts, np.zeros(0, dtype=np.int32)])


def switch_tables(network: Network) -> tuple[IntArray, IntArray]:
    """Neuron and breakpoint of every switch; the last entry, which index -1 finds, is that of the border."""
    each = breakpoints_of_neurons(network)
    numbers = np.arange(each.sum()) - np.repeat(np.cumsum(each) - each, each)
    tables = np.repeat(np.arange(each.size), each), numbers
    return tuple(np.append(table, -1).astype(np.int32) for table in tables)  # type: ignore[return-value]
