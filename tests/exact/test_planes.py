"""The exact engine for windows against slow twins: everything but rounding is the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import linregions as lr
from linregions import Network, PlaneWindow
from linregions.exact.planes.engine import exact_regions
from linregions.networks.switches import pack_patterns
from linregions.regions.planes.partition import PlanePartition
from tests.fuzz.campaign import make
from tests.fuzz.families import FAMILIES
from tests.reference.exact_graph_partitions import graph_plane
from tests.reference.planes_exact import ExactPartition, partition_exactly
from tests.support.graph_cases import degenerate_case, random_case
from tests.support.plane_checks import (
    check_incidence,
    check_regions_against,
    check_shapes,
    edge_table,
    exact_edge_table,
)
from tests.support.zoo import small_cases


def exact_partition(network: Network, window: PlaneWindow) -> PlanePartition:
    *arrays, patterns, _ = exact_regions(network, window)
    return PlanePartition(network, window, *arrays, pack_patterns(network, patterns), {})


def check_complex(part: PlanePartition, exact: ExactPartition) -> None:
    """Check all that is combinatorial: regions, vertices, edges, and what is on their sides."""
    assert Counter(map(bytes, part.patterns)) == Counter(bytes(pattern) for pattern in exact.patterns)
    assert len(part.vertices) == len(exact.vertices)
    number = {pattern: k for k, pattern in enumerate(exact.patterns)}
    assert edge_table(part, [number[tuple(p)] for p in part.patterns.tolist()]) == exact_edge_table(exact)
    check_incidence(part)


def check_problem(family: str, number: int, seed: int = 5) -> None:
    problem = make(seed, family, number)
    check_complex(exact_partition(problem.network, problem.window), partition_exactly(problem.network, problem.window))


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_the_campaign(family: str) -> None:
    check_problem(family, 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 40))
@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_the_campaign_at_length(family: str, number: int) -> None:
    check_problem(family, number)


@pytest.mark.parametrize("case", [random_case, degenerate_case])
@pytest.mark.parametrize("seed", range(4))
def test_graphs(case, seed: int) -> None:
    network, window = case(seed)
    part, exact = exact_partition(network, window), graph_plane(network.graph, window)
    check_regions_against(part, exact)
    check_incidence(part)
    check_shapes(part)


@pytest.mark.slow
@pytest.mark.parametrize("case", [random_case, degenerate_case])
@pytest.mark.parametrize("seed", range(4, 200))
def test_graphs_at_length(case, seed: int) -> None:
    test_graphs(case, seed)


@pytest.mark.slow
@pytest.mark.parametrize("case", small_cases(), ids=lambda case: case.name)
def test_cases(case) -> None:
    check_complex(exact_partition(case.network, case.window), partition_exactly(case.network, case.window))


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_any_scale_of_weights(scale: float) -> None:
    rng = np.random.default_rng(3)
    weights = [rng.normal(size=(5, 2)) * scale, rng.normal(size=(4, 5)) / scale, rng.normal(size=(1, 4))]
    biases = [rng.normal(size=5) * scale * 0.3, np.zeros(4), np.zeros(1)]
    network = Network.from_layers(list(zip(weights, biases, strict=True)))
    window = PlaneWindow.of_inputs([-1, -1], [1, 1])
    check_complex(exact_partition(network, window), partition_exactly(network, window))


def test_the_floats_given_and_not_their_restriction() -> None:
    """The plane misses the point where all lines meet by a rounding error, which decides what regions are there."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(6, 40))
    basis = rng.normal(size=(2, 40))
    origin = -0.5 * basis[0] + 0.25 * basis[1]  # beside 0 when rounded
    network = Network.from_layers([(weight, np.zeros(6)), (np.ones((1, 6)), [0.0])])
    window = PlaneWindow(origin, basis, [[-1, -1], [1, -1], [1, 1], [-1, 1]])
    part = lr.partition(network, window, certify=True)
    assert part.diagnostics["certified"]
    check_complex(part, partition_exactly(network, window))
