"""The decision boundary: where the arg-max of the outputs changes."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import linregions as lr
import plane_strategies as ps
import zoo
from linregions import Network, PlanePartition, PlaneWindow
from reference.planes_exact import partition_exactly

CASES = {
    "relu": (zoo.float_network([2, 10, 8, 4], np.random.default_rng(0)), zoo.WIDE),
    "hard tanh": (zoo.float_network([2, 8, 6, 3], np.random.default_rng(4), lr.HARD_TANH, 1.0), zoo.HEXAGON),
    "50 inputs": (
        zoo.float_network([50, 12, 12, 5], np.random.default_rng(2)),
        zoo.integer_slice(50, np.random.default_rng(3), (1, 1)),
    ),
    "skew": (zoo.float_network([2, 9, 9, 4], np.random.default_rng(5)), zoo.rotated(0.7, shear=0.8, stretch=2.0)),
    "mnist": (zoo.golden("mnist_64x3_trained").network, zoo.golden("mnist_64x3_trained").window),
}


@pytest.fixture(scope="module", params=CASES)
def plane(request: pytest.FixtureRequest) -> PlanePartition:
    return lr.partition(*CASES[request.param])


def lengths(plane: PlanePartition, pairs: np.ndarray) -> np.ndarray:
    """Return the Euclidean lengths of pieces given in plane coordinates."""
    return np.linalg.norm((pairs[:, 1] - pairs[:, 0]) @ plane.window.basis, axis=1)


def test_the_two_classes_tie_and_beat_all_others(plane: PlanePartition) -> None:
    boundary = plane.decision_boundary()
    assert boundary.segments.shape == (len(boundary.segments), 2, 2)
    assert boundary.classes.shape == (len(boundary.segments), 2)
    assert len(boundary.segments) > 5
    assert np.all(boundary.classes[:, 0] < boundary.classes[:, 1])
    for weight in (0.5, 0.03, 0.97):
        x = plane.window.point((1 - weight) * boundary.segments[:, 0] + weight * boundary.segments[:, 1])
        outputs = plane.network(x)
        first, second = np.take_along_axis(outputs, boundary.classes, axis=1).T
        close = 1e-9 * np.abs(outputs).max()
        assert np.abs(first - second).max() <= close
        assert np.all(first >= outputs.max(axis=1) - close)


def test_each_piece_lies_in_its_region(plane: PlanePartition) -> None:
    boundary = plane.decision_boundary()
    size = np.ptp(plane.window.polygon, axis=0).max()
    for piece, region in zip(boundary.segments, boundary.regions, strict=True):
        polygon = plane.polygon(region)
        side = np.roll(polygon, -1, axis=0) - polygon
        side /= np.linalg.norm(side, axis=1)[:, None]
        for end in piece:
            heights = side[:, 0] * (end - polygon)[:, 1] - side[:, 1] * (end - polygon)[:, 0]
            assert heights.min() >= -1e-9 * size
            assert np.abs(heights).min() <= 1e-9 * size or np.ptp(plane.network(plane.window.point(end))) > 0


def test_first_class_is_on_the_left(plane: PlanePartition) -> None:
    boundary = plane.decision_boundary()
    along = boundary.segments[:, 1] - boundary.segments[:, 0]
    left = np.stack([-along[:, 1], along[:, 0]], axis=1)
    maps = plane.affine_maps[boundary.regions]
    rows = np.arange(len(along))
    slopes = (maps[rows, boundary.classes[:, 0]] - maps[rows, boundary.classes[:, 1]])[:, :2]
    assert np.all(np.sum(slopes * left, axis=1) > 0)


def separated(boundary: np.ndarray, start: np.ndarray, end: np.ndarray, slack: float) -> bool:
    """Tell whether the segment from start to end meets one of the pieces, or all but."""
    along, piece = end - start, boundary[:, 1] - boundary[:, 0]
    cross = along[0] * piece[:, 1] - along[1] * piece[:, 0]
    gap = boundary[:, 0] - start
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (gap[:, 0] * piece[:, 1] - gap[:, 1] * piece[:, 0]) / cross
        s = (gap[:, 0] * along[1] - gap[:, 1] * along[0]) / cross
    return bool(np.any((t >= -slack) & (t <= 1 + slack) & (s >= -slack) & (s <= 1 + slack)))


def test_it_separates_the_classes(plane: PlanePartition) -> None:
    rng = np.random.default_rng(6)
    segments = plane.decision_boundary().segments
    corners = plane.window.polygon
    points = rng.dirichlet(np.ones(len(corners)), size=600) @ corners
    winner = np.argmax(plane.network(plane.window.point(points)), axis=1)
    changes = 0
    for a, b in rng.integers(0, 600, (1500, 2)):
        if winner[a] != winner[b]:
            assert separated(segments, points[a], points[b], 1e-9)
            changes += 1
    assert changes > 50
    # And where a segment meets it once, well inside a piece, the classes do change.
    steps = np.array([[-segment[1] + other[1], segment[0] - other[0]] for segment, other in segments])
    middles, size = segments.mean(axis=1), np.ptp(corners, axis=0).max()
    long = np.linalg.norm(steps, axis=1) > 1e-4 * size
    sides = [middles[long] + sign * 1e-6 * steps[long] for sign in (1, -1)]
    winners = [np.argmax(plane.network(plane.window.point(side)), axis=1) for side in sides]
    assert np.all(winners[0] != winners[1])


def test_polylines_hold_every_piece_once(plane: PlanePartition) -> None:
    boundary = plane.decision_boundary()
    pieces = [np.stack([line[:-1], line[1:]], axis=1) for line in boundary.polylines]
    total = sum(float(lengths(plane, piece).sum()) for piece in pieces)
    np.testing.assert_allclose(total, lengths(plane, boundary.segments).sum(), rtol=1e-9)
    size = np.ptp(plane.window.polygon, axis=0).max()
    middles = np.concatenate(pieces).mean(axis=1)
    assert len(middles) == len(boundary.segments)
    order, same = (np.lexsort(np.round(m / size, 8).T) for m in (middles, boundary.segments.mean(axis=1)))
    np.testing.assert_allclose(middles[order], boundary.segments.mean(axis=1)[same], rtol=0, atol=2e-8 * size)


def test_polylines_end_on_the_border_or_where_classes_meet(plane: PlanePartition) -> None:
    """A polyline that stopped within the window without reason would leave its classes connected."""
    boundary = plane.decision_boundary()
    size = np.ptp(plane.window.polygon, axis=0).max()
    corners = plane.window.polygon
    sides = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([-sides[:, 1], sides[:, 0]], axis=1) / np.linalg.norm(sides, axis=1)[:, None]
    ends = [line[k] for line in boundary.polylines for k in (0, -1) if not np.array_equal(line[0], line[-1])]
    assert ends
    for end in ends:
        on_border = np.abs(normals @ end - np.sum(corners * normals, axis=1)).min() <= 1e-9 * size
        outputs = np.sort(plane.network(plane.window.point(end)))
        three = len(outputs) > 2 and outputs[-1] - outputs[-3] <= 1e-8 * np.abs(outputs).max()
        assert on_border or three


def test_length_equals_the_twin() -> None:
    for name in ("relu", "hard tanh", "50 inputs", "skew"):
        net, window = CASES[name]
        plane = lr.partition(net, window)
        found = lengths(plane, plane.decision_boundary().segments).sum()
        np.testing.assert_allclose(found, partition_exactly(net, window).decision_length(), rtol=1e-9)


def decision_length(plane: PlanePartition) -> float:
    return float(lengths(plane, plane.decision_boundary().segments).sum())


problems = st.one_of(
    ps.float_problems([lr.RELU, lr.ABS], widest=5), ps.float_problems(ps.MORE_BREAKS, deepest=2, widest=4)
)


@settings(max_examples=80, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(problems)
def test_length_equals_the_twin_for_random_networks(problem: tuple[Network, PlaneWindow]) -> None:
    net, window = problem
    exact = partition_exactly(net, window).decision_length()
    np.testing.assert_allclose(decision_length(lr.partition(net, window)), exact, rtol=1e-8, atol=1e-9)


@settings(max_examples=80, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(ps.integer_problems([lr.RELU, lr.ABS, lr.HARD_TANH], deepest=2, widest=4))
def test_length_equals_the_twin_for_whole_weights(problem: tuple[Network, PlaneWindow]) -> None:
    """With ties that fill whole regions the first of the equal outputs wins."""
    net, window = problem
    exact = partition_exactly(net, window).decision_length()
    np.testing.assert_allclose(decision_length(lr.partition(net, window)), exact, rtol=1e-8, atol=1e-9)


def linear_classifier(weight: list[list[float]], bias: list[float]) -> PlanePartition:
    return lr.partition(Network.from_layers([(weight, bias)]), zoo.SQUARE)


def test_a_linear_classifier_by_hand() -> None:
    boundary = linear_classifier([[1.0, 0.0], [-1.0, 0.0]], [0.0, -0.5]).decision_boundary()  # ties at u = -1/4
    assert boundary.classes.tolist() == [[0, 1]]
    np.testing.assert_allclose(boundary.segments, [[[-0.25, 1.0], [-0.25, -1.0]]], atol=1e-15)
    (line,) = boundary.polylines
    assert line.shape == (2, 2)


def test_three_classes_meet_in_a_point() -> None:
    angles = np.array([0.1, 2.2, 4.3])
    weight = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    boundary = linear_classifier(weight.tolist(), [0.0, 0.0, 0.0]).decision_boundary()
    assert sorted(boundary.classes.tolist()) == [[0, 1], [0, 2], [1, 2]]
    for segment in boundary.segments:
        assert np.abs(segment).max(axis=1).min() <= 1e-15  # one end in the centre
        np.testing.assert_allclose(np.abs(segment).max(axis=1).max(), 1.0)
    assert len(boundary.polylines) == 3


def test_cells_of_voronoi() -> None:
    """Outputs 2 p . x - |p|^2 are largest at the nearest site p, so the boundary is a Voronoi diagram."""
    from scipy.spatial import Voronoi

    sites = np.random.default_rng(7).uniform(-1, 1, (120, 2))
    net = Network.from_layers([(2 * sites, -np.square(sites).sum(axis=1))])
    boundary = lr.partition(net, PlaneWindow.of_inputs([-9, -9], [9, 9])).decision_boundary()
    ridges = {tuple(sorted(map(int, pair))) for pair in Voronoi(sites).ridge_points}
    found = {tuple(map(int, pair)) for pair in boundary.classes}
    assert len(found) == len(boundary.segments) > 250, "one piece for each pair of cells"
    assert found <= ridges
    corners = Voronoi(sites).vertices
    inside = int(np.sum(np.abs(corners).max(axis=1) < 9))
    ends = np.round(boundary.segments.reshape(-1, 2), 9)
    _, times = np.unique(ends[np.abs(ends).max(axis=1) < 8.999], axis=0, return_counts=True)
    assert times.tolist() == [3] * inside


def test_a_closed_curve() -> None:
    lines = [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)]
    coefficients = np.array(lines)
    net = Network.from_layers(  # |x| + |y| against 1/2
        [(coefficients[:, :2], coefficients[:, 2]), ([[1.0] * 4, [0.0] * 4], [0.0, 0.5])]
    )
    boundary = lr.partition(net, zoo.SQUARE).decision_boundary()
    (line,) = boundary.polylines
    assert line.shape == (5, 2)
    assert np.array_equal(line[0], line[-1])
    np.testing.assert_allclose(np.abs(line).sum(axis=1), 0.5)
    assert Counter(map(tuple, boundary.classes.tolist())) == {(0, 1): 4}


def test_a_boundary_along_an_edge() -> None:
    net = Network.from_layers([([[1.0, 0.0]], [0.0]), ([[0.0], [1.0]], [0.0, 0.0])])  # 0 against relu(u)
    boundary = lr.partition(net, zoo.SQUARE).decision_boundary()
    assert boundary.classes.tolist() == [[0, 1]]
    np.testing.assert_allclose(np.sort(boundary.segments[0], axis=0), [[0.0, -1.0], [0.0, 1.0]], atol=1e-15)


@pytest.mark.parametrize(
    ("weight", "bias"),
    [([[1.0, 2.0]], [0.5]), ([[1.0, 0.0], [1.0, 0.0]], [9.0, 0.0]), ([[1.0, 2.0], [1.0, 2.0]], [0.0, 0.0])],
    ids=["one output", "one class always ahead", "two equal outputs"],
)
def test_no_boundary(weight: list[list[float]], bias: list[float]) -> None:
    boundary = linear_classifier(weight, bias).decision_boundary()
    assert boundary.segments.shape == (0, 2, 2)
    assert boundary.classes.shape == (0, 2)
    assert boundary.polylines == []


def test_order_of_outputs_does_not_matter() -> None:
    net, window = CASES["relu"]
    found = decision_length(lr.partition(net, window))
    for order in itertools.islice(itertools.permutations(range(4)), 1, 24, 5):
        last = net.layers[-1]
        layers = [(layer.weight, layer.bias) for layer in net.layers[:-1]]
        layers.append((last.weight[list(order)], last.bias[list(order)]))
        other = lr.partition(Network.from_layers(layers, net.activations), window)
        np.testing.assert_allclose(decision_length(other), found, rtol=1e-9)
