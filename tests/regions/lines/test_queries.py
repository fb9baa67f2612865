"""Affine maps, integrals, decision points, neighbours and tables of partitions of lines."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies as st

import linregions as lr
from linregions import LinePartition, Network
from linregions.errors import InvalidValueError
from tests.support import zoo
from tests.support.examples import drawn

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(5, 6))
NET = zoo.float_network([6, 12, 10, 4], np.random.default_rng(1))
DOMAINS = {
    "segment": lr.Segment(-2 * POINTS[0], 2 * POINTS[1]),
    "ray": lr.Ray(POINTS[0], POINTS[1]),
    "line": lr.Line(POINTS[2], POINTS[3]),
    "path": lr.Path(2 * POINTS),
}


@pytest.fixture(scope="module", params=DOMAINS)
def part(request: pytest.FixtureRequest) -> LinePartition:
    return lr.partition(NET, DOMAINS[request.param])


def inner_points(part: LinePartition, share: float) -> np.ndarray:
    """Return one parameter in each region."""
    low, high = part.intervals.T
    low = np.where(np.isinf(low), high - 1.0, low)
    return low + share * (np.where(np.isinf(high), low + 1.0, high) - low)


def test_affine_maps_are_the_network(part: LinePartition) -> None:
    maps = part.affine_maps
    assert maps.shape == (part.n_regions, 4, 2)
    bent = np.isnan(maps).any(axis=(1, 2))
    if isinstance(part.domain, lr.Path):
        corners = np.searchsorted(part.breakpoints, np.arange(1, len(part.domain.points) - 1))
        np.testing.assert_array_equal(np.flatnonzero(bent), np.unique(corners))
    else:
        assert not bent.any()
    for share in (0.2, 0.7):
        t = inner_points(part, share)
        outputs = NET(part.domain.point(t))
        found = maps[:, :, 0] * t[:, None] + maps[:, :, 1]
        np.testing.assert_allclose(found[~bent], outputs[~bent], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(maps[~bent, :, 0], part.slopes[~bent], rtol=1e-9, atol=1e-12)


def test_a_line_without_breakpoints() -> None:
    part = lr.partition(Network.from_layers([([[2.0]], [1.0])]), lr.Line([3.0], [0.5]))
    np.testing.assert_allclose(part.affine_maps, [[[1.0, 7.0]]])
    np.testing.assert_allclose(part.decision_points().t, [-7.0])
    assert part.decision_points().classes.tolist() == [[0, 1]]
    np.testing.assert_allclose(part.level_set(level=9.0).t, [2.0])


def test_points_are_located_between_breakpoints(part: LinePartition) -> None:
    for share in (0.1, 0.5, 0.9):
        t = inner_points(part, share)
        np.testing.assert_array_equal(part.locate(t, coordinates="parameter"), np.arange(len(part)))
    np.testing.assert_array_equal(part.locate(part.domain.point(inner_points(part, 0.5))), np.arange(len(part)))
    at = part.locate(part.breakpoints, coordinates="parameter")
    np.testing.assert_array_equal(at, np.arange(len(part) - 1), "a breakpoint belongs to the region before it")
    if not isinstance(part.domain, lr.Line):
        assert part.locate([-1e-9], coordinates="parameter").tolist() == [-1]
    if isinstance(part.domain, lr.Segment):
        assert part.locate(part.domain.point([-0.5, 1.5])).tolist() == [-1, -1]
    with pytest.raises(InvalidValueError, match=r"`points` has shape \(2,\), but LinePartition.locate needs a last"):
        part.locate([1.0, 2.0])


def test_the_nearest_leg_of_a_path() -> None:
    net = Network.from_layers([(np.eye(2), [-0.5, -0.5]), ([[1.0, 1.0]], [0.0])])
    part = lr.partition(net, lr.Path([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_allclose(part.breakpoints, [0.5, 1.5])
    assert part.locate([[0.2, 0.1], [1.3, 0.2], [0.9, 0.8]]).tolist() == [0, 1, 2]


def test_regions_in_a_row(part: LinePartition) -> None:
    assert len(part) == part.n_regions
    views = list(part)
    assert [view.index for view in views] == list(range(len(part)))
    middle = len(part) // 2
    np.testing.assert_array_equal(views[middle].interval, part.intervals[middle])
    np.testing.assert_array_equal(views[middle].pattern, part.patterns[middle])
    np.testing.assert_array_equal(views[middle].affine_map, part.affine_maps[middle])
    assert views[middle].length == part.lengths[middle]
    assert part.neighbors(0).tolist() == [1]
    assert part.neighbors(middle).tolist() == views[middle].neighbors.tolist() == [middle - 1, middle + 1]
    assert part.neighbors(len(part) - 1).tolist() == [len(part) - 2]
    graph = part.adjacency()
    assert [graph.neighbors(k).tolist() for k in range(len(part))] == [
        part.neighbors(k).tolist() for k in range(len(part))
    ]
    assert graph.neurons[0] == part.neurons[0]
    with pytest.raises(InvalidValueError, match=r"`region` is 1000, but LinePartition.neighbors needs one below"):
        part.neighbors(1000)


def test_table(part: LinePartition) -> None:
    pytest.importorskip("pandas")
    table = part.to_dataframe()
    np.testing.assert_array_equal(table[["begin", "end"]].to_numpy(), part.intervals)
    np.testing.assert_array_equal(table["length"], part.lengths)
    np.testing.assert_array_equal(table["neuron"][1:], part.neurons)
    assert table["linear_region"].iloc[-1] == part.n_linear_regions - 1
    assert [list(bytes.fromhex(row)) for row in table["pattern"]] == part.patterns.tolist()


@pytest.mark.parametrize("name", ["segment", "path"])
def test_integrals_against_a_fine_sum(name: str) -> None:
    part = lr.partition(NET, DOMAINS[name])
    end = part.intervals[-1, 1]
    n = 200_000
    t = (np.arange(n) + 0.5) * end / n
    values = NET(part.domain.point(t))
    np.testing.assert_allclose(part.integrate("t"), values.mean(axis=0) * end, rtol=1e-6, atol=1e-7)
    leg = np.minimum(t.astype(int), int(end) - 1)
    points = part.domain.points if name == "path" else np.stack([part.domain.a, part.domain.b])
    speed = np.linalg.norm(np.diff(points, axis=0), axis=1)[leg]
    np.testing.assert_allclose(part.integrate(), (values * speed[:, None]).mean(axis=0) * end, rtol=1e-6, atol=1e-6)


def test_integrals_in_closed_form() -> None:
    net = Network.from_layers([([[1.0], [1.0]], [0.0, -1.0]), ([[1.0, 1.0], [0.0, 0.0]], [0.0, 3.0])])
    part = lr.partition(net, lr.Segment([-1.0], [2.0]))  # relu(x) + relu(x - 1), and 3
    np.testing.assert_allclose(part.integrate(), [2.5, 9.0], rtol=1e-15)
    np.testing.assert_allclose(part.integrate(per="t"), [2.5 / 3, 3.0], rtol=1e-15)
    with pytest.raises(InvalidValueError, match=r"`domain` is a Line, which has no end, but LinePartition.integrate"):
        lr.partition(net, lr.Line([0.0], [1.0])).integrate()
    with pytest.raises(InvalidValueError, match="`per` is 'meter', but"):
        part.integrate(per="meter")


def exact_classes(part: LinePartition, t: Fraction, sign: int) -> int:
    """Return the class of a point of a line by exact arithmetic."""
    values = [
        Fraction(float(o)) + t * Fraction(float(d))
        for o, d in zip(part.domain.origin, part.domain.direction, strict=True)
    ]
    for k, layer in enumerate(part.network.layers):
        values = [
            Fraction(float(b)) + sum((Fraction(float(w)) * x for w, x in zip(row, values, strict=True)), Fraction(0))
            for row, b in zip(layer.weight, layer.bias, strict=True)
        ]
        if k < len(part.network.activations):
            values = [max(x, Fraction(0)) for x in values]
    values = [sign * x for x in values]
    if len(values) == 1:
        values = [Fraction(0), *values]
    return values.index(max(values))


@drawn(120, st.integers(0, 10**6), st.integers(1, 4), st.sampled_from(["argmax", "argmin"]))
def test_decision_points_of_whole_weights_by_exact_arithmetic(seed: int, n_out: int, decision: str) -> None:
    """Ties on whole intervals, touching outputs, outputs that are copies: class between and beyond all points."""
    rng = np.random.default_rng(seed)
    widths = [2, 3, 3, n_out]
    layers = [
        (rng.integers(-2, 3, (b, a)).astype(float), rng.integers(-2, 3, b).astype(float))
        for a, b in itertools.pairwise(widths)
    ]
    origin, direction = rng.integers(-2, 3, 2).astype(float), np.array([1.0, float(rng.integers(-2, 3))])
    part = lr.partition(Network.from_layers(layers), lr.Line(origin, direction))
    found = part.decision_points(decision)
    assert np.all(np.diff(found.t) > 0)
    assert np.all(found.classes[:, 0] != found.classes[:, 1])
    assert np.array_equal(found.classes[1:, 0], found.classes[:-1, 1])
    marks = np.unique(np.concatenate([found.t, part.breakpoints, [0.0]]))
    probes = [marks[0] - 1.0, *(0.5 * (marks[1:] + marks[:-1]))[np.diff(marks) > 1e-9], marks[-1] + 1.0]
    sign = 1 if decision == "argmax" else -1
    for t in probes:
        k = int(np.searchsorted(found.t, t))
        if found.t.size:
            told = found.classes[k, 0] if k < found.t.size else found.classes[-1, 1]
            assert told == exact_classes(part, Fraction(float(t)), sign)
    if not found.t.size:
        assert len({exact_classes(part, Fraction(float(t)), sign) for t in probes}) == 1


def test_decision_points_of_a_large_network(part: LinePartition) -> None:
    for decision, choose in (("argmax", np.argmax), ("argmin", np.argmin)):
        found = part.decision_points(decision)
        assert found.diagnostics == {"undecided": 0}
        ends = part.intervals[[0, -1], [0, 1]]
        low = ends[0] if np.isfinite(ends[0]) else -30.0
        high = ends[1] if np.isfinite(ends[1]) else 30.0
        t = np.linspace(low, high, 20_001)
        classes = choose(NET(part.domain.point(t)), axis=1)
        told = np.append(found.classes[:, 0], found.classes[-1, 1])[np.searchsorted(found.t, t)]
        near = np.abs(t[:, None] - found.t).min(axis=1) < 1e-9
        np.testing.assert_array_equal(told[~near], classes[~near])
        outputs = np.sort(NET(part.domain.point(found.t)) * (1 if decision == "argmax" else -1), axis=1)
        np.testing.assert_allclose(outputs[:, -1], outputs[:, -2], atol=1e-9 * np.abs(outputs).max())


def test_levels_along_a_line(part: LinePartition) -> None:
    level = float(np.median(NET(part.domain.point(inner_points(part, 0.5)))[:, 2]))
    found = part.level_set(2, level)
    assert found.t.size
    np.testing.assert_allclose(NET(part.domain.point(found.t))[:, 2], level, atol=1e-9)
    np.testing.assert_array_equal(np.sort(found.classes, axis=1), np.tile([0, 1], (found.t.size, 1)))
    with pytest.raises(InvalidValueError, match=r"`output` is 4, but LinePartition.level_set needs one below"):
        part.level_set(4)
    with pytest.raises(
        InvalidValueError, match=r"`decision` is 'most', but LinePartition.decision_points needs one of"
    ):
        part.decision_points("most")


def test_touching_outputs_and_levels_have_no_point() -> None:
    net = Network.from_layers([([[1.0], [-1.0]], [0.0, 0.0]), ([[0.0, 0.0], [-1.0, -1.0]], [0.0, 0.0])])  # 0, -|x|
    part = lr.partition(net, lr.Line([0.0], [1.0]))
    assert part.decision_points().t.size == 0
    assert part.level_set(1, 0.0).t.size == 0
    ramp = Network.from_layers([([[1.0]], [0.0]), ([[0.0], [1.0]], [0.0, 0.0])])  # 0 and relu(x)
    part = lr.partition(ramp, lr.Segment([-1.0], [1.0]))
    assert part.decision_points().t.tolist() == [0.5]
    assert part.decision_points().classes.tolist() == [[0, 1]]
    assert part.decision_points("argmin").t.size == 0


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("exponent", [-1000, -560, 400])
@pytest.mark.parametrize("name", DOMAINS)
def test_inputs_in_other_units(name: str, exponent: int) -> None:
    """A power of two in inputs and biases changes units only, also where squares of lengths vanish or overflow."""
    unit = 2.0**exponent
    domains = {
        "segment": lr.Segment(-2 * unit * POINTS[0], 2 * unit * POINTS[1]),
        "ray": lr.Ray(unit * POINTS[0], unit * POINTS[1]),
        "line": lr.Line(unit * POINTS[2], unit * POINTS[3]),
        "path": lr.Path(2 * unit * POINTS),
    }
    layers = [(layer.weight, layer.bias * unit) for layer in NET.layers]
    found = lr.partition(Network.from_layers(layers, NET.activations), domains[name])
    expected = lr.partition(NET, DOMAINS[name])
    assert found.n_regions == expected.n_regions > 5
    assert np.array_equal(found.patterns, expected.patterns)
    assert found.diagnostics["undecided"] == 0
    np.testing.assert_allclose(found.breakpoints, expected.breakpoints, rtol=1e-12)
    np.testing.assert_allclose(found.lengths, expected.lengths * unit, rtol=1e-12)
    np.testing.assert_allclose(found.decision_points().t, expected.decision_points().t, rtol=1e-9)
    middles = inner_points(found, 0.5)
    assert np.array_equal(found.locate(domains[name].point(middles)), np.arange(found.n_regions))
    if np.all(np.isfinite(found.lengths)):
        np.testing.assert_allclose(found.integrate(per="t"), expected.integrate(per="t") * unit, rtol=1e-9)


def test_the_smallest_step_there_is() -> None:
    """A change of one input by the least float has lengths and gradients."""
    part = lr.partition(NET, lr.Segment(np.zeros(6), 5e-324 * np.eye(6)[0]))
    assert part.n_regions == 1
    assert part.lengths.tolist() == [5e-324]
