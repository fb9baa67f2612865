"""The pieces of the line kernel, each against a few lines of numpy or the exact twin."""

import itertools
import threading

import numpy as np
import pytest
from numba import typeof

import linregions as lr
from linregions import Line, Network
from linregions.networks.kernels.open_paths import good_neurons, make_paths, mark_good
from linregions.regions.lines import engine as _line_engine
from linregions.regions.lines.find import partition_lines
from linregions.regions.lines.kernels import cuts as line_cuts
from linregions.regions.lines.kernels import decisions as lines
from linregions.regions.lines.plan import Plan
from linregions.regions.tolerances import DEFAULT_TOLERANCES
from tests.reference.lines_exact import good_neurons as exact_good_neurons
from tests.support import zoo


def unpacked(words, n, n_breakpoints):
    """Return the bits as (rows, breakpoints, neurons)."""
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
    return bits.reshape(words.shape[0], n_breakpoints, -1)[:, :, :n].astype(bool)


def joined(m):
    """Return what tells that none of m rows lies between others."""
    return np.full((m, 2), -1), np.zeros((m, 2)), np.zeros((m, 0), np.uint64)


def unused(nothing):
    """Return what only rows between pivots need."""
    none = np.zeros(0, np.int64), np.zeros(0, np.uint8)
    return nothing, nothing, 0, 0, nothing, *none, np.ones(2, np.uint8), np.zeros(4), np.zeros(3), 0.0


def decide(z, h, weight, bias, breakpoints, relative=2.0**-42, uncertainty=0.0):
    """Call the kernel on one line whose last row is an unbounded end."""
    m, n = z.shape
    w = np.append(np.ones(m - 1), 0.0)
    norm = np.sqrt((h**2).sum(axis=1) + w**2)
    bound = np.sqrt((weight**2).sum(axis=1) + bias**2) + np.abs(breakpoints).max()
    steep = np.append(norm[:-2] + norm[1:-1], norm[[-1, -1]])[-m:]
    noise, names = np.zeros(m), (np.arange(m), np.zeros(m, np.int64))
    place, bound_of_place = np.arange(m, dtype=float), uncertainty * w
    rows = lines.Rows(place, w, bound_of_place, bound_of_place, noise, noise, norm, steep, *names, *joined(m))
    nothing, points = np.zeros(0), np.array(breakpoints)
    known = (bias, weight, np.zeros((0, 0)), 0.0, 1 / bound, points)
    layer = lines.Layer(*known, nothing, nothing, False, nothing, 0, *unused(nothing))
    shape = (m, len(breakpoints) * ((n + 63) // 64))
    above, zero = np.empty(shape, np.uint64), np.empty(shape, np.uint64)
    state = np.zeros(8, np.int64)
    state[lines.FILLED] = m
    stage = lines.Stage(
        h=h,
        z=z,
        magnitudes=np.zeros((0, 0)),
        low=np.empty(m),
        above=above,
        zero=zero,
        cuts=np.empty((5, 0)),
        cut_numbers=np.empty((6, 0), np.int64),
        row=nothing,
        active=np.zeros(0, np.int64),
        packed=np.zeros((0, 0)),
        change=np.zeros((0, 0)),
        state=state,
    )
    tally = lines.Tally(np.zeros(1, np.int64), np.zeros(1, np.int64), np.full(1, np.inf), np.zeros(1, np.int64))
    lines.decide_rows(layer, rows, stage, relative, True, tally)
    assert state[lines.DECIDED] == m
    assert tally.undecided[0] == tally.snapped[0]
    counts = int(tally.snapped[0]), float(tally.margin[0])
    return unpacked(above, n, len(breakpoints)), unpacked(zero, n, len(breakpoints)), *counts


@pytest.mark.parametrize("n", [1, 5, 63, 64, 65, 130])
def test_signs_of_many_neurons_and_two_breakpoints(n):
    rng = np.random.default_rng(n)
    weight, bias, h = rng.normal(size=(n, 4)), rng.normal(size=n), rng.normal(size=(7, 4))
    exact = h @ weight.T + np.append(np.ones(6), 0.0)[:, None] * bias
    z = h @ weight.T
    above, zero, snapped, margin = decide(z, h, weight, bias, (-0.5, 0.5))
    np.testing.assert_array_equal(above[:6], exact[:6, None] > np.array([-0.5, 0.5])[:, None])
    np.testing.assert_array_equal(above[6], np.stack([exact[6] > 0] * 2))  # an end without bound has slopes
    assert not zero.any()
    assert snapped == 0
    np.testing.assert_allclose(z, exact, atol=1e-14)
    magnitude = np.abs(h[:6]) @ np.abs(weight).T + np.abs(bias) + 0.5
    gaps = np.abs(exact[:6, None] - np.array([-0.5, 0.5])[:, None]) / magnitude[:, None]
    assert lines.EXACT_MARGIN < margin <= gaps.min() * 2.0**42


def test_values_within_the_band_are_set_to_the_breakpoint():
    weight, bias, h = np.array([[1.0, 1.0], [2.0, 0.0]]), np.array([0.0, -1.0]), np.array([[1e6, -1e6], [0.5, 3.0]])
    z = np.array([[3e-8, 4.0], [1e-14, 1e-13]])  # sums of terms of 1e6 and of 1; the second row is an end
    above, zero, snapped, margin = decide(z, h, weight, bias, (0.0,))
    assert zero[:, 0].tolist() == [[True, False], [True, True]]
    assert above[:, 0].tolist() == [[False, True], [False, False]]
    assert z.tolist() == [[0.0, 3.0], [0.0, 0.0]]
    assert snapped == 3
    assert margin > 1


def test_an_uncertain_place_widens_the_band():
    weight, bias, h = np.eye(1), np.zeros(1), np.array([[1.0], [2.0], [1.0]])
    for uncertainty, taken in ((0.0, False), (1e-9, True)):
        z = np.array([[1e-10], [1.0], [1.0]])
        _, zero, _, margin = decide(z, h, weight, bias, (0.0,), uncertainty=uncertainty)
        assert zero[0, 0, 0] == taken
        if not taken:
            assert margin == pytest.approx(1e-10 * 2.0**42)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 100, 1000])
