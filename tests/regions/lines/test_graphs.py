"""Lines of networks of any connectivity against the exact twin, and inside planes."""

from __future__ import annotations

from typing import Any

import pytest

import linregions as lr
from linregions import Network
from tests.reference.exact_graph_partitions import graph_line, graph_line_gradient_boundaries
from tests.support.examples import pairs
from tests.support.graph_cases import degenerate_case, lines_of, random_case, some_lines
from tests.support.line_strategies import assert_equals
from tests.support.tiny_models import MODELS, tiny

RANDOM = 50


def check(network: Network, domains: list[Any]) -> None:
    """Check all that partitions say, made one by one and together, and the counts."""
    exact = [graph_line(network.graph, domain) for domain in domains]
    for part, wanted in zip(lr.partition(network, domains), exact, strict=True):
        assert_equals(part, wanted)
    for domain, wanted in zip(domains, exact, strict=True):
        assert_equals(lr.partition(network, domain), wanted)
    gradient = [1 + sum(graph_line_gradient_boundaries(network.graph, line)) for line in exact]
    counts = {
        "activation": [line.n_regions for line in exact],
        "linear": [line.n_linear_regions for line in exact],
        "gradient": gradient,
    }
    for kind, count in counts.items():
        assert lr.count_regions(network, domains, kind=kind).tolist() == count, kind


@pytest.mark.parametrize(("name", "fine"), pairs(MODELS, [False, True], 2))
def test_tiny_models(name: str, fine: bool) -> None:
    model = tiny(name, 0, fine=fine)
    check(Network.from_graph(model.graph), lines_of(model))


@pytest.mark.slow
@pytest.mark.parametrize("fine", [False, True], ids=["coarse", "fine"])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_more_tiny_models(name: str, seed: int, fine: bool) -> None:
    model = tiny(name, seed, fine=fine)
    check(Network.from_graph(model.graph), lines_of(model))


@pytest.mark.parametrize("seed", range(RANDOM))
def test_random_graphs(seed: int) -> None:
    network, window = random_case(seed)
    check(network, some_lines(window))


@pytest.mark.parametrize("seed", range(RANDOM))
def test_ties(seed: int) -> None:
    network, window = degenerate_case(seed)
    check(network, some_lines(window))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RANDOM, 4 * RANDOM))
def test_more_random_graphs(seed: int) -> None:
    network, window = random_case(seed)
    check(network, some_lines(window))
