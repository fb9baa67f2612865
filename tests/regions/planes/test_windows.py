"""A window is a set of points: how it is parametrised must not matter, nor where it is and in which units."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.domains.frames import frame_of
from linregions.regions.planes.restriction import REACH
from tests.reference.planes_exact import partition_exactly
from tests.support.plane_checks import check_against, check_invariants

SQUARE = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def network(seed: int) -> Network:
    return lr.random_network([2, 8, 8, 3], seed, bias_variance=0.2)


def reparametrised(window: PlaneWindow, rng: np.random.Generator, far: bool) -> PlaneWindow:
    """Describe the same points with other vectors, of other lengths and angles, from another origin and corner."""
    units = 10.0 ** rng.uniform(-12, 12, 2)
    shear = rng.normal() * 10.0 ** rng.uniform(-3, 3)
    change = units[:, None] * np.array([[1.0, 0.0], [shear, 1.0]])  # new vectors in terms of the old ones
    shift = rng.normal(size=2) * (1e4 if far else 0.0)  # of the origin, in old coordinates
    corners = (window.polygon - shift) @ np.linalg.inv(change)
    start = int(rng.integers(len(corners)))
    return PlaneWindow(window.origin + shift @ window.basis, change @ window.basis, np.roll(corners, start, axis=0))


@pytest.mark.parametrize("seed", range(40))
def test_parametrisation_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    net = network(seed)
    window = PlaneWindow(rng.normal(size=2) * 0.5, rng.normal(size=(2, 2)), SQUARE * rng.uniform(0.5, 2.0, 2))
    first = lr.partition(net, window)
    for far in (False, True):
        found = lr.partition(net, reparametrised(window, rng, far))
        assert found.diagnostics["undecided"] == 0
        assert (found.n_regions, found.n_linear_regions) == (first.n_regions, first.n_linear_regions)
        assert sorted(map(bytes, found.patterns)) == sorted(map(bytes, first.patterns))
        close = 1e-7 if far else 1e-9  # numbers as large as 1e4 shears of the window tell no more of it
        np.testing.assert_allclose(sorted(found.areas), sorted(first.areas), rtol=close, atol=close * first.window.area)
        np.testing.assert_allclose(found.boundary_length, first.boundary_length, rtol=close)
        np.testing.assert_allclose(found.window.area, first.window.area, rtol=1e-9)


@pytest.mark.parametrize("ratio", [1e2, 1e4, 1e6, 1e9, 1e12])
def test_inputs_of_unlike_units(ratio: float) -> None:
    for seed in range(4):
        net = network(seed)
        scaled = [(net.layers[0].weight / [1.0, ratio], net.layers[0].bias)]
        scaled += [(layer.weight, layer.bias) for layer in net.layers[1:]]
        window = PlaneWindow.of_inputs([-1.0, -ratio], [1.0, ratio])
        found = lr.partition(Network.from_layers(scaled), window)
        assert found.n_regions == lr.count_regions(net, PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]))
        assert found.diagnostics["undecided"] == 0
        assert np.array_equal(found.vertices[:4], window.polygon)
        np.testing.assert_allclose(found.areas.sum(), 4.0 * ratio, rtol=1e-12)


def test_units_mixed_in_bands_told_a_wrong_pattern() -> None:
    s = 2.0**23
    layers = [([[0.2, -1.3 / s], [-0.2, 1.6 / s]], [0.2, -0.6]), ([[0.8, 0.0]], [0.2]), ([[-0.8]], [0.4])]
    found = lr.partition(Network.from_layers(layers), PlaneWindow.of_inputs([-1.0, -s], [1.0, s]))
    assert (found.n_regions, found.n_linear_regions) == (3, 2)
    assert found.patterns.tolist() == [[1, 0, 1], [0, 1, 1], [0, 0, 1]]


@pytest.mark.parametrize("power", [10, 20, 26, 30, 34])
def test_small_boxes_far_away(power: int) -> None:
    """An exact translation: whole numbers are added to the inputs, and to what is taken off them."""
    for seed in range(3):
        rng = np.random.default_rng([power, seed])
        weight = rng.integers(-7, 8, (6, 2)) / 8.0
        far = np.round(rng.normal(size=2) * 2.0**power)
        bias = np.round(rng.normal(size=6) * 64) / 64
        rest = [(rng.normal(size=(5, 6)), rng.normal(size=5)), (rng.normal(size=(1, 5)), [0.0])]
        near = Network.from_layers([(weight, bias), *rest])
        moved = Network.from_layers([(weight, bias - weight @ far), *rest])
        window = PlaneWindow.of_inputs([-1.5, -1.5], [1.5, 1.5])
        there = PlaneWindow.of_inputs(far - 1.5, far + 1.5)
        found = lr.partition(moved, there)
        assert sorted(map(bytes, found.patterns)) == sorted(map(bytes, lr.partition(near, window).patterns))
        assert np.array_equal(found.vertices[:4], there.polygon)


@pytest.mark.parametrize("skew", [1e-2, 1e-4, 1e-6, 1e-8, 1e-9])
def test_lengths_of_a_skew_basis(skew: float) -> None:
    net = Network.from_layers([([[1.0, 0.0]], [-0.5]), ([[1.0]], [0.0])])
    basis = np.array([[1.0, 0.0], [1.0, skew]])
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    found = lr.partition(net, PlaneWindow([0.0, 0.0], basis, corners @ np.linalg.inv(basis)))
    close = 1e-14 / skew
    assert found.n_regions == 2
    np.testing.assert_allclose(found.boundary_length, 1.0, rtol=close)
    np.testing.assert_allclose(found.perimeters, [3.0, 3.0], rtol=close)
    measured = lr.partition(net, found.window, sink=lr.RegionStatistics())
    np.testing.assert_allclose(measured.boundary_length, 1.0, rtol=close)
    np.testing.assert_allclose(measured.area, 1.0, rtol=close)


@pytest.mark.parametrize("seed", range(6))
def test_skew_windows_equal_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    basis = np.array([[1.0, 0.0], [1.0, 10.0 ** rng.uniform(-9, -1)]]) * 10.0 ** rng.uniform(-3, 3, (2, 1))
    window = PlaneWindow(rng.normal(size=2) * 0.3, basis, SQUARE @ np.linalg.inv(basis))
    net = lr.random_network([2, 6, 5, 1], seed, bias_variance=0.2)
    found, exact = lr.partition(net, window), partition_exactly(net, window)
    assert found.n_regions == exact.n_regions
    assert len(found.vertices) == len(exact.vertices)
    assert sorted(map(tuple, found.patterns.tolist())) == sorted(exact.patterns)
    assert found.diagnostics["undecided"] == 0


@pytest.mark.parametrize("seed", range(20))
def test_frames(seed: int) -> None:
    """A polygon in its frame is fat, about 1 in size, and comes back to where it was."""
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    turn *= np.sign(np.linalg.det(turn))
    corners = ring * 10.0 ** rng.uniform(-5, 5, 2) @ turn + rng.normal(size=2) * 10.0 ** rng.uniform(-2, 3)
    try:
        window = PlaneWindow(np.zeros(2), np.eye(2), corners)
    except lr.errors.InvalidValueError:  # almost a line
        return
    frame = frame_of(window)
    assert np.abs(frame.polygon).max() <= REACH
    assert 0.25 <= np.ptp(frame.polygon, axis=0).min() <= np.ptp(frame.polygon, axis=0).max() <= 2.0
    scales = [Fraction(scale) for scale in frame.scale]
    assert all(min(scale.numerator, scale.denominator) == 1 for scale in scales), "powers of two"
    back = frame.polygon.copy()
    frame.to_plane(back)
    np.testing.assert_allclose(back, window.polygon, rtol=1e-15, atol=4e-16 * np.abs(corners).max())


def test_a_window_that_holds_its_origin_stays_there() -> None:
    """Lines through the origin then are exact, whatever the window."""
    frame = frame_of(PlaneWindow.of_inputs([-2.6, -0.1], [3.4, 1.9]))
    assert frame.centre == (0.0, 0.0)
    assert frame.shear == 0.0


@pytest.mark.parametrize("power", [155, 200, 300])
def test_huge_windows(power: int) -> None:
    """Squares of such coordinates overflow; a network of such biases is a scaled one."""
    net = network(0)
    size = 2.0 ** round(power * np.log2(10.0))
    bias = [(net.layers[0].weight, net.layers[0].bias * size)]
    layers = bias + [(layer.weight, layer.bias * size) for layer in net.layers[1:]]
    found = lr.partition(Network.from_layers(layers), PlaneWindow.of_inputs([-size, -size], [size, size]))
    small = lr.partition(net, PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0]))
    assert np.array_equal(found.patterns, small.patterns)
    assert np.array_equal(found.vertices, small.vertices * size)
    np.testing.assert_allclose(found.boundary_length, small.boundary_length * size, rtol=1e-14)
    assert found.diagnostics["undecided"] == 0
    check_invariants(small)


def test_a_window_larger_than_numbers() -> None:
    with pytest.raises(lr.errors.InvalidValueError, match=r"`polygon` reaches from -1.5e.308 to 1.5e.308, but Plane"):
        PlaneWindow.of_inputs([-1.5e308, -1.0], [1.5e308, 1.0])


def test_huge_bases() -> None:
    window = PlaneWindow(np.zeros(2), np.eye(2) * 2.0**600, SQUARE * 2.0**-600)
    plain = PlaneWindow(np.zeros(2), np.eye(2), SQUARE)
    exact = partition_exactly(network(1), plain)
    check_against(lr.partition(network(1), plain), exact)
    found = lr.partition(network(1), window)
    assert found.n_regions == exact.n_regions
    np.testing.assert_allclose(found.boundary_length, exact.boundary_length, rtol=1e-12)
