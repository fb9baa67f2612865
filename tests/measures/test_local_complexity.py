"""`local_complexity`: counts round points against arrangements known by hand, and against brute force."""

import itertools

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from linregions import local_complexity as measure
from linregions.domains.sections import random_frames
from linregions.errors import InvalidTypeError, InvalidValueError
from linregions.measures.local_complexity import _Search
from linregions.regions.options import Options
from tests.measures.test_density import arrangement, bent_network
from tests.support.zoo import ACTIVATIONS, golden

ARRAYS = ("line_regions", "plane_regions", "plane_boundaries", "frame_switches", "sign_changes")


@pytest.mark.parametrize("kind", ["activation", "linear"])
@pytest.mark.parametrize("name", ["relu", "hard_tanh", "three_breaks"])
def test_one_input_is_an_interval(kind, name):
    net = lr.random_network([1, 8, 8, 2], 3, bias_variance=0.5, activation=ACTIVATIONS[name])
    points = np.linspace(-2, 2, 7)[:, None]
    found = measure(net, points, 0.8, rng=0, kind=kind)
    expected = lr.count_regions(net, [lr.Segment(x - 0.8, x + 0.8) for x in points], kind)
    np.testing.assert_array_equal(found.line_regions, expected)
    np.testing.assert_array_equal(found.line_boundaries, expected - 1)
    np.testing.assert_array_equal(found.line_regions_stderr, 0)
    assert np.isnan(found.plane_regions).all()
    ends = net.patterns(points + 0.8).astype(int) - net.patterns(points - 0.8)
    np.testing.assert_array_equal(found.sign_changes, np.abs(ends).sum(axis=1))
    assert expected.max() > 5


def test_a_neuron_that_switches_inside_and_is_back_at_the_corners():
    # |x| - 1/2 is negative between -1/2 and 1/2, and positive at both ends of [-1, 1].
    net = Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[1.0, 1.0]], [-0.5]), ([[1.0]], [0.0])])
    found = measure(net, [[0.0]], 1.0, rng=0)
    assert found.line_regions[0] == 4
    assert found.frame_switches[0] == 3
    assert found.sign_changes[0] == 2


def test_discs_in_an_arrangement_of_lines():
    rng = np.random.default_rng(1)
    normals, offsets = rng.normal(size=(15, 2)), rng.normal(size=15)
    points = rng.normal(size=(20, 2))
    net = arrangement(normals, offsets)
    found = measure(net, points, 0.7, rng=0, n_planes=2)
    distances = np.abs(points @ normals.T - offsets) / np.linalg.norm(normals, axis=1)
    for k, point in enumerate(points):
        lines = np.flatnonzero(distances[k] < 0.7)
        meetings = [np.linalg.solve(normals[[i, j]], offsets[[i, j]]) for i, j in itertools.combinations(lines, 2)]
        inside = sum(np.linalg.norm(meeting - point) < 0.7 for meeting in meetings)
        assert found.plane_regions[k] == 1 + lines.size + inside
        assert found.plane_boundaries[k] == lines.size + 2 * inside
    np.testing.assert_array_equal(found.plane_regions_stderr, 0)
    assert found.plane_regions.min() < 4
    assert found.plane_regions.max() > 10


@pytest.mark.parametrize("kind", ["activation", "linear"])
def test_discs_between_polygons_of_many_sides(kind):
    net = lr.random_network([2, 4, 3, 3, 1], 8, bias_variance=0.3)
    points = np.array([[0.5, 0.3], [-0.4, 0.2], [0.1, -0.6], [1.0, 1.0]])
    found = measure(net, points, 0.9, rng=0, n_planes=1, kind=kind)
    angles = 2 * np.pi * np.arange(500) / 500
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for k, point in enumerate(points):
        windows = [lr.PlaneWindow(point, np.eye(2), 0.9 * circle / c) for c in (1, np.cos(np.pi / 500))]
        inner, outer = lr.count_regions(net, windows, kind)
        assert inner == found.plane_regions[k] == outer
    assert np.isnan(found.plane_regions_stderr).all()
    assert found.plane_regions.max() > 5


def test_linear_regions_in_a_disc_round_a_t_junction():
    net = bent_network()
    activation, linear = (measure(net, np.zeros(2), 0.5, rng=0, kind=kind) for kind in ("activation", "linear"))
    assert (activation.plane_regions[0], activation.plane_boundaries[0]) == (4, 4)
    assert (linear.plane_regions[0], linear.plane_boundaries[0]) == (3, 3)
    assert linear.frame_switches[0] == activation.frame_switches[0]  # it knows no kind


def test_linear_regions_are_those_of_the_disc():
    # relu(1 - |x| - relu(y)) is not zero in a strip that ends at y = 1; what is beside the strip is one region.
    net = Network.from_layers(
        [([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 0.0]), ([[-1.0, -1.0, -1.0]], [1.0]), ([[1.0]], [0.0])]
    )
    across, whole = (measure(net, [0.0, -3.0], radius, rng=0, kind="linear") for radius in (1.5, 10.0))
    assert (across.plane_regions[0], across.plane_boundaries[0]) == (4, 3)
    assert whole.plane_regions[0] == 5  # two parts of the strip, two of its end, the rest
    assert whole.plane_boundaries[0] == 8  # x = 0 and y = 0 in two pieces each, and four of the outline
    assert measure(net, [0.0, -3.0], 10.0, rng=0).plane_regions[0] == 8


