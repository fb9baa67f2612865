"""The engine of boxes against the exact twin, in families of degenerate and nearly degenerate networks."""

from __future__ import annotations

import itertools
from collections import Counter
from math import comb, factorial

import numpy as np
import pytest

import linregions as lr
from linregions.errors import NumericalError
from linregions.networks.switches import unpack_patterns
from linregions.regions.boxes.find import count_box, find_cells
from tests.reference.exact_boxes import exact_boxes
from tests.support import zoo
from tests.support.box_cases import alcoves, arrangement, cube, reflections
from tests.support.box_checks import check_cells, check_invariants, check_places
from tests.support.box_families import EXACT, FAMILIES, NEAR, make, turned_round
from tests.support.examples import pairs

# So many networks of each family for each number of inputs: in three to five inputs more than 2,000 in all.
_NUMBERS = 24
_QUICK = 2
# Vertices of nearly parallel planes are as uncertain as this, in sizes of the box.
_LOOSE = 1e-5


def volume(domain: lr.Box) -> float:
    return float(np.prod(domain.high - domain.low))


def numbered(families: dict[str, object]) -> list[object]:
    """Return (family, d, first number, how many), for parametrize."""
    quick = [(family, d, 0, _QUICK) for family in families for d in (1, 2, 3, 4, 5)]
    slow = [
        pytest.param(family, d, _QUICK, _NUMBERS - _QUICK, marks=pytest.mark.slow)
        for family in families
        for d in (2, 3, 4, 5)
    ]
    return [*quick, *slow]


@pytest.mark.parametrize(("family", "d", "first", "count"), numbered(EXACT))
def test_exactly_representable_networks_are_right(family: str, d: int, first: int, count: int) -> None:
    for number in range(first, first + count):
        problem = make(0, family, d, number)
        exact = exact_boxes(*problem)
        cells = find_cells(*problem)
        check_invariants(cells, problem.network, volume(problem.domain))
        match = check_cells(cells, exact)
        check_places(cells, exact, match)
        assert count_box(*problem)[0] == len(exact.cells)


@pytest.mark.parametrize(("family", "d", "first", "count"), numbered(NEAR))
def test_nearly_degenerate_networks_are_right_or_doubted(family: str, d: int, first: int, count: int) -> None:
    for number in range(first, first + count):
        problem = make(0, family, d, number)
        exact = exact_boxes(*problem)
        try:
            cells = find_cells(*problem)
        except NumericalError:
            continue
        check_invariants(cells, problem.network, volume(problem.domain), _LOOSE)
        counted, undecided = count_box(*problem)
        assert counted == len(cells.volumes)
        if cells.diagnostics["undecided"]:
            assert undecided
            continue
        check_cells(cells, exact, _LOOSE)


@pytest.mark.parametrize("family", ["ordinary", "biases_5", "homogeneous", "near_parallel_5", "dyadic"])
def test_separated_networks_are_not_refused(family: str) -> None:
    for d, number in itertools.product((1, 2, 3, 4, 5), range(3)):
        problem = make(1, family, d, number)
        check_cells(find_cells(*problem), exact_boxes(*problem), _LOOSE)


@pytest.mark.parametrize(("family", "d"), pairs(["integers", "copies", "zero_on_cells", "lattice"], [3, 4, 5], 3))
def test_counts_do_not_depend_on_order_scale_or_axes(family: str, d: int) -> None:
    for number in range(3):
        problem, rng = make(2, family, d, number), np.random.default_rng(number)
        want = find_cells(*problem).face_counts.tolist()
        for change in (zoo.permuted, zoo.rescaled, zoo.duplicated):
            net = change(problem.network, rng)
            assert find_cells(net, problem.domain).face_counts.tolist() == want, change.__name__
        assert find_cells(*turned_round(problem, rng)).face_counts.tolist() == want


