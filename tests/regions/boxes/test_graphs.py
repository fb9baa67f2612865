"""Boxes of graphs: residuals, concatenations and convolutions, against planes and against the network itself."""

from __future__ import annotations

import numpy as np
import pytest

import linregions as lr
from linregions.errors import UnsupportedModuleError
from tests.support.box_cases import cube
from tests.support.graphs import KINDS, random_graph

SMOOTH = [kind for kind in KINDS if kind != "max"]


def graph(seed: int, n_in: int, *, exact: bool = False) -> lr.Network:
    """Return a random graph that takes no maxima."""
    rng = np.random.default_rng(seed)
    return lr.Network.from_graph(random_graph(rng, n_in, kinds=SMOOTH, exact=exact))


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_two_inputs_are_as_in_planes(seed: int, exact: bool) -> None:
    network, window = graph(seed, 2, exact=exact), lr.PlaneWindow.of_inputs([-1.0, -1.0], [1.0, 1.0])
    part, plane = lr.partition(network, cube(2)), lr.partition(network, window)
    assert {row.tobytes() for row in part.patterns} == {row.tobytes() for row in plane.patterns}
    assert (part.n_regions, part.n_linear_regions) == (plane.n_regions, plane.n_linear_regions)
    np.testing.assert_allclose(np.sort(part.volumes), np.sort(plane.areas), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_regions_are_what_the_network_says(seed: int) -> None:
    network = graph(100 + seed, 3)
    part = lr.partition(network, cube(3))
    np.testing.assert_array_equal(network.patterns(part.centroids), part.patterns)
    points = cube(3).uniform_points(2000, np.random.default_rng(seed))
    assert {row.tobytes() for row in network.patterns(points)} <= {row.tobytes() for row in part.patterns}
    values = np.einsum("foi,fi->fo", part.affine_maps[:, :, :3], part.centroids) + part.affine_maps[:, :, 3]
    np.testing.assert_allclose(values, network(part.centroids), rtol=1e-9, atol=1e-9)


def test_graphs_are_there_that_are_no_chains() -> None:
    assert sum(not graph(seed, 2).is_chain for seed in range(12)) > 6


def test_maxima_are_refused() -> None:
    network = lr.Network.from_graph(random_graph(np.random.default_rng(3), 3, kinds=["max"], stages=2))
    with pytest.raises(UnsupportedModuleError, match="`network` takes maxima, but count_regions of a Box"):
        lr.count_regions(network, cube(3))
