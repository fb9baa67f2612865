"""The exact twins of graphs: against each other, against the twins of chains, and against what must hold anyway."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Line, PiecewiseLinear, PlaneWindow, Ray, Segment
from linregions.networks.graph import Graph
from tests.reference.exact_graph_partitions import (
    ExactGraphPartition,
    graph_line,
    graph_line_gradient_boundaries,
    graph_plane,
)
from tests.reference.exact_graphs import ExactGraph
from tests.reference.exact_traces import Asked, Number, at_point, traced_line, traced_plane
from tests.reference.gradients_exact import exact_gradient_labels
from tests.reference.graph_exact import ExactGraph as GraphAtPoints
from tests.reference.lines_exact import ExactActivation, ExactLine, exact_line, legs
from tests.reference.planes_exact import area, partition_exactly, rational
from tests.support import zoo
from tests.support.examples import pairs
from tests.support.graph_cases import some_lines
from tests.support.graphs import random_graph
from tests.support.hand_graphs import Hand, one_site
from tests.support.tiny_models import MODELS, Tiny, cases, tiny

CASES = cases(2)
SHRUNK = 0.5  # windows of images for the twin that runs programs again and again


@cache
def plane_of(name: str, seed: int, window: int) -> ExactGraphPartition:
    model = tiny(name, seed)
    return graph_plane(model.graph, model.windows[window])


def random_points(model: Tiny, window: PlaneWindow, n: int = 20) -> list[list[Fraction]]:
    rng = np.random.default_rng(n)
    u = rng.dirichlet(np.ones(len(window.polygon)), n) @ window.polygon
    return [[Fraction(x) for x in point] for point in window.point(np.round(u * 1024) / 1024)]


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_graph_and_program_agree_at_points(name: str, seed: int) -> None:
    """The record as it stands, plain loops, and the record's own forward pass in floats."""
    model = tiny(name, seed)
    exact = ExactGraph(model.graph)
    for window in model.windows:
        points = random_points(model, window)
        for point in points:
            assert exact.evaluate(point) == at_point(model.program, point)
        got = model.graph(np.array(points, dtype=np.float64))
        np.testing.assert_allclose(
            got, np.array([exact.evaluate(p)[1] for p in points], dtype=np.float64), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_planes_of_graphs_and_programs_agree(name: str, seed: int) -> None:
    model = tiny(name, seed)
    for window in model.windows:
        if len(model.input_shape) > 1:
            window = PlaneWindow(window.origin, window.basis, SHRUNK * window.polygon)
        by_graph = graph_plane(model.graph, window).regions
        by_program = traced_plane(model.program, window)
        assert len(by_graph) == len(by_program)
        expected = {found.pattern: found for found in by_program}
        for region in by_graph:
            other = expected[region.pattern]
            assert set(region.polygon) == set(other.cell.polygon)
            unit = 1 << region.tensor.exponent
            rows = tuple(tuple(Fraction(x, unit) for x in row) for row in region.tensor.values)
            assert rows == other.outputs


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_lines_of_graphs_and_programs_agree(name: str, seed: int) -> None:
    model = tiny(name, seed)
    for domain in some_lines(model.windows[0], SHRUNK):
        line = graph_line(model.graph, domain)
        by_program = traced_line(model.program, domain)
        assert len(line.pieces) == len(by_program)
        expected = {(found.cell.low, found.cell.high): found for found in by_program}
        for piece in line.pieces:
            other = expected[piece.low, piece.high]
            assert piece.pattern == other.pattern
            assert piece.outputs == tuple((constant, slope) for slope, constant in other.outputs)


@pytest.mark.parametrize("window", [0, 1])
@pytest.mark.parametrize(("name", "seed"), CASES)
def test_planes_are_subdivisions(name: str, seed: int, window: int) -> None:
    exact = plane_of(name, seed, window)
    assert len(exact.vertices) - len(exact.edges) + exact.n_regions == 1
    corners = [(Fraction(float(u)), Fraction(float(v))) for u, v in exact.window.polygon]
    whole = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, corners[1:] + corners[:1], strict=True)) / 2
    assert sum((area(region.polygon) for region in exact.regions), Fraction(0)) == whole
    assert all(region.area > 0 for region in exact.regions)
    assert len(set(exact.patterns)) == exact.n_regions
    assert all(p < n for pattern in exact.patterns for p, n in zip(pattern, exact.exact.limits, strict=True))
    for edge in exact.edges:
        assert edge.is_border or edge.neurons, "something switches on every side of a region"


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_random_points_lie_in_the_region_of_their_pattern(name: str, seed: int) -> None:
    exact = plane_of(name, seed, 0)
    by_pattern = {region.pattern: region for region in exact.regions}
    model, rng = tiny(name, seed), np.random.default_rng(seed)
    for weights in rng.dirichlet(np.ones(len(exact.window.polygon)), 60):
        u, v = (Fraction(x) for x in weights @ exact.window.polygon)
        columns = zip(exact.window.origin, *exact.window.basis, strict=True)
        pattern, outputs = ExactGraph.evaluate(
            exact.exact, [Fraction(o) + u * Fraction(a) + v * Fraction(b) for o, a, b in columns]
        )
        region = by_pattern[tuple(pattern)]
        points = [rational(corner) for corner in region.polygon]
        for (a, b), (c, d) in zip(points, points[1:] + points[:1], strict=True):
            assert (c - a) * (v - b) - (d - b) * (u - a) >= 0
        unit = 1 << region.tensor.exponent
        assert outputs == [(row[0] * u + row[1] * v + row[2]) / unit for row in region.tensor.values]
    assert model.graph.n_out == len(outputs)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_a_line_inside_a_plane_agrees_with_it(name: str, seed: int) -> None:
    exact = plane_of(name, seed, 0)
    polygon = exact.window.polygon
    start, end = 0.75 * polygon[0] + 0.25 * polygon[1], polygon[2]
    line = graph_line(tiny(name, seed).graph, Segment(exact.window.point(start), exact.window.point(end)))
    (a, b), (c, d) = (tuple(map(Fraction, p)) for p in (start, end))
    by_pattern = {region.pattern: region for region in exact.regions}
    assert line.n_regions > 1
    for piece, pattern in zip(line.pieces, line.patterns, strict=True):
        assert piece.low is not None
        assert piece.high is not None
        # The line passes through the region of its pattern, from side to side; along a side it may tie.
        corners = [rational(corner) for corner in by_pattern[pattern].polygon]
        ends = [(a + t * (c - a), b + t * (d - b)) for t in (piece.low, piece.high)]
        for (p, q), (r, s) in zip(corners, corners[1:] + corners[:1], strict=True):
            assert all((r - p) * (y - q) - (s - q) * (x - p) >= 0 for x, y in ends)


