"""Gradient regions against the exact twin: planes and lines, in cells and batches, with neurons that cancel."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.exact import gradients as _gradients
from linregions.exact.gradients import gradient_boundaries, residues
from linregions.regions.lines.patterns import line_gradient_boundaries
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import count_plane, partition_plane
from tests.reference.gradients_exact import (
    exact_gradient,
    exact_gradient_boundaries,
    exact_gradient_labels,
    exact_line_gradient_boundaries,
)
from tests.reference.lines_exact import exact_line
from tests.reference.planes_exact import ExactPartition, partition_exactly
from tests.support import line_strategies as ls
from tests.support import plane_strategies as ps
from tests.support import zoo
from tests.support.examples import drawn

# One in three, and whatever has several neurons on an edge; exact gradients in 784 inputs take long.
CASES = {
    case.name: case
    for k, case in enumerate(zoo.small_cases())
    if (k % 3 == 0 or "twice" in case.name or "negatives" in case.name) and case.network.n_in < 10
} | {case.name: case for case in zoo.small_cases() if case.name == "deep, no biases, 784 inputs"}


@cache
def exact_of(name: str) -> ExactPartition:
    return partition_exactly(CASES[name].network, CASES[name].window)


# ---- networks whose neurons cancel -----------------------------------------------------------------------------------


def layers_of(net: Network) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(layer.weight, layer.bias) for layer in net.layers]


def minus(net: Network, part: slice) -> Network:
    """Return f minus a copy of f that keeps some of its outputs' weights only: f - f = 0 for all of them."""
    first, *inner, last = layers_of(net)
    if not net.activations:
        return net
    kept = np.zeros_like(last[0])
    kept[:, part] = last[0][:, part]
    layers = [(np.vstack([first[0]] * 2), np.concatenate([first[1]] * 2))]
    layers += [(np.kron(np.eye(2), weight), np.concatenate([bias] * 2)) for weight, bias in inner]
    return Network.from_layers([*layers, (np.hstack([last[0], -kept]), last[1])], net.activations)


def linear_pairs(net: Network) -> Network:
    """Add to every hidden layer relu(x) - relu(-x) of its first input, scaled by powers of two: it is linear."""
    for k in range(len(net.layers) - 1):
        n_in, n_out = net.layers[k].weight.shape[1], net.layers[k + 1].weight.shape[0]
        weight = np.zeros((2, n_in))
        weight[:, 0] = 2.0, -1.0
        net = zoo.with_units(net, k, weight, np.array([-0.5, 0.25]), np.tile([0.5, -1.0], (n_out, 1)))
    return net


def thirds(net: Network) -> Network:
    """Add the opposites of all units of the first layer three times as large, led on with a third of their weights.

    In reals z = relu(z) - relu(-z). Three times the rounded units is exact, so that the lines coincide, but three
    times a third is not always one, so that only some pairs cancel.
    """
    (weight, bias), after, *rest = layers_of(net)
    weight, bias = np.round(weight * 64) / 64, np.round(bias * 64) / 64
    net = Network.from_layers([(weight, bias), after, *rest], net.activations)
    return zoo.with_units(net, 0, -3 * weight, -3 * bias, -after[0] / 3)


CHANGES: dict[str, Callable[[Network], Network]] = {
    "as it is": lambda net: net,
    "f - f": lambda net: minus(net, slice(None)),
    "f - a part of f": lambda net: minus(net, slice(1, None)),
    "linear pairs": linear_pairs,
    "every neuron twice": lambda net: zoo.duplicated(net, np.random.default_rng(0)),
}


