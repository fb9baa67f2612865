"""Planes of networks of any connectivity against the exact twin: counts, vertices, areas, patterns, edges, kinds."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.errors import MemoryLimitError
from linregions.regions.planes.engine.knobs import Knobs
from linregions.regions.planes.find import partition_plane
from tests.reference.exact_graph_partitions import ExactGraphPartition, graph_plane
from tests.reference.exact_graphs import ExactGraph
from tests.support.examples import pairs
from tests.support.graph_cases import degenerate_case, random_case
from tests.support.hand_graphs import Hand, one_site, stack
from tests.support.plane_checks import (
    check_against,
    check_geometry,
    check_incidence,
    check_regions_against,
    check_shapes,
    split_at,
)
from tests.support.tiny_models import cases, tiny

RANDOM = 50


def check(network: Network, window: PlaneWindow, exact: ExactGraphPartition | None = None) -> None:
    """Check all that a partition says of activation regions."""
    exact = graph_plane(network.graph, window) if exact is None else exact
    partition = lr.partition(network, window)
    check_regions_against(partition, exact)
    check_incidence(partition)
    check_geometry(partition, 1e-9)
    assert lr.count_regions(network, window) == exact.n_regions


def check_kinds(network: Network, window: PlaneWindow, exact: ExactGraphPartition | None = None) -> None:
    """Check linear regions, by good neurons, and gradient regions."""
    exact = graph_plane(network.graph, window) if exact is None else exact
    partition = lr.partition(network, window)
    check_against(partition, exact)
    check_shapes(partition)
    assert partition.n_gradient_regions == exact.n_gradient_regions
    assert lr.count_regions(network, window, kind="linear") == exact.n_linear_regions
    assert lr.count_regions(network, window, kind="gradient") == exact.n_gradient_regions


@cache
def exact_of(name: str, seed: int, window: int, fine: bool) -> ExactGraphPartition:
    model = tiny(name, seed, fine=fine)
    return graph_plane(model.graph, model.windows[window])


@pytest.mark.parametrize(("window", "fine"), pairs([0, 1], [False, True], 2))
@pytest.mark.parametrize(("name", "seed"), cases(3))
def test_tiny_models(name: str, seed: int, window: int, fine: bool) -> None:
    model = tiny(name, seed, fine=fine)
    check(Network.from_graph(model.graph), model.windows[window], exact_of(name, seed, window, fine))


@pytest.mark.parametrize(("name", "seed"), cases(3))
def test_kinds_of_tiny_models(name: str, seed: int) -> None:
    model = tiny(name, seed)
    check_kinds(Network.from_graph(model.graph), model.windows[0], exact_of(name, seed, 0, False))


@pytest.mark.parametrize("seed", range(RANDOM // 4))
def test_kinds_of_random_graphs(seed: int) -> None:
    check_kinds(*random_case(seed))


@pytest.mark.parametrize("seed", range(RANDOM))
def test_random_graphs(seed: int) -> None:
    check(*random_case(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RANDOM, 4 * RANDOM))
def test_more_random_graphs(seed: int) -> None:
    check(*random_case(seed))


@pytest.mark.parametrize(("name", "seed"), cases())
def test_points_lie_in_regions_of_the_list(name: str, seed: int) -> None:
    model = tiny(name, seed)
    network, window = Network.from_graph(model.graph), model.windows[0]
    partition = lr.partition(network, window)
    rng = np.random.default_rng(seed)
    uv = rng.dirichlet(np.ones(len(window.polygon)), 2000) @ window.polygon
    points = window.point(uv)
    listed = set(map(tuple, partition.patterns.tolist()))
    found = set(map(tuple, network.patterns(points).tolist()))
    # Where entries of a maximum are one function, rounding says which is larger: those points are looked at exactly.
    exact = ExactGraph(model.graph)
    for point, pattern in zip(points, network.patterns(points).tolist(), strict=True):
        if tuple(pattern) not in listed:
            found.discard(tuple(pattern))
            found.add(tuple(exact.evaluate([Fraction(x) for x in point])[0]))
    assert found <= listed
    assert len(found) > 0.3 * len(listed)


@pytest.mark.parametrize("seed", range(RANDOM))
def test_ties(seed: int) -> None:
    """No biases, duplicates, closed and equal entries, maxima of the input: ties are normal there."""
    check(*degenerate_case(seed))


@pytest.mark.parametrize("cell_switches", [1, 4, 16])
@pytest.mark.parametrize("seed", range(20))
def test_nothing_depends_on_the_cells(seed: int, cell_switches: int) -> None:
    for network, window in (random_case(seed), degenerate_case(seed)):
        partition = partition_plane(network, window, knobs=Knobs(cell_switches=cell_switches))
        check_regions_against(partition, graph_plane(network.graph, window))
        check_incidence(partition)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_depends_on_parts_of_cells(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    split_at(monkeypatch, most_faces=6, part_switches=4)
    for network, window in (random_case(seed), degenerate_case(seed)):
        check_regions_against(partition_plane(network, window), graph_plane(network.graph, window))


@pytest.mark.parametrize("name", ["max_pooled", "residual", "maxout"])
def test_threads_and_limits_change_nothing(name: str) -> None:
    model = tiny(name)
    network, window = Network.from_graph(model.graph), model.windows[0]
    first = lr.partition(network, window)
    for second in (lr.partition(network, window, threads=2), lr.partition(network, window, memory_limit=1 << 30)):
        for field in ("vertices", "edges", "edge_neuron", "edge_breakpoint", "edge_faces", "face_vertices", "patterns"):
            np.testing.assert_array_equal(getattr(first, field), getattr(second, field))
    with pytest.raises(MemoryLimitError, match="memory_limit"):
        lr.partition(network, window, memory_limit=20_000)


def test_a_step_of_the_input_that_comes_late() -> None:
    """Two branches, the second narrower: what reads the input alone has no rows for what switched before it."""
    hand = Hand(one_site(2))
    first = hand.step(hand.input.map(np.array([[1.0, 0.5], [0.5, -1.0], [-0.75, 0.25]]), np.full(3, 0.25)), lr.RELU)
    second = hand.step(hand.input.map(np.array([[0.5, 1.0], [1.0, -0.25]]), np.full(2, -0.25)), lr.ABS)
    constant = hand.step(hand.input.map(np.zeros((2, 2))), lr.RELU)
    graph = hand.finish(stack(first, second, constant).map(np.ones((1, 7))), (2,))
    window = PlaneWindow.of_inputs(np.full(2, -1.5), np.full(2, 1.5))
    for _ in range(3):  # what was in memory before does not matter
        check(Network.from_graph(graph), window)
