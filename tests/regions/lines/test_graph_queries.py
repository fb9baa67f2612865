"""Slopes, maps and decisions of graphs along lines, against exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions import Network
from tests.reference.exact_graph_partitions import graph_line
from tests.reference.lines_exact import exact_changes
from tests.support.graphs import random_graph


def of_seed(seed, domain):
    rng = np.random.default_rng(seed)
    graph = random_graph(rng, n_out=int(rng.integers(1, 4)), most=5)
    points = rng.normal(size=(3, graph.n_in)) * 2
    line = {
        "segment": lambda: lr.Segment(points[0], points[1]),
        "ray": lambda: lr.Ray(points[0], points[1]),
        "line": lambda: lr.Line(points[0], points[1]),
        "path": lambda: lr.Path(points),
    }[domain]()
    network = Network.from_graph(graph)
    return network, lr.partition(network, line), graph_line(graph, line)


@pytest.mark.parametrize("domain", ["segment", "ray", "line", "path"])
@pytest.mark.parametrize("seed", range(12))
def test_decisions_and_slopes_are_those_of_the_exact_twin(seed, domain):
    network, part, exact = of_seed(seed, domain)
    for decision in ("argmax", "argmin"):
        found, expected = part.decision_points(decision), exact_changes(exact, decision=decision)
        assert found.classes.tolist() == [[a, b] for _, a, b in expected]
        np.testing.assert_allclose(found.t, [float(t) for t, _, _ in expected], rtol=1e-8, atol=1e-8)
    found, expected = part.level_set(0, 0.1), exact_changes(exact, output=0, level=0.1)
    assert found.classes.tolist() == [[a, b] for _, a, b in expected]
    np.testing.assert_allclose(found.t, [float(t) for t, _, _ in expected], rtol=1e-8, atol=1e-8)
    assert part.slopes.shape == (part.n_regions, network.n_out)
    if domain != "path":
        slopes = [[float(slope) for _, slope in piece.outputs] for piece in exact.pieces]
        np.testing.assert_allclose(part.slopes, slopes, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_maps_are_the_network_along_the_line(seed):
    network, part, _ = of_seed(seed, "segment")
    middle = part.intervals.mean(axis=1)
    values = part.affine_maps[:, :, 0] * middle[:, None] + part.affine_maps[:, :, 1]
    np.testing.assert_allclose(values, network(part.domain.point(middle)), rtol=1e-8, atol=1e-9)
    attributions = lr.integrated_gradients(network, part.domain.a, part.domain.b)
    np.testing.assert_allclose(
        attributions.sum(axis=1), network(part.domain.b) - network(part.domain.a), rtol=1e-8, atol=1e-9
    )