def check_plane(net: Network, window: PlaneWindow, exact: ExactPartition, cells: tuple[int | None, ...]) -> int:
    """Compare a partition and all ways to count with the twin; return how many edges cancel."""
    wanted = exact_gradient_boundaries(exact)
    labels = exact_gradient_labels(exact)
    part = partition_plane(net, window)
    number = {pattern: face for face, pattern in enumerate(exact.patterns)}
    match = [number[tuple(pattern)] for pattern in part.patterns.tolist()]
    sides: dict[tuple[int, int], set[bool]] = {}
    for edge, is_boundary in zip(exact.edges, wanted, strict=True):
        if not edge.is_border:
            sides.setdefault((min(edge.left, edge.right), max(edge.left, edge.right)), set()).add(is_boundary)
    for (left, right), found in zip(part.edge_faces.tolist(), part.edge_is_gradient_boundary.tolist(), strict=True):
        if min(left, right) < 0:
            assert not found
        else:
            a, b = sorted((match[left], match[right]))
            assert sides[a, b] == {found}
    assert not np.any(part.edge_is_gradient_boundary & ~part.edge_is_linear_boundary)
    pairs = set(zip([labels[k] for k in match], part.gradient_labels.tolist(), strict=True))
    assert len(pairs) == len(set(labels)) == part.n_gradient_regions
    for switches in cells:
        assert count_plane(net, window, "gradient", knobs=Knobs(cell_switches=switches))[0] == part.n_gradient_regions
    return int(np.count_nonzero(part.edge_is_linear_boundary & ~part.edge_is_gradient_boundary))


def check_line(net: Network, domain: lr.Segment | lr.Ray | lr.Line | lr.Path) -> int:
    """Compare a line with the twin; return how many breakpoints cancel."""
    exact, part = exact_line(net, domain), lr.partition(net, domain)
    assert part.is_gradient_boundary.tolist() == exact_line_gradient_boundaries(net, exact)
    assert lr.count_regions(net, domain, "gradient") == part.n_gradient_regions == part.is_gradient_boundary.sum() + 1
    assert not np.any(part.is_gradient_boundary & ~part.is_linear_boundary)
    return int(np.count_nonzero(part.is_linear_boundary & ~part.is_gradient_boundary))


@pytest.mark.parametrize("name", CASES)
def test_zoo_equals_twin(name: str) -> None:
    case, exact = CASES[name], exact_of(name)
    check_plane(case.network, case.window, exact, (None, 1))
    if case.network.n_in == 2:  # then the plane shows the whole gradient
        for edge, is_boundary in zip(exact.edges, exact_gradient_boundaries(exact), strict=True):
            if not edge.is_border:
                one, other = (exact.regions[k].tensor.values for k in (edge.left, edge.right))
                assert is_boundary == bool(np.any(one != other))


@pytest.mark.parametrize("change", CHANGES)
def test_neurons_that_cancel(change: str) -> None:
    cancelled = 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        widths = [int(rng.integers(1, 4)), *rng.integers(1, 5, rng.integers(1, 4)).tolist(), int(rng.integers(1, 3))]
        net = zoo.integer_network(widths, rng) if seed % 2 else zoo.float_network(widths, rng)
        net = CHANGES[change](net)
        ends = rng.integers(-3, 4, (2, net.n_in)) + np.array([[0.0], [0.25]])
        direction = ends[1] - ends[0] + 0.5
        for domain in (lr.Segment(*ends), lr.Line(ends[0], direction), lr.Path([*ends, ends[0] - 2.0])):
            cancelled += check_line(net, domain)
        if net.n_in > 1:
            window = PlaneWindow.square(ends[0] / 4, np.eye(net.n_in)[:2], 2.0)
            cancelled += check_plane(net, window, partition_exactly(net, window), (None, 1, 2))
    assert (cancelled > 0) or change in {"as it is", "every neuron twice"}, "the cases must show something"


def test_three_times_a_third_is_not_always_one() -> None:
    """What cancels in reals but not in the floats given is a boundary: nothing is taken for zero."""
    kept = gone = 0
    for seed in range(30):
        net = thirds(zoo.float_network([2, 4, 3, 1], np.random.default_rng(seed)))
        exact = partition_exactly(net, zoo.WIDE)
        gone += check_plane(net, zoo.WIDE, exact, (None,))
        both = [edge for edge in exact.edges if len(edge.neurons) == 2]
        kept += len(both)
    assert kept > gone