@pytest.mark.parametrize("n", [2, 5, 30])
def test_one_layer_is_told_by_signs(n):
    net = lr.random_network([n, 20, 1], n, bias_variance=0.2)
    found = measure(net, np.random.default_rng(n).normal(size=(5, n)) * 0.3, 0.7, rng=0)
    np.testing.assert_array_equal(found.sign_changes, found.frame_switches)
    assert found.frame_switches.max() > 5


@pytest.mark.parametrize("name", ["relu", "abs", "hard_tanh", "three_breaks"])
def test_signs_tell_too_few_switches_in_deep_networks(name):
    net = lr.random_network([6, 16, 16, 16, 16, 2], 5, bias_variance=0.2, activation=ACTIVATIONS[name])
    found = measure(net, np.random.default_rng(0).normal(size=(20, 6)), 1.5, rng=0, n_frames=3, n_planes=0)
    assert np.all(found.sign_changes <= found.frame_switches)
    assert found.sign_changes.mean() < 0.995 * found.frame_switches.mean()


def test_frames_against_their_definition():
    net = lr.random_network([4, 10, 10, 2], 5, bias_variance=0.2)
    point, radius, seed = np.full(4, 0.3), 1.2, 11
    found = measure(net, point, radius, rng=seed, n_frames=2, frame_size=3)
    stream = np.random.default_rng(int(np.random.default_rng(seed).integers(1 << 63, size=2)[0]))
    lines, switches, signs = [], [], []
    for frame in random_frames(2, 3, 4, stream):
        parts = [lr.partition(net, lr.Segment(point - radius * v, point + radius * v)) for v in frame]
        lines.append(np.mean([part.n_regions for part in parts]))
        switches.append(len(set().union(*(part.switch_neurons.tolist() for part in parts))))
        corners = np.concatenate([point + radius * frame, point - radius * frame])
        above = np.concatenate([z > 0 for z in net.pre_activations(corners)], axis=1)
        signs.append(np.count_nonzero(above.any(axis=0) & ~above.all(axis=0)))
    assert found.line_regions[0] == np.mean(lines)
    assert found.line_regions_stderr[0] == pytest.approx(np.std(lines, ddof=1) / np.sqrt(2))
    assert found.frame_switches[0] == np.mean(switches)
    assert found.sign_changes[0] == np.mean(signs)


def test_neither_threads_nor_batches_change_the_result():
    net = lr.random_network([8, 12, 12, 2], 3, bias_variance=0.1)
    points = np.random.default_rng(0).normal(size=(9, 8))
    one = measure(net, points, 1.0, rng=7)
    threads = measure(net, points, 1.0, rng=7, threads=3)
    search = _Search(net, 1.0, "activation", 4, 8, 4, Options(), numbers=1000)
    batches = search.run(points, np.random.default_rng(7))
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(threads, name), getattr(one, name))
        np.testing.assert_array_equal(getattr(batches, name), getattr(one, name))
    assert not np.array_equal(measure(net, points, 1.0, rng=8).line_regions, one.line_regions)
    assert repr(one) == "LocalComplexity(9 points, radius 1, activation regions)"


def test_small_balls_hold_one_region():
    net = golden("mnist_64x3_trained").network
    points = np.random.default_rng(0).random((3, 784))
    distances = lr.boundary_distance(net, points)
    found = measure(net, points, 0.999 * distances.min(), rng=0)
    for name, expected in zip(ARRAYS, (1, 1, 0, 0, 0), strict=True):
        np.testing.assert_array_equal(getattr(found, name), expected)
    wider = measure(net, points, 5.0, rng=0, n_planes=1)
    assert np.all(wider.line_regions > 2)
    assert np.all(wider.plane_boundaries > wider.plane_regions)


NET = lr.random_network([3, 4, 1], 0)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (
            ([[0.0, 1.0]], 1.0),
            {},
            InvalidValueError,
            r"`points` has shape \(1, 2\), but .* needs a last axis of 3 inputs",
        ),
        ((np.zeros((0, 3)), 1.0), {}, InvalidValueError, r"`points` has shape \(0, 3\)"),
        (([[0.0, np.nan, 1.0]], 1.0), {}, InvalidValueError, "`points` holds 1 NaN"),
        ((np.zeros(3), 0.0), {}, InvalidValueError, "`radius` is 0, but local_complexity needs a positive number"),
        ((np.zeros(3), 1.0), {"frame_size": 4}, InvalidValueError, "`frame_size` is 4, but .* at most .* 3 inputs"),
        (
            (np.zeros(3), 1.0),
            {"n_frames": 0},
            InvalidValueError,
            "`n_frames` is 0, but .* needs at least 1",
        ),
        ((np.zeros(3), 1.0), {"n_planes": -1}, InvalidValueError, "`n_planes` is -1, but local_complexity needs at"),
        ((np.zeros(3), 1.0), {"kind": "signs"}, InvalidValueError, "`kind` is 'signs', but local_complexity needs"),
        ((np.zeros(3), 1.0), {"rng": None}, InvalidTypeError, "`rng` is NoneType, but local_complexity needs"),
    ],
)
def test_messages(arguments, options, error, message):
    with pytest.raises(error, match=message):
        measure(NET, *arguments, **{"rng": 0, **options})


def test_messages_of_other_networks():
    with pytest.raises(InvalidTypeError, match=r"`network` is int, but local_complexity needs a linregions.Network"):
        measure(3, np.zeros(3), 1.0, rng=0)
    with pytest.raises(InvalidValueError, match="`n_planes` is 1 for one input, but local_complexity needs two"):
        measure(lr.random_network([1, 2, 1], 0), [0.0], 1.0, rng=0, n_planes=1)