def test_sorting(count):
    keys = np.random.default_rng(count).normal(size=count).round(1)
    order = np.arange(count)
    line_cuts._sort_by(keys, order, count)
    assert sorted(order.tolist()) == list(range(count))
    np.testing.assert_array_equal(keys[order], np.sort(keys))


def test_ties_are_merged_into_the_best_determined_cut():
    place = np.array([5.0, 1.0, 1.0 + 1e-12, 2.0, 2.0 + 1e-3])
    uncertainty = np.array([1e-15, 1e-10, 1e-14, 1e-13, 1e-13])
    order = np.argsort(place)
    cuts, group, best = (
        np.stack([place, uncertainty, place, uncertainty, 0 * place]),
        np.zeros(5, np.int64),
        np.zeros(5, np.int64),
    )
    found = line_cuts._merge_ties(cuts, order, 5, np.arange(5), group, best, np.inf)
    n_groups, merged, undecided, margin = found
    assert (n_groups, merged, undecided) == (4, 1, 1)
    assert group.tolist() == [0, 0, 1, 2, 3]
    assert best[:4].tolist() == [2, 3, 4, 0]
    assert margin == pytest.approx(1e-3 / 2e-13)


@pytest.mark.parametrize(
    ("steps", "grains", "leaders", "expected"),
    [
        ((0.25, 0.25), (0.0, 0.0), (0, 1), (1, 1)),  # equal, as far as one can see
        ((0.25, 0.25), (0.0, 0.0), (0, 0), (0, 0)),  # multiples of one form
        ((0.25, 0.25), (0.125, 0.125), (0, 1), (0, 0)),  # exact quotients
        ((0.25, 0.25), (0.125, 0.0), (0, 1), (1, 1)),
    ],
)
def test_cuts_that_are_one_by_structure_are_no_decision(steps, grains, leaders, expected):
    cuts = np.array([(0.25, 0.25), (1e-16, 2e-16), steps, (1e-16, 2e-16), grains])
    group, best = np.zeros(2, np.int64), np.zeros(2, np.int64)
    n_groups, *counts, _ = line_cuts._merge_ties(cuts, np.arange(2), 2, np.array(leaders), group, best, np.inf)
    assert (n_groups, tuple(counts), best[0]) == (1, expected, 0)


def test_an_order_in_doubt_is_counted_and_stays():
    cuts = np.array([(0.0, 1.0, 2.0), (0.1, 0.1, 0.1), (0.0, 1.0, 2.0), (2.5, 0.1, 0.1), (0.0, 0.0, 0.0)])
    group, best = np.zeros(3, np.int64), np.zeros(3, np.int64)
    found = line_cuts._merge_ties(cuts, np.arange(3), 3, np.arange(3), group, best, np.inf)
    assert found[:3] == (3, 0, 2)  # the first may lie beyond both others