@drawn(120, ps.integer_problems([*ps.ONE_BREAK, *ps.MORE_BREAKS_EXACT], widest=4), st.sampled_from(sorted(CHANGES)))
def test_whole_numbers_in_planes(problem: tuple[Network, PlaneWindow], change: str) -> None:
    net, window = problem
    if net.activations:
        net = CHANGES[change](net)
    check_plane(net, window, partition_exactly(net, window), (None, 1))


@drawn(250, ls.integer_networks(), st.data())
def test_whole_numbers_on_lines(net: Network, data: st.DataObject) -> None:
    check_line(net, data.draw(ls.domains(net.n_in)))


@drawn(100, ls.float_networks(), st.data())
def test_floats_on_lines(net: Network, data: st.DataObject) -> None:
    domain = data.draw(ls.domains(net.n_in))
    if lr.partition(net, domain).diagnostics["merged_ties"] == 0:
        check_line(net, domain)


# ---- what is promised ------------------------------------------------------------------------------------------------


def test_the_examples_of_the_documentation() -> None:
    net = Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])  # relu(x) - relu(-x) = x
    line = lr.partition(net, lr.Line([0.0], [1.0]))
    assert (line.n_regions, line.n_linear_regions, line.n_gradient_regions) == (2, 2, 1)
    net = Network.from_layers([([[1.0, 0.0], [-1.0, 0.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    plane = lr.partition(net, zoo.SQUARE)
    assert (plane.n_regions, plane.n_linear_regions, plane.n_gradient_regions) == (2, 2, 1)
    assert plane.edge_is_linear_boundary.sum() == 1
    assert plane.edge_is_gradient_boundary.sum() == 0


def test_the_gradient_is_that_in_all_inputs() -> None:
    """relu(x) - relu(x + z) is 0 on the plane z = 0, but its gradient is -e_z where x > 0."""
    net = Network.from_layers([([[1.0, 0, 0], [1.0, 0, 1.0]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])])
    plane = lr.partition(net, PlaneWindow.square(np.zeros(3), np.eye(3)[:2], 1.0))
    assert not np.any(plane.affine_maps)
    assert plane.n_gradient_regions == 2
    line = lr.partition(net, lr.Line([0.0, 0.0, 0.0], [1.0, 0.0, 0.0]))
    assert not np.any(line.slopes)
    assert line.n_gradient_regions == 2


def test_batches_threads_limits_and_statistics_agree() -> None:
    case = next(case for case in zoo.small_cases() if case.name == "relu, whole numbers")
    net = minus(zoo.duplicated(case.network, np.random.default_rng(1)), slice(2, None))
    part = lr.partition(net, case.window)
    wanted = part.n_gradient_regions
    assert 1 < wanted < part.n_linear_regions
    line = lr.Segment(case.window.origin, case.window.origin + case.window.basis[0])
    counts = lr.count_regions(net, [case.window, line, case.window, line], "gradient")
    on_line = lr.partition(net, line).n_gradient_regions
    assert counts.tolist() == [wanted, on_line, wanted, on_line]
    for threads, limit in itertools.product((1, 2), (None, 30 * 2**20)):
        assert lr.count_regions(net, case.window, "gradient", threads=threads, memory_limit=limit) == wanted
        found = lr.partition(
            net,
            case.window,
            sink=lr.RegionStatistics(linear=True, gradient=True),
            threads=threads,
            memory_limit=limit,
        )
        assert (found.n_linear_regions, found.n_gradient_regions) == (part.n_linear_regions, wanted)
    assert lr.partition(net, case.window, sink=lr.RegionStatistics()).n_gradient_regions is None


def test_trained_network_has_no_cancellation() -> None:
    case = zoo.golden("mnist_64x3_trained")
    assert lr.count_regions(case.network, case.window, "gradient") == 7939


def test_blocks_of_a_long_line() -> None:
    net = minus(zoo.float_network([3, 12, 12, 2], np.random.default_rng(5)), slice(4, None))
    line = lr.Line([0.1, 0.2, 0.3], [1.0, -2.0, 0.5])
    part = lr.partition(net, line)
    whole = part.is_gradient_boundary
    assert 0 < whole.sum() < whole.size
    assert whole.size > 16, "must take several blocks"
    assert np.array_equal(line_gradient_boundaries(net, *part._switches(), pieces=1), whole)


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def test_residues_are_those_of_the_rational_numbers() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate(
        [
            [0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, -(2.0**-1060), 1.7976931348623157e308, 2.0**1000],
            np.ldexp(rng.normal(size=50), rng.integers(-1000, 1000, 50)),
        ]
    )
    primes = _gradients._draw_primes(rng)
    assert len(set(primes)) == 3
    for prime in primes:
        assert 2**20 < prime < 2**21
        assert pow(2, prime - 1, prime) == 1
        for value, residue in zip(values, residues(values, prime), strict=True):
            fraction = Fraction(value)
            assert (int(residue) * fraction.denominator - fraction.numerator) % prime == 0
            assert abs(residue) <= prime / 2


@pytest.mark.parametrize("width", [3, 5000])
def test_numbers_of_any_size_and_width(width: int) -> None:
    """Weights from 2^-1060 to 2^1000, in layers wider than what one exact sum may hold."""
    rng = np.random.default_rng(width)
    layers = []
    for shape in ((width, 2), (3, width), (2, 3)):
        weight = np.ldexp(rng.integers(-9, 10, shape).astype(float), rng.integers(-1060, 990, shape))
        layers.append((weight, np.zeros(shape[0])))
    layers[0][0][1], layers[1][0][:, 1] = layers[0][0][0], -layers[1][0][:, 0]  # two units that cancel
    net = Network.from_layers(layers, lr.leaky_relu(0.1))
    patterns = rng.integers(0, 2, (12, net.n_neurons)).astype(np.uint8)
    patterns[:, width:] = 1
    patterns[1::2] = patterns[::2]
    patterns[1::4, :2] ^= 1  # both switch
    patterns[::4, 0] = patterns[::4, 1]
    patterns[1::4, 0] = patterns[1::4, 1] = 1 - patterns[::4, 0]
    patterns[3::4, 2] ^= 1
    gradients = [exact_gradient(net, pattern.tolist()) for pattern in patterns]
    left, right = np.arange(0, 12, 2), np.arange(1, 12, 2)
    wanted = [gradients[a] != gradients[b] for a, b in zip(left, right, strict=True)]
    assert wanted == [False, True] * 3
    assert gradient_boundaries(net, patterns, left, right).tolist() == wanted


def test_a_second_and_third_prime_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gradient that is a multiple of the first primes is told from 0 by the last."""
    primes = [1048583, 1048589, 1048601]
    monkeypatch.setattr(_gradients, "_draw_primes", lambda rng: primes)
    patterns, off, on = np.array([[0, 0], [1, 1]], dtype=np.uint8), np.array([0]), np.array([1])
    for factors in ([1.0, 1.0, 1.0], [1.0, 1.0, 1048583.0], [1048589.0, 1.0, 1048583.0]):
        net = Network.from_layers([([[factor]], [0.0]) for factor in factors])
        assert gradient_boundaries(net, patterns, on, on).tolist() == [False]
        assert gradient_boundaries(net, patterns, off, on).tolist() == [True]
    monkeypatch.undo()
    net = Network.from_layers([([[float(prime)]], [0.0]) for prime in primes])
    assert gradient_boundaries(net, patterns, off, on).tolist() == [True], "primes are drawn for each network"
