"""The exact twin of boxes against what is known otherwise: formulas, planes, lines and the forward pass."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import comb, factorial

import numpy as np
import pytest

import linregions as lr
from tests.reference.exact_bodies import Row, at, homogeneous, rank, whole
from tests.reference.exact_box_arrays import as_box_cells
from tests.reference.exact_boxes import ExactBoxes, exact_boxes, members
from tests.reference.lines_exact import exact_line
from tests.reference.planes_exact import forward_exactly, partition_exactly
from tests.support import zoo
from tests.support.box_cases import alcoves, arrangement, cube, reflections
from tests.support.examples import pairs

KINDS = ("relu", "abs", "leaky", "hard_tanh", "three_breaks", "identity")


def network(d: int, seed: int, kind: str = "relu") -> lr.Network:
    rng = np.random.default_rng(seed)
    many = kind in {"hard_tanh", "three_breaks"}
    widths = [d, *([4, 3] if d < 4 else [3, 2] if not many else [2, 1]), 2]
    return (zoo.integer_network if seed % 2 else zoo.float_network)(widths, rng, zoo.ACTIVATIONS[kind])


def euler(exact: ExactBoxes) -> int:
    return sum((-1) ** k * count for k, count in enumerate(exact.face_counts))


@pytest.mark.parametrize(("d", "kind", "seed"), pairs([1, 2, 3, 4, 5], [(k, s) for k in KINDS for s in (0, 1)], 4))
def test_what_holds_for_every_network(d: int, kind: str, seed: int) -> None:
    net = network(d, seed, kind)
    exact = exact_boxes(net, cube(d, 2.0))
    counts = exact.face_counts
    assert euler(exact) == 1
    assert counts[0] == len(exact.corners)
    assert counts[-1] == len(exact.cells) == len(set(exact.patterns))
    assert sum(exact.volumes, Fraction(0)) == 4**d
    np.testing.assert_allclose(exact.rounded_volumes, [float(x) for x in exact.volumes], rtol=1e-12)
    for level in exact.faces:  # faces are what ternary sign vectors name, those of sides included
        names = {(exact.ternary(face), *(face & side == face for side in exact.side_faces)) for face in level}
        assert len(names) == len(level)
    for cell, body in zip(exact.cells, exact.bodies, strict=True):
        signs = exact.ternary(body)
        passed = Counter(switch.neuron for switch, sign in zip(exact.switches, signs, strict=True) if sign > 0)
        assert tuple(passed[k] for k in range(net.n_neurons)) == cell.pattern
        for k in members(body):  # networks are continuous, so it does not matter from which cell signs are
            values = [at(row, exact.corners[k]) for row in cell.functions]
            assert exact.signs[k] == tuple((value > 0) - (value < 0) for value in values)
    for cell in exact.cells[:: max(1, len(exact.cells) // 10)]:
        pattern, outputs = forward_exactly(net, cell.body.inside)
        assert tuple(pattern) == cell.pattern
        point = homogeneous(cell.body.inside)
        assert outputs == [
            sum(a * Fraction(x, point[-1]) for a, x in zip(row, point, strict=True)) for row in cell.outputs
        ]


@pytest.mark.parametrize("d", [2, 3, 4, 5])
@pytest.mark.parametrize("n", [5, 7])
def test_planes_in_general_position(d: int, n: int) -> None:
    rng = np.random.default_rng([d, n])
    net = arrangement(rng.integers(-99, 100, (n, d)).astype(float), rng.integers(-99, 100, n).astype(float))
    exact = exact_boxes(net, cube(d, 2.0**40))
    assert len(exact.cells) == sum(comb(n, k) for k in range(d + 1))
    inner = [sum(map(exact.is_inner, level)) for level in exact.faces]
    # A face of codimension k lies in the flat of k planes, which the n - k others cut.
    assert inner == [comb(n, k) * sum(comb(n - k, j) for j in range(d - k + 1)) for k in range(d + 1)]


@pytest.mark.parametrize("d", [2, 3, 4, pytest.param(5, marks=pytest.mark.slow)])
def test_reflection_arrangements(d: int) -> None:
    exact = exact_boxes(arrangement(reflections(d), np.zeros(d * d)), cube(d))
    assert len(exact.cells) == 2**d * factorial(d)
    assert euler(exact) == 1
    assert {float(x) for x in exact.rounded_volumes} == {1.0 / factorial(d)}
    assert exact.strata()[-1] == 1
    assert exact.face_counts[0] == 3**d  # of the Coxeter complex on the cube, and the centre


@pytest.mark.parametrize(("d", "m"), [(2, 3), (3, 2), (4, 2), pytest.param(5, 2, marks=pytest.mark.slow)])
def test_alcoves(d: int, m: int) -> None:
    net, domain = alcoves(d, m)
    exact = exact_boxes(net, domain)
    assert len(exact.cells) == factorial(d) * m**d
    assert set(exact.volumes) == {Fraction(1, factorial(d))}
    assert exact.face_counts[0] == (m + 1) ** d


def regions_of_central(rows: list[Row]) -> int:
    """Return the number of regions of hyperplanes through the origin by deletion and restriction."""
    rows = sorted({max(row, tuple(-x for x in row)) for row in map(whole, rows) if any(row)})
    if not rows:
        return 1
    first, *others = rows
    k = next(i for i, x in enumerate(first) if x)
    inside = [tuple(first[k] * a - row[k] * b for a, b in zip(row, first, strict=True)) for row in others]
    return regions_of_central(others) + regions_of_central([row[:k] + row[k + 1 :] for row in inside])


@pytest.mark.parametrize("d", [2, 3, 4, 5])
@pytest.mark.parametrize("seed", range(5))
def test_degenerate_planes_through_a_point(d: int, seed: int) -> None:
    rng = np.random.default_rng([d, seed])
    normals = rng.integers(-1, 2, (8, d))
    exact = exact_boxes(arrangement(normals.astype(float), np.zeros(8)), cube(d))
    assert len(exact.cells) == regions_of_central([tuple(map(int, row)) for row in normals])
    assert exact.strata()[-1] == (rank([tuple(map(int, row)) for row in normals]) == d)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_two_inputs_equal_the_twin_of_planes(kind: str, seed: int) -> None:
    net = network(2, seed, kind)
    exact = exact_boxes(net, cube(2, 2.0))
    other = partition_exactly(net, lr.PlaneWindow.of_inputs([-2.0, -2.0], [2.0, 2.0]))
    areas = dict(zip(other.patterns, (region.area for region in other.regions), strict=True))
    assert dict(zip(exact.patterns, exact.volumes, strict=True)) == areas
    assert exact.face_counts == [len(other.vertices), len(other.edges), other.n_regions]
    assert exact.n_linear_regions == other.n_linear_regions
    assert Counter((f.neurons, f.breakpoint, f.is_linear_boundary) for f in exact.facets) == Counter(
        (e.neurons, e.breakpoint, e.is_linear_boundary) for e in other.edges
    )
    np.testing.assert_allclose(exact.strata()[1], other.boundary_length, rtol=1e-12)
    length = sum(float(x) for x in exact.measures([f.face for f in exact.facets if f.is_linear_boundary], 1))
    np.testing.assert_allclose([exact.strata("linear")[1], exact.strata("good")[1]], length, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_one_input_equals_the_twin_of_lines(kind: str, seed: int) -> None:
    net = network(1, seed, kind)
    exact = exact_boxes(net, cube(1, 2.0))
    other = exact_line(net, lr.Segment([-2.0], [2.0]))
    assert sorted(exact.patterns) == sorted(other.patterns)
    assert exact.n_linear_regions == other.n_linear_regions
    inner = [exact.corners[members(f.face)[0]] for f in exact.facets if f.side < 0]
    assert sorted(Fraction(*point) for point in inner) == [4 * t - 2 for t in other.breakpoints]


def test_polytopes_are_cut_from_their_box() -> None:
    class Simplex:
        normals = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
        offsets = np.array([1.0, 5.0])  # the second is beyond the box
        within = lr.Box(np.zeros(3), np.ones(3))

    exact = exact_boxes(network(3, 2), Simplex())
    assert sum(exact.volumes, Fraction(0)) == Fraction(1, 6)
    assert euler(exact) == 1
    assert len(exact.side_faces) == 8
    assert exact.side_faces[7] == 0
    assert {facet.side for facet in exact.facets} == {-1, 0, 2, 4, 6}


def test_neurons_that_are_zero_on_a_cell_are_in_the_names_of_its_faces() -> None:
    net = lr.Network.from_layers([([[1.0, 0.0, 0.0]], [0.0]), ([[1.0]], [0.0]), ([[1.0]], [0.0])])
    exact = exact_boxes(net, cube(3))
    assert sorted(exact.patterns) == [(0, 0), (1, 1)]
    (facet,) = [f for f in exact.facets if f.side < 0]
    assert facet.neurons == (0, 1)
    assert exact.ternary(facet.face) == (0, 0)
    assert sorted(map(exact.ternary, exact.bodies)) == [(-1, 0), (1, 1)]


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_flat_arrays_tell_the_same(d: int, seed: int) -> None:
    net = network(d, seed)
    exact = exact_boxes(net, cube(d, 2.0))
    made = as_box_cells(exact)
    assert made.volumes.sum() == pytest.approx(4**d, rel=1e-12)
    np.testing.assert_allclose(made.volumes @ made.centroids, 0.0, atol=1e-9 * 4**d)
    assert np.all(np.abs(made.vertices) <= 2.0)
    inner = made.facet_side < 0
    assert made.strata_activation[1] == pytest.approx(made.facet_volumes[inner].sum(), rel=1e-12)
    outer = np.bincount(made.facet_side[~inner], made.facet_volumes[~inner], minlength=2 * d)
    np.testing.assert_allclose(outer, 4.0 ** (d - 1), rtol=1e-12)
    assert np.array_equal(made.facet_cells[~inner, 1], np.full(np.count_nonzero(~inner), -1))
    # Divergence: volume from facets, their orientation by where the neuron is higher.
    if d != 3:
        return
    total = np.zeros(len(made.volumes))
    for f, (begin, end) in enumerate(zip(made.facet_offsets[:-1], made.facet_offsets[1:], strict=True)):
        corners = made.vertices[made.facet_vertices[begin:end]]
        fan = np.linalg.det(np.stack([np.broadcast_to(corners[0], corners[2:].shape), corners[1:-1], corners[2:]], 1))
        low, high = made.facet_cells[f]
        total[low] += fan.sum() / 6
        if high >= 0:
            total[high] -= fan.sum() / 6
    np.testing.assert_allclose(total, made.volumes, rtol=1e-9)