def test_many_cuts_in_one_interval():
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(700, 1)), rng.normal(size=700)
    net = Network.from_layers([(weight, bias), (np.ones((1, 700)), [0.0])])
    (part,) = partition_lines(net, [Line([0.0], [1.0])])
    order = np.argsort(-bias / weight[:, 0])
    np.testing.assert_allclose(part.breakpoints, (-bias / weight[:, 0])[order], rtol=1e-14)
    np.testing.assert_array_equal(part.neurons, order)
    np.testing.assert_array_equal(part.switch_directions, np.sign(weight[order, 0]))


@pytest.mark.parametrize("density", [0.05, 0.3, 1.0])
def test_good_neurons_of_sparse_networks(density):
    rng = np.random.default_rng(int(100 * density))
    activations = [lr.RELU, lr.IDENTITY, lr.HARD_TANH, lr.leaky_relu(0.1), lr.RELU]
    widths = [3, 70, 5, 66, 6, 4, 2]
    layers = [
        (rng.normal(size=(b, a)) * ((rng.random((b, a)) < density) | (a < 7)), np.zeros(b))
        for a, b in itertools.pairwise(widths)
    ]
    net = Network.from_layers(layers, activations)
    patterns = np.concatenate(
        [
            rng.integers(0, activation.n_breakpoints + 1, (40, width))
            for activation, width in zip(activations, widths[1:-1], strict=True)
            if activation.n_breakpoints
        ],
        axis=1,
    ).astype(np.uint8)
    patterns[:5, -4:] = 0  # the last layer closed
    patterns[35:, -4:] = 1
    paths = make_paths([layer.weight for layer in net.layers], [activation.slopes for activation in activations])
    found = good_neurons(paths, patterns)
    assert found.tolist() == [exact_good_neurons(net, pattern) for pattern in patterns]
    assert found.any()
    assert not found[:5, :-4].any()


def test_good_neurons_behind_a_constant_layer():
    closed = lr.PiecewiseLinear((), (0.0,), (0.0, 1.0))
    net = Network.from_layers(
        [(np.ones((2, 1)), np.zeros(2)), (np.ones((1, 2)), [0.0]), ([[1.0]], [0.0])], [lr.RELU, closed]
    )
    paths = make_paths([layer.weight for layer in net.layers], [(0.0, 1.0), (0.0,)])
    assert not good_neurons(paths, np.ones((1, 2), np.uint8)).any()


@pytest.mark.parametrize("seed", range(20))
def test_all_neurons_stay_good_until_a_keeper_switches(seed):
    rng = np.random.default_rng(seed)
    widths = [int(rng.integers(1, 6)), *rng.integers(2, 70, size=3).tolist(), 2]
    density = 0.9 if seed % 2 else 1.0
    shapes = [(n, k) for k, n in itertools.pairwise(widths)]
    weights = [rng.normal(size=shape) * (rng.random(shape) < density) for shape in shapes]
    paths = make_paths(weights, [(0.0, 1.0)] * 3)
    word = np.concatenate([paths.words[k] + np.arange(n) // 64 for k, n in enumerate(widths[1:4])])
    bit = np.concatenate([np.arange(n) % 64 for n in widths[1:4]]).astype(np.uint64)
    good, keepers = np.zeros(paths.words[-1], np.uint64), np.zeros(paths.words[-1], np.uint64)
    pattern, n_whole = rng.integers(0, 2, size=sum(widths[1:4])).astype(np.uint8), 0
    for _ in range(50):
        is_whole = mark_good(paths, pattern, good, keepers)
        assert is_whole == good_neurons(paths, pattern[None])[0].all()
        others = np.flatnonzero((keepers[word] >> bit) & np.uint64(1) == 0)
        switching = rng.choice(others, size=min(5, others.size), replace=False)
        pattern[switching] ^= 1
        if is_whole:
            assert good_neurons(paths, pattern[None])[0].all()
            n_whole += 1
        pattern[rng.integers(pattern.size)] ^= 1
    assert density < 1.0 or n_whole > 0


def test_kernels_are_called_with_arrays_of_the_same_types():
    """`OfOneType` looks at them in the first call only."""
    nets = [case.network for case in zoo.small_cases()]
    nets += [lr.random_network(widths, 0) for widths in ([1, 1, 1], [2, 1, 3, 1], [3, 100, 1, 1, 2], [1, 5, 1])]
    layers, rows, stages = set(), set(), set()
    for net in nets:
        plan = Plan.of(net, DEFAULT_TOLERANCES)
        worker = _line_engine.LineWorker(plan, 8, threading.Event())
        layers |= {typeof(layer) for layer in plan.layers}
        rows |= {typeof(own) for own in worker._rows}
        stages |= {typeof(stage) for stage in worker._stages}
    assert len(layers) == len(rows) == len(stages) == 1