# ---- what formulas tell ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "n"), [(1, 30), (2, 16), (3, 12), (4, 9), (5, 8)])
def test_planes_in_general_position(d: int, n: int) -> None:
    rng = np.random.default_rng([d, n])
    for _ in range(3):
        net = arrangement(rng.normal(size=(n, d)), rng.normal(size=n))
        # All vertices of the arrangement are in the box.
        solved = (
            np.linalg.solve(net.layers[0].weight[list(k)], -net.layers[0].bias[list(k)])
            for k in itertools.combinations(range(n), d)
        )
        half = 2.0 * max(float(np.abs(point).max()) for point in solved)
        cells = find_cells(net, cube(d, half))
        assert len(cells.volumes) == sum(comb(n, k) for k in range(d + 1))
        assert round(cells.strata_activation[d]) == comb(n, d)
        assert int(cells.face_counts @ (-1) ** np.arange(d + 1)) == 1


@pytest.mark.parametrize("d", [2, 3, 4, 5])
def test_reflection_arrangements(d: int) -> None:
    rng = np.random.default_rng(d)
    for order in (np.arange(d * d), rng.permutation(d * d)):
        factor = 2.0 ** rng.integers(-5, 6, d * d) * rng.choice([-1.0, 1.0], d * d)
        net = arrangement(reflections(d)[order] * factor[:, None], np.zeros(d * d))
        cells = find_cells(net, cube(d))
        assert len(cells.volumes) == 2**d * factorial(d)
        np.testing.assert_allclose(cells.volumes, 1.0 / factorial(d), rtol=1e-12)
        assert cells.face_counts[0] == 3**d
        assert round(cells.strata_activation[d]) == 1


@pytest.mark.parametrize(("d", "m"), [(2, 4), (3, 2), (4, 2), pytest.param(5, 2, marks=pytest.mark.slow)])
def test_alcoves(d: int, m: int) -> None:
    net, domain = alcoves(d, m)
    for network in (net, zoo.permuted(net, np.random.default_rng(0))):
        cells = find_cells(network, domain)
        assert len(cells.volumes) == factorial(d) * m**d
        np.testing.assert_allclose(cells.volumes, 1.0 / factorial(d), rtol=1e-12)
        assert cells.face_counts[0] == (m + 1) ** d


# ---- sizes beyond the twin -------------------------------------------------------------------------------------------


def test_the_standard_case_of_three_inputs() -> None:
    with np.load(zoo.GOLDEN / "toy3d_32x2.npz") as arrays:
        half = float(arrays["half"])
    net = lr.Network.load(zoo.GOLDEN / "toy3d_32x2.npz")
    cells = find_cells(net, cube(3, half))
    assert cells.face_counts.tolist() == [32_332, 94_838, 92_750, 30_243]
    assert cells.diagnostics["undecided"] == 0
    assert count_box(net, cube(3, half)) == (30_243, 0)
    check_invariants(cells, net, (2 * half) ** 3)


SAMPLED = {
    1: ([1, 64, 64, 1], 2.0),
    2: ([2, 24, 24, 1], 1.0),
    3: ([3, 16, 16, 1], 1.0),
    4: ([4, 12, 8, 1], 1.0),
    5: ([5, 8, 6, 1], 1.0),
}


@pytest.mark.parametrize("d", SAMPLED)
def test_samples_are_met_by_volume(d: int) -> None:
    widths, half = SAMPLED[d]
    net = zoo.float_network(widths, np.random.default_rng(d))
    cells = find_cells(net, cube(d, half))
    check_invariants(cells, net, (2 * half) ** d)
    check_sampled(net, cube(d, half), cells, 50_000)