def check_line(model: Tiny, line: ExactLine, domain: Segment | Ray | Line) -> None:
    """Check that breakpoints flip exactly what they name and that outputs are affine between them."""
    exact = ExactGraph(model.graph)
    ((_, _, coordinates),) = legs(domain)
    for piece in line.pieces:
        low = piece.low if piece.low is not None else (piece.high - 2 if piece.high is not None else Fraction(-1))
        high = piece.high if piece.high is not None else low + 2
        for share in (Fraction(1, 7), Fraction(1, 2), Fraction(6, 7)):
            t = low + share * (high - low)
            pattern, outputs = exact.evaluate([value + t * slope for value, slope in coordinates])
            assert tuple(pattern) == piece.pattern
            assert outputs == [value + t * slope for value, slope in piece.outputs]
    assert list(line.breakpoints) == sorted(set(line.breakpoints))
    for (left, right), events in zip(itertools.pairwise(line.patterns), line.switches, strict=True):
        changed = {k for k, (a, b) in enumerate(zip(left, right, strict=True)) if a != b}
        assert {neuron for neuron, _, _ in events} == changed
        for neuron, breakpoint, direction in events:
            low, high = sorted((left[neuron], right[neuron]))
            assert low <= breakpoint < high
            assert direction == (1 if right[neuron] > left[neuron] else -1)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_breakpoints_flip_what_they_name(name: str, seed: int) -> None:
    model = tiny(name, seed)
    for domain in some_lines(model.windows[0])[: 3 if seed else 1]:
        check_line(model, graph_line(model.graph, domain), domain)


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_the_gradient_changes_only_at_good_neurons(name: str, seed: int) -> None:
    exact = plane_of(name, seed, 1)
    changes = [not edge.is_border and exact.gradients[edge.left] != exact.gradients[edge.right] for edge in exact.edges]
    for edge, is_change in zip(exact.edges, changes, strict=True):
        assert edge.is_linear_boundary or not is_change
    assert 1 < exact.n_gradient_regions <= exact.n_linear_regions <= exact.n_regions
    model = tiny(name, seed)
    line = graph_line(model.graph, some_lines(model.windows[0])[0])
    for linear, change in zip(line.is_linear_boundary, graph_line_gradient_boundaries(model.graph, line), strict=True):
        assert linear or not change


