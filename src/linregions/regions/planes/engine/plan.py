"""Restrict a network to a plane and flatten it for the kernels."""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from linregions.domains.frames import Frame, frame_of
from linregions.domains.windows import PlaneWindow
from linregions.networks.kernels import sites
from linregions.networks.kernels.products import TILE_COLUMNS
from linregions.networks.network import Network
from linregions.networks.switches import switch_layout
from linregions.regions.planes.engine.graph_plan import make_graph_plan
from linregions.regions.planes.engine.twins import find_twins
from linregions.regions.planes.kernels import records
from linregions.regions.planes.restriction import REACH, is_moderate, restrict, restrict_plainly, shifted
from linregions.regions.planes.scales import LARGE, SMALL, common, scaled_step, sizes_after
from linregions.regions.planes.scales import pieces as scaled_pieces

FloatArray = npt.NDArray[np.float64]

# Switches of one layer that a cell takes at once: ordinary networks have few more than cross it of the first layer.
MOST_SWITCHES = 128
# As many as are meant to, where cells or parts are made so that few do.
EXPECTED_SWITCHES = 64
# Switches of the first step that may cross a cell of a graph, whose rows are by site: of later steps few more cross it.
# Where these make more faces of it than _GRAPH_FACES, of which sides are copied with every batch of cuts, it goes on in
# parts that fewer switches cross. These are numbers of a graph of _CHEAP multiply-adds; the rows of a cell or part of
# one take time as the multiply-adds, so of dearer graphs they are larger.
_CHEAP, _DEAREST = 1 << 19, 64.0
_GRAPH_SWITCHES, _GRAPH_FACES, _GRAPH_PART_SWITCHES = 30, 4096, 20
# Faces from which on a cell goes on in parts while it takes more of them, a few at a time.
CROWDED_FACES = 512


def default_target(plan: records.Plan) -> int:
    """Switches that may cross a cell: more where layers are wide, since every cell makes rows for all units.

    Rows take time as switches times width squared, values at vertices as switches cubed times width.
    """
    if not plan.is_chain:
        return _GRAPH_SWITCHES
    widest = int(plan.shape[sites.WIDTH].max())
    return int(min(64, max(16, round(14 * (widest / 128) ** 0.5))))


class _Facts(NamedTuple):
    """What is known of a layer whatever the window."""

    twins: npt.NDArray[np.int64]
    is_moderate: bool
    least: float  # least norm of a unit's weights and bias that is not 0, or infinity
    norms: FloatArray  # of the units' weights
    most: float  # the largest of these
    bias: float  # largest bias
    knots: FloatArray  # of the activation: points and heights, shape (2, T + 1)
    height: float  # largest breakpoint or height
    steepest: float  # largest slope


_facts: WeakKeyDictionary[Network, list[_Facts]] = WeakKeyDictionary()


def _facts_of(network: Network) -> list[_Facts]:
    """Return what is known of the hidden layers, found once for each network."""
    found = _facts.get(network)
    if found is None:
        found = []
        for layer, activation in zip(network.layers[:-1], network.activations, strict=True):
            with np.errstate(over="ignore", under="ignore"):
                norms = np.linalg.norm(layer.weight, axis=1)
                sizes = np.maximum(norms, np.abs(layer.bias))
            found.append(
                _Facts(
                    find_twins(layer, activation),
                    is_moderate(layer.weight) and is_moderate(layer.bias),
                    float(sizes.min(where=sizes > 0, initial=np.inf)),
                    norms,
                    float(norms.max()),
                    float(np.abs(layer.bias).max()),
                    np.array(activation.knots),
                    max(map(abs, (0.0, *activation.breakpoints, *activation.knots[1].tolist()))),
                    max(map(abs, activation.slopes)),
                )
            )
        _facts[network] = found
    return found


def _are_moderate(network: Network, stages: range, low: float, high: float) -> bool:
    """Whether all layers after the first of some may stay as they are, from bounds on its values."""
    facts = _facts_of(network)
    for k in stages[1:]:
        before = facts[k - 1]
        low = min(before.steepest * low, 1.0) * facts[k].least
        high = before.steepest * (high + before.height) + before.height
        high = facts[k].most * high + facts[k].bias
        if not (low > SMALL and high < LARGE):
            return False
    return True


def _first_layer(
    network: Network, first: int, window: PlaneWindow, frame: Frame
) -> tuple[FloatArray, npt.NDArray[np.int64], FloatArray]:
    """Return the rows of the first layer that switches, the exponents of their units, and sizes of its values."""
    if first == 0 and _facts_of(network)[0].is_moderate:
        plain = restrict_plainly(network.layers[0], _facts_of(network)[0].norms, window, frame)
        if plain is not None:
            sizes = np.abs(plain[0]) + REACH * (np.abs(plain[1]) + np.abs(plain[2]))
            if np.all(((sizes > SMALL) & (sizes < LARGE)) | (plain[sites.SIZE] == 0)):
                return plain, np.zeros(sizes.size, dtype=np.int64), sizes
    rows, exponent = restrict(network, first, window, frame)
    sizes = np.abs(rows[0]) + REACH * (np.abs(rows[1]) + np.abs(rows[2]))
    there = shifted(sizes, exponent)
    wanted = np.where((there > SMALL) & (there < LARGE) | (sizes == 0), 0, exponent)
    wanted = common(wanted, network.activations[first])
    return shifted(rows, exponent - wanted), wanted, shifted(sizes, exponent - wanted)


