"""Restrict a network to a plane and flatten it for the kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions.domains import PlaneWindow
from linregions.kernels import plan as records
from linregions.kernels.products import TILE_COLUMNS
from linregions.kernels.restriction import dots
from linregions.network import AffineLayer, Network

FloatArray = npt.NDArray[np.float64]


def switch_layout(network: Network) -> list[tuple[int, int, int]]:
    """Return (first switch, neurons, breakpoints) of every hidden layer; neuron k has switches first + k T ..."""
    layout = []
    first = 0
    for layer, activation in zip(network.layers[:-1], network.activations, strict=True):
        n, t = layer.weight.shape[0], activation.n_breakpoints
        layout.append((first, n, t))
        first += n * t
    return layout


def _restrict(layer: AffineLayer, window: PlaneWindow) -> tuple[FloatArray, FloatArray]:
    """Return a first layer as constant and slopes in u and v, shape (3, n), and the size of the constant's rounding.

    Summed in twice the precision: thousands of inputs would otherwise blur each line.
    """
    n, n_in = layer.weight.shape
    points = np.vstack([window.origin, window.basis])
    high, low = np.zeros((3, n)), np.zeros((3, n))
    high[0] = layer.bias
    dots(np.ascontiguousarray(layer.weight.T), points, high, low)
    rows = high + low
    terms = np.abs(layer.bias) + np.linalg.norm(layer.weight, axis=1) * np.linalg.norm(window.origin)
    return rows, np.abs(rows[0]) + (n_in + 1) ** 2 * np.finfo(np.float64).eps * terms


def default_target(plan: records.Plan) -> int:
    """Switches that may cross a cell: more where layers are wide, since every cell makes rows for all units.

    Rows take time as switches times width squared, values at vertices as switches cubed times width.
    """
    widest = int(plan.shape[records.WIDTH].max())
    return int(min(64, max(16, round(14 * (widest / 128) ** 0.5))))


def make_plan(network: Network, window: PlaneWindow, relative: float) -> tuple[records.Plan, int] | None:
    """Restrict a network to a plane and flatten it; None if it has no neuron. Also return the number of switches."""
    layout = switch_layout(network)
    hidden = [k for k, (_, _, t) in enumerate(layout) if t]
    if not hidden:
        return None
    first, last = hidden[0], hidden[-1]
    rows, magnitude = _restrict(network.layers[0], window)
    for k in range(first):  # layers that cannot switch
        activation, layer = network.activations[k], network.layers[k + 1]
        rows[1:] *= activation.slopes[0]
        rows[0] = activation(rows[0])
        magnitude = abs(activation.slopes[0]) * magnitude + abs(activation.intercepts[0])
        rows = layer.linear(rows)
        rows[0] += layer.bias
        magnitude = np.abs(layer.bias) + np.linalg.norm(layer.weight * magnitude, axis=1)
    stages = range(first, last + 1)
    n_layers = len(stages)
    widths = np.array([network.layers[k].weight.shape[0] for k in stages], dtype=np.int64)
    widest = -(-max(int(widths.max()), 64) // TILE_COLUMNS) * TILE_COLUMNS
    n_in = np.array([network.layers[k].weight.shape[1] for k in stages], dtype=np.int64)
    offsets = np.zeros(n_layers, dtype=np.int64)
    padded = -(-widths // TILE_COLUMNS) * TILE_COLUMNS
    if n_layers > 1:
        offsets[1:] = np.cumsum([0, *(n_in[1:-1] * padded[1:-1])])
    weights = np.zeros(int(np.sum(n_in[1:] * padded[1:])))
    biases = np.zeros((n_layers, widest))
    most = max(network.activations[k].n_breakpoints for k in stages)
    pieces = np.zeros((4, n_layers, most + 1))
    for i, k in enumerate(stages):
        layer, activation = network.layers[k], network.activations[k]
        if i:
            block = weights[offsets[i] : offsets[i] + n_in[i] * padded[i]]
            block.reshape(n_in[i], padded[i])[:, : widths[i]] = layer.weight.T
        biases[i, : widths[i]] = layer.bias
        t = activation.n_breakpoints
        pieces[records.BREAKPOINT, i, :t] = activation.breakpoints
        pieces[records.SLOPE, i, : t + 1] = activation.slopes
        pieces[records.KNOT, i, : t + 1], pieces[records.HEIGHT, i, : t + 1] = activation.knots
    shape = np.zeros((4, n_layers), dtype=np.int64)
    shape[records.WIDTH] = widths
    shape[records.FIRST_WEIGHT] = offsets
    shape[records.N_BREAKPOINTS] = [layout[k][2] for k in stages]
    shape[records.FIRST_SWITCH] = [layout[k][0] for k in stages]
    first_layer = np.vstack([rows, magnitude, np.hypot(rows[1], rows[2])])
    plan = records.Plan(first_layer, shape, weights, biases, pieces, relative)
    # Only cells that layers after the second still cut are worth it: each part makes its rows anew.
    if n_layers > 3 or max(widths[1:-1], default=0) > 2 * widths[0]:
        target = default_target(plan)
        plan = plan._replace(most_faces=2 * target**2, part_switches=target)
    return plan, layout[-1][0] + layout[-1][1] * layout[-1][2]
