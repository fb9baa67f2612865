"""Random small networks and lines for Hypothesis, most of them degenerate, and the comparison with the twin."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

import linregions as lr
from linregions import Line, Network, Path, PiecewiseLinear, Ray, Segment
from linregions.regions.lines.partition import LinePartition
from tests.reference.lines_exact import ExactLine, exact_line
from tests.support import zoo

# Slopes are dyadic, so that what cancels exactly in Fractions also does so in the slopes of the floats.
ACTIVATIONS = [
    lr.RELU,
    lr.ABS,
    lr.leaky_relu(0.25),
    lr.HARD_TANH,
    lr.RELU6,
    lr.IDENTITY,
    PiecewiseLinear((1.0,), (-1.0, 0.5)),
    PiecewiseLinear((-2.0, 2.0), (0.0, 0.25, 0.0), anchor=(0.0, 0.5)),
    zoo.ACTIVATIONS["three_breaks"],
]


def _vector(draw: st.DrawFn, n: int) -> np.ndarray:
    return draw(hnp.arrays(np.int64, n, elements=st.integers(-4, 4))).astype(float)


@st.composite
def domains(draw: st.DrawFn, n_in: int) -> Segment | Ray | Line | Path:
    """Draw a domain with whole coordinates; lines often pass through the origin, paths often go back or close."""
    kind = draw(st.sampled_from([Segment, Ray, Line, Path]))
    start = _vector(draw, n_in)
    if kind is Path:
        points = [start]
        for _ in range(draw(st.integers(1, 4))):
            points.append(points[-1] + _direction(draw, n_in))
        ending = draw(st.sampled_from(["open", "back", "closed"]))
        if ending == "back":
            points += points[-2::-1]
        elif ending == "closed" and np.any(points[-1] != start):
            points.append(start)
        return Path(points)
    direction = _direction(draw, n_in)
    if kind is Segment:
        return Segment(start, start + direction)
    return kind(start * draw(st.sampled_from([0, 1])), direction)


def _direction(draw: st.DrawFn, n_in: int) -> np.ndarray:
    direction = _vector(draw, n_in)
    if not np.any(direction):
        direction[0] = 1.0
    return direction


@st.composite
def integer_networks(draw: st.DrawFn, deepest: int = 3, widest: int = 4) -> Network:
    """Draw small integer weights, often without biases, and sometimes write the network in another way."""
    widths = draw(st.lists(st.integers(1, widest), min_size=2, max_size=deepest + 2))
    small = st.integers(-2, 2)
    with_bias = draw(st.booleans())
    layers = []
    for a, b in itertools.pairwise(widths):
        weight = draw(hnp.arrays(np.int64, (b, a), elements=small))
        layers.append((weight, draw(hnp.arrays(np.int64, b, elements=small)) if with_bias else np.zeros(b)))
    net = Network.from_layers(layers, draw(_activations(len(layers) - 1)))
    return rewritten(net, draw(st.sampled_from(["", "twice", "permuted", "scaled", "opposites"])), draw(st.integers(0)))


@st.composite
def _activations(draw: st.DrawFn, count: int) -> list[PiecewiseLinear]:
    if draw(st.booleans()):
        return [lr.RELU] * count
    return [draw(st.sampled_from(ACTIVATIONS)) for _ in range(count)]


@st.composite
def float_networks(draw: st.DrawFn, deepest: int = 3, widest: int = 5) -> Network:
    """Draw normal weights, hence general position unless a variant or missing biases undo it."""
    widths = draw(st.lists(st.integers(1, widest), min_size=2, max_size=deepest + 2))
    bias = draw(st.sampled_from([0.0, 0.3, 1.0]))
    # The float 1/6 leaves 3e-17 where the flat part of a hard sigmoid should be 0: without biases its sign would count.
    names = st.sampled_from([name for name in sorted(zoo.ACTIVATIONS) if bias or name != "hard_sigmoid"])
    chosen = [zoo.ACTIVATIONS[draw(names)] for _ in widths[2:]]
    seed = draw(st.integers(0, 2**32))
    net = zoo.float_network(widths, np.random.default_rng(seed), chosen, bias)
    return rewritten(net, draw(st.sampled_from(["", "twice", "scaled", "opposites"])), seed)


def rewritten(net: Network, how: str, seed: int) -> Network:
    """Return the network written in another way that changes no count."""
    rng = np.random.default_rng(seed)
    homogeneous = all(a.breakpoints == (0.0,) and a(0.0) == 0 for a in net.activations)
    if how == "twice":
        return zoo.duplicated(net, rng)
    if how == "permuted":
        return zoo.permuted(net, rng)
    if how == "scaled" and homogeneous:
        return zoo.rescaled(net, rng)
    if how == "opposites" and net.activations:
        return zoo.with_opposites(net)
    return net


def switches(part: LinePartition) -> list[list[tuple[int, int, int]]]:
    """Return (neuron, breakpoint, direction) of all that switches at each breakpoint."""
    columns = (part.switch_neurons, part.switch_breakpoints, part.switch_directions)
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    return [rows[a:b] for a, b in itertools.pairwise(part.switch_offsets.tolist())]


def assert_is_exact(part: LinePartition) -> None:
    """Compare everything a partition says with the exact twin."""
    assert_equals(part, exact_line(part.network, part.domain))


def assert_equals(part: LinePartition, exact: ExactLine) -> None:
    """Compare everything a partition says with an exact one."""
    assert part.n_regions == exact.n_regions
    np.testing.assert_array_equal(part.patterns, np.array(exact.patterns).reshape(part.patterns.shape))
    places = [float(t) for t in exact.breakpoints]
    np.testing.assert_allclose(part.breakpoints, places, rtol=1e-9, atol=1e-9 * np.abs(places).max(initial=0.0))
    assert switches(part) == [list(found) for found in exact.switches]
    assert part.neurons.tolist() == [found[0][0] for found in exact.switches]
    assert part.breakpoint_indices.tolist() == [found[0][1] for found in exact.switches]
    assert part.is_linear_boundary.tolist() == list(exact.is_linear_boundary)
    assert part.n_linear_regions == exact.n_linear_regions
    _assert_exact_slopes(part, exact)


def _assert_exact_slopes(part: LinePartition, exact: Any) -> None:
    ends: list[Any] = [-np.inf, *exact.breakpoints, np.inf]
    for k, found in enumerate(part.slopes):
        inside = [
            piece
            for piece in exact.pieces
            if (-np.inf if piece.low is None else piece.low) >= ends[k]
            and (np.inf if piece.high is None else piece.high) <= ends[k + 1]
        ]
        if isinstance(part.domain, Path) and len({(piece.low + piece.high) // 2 for piece in inside}) > 1:
            assert np.all(np.isnan(found))
            continue
        wanted = {tuple(slope for _, slope in piece.outputs) for piece in inside}
        assert len(wanted) == 1
        values = np.array([float(Fraction(slope)) for slope in wanted.pop()])
        np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(values).max()))