def chain(network: lr.Network) -> Graph:
    hand = Hand(one_site(network.n_in))
    value = hand.input
    for layer, activation in zip(network.layers, network.activations, strict=False):
        value = hand.step(value.map(layer.weight, layer.bias), activation)
    last = network.layers[-1]
    return hand.finish(value.map(last.weight, last.bias), (network.n_in,))


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int) -> None:
    """Subdivisions of other graphs; the pattern in each region, and the other twin's at its centre, are the same."""
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, 2, exact=bool(seed % 2))
    exact = graph_plane(graph, PlaneWindow.of_inputs(np.full(2, -1.5), np.full(2, 1.5)))
    assert len(exact.vertices) - len(exact.edges) + exact.n_regions == 1
    assert sum((region.area for region in exact.regions), Fraction(0)) == 9
    assert len(set(exact.patterns)) == exact.n_regions
    other = GraphAtPoints(graph)
    for region in exact.regions[:: max(1, exact.n_regions // 10)]:
        point = [Fraction(float(o)) + x for o, x in zip(exact.window.origin, region.centre, strict=True)]
        sums = other.sums(point)
        assert other.pattern_of(sums) == list(region.pattern) == exact.exact.evaluate(point)[0]
        assert other.output(point) == exact.exact.evaluate(point)[1]
    if exact.n_regions > 1 and seed % 2:  # rounded weights may differ where exact ones are equal
        assert exact.n_gradient_regions <= exact.n_linear_regions <= exact.n_regions
        for edge in exact.edges:
            if not edge.is_border and not edge.is_linear_boundary:
                assert exact.gradients[edge.left] == exact.gradients[edge.right]


SMALL = {case.name: case for case in zoo.small_cases() if case.network.n_neurons <= 24 and case.network.n_in < 100}


@pytest.mark.parametrize("name", pairs(SMALL, [()], 4))
def test_chains_are_as_their_own_twins_say(name: str) -> None:
    case = SMALL[name]
    graph = chain(case.network)
    got, expected = graph_plane(graph, case.window), partition_exactly(case.network, case.window)
    match = {pattern: k for k, pattern in enumerate(expected.patterns)}
    assert sorted(got.patterns) == sorted(match)
    number = [match[pattern] for pattern in got.patterns]
    for region, k in zip(got.regions, number, strict=True):
        assert set(region.polygon) == set(expected.regions[k].polygon)

    def table(partition: Any, numbers: Any) -> Any:
        return sorted(
            (
                tuple(sorted(numbers[face] if face >= 0 else -1 for face in (edge.left, edge.right))),
                edge.neurons,
                edge.breakpoint,
                edge.is_linear_boundary,
            )
            for edge in partition.edges
        )

    assert table(got, number) == table(expected, range(expected.n_regions))
    labels = exact_gradient_labels(expected)
    pairs = set(zip(got.gradient_labels, (labels[k] for k in number), strict=True))
    assert len(pairs) == got.n_gradient_regions == len(set(labels))
    corners = case.window.point(case.window.polygon)
    for domain in (Segment(corners[0], corners[2]), Line(corners[0], corners[1] - corners[2])):
        assert graph_line(graph, domain) == exact_line(case.network, domain)


@pytest.mark.parametrize("name", ["max_pooled", "maxout", "pooled_twice"])
def test_a_wrong_tournament_is_seen(name: str) -> None:
    """A comparison that does not compare what its record says is no maximum, and the twin says so."""
    model = tiny(name)
    graph = model.graph
    # A comparison that compares winners, so that its sum holds an earlier comparison.
    k = int(np.flatnonzero(np.minimum(graph.maxima.left, graph.maxima.right) < 0)[0])
    left, right = graph.maxima.left.copy(), graph.maxima.right.copy()
    left[k], right[k] = right[k], left[k]
    swapped = dataclasses.replace(graph, maxima=graph.maxima._replace(left=left, right=right))
    with pytest.raises(ValueError, match="only decide who wins"):
        graph_plane(swapped, model.windows[0])


class Pushed(Asked):
    """Answers with a pattern that is given, and adds something to what one neuron says, if it is open."""

    def __init__(self, pattern: Sequence[int], neuron: int) -> None:
        super().__init__()
        self.given, self.neuron = pattern, neuron

    def activate(self, value: Number, activation: PiecewiseLinear) -> Number:
        number = len(self.pattern)
        push = int(number == self.neuron and activation.slopes[self.given[number]] != 0)
        return super().activate(value, activation) + push

    def largest(self, values: Sequence[Number]) -> Number:
        push = int(len(self.pattern) == self.neuron)
        return super().largest(values) + push

    def piece(self, value: Number, phi: ExactActivation) -> int:
        return self.given[len(self.pattern)]

    def winner(self, values: Sequence[Number]) -> int:
        return self.given[len(self.pattern)]


@pytest.mark.parametrize("n_points", [1, pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_good_neurons_are_those_that_outputs_depend_on(name: str, n_points: int) -> None:
    """With weights that do not cancel: a push on an open neuron moves an output iff an open path leads there."""
    model = tiny(name, 3, fine=True)
    exact = ExactGraph(model.graph)
    for point in random_points(model, model.windows[0], n_points):
        pattern, outputs = at_point(model.program, point)
        good = exact.good(pattern)
        for neuron in (k for k, limit in enumerate(exact.limits) if limit > 1):
            pushed = model.program(list(point), Pushed(pattern, neuron))
            assert good[neuron] == (pushed != outputs), neuron
