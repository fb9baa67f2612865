"""Activation patterns packed to words with one bit for each switch, and which neuron a switch belongs to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network

IntArray = npt.NDArray[np.int32]


def unpack_patterns(network: Network, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Return the piece of every neuron, shape (F, n_neurons), from words with one bit for each switch."""
    n_switches = sum(n * t for n, t in _hidden(network))
    if not n_switches:
        return np.zeros((words.shape[0], 0), dtype=np.uint8)
    little = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(little, axis=1, bitorder="little", count=n_switches)
    if all(t <= 1 for _, t in _hidden(network)):
        return bits
    pieces = []
    first = 0
    for n, t in _hidden(network):
        if t:
            pieces.append(bits[:, first : first + n * t].reshape(-1, n, t).sum(axis=2, dtype=np.uint8))
        first += n * t
    return np.concatenate(pieces, axis=1)


def breakpoints_of_neurons(network: Network) -> IntArray:
    """Return how many breakpoints each neuron has, shape (n_neurons,); their sum is the number of switches."""
    counts = [np.full(n, t, dtype=np.int32) for n, t in _hidden(network) if t]
    return np.concatenate([*counts, np.zeros(0, dtype=np.int32)])


def pack_patterns(network: Network, patterns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    """Return words with one bit for each switch, shape (F, words), from the piece of every neuron."""
    n_switches = sum(n * t for n, t in _hidden(network))
    bits = np.zeros((patterns.shape[0], -(-n_switches // 64) * 64), dtype=np.uint8)
    first, neuron = 0, 0
    for n, t in _hidden(network):
        if t:
            pieces = patterns[:, neuron : neuron + n]
            above = pieces[:, :, None] > np.arange(t, dtype=np.uint8)
            bits[:, first : first + n * t] = above.reshape(patterns.shape[0], n * t)
            first, neuron = first + n * t, neuron + n
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def _hidden(network: Network) -> list[tuple[int, int]]:
    """Return units and breakpoints of every hidden layer."""
    pairs = zip(network.layers[:-1], network.activations, strict=True)
    return [(layer.weight.shape[0], activation.n_breakpoints) for layer, activation in pairs]


def switch_tables(network: Network) -> tuple[IntArray, IntArray]:
    """Neuron and breakpoint of every switch; the last entry, which index -1 finds, is that of the border."""
    neurons, breakpoints = [], []
    for k, activation in enumerate(network.activations):
        low, high = network.neuron_offsets[k : k + 2]
        t = activation.n_breakpoints
        neurons.append(np.repeat(np.arange(low, high), t))
        breakpoints.append(np.tile(np.arange(t), high - low))
    border = [np.array([-1])]
    return (
        np.concatenate([*neurons, *border]).astype(np.int32),
        np.concatenate([*breakpoints, *border]).astype(np.int32),
    )
