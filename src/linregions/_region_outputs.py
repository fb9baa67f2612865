"""The outputs of a network on known regions of a plane: affine maps, and which output wins at the vertices.

Neighbouring regions differ in few switches. So regions are taken in groups; in a group all but few neurons keep
their piece, and every tensor is a combination of few functions: 1, u, v and the activations of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._validation import FloatArray, as_float_array, as_integer
from linregions.activations import RELU
from linregions.errors import InvalidValueError
from linregions.network import Network
from linregions.pattern_words import unpack_patterns

IndexArray = npt.NDArray[np.intp]
WordArray = npt.NDArray[np.uint64]

# How many numbers a temporary array may hold.
_BLOCK_NUMBERS = 1 << 20
# Regions in a group: fewer share too little work on rows, more have too many neurons that switch among them.
_GROUP = 1024


def region_maps(network: Network, rows: FloatArray, words: WordArray) -> FloatArray:
    """Return the outputs on regions as affine maps, by propagating rows through the pieces of every neuron.

    Parameters
    ----------
    network : Network
    rows : ndarray of float64, shape (k, n_in)
        What each coordinate adds to the input; the last row is the point where all coordinates are 0.
    words : ndarray of uint64, shape (F, words)
        Packed patterns of the regions.

    Returns
    -------
    ndarray of float64, shape (F, n_out, k)
    """
    first = network.layers[0].linear(rows)
    first[-1] += network.layers[0].bias
    result = np.empty((words.shape[0], network.n_out, rows.shape[0]))
    size = max(1, _BLOCK_NUMBERS // (rows.shape[0] * max(network.widths[1:])))
    for begin in range(0, words.shape[0], size):
        patterns = unpack_patterns(network, words[begin : begin + size])
        stack = np.broadcast_to(first, (patterns.shape[0], *first.shape))
        result[begin : begin + size] = maps_on_pieces(network, stack, patterns)
    return result


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


def _piece(network: Network, k: int, patterns: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the piece of every unit of hidden layer k, shape (F, width); units without breakpoint have one."""
    low, high = network.neuron_offsets[k : k + 2]
    if high > low:
        return patterns[:, low:high]
    return np.zeros((patterns.shape[0], network.layers[k].weight.shape[0]), np.uint8)


def piece_slopes(network: Network, k: int, patterns: npt.NDArray[np.uint8]) -> FloatArray:
    """Return the slope of every unit of hidden layer k, shape (F, width)."""
    return np.asarray(network.activations[k].slopes)[_piece(network, k, patterns)]


@dataclass(frozen=True)
class Comparison:
    """What is compared: ``weight @ outputs + constant``, affine functions of the outputs.

    Parameters
    ----------
    weight : ndarray of float64, shape (n, n_out)
    constant : ndarray of float64, shape (n,)
    """

    weight: FloatArray
    constant: FloatArray

    @classmethod
    def of_classes(cls, n_out: int, sign: float) -> Comparison:
        """Compare all outputs, negated for the smallest of them; a single one with a constant 0 that comes first."""
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


@dataclass(frozen=True)
class Stage:
    """One hidden layer of a group: functions that join those before it, or take their place.

    Parameters
    ----------
    units : ndarray of intp, shape (m,)
        Which units of the layer they are.
    rows : ndarray of float64, shape (m, functions before)
        Their pre-activations as combinations of the functions before.
    kept : int
        How many functions stay: all, or none, and then the constant follows the new ones.
    """

    units: IndexArray
    rows: FloatArray
    kept: int


