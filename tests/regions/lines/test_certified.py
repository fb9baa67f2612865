"""Certified lines against the exact twins: every pattern, switch and count, on networks that floats get wrong too."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from tests.fuzz.families import FAMILIES
from tests.reference.exact_graph_partitions import graph_line, graph_line_gradient_boundaries
from tests.reference.lines_exact import ExactLine, exact_line
from tests.support.graph_cases import degenerate_case, lines_of, random_case, some_lines
from tests.support.tiny_models import cases, tiny

KINDS = ("activation", "linear", "gradient")
FEW, MANY = range(2), range(2, 60)


def same_places(found: np.ndarray, exact: ExactLine) -> bool:
    """Tell whether breakpoints are the right ones, in order, close to where they are."""
    places = np.array([float(place) for place in exact.breakpoints])
    return (
        found.size == places.size
        and bool(np.all(np.diff(found) >= 0))
        and bool(np.all(np.abs(found - places) <= 2.0**-16 * np.abs(places)))
    )


def check(network: Network, domains: list[Any], exact: list[ExactLine]) -> int:
    """Compare certified partitions with the twin; return how many decisions integers were asked for."""
    parts = lr.partition(network, domains, certify=True)
    for part, wanted in zip(parts, exact, strict=True):
        assert part.diagnostics["certified"] is True
        assert part.diagnostics["undecided"] == 0
        assert [tuple(pattern) for pattern in part.patterns.tolist()] == list(wanted.patterns)
        assert part.is_linear_boundary.tolist() == list(wanted.is_linear_boundary)
        columns = part.switch_neurons, part.switch_breakpoints, part.switch_directions
        switches = list(zip(*(column.tolist() for column in columns), strict=True))
        offsets = part.switch_offsets.tolist()
        assert [tuple(switches[a:b]) for a, b in itertools.pairwise(offsets)] == list(wanted.switches)
        assert same_places(part.breakpoints, wanted)
    for kind, counts in zip(KINDS, ([p.n_regions for p in parts], [p.n_linear_regions for p in parts]), strict=False):
        assert lr.count_regions(network, domains, kind=kind, certify=True).tolist() == counts
    return sum(part.diagnostics["exact_decisions"] for part in parts)


def check_chain(family: str, numbers: range) -> None:
    for number in numbers:
        problem = FAMILIES[family](np.random.default_rng([7, list(FAMILIES).index(family), number]))
        exact = [exact_line(problem.network, domain) for domain in problem.lines]
        check(problem.network, problem.lines, exact)


def check_graph(network: Network, domains: list[Any]) -> None:
    exact = [graph_line(network.graph, domain) for domain in domains]
    check(network, domains, exact)
    gradient = [1 + sum(graph_line_gradient_boundaries(network.graph, line)) for line in exact]
    assert lr.count_regions(network, domains, kind="gradient", certify=True).tolist() == gradient


@pytest.mark.parametrize("family", FAMILIES)
def test_chains(family: str) -> None:
    check_chain(family, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_more_chains(family: str) -> None:
    check_chain(family, MANY)


@pytest.mark.parametrize("seed", range(8))
def test_random_graphs(seed: int) -> None:
    network, window = random_case(seed)
    check_graph(network, some_lines(window))


@pytest.mark.parametrize("seed", range(12))
def test_ties_in_graphs(seed: int) -> None:
    network, window = degenerate_case(seed)
    check_graph(network, some_lines(window))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12, 150))
def test_more_graphs(seed: int) -> None:
    for network, window in (random_case(seed), degenerate_case(seed)):
        check_graph(network, some_lines(window))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), cases(3))
def test_tiny_models(name: str, seed: int) -> None:
    model = tiny(name, seed)
    check_graph(Network.from_graph(model.graph), lines_of(model))