@pytest.mark.parametrize("half", [0.01, pytest.param(0.03, marks=pytest.mark.slow)])
def test_networks_of_the_shape_of_acas_xu_in_small_boxes(half: float) -> None:
    rng = np.random.default_rng(5)
    net = zoo.float_network([5, *[50] * 6, 5], rng, bias=0.1)
    middle = rng.uniform(-0.4, 0.4, 5)
    domain = lr.Box(middle - half, middle + half)
    cells = find_cells(net, domain)
    assert len(cells.volumes) > 20
    check_invariants(cells, net, volume(domain))
    check_sampled(net, domain, cells, 20_000)
    check_sections(net, domain, cells, rng)


def check_sampled(net: lr.Network, domain: lr.Box, cells: object, count: int) -> None:
    """Check that uniform points are in cells as often as these are large."""
    points = domain.uniform_points(count, np.random.default_rng(7))
    met = Counter(bytes(pattern) for pattern in net.patterns(points))
    patterns = [bytes(pattern) for pattern in unpack_patterns(net, cells.pattern_words)]
    assert met.keys() <= set(patterns)
    expected = cells.volumes * count / volume(domain)
    found = np.array([met[pattern] for pattern in patterns])
    large = expected > 5
    squares = ((found - expected)[large] ** 2 / expected[large]).sum()
    squares += (found[~large].sum() - expected[~large].sum()) ** 2 / max(expected[~large].sum(), 1.0)
    df = np.count_nonzero(large) + 1
    assert squares < df + 6 * np.sqrt(2 * df) + 10
    assert squares > df - 6 * np.sqrt(2 * df) - 10


def check_sections(net: lr.Network, domain: lr.Box, cells: object, rng: np.random.Generator) -> None:
    """Check that the regions of plane sections are those of cells that the plane meets."""
    patterns = {bytes(p): k for k, p in enumerate(unpack_patterns(net, cells.pattern_words))}
    for _ in range(3):
        frame = np.linalg.qr(rng.normal(size=(domain.n_in, 2)))[0].T
        window = domain.section(domain.center, frame).window
        part = lr.partition(net, window)
        regions = {bytes(p) for p in part.patterns}
        assert regions <= patterns.keys()
        normals = np.linalg.svd(frame)[2][2:]
        across = (cells.vertices - domain.center) @ normals.T
        for pattern, k in patterns.items():
            # A cell that lies on one side of a hyperplane through the window cannot be met.
            own = across[cells.cell_vertices[cells.cell_offsets[k] : cells.cell_offsets[k + 1]]]
            if np.any(own.min(axis=0) > 0) or np.any(own.max(axis=0) < 0):
                assert pattern not in regions


# ---- the other engines -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_two_inputs_equal_planes_and_one_input_lines(family: str) -> None:
    if family in NEAR and family not in {"ordinary", "homogeneous", "biases_5", "near_parallel_5", "scaled"}:
        pytest.skip("one of them may doubt what the other decides")
    plane, line = make(3, family, 2, 0), make(3, family, 1, 0)
    cells = find_cells(*plane)
    part = lr.partition(plane.network, lr.PlaneWindow.of_inputs(plane.domain.low, plane.domain.high))
    assert cells.face_counts.tolist() == [len(part.vertices), len(part.edges), part.n_regions]
    areas = {bytes(p): area for p, area in zip(part.patterns, part.areas, strict=True)}
    patterns = [bytes(p) for p in unpack_patterns(plane.network, cells.pattern_words)]
    assert sorted(patterns) == sorted(areas)
    np.testing.assert_allclose(
        cells.volumes, [areas[p] for p in patterns], rtol=1e-9, atol=1e-12 * volume(plane.domain)
    )
    np.testing.assert_allclose(cells.strata_activation[1], part.boundary_length, rtol=1e-9, atol=1e-12)
    cells = find_cells(*line)
    pieces = lr.partition(line.network, lr.Segment(line.domain.low, line.domain.high))
    assert cells.face_counts.tolist() == [pieces.n_regions + 1, pieces.n_regions]
    patterns = [bytes(p) for p in unpack_patterns(line.network, cells.pattern_words)]
    assert sorted(patterns) == sorted(bytes(p) for p in pieces.patterns)
