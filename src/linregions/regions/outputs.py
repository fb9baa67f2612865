"""The outputs of a network on known regions, as affine maps, and what of them is compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray, as_choice, as_float_array, as_integer
from linregions.errors import InvalidValueError
from linregions.networks import graph_outputs
from linregions.networks.network import Network
from linregions.networks.switches import unpack_bits, unpack_patterns

IndexArray = npt.NDArray[np.intp]
WordArray = npt.NDArray[np.uint64]

# How many numbers a temporary array may hold.
_BLOCK_NUMBERS = 1 << 20


def region_maps(network: Network, rows: FloatArray, words: WordArray) -> FloatArray:
    """Return the outputs on regions as affine maps, (F, n_out, k), from rows taken through the pieces of every neuron.

    The rows, (k, n_in), are what each coordinate adds to the input, the last one the point where all coordinates are 0;
    the words are the packed patterns of the regions.
    """
    if not network.is_chain:
        return _graph_maps(network, rows, words)
    first = network.layers[0].linear(rows)
    first[-1] += network.layers[0].bias
    result = np.empty((words.shape[0], network.n_out, rows.shape[0]))
    size = max(1, _BLOCK_NUMBERS // (rows.shape[0] * max(network.widths[1:])))
    for begin in range(0, words.shape[0], size):
        patterns = unpack_patterns(network, words[begin : begin + size])
        stack = np.broadcast_to(first, (patterns.shape[0], *first.shape))
        result[begin : begin + size] = maps_on_pieces(network, stack, patterns)
    return result


def _graph_maps(network: Network, rows: FloatArray, words: WordArray) -> FloatArray:
    result = np.empty((words.shape[0], network.n_out, rows.shape[0]))
    size = _regions_at_once(network, rows.shape[0])
    for begin in range(0, words.shape[0], size):
        pieces = network.numbering.pieces_of_bits(unpack_bits(network, words[begin : begin + size]))
        result[begin : begin + size] = graph_outputs.maps_along(network.graph, rows, pieces)
    return result


def maps_along(network: Network, rows: FloatArray, patterns: npt.NDArray[np.uint8]) -> FloatArray:
    """Return the outputs of a graph on regions of different domains as affine maps, shape (F, n_out, k).

    Parameters
    ----------
    network : Network
    rows : ndarray of float64, shape (F, k, n_in)
        What each coordinate adds to the input, in each region; the last row is the point where all coordinates are 0.
    patterns : ndarray of uint8, shape (F, n_neurons)
    """
    result = np.empty((patterns.shape[0], network.n_out, rows.shape[1]))
    size = _regions_at_once(network, rows.shape[1])
    for begin in range(0, patterns.shape[0], size):
        block = slice(begin, begin + size)
        pieces = network.numbering.pieces(patterns[block])
        result[block] = graph_outputs.maps_along(network.graph, rows[block], pieces)
    return result


def _regions_at_once(network: Network, n_rows: int) -> int:
    widest = max(network.n_in, *(step.layout.n_units for step in network.graph.steps))
    return max(1, _BLOCK_NUMBERS // (n_rows * widest))


def maps_on_pieces(network: Network, stack: FloatArray, patterns: npt.NDArray[np.uint8]) -> FloatArray:
    """Return the outputs as affine maps, shape (F, n_out, k), where the first layer is `stack`, (F, k, width)."""
    for k, layer in enumerate(network.layers[1:]):
        stack = stack * piece_slopes(network, k, patterns)[:, None, :]
        stack[:, -1] += network.activations[k].intercepts[_piece(network, k, patterns)]
        stack = layer.linear(stack)
        stack[:, -1] += layer.bias
    return np.asarray(stack.transpose(0, 2, 1))


def patterns_in_plane(
    network: Network, rows: FloatArray, points: FloatArray
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Yield (number of the first point, activation patterns) of blocks of points (u, v) of a plane; rows as above."""
    if not network.is_chain:
        yield from _graph_patterns(network, rows, points)
        return
    first = network.layers[0].linear(rows)
    first[2] += network.layers[0].bias
    size = max(1, _BLOCK_NUMBERS // max(network.widths[1:]))
    for begin in range(0, points.shape[0], size):
        values = points[begin : begin + size] @ first[:2] + first[2]
        patterns = np.empty((values.shape[0], network.n_neurons), dtype=np.uint8)
        for k, activation in enumerate(network.activations):
            low, high = network.neuron_offsets[k : k + 2]
            if high > low:
                patterns[:, low:high] = activation.pieces(values)
            if k + 1 < len(network.activations):  # the outputs are not asked for
                values = network.layers[k + 1](activation(values))
        yield begin, patterns


def _graph_patterns(
    network: Network, rows: FloatArray, points: FloatArray
) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    size = _regions_at_once(network, 1)
    for begin in range(0, points.shape[0], size):
        yield begin, network.patterns(points[begin : begin + size] @ rows[:2] + rows[2])


def _piece(network: Network, k: int, patterns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the piece of every unit of hidden layer k, shape (F, width); units without breakpoint have one."""
    low, high = network.neuron_offsets[k : k + 2]
    if high > low:
        return patterns[:, low:high]
    return np.zeros((patterns.shape[0], network.layers[k].weight.shape[0]), np.uint8)


def piece_slopes(network: Network, k: int, patterns: npt.NDArray[np.uint8]) -> FloatArray:
    """Return the slope of every unit of hidden layer k, shape (F, width)."""
    return network.activations[k].table.slopes[_piece(network, k, patterns)]


@dataclass(frozen=True)
class Comparison:
    """What is compared: ``weight @ outputs + constant``, affine functions of the outputs."""

    weight: FloatArray  # (n, n_out)
    constant: FloatArray  # (n,)

    @classmethod
    def of_classes(cls, n_out: int, decision: str, who: str) -> Comparison:
        """Compare all outputs, negated for the smallest of them; a single one with a constant 0 that comes first."""
        sign = 1.0 if as_choice(decision, "decision", who, ("argmax", "argmin")) == "argmax" else -1.0
        if n_out == 1:
            return cls(np.array([[0.0], [sign]]), np.zeros(2))
        return cls(sign * np.eye(n_out), np.zeros(n_out))

    @classmethod
    def of_level(cls, n_out: int, output: int, level: float, who: str) -> Comparison:
        """Compare a level, which comes first, with one output, or raise."""
        number = as_integer(output, "output", who, 0)
        if number >= n_out:
            raise InvalidValueError(
                f"`output` is {number}, but {who} needs one below the number of outputs, {n_out}. Count outputs from 0."
            )
        height = float(as_float_array(level, "level", who, ndim=0))
        weight = np.zeros((2, n_out))
        weight[1, number] = 1.0
        return cls(weight, np.array([height, 0.0]))

    def of(self, network: Network) -> tuple[Network, npt.NDArray[np.int64]]:
        """Return the network whose outputs are what is compared, without copies of earlier ones, and their numbers.

        A copy never wins, and rounding must not tell it from what it is a copy of.
        """
        if not network.is_chain:
            return network.with_outputs(self.weight, self.constant)
        last = network.layers[-1]
        weight, bias = self.weight @ last.weight, self.weight @ last.bias + self.constant
        _, kept = np.unique(np.column_stack([weight, bias]), axis=0, return_index=True)
        kept.sort()
        steps = [(layer.weight, layer.bias) for layer in network.layers[:-1]]
        return Network.from_layers([*steps, (weight[kept], bias[kept])], network.activations), kept.astype(np.int64)


def root_mean_squares(network: Network, sizes: FloatArray, *, biases: bool = True) -> FloatArray:
    """Return how large the terms are whose sums the outputs are, for inputs of some sizes, (S, n_in) -> (S, n_out).

    Terms of random signs add up like squares, and rounding with them. Without biases: sizes of changes.
    """
    if not network.is_chain:
        return graph_outputs.root_mean_squares(network.graph, sizes, biases=biases)
    for layer, activation in zip(network.layers, (*network.activations, None), strict=True):
        heaviest, largest = float(np.abs(layer.weight).max()), float(sizes.max(initial=0.0))
        if heaviest and largest:  # in units of the largest, so that squares neither overflow nor vanish all
            squares = np.square(sizes / largest) @ np.square(layer.weight / heaviest).T
            sizes = heaviest * largest * np.sqrt(squares)
        else:
            sizes = np.zeros((sizes.shape[0], layer.weight.shape[0]))
        if biases:
            sizes = sizes + np.abs(layer.bias)
        if activation is not None:
            sizes = sizes * np.max(np.abs(activation.slopes)) + biases * np.max(np.abs(activation.intercepts))
    return sizes