def make_plan(
    network: Network, window: PlaneWindow, relative: float, frame: Frame | None = None
) -> tuple[records.Plan, int] | None:
    """Restrict a network to a plane and flatten it; None if it has no neuron. Also return the number of switches.

    The frame is that of the window; it is made anew if it is not given.
    """
    layout = switch_layout(network)
    frame = frame_of(window) if frame is None else frame
    if not network.is_chain:
        made = make_graph_plan(network, window, relative, frame)
        return None if made is None else (_in_parts(made), layout[-1].own.stop)
    hidden = [k for k, (_, _, t) in enumerate(layout) if t]
    if not hidden:
        return None
    first, last = hidden[0], hidden[-1]
    stages = range(first, last + 1)
    n_layers = len(stages)
    widths = np.array([network.layers[k].weight.shape[0] for k in stages], dtype=np.int64)
    padded = -(-widths // TILE_COLUMNS) * TILE_COLUMNS
    widest = max(int(padded.max()), 64)
    weights = np.zeros(int(np.sum(widths[:-1] * padded[1:])))
    biases = np.zeros((n_layers, widest))
    twins = np.zeros((n_layers, widest), dtype=np.int64)
    most = max(network.activations[k].n_breakpoints for k in stages)
    pieces = np.zeros((4, n_layers, most + 1))
    rows, exponent, size = _first_layer(network, first, window, frame)
    some = size[size > 0]
    moderate = not exponent.any() and _are_moderate(network, stages, some.min(initial=1.0), some.max(initial=0.0))
    facts = _facts_of(network)
    offset = 0
    for i, k in enumerate(stages):
        layer, activation = network.layers[k], network.activations[k]
        breakpoints: npt.ArrayLike = activation.breakpoints
        knots, heights = facts[k].knots
        if i:
            weight, bias = layer.weight, layer.bias
            if not moderate:
                weight, bias, exponent, size = scaled_step(layer, exponent, size, activation)
            end = offset + widths[i - 1] * padded[i]
            weights[offset:end].reshape(-1, padded[i])[:, : widths[i]] = weight.T
            biases[i, : widths[i]], offset = bias, end
        t = activation.n_breakpoints
        if exponent.any():
            breakpoints, knots, heights = scaled_pieces(activation, exponent)
        pieces[sites.BREAKPOINT, i, :t] = breakpoints
        pieces[sites.SLOPE, i, : t + 1] = activation.slopes
        pieces[sites.KNOT, i, : t + 1], pieces[sites.HEIGHT, i, : t + 1] = knots, heights
        twins[i, : widths[i]] = facts[k].twins
        if not moderate:
            size = sizes_after(activation, size, exponent)
    of_stages = layout[first : last + 1]
    tables = sites.chain_tables(
        tuple(widths.tolist()), tuple(each.first for each in of_stages), tuple(each.n_breakpoints for each in of_stages)
    )
    plan = records.Plan(
        rows,
        np.zeros((5, 0)),
        *sites.Steps(*tables, weights, np.zeros(0), biases, pieces, is_chain=True),
        twins,
        relative,
    )
    return _in_parts(plan), layout[-1].own.stop


def dearness(plan: records.Plan) -> float:
    """Return how many times the multiply-adds of a cheap graph a pass of this one takes, within bounds."""
    offset, shape, total = plan.offset, plan.shape, 0
    for k in np.flatnonzero(shape[sites.GIVEN] < 0).tolist():
        for term in range(int(shape[sites.FIRST_TERM, k]), int(shape[sites.END_TERM, k])):
            first = int(plan.term[sites.FIRST_OFFSET, term])
            taps = int(offset[first + shape[sites.SITES, k]] - offset[first])
            depth = int(shape[sites.CHANNELS, plan.term[sites.SOURCE, term]])
            total += taps * depth * int(shape[sites.CHANNELS, k])
    return min(max(total / _CHEAP, 1.0), _DEAREST)


def _in_parts(plan: records.Plan) -> records.Plan:
    """Say when cells go on in parts."""
    plan = plan._replace(most_switches=MOST_SWITCHES, crowded_faces=CROWDED_FACES)
    if not plan.is_chain:
        dear = dearness(plan)
        return plan._replace(
            most_faces=round(_GRAPH_FACES * dear**0.5), part_switches=round(_GRAPH_PART_SWITCHES * dear**0.25)
        )
    widths = plan.shape[sites.WIDTH]
    # Only cells that layers after the second still cut are worth it: each part makes its rows anew.
    if widths.size > 3 or widths[1:-1].max(initial=0) > 2 * widths[0]:
        target = default_target(plan)
        plan = plan._replace(most_faces=2 * target**2, part_switches=target)
    return plan
