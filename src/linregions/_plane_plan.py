"""Restrict a network to a plane and flatten it for the kernels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linregions._plane_frame import Frame, frame_of
from linregions._plane_restriction import REACH, restrict, shifted
from linregions._plane_scales import LARGE, SMALL, common, scaled_step, sizes_after
from linregions._plane_scales import pieces as scaled_pieces
from linregions._plane_twins import find_twins
from linregions.domains import PlaneWindow
from linregions.kernels import plan as records
from linregions.kernels.products import TILE_COLUMNS
from linregions.network import Network

FloatArray = npt.NDArray[np.float64]

# Switches of one layer that a cell takes at once: ordinary networks have few more than cross it of the first layer.
MOST_SWITCHES = 128
# As many as are meant to, where cells or parts are made so that few do.
EXPECTED_SWITCHES = 64
# Faces from which on a cell goes on in parts while it takes more of them, a few at a time.
CROWDED_FACES = 512


def switch_layout(network: Network) -> list[tuple[int, int, int]]:
    """Return (first switch, neurons, breakpoints) of every hidden layer; neuron k has switches first + k T ..."""
    layout = []
    first = 0
    for layer, activation in zip(network.layers[:-1], network.activations, strict=True):
        n, t = layer.weight.shape[0], activation.n_breakpoints
        layout.append((first, n, t))
        first += n * t
    return layout


def default_target(plan: records.Plan) -> int:
    """Switches that may cross a cell: more where layers are wide, since every cell makes rows for all units.

    Rows take time as switches times width squared, values at vertices as switches cubed times width.
    """
    widest = int(plan.shape[records.WIDTH].max())
    return int(min(64, max(16, round(14 * (widest / 128) ** 0.5))))


def _first_layer(
    network: Network, first: int, window: PlaneWindow, frame: Frame
) -> tuple[FloatArray, npt.NDArray[np.int64], FloatArray]:
    """Return the rows of the first layer that switches, the exponents of their units, and sizes of its values."""
    rows, exponent = restrict(network, first, window, frame)
    sizes = np.abs(rows[0]) + REACH * (np.abs(rows[1]) + np.abs(rows[2]))
    plain = shifted(sizes, exponent)
    wanted = np.where((plain > SMALL) & (plain < LARGE) | (sizes == 0), 0, exponent)
    wanted = common(wanted, network.activations[first])
    return shifted(rows, exponent - wanted), wanted, shifted(sizes, exponent - wanted)


def make_plan(
    network: Network, window: PlaneWindow, relative: float, frame: Frame | None = None
) -> tuple[records.Plan, int] | None:
    """Restrict a network to a plane and flatten it; None if it has no neuron. Also return the number of switches.

    The frame is that of the window; it is made anew if it is not given.
    """
    layout = switch_layout(network)
    hidden = [k for k, (_, _, t) in enumerate(layout) if t]
    if not hidden:
        return None
    first, last = hidden[0], hidden[-1]
    frame = frame_of(window) if frame is None else frame
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
    twins = np.zeros((n_layers, widest), dtype=np.int64)
    most = max(network.activations[k].n_breakpoints for k in stages)
    pieces = np.zeros((4, n_layers, most + 1))
    rows, exponent, size = _first_layer(network, first, window, frame)
    for i, k in enumerate(stages):
        layer, activation = network.layers[k], network.activations[k]
        if i:
            weight, bias, exponent, size = scaled_step(layer, exponent, size, activation)
            block = weights[offsets[i] : offsets[i] + n_in[i] * padded[i]]
            block.reshape(n_in[i], padded[i])[:, : widths[i]] = weight.T
            biases[i, : widths[i]] = bias
        t = activation.n_breakpoints
        levels, knots, heights = scaled_pieces(activation, exponent)
        pieces[records.BREAKPOINT, i, :t] = levels
        pieces[records.SLOPE, i, : t + 1] = activation.slopes
        pieces[records.KNOT, i, : t + 1], pieces[records.HEIGHT, i, : t + 1] = knots, heights
        twins[i, : widths[i]] = find_twins(layer, activation)
        size = sizes_after(activation, size, exponent)
    shape = np.zeros((4, n_layers), dtype=np.int64)
    shape[records.WIDTH] = widths
    shape[records.FIRST_WEIGHT] = offsets
    shape[records.N_BREAKPOINTS] = [layout[k][2] for k in stages]
    shape[records.FIRST_SWITCH] = [layout[k][0] for k in stages]
    plan = records.Plan(
        rows,
        shape,
        weights,
        biases,
        pieces,
        twins,
        relative,
        most_switches=MOST_SWITCHES,
        crowded_faces=CROWDED_FACES,
    )
    # Only cells that layers after the second still cut are worth it: each part makes its rows anew.
    if n_layers > 3 or max(widths[1:-1], default=0) > 2 * widths[0]:
        target = default_target(plan)
        plan = plan._replace(most_faces=2 * target**2, part_switches=target)
    return plan, layout[-1][0] + layout[-1][1] * layout[-1][2]