class RegionGroup:
    """Some neighbouring regions of a plane, and the outputs of a network there.

    Parameters
    ----------
    network : Network
    lines : list of ndarray of float64, shape (2, pieces)
        Slopes and intercepts of each activation.
    affine : ndarray of float64, shape (units of the first layer, 3)
        Their pre-activations as combinations of u, v and 1.
    pattern : ndarray of uint8, shape (n_neurons,)
        That of one of the regions.
    mixed : ndarray of bool, shape (n_neurons,)
        Which neurons are on another piece in another of them.
    """

    def __init__(
        self,
        network: Network,
        lines: list[FloatArray],
        affine: FloatArray,
        pattern: npt.NDArray[np.uint8],
        mixed: npt.NDArray[np.bool_],
    ) -> None:
        self.network, self.lines = network, lines
        self.stages: list[Stage] = []
        constant, rows = 2, affine
        for k, layer in enumerate(network.layers[1:]):
            low, high = network.neuron_offsets[k : k + 2]
            here = mixed[low:high] if high > low else np.zeros(rows.shape[0], dtype=bool)
            piece = pattern[low:high] if high > low else np.zeros(rows.shape[0], dtype=np.uint8)
            slopes, intercepts = np.where(here, 0.0, lines[k][:, piece])
            units, steady = np.flatnonzero(here), np.flatnonzero(slopes)
            used = rows.shape[1]
            if steady.size + 1 <= used:
                # Fewer units than functions: these units are the functions from here on.
                units = np.flatnonzero(here | (slopes != 0.0))
                self.stages.append(Stage(units, rows[units], 0))
                silent = np.where(slopes != 0.0, 0.0, intercepts)
                after = np.empty((layer.weight.shape[0], units.size + 1))
                after[:, :-1], after[:, -1] = layer.weight[:, units], layer.weight @ silent + layer.bias
                constant = units.size
            else:
                self.stages.append(Stage(units, rows[units], used))
                after = np.empty((layer.weight.shape[0], used + units.size))
                # Most units are closed, or switch and are functions of their own.
                np.matmul(layer.weight[:, steady], rows[steady] * slopes[steady, None], out=after[:, :used])
                after[:, constant] += layer.weight @ intercepts + layer.bias
                after[:, used:] = layer.weight[:, units]
            rows = after
        self.rows = rows
        self.most_functions = 3 + max((stage.kept + stage.units.size for stage in self.stages), default=0)

    def values(self, points: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], FloatArray]:
        """Evaluate the outputs at points (u, v, 1), given as columns, in their precision.

        Returns
        -------
        outputs : ndarray, shape (n_out, points)
        sizes : ndarray of float64, shape (n_out,)
            How large the terms are whose sums they are, those of earlier layers included.
        """
        dtype, n = points.dtype, points.shape[1]
        room = np.empty((self.most_functions, n), dtype)
        room[:3] = points
        used, constant = 3, 2
        squares = np.square(np.abs(points).max(axis=1).astype(np.float64))
        for k, stage in enumerate(self.stages):
            activation = self.network.activations[k]
            added = stage.units.size
            if not stage.kept:
                room, before = np.empty_like(room), room
                room[added] = before[constant]
            else:
                before = room
            fresh = room[stage.kept : stage.kept + added]
            np.matmul(stage.rows.astype(dtype), before[:used], out=fresh)
            # Terms of random signs add up like squares, and rounding with them.
            sizes = np.square(stage.rows) @ squares * np.max(np.square(activation.slopes))
            if activation == RELU:
                np.maximum(fresh, 0, out=fresh)
                largest = fresh.max(axis=1)
            else:
                fresh[:] = activation(fresh)
                largest = np.maximum(fresh.max(axis=1), -fresh.min(axis=1))
            sizes += np.square(largest, dtype=np.float64)
            if stage.kept:
                squares, used = np.concatenate([squares, sizes]), used + added
            else:
                squares, used, constant = np.append(sizes, squares[constant]), added + 1, added
        values = room[:used]
        # By Cauchy and Schwarz at least the sum of absolute values, if the terms were exact.
        sizes = np.sqrt(used * (np.square(self.rows) @ squares))
        return self.rows.astype(dtype) @ values, sizes

    def maps(self, patterns: npt.NDArray[np.uint8]) -> FloatArray:
        """Return the outputs on regions of the group as affine maps, shape (regions, n_out, 3), from their patterns."""
        n = patterns.shape[0]
        values, constant = np.tile(np.eye(3), n), 2  # coefficients of u, v and 1 for every region
        for k, stage in enumerate(self.stages):
            low, high = self.network.neuron_offsets[k : k + 2]
            piece = patterns[:, low:high][:, stage.units].T if high > low else np.zeros((stage.units.size, n), np.uint8)
            slopes, intercepts = self.lines[k][:, piece]
            fresh = (stage.rows @ values).reshape(-1, n, 3) * slopes[:, :, None]
            fresh[:, :, 2] += intercepts
            fresh = fresh.reshape(-1, 3 * n)
            if stage.kept:
                values = np.concatenate([values, fresh])
            else:
                values, constant = np.concatenate([fresh, values[constant : constant + 1]]), fresh.shape[0]
        return np.asarray((self.rows @ values).reshape(-1, n, 3).transpose(1, 0, 2))


def region_groups(network: Network, rows: FloatArray, words: WordArray) -> Iterator[tuple[int, int, RegionGroup]]:
    """Cut regions into groups: yield the number of the first, that after the last, and the group.

    Parameters
    ----------
    network : Network
    rows : ndarray of float64, shape (3, n_in)
        What u and v add to the input, and the point where both are 0.
    words : ndarray of uint64, shape (F, words)
        Packed patterns of the regions.

    Notes
    -----
    Regions that follow one another lie together mostly, since cells of the window are worked one after another; where
    they do not, only time is lost.
    """
    affine = network.layers[0].linear(rows)
    affine[2] += network.layers[0].bias
    affine = np.ascontiguousarray(affine.T)
    starts = np.arange(0, words.shape[0], _GROUP)
    lines = [np.stack([np.asarray(each.slopes), each.intercepts]) for each in network.activations]
    patterns, mixed = unpack_patterns(network, words[starts]), _mixed_neurons(network, words, starts)
    for g, start in enumerate(starts.tolist()):
        stop = min(start + _GROUP, words.shape[0])
        yield start, stop, RegionGroup(network, lines, affine, patterns[g], mixed[g])


def first_sides(n_vertices: int, face_vertices: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Tell which corners of regions, region by region, are the first to be at their vertex."""
    numbers = np.arange(face_vertices.size, dtype=np.int32 if face_vertices.size < 2**31 else np.int64)
    first = np.zeros(n_vertices, dtype=numbers.dtype)
    # Of several values for one place the last stays.
    first[face_vertices[::-1]] = numbers[::-1]
    return np.asarray(first[face_vertices] == numbers)


def _mixed_neurons(network: Network, words: WordArray, starts: IndexArray) -> npt.NDArray[np.bool_]:
    """Tell which neurons are not on one piece throughout each group, shape (groups, n_neurons)."""
    if not words.shape[1]:
        return np.zeros((starts.size, network.n_neurons), dtype=bool)
    differ = np.bitwise_or.reduceat(words, starts, axis=0) ^ np.bitwise_and.reduceat(words, starts, axis=0)
    return unpack_patterns(network, np.asarray(differ, dtype=np.uint64)) > 0
