"""The integrand of Theorems 3 and 6 for many networks and points at once: forward passes with pinned neurons.

To *pin* a neuron z at a point x to the breakpoint xi is to set its bias to ``b_z = z(x) - xi``, which is what the
co-area formula does: behind it everything is evaluated as if z put out ``phi(xi)``. A state is a point together with
the neurons pinned so far, in the order of the layers; a layer turns a state into itself and one more state for each
neuron that can be pinned there. Two things make this simple:

- ``||J||`` is the product of the heights of each gradient over those before it, so it does not depend on which side
  of z the slope behind it is taken from: that changes later gradients by a multiple of z's. The slope 0 is taken.
- A pinned neuron counts as open, because neighbouring slopes differ, so one of them is not 0.

States of all networks lie in arrays padded to the largest number of them; padding has the factor 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from linregions._support.validation import FloatArray
from linregions.networks.activations import PiecewiseLinear
from linregions.theory.bias_laws import JointNormalBiases

IntArray = npt.NDArray[np.intp]
# What is left out is below this part of a network's largest term, far below the rounding of their sum.
_NEGLIGIBLE = 1e-22


@dataclass(frozen=True)
class Hidden:
    """What the networks of a batch are behind their first pre-activations."""

    weights: Sequence[FloatArray]  # (B, n_next, n): of each affine step but the first, the output's included
    biases: Sequence[FloatArray]  # (B, n): the paper's ``b_z`` of each hidden layer
    activations: Sequence[PiecewiseLinear]
    # Density of the biases of each hidden layer; a joint law is about the neurons of all layers.
    densities: Sequence[Callable[[FloatArray], Any]] | JointNormalBiases


@dataclass(frozen=True)
class Terms:
    """Terms of the sum over neurons and breakpoints: entry i is of the network `net[i]` at its point `point[i]`.

    ``neurons`` and ``breakpoints`` have shape (n_terms, k); a term that is not listed is 0 (or far below rounding).
    """

    net: IntArray
    point: IntArray
    neurons: IntArray
    breakpoints: IntArray
    value: FloatArray

    def of(self, neurons: Sequence[int]) -> Terms:
        """Return the terms of one set of neurons, in increasing order."""
        chosen = np.flatnonzero(np.all(self.neurons == neurons, axis=1))
        return Terms(
            self.net[chosen], self.point[chosen], self.neurons[chosen], self.breakpoints[chosen], self.value[chosen]
        )

    def sums(self, n_nets: int, n_points: int) -> FloatArray:
        """Return the sum of the terms at each point, shape (n_nets, n_points)."""
        flat = np.bincount(self.net * n_points + self.point, weights=self.value, minlength=n_nets * n_points)
        return np.asarray(flat.reshape(n_nets, n_points))


@dataclass
class _States:
    stack: FloatArray  # (B, S, 1 + m, n): values and their m derivatives; (B, S, 1, n) when all k neurons are pinned
    factor: FloatArray  # (B, S): densities times heights so far, 0 for padding and for neurons that are not good
    point: IntArray  # (B, S)
    frame: FloatArray  # (B, S, p, m): orthonormal basis of the gradients of the pinned neurons
    neurons: IntArray  # (B, S, p), numbered through all layers
    levels: IntArray  # (B, S, p): at which breakpoint
    positions: FloatArray  # (B, S, p): the biases b_z they were given
    here: int = 0  # how many of the last pins are in the layer at hand
    reach: npt.NDArray[np.bool_] | None = None  # (B, S, p - here, n): open neurons that a pinned one has a path to

    @property
    def n_pins(self) -> int:
        return int(self.neurons.shape[2])

    def take(self, index: IntArray, full: bool) -> _States:
        """Return the states `index`, shape (B, S'), with or without derivatives."""

        def pick(array: npt.NDArray[Any]) -> Any:
            return np.take_along_axis(array, index.reshape(*index.shape, *(1,) * (array.ndim - 2)), axis=1)

        return _States(
            stack=pick(self.stack if full else self.stack[:, :, :1]),
            reach=None if self.reach is None else pick(self.reach),
            here=self.here,
            **{name: pick(getattr(self, name)) for name in _PER_STATE},
        )


_PER_STATE = ("factor", "point", "frame", "neurons", "levels", "positions")


def pinned_terms(first: FloatArray, hidden: Hidden, k: int, importance: FloatArray | None = None) -> Terms:
    """Return every term of eqs. (8) and (13) at the given points: unordered sets of k neurons and their breakpoints.

    `first`, (B, M, 1 + m, n_1), holds pre-activations of the first layer without biases at M points of each network,
    and their derivatives along m orthonormal directions; `importance`, (B, M), weights that the points will get, so
    that what is negligible can be told.
    """
    nets, points, rows, _ = first.shape
    weight = np.ones((nets, points)) if importance is None else importance
    empty = np.zeros((nets, points, 0), dtype=np.intp)
    index = np.broadcast_to(np.arange(points), (nets, points))
    start = _States(
        first, weight, index, np.zeros((nets, points, 0, rows - 1)), empty, empty, np.zeros((nets, points, 0))
    )
    closable = any(0.0 in activation.slopes for activation in hidden.activations)
    dense = all(bool(np.all(w)) for w in hidden.weights)
    if not dense:
        start = replace(start, reach=np.zeros((nets, points, 0, first.shape[3]), dtype=bool))
    pools: list[_States] = [start]
    done: list[_States] = []
    offset = 0
    for layer, activation in enumerate(hidden.activations):
        width = pools[0].stack.shape[3] if pools else 0
        entering = list(pools)
        for states in entering:
            child = states
            while child.n_pins < k and activation.n_breakpoints and child.factor.size:
                child = _pin(child, hidden, layer, offset, k)
                if child.n_pins == k and not closable and dense:
                    done.append(child)
                elif child.factor.size:
                    pools.append(child)
        pools = _merged([_advance(states, hidden, layer, offset, dense) for states in pools])
        offset += width if activation.n_breakpoints else 0
    if not dense:
        last = np.any(hidden.weights[-1] != 0, axis=1)[:, None, None, :]
        for states in pools:
            assert states.reach is not None
            good = np.all(np.any(states.reach & last, axis=3), axis=2)
            states.factor = states.factor * good
    return _collect([*done, *(states for states in pools if states.n_pins == k)], k, weight)


def _pin(states: _States, hidden: Hidden, layer: int, offset: int, k: int) -> _States:
    """Return each state with each one neuron more of this layer pinned to each breakpoint."""
    activation = hidden.activations[layer]
    xi = np.asarray(activation.breakpoints)
    nets, count, _, width = states.stack.shape
    final = states.n_pins + 1 == k
    gradients = states.stack[:, :, 1:].swapaxes(2, 3)  # (B, S, n, m)
    for pin in range(states.n_pins):
        unit = states.frame[:, :, pin, None, :]
        gradients = gradients - (gradients * unit).sum(axis=3, keepdims=True) * unit
    heights = np.sqrt((gradients * gradients).sum(axis=3))
    positions = states.stack[:, :, 0, :, None] - xi  # (B, S, n, T)
    density = _density(states, hidden, layer, offset, positions, final)
    value = states.factor[:, :, None, None] * heights[..., None] * density
    if states.here:  # sets are unordered: within a layer, pins have increasing numbers
        last = states.neurons[:, :, -1] - offset
        value = value * (np.arange(width) > last[..., None])[..., None]
    value = value.reshape(nets, -1)
    largest = value.max(axis=1, initial=0.0)
    # Before the last pin nothing is known of the factors to come, so only what is hopeless is dropped.
    chosen, keep = _compressed(value > largest[:, None] * (_NEGLIGIBLE if final else _NEGLIGIBLE**2))
    parent, unit_index, level = np.unravel_index(chosen, (count, width, xi.size))
    child = states.take(parent, full=not final)
    child.factor = np.where(keep, np.take_along_axis(value, chosen, axis=1), 0.0)
    net = np.arange(nets)[:, None]
    if not final:
        direction = gradients[net, parent, unit_index]
        length = heights[net, parent, unit_index]
        direction = direction / np.where(length > 0, length, 1.0)[..., None]
        child.frame = np.concatenate([child.frame, direction[:, :, None, :]], axis=2)
    child.neurons = np.concatenate([child.neurons, (offset + unit_index)[..., None]], axis=2)
    child.levels = np.concatenate([child.levels, level[..., None]], axis=2)
    given = np.take_along_axis(positions.reshape(nets, -1), chosen, axis=1)
    child.positions = np.concatenate([child.positions, given[..., None]], axis=2)
    child.here = states.here + 1
    return child


def _compressed(mask: npt.NDArray[np.bool_]) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Return the columns where each row of `mask` is true, padded to the longest row, and what is no padding."""
    row, column = np.nonzero(mask)
    counts = np.bincount(row, minlength=mask.shape[0])
    rank = np.arange(row.size) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.zeros((mask.shape[0], int(counts.max(initial=0))), dtype=np.intp)
    chosen[row, rank] = column
    return chosen, np.arange(chosen.shape[1]) < counts[:, None]


def _density(
    states: _States, hidden: Hidden, layer: int, offset: int, positions: FloatArray, final: bool
) -> FloatArray:
    """Return the factor that pinning each neuron at each breakpoint brings, shape (B, S, n, T)."""
    law = hidden.densities
    if not isinstance(law, JointNormalBiases):
        return np.asarray(law[layer](positions), dtype=np.float64)
    result = np.ones(positions.shape)
    if not final:  # the density of all pinned biases together, given the others, is taken with the last of them
        return result
    last = states.neurons[:, :, -1:] if states.here else np.full((*positions.shape[:2], 1), -1)
    new = offset + np.arange(positions.shape[2])
    net, at, unit, level = np.nonzero(np.broadcast_to((new > last)[..., None], positions.shape))
    biases = [b for b, phi in zip(hidden.biases, hidden.activations, strict=True) if phi.n_breakpoints]
    neurons = np.concatenate([states.neurons[net, at], new[unit, None]], axis=1)
    values = np.concatenate([states.positions[net, at], positions[net, at, unit, level, None]], axis=1)
    result[net, at, unit, level] = law.conditional_density(neurons, values, np.concatenate(biases, axis=1), net)
    return result


def _advance(states: _States, hidden: Hidden, layer: int, offset: int, dense: bool) -> _States:
    """Return the states before the next layer: activation, goodness, affine step."""
    activation = hidden.activations[layer]
    argument = states.stack[:, :, 0] - hidden.biases[layer][:, None, :]
    piece = activation.pieces(argument)
    slope, output = activation.table.slopes[piece], activation.table.at(argument, piece)
    is_open = slope != 0.0
    if states.here:
        index = states.neurons[:, :, -states.here :] - offset
        put = activation(np.asarray(activation.breakpoints))[states.levels[:, :, -states.here :]]
        np.put_along_axis(output, index, put, axis=2)
        np.put_along_axis(slope, index, 0.0, axis=2)
        np.put_along_axis(is_open, index, True, axis=2)
    stack = np.concatenate([output[:, :, None], slope[:, :, None] * states.stack[:, :, 1:]], axis=2)
    factor, reach = states.factor, states.reach
    if dense:
        # With no weight zero there is a path as long as each later layer has an open neuron.
        if states.n_pins > states.here:
            factor = factor * is_open.any(axis=2)
    else:
        assert reach is not None
        reach = reach & is_open[:, :, None, :]
        factor = factor * reach.any(axis=3).all(axis=2)
        new = np.zeros((*reach.shape[:2], states.here, reach.shape[3]), dtype=bool)
        if states.here:
            np.put_along_axis(new, index[..., None], True, axis=3)
        reach = np.concatenate([reach, new], axis=2)
    if layer + 1 == len(hidden.activations):
        return replace(states, stack=stack[:, :, :1], factor=factor, reach=reach, here=0)
    weight = hidden.weights[layer]
    nets, count, rows, width = stack.shape
    after = np.matmul(stack.reshape(nets, count * rows, width), weight.swapaxes(1, 2))
    if reach is not None:
        linked = reach.reshape(nets, count * states.n_pins, width).astype(np.float64) @ (weight != 0).swapaxes(1, 2)
        reach = (linked > 0).reshape(nets, count, states.n_pins, weight.shape[1])
    return replace(states, stack=after.reshape(nets, count, rows, -1), factor=factor, reach=reach, here=0)


def _merged(pools: list[_States]) -> list[_States]:
    """Return the pools with those of the same number of pins put together."""
    merged: list[_States] = []
    for pins in sorted({states.n_pins for states in pools}):
        same = [states for states in pools if states.n_pins == pins]
        if len(same) == 1:
            merged += same
            continue

        def joined(name: str, group: list[_States] = same) -> Any:
            parts = [getattr(states, name) for states in group]
            return None if parts[0] is None else np.concatenate(parts, axis=1)

        merged.append(_States(**{name: joined(name) for name in ("stack", "reach", *_PER_STATE)}))
    return merged


def _collect(groups: list[_States], k: int, weight: FloatArray) -> Terms:
    """Return the states with a factor that is not 0 as terms, the weights of the points divided out again."""
    parts = []
    for states in groups:
        net, at = np.nonzero(states.factor)
        parts.append(
            (net, states.point[net, at], states.neurons[net, at], states.levels[net, at], states.factor[net, at])
        )
    if not parts:
        none = np.zeros(0, dtype=np.intp)
        return Terms(none, none, np.zeros((0, k), np.intp), np.zeros((0, k), np.intp), np.zeros(0))
    net, point, neurons, levels, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Terms(net, point, neurons, levels, value / weight[net, point])
