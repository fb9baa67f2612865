"""A network in the coordinates of a box, as the kernels want it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.networks.network import Network
from linregions.networks.switches import count_switches, switch_layout
from linregions.regions.boxes.frame import BoxFrame, affine_at
from linregions.regions.boxes.kernels.bench import Plan

FloatArray = npt.NDArray[np.float64]
WordArray = npt.NDArray[np.uint64]

_SEED = 0x9E3779B97F4A7C15


def hash_words(first: int, count: int) -> WordArray:
    """Return two words for each of some numbers, the same in every process: splitmix64."""
    with np.errstate(over="ignore"):
        z = (np.arange(2 * first, 2 * (first + count), dtype=np.uint64) + np.uint64(1)) * np.uint64(_SEED)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))).reshape(count, 2)


def _first_rows(weight: FloatArray, bias: FloatArray, frame: BoxFrame) -> FloatArray:
    """Return the rows of the first layer, each constant rounded once."""
    rows = np.empty((frame.d + 1, bias.size))
    rows[1:] = (weight * frame.scale).T
    rows[0] = affine_at(weight, bias, frame.center)
    return rows


def make_plan(network: Network, frame: BoxFrame, relative: float) -> Plan:
    """Flatten a chain."""
    d, layout = frame.d, switch_layout(network)
    layers, activations = network.layers[:-1], network.activations
    n_layers, n_switches = len(layers), count_switches(network)
    widths = np.array([layer.bias.size for layer in layers], dtype=np.int64)
    widest = int(widths.max(initial=1))
    most = max((a.n_breakpoints for a in activations), default=0)
    biases = np.zeros((n_layers, widest))
    breakpoints = np.zeros((n_layers, max(most, 1)))
    slopes, knots, heights = np.zeros((3, n_layers, most + 1))
    constant_size, slope_size = np.zeros((2, n_layers, widest))
    weights, at = [], [0]
    rows = np.zeros((d + 1, widest))
    constant, slope = np.zeros(d), np.zeros(d)
    for k, (layer, activation) in enumerate(zip(layers, activations, strict=True)):
        n, t = layer.bias.size, activation.n_breakpoints
        biases[k, :n] = layer.bias
        breakpoints[k, :t], slopes[k, : t + 1] = activation.breakpoints, activation.slopes
        knots[k, : t + 1], heights[k, : t + 1] = activation.knots
        if k == 0:
            rows[:, :n] = _first_rows(layer.weight, layer.bias, frame)
            constant, slope = np.abs(rows[0, :n]), np.abs(rows[1:, :n]).sum(axis=0)
            weights.append(np.zeros(0))
        else:
            weights.append(layer.weight.T.ravel())
            constant = np.sqrt(layer.weight**2 @ constant**2 + layer.bias**2)
            slope = np.sqrt(layer.weight**2 @ slope**2)
        at.append(at[-1] + weights[-1].size)
        constant_size[k, :n], slope_size[k, :n] = constant, slope
        steepest = max(map(abs, activation.slopes))
        constant = steepest * (constant + np.abs(knots[k]).max()) + np.abs(heights[k]).max()
        slope = steepest * slope
    switch = np.zeros((3, n_switches), dtype=np.int32)
    for k, own in enumerate(layout):
        numbers = np.arange(own.own.stop - own.own.start)
        if numbers.size:
            switch[0, own.own], switch[1:, own.own] = k, np.divmod(numbers, own.n_breakpoints)
    words = hash_words(0, 2 * n_switches + frame.sides.shape[0])
    return Plan(
        widths=widths,
        n_breakpoints=np.array([own.n_breakpoints for own in layout], dtype=np.int64),
        first_switch=np.array([own.first for own in layout], dtype=np.int64),
        weights=np.concatenate([*weights, np.zeros(0)]),
        weights_at=np.array(at[:-1], dtype=np.int64),
        biases=biases,
        breakpoints=breakpoints,
        slopes=np.ascontiguousarray(slopes),
        knots=np.ascontiguousarray(knots),
        heights=np.ascontiguousarray(heights),
        rows=rows,
        constant_size=np.ascontiguousarray(constant_size),
        slope_size=np.ascontiguousarray(slope_size),
        switch=switch,
        sides=frame.sides,
        words_on=np.ascontiguousarray(words[:n_switches]),
        words_zero=np.ascontiguousarray(words[n_switches:]),
        scale=frame.scale,
        relative=relative,
    )
