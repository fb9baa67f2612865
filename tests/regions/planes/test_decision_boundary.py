"""The decision boundary: where the arg-max of the outputs changes."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import Network, PlanePartition, PlaneWindow
from linregions.regions.outputs import Comparison
from linregions.regions.planes.decision import boundary_of
from tests.fuzz.families import FAMILIES, FIVE_BREAKPOINTS
from tests.reference.planes_exact import partition_exactly
from tests.support import plane_strategies as ps
from tests.support import zoo
from tests.support.examples import drawn

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


@drawn(80, problems)
def test_length_equals_the_twin_for_random_networks(problem: tuple[Network, PlaneWindow]) -> None:
    net, window = problem
    exact = partition_exactly(net, window).decision_length()
    np.testing.assert_allclose(decision_length(lr.partition(net, window)), exact, rtol=1e-8, atol=1e-9)


@drawn(80, ps.integer_problems([lr.RELU, lr.ABS, lr.HARD_TANH], deepest=2, widest=4))
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
    [([[1.0, 2.0]], [3.5]), ([[1.0, 0.0], [1.0, 0.0]], [9.0, 0.0]), ([[1.0, 2.0], [1.0, 2.0]], [0.0, 0.0])],
    ids=["one output above zero", "one class always ahead", "two equal outputs"],
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


@drawn(60, ps.integer_problems([lr.RELU, lr.ABS, lr.HARD_TANH], deepest=2, widest=4), st.data())
def test_arg_min_and_level_sets_equal_the_twin(problem: tuple[Network, PlaneWindow], data: st.DataObject) -> None:
    """Whole weights: outputs are constant on regions, touch, and reach the level along edges."""
    net, window = problem
    plane, exact = lr.partition(net, window), partition_exactly(net, window)
    found = lengths(plane, plane.decision_boundary("argmin").segments).sum()
    np.testing.assert_allclose(found, exact.decision_length("argmin"), rtol=1e-8, atol=1e-9)
    output = data.draw(st.integers(0, net.n_out - 1))
    values = np.unique(net(window.point(plane.vertices))[:, output])
    reached = [0.0, *(float(x) for x in values if float(4 * x).is_integer())]  # those that are floats
    level = data.draw(st.one_of(st.sampled_from(reached), st.sampled_from([0.0, 1.0, -2.5])))
    found = lengths(plane, plane.level_set(output, level).segments).sum()
    np.testing.assert_allclose(found, exact.level_length(output, level), rtol=1e-8, atol=1e-9)


def permuted(net: Network, order: tuple[int, ...]) -> Network:
    """Return the network with its outputs in another order; a number may come twice."""
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[-1] = (layers[-1][0][list(order)], layers[-1][1][list(order)])
    return Network.from_layers(layers, net.activations)


# Hidden units: relu(u), relu(-u), relu(v).
FOLDED = [([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], [0.0, 0.0, 0.0])]


def folded(rows: list[list[float]], bias: list[float], order: tuple[int, ...]) -> PlanePartition:
    net = Network.from_layers([*FOLDED, (rows, bias)])
    return lr.partition(permuted(net, order), zoo.SQUARE)


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_outputs_that_touch_have_no_boundary(order: tuple[int, ...]) -> None:
    touching = folded([[0.0, 0.0, 0.0], [-1.0, -1.0, 0.0]], [0.0, 0.0], order)  # 0 and -|u|
    assert touching.decision_boundary().segments.shape == (0, 2, 2)
    assert touching.decision_boundary("argmin").segments.shape == (0, 2, 2)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_three_outputs_that_tie_along_one_line(order: tuple[int, ...]) -> None:
    """u, -u and 0 all tie on u = 0, where 0 is nowhere ahead: one piece, between the other two."""
    plane = lr.partition(
        Network.from_layers([(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])[list(order)], [0.0] * 3)]), zoo.SQUARE
    )
    boundary = plane.decision_boundary()
    assert boundary.classes.tolist() == [sorted((order.index(0), order.index(1)))]
    np.testing.assert_allclose(np.sort(boundary.segments[0], axis=0), [[0.0, -1.0], [0.0, 1.0]], atol=1e-15)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_outputs_that_tie_on_a_region_belong_to_the_lowest(order: tuple[int, ...]) -> None:
    """Outputs 0, relu(u) and relu(u) - relu(-u) - 1/2: on u < 0 the first two are one."""
    rows, bias = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, -1.0, 0.0]], [0.0, 0.0, -0.5]
    boundary = folded(rows, bias, order).decision_boundary()
    zero, ramp = order.index(0), order.index(1)
    if ramp < zero:  # then the ramp wins everywhere
        assert boundary.segments.shape == (0, 2, 2)
    else:
        assert {tuple(pair) for pair in boundary.classes.tolist()} == {(zero, ramp)}
        assert np.abs(boundary.segments[:, :, 0]).max() <= 1e-15
        np.testing.assert_allclose(lengths_of(boundary).sum(), 2.0)


def lengths_of(boundary: lr.decision.DecisionBoundary) -> np.ndarray:
    return np.linalg.norm(boundary.segments[:, 1] - boundary.segments[:, 0], axis=1)


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 0), (3, 3, 2, 1, 0), (1, 1, 0, 2, 3), (2, 0, 2, 3, 1)])
def test_copies_of_outputs_change_nothing_but_numbers(order: tuple[int, ...]) -> None:
    net, window = CASES["relu"]
    plain, copied = lr.partition(net, window), lr.partition(permuted(net, order), window)
    first, second = plain.decision_boundary(), copied.decision_boundary()
    np.testing.assert_allclose(lengths_of(second).sum(), lengths_of(first).sum(), rtol=1e-12)
    assert second.diagnostics == {"undecided": 0}
    names = {tuple(sorted(order.index(k) for k in pair)) for pair in first.classes.tolist()}
    assert {tuple(pair) for pair in second.classes.tolist()} == names, "the lowest of the copies"


def test_one_output_has_the_level_zero_for_its_boundary() -> None:
    net = zoo.float_network([2, 12, 12, 1], np.random.default_rng(3))
    plane = lr.partition(net, zoo.WIDE)
    boundary, level = plane.decision_boundary(), plane.level_set()
    np.testing.assert_array_equal(boundary.segments, level.segments)
    assert len(level.segments) > 3
    values = net(plane.window.point(level.segments.mean(axis=1)))
    np.testing.assert_allclose(values, 0.0, atol=1e-12)
    np.testing.assert_allclose(decision_length(plane), partition_exactly(net, zoo.WIDE).decision_length(), rtol=1e-9)
    least = plane.decision_boundary("argmin")  # the same curve; 1 is where the output is below zero
    np.testing.assert_allclose(lengths_of(least).sum(), lengths_of(boundary).sum(), rtol=1e-12)


def test_arg_min_is_the_arg_max_of_negated_outputs() -> None:
    net, window = CASES["relu"]
    last = net.layers[-1]
    layers = [(layer.weight, layer.bias) for layer in net.layers[:-1]]
    negated = Network.from_layers([*layers, (-last.weight, -last.bias)], net.activations)
    found = lr.partition(net, window).decision_boundary(decision="argmin")
    other = lr.partition(negated, window).decision_boundary()
    np.testing.assert_array_equal(found.segments, other.segments)
    np.testing.assert_array_equal(found.classes, other.classes)


@pytest.mark.parametrize(
    ("output", "level", "length"),
    [
        (0, 0.0, 2.0),  # relu(u): 0 on half of the square, above beyond u = 0
        (0, -1e-3, 0.0),
        (0, 0.25, 2.0),
        (1, 0.0, 0.0),  # -|u| touches 0 from below
        (2, 0.0, 4.0),  # |u| is above 0 but on a line, where no region ends; - 1/4: two lines
        (3, 0.0, 2.0),  # relu(u) - relu(-u) = u
    ],
)
def test_levels_reached_on_regions_and_along_edges(output: int, level: float, length: float) -> None:
    rows = [[1.0, 0.0, 0.0], [-1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [1.0, -1.0, 0.0]]
    plane = folded(rows, [0.0, 0.0, -0.25, 0.0], (0, 1, 2, 3))
    found = plane.level_set(output, level)
    np.testing.assert_allclose(lengths_of(found).sum(), length, rtol=1e-12)


def test_a_level_touched_from_above_has_no_piece() -> None:
    plane = folded([[1.0, 1.0, 0.0]], [0.0], (0,))  # |u|
    assert plane.level_set().segments.shape == (0, 2, 2)


def test_a_level_reached_in_one_vertex_has_no_piece() -> None:
    plane = folded([[-1.0, -1.0, -1.0]], [0.0], (0,))  # -|u| - relu(v), 0 on a half-line
    assert plane.level_set().segments.shape == (0, 2, 2)
    corner = linear_classifier([[1.0, 1.0]], [-2.0]).level_set()  # u + v - 2 is 0 in a corner of the square
    assert corner.segments.shape == (0, 2, 2)
    assert corner.diagnostics["undecided"] == 1


def test_level_sets_join_to_closed_curves() -> None:
    lines = [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]
    net = Network.from_layers([(lines, [0.0] * 4), ([[1.0] * 4], [0.0])])  # |u| + |v|
    (line,) = lr.partition(net, zoo.SQUARE).level_set(level=0.5).polylines
    assert line.shape == (5, 2)
    assert np.array_equal(line[0], line[-1])


def test_curves_through_vertices_stay_whole() -> None:
    plane = folded([[1.0, -1.0, 1.0]], [0.0], (0,))  # u + relu(v): 0 along u = 0 below, on the diagonal above
    (line,) = plane.level_set().polylines
    np.testing.assert_allclose(sorted(map(tuple, line)), [(-1.0, 1.0), (0.0, -1.0), (0.0, 0.0)], atol=1e-15)


def test_what_ties_everywhere_is_not_undecided() -> None:
    net = Network.from_layers([*FOLDED, ([[0.0] * 3, [0.0] * 3, [1.0, 0.0, 0.0]], [0.0, 0.0, -2.0])])
    boundary = lr.partition(net, zoo.SQUARE).decision_boundary()
    assert len(boundary.segments) == 0
    assert boundary.diagnostics == {"undecided": 0}


@pytest.mark.parametrize("scale", [2.0**-400, 2.0**300])
def test_scaled_outputs_have_the_same_boundary(scale: float) -> None:
    net, window = CASES["relu"]
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    layers[-1] = (layers[-1][0] * scale, layers[-1][1] * scale)
    found = lr.partition(Network.from_layers(layers, net.activations), window).decision_boundary()
    np.testing.assert_allclose(lengths_of(found).sum(), lengths_of(lr.partition(net, window).decision_boundary()).sum())


@pytest.mark.parametrize("activation", [lr.RELU, lr.HARD_TANH, FIVE_BREAKPOINTS], ids=lambda chosen: chosen.name)
@pytest.mark.parametrize("scale", [2.0**-600, 2.0**-170, 2.0**130, 2.0**600])
def test_the_boundary_keeps_in_all_units(activation: lr.PiecewiseLinear, scale: float) -> None:
    """Values whose squares, or that in single precision, are out of range."""
    net, window = zoo.float_network([2, 6, 5, 3], np.random.default_rng(8), activation, 0.5), zoo.WIDE
    plain = lr.partition(net, window)
    layers = [(layer.weight, layer.bias) for layer in net.layers]
    first, last = layers[0], layers[-1]
    problems = [(Network.from_layers([*layers[:-1], (last[0] * scale, last[1] * scale)], activation), window)]
    # Inputs in other units, and for ReLU also each of the hidden neurons.
    inputs = Network.from_layers([(first[0] / scale, first[1]), *layers[1:]], activation)
    problems.append((inputs, PlaneWindow(window.origin * scale, window.basis * scale, window.polygon)))
    if activation is lr.RELU:
        hidden = [
            (first[0] * scale, first[1] * scale),
            (layers[1][0], layers[1][1] * scale),
            (last[0] / scale, last[1]),
        ]
        problems.append((Network.from_layers(hidden, activation), window))
    for other, where in problems:
        part = lr.partition(other, where)
        for found, expected in (
            (part.decision_boundary(), plain.decision_boundary()),
            (part.decision_boundary("argmin"), plain.decision_boundary("argmin")),
        ):
            assert found.diagnostics == {"undecided": 0}
            assert len(expected.segments) > 5
            assert Counter(map(tuple, found.classes)) == Counter(map(tuple, expected.classes))
            np.testing.assert_allclose(lengths_of(found).sum(), lengths_of(expected).sum(), rtol=1e-9)


@pytest.mark.parametrize("family", ["scaled_by_powers_of_two", "far_scales", "generic", "far_windows"])
def test_length_equals_the_twin_in_families(family: str) -> None:
    for number in range(12):
        problem = FAMILIES[family](np.random.default_rng([1, number]))
        part = lr.partition(problem.network, problem.window)
        exact = partition_exactly(problem.network, problem.window)
        found, level = part.decision_boundary(), part.level_set(0, 0.25)
        assert found.diagnostics["undecided"] == part.diagnostics["undecided"] == 0
        np.testing.assert_allclose(lengths(part, found.segments).sum(), exact.decision_length(), rtol=1e-7)
        if not level.diagnostics["undecided"]:  # an output of 1e100 or more is near no level
            np.testing.assert_allclose(lengths(part, level.segments).sum(), exact.level_length(0, 0.25), rtol=1e-7)


def test_consecutive_affine_layers_and_many_groups() -> None:
    """Groups are a matter of speed only."""
    rng = np.random.default_rng(8)
    net = zoo.float_network([2, 12, 9, 12, 3], rng)
    net = Network.from_layers([(layer.weight, layer.bias) for layer in net.layers], [lr.HARD_TANH, lr.IDENTITY, lr.ABS])
    plane = lr.partition(net, zoo.WIDE)
    whole = plane.decision_boundary()
    assert len(whole.segments) > 5
    for sizes in ([1], [3], [40, 10], [12, 6, 3, 1]):
        found = boundary_of(plane, Comparison.of_classes(net.n_out, "argmax", "test"), sizes)
        np.testing.assert_array_equal(found.classes, whole.classes)
        np.testing.assert_allclose(found.segments, whole.segments, rtol=0, atol=1e-12)


def test_what_is_no_decision_output_or_level() -> None:
    plane = linear_classifier([[1.0, 2.0]], [0.5])
    with pytest.raises(ValueError, match=r"`decision` is 'max', but PlanePartition.decision_boundary needs one of"):
        plane.decision_boundary("max")
    with pytest.raises(ValueError, match=r"`output` is 1, but PlanePartition.level_set needs one below the number"):
        plane.level_set(1)
    with pytest.raises(ValueError, match="`level` holds 1 NaN or infinite"):
        plane.level_set(level=float("nan"))


def test_memory_is_not_that_of_a_forward_pass_over_all_vertices() -> None:
    net = lr.random_network([8, 256, 256, 8], rng=0)
    basis = np.linalg.qr(np.random.default_rng(7).normal(size=(8, 2)))[0].T
    plane = lr.partition(net, PlaneWindow.square(np.zeros(8), basis, 4.0))
    plane.decision_boundary()  # what is loaded at first use
    tracemalloc.start()
    boundary = plane.decision_boundary()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(boundary.segments) > 100
    one_layer = len(plane.vertices) * 256 * 8
    assert peak < 0.25 * one_layer, "a forward pass holds five of these"
